/**
 * What happened to a directory, as a table: the latest first, each thing once, with its time as exactly as it is known. Changes, refusals and
 * failures are exact; what worked is counted by the hour, and says so.
 */
import type { ComponentChildren } from 'preact';
import { DAY_MS, MINUTE_MS } from '../clock.ts';
import { CODES, type Run, type Timeline, timeOf } from '../diagnosis/index.ts';
import { placeOf } from './directory-view.ts';
import { tellOf } from './events.tsx';
import { Table } from './lists.tsx';
import { capital, counted } from './parts.tsx';
import { Moment } from './times.tsx';
import { useVisit } from './visit.tsx';

const ROWS = 40;

interface Entry {
  from: Date;
  to: Date;
  /** Its first and last moment are known to the hour alone. */
  isByHour?: true;
  where: string;
  what: ComponentChildren;
}

export function TimelineTable({ timeline }: { timeline: Timeline }) {
  const visit = useVisit();
  const { changes, credentials, tokenEndpoint, scimServer, troubles, isCut } = timeline;
  const failedAt = (isThere: (group: string) => boolean) => troubles.filter(({ code }) => isThere(CODES[code].group));
  const isScimServer = (group: string) => group === 'upstream';
  const isTokenEndpoint = (group: string) => group === 'token_endpoint';
  const entries: Entry[] = [
    ...changes.map((event) => ({
      from: timeOf(event),
      to: timeOf(event),
      where: 'Changes',
      what: `${tellOf(event, visit).text}, ${visit.nameOf(event.actor)}`,
    })),
    ...credentials.flatMap(({ slot, hint, runs }) => {
      const where = `${capital(placeOf(slot))} credential${hint === '' ? '' : ` (…${hint})`}`;
      const failures = failedAt((group) => !isScimServer(group) && !isTokenEndpoint(group));
      return ofRuns(where, runs, failures, (count) => `${counted(count, 'request')} accepted`);
    }),
    ...ofRuns(
      'Token endpoint',
      tokenEndpoint,
      failedAt(isTokenEndpoint),
      (count) => `${counted(count, 'token')} issued`,
    ),
    ...ofRuns('SCIM server', scimServer, failedAt(isScimServer), (count) => `${counted(count, 'normal response')}`),
    ...joined(troubles).map(({ says, firstAt, lastAt, count }) => ({
      from: firstAt,
      to: lastAt,
      where: 'Refused or failed',
      what: `${says} ${counted(count, 'request')}.`,
    })),
  ].sort((a, b) => b.from.getTime() - a.from.getTime());
  if (entries.length === 0) return <p class="soft">Nothing happened in this period.</p>;
  return (
    <details>
      <summary>As a table</summary>
      <Table
        columns={[
          { name: 'When', class: 'soft', cell: (entry) => <When {...entry} /> },
          { name: 'Where', cell: ({ where }) => where },
          { name: 'What', cell: ({ what }) => what },
        ]}
        items={entries.slice(0, ROWS)}
      />
      {(isCut || entries.length > ROWS) && (
        <p class="soft">Some entries are left out. Choose a shorter period to see them.</p>
      )}
    </details>
  );
}

/** `between` for what happened somewhere within these hours, `from … to` for its first and last moment. */
function When({ from, to, isByHour }: Entry) {
  const { now } = useVisit();
  if (!isByHour && to.getTime() - from.getTime() < MINUTE_MS) return <Moment at={from} />;
  const end = <Moment at={to < now ? to : now} />;
  return isByHour ? (
    <>
      between <Moment at={from} /> and {end}
    </>
  ) : (
    <>
      from <Moment at={from} /> to {end}
    </>
  );
}

/**
 * What worked, joined over less than a day of pauses. What failed is told by its events, which know the moment; an hour tells of it only where
 * no event does.
 */
function ofRuns(
  where: string,
  runs: readonly Run[],
  failures: Timeline['troubles'],
  told: (accepted: number) => string,
): Entry[] {
  const isTold = ({ from, to }: Run) => failures.some(({ firstAt, lastAt }) => firstAt < to && lastAt >= from);
  const [worked, failed] = [
    runs.filter(({ accepted }) => accepted > 0),
    runs.filter((run) => run.refused > 0 && !isTold(run)),
  ];
  const entry = ({ from, to }: Run, what: string): Entry => ({ from, to, isByHour: true, where, what });
  return [
    ...joinedRuns(worked).map((run) => entry(run, told(run.accepted))),
    ...joinedRuns(failed).map((run) => entry(run, `${counted(run.refused, 'request')} refused or failed`)),
  ];
}

function joinedRuns(runs: readonly Run[]): Run[] {
  const all: Run[] = [];
  for (const run of runs) {
    const last = all.at(-1);
    if (last && run.from.getTime() - last.to.getTime() <= DAY_MS) {
      last.to = run.to;
      last.accepted += run.accepted;
      last.refused += run.refused;
    } else all.push({ ...run });
  }
  return all;
}

/** Events of one cause with less than a day between them. */
function joined(troubles: Timeline['troubles']): Timeline['troubles'] {
  const all: Timeline['troubles'] = [];
  const latest = new Map<string, Timeline['troubles'][number]>();
  for (const trouble of troubles) {
    const last = latest.get(trouble.code);
    if (last && trouble.firstAt.getTime() - last.lastAt.getTime() <= DAY_MS) {
      last.count += trouble.count;
      if (trouble.lastAt > last.lastAt) last.lastAt = trouble.lastAt;
      continue;
    }
    const run = { ...trouble };
    latest.set(run.code, run);
    all.push(run);
  }
  return all;
}
