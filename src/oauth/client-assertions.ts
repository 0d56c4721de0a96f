/**
 * Client assertions (RFC 7523): a client proves who it is by a JWT that it signed, or that Entra signed for it. What is wrong with one is
 * decided here, where the claims are at hand, and told as one of a closed list.
 */
import { hash } from 'node:crypto';
import { compactVerify, decodeJwt, type JWTVerifyGetKey, errors as joseErrors } from 'jose';
import type { Clock } from '../clock.ts';
import { type AppError, isAppError } from '../errors.ts';
import { oauthPresetOf } from '../identity-providers/index.ts';
import { withoutSecrets } from '../secrets/redaction.ts';
import { isDuplicate, readSurely, type Storage } from '../storage/index.ts';
import type { KeySource } from './client-keys.ts';
import { audienceIdOf, type Client, clientIdOf } from './client-record.ts';
import type { Clients } from './clients.ts';

export const ASSERTION_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
];

/** `npm run docs:tables` writes docs/errors.md from it. */
export const ASSERTION_FAULTS = {
  malformed: 'It is not a signed JWT with `iss`, `sub`, `aud` and `exp`.',
  missing: 'The request has a `client_assertion_type`, but no `client_assertion`.',
  type: 'Its `client_assertion_type` is missing, or is not `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`.',
  not_registered: 'The client has no key. It authenticates in another way.',
  algorithm: 'Its signature algorithm is not accepted.',
  key_unknown: 'No registered key has its key ID.',
  key_unusable: "The registered key can't be used. An RSA key needs at least 2048 bits.",
  signature: 'Its signature does not match the registered key.',
  issuer: 'Its `iss` is not the one that the client is registered with.',
  subject: 'Its `sub` is not the one that the client is registered with.',
  audience:
    'Its `aud` is not our audience, or includes other audiences as well. `expected` is our audience. `audience` is the value that was sent, if it looks like ours.',
  expired: 'Its `exp` has passed. `seconds` says how long ago.',
  not_yet_valid: 'Its `iat` or `nbf` is in the future. The clocks differ by `seconds`.',
  milliseconds: 'Its `exp`, `iat` or `nbf` is in milliseconds. It must be in seconds.',
  lives_too_long: 'Its `exp` is too far in the future.',
  replayed: 'Its `jti` has already been used.',
} as const;

/** What is wrong with an assertion, and what helps to see it. */
export interface AssertionFault {
  fault: keyof typeof ASSERTION_FAULTS;
  /** By how much a time is off. */
  seconds?: number;
  /** The audience that came, where it looks like one of ours, and the one that is wanted. */
  audience?: string;
  expected?: string;
}

export type Asserted =
  /** `undo` lets the same assertion be used again, for a request that failed by our fault. */
  | { client: Client; undo?: () => Promise<void> }
  | { refused: 'client_unknown' | 'client_proofs_disagree'; clientId?: string }
  | { refused: 'assertion_wrong'; clientId?: string; fault: AssertionFault }
  | { refused: 'jwks_unreachable'; clientId: string; error: AppError };

const SKEW_SECONDS = 60;
/** Entra's own tokens stand for a workload identity, whatever the client is called. */
const LONGEST_SECONDS = oauthPresetOf('generic').assertions.maximumSeconds;
const LONGEST_WORKLOAD_SECONDS = oauthPresetOf('entra').assertions.maximumSeconds;
/** No time in seconds is that far for a thousand years. */
const FAR_SECONDS = 50_000_000_000;
const MOST_AUDIENCES = 10;

interface Claims {
  iss: string;
  sub: string;
  aud: string[];
  exp?: number;
  iat?: number;
  nbf?: number;
  jti?: string;
}

export interface AssertionsDependencies {
  storage: Storage;
  clients: Pick<Clients, 'find' | 'findByWorkload' | 'findByWorkloadIssuer'>;
  clock: Clock;
  keys: KeySource;
  issuer: string;
}

