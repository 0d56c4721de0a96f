/** What a URI of the SCIM server is called on our side. */

/** Which forms may be mapped: an attribute that holds other things than URIs is touched only where it holds a whole URL. */
export type Form = 'any' | 'absolute';

/** The URI as the IdP must see it, or undefined to leave it as it is. */
export type MapUri = (uri: string, form: Form) => string | undefined;

/** The credentials in a URL are nobody's business here: what is mapped loses them. */
const AUTHORITY = /^\s*(?:https?:)?\/\/(?:[^/?#@\\]*@)?([^/?#@\\]*)/i;
const PORT = /:\d*$/;
/** What a server calls itself that doesn't know better. From outside none of them leads anywhere. */
const ITSELF = ['localhost', '127.0.0.1', '0.0.0.0', '[::1]', '[::]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]'];

/**
 * Maps what the SCIM server calls itself to the public endpoint: URLs of its host below its path, and paths below its path. Scheme, port,
 * user and the case of the host don't matter, since a server behind a proxy of its own often gets them wrong; nor how the path is spelled,
 * as long as it is the same path. A server that reads X-Forwarded-Host but not X-Forwarded-Prefix (or the reverse) mixes our names with its
 * own; those URIs are mapped as well. `upstreamUrl` and `endpointUrl` come without a slash at the end.
 */
export function createMapUri(upstreamUrl: string, endpointUrl: string): MapUri {
  const upstream = new URL(upstreamUrl);
  const endpoint = new URL(endpointUrl);
  const path = upstream.pathname.replace(/\/+$/, '');
  const hosts = new Set([upstream.hostname, endpoint.hostname, ...ITSELF]);
  const bases = [...new Set([endpoint.pathname + path, endpoint.pathname, path])];
  /** Made when it is needed: nearly every URI has the plain spelling. */
  let spellings: RegExp[] | undefined;

  function mapped(local: string): string | undefined {
    for (const base of bases) if (isBelow(local, base)) return endpointUrl + local.slice(base.length);
    spellings ??= bases.map(spellingsOf);
    for (const spelling of spellings) {
      const [base] = spelling.exec(local) ?? [];
      if (base !== undefined) return endpointUrl + local.slice(base.length);
    }
    return undefined;
  }

  return (uri, form) => {
    const authority = AUTHORITY.exec(uri);
    if (authority) {
      const host = (authority[1] ?? '').replace(PORT, '').replace(/\.$/, '').toLowerCase();
      return hosts.has(host) ? mapped(resolved(uri.slice(authority[0].length))) : undefined;
    }
    return form === 'any' && /^\/(?![/\\])/.test(uri) ? mapped(resolved(uri)) : undefined;
  };
}

/** Dot segments undone, as the IdP's client would: they may lead out of the base, or into it. */
function resolved(local: string): string {
  if (!/\/(?:\.|%2e)/i.test(local)) return local;
  const url = URL.parse(local.replace(/^\/+/, '/'), 'http://x');
  return url ? url.pathname + url.search + url.hash : local;
}

/** A base however it is spelled (RFC 3986 6.2.2): doubled slashes, encoded letters, and any case, since some servers have none. */
function spellingsOf(base: string): RegExp {
  const pattern = base.replace(/%[0-9a-f]{2}|./gis, (part) => {
    if (part === '/') return '/+';
    const code = part.length === 3 ? Number.parseInt(part.slice(1), 16) : part.charCodeAt(0);
    const hex = code.toString(16).padStart(2, '0');
    const plain = String.fromCharCode(code).replace(/[^\w~-]/, '\\$&');
    return code > 0x20 && code < 0x7f ? `(?:${plain}|%${hex})` : `%${hex}`;
  });
  return new RegExp(`^${pattern}(?=[/?#]|$)`, 'i');
}

function isBelow(local: string, base: string): boolean {
  if (!local.startsWith(base)) return false;
  const next = local[base.length];
  return next === undefined || next === '/' || next === '?' || next === '#';
}

/** Maps each URI of a `Link` header (RFC 8288 3); what surrounds them stays. */
export function mapLink(value: string, map: MapUri): string {
  return value.replace(/<([^<>]*)>/g, (link, uri: string) => {
    const mapped = map(uri, 'any');
    return mapped === undefined ? link : `<${mapped}>`;
  });
}
