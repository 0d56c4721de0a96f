/** The closed table of findings: what each says, how bad it is, and who can act. docs/findings.md is held to it. */

export const SEVERITIES = ['failing', 'degraded', 'notice', 'fine'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** `idp`: the identity provider acts on its own, so that waiting helps. */
export const ACTORS = ['it_contact', 'vendor', 'idp', 'nobody'] as const;
export type ActingParty = (typeof ACTORS)[number];

export const GROUPS = {
  never_worked: 'It has never worked',
  presented: 'The token was sent incorrectly',
  not_usable: "We recognize the token, but it can't be used",
  wrong_place: 'The request went to the wrong place',
  token_endpoint: 'The token endpoint refused the request',
  upstream: 'The SCIM server failed',
  coming: 'Something expires soon',
  silence: 'Silence',
  watch: 'Worth a look',
  fine: 'Fine',
} as const;
export type Group = keyof typeof GROUPS;

interface CodeEntry {
  group: Group;
  /** At its worst: where requests are accepted as well, what fails is degraded. */
  severity: Severity;
  actor: ActingParty;
  /** For readers without a directory at hand. */
  meaning: string;
}

const presented = (meaning: string): CodeEntry => ({
  group: 'presented',
  severity: 'failing',
  actor: 'it_contact',
  meaning,
});
const atTokenEndpoint = (meaning: string, actor: ActingParty = 'it_contact'): CodeEntry => ({
  group: 'token_endpoint',
  severity: 'failing',
  actor,
  meaning,
});
const behindUs = (meaning: string, severity: Severity = 'failing'): CodeEntry => ({
  group: 'upstream',
  severity,
  actor: 'vendor',
  meaning,
});

export const CODES = {
  not_connected: {
    group: 'never_worked',
    severity: 'notice',
    actor: 'it_contact',
    meaning: 'The directory has no token and no connection, so nothing can be accepted.',
  },
  never_used: {
    group: 'never_worked',
    severity: 'notice',
    actor: 'it_contact',
    meaning: 'A token or connection is more than a week old, and the identity provider has never used it here.',
  },
  waiting_for_first_request: {
    group: 'never_worked',
    severity: 'notice',
    actor: 'it_contact',
    meaning: 'The current token or connection is new, and the identity provider has not used it yet.',
  },
  setup_unfinished: {
    group: 'never_worked',
    severity: 'notice',
    actor: 'it_contact',
    meaning: "Someone started to connect, but didn't finish.",
  },

  token_missing: presented('Requests arrived without a token.'),
  token_in_query: presented('Requests arrived with the token in the URL, where we never accept it.'),
  token_in_other_place: presented(
    'Requests arrived with the token in another header, a cookie or a form instead of the Authorization header.',
  ),
  token_truncated: presented('Requests arrived with an incomplete or mistyped token.'),
  token_doubled: presented('Requests arrived with two tokens in one field.'),
  token_with_blanks: presented('Requests arrived with spaces or line breaks inside the token.'),
  token_unknown: presented('Requests arrived with a token that we do not recognize.'),
  scheme_twice: presented('Requests arrived with the word Bearer twice before the token.'),
  scheme_basic: presented('Requests arrived with a user name and password (Basic) instead of a token.'),
  scheme_unknown: presented('Requests arrived with a word other than Bearer before the token.'),
  header_name_in_value: presented('Requests arrived with the name of the header in its value.'),
  header_twice: presented('Requests arrived with two Authorization headers.'),
  value_quoted: presented('Requests arrived with the token in quotation marks.'),
  other_secret_presented: presented('Requests arrived with another of our secrets or IDs in place of the token.'),
  idp_own_token: presented('The identity provider sent its own token. It does that when its token field is empty.'),
  foreign_token: presented('Requests arrived with a token from another authorization server.'),

  token_revoked: {
    group: 'not_usable',
    severity: 'failing',
    actor: 'it_contact',
    meaning: 'The identity provider is still sending a token that was revoked.',
  },
  token_replaced: {
    group: 'not_usable',
    severity: 'failing',
    actor: 'it_contact',
    meaning: 'The identity provider is still sending a token that has been replaced.',
  },
  token_expired: {
    group: 'not_usable',
    severity: 'failing',
    actor: 'it_contact',
    meaning: 'The identity provider is sending a token that has expired.',
  },
  token_disabled: {
    group: 'not_usable',
    severity: 'failing',
    actor: 'vendor',
    meaning: 'The identity provider is sending a token that is disabled.',
  },
  token_elsewhere: {
    group: 'not_usable',
    severity: 'failing',
    actor: 'it_contact',
    meaning: 'The token belongs to a different directory than the URL.',
  },
  insufficient_scope: {
    group: 'not_usable',
    severity: 'degraded',
    actor: 'it_contact',
    meaning: 'The identity provider tried to change something with a read-only token.',
  },
  directory_disabled: {
    group: 'not_usable',
    severity: 'failing',
    actor: 'vendor',
    meaning: 'The directory is disabled, so every request is refused.',
  },

  wrong_path: {
    group: 'wrong_place',
    severity: 'failing',
    actor: 'it_contact',
    meaning: 'Requests arrived at one of our URLs that is not a SCIM endpoint.',
  },
  wrong_endpoint_key: {
    group: 'wrong_place',
    severity: 'failing',
    actor: 'it_contact',
    meaning: 'Requests arrived at the URL of a directory that does not exist.',
  },
  doubled_slash: {
    group: 'wrong_place',
    severity: 'failing',
    actor: 'it_contact',
    meaning: 'Requests arrived at a URL with a double slash.',
  },
  token_url_as_authorize_url: {
    group: 'wrong_place',
    severity: 'failing',
    actor: 'it_contact',
    meaning: 'The token URL was entered as the authorization URL.',
  },
  authorize_url_as_token_url: {
    group: 'wrong_place',
    severity: 'failing',
    actor: 'it_contact',
    meaning: 'The authorization URL was entered as the token URL.',
  },
  redirect_uri_unknown: {
    group: 'wrong_place',
    severity: 'failing',
    actor: 'vendor',
    meaning: 'The identity provider asked to be redirected to a URL that is not registered.',
  },

  client_unknown: atTokenEndpoint('The identity provider sent a client ID that we do not recognize.'),
  client_deleted: atTokenEndpoint("The OAuth client was deleted, so it can't get any more tokens.", 'vendor'),
  client_secret_wrong: atTokenEndpoint("The request doesn't contain the right client secret."),
  client_secret_expired: atTokenEndpoint('The client secret has expired.'),
  client_secret_has_blanks: atTokenEndpoint('The client secret contains spaces or line breaks.'),
  client_id_and_secret_swapped: atTokenEndpoint('The client ID and client secret were swapped.'),
  client_method_wrong: atTokenEndpoint("The client isn't using the authentication method that it was set up with."),
  assertion_wrong: atTokenEndpoint('The signed assertion from the client was not accepted.'),
  jwks_unreachable: atTokenEndpoint("The client's public keys could not be fetched.", 'vendor'),
  grant_not_allowed: atTokenEndpoint('The client is not allowed to use this grant type.', 'vendor'),
  grant_unknown: atTokenEndpoint('The grant type is missing or not supported.'),
  scope_unknown: atTokenEndpoint('None of the requested scopes exists.'),
  scope_separator: atTokenEndpoint('The scopes are separated by commas instead of spaces.'),
  code_expired: atTokenEndpoint('The authorization code had expired.'),
  code_unknown: atTokenEndpoint('The identity provider sent an authorization code that we did not issue to it.'),
  code_replayed: atTokenEndpoint('The authorization code was used twice.'),
  pkce_wrong: atTokenEndpoint('The code verifier (PKCE) does not match.'),
  refresh_token_unknown: atTokenEndpoint('The identity provider sent a refresh token that we do not recognize.'),
  refresh_token_superseded: atTokenEndpoint(
    'The identity provider sent a refresh token that had been replaced by a newer one.',
  ),
  refresh_token_reused: atTokenEndpoint(
    'A public client used a replaced refresh token again, so the connection was revoked.',
  ),
  connection_ended: atTokenEndpoint("The connection has ended, so it can't get any more tokens."),
  connection_slots_full: atTokenEndpoint(
    'A new connection could not start, because the directory already has two tokens or connections.',
  ),
  // A decision of a person, and no failure.
  consent_refused: { ...atTokenEndpoint('Someone declined the connection.'), severity: 'notice' },
  request_form_wrong: atTokenEndpoint('The request is not a form, as OAuth requires.'),

  upstream_not_set: behindUs('Requests were accepted, but the directory has no SCIM server URL to pass them on to.'),
  upstream_unreachable: behindUs(
    'Requests were accepted, but the SCIM server could not be reached, or did not answer with HTTP.',
  ),
  upstream_refuses_us: behindUs('Requests were accepted, but the SCIM server rejected our requests with a 401 or 403.'),
  upstream_wrong_base: behindUs(
    'The SCIM server has nothing at its base URL: it answers list requests with 404, 405 or a redirect.',
  ),
  upstream_not_scim: behindUs('The SCIM server answered with a web page or something else that is not SCIM.'),
  upstream_unreadable: behindUs(
    'The SCIM server compressed its responses in a way that we did not ask for, so URLs in them lead past us.',
  ),
  upstream_rejects_content: behindUs('The SCIM server rejected the content of some changes.', 'degraded'),
  upstream_failing: behindUs('The SCIM server answered with an error.'),
  upstream_cut: behindUs('Responses from the SCIM server were cut off or damaged.'),
  upstream_slow: behindUs('The SCIM server is responding so slowly that identity providers give up.', 'degraded'),
  upstream_limits: behindUs('The SCIM server rate-limited our requests.', 'degraded'),

  credential_ends_soon: {
    group: 'coming',
    severity: 'notice',
    actor: 'it_contact',
    meaning: 'The token or connection in use expires within 30 days.',
  },
  client_secret_ends_soon: {
    group: 'coming',
    severity: 'notice',
    actor: 'it_contact',
    meaning: 'A client secret expires within 30 days.',
  },
  rotation_overdue: {
    group: 'coming',
    severity: 'notice',
    actor: 'it_contact',
    meaning: 'A token was replaced a week ago, and the identity provider has not used the new one.',
  },
  old_one_still_used: {
    group: 'coming',
    severity: 'notice',
    actor: 'it_contact',
    meaning: 'Both the replaced token and the new one are in use.',
  },
  refresh_policy_ends_soon: {
    group: 'coming',
    severity: 'notice',
    actor: 'it_contact',
    meaning: "The connection expires within 30 days under its client's policy.",
  },
  access_token_last: {
    group: 'coming',
    severity: 'failing',
    actor: 'vendor',
    meaning: 'The client was deleted. Requests are accepted until the last access token expires.',
  },

  quiet_for_longer_than_ever: {
    group: 'silence',
    severity: 'notice',
    actor: 'it_contact',
    meaning: 'The directory has been quiet for longer than ever before. Nothing was refused.',
  },
  idp_backoff: {
    group: 'silence',
    severity: 'failing',
    actor: 'idp',
    meaning: 'The identity provider paused after we refused its requests. It will try again on its own schedule.',
  },
  fleet_quiet: {
    group: 'silence',
    severity: 'notice',
    actor: 'nobody',
    meaning: 'Many directories of the same identity provider went quiet at the same time.',
  },

  new_source: {
    group: 'watch',
    severity: 'notice',
    actor: 'it_contact',
    meaning: 'Accepted requests are coming from a network and software that we have never seen here.',
  },
  two_sources_one_token: {
    group: 'watch',
    severity: 'notice',
    actor: 'it_contact',
    meaning: 'Two different programs are using the same token or connection.',
  },
  rate_limited: {
    group: 'watch',
    severity: 'notice',
    actor: 'it_contact',
    meaning: 'We are answering some requests with a 429, because so many were refused.',
  },
  healed_but_missed: {
    group: 'watch',
    severity: 'notice',
    actor: 'it_contact',
    meaning: 'Provisioning works again, but the identity provider may not repeat the failed changes.',
  },
  weak_or_imported: {
    group: 'watch',
    severity: 'notice',
    actor: 'it_contact',
    meaning: 'The token in use was imported a month ago, so another system may still have it.',
  },
  secret_exposed: {
    group: 'watch',
    severity: 'failing',
    actor: 'vendor',
    meaning:
      'Requests arrived with an API key, or a portal or sign-in link, in place of the token. Someone else may have it.',
  },
  no_owner: {
    group: 'watch',
    severity: 'notice',
    actor: 'vendor',
    meaning:
      'Something is broken that only the customer can fix, and no one there has opened a portal link or confirmed an email.',
  },

  working: { group: 'fine', severity: 'fine', actor: 'nobody', meaning: 'Requests are accepted.' },
  working_quiet: {
    group: 'fine',
    severity: 'fine',
    actor: 'nobody',
    meaning:
      'No requests have arrived recently. That is normal: most identity providers send requests only when something changes.',
  },
  ended_on_purpose: {
    group: 'fine',
    severity: 'fine',
    actor: 'nobody',
    meaning: 'All tokens and connections were revoked, and no requests have come in since.',
  },
} as const satisfies Record<string, CodeEntry>;

export type Code = keyof typeof CODES;
export const CODE_NAMES = Object.keys(CODES) as [Code, ...Code[]];

export function entryOf(code: Code): CodeEntry {
  return CODES[code];
}
