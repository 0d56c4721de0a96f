/**
 * `/oauth/token` and `/oauth/revoke`: read the request, find out who asks, let the grant decide, answer and keep account. Whatever goes wrong
 * on our side is 503, and never `invalid_grant`.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Attribution } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import type { Usage } from '../credentials/index.ts';
import { asAppError, RETRY_AFTER_SECONDS } from '../errors.ts';
import { readBody } from '../http/body.ts';
import { sendOauthError } from '../http/error-responses.ts';
import type { FailureLimits } from '../http/failure-limits.ts';
import type { RequestContext } from '../http/request-context.ts';
import type { GrantType } from '../identity-providers/index.ts';
import type { Log } from '../log.ts';
import { within } from '../timing/deadline.ts';
import { namedInAssertion } from './client-assertions.ts';
import { type Authenticated, namedClient, type ProofFault } from './client-authentication.ts';
import type { Client } from './client-record.ts';
import type { Clients } from './clients.ts';
import type { Connections } from './connections.ts';
import type { Grant, Granted, Refused } from './grants.ts';
import { type Parameters, readBodyParameters, readQuery } from './parameters.ts';
import { OAUTH_REFUSALS, type OauthSubReason } from './refusals.ts';
import type { SecretUseRecord } from './secret-uses.ts';
import type { createTokenAudit, TokenRequest } from './token-audit.ts';

export interface TokenEndpointDependencies {
  clients: Clients;
  authenticate: (header: string | undefined, parameters: Parameters, path: string) => Promise<Authenticated>;
  grants: Record<GrantType, Grant>;
  revoke: (client: Client, token: string, attribution: Attribution) => Promise<void>;
  connections: Connections;
  told: ReturnType<typeof createTokenAudit>;
  secretUses: SecretUseRecord;
  failures: FailureLimits;
  usage: Usage;
  clock: Clock;
  log: Log;
  context: RequestContext;
  answerMs: number;
  /** Told of each answer. */
  onAnswer: (outcome: TokenOutcome) => void;
  /** Draws the page for a browser that was led here. */
  renderError: (error: string, description: string) => { html: string; headers: Record<string, string> };
}

/** What a request to the token or the revocation endpoint comes to, as it is counted. */
export const TOKEN_OUTCOMES = [
  'issued',
  'revoked',
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
  'slow_down',
  'unavailable',
] as const;
export type TokenOutcome = (typeof TOKEN_OUTCOMES)[number];

const BODY_LIMIT_BYTES = 56 * 1024;

