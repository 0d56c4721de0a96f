/** Time is an input: domain code reads it here, tests move it. */
export interface Clock {
  /** Wall-clock time; for records and expiry. */
  now(): Date;
  /** Milliseconds that never jump back; for leases and latencies. */
  monotonicMs(): number;
  /** Resolves when `ms` milliseconds of `monotonicMs` have passed. */
  wait(ms: number): Promise<void>;
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  wait: (ms) => new Promise((resolve) => setTimeout(resolve, Math.ceil(ms))),
};

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** How people read a date, in UTC. Make each format once: that costs more than to format a thousand times. */
export function dateFormat(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-GB', { ...options, timeZone: 'UTC' });
}
