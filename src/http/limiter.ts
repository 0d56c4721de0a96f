/**
 * Counts in a fixed window per key, in bounded memory: beyond `maxKeys` the oldest key goes. Keys are chosen by callers, so an attacker with
 * that many of them loses counts of its own first. Each instance counts for itself; the workers of one share what they count.
 */
import type { Clock } from '../clock.ts';
import { createOldestEntry } from './oldest-entry.ts';

/**
 * Lets all workers of an instance count the same: the object, with calls of these methods made in each of them. Alone, it is the object itself.
 */
export type Share = <T extends object>(name: string, object: T, methods: readonly (keyof T & string)[]) => T;

/** The methods of a limiter that count. */
export const COUNTING = ['take', 'giveBack'] as const;

export interface Limiter {
  /** Counts once; seconds to wait when that was more than `points`. */
  take(key: string): number | undefined;
  /** Takes one count back. */
  giveBack(key: string): void;
  /** Seconds to wait when `key` has more than `factor` times its points already; counts nothing. */
  waitOf(key: string, factor?: number): number | undefined;
  readonly size: number;
}

interface Count {
  count: number;
  /** Monotonic milliseconds. */
  until: number;
}

/** Ended windows that each count clears away, so that memory comes back without a timer. */
const CLEARED_AT_ONCE = 4;

export function createLimiter(options: {
  points: number;
  windowMs: number;
  maxKeys: number;
  clock: Pick<Clock, 'monotonicMs'>;
}): Limiter {
  const { points, windowMs, maxKeys, clock } = options;
  /** In the order of their windows' ends, since all windows are equally long. */
  const counts = new Map<string, Count>();
  const findOldest = createOldestEntry(counts);

  function clear(now: number): void {
    for (let cleared = 0; cleared < CLEARED_AT_ONCE; cleared++) {
      const [key, entry] = findOldest() ?? [];
      if (key === undefined || entry === undefined || (entry.until > now && counts.size <= maxKeys)) return;
      counts.delete(key);
    }
  }

  function secondsUntil(until: number, now: number): number {
    return Math.max(1, Math.ceil((until - now) / 1000));
  }

  return {
    take(key) {
      const now = clock.monotonicMs();
      let entry = counts.get(key);
      if (!entry || entry.until <= now) {
        counts.delete(key);
        entry = { count: 0, until: now + windowMs };
        counts.set(key, entry);
        clear(now);
      }
      entry.count++;
      return entry.count > points ? secondsUntil(entry.until, now) : undefined;
    },
    giveBack(key) {
      const entry = counts.get(key);
      if (entry && entry.count > 0) entry.count--;
    },
    waitOf(key, factor = 1) {
      const entry = counts.get(key);
      if (!entry || entry.count <= points * factor) return undefined;
      const now = clock.monotonicMs();
      return entry.until <= now ? undefined : secondsUntil(entry.until, now);
    },
    get size() {
      return counts.size;
    },
  };
}
