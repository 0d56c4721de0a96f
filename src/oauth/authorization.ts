/**
 * `/oauth/authorize`. oidc-provider does the protocol; it is shown each request as our reader of parameters has read it, and what it refuses,
 * and why, is told here.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { KoaContextWithOIDC, Provider as OidcProvider } from 'oidc-provider';
import type { Audit } from '../audit/index.ts';
import { readBody } from '../http/body.ts';
import { sendOauthError } from '../http/error-responses.ts';
import type { RequestContext } from '../http/request-context.ts';
import { withoutSecrets } from '../secrets/redaction.ts';
import { namedClient } from './client-authentication.ts';
import { isOwnClientId } from './client-checks.ts';
import type { ClientIds } from './client-ids.ts';
import type { Client } from './client-record.ts';
import type { Clients } from './clients.ts';
import {
  offlineScopeOf,
  type Parameters,
  type ReadParameters,
  readBodyParameters,
  readQuery,
  readScope,
} from './parameters.ts';
import { OAUTH_REFUSALS, type OauthSubReason } from './refusals.ts';
import type { TokenEndpointDependencies } from './token-endpoint.ts';

/** What a request named that can't be sent back: shown to the person, who may have to pass it on. */
export interface NamedInRequest {
  clientId?: string;
  /** Only where it is an address at all. */
  redirectUri?: string;
  /** With `token_url_as_authorize_url`: what the right addresses begin with. */
  issuer?: string;
}

export type Page = { html: string; headers: Record<string, string> };

export interface AuthorizationDependencies {
  oidcProvider: () => OidcProvider;
  clients: Clients;
  clientIds: ClientIds;
  told: TokenEndpointDependencies['told'];
  audit: Audit;
  context: RequestContext;
  /** Draws the page for what can't be sent back to the client. */
  renderError: (error: string, description: string, asked: NamedInRequest) => Page;
}

const SESSION_COOKIE = /(?:^|; *)latchkey_oauth_session(?:\.sig)?=[^;]*/g;
const ENDPOINT = '/oauth/authorize';
/** The parameters that mean something to oidc-provider. */
const SHOWN = [
  'client_id',
  'response_type',
  'response_mode',
  'redirect_uri',
  'state',
  'code_challenge',
  'code_challenge_method',
  'request',
  'request_uri',
];
const LONGEST_POST_BYTES = 56 * 1024;
const LONGEST_REQUEST_BYTES = 8 * 1024;
const LONGEST_STATE_BYTES = 2 * 1024;
/** Registered redirect URIs that an event names beside the one that was sent. */
const NAMED_URIS = 4;
const LONGEST_URI = 300;

export type Authorization = ReturnType<typeof createAuthorization>;

