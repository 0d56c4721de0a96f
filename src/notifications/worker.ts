/**
 * Delivers what is due: a few at a time to each target, so that one which is slow or full delays nobody else. Emails go at their pace, and those
 * about what is failing before all others.
 */
import type { Log } from '../log.ts';
import { type Deliveries, type Delivery, deliveryId, type NewDelivery, type Settlement } from './deliveries.ts';
import type { Pace } from './pace.ts';

/** Delivers one; what it throws ends the attempt without an outcome, and the claim runs out. */
export type Deliver = (claimed: Delivery) => Promise<Settlement | Postponed>;

export interface Postponed {
  postponeUntil: Date;
}

export interface Worker {
  /** Starts what is due. Called in rounds, and by `nudge`. */
  run(): Promise<void>;
  /** Puts one into the queue unless it is there, and delivers it at once where nothing waits before it. */
  put(delivery: NewDelivery): Promise<void>;
  /** Something new is due in this process: to one target, or to any. */
  nudge(lane?: string): void;
  /** Waits until nothing is due and nothing is under way. */
  settled(): Promise<void>;
  /** Takes nothing more, and waits for what is under way. */
  stop(): Promise<void>;
}

const BATCH = 200;
/** Under way to one target. */
const PER_LANE = 10;
/** Claimed ahead for one target. Each starts long before its claim expires, even if all of them take as long as they may. */
const CLAIMED_PER_LANE = 20;
/** Of a busy lane, read at once and started one by one. */
const READ_AHEAD = 50;
/** From so many on in all, each target gets one at a time: many that are slow leave a place to all others. */
const IN_ALL = 200;

/** What goes to one target. */
interface Lane {
  id: string;
  /** Being claimed, waiting for a place, or under way. */
  taken: number;
  mostTaken: number;
  underWay: number;
  mostUnderWay: number;
  /** Starts one that waits for a place. */
  next: (() => void)[];
}

