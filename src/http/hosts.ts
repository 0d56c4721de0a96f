/**
 * Which names a request may call us by. A browser sends its cookies to any name that leads here, so a name that somebody else registered and
 * points at us (DNS rebinding) must not be answered; and nothing that a caller made up may pass for our own name.
 */
import type { IncomingMessage } from 'node:http';
import ipaddr from 'ipaddr.js';
import { headerOf, isNamed } from './raw-headers.ts';

/** Endings that nobody can register in the public DNS (RFC 6761, RFC 6762, and ICANN's `internal`). */
const PRIVATE_ENDINGS = ['.localhost', '.test', '.local', '.internal', '.home.arpa', '.localdomain'];

export interface Hosts {
  /** The name that is not ours; undefined where the request may be answered. */
  strangerIn(request: IncomingMessage): string | undefined;
}

/**
 * Ours are the host of the public URL, the listed names (`*.example.com` for all below it, `*` for any), and what is no name of the public
 * DNS: addresses, names of one label such as those of containers, and private endings. A proxy that is trusted may call us by a name of its
 * own when `X-Forwarded-Host` has ours.
 */
export function createHosts(deps: {
  publicUrl: string;
  names: readonly string[];
  isTrusted: (address: string) => boolean;
}): Hosts {
  const exact = new Set([new URL(deps.publicUrl).hostname, ...deps.names.filter((name) => !name.startsWith('*'))]);
  const endings = deps.names.filter((name) => name.startsWith('*')).map((name) => name.slice(1));

  function isOurs(host: string): boolean {
    const name = nameOf(host);
    if (name === undefined) return false;
    return exact.has(name) || endings.some((ending) => name.endsWith(ending)) || isPrivate(name);
  }

  return {
    strangerIn(request) {
      const { rawHeaders } = request;
      for (let at = 0; at < rawHeaders.length; at += 2) {
        if (!isNamed(rawHeaders[at], 'host')) continue;
        const host = rawHeaders[at + 1] ?? '';
        if (!isOurs(host) && !isForwarded(request)) return host.slice(0, 100);
      }
      return undefined;
    },
  };

  function isForwarded(request: IncomingMessage): boolean {
    if (!deps.isTrusted(request.socket.remoteAddress ?? '')) return false;
    // The last one is the nearest proxy's.
    const last = headerOf(request, 'x-forwarded-host')?.split(',').at(-1)?.trim() ?? '';
    return last !== '' && isOurs(last);
  }
}

/** Without the port, in lower case; undefined for what is no host (RFC 9112 3.2). */
function nameOf(host: string): string | undefined {
  const [, name] = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i.exec(host) ?? [];
  return name?.toLowerCase().replace(/\.$/, '');
}

function isPrivate(name: string): boolean {
  if (name.startsWith('[') || !name.includes('.')) return true;
  return ipaddr.IPv4.isValidFourPartDecimal(name) || PRIVATE_ENDINGS.some((ending) => name.endsWith(ending));
}
