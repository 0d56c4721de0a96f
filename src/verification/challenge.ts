/** How a refusal goes out on the wire: RFC 6750 challenge, SCIM error body, and no more about the reason than those need. */
import type { ServerResponse } from 'node:http';
import { ENDPOINT_KEY } from '../directories/index.ts';
import { asAppError, RETRY_AFTER_SECONDS } from '../errors.ts';
import { sendScimError } from '../http/error-responses.ts';
import { DENIAL_REASONS, type Denial, type SubReasons } from './denials.ts';

const PUBLIC_DETAIL = {
  401: 'The credential was not accepted.',
  403: 'The credential does not allow this.',
  429: 'Too many refused requests. Try again later.',
} as const;

/** The caller knows where it put the token, so it is told where it belongs. */
const ELSEWHERE: Record<SubReasons['missing'], string> = {
  token_in_query: 'not in the URL',
  token_in_other_header: 'not in another header',
  token_in_cookie: 'not in a cookie',
  token_in_body: 'not in the body',
};

export interface Refused {
  denial: Denial;
  /** As it was asked for; it appears in the challenge only when it is well-formed. */
  endpointKey: string | undefined;
  requestId: string;
  publicUrl: string;
}

export function sendDenial(response: ServerResponse, { denial, endpointKey, requestId, publicUrl }: Refused): void {
  const { status } = DENIAL_REASONS[denial.reason];
  const headers: Record<string, string> = { 'x-request-id': requestId };
  if (denial.reason === 'directory_disabled') {
    // Nothing that the client presents could help: no challenge.
  } else if (status !== 429) headers['www-authenticate'] = challenge(denial, endpointKey, publicUrl);
  else headers['retry-after'] = String(denial.retryAfterSeconds ?? RETRY_AFTER_SECONDS);
  const detail = denial.reason === 'missing' ? missingDetail(denial) : PUBLIC_DETAIL[status];
  const details = denial.why === undefined ? '' : ` Details: ${publicUrl}/why/${denial.why} (${denial.why}).`;
  sendScimError(response, status, `${detail}${details} Request ID: ${requestId}`, headers);
}

function missingDetail({ subReason }: Denial): string {
  const where = Object.entries(ELSEWHERE).find(([known]) => known === subReason)?.[1];
  return where === undefined ? 'A credential is needed.' : `Send the token in the Authorization header, ${where}.`;
}

function challenge({ reason }: Denial, endpointKey: string | undefined, publicUrl: string): string {
  const parts = ['realm="scim"'];
  if (endpointKey !== undefined && ENDPOINT_KEY.test(endpointKey)) {
    parts.push(`resource_metadata="${publicUrl}/.well-known/oauth-protected-resource/scim/v2/${endpointKey}"`);
  }
  if (reason === 'insufficient_scope') parts.push('error="insufficient_scope"', 'scope="scim"');
  else if (reason !== 'missing') parts.push('error="invalid_token"');
  return `Bearer ${parts.join(', ')}`;
}

/** An error of ours on the SCIM side: 503 for everything that is not the caller's doing, never 401. */
export function sendScimFailure(response: ServerResponse, thrown: unknown, requestId: string): void {
  const error = asAppError(thrown);
  const headers: Record<string, string> = { 'x-request-id': requestId };
  if (error.status === 503) headers['retry-after'] = String(RETRY_AFTER_SECONDS);
  sendScimError(response, error.status, `${error.message} Request ID: ${requestId}`, headers);
}
