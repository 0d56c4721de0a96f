/** The authorization server as the application uses it: made of its endpoints and grants, and of oidc-provider, which is made anew with its keys. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { KoaContextWithOIDC, Provider as OidcProvider } from 'oidc-provider';
import type { Attribution, Audit } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import { type Credentials, type Digest, SCOPES, type Usage, type WeakValues } from '../credentials/index.ts';
import type { Directories, Directory } from '../directories/index.ts';
import { AppError } from '../errors.ts';
import type { FailureLimits } from '../http/failure-limits.ts';
import type { RequestContext } from '../http/request-context.ts';
import type { Random } from '../identifiers.ts';
import type { Log } from '../log.ts';
import { holdsSecret } from '../secrets/redaction.ts';
import type { Storage } from '../storage/index.ts';
import { createAdapterFactory } from './adapter.ts';
import { createArtifacts, createFindRefreshToken } from './artifacts.ts';
import { type AuthorizationDependencies, createAuthorization } from './authorization.ts';
import { createAssertions } from './client-assertions.ts';
import { createClientAuthentication } from './client-authentication.ts';
import { createClientCredentialsGrant } from './client-credentials-grant.ts';
import { createClientIds } from './client-ids.ts';
import { createKeySource } from './client-keys.ts';
import type { Client } from './client-record.ts';
import { type Clients, createClients } from './clients.ts';
import { createCodeGrant } from './code-grant.ts';
import {
  type ConnectionRequest,
  type Consent,
  type ConsentRefusal,
  createConnectionRequests,
} from './connection-requests.ts';
import { createConnections } from './connections.ts';
import { createIdentify, type Identify } from './identify.ts';
import { createMovingIn, type MovingIn } from './moving-in.ts';
import { createOidcProvider } from './oidc-provider.ts';
import { createOneTimes } from './one-time.ts';
import { createPendingRequests } from './pending-requests.ts';
import { createRefreshGrant } from './refresh-grant.ts';
import { createRevocation } from './revocation.ts';
import { createSecretOwners } from './secret-owners.ts';
import { createSecretUses } from './secret-uses.ts';
import { createSigningKeys, type SigningKeys } from './signing-keys.ts';
import { createTokenAudit } from './token-audit.ts';
import { createTokenEndpoint, type TokenOutcome } from './token-endpoint.ts';
import { createTokenMaker } from './tokens.ts';
import { createUpstreamSigner, type UpstreamAssertion } from './upstream-assertions.ts';

export interface Oauth {
  clients: Clients;
  /** See identify.ts. */
  identify: Identify;
  keys: SigningKeys;
  /** `/oauth/authorize`, and what follows it. */
  authorize(request: IncomingMessage, response: ServerResponse): Promise<void>;
  token(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Metadata and keys. */
  publish(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** The request that waits behind a `/connect/...` page; undefined when it has ended or belongs to another browser. */
  pending(request: IncomingMessage, response: ServerResponse): Promise<ConnectionRequest | undefined>;
  /** Allows it; returns the address to go on to, or undefined when it has ended. */
  approve(request: IncomingMessage, response: ServerResponse, consent: Consent): Promise<string | undefined>;
  /** Refuses it; returns the address to go on to, or undefined when it has ended. */
  refuse(request: IncomingMessage, response: ServerResponse, refusal: ConsentRefusal): Promise<string | undefined>;
  /**
   * A connection made by hand, for IdPs into which a refresh token is pasted. The token is shown once. Throws slots_full, invalid_request
   * (the client can't refresh).
   */
  connectByHand(
    client: Client,
    directory: Directory,
    replaces: string | undefined,
    attribution: Attribution,
  ): Promise<{ credentialId: string; refreshToken: string }>;
  /** See moving-in.ts. */
  importConnection: MovingIn;
  findAccessToken(
    digest: Digest,
  ): Promise<{ credentialId: string; scope: string; issuedAt: Date; expiresAt: Date } | undefined>;
  /** Reads the keys anew; whatever was rotated elsewhere is used from then on. */
  reload(): Promise<void>;
  /** A JWT that authenticates the gateway at a SCIM server. */
  signForUpstream(assertion: UpstreamAssertion): Promise<string>;
  /** A text with its signature (JWS, compact), verified with `/oauth/jwks`. */
  signDocument(text: string, type: string): Promise<string>;
}

interface OauthDependencies {
  storage: Storage;
  audit: Audit;
  clock: Clock;
  random: Random;
  log: Log;
  context: RequestContext;
  directories: Directories;
  credentials: Credentials;
  usage: Usage;
  weakValues: WeakValues;
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
  /** Of refused requests at the token endpoint. */
  failures: FailureLimits;
  /** Told of each answer of the token and the revocation endpoint. */
  onTokenAnswer: (outcome: TokenOutcome) => void;
  /** Draws the page for what can't be sent back to the client. */
  renderError: AuthorizationDependencies['renderError'];
}

export function createOauth(deps: OauthDependencies): Oauth {
  const { storage, audit, clock, random, log, context, credentials, weakValues, issuer } = deps;
  let loaded: { oidcProvider: OidcProvider; kids: string } | undefined;
  const oidcProvider = (): OidcProvider => {
    if (!loaded) throw new AppError('storage_unavailable');
    return loaded.oidcProvider;
  };
  const isSecure = issuer.startsWith('https:');
  const artifacts = createArtifacts(storage);
  const clientIds = createClientIds({ ...deps });
  const secretUses = createSecretUses(deps);
  const secretOwners = createSecretOwners({ storage, clock, weakValues, secretUses });
  const clients = createClients({ ...deps, clientIds, secretUses, secretOwners });
  const connections = createConnections({ storage, credentials, clock, random });
  const signingKeys = createSigningKeys({ ...deps, rotateAfterDays: deps.rotateKeysAfterDays });
  const keys = createKeySource({ fetch: deps.fetch, clock });
  const byAssertion = createAssertions({ storage, clients, clock, keys, issuer });
  const authenticate = createClientAuthentication({ clients, clock, weakValues, byAssertion });
  const tokens = createTokenMaker(oidcProvider);
  const oneTimes = createOneTimes({ artifacts, clock, random, answerMs: deps.answerMs });
  const findRefreshToken = createFindRefreshToken(artifacts, weakValues);
  const told = createTokenAudit({ artifacts, findRefreshToken, connections, clientIds, audit });
  const parts = { artifacts, findRefreshToken, weakValues, oneTimes, connections, tokens, clock };
  const tokenEndpoint = createTokenEndpoint({
    ...deps,
    onAnswer: deps.onTokenAnswer,
    clients,
    authenticate,
    grants: {
      authorization_code: createCodeGrant(parts),
      refresh_token: createRefreshGrant(parts),
      client_credentials: createClientCredentialsGrant(parts),
    },
    revoke: createRevocation({ artifacts, findRefreshToken, connections, waitOutLease: deps.waitOutLease }),
    connections,
    told,
    secretUses,
    renderError: (error, description) => deps.renderError(error, description, { issuer }),
  });
  const pendingRequests = createPendingRequests({
    artifacts,
    oidcProvider,
    clock,
    random,
    secret: deps.secret,
    isSecure,
  });
  const authorization = createAuthorization({
    oidcProvider,
    clients,
    clientIds,
    told,
    audit,
    context,
    renderError: deps.renderError,
  });
  const { pending, approve, refuse, keepPending } = createConnectionRequests({
    clients,
    connections,
    pendingRequests,
    audit,
  });

  const upstreamSigner = createUpstreamSigner({ issuer: deps.issuer, clock });

  async function reload(): Promise<void> {
    const keys = await signingKeys.load();
    upstreamSigner.use(keys.jwks.keys[0]);
    const kids = keys.jwks.keys.map(({ kid }) => kid).join();
    if (loaded?.kids === kids) return;
    const made = createOidcProvider({
      issuer,
      adapter: createAdapterFactory({ artifacts, clients, clock }),
      keys,
      random,
      isSecure,
      keepPending,
      findAuthorization: connections.find,
      renderError: authorization.renderError,
    });
    authorization.listenTo(made);
    made.on('server_error', (_ctx: KoaContextWithOIDC, error: Error) =>
      log.error({ err: error }, 'the authorization server failed'),
    );
    loaded = { oidcProvider: made, kids };
  }

  const importConnection = createMovingIn({
    artifacts,
    credentials,
    weakValues,
    clock,
    async connect({ client, directory, scope, ids, form, weak }, attribution) {
      const { organizationId, id: directoryId } = directory;
      const agreed = await connections.authorize(
        {
          clientId: client.id,
          organizationId,
          directoryId,
          scope,
          authorizedBy: attribution.actor,
          ...(weak && { weak }),
        },
        ids,
      );
      await connections.import(agreed, client, form, attribution);
    },
  });

  return {
    clients,
    identify: createIdentify({ clients, clientIds, secretOwners }),
    importConnection,
    keys: signingKeys,
    reload,
    signForUpstream: upstreamSigner.sign,
    signDocument: upstreamSigner.signDocument,
    authorize: authorization.handle,
    pending,
    approve,
    refuse,
    token: tokenEndpoint.handle,

    async publish(request, response) {
      // The library repeats it in its answer.
      if (holdsSecret(request.headers.origin ?? '')) delete request.headers.origin;
      await oidcProvider().callback()(request, response);
    },

    async connectByHand(client, directory, replaces, attribution) {
      if (!client.grantTypes.includes('refresh_token')) {
        throw new AppError('invalid_request', {
          detail: "This client cannot use refresh tokens; its grantTypes don't include refresh_token.",
        });
      }
      const [scope] = SCOPES;
      const agreed = await connections.authorize({
        clientId: client.id,
        organizationId: directory.organizationId,
        directoryId: directory.id,
        scope,
        authorizedBy: attribution.actor,
        ...(replaces !== undefined && { replaces }),
      });
      const credentialId = await connections.connect(agreed, client);
      return { credentialId, refreshToken: await tokens.refresh({ client, scope, authorization: agreed }) };
    },

    async findAccessToken(digest) {
      const found = await artifacts.find(digest, { authoritative: true });
      if (!found?.credentialId || !found.endsAt) return undefined;
      return {
        credentialId: found.credentialId,
        scope: found.scope ?? SCOPES[0],
        issuedAt: found.createdAt,
        expiresAt: found.endsAt,
      };
    },
  };
}
