/** How many refused requests an address, or a client, may send in a minute before it is told to wait. A request that is right never counts. */
import type { Clock } from '../clock.ts';
import { networkOf } from '../http/request-context.ts';

const WINDOW_MS = 60_000;
/** Addresses and client IDs are the caller's choice: of more than these, those that were longest silent are forgotten. */
const KEPT = 10_000;

interface Count {
  failures: number;
  endsAt: number;
}

export interface FailureLimits {
  /** Counts a refusal. Gives the seconds to wait, where there were too many. */
  count(address: string, clientId: string | undefined): number | undefined;
}

export function createFailureLimits(deps: { clock: Clock; perAddress: number; perClient: number }): FailureLimits {
  const { clock, perAddress, perClient } = deps;
  const addresses = new Map<string, Count>();
  const clients = new Map<string, Count>();

  function add(counts: Map<string, Count>, key: string, limit: number): number {
    const now = clock.monotonicMs();
    const known = counts.get(key);
    const count = known && known.endsAt > now ? known : { failures: 0, endsAt: now + WINDOW_MS };
    count.failures += 1;
    counts.delete(key);
    counts.set(key, count);
    const [oldest] = counts.keys();
    if (counts.size > KEPT && oldest !== undefined) counts.delete(oldest);
    return count.failures > limit ? Math.ceil((count.endsAt - now) / 1000) : 0;
  }

  return {
    count(address, clientId) {
      const seconds = Math.max(
        add(addresses, networkOf(address), perAddress),
        clientId === undefined ? 0 : add(clients, clientId, perClient),
      );
      return seconds > 0 ? seconds : undefined;
    },
  };
}
