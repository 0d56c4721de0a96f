/**
 * The queue: one record for each message and target. Its ID is derived from both, so a fan-out that runs twice, or again after a crash, makes
 * it once. Whoever wants to deliver it claims it by compare-and-swap: it is due again when the claim ends, so that a crash needs no clean-up.
 */
import { type Clock, DAY_MS } from '../clock.ts';
import { AppError } from '../errors.ts';
import { isDuplicate, type Migration, type Page, type Storage, type Stored, text } from '../storage/index.ts';
import type { Gather } from '../timing/gathering.ts';
import type { TargetKind } from './endpoints.ts';

const attemptShape = {
  at: 'date',
  ms: 'number',
  /** Of the answer, where there was one. */
  'status?': 'number',
  /** Why there was none, or why it counts as a failure. */
  'reason?': 'string',
  'contentType?': 'string',
  /** The first kilobyte of the answer. */
  'body?': 'string',
} as const;

const shape = {
  targetId: 'string',
  targetKind: text<TargetKind>(),
  /** The target again while the delivery is pending, so that one target's can be found among all. */
  'lane?': 'string',
  /** The target again where it failed: one target's failures are few among its deliveries. */
  'failedOf?': 'string',
  /** While it is pending: of an email about what is failing, which waits for no other. */
  'rank?': text<'first'>(),
  eventId: 'string',
  type: 'string',
  'organizationId?': 'string',
  'directoryId?': 'string',
  /** What is sent, as JSON: the same bytes at each attempt. */
  message: 'string',
  state: text<'pending' | 'delivered' | 'failed'>(),
  /** When to try; while it is claimed, when the claim ends. */
  'dueAt?': 'date',
  'claimedUntil?': 'date',
  /** Of an email that tells of several: the delivery that it goes out with, and, on that one, all others in it. */
  'leaderId?': 'string',
  'mates?': 'strings',
  /** Attempts since it was made, or since it was sent again. */
  attempt: 'number',
  attempts: [attemptShape],
  createdAt: 'date',
  expiresAt: 'date',
} as const;

export type Delivery = Stored<typeof shape>;
export type DeliveryAttempt = Delivery['attempts'][number];
export type DeliveryState = Delivery['state'];

/** What is put into the queue. `dueAt`: now, unless it is given. */
export interface NewDelivery {
  targetId: string;
  targetKind: TargetKind;
  eventId: string;
  type: string;
  organizationId?: string | undefined;
  directoryId?: string | undefined;
  message: string;
  dueAt?: Date | undefined;
  rank?: 'first' | undefined;
}

export interface DeliveryQuery {
  /** One or several. */
  targetId?: string | readonly string[] | undefined;
  organizationId?: string | undefined;
  directoryId?: string | undefined;
  eventId?: string | undefined;
  state?: DeliveryState | undefined;
  from?: Date | undefined;
  after?: string | undefined;
  limit: number;
}

/** How an attempt ended. `again` tries once more after so many milliseconds. */
export interface Settlement {
  attempt: DeliveryAttempt;
  state: DeliveryState;
  againMs?: number | undefined;
}

export interface Deliveries {
  /** Undefined where it is in the queue already, or was delivered. `isClaimed`: the caller delivers it at once. */
  add(delivery: NewDelivery, options?: { isClaimed: boolean }): Promise<Delivery | undefined>;
  find(id: string): Promise<Delivery | undefined>;
  /** Throws not_found. */
  get(id: string): Promise<Delivery>;
  /** Latest first. */
  page(query: DeliveryQuery): Promise<Page<Delivery>>;
  /** Of one target: all that are kept, or those that wait or failed. */
  count(where: { targetId: string; state?: 'pending' | 'failed' }): Promise<number>;
  /** Due ones, earliest first. Those of a lane are found by a look at all that are pending in it. */
  due(limit: number, of?: { lane: string } | { rank: 'first' }): Promise<Delivery[]>;
  /** Due ones among the oldest so many that are pending in a lane; `isMore`: there are younger ones. */
  next(lane: string, limit: number): Promise<{ due: Delivery[]; isMore: boolean }>;
  /** Those of a lane that are pending, whether due or not, oldest first. */
  pendingOf(lane: string, limit: number): Promise<Delivery[]>;
  /** Undefined when somebody else has it. */
  claim(delivery: Delivery): Promise<Delivery | undefined>;
  /** Ends a claim; false when it had been lost, and another instance delivers it as well. */
  settle(claimed: Delivery, settlement: Settlement): Promise<boolean>;
  /** Gives a claim back without an attempt. */
  postpone(claimed: Delivery, until: Date): Promise<void>;
  /** Has a claimed one go out with another, or with none. False when the claim had been lost. */
  follow(claimed: Delivery, leaderId: string | undefined): Promise<boolean>;
  /** Fixes what goes out with it, so that it is the same when it is tried again. False when the claim had been lost. */
  lead(claimed: Delivery, mates: readonly string[]): Promise<boolean>;
  /** One that went out with another ends as that does. */
  settleMate(id: string, settlement: Settlement): Promise<void>;
  /** Takes a pending one out of the queue. False where it is too late: it is being delivered, or goes out with others. */
  withdraw(id: string, reason: string): Promise<boolean>;
  /** Makes it due now, whatever became of it, under the ID that it has. Throws not_found. */
  resend(id: string): Promise<Delivery>;
  /** Makes pending ones of a lane due now, of very many the oldest. */
  hurry(lane: string): Promise<number>;
  /** How many are waiting, and when the earliest of them was due. */
  depth(): Promise<{ pending: number; oldestDueAt: Date | undefined }>;
  removeOf(targetId: string): Promise<void>;
  /** Deliveries of earlier releases failed without the key by which a target's failures are found. */
  migrations: readonly Migration[];
}

