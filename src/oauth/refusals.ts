/**
 * The closed table of what the authorization, token and revocation endpoints refuse. The key is the sub-reason, which goes into the event
 * (`data.subReason`); the value is what the client is told (RFC 6749 5.2) and the reason, of OAUTH_REASONS or the error itself.
 * `npm run docs:tables` writes docs/errors.md from both tables.
 */

interface OauthRefusal {
  error:
    | 'invalid_request'
    | 'invalid_client'
    | 'invalid_grant'
    | 'invalid_scope'
    | 'unauthorized_client'
    | 'unsupported_grant_type'
    | 'unsupported_response_type'
    | 'unsupported_response_mode'
    | 'request_not_supported'
    | 'temporarily_unavailable';
  reason: string;
  /** The error_description. It names the mistake, and never repeats a value. */
  says: string;
  /** What was wrong, where the client is told less than that. */
  meaning?: string;
}

/** The same for all of them: the answer does not tell which clients there are. */
const NO_CLIENT = 'Client authentication failed.';
const NO_GRANT = 'The grant is not valid.';

export const OAUTH_REFUSALS = {
  // Who asks.
  client_missing: {
    error: 'invalid_client',
    reason: 'client_secret_wrong',
    says: NO_CLIENT,
    meaning: "The request doesn't name a client.",
  },
  client_unknown: {
    error: 'invalid_client',
    reason: 'client_unknown',
    says: NO_CLIENT,
    meaning: 'No client has this ID. `expected` is the only existing client ID that is close to it.',
  },
  client_removed: {
    error: 'invalid_client',
    reason: 'client_unknown',
    says: NO_CLIENT,
    meaning: 'The client with this ID was deleted at `removedAt`.',
  },
  client_id_and_secret_swapped: {
    error: 'invalid_client',
    reason: 'client_unknown',
    says: 'The client secret was sent as the client ID. Swap the two values.',
  },
  client_secret_missing: {
    error: 'invalid_client',
    reason: 'client_secret_wrong',
    says: NO_CLIENT,
    meaning: 'The request names a client, but has no secret or assertion.',
  },
  client_secret_wrong: {
    error: 'invalid_client',
    reason: 'client_secret_wrong',
    says: NO_CLIENT,
    meaning: 'The client secret is wrong.',
  },
  client_secret_expired: {
    error: 'invalid_client',
    reason: 'client_secret_expired',
    says: NO_CLIENT,
    meaning: 'The client secret has expired.',
  },
  client_secret_removed: {
    error: 'invalid_client',
    reason: 'client_secret_wrong',
    says: NO_CLIENT,
    meaning: 'The client secret was removed at `removedAt`. `hint` is its last four characters.',
  },
  client_id_as_secret: {
    error: 'invalid_client',
    reason: 'client_secret_wrong',
    says: NO_CLIENT,
    meaning: 'A client ID was sent as the client secret.',
  },
  token_as_client_secret: {
    error: 'invalid_client',
    reason: 'client_secret_wrong',
    says: NO_CLIENT,
    meaning: 'A token or authorization code was sent as the client secret.',
  },
  client_secret_has_blanks: {
    error: 'invalid_client',
    reason: 'client_secret_wrong',
    says: NO_CLIENT,
    meaning: 'The client secret contains spaces or line breaks. Latchkey ignores leading and trailing ones.',
  },
  client_proofs_disagree: {
    error: 'invalid_client',
    reason: 'client_secret_wrong',
    says: NO_CLIENT,
    meaning: 'The header and the body contain different client IDs or secrets.',
  },
  client_method_wrong: {
    error: 'invalid_client',
    reason: 'client_secret_wrong',
    says: NO_CLIENT,
    meaning:
      "The client isn't authenticating the way it was set up to. For example, it sent a secret instead of an assertion.",
  },
  /** `data.fault` says more (client-assertions.ts). */
  assertion_wrong: {
    error: 'invalid_client',
    reason: 'assertion_wrong',
    says: NO_CLIENT,
    meaning: 'The client assertion was not accepted. `fault` says why.',
  },
  /** No fault of the client: it is told so with 503, and may come again. */
  jwks_unreachable: {
    error: 'temporarily_unavailable',
    reason: 'jwks_unreachable',
    says: "The client's keys can't be fetched.",
  },

  // The form of the request.
  token_request_by_get: {
    error: 'invalid_request',
    reason: 'invalid_request',
    says: 'This is the token endpoint. Send the request with POST and its parameters in the body.',
  },
  token_url_as_authorize_url: {
    error: 'invalid_request',
    reason: 'invalid_request',
    says: 'This is the token endpoint, but it got an authorization request. Swap the token URL and the authorization URL.',
  },
  authorize_url_as_token_url: {
    error: 'invalid_request',
    reason: 'invalid_request',
    says: 'This is the authorization endpoint, but it got a token request. Swap the authorization URL and the token URL.',
  },
  oauth_path_wrong: {
    error: 'invalid_request',
    reason: 'invalid_request',
    says: 'There is no OAuth endpoint at this path. The token URL ends in /oauth/token, and the authorization URL in /oauth/authorize.',
  },
  form_names_wrong: {
    error: 'invalid_request',
    reason: 'invalid_request',
    says: 'A parameter has a different name or separator than OAuth requires. Send grant_type=...&client_id=... as a form.',
  },
  form_multipart: {
    error: 'invalid_request',
    reason: 'invalid_request',
    says: 'The body is multipart/form-data. Send it as application/x-www-form-urlencoded.',
  },
  form_json_broken: { error: 'invalid_request', reason: 'invalid_request', says: 'The body is not a JSON object.' },
  form_json_as_form: {
    error: 'invalid_request',
    reason: 'invalid_request',
    says: "The body is JSON, but its Content-Type doesn't say so. Send a form, or Content-Type: application/json.",
  },
  form_as_json: {
    error: 'invalid_request',
    reason: 'invalid_request',
    says: 'The body is a form, but its Content-Type says JSON. Send Content-Type: application/x-www-form-urlencoded.',
  },
  form_parameters_in_url: {
    error: 'invalid_request',
    reason: 'invalid_request',
    says: 'The parameters are in the URL. Send them in the body as application/x-www-form-urlencoded.',
  },
  form_parameter_twice: {
    error: 'invalid_request',
    reason: 'invalid_request',
    says: 'A parameter appears twice with different values.',
  },
  request_too_long: {
    error: 'invalid_request',
    reason: 'invalid_request',
    says: 'The authorization request is longer than 8 KiB.',
  },
  state_too_long: { error: 'invalid_request', reason: 'invalid_request', says: 'The state is longer than 2 KiB.' },
  response_type_missing: {
    error: 'invalid_request',
    reason: 'invalid_request',
    says: 'response_type is missing. It must be code.',
  },
  response_type_wrong: {
    error: 'unsupported_response_type',
    reason: 'unsupported_response_type',
    says: 'response_type must be code.',
  },
  response_mode_wrong: {
    error: 'unsupported_response_mode',
    reason: 'unsupported_response_mode',
    says: 'response_mode must be query.',
  },
  request_object_unsupported: {
    error: 'request_not_supported',
    reason: 'request_not_supported',
    says: 'Request objects are not supported. Send the parameters individually.',
  },

  // The grant and its scope.
  grant_missing: { error: 'invalid_request', reason: 'invalid_request', says: 'grant_type is missing.' },
  grant_unknown: {
    error: 'unsupported_grant_type',
    reason: 'unsupported_grant_type',
    says: 'grant_type must be authorization_code, refresh_token or client_credentials.',
  },
  grant_not_allowed: {
    error: 'unauthorized_client',
    reason: 'unauthorized_client',
    says: 'This client may not use this grant_type.',
  },
  scope_unknown: { error: 'invalid_scope', reason: 'invalid_scope', says: 'The only scopes are scim and scim.read.' },
  scope_separator: {
    error: 'invalid_scope',
    reason: 'invalid_scope',
    says: 'The scope contains a comma, a semicolon or a vertical bar. Separate scopes with spaces.',
  },
  scope_too_wide: {
    error: 'invalid_scope',
    reason: 'invalid_scope',
    says: 'The scope is wider than the connection allows.',
  },

  // The code.
  code_missing: { error: 'invalid_request', reason: 'invalid_request', says: 'code is missing.' },
  code_unknown: {
    error: 'invalid_grant',
    reason: 'code_expired',
    says: NO_GRANT,
    meaning: "We don't recognize the code, or it belongs to another client.",
  },
  code_expired: {
    error: 'invalid_grant',
    reason: 'code_expired',
    says: NO_GRANT,
    meaning: 'The code is older than two minutes.',
  },
  code_replayed: {
    error: 'invalid_grant',
    reason: 'code_replayed',
    says: NO_GRANT,
    meaning: 'The code has already been used.',
  },
  redirect_uri_missing: {
    error: 'invalid_request',
    reason: 'redirect_uri_unknown',
    says: 'redirect_uri is missing. Send the same one as in the authorization request.',
  },
  redirect_uri_unknown: {
    error: 'invalid_grant',
    reason: 'redirect_uri_unknown',
    says: "redirect_uri doesn't match the one in the authorization request.",
  },
  pkce_missing: {
    error: 'invalid_grant',
    reason: 'invalid_grant',
    says: 'code_verifier is missing. The authorization request had a code_challenge.',
  },
  pkce_wrong: {
    error: 'invalid_grant',
    reason: 'invalid_grant',
    says: "code_verifier does not match the authorization request's code_challenge.",
  },
  pkce_unexpected: {
    error: 'invalid_grant',
    reason: 'invalid_grant',
    says: 'code_verifier was sent, but the authorization request had no code_challenge.',
  },
  pkce_needed: {
    error: 'invalid_request',
    reason: 'invalid_request',
    says: 'A client without a secret must send a code_challenge with code_challenge_method=S256.',
  },
  pkce_method_wrong: {
    error: 'invalid_request',
    reason: 'invalid_request',
    says: 'code_challenge_method must be S256.',
  },

  // The refresh token, and the connection behind it.
  refresh_token_missing: { error: 'invalid_request', reason: 'invalid_request', says: 'refresh_token is missing.' },
  refresh_token_unknown: {
    error: 'invalid_grant',
    reason: 'refresh_token_unknown',
    says: NO_GRANT,
    meaning: "We don't recognize the refresh token, or it belongs to another client.",
  },
  refresh_token_superseded: {
    error: 'invalid_grant',
    reason: 'refresh_token_superseded',
    says: NO_GRANT,
    meaning: 'A newer refresh token has been used.',
  },
  /** Of a public client: reuse means that somebody else has a copy (RFC 9700 4.14.2), so the connection has ended. */
  refresh_token_reused: {
    error: 'invalid_grant',
    reason: 'refresh_token_reused',
    says: NO_GRANT,
    meaning: 'A public client reused a replaced refresh token, so its connection was ended.',
  },
  connection_revoked: {
    error: 'invalid_grant',
    reason: 'refresh_token_revoked',
    says: NO_GRANT,
    meaning: 'The connection was revoked.',
  },
  connection_expired: {
    error: 'invalid_grant',
    reason: 'refresh_token_revoked',
    says: NO_GRANT,
    meaning: "The connection has expired under its client's policy.",
  },
  slots_full: {
    error: 'invalid_grant',
    reason: 'slots_full',
    says: NO_GRANT,
    meaning: 'Both slots of the directory are taken.',
  },
  directory_unknown: {
    error: 'invalid_grant',
    reason: 'directory_unknown',
    says: NO_GRANT,
    meaning: 'The directory was deleted.',
  },
  token_missing: { error: 'invalid_request', reason: 'invalid_request', says: 'token is missing.' },

  /** What the authorization endpoint refuses for no reason of its own above. */
  request_unanswerable: {
    error: 'invalid_request',
    reason: 'invalid_request',
    says: 'The request is not complete, or something in it is not allowed.',
  },
} as const satisfies Record<string, OauthRefusal>;

export type OauthSubReason = keyof typeof OAUTH_REFUSALS;
