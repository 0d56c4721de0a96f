/** A seeded scheduler: the only place where the model decides what happens next. The same seed gives the same run. */
import { createHash } from 'node:crypto';
import type { Random } from '../../src/identifiers.ts';

export interface Dice extends Random {
  /** An integer from 0 to below `count`. */
  below(count: number): number;
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
}

/** Hash-based, so that a seed means the same on every machine. */
export function createDice(seed: string): Dice {
  let counter = 0;
  let pool = Buffer.alloc(0);
  const bytes = (length: number) => {
    while (pool.length < length) {
      pool = Buffer.concat([pool, createHash('sha256').update(`${seed} ${counter++}`).digest()]);
    }
    const taken = pool.subarray(0, length);
    pool = pool.subarray(length);
    return taken;
  };
  const below = (count: number) => bytes(4).readUInt32BE(0) % count;
  return {
    bytes,
    below,
    chance: (probability) => below(1_000_000) < probability * 1_000_000,
    pick(items) {
      const item = items[below(items.length)];
      if (item === undefined) throw new Error('nothing to pick from');
      return item;
    },
  };
}

/** What a turn is wanted for: to read or write one document of a collection, or whichever of them. */
export interface Step {
  collection: string;
  id?: string | undefined;
  writes: boolean;
}

interface Parked {
  who: string;
  release: () => void;
  abandon: (error: Error) => void;
}

interface Sleeper extends Parked {
  dueMs: number;
}

export interface Scheduler {
  /** Real time of the model, in milliseconds since its start. */
  nowMs(): number;
  /** Waits until it is this one's turn. */
  turn(who: string, step?: Step): Promise<void>;
  sleep(who: string, ms: number): Promise<void>;
  /** While it is paused, nothing of it gets a turn. */
  pause(who: string): void;
  resume(who: string): void;
  /** Nothing of it ever gets a turn again. */
  kill(who: string): void;
  /** What must have ended before `run` does. */
  spawn(task: Promise<void>): void;
  /** Gives turns until all tasks have ended. `between` is called before each. */
  run(between?: () => void): Promise<void>;
}

/** A turn may take a while: reads and writes of real networks do. */
const LONGEST_TURN_MS = 40;
const TURNS_AT_MOST = 200_000;

export function createScheduler(dice: Dice): Scheduler {
  const parked: Parked[] = [];
  const sleepers: Sleeper[] = [];
  const paused = new Set<string>();
  const dead = new Set<string>();
  let nowMs = 0;
  let open = 0;
  let failure: unknown;
  let isRunning = false;

  /** Until everything that can go on without a turn has done so. */
  async function settle(): Promise<void> {
    for (let quiet = 0, seen = -1; quiet < 3; ) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      const size = parked.length + sleepers.length + open;
      quiet = size === seen ? quiet + 1 : 0;
      seen = size;
    }
  }

  function park(list: Parked[], entry: Omit<Sleeper, 'release' | 'abandon'>): Promise<void> {
    return new Promise((release, abandon) => list.push({ ...entry, release, abandon }));
  }

  function assertAlive(who: string): void {
    if (dead.has(who)) throw new Error(`${who} died`);
  }

  return {
    nowMs: () => nowMs,
    async turn(who) {
      // Before the run begins the world is set up, one thing after the other.
      if (isRunning) await park(parked, { who, dueMs: 0 });
      else assertAlive(who);
    },
    async sleep(who, ms) {
      if (isRunning) return park(sleepers, { who, dueMs: nowMs + ms });
      assertAlive(who);
      nowMs += ms;
    },
    pause: (who) => paused.add(who),
    resume: (who) => paused.delete(who),
    kill: (who) => dead.add(who),
    spawn(task) {
      open++;
      task
        .catch((error: unknown) => {
          failure ??= error;
        })
        .finally(() => {
          open--;
        });
    },
    async run(between = () => undefined) {
      isRunning = true;
      let idle = 0;
      for (let turns = 0; ; turns++) {
        await settle();
        if (failure !== undefined) throw failure;
        if (open === 0) break;
        if (turns > TURNS_AT_MOST) throw new Error('the model does not come to an end');
        between();
        const ready = parked.filter(({ who }) => !paused.has(who) && !dead.has(who));
        const asleep = sleepers.filter(({ who }) => !paused.has(who) && !dead.has(who));
        if (ready.length === 0 && asleep.length === 0) {
          // Who waited for one that died a moment ago goes on first.
          if (paused.size === 0 && ++idle > 3) throw new Error('everyone waits for nobody');
          paused.clear();
          continue;
        }
        idle = 0;
        // Time goes on while work is done, and jumps where there is nothing else to do.
        if (ready.length === 0 || (asleep.length > 0 && dice.chance(0.2))) {
          const next = asleep.reduce((a, b) => (b.dueMs < a.dueMs ? b : a));
          nowMs = Math.max(nowMs, next.dueMs);
          sleepers.splice(sleepers.indexOf(next), 1);
          next.release();
        } else {
          const next = dice.pick(ready);
          nowMs += dice.below(LONGEST_TURN_MS);
          parked.splice(parked.indexOf(next), 1);
          next.release();
        }
      }
      isRunning = false;
      // Work in the background that still waits would keep its time-outs running, and so the process.
      for (const { abandon } of [...parked, ...sleepers]) abandon(new Error('the run is over'));
    },
  };
}
