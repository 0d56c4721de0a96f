/**
 * Where an upstream may be. It is chosen over the API and asked from inside the vendor's network, so without rules whoever may set one could
 * reach everything there (SSRF). The same rules hold when an upstream is configured and when the gateway connects to it.
 */
import { lookup, resolveSrv } from 'node:dns/promises';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import ipaddr from 'ipaddr.js';

export interface UpstreamTarget {
  /** `http:` or `https:`. */
  protocol: string;
  /** A name, or an address without brackets. */
  hostname: string;
  port: number;
}

export interface UpstreamPolicy {
  /** Why a URL is refused, or undefined when it may be used. What a name resolves to is judged by `allowed`, when it is known. */
  problemOf(url: string): string | undefined;
  /** Those of the addresses of a target that may be connected to. */
  allowed(target: UpstreamTarget, addresses: readonly string[]): Promise<string[]>;
}

export interface UpstreamPolicyOptions {
  /** Addresses, CIDR ranges and host names (`*.` in front stands for all below it) that may be private and http. */
  allow: readonly string[];
  publicUrl: string;
  /** Where this server listens; undefined: nowhere. */
  listening: { address: string; port: number } | undefined;
  /** `mongodb://...`, or another one that is no host. */
  databaseUrl: string;
}

/** What `LATCHKEY_UPSTREAM_ALLOW_PRIVATE` stands for. */
export const PRIVATE_RANGES: readonly string[] = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '127.0.0.0/8',
  '100.64.0.0/10',
  '::1/128',
  'fc00::/7',
];

/** Where clouds tell a machine its own secrets, beyond link-local addresses: Azure, Alibaba, Oracle, AWS and Google over IPv6. */
const METADATA: readonly string[] = [
  '168.63.129.16',
  '100.100.100.200',
  '192.0.0.192',
  'fd00:ec2::254',
  'fd20:ce::254',
];
const METADATA_NAMES = /^(?:metadata|instance-data)(?:\.|$)|\.metadata\.|^metadata\.google\.internal$/;
const NEVER = new Set(['linkLocal', 'unspecified', 'broadcast', 'multicast', 'reserved', '6to4', 'teredo']);
const MONGODB_PORT = 27_017;
/** What DNS said of the database is asked for again after this. */
const TOLD_MS = 60_000;

interface Host {
  host: string;
  port: number;
}

type Address = ReturnType<typeof ipaddr.process>;

