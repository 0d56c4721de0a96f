/**
 * `/oauth/token` and `/oauth/revoke`: what comes before and after oidc-provider. Before: bodies as IdPs send them, client authentication, one
 * exchange of a code at a time. After: the answer of a code kept for a retry, the audit, and never `invalid_grant` for our own fault.
 */
import { hash } from 'node:crypto';
import { IncomingMessage, type ServerResponse } from 'node:http';
import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import type { Audit } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import type { Usage } from '../credentials/index.ts';
import { AppError, asAppError, RETRY_AFTER_SECONDS } from '../errors.ts';
import { readBody } from '../http/body.ts';
import { sendOauthError } from '../http/error-responses.ts';
import type { RequestContext } from '../http/request-context.ts';
import type { Random } from '../identifiers.ts';
import type { Log } from '../log.ts';
import type { Collection } from '../storage/index.ts';
import { type Artifact, artifactId } from './artifacts.ts';
import { createClientAuthentication, createPasses, type Parameters } from './client-authentication.ts';
import { createKeySource } from './client-keys.ts';
import type { Client, Clients } from './clients.ts';
import type { Connections } from './connections.ts';
import { GRANT_TYPES, type GrantType } from './presets.ts';
import { seal, unseal } from './signing-keys.ts';

export interface TokenEndpointDependencies {
  artifacts: Collection<Artifact>;
  clients: Clients;
  connections: Connections;
  audit: Audit;
  usage: Usage;
  clock: Clock;
  random: Random;
  log: Log;
  context: RequestContext;
  issuer: string;
  provider: () => Provider;
  waitOutLease: () => Promise<void>;
  fetch: typeof fetch;
}

const BODY_LIMIT_BYTES = 56 * 1024;
/** A code may be tried again for so long after its answer, by the same client with the same parameters. */
const RETRY_WINDOW_MS = 10_000;
const EXCHANGE_MS = 5000;
const LOOK_AGAIN_MS = 40;
/** Stands for a refresh token whose successor has been used. */
const SUPERSEDED = 'superseded';

/** A value that only one request at a time may spend. */
interface OneTime {
  id: string;
  value: string;
  fingerprint: string;
}

/** What is known of a request on its way through oidc-provider. */
interface Exchange {
  path: string;
  /** As they came; `refreshWith` is what oidc-provider is shown instead of the refresh token. */
  parameters: Parameters;
  refreshWith?: string;
  client: Client;
  address: string;
  userAgent: string | undefined;
  requestId: string;
  /** The code that is exchanged, or the refresh token that is rotated. */
  code?: OneTime;
  rotated?: OneTime;
  /** The reason that oidc-provider keeps to itself. */
  detail?: string;
}

