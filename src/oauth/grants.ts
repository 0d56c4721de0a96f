/**
 * The grants by which a connection lives on: client credentials, and refresh tokens that do not die. A code, with all that is checked of
 * it, is oidc-provider's to exchange; of these two nothing is its own but the model of the tokens.
 */
import { errors, type Provider } from 'oidc-provider';
import { SCOPES } from '../credentials/index.ts';
import type { Collection } from '../storage/index.ts';
import { type Artifact, artifactId } from './artifacts.ts';
import type { Parameters } from './client-authentication.ts';
import type { Client } from './clients.ts';
import type { OneTime, OneTimes } from './one-time.ts';
import { knownScopes, withoutAliases } from './token-parameters.ts';

export interface Granted {
  accessToken: string;
  /** Seconds. */
  expiresIn: number;
  scope: string;
  refreshToken?: string;
  grantId?: string;
}

/** RFC 6749 5.2, and the reason in our words. */
export interface Refused {
  error: 'invalid_request' | 'invalid_grant' | 'invalid_scope';
  description: string;
  reason: string;
}

export interface Grants {
  /** Both reject with storage_unavailable. */
  toClient(client: Client, parameters: Parameters): Promise<Granted | Refused>;
  byRefreshToken(client: Client, parameters: Parameters): Promise<Granted | Refused>;
}

const INVALID_SCOPE: Refused = {
  error: 'invalid_scope',
  description: `The scopes are ${SCOPES.join(' and ')}.`,
  reason: 'invalid_scope',
};

function invalidGrant(reason: string): Refused {
  return { error: 'invalid_grant', description: 'The grant is not valid.', reason };
}

export function createGrants({
  artifacts,
  oneTimes,
  provider,
}: {
  artifacts: Collection<Artifact>;
  oneTimes: OneTimes;
  provider: () => Provider;
}): Grants {
  /** The token's value, or why its connection gives no more tokens. */
  async function save(token: { save(): Promise<string> }): Promise<string | { over: string }> {
    try {
      return await token.save();
    } catch (error) {
      if (error instanceof errors.InvalidGrant) return { over: error.error_detail ?? '' };
      throw error;
    }
  }

  async function refresh(client: Client, value: string, held: Artifact, scope: string): Promise<Granted | Refused> {
    const { grantId } = held;
    const { accountId } = JSON.parse(held.payload) as { accountId: string };
    const about = { accountId, clientId: client.id, grantId };
    const expiresIn = client.accessTokenSeconds;
    const tokens = provider();
    const accessToken = await save(new tokens.AccessToken({ ...about, scope, expiresIn, gty: GTY } as never));
    if (typeof accessToken !== 'string') return invalidGrant('refresh_token_revoked');
    return { accessToken, expiresIn, scope, refreshToken: value, ...(grantId !== undefined && { grantId }) };
  }

  /**
   * Rotation that a lost answer can't hurt: whoever comes again with a token that was rotated gets its one successor again, until that
   * has been used; many at once all get the same.
   */
  async function rotate(client: Client, value: string, held: Artifact, scope: string): Promise<Granted | Refused> {
    const rotated: OneTime = { id: held.id, value, fingerprint: client.id };
    const successor = await oneTimes.claim(rotated, Number.POSITIVE_INFINITY);
    if (successor !== undefined) {
      const next = await artifacts.find(artifactId('RefreshToken', successor));
      const isUnused = next && next.lockedUntil === undefined && next.answeredAt === undefined;
      return isUnused ? refresh(client, successor, next, scope) : invalidGrant('refresh_token_superseded');
    }
    try {
      const { accountId, scope: whole } = JSON.parse(held.payload) as { accountId: string; scope: string };
      const about = { accountId, clientId: client.id, grantId: held.grantId };
      const granted = await refresh(client, value, held, scope);
      if ('error' in granted) {
        await oneTimes.release(rotated);
        return granted;
      }
      const next = await new (provider().RefreshToken)({ ...about, scope: whole, gty: GTY } as never).save();
      await oneTimes.keep(rotated, next);
      return { ...granted, refreshToken: next };
    } catch (error) {
      await oneTimes.release(rotated).catch(() => undefined);
      throw error;
    }
  }

  return {
    async toClient(client, parameters) {
      const scope = knownScopes(parameters.get('scope'));
      if (scope === undefined) return INVALID_SCOPE;
      const expiresIn = client.accessTokenSeconds;
      const token = new (provider().ClientCredentials)({ clientId: client.id, scope, expiresIn } as never);
      const accessToken = await save(token);
      if (typeof accessToken === 'string') return { accessToken, expiresIn, scope };
      return invalidGrant(/revoked|expired/.exec(accessToken.over)?.[0] ?? accessToken.over.replaceAll(' ', '_'));
    },

    async byRefreshToken(client, parameters) {
      const value = parameters.get('refresh_token');
      if (value === undefined) {
        return { error: 'invalid_request', description: 'refresh_token is missing.', reason: 'invalid_request' };
      }
      const held = await artifacts.find(artifactId('RefreshToken', value));
      // A token of another client is none of this one's.
      if (!held || held.clientId !== client.id) return invalidGrant('refresh_token_unknown');
      const scope = narrowed(held.scope ?? SCOPES[0], parameters.get('scope'));
      if (scope === undefined) return INVALID_SCOPE;
      return (client.rotateRefreshTokens ? rotate : refresh)(client, value, held, scope);
    },
  };
}

const GTY = 'authorization_code refresh_token';

/** What is asked for of what was agreed to (RFC 6749 6): all of it by default, never more; undefined when none of it. */
function narrowed(agreed: string, asked = ''): string | undefined {
  if (withoutAliases(asked) === '') return agreed;
  const allowed = agreed.split(' ');
  const scopes = knownScopes(asked)
    ?.split(' ')
    .filter((scope) => allowed.includes(scope) || allowed.includes('scim'));
  return scopes?.join(' ') || undefined;
}
