/**
 * A request that comes twice is done once: `Idempotency-Key` of the admin API, and the forms of pages. Kept 24 h; a repeat gets the first
 * answer again, without the secret it held. What `work` throws is forgotten, so that the same key may be tried again; so is a request
 * whose process died, after a minute.
 */
import { hash } from 'node:crypto';
import { type Clock, DAY_MS } from '../clock.ts';
import { AppError } from '../errors.ts';
import { isDuplicate, type Storage, text } from '../storage/index.ts';

const KEPT_MS = DAY_MS;
const LONGEST_REQUEST_MS = 60_000;

export interface StoredReply {
  status: number;
  /** JSON, without secrets. */
  body: string;
}

export interface Idempotency {
  /**
   * Runs `work` once per caller and key. Returns the stored reply of an earlier run instead. Throws idempotency_key_reused, idempotency_in_progress,
   * and what `work` throws.
   */
  once(
    request: { callerId: string; key: string; fingerprint: string },
    work: () => Promise<StoredReply>,
  ): Promise<{ replayed: StoredReply } | undefined>;
}

export function createIdempotency({ storage, clock }: { storage: Storage; clock: Clock }): Idempotency {
  const records = storage.collection({
    name: 'idempotency',
    shape: {
      fingerprint: 'string',
      state: text<'running' | 'done'>(),
      lockedUntil: 'date',
      'status?': 'number',
      'body?': 'string',
      createdAt: 'date',
      expiresAt: 'date',
    },
    keys: {},
    order: 'createdAt',
    expires: 'expiresAt',
  });

  return {
    async once({ callerId, key, fingerprint }, work) {
      const id = hash('sha256', `${callerId}\n${key}`, 'hex');
      const now = clock.now();
      const later = (ms: number) => new Date(now.getTime() + ms);
      try {
        const lockedUntil = later(LONGEST_REQUEST_MS);
        await records.insert({
          id,
          fingerprint,
          state: 'running',
          lockedUntil,
          createdAt: now,
          expiresAt: later(KEPT_MS),
        });
      } catch (error) {
        if (!isDuplicate(error, 'id')) throw error;
        const taken = await records.update(id, (record) => {
          const isAbandoned =
            record.state === 'running' && record.lockedUntil <= now && record.fingerprint === fingerprint;
          return isAbandoned ? { ...record, lockedUntil: later(LONGEST_REQUEST_MS) } : undefined;
        });
        if (!taken) throw new AppError('idempotency_in_progress', {}, { cause: error });
        const { before, after } = taken;
        if (before.fingerprint !== fingerprint) throw new AppError('idempotency_key_reused', {}, { cause: error });
        if (before.state === 'done') return { replayed: { status: before.status ?? 200, body: before.body ?? '' } };
        if (before === after) throw new AppError('idempotency_in_progress', {}, { cause: error });
      }
      let reply: StoredReply;
      try {
        reply = await work();
      } catch (error) {
        await records.remove(id);
        throw error;
      }
      await records.update(id, (record) => ({ ...record, state: 'done', ...reply }));
      return undefined;
    },
  };
}
