/**
 * Answers from memory under a lease: an entry lives at most `leaseMs` from the *start* of the authoritative read that made it, by the
 * monotonic clock, and by the wall clock too: a machine that was paused goes on with its monotonic time unspent. Whoever takes something away writes that first and then waits out the lease, so that afterwards no instance can
 * answer with what was true before. Only what was found is remembered, never that nothing was, so that a new token works at once.
 */
import type { Clock } from '../clock.ts';
import { createOldestEntry } from '../http/oldest-entry.ts';

export interface LeaseCache<V> {
  /** From memory where the lease allows it, else by a read; undefined when the read found nothing. Passes on what the read throws. */
  get(key: string): V | Promise<V | undefined>;
  readonly size: number;
}

interface Entry<V> {
  value: V;
  /** Monotonic milliseconds. */
  until: number;
  /** Wall-clock milliseconds. */
  untilTime: number;
}

interface Reading<V> {
  promise: Promise<V | undefined>;
  startedAt: number;
  startedAtTime: number;
}

export interface LeaseCacheOptions<V> {
  read: (key: string) => Promise<V | undefined>;
  clock: Clock;
  /** 0 reads every time. */
  leaseMs: number;
  /** The oldest entry goes when there are more. */
  maxEntries: number;
  onHit?: () => void;
  onMiss?: () => void;
}

export function createLeaseCache<V>({
  read,
  clock,
  leaseMs,
  maxEntries,
  onHit,
  onMiss,
}: LeaseCacheOptions<V>): LeaseCache<V> {
  const entries = new Map<string, Entry<V>>();
  const findOldest = createOldestEntry(entries);
  const readings = new Map<string, Reading<V>>();

  function start(key: string): Promise<V | undefined> {
    const startedAt = clock.monotonicMs();
    const startedAtTime = clock.now().getTime();
    const promise = read(key).then((value) => {
      if (value !== undefined && leaseMs > 0)
        remember(key, { value, until: startedAt + leaseMs, untilTime: startedAtTime + leaseMs });
      return value;
    });
    const reading = { promise, startedAt, startedAtTime };
    readings.set(key, reading);
    const forget = () => {
      if (readings.get(key) === reading) readings.delete(key);
    };
    promise.then(forget, forget);
    return promise;
  }

  function remember(key: string, entry: Entry<V>): void {
    entries.delete(key);
    entries.set(key, entry);
    if (entries.size > maxEntries) {
      const [oldest] = findOldest() ?? [];
      if (oldest !== undefined) entries.delete(oldest);
    }
  }

  /**
   * Joins a read that is under way, so that many requests with one token cost one read. Not when that began longer than a lease ago: a
   * change may have been acknowledged since. And what it did not find may have been made since; then one more read is shared.
   */
  async function join(reading: Reading<V>, key: string): Promise<V | undefined> {
    const value = await reading.promise;
    if (value !== undefined) return value;
    const later = readings.get(key);
    return later && later !== reading ? later.promise : start(key);
  }

  return {
    get(key) {
      const now = clock.monotonicMs();
      const entry = entries.get(key);
      if (entry) {
        if (now < entry.until && clock.now().getTime() < entry.untilTime) {
          onHit?.();
          return entry.value;
        }
        entries.delete(key);
      }
      onMiss?.();
      const reading = readings.get(key);
      const isFresh =
        reading && now - reading.startedAt < leaseMs && clock.now().getTime() - reading.startedAtTime < leaseMs;
      return isFresh ? join(reading, key) : start(key);
    },
    get size() {
      return entries.size;
    },
  };
}
