/**
 * Refusals, coalesced: what repeats within one hour (same reason, directory, credential and address) is one event with a count. They are
 * counted in memory and written by `flush`, so that a refused request costs no write of its own.
 */
import { createHash } from 'node:crypto';
import { type Clock, HOUR_MS } from '../clock.ts';
import { BASE62 } from '../identifiers.ts';
import type { Log } from '../log.ts';
import { type Accumulation, type Collection, fits, type Waiting } from '../storage/index.ts';
import { type Actor, type AuditEvent, type EventPayload, PAYLOADS, type Subject } from './events.ts';
import { admitted, admittedActor } from './payload.ts';
import { placeOf } from './places.ts';
import type { createSubscribers, Untold } from './subscribers.ts';

/** What is frequent, and is told as one event with a count. */
type Frequent =
  | 'request.denied'
  | 'request.unreadable'
  | 'upstream.failed'
  | 'token.issued'
  | 'token.refused'
  | 'connection.requested'
  | 'connection.refused'
  | 'operator.sign_in_refused';

export interface Note<T extends Frequent = Frequent> extends Subject {
  type: T;
  data: EventPayload<T>;
  actor?: Actor;
  /** Where it came from; an attacker's many addresses are folded into one record once there are too many of them. */
  address?: string | undefined;
  requestId: string;
}

export interface Tallies {
  /**
   * `where` may still be looked up when the answer is out already; if that fails, it is told without. `times`: how often it happened,
   * once unless given.
   */
  note<T extends Frequent>(where: Subject | Promise<Subject>, note: Note<T>, times?: number): void;
  /** Writes what was noted; throws storage_unavailable and keeps it for the next time. */
  flush(): Promise<void>;
  /** What was noted and is not written yet. */
  waiting: Waiting<AuditEvent>;
}

const ANONYMOUS: Actor = { type: 'anonymous', name: 'unauthenticated caller' };
const WINDOW_MS = HOUR_MS;
/** Distinct refusals kept apart within one window by one instance; beyond that without their address and what the caller chose. */
const DISTINCT_LIMIT = 2000;
/** Of those without what the caller chose: beyond that also without their place. */
const FOLDED_LIMIT = 4000;
const METHODS = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']);
const SLICE = 100;

interface Pending {
  /** As it is looked for, its place included. */
  event: AuditEvent & { place?: string };
  count: number;
}

export function createTallies(deps: {
  events: Collection<Untold>;
  subscribers: Pick<ReturnType<typeof createSubscribers>, 'mark' | 'nudge'>;
  clock: Clock;
  log: Log;
}): Tallies {
  const { events, subscribers, clock, log } = deps;
  let pending = new Map<string, Pending>();
  /** What a flush has taken and not written yet. */
  let leaving: Pending[] = [];
  let writing: Promise<void> | undefined;
  let written = 0;
  let window = 0;
  let distinct = new Set<string>();
  const arriving = new Set<Promise<void>>();

  function merge({ event, count }: Pending): void {
    const known = pending.get(event.id);
    if (known) {
      known.count += count;
      const latest = (known.event.lastAt ?? known.event.at) > (event.lastAt ?? event.at) ? known.event : event;
      known.event = { ...latest, at: known.event.at, ...(known.event.firstAt && { firstAt: known.event.firstAt }) };
    } else pending.set(event.id, { event, count });
  }

  function keep(
    where: Subject,
    { type, data: given, actor: who = ANONYMOUS, address, requestId, ...known }: Note,
    now: Date,
    times: number,
  ): void {
    let subject: Subject = { ...known, ...where };
    const data = admitted(PAYLOADS[type], given);
    const actor = admittedActor(who);
    const current = Math.floor(now.getTime() / WINDOW_MS);
    if (current !== window) {
      window = current;
      distinct = new Set();
    }
    const {
      userAgent: _userAgent,
      method: _method,
      hint: _hint,
      length: _length,
      foundIn: _foundIn,
      seconds: _seconds,
      path: _path,
      contentType: _contentType,
      redirectsTo: _redirectsTo,
      ...same
    } = data;
    // What was missed is told by what it would have done, so the standard methods are counted apart.
    const verb = METHODS.has(String(data['method'])) ? data['method'] : undefined;
    let id = eventId([current, type, same, verb, subject.directoryId, subject.credentialId, address]);
    const isFolded = !distinct.has(id) && distinct.size >= DISTINCT_LIMIT;
    if (isFolded) {
      const { clientId: _clientId, grantType: _grantType, redirectUri: _sent, registered: _registered, ...ours } = same;
      id = eventId([current, type, ours, subject.directoryId, subject.credentialId, 'many addresses']);
      if (!distinct.has(id) && distinct.size >= FOLDED_LIMIT) {
        subject = {};
        id = eventId([current, type, 'many places']);
      }
    }
    distinct.add(id);
    merge({
      count: times,
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
        // One of many addresses would look like the culprit.
        ...(!isFolded && address !== undefined && { address }),
        ...placeOf({ type, ...subject }),
        data,
      },
    });
  }

  return {
    note(where, given, times = 1) {
      const now = clock.now();
      if (!(where instanceof Promise)) {
        keep(where, given, now, times);
        return;
      }
      const arrival = where.then(
        (found) => keep(found, given, now, times),
        () => keep({}, given, now, times),
      );
      arriving.add(arrival);
      void arrival.finally(() => arriving.delete(arrival));
    },

    async flush() {
      await Promise.all(arriving);
      // One after the other: after a flush, everything noted before it must be there.
      await writing?.catch(() => undefined);
      writing = write().finally(() => {
        writing = undefined;
      });
      await writing;
    },

    waiting: {
      // Thousands may wait while the events of one directory are asked for, again and again.
      list: (where = {}) =>
        waitingNow()
          .filter(({ event }) => fits(event, where))
          .map(accumulationOf),
      listOf(id) {
        const latest = pending.get(id);
        return [...leaving.filter(({ event }) => event.id === id), ...(latest ? [latest] : [])].map(accumulationOf);
      },
      written: () => written,
      writing: () => writing,
    },
  };

  function waitingNow(): Pending[] {
    return [...leaving, ...pending.values()];
  }

  async function write(): Promise<void> {
    if (pending.size === 0) return;
    leaving = [...pending.values()];
    pending = new Map();
    const mark = subscribers.mark();
    // In slices, so that requests get their turn between two transactions.
    while (leaving.length > 0) {
      const slice = leaving.slice(0, SLICE);
      try {
        const merges: Accumulation<Untold>[] = slice.map(accumulationOf);
        const marks = mark && merges.map(({ initial }) => ({ initial, latest: { by: 'tellAt', values: mark } }));
        await events.accumulate([...merges, ...(marks ?? [])]);
      } catch (error) {
        const left = leaving;
        leaving = [];
        for (const denial of left) merge(denial);
        log.warn({ err: error, count: left.length }, 'refusals could not be written yet');
        throw error;
      }
      leaving.splice(0, slice.length);
      written++;
      // More may be counted into them before they are told.
      subscribers.nudge(slice.map(({ event: { id } }) => ({ id })));
    }
  }
}

function accumulationOf({ event, count }: Pending): Accumulation<AuditEvent> {
  return {
    initial: { ...event, count: 0 },
    add: { count },
    latest: { by: 'lastAt', values: lastOf(event) },
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
