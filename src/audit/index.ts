/**
 * REMEMBERS. An append-only record of who did what to which credential, when and from where; and each refusal with its reason.
 *
 * No change without its event: a tracked collection writes a record together with its event in one write (the record's outbox), then
 * copies the event to the audit trail. A crash between the two is mended by `recover`, so that every acknowledged change has its
 * event, without a transaction on either engine.
 */
import { isDeepStrictEqual } from 'node:util';
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
import {
  type AuditEvent,
  type Cause,
  type EventPayload,
  type EventType,
  eventShape,
  PAYLOADS,
  type Subject,
} from './events.ts';
import { admitted, admittedActor, cleaned } from './payload.ts';
import { placeOf, placeShape } from './places.ts';
import { createSubscribers, type Subscriber, type Untold, untoldShape } from './subscribers.ts';
import { createTallies, type Tallies } from './tallies.ts';

export {
  type Actor,
  type AuditEvent,
  actorShape,
  type Cause,
  EVENTS,
  type EventType,
  PAYLOADS,
  type Source,
  type Subject,
  SYSTEM,
} from './events.ts';
export { type AttributeChange, changesBetween } from './payload.ts';
export { type Place, placeIn } from './places.ts';
export type { Subscriber } from './subscribers.ts';

/** Attributes that every tracked record declares beside its own. */
export const outboxShape = { 'outbox?': [{ id: 'string', ...eventShape }], 'outboxAt?': 'date' } as const;

interface Outbox extends Identified {
  outbox?: AuditEvent[];
  outboxAt?: Date;
}

/** A change to a record, with the events that tell of it. */
export interface Change<R> {
  record: R;
  events: AuditEvent[];
}

export interface Tracked<R extends Identified>
  extends Pick<Collection<R>, 'find' | 'findBy' | 'page' | 'count' | 'due'> {
  insert(record: R, events: AuditEvent[]): Promise<void>;
  /** Like Collection.update; `change` may run several times, and what it throws is passed on. */
  update(id: string, change: (record: R) => Change<R> | undefined): Promise<{ before: R; after: R } | undefined>;
  /** Once begun, a removal is finished even over a crash. */
  remove(id: string, event: AuditEvent): Promise<void>;
}

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
  event<T extends EventType>(type: T, cause: Cause, subject: Subject, data: EventPayload<T>): AuditEvent;
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
  /** What `Storage.prepare` has to do once: earlier releases kept what callers sent as it came. */
  migrations: readonly Migration[];
  /** Forgets events older than `before`. */
  prune(before: Date): Promise<number>;
  /** Waits for what is written in the background. */
  settled(): Promise<void>;
}

const RECOVERY_BATCH = 500;
const CLEANED_AT_ONCE = 200;
/** Events older than this have arrived, from whatever instance. */
const SETTLED_MS = 60_000;

