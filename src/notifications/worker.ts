/** Delivers what is due: a few at a time to each target, so that one which is slow or full delays nobody else. */
import type { Log } from '../log.ts';
import type { Deliveries, Delivery, Settlement } from './deliveries.ts';

/** Delivers one; what it throws ends the attempt without an outcome, and the claim runs out. */
export type Deliver = (claimed: Delivery) => Promise<Settlement | Postponed>;

/** `isPaced`: it has its place in the pace of emails already. */
export interface Postponed {
  postponeUntil: Date;
  isPaced?: true;
}

export interface Worker {
  /** Starts what is due. Called in rounds, and by `nudge`. */
  run(): Promise<void>;
  /** Something new is due in this process. */
  nudge(): void;
  /** Waits until nothing is due and nothing is under way. */
  settled(): Promise<void>;
  /** Takes nothing more, and waits for what is under way. */
  stop(): Promise<void>;
}

const BATCH = 200;
const PER_LANE = 10;
const IN_ALL = 200;

export function createWorker(deps: {
  deliveries: Deliveries;
  /** Lanes that may have something due, beside those that were seen. */
  lanes: () => Promise<string[]>;
  deliver: Deliver;
  log: Log;
  onSettled: (delivery: Delivery, settlement: Settlement) => void;
}): Worker {
  const { deliveries, lanes, deliver, log, onSettled } = deps;
  const underWay = new Map<string, number>();
  const claimed = new Set<string>();
  const running = new Set<Promise<void>>();
  let pumping: Promise<void> | undefined;
  let isWanted = false;
  let isStopped = false;

  // Emails to one person go one after the other: those that wait go into one.
  const isFull = (lane: string, kind?: Delivery['targetKind']) =>
    (underWay.get(lane) ?? 0) >= (kind === 'mail' ? 1 : PER_LANE);

  function start(delivery: Delivery): void {
    const { id, targetId: lane } = delivery;
    claimed.add(id);
    underWay.set(lane, (underWay.get(lane) ?? 0) + 1);
    const turn = deliverOne(delivery)
      .catch((error: unknown) =>
        log.warn({ err: error, deliveryId: id }, 'a delivery could not be tried; it is due again'),
      )
      .then(() => {
        claimed.delete(id);
        const left = (underWay.get(lane) ?? 1) - 1;
        if (left > 0) underWay.set(lane, left);
        else underWay.delete(lane);
        running.delete(turn);
        // There may be more of this lane than it was allowed.
        nudge();
      });
    running.add(turn);
  }

  async function deliverOne(delivery: Delivery): Promise<void> {
    const mine = await deliveries.claim(delivery);
    if (!mine) return;
    const outcome = await deliver(mine);
    if ('postponeUntil' in outcome) await deliveries.postpone(mine, outcome.postponeUntil, outcome.isPaced);
    else if (await deliveries.settle(mine, outcome)) onSettled(mine, outcome);
  }

  /** Starts what fits; tells whether some had to be left. */
  function startAll(batch: readonly Delivery[]): boolean {
    let isLeft = false;
    for (const delivery of batch) {
      if (claimed.has(delivery.id)) continue;
      if (running.size >= IN_ALL) return true;
      if (isFull(delivery.targetId, delivery.targetKind)) isLeft = true;
      else start(delivery);
    }
    return isLeft;
  }

  async function pump(): Promise<void> {
    while (isWanted && !isStopped) {
      isWanted = false;
      if (running.size >= IN_ALL) return;
      const batch = await deliveries.due(BATCH);
      const isLeft = startAll(batch);
      if (!isLeft || batch.length < BATCH) continue;
      // A full lane fills the head of the queue; the others are looked for one by one.
      for (const lane of await lanes()) {
        if (!isFull(lane)) startAll(await deliveries.due(PER_LANE, lane));
      }
    }
  }

  function nudge(): void {
    isWanted = true;
    if (isStopped || pumping) return;
    pumping = pump()
      .catch((error: unknown) =>
        log.warn({ err: error }, 'the queue of deliveries could not be read; it is tried again'),
      )
      .finally(() => {
        pumping = undefined;
        if (isWanted && running.size < IN_ALL) nudge();
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
