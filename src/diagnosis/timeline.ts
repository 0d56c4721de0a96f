/** What happened to a directory over a period: changes by people, and runs of traffic rather than single requests. */

import { type Audit, type AuditEvent, type Place, placeIn } from '../audit/index.ts';
import { HOUR_MS } from '../clock.ts';
import type { Credentials, Usage } from '../credentials/index.ts';
import type { Directory } from '../directories/index.ts';
import { codeOf, TROUBLES } from './causes.ts';
import type { Code } from './codes.ts';
import { timeOf } from './refusal-facts.ts';
import { STATE_CHANGES } from './state-at.ts';
import type { Traffic } from './traffic.ts';
import { causeOfEvent } from './words-of-events.ts';

/** Hours in a row with the same kinds of traffic. Times are whole hours. */
export interface Run {
  from: Date;
  to: Date;
  accepted: number;
  refused: number;
}

export interface Timeline {
  from: Date;
  to: Date;
  /** By people and by Latchkey itself, oldest first. */
  changes: AuditEvent[];
  /** Traffic of each token and connection that had some, or existed. */
  credentials: {
    id: string;
    slot: 'a' | 'b';
    kind: 'bearer' | 'oauth';
    hint: string;
    createdAt: Date;
    endedAt?: Date;
    runs: Run[];
  }[];
  /** Token endpoint: issued counts as accepted. */
  tokenEndpoint: Run[];
  scimServer: Run[];
  /** Refusals and failures, oldest first: what, when, how many. */
  troubles: { code: Code; says: string; firstAt: Date; lastAt: Date; count: number; eventId: string }[];
  /** Whether there is more of something than is shown. */
  isCut: boolean;
}

const CHANGE_TYPES = [
  ...STATE_CHANGES,
  'connection.consented',
  'client.created',
  'client.updated',
  'client.deleted',
  'client.secret_added',
  'client.secret_removed',
  'finding.settled',
] as const;
const MOST = 200;
const MOST_HOURS = 1000;
const CREDENTIALS_READ = 10;

export async function readTimeline(
  deps: { audit: Audit; usage: Usage; credentials: Credentials; traffic: Traffic },
  directory: Directory,
  { from, to }: { from: Date; to: Date },
): Promise<Timeline> {
  const { audit, usage, credentials, traffic } = deps;
  const at = (...places: Place[]) => ({ place: places.map((place) => placeIn(directory.id, place)) });
  const [changes, troubles, tokens, outcomes, records] = await Promise.all([
    audit.page({ where: { ...at('change', 'switch', 'connecting'), type: CHANGE_TYPES }, from, to, limit: MOST }),
    audit.page({ where: { ...at('trouble'), type: TROUBLES }, from, to, limit: MOST }),
    audit.page({
      where: { ...at('token', 'trouble'), type: ['token.issued', 'token.refused'] },
      from,
      to,
      limit: MOST,
    }),
    traffic.hours(directory.id, { from, to, limit: MOST_HOURS }),
    credentials.page({ directoryId: directory.id, limit: CREDENTIALS_READ }),
  ]);
  const rows = await Promise.all(
    records.items.map(async ({ id, slot, kind, hint, createdAt, revokedAt, expiresAt, state }) => {
      const { items } = await usage.hours(id, { from, to, limit: MOST_HOURS });
      const endedAt = revokedAt ?? (state === 'expired' ? expiresAt : undefined);
      const shownHint = kind === 'bearer' ? hint : '';
      return { id, slot, kind, hint: shownHint, createdAt, ...(endedAt && { endedAt }), runs: runsOf(items) };
    }),
  );
  return {
    from,
    to,
    changes: changes.items.reverse(),
    credentials: rows,
    tokenEndpoint: runsOf(
      tokens.items.map((event) => ({
        hour: hourOf(timeOf(event)),
        accepted: event.type === 'token.issued' ? (event.count ?? 1) : 0,
        refused: event.type === 'token.refused' ? (event.count ?? 1) : 0,
      })),
    ),
    scimServer: runsOf(
      // What is asked for at a place that cannot be there says nothing of the server.
      outcomes
        .filter(({ outcome }) => outcome !== 'wrong_path')
        .map(({ hour, outcome, count }) => {
          const isFine = outcome === 'ok' || outcome === 'normal_refusal';
          return { hour, accepted: isFine ? count : 0, refused: isFine ? 0 : count };
        }),
    ),
    troubles: troubles.items
      .flatMap((event) => {
        const [code, says = ''] = [codeOf(event), causeOfEvent(event)];
        const { id, at, firstAt = at, count = 1 } = event;
        return code === undefined ? [] : [{ code, says, firstAt, lastAt: timeOf(event), count, eventId: id }];
      })
      .reverse(),
    isCut: [changes, troubles, tokens].some(({ nextCursor }) => nextCursor !== null),
  };
}

function hourOf(at: Date): Date {
  return new Date(Math.floor(at.getTime() / HOUR_MS) * HOUR_MS);
}

/** Joins hours of the same kind: accepted only, refused only, or both. Given in any order, and an hour may come twice. */
export function runsOf(hours: readonly { hour: Date; accepted: number; refused: number }[]): Run[] {
  const sums = new Map<number, { accepted: number; refused: number }>();
  for (const { hour, accepted, refused } of hours) {
    const sum = sums.get(hour.getTime()) ?? { accepted: 0, refused: 0 };
    sums.set(hour.getTime(), { accepted: sum.accepted + accepted, refused: sum.refused + refused });
  }
  const runs: Run[] = [];
  for (const [hour, { accepted, refused }] of [...sums].sort(([a], [b]) => a - b)) {
    if (accepted + refused === 0) continue;
    const last = runs.at(-1);
    const isSame = last && last.accepted > 0 === accepted > 0 && last.refused > 0 === refused > 0;
    if (last && isSame && last.to.getTime() === hour) {
      last.to = new Date(hour + HOUR_MS);
      last.accepted += accepted;
      last.refused += refused;
    } else runs.push({ from: new Date(hour), to: new Date(hour + HOUR_MS), accepted, refused });
  }
  return runs;
}