export function createAssertions({ storage, clients, clock, keys, issuer }: AssertionsDependencies) {
  /** Only what a registered key has signed gets here, and each record ends with its assertion. */
  const used = storage.collection({
    name: 'client_assertions',
    shape: { createdAt: 'date', expiresAt: 'date' } as const,
    keys: {},
    order: 'createdAt',
    expires: 'expiresAt',
  });

  /** Whose assertion it claims to be. Nobody has vouched for the claims yet. */
  async function claimed({ iss, sub, aud }: Claims, named: string | undefined): Promise<Client | undefined> {
    for (const audience of aud) {
      const client = await clients.findByWorkload({ issuer: iss, subject: sub, audience });
      if (client) return client;
    }
    const bySubject = await readSurely((options) => clients.find(sub, options));
    if (bySubject) return bySubject;
    const byName = named === undefined ? undefined : await readSurely((options) => clients.find(named, options));
    const byIssuer = byName ?? (await clients.findByWorkloadIssuer(iss));
    return byIssuer ?? readSurely((options) => clients.find(iss, options));
  }

  async function faultOf(
    assertion: string,
    claims: Claims,
    client: Client,
    path: string,
  ): Promise<AssertionFault | undefined> {
    if (client.authMethod !== 'private_key_jwt') return { fault: 'not_registered' };
    const unproven = await verify(assertion, keys.of(client));
    if (unproven) return { fault: unproven };
    const { workloadIdentity } = client;
    const wanted = workloadIdentity ?? { issuer: clientIdOf(client), subject: clientIdOf(client) };
    if (claims.iss !== wanted.issuer) return { fault: 'issuer' };
    if (claims.sub !== wanted.subject) return { fault: 'subject' };
    return (
      (workloadIdentity ? workloadAudienceFault(claims, workloadIdentity) : audienceFault(claims, issuer, path)) ??
      timeFault(claims, clock.now(), workloadIdentity ? LONGEST_WORKLOAD_SECONDS : LONGEST_SECONDS)
    );
  }

  /** Rejects with storage_unavailable; a refusal is a value. `path`: the endpoint that was called. */
  return async function byAssertion(assertion: string, named: string | undefined, path: string): Promise<Asserted> {
    const claims = claimsOf(assertion);
    const claimedId = named ?? namedInAssertion(assertion);
    const about = claimedId === undefined ? {} : { clientId: claimedId };
    if (!claims) return { refused: 'assertion_wrong', ...about, fault: { fault: 'malformed' } };
    const client = await claimed(claims, named);
    if (!client) return { refused: 'client_unknown', clientId: named ?? claims.sub };
    const clientId = client.id;
    if (named !== undefined && named !== clientIdOf(client)) return { refused: 'client_proofs_disagree', clientId };
    try {
      const fault = await faultOf(assertion, claims, client, path);
      if (fault) return { refused: 'assertion_wrong', clientId, fault };
    } catch (error) {
      if (isAppError(error, 'storage_unavailable') && error.facts['jwks'] === true)
        return { refused: 'jwks_unreachable', clientId, error };
      throw error;
    }
    if (claims.jti === undefined) return { client };
    const id = hash('sha256', JSON.stringify([clientId, claims.jti]), 'hex');
    try {
      const expiresAt = new Date(((claims.exp ?? 0) + SKEW_SECONDS + 1) * 1000);
      await used.insert({ id, createdAt: clock.now(), expiresAt });
    } catch (error) {
      if (!isDuplicate(error, 'id')) throw error;
      return { refused: 'assertion_wrong', clientId, fault: { fault: 'replayed' } };
    }
    return { client, undo: async () => void (await used.remove(id)) };
  };
}

/** Whom a text claims to speak for, however broken it is as an assertion; to tell a refusal, and for nothing else. */
export function namedInAssertion(assertion: string): string | undefined {
  try {
    const payload = JSON.parse(Buffer.from(assertion.split('.')[1] ?? '', 'base64url').toString()) as unknown;
    const { sub, iss } = Object(payload) as { sub?: unknown; iss?: unknown };
    return [sub, iss].find((name): name is string => typeof name === 'string' && name !== '');
  } catch {
    return undefined;
  }
}

