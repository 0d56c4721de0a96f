/** Refresh tokens (RFC 6749 6): they live as long as their connection, and where they are rotated, a lost answer costs nothing. */
import type { Attribution } from '../audit/index.ts';
import { digestOf, SCOPES, type WeakValues } from '../credentials/index.ts';
import { type Collection, readSurely } from '../storage/index.ts';
import { type Artifact, artifactId, type FindRefreshToken } from './artifacts.ts';
import type { Client } from './client-record.ts';
import { type Authorization, aboutOf, type Connections } from './connections.ts';
import { connected, type Grant, type Granted, type Refused } from './grants.ts';
import type { OneTime, OneTimes } from './one-time.ts';
import { namesScopes, offlineScopeOf, readScope } from './parameters.ts';
import type { TokenMaker } from './tokens.ts';

/** One refresh: with which token, of which connection, for which scope. */
interface Refresh {
  client: Client;
  value: string;
  held: Artifact;
  authorization: Authorization;
  /** Of the access token. */
  scope: string;
  offlineScope: string | undefined;
}

export function createRefreshGrant(deps: {
  artifacts: Collection<Artifact>;
  findRefreshToken: FindRefreshToken;
  oneTimes: OneTimes;
  weakValues: WeakValues;
  connections: Connections;
  tokens: TokenMaker;
}): Grant {
  const { artifacts, findRefreshToken, oneTimes, weakValues, connections, tokens } = deps;

  return async function refreshed(client, parameters, attribution) {
    const value = parameters.get('refresh_token');
    if (value === undefined) return { refused: 'refresh_token_missing' };
    const held = await readSurely((options) => findRefreshToken(value, options));
    const authorization = held?.grantId === undefined ? undefined : await connections.find(held.grantId);
    // A token of another client is none of this one's.
    if (!held || !authorization || held.clientId !== client.id) return { refused: 'refresh_token_unknown' };
    const asked = parameters.get('scope');
    const narrowed = narrow(held.scope ?? SCOPES[0], asked);
    if ('refused' in narrowed) return { ...narrowed, about: aboutOf(authorization) };
    const offlineScope = asked === undefined ? authorization.offlineScope : offlineScopeOf(asked);
    const refresh = { client, value, held, authorization, scope: narrowed.scope, offlineScope };
    return client.rotateRefreshTokens ? rotate(refresh, attribution) : grant(refresh);
  };

  async function grant(refresh: Refresh): Promise<Granted | Refused> {
    const { client, value, authorization, scope, offlineScope } = refresh;
    const about = aboutOf(authorization);
    const connection = await connected(connections.connect(authorization, client));
    if ('refused' in connection) return { ...connection, about };
    return {
      about,
      tokens: {
        access_token: await tokens.access(connection.credentialId, { client, scope, authorization }),
        expires_in: client.accessTokenSeconds,
        refresh_token: value,
        scope: offlineScope === undefined ? scope : `${scope} ${offlineScope}`,
        token_type: 'Bearer',
      },
    };
  }

  /**
   * Rotation that a lost answer can't hurt: whoever comes again with a token that was rotated gets its one successor again, until that
   * has been used; many at once all get the same.
   */
  async function rotate(refresh: Refresh, attribution: Attribution): Promise<Granted | Refused> {
    const { client, value, held, authorization } = refresh;
    // The answer is sealed under the value, which must not be found by trying: a weak one counts with the secret of the instance.
    const sealedUnder = held.id === artifactId('RefreshToken', value) ? value : weakValues.keyed(digestOf(value));
    const rotated: OneTime = { id: held.id, value: sealedUnder, fingerprint: client.id };
    const successor = await oneTimes.claim(rotated, Number.POSITIVE_INFINITY);
    if (successor !== undefined) {
      const next = await readSurely(
        (options) => artifacts.find(artifactId('RefreshToken', successor), options),
        isUnused,
      );
      if (next && isUnused(next)) return grant({ ...refresh, value: successor, held: next });
      const about = aboutOf(authorization);
      if (client.authMethod !== 'none') return { refused: 'refresh_token_superseded', about };
      // Nothing but the token proves who asks, so one of the two who had it is a stranger (docs/decisions/0012).
      await connections.end(authorization, 'a replaced refresh token was used again', attribution);
      return { refused: 'refresh_token_reused', about };
    }
    let isRotated = false;
    try {
      const granted = await grant(refresh);
      if ('refused' in granted) return granted;
      const next = await tokens.refresh({ client, scope: held.scope ?? SCOPES[0], authorization });
      await oneTimes.keep(rotated, next);
      isRotated = true;
      return { ...granted, tokens: { ...granted.tokens, refresh_token: next } };
    } finally {
      if (!isRotated) await oneTimes.release(rotated).catch(() => undefined);
    }
  }
}

function isUnused(token: Artifact | undefined): boolean {
  return token !== undefined && token.lockedUntil === undefined && token.answeredAt === undefined;
}

/** What is asked for of what was agreed to: all of it by default, never more. */
function narrow(
  agreed: string,
  asked: string | undefined,
): ReturnType<typeof readScope> | { refused: 'scope_too_wide' } {
  const read = readScope(asked);
  if ('refused' in read) return read;
  if (!namesScopes(asked)) return { scope: agreed };
  const allowed = agreed.split(' ');
  const scopes = read.scope.split(' ').filter((scope) => allowed.includes(scope) || allowed.includes('scim'));
  return scopes.length === 0 ? { refused: 'scope_too_wide' } : { scope: scopes.join(' ') };
}
