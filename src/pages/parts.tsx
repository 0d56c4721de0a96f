/** The small parts that pages are made of. */

import type { ComponentChildren } from 'preact';
import encodeQR from 'qr';
import { DAY_MS } from '../clock.ts';
import { useNow } from './times.tsx';

export { capital, counted } from '../sentences.ts';

export type Tone = 'ok' | 'warn' | 'bad' | 'off';

const TONE_NAMES: Record<Tone, string> = { ok: 'OK', warn: 'Needs attention', bad: 'Failing', off: 'Inactive' };

/** The sign before a sentence: each tone has a shape and a name of its own. */
export function Dot({ tone }: { tone: Tone }) {
  return <span class={tone === 'ok' ? 'dot' : `dot ${tone}`} role="img" aria-label={TONE_NAMES[tone]} />;
}

export function Tag({ tone, children }: { tone?: Tone | undefined; children: ComponentChildren }) {
  return <span class={tone === undefined || tone === 'off' ? 'tag' : `tag ${tone}`}>{children}</span>;
}

/** A link that looks like a button. What must be confirmed first is an `Ask`, and what is done at once an `Act`. */
export function Go(props: {
  href: string;
  name: string;
  tone?: 'primary' | 'quiet' | undefined;
  /** With a script, it copies the first text to be copied of its page, and leads nowhere. */
  copies?: boolean;
}) {
  const { href, name, tone, copies } = props;
  return (
    <a class={tone === undefined ? 'btn' : `btn ${tone}`} data-copies={copies || undefined} href={href}>
      {name}
    </a>
  );
}

/** A value to be carried elsewhere. The button is there only where a script can copy. */
export function CopyField({ label, value, isPrimary = false }: { label?: string; value: string; isPrimary?: boolean }) {
  return (
    <div>
      {label !== undefined && <small>{label}</small>}
      <div class="field">
        <span class="mono">{value}</span>
        <button
          type="button"
          data-copy
          hidden
          class={isPrimary ? 'primary' : undefined}
          aria-label={`Copy ${label ?? ''}`.trim()}
        >
          Copy
        </button>
      </div>
    </div>
  );
}

/** What must be seen before the rest of a page. */
export function Note(props: { tone?: 'ok' | 'bad'; acts?: ComponentChildren; children: ComponentChildren }) {
  const { tone, acts, children } = props;
  return (
    <section class={tone === undefined ? 'note' : `note ${tone}`} role={tone && (tone === 'bad' ? 'alert' : 'status')}>
      <div>{children}</div>
      {acts && <div class="acts">{acts}</div>}
    </section>
  );
}

/** A smaller line, where there is one. */
export function Below({ children }: { children: ComponentChildren }) {
  if (!children) return null;
  return (
    <>
      <br />
      <small>{children}</small>
    </>
  );
}

/** What leads a page: one true sentence, then what someone must do. */
export function Status(props: {
  tone: Tone;
  before?: ComponentChildren;
  lead: ComponentChildren;
  /** What follows the lead in its sentence. */
  rest?: ComponentChildren;
  detail?: ComponentChildren;
  acts?: ComponentChildren;
}) {
  const { tone, before, lead, rest, detail, acts } = props;
  return (
    <section class="panel status" aria-label="State">
      <Dot tone={tone} />
      <div>
        {before}
        <strong>{lead}</strong> {rest}
        <Below>{detail}</Below>
      </div>
      {acts !== undefined && <div class="acts">{acts}</div>}
    </section>
  );
}

/** The steps of a guided way; `current` counts from 0. */
export function Steps({
  names,
  current,
  children,
}: {
  names: readonly string[];
  current: number;
  children: ComponentChildren;
}) {
  return (
    <div class="steps">
      <ol class="rail">
        {names.map((name, index) => (
          <li
            class={index < current ? 'done' : index === current ? 'now' : undefined}
            aria-current={index === current ? 'step' : undefined}
          >
            <b aria-hidden="true">{index < current ? '✓' : index + 1}</b>
            <span>
              {name}
              {index < current && <span class="unseen"> (done)</span>}
            </span>
          </li>
        ))}
      </ol>
      <div class="work">{children}</div>
    </div>
  );
}

/** Requests a day (UTC), oldest first, up to today; the figures of a day on hover. */
export function Spark({ days }: { days: readonly { accepted: number; refused: number }[] }) {
  const now = useNow();
  const highest = Math.max(1, ...days.map(({ accepted, refused }) => accepted + refused));
  const width = days.length * 10;
  return (
    <svg
      class="spark"
      viewBox={`0 0 ${width} 36`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`Requests a day, last ${days.length} days`}
    >
      {days.map(({ accepted, refused }, index) => {
        const whole = accepted + refused;
        const day = new Date(now.getTime() - (days.length - 1 - index) * DAY_MS).toISOString().slice(0, 10);
        const title = `${day}: ${accepted.toLocaleString('en')} accepted, ${refused.toLocaleString('en')} refused`;
        if (whole === 0)
          return (
            <g>
              <title>{title}</title>
              <rect class="none" x={index * 10 + 1} y="34" width="8" height="2" />
            </g>
          );
        const height = Math.max(3, (whole / highest) * 34);
        const bad = refused === 0 ? 0 : Math.max(2, (refused / whole) * height);
        return (
          <g>
            <title>{title}</title>
            {whole > refused && <rect x={index * 10 + 1} y={36 - height} width="8" height={height - bad} rx="1.5" />}
            {bad > 0 && <rect class="no" x={index * 10 + 1} y={36 - bad} width="8" height={bad} />}
          </g>
        );
      })}
    </svg>
  );
}

const ICONS = {
  ok: 'm3.5 9.5 3.6 3.6L14.5 5',
  bad: 'm5 5 8 8M13 5l-8 8',
  warn: 'M9 2.5 16.2 15.5H1.8L9 2.5ZM9 7.5v3.6M9 13.2v.1',
} as const;

export function Icon({ name }: { name: keyof typeof ICONS }) {
  return (
    <svg class={`icon ${name}`} viewBox="0 0 18 18" aria-hidden="true">
      <path d={ICONS[name]} />
    </svg>
  );
}

const QUIET_MODULES = 4;

/** Black on white in both themes, with the margin that cameras want (ISO/IEC 18004). */
export function QrCode({ text, name }: { text: string; name: string }) {
  const rows = encodeQR(text, 'raw', { border: QUIET_MODULES });
  const squares = rows.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [`M${x} ${y}h1v1h-1z`] : [])));
  return (
    <svg
      class="qr"
      viewBox={`0 0 ${rows.length} ${rows.length}`}
      role="img"
      aria-label={name}
      shape-rendering="crispEdges"
    >
      <path d={squares.join('')} />
    </svg>
  );
}
