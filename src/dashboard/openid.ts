/** Sign-in by the vendor's own OpenID provider: authorization code with PKCE; a group decides the role. */
import type { Configuration } from 'openid-client';
import type { Config } from '../config/index.ts';
import { AppError } from '../errors.ts';
import type { OperatorRole } from '../operators/index.ts';
import { OPERATOR_ROLES } from '../operators/index.ts';

/** What must come back with the answer of the provider; kept in the browser, sealed. */
export interface Pending {
  state: string;
  nonce: string;
  verifier: string;
  next: string;
}

/** Who the provider says it is. `role` is undefined where none of the groups has one. */
export interface Identity {
  /** Issuer and subject: what stays the same when name and address change. */
  subject: string;
  name: string;
  email: string | undefined;
  role: OperatorRole | undefined;
}

export interface OpenId {
  /** Where to send the browser. Throws internal_error when the provider cannot be reached. */
  begin(next: string): Promise<{ url: URL; pending: Pending }>;
  /** Throws invalid_request when the answer does not belong to what was begun, or is a refusal. */
  finish(callback: URL, pending: Pending): Promise<Identity>;
}

/** Loaded with the first sign-in, so that a start need not wait for it. */
const library = () => import('openid-client');

/** Undefined where no provider is set. */
export function createOpenId(config: Config, redirectUri: string): OpenId | undefined {
  const { LATCHKEY_OPENID_ISSUER: issuer, LATCHKEY_OPENID_CLIENT_ID: clientId } = config;
  if (issuer === undefined || clientId === undefined) return undefined;
  const server = new URL(issuer);
  let known: Promise<Configuration> | undefined;

  /** Asked for when it is first needed, so that a provider that is down keeps nobody else from starting. */
  function openIdProvider(): Promise<Configuration> {
    known ??= discover().catch((error: unknown) => {
      known = undefined;
      throw new AppError('internal_error', {}, { cause: error });
    });
    return known;
  }

  async function discover(): Promise<Configuration> {
    const { allowInsecureRequests, discovery, enableNonRepudiationChecks } = await library();
    // Its certificate already vouches for what the provider says itself; the signature also does when something stands between.
    const execute = [enableNonRepudiationChecks, ...(server.protocol === 'http:' ? [allowInsecureRequests] : [])];
    return discovery(server, clientId as string, config.LATCHKEY_OPENID_CLIENT_SECRET, undefined, { execute });
  }

  return {
    async begin(next) {
      const openid = await library();
      const [state, nonce, verifier] = [openid.randomState(), openid.randomNonce(), openid.randomPKCECodeVerifier()];
      const pending = { state, nonce, verifier, next };
      const url = openid.buildAuthorizationUrl(await openIdProvider(), {
        redirect_uri: redirectUri,
        scope: config.LATCHKEY_OPENID_SCOPE,
        state,
        nonce,
        code_challenge: await openid.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      });
      return { url, pending };
    },

    async finish(callback, { state, nonce, verifier }) {
      const configuration = await openIdProvider();
      const { authorizationCodeGrant } = await library();
      const checks = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier };
      const tokens = await authorizationCodeGrant(configuration, callback, checks).catch((error: unknown) => {
        throw new AppError(
          'invalid_request',
          {
            detail: 'The OpenID provider refused the sign-in, or its response is for another browser. Start again.',
          },
          { cause: error },
        );
      });
      const claims = tokens.claims();
      if (!claims) throw new AppError('invalid_request', { detail: 'The OpenID provider sent no ID token.' });
      const email = claims['email'];
      const name = claims['name'] ?? email ?? claims.sub;
      return {
        subject: `${claims.iss} ${claims.sub}`,
        name: String(name).slice(0, 200),
        email: typeof email === 'string' && claims['email_verified'] !== false ? email : undefined,
        role: roleOf(claims[config.LATCHKEY_OPENID_GROUPS_CLAIM], config.LATCHKEY_OPENID_ROLES),
      };
    },
  };
}

/** The highest role that one of the groups has. */
function roleOf(groups: unknown, roles: readonly [group: string, role: OperatorRole][]): OperatorRole | undefined {
  const held = Array.isArray(groups) ? groups : [groups];
  return OPERATOR_ROLES.find((role) => roles.some(([group, given]) => given === role && held.includes(group)));
}
