/** How often people are asked to confirm: anyone who can name a contact could otherwise fill a stranger's mailbox from the vendor's address. */
import { hash } from 'node:crypto';
import { type Clock, DAY_MS, HOUR_MS, MINUTE_MS } from '../clock.ts';
import { AppError } from '../errors.ts';
import { counted } from '../sentences.ts';
import { isDuplicate, json, type Storage } from '../storage/index.ts';

export interface Confirmations {
  /**
   * Takes one of the `most` emails an hour of a scope, and the only one to this mailbox, which gets no more than three a day; `isFromPortal`:
   * and no more than ten a day from all customers. Throws confirmations_limited.
   */
  take(asked: { scope: string; email: string; most: number; isFromPortal: boolean }): Promise<void>;
}

const MOST_A_DAY = 3;
/** One person may have many organizations, and a consultant may serve as many customers. */
const MOST_OF_ALL_A_DAY = 10;

interface Sent {
  digest: string;
  /** Milliseconds since 1970. */
  at: number;
}

/** No more than `most` of them within so long. */
interface Limit {
  of: (sent: Sent) => boolean;
  most: number;
  withinMs: number;
}

export function createConfirmations({ storage, clock }: { storage: Storage; clock: Clock }): Confirmations {
  // One record for each scope and mailbox, with the last day alone: it outlives the contacts, and can't grow.
  const asked = storage.collection({
    name: 'confirmations',
    shape: { asked: json<Sent[]>(), createdAt: 'date', expiresAt: 'date' },
    keys: {},
    order: 'createdAt',
    expires: 'expiresAt',
  });

  /** With one more, or the time from which there may be. */
  function next(before: Sent[], digest: string, limits: readonly Limit[]): { asked: Sent[] } | { freeAt: number } {
    const now = clock.now().getTime();
    // A time ahead of us was written by a clock that was wrong.
    const today = before.filter(({ at }) => at <= now && now - at < DAY_MS);
    const ends = limits.map(({ of, most, withinMs }) => (today.filter(of).at(-most)?.at ?? now - withinMs) + withinMs);
    const freeAt = Math.max(...ends);
    return freeAt > now ? { freeAt } : { asked: [...today, { digest, at: now }] };
  }

  async function count(id: string, digest: string, limits: readonly Limit[]): Promise<void> {
    const keep = (list: Sent[]) => ({ asked: list, expiresAt: new Date(clock.now().getTime() + DAY_MS) });
    for (;;) {
      let freeAt: number | undefined;
      const known = await asked.update(id, (record) => {
        const step = next(record.asked, digest, limits);
        freeAt = 'freeAt' in step ? step.freeAt : undefined;
        return 'asked' in step ? { ...record, ...keep(step.asked) } : undefined;
      });
      if (freeAt !== undefined) throw limited(freeAt - clock.now().getTime());
      if (known) return;
      const first = { id, createdAt: clock.now(), ...keep([{ digest, at: clock.now().getTime() }]) };
      try {
        await asked.insert(first);
        return;
      } catch (error) {
        // Another one came first, and has made the record.
        if (!isDuplicate(error, 'id')) throw error;
      }
    }
  }

  return {
    async take({ scope, email, most, isFromPortal }) {
      const digest = hash('sha256', mailboxOf(email), 'hex');
      const isSame = (sent: Sent) => sent.digest === digest;
      await count(scope, digest, [
        { of: isSame, most: 1, withinMs: HOUR_MS },
        { of: isSame, most: MOST_A_DAY, withinMs: DAY_MS },
        { of: () => true, most, withinMs: HOUR_MS },
      ]);
      if (isFromPortal) await count(digest, digest, [{ of: isSame, most: MOST_OF_ALL_A_DAY, withinMs: DAY_MS }]);
    },
  };
}

/** `kim+anything@` leads to `kim@`. */
function mailboxOf(email: string): string {
  return email.replace(/\+[^@]*(?=@)/, '');
}

function limited(waitMs: number): AppError {
  const minutes = Math.ceil(waitMs / MINUTE_MS);
  const hours = Math.ceil(waitMs / HOUR_MS);
  const wait = hours > 1 ? counted(hours, 'hour') : counted(minutes, 'minute');
  return new AppError('confirmations_limited', {
    detail: `Too many confirmation emails were sent recently. Try again in ${minutes === 1 ? 'a minute' : wait}.`,
    retryAfterSeconds: Math.ceil(waitMs / 1000),
  });
}
