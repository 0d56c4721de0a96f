/**
 * Delivers what is due: a few at a time to each target, so that one which is slow or full delays nobody else. Emails go at their pace, and those
 * about what is failing before all others.
 */
import type { Log } from '../log.ts';
import type { Deliveries, Delivery, Settlement } from './deliveries.ts';
import type { Pace } from './pace.ts';

/** Delivers one; what it throws ends the attempt without an outcome, and the claim runs out. */
export type Deliver = (claimed: Delivery) => Promise<Settlement | Postponed>;

export interface Postponed {
  postponeUntil: Date;
}

export interface Worker {
  /** Starts what is due. Called in rounds, and by `nudge`. */
  run(): Promise<void>;
  /** Something new is due in this process: to one target, or to any. */
  nudge(lane?: string): void;
  /** Waits until nothing is due and nothing is under way. */
  settled(): Promise<void>;
  /** Takes nothing more, and waits for what is under way. */
  stop(): Promise<void>;
}

const BATCH = 200;
const PER_LANE = 10;
/** Of a busy lane, read at once and started one by one. */
const READ_AHEAD = 50;
const IN_ALL = 200;

export function createWorker(deps: {
  deliveries: Deliveries;
  /** Lanes that may have something due, beside those that were seen. */
  lanes: () => Promise<string[]>;
  deliver: Deliver;
  pace: Pace;
  log: Log;
  onSettled: (delivery: Delivery, settlement: Settlement) => void;
}): Worker {
  const { deliveries, lanes, deliver, pace, log, onSettled } = deps;
  const underWay = new Map<string, { count: number; most: number }>();
  /** Due ones of lanes that have something under way: whoever got one of them since takes it from us at the claim. */
  const ahead = new Map<string, Delivery[]>();
  const claimed = new Set<string>();
  const running = new Set<Promise<void>>();
  const wanted = new Set<string>();
  let isAllWanted = false;
  /** Something was left since too much was under way in all. */
  let isCrowded = false;
  let pumping: Promise<void> | undefined;
  let isStopped = false;

  const isFull = (lane: string) => {
    const now = underWay.get(lane);
    return now !== undefined && now.count >= now.most;
  };

  /** Whether it could be started. */
  function start(delivery: Delivery): boolean {
    const { id, targetId: lane, targetKind } = delivery;
    if (running.size >= IN_ALL) {
      isCrowded = true;
      return false;
    }
    const isMail = targetKind === 'mail';
    if (isFull(lane) || (isMail && !pace.take())) return false;
    claimed.add(id);
    // Emails to one person go one after the other: those that wait go into one.
    const place = underWay.get(lane) ?? { count: 0, most: isMail ? 1 : PER_LANE };
    place.count++;
    underWay.set(lane, place);
    const turn = deliverOne(delivery)
      .catch((error: unknown) => {
        log.warn({ err: error, deliveryId: id }, 'a delivery could not be tried; it is due again');
        return true;
      })
      .then((isTried) => {
        if (isMail && !isTried) pace.giveBack();
        claimed.delete(id);
        place.count--;
        if (place.count === 0) underWay.delete(lane);
        running.delete(turn);
        if (isCrowded && running.size <= IN_ALL / 2) {
          isCrowded = false;
          isAllWanted = true;
        }
        // There may be more of this lane than it was allowed.
        nudge(lane);
      });
    running.add(turn);
    return true;
  }

  /** Whether an attempt was made. */
  async function deliverOne(delivery: Delivery): Promise<boolean> {
    const mine = await deliveries.claim(delivery);
    if (!mine) return false;
    const outcome = await deliver(mine);
    if ('postponeUntil' in outcome) {
      await deliveries.postpone(mine, outcome.postponeUntil);
      return false;
    }
    if (await deliveries.settle(mine, outcome)) onSettled(mine, outcome);
    return true;
  }

  /** Starts what fits; gives what had to be left. */
  function startAll(batch: readonly Delivery[]): Delivery[] {
    return batch.filter((delivery) => !claimed.has(delivery.id) && !start(delivery));
  }

  async function lookInto(lane: string): Promise<void> {
    let left = startAll(ahead.get(lane) ?? []);
    if (left.length === 0 && !isFull(lane)) left = startAll(await deliveries.due(READ_AHEAD, { lane }));
    if (left.length > 0 && underWay.has(lane)) ahead.set(lane, left);
    else ahead.delete(lane);
  }

  async function lookEverywhere(): Promise<void> {
    startAll(await deliveries.due(BATCH, { rank: 'first' }));
    const batch = await deliveries.due(BATCH);
    const left = startAll(batch);
    if (left.length === 0 || batch.length < BATCH) return;
    // A full lane fills the head of the queue; the others are looked for one by one.
    for (const lane of await lanes()) if (!isFull(lane)) await lookInto(lane);
  }

  async function pump(): Promise<void> {
    while (!isStopped && running.size < IN_ALL) {
      const [lane] = wanted;
      if (isAllWanted) {
        isAllWanted = false;
        await lookEverywhere();
      } else if (lane !== undefined) {
        wanted.delete(lane);
        await lookInto(lane);
      } else return;
    }
  }

  function nudge(lane?: string): void {
    if (lane === undefined) isAllWanted = true;
    else wanted.add(lane);
    goOn();
  }

  function goOn(): void {
    if (isStopped || pumping) return;
    pumping = pump()
      .catch((error: unknown) =>
        log.warn({ err: error }, 'the queue of deliveries could not be read; it is tried again'),
      )
      .finally(() => {
        pumping = undefined;
        if ((isAllWanted || wanted.size > 0) && running.size < IN_ALL) goOn();
      });
  }

  async function settled(): Promise<void> {
    while (pumping || running.size > 0) await Promise.all([pumping, ...running]);
  }

  return {
    async run() {
      nudge();
      await pumping;
    },
    nudge,
    settled,
    async stop() {
      isStopped = true;
      await settled();
    },
  };
}
