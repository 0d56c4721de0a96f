/**
 * The authorization code (RFC 6749 4.1.3, 7636 4.5): spent once, by the client that it was made for, with the redirect URI and the verifier
 * of its authorization request. Its first tokens make the credential of the connection.
 */
import { hash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { type Collection, readSurely } from '../storage/index.ts';
import { type Artifact, artifactId } from './artifacts.ts';
import type { Client } from './client-record.ts';
import { type Authorization, aboutOf, type Connections } from './connections.ts';
import { connected, type Grant, type Granted, type Refused, type Tokens } from './grants.ts';
import type { OneTime, OneTimes } from './one-time.ts';
import type { Parameters } from './parameters.ts';
import type { OauthSubReason } from './refusals.ts';
import type { TokenMaker } from './tokens.ts';

/** A code may be tried again for this long after its answer, by the same client with the same parameters. */
const RETRY_WINDOW_MS = 10_000;

/** What oidc-provider keeps of a code. */
interface Code {
  redirectUri: string;
  codeChallenge?: string;
}

export function createCodeGrant(deps: {
  artifacts: Collection<Artifact>;
  oneTimes: OneTimes;
  connections: Connections;
  tokens: TokenMaker;
  clock: Clock;
}): Grant {
  const { artifacts, oneTimes, connections, tokens, clock } = deps;

  return async function exchange(client, parameters, attribution) {
    const value = parameters.get('code');
    if (value === undefined) return { refused: 'code_missing' };
    const code = spendable(value, client, parameters);
    // A code of another client is none of this one's, which must not hold up the one that it was made for.
    const made = await readSurely((options) => artifacts.find(code.id, options));
    const authorization = made?.grantId === undefined ? undefined : await connections.find(made.grantId);
    if (!authorization || made?.clientId !== client.id) return { refused: 'code_unknown' };
    const about = aboutOf(authorization);
    const earlier = await oneTimes.claim(code, RETRY_WINDOW_MS);
    if (earlier !== undefined) return { tokens: JSON.parse(earlier) as Tokens, about, isRepeat: true };
    // Whether it was spent before ends a connection, so it is read surely.
    const held = await artifacts.find(code.id, { authoritative: true });
    if (!held) return { refused: 'code_unknown' };
    let outcome: Granted | Refused | undefined;
    try {
      const refused = refusalOf(held, authorization, client, parameters);
      if (refused === 'code_replayed')
        await connections.end(authorization, 'its authorization code was presented again', attribution);
      outcome = refused ? { refused, about } : await grant(client, authorization);
      if ('tokens' in outcome) await oneTimes.keep(code, JSON.stringify(outcome.tokens));
      return outcome;
    } finally {
      // What was not spent is the next request's to spend.
      if (!outcome || 'refused' in outcome) await oneTimes.release(code).catch(() => undefined);
    }
  };

  function refusalOf(
    held: Artifact,
    { redirectUriOmitted = false }: Authorization,
    client: Client,
    parameters: Parameters,
  ): OauthSubReason | undefined {
    const { redirectUri, codeChallenge } = JSON.parse(held.payload) as Code;
    if (held.endsAt === undefined || held.endsAt <= clock.now()) return 'code_expired';
    const given = parameters.get('redirect_uri');
    if (given === undefined && !redirectUriOmitted) return 'redirect_uri_missing';
    if (given !== undefined && given !== redirectUri) return 'redirect_uri_unknown';
    const pkce = pkceRefusal(codeChallenge, parameters.get('code_verifier'), client.authMethod === 'none');
    if (pkce) return pkce;
    // A replay ends the connection, so only one that could have been granted counts as one.
    return held.answeredAt === undefined ? undefined : 'code_replayed';
  }

  async function grant(client: Client, authorization: Authorization): Promise<Granted | Refused> {
    const about = aboutOf(authorization);
    const connection = await connected(connections.connect(authorization, client));
    if ('refused' in connection) return { ...connection, about };
    const { scope, offlineScope } = authorization;
    const made = { client, scope, authorization };
    const accessToken = await tokens.access(connection.credentialId, made);
    const refreshToken = client.grantTypes.includes('refresh_token') ? await tokens.refresh(made) : undefined;
    const isOffline = refreshToken !== undefined && offlineScope !== undefined;
    return {
      about,
      tokens: {
        access_token: accessToken,
        expires_in: client.accessTokenSeconds,
        ...(refreshToken !== undefined && { refresh_token: refreshToken }),
        scope: isOffline ? `${scope} ${offlineScope}` : scope,
        token_type: 'Bearer',
      },
    };
  }
}

/** An answer is repeated to the same client with the same parameters only. */
function spendable(value: string, client: Client, parameters: Parameters): OneTime {
  const facts = [client.id, parameters.get('redirect_uri'), parameters.get('code_verifier')];
  const fingerprint = hash('sha256', JSON.stringify(facts), 'hex');
  return { id: artifactId('AuthorizationCode', value), value, fingerprint };
}

/** RFC 7636 4.6; a verifier without a challenge is refused, so that a challenge cannot be stripped from the request (RFC 9700 2.1.1). */
function pkceRefusal(
  challenge: string | undefined,
  verifier: string | undefined,
  isNeeded: boolean,
): OauthSubReason | undefined {
  if (challenge === undefined)
    return verifier === undefined ? (isNeeded ? 'pkce_needed' : undefined) : 'pkce_unexpected';
  if (verifier === undefined) return 'pkce_missing';
  const [expected, made] = [Buffer.from(challenge), Buffer.from(hash('sha256', verifier, 'base64url'))];
  return expected.length === made.length && timingSafeEqual(expected, made) ? undefined : 'pkce_wrong';
}
