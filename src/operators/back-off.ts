/**
 * Makes guesses at one account wait longer with each wrong try, no matter how many addresses they come from. In bounded memory: beyond `maxKeys` the
 * key that was wrong the longest ago goes.
 */
import type { Clock } from '../clock.ts';
import { createOldestEntry } from '../http/oldest-entry.ts';

export interface BackOff {
  /** Counts a try before it is made; seconds to wait when it must not be made yet. */
  take(key: string): number | undefined;
  /** Takes the count of one try back, since it was not wrong. */
  giveBack(key: string): void;
  /** Forgets what was wrong before. */
  forget(key: string): void;
}

interface Count {
  wrong: number;
  /** Monotonic milliseconds; when the next try may be made. */
  openAt: number;
  /** When it all is forgotten. */
  until: number;
}

/** `free`: wrong tries without a wait. After that the waits double from `firstMs` to `mostMs`; without a try for `forgetMs` all is forgotten. */
export function createBackOff(options: {
  free: number;
  firstMs: number;
  mostMs: number;
  forgetMs: number;
  maxKeys: number;
  clock: Pick<Clock, 'monotonicMs'>;
}): BackOff {
  const { free, firstMs, mostMs, forgetMs, maxKeys, clock } = options;
  /** In the order of their latest tries. */
  const counts = new Map<string, Count>();
  const findOldest = createOldestEntry(counts);

  function waitAfter(wrong: number): number {
    return wrong < free ? 0 : Math.min(mostMs, firstMs * 2 ** Math.min(wrong - free, 30));
  }

  function keep(key: string, wrong: number, now: number): void {
    counts.delete(key);
    if (wrong > 0) counts.set(key, { wrong, openAt: now + waitAfter(wrong), until: now + forgetMs });
    for (let oldest = findOldest(); oldest !== undefined; oldest = findOldest()) {
      const [key, { until }] = oldest;
      if (until > now && counts.size <= maxKeys) return;
      counts.delete(key);
    }
  }

  return {
    take(key) {
      const now = clock.monotonicMs();
      const found = counts.get(key);
      const count = found && found.until > now ? found : undefined;
      if (count && count.openAt > now) return Math.max(1, Math.ceil((count.openAt - now) / 1000));
      keep(key, (count?.wrong ?? 0) + 1, now);
      return undefined;
    },
    giveBack(key) {
      const count = counts.get(key);
      if (count) keep(key, count.wrong - 1, clock.monotonicMs());
    },
    forget: (key) => counts.delete(key),
  };
}
