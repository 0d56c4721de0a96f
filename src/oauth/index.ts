/**
 * ISSUES. The OAuth 2.0 authorization server for identity providers: clients, connections, tokens. oidc-provider does the protocol and lives
 * in this folder alone; what it stores, who may consent, and what an IdP's client sends that the protocol does not foresee, is ours.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type InteractionResults, type KoaContextWithOIDC, Provider } from 'oidc-provider';
import type { Actor, Audit, Cause } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import type { Credentials, Digest, Usage } from '../credentials/index.ts';
import type { Directories, Directory } from '../directories/index.ts';
import { AppError } from '../errors.ts';
import type { RequestContext } from '../http/request-context.ts';
import type { Random } from '../identifiers.ts';
import type { Log } from '../log.ts';
import type { Storage } from '../storage/index.ts';
import { createAdapterFactory } from './adapter.ts';
import { createArtifacts } from './artifacts.ts';
import { createAdmission } from './client-authentication.ts';
import { type Client, type Clients, createClients } from './clients.ts';
import { createConnections } from './connections.ts';
import { createProvider } from './provider.ts';
import { createSigningKeys, type SigningKeys } from './signing-keys.ts';
import { createTokenEndpoint } from './token-endpoint.ts';
import { knownScopes, withoutAliases } from './token-parameters.ts';

export { GRANT_TYPES, type GrantType } from '../identity-providers/index.ts';
export { type ClientSecret, isLiveAt, mostLiveSecretsOf } from './client-secrets.ts';
export {
  APP_NAME,
  AUTH_METHODS,
  type AuthMethod,
  appNameOf,
  CLIENT_ISSUES,
  type Client,
  type ClientChanges,
  type ClientInput,
  type ClientIssue,
  type Clients,
  canConnect,
  issuesOf,
} from './clients.ts';

/** What an identity provider asked for, as a person decides about it. */
export interface ConnectionRequest {
  uid: string;
  client: Client;
  scopes: string[];
  /** Where the answer goes. */
  redirectOrigin: string;
}

export interface Consent {
  directory: Directory;
  /** The credential whose place the connection takes when both slots are full. */
  replaces: string | undefined;
  person: Actor;
  cause: Cause;
}

/** What a request named that can't be sent back: shown to the person, who may have to pass it on. */
export interface Asked {
  clientId?: string;
  /** Only where it is an address at all. */
  redirectUri?: string;
}

export interface Refusal {
  organizationId: string;
  cause: Cause;
}

