/** Who asks: the client's address behind the proxies that are trusted, and the id under which a request is found again. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import ipaddr from 'ipaddr.js';

export interface RequestContext {
  /** The peer's address, or what a trusted proxy says in X-Forwarded-For. IPv4 in IPv6 form is written as IPv4. */
  addressOf(request: IncomingMessage): string;
  /** A new id, or the one that a trusted proxy gave. */
  requestIdOf(request: IncomingMessage): string;
}

const REQUEST_ID = /^[A-Za-z0-9._-]{8,64}$/;

/** What limits go by: whoever has one IPv6 address has the 2^64 of its network. */
export function networkOf(address: string): string {
  if (!address.includes(':') || !ipaddr.IPv6.isValid(address)) return address;
  return ipaddr.IPv6.parse(address).parts.slice(0, 4).join(':');
}

/** `trustedProxies`: addresses and CIDR ranges. */
export function createRequestContext(trustedProxies: readonly string[]): RequestContext {
  const ranges = trustedProxies.map((range) => {
    if (range.includes('/')) return ipaddr.parseCIDR(range);
    const address = ipaddr.process(range);
    return [address, address.kind() === 'ipv4' ? 32 : 128] as ReturnType<typeof ipaddr.parseCIDR>;
  });

  function isTrusted(address: string): boolean {
    if (ranges.length === 0 || !ipaddr.isValid(address)) return false;
    const parsed = ipaddr.process(address);
    return ranges.some(([range, bits]) => range.kind() === parsed.kind() && parsed.match([range, bits] as never));
  }

  function peerOf(request: IncomingMessage): string {
    const address = request.socket.remoteAddress ?? 'unknown';
    return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
  }

  return {
    addressOf(request) {
      const peer = peerOf(request);
      if (ranges.length === 0 || !isTrusted(peer)) return peer;
      const forwarded = request.headers['x-forwarded-for'];
      const hops = (Array.isArray(forwarded) ? forwarded.join(',') : (forwarded ?? ''))
        .split(',')
        .map((hop) => hop.trim());
      // From our end backwards: each hop was written by the one behind it, as far as we trust those.
      let client = peer;
      for (const hop of hops.reverse()) {
        if (!ipaddr.isValid(hop)) break;
        client = ipaddr.process(hop).toString();
        if (!isTrusted(client)) break;
      }
      return client;
    },
    requestIdOf(request) {
      const given = request.headers['x-request-id'];
      const isUsable = typeof given === 'string' && REQUEST_ID.test(given) && isTrusted(peerOf(request));
      return isUsable ? given : randomUUID();
    },
  };
}