export function createTokenEndpoint(deps: TokenEndpointDependencies) {
  const {
    artifacts,
    clients,
    connections,
    audit,
    usage,
    clock,
    random,
    log,
    context,
    issuer,
    provider,
    waitOutLease,
    fetch,
  } = deps;
  const authenticate = createClientAuthentication({
    clients,
    clock,
    keys: createKeySource({ fetch, clock }),
    audiences: [issuer, `${issuer}/oauth/token`],
  });
  const passes = createPasses();
  const exchanges = new WeakMap<IncomingMessage, Exchange>();

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = context.requestIdOf(request);
    response.setHeader('X-Request-Id', requestId);
    try {
      const [path = ''] = (request.url ?? '').split('?');
      if (request.method !== 'POST')
        return sendOauthError(response, 405, 'invalid_request', 'Ask with POST.', { allow: 'POST' });
      const parameters = readParameters(await readBody(request, BODY_LIMIT_BYTES), request.headers['content-type']);
      const origin = { address: context.addressOf(request), userAgent: request.headers['user-agent'], requestId };
      const known = await authenticate(request.headers.authorization, parameters);
      if ('refused' in known) {
        const reason =
          known.refused === 'missing' || known.refused === 'contradiction' ? 'client_secret_wrong' : known.refused;
        const client = known.clientId === undefined ? undefined : await clients.find(known.clientId);
        tell('token.refused', { client, clientId: known.clientId, reason, parameters, ...origin });
        const challenge: Record<string, string> =
          request.headers.authorization === undefined ? {} : { 'www-authenticate': 'Basic realm="latchkey"' };
        return sendOauthError(response, 401, 'invalid_client', 'Client authentication failed.', challenge);
      }
      const exchange: Exchange = { path, parameters, client: known.client, ...origin };
      const grantType = parameters.get('grant_type');
      if (isGrantType(grantType) && !known.client.grantTypes.includes(grantType) && path === '/oauth/token') {
        tell('token.refused', { client: known.client, reason: 'unauthorized_client', parameters, ...origin });
        return sendOauthError(response, 400, 'unauthorized_client', `This client may not use ${grantType}.`);
      }
      const value = parameters.get('grant_type') === 'authorization_code' ? parameters.get('code') : undefined;
      if (value !== undefined) {
        const fingerprint = hash(
          'sha256',
          JSON.stringify([known.client.id, parameters.get('redirect_uri'), parameters.get('code_verifier')]),
          'hex',
        );
        exchange.code = { id: artifactId('AuthorizationCode', value), value, fingerprint };
        const earlier = await claim(exchange.code);
        if (earlier !== undefined) return answer(response, earlier);
      }
      const refreshToken = parameters.get('refresh_token');
      if (
        parameters.get('grant_type') === 'refresh_token' &&
        refreshToken !== undefined &&
        known.client.rotateRefreshTokens
      ) {
        exchange.refreshWith = await rotate(refreshToken, exchange);
      }
      await pass(request, response, exchange);
    } catch (thrown) {
      fail(response, thrown, requestId);
    }
  }

  /** Waits until no other request exchanges the same code; gives the answer that one got, where it may be repeated. */
  async function claim({ id, value, fingerprint }: OneTime, windowMs = RETRY_WINDOW_MS): Promise<string | undefined> {
    const deadline = clock.monotonicMs() + EXCHANGE_MS;
    for (;;) {
      const now = clock.now();
      const result = await artifacts.update(id, (artifact) => {
        const isFree =
          artifact.answeredAt === undefined && (artifact.lockedUntil === undefined || artifact.lockedUntil <= now);
        return isFree ? { ...artifact, lockedUntil: new Date(now.getTime() + EXCHANGE_MS) } : undefined;
      });
      // Unknown, or ours to exchange.
      if (!result || result.after !== result.before) return undefined;
      const { answer: kept, answeredAt, fingerprint: first } = result.before;
      if (answeredAt !== undefined) {
        const isRetry = kept !== undefined && first === fingerprint && now.getTime() - answeredAt.getTime() <= windowMs;
        return isRetry ? unseal(kept, value) : undefined;
      }
      if (clock.monotonicMs() > deadline) throw new AppError('storage_unavailable');
      await clock.wait(LOOK_AGAIN_MS);
    }
  }

  /**
   * Rotation that a lost answer can't hurt: whoever comes again with a token that was rotated gets its one successor again, until that
   * has been used; many at once all get the same. Gives the token to refresh with.
   */
  async function rotate(value: string, exchange: Exchange): Promise<string> {
    const id = artifactId('RefreshToken', value);
    const oneTime = { id, value, fingerprint: exchange.client.id };
    const successor = await claim(oneTime, Number.POSITIVE_INFINITY);
    if (successor === undefined) {
      exchange.rotated = oneTime;
      return value;
    }
    const next = await artifacts.find(artifactId('RefreshToken', successor));
    // Used already: what is presented is over, and oidc-provider will not know it.
    return next && next.lockedUntil === undefined && next.answeredAt === undefined ? successor : SUPERSEDED;
  }

  /** Hands a request on to oidc-provider, rewritten to the one form that it reads. */
  async function pass(request: IncomingMessage, response: ServerResponse, exchange: Exchange): Promise<void> {
    const { client, parameters, path, refreshWith } = exchange;
    const secret = client.authMethod === 'none' ? undefined : passes.issue(client.id);
    const form = new URLSearchParams(
      [...parameters].filter(([name]) => !name.startsWith('client_') && name !== 'resource'),
    );
    form.set('client_id', client.id);
    if (secret !== undefined) form.set('client_secret', secret);
    const scope = form.get('scope');
    if (scope !== null) form.set('scope', withoutAliases(scope));
    if (form.get('scope') === '') form.delete('scope');
    // Without a scope the whole is asked for; the answer is to say so.
    if (form.get('grant_type') === 'client_credentials' && !form.has('scope')) form.set('scope', 'scim');
    if (refreshWith !== undefined) form.set('refresh_token', refreshWith);
    const body = Buffer.from(form.toString());
    const inner = new IncomingMessage(request.socket);
    inner.method = 'POST';
    inner.url = path;
    inner.headers = {
      host: new URL(issuer).host,
      accept: 'application/json',
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': String(body.length),
    };
    inner.push(body);
    inner.push(null);
    inner.complete = true;
    exchanges.set(inner, exchange);
    try {
      await provider().callback()(inner, response);
    } finally {
      if (secret !== undefined) passes.withdraw(secret);
    }
  }

  /** After oidc-provider has made its answer, before that goes out. */
  async function onAnswer(ctx: KoaContextWithOIDC, request: IncomingMessage): Promise<void> {
    const exchange = exchanges.get(request);
    if (!exchange) return;
    const { path, parameters, client, code, rotated, address, userAgent, requestId } = exchange;
    const body = (ctx.body ?? {}) as Record<string, unknown>;
    try {
      if (body['error'] === 'server_error') throw new AppError('storage_unavailable');
      if (path === '/oauth/revoke') {
        // A JWT is none of ours, so as unknown as anything else (RFC 7009 2.2).
        if (body['error'] === 'unsupported_token_type') {
          ctx.status = 200;
          ctx.body = '';
        }
        // A revoked access token is in memory until its lease is over.
        if (ctx.status === 200) await waitOutLease();
        return;
      }
      const { credentialId, ...subject } = await whose(ctx, exchange);
      const facts = {
        client,
        clientId: client.id,
        credentialId,
        ...subject,
        parameters,
        address,
        userAgent,
        requestId,
      };
      if (ctx.status === 200) {
        if (code) {
          const kept = seal(JSON.stringify(body), code.value, random);
          await artifacts.update(code.id, (artifact) => ({
            ...artifact,
            answer: kept,
            answeredAt: clock.now(),
            fingerprint: code.fingerprint,
          }));
        }
        if (rotated && typeof body['refresh_token'] === 'string') {
          const kept = seal(body['refresh_token'], rotated.value, random);
          await artifacts.update(rotated.id, (artifact) => ({
            ...artifact,
            answer: kept,
            answeredAt: clock.now(),
            fingerprint: rotated.fingerprint,
          }));
        }
        if (credentialId !== undefined) await connections.extend(credentialId, client);
        if (credentialId !== undefined)
          usage.refreshed(credentialId, new Date(clock.now().getTime() + Number(body['expires_in']) * 1000));
        tell('token.issued', facts);
      } else {
        const held = code ?? rotated;
        if (held) await artifacts.update(held.id, ({ lockedUntil: _lockedUntil, ...artifact }) => artifact);
        tell('token.refused', { ...facts, reason: reasonOf(exchange, String(body['error'])) });
      }
    } catch (error) {
      log.error({ err: error, requestId }, 'a token request failed');
      ctx.status = 503;
      ctx.set('Retry-After', String(RETRY_AFTER_SECONDS));
      ctx.set('Cache-Control', 'no-store');
      ctx.body = { error: 'temporarily_unavailable', error_description: 'Try again.' };
    }
  }

  /** Which connection a request is about, also when it is refused. */
  async function whose(ctx: KoaContextWithOIDC, { parameters, client }: Exchange) {
    const refreshToken = parameters.get('refresh_token');
    const code = parameters.get('code');
    const presented =
      refreshToken !== undefined
        ? artifactId('RefreshToken', refreshToken)
        : code !== undefined
          ? artifactId('AuthorizationCode', code)
          : undefined;
    const grantId =
      ctx.oidc?.entities.Grant?.jti ??
      (presented === undefined ? undefined : (await artifacts.find(presented))?.grantId);
    const authorization = grantId === undefined ? undefined : await connections.find(grantId);
    // Another client's token says nothing of this one.
    if (authorization?.clientId === client.id) {
      const { credentialId, organizationId, directoryId } = authorization;
      return { credentialId, organizationId, directoryId };
    }
    const { credentialId, organizationId, directoryId } = client;
    return {
      credentialId: parameters.get('grant_type') === 'client_credentials' ? credentialId : undefined,
      organizationId,
      directoryId,
    };
  }

  interface Told {
    organizationId?: string | undefined;
    directoryId?: string | undefined;
    client?: Client | undefined;
    clientId?: string | undefined;
    credentialId?: string | undefined;
    reason?: string;
    parameters: Parameters;
    address: string;
    userAgent: string | undefined;
    requestId: string;
  }

  function tell(type: 'token.issued' | 'token.refused', told: Told): void {
    const {
      client,
      clientId,
      organizationId,
      directoryId,
      credentialId,
      reason = '',
      parameters,
      address,
      userAgent,
      requestId,
    } = told;
    const grantType = parameters.get('grant_type')?.slice(0, 50) ?? '';
    const name = client?.id ?? clientId?.slice(0, 60) ?? '';
    const subject = {
      organizationId: organizationId ?? client?.organizationId,
      directoryId: directoryId ?? client?.directoryId,
      credentialId,
      address,
      requestId,
    };
    const actor = {
      type: 'identity_provider' as const,
      name: client?.name ?? 'unknown client',
      ...(client && { id: client.id }),
    };
    if (type === 'token.issued')
      audit.tallies.note({ type, ...subject, actor, data: { clientId: name, grantType, userAgent } });
    else audit.tallies.note({ type, ...subject, actor, data: { clientId: name, grantType, reason, userAgent } });
  }

  return {
    handle,
    onAnswer,
    isPass: passes.isPass,
    isRotating: (request: IncomingMessage) => exchanges.get(request)?.rotated !== undefined,
    /** oidc-provider tells its true reason by an event only. */
    noteDetail(ctx: KoaContextWithOIDC, error: unknown) {
      const exchange = exchanges.get(ctx.req);
      const { error_detail: detail, message } = error as { error_detail?: string; message?: string };
      if (exchange) exchange.detail = detail ?? message ?? '';
    },
  };
}

