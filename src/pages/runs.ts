/** Events of one kind in a row, as one: what fails all day says so once. */
import type { AuditEvent } from '../audit/index.ts';
import { DAY_MS } from '../clock.ts';
import { codeOf, timeOf } from '../diagnosis/index.ts';

/** An event that stands for all of its run: the latest of them, with the count and the beginning of all. */
export interface EventRun extends AuditEvent {
  /** It began before what was read. */
  isCut?: boolean;
  /** How often a finding came, and went in between; the event is what became of it last. */
  times?: number;
}

/**
 * `latestFirst`: by when each happened last. `sameness`: what two events of a run have in common. `isCut`: earlier events were not read. Only
 * what is counted by the hour makes runs. A change by a person ends them; what we noticed of a run does not.
 */
export function runsOf(
  latestFirst: readonly AuditEvent[],
  sameness: (event: AuditEvent) => string,
  isCut: boolean,
): EventRun[] {
  const rows: EventRun[] = [];
  let open: { key: string; index: number } | undefined;
  for (const event of latestFirst) {
    const key = isCounted(event) ? sameness(event) : undefined;
    const run = key !== undefined && open?.key === key ? rows[open.index] : undefined;
    if (open && run) {
      rows[open.index] = joined(run, event);
      continue;
    }
    if (key !== undefined) open = { key, index: rows.length };
    else if (!NOTICED.has(event.type)) open = undefined;
    rows.push({ ...event, firstAt: event.firstAt ?? event.at, lastAt: timeOf(event) });
  }
  const last = open && rows[open.index];
  if (isCut && open && last) rows[open.index] = { ...last, isCut };
  return rows;
}

/** What ended less than this ago and begins anew goes on. */
const RECURS_MS = DAY_MS;

/** A finding that comes and goes is one row: the latest of its events, with how often it came and since when. The latest come first. */
export function onAndOff(rows: readonly EventRun[]): EventRun[] {
  const chains = new Map<EventRun, EventRun[]>();
  const open = new Map<unknown, EventRun[]>();
  for (const row of rows.filter(({ type }) => FOUND.has(type))) {
    const { code } = row.data;
    const earliest = open.get(code)?.at(-1);
    const isSame = earliest !== undefined && earliest.at.getTime() - row.at.getTime() <= RECURS_MS;
    const chain = (isSame && open.get(code)) || [];
    chain.push(row);
    open.set(code, chain);
    chains.set(row, chain);
  }
  return rows.flatMap((row) => {
    const chain = chains.get(row) ?? [];
    const begun = chain.filter(({ type }) => type === 'finding.began');
    if (begun.length < 2) return [row];
    const firstAt = begun.at(-1)?.at ?? row.at;
    return row === chain[0] ? [{ ...row, times: begun.length, firstAt }] : [];
  });
}

const FOUND: ReadonlySet<string> = new Set(['finding.began', 'finding.changed', 'finding.healed']);

const NOTICED: ReadonlySet<string> = new Set([
  'finding.began',
  'finding.changed',
  'finding.healed',
  'credential.expired',
]);

function isCounted(event: AuditEvent): boolean {
  return event.type === 'token.issued' || codeOf(event) !== undefined;
}

function joined(run: EventRun, event: AuditEvent): EventRun {
  const [a, b] = [run.firstAt ?? run.at, event.firstAt ?? event.at];
  return { ...run, count: (run.count ?? 1) + (event.count ?? 1), firstAt: a < b ? a : b };
}
