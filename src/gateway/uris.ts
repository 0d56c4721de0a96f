/** What a URI of the SCIM server is called on our side. */

/** Which forms may be mapped: an attribute that holds other things than URIs is touched only where it holds a whole URL. */
export type Form = 'any' | 'absolute';

/** The URI as the IdP must see it, or undefined to leave it as it is. */
export type MapUri = (uri: string, form: Form) => string | undefined;

const AUTHORITY = /^(?:https?:)?\/\/([^/?#@\\]*)/i;
const PORT = /:\d*$/;

/**
 * Maps what the SCIM server calls itself to the public endpoint: URLs of its host below its path, and paths below its path. Scheme, port and
 * the case of the host don't matter, since a server behind a proxy of its own often gets them wrong. A server that reads X-Forwarded-Host
 * but not X-Forwarded-Prefix (or the reverse) mixes our names with its own; those URIs are mapped as well.
 * `upstreamUrl` and `endpointUrl` come without a slash at the end.
 */
export function createMapUri(upstreamUrl: string, endpointUrl: string): MapUri {
  const upstream = new URL(upstreamUrl);
  const endpoint = new URL(endpointUrl);
  const path = upstream.pathname.replace(/\/+$/, '');
  const hosts = new Set([upstream.hostname, endpoint.hostname]);
  const bases = [...new Set([endpoint.pathname + path, endpoint.pathname, path])];

  function mapped(local: string): string | undefined {
    for (const base of bases) if (isBelow(local, base)) return endpointUrl + local.slice(base.length);
    return undefined;
  }

  return (uri, form) => {
    const authority = AUTHORITY.exec(uri);
    if (authority) {
      const host = (authority[1] ?? '').replace(PORT, '').replace(/\.$/, '').toLowerCase();
      return hosts.has(host) ? mapped(uri.slice(authority[0].length)) : undefined;
    }
    return form === 'any' && /^\/(?![/\\])/.test(uri) ? mapped(uri) : undefined;
  };
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
