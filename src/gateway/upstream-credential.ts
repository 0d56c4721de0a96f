/** What authenticates the gateway at a SCIM server, by the setting for all or by the directory's own. */
import type { Clock } from '../clock.ts';
import type { Directory, UpstreamCredentialInput } from '../directories/index.ts';

export interface Header {
  name: string;
  value: string;
}

/** What the JWT says; it is signed by the key of the authorization server. */
export interface UpstreamAssertion {
  /** The origin of the SCIM server. */
  audience: string;
  directoryId: string;
  organizationId: string;
  scope: string;
  lifetimeSeconds: number;
}

export interface UpstreamCredentials {
  /** At once where it is at hand. */
  headerOf(directory: Directory, scope: string, origin: string): Header | undefined | Promise<Header>;
}

export interface UpstreamCredentialsOptions {
  /** For directories without one of their own. */
  fallback: UpstreamCredentialInput | undefined;
  unseal: (sealed: string) => string;
  sign: (assertion: UpstreamAssertion) => Promise<string>;
  clock: Clock;
}

const LIFETIME_SECONDS = 120;
const REUSED_MS = 60_000;
/** A bound on memory: beyond it everything is worked out anew. */
const KEPT = 10_000;

export function createUpstreamCredentials(options: UpstreamCredentialsOptions): UpstreamCredentials {
  const { fallback, unseal, sign, clock } = options;
  const opened = new Map<string, string>();
  const signed = new Map<string, { header: Header; at: number }>();

  function open(sealed: string): string {
    let value = opened.get(sealed);
    if (value === undefined) {
      if (opened.size >= KEPT) opened.clear();
      value = unseal(sealed);
      opened.set(sealed, value);
    }
    return value;
  }

  async function make(key: string, directory: Directory, audience: string, scope: string): Promise<Header> {
    const at = clock.monotonicMs();
    const { id: directoryId, organizationId } = directory;
    const token = await sign({ audience, directoryId, organizationId, scope, lifetimeSeconds: LIFETIME_SECONDS });
    if (signed.size >= KEPT) signed.clear();
    const header = { name: 'Authorization', value: `Bearer ${token}` };
    signed.set(key, { header, at });
    return header;
  }

  return {
    headerOf(directory, scope, origin) {
      const own = directory.upstreamCredential;
      const kind = own?.kind ?? fallback?.kind ?? 'none';
      if (kind === 'none') return undefined;
      if (kind === 'jwt') {
        const key = `${directory.id} ${origin} ${scope}`;
        const known = signed.get(key);
        return known && clock.monotonicMs() - known.at < REUSED_MS ? known.header : make(key, directory, origin, scope);
      }
      if (own?.name !== undefined && own.sealed !== undefined) return { name: own.name, value: open(own.sealed) };
      return fallback?.kind === 'header' ? { name: fallback.name, value: fallback.value } : undefined;
    },
  };
}
