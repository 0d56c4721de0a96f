/**
 * Keeps an address that only ever sends what is refused from costing a read or a digest: far beyond its limit it is answered 429 at once. An
 * address from which something was accepted lately is spared, since many customers of one IdP share its addresses. What is answered so is
 * counted here and told with the next round.
 */
import { type Clock, DAY_MS } from '../clock.ts';
import type { Limiter } from '../http/limiter.ts';
import { createOldestEntry } from '../http/oldest-entry.ts';

/** What is answered at once, several times over. */
export interface Held<A> {
  /** The latest of them. */
  attempt: A;
  times: number;
}

/** How many times its limit of refusals an address has used up before it is not looked at any more. */
const FLOOD = 4;
const SPARED_MS = DAY_MS;
const MOST_SPARED = 10_000;
/** Pairs of address and directory that are told apart between two rounds; all others are told without either. */
const MOST_HELD = 50;
const OTHERS = '';

export function createFloods<A>({ byAddress, clock }: { byAddress: Limiter; clock: Clock }) {
  /** Network -> monotonic time of the latest acceptance, the oldest first. */
  const spared = new Map<string, number>();
  const findOldest = createOldestEntry(spared);
  let held = new Map<string, Held<A>>();

  return {
    /** Something from this network was accepted. */
    spare(network: string): void {
      const now = clock.monotonicMs();
      const last = spared.get(network);
      // Once a minute is enough to keep its place.
      if (last !== undefined && now - last < 60_000) return;
      spared.delete(network);
      spared.set(network, now);
      const [oldest] = findOldest() ?? [];
      if (spared.size > MOST_SPARED && oldest !== undefined) spared.delete(oldest);
    },

    /** Seconds to wait for a network that is not looked at any more. */
    waitOf(network: string): number | undefined {
      const wait = byAddress.waitOf(network, FLOOD);
      if (wait === undefined) return undefined;
      const last = spared.get(network);
      return last !== undefined && clock.monotonicMs() - last < SPARED_MS ? undefined : wait;
    },

    hold(network: string, directory: string | undefined, attempt: A): void {
      const key = `${network} ${directory ?? ''}`;
      const known = held.get(key);
      const entry = known ?? (held.size < MOST_HELD ? undefined : held.get(OTHERS));
      if (entry) {
        entry.times++;
        if (known) entry.attempt = attempt;
      } else held.set(held.size < MOST_HELD ? key : OTHERS, { attempt, times: 1 });
    },

    /** What was held since the last call; `isMixed`: of several addresses and directories. */
    release(): (Held<A> & { isMixed: boolean })[] {
      const released = [...held].map(([key, entry]) => ({ ...entry, isMixed: key === OTHERS }));
      held = new Map();
      return released;
    },
  };
}
