/** What the API reads and answers of more than one resource; the rest is with its resource. One schema serves validation, the OpenAPI document and its readable page. */
import { z } from 'zod';
import { ROLES, type UsageTotal } from '../credentials/index.ts';
import { IDENTITY_PROVIDER_IDS } from '../identity-providers/index.ts';
import { holdsSecret } from '../secrets/redaction.ts';

const LONGEST_NAME = 200;

/** Written so that the engines of other languages read it: some know neither the class Cc nor escapes of Unicode. */
const CONTROLS = String.raw`\x00-\x1f\x7f-\x9f`;
const NO_CONTROL_CHARACTERS = new RegExp(`^[^${CONTROLS}]*$`);

/** One line of text. */
export const line = z.string().trim().regex(NO_CONTROL_CHARACTERS, 'expected no control characters');

export const name = line
  .min(1, 'expected at least one character')
  .max(LONGEST_NAME, `expected at most ${LONGEST_NAME} characters`)
  .refine((text) => !holdsSecret(text), 'expected a name without a token, key or secret in it');

/** Times are kept as text of four-digit years; beyond those they would sort wrongly. */
const FIRST_TIME = new Date('1970-01-01T00:00:00.000Z');
const LAST_TIME = new Date('9998-12-31T23:59:59.999Z');

export const time = z.iso
  .datetime({ offset: true, message: 'expected a time such as 2027-01-31T12:00:00Z' })
  .transform((value) => new Date(value))
  .refine((value) => value >= FIRST_TIME && value <= LAST_TIME, 'expected a time between the years 1970 and 9998');
export const shownTime = z.iso.datetime();

export const paging = {
  limit: z.coerce.number().int().min(1).max(200).default(50).describe('Maximum number of items, 1 to 200.'),
  after: z.string().max(1000).optional().describe('`nextCursor` of the previous page.'),
};

/** A secret in an answer. The store keeps a digest, so a repeat of the request can't show it again. */
export const shownOnce = z
  .string()
  .optional()
  .describe("Shown only once. A retry with the same Idempotency-Key doesn't return it.");

export const provider = z.enum(IDENTITY_PROVIDER_IDS);
export const role = z.enum(ROLES);
export const expiresAt = time.nullable().optional().describe('null or absent: never.');

export function listOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable().describe('null on the last page') });
}

export const actorView = z.object({ type: z.string(), id: z.string().nullable(), name: z.string() });

export function viewActor({ type, id, name: shownName }: { type: string; id?: string; name: string }) {
  return { type, id: id ?? null, name: shownName };
}

export const originView = z.object({ address: z.string(), userAgent: z.string().nullable() }).nullable();

export function viewOrigin(total: { lastUsedFrom?: UsageTotal['lastUsedFrom'] | undefined } | undefined) {
  return total?.lastUsedFrom
    ? { address: total.lastUsedFrom.address, userAgent: total.lastUsedFrom.userAgent ?? null }
    : null;
}