function reasonOf({ detail = '', parameters, refreshWith }: Exchange, error: string): string {
  const grantType = parameters.get('grant_type');
  if (detail.includes('slots full')) return 'slots_full';
  if (grantType === 'client_credentials') return /^credential (revoked|expired)$/.exec(detail)?.[1] ?? error;
  if (grantType === 'authorization_code') {
    if (/consumed|grant not found/.test(detail)) return 'code_replayed';
    if (/redirect_uri mismatch/.test(detail)) return 'redirect_uri_unknown';
    // A code of another client is none of this one's.
    return /not found|expired|client mismatch/.test(detail) ? 'code_expired' : error;
  }
  if (grantType === 'refresh_token') {
    if (refreshWith === SUPERSEDED) return 'refresh_token_superseded';
    if (/grant not found|expired/.test(detail)) return 'refresh_token_revoked';
    if (/not found|client mismatch/.test(detail)) return 'refresh_token_unknown';
  }
  return error;
}

function isGrantType(value: string | undefined): value is GrantType {
  return (GRANT_TYPES as readonly (string | undefined)[]).includes(value);
}

/** `offline_access` and `offline` ask for what every client gets: a refresh token. */
export function withoutAliases(scope: string): string {
  return [...new Set(scope.split(/[ +]+/))]
    .filter((word) => word !== '' && word !== 'offline_access' && word !== 'offline' && word !== 'openid')
    .join(' ');
}

/** Form or JSON; a parameter that comes twice must say the same. Throws invalid_request. */
function readParameters(text: string, contentType = ''): Parameters {
  const found = new Map<string, string>();
  for (const [name, value] of pairsOf(text, contentType)) {
    if (found.has(name) && found.get(name) !== value) {
      throw new AppError('invalid_request', {
        detail: `The parameter ${name.slice(0, 50)} is given twice with different values.`,
      });
    }
    found.set(name, value);
  }
  return found;
}

function pairsOf(text: string, contentType: string): Iterable<[string, string]> {
  if (!/^application\/json\b/i.test(contentType)) return new URLSearchParams(text);
  try {
    const parsed = JSON.parse(text) as unknown;
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new SyntaxError('not an object');
    return Object.entries(parsed).filter((pair): pair is [string, string] => typeof pair[1] === 'string');
  } catch (error) {
    throw new AppError('invalid_request', { detail: 'The body is not a JSON object.' }, { cause: error });
  }
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
