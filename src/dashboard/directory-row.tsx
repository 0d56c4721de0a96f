import type { ComponentChildren } from 'preact';
import { type DirectoryView, healthOf, Tag, type Tone, URGENCY } from '../pages/index.ts';
import { HOME } from './visit.ts';

/** What is not there yet needs nobody. */
export function urgencyOf(view: DirectoryView | undefined): number {
  return URGENCY[view ? healthOf(view).tone : 'off'];
}

export function byUrgency(a: DirectoryView, b: DirectoryView): number {
  return urgencyOf(a) - urgencyOf(b);
}

export function Dot({ tone }: { tone: Tone }) {
  return <span class={tone === 'ok' ? 'dot' : `dot ${tone}`} />;
}

/** A directory in a list, with the sentence about its health. `of`: what else it is told by. `why`: in place of that sentence. */
export function DirectoryRow(props: { view: DirectoryView; of?: ComponentChildren; why?: ComponentChildren }) {
  const { view, of, why } = props;
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
          {why ?? (
            <>
              {lead} {rest}
            </>
          )}
        </small>
      </span>
      <Tag>{view.provider}</Tag>
    </li>
  );
}
