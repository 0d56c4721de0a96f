/** One table from what a surface refuses, by its reason and sub-reason, to the finding that explains it. The compiler wants every one. */
import type { AuditEvent } from '../audit/index.ts';
import { DAY_MS, HOUR_MS } from '../clock.ts';
import type { OutcomeClass } from '../gateway/index.ts';
import type { OauthSubReason } from '../oauth/index.ts';
import type { DenialReason, SubReasons } from '../verification/index.ts';
import { CODES, type Code } from './codes.ts';

type CauseOf<R extends DenialReason> = R extends keyof SubReasons ? Record<SubReasons[R], Code> : Code;

/** At the gateway, forward-auth, introspection, and addresses that are no endpoint. */
const REQUESTS: { [R in DenialReason]: CauseOf<R> } = {
  missing: {
    token_in_query: 'token_in_query',
    token_in_other_header: 'token_in_other_place',
    token_in_cookie: 'token_in_other_place',
    token_in_body: 'token_in_other_place',
  },
  malformed: {
    token_truncated: 'token_truncated',
    token_mistyped: 'token_truncated',
    token_doubled: 'token_doubled',
    token_with_blanks: 'token_with_blanks',
    token_too_long: 'token_unknown',
    token_unknown: 'token_unknown',
    access_token_unknown: 'token_unknown',
    scheme_twice: 'scheme_twice',
    scheme_basic: 'scheme_basic',
    scheme_unknown: 'scheme_unknown',
    header_name_in_value: 'header_name_in_value',
    header_twice: 'header_twice',
    value_quoted: 'value_quoted',
    client_secret_presented: 'other_secret_presented',
    client_id_presented: 'other_secret_presented',
    refresh_token_presented: 'other_secret_presented',
    code_presented: 'other_secret_presented',
    api_key_presented: 'other_secret_presented',
    portal_link_presented: 'other_secret_presented',
    endpoint_url_presented: 'other_secret_presented',
  },
  unknown: {
    token_unknown: 'token_unknown',
    access_token_unknown: 'token_unknown',
    client_secret_presented: 'other_secret_presented',
    client_id_presented: 'other_secret_presented',
    refresh_token_presented: 'other_secret_presented',
    code_presented: 'other_secret_presented',
    api_key_presented: 'other_secret_presented',
    portal_link_presented: 'other_secret_presented',
    endpoint_url_presented: 'other_secret_presented',
  },
  foreign_token: { idp_own_token: 'idp_own_token', foreign_token: 'foreign_token' },
  revoked: {
    token_revoked: 'token_revoked',
    token_replaced: 'token_replaced',
    connection_ended: 'connection_ended',
  },
  expired: {
    token_expired: 'token_expired',
    connection_expired: 'connection_ended',
    access_token_expired: 'token_expired',
  },
  disabled: 'token_disabled',
  wrong_directory: 'token_elsewhere',
  directory_disabled: 'directory_disabled',
  directory_unknown: {
    wrong_endpoint_key: 'wrong_endpoint_key',
    wrong_path: 'wrong_path',
    doubled_slash: 'doubled_slash',
  },
  insufficient_scope: 'insufficient_scope',
  rate_limited: 'rate_limited',
};

/** What a reason means where its event says no more: there is no more to say, or it is of an earlier release. */
const UNSAID: Record<keyof SubReasons, Code> = {
  missing: 'token_missing',
  malformed: 'token_unknown',
  unknown: 'token_unknown',
  foreign_token: 'foreign_token',
  revoked: 'token_revoked',
  expired: 'token_expired',
  directory_unknown: 'wrong_endpoint_key',
};

/** At the authorization, token and revocation endpoints, by sub-reason. */
const OAUTH: Record<OauthSubReason, Code> = {
  client_missing: 'client_secret_wrong',
  client_unknown: 'client_unknown',
  client_removed: 'client_deleted',
  client_id_and_secret_swapped: 'client_id_and_secret_swapped',
  client_secret_missing: 'client_secret_wrong',
  client_secret_wrong: 'client_secret_wrong',
  client_secret_expired: 'client_secret_expired',
  client_secret_removed: 'client_secret_wrong',
  client_id_as_secret: 'client_secret_wrong',
  token_as_client_secret: 'client_secret_wrong',
  client_secret_has_blanks: 'client_secret_has_blanks',
  client_proofs_disagree: 'client_secret_wrong',
  client_method_wrong: 'client_method_wrong',
  assertion_wrong: 'assertion_wrong',
  jwks_unreachable: 'jwks_unreachable',
  oauth_path_wrong: 'request_form_wrong',
  form_names_wrong: 'request_form_wrong',
  form_multipart: 'request_form_wrong',
  form_json_broken: 'request_form_wrong',
  form_json_as_form: 'request_form_wrong',
  form_as_json: 'request_form_wrong',
  form_parameters_in_url: 'request_form_wrong',
  form_parameter_twice: 'request_form_wrong',
  token_request_by_get: 'request_form_wrong',
  token_url_as_authorize_url: 'token_url_as_authorize_url',
  authorize_url_as_token_url: 'authorize_url_as_token_url',
  request_too_long: 'request_form_wrong',
  state_too_long: 'request_form_wrong',
  response_type_missing: 'request_form_wrong',
  response_type_wrong: 'request_form_wrong',
  response_mode_wrong: 'request_form_wrong',
  request_object_unsupported: 'request_form_wrong',
  request_unanswerable: 'request_form_wrong',
  grant_missing: 'grant_unknown',
  grant_unknown: 'grant_unknown',
  grant_not_allowed: 'grant_not_allowed',
  scope_unknown: 'scope_unknown',
  scope_separator: 'scope_separator',
  scope_too_wide: 'scope_unknown',
  code_missing: 'request_form_wrong',
  code_unknown: 'code_unknown',
  code_expired: 'code_expired',
  code_replayed: 'code_replayed',
  redirect_uri_missing: 'redirect_uri_unknown',
  redirect_uri_unknown: 'redirect_uri_unknown',
  pkce_missing: 'pkce_wrong',
  pkce_wrong: 'pkce_wrong',
  pkce_unexpected: 'pkce_wrong',
  pkce_needed: 'pkce_wrong',
  pkce_method_wrong: 'pkce_wrong',
  refresh_token_missing: 'request_form_wrong',
  refresh_token_unknown: 'refresh_token_unknown',
  refresh_token_superseded: 'refresh_token_superseded',
  refresh_token_reused: 'refresh_token_reused',
  connection_revoked: 'connection_ended',
  connection_expired: 'connection_ended',
  slots_full: 'connection_slots_full',
  directory_unknown: 'connection_ended',
  token_missing: 'request_form_wrong',
};

