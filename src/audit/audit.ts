/** The trail: events are made, kept and read here. Changes reach it through the outbox, frequent things through the tallies. */
import type { Clock } from '../clock.ts';
import { type Random, randomText, toBase62 } from '../identifiers.ts';
import type { Log } from '../log.ts';
import {
  type Collection,
  decodeCursor,
  encodeCursor,
  type Identified,
  isDuplicate,
  type Migration,
  type Page,
  type Storage,
  withWaiting,
} from '../storage/index.ts';
import { createGathering, type Gather } from '../timing/gathering.ts';
import {
  type Attribution,
  type AuditEvent,
  type EventPayload,
  type EventType,
  eventShape,
  PAYLOADS,
  type Subject,
} from './events.ts';
import { migrationsOf } from './migrations.ts';
import { createOutbox, type Tracked } from './outbox.ts';
import { admitted, admittedActor } from './payload.ts';
import { placeOf, placeShape } from './places.ts';
import { createSubscribers, type Subscriber, type Untold, untoldShape } from './subscribers.ts';
import { createTallies, type Tallies } from './tallies.ts';

export interface EventQuery {
  where?: {
    type?: string | readonly string[] | undefined;
    organizationId?: string | undefined;
    directoryId?: string | undefined;
    credentialId?: string | undefined;
    requestId?: string | undefined;
    actorId?: string | undefined;
    /** `placeIn(directoryId, kind)`: events of one kind at one directory or organization. */
    place?: string | readonly string[] | undefined;
  };
  from?: Date | undefined;
  to?: Date | undefined;
  /** `asc`: oldest first, for a reader that follows what happens. `desc` unless given. */
  order?: 'asc' | 'desc' | undefined;
  after?: string | undefined;
  limit: number;
}

export interface EventPage extends Page<AuditEvent> {
  /**
   * In ascending order: where to go on later. It stays behind the latest minute, in which events of other instances may still arrive
   * with an earlier time, so some events are read twice (with the same ID) and none is missed.
   */
  resumeAfter?: string;
}

export interface Audit {
  event<T extends EventType>(type: T, attribution: Attribution, subject: Subject, data: EventPayload<T>): AuditEvent;
  track<R extends Identified>(name: string, collection: Collection<R>): Tracked<R>;
  /** Keeps an event that belongs to no record. Throws storage_unavailable. */
  append(event: AuditEvent): Promise<void>;
  /** Frequent things, counted in memory and written in rounds. */
  tallies: Tallies;
  /** Those of these events that are still kept, what is counted in memory included. */
  find(ids: readonly string[]): Promise<AuditEvent[]>;
  /** What is counted in memory included. Throws invalid_cursor. */
  page(query: EventQuery): Promise<EventPage>;
  /**
   * Has each acknowledged event told to `subscriber`, at least once: at once by the instance that wrote it, and after a crash by
   * `recover`. Call it before the store is prepared. `name` is kept with events that are still to be told. Throws when it is taken.
   */
  subscribe(name: string, subscriber: Subscriber): void;
  /** Finishes what a crash interrupted at least `olderThanMs` ago. */
  recover(olderThanMs: number): Promise<void>;
  /** For all writes of the background, so that they share transactions. */
  gather: Gather;
  /** What `Storage.prepare` has to do once to the events of earlier releases. */
  migrations: readonly Migration[];
  /** Forgets events older than `before`. */
  prune(before: Date): Promise<number>;
  /** Waits for what is written in the background. */
  settled(): Promise<void>;
}

/** Events older than this have arrived, from whatever instance. */
const SETTLED_MS = 60_000;

/** `gather`: how writes that nobody waits for find together; in a time of its own where time is modelled. */
export function createAudit(deps: {
  storage: Storage;
  clock: Clock;
  random: Random;
  log: Log;
  gather?: Gather;
}): Audit {
  const { storage, clock, random, log, gather = createGathering() } = deps;
  const events = storage.collection({
    name: 'events',
    shape: { ...eventShape, ...untoldShape, ...placeShape },
    keys: {
      tellAt: 'index',
      place: 'index',
      type: 'index',
      organizationId: 'index',
      directoryId: 'index',
      credentialId: 'index',
      requestId: 'index',
      actorId: 'index',
    },
    order: 'at',
  });
  const subscribers = createSubscribers({ events, clock, log, gather });
  const tallies = createTallies({ events, subscribers, clock, log });
  const reader = withWaiting(events, 'at', tallies.waiting);

  let lastMs = 0;
  let within = 0;

  /** Ids of one instance sort as they were made, so that events of the same millisecond are listed in their order. */
  function nextId(at: Date): string {
    within = at.getTime() === lastMs ? within + 1 : 0;
    lastMs = at.getTime();
    return `evt_${toBase62(lastMs, 8)}${toBase62(within, 3)}${randomText(10, random)}`;
  }

  async function append(event: AuditEvent): Promise<void> {
    const kept = { ...event, ...placeOf(event), ...subscribers.mark() };
    try {
      await events.insert(kept);
    } catch (error) {
      // The same event was written before: by this instance before a crash, or by another one that recovers too.
      if (!isDuplicate(error, 'id')) throw error;
      return;
    }
    subscribers.nudge([kept]);
  }

  const outbox = createOutbox({ storage, clock, log, gather, append });

  return {
    event(type, { actor, source, address, requestId }, { organizationId, directoryId, credentialId }, data) {
      const at = clock.now();
      return {
        id: nextId(at),
        type,
        at,
        actor: admittedActor(actor),
        ...(actor.id !== undefined && { actorId: actor.id }),
        source,
        ...(organizationId !== undefined && { organizationId }),
        ...(directoryId !== undefined && { directoryId }),
        ...(credentialId !== undefined && { credentialId }),
        ...(requestId !== undefined && { requestId }),
        ...(address !== undefined && { address }),
        data: admitted(PAYLOADS[type], data),
      };
    },

    track: outbox.track,
    append,
    tallies,
    subscribe: subscribers.subscribe,

    async find(ids) {
      const found = await Promise.all(ids.map((id) => reader.find(id)));
      return found.filter((event) => event !== undefined).map(asEvent);
    },

    async page({ where = {}, from, to, order = 'desc', after, limit }) {
      const direction = order === 'asc' ? 'ascending' : 'descending';
      const { items, nextCursor } = await reader.page({ where, from, to, after, limit, direction });
      const page = { items: items.map(asEvent), nextCursor };
      return order === 'asc' ? { ...page, resumeAfter: resumeAfter(nextCursor) } : page;
    },

    async recover(olderThanMs) {
      await outbox.recover(olderThanMs);
      await subscribers.recover();
    },

    gather,
    migrations: migrationsOf(events),

    prune: (before) => events.prune(before),

    async settled() {
      await outbox.settled();
      await subscribers.settled();
    },
  };

  function resumeAfter(nextCursor: string | null): string {
    const settled = { at: new Date(clock.now().getTime() - SETTLED_MS).toISOString(), id: '' };
    return nextCursor !== null && decodeCursor(nextCursor).at < settled.at ? nextCursor : encodeCursor(settled);
  }
}

function asEvent({ untold: _untold, tellAt: _tellAt, place: _place, ...event }: Untold): AuditEvent {
  return event;
}
