/** Certificates that come with public keys (`x5c`, RFC 7517 4.7): a key itself has no end, its certificate does. */
import { X509Certificate } from 'node:crypto';

export interface KeyCertificate {
  /** Of the certificate, whatever the key is called. */
  id: string;
  endsAt: Date;
  /** No other key of the set lasts longer. */
  isLast: boolean;
}

const ID_LENGTH = 16;

/** Keys without a certificate, and what is no certificate, have no end. */
export function certificatesOf(keys: readonly Record<string, unknown>[]): KeyCertificate[] {
  const ends = keys.map((key) => certificateOf(key));
  const latest = Math.max(...ends.map((found) => found?.endsAt.getTime() ?? Number.POSITIVE_INFINITY));
  return ends.flatMap((found) => (found ? [{ ...found, isLast: found.endsAt.getTime() === latest }] : []));
}

function certificateOf({ x5c }: Record<string, unknown>): { id: string; endsAt: Date } | undefined {
  const first: unknown = Array.isArray(x5c) ? x5c[0] : undefined;
  if (typeof first !== 'string') return undefined;
  try {
    const { validTo, fingerprint256 } = new X509Certificate(Buffer.from(first, 'base64'));
    const endsAt = new Date(validTo);
    const id = fingerprint256.replaceAll(':', '').slice(0, ID_LENGTH).toLowerCase();
    return Number.isNaN(endsAt.getTime()) ? undefined : { id, endsAt };
  } catch {
    return undefined;
  }
}