/** By reason, where there is no sub-reason. */
const OAUTH_REASONS: Record<string, Code> = {
  access_denied: 'consent_refused',
  refresh_token_revoked: 'connection_ended',
  revoked: 'connection_ended',
  expired: 'connection_ended',
  unauthorized_client: 'grant_not_allowed',
  unsupported_grant_type: 'grant_unknown',
  invalid_scope: 'scope_unknown',
  invalid_grant: 'code_expired',
  invalid_request: 'request_form_wrong',
  invalid_client: 'client_secret_wrong',
};

type Failure = Exclude<OutcomeClass, 'ok' | 'normal_refusal'>;

/** Behind the gateway; the last three are of earlier releases. */
const UPSTREAM: Record<`upstream_${Failure}` | 'not_configured' | 'unreachable' | 'timed_out', Code> = {
  upstream_not_set: 'upstream_not_set',
  upstream_unreachable: 'upstream_unreachable',
  upstream_refuses_us: 'upstream_refuses_us',
  upstream_wrong_base: 'upstream_wrong_base',
  upstream_not_scim: 'upstream_not_scim',
  upstream_unreadable: 'upstream_unreadable',
  upstream_rejects_content: 'upstream_rejects_content',
  upstream_failing: 'upstream_failing',
  upstream_cut: 'upstream_cut',
  upstream_slow: 'upstream_slow',
  upstream_limits: 'upstream_limits',
  not_configured: 'upstream_not_set',
  unreachable: 'upstream_unreachable',
  timed_out: 'upstream_unreachable',
};

/** Events of a request that failed, in the order of the stations it passes. */
export const TROUBLES = ['connection.refused', 'token.refused', 'request.denied', 'upstream.failed'] as const;

/** The finding that explains an event; undefined for one that tells of no failure. */
export function codeOf({ type, data }: Pick<AuditEvent, 'type' | 'data'>): Code | undefined {
  const reason = String(data['reason'] ?? '');
  const subReason = typeof data['subReason'] === 'string' ? data['subReason'] : undefined;
  if (type === 'request.denied') {
    const real = reason === 'rate_limited' && typeof data['cause'] === 'string' ? data['cause'] : reason;
    return ofRequest(real, subReason);
  }
  if (type === 'token.refused' || type === 'connection.refused') {
    return (
      own<Code>(OAUTH, subReason) ?? own<Code>(OAUTH, reason) ?? own(OAUTH_REASONS, reason) ?? 'request_form_wrong'
    );
  }
  // The SCIM server is not asked for what it has, so it is not what is wrong.
  if (type === 'upstream.failed' && data['cause'] === 'doubled_path') return 'wrong_path';
  if (type === 'upstream.failed') return own<Code>(UPSTREAM, reason) ?? answered(data['status']);
  return undefined;
}

function ofRequest(reason: string, subReason: string | undefined): Code {
  const cause = own<Code | Record<string, Code>>(REQUESTS, reason) ?? 'token_unknown';
  if (typeof cause === 'string') return cause;
  return own(cause, subReason) ?? UNSAID[reason as keyof SubReasons];
}

/** A failure of an earlier release, which knew no more than the status. */
function answered(status: unknown): Code {
  return status === 401 || status === 403 ? 'upstream_refuses_us' : 'upstream_failing';
}

function own<T>(table: Readonly<Record<string, T>>, key: string | undefined): T | undefined {
  return key !== undefined && Object.hasOwn(table, key) ? table[key] : undefined;
}

/**
 * What says nothing of these: requests that are accepted meanwhile. A read-only token goes on reading, and who shares a connection goes on
 * with its newest refresh token. They have ended when nothing of the kind has come for so long.
 */
export const LASTING: Partial<Record<Code, number>> = {
  insufficient_scope: 7 * DAY_MS,
  refresh_token_superseded: 12 * HOUR_MS,
};

/** Refusals that come with the end of a connection. Its access tokens end at once, so nothing goes on until the next one expires. */
export const ENDS_ACCESS: ReadonlySet<Code> = new Set(['connection_ended', 'refresh_token_reused']);

/** Whether a code tells of a single request, as opposed to a state that has no refusal of its own. */
export function isRefusal(code: Code): boolean {
  const { group } = CODES[code];
  return group === 'presented' || group === 'not_usable' || group === 'wrong_place' || group === 'token_endpoint';
}
