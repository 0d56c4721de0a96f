/** Events of one kind in a row, as one: what fails all day says so once. */
import type { AuditEvent } from '../audit/index.ts';
import { codeOf, timeOf } from '../diagnosis/index.ts';

/** An event that stands for all of its run: the latest of them, with the count and the beginning of all. */
export interface EventRun extends AuditEvent {
  /** It began before what was read. */
  isCut?: boolean;
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
