/**
 * The headers of an answer as the IdP gets them. The endpoint shares its origin with the dashboard and the portal, so only what is known to be
 * harmless there passes: a SCIM server must not be able to set a cookie or a policy for our pages.
 */
import { connectionOptions } from './request-headers.ts';
import { type MapUri, mapLink } from './uris.ts';

const PASSED = new Set([
  'content-type',
  'content-encoding',
  'content-length',
  'content-language',
  'content-location',
  'content-disposition',
  'content-range',
  'accept-ranges',
  'accept-patch',
  'cache-control',
  'expires',
  'pragma',
  'age',
  'vary',
  'date',
  'etag',
  'last-modified',
  'location',
  'link',
  'retry-after',
  'allow',
  'ratelimit',
  'ratelimit-policy',
  'ratelimit-limit',
  'ratelimit-remaining',
  'ratelimit-reset',
]);

/** `X-` headers on which a browser or a proxy before us acts, or that are ours. */
const ACTED_ON = new RegExp(
  `^x-(?:${[
    'request-id$',
    'scim',
    'forwarded',
    'original-',
    'rewrite-',
    'real-ip$',
    'http-method',
    'method-override$',
    'accel-',
    'sendfile',
    'lighttpd-',
    'litespeed',
    'lsadc-',
    'reproxy-',
    'proxy-',
    'envoy-',
    'varnish',
    'nginx-',
    'middleware-',
    'auth-',
    'frame-options$',
    'xss-protection$',
    'content-type-options$',
    'content-security-policy',
    'webkit-csp',
    'permitted-cross-domain-policies$',
    'download-options$',
    'dns-prefetch-control$',
    'ua-compatible$',
    'robots-tag$',
    'sourcemap$',
    'pingback$',
    'powered-by$',
    'aspnet',
    'runtime$',
    'debug-',
  ].join('|')})`,
);
const EXTENSION = /^x-[a-z0-9-]+$/;

/** Digests and lengths of a body that was changed on its way say nothing true. */
const OF_THE_BODY = new Set(['content-length', 'content-range', 'accept-ranges']);

const HARDENED = [
  'X-Content-Type-Options',
  'nosniff',
  'Content-Security-Policy',
  "sandbox; default-src 'none'",
] as const;

export interface Answered {
  /** Names and values in turns, as they came. */
  raw: Buffer[];
  connection: string | undefined;
  requestId: string;
  /** undefined: URIs stay as they are. */
  map: MapUri | undefined;
  /** Whether the body may come out longer or shorter than it came. */
  isBodyChanged: boolean;
  /** The coding of the body is written anew. */
  isRecoded?: boolean;
}

export function isPassedBack(lower: string): boolean {
  return PASSED.has(lower) || (EXTENSION.test(lower) && !ACTED_ON.test(lower));
}

export function responseHeaders({ raw, connection, requestId, map, isBodyChanged, isRecoded }: Answered): string[] {
  const headers: string[] = [];
  const named = connectionOptions(connection);
  for (let index = 0; index < raw.length; index += 2) {
    const name = (raw[index] as Buffer).toString('latin1');
    const lower = name.toLowerCase();
    if (!isPassedBack(lower) || named?.has(lower)) continue;
    if (isBodyChanged && OF_THE_BODY.has(lower)) continue;
    if (isRecoded && lower === 'content-encoding') continue;
    const value = (raw[index + 1] as Buffer).toString('latin1');
    headers.push(name, map ? mappedValue(lower, value, map) : value);
  }
  headers.push('X-Request-Id', requestId, ...HARDENED);
  return headers;
}

function mappedValue(lower: string, value: string, map: MapUri): string {
  if (lower === 'location' || lower === 'content-location') return map(value, 'any') ?? value;
  return lower === 'link' ? mapLink(value, map) : value;
}
