/** The closed list of reasons why a credential is refused. `npm run docs:tables` writes docs/errors.md from it; the wire says less. */
export const DENIAL_REASONS = {
  missing: {
    status: 401,
    meaning:
      'The `Authorization` header has no credential. `subReason` says so if a token was somewhere else: in the query, in a header with another name, in a cookie, or in a form body.',
    remedy:
      "Paste the token into the IdP's token field. Latchkey never accepts it from another place. If it was in a URL, replace it, since URLs end up in logs.",
  },
  malformed: {
    status: 401,
    meaning:
      "The value can't be a credential: wrong length or checksum, spaces inside, another scheme such as Basic, or two `Authorization` headers. `subReason` says which.",
    remedy: 'Copy the whole token again. Look for a proxy that adds a header of its own.',
  },
  unknown: {
    status: 401,
    meaning: 'No credential has this value.',
    remedy:
      "Compare the last four characters of the value with the `hint` of the directory's credentials. Paste the right token into the IdP, or import the value.",
  },
  revoked: {
    status: 401,
    meaning: 'The credential was revoked, by a person or at the end of a rotation.',
    remedy: "Paste the current token into the IdP. The credential's events say who revoked it and why.",
  },
  expired: {
    status: 401,
    meaning: 'The credential has expired, or an access token of a connection has. `subReason` says which.',
    remedy:
      "Rotate, or issue a new credential. An expired credential can't be extended. After `access_token_expired`, the connection still works: the IdP has to get a new access token.",
  },
  disabled: {
    status: 401,
    meaning: 'The credential is disabled.',
    remedy: 'Enable the credential. The same value works again immediately.',
  },
  wrong_directory: {
    status: 401,
    meaning: 'The credential belongs to another directory.',
    remedy: 'Copy the base URL and the token from the same directory.',
  },
  directory_disabled: {
    status: 403,
    meaning: 'The directory is disabled.',
    remedy: 'Enable the directory. The same credentials work again.',
  },
  directory_unknown: {
    status: 401,
    meaning: 'No directory has this `endpointKey`.',
    remedy: "Copy the directory's `endpointUrl` into the IdP.",
  },
  insufficient_scope: {
    status: 403,
    meaning: 'The credential is read-only (`scim.read`), but the request would change something.',
    remedy: "Change the credential's scopes to `scim`, or leave the credential read-only.",
  },
  foreign_token: {
    status: 401,
    meaning: 'The value is a JWT from another issuer.',
    remedy: 'Choose a static bearer token in the IdP instead of OAuth with its own issuer.',
  },
  rate_limited: {
    status: 429,
    meaning:
      'Too many refused requests per minute came from this address or to this directory. `data.cause` says why. Well above the limit, Latchkey refuses requests without reading them, unless it has accepted a request from the same address in the last day.',
    remedy:
      'Fix the cause. Accepted requests never count, and valid requests always get through from an address that had one accepted in the last day.',
  },
} as const satisfies Record<string, { status: 401 | 403 | 429; meaning: string; remedy: string }>;

export type DenialReason = keyof typeof DENIAL_REASONS;

/**
 * What exactly was wrong with the presented value, decided where the value is at hand. The event keeps this word; the value is kept
 * nowhere. Each reason lists its own; a reason that is not listed needs none.
 */
export const SUB_REASONS = {
  missing: ['token_in_query', 'token_in_other_header', 'token_in_cookie', 'token_in_body'],
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
    'code_presented',
    'api_key_presented',
    'portal_link_presented',
    'endpoint_url_presented',
    'token_unknown',
    'access_token_unknown',
  ],
  unknown: [
    'token_unknown',
    'access_token_unknown',
    'client_secret_presented',
    'client_id_presented',
    'refresh_token_presented',
    'code_presented',
    'api_key_presented',
    'portal_link_presented',
    'endpoint_url_presented',
  ],
  foreign_token: ['idp_own_token', 'foreign_token'],
  revoked: ['token_revoked', 'token_replaced', 'connection_ended'],
  expired: ['token_expired', 'connection_expired', 'access_token_expired'],
  directory_unknown: ['wrong_endpoint_key', 'wrong_path', 'doubled_slash'],
} as const satisfies Partial<Record<DenialReason, readonly string[]>>;

export type SubReasons = { [R in keyof typeof SUB_REASONS]: (typeof SUB_REASONS)[R][number] };
export type SubReason = SubReasons[keyof SubReasons];

export interface Denial {
  reason: DenialReason;
  subReason?: SubReason;
  /** With `token_truncated`: how many characters came. */
  length?: number;
  /** With `missing`: where a token was instead, by place and name (`header X-Api-Key`). */
  foundIn?: string;
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