function claimsOf(assertion: string): Claims | undefined {
  try {
    const { iss, sub, aud, exp, iat, nbf, jti } = decodeJwt(assertion);
    const audiences = typeof aud === 'string' ? [aud] : aud;
    const isText = (value: unknown) => typeof value === 'string' && value !== '';
    const isTime = (value: unknown) => value === undefined || Number.isFinite(value);
    if (!isText(iss) || !isText(sub) || !Array.isArray(audiences) || !audiences.every(isText)) return undefined;
    if (audiences.length === 0 || audiences.length > MOST_AUDIENCES) return undefined;
    if (!isTime(iat) || !isTime(nbf) || !isTime(exp) || (jti !== undefined && !isText(jti))) return undefined;
    const times = {
      ...(exp !== undefined && { exp }),
      ...(iat !== undefined && { iat }),
      ...(nbf !== undefined && { nbf }),
    };
    return { iss: iss as string, sub: sub as string, aud: audiences, ...times, ...(jti !== undefined && { jti }) };
  } catch {
    return undefined;
  }
}

/** Why the signature proves nothing; undefined when it does. */
async function verify(assertion: string, key: JWTVerifyGetKey): Promise<AssertionFault['fault'] | undefined> {
  const options = { algorithms: ASSERTION_ALGORITHMS };
  try {
    await compactVerify(assertion, key, options);
    return undefined;
  } catch (error) {
    if (error instanceof joseErrors.JWKSMultipleMatchingKeys) {
      // Without a key ID each key of that kind may be the one.
      for await (const candidate of error) {
        const isBy = await compactVerify(assertion, candidate, options).catch(() => undefined);
        if (isBy) return undefined;
      }
      return 'signature';
    }
    if (error instanceof joseErrors.JWSSignatureVerificationFailed) return 'signature';
    if (error instanceof joseErrors.JWKSNoMatchingKey) return 'key_unknown';
    if (error instanceof joseErrors.JOSEAlgNotAllowed || error instanceof joseErrors.JOSENotSupported)
      return 'algorithm';
    if (error instanceof joseErrors.JOSEError) return 'malformed';
    // What jose and the platform say of a key that is too short or of another kind than the algorithm.
    if (error instanceof TypeError || error instanceof DOMException) return 'key_unusable';
    throw error;
  }
}

/** RFC 7523 3: exactly ours. A list that names another server too could be replayed there, and is refused. */
function audienceFault({ aud }: Claims, issuer: string, path: string): AssertionFault | undefined {
  const ours = [issuer, `${issuer}/oauth/token`, issuer + path];
  const isOurs = (audience: string) => ours.some((one) => audience === one || audience === `${one}/`);
  const other = aud.find((audience) => !isOurs(audience));
  if (other === undefined) return undefined;
  const shown = looksLikeOurs(other, issuer) ? { audience: withoutSecrets(other) } : {};
  return { fault: 'audience', ...shown, expected: `${issuer}/oauth/token` };
}

function workloadAudienceFault({ aud }: Claims, { audience }: { audience: string }): AssertionFault | undefined {
  const wanted = audienceIdOf(audience);
  if (aud.some((one) => audienceIdOf(one) === wanted)) return undefined;
  const entraLike = aud.find((one) => /^(?:api:\/\/)?[\da-f-]{36}(?:\/\.default)?$/i.test(one));
  return { fault: 'audience', ...(entraLike !== undefined && { audience: entraLike }), expected: audience };
}

/** A URL on our host, or with the path of an endpoint of ours, and nothing in it where a secret could stand. */
function looksLikeOurs(audience: string, issuer: string): boolean {
  const url = audience.length <= 200 ? URL.parse(audience) : null;
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash || url.username || url.password) return false;
  const isPlain = /^[\w.~/-]*$/.test(url.pathname) && url.pathname.length <= 60;
  return isPlain && (url.host === new URL(issuer).host || /\/oauth\/(?:token|revoke|authorize)\/?$/.test(url.pathname));
}

function timeFault({ exp, iat, nbf }: Claims, at: Date, longest: number): AssertionFault | undefined {
  const now = Math.floor(at.getTime() / 1000);
  if (exp === undefined) return { fault: 'malformed' };
  if ([exp, iat ?? 0, nbf ?? 0].some((time) => time > FAR_SECONDS)) return { fault: 'milliseconds' };
  if (exp + SKEW_SECONDS <= now) return { fault: 'expired', seconds: now - Math.floor(exp) };
  const begins = Math.max(iat ?? 0, nbf ?? 0);
  if (begins > now + SKEW_SECONDS) return { fault: 'not_yet_valid', seconds: Math.floor(begins) - now };
  if (exp > now + longest + SKEW_SECONDS) return { fault: 'lives_too_long', seconds: Math.floor(exp) - now };
  return undefined;
}
