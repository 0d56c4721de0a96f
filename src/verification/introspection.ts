/**
 * `/oauth/introspect` (RFC 7662): the vendor's SCIM server asks what a presented credential is. One answer for every kind of credential;
 * to a caller that may not know, and for every token that may not be used, it is `{"active": false}` and nothing else.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { mayRole } from '../access.ts';
import type { Clock } from '../clock.ts';
import type { ApiKey } from '../credentials/index.ts';
import { endpointUrlOf } from '../directories/index.ts';
import { asAppError, RETRY_AFTER_SECONDS } from '../errors.ts';
import { readBody } from '../http/body.ts';
import { sendOauthError } from '../http/error-responses.ts';
import type { FailureLimits } from '../http/failure-limits.ts';
import { createRecall } from '../http/recall.ts';
import type { RequestContext } from '../http/request-context.ts';
import { createAllowance } from '../timing/deadline.ts';
import type { Verification } from './decider.ts';
import { presentToken, readApiKey } from './presented.ts';
import type { Grant } from './verify.ts';

const BODY_LIMIT_BYTES = 16 * 1024;
const BOM = 0xfeff;
const INACTIVE = '{"active":false}';

export interface IntrospectionDependencies {
  verification: Verification;
  /** Of callers that could not prove who they are. */
  failures: FailureLimits;
  usedKey: (id: string, address: string, userAgent: string | undefined) => void;
  context: RequestContext;
  clock: Clock;
  /** What the store may cost one request. */
  answerMs: number;
  publicUrl: string;
}

export function createIntrospection(deps: IntrospectionDependencies) {
  const { verification, failures, usedKey, context, clock, publicUrl } = deps;
  /** What an access answers is the same as long as its grant is: built once per grant. */
  const answers = new WeakMap<Grant, string>();

  return async function introspection(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = context.requestIdOf(request);
    try {
      if (request.method !== 'POST') {
        sendOauthError(response, 405, 'invalid_request', 'Use POST.', { allow: 'POST' });
        return;
      }
      const body = await readBody(request, BODY_LIMIT_BYTES);
      const address = context.addressOf(request);
      const allowance = createAllowance(deps.answerMs);
      const floodWait = verification.waitOfCaller(address);
      if (floodWait !== undefined) return refuseFor(response, floodWait);
      const fields = fieldsOf(body);
      // An empty header names nobody.
      const authorization = request.headers.authorization?.trim() || undefined;
      const caller = await allowance.spend(authenticate(authorization, fields));
      if (!caller) {
        const ofAddress = verification.limitCaller(address);
        const ofKey = failures.count(undefined, readNamed(authorization, fields)?.id);
        const wait = ofAddress ?? ofKey;
        if (wait !== undefined) return refuseFor(response, wait);
        sendOauthError(
          response,
          401,
          'invalid_client',
          'Send an API key as Bearer, or its ID and value as Basic or as client_id and client_secret.',
          { 'www-authenticate': challengeOf(authorization) },
        );
        return;
      }
      verification.spareCaller(address);
      usedKey(caller.id, address, request.headers['user-agent']);
      if (!mayRole(caller.role, 'tokens.introspect')) {
        sendOauthError(response, 403, 'access_denied', `A key with role ${caller.role} may not introspect.`);
        return;
      }
      const token = fields.get('token');
      if (!token) {
        sendOauthError(response, 400, 'invalid_request', missingOf(request, body));
        return;
      }
      const decision = await allowance.spend(
        verification.check({
          presented: presentToken(token),
          directory: undefined,
          write: false,
          organizationId: caller.organizationId,
          surface: 'introspection',
          method: undefined,
          address,
          userAgent: request.headers['user-agent'],
          requestId,
        }),
      );
      const isVisible =
        decision.allowed &&
        (caller.organizationId === undefined || caller.organizationId === decision.grant.directory.organizationId);
      if (isVisible) send(response, answerOf(decision.grant), leaseOf(decision.grant));
      else send(response, INACTIVE);
    } catch (thrown) {
      const error = asAppError(thrown);
      const name = error.status === 503 ? 'temporarily_unavailable' : 'invalid_request';
      sendOauthError(response, error.status, name, error.message, {
        'x-request-id': requestId,
        ...(error.status === 503 && { 'retry-after': String(RETRY_AFTER_SECONDS) }),
      });
    }
  };

  function authenticate(
    header: string | undefined,
    fields: URLSearchParams,
  ): ApiKey | undefined | Promise<ApiKey | undefined> {
    const key = readApiKey(header);
    if (key && key.id === undefined) return verification.findCaller(key.value);
    const { id, secret } = readNamed(header, fields) ?? {};
    if (id === undefined || secret === undefined) return undefined;
    const found = findNamed(id, secret);
    const [decodedId, decodedSecret] = [formDecoded(id), formDecoded(secret)];
    if (decodedId === id && decodedSecret === secret) return found;
    return Promise.resolve(found).then((key) => key ?? findNamed(decodedId, decodedSecret));
  }

  function findNamed(id: string, secret: string): ApiKey | undefined | Promise<ApiKey | undefined> {
    const found = verification.findCaller(secret);
    const isNamed = (key: ApiKey | undefined) => (key?.id === id ? key : undefined);
    return found instanceof Promise ? found.then(isNamed) : isNamed(found);
  }

  /**
   * Milliseconds for which the caller may go by the answer, from when it asked: then a revoke that is acknowledged is obeyed there too.
   * One is taken off for what passed before the clock was read.
   */
  function leaseOf({ leaseUntil }: Grant): number {
    return Math.max(0, Math.floor(leaseUntil - clock.monotonicMs()) - 1);
  }

  function answerOf(grant: Grant): string {
    const made = answers.get(grant);
    if (made) return made;
    const { credential, directory, scope, expiresAt, issuedAt } = grant;
    const text = JSON.stringify({
      active: true,
      scope,
      token_type: 'Bearer',
      ...(credential.clientId !== undefined && { client_id: credential.clientId }),
      ...(expiresAt && { exp: Math.floor(expiresAt.getTime() / 1000) }),
      iat: Math.floor(issuedAt.getTime() / 1000),
      sub: directory.id,
      aud: directory.audience ?? endpointUrlOf(publicUrl, directory.endpointKey),
      iss: publicUrl,
      directory_id: directory.id,
      organization_id: directory.organizationId,
      credential_id: credential.id,
      credential_kind: credential.kind,
    });
    answers.set(grant, text);
    return text;
  }
}

