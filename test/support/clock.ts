import type { Clock } from '../../src/clock.ts';

/** A clock that stands still until it is moved. `wait` moves it, so that code which waits out a lease finds it over. */
export interface MovableClock extends Clock {
  advance(ms: number): void;
}

export function createMovableClock(start = '2026-03-01T12:00:00.000Z'): MovableClock {
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
    async wait(ms) {
      advance(ms);
    },
  };
}

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
