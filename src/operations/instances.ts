/**
 * The instances that serve from this store: how long each may answer from memory, and whether its clock is right. A revoke waits out the
 * longest lease of them all, so that instances whose settings differ, as during a roll-out, do not break its promise. Ends are judged by each
 * instance's own clock, so one whose clock differs from the store's must not judge, and what is under way when it is set goes on by the store's.
 */
import { type Clock, DAY_MS } from '../clock.ts';
import { type Random, randomText } from '../identifiers.ts';
import type { Log } from '../log.ts';
import type { Storage } from '../storage/index.ts';

/** An instance that could not announce itself for so long could not read a credential either: what it remembered has ended. */
const KEPT_MS = 180_000;
/** Records of instances that never left are removed after a day. */
const FORGOTTEN_MS = DAY_MS;
export const ANNOUNCE_EVERY_MS = 30_000;
/** Between two clocks; the way to the store and back is part of what is measured. */
const TOLERATED_SKEW_MS = 5000;
const MOST_INSTANCES = 200;

export interface Instances {
  /** Compares the clock with the store's, and says in the store that this instance is alive. Throws storage_unavailable. */
  announce(): Promise<void>;
  /** Of all instances that were alive lately, this one included. */
  longestLeaseMs(): Promise<number>;
  /** The machine's clock while it is right; else the store's time, as far as is known since the last comparison. */
  clock: Clock;
  /** How far the machine's clock is ahead of the store's, in milliseconds, as far as is known since the last comparison. */
  skewMs(): number;
  /** Whether the machine's clock is within 5 s of the store's; a step of the clock since the last announcement counts. */
  hasRightClock(): boolean;
  leave(): Promise<void>;
}

export function createInstances(deps: {
  storage: Storage;
  clock: Clock;
  random: Random;
  log: Log;
  leaseMs: number;
}): Instances {
  const { storage, clock, random, log, leaseMs } = deps;
  // By the store's time throughout: a reader whose clock differs must see who is alive all the same.
  const instances = storage.collection({
    name: 'instances',
    shape: { leaseMs: 'number', startedAt: 'date', expiresAt: 'date' },
    keys: {},
    order: 'startedAt',
  });
  const id = `instance_${randomText(12, random)}`;
  let isAnnounced = false;
  let isToldWrong = false;
  let isComparing = false;
  const sinceStart = () => clock.now().getTime() - clock.monotonicMs();
  /** Both as of the last comparison, less the monotonic clock: that goes on when somebody sets the time. */
  let ours = sinceStart();
  let theirs = ours;
  const storeTime = () => clock.monotonicMs() + theirs;
  const skewMs = () => Math.round(sinceStart() - theirs);
  const isRight = () => Math.abs(skewMs()) <= TOLERATED_SKEW_MS;

  async function compareClocks(): Promise<void> {
    const askedAt = clock.monotonicMs();
    const told = await storage.now();
    const tookMs = clock.monotonicMs() - askedAt;
    // A process that was stopped while it waited knows too little of when the store said so.
    if (tookMs > TOLERATED_SKEW_MS) return compareClocks();
    ours = sinceStart();
    theirs = told.getTime() - askedAt - tookMs / 2;
    if (!isToldWrong && !isRight())
      log.error(
        { skewMs: skewMs() },
        "the clock differs from the store's; no decision depends on time until it is right",
      );
    if (isToldWrong && isRight()) log.info({ skewMs: skewMs() }, "the clock agrees with the store's again");
    isToldWrong = !isRight();
  }

  /** After a step it may be right for the first time, as when a machine slept: that is not left to the next announcement. */
  function compareAfterStep(): void {
    if (isComparing || Math.abs(sinceStart() - ours) <= TOLERATED_SKEW_MS) return;
    isComparing = true;
    void compareClocks()
      .catch((error: unknown) => log.warn({ err: error }, "the clock could not be compared with the store's"))
      .finally(() => {
        isComparing = false;
      });
  }

  return {
    clock: {
      ...clock,
      now() {
        const told = clock.now();
        const expected = storeTime();
        return Math.abs(told.getTime() - expected) <= TOLERATED_SKEW_MS ? told : new Date(expected);
      },
    },
    async announce() {
      await compareClocks();
      const expiresAt = new Date(storeTime() + KEPT_MS);
      if (isAnnounced && (await instances.update(id, (record) => ({ ...record, expiresAt })))) return;
      await instances.insert({ id, leaseMs, startedAt: new Date(storeTime()), expiresAt });
      isAnnounced = true;
      const { items } = await instances.page({ limit: MOST_INSTANCES });
      for (const old of items) {
        if (old.expiresAt.getTime() + FORGOTTEN_MS < storeTime()) await instances.remove(old.id);
      }
    },
    async longestLeaseMs() {
      const { items } = await instances.page({ limit: MOST_INSTANCES, direction: 'descending' });
      const alive = items.filter(({ expiresAt }) => expiresAt.getTime() > storeTime());
      return Math.max(leaseMs, ...alive.map((instance) => instance.leaseMs));
    },
    skewMs,
    hasRightClock() {
      if (isRight()) return true;
      compareAfterStep();
      return false;
    },
    async leave() {
      await instances.remove(id);
    },
  };
}
