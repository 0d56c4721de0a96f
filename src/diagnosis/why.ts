/**
 * The way from a refusal to its explanation. The detail of a refusal, which identity providers show their administrators, carries a short
 * code. The code is made of the directory as the request named it and of the day, under the server's secret: it is the same whatever was
 * presented, by whom, and whether the directory exists, so it tells nothing; and it costs no read and no write. Where it leads is kept from
 * the audit's events, so only refusals at a directory by its own identity provider have one, and no request makes it grow.
 */
import { createHmac } from 'node:crypto';
import type { AuditEvent } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import { DAY_MS } from '../clock.ts';
import type { Directory } from '../directories/index.ts';
import { type Storage, type Stored, text } from '../storage/index.ts';
import { codeOf } from './causes.ts';
import type { Code } from './codes.ts';

const shape = {
  directoryId: 'string',
  organizationId: 'string',
  /** Of the latest refusal. */
  code: text<Code>(),
  firstAt: 'date',
  lastAt: 'date',
  expiresAt: 'date',
} as const;

/** Its id is the code that the refusal carried. */
export type Why = Stored<typeof shape>;

export interface Whys {
  /** For a refusal at a directory, by its ID or endpoint key as the request named it. */
  codeFor(reference: string): string;
  /** Which refusals a code stands for; undefined for a code that leads nowhere. */
  find(code: string): Promise<Why | undefined>;
  /** Keeps where the codes of a refusal lead. */
  note(event: AuditEvent, directory: Directory): Promise<void>;
  forget(directoryId: string): Promise<void>;
}

const KEPT_DAYS = 30;
const LENGTH = 8;
/** Crockford's: nothing that is mistaken for another when it is read aloud. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const CODE = /^[0-9A-HJKMNP-TV-Z]{8}$/;
/** Longer than any endpoint key. */
const LONGEST_REFERENCE = 100;

export function createWhys({ storage, clock, secret }: { storage: Storage; clock: Clock; secret: string }): Whys {
  const whys = storage.collection({
    name: 'whys',
    shape,
    keys: { directoryId: 'index' },
    order: 'firstAt',
    expires: 'expiresAt',
  });

  function codeOn(day: number, reference: string): string {
    const named = JSON.stringify(['why', day, reference.slice(0, LONGEST_REFERENCE)]);
    const digest = createHmac('sha256', secret).update(named).digest();
    return Array.from(digest.subarray(0, LENGTH), (byte) => ALPHABET[byte % ALPHABET.length]).join('');
  }
  const dayOf = (at: Date) => Math.floor(at.getTime() / DAY_MS);

  return {
    codeFor: (reference) => codeOn(dayOf(clock.now()), reference),

    async find(code) {
      const read = code.toUpperCase();
      return CODE.test(read) ? whys.find(read) : undefined;
    },

    async note(event, { id: directoryId, organizationId, endpointKey }) {
      const code = codeOf(event);
      if (event.type !== 'request.denied' || code === undefined || code === 'token_missing') return;
      const firstAt = event.firstAt ?? event.at;
      const lastAt = event.lastAt ?? event.at;
      const latest = { lastAt, code, expiresAt: new Date(lastAt.getTime() + KEPT_DAYS * DAY_MS) };
      await whys.accumulate(
        [directoryId, endpointKey].map((reference) => ({
          initial: { id: codeOn(dayOf(lastAt), reference), directoryId, organizationId, firstAt, ...latest },
          latest: { by: 'lastAt', values: latest },
        })),
      );
    },

    async forget(directoryId) {
      await whys.removeBy('directoryId', directoryId);
    },
  };
}