export function createAudit(deps: { storage: Storage; clock: Clock; random: Random; log: Log }): Audit {
  const { storage, clock, random, log } = deps;
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
  const removals = storage.collection({
    name: 'removals',
    shape: { from: 'string', event: { id: 'string', ...eventShape }, at: 'date' },
    keys: {},
    order: 'at',
  });
  const tracked = new Map<
    string,
    { collection: Collection<Outbox>; clear: (id: string, sent: AuditEvent[]) => Promise<void> }
  >();
  const background = new Set<Promise<void>>();
  const subscribers = createSubscribers({ events, clock, log });
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

  function later(work: Promise<unknown>): void {
    const done = work.then(
      () => undefined,
      (error: unknown) => log.warn({ err: error }, 'an audit record could not be completed yet; it is tried again'),
    );
    background.add(done);
    void done.then(() => background.delete(done));
  }

  async function append(event: AuditEvent): Promise<void> {
    try {
      await events.insert({ ...event, ...placeOf(event), ...subscribers.mark() });
    } catch (error) {
      // The same event was written before: by this instance before a crash, or by another one that recovers too.
      if (!isDuplicate(error, 'id')) throw error;
      return;
    }
    subscribers.nudge([event.id]);
  }

  async function finishRemoval(id: string, collection: string, event: AuditEvent): Promise<void> {
    const { collection: records } = tracked.get(collection) ?? {};
    // What its last changes left to be told goes with it otherwise.
    for (const left of (await records?.find(id))?.outbox ?? []) await append(left);
    await records?.remove(id);
    await append(event);
    await removals.remove(id);
  }

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

    track<R extends Identified>(name: string, plain: Collection<R>): Tracked<R> {
      const collection = plain as Collection<R & Outbox>;
      const clear = async (id: string, sent: AuditEvent[]) => {
        const ids = new Set(sent.map((event) => event.id));
        await collection.update(id, ({ outbox = [], outboxAt, ...record }) => {
          const left = outbox.filter((event) => !ids.has(event.id));
          return { ...record, ...(left.length > 0 && { outbox: left, outboxAt }) } as R & Outbox;
        });
      };
      tracked.set(name, { collection: collection as unknown as Collection<Outbox>, clear });

      /** The change is durable with its events already; a failure here only puts off their copy. */
      async function deliver(id: string, sent: AuditEvent[]): Promise<void> {
        try {
          for (const event of sent) await append(event);
        } catch (error) {
          log.warn({ err: error, recordId: id }, 'an audit event waits in its record; it is delivered later');
          return;
        }
        later(clear(id, sent));
      }

      return {
        find: (id, options) => collection.find(id, options),
        findBy: (key, value, options) => collection.findBy(key, value, options),
        page: (query) => collection.page(query),
        count: (where) => collection.count(where),
        due: (key, before, limit, where) => collection.due(key, before, limit, where),
        async insert(record, sent) {
          await collection.insert({ ...record, outbox: sent, outboxAt: clock.now() });
          await deliver(record.id, sent);
        },
        async update(id, change) {
          let sent: AuditEvent[] = [];
          const result = await collection.update(id, (record) => {
            const changed = change(record);
            sent = changed?.events ?? [];
            if (!changed || sent.length === 0) return changed?.record;
            return { ...changed.record, outbox: [...(record.outbox ?? []), ...sent], outboxAt: clock.now() };
          });
          if (sent.length > 0) await deliver(id, sent);
          return result;
        },
        async remove(id, event) {
          try {
            await removals.insert({ id, from: name, event, at: clock.now() });
          } catch (error) {
            // Someone removes it already; helping to finish is all there is to do.
            if (!isDuplicate(error, 'id')) throw error;
          }
          await finishRemoval(id, name, event);
        },
      };
    },

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
      const before = new Date(clock.now().getTime() - olderThanMs);
      for (const { collection, clear } of tracked.values()) {
        for (const record of await collection.due('outboxAt', before, RECOVERY_BATCH)) {
          const sent = record.outbox ?? [];
          // Another release may have left it.
          for (const event of sent) await append({ ...event, data: cleaned(PAYLOADS[event.type], event.data) });
          await clear(record.id, sent);
        }
      }
      const { items } = await removals.page({ to: before, limit: RECOVERY_BATCH });
      for (const { id, from, event } of items) await finishRemoval(id, from, event);
      await subscribers.recover();
    },

    migrations: [
      { name: 'clean_events', run: cleanEvents },
      { name: 'place_events', run: placeEvents },
    ],

    prune: (before) => events.prune(before),

    async settled() {
      while (background.size > 0) await Promise.all(background);
      await subscribers.settled();
    },
  };

  /** Events of earlier releases were written without the key by which a directory's own are found. */
  async function placeEvents(): Promise<void> {
    let after: string | undefined;
    do {
      const { items, nextCursor } = await events.page({ after, limit: CLEANED_AT_ONCE });
      for (const event of items)
        if (event.place !== placeOf(event).place) await events.update(event.id, (now) => ({ ...now, ...placeOf(now) }));
      after = nextCursor ?? undefined;
    } while (after !== undefined);
  }

  async function cleanEvents(): Promise<void> {
    let after: string | undefined;
    do {
      const { items, nextCursor } = await events.page({ after, limit: CLEANED_AT_ONCE });
      for (const { id, type, data } of items) {
        if (isDeepStrictEqual(cleaned(PAYLOADS[type], data), data)) continue;
        // Counted meanwhile by another instance: its latest state is cleaned.
        await events.update(id, (event) => ({ ...event, data: cleaned(PAYLOADS[type], event.data) }));
      }
      after = nextCursor ?? undefined;
    } while (after !== undefined);
  }

  function resumeAfter(nextCursor: string | null): string {
    const settled = { at: new Date(clock.now().getTime() - SETTLED_MS).toISOString(), id: '' };
    return nextCursor !== null && decodeCursor(nextCursor).at < settled.at ? nextCursor : encodeCursor(settled);
  }
}

function asEvent({ untold: _untold, tellAt: _tellAt, place: _place, ...event }: Untold): AuditEvent {
  return event;
}
