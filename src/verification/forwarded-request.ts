/**
 * Reads which request a reverse proxy holds, from the ways in which proxies say it. One table for each: where the path stands, where the
 * method stands, and what else could turn a reading request into a writing one behind us.
 */
import type { IncomingMessage } from 'node:http';
import { AppError } from '../errors.ts';
import { createRecall } from '../http/recall.ts';
import { foldedPath, hasDotSegment, isMethodOverride, isRead, overridesMethod, splitGatewayPath } from './access.ts';

const FORWARD_AUTH_PATH = '/auth/verify';

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
  /** Of the request that the proxy holds. */
  query: string;
}

/**
 * What each header says: where the path stands (nginx and whoever follows its habit, ingress-nginx, and Traefik, Caddy or APISIX), and where
 * the method stands. haproxy-ingress has only the last of the paths; elsewhere it may be an address to sign in at, so it counts only where
 * nothing else names the path.
 */
const SAYS: Readonly<Record<string, 'path' | 'last path' | 'method'>> = {
  'x-original-uri': 'path',
  'x-original-url': 'path',
  'x-forwarded-uri': 'path',
  'x-auth-request-redirect': 'last path',
  'x-original-method': 'method',
  'x-forwarded-method': 'method',
};
/** The name in lower case where the header matters, `override` where it could change the method, else nothing. */
const meaningOf = createRecall((name) => {
  const lower = name.toLowerCase();
  if (isMethodOverride(lower)) return 'override';
  return Object.hasOwn(SAYS, lower) ? lower : '';
}, 500);

/** Throws invalid_request when the proxy says two things, or when the path has no plain spelling. */
export function readForwardedRequest(request: IncomingMessage): ForwardedRequest {
  const { url = '', rawHeaders } = request;
  const mark = url.indexOf('?');
  const suffix = (mark === -1 ? url : url.slice(0, mark)).slice(FORWARD_AUTH_PATH.length);
  // Envoy tells the path behind ours. A lone slash is no path: a proxy that asks there asks by GET whatever it holds.
  const isSuffixed = suffix.length > 1;
  // Then the query is the client's own, and names nothing to us.
  const named = mark === -1 || isSuffixed ? undefined : namedIn(url.slice(mark));
  let [target, last, method]: (string | undefined)[] = [];
  let isOverridden = false;
  let heldQuery = '';
  const seen: string[] = [];

  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = meaningOf(rawHeaders[at] as string);
    if (name === '') continue;
    if (name === 'override') isOverridden = true;
    else if (seen.includes(name)) throw twice();
    else {
      seen.push(name);
      const value = one(rawHeaders[at + 1] as string);
      if (SAYS[name] === 'method') method = same(method, value, 'methods');
      else if (SAYS[name] === 'path') addTarget(value);
      else last = value;
    }
  }
  if (isSuffixed) addTarget(url.slice(FORWARD_AUTH_PATH.length));
  if (target === undefined && last !== undefined) addTarget(last);
  if (isSuffixed && request.method) method = same(method, request.method, 'methods');
  const canRead = method !== undefined && isRead(method.toUpperCase(), target ?? '') && !isOverridden;
  return { named, ...placeOf(target), method, write: !canRead, query: heldQuery };

  function addTarget(uri: string): void {
    if (uri === '') return;
    const { path, query } = targetOf(uri);
    target = same(target, path, 'paths');
    isOverridden ||= overridesMethod(query);
    heldQuery ||= query;
  }
}

/** The directory that our own query names. A proxy that adds its own parameter to a copied query names it twice. */
function namedIn(query: string): string | undefined {
  const names = new Set(new URLSearchParams(query).getAll('directory').filter((name) => name !== ''));
  if (names.size > 1) throw invalid('The proxy names two different directories.');
  return [...names][0];
}

function same(known: string | undefined, value: string, things: string): string {
  if (known !== undefined && known !== value) throw invalid(`The proxy names two different ${things}.`);
  return value;
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
  if (segment === '') throw invalid('The path has no endpointKey after /scim/v2/.');
  const next = parts?.rest.split('/', 2)[1] ?? '';
  const isType = RESOURCE_TYPE.test(segment) && (next === '.search' || !OWN_ENDPOINT.test(next));
  return { inPath: segment, ownPath: isType ? 'perhaps' : 'no' };
}

/** The endpoints of RFC 7644 3.2, right behind `/scim/v2/`. No directory can be called so. */
const OWN_ENDPOINT = /^(?:Users|Groups|Me|Bulk|Schemas|ResourceTypes|ServiceProviderConfigs?|\.search)$/;
/** RFC 7643 6 begins a name of a resource type with a capital: `Devices`, `Entitlements`. */
const RESOURCE_TYPE = /^[A-Z][A-Za-z]*$/;

/** A value that a proxy joined of two, with a comma, is not one answer. */
function one(value: string): string {
  if (/[\s,]\s|^\s|\s$/.test(value)) throw twice();
  return value;
}

function twice(): AppError {
  return invalid('The proxy names the request twice.');
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