export function createAuthorization(deps: AuthorizationDependencies) {
  const { oidcProvider, clients, clientIds, told, audit, context } = deps;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // Each request stands for itself: who agreed to another one in this browser says nothing about this one.
    if (request.headers.cookie)
      request.headers.cookie = request.headers.cookie.replace(SESSION_COOKIE, '').replace(/^; */, '');
    const [path, query = ''] = (request.url ?? '').split(/\?(.*)/s);
    if (path === ENDPOINT) {
      const isPost = request.method === 'POST';
      const body = isPost ? await readBody(request, LONGEST_POST_BYTES) : '';
      // A POST may have all of it in the query.
      const text = body || query;
      const read = body === '' ? readQuery(text) : readBodyParameters(body, request.headers['content-type']);
      const refused = formRefusal(text, read);
      if (refused) return refuse(request, response, read.parameters, refused);
      request.method = isPost ? 'GET' : request.method;
      request.url = `${ENDPOINT}?${await underOwnId(shown(read))}`;
    }
    await oidcProvider().callback()(request, response);
  }

  /** A client that was imported is asked for by the ID that it brought; from here on it goes by ours. */
  async function underOwnId(query: URLSearchParams): Promise<URLSearchParams> {
    const given = query.get('client_id');
    if (given === null || isOwnClientId(given)) return query;
    const client = await clients.find(given);
    if (client) query.set('client_id', client.id);
    return query;
  }

  /** Answers what oidc-provider never sees: a token request with an OAuth error, anything else with a page. */
  async function refuse(
    request: IncomingMessage,
    response: ServerResponse,
    parameters: Parameters,
    refused: OauthSubReason,
  ): Promise<void> {
    const { error, says } = OAUTH_REFUSALS[refused];
    if (refused === 'authorize_url_as_token_url') {
      const clientId = namedClient(request.headers.authorization, parameters);
      const client = await clientOf(clientId);
      const from = { address: context.addressOf(request), requestId: context.requestIdOf(request) };
      const asked = { ...from, parameters, client, clientId, userAgent: request.headers['user-agent'] };
      await told.refused(asked, { refused });
      return sendOauthError(response, 400, error, says);
    }
    await note(request, await clientOf(parameters.get('client_id')), parameters.get('client_id'), refused);
    const { html, headers } = deps.renderError(error, says, askedOf(Object.fromEntries(parameters)));
    response.writeHead(400, {
      ...headers,
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Length': Buffer.byteLength(html),
    });
    response.end(html);
  }

  /** What an instance of oidc-provider tells is told to the audit. */
  function listenTo(made: OidcProvider): void {
    made.use(async (ctx, next) => {
      await next();
      const { oidc, state, req } = ctx as KoaContextWithOIDC;
      const error = state['refused'] as string | undefined;
      // What a person refused has been told with the person's name.
      if (error === undefined || oidc?.entities?.Interaction?.result?.['error'] !== undefined) return;
      const params = (oidc?.params ?? {}) as Record<string, unknown>;
      const clientId = typeof params['client_id'] === 'string' ? params['client_id'] : undefined;
      const client = await clientOf(oidc?.entities?.Client?.clientId ?? clientId);
      await note(req, client, clientId, subReasonOf(error, params, client), params['redirect_uri']);
    });
    // One request may fail more than once on its way out; the last word counts. The types know this event by the name of the endpoint only.
    (made as unknown as NodeJS.EventEmitter).on(
      'authorization.error',
      (ctx: KoaContextWithOIDC, { error }: { error?: string }) => refusedBy(ctx, error ?? ''),
    );
    made.on('interaction.started', (ctx: KoaContextWithOIDC) => {
      const { clientId = '', clientName = 'unknown client' } = ctx.oidc.entities.Client ?? {};
      audit.tallies.note(
        clientOf(clientId).then((client) => ownerOf(client)),
        {
          type: 'connection.requested',
          actor: { type: 'identity_provider', id: clientId, name: clientName },
          address: context.addressOf(ctx.req),
          requestId: context.requestIdOf(ctx.req),
          data: { clientId },
        },
      );
    });
  }

  async function clientOf(id: string | undefined): Promise<Client | undefined> {
    return id === undefined ? undefined : clients.find(id).catch(() => undefined);
  }

  async function note(
    request: IncomingMessage,
    client: Client | undefined,
    clientId: string | undefined,
    subReason: OauthSubReason,
    redirectUri?: unknown,
  ): Promise<void> {
    const like = subReason === 'client_unknown' ? await clientIds.like(clientId) : undefined;
    const sent = subReason === 'redirect_uri_unknown' ? plainUri(redirectUri, client?.redirectUris ?? []) : undefined;
    audit.tallies.note(like?.subject ?? ownerOf(client), {
      type: 'connection.refused',
      actor: {
        type: 'identity_provider',
        name: client?.name ?? 'unknown client',
        ...(client && { id: client.id }),
      },
      address: context.addressOf(request),
      requestId: context.requestIdOf(request),
      data: {
        clientId: client?.id ?? clientId ?? '',
        reason: OAUTH_REFUSALS[subReason].reason,
        subReason: like?.refused ?? subReason,
        ...like?.data,
        ...(sent !== undefined && { redirectUri: sent, registered: registeredOf(client) }),
      },
    });
  }

  return {
    handle,
    listenTo,

    async renderError(ctx: KoaContextWithOIDC, { error, error_description: description = '' }: OauthError) {
      refusedBy(ctx, error);
      const { html, headers } = deps.renderError(error, description, askedOf(ctx.oidc?.params ?? {}));
      ctx.set(headers);
      ctx.type = 'html';
      ctx.body = html;
    },
  };
}

interface OauthError {
  error: string;
  error_description?: string;
}

/** Kept with the request until it is answered. */
function refusedBy(ctx: KoaContextWithOIDC, error: string): void {
  ctx.state['refused'] = error;
}

/** Where a client's requests are told: at the directory that owns it; a shared one is nobody's before the consent. */
function ownerOf(client: Client | undefined): { organizationId?: string; directoryId?: string } {
  const { organizationId, directoryId } = client ?? {};
  return {
    ...(organizationId !== undefined && { organizationId }),
    ...(directoryId !== undefined && { directoryId }),
  };
}

