/** Who asks: the client's address behind the proxies that are trusted, and the id under which a request is found again. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import ipaddr from 'ipaddr.js';
import type { Clock } from '../clock.ts';
import { holdsSecret } from '../secrets/redaction.ts';
import { headerOf } from './raw-headers.ts';
import { createRecall } from './recall.ts';

export interface RequestContext {
  /** The peer's address, or what a trusted proxy says in X-Forwarded-For. IPv4 in IPv6 form is written as IPv4. */
  addressOf(request: IncomingMessage): string;
  /** Whether it was sent on this machine itself, and not only passed on by a proxy on it. */
  isFromHere(request: IncomingMessage): boolean;
  /** A new id, or the one that a trusted proxy gave. */
  requestIdOf(request: IncomingMessage): string;
}

/** What proxies put into requests that they pass on. */
const PASSED_ON = ['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip', 'forwarded', 'via'];

const REQUEST_ID = /^[A-Za-z0-9._-]{8,64}$/;

/** A UUID of version 7 (RFC 9562 5.7): it also tells when the request came. */
export function newRequestId(now: Date): string {
  const time = now.getTime();
  if (time !== stamp.time) stamp = { time, text: stampOf(time) };
  return stamp.text + randomUUID().slice(15);
}

function stampOf(time: number): string {
  const digits = time.toString(16).padStart(12, '0');
  return `${digits.slice(0, 8)}-${digits.slice(8)}-7`;
}

/** Many requests come in one millisecond. */
let stamp = { time: 0, text: stampOf(0) };

/** When a request id of ours was given out; undefined for any other text. */
export function timeOfRequestId(id: string): Date | undefined {
  const [, high, low] = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i.exec(id) ?? [];
  return high === undefined || low === undefined ? undefined : new Date(Number.parseInt(high + low, 16));
}

/** What limits go by: a host with one IPv6 address has the 2^64 of its network. */
export function networkOf(address: string): string {
  if (!address.includes(':') || !ipaddr.IPv6.isValid(address)) return address;
  return ipaddr.IPv6.parse(address).parts.slice(0, 4).join(':');
}

/** Whether an address is one of a list of addresses and CIDR ranges. */
export function createTrust(trustedProxies: readonly string[]): (address: string) => boolean {
  const ranges = trustedProxies.map((range) => {
    if (range.includes('/')) return ipaddr.parseCIDR(range);
    const address = ipaddr.process(range);
    return [address, address.kind() === 'ipv4' ? 32 : 128] as ReturnType<typeof ipaddr.parseCIDR>;
  });

  if (ranges.length === 0) return () => false;
  return createRecall((address) => {
    if (!ipaddr.isValid(address)) return false;
    const parsed = ipaddr.process(address);
    return ranges.some(([range, bits]) => range.kind() === parsed.kind() && parsed.match([range, bits] as never));
  });
}

/** `trustedProxies`: addresses and CIDR ranges. */
export function createRequestContext(trustedProxies: readonly string[], clock: Clock): RequestContext {
  const isTrusted = createTrust(trustedProxies);

  function peerOf(request: IncomingMessage): string {
    const address = request.socket.remoteAddress ?? 'unknown';
    return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
  }

  /** The client that trusted proxies name in `X-Forwarded-For`; empty where they name none. */
  const clientIn = createRecall((forwarded) => {
    let client = '';
    // From our end backwards: each hop was written by the one behind it, as far as we trust those.
    for (const hop of forwarded.split(',').reverse()) {
      const address = hop.trim();
      if (!ipaddr.isValid(address)) break;
      client = ipaddr.process(address).toString();
      if (!isTrusted(client)) break;
    }
    return client;
  });

  return {
    addressOf(request) {
      const peer = peerOf(request);
      if (!isTrusted(peer)) return peer;
      return clientIn(headerOf(request, 'x-forwarded-for') ?? '') || peer;
    },
    isFromHere(request) {
      const peer = peerOf(request);
      const isLoopback = ipaddr.isValid(peer) && ipaddr.process(peer).range() === 'loopback';
      return isLoopback && !PASSED_ON.some((name) => headerOf(request, name) !== undefined);
    },
    requestIdOf(request) {
      if (!isTrusted(peerOf(request))) return newRequestId(clock.now());
      const given = headerOf(request, 'x-request-id');
      // Some proxies pass on what their client sent.
      const isUsable = given !== undefined && REQUEST_ID.test(given) && !holdsSecret(given);
      return isUsable ? given : newRequestId(clock.now());
    },
  };
}
