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

/**
 * What exactly was wrong with the presented value, decided where the value is at hand. The event keeps this word; the value is kept
 * nowhere. Each reason lists its own; a reason that is not listed says everything by itself.
 */
export const SUB_REASONS = {
  malformed: [
    'token_truncated',
    'token_mistyped',
    'token_doubled',
    'token_with_blanks',
    'token_too_long',
    'scheme_twice',
    'scheme_basic',
    'scheme_unknown',
    'header_name_in_value',
    'value_quoted',
    'header_twice',
    'client_secret_presented',
    'client_id_presented',
    'refresh_token_presented',
    'api_key_presented',
    'portal_link_presented',
    'endpoint_url_presented',
    'token_unknown',
  ],
  unknown: [
    'token_unknown',
    'client_secret_presented',
    'client_id_presented',
    'refresh_token_presented',
    'api_key_presented',
    'portal_link_presented',
    'endpoint_url_presented',
  ],
  foreign_token: ['idp_own_token', 'foreign_token'],
  revoked: ['token_revoked', 'token_replaced', 'connection_ended'],
  directory_unknown: ['wrong_endpoint_key', 'wrong_path', 'doubled_slash'],
} as const satisfies Partial<Record<DenialReason, readonly string[]>>;

export type SubReasons = { [R in keyof typeof SUB_REASONS]: (typeof SUB_REASONS)[R][number] };
export type SubReason = SubReasons[keyof SubReasons];

export interface Denial {
  reason: DenialReason;
  subReason?: SubReason;
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
  /** Leads to the explanation; the same for whatever was presented. */
  why?: string;
}
