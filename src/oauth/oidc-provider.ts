/** The configuration of oidc-provider on one screen: pure OAuth 2.0, opaque tokens, one grant per connection, nothing that ends by silence. */
import './runtime-notice.ts';

import {
  type Configuration,
  errors,
  interactionPolicy,
  type KoaContextWithOIDC,
  Provider as OidcProvider,
} from 'oidc-provider';
import { SCOPES } from '../credentials/index.ts';
import { RETRY_AFTER_SECONDS } from '../errors.ts';
import { type Random, randomText } from '../identifiers.ts';
import { GRANT_TYPES } from '../identity-providers/index.ts';
import type { createAdapterFactory } from './adapter.ts';
import { ASSERTION_ALGORITHMS } from './client-assertions.ts';
import { AUTH_METHODS } from './client-record.ts';
import type { Connections } from './connections.ts';
import { PENDING_SECONDS } from './pending-requests.ts';
import { OAUTH_REFUSALS, type OauthSubReason } from './refusals.ts';
import { restoreWarnings } from './runtime-notice.ts';
import type { Keys } from './signing-keys.ts';

restoreWarnings();

/** "Never" does not exist in the library; nobody's connection sees the end of this. */
const HUNDRED_YEARS = 3_155_760_000;
const CODE_SECONDS = 120;
const TOKEN_LENGTH = 43;

export interface OidcProviderDependencies {
  issuer: string;
  adapter: ReturnType<typeof createAdapterFactory>;
  keys: Keys;
  random: Random;
  isSecure: boolean;
  /** Leaves a request that waits for a person with its browser; gives the path of the page that is for deciding. */
  keepPending: (ctx: KoaContextWithOIDC, interaction: Interaction) => string;
  /** What a person agreed to, by the ID of the grant. */
  findAuthorization: Connections['find'];
  renderError: (ctx: KoaContextWithOIDC, error: { error: string; error_description?: string }) => Promise<void>;
}

export type Interaction = InstanceType<OidcProvider['Interaction']>;

