/**
 * Tells each acknowledged event to everyone who subscribed, at least once. An event is written together with the names of those who
 * still have to hear of it (`untold`) and the time from which any instance may tell them (`tellAt`). The instance that wrote it tells
 * them at once, within that time; after a crash, and when a handler failed, the next round of any instance finds it again.
 */
import { type Clock, DAY_MS, HOUR_MS } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Collection } from '../storage/index.ts';
import { within } from '../timing/deadline.ts';
import type { Gather } from '../timing/gathering.ts';
import { createTurns } from '../timing/turns.ts';
import type { AuditEvent } from './events.ts';

/**
 * Hears of one event. It may be called again for the same event ID: after a crash, when it threw, and when more of the same was counted
 * into it. Events may come in any order. It should be quick (put work into a queue of its own) and throw when it could not take the event.
 */
export type Subscriber = (event: AuditEvent) => Promise<void>;

/** What an event carries while somebody has to hear of it. */
export const untoldShape = { 'untold?': 'strings', 'tellAt?': 'date' } as const;
export type Untold = AuditEvent & { untold?: string[]; tellAt?: Date; place?: string };

/** For how long an event is told by the instance that wrote or claimed it. */
const CLAIM_MS = 30_000;
const HANDLER_MS = 10_000;
const LONGEST_PAUSE_MS = HOUR_MS;
/** After this time an event that a handler keeps refusing is given up. */
const GIVEN_UP_MS = 3 * DAY_MS;
/** Events waiting in memory to be told; further ones wait in the store. */
const MOST_WAITING = 5000;
const BATCH = 500;
/** In one round; a handler that takes nothing must not keep it for ever. */
const MOST_BATCHES = 20;
/** Told at a time. */
const AT_ONCE = 128;

export function createSubscribers(deps: { events: Collection<Untold>; clock: Clock; log: Log; gather: Gather }) {
  const { events, clock, log, gather } = deps;
  const subscribers = new Map<string, Subscriber>();
  /** By ID; one without the event is read when its turn comes. */
  const waiting = new Map<string, Untold | undefined>();
  const inTurn = createTurns();
  const telling = new Set<Promise<void>>();

  const later = (ms: number) => new Date(clock.now().getTime() + ms);

  async function tell(event: Untold): Promise<void> {
    if (event.tellAt === undefined) return;
    // Those of one directory one after the other: a handler that reads its state must not write what was true before.
    const left = await inTurn(event.directoryId ?? event.organizationId ?? event.id, () => untoldAfter(event));
    await gather(() => noteTold(event, left));
  }

  /** Calls the handlers; gives those that did not take it. */
  async function untoldAfter({ untold = [], tellAt: _tellAt, place: _place, ...event }: Untold): Promise<string[]> {
    const left: string[] = [];
    for (const name of untold) {
      const subscriber = subscribers.get(name);
      try {
        if (!subscriber) throw new Error(`${name} does not subscribe in this instance`);
        await within(HANDLER_MS, subscriber(event));
      } catch (error) {
        log.warn({ err: error, eventId: event.id, subscriber: name }, 'an event could not be delivered yet');
        left.push(name);
      }
    }
    return left;
  }

  async function noteTold({ id, at, lastAt, tellAt }: Untold, left: string[]): Promise<void> {
    const ageMs = clock.now().getTime() - (lastAt ?? at).getTime();
    const isGivenUp = ageMs > GIVEN_UP_MS;
    if (left.length > 0 && isGivenUp) log.error({ eventId: id, subscribers: left }, 'an event was never delivered');
    const again = later(Math.min(Math.max(CLAIM_MS, ageMs), LONGEST_PAUSE_MS));
    await events.update(id, (current) => {
      const { untold: _untold, tellAt: claim, ...rest } = current;
      // Another instance took it over, or more was counted into it: then it is told again.
      if (claim?.getTime() !== tellAt?.getTime()) return undefined;
      return left.length === 0 || isGivenUp ? rest : { ...rest, untold: left, tellAt: again };
    });
  }

  async function tellOne(id: string, written: Untold | undefined): Promise<void> {
    try {
      const event = written ?? (await events.find(id));
      if (event) await tell(event);
    } catch (error) {
      log.warn({ err: error, eventId: id }, 'an event could not be delivered yet');
    }
  }

  async function tellWaiting(): Promise<void> {
    for (const [id, event] of waiting) {
      waiting.delete(id);
      await tellOne(id, event);
    }
  }

  /** Several at a time: their writes share transactions. */
  function goOn(): void {
    for (let missing = Math.min(waiting.size, AT_ONCE - telling.size); missing > 0; missing--) {
      const lane = tellWaiting().finally(() => telling.delete(lane));
      telling.add(lane);
    }
  }

  /** Takes over what is overdue; whether there is more of it. */
  async function tellOverdue(): Promise<boolean> {
    const due = await events.due('tellAt', clock.now(), BATCH);
    const left = [...due];
    const lane = async () => {
      for (let next = left.shift(); next; next = left.shift()) {
        const { id, tellAt } = next;
        const claim = later(CLAIM_MS);
        const result = await events.update(id, (current) =>
          current.tellAt !== undefined && current.tellAt.getTime() === tellAt?.getTime()
            ? { ...current, tellAt: claim }
            : undefined,
        );
        if (result && result.after !== result.before) await tell(result.after);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    return due.length === BATCH;
  }

  return {
    /** Throws when the name is taken. */
    subscribe(name: string, subscriber: Subscriber): void {
      if (subscribers.has(name)) throw new TypeError(`${name} subscribes already`);
      subscribers.set(name, subscriber);
    },

    /** What is written with an event so that it is told; undefined while nobody subscribes. */
    mark(): { untold: string[]; tellAt: Date } | undefined {
      return subscribers.size === 0 ? undefined : { untold: [...subscribers.keys()], tellAt: later(CLAIM_MS) };
    },

    /** Tells events that this instance has just written, in the background. */
    nudge(written: readonly (Untold | { id: string })[]): void {
      if (subscribers.size === 0) return;
      for (const event of written)
        if (waiting.size < MOST_WAITING) waiting.set(event.id, 'tellAt' in event ? event : undefined);
      goOn();
    },

    /** Tells what is overdue: events of instances that crashed, and those that a handler did not take. */
    async recover(): Promise<void> {
      if (subscribers.size === 0) return;
      for (let batches = 0; batches < MOST_BATCHES; batches++) if (!(await tellOverdue())) return;
    },

    async settled(): Promise<void> {
      while (telling.size > 0) await Promise.all(telling);
    },
  };
}
