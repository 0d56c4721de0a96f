/**
 * Reads which request a reverse proxy holds, from the ways in which proxies say it. One table for each: where the path stands, where the
 * method stands, and what else could turn a reading request into a writing one behind us.
 */
import type { IncomingMessage } from 'node:http';
import { AppError } from '../errors.ts';
import { foldedPath, hasDotSegment, isMethodOverride, isRead, overridesMethod, splitGatewayPath } from './access.ts';

export const FORWARD_AUTH_PATH = '/auth/verify';

/** What `?directory=` says where the token alone names the directory: for a SCIM server with one base URL for all customers. */
export const ANY_DIRECTORY = 'any';

export interface ForwardedRequest {
  /** From `?directory=`: an id, an endpointKey, or `any`. */
  named: string | undefined;
  /** What stands in the path behind `/scim/v2/`, where something does. */
  inPath: string | undefined;
  /** Whether the path can be one of the SCIM server's own: `/scim/v2/Users` names no directory. */
  ownPath: 'no' | 'perhaps' | 'yes';
  method: string | undefined;
  write: boolean;
}

/** nginx (and whoever follows its habit), ingress-nginx, and Traefik, Caddy or APISIX. */
const PATH_HEADERS = ['x-original-uri', 'x-original-url', 'x-forwarded-uri'] as const;
/** haproxy-ingress has no other. Elsewhere it may be an address to sign in at, so it counts only where nothing else names the path. */
const LAST_PATH_HEADER = 'x-auth-request-redirect';
const METHOD_HEADERS = ['x-original-method', 'x-forwarded-method'] as const;

/** Throws invalid_request when the proxy says two things, or when the path has no plain spelling. */
export function readForwardedRequest(request: IncomingMessage): ForwardedRequest {
  const url = request.url ?? '';
  const mark = url.indexOf('?');
  const suffix = (mark === -1 ? url : url.slice(0, mark)).slice(FORWARD_AUTH_PATH.length);
  // Envoy tells the path behind ours. A lone slash is no path: a proxy that asks there asks by GET whatever it holds.
  const isSuffixed = suffix.length > 1;
  // Then the query is the client's own, and names nothing to us.
  const names = mark === -1 || isSuffixed ? [] : new URLSearchParams(url.slice(mark)).getAll('directory');
  if (names.length > 1) throw invalid('The proxy names two directories.');
  const { headers } = request;
  const told = PATH_HEADERS.map((name) => one(headers[name])).filter(isGiven);
  if (isSuffixed) told.push(url.slice(FORWARD_AUTH_PATH.length));
  const last = one(headers[LAST_PATH_HEADER]);
  if (told.length === 0 && isGiven(last)) told.push(last);
  const targets = told.map(targetOf);
  const paths = new Set(targets.map(({ path }) => path));
  if (paths.size > 1) throw invalid('The proxy names two different paths.');
  const [path] = paths;
  const methods = new Set(METHOD_HEADERS.map((name) => one(headers[name])).filter((method) => method !== undefined));
  if (isSuffixed && request.method) methods.add(request.method);
  if (methods.size > 1) throw invalid('The proxy names two different methods.');
  const [method] = methods;
  const canRead =
    method !== undefined &&
    isRead(method.toUpperCase(), path ?? '') &&
    !Object.keys(headers).some(isMethodOverride) &&
    !targets.some(({ query }) => overridesMethod(query));
  return { named: names[0] || undefined, ...placeOf(path), method, write: !canRead };
}

/** The directory that a path names. Throws invalid_request for a path that names one in another spelling than the documented one. */
function placeOf(path: string | undefined): Pick<ForwardedRequest, 'inPath' | 'ownPath'> {
  if (path === undefined) return { inPath: undefined, ownPath: 'yes' };
  if (!path.startsWith('/')) throw invalid('The path must begin with a slash.');
  if (hasDotSegment(path)) throw invalid('The path has dot segments.');
  const parts = splitGatewayPath(path);
  const segment = parts?.endpointKey;
  if (segment === undefined) {
    if (/^[/\\]{2}/.test(path) || /^\/scim\/v2(?:\/|$)/.test(foldedPath(path)))
      throw invalid('The path must be spelled /scim/v2/{endpointKey}, in lower case and without encoding.');
    return { inPath: undefined, ownPath: 'yes' };
  }
  if (OWN_ENDPOINT.test(segment)) return { inPath: undefined, ownPath: 'yes' };
  if (segment === '') throw invalid('The path has no endpointKey behind /scim/v2/.');
  const next = parts?.rest.split('/', 2)[1] ?? '';
  const isType = RESOURCE_TYPE.test(segment) && (next === '.search' || !OWN_ENDPOINT.test(next));
  return { inPath: segment, ownPath: isType ? 'perhaps' : 'no' };
}

/** The endpoints of RFC 7644 3.2, right behind `/scim/v2/`. No directory can be called so. */
const OWN_ENDPOINT = /^(?:Users|Groups|Me|Bulk|Schemas|ResourceTypes|ServiceProviderConfigs?|\.search)$/;
/** RFC 7643 6 begins a name of a resource type with a capital: `Devices`, `Entitlements`. */
const RESOURCE_TYPE = /^[A-Z][A-Za-z]*$/;

/** A header that came twice has been joined with a comma, or is a list: neither is one answer. */
function one(value: string | string[] | undefined): string | undefined {
  if (Array.isArray(value) || (value !== undefined && /[\s,]\s|^\s|\s$/.test(value))) {
    throw invalid('The proxy names the request twice.');
  }
  return value;
}

function isGiven(value: string | undefined): value is string {
  return value !== undefined && value !== '';
}

/** The path of a URI, with what stands behind a `#`, and its query; proxies hand on whatever form the client sent. */
function targetOf(uri: string): { path: string; query: string } {
  const target = uri.replace(/^https?:\/\/[^/?#]*/i, '');
  const end = target.indexOf('?');
  return end === -1 ? { path: target, query: '' } : { path: target.slice(0, end), query: target.slice(end + 1) };
}

function invalid(detail: string): AppError {
  return new AppError('invalid_request', { detail });
}
