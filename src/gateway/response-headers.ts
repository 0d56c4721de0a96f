/**
 * The headers of an answer as the IdP gets them. The endpoint shares its origin with the dashboard and the portal, so only what is known to be
 * harmless there passes: a SCIM server must not be able to set a cookie or a policy for our pages.
 */
import { connectionOptions } from './request-headers.ts';
import { type MapUri, mapLink } from './uris.ts';

/** As they are written; some clients care although names have no case. */
const PASSED = new Map(
  [
    'Content-Type',
    'Content-Encoding',
    'Content-Length',
    'Content-Language',
    'Content-Location',
    'Content-Disposition',
    'Content-Range',
    'Accept-Ranges',
    'Accept-Patch',
    'Cache-Control',
    'Expires',
    'Pragma',
    'Age',
    'Vary',
    'Date',
    'ETag',
    'Last-Modified',
    'Location',
    'Link',
    'Retry-After',
    'Allow',
    'RateLimit',
    'RateLimit-Policy',
    'RateLimit-Limit',
    'RateLimit-Remaining',
    'RateLimit-Reset',
  ].map((name) => [name.toLowerCase(), name]),
);

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

/** Of a SCIM server, by names in lower case. */
export type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>;

interface Passing {
  requestId: string;
  /** undefined: URIs stay as they are. */
  map: MapUri | undefined;
  /** Whether the body may come out longer or shorter than it came. */
  isBodyChanged: boolean;
  /** The coding of the body is written anew. */
  isRecoded: boolean;
}

/** The name as it goes out; undefined for a header that does not. */
function passedBackAs(lower: string): string | undefined {
  const name = PASSED.get(lower);
  if (name !== undefined) return name;
  if (!EXTENSION.test(lower) || ACTED_ON.test(lower)) return undefined;
  return lower.replace(/(?<![a-z0-9])[a-z]/g, (letter) => letter.toUpperCase());
}

export function responseHeaders(
  headers: AnswerHeaders,
  { requestId, map, isBodyChanged, isRecoded }: Passing,
): string[] {
  const passed: string[] = [];
  const named = connectionOptions(textOf(headers['connection']));
  for (const lower of Object.keys(headers)) {
    const name = passedBackAs(lower);
    if (name === undefined || named?.has(lower)) continue;
    if (isBodyChanged && OF_THE_BODY.has(lower)) continue;
    if (isRecoded && lower === 'content-encoding') continue;
    const given = headers[lower];
    for (const value of Array.isArray(given) ? given : [given ?? '']) {
      passed.push(name, map ? mappedValue(lower, value, map) : value);
    }
  }
  passed.push('X-Request-Id', requestId, ...HARDENED);
  return passed;
}

function textOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(',') : value;
}

function mappedValue(lower: string, value: string, map: MapUri): string {
  if (lower === 'location' || lower === 'content-location') return map(value, 'any') ?? value;
  if (lower === 'link') return mapLink(value, map);
  return lower.startsWith('x-') && /^https?:/i.test(value) ? (map(value, 'absolute') ?? value) : value;
}
