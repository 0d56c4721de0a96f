/**
 * Refusals, coalesced: what repeats within one hour (same reason, directory, credential and address) is one event with a count. They are
 * counted in memory and written by `flush`, so that a refused request costs no write of its own.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { BASE62 } from '../identifiers.ts';
import type { Log } from '../log.ts';
import type { Collection } from '../storage/index.ts';
import type { Actor, AuditEvent, EventPayload, Subject } from './events.ts';

/** What is frequent, and is told as one event with a count. */
type Frequent = 'request.denied' | 'token.issued' | 'token.refused' | 'connection.requested' | 'connection.refused';

export interface Note<T extends Frequent = Frequent> extends Subject {
  type: T;
  data: EventPayload<T>;
  actor?: Actor;
  /** Where it came from; an attacker's many addresses are folded into one record once there are too many of them. */
  address: string;
  requestId: string;
}

export interface Tallies {
  note<T extends Frequent>(note: Note<T>): void;
  /** Writes what was noted; throws storage_unavailable and keeps it for the next time. */
  flush(): Promise<void>;
}

const ANONYMOUS: Actor = { type: 'anonymous', name: 'unauthenticated caller' };
const WINDOW_MS = 3_600_000;
/** Distinct refusals kept apart within one window by one instance; beyond that without their address and what the caller chose. */
const DISTINCT_LIMIT = 2000;
const USER_AGENT_LENGTH = 200;

interface Pending {
  event: AuditEvent;
  count: number;
}

export function createTallies({
  events,
  clock,
  log,
}: {
  events: Collection<AuditEvent>;
  clock: Clock;
  log: Log;
}): Tallies {
  let pending = new Map<string, Pending>();
  let window = 0;
  let distinct = new Set<string>();

  function merge({ event, count }: Pending): void {
    const known = pending.get(event.id);
    if (known) {
      known.count += count;
      const latest = (known.event.lastAt ?? known.event.at) > (event.lastAt ?? event.at) ? known.event : event;
      known.event = { ...latest, at: known.event.at, ...(known.event.firstAt && { firstAt: known.event.firstAt }) };
    } else pending.set(event.id, { event, count });
  }

  return {
    note({ type, data: given, actor = ANONYMOUS, address, requestId, ...subject }) {
      const data: Partial<Record<string, string>> = { ...given };
      const now = clock.now();
      const current = Math.floor(now.getTime() / WINDOW_MS);
      if (current !== window) {
        window = current;
        distinct = new Set();
      }
      const { userAgent: _userAgent, method: _method, hint: _hint, ...same } = data;
      const facts = [current, type, same, subject.directoryId, subject.credentialId];
      let id = eventId([...facts, address]);
      if (!distinct.has(id)) {
        if (distinct.size >= DISTINCT_LIMIT) {
          const { clientId: _clientId, grantType: _grantType, ...ours } = same;
          id = eventId([current, type, ours, subject.directoryId, subject.credentialId, 'many addresses']);
        } else distinct.add(id);
      }
      const userAgent = data['userAgent']?.replace(/[^\x20-\x7e]/g, '?').slice(0, USER_AGENT_LENGTH);
      merge({
        count: 1,
        event: {
          id,
          type,
          at: now,
          firstAt: now,
          lastAt: now,
          actor,
          ...(actor.id !== undefined && { actorId: actor.id }),
          source: 'system',
          ...(subject.organizationId !== undefined && { organizationId: subject.organizationId }),
          ...(subject.directoryId !== undefined && { directoryId: subject.directoryId }),
          ...(subject.credentialId !== undefined && { credentialId: subject.credentialId }),
          requestId,
          address,
          data: JSON.parse(JSON.stringify({ ...data, userAgent })) as Record<string, unknown>,
        },
      });
    },

    async flush() {
      if (pending.size === 0) return;
      const batch = pending;
      pending = new Map();
      try {
        await events.accumulate(
          [...batch.values()].map(({ event, count }) => ({
            initial: { ...event, count: 0 },
            add: { count },
            latest: { by: 'lastAt', values: lastOf(event) },
          })),
        );
      } catch (error) {
        for (const denial of batch.values()) merge(denial);
        log.warn({ err: error, count: batch.size }, 'refusals could not be written yet');
        throw error;
      }
    },
  };
}

function lastOf({ lastAt, requestId, data }: AuditEvent): Partial<AuditEvent> {
  return { ...(lastAt && { lastAt }), ...(requestId !== undefined && { requestId }), data };
}

/** The same refusal in the same hour has the same id on every instance. */
function eventId(facts: unknown[]): string {
  const digest = createHash('sha256').update(JSON.stringify(facts)).digest();
  return `evt_${Array.from(digest.subarray(0, 20), (byte) => BASE62[byte % 62]).join('')}`;
}
