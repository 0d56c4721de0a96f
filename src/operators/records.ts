import { outboxShape } from '../audit/index.ts';
import type { Role } from '../credentials/index.ts';
import { AppError } from '../errors.ts';
import { type Stored, text } from '../storage/index.ts';

export const OPERATOR_ROLES = ['owner', 'admin', 'viewer'] as const satisfies Role[];
export type OperatorRole = (typeof OPERATOR_ROLES)[number];

export const operatorShape = {
  name: 'string',
  /** Lower case. */
  'email?': 'string',
  role: text<OperatorRole>(),
  'disabledAt?': 'date',
  'passwordHash?': 'string',
  /** The secret of the second factor, sealed; `totpUsed` is the last time step whose code was taken. */
  'totp?': 'string',
  'totpUsed?': 'number',
  /** Issuer and subject at the vendor's own OpenID provider, which alone says who they are and what they may. */
  'subject?': 'string',
  createdAt: 'date',
  'lastSignInAt?': 'date',
  /** Only the very first one has it; unique, so that instances which start together make one. */
  'initial?': 'string',
  ...outboxShape,
} as const;

export type Operator = Stored<typeof operatorShape>;

/** Where a request comes from. */
export interface Origin {
  address: string;
  userAgent?: string | undefined;
  requestId: string;
}

export function actorOf({ id, name }: Operator) {
  return { type: 'operator' as const, id, name };
}

/** As it is kept and compared. Throws invalid_request. */
export function emailOf(given: string | undefined): string | undefined {
  if (given === undefined || given.trim() === '') return undefined;
  const email = given.trim().toLowerCase();
  if (/^[^\s@]{1,64}@[^\s@]{1,190}$/.test(email)) return email;
  throw new AppError('invalid_request', {
    detail: `E-mail address: given ${email.slice(0, 100)}; wanted one such as dana@example.com.`,
  });
}
