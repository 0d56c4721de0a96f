/**
 * Looks up the names of other servers. The system's resolver works on two names at a time in each process, and a name whose DNS servers are
 * silent holds one of these places for seconds. Anyone who may set a URL can bring such names. So the name that is expected to be quickest goes
 * first, and slow ones have one place together.
 */
import { ADDRCONFIG, type LookupAddress } from 'node:dns';
import { lookup, Resolver } from 'node:dns/promises';
import type { Clock } from '../clock.ts';

/** All addresses of a name. Rejects as the system's resolver does. */
export type LookUpName = (hostname: string) => Promise<LookupAddress[]>;

/** The threads that libuv lends to lookups, out of its four. What is more would wait there, where nothing goes first. */
const AT_ONCE = 2;
const SLOW_AT_ONCE = 1;
const SLOW_MS = 1000;
/** How long a name took is forgotten of those that were looked up the longest time ago. */
const REMEMBERED = 10_000;

interface Waiting {
  expectedMs: number;
  begin: () => void;
}

export function createNameLookups(deps: {
  clock: Pick<Clock, 'monotonicMs'>;
  /** The system's, which knows all that the administrator has set up. */
  resolve?: LookUpName;
  /** Asks for a new name without a place: ends when its servers have said something, or have been silent for a second. */
  probe?: (hostname: string) => Promise<unknown>;
}): LookUpName {
  const { clock, resolve = systemLookup, probe = createProbe() } = deps;
  const tookMs = new Map<string, number>();
  const underWay = new Map<string, Promise<LookupAddress[]>>();
  const waiting = new Set<Waiting>();
  let running = 0;
  let slow = 0;

  function startNext(): void {
    if (running >= AT_ONCE) return;
    let next: Waiting | undefined;
    for (const one of waiting) if (one.expectedMs < (next?.expectedMs ?? Number.POSITIVE_INFINITY)) next = one;
    if (!next || (next.expectedMs >= SLOW_MS && slow >= SLOW_AT_ONCE)) return;
    waiting.delete(next);
    next.begin();
  }

  async function timed<T>(hostname: string, work: (hostname: string) => Promise<T>): Promise<T> {
    const startedAt = clock.monotonicMs();
    try {
      return await work(hostname);
    } finally {
      tookMs.delete(hostname);
      const [oldest] = tookMs.size >= REMEMBERED ? tookMs.keys() : [];
      if (oldest !== undefined) tookMs.delete(oldest);
      tookMs.set(hostname, clock.monotonicMs() - startedAt);
    }
  }

  async function take(hostname: string): Promise<LookupAddress[]> {
    if (!tookMs.has(hostname)) await timed(hostname, probe);
    const expectedMs = tookMs.get(hostname) ?? 0;
    const share = expectedMs >= SLOW_MS ? 1 : 0;
    await new Promise<void>((go) => {
      const begin = () => {
        running++;
        slow += share;
        go();
      };
      waiting.add({ expectedMs, begin });
      startNext();
    });
    try {
      return await timed(hostname, resolve);
    } finally {
      running--;
      slow -= share;
      underWay.delete(hostname);
      startNext();
    }
  }

  return (hostname) => {
    const going = underWay.get(hostname) ?? take(hostname);
    underWay.set(hostname, going);
    return going;
  };
}

const systemLookup: LookUpName = (hostname) => lookup(hostname, { all: true, hints: ADDRCONFIG });

function createProbe(): (hostname: string) => Promise<unknown> {
  const resolver = new Resolver({ timeout: SLOW_MS, tries: 1 });
  return async (hostname) => {
    // A name of one label is the administrator's own, and needs no DNS.
    if (!hostname.includes('.')) return;
    const asked = [resolver.resolve4(hostname), resolver.resolve6(hostname)];
    await Promise.any(asked).catch(() => undefined);
  };
}