export function createTokenEndpoint(deps: TokenEndpointDependencies) {
  const { clients, authenticate, grants, revoke, connections, told, secretUses, failures } = deps;
  const { usage, clock, log, context, onAnswer } = deps;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = context.requestIdOf(request);
    response.setHeader('X-Request-Id', requestId);
    try {
      // A body that comes slowly is not our fault; the server's own limits end it.
      const body = request.method === 'POST' ? await readBody(request, BODY_LIMIT_BYTES) : '';
      await within(deps.answerMs, serve(request, response, requestId, body));
    } catch (thrown) {
      if (asAppError(thrown).status >= 500) log.error({ err: thrown, requestId }, 'a token request failed');
      onAnswer(asAppError(thrown).status >= 500 ? 'unavailable' : 'invalid_request');
      fail(response, thrown, requestId);
    }
  }

  async function serve(
    request: IncomingMessage,
    response: ServerResponse,
    requestId: string,
    body: string,
  ): Promise<void> {
    const [path = '', query = ''] = (request.url ?? '').split('?');
    const { authorization: header, 'content-type': contentType, 'user-agent': userAgent } = request.headers;
    const from = { address: context.addressOf(request), userAgent, requestId };
    const isHere = path === '/oauth/token' || path === '/oauth/revoke';
    if (request.method !== 'POST') {
      const { parameters } = readQuery(query);
      const refused = parameters.has('response_type') ? 'token_url_as_authorize_url' : 'token_request_by_get';
      return refuse(request, response, { ...from, parameters }, { refused: isHere ? refused : 'oauth_path_wrong' });
    }
    const { parameters, mistake, misnamed } = readBodyParameters(body, contentType, query);
    const asked: TokenRequest = { ...from, parameters };
    if (!isHere) return refuse(request, response, asked, { refused: 'oauth_path_wrong' });
    if (mistake !== undefined) return refuse(request, response, asked, { refused: mistake });
    const known = await authenticate(header, parameters, path);
    if ('refused' in known) {
      const { refused, clientId, fault, error } = known;
      if (refused === 'client_missing' && misnamed?.has('client_id'))
        return refuse(request, response, { ...from, parameters: misnamed }, { refused: 'form_names_wrong' });
      // An assertion that is the grant (RFC 7523 2.1) and not the proof: it is the grant that there is not.
      if (refused === 'client_missing' && parameters.has('assertion'))
        return refuse(request, response, asked, { refused: 'grant_unknown' });
      if (error) await told.refused({ ...asked, client: await clientOf(clientId), clientId }, { refused });
      if (error) throw error;
      return refuse(request, response, { ...asked, clientId }, { refused }, fault);
    }
    const { client, secretId, undo } = known;
    if (secretId !== undefined) secretUses.note(client.id, secretId, from.address, userAgent);
    // A client that sends the same request again after our fault must not be told that it replays.
    if (undo)
      response.once('close', () => {
        if (response.statusCode >= 500 || !response.writableFinished) void undo().catch(() => undefined);
      });
    const by: TokenRequest = { ...asked, client };
    const actor = { type: 'identity_provider', id: client.id, name: client.name } as const;
    const attribution: Attribution = { actor, source: 'system', address: from.address, requestId };
    if (path === '/oauth/revoke') {
      const token = parameters.get('token');
      if (token === undefined) return refuse(request, response, by, { refused: 'token_missing' });
      await revoke(client, token, attribution);
      onAnswer('revoked');
      // RFC 7009 has the content ignored; some clients read every answer as JSON.
      return answer(response, {});
    }
    const outcome = await grant(client, parameters, attribution);
    if ('refused' in outcome && outcome.refused === 'grant_missing' && misnamed?.has('grant_type'))
      return refuse(request, response, by, { refused: 'form_names_wrong' });
    if ('refused' in outcome) return refuse(request, response, by, outcome);
    const { tokens, about, isRepeat = false } = outcome;
    if (!isRepeat) {
      if (about.credentialId !== undefined) await wasIssued(about.credentialId, client, tokens.expires_in);
      told.issued(about, by);
    }
    onAnswer('issued');
    answer(response, tokens);
  }

  async function grant(client: Client, parameters: Parameters, attribution: Attribution): Promise<Granted | Refused> {
    const type = parameters.get('grant_type');
    if (type === undefined) return { refused: 'grant_missing' };
    if (!isGrantType(type)) return { refused: 'grant_unknown' };
    if (!client.grantTypes.includes(type)) return { refused: 'grant_not_allowed' };
    return grants[type](client, parameters, attribution);
  }

  const isGrantType = (type: string): type is GrantType => Object.hasOwn(grants, type);

  async function wasIssued(credentialId: string, client: Client, seconds: number): Promise<void> {
    await connections.extend(credentialId, client);
    usage.refreshed(credentialId, new Date(clock.now().getTime() + seconds * 1000));
  }

  /** Tells why, at the client that was named where there is one, and answers; with 429 where that happened too often. */
  async function refuse(
    request: IncomingMessage,
    response: ServerResponse,
    given: TokenRequest,
    refusal: Refused,
    fault?: ProofFault,
  ): Promise<void> {
    const clientId = given.client?.id ?? given.clientId ?? whoAsks(request.headers.authorization, given.parameters);
    const client = given.client ?? (await clientOf(clientId));
    await told.refused({ ...given, client, clientId }, refusal, fault);
    const { error, says } = OAUTH_REFUSALS[refusal.refused];
    const seconds = failures.count(given.address, clientId);
    onAnswer(seconds === undefined ? outcomeOf(error) : 'slow_down');
    if (seconds !== undefined) {
      const description = `Too many refused requests. Wait ${seconds} seconds. The latest reason: ${says}`;
      return sendOauthError(response, 429, 'slow_down', description, { 'retry-after': String(seconds) });
    }
    if (request.method !== 'POST') return refuseBrowser(request, response, refusal.refused);
    const isChallenged = error === 'invalid_client' && request.headers.authorization !== undefined;
    const status = refusal.refused === 'oauth_path_wrong' ? 404 : error === 'invalid_client' ? 401 : 400;
    sendOauthError(response, status, error, says, {
      ...(isChallenged && { 'www-authenticate': 'Basic realm="latchkey"' }),
    });
  }

  async function clientOf(id: string | undefined): Promise<Client | undefined> {
    return id === undefined ? undefined : clients.find(id);
  }

  function refuseBrowser(request: IncomingMessage, response: ServerResponse, refused: OauthSubReason): void {
    const { error, says } = OAUTH_REFUSALS[refused];
    const status = refused === 'oauth_path_wrong' ? 404 : 405;
    const allow: Record<string, string> = status === 405 ? { allow: 'POST' } : {};
    if (!/\btext\/html\b/.test(request.headers.accept ?? '')) {
      sendOauthError(response, status, error, says, allow);
      return;
    }
    const { html, headers } = deps.renderError(refused, says);
    response.writeHead(status, {
      ...headers,
      ...allow,
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Length': Buffer.byteLength(html),
    });
    response.end(request.method === 'HEAD' ? undefined : html);
  }

  return { handle };
}

/** Whom a request names in any place, before anything is proved. */
function whoAsks(header: string | undefined, parameters: Parameters): string | undefined {
  const assertion = parameters.get('client_assertion') ?? parameters.get('assertion');
  return namedClient(header, parameters) ?? (assertion === undefined ? undefined : namedInAssertion(assertion));
}

/** Errors of the authorization endpoint alone are in the same table, and don't come here. */
function outcomeOf(error: string): TokenOutcome {
  return TOKEN_OUTCOMES.find((outcome) => outcome === error) ?? 'invalid_request';
}

function answer(response: ServerResponse, body: object): void {
  const text = JSON.stringify(body);
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