export function createOidcProvider(deps: OidcProviderDependencies): OidcProvider {
  const { issuer, adapter, keys, random, isSecure, keepPending, findAuthorization, renderError } = deps;
  const { Prompt, Check } = interactionPolicy;
  const connect = new Prompt(
    { name: 'connect', requestable: false },
    new Check('connection_needed', 'a connection must be made', 'interaction_required', (ctx) => {
      const refused = ctx.oidc.params?.['scope_refused'] as OauthSubReason | undefined;
      if (refused !== undefined) throw new errors.InvalidScope(OAUTH_REFUSALS[refused].says, '');
      return ctx.oidc.result?.login === undefined;
    }),
  );
  const configuration: Configuration = {
    adapter,
    jwks: keys.jwks as NonNullable<Configuration['jwks']>,
    cookies: {
      keys: keys.cookieKeys,
      names: { session: 'latchkey_oauth_session', interaction: 'latchkey_interaction', resume: 'latchkey_resume' },
      short: { httpOnly: true, sameSite: 'lax', secure: isSecure },
      long: { httpOnly: true, sameSite: 'lax', secure: isSecure },
    },
    scopes: [...SCOPES],
    // Said of a request by our own reader (authorization.ts); a caller's parameters of these names never get here.
    extraParams: ['offline_scope', 'redirect_uri_omitted', 'scope_refused'],
    claims: {},
    responseTypes: ['code'],
    clientAuthMethods: ['client_secret_post', 'none'],
    clientDefaults: {
      id_token_signed_response_alg: 'ES256',
      grant_types: ['authorization_code'],
      response_types: ['code'],
    },
    routes: {
      authorization: '/oauth/authorize',
      token: '/oauth/token',
      jwks: '/oauth/jwks',
    },
    features: {
      devInteractions: { enabled: false },
      userinfo: { enabled: false },
      dPoP: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      resourceIndicators: { enabled: false },
      introspection: { enabled: false },
      // The token and revocation endpoints are ours (token-endpoint.ts); no request reaches the library's.
      revocation: { enabled: false },
    },
    interactions: { policy: [connect], url: keepPending },
    // The subject is the directory, not the person who agreed: people leave, the connection stays.
    findAccount: async (_ctx, sub) => ({ accountId: sub, claims: async () => ({ sub }) }),
    // What a person agreed to is ours to keep (connections.ts); each connection is a grant of its own, also when one browser makes several.
    loadExistingGrant: async (ctx) => {
      const grantId = ctx.oidc.result?.consent?.grantId;
      const agreed = grantId === undefined ? undefined : await findAuthorization(grantId);
      if (!agreed) return undefined;
      const { id: jti, directoryId: accountId, clientId, scope } = agreed;
      const grant = new ctx.oidc.provider.Grant({ jti, accountId, clientId } as never);
      grant.addOIDCScope(scope);
      return grant;
    },
    // The credential that an access token stands for goes with it into the store (adapter.ts).
    extraTokenClaims: (_ctx, token) => (token as { extra?: Record<string, unknown> }).extra,
    expiresWithSession: async () => false,
    pkce: { required: (_ctx, client) => client.clientAuthMethod === 'none' },
    clientBasedCORS: () => false,
    ttl: {
      // Each says its own (tokens.ts).
      AccessToken: 3600,
      ClientCredentials: 3600,
      AuthorizationCode: CODE_SECONDS,
      Interaction: PENDING_SECONDS,
      Session: PENDING_SECONDS,
      Grant: HUNDRED_YEARS,
      RefreshToken: HUNDRED_YEARS,
      IdToken: 60,
    },
    renderError: (ctx, out) => renderError(ctx, out as { error: string; error_description?: string }),
  };
  const oidcProvider = new OidcProvider(issuer, configuration);

  // Clients are authenticated by us alone (client-authentication.ts).
  oidcProvider.Client.prototype.compareClientSecret = () => false;
  const mint = (prefix: string) =>
    function generateTokenId(this: { format?: string }) {
      this.format = 'opaque';
      return prefix + randomText(TOKEN_LENGTH, random);
    };
  Object.assign(oidcProvider.AccessToken.prototype, { generateTokenId: mint('scimat_') });
  Object.assign(oidcProvider.ClientCredentials.prototype, { generateTokenId: mint('scimat_') });
  Object.assign(oidcProvider.RefreshToken.prototype, { generateTokenId: mint('scimrt_') });
  Object.assign(oidcProvider.AuthorizationCode.prototype, { generateTokenId: mint('scimac_') });

  const { host, protocol } = new URL(issuer);
  oidcProvider.use(async (ctx, next) => {
    // Addresses are made of the issuer, never of what a client calls us.
    Object.defineProperty(ctx.request, 'host', { value: host, configurable: true });
    Object.defineProperty(ctx.request, 'protocol', { value: protocol.slice(0, -1), configurable: true });
    await next();
    if ((ctx as KoaContextWithOIDC).oidc?.route === 'discovery') ctx.body = metadata(issuer);
    // Whatever it is, it is our fault, and may be tried again.
    if (ctx.status === 500) {
      ctx.status = 503;
      ctx.set('Retry-After', String(RETRY_AFTER_SECONDS));
    }
  });
  return oidcProvider;
}

/** RFC 8414: exactly what is accepted, which is more than oidc-provider itself is shown. */
function metadata(issuer: string) {
  return {
    issuer,
    authorization_endpoint: `${issuer}/oauth/authorize`,
    token_endpoint: `${issuer}/oauth/token`,
    revocation_endpoint: `${issuer}/oauth/revoke`,
    introspection_endpoint: `${issuer}/oauth/introspect`,
    jwks_uri: `${issuer}/oauth/jwks`,
    scopes_supported: [...SCOPES],
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: GRANT_TYPES,
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: AUTH_METHODS,
    token_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    revocation_endpoint_auth_methods_supported: AUTH_METHODS,
    revocation_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'Bearer'],
    authorization_response_iss_parameter_supported: true,
  };
}
