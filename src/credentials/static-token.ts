/**
 * The shape of a static token: `scim_`, 32 random base62 characters, then 6 of their CRC-32. It fits every IdP's field, secret
 * scanners find it, and a mistyped or truncated one is told from an unknown one without asking the store.
 */
import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { type Random, randomText, toBase62 } from '../identifiers.ts';

/** Published for secret scanners. */
export const STATIC_TOKEN_PATTERN = '^scim_[0-9A-Za-z]{38}$';
const STATIC_TOKEN = new RegExp(STATIC_TOKEN_PATTERN);
const PREFIX = 'scim_';
/** Of OAuth access tokens, which are looked up in a place of their own. */
const ACCESS_TOKEN_PREFIX = 'scimat_';
const ACCESS_TOKEN = /^scimat_[0-9A-Za-z]{43}$/;
const RANDOM_LENGTH = 32;
const CHECKSUM_LENGTH = 6;

export function mintToken(prefix: 'scim_' | 'lk_', random: Random): string {
  const body = randomText(RANDOM_LENGTH, random);
  return prefix + body + checksum(body);
}

function checksum(body: string): string {
  return toBase62(crc32(body), CHECKSUM_LENGTH);
}

/** `ours`: right shape and checksum. `damaged`: meant to be ours, but truncated or mistyped. `foreign`: anything else. */
export function classifyToken(value: string): 'ours' | 'damaged' | 'foreign' {
  if (!value.startsWith(PREFIX)) return 'foreign';
  if (!STATIC_TOKEN.test(value)) return /^scim_[0-9A-Za-z]*$/.test(value) ? 'damaged' : 'foreign';
  const body = value.slice(PREFIX.length, PREFIX.length + RANDOM_LENGTH);
  return checksum(body) === value.slice(-CHECKSUM_LENGTH) ? 'ours' : 'damaged';
}

/** Whether a value has the shape of an OAuth access token of ours; those have no checksum. */
export function isAccessToken(value: string): boolean {
  return ACCESS_TOKEN.test(value);
}

/** What is stored instead of the value, and looked up by. The scheme keeps digests of different making apart. */
export type Digest = `sha256:${string}` | `ssoready:${string}` | `access:${string}` | `keyed:${string}`;

export function digestOf(value: string): Digest {
  return `sha256:${hash('sha256', value, 'hex')}`;
}

const SSOREADY = /^ssoready_scim_bearer_token_([0-9a-z]{25})$/;

/**
 * SSOReady keeps SHA-256 over the 16 bytes of a UUID, which its token writes as 25 base-36 digits. Those could say more than 128 bits; such
 * a value is no token (undefined), or else two values would share one digest.
 */
export function digestOfSsoready(value: string): Digest | undefined {
  const digits = SSOREADY.exec(value)?.[1];
  if (digits === undefined) return undefined;
  let number = 0n;
  for (const digit of digits) number = number * 36n + BigInt(Number.parseInt(digit, 36));
  if (number >= 1n << 128n) return undefined;
  const bytes = Buffer.from(number.toString(16).padStart(32, '0'), 'hex');
  return `ssoready:${hash('sha256', bytes, 'hex')}`;
}

/** Every digest under which a presented value may be stored, the likeliest first. */
export function digestsOf(value: string): [Digest, ...Digest[]] {
  if (value.startsWith(ACCESS_TOKEN_PREFIX)) return [`access:${hash('sha256', value, 'hex')}`];
  const ssoready = value.startsWith('ssoready_') ? digestOfSsoready(value) : undefined;
  return ssoready ? [ssoready, digestOf(value)] : [digestOf(value)];
}

/** The last four characters, for display. */
export function hintOf(value: string): string {
  return value.slice(-4);
}
