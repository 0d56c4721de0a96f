/** What an event of a request that failed tells of its cause: as much as it knows, where one finding has several causes. */
import type { AuditEvent } from '../audit/index.ts';
import { codeOf } from './causes.ts';
import { CODES } from './codes.ts';
import { DOUBLED } from './refusals.ts';
import { span } from './say.ts';
import { UNREACHABLE_WORDS } from './words-of-upstream.ts';

/** By the sub-reason of a request at the token endpoint. */
const OAUTH_CAUSES: Record<string, string> = {
  client_missing: 'The request has no client ID and no client secret.',
  client_secret_missing: 'The request has no client secret.',
  client_secret_wrong: 'The client secret is wrong.',
  client_id_as_secret: 'The request has a client ID in place of the client secret.',
  token_as_client_secret: 'The request has a token in place of the client secret.',
  client_secret_removed: 'The request has a client secret that was removed.',
  client_proofs_disagree: 'The header and the body of the request have different clients or secrets.',
  connection_revoked: 'The connection was revoked.',
  connection_expired: 'The connection has expired.',
};

/** By the sub-reason of a request with a token, where one finding has several. */
const TOKEN_CAUSES: Record<string, string> = {
  token_in_other_header: 'Requests arrived with the token in a header other than Authorization.',
  token_in_cookie: 'Requests arrived with the token in a cookie.',
  token_in_body: 'Requests arrived with the token in a form.',
  token_truncated: 'Requests arrived with an incomplete token.',
  token_mistyped: 'Requests arrived with a mistyped token.',
  access_token_unknown: "Requests arrived with an access token that we don't recognize.",
  access_token_expired: 'The identity provider is sending an access token that has expired.',
};

/** A sentence; undefined for an event of something else. */
export function causeOfEvent(event: Pick<AuditEvent, 'type' | 'data'>): string | undefined {
  const code = codeOf(event);
  if (code === undefined) return undefined;
  const { type, data } = event;
  const { cause, subReason, fault, status } = data;
  if (cause === DOUBLED)
    return 'Requests went to a path such as /Users/Users: the URL at the identity provider ends in /Users or /Groups.';
  if (type === 'upstream.failed') {
    const unreachable = code === 'upstream_unreachable' ? UNREACHABLE_WORDS[String(cause)] : undefined;
    if (unreachable) return `The SCIM server ${unreachable.what}`;
    if (code === 'upstream_wrong_base' && typeof status === 'number')
      return `The SCIM server answered list requests with a ${status}, so nothing is at its base URL.`;
    if (code === 'upstream_refuses_us' && typeof status === 'number')
      return `The SCIM server rejected our requests with a ${status}.`;
  }
  if (code === 'assertion_wrong' && typeof data['seconds'] === 'number') {
    const by = span(data['seconds'] * 1000);
    if (fault === 'expired') return `The signed assertion had expired ${by} before it arrived.`;
    if (fault === 'not_yet_valid') return `The signed assertion was not valid for another ${by}.`;
  }
  return OAUTH_CAUSES[String(subReason)] ?? TOKEN_CAUSES[String(subReason)] ?? CODES[code].meaning;
}
