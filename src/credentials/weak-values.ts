/**
 * Values of other systems that could be guessed. An owner may import one all the same; its digest is then keyed with what only the instance
 * knows, so that a dump of the store alone cannot be searched (docs/decisions/0014).
 */
import { createHmac } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { AppError } from '../errors.ts';
import { deriveKey } from '../secrets/sealing.ts';
import { estimateStrength, STRONG_BITS } from '../secrets/strength.ts';
import { isDuplicate, type Storage } from '../storage/index.ts';
import type { Digest } from './static-token.ts';

const PREFIX = 'keyed:';
const MARK = 'credentials';

export interface WeakValues {
  /** The digest of a weak value, made of its plain one. */
  keyed(digest: Digest): Digest;
  /** Whether the store may hold weak credentials: then a value that is not found is looked up by its keyed digest too. */
  mayExist(): Promise<boolean>;
  /** Before the first one is stored: when this has resolved, every instance looks for it. */
  announce(): Promise<void>;
}

/** Whether a stored digest is that of a weak value. */
export function isKeyed(digest: string | undefined): boolean {
  return digest?.startsWith(PREFIX) ?? false;
}

/** What is shown of a value of which not even the last characters may be. */
export const UNKNOWN_HINT = '????';

/**
 * How an imported value is kept. `value` is absent beside a digest, whose value nobody can judge: it is kept as strong unless the caller
 * says otherwise. Throws weak_value unless `allowWeak`.
 */
export async function assertStrongEnough(
  path: string,
  value: string | undefined,
  allowWeak: boolean | undefined,
): Promise<'strong' | 'weak'> {
  if (value === undefined) return allowWeak ? 'weak' : 'strong';
  const { bits, because } = await estimateStrength(value);
  if (bits >= STRONG_BITS) return 'strong';
  if (allowWeak) return 'weak';
  const estimatedBits = Math.floor(bits);
  const of = because.length === 0 ? 'its length' : because.join(', ');
  throw new AppError('weak_value', {
    detail: `${path} can be guessed: about ${estimatedBits} bits by our estimate (it is made of ${of}); at least ${STRONG_BITS} are needed. Issue a new one, or let an owner import it with allowWeak.`,
    errors: [{ path, given: `${estimatedBits} bits`, wanted: `${STRONG_BITS} bits or more` }],
    estimatedBits,
    wantedBits: STRONG_BITS,
  });
}

export function createWeakValues(deps: {
  storage: Storage;
  clock: Clock;
  secret: string;
  leaseMs: number;
  waitOutLease: () => Promise<void>;
}): WeakValues {
  const { storage, clock, secret, leaseMs, waitOutLease } = deps;
  const marks = storage.collection({ name: 'weak_values', shape: { at: 'date' }, keys: {}, order: 'at' });
  const key = deriveKey(secret, 'digests of weak values');
  let isMarked = false;
  /** Until when memory may say that there is none: like any permission it lives for one lease from the start of its read. */
  let noneUntil = { monotonic: Number.NEGATIVE_INFINITY, time: Number.NEGATIVE_INFINITY };

  async function read(): Promise<boolean> {
    const until = { monotonic: clock.monotonicMs() + leaseMs, time: clock.now().getTime() + leaseMs };
    isMarked = (await marks.find(MARK, { authoritative: true })) !== undefined;
    if (!isMarked) noneUntil = until;
    return isMarked;
  }

  return {
    keyed: (digest) => `${PREFIX}${createHmac('sha256', key).update(digest).digest('hex')}`,

    async mayExist() {
      if (isMarked) return true;
      if (clock.monotonicMs() < noneUntil.monotonic && clock.now().getTime() < noneUntil.time) return false;
      return read();
    },

    async announce() {
      if (isMarked) return;
      await marks.insert({ id: MARK, at: clock.now() }).catch((error: unknown) => {
        if (!isDuplicate(error, 'id')) throw error;
      });
      // Also when another import was first: it may have been cut off before it could wait.
      await waitOutLease();
      isMarked = true;
    },
  };
}