export function createUpstreamPolicy(options: UpstreamPolicyOptions): UpstreamPolicy {
  const { publicUrl, listening } = options;
  const ranges = options.allow.filter(isRange).map(rangeOf);
  const names = options.allow.filter((entry) => !isRange(entry)).map((entry) => entry.toLowerCase());
  const databases = databaseHosts(options.databaseUrl);
  const domain = /^mongodb\+srv:\/\/(?:[^@/]*@)?([^/?]+)/.exec(options.databaseUrl)?.[1];
  let told: { at: number; hosts: Promise<Host[]> } | undefined;

  const isNamed = (hostname: string) =>
    names.some((name) => (name.startsWith('*.') ? hostname.endsWith(name.slice(1)) : hostname === name));
  const isInRange = (address: Address) =>
    ranges.some(([range, bits]) => range.kind() === address.kind() && address.match([range, bits] as never));

  function isAllowed({ protocol, hostname, port }: UpstreamTarget, text: string): boolean {
    const address = parse(text);
    if (!address || isNever(address) || isOurs(address, port)) return false;
    if (isNamed(hostname.toLowerCase()) || isInRange(address)) return true;
    return protocol === 'https:' && isPublic(address);
  }

  /** This server itself, on whichever of the machine's addresses. */
  function isOurs(address: Address, port: number): boolean {
    if (!listening || listening.port !== port) return false;
    const text = address.toString();
    if (address.range() === 'loopback' || text === parse(listening.address)?.toString()) return true;
    return Object.values(networkInterfaces())
      .flat()
      .some((own) => own !== undefined && parse(own.address)?.toString() === text);
  }

  /** Of a `mongodb+srv` URL the hosts are told by DNS. */
  async function databaseHostsNow(): Promise<Host[]> {
    if (domain === undefined) return databases;
    const now = performance.now();
    if (!told || now - told.at > TOLD_MS) {
      const hosts = resolveSrv(`_mongodb._tcp.${domain}`).then(
        (records) => records.map(({ name, port }) => ({ host: name.toLowerCase(), port })),
        () => [],
      );
      told = { at: now, hosts };
    }
    return told.hosts;
  }

  return {
    problemOf(value) {
      const url = URL.parse(value);
      if (!url) return 'it is not an absolute URL';
      const { protocol } = url;
      if (protocol !== 'https:' && protocol !== 'http:') return `it must be https, not ${protocol.slice(0, -1)}`;
      if (url.username !== '' || url.password !== '') return 'it must not have a user name or password';
      if (url.search !== '' || url.hash !== '' || value.includes('?') || value.includes('#'))
        return 'it must not have a query or fragment';
      if (url.origin === publicUrl && /^\/scim\/v2(?:\/|$)/.test(url.pathname))
        return 'it is an endpoint of this server';
      const hostname = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
      const port = Number(url.port) || (protocol === 'https:' ? 443 : 80);
      const target = { protocol, hostname, port };
      if (databases.some((database) => isSame(database, target))) return 'it is the database of this server';
      if (isIP(hostname) !== 0) {
        const address = parse(hostname);
        if (!address || isNever(address)) return 'it is a link-local or metadata address';
        if (isOurs(address, port)) return "it is this server's own address";
        if (isAllowed(target, hostname)) return undefined;
        if (!isPublic(address)) return 'it is a private address (LATCHKEY_UPSTREAM_ALLOW can allow it)';
        return 'it must be https (LATCHKEY_UPSTREAM_ALLOW can allow http)';
      }
      if (METADATA_NAMES.test(hostname)) return "it is a cloud's metadata service";
      if (isNamed(hostname)) return undefined;
      if (/(?:^|\.)localhost$/.test(hostname)) {
        if (listening?.port === port) return "it is this server's own address";
        const isLoopbackAllowed = ['127.0.0.1', '::1'].some((address) => isAllowed(target, address));
        return isLoopbackAllowed ? undefined : 'it is this machine (LATCHKEY_UPSTREAM_ALLOW can allow it)';
      }
      // Whether the name leads into one of the ranges shows when we connect.
      if (protocol === 'http:' && ranges.length === 0)
        return 'it must be https (LATCHKEY_UPSTREAM_ALLOW can allow http)';
      return undefined;
    },

    async allowed(target, addresses) {
      const open = addresses.filter((address) => isAllowed(target, address));
      if (open.length === 0) return open;
      const hosts = (await databaseHostsNow()).filter(({ port }) => port === target.port);
      if (hosts.some((database) => isSame(database, target))) return [];
      const found = await Promise.all(hosts.map(({ host }) => lookup(host, { all: true }).catch(() => [])));
      const taken = new Set(found.flat().map(({ address }) => parse(address)?.toString()));
      return open.filter((address) => !taken.has(parse(address)?.toString()));
    },
  };
}

/** Of what `LATCHKEY_UPSTREAM_ALLOW` lists: an address or a CIDR range, or else a host name. */
function isRange(entry: string): boolean {
  return entry.includes('/') || ipaddr.isValid(entry);
}

function rangeOf(entry: string): [Address, number] {
  if (entry.includes('/')) return ipaddr.parseCIDR(entry);
  const address = ipaddr.process(entry);
  return [address, address.kind() === 'ipv4' ? 32 : 128];
}

/** IPv4 written as IPv6 counts as IPv4. */
function parse(text: string): Address | undefined {
  const plain = text.replace(/%.*$/, '');
  return ipaddr.isValid(plain) ? ipaddr.process(plain) : undefined;
}

/** Refused whatever is configured. */
function isNever(address: Address): boolean {
  const range = address.range();
  if (METADATA.includes(address.toString()) || NEVER.has(range)) return true;
  // Translated to IPv4 on the way (RFC 6052): what counts is where it ends.
  if (range !== 'rfc6052' && range !== 'rfc6145') return false;
  return isNever(new ipaddr.IPv4(address.toByteArray().slice(-4)));
}

/** Public unicast; of IPv6 only what is given out for the public network, since the rest holds forms that carry private addresses. */
function isPublic(address: Address): boolean {
  if (address.range() !== 'unicast') return false;
  return address instanceof ipaddr.IPv6 ? (address.parts[0] ?? 0) >> 13 === 1 : true;
}

function databaseHosts(url: string): Host[] {
  const [, list = ''] = /^mongodb:\/\/(?:[^@/]*@)?([^/?]+)/.exec(url) ?? [];
  return list
    .split(',')
    .filter((entry) => entry !== '')
    .map((entry) => {
      const [, host = '', port] = /^(\[[^\]]+\]|[^:]+)(?::(\d+))?$/.exec(entry) ?? [];
      return { host: host.replace(/^\[|\]$/g, '').toLowerCase(), port: Number(port ?? MONGODB_PORT) };
    });
}

function isSame({ host, port }: Host, target: UpstreamTarget): boolean {
  return host === target.hostname.toLowerCase() && port === target.port;
}
