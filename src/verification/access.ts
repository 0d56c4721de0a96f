/** What a request wants to do, as far as a decision needs it: read or write, at which directory. */

/** RFC 7644 3.4.3 behind whatever base, spelled plainly: a server that reads `%23`, `;` or a resource's id in it would act on another path. */
const SEARCH = /^(?:\/[\w.~-]+)*?(?:\/[A-Za-z]+)?\/\.search$/;

/** `scim.read` allows GET (and HEAD, a GET without its body), and the search by POST of RFC 7644 3.4.3. */
export function isRead(method: string, path: string): boolean {
  if (method === 'GET' || method === 'HEAD') return true;
  return method === 'POST' && SEARCH.test(path);
}

const GATEWAY_PREFIX = '/scim/v2/';

/** `/scim/v2/{endpointKey}/Users?x` -> its parts; `rest` begins with a slash or is empty, and the query is apart. */
export function splitGatewayPath(url: string): { endpointKey: string; rest: string; query: string } | undefined {
  if (!url.startsWith(GATEWAY_PREFIX)) return undefined;
  const mark = url.indexOf('?');
  const path = mark === -1 ? url : url.slice(0, mark);
  const slash = path.indexOf('/', GATEWAY_PREFIX.length);
  const end = slash === -1 ? path.length : slash;
  return {
    endpointKey: path.slice(GATEWAY_PREFIX.length, end),
    rest: path.slice(end),
    query: mark === -1 ? '' : url.slice(mark),
  };
}

const SUSPECT = /%(?:25|2e|2f|5c|u00)|\/\.|\\/i;
/** A dot segment, also with what some servers cut off: a path parameter, a NUL, a blank, an encoded `#` or `?`. */
const DOTS = /^\.{1,2}(?:(?:[;\s]|%(?:3b|00|09|20|23|3f)).*)?$/i;
const ENCODINGS = 20;

/**
 * Whether a path has a dot segment in any of the spellings that a server behind may undo: `..`, `%2e`, `%252e`, behind `%2f` or a
 * backslash, or with a path parameter (`..;x`).
 */
export function hasDotSegment(path: string): boolean {
  if (!SUSPECT.test(path)) return false;
  let plain = path;
  for (let round = 0; round < ENCODINGS && /%25/.test(plain); round++) plain = plain.replace(/%25/g, '%');
  return plain
    .replace(/%(?:u00)?2e/gi, '.')
    .split(/[/\\]|%2f|%5c/i)
    .some((segment) => DOTS.test(segment));
}