export interface Oauth {
  clients: Clients;
  keys: SigningKeys;
  /** `/oauth/authorize`, and what follows it. */
  authorize(request: IncomingMessage, response: ServerResponse): Promise<void>;
  token(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Metadata and keys. */
  publish(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** The request that waits behind a `/connect/...` page; undefined when it is over or belongs to another browser. */
  pending(request: IncomingMessage, response: ServerResponse): Promise<ConnectionRequest | undefined>;
  /** Allows it; gives the address to go on to, or undefined when it is over. */
  approve(request: IncomingMessage, response: ServerResponse, consent: Consent): Promise<string | undefined>;
  /** Refuses it; gives the address to go on to, or undefined when it is over. */
  refuse(request: IncomingMessage, response: ServerResponse, refusal: Refusal): Promise<string | undefined>;
  /**
   * A connection made by hand, for IdPs into which a refresh token is pasted. The token is shown once. Throws slots_full, invalid_request
   * (the client can't refresh).
   */
  connectByHand(
    client: Client,
    directory: Directory,
    replaces: string | undefined,
    cause: Cause,
  ): Promise<{ credentialId: string; refreshToken: string }>;
  findAccessToken(
    digest: Digest,
  ): Promise<{ credentialId: string; scope: string; issuedAt: Date; expiresAt: Date } | undefined>;
  /** Reads the keys anew; whatever was rotated elsewhere is used from then on. */
  reload(): Promise<void>;
}

export interface OauthDependencies {
  storage: Storage;
  audit: Audit;
  clock: Clock;
  random: Random;
  log: Log;
  context: RequestContext;
  directories: Directories;
  credentials: Credentials;
  usage: Usage;
  issuer: string;
  secret: string;
  rotateKeysAfterDays: number;
  allowHttpRedirects: boolean;
  jwksHosts: readonly string[];
  /** Fetches the keys of clients. */
  fetch: typeof fetch;
  /** Within which a request at the token endpoint is answered. */
  answerMs: number;
  waitOutLease: () => Promise<void>;
  /** Draws the page for what can't be sent back to the client. */
  renderError: (error: string, description: string, asked: Asked) => { html: string; headers: Record<string, string> };
}

const SESSION_COOKIE = /(?:^|; *)latchkey_oauth_session(?:\.sig)?=[^;]*/g;

export function createOauth(deps: OauthDependencies): Oauth {
  const { storage, audit, clock, random, log, context, credentials, usage, issuer, waitOutLease } = deps;
  const artifacts = createArtifacts(storage);
  const clients = createClients(deps);
  const admission = createAdmission(clients);
  const connections = createConnections({ storage, artifacts, clients: admission, credentials, clock, random });
  const signingKeys = createSigningKeys({ ...deps, rotateAfterDays: deps.rotateKeysAfterDays });
  const adapter = createAdapterFactory({
    artifacts,
    clients: admission,
    connections,
    clock,
    ending: () => tokenEndpoint.endingOf(Provider.ctx?.req),
  });
  const refusals = new WeakMap<IncomingMessage, () => void>();
  let loaded: { provider: Provider; kids: string } | undefined;

  const provider = (): Provider => {
    if (!loaded) throw new AppError('storage_unavailable');
    return loaded.provider;
  };
  const tokenEndpoint = createTokenEndpoint({
    storage,
    artifacts,
    clients,
    admission,
    connections,
    audit,
    usage,
    clock,
    random,
    log,
    context,
    issuer,
    provider,
    answerMs: deps.answerMs,
    waitOutLease,
    fetch: deps.fetch,
  });

  async function reload(): Promise<void> {
    const keys = await signingKeys.load();
    const kids = keys.jwks.keys.map(({ kid }) => kid).join();
    if (loaded?.kids === kids) return;
    const made = createProvider({
      issuer,
      adapter,
      keys,
      random,
      isSecure: issuer.startsWith('https:'),
      onAnswer: tokenEndpoint.onAnswer,
      isPass: admission.isPass,
      async renderError(ctx, { error, error_description: description = '' }) {
        noteRefusal(ctx, error, description);
        const { html, headers } = deps.renderError(error, description, askedOf(ctx));
        ctx.set(headers);
        ctx.type = 'html';
        ctx.body = html;
      },
    });
    const note = (ctx: KoaContextWithOIDC, error: unknown) => tokenEndpoint.noteDetail(ctx, error);
    made.on('grant.error', note);
    // The types know this event under the name of the endpoint only.
    (made as unknown as NodeJS.EventEmitter).on(
      'authorization.error',
      (ctx: KoaContextWithOIDC, error: { error?: string; error_description?: string }) =>
        noteRefusal(ctx, error.error ?? '', error.error_description ?? ''),
    );
    made.on('interaction.started', (ctx: KoaContextWithOIDC) => {
      const { clientId = '', clientName = 'unknown client' } = ctx.oidc.entities.Client ?? {};
      const actor: Actor = { type: 'identity_provider', id: clientId, name: clientName };
      audit.tallies.note(ownerOf(clientId), {
        type: 'connection.requested',
        actor,
        address: context.addressOf(ctx.req),
        requestId: context.requestIdOf(ctx.req),
        data: { clientId },
      });
    });
    made.on('server_error', (_ctx: KoaContextWithOIDC, error: Error) =>
      log.error({ err: error }, 'the authorization server failed'),
    );
    loaded = { provider: made, kids };
  }

  /** Where a client's requests are told: at the directory that owns it; a shared one is nobody's before the consent. */
  async function ownerOf(clientId: string): Promise<{ organizationId?: string; directoryId?: string }> {
    const { organizationId, directoryId } = (await clients.find(clientId)) ?? {};
    return {
      ...(organizationId !== undefined && { organizationId }),
      ...(directoryId !== undefined && { directoryId }),
    };
  }

  /** What was asked for; undefined when that is over. */
  async function detailsOf(request: IncomingMessage, response: ServerResponse) {
    try {
      return await provider().interactionDetails(request, response);
    } catch (error) {
      if (isOver(error)) return undefined;
      throw error;
    }
  }

  /** Keeps a decision with its request; undefined when that was answered meanwhile, as by a button that was pressed twice. */
  async function settle(
    request: IncomingMessage,
    response: ServerResponse,
    result: InteractionResults,
  ): Promise<string | undefined> {
    try {
      return await provider().interactionResult(request, response, result, { mergeWithLastSubmission: false });
    } catch (error) {
      if (isOver(error)) return undefined;
      throw error;
    }
  }

  /** One request may fail more than once on its way out; the last word is told, after the answer. */
  function noteRefusal(ctx: KoaContextWithOIDC, error: string, description: string): void {
    // What a person refused has been told with the person's name.
    if (ctx.oidc?.entities?.Interaction?.result?.['error'] !== undefined) return;
    const client = ctx.oidc?.entities?.Client;
    const code =
      error === 'invalid_client' ? 'client_unknown' : error === 'invalid_redirect_uri' ? 'redirect_uri_unknown' : error;
    const asked = ctx.oidc?.params?.['client_id'];
    const clientId = client?.clientId ?? (typeof asked === 'string' ? asked.slice(0, 60) : '');
    const detail = description.slice(0, 200);
    refusals.set(ctx.req, () =>
      audit.tallies.note(ownerOf(clientId), {
        type: 'connection.refused',
        actor: {
          type: 'identity_provider',
          name: client?.clientName ?? 'unknown client',
          ...(client && { id: client.clientId }),
        },
        address: context.addressOf(ctx.req),
        requestId: context.requestIdOf(ctx.req),
        data: { clientId, reason: code, ...(detail !== '' && { detail }) },
      }),
    );
  }

  return {
    clients,
    keys: signingKeys,
    reload,
    token: tokenEndpoint.handle,

    async authorize(request, response) {
      // Each request stands for itself: who agreed to another one in this browser says nothing about this one.
      if (request.headers.cookie)
        request.headers.cookie = request.headers.cookie.replace(SESSION_COOKIE, '').replace(/^; */, '');
      const [, query] = /^\/oauth\/authorize\?(.*)$/s.exec(request.url ?? '') ?? [];
      if (request.method === 'GET' && query !== undefined) request.url = `/oauth/authorize?${normalized(query)}`;
      await provider().callback()(request, response);
      refusals.get(request)?.();
    },

    async publish(request, response) {
      await provider().callback()(request, response);
    },

    async pending(request, response) {
      const details = await detailsOf(request, response);
      if (!details) return undefined;
      const { uid, params } = details;
      const client = await clients.find(String(params['client_id']));
      if (!client) return undefined;
      return {
        uid,
        client,
        scopes: String(params['scope'] ?? 'scim').split(' '),
        redirectOrigin: new URL(String(params['redirect_uri'])).origin,
      };
    },

    async approve(request, response, { directory, replaces, person, cause }) {
      const details = await detailsOf(request, response);
      if (!details) return undefined;
      const { params } = details;
      const clientId = String(params['client_id']);
      const scope = String(params['scope'] ?? 'scim');
      const grant = new (provider().Grant)({ accountId: directory.id, clientId });
      grant.addOIDCScope(scope);
      const grantId = await grant.save();
      const { id: directoryId, organizationId } = directory;
      const { address } = cause;
      await connections.authorize(
        {
          clientId,
          organizationId,
          directoryId,
          scope,
          authorizedBy: person,
          ...(address !== undefined && { address }),
          ...(replaces !== undefined && { replaces }),
        },
        grantId,
      );
      const result = { login: { accountId: directory.id, remember: false }, consent: { grantId } };
      const target = await settle(request, response, result);
      if (target !== undefined) {
        const event = { clientId, name: (await clients.find(clientId))?.name ?? clientId, replaces };
        await audit.append(audit.event('connection.consented', cause, { organizationId, directoryId }, event));
      }
      return target;
    },

    async refuse(request, response, { organizationId, cause }) {
      const details = await detailsOf(request, response);
      const result = { error: 'access_denied', error_description: 'The connection was not allowed.' };
      const target = details && (await settle(request, response, result));
      if (target !== undefined) {
        const event = { clientId: String(details?.params['client_id']), reason: 'access_denied' };
        await audit.append(audit.event('connection.refused', cause, { organizationId }, event));
      }
      return target;
    },

    async connectByHand(client, directory, replaces, cause) {
      if (!client.grantTypes.includes('refresh_token')) {
        throw new AppError('invalid_request', {
          detail: 'This client cannot use refresh tokens; its grantTypes have no refresh_token.',
        });
      }
      const { id: clientId } = client;
      const scope = 'scim';
      const grant = new (provider().Grant)({ accountId: directory.id, clientId });
      grant.addOIDCScope(scope);
      const grantId = await grant.save();
      const { id: directoryId, organizationId } = directory;
      await connections.authorize(
        {
          clientId,
          organizationId,
          directoryId,
          scope,
          authorizedBy: cause.actor,
          ...(replaces !== undefined && { replaces }),
        },
        grantId,
      );
      const credentialId = await connections.credentialOf(grantId, clientId);
      const known = await provider().Client.find(clientId);
      const token = new (provider().RefreshToken)({
        accountId: directory.id,
        client: known,
        grantId,
        gty: 'authorization_code',
        scope,
      } as never);
      return { credentialId: credentialId ?? '', refreshToken: await token.save() };
    },

    async findAccessToken(digest) {
      const found = await artifacts.find(digest, { authoritative: true });
      if (!found?.credentialId || !found.endsAt) return undefined;
      return {
        credentialId: found.credentialId,
        scope: found.scope ?? 'scim',
        issuedAt: found.createdAt,
        expiresAt: found.endsAt,
      };
    },
  };
}

function askedOf(ctx: KoaContextWithOIDC): Asked {
  const { client_id: clientId, redirect_uri: redirectUri } = ctx.oidc?.params ?? {};
  const address = typeof redirectUri === 'string' ? URL.parse(redirectUri) : null;
  return {
    ...(typeof clientId === 'string' && /^[\w.-]{1,100}$/.test(clientId) && { clientId }),
    ...(address !== null && /^https?:$/.test(address.protocol) && { redirectUri: address.href.slice(0, 500) }),
  };
}

/** oidc-provider's word for a request that is not there, or not of this browser. */
function isOver(error: unknown): boolean {
  return (error as { error?: string }).error === 'invalid_request';
}

/**
 * An authorization request as people and IdPs put it together: parameters that come twice and agree become one, scopes are joined, aliases
 * dropped; without a scope the whole is asked for.
 */
function normalized(query: string): string {
  const found = new URLSearchParams();
  const scopes: string[] = [];
  for (const [name, value] of new URLSearchParams(query)) {
    if (name === 'scope') scopes.push(value);
    else if (name === 'prompt' && value !== 'none') continue;
    // oidc-provider knows more of them than the metadata lists.
    else if (name === 'response_mode' && value !== 'query') found.set(name, 'unsupported');
    else if (!found.getAll(name).includes(value)) found.append(name, value);
  }
  const wanted = scopes.join(' ');
  found.set('scope', knownScopes(wanted) ?? withoutAliases(wanted));
  return found.toString();
}