export function createWorker(deps: {
  deliveries: Deliveries;
  /** Lanes that may have something due, beside those that were seen. */
  lanes: () => Promise<string[]>;
  deliver: Deliver;
  pace: Pace;
  /** Emails at a time, to whomever. */
  mostMails: number;
  log: Log;
  onSettled: (delivery: Delivery, settlement: Settlement) => void;
}): Worker {
  const { deliveries, lanes, deliver, pace, mostMails, log, onSettled } = deps;
  const busy = new Map<string, Lane>();
  /**
   * For each busy lane with more deliveries than it may take: the next of them, as far as they were read. If another instance has claimed one
   * since, our own claim fails.
   */
  const ahead = new Map<string, Delivery[]>();
  const claimed = new Set<string>();
  const running = new Set<Promise<void>>();
  const wanted = new Set<string>();
  let mails = 0;
  /** Emails were left since as many were under way. */
  let areMailsLeft = false;
  let isAllWanted = false;
  let pumping: Promise<void> | undefined;
  let isStopped = false;

  const isFull = (laneId: string) => {
    const lane = busy.get(laneId);
    return lane !== undefined && (lane.taken >= lane.mostTaken || running.size >= IN_ALL);
  };

  /** A part of what the lane may have at a time; undefined where it has that much. */
  function take(laneId: string, isMail: boolean): Lane | undefined {
    if (isFull(laneId)) return undefined;
    if (isMail) {
      areMailsLeft ||= mails >= mostMails;
      if (mails >= mostMails || !pace.take()) return undefined;
      mails++;
    }
    // Emails to one person go one after the other: those that wait go into one.
    const most = isMail ? { mostTaken: 1, mostUnderWay: 1 } : { mostTaken: CLAIMED_PER_LANE, mostUnderWay: PER_LANE };
    const lane = busy.get(laneId) ?? { id: laneId, taken: 0, underWay: 0, ...most, next: [] };
    lane.taken++;
    busy.set(laneId, lane);
    return lane;
  }

  function giveBack(lane: Lane): void {
    lane.taken--;
    if (lane.taken === 0) busy.delete(lane.id);
    if (ahead.has(lane.id)) nudge(lane.id);
  }

  async function inPlace<T>(lane: Lane, work: () => Promise<T>): Promise<T> {
    if (lane.underWay >= lane.mostUnderWay) await new Promise<void>((resolve) => lane.next.push(resolve));
    else lane.underWay++;
    try {
      return await work();
    } finally {
      const next = lane.next.shift();
      if (next) next();
      else lane.underWay--;
    }
  }

  /** `claim`: gives what is to be delivered, if it is still ours to deliver. */
  function start(lane: Lane, id: string, isMail: boolean, claim: () => Promise<Delivery | undefined>): Promise<void> {
    claimed.add(id);
    let isHeld = true;
    const leave = () => {
      if (isHeld) giveBack(lane);
      isHeld = false;
    };
    /** Whether an attempt was made. */
    const attempt = async (): Promise<boolean> => {
      const mine = await claim();
      if (!mine) return false;
      const outcome = await inPlace(lane, () => deliver(mine));
      if ('postponeUntil' in outcome) {
        await deliveries.postpone(mine, outcome.postponeUntil);
        return false;
      }
      // The target is free again, whenever that is written. Its next email may gather what this one has not ended yet.
      if (!isMail) leave();
      if (await deliveries.settle(mine, outcome)) onSettled(mine, outcome);
      return true;
    };
    const turn = attempt()
      .catch((error: unknown) => {
        log.warn({ err: error, deliveryId: id }, 'a delivery could not be tried; it is due again');
        return true;
      })
      .then((isTried) => {
        claimed.delete(id);
        running.delete(turn);
        if (isMail) {
          mails--;
          if (!isTried) pace.giveBack();
          isAllWanted ||= areMailsLeft;
          areMailsLeft = false;
        }
        leave();
        if (isAllWanted) goOn();
      });
    running.add(turn);
    return turn;
  }

  /** Starts what fits; gives what had to be left. */
  function startAll(batch: readonly Delivery[]): Delivery[] {
    return batch.filter((delivery) => {
      const { id, targetId, targetKind } = delivery;
      if (claimed.has(id)) return false;
      const isMail = targetKind === 'mail';
      const lane = take(targetId, isMail);
      if (lane) void start(lane, id, isMail, () => deliveries.claim(delivery));
      return lane === undefined;
    });
  }

  async function lookInto(lane: string): Promise<void> {
    let left = startAll(ahead.get(lane) ?? []);
    let isMore = true;
    if (left.length === 0 && !isFull(lane)) {
      const next = await deliveries.next(lane, READ_AHEAD);
      left = startAll(next.due);
      ({ isMore } = next);
    }
    keep(lane, left, isMore);
  }

  function keep(lane: string, left: Delivery[], isMore: boolean): void {
    if (busy.has(lane) && (isMore || left.length > 0)) ahead.set(lane, left);
    else ahead.delete(lane);
  }

  async function lookEverywhere(): Promise<void> {
    startAll(await deliveries.due(BATCH, { rank: 'first' }));
    const batch = await deliveries.due(BATCH);
    const left = startAll(batch);
    for (const lane of new Set(left.map(({ targetId }) => targetId)))
      if (!ahead.get(lane)?.length)
        keep(
          lane,
          left.filter(({ targetId }) => targetId === lane),
          true,
        );
    if (left.length === 0 || batch.length < BATCH) return;
    // What is due of one lane may fill the head of the queue.
    const seen = new Set(batch.map(({ targetId }) => targetId));
    for (const lane of await lanes()) if (!seen.has(lane) && !isFull(lane)) await lookThrough(lane);
  }

  /** Where the oldest of a lane wait to be tried again, one that is due may stand behind them. */
  async function lookThrough(lane: string): Promise<void> {
    const { due, isMore } = await deliveries.next(lane, READ_AHEAD);
    const found = due.length > 0 || !isMore ? due : await deliveries.due(READ_AHEAD, { lane });
    keep(lane, startAll(found), isMore);
  }

  async function pump(): Promise<void> {
    while (!isStopped) {
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
        log.warn({ err: error }, 'the queue of deliveries could not be read; Latchkey tries again'),
      )
      .finally(() => {
        pumping = undefined;
        if (isAllWanted || wanted.size > 0) goOn();
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
    async put(delivery) {
      const { targetId, eventId } = delivery;
      const lane = isStopped || ahead.has(targetId) ? undefined : take(targetId, false);
      if (!lane) {
        if (await deliveries.add(delivery)) nudge(targetId);
        return;
      }
      const adding = deliveries.add(delivery, { isClaimed: true });
      void start(lane, deliveryId(eventId, targetId), false, () => adding);
      await adding;
    },
    nudge,
    settled,
    async stop() {
      isStopped = true;
      await settled();
    },
  };
}
