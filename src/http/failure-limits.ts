/** How many refused requests an address, or a client, may send in a minute before it is told to wait. A request that is right never counts. */
import type { Clock } from '../clock.ts';
import { COUNTING, createLimiter, type Share } from './limiter.ts';
import { networkOf } from './request-context.ts';

const WINDOW_MS = 60_000;
/** Addresses and IDs are the caller's choice. */
const KEPT = 10_000;
const LONGEST_ID = 100;

export interface FailureLimits {
  /** Counts a refusal of a client, or of an API key, by the ID that it named. Gives the seconds to wait, where there were too many. */
  count(address: string | undefined, named: string | undefined): number | undefined;
}

export function createFailureLimits(deps: {
  clock: Clock;
  perAddress: number;
  perClient: number;
  share: Share;
}): FailureLimits {
  const { clock, perAddress, perClient, share } = deps;
  const window = { windowMs: WINDOW_MS, maxKeys: KEPT, clock };
  const addresses = share('failures by address', createLimiter({ ...window, points: perAddress }), COUNTING);
  const clients = share('failures by client', createLimiter({ ...window, points: perClient }), COUNTING);

  return {
    count(address, named) {
      const waits = [
        address === undefined ? undefined : addresses.take(networkOf(address)),
        named === undefined ? undefined : clients.take(named.slice(0, LONGEST_ID)),
      ];
      const longest = Math.max(...waits.map((seconds) => seconds ?? 0));
      return longest > 0 ? longest : undefined;
    },
  };
}
