import { outboxShape } from '../audit/index.ts';
import type { Role } from '../credentials/index.ts';
import { AppError } from '../errors.ts';
import { json, type Stored, text } from '../storage/index.ts';

export interface Passkey {
  /** The credential ID, in base64url. */
  id: string;
  name: string;
  /** COSE, in base64url. */
  publicKey: string;
  counter: number;
  transports: string[];
  /** ISO times. */
  createdAt: string;
  lastUsedAt?: string;
}

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
  /** Made for the public URL; each counts as two factors. */
  'passkeys?': json<Passkey[]>(),
  /** When the latest challenge that a passkey answered was made, in milliseconds: none before it is taken. */
  'passkeyAskedAt?': 'number',
  /** Digests of the codes that are left. */
  'recoveryCodes?': 'strings',
  /** Issuer and subject at the vendor's own OpenID provider, which alone says who they are and what they may. */
  'subject?': 'string',
  createdAt: 'date',
  'lastSignInAt?': 'date',
  /** Only the very first one has it; unique, so that instances which start together make one. */
  'initial?': 'string',
  ...outboxShape,
} as const;

export type Operator = Stored<typeof operatorShape>;

/** Whether a password or a link alone does not sign in. */
export function hasSecondFactor({ totp, passkeys = [] }: Operator): boolean {
  return totp !== undefined || passkeys.length > 0;
}

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
    detail: `Email must be an address such as dana@example.com. You entered ${email.slice(0, 100)}.`,
  });
}
