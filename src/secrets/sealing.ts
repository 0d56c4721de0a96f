/** Encryption of what must be readable again: AES-256-GCM under LATCHKEY_SECRET. */
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import type { Random } from '../identifiers.ts';

const ALGORITHM = 'aes-256-gcm';
/** A shorter one, which the platform would take, could be guessed. */
const TAG_BYTES = 16;

/** Encrypts a text under a secret of any length; what comes out is `salt.iv.tag.text` in base64url. */
export function seal(text: string, secret: string, random: Random): string {
  const salt = Buffer.from(random.bytes(16));
  const iv = Buffer.from(random.bytes(12));
  const cipher = createCipheriv(ALGORITHM, keyOf(secret, salt), iv);
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return [salt, iv, cipher.getAuthTag(), sealed].map((part) => part.toString('base64url')).join('.');
}

/** Throws when the secret is another one. */
export function unseal(sealed: string, secret: string): string {
  const [salt, iv, tag, text] = sealed.split('.').map((part) => Buffer.from(part, 'base64url'));
  if (!salt || !iv || !text || tag?.length !== TAG_BYTES) throw new Error('not a sealed text');
  const decipher = createDecipheriv(ALGORITHM, keyOf(secret, salt), iv, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(tag);
  try {
    return Buffer.concat([decipher.update(text), decipher.final()]).toString('utf8');
  } catch (error) {
    throw new Error('LATCHKEY_SECRET is not the one that the stored keys were encrypted with', { cause: error });
  }
}

function keyOf(secret: string, salt: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, 'latchkey', 32));
}
