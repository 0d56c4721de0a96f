/** The public keys of clients that sign: given with the client, or fetched from an allowed host and kept through its outages. */
import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import type { Clock } from '../clock.ts';
import { AppError } from '../errors.ts';
import { assertPlainText } from '../http/plain-text.ts';
import type { Client } from './client-record.ts';

export interface KeySource {
  /** Throws storage_unavailable, that is 503, when the keys were never fetched and can't be now: no fault of the client. */
  of(client: Client): JWTVerifyGetKey;
}

const FRESH_MS = 600_000;
/** A key that is not known may be new: the host is asked again, but not more often than this. */
const COOL_DOWN_MS = 30_000;
/** Keys that were never fetched are asked for again after this. */
const PAUSE_MS = 1000;
const TIMEOUT_MS = 3000;
const LARGEST_BYTES = 256 * 1024;
/** The set that was fetched first goes when there are more; it is fetched again when it is wanted. */
const KEPT_SETS = 1000;

interface Fetched {
  /** Absent while all tries have failed, the last one with this error. */
  jwks?: JSONWebKeySet;
  error?: unknown;
  at: number;
  triedAt: number;
}

export function createKeySource({ fetch, clock }: { fetch: typeof globalThis.fetch; clock: Clock }): KeySource {
  const kept = new Map<string, Fetched>();
  const loading = new Map<string, Promise<Fetched>>();

  async function load(uri: string): Promise<JSONWebKeySet> {
    const response = await fetch(uri, {
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: { accept: 'application/json' },
    });
    if (!response.ok) {
      // One that is neither read nor dropped keeps its connection, and ends the process in some releases of Node.js where its server closes first.
      await response.body?.cancel();
      throw new Error(`${uri} responded with ${response.status}`);
    }
    const jwks = JSON.parse(await textOf(response, uri)) as JSONWebKeySet;
    assertPlainText(jwks);
    createLocalJWKSet(jwks);
    return jwks;
  }

  /** All who want the keys at the same time wait for one answer: anyone who knows a client's ID can make us ask. */
  function refresh(uri: string, known: Fetched | undefined): Promise<Fetched> {
    const going = loading.get(uri);
    if (going) return going;
    const triedAt = clock.monotonicMs();
    const fetched = load(uri)
      .then(
        (jwks): Fetched => ({ jwks, at: triedAt, triedAt }),
        (error: unknown): Fetched => (known?.jwks ? { ...known, triedAt } : { error, at: triedAt, triedAt }),
      )
      .then((next) => {
        loading.delete(uri);
        if (!kept.has(uri) && kept.size >= KEPT_SETS) kept.delete(kept.keys().next().value ?? '');
        kept.set(uri, next);
        return next;
      });
    loading.set(uri, fetched);
    return fetched;
  }

  async function keysAt(uri: string, isStale: (fetched: Fetched, now: number) => boolean): Promise<JSONWebKeySet> {
    const now = clock.monotonicMs();
    const known = kept.get(uri);
    const isWanted = !known || (known.jwks ? isStale(known, now) : now - known.triedAt >= PAUSE_MS);
    const found = isWanted ? await refresh(uri, known) : known;
    if (found.jwks) return found.jwks;
    throw new AppError(
      'storage_unavailable',
      { detail: "The client's keys can't be fetched. Try again.", jwks: true },
      { cause: found.error },
    );
  }

  return {
    of(client) {
      const uri = client.workloadIdentity?.jwksUri ?? client.jwksUri;
      if (uri === undefined) return createLocalJWKSet((client.jwks ?? { keys: [] }) as unknown as JSONWebKeySet);
      return async (header, token) => {
        const jwks = await keysAt(uri, ({ at, triedAt }, now) => now - at > FRESH_MS && now - triedAt > COOL_DOWN_MS);
        const isKnown = header.kid === undefined || jwks.keys.some(({ kid }) => kid === header.kid);
        const current = isKnown ? jwks : await keysAt(uri, ({ triedAt }, now) => now - triedAt > COOL_DOWN_MS);
        return createLocalJWKSet(current)(header, token);
      };
    },
  };
}

/** The body as text, read no further than its limit. */
async function textOf(response: Response, uri: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > LARGEST_BYTES) throw new Error(`${uri} answered too much`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
