/**
 * Encryption of what must be readable again: AES-256-GCM under LATCHKEY_SECRET. Each purpose has keys of its own, so that what was sealed for
 * one opens for no other: a cookie is no signing key.
 */
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import type { Random } from '../identifiers.ts';

const ALGORITHM = 'aes-256-gcm';
/** A shorter one, which the platform would take, could be guessed. */
const TAG_BYTES = 16;

/** What is sealed. A name never changes once something was sealed for it. */
export const PURPOSES = [
  'signing keys',
  'authorization requests',
  'answers to repeat',
  'second steps of sign-ins',
  'challenges of passkeys',
  'secrets of authenticators',
  'sign-ins by OpenID',
  'upstream credentials',
  'addresses of webhooks',
  'secrets of webhooks',
] as const;
export type Purpose = (typeof PURPOSES)[number];

const VERSION = 'v2';

/** Encrypts a text under a secret of any length; what comes out is `v2.salt.iv.tag.text` in base64url. */
export function seal(text: string, secret: string, purpose: Purpose, random: Random): string {
  const salt = Buffer.from(random.bytes(16));
  const iv = Buffer.from(random.bytes(12));
  const cipher = createCipheriv(ALGORITHM, deriveKey(secret, `seals ${purpose}`, salt), iv);
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return [VERSION, ...[salt, iv, cipher.getAuthTag(), sealed].map((part) => part.toString('base64url'))].join('.');
}

/** Throws when the secret is another one, or the purpose. What a release before v2 sealed has no purpose, and opens for any. */
export function unseal(sealed: string, secret: string, purpose: Purpose): string {
  const isBound = sealed.startsWith(`${VERSION}.`);
  const parts = isBound ? sealed.slice(VERSION.length + 1) : sealed;
  const [salt, iv, tag, text] = parts.split('.').map((part) => Buffer.from(part, 'base64url'));
  if (!salt || !iv || !text || tag?.length !== TAG_BYTES) throw new Error('not a sealed text');
  const key = isBound
    ? deriveKey(secret, `seals ${purpose}`, salt)
    : Buffer.from(hkdfSync('sha256', secret, salt, 'latchkey', 32));
  const decipher = createDecipheriv(ALGORITHM, key, iv, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(tag);
  try {
    return Buffer.concat([decipher.update(text), decipher.final()]).toString('utf8');
  } catch (error) {
    throw new Error('LATCHKEY_SECRET is not the one that the stored keys were encrypted with', { cause: error });
  }
}

/** A key of 32 bytes for one purpose: keys of different purposes tell nothing of each other. */
export function deriveKey(secret: string, purpose: string, salt: Uint8Array = new Uint8Array()): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, `latchkey ${purpose}`, 32));
}
