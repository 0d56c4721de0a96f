/**
 * `/oauth/token` and `/oauth/revoke`: what comes before and after oidc-provider. Before: bodies as IdPs send them, client authentication, one
 * exchange of a code at a time. After: the answer of a code kept for a retry, the audit, and never `invalid_grant` for our own fault.
 */
import { hash } from 'node:crypto';
import { IncomingMessage, type ServerResponse } from 'node:http';
import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import { type Audit, type Cause, SYSTEM } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import type { Usage } from '../credentials/index.ts';
import { within } from '../deadline.ts';
import { AppError, asAppError, RETRY_AFTER_SECONDS } from '../errors.ts';
import { readBody } from '../http/body.ts';
import { sendOauthError } from '../http/error-responses.ts';
import type { RequestContext } from '../http/request-context.ts';
import type { Random } from '../identifiers.ts';
import { GRANT_TYPES } from '../identity-providers/index.ts';
import type { Log } from '../log.ts';
import type { Collection, Storage } from '../storage/index.ts';
import { type Artifact, artifactId } from './artifacts.ts';
import { createAssertions } from './client-assertions.ts';
import { type Admission, createClientAuthentication } from './client-authentication.ts';
import { createKeySource } from './client-keys.ts';
import type { Client, Clients } from './clients.ts';
import type { Connections } from './connections.ts';
import { createGrants, type Granted, type Refused } from './grants.ts';
import { createOneTimes, type OneTime } from './one-time.ts';
import { type Asked, createTokenAudit, reasonOf } from './token-audit.ts';
import { formOf, readParameters } from './token-parameters.ts';

export interface TokenEndpointDependencies {
  storage: Storage;
  artifacts: Collection<Artifact>;
  clients: Clients;
  admission: Admission;
  connections: Connections;
  audit: Audit;
  usage: Usage;
  clock: Clock;
  random: Random;
  log: Log;
  context: RequestContext;
  issuer: string;
  provider: () => Provider;
  answerMs: number;
  waitOutLease: () => Promise<void>;
  fetch: typeof fetch;
}

const BODY_LIMIT_BYTES = 56 * 1024;
/** A code may be tried again for so long after its answer, by the same client with the same parameters. */
const RETRY_WINDOW_MS = 10_000;

/** What is known of a request on its way through oidc-provider. */
interface Exchange extends Asked {
  path: string;
  client: Client;
  /** The code that is exchanged. */
  code?: OneTime;
  /** The reason that oidc-provider keeps to itself. */
  detail?: string;
}

