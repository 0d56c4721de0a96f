import { hash, randomBytes } from 'node:crypto';

/** Where randomness comes from: `bytes(n)` gives n unpredictable bytes. */
export interface Random {
  bytes(length: number): Uint8Array;
}

export const systemRandom: Random = { bytes: (length) => randomBytes(length) };

export const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

export type IdPrefix =
  | 'org'
  | 'dir'
  | 'cred'
  | 'client'
  | 'evt'
  | 'key'
  | 'op'
  | 'link'
  | 'session'
  | 'hook'
  | 'contact'
  | 'camp';

/** An id such as `dir_4kZ…`: 20 base62 characters, 119 bits. */
export function newId(prefix: IdPrefix, random: Random): string {
  return `${prefix}_${randomText(20, random)}`;
}

/** `length` characters drawn evenly from `alphabet` (bytes that would favour its first characters are thrown away). */
export function randomText(length: number, random: Random, alphabet = BASE62): string {
  const fair = 256 - (256 % alphabet.length);
  let text = '';
  while (text.length < length) {
    // Some more than it takes, so that those that are thrown away don't cost another call.
    for (const byte of random.bytes(length + Math.ceil(length / 8) + 4)) {
      if (byte < fair && text.length < length) text += alphabet[byte % alphabet.length];
    }
  }
  return text;
}

/**
 * The session that a one-time link gives to a browser: the same however often that browser sends the link, and told by neither half
 * alone. `browser`: an unpredictable value that only it has.
 */
export function sessionBy(link: string, browser: string): string {
  return hash('sha256', `session ${link} ${browser}`, 'hex');
}

/** A whole number in base62, padded with zeros on the left. */
export function toBase62(value: number, width: number): string {
  let text = '';
  for (let rest = value; rest > 0; rest = Math.floor(rest / 62)) text = BASE62[rest % 62] + text;
  return text.padStart(width, '0');
}
