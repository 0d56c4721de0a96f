/** Standard Webhooks (www.standardwebhooks.com): what a receiver checks a delivery by. */
import { createHmac } from 'node:crypto';
import type { Random } from '../identifiers.ts';

const PREFIX = 'whsec_';
const SECRET_BYTES = 32;

export function newSigningSecret(random: Random): string {
  return PREFIX + Buffer.from(random.bytes(SECRET_BYTES)).toString('base64');
}

/** The three headers. Each live secret gives a signature, so that a receiver may change over when it likes. */
export function signedHeaders(
  messageId: string,
  at: Date,
  body: string,
  secrets: readonly string[],
): Record<string, string> {
  const timestamp = String(Math.floor(at.getTime() / 1000));
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(PREFIX.length), 'base64');
    return `v1,${createHmac('sha256', key).update(`${messageId}.${timestamp}.${body}`).digest('base64')}`;
  });
  return {
    'webhook-id': messageId,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures.join(' '),
  };
}
