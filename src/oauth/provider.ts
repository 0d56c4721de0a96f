/** The configuration of oidc-provider on one screen: pure OAuth 2.0, opaque tokens, one grant per connection, nothing that ends by silence. */
import type { IncomingMessage } from 'node:http';
import { type Configuration, errors, interactionPolicy, type KoaContextWithOIDC, Provider } from 'oidc-provider';
import { SCOPES } from '../credentials/index.ts';
import { RETRY_AFTER_SECONDS } from '../errors.ts';
import { type Random, randomText } from '../identifiers.ts';
import { GRANT_TYPES } from '../identity-providers/index.ts';
import type { createAdapterFactory } from './adapter.ts';
import { ASSERTION_ALGORITHMS } from './client-assertions.ts';
import { AUTH_METHODS } from './clients.ts';
import type { Keys } from './signing-keys.ts';

/** "Never" does not exist in the library; nobody's connection sees the end of this. */
const HUNDRED_YEARS = 3_155_760_000;
const CODE_SECONDS = 120;
const INTERACTION_SECONDS = 3600;
const TOKEN_LENGTH = 43;

export interface ProviderDependencies {
  issuer: string;
  adapter: ReturnType<typeof createAdapterFactory>;
  keys: Keys;
  random: Random;
  isSecure: boolean;
  /** Told of each answer of the token and revocation endpoints before it goes out; it may change status and body. */
  onAnswer: (ctx: KoaContextWithOIDC, request: IncomingMessage) => Promise<void>;
  renderError: (ctx: KoaContextWithOIDC, error: { error: string; error_description?: string }) => Promise<void>;
  /** Whether the value is the pass that a client was given after we authenticated it. */
  isPass: (clientId: string, value: string) => boolean;
}

export function createProvider(deps: ProviderDependencies): Provider {
  const { issuer, adapter, keys, random, isSecure, onAnswer, renderError, isPass } = deps;
  const { Prompt, Check } = interactionPolicy;
  const connect = new Prompt(
    { name: 'connect', requestable: false },
    new Check('connection_needed', 'a connection must be made', 'interaction_required', (ctx) => {
      const asked = String(ctx.oidc.params?.['scope'] ?? SCOPES[0]);
      // Others beside ours are passed over; with none of ours there is nothing to consent to.
      const isKnown = asked.split(' ').some((scope) => (SCOPES as readonly string[]).includes(scope));
      if (!isKnown) throw new errors.InvalidScope('requested scope is not known', asked);
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
    claims: {},
    responseTypes: ['code'],
    clientAuthMethods: ['client_secret_post', 'none'],
    clientDefaults: {
      id_token_signed_response_alg: 'ES256',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
    },
    extraClientMetadata: { properties: ['access_token_seconds', 'directory_id'] },
    routes: {
      authorization: '/oauth/authorize',
      token: '/oauth/token',
      revocation: '/oauth/revoke',
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
      clientCredentials: { enabled: true },
      revocation: { enabled: true, allowedPolicy: async (_ctx, client, token) => token.clientId === client.clientId },
    },
    interactions: { policy: [connect], url: (_ctx, interaction) => `/connect/${interaction.uid}` },
    // The subject is the directory, not the person who agreed: people leave, the connection stays.
    findAccount: async (_ctx, sub) => ({ accountId: sub, claims: async () => ({ sub }) }),
    // Each connection is a grant of its own, also when one browser makes several.
    loadExistingGrant: async (ctx) => {
      const grantId = ctx.oidc.result?.consent?.grantId;
      return grantId === undefined ? undefined : ctx.oidc.provider.Grant.find(grantId);
    },
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    // Whoever revokes an access token means that one alone; a refresh token stands for the connection.
    revokeGrantPolicy: (ctx) => ctx.oidc.route !== 'revocation' || ctx.oidc.entities.AccessToken === undefined,
    expiresWithSession: async () => false,
    pkce: { required: (_ctx, client) => client.clientAuthMethod === 'none' },
    clientBasedCORS: () => false,
    ttl: {
      AccessToken: (_ctx, _token, client) => secondsOf(client),
      ClientCredentials: (_ctx, _token, client) => secondsOf(client),
      AuthorizationCode: CODE_SECONDS,
      Interaction: INTERACTION_SECONDS,
      Session: INTERACTION_SECONDS,
      Grant: HUNDRED_YEARS,
      RefreshToken: HUNDRED_YEARS,
      IdToken: 60,
    },
    renderError: (ctx, out) => renderError(ctx, out as { error: string; error_description?: string }),
  };
  const provider = new Provider(issuer, configuration);

  provider.Client.prototype.compareClientSecret = function compare(this: { clientId: string }, value: string) {
    return isPass(this.clientId, value);
  };
  const mint = (prefix: string) =>
    function generateTokenId(this: { format?: string }) {
      this.format = 'opaque';
      return prefix + randomText(TOKEN_LENGTH, random);
    };
  Object.assign(provider.AccessToken.prototype, { generateTokenId: mint('scimat_') });
  Object.assign(provider.ClientCredentials.prototype, { generateTokenId: mint('scimat_') });
  Object.assign(provider.RefreshToken.prototype, { generateTokenId: mint('scimrt_') });

  const { host, protocol } = new URL(issuer);
  provider.use(async (ctx, next) => {
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
    await onAnswer(ctx as KoaContextWithOIDC, ctx.req);
  });
  return provider;
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
    introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'bearer'],
    authorization_response_iss_parameter_supported: true,
  };
}

function secondsOf(client: unknown): number {
  const seconds = (client as Record<string, unknown> | undefined)?.['access_token_seconds'];
  return typeof seconds === 'number' ? seconds : 3600;
}