function registeredOf(client: Client | undefined): string[] {
  return (client?.redirectUris ?? []).filter((uri) => uri.length <= LONGEST_URI).slice(0, NAMED_URIS);
}

/** What is refused before oidc-provider sees it. */
function formRefusal(text: string, { parameters, mistake }: ReadParameters): OauthSubReason | undefined {
  if (parameters.has('grant_type') && !parameters.has('response_type')) return 'authorize_url_as_token_url';
  if (Buffer.byteLength(text) > LONGEST_REQUEST_BYTES) return 'request_too_long';
  if (Buffer.byteLength(parameters.get('state') ?? '') > LONGEST_STATE_BYTES) return 'state_too_long';
  return mistake === 'form_parameter_twice' ? undefined : mistake;
}

/** The query that oidc-provider is shown. */
function shown({ parameters, twice = [] }: ReadParameters): URLSearchParams {
  const query = new URLSearchParams();
  for (const name of SHOWN) {
    const value = parameters.get(name);
    if (value !== undefined) query.set(name, value);
    // It refuses what comes twice, in the form that fits the parameter.
    if (twice.includes(name)) query.append(name, 'twice');
  }
  // oidc-provider knows more of them than the metadata lists.
  if (query.has('response_mode') && query.get('response_mode') !== 'query') query.set('response_mode', 'unsupported');
  const asked = parameters.get('scope');
  const read = readScope(asked);
  if ('refused' in read) query.set('scope_refused', read.refused);
  else query.set('scope', read.scope);
  const offlineScope = offlineScopeOf(asked);
  if (offlineScope !== undefined) query.set('offline_scope', offlineScope);
  if (!parameters.has('redirect_uri')) query.set('redirect_uri_omitted', 'true');
  return query;
}

/** Finer than the error of oidc-provider, by what the request held. */
function subReasonOf(error: string, params: Record<string, unknown>, client: Client | undefined): OauthSubReason {
  const { client_id: clientId, code_challenge: challenge, code_challenge_method: method } = params;
  switch (error) {
    case 'invalid_client':
      return String(clientId).startsWith('scimcs_') ? 'client_id_and_secret_swapped' : 'client_unknown';
    case 'invalid_redirect_uri':
      return 'redirect_uri_unknown';
    case 'invalid_scope':
      return params['scope_refused'] === 'scope_separator' ? 'scope_separator' : 'scope_unknown';
    case 'unsupported_response_type':
      return 'response_type_wrong';
    case 'unsupported_response_mode':
      return 'response_mode_wrong';
    case 'request_not_supported':
    case 'request_uri_not_supported':
      return 'request_object_unsupported';
  }
  if (clientId === undefined) return 'client_missing';
  if (params['response_type'] === undefined) return 'response_type_missing';
  if (params['redirect_uri'] === undefined) return 'redirect_uri_missing';
  if (challenge !== undefined && method !== 'S256') return 'pkce_method_wrong';
  if (challenge === undefined && client?.authMethod === 'none') return 'pkce_needed';
  return 'request_unanswerable';
}

/** What was sent as an address, as it was written: a port or a capital may be all that is wrong. Its query may hold anything. */
function plainUri(given: unknown, registered: readonly string[]): string | undefined {
  const url = typeof given === 'string' ? URL.parse(given) : null;
  if (typeof given !== 'string' || url === null || !/^https?:$/.test(url.protocol) || url.username !== '')
    return undefined;
  const bare = (/^[^?#]*/.exec(given)?.[0] ?? '').trim();
  // Where nothing else differs from what is registered, this does.
  const more = (url.search && '?...') + (url.hash && '#...');
  const plain = registered.includes(bare) ? bare + more : bare;
  return plain.length <= LONGEST_URI && /^[\x21-\x7e]+$/.test(plain) && withoutSecrets(plain) === plain
    ? plain
    : undefined;
}

function askedOf({ client_id: clientId, redirect_uri: redirectUri }: Record<string, unknown>): NamedInRequest {
  const address = typeof redirectUri === 'string' ? URL.parse(redirectUri) : null;
  return {
    ...(typeof clientId === 'string' && /^[\w.-]{1,100}$/.test(clientId) && { clientId }),
    ...(address !== null && /^https?:$/.test(address.protocol) && { redirectUri: address.href.slice(0, 500) }),
  };
}
