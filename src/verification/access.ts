/** What a request wants to do, as far as a decision needs it: read or write, at which directory. */

/** `scim.read` allows GET (and HEAD, a GET without its body), and the search by POST of RFC 7644 3.4.3. */
export function isRead(method: string, path: string): boolean {
  if (method === 'GET' || method === 'HEAD') return true;
  // A server behind may cut the path at a `#` that no client should send: what it acts on is then another path.
  return method === 'POST' && path.endsWith('/.search') && !path.includes('#');
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

const SUSPECT = /%(?:25|2e|2f|5c)|\/\.|\\/i;

/**
 * Whether a path has a dot segment in any of the spellings that a server behind may undo: `..`, `%2e`, `%252e`, behind `%2f` or a
 * backslash, or with a path parameter (`..;x`).
 */
export function hasDotSegment(path: string): boolean {
  if (!SUSPECT.test(path)) return false;
  let plain = path;
  for (let round = 0; round < 8 && /%25/.test(plain); round++) plain = plain.replace(/%25/g, '%');
  return plain
    .replace(/%2e/gi, '.')
    .split(/[/\\]|%2f|%5c/i)
    .some((segment) => /^\.{1,2}(?:;.*|%3b.*)?$/i.test(segment));
}
