/**
 * The outbox: a tracked collection writes a record together with its events in one write, then copies them to the trail. What a crash kept
 * from being copied, and removals that it interrupted, `recover` finishes.
 */
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { type Collection, type Identified, isDuplicate, type Storage } from '../storage/index.ts';
import type { Gather } from '../timing/gathering.ts';
import { type AuditEvent, eventShape, PAYLOADS } from './events.ts';
import { cleaned } from './payload.ts';

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

const RECOVERY_BATCH = 500;
/** Later than any time that is written. */
const EVER = new Date('9999-12-31T23:59:59.999Z');

export function createOutbox(deps: {
  storage: Storage;
  clock: Clock;
  log: Log;
  gather: Gather;
  /** Puts an event into the trail, unless it is there. Throws storage_unavailable. */
  append(event: AuditEvent): Promise<void>;
}) {
  const { storage, clock, log, gather, append } = deps;
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
  /** What was left at the last look, and when it was first seen, in monotonic milliseconds. */
  let seen = new Map<string, number>();
  function later(work: Promise<unknown>): void {
    const done = work.then(
      () => undefined,
      (error: unknown) => log.warn({ err: error }, 'an audit record could not be completed yet; Latchkey tries again'),
    );
    background.add(done);
    void done.then(() => background.delete(done));
  }

  async function finishRemoval(id: string, collection: string, event: AuditEvent): Promise<void> {
    const { collection: records } = tracked.get(collection) ?? {};
    // What its last changes left to be told goes with it otherwise.
    for (const left of (await records?.find(id))?.outbox ?? []) await append(left);
    await records?.remove(id);
    await append(event);
    await removals.remove(id);
  }

  function track<R extends Identified>(name: string, plain: Collection<R>): Tracked<R> {
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
        log.warn({ err: error, recordId: id }, 'an audit event is still in its record; it is delivered later');
        return;
      }
      later(gather(() => clear(id, sent)));
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
  }

  return {
    track,
    /**
     * Finishes what a crash interrupted at least so long ago: by the time that it bears, or since it was first seen here, for a clock that was
     * ahead may have written it.
     */
    async recover(olderThanMs: number): Promise<void> {
      const [now, nowMs] = [clock.now().getTime(), clock.monotonicMs()];
      const stillThere = new Map<string, number>();
      const isLeft = (collection: string, id: string, at: Date) => {
        const key = `${collection} ${id} ${at.getTime()}`;
        const firstSeenMs = seen.get(key) ?? nowMs;
        stillThere.set(key, firstSeenMs);
        return now - at.getTime() >= olderThanMs || nowMs - firstSeenMs >= olderThanMs;
      };
      for (const [name, { collection, clear }] of tracked) {
        for (const record of await collection.due('outboxAt', EVER, RECOVERY_BATCH)) {
          if (!isLeft(name, record.id, record.outboxAt ?? EVER)) continue;
          const sent = record.outbox ?? [];
          // Another release may have left it.
          for (const event of sent) await append({ ...event, data: cleaned(PAYLOADS[event.type], event.data) });
          await clear(record.id, sent);
        }
      }
      const { items } = await removals.page({ limit: RECOVERY_BATCH, direction: 'ascending' });
      for (const { id, from, event, at } of items) if (isLeft(from, id, at)) await finishRemoval(id, from, event);
      seen = stillThere;
    },
    /** Waits for what is written in the background. */
    async settled(): Promise<void> {
      while (background.size > 0) await Promise.all(background);
    },
  };
}
