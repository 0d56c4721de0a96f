/** What is refused when a client is made or changed. Each check throws invalid_request and names the field, what was given and what is wanted. */
import { createPublicKey, type JsonWebKey } from 'node:crypto';
import {
  assertStrongEnough,
  type Digest,
  digestOf,
  hintOf,
  UNKNOWN_HINT,
  type WeakValues,
} from '../credentials/index.ts';
import { AppError } from '../errors.ts';
import { IDENTITY_PROVIDERS, type IdentityProviderId, oauthPresetOf } from '../identity-providers/index.ts';
import { type AuthMethod, mayUse } from './client-record.ts';

/** How Okta calls an app in its addresses. */
export const APP_NAME = /^[\w.-]{1,100}$/;

interface Problem {
  path: string;
  given?: string;
  wanted: string;
}

function refused(detail: string, errors: Problem[]): AppError {
  return new AppError('invalid_request', { detail, errors });
}

/** RFC 6749 4.4: a public client gets no token for itself; and a shared client belongs to no directory that a token could be for. */
export function checkGrants(grantTypes: readonly string[], authMethod: AuthMethod, isShared: boolean): void {
  const given = 'client_credentials';
  if (isShared && grantTypes.includes(given)) {
    const wanted =
      'a directoryId with it: without a person who consents, the client itself must belong to one directory';
    throw refused('A shared client cannot use client_credentials.', [{ path: 'grantTypes', given, wanted }]);
  }
  if (grantTypes.length === 0) {
    const wanted =
      'at least one grant that this kind of client may use: client_credentials needs a directoryId and proof';
    throw refused("The client would have no grant, so it couldn't get a token.", [{ path: 'grantTypes', wanted }]);
  }
  if (grantTypes.some((grantType) => !mayUse(authMethod, grantType))) {
    const wanted =
      'a client that proves who it is: choose a tokenEndpointAuthMethod other than none, or leave client_credentials out';
    throw refused('A public client cannot use client_credentials: its ID alone would get a token.', [
      { path: 'grantTypes', given, wanted },
    ]);
  }
}

/** What is outside these bounds, the identity provider does not accept. */
export function checkAccessTokenSeconds(seconds: number, provider: IdentityProviderId): void {
  const { minimum, maximum } = oauthPresetOf(provider).accessTokenSeconds;
  if (seconds >= minimum && seconds <= maximum) return;
  const { name } = IDENTITY_PROVIDERS[provider];
  const wanted = `${minimum} to ${maximum} seconds for ${name}`;
  const given = String(seconds);
  throw refused(`The access token lifetime must be ${wanted}. You entered ${given}.`, [
    { path: 'accessTokenSeconds', given, wanted },
  ]);
}

/** RFC 6749 A.1 allows more, but what stands in addresses and headers of many systems should need no encoding. */
const IMPORTED_ID = /^[A-Za-z0-9][\w.~-]{1,99}$/;
/** What ours begin with: a secret in the place of the ID would become an ID that everyone sees. */
const NOT_AN_ID = /^(?:scim|scimat|scimrt|scimac|scimcs|lk|lkp|lks)_/;

export function checkImportedId(id: string): void {
  if (IMPORTED_ID.test(id) && !NOT_AN_ID.test(id) && !isOwnClientId(id)) return;
  const wanted = NOT_AN_ID.test(id)
    ? 'the ID of a client; this begins like a secret'
    : 'the client_id from another system: 2 to 100 letters, digits, dots, hyphens, underscores and tildes';
  throw refused(`The client ID can't be imported. It must be ${wanted}.`, [{ path: 'clientId', wanted }]);
}

export function isOwnClientId(id: string): boolean {
  return /^client_[0-9A-Za-z]{20}$/.test(id);
}

const SHORTEST_SECRET = 8;
const LONGEST_SECRET = 1000;

export interface ImportedSecret {
  clientSecret?: string | undefined;
  clientSecretSha256?: string | undefined;
  allowWeak?: boolean | undefined;
}

/** A secret that another system made, as it is kept. The value is never repeated. Throws invalid_request, weak_value. */
export async function importedSecretOf(
  input: ImportedSecret,
  { keyed }: WeakValues,
): Promise<{ digest: Digest; hint: string } | undefined> {
  const plain = plainSecretOf(input);
  if (!plain) return undefined;
  const strength = await assertStrongEnough('clientSecret', input.clientSecret, input.allowWeak);
  return strength === 'strong' ? plain : { digest: keyed(plain.digest), hint: UNKNOWN_HINT };
}

/** The digest of such a secret without regard to how hard it is to guess. */
export function plainSecretOf(input: ImportedSecret): { digest: Digest; hint: string } | undefined {
  const { clientSecret, clientSecretSha256 } = input;
  if (clientSecret !== undefined && clientSecretSha256 !== undefined) {
    const wanted = 'either clientSecret or clientSecretSha256';
    throw refused(`Give ${wanted}, not both.`, [{ path: 'clientSecretSha256', wanted }]);
  }
  if (clientSecretSha256 !== undefined) {
    const hex = clientSecretSha256.toLowerCase();
    if (/^[0-9a-f]{64}$/.test(hex)) return { digest: `sha256:${hex}`, hint: UNKNOWN_HINT };
    const wanted = 'the 64 hexadecimal digits of a SHA-256';
    throw refused(`The digest of the client secret can't be imported. It must be ${wanted}.`, [
      { path: 'clientSecretSha256', wanted },
    ]);
  }
  if (clientSecret === undefined) return undefined;
  const isUsable =
    clientSecret.length >= SHORTEST_SECRET &&
    clientSecret.length <= LONGEST_SECRET &&
    /^[\x21-\x7e]+$/.test(clientSecret);
  if (isUsable) return { digest: digestOf(clientSecret), hint: hintOf(clientSecret) };
  const wanted = `${SHORTEST_SECRET} to ${LONGEST_SECRET} visible ASCII characters`;
  throw refused(`The client secret can't be imported. It must be ${wanted}.`, [{ path: 'clientSecret', wanted }]);
}

