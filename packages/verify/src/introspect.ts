/**
 * Asks `/oauth/introspect`, and keeps what is active for as long as Latchkey says: each answer carries what is left of the lease of
 * Latchkey's own read. A revoke waits that lease out before it is acknowledged, so an answer that is kept until its end is never wrong.
 */
import { createHash } from 'node:crypto';
import type { Identity } from './decide.ts';

export interface Introspection {
  identity: Identity;
  audience: string;
}

/** Latchkey could not be asked, or could not answer. */
export class UnavailableError extends Error {
  override readonly name = 'UnavailableError';
  readonly retryAfterSeconds: number;

  constructor(message: string, retryAfterSeconds = RETRY_AFTER_SECONDS, options?: ErrorOptions) {
    super(message, options);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

const RETRY_AFTER_SECONDS = 5;
const TIMEOUT_MS = 6000;
const MOST_ENTRIES = 10_000;
/** Longer values are no token. */
const LONGEST_TOKEN = 4096;

interface Entry {
  found: Introspection;
  /** Monotonic, and by the wall clock too: the monotonic one may stand still while the machine sleeps. */
  until: number;
  untilTime: number;
}

/** Gives undefined for a token that may not be used. Throws UnavailableError. */
export function createIntrospect(options: {
  url: string;
  apiKey: string;
  timeoutMs?: number;
  cache?: boolean;
}): (token: string) => Promise<Introspection | undefined> {
  const { url, apiKey, timeoutMs = TIMEOUT_MS, cache = true } = options;
  if (!/^[\x21-\x7e]+$/.test(apiKey)) throw new TypeError('apiKey: wanted an API key with the role introspect');
  /** By the digest of the token, so that a dump of the memory holds no second copy of it. */
  const entries = new Map<string, Entry>();

  return async function introspect(token) {
    if (token.length > LONGEST_TOKEN) return undefined;
    const key = createHash('sha256').update(token).digest('base64');
    const kept = entries.get(key);
    if (kept && performance.now() < kept.until && Date.now() < kept.untilTime) return kept.found;
    entries.delete(key);
    const startedAt = performance.now();
    const startedAtTime = Date.now();
    const { answer, leaseMs } = await ask(token);
    const found = readAnswer(answer);
    if (found && cache && leaseMs > 0) {
      const end = typeof answer['exp'] === 'number' ? answer['exp'] * 1000 : Infinity;
      const entry = { found, until: startedAt + leaseMs, untilTime: Math.min(startedAtTime + leaseMs, end) };
      entries.set(key, entry);
      const oldest = entries.size > MOST_ENTRIES ? entries.keys().next() : undefined;
      if (oldest?.done === false) entries.delete(oldest.value);
    }
    return found;
  };

  async function ask(token: string): Promise<{ answer: Record<string, unknown>; leaseMs: number }> {
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${url}/oauth/introspect`, {
        method: 'POST',
        headers: { authorization: `Bearer ${apiKey}`, accept: 'application/json' },
        body: new URLSearchParams({ token }),
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
      });
      text = await response.text();
    } catch (cause) {
      throw new UnavailableError('Latchkey cannot be reached.', RETRY_AFTER_SECONDS, { cause });
    }
    const retryAfter = response.headers.get('retry-after') ?? '';
    const waitSeconds = /^[1-9]\d{0,5}$/.test(retryAfter) ? Number(retryAfter) : RETRY_AFTER_SECONDS;
    // Also 401 and 403, which are about our API key: the identity provider did nothing wrong.
    if (response.status !== 200) throw new UnavailableError(`Latchkey responded with ${response.status}.`, waitSeconds);
    const answer = objectOf(text);
    if (typeof answer?.['active'] !== 'boolean') throw new UnavailableError('This is not an introspection response.');
    const lease = response.headers.get('latchkey-lease-ms') ?? '';
    return { answer, leaseMs: /^\d{1,6}$/.test(lease) ? Number(lease) : 0 };
  }
}

function readAnswer(answer: Record<string, unknown>): Introspection | undefined {
  if (answer['active'] !== true) return undefined;
  const text = (name: string): string => {
    const value = answer[name];
    if (typeof value !== 'string') throw new UnavailableError(`The introspection response has no ${name}.`);
    return value;
  };
  return {
    audience: text('aud'),
    identity: {
      directoryId: text('directory_id'),
      organizationId: text('organization_id'),
      credentialId: text('credential_id'),
      credentialKind: text('credential_kind'),
      ...(answer['client_id'] !== undefined && { clientId: text('client_id') }),
      scopes: text('scope').split(' '),
    },
  };
}

function objectOf(text: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
