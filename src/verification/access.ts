/** What a request wants to do, as far as a decision needs it: read or write, at which directory. */

/** RFC 7644 3.4.3 behind whatever base, spelled plainly: a server that reads `%23`, `;` or a resource's id in it would act on another path. */
const SEARCH = /^(?:\/[\w.~-]+)*?(?:\/[A-Za-z]+)?\/\.search$/;

/** `scim.read` allows GET (and HEAD, a GET without its body), and the search by POST of RFC 7644 3.4.3. */
export function isRead(method: string, path: string): boolean {
  if (method === 'GET' || method === 'HEAD') return true;
  return method === 'POST' && SEARCH.test(path);
}

/** Whether a header (in lower case) makes some servers take a request for another method: `X-HTTP-Method-Override` and its kin. */
export function isMethodOverride(name: string): boolean {
  return name.includes('method') && METHOD_OVERRIDE.test(name);
}

const METHOD_OVERRIDE =
  /^(?:x[^a-z0-9])?(?:http[^a-z0-9]|tunnel(?:ed|led)?[^a-z0-9])?method(?:[^a-z0-9]?(?:override|tunnel))?$/;

/** Whether a query does the same, as `_method` of Rails or `X-HTTP-Method-Override` of JAX-RS. */
export function overridesMethod(query: string): boolean {
  if (!/method/i.test(query)) return false;
  return [...new URLSearchParams(query).keys()].some(
    (name) => /^(?:_|\$http)method$/i.test(name) || isMethodOverride(name.toLowerCase()),
  );
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

const SUSPECT = /%(?:25|2e|2f|5c|u|[cefCEF])|\/\.|\\/i;
/** A dot segment, also with what some servers cut off: a path parameter, a NUL, a blank, an encoded `#` or `?`. */
const DOTS = /^\.{1,2}(?:(?:[;\s]|%(?:3b|00|09|20|23|3f)).*)?$/i;
const ENCODINGS = 20;
/** Longer than UTF-8 allows (RFC 3629 3): some decoders read a dot or a slash in them all the same. */
const OVERLONG =
  /%c0%([89ab][0-9a-f])|%c1%([89ab][0-9a-f])|%e0%8([01])%([89ab][0-9a-f])|%f0%80%8([01])%([89ab][0-9a-f])/gi;
/** Characters that some servers write as the ASCII ones that they look like, as `%uXXXX` or in UTF-8. */
const LOOKALIKES: [pattern: RegExp, plain: string][] = [
  [/%u(?:002e|ff0e|2024|fe52)|%ef%bc%8e|%e2%80%a4|%ef%b9%92/gi, '.'],
  [/%u(?:002f|ff0f|2044|2215)|%ef%bc%8f|%e2%81%84|%e2%88%95/gi, '/'],
  [/%u(?:005c|ff3c|2216)|%ef%bc%bc|%e2%88%96/gi, '\\'],
  [/%2e/gi, '.'],
];

/**
 * Whether a path has a dot segment in any of the spellings that a server behind may undo: `..`, `%2e`, `%252e`, `%u002e`, `%c0%ae`, behind
 * `%2f` or a backslash, or with a path parameter (`..;x`).
 */
export function hasDotSegment(path: string): boolean {
  if (!SUSPECT.test(path)) return false;
  return unmasked(path)
    .split(/[/\\]|%2f|%5c/i)
    .some((segment) => DOTS.test(segment));
}

/** The path as the most forgiving server reads it: decoded, in lower case, one slash at a time, without path parameters and blanks. */
export function foldedPath(path: string): string {
  return unmasked(path)
    .replace(/%([0-7][0-9a-f])/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
    .replace(BLANKS, '')
    .replaceAll('\\', '/')
    .replace(/;[^/]*/g, '')
    .replace(/\/{2,}/g, '/')
    .toLowerCase();
}

/** Blanks and control characters, which some servers drop. */
const BLANKS = /[^\x21-\u{10ffff}]/gu;

/** Undoes what hides a dot or a slash: encodings of an encoding, overlong ones, and lookalikes. */
function unmasked(path: string): string {
  let plain = path;
  for (let round = 0; round < ENCODINGS && /%25/.test(plain); round++) plain = plain.replace(/%25/g, '%');
  plain = plain.replace(OVERLONG, shortest);
  for (const [pattern, character] of LOOKALIKES) plain = plain.replace(pattern, character);
  return plain;
}

/** The character that an overlong sequence stands for. */
function shortest(_whole: string, ...parts: (string | undefined)[]): string {
  const [low, high, threeTop, three, fourTop, four] = parts;
  const byte = (hex: string, top: number) => String.fromCharCode((top << 6) | (Number.parseInt(hex, 16) & 0x3f));
  if (low !== undefined) return byte(low, 0);
  if (high !== undefined) return byte(high, 1);
  return three === undefined ? byte(four ?? '', Number(fourTop)) : byte(three, Number(threeTop));
}
