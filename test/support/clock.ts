import type { Clock } from '../../src/clock.ts';

/**
 * A clock that stands still until it is moved. `wait` moves it, so that code which waits out a lease finds it over. It starts
 * tomorrow at noon, since MongoDB sweeps expired records by the real time.
 */
export interface MovableClock extends Clock {
  advance(ms: number): void;
  /** Somebody sets the time: the monotonic clock stays. */
  step(ms: number): void;
}

export function createMovableClock(start = tomorrowAtNoon()): MovableClock {
  let now = Date.parse(start);
  let monotonic = 1000;
  const advance = (ms: number) => {
    now += ms;
    monotonic += ms;
  };
  return {
    now: () => new Date(now),
    monotonicMs: () => monotonic,
    advance,
    step(ms) {
      now += ms;
    },
    async wait(ms) {
      advance(ms);
    },
  };
}

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

function tomorrowAtNoon(): string {
  return `${new Date(Date.now() + DAY).toISOString().slice(0, 10)}T12:00:00.000Z`;
}