/** The id and value of a key: as Basic, or as client_id and client_secret (RFC 6749 2.3.1) where there is no header. */
function readNamed(header: string | undefined, fields: URLSearchParams): { id: string; secret: string } | undefined {
  const { id, secret } =
    header === undefined ? { id: fields.get('client_id'), secret: fields.get('client_secret') } : readBasic(header);
  // IDs and keys have no blanks; what people paste has.
  return id && secret ? { id: id.trim(), secret: secret.trim() } : undefined;
}

/** Where a token was perhaps meant to be. */
function missingOf({ headers, url = '' }: IncomingMessage, body: string): string {
  const isMultipart = /^multipart\//i.test(headers['content-type'] ?? '') || body.startsWith('--');
  if (isMultipart) return 'The body is multipart/form-data. Send it as application/x-www-form-urlencoded.';
  if (/[?&]token=/.test(url)) return 'The parameter token is in the URL. Send it in the body.';
  return 'The parameter token is missing.';
}

/** A SCIM server sends the same header with each request. */
const readBasic = createRecall((header): { id?: string; secret?: string } => {
  const [, value = ''] = /^basic[ \t]+(\S+)[ \t]*$/i.exec(header) ?? [];
  const [, id, secret] = /^([^:]*):(.*)$/s.exec(Buffer.from(value, 'base64').toString()) ?? [];
  return id === undefined || secret === undefined ? {} : { id, secret };
}, 1000);

/** RFC 6749 2.3.1 has both halves of Basic form-encoded; some clients do so, `_` included, and some do not. */
function formDecoded(half: string): string {
  if (!/[%+]/.test(half)) return half;
  try {
    return decodeURIComponent(half.replaceAll('+', ' '));
  } catch {
    return half;
  }
}

/** Both schemes, that of the caller first: a client often looks at the first one only. RFC 6750 3.1 names what is wrong with a Bearer. */
function challengeOf(authorization = ''): string {
  const basic = 'Basic realm="latchkey"';
  const bearer = 'Bearer realm="latchkey"';
  if (/^basic(?:\s|$)/i.test(authorization)) return `${basic}, ${bearer}`;
  return /^bearer\s/i.test(authorization) ? `${bearer}, error="invalid_token", ${basic}` : `${bearer}, ${basic}`;
}

/**
 * The parameters of a form, or the texts of a JSON object, whatever the type says; an empty one is absent (RFC 6749 3.2). A SCIM server
 * asks about the same token again and again.
 */
const fieldsOf = createRecall((body: string): URLSearchParams => {
  const text = body.charCodeAt(0) === BOM ? body.slice(1) : body;
  if (!/^\s*\{/.test(text)) {
    const fields = new URLSearchParams(text);
    for (const [name, value] of [...fields]) if (value === '') fields.delete(name, '');
    return fields;
  }
  const fields = new URLSearchParams();
  try {
    for (const [name, value] of Object.entries(JSON.parse(text) ?? {})) {
      if (typeof value === 'string' && value !== '') fields.append(name, value);
    }
  } catch {
    // No JSON: no parameters.
  }
  return fields;
});

function send(response: ServerResponse, text: string, leaseMs = 0): void {
  response.writeHead(200, {
    'Content-Type': 'application/json; charset=utf-8',
    'Cache-Control': 'no-store',
    'Latchkey-Lease-Ms': leaseMs,
    'Content-Length': Buffer.byteLength(text),
  });
  response.end(text);
}

function refuseFor(response: ServerResponse, seconds: number): void {
  sendOauthError(response, 429, 'invalid_client', 'Too many refused requests.', { 'retry-after': String(seconds) });
}
