/** How often somebody may be wrong. Counted by each instance for itself, with all of its workers. */
import { hash } from 'node:crypto';
import { type Clock, DAY_MS, HOUR_MS } from '../clock.ts';
import { AppError } from '../errors.ts';
import { COUNTING, createLimiter, type Limiter, type Share } from '../http/limiter.ts';
import { networkOf } from '../http/request-context.ts';
import { createBackOff } from './back-off.ts';

const QUARTER_HOUR_MS = 900_000;
/** Accounts and networks whose tries are counted at a time, each some 200 bytes. */
const MOST_KEYS = 20_000;
/** Wrong passwords of one network for one account, and of one network in all. */
const FOR_ACCOUNT = 8;
const FOR_NETWORK = 40;
/** Wrong codes after a right password, wherever they come from: their sender knows half of the proof. */
const CODES = 10;
/** Wrong passwords for one account from wherever; after them the waits double up to a quarter of an hour. */
const FREE_TRIES = 10;

interface Limit {
  limiter: Pick<Limiter, 'take' | 'giveBack'>;
  key: string;
}

export type Tries = ReturnType<typeof createTries>;

export function createTries(clock: Clock, share: Share) {
  const bounds = { maxKeys: MOST_KEYS, clock };
  const quarter = { ...bounds, windowMs: QUARTER_HOUR_MS };
  const forAccount = share('tries of account', createLimiter({ ...quarter, points: FOR_ACCOUNT }), COUNTING);
  const forNetwork = share('tries of network', createLimiter({ ...quarter, points: FOR_NETWORK }), COUNTING);
  const everywhere = share(
    'tries everywhere',
    createBackOff({ ...bounds, free: FREE_TRIES, firstMs: 1000, mostMs: QUARTER_HOUR_MS, forgetMs: DAY_MS }),
    [...COUNTING, 'forget'],
  );
  const codes = share('codes', createLimiter({ ...bounds, points: CODES, windowMs: HOUR_MS }), COUNTING);

  /**
   * A try is counted before it is made and given back when it was right, so that many at once are no more than many in a row.
   * Throws rate_limited, and what `look` throws.
   */
  async function within<T>(limits: Limit[], look: () => Promise<T | undefined>): Promise<T | undefined> {
    for (const { limiter, key } of limits) {
      const retryAfterSeconds = limiter.take(key);
      if (retryAfterSeconds !== undefined) throw new AppError('rate_limited', { retryAfterSeconds });
    }
    let isFault = true;
    let found: T | undefined;
    try {
      found = await look();
      isFault = false;
    } finally {
      if (isFault || found !== undefined) for (const { limiter, key } of limits) limiter.giveBack(key);
    }
    return found;
  }

  return {
    async password<T>(account: string, address: string, look: () => Promise<T | undefined>): Promise<T | undefined> {
      const network = networkOf(address);
      // The network first: beyond its limit no account is looked at, nor remembered.
      const wait = forNetwork.waitOf(network);
      if (wait !== undefined) throw new AppError('rate_limited', { retryAfterSeconds: wait });
      const everyone = hash('sha256', account, 'hex');
      const limits = [
        { limiter: forNetwork, key: network },
        { limiter: forAccount, key: hash('sha256', `${network} ${account}`, 'hex') },
        { limiter: everywhere, key: everyone },
      ];
      const found = await within(limits, look);
      if (found !== undefined) everywhere.forget(everyone);
      return found;
    },
    passkey<T>(address: string, look: () => Promise<T | undefined>): Promise<T | undefined> {
      return within([{ limiter: forNetwork, key: networkOf(address) }], look);
    },
    code<T>(operatorId: string, look: () => Promise<T | undefined>): Promise<T | undefined> {
      return within([{ limiter: codes, key: operatorId }], look);
    },
  };
}
