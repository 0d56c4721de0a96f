import type { ComponentChildren } from 'preact';
import { type DirectoryView, healthOf, Tag } from '../faces/index.ts';
import { HOME } from './visit.tsx';

const URGENCY = { bad: 0, warn: 1, off: 2, ok: 3 } as const;
export type Urgency = keyof typeof URGENCY;

/** Those that need someone come first; what is not there yet needs nobody. */
export function urgencyOf(view: DirectoryView | undefined): number {
  return URGENCY[view ? healthOf(view).tone : 'off'];
}

export function byUrgency(a: DirectoryView, b: DirectoryView): number {
  return urgencyOf(a) - urgencyOf(b);
}

export function Dot({ tone }: { tone: Urgency }) {
  return <span class={tone === 'ok' ? 'dot' : `dot ${tone}`} />;
}

/** A directory in a list, with the sentence about its health. `of`: what else it is told by. */
export function DirectoryRow({ view, of }: { view: DirectoryView; of?: ComponentChildren }) {
  const { tone, lead, rest } = healthOf(view);
  return (
    <li>
      <Dot tone={tone} />
      <span class="what">
        <span>
          <a href={`${HOME}/directories/${view.directory.id}`}>
            <b>{view.directory.name}</b>
          </a>
          {of}
        </span>
        <small>
          {lead} {rest}
        </small>
      </span>
      <Tag>{view.provider}</Tag>
    </li>
  );
}
