/** The closed list of reasons why a presented credential is refused. What it tells people is in docs/errors.md; the wire says less. */
export const DENIAL_REASONS = {
  missing: { status: 401, meaning: 'No credential was presented.' },
  malformed: {
    status: 401,
    meaning: 'What was presented cannot be a credential: shape, checksum, blanks inside, or two tokens.',
  },
  unknown: { status: 401, meaning: 'Nothing is known of the presented value.' },
  revoked: { status: 401, meaning: 'The credential was revoked.' },
  expired: { status: 401, meaning: 'The credential has reached its end.' },
  disabled: { status: 401, meaning: 'The credential is disabled.' },
  wrong_directory: { status: 401, meaning: 'The credential belongs to another directory.' },
  directory_disabled: { status: 403, meaning: 'The directory is disabled.' },
  directory_unknown: { status: 401, meaning: 'There is no such directory.' },
  insufficient_scope: { status: 403, meaning: 'The credential may read only.' },
  foreign_token: { status: 401, meaning: 'The value is a JWT of another issuer.' },
  rate_limited: { status: 429, meaning: 'Too many refused requests from this address or for this directory.' },
} as const satisfies Record<string, { status: 401 | 403 | 429; meaning: string }>;

export type DenialReason = keyof typeof DENIAL_REASONS;

export interface Denial {
  reason: DenialReason;
  /** The directory as it was asked for, where the decision needed no look at it. */
  reference?: string;
  organizationId?: string;
  directoryId?: string;
  credentialId?: string;
  /** Where else it is told: at the directory of a token that was sent to the address of another one. */
  own?: { organizationId: string; directoryId: string; credentialId: string };
  /** Last four characters of a static token that we know. */
  hint?: string;
  /** With `rate_limited`: what it would have been, and after how many seconds to try again. */
  cause?: DenialReason;
  retryAfterSeconds?: number;
}
