/** One renderer for what goes wrong, in the dialect of who asked: SCIM (RFC 7644), OAuth (RFC 6749), problem (RFC 9457). */
import type { ServerResponse } from 'node:http';
import { type AppError, ERRORS, RETRY_AFTER_SECONDS } from '../errors.ts';
import { withoutSecrets, withoutUnguessable } from '../secrets/redaction.ts';

type Headers = Record<string, string>;

const HARDENED: Headers = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };

/** RFC 7644 3.12. */
export function sendScimError(response: ServerResponse, status: number, detail: string, headers: Headers = {}): void {
  const body = { schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'], status: String(status), detail };
  send(response, status, 'application/scim+json; charset=utf-8', body, headers);
}

/** RFC 6749 5.2. */
export function sendOauthError(
  response: ServerResponse,
  status: number,
  error: string,
  description: string,
  headers: Headers = {},
): void {
  send(response, status, 'application/json; charset=utf-8', { error, error_description: description }, headers);
}

export function problemOf(error: AppError, requestId: string): Record<string, unknown> {
  const { code, status, facts } = error;
  const { detail, ...members } = facts;
  const problem = {
    type: 'about:blank',
    title: ERRORS[code].title,
    status,
    code,
    // What was looked for and not found is the caller's text.
    ...(detail !== undefined && { detail: code === 'not_found' ? withoutUnguessable(detail) : detail }),
    ...members,
    remedy: ERRORS[code].remedy,
    requestId,
  };
  // Problems repeat what was given; a secret that stood in the wrong place is not repeated.
  return JSON.parse(withoutSecrets(JSON.stringify(problem))) as Record<string, unknown>;
}

/** Headers that go with an error, whatever the dialect. */
export function headersOf({ status, facts }: AppError): Headers {
  const seconds = typeof facts['retryAfterSeconds'] === 'number' ? facts['retryAfterSeconds'] : RETRY_AFTER_SECONDS;
  return status === 503 || status === 429 ? { 'retry-after': String(seconds) } : {};
}

/** RFC 9457. */
export function sendProblem(response: ServerResponse, error: AppError, requestId: string, headers: Headers = {}): void {
  const all = { ...headersOf(error), 'x-request-id': requestId, ...headers };
  send(response, error.status, 'application/problem+json; charset=utf-8', problemOf(error, requestId), all);
}

function send(response: ServerResponse, status: number, type: string, body: object, headers: Headers): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const text = JSON.stringify(body);
  response.writeHead(status, {
    ...HARDENED,
    'content-type': type,
    'content-length': Buffer.byteLength(text),
    ...headers,
  });
  response.end(text);
}
