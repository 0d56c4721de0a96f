import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Public by its number, but the virtual machine's own host in Azure. */
const AZURE_HOST = '168.63.129.16';

/**
 * Whether an address may be reached from the gateway. Only public unicast is: an upstream is chosen over the API, so anything else would
 * let whoever may set one reach into the vendor's network (SSRF). IPv4 written as IPv6 counts as IPv4.
 */
export function isPublicAddress(address: string): boolean {
  try {
    const parsed = ipaddr.process(address);
    // Of IPv6 only what is given out for the public network: the rest holds forms that carry private IPv4 addresses.
    const isGiven =
      parsed instanceof ipaddr.IPv4
        ? parsed.toString() !== AZURE_HOST
        : ((parsed as ipaddr.IPv6).parts[0] ?? 0) >> 13 === 1;
    return isGiven && parsed.range() === 'unicast';
  } catch {
    return false;
  }
}

/**
 * Why an upstream URL is refused, or undefined when it may be used. A host name that resolves to a private address is caught when the
 * gateway connects (DNS may say something else then).
 */
export function upstreamProblem(value: string, allowPrivate: boolean): string | undefined {
  const url = URL.parse(value);
  if (!url) return 'it is not an absolute URL';
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    return `it must be https, not ${url.protocol.slice(0, -1)}`;
  if (url.username !== '' || url.password !== '') return 'it must hold no user name or password';
  if (url.search !== '' || url.hash !== '' || value.includes('?') || value.includes('#'))
    return 'it must have no query and no fragment';
  if (allowPrivate) return undefined;
  if (url.protocol === 'http:') return 'it must be https (LATCHKEY_UPSTREAM_ALLOW_PRIVATE allows http)';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) !== 0 && !isPublicAddress(host))
    return 'it is a private address (LATCHKEY_UPSTREAM_ALLOW_PRIVATE allows those)';
  if (/(^|\.)localhost$/.test(host)) return 'it is this machine (LATCHKEY_UPSTREAM_ALLOW_PRIVATE allows that)';
  return undefined;
}