/** RFC 9700 4.14: nothing but its refresh token protects a connection of a public client. */
export function checkRotation(rotates: boolean | undefined, authMethod: AuthMethod): void {
  if (authMethod !== 'none' || rotates !== false) return;
  const wanted = 'true, or absent: refresh tokens of a public client are always rotated';
  throw refused(`rotateRefreshTokens must be ${wanted}.`, [{ path: 'rotateRefreshTokens', given: 'false', wanted }]);
}

export function checkRedirects(uris: readonly string[], allowHttp: boolean): void {
  const errors = uris.flatMap((uri, index) => {
    const url = URL.parse(uri);
    const isLoopback = url !== null && /^(?:127\.0\.0\.1|localhost|\[::1\])$/.test(url.hostname);
    const isUsable = url && (url.protocol === 'https:' || (url.protocol === 'http:' && (isLoopback || allowHttp)));
    return isUsable && url.hash === '' && !url.username
      ? []
      : [
          {
            path: `redirectUris.${index}`,
            given: uri.slice(0, 200),
            wanted: 'an absolute https URL without fragment',
          },
        ];
  });
  if (errors.length > 0) throw refused("A redirect URI can't be used.", errors);
}

/**
 * Okta's name of an app, out of whatever address of it was pasted: of its page in the admin console, its embed link, or the redirect URI that
 * Okta shows. Anything else is given back as it came.
 */
export function appNameOf(given: string): string {
  return /\/(?:admin\/app\/(?:cpc\/)?|home\/)([^/?#]+)/.exec(given)?.[1] ?? given;
}

export function checkAppName(appName: string | undefined): void {
  if (appName === undefined || (APP_NAME.test(appName) && !/^\.+$/.test(appName))) return;
  const given = appName.slice(0, 100);
  const wanted = "the app's name in Okta, such as acme_scim_1: letters, digits, dot, hyphen, underscore";
  throw refused(`App name must be ${wanted}. You entered ${given}.`, [{ path: 'appName', given, wanted }]);
}

export function checkJwksUri(uri: string | undefined, hosts: readonly string[]): void {
  if (uri === undefined) return;
  const url = URL.parse(uri);
  if (url?.protocol === 'https:' && hosts.includes(url.hostname)) return;
  const wanted = `an https URL on one of ${hosts.join(', ') || 'no host'} (LATCHKEY_OAUTH_JWKS_HOSTS)`;
  throw refused("Keys can't be fetched from there.", [{ path: 'jwksUri', given: uri.slice(0, 200), wanted }]);
}

/** RFC 7517 and 7518: members that only the private part of a key, or a secret, has. */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];
const SHORTEST_MODULUS_BITS = 2048;

/** Keys are only read here; what they are good for is seen with each assertion. The keys themselves are never repeated. */
export function checkJwks(keys: readonly Record<string, unknown>[]): void {
  const errors = keys.flatMap((key, index) => {
    const wanted = wantedOfKey(key);
    return wanted === undefined ? [] : [{ path: `jwks.keys.${index}`, wanted }];
  });
  if (errors.length > 0) throw refused(`Key ${errors[0]?.path} cannot be registered: ${errors[0]?.wanted}.`, errors);
}

function wantedOfKey(key: Record<string, unknown>): string | undefined {
  const { kty, n, e } = key;
  if (kty === 'oct') return 'a public key; this one is symmetric, so both sides would have the same secret';
  if (PRIVATE_MEMBERS.some((member) => key[member] !== undefined))
    return 'only the public part; this is a private key. It is now exposed, so create a new pair and register its public part';
  if (kty !== 'RSA' && kty !== 'EC' && kty !== 'OKP') return 'a key whose kty is RSA, EC or OKP';
  if (kty === 'RSA' && bitsOf(n) < SHORTEST_MODULUS_BITS) return `an RSA key of ${SHORTEST_MODULUS_BITS} bits or more`;
  if (kty === 'RSA' && isOne(e)) return 'an RSA key with a larger exponent; with 1, anyone can sign';
  try {
    createPublicKey({ key: key as JsonWebKey, format: 'jwk' });
    return undefined;
  } catch {
    return `a complete ${kty} key as RFC 7518 describes it`;
  }
}

/** The exponent with which a signature is the text that it signs. */
function isOne(exponent: unknown): boolean {
  return typeof exponent === 'string' && /^0*1$/.test(Buffer.from(exponent, 'base64url').toString('hex'));
}

function bitsOf(modulus: unknown): number {
  return typeof modulus === 'string' ? Buffer.from(modulus, 'base64url').length * 8 : 0;
}