export function createTokenEndpoint(deps: TokenEndpointDependencies) {
  const {
    artifacts,
    clients,
    admission,
    connections,
    usage,
    clock,
    log,
    context,
    issuer,
    provider,
    waitOutLease,
    fetch,
    answerMs,
  } = deps;
  const { host } = new URL(issuer);
  const keys = createKeySource({ fetch, clock });
  const byAssertion = createAssertions({ storage: deps.storage, clients, clock, keys, issuer });
  const authenticate = createClientAuthentication({ clients, clock, byAssertion });
  const oneTimes = createOneTimes(deps);
  const grants = createGrants({ artifacts, oneTimes, provider });
  const told = createTokenAudit(deps);
  const exchanges = new WeakMap<IncomingMessage, Exchange>();

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = context.requestIdOf(request);
    response.setHeader('X-Request-Id', requestId);
    try {
      if (request.method !== 'POST')
        return sendOauthError(response, 405, 'invalid_request', 'Ask with POST.', { allow: 'POST' });
      await within(answerMs, serve(request, response, requestId));
    } catch (thrown) {
      if (asAppError(thrown).status >= 500) log.error({ err: thrown, requestId }, 'a token request failed');
      fail(response, thrown, requestId);
    }
  }

  async function serve(request: IncomingMessage, response: ServerResponse, requestId: string): Promise<void> {
    const [path = ''] = (request.url ?? '').split('?');
    const parameters = readParameters(await readBody(request, BODY_LIMIT_BYTES), request.headers['content-type']);
    const asked: Asked = {
      parameters,
      address: context.addressOf(request),
      userAgent: request.headers['user-agent'],
      requestId,
    };
    const known = await authenticate(request.headers.authorization, parameters, path);
    if ('refused' in known) {
      const { refused, clientId, fault, error } = known;
      const reason = refused === 'missing' || refused === 'contradiction' ? 'client_secret_wrong' : refused;
      const client = clientId === undefined ? undefined : await clients.find(clientId);
      const named = { ...asked, client, clientId };
      told.refused(await told.aboutOf(named), named, reason, fault);
      if (error) throw error;
      const challenge: Record<string, string> =
        request.headers.authorization === undefined ? {} : { 'www-authenticate': 'Basic realm="latchkey"' };
      return sendOauthError(response, 401, 'invalid_client', 'Client authentication failed.', challenge);
    }
    // A client that sends the same request again after our fault must not be told that it replays.
    const { undo } = known;
    if (undo)
      response.once('close', () => {
        if (response.statusCode >= 500 || !response.writableFinished) void undo().catch(() => undefined);
      });
    const exchange: Exchange = { ...asked, path, client: known.client };
    const grantType = path === '/oauth/token' ? parameters.get('grant_type') : undefined;
    if (isGrantType(grantType) && !known.client.grantTypes.includes(grantType)) {
      told.refused(await told.aboutOf(exchange), exchange, 'unauthorized_client');
      return sendOauthError(response, 400, 'unauthorized_client', `This client may not use ${grantType}.`);
    }
    await admission.during(known.client, async (pass) => {
      if (grantType === 'client_credentials')
        return tell(response, exchange, await grants.toClient(known.client, parameters));
      if (grantType === 'refresh_token')
        return tell(response, exchange, await grants.byRefreshToken(known.client, parameters));
      const code = grantType === 'authorization_code' ? parameters.get('code') : undefined;
      if (code !== undefined) {
        exchange.code = codeOf(code, exchange);
        const earlier = await oneTimes.claim(exchange.code, RETRY_WINDOW_MS);
        if (earlier !== undefined) return answer(response, earlier);
      }
      return handOn(request, response, exchange, pass);
    });
  }

  async function tell(response: ServerResponse, exchange: Exchange, outcome: Granted | Refused): Promise<void> {
    if ('error' in outcome) {
      const { error, description, reason } = outcome;
      told.refused(await told.aboutOf(exchange), exchange, reason);
      return sendOauthError(response, 400, error, description);
    }
    const { accessToken, expiresIn, scope, refreshToken, grantId } = outcome;
    const about = await told.aboutOf(exchange, grantId);
    if (about.credentialId !== undefined) await wasIssued(about.credentialId, exchange.client, expiresIn);
    told.issued(about, exchange);
    const tokens = {
      access_token: accessToken,
      expires_in: expiresIn,
      ...(refreshToken !== undefined && { refresh_token: refreshToken }),
      scope,
      token_type: 'Bearer',
    };
    answer(response, JSON.stringify(tokens));
  }

  async function wasIssued(credentialId: string, client: Client, expiresIn: number): Promise<void> {
    await connections.extend(credentialId, client);
    usage.refreshed(credentialId, new Date(clock.now().getTime() + expiresIn * 1000));
  }

  /** Hands a request on to oidc-provider, rewritten to the one form that it reads. */
  async function handOn(
    request: IncomingMessage,
    response: ServerResponse,
    exchange: Exchange,
    pass: string,
  ): Promise<void> {
    const { client, parameters, path } = exchange;
    const proof = { client_id: client.id, ...(client.authMethod !== 'none' && { client_secret: pass }) };
    const body = Buffer.from(formOf(parameters, proof));
    const inner = new IncomingMessage(request.socket);
    inner.method = 'POST';
    inner.url = path;
    inner.headers = {
      host,
      accept: 'application/json',
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': String(body.length),
    };
    inner.push(body);
    inner.push(null);
    inner.complete = true;
    exchanges.set(inner, exchange);
    await provider().callback()(inner, response);
  }

  /** After oidc-provider has made its answer, before that goes out. */
  async function onAnswer(ctx: KoaContextWithOIDC, request: IncomingMessage): Promise<void> {
    const exchange = exchanges.get(request);
    if (!exchange) return;
    const { path, client, code, requestId } = exchange;
    const body = (ctx.body ?? {}) as Record<string, unknown>;
    try {
      if (body['error'] === 'server_error') throw new AppError('storage_unavailable');
      if (path === '/oauth/revoke') {
        // A JWT is none of ours, so as unknown as anything else (RFC 7009 2.2).
        if (body['error'] === 'unsupported_token_type') ctx.status = 200;
        // RFC 7009 has the content ignored; some clients read every answer as JSON.
        if (ctx.status === 200) ctx.body = {};
        // A revoked access token is in memory until its lease is over.
        if (ctx.status === 200) await waitOutLease();
        return;
      }
      const about = await told.aboutOf(exchange, ctx.oidc?.entities.Grant?.jti);
      const { credentialId } = about;
      if (ctx.status === 200) {
        if (code) await oneTimes.keep(code, JSON.stringify(body));
        if (credentialId !== undefined) await wasIssued(credentialId, client, Number(body['expires_in']));
        told.issued(about, exchange);
      } else {
        if (code) await oneTimes.release(code);
        told.refused(about, exchange, reasonOf(exchange, String(body['error'])));
      }
    } catch (error) {
      log.error({ err: error, requestId }, 'a token request failed');
      if (code) await oneTimes.release(code).catch(() => undefined);
      ctx.status = 503;
      ctx.set('Retry-After', String(RETRY_AFTER_SECONDS));
      ctx.set('Cache-Control', 'no-store');
      ctx.body = { error: 'temporarily_unavailable', error_description: 'Try again.' };
    }
  }

  return {
    handle,
    onAnswer,
    /** Why a request ends a connection, and whose it is. */
    endingOf(request: IncomingMessage | undefined): [reason: string, cause: Cause] {
      const exchange = request && exchanges.get(request);
      if (!exchange) return ['its grant has ended', SYSTEM];
      const { client, address, requestId, path } = exchange;
      const actor = { type: 'identity_provider', id: client.id, name: client.name } as const;
      const reason = path === '/oauth/revoke' ? 'revoked by its client' : 'its authorization code was presented again';
      return [reason, { actor, source: 'system', address, requestId }];
    },
    /** oidc-provider tells its true reason by an event only. */
    noteDetail(ctx: KoaContextWithOIDC, error: unknown) {
      const exchange = exchanges.get(ctx.req);
      const { error_detail: detail, message } = error as { error_detail?: string; message?: string };
      if (exchange) exchange.detail = detail ?? message ?? '';
    },
  };
}

/** An answer is repeated to the same client with the same parameters only. */
function codeOf(value: string, { client, parameters }: Exchange): OneTime {
  const facts = [client.id, parameters.get('redirect_uri'), parameters.get('code_verifier')];
  const fingerprint = hash('sha256', JSON.stringify(facts), 'hex');
  return { id: artifactId('AuthorizationCode', value), value, fingerprint };
}

function isGrantType(value: string | undefined): value is string {
  return value !== undefined && (GRANT_TYPES as readonly string[]).includes(value);
}

function answer(response: ServerResponse, text: string): void {
  response.writeHead(200, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    Pragma: 'no-cache',
  });
  response.end(text);
}

function fail(response: ServerResponse, thrown: unknown, requestId: string): void {
  const error = asAppError(thrown);
  const name = error.status === 503 ? 'temporarily_unavailable' : 'invalid_request';
  const headers: Record<string, string> = { 'x-request-id': requestId };
  if (error.status === 503) headers['retry-after'] = String(RETRY_AFTER_SECONDS);
  sendOauthError(response, error.status, name, error.message, headers);
}