export const KEPT_MS = 30 * DAY_MS;
const CLAIM_MS = 60_000;
const ATTEMPTS_KEPT = 20;
const AT_ONCE = 200;
/** The caller waits for it. */
const HURRIED_PAGES = 25;

export function deliveryId(eventId: string, targetId: string): string {
  return `msg_${eventId}_${targetId}`;
}

export function createDeliveries(deps: { storage: Storage; clock: Clock; gather: Gather }): Deliveries {
  const { storage, clock, gather } = deps;
  const deliveries = storage.collection({
    name: 'deliveries',
    shape,
    keys: {
      lane: 'index',
      failedOf: 'index',
      rank: 'index',
      targetId: 'index',
      eventId: 'index',
      organizationId: 'index',
      directoryId: 'index',
      state: 'index',
      dueAt: 'index',
    },
    order: 'createdAt',
    expires: 'expiresAt',
  });
  /** The moment itself is due as well. */
  const soon = () => new Date(clock.now().getTime() + 1);

  async function get(id: string): Promise<Delivery> {
    const delivery = await deliveries.find(id);
    if (!delivery) throw absent(id);
    return delivery;
  }

  function isClaimedBy(record: Delivery, { claimedUntil }: Delivery): boolean {
    return record.claimedUntil !== undefined && record.claimedUntil.getTime() === claimedUntil?.getTime();
  }

  async function changeClaimed(claimed: Delivery, change: (record: Delivery) => Delivery): Promise<boolean> {
    const result = await deliveries.update(claimed.id, (record) =>
      isClaimedBy(record, claimed) ? change(record) : undefined,
    );
    return result !== undefined && result.after !== result.before;
  }

  async function pendingOf(lane: string, limit: number): Promise<Delivery[]> {
    const { items } = await deliveries.page({ where: { lane }, limit });
    return items;
  }

  async function keyFailures(): Promise<void> {
    let after: string | undefined;
    do {
      const { items, nextCursor } = await deliveries.page({ where: { state: 'failed' }, after, limit: AT_ONCE });
      for (const { id } of items)
        await deliveries.update(id, (record) => (record.state === 'failed' ? ended(record, 'failed') : undefined));
      after = nextCursor ?? undefined;
    } while (after !== undefined);
  }

  return {
    migrations: [{ name: 'key_failed_deliveries', run: keyFailures }],

    async add(given, { isClaimed } = { isClaimed: false }) {
      const { targetId, targetKind, eventId, type, organizationId, directoryId, message, rank } = given;
      const now = clock.now();
      const claimedUntil = new Date(now.getTime() + CLAIM_MS);
      const delivery: Delivery = {
        id: deliveryId(eventId, targetId),
        targetId,
        targetKind,
        lane: targetId,
        ...(rank !== undefined && { rank }),
        eventId,
        type,
        ...(organizationId !== undefined && { organizationId }),
        ...(directoryId !== undefined && { directoryId }),
        message,
        state: 'pending',
        ...(isClaimed ? { claimedUntil, dueAt: claimedUntil } : { dueAt: given.dueAt ?? now }),
        attempt: 0,
        attempts: [],
        createdAt: now,
        expiresAt: new Date(now.getTime() + KEPT_MS),
      };
      try {
        await gather(() => deliveries.insert(delivery));
        return delivery;
      } catch (error) {
        if (!isDuplicate(error, 'id')) throw error;
        return undefined;
      }
    },

    find: (id) => deliveries.find(id),
    get,
    page: ({ targetId, organizationId, directoryId, eventId, state, from, after, limit }) =>
      deliveries.page({
        where: { organizationId, directoryId, eventId, ...keysOf(targetId, state) },
        from,
        after,
        limit,
        direction: 'descending',
      }),
    count: ({ targetId, state }) => deliveries.count(keysOf(targetId, state)),
    due: (limit, of) => deliveries.due('dueAt', soon(), limit, of),
    pendingOf,
    async next(lane, limit) {
      const { items, nextCursor } = await deliveries.page({ where: { lane }, limit });
      const now = clock.now();
      return { due: items.filter(({ dueAt }) => dueAt !== undefined && dueAt <= now), isMore: nextCursor !== null };
    },

    async claim(delivery) {
      const result = await gather(() =>
        deliveries.update(delivery.id, (record) => {
          const claimedUntil = new Date(clock.now().getTime() + CLAIM_MS);
          return record.state === 'pending' && record.dueAt?.getTime() === delivery.dueAt?.getTime()
            ? { ...record, claimedUntil, dueAt: claimedUntil }
            : undefined;
        }),
      );
      return result && result.after !== result.before ? result.after : undefined;
    },

    async settle(claimed, { attempt, state, againMs }) {
      const change = (record: Delivery) => {
        if (!isClaimedBy(record, claimed)) return undefined;
        const tried = {
          ...record,
          attempt: record.attempt + 1,
          attempts: [...record.attempts, attempt].slice(-ATTEMPTS_KEPT),
        };
        if (state !== 'pending') return ended(tried, state);
        const { claimedUntil: _claim, ...rest } = tried;
        return { ...rest, dueAt: new Date(clock.now().getTime() + (againMs ?? 0)) };
      };
      const result = await gather(() => deliveries.update(claimed.id, change));
      return result !== undefined && result.after !== result.before;
    },

    async postpone(claimed, until) {
      await changeClaimed(claimed, ({ claimedUntil: _claim, ...rest }) => ({ ...rest, dueAt: until }));
    },

    follow: (claimed, leaderId) =>
      changeClaimed(claimed, ({ leaderId: _before, ...record }) => ({
        ...record,
        ...(leaderId !== undefined && { leaderId }),
      })),
    lead: (claimed, mates) => changeClaimed(claimed, (record) => ({ ...record, mates: [...mates] })),

    async settleMate(id, { attempt, state }) {
      // While the leader is tried again, they wait for it.
      if (state === 'pending') return;
      await deliveries.update(id, (record) => {
        if (record.state !== 'pending') return undefined;
        return ended({ ...record, attempt: record.attempt + 1, attempts: [...record.attempts, attempt] }, state);
      });
    },

    async withdraw(id, reason) {
      const at = clock.now();
      const result = await deliveries.update(id, (record) => {
        const { claimedUntil, leaderId, mates = [] } = record;
        const isFixed = claimedUntil !== undefined || leaderId !== undefined || mates.length > 0;
        if (record.state !== 'pending' || isFixed) return undefined;
        return ended({ ...record, attempts: [...record.attempts, { at, ms: 0, reason }] }, 'failed');
      });
      return result !== undefined && result.after !== result.before;
    },

    async resend(id) {
      const now = clock.now();
      const result = await deliveries.update(
        id,
        ({ claimedUntil: _claim, leaderId: _leader, failedOf: _failed, ...record }) => ({
          ...record,
          state: 'pending',
          lane: record.targetId,
          attempt: 0,
          dueAt: now,
          expiresAt: new Date(now.getTime() + KEPT_MS),
        }),
      );
      if (!result) throw absent(id);
      return result.after;
    },

    async hurry(lane) {
      const now = clock.now();
      const one = async (id: string) => {
        const result = await deliveries.update(id, (record) =>
          record.state === 'pending' && record.claimedUntil === undefined ? { ...record, dueAt: now } : undefined,
        );
        return result !== undefined && result.after !== result.before;
      };
      let count = 0;
      let after: string | undefined;
      for (let pages = 0; pages < HURRIED_PAGES; pages++) {
        const { items, nextCursor } = await deliveries.page({ where: { lane }, after, limit: AT_ONCE });
        const done = await Promise.all(items.map(({ id }) => one(id)));
        count += done.filter(Boolean).length;
        if (nextCursor === null) break;
        after = nextCursor;
      }
      return count;
    },

    async depth() {
      const [pending, [oldest]] = await Promise.all([
        deliveries.count({ state: 'pending' }),
        deliveries.due('dueAt', soon(), 1),
      ]);
      return { pending, oldestDueAt: oldest?.dueAt };
    },

    async removeOf(targetId) {
      // A month of them in one transaction would keep everybody else waiting.
      for (;;) {
        const { items } = await deliveries.page({ where: { targetId }, limit: AT_ONCE });
        if (items.length === 0) return;
        await Promise.all(items.map(({ id }) => gather(() => deliveries.remove(id))));
      }
    },
  };
}

/** One that is over. */
function ended(record: Delivery, state: 'delivered' | 'failed'): Delivery {
  const { claimedUntil: _claim, dueAt: _due, lane: _lane, rank: _rank, ...rest } = record;
  return { ...rest, state, ...(state === 'failed' && { failedOf: record.targetId }) };
}

/** The keys that have least to read: a target has far more that was delivered than that waits or failed. */
function keysOf(targetId: DeliveryQuery['targetId'], state: DeliveryState | undefined) {
  if (targetId !== undefined && state === 'pending') return { lane: targetId };
  if (targetId !== undefined && state === 'failed') return { failedOf: targetId };
  return { targetId, state };
}

function absent(id: string): AppError {
  return new AppError('not_found', { detail: `There is no delivery ${id}.` });
}
