/** How often somebody may be wrong. Counted by each instance for itself. */
import { hash } from 'node:crypto';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { AppError } from '../errors.ts';
import { networkOf } from '../http/request-context.ts';

const QUARTER_HOUR = 900;
const HOUR = 3600;
/** Wrong passwords of one network for one account, and of one network in all. */
const FOR_ACCOUNT = 8;
const FOR_NETWORK = 40;
/** Wrong codes after a right password, wherever they come from: whoever sends them knows half of it. */
const CODES = 10;

interface Limit {
  limiter: RateLimiterMemory;
  key: string;
}

export type Tries = ReturnType<typeof createTries>;

export function createTries() {
  const forAccount = new RateLimiterMemory({ points: FOR_ACCOUNT, duration: QUARTER_HOUR });
  const forNetwork = new RateLimiterMemory({ points: FOR_NETWORK, duration: QUARTER_HOUR });
  const codes = new RateLimiterMemory({ points: CODES, duration: HOUR });

  /**
   * A try is counted before it is made and given back when it was right, so that many at once are no more than many in a row.
   * Throws rate_limited, and what `look` throws.
   */
  async function counted<T>(limits: Limit[], look: () => Promise<T | undefined>): Promise<T | undefined> {
    for (const { limiter, key } of limits) {
      const { consumedPoints, msBeforeNext } = await limiter.penalty(key);
      if (consumedPoints > limiter.points)
        throw new AppError('rate_limited', { retryAfterSeconds: Math.ceil(msBeforeNext / 1000) });
    }
    let isFault = true;
    let found: T | undefined;
    try {
      found = await look();
      isFault = false;
    } finally {
      if (isFault || found !== undefined) for (const { limiter, key } of limits) await limiter.reward(key);
    }
    return found;
  }

  return {
    password<T>(account: string, address: string, look: () => Promise<T | undefined>): Promise<T | undefined> {
      const network = networkOf(address);
      const limits = [
        { limiter: forAccount, key: hash('sha256', `${network} ${account}`, 'hex') },
        { limiter: forNetwork, key: network },
      ];
      return counted(limits, look);
    },
    code<T>(operatorId: string, look: () => Promise<T | undefined>): Promise<T | undefined> {
      return counted([{ limiter: codes, key: operatorId }], look);
    },
  };
}
