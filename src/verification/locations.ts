/**
 * Rewrites `meta.location` in a JSON body as it streams by; every other byte passes untouched. A scanner follows the nesting just far enough
 * to know the value of the key `location` in an object that is the value of a key `meta`; only such a string is ever held back.
 */

/** What a location becomes, or undefined to leave it as it is. */
export type MapLocation = (location: string) => string | undefined;

export interface LocationRewriter {
  /** The bytes that may go out now. */
  write(chunk: Buffer): Buffer;
  /** What was held back of a body that ended inside a string. */
  end(): Buffer;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
/** Longer strings are no location; they pass. */
const LONGEST_LOCATION = 8192;
const LONGEST_KEY = 64;
const NOTHING = Buffer.alloc(0);

interface Level {
  isList: boolean;
  isMeta: boolean;
  key: string;
  expectsKey: boolean;
}

export function createLocationRewriter(map: MapLocation): LocationRewriter {
  const levels: Level[] = [];
  /** The innermost of them. */
  let level: Level | undefined;
  let inString = false;
  let isEscaped = false;
  let isKey = false;
  let isLocation = false;
  /** The string under way, where its text matters: keys and locations, without the opening quote. */
  let held: Buffer[] = [];

  function write(chunk: Buffer): Buffer {
    const out: Buffer[] = [];
    /** Start of the bytes that have not been put out yet. */
    let from = 0;
    /** Start of the string under way within this chunk. */
    let textFrom = 0;

    for (let index = 0; index < chunk.length; index++) {
      const byte = chunk[index];
      if (inString) {
        if (isEscaped) isEscaped = false;
        else if (byte === BACKSLASH) isEscaped = true;
        else if (byte === QUOTE) {
          inString = false;
          if (isKey && level) level.key = keyOf(chunk, textFrom, index);
          else if (isLocation) {
            out.push(
              rewritten(textOf(chunk.subarray(textFrom, index), LONGEST_LOCATION), chunk.subarray(textFrom, index)),
            );
            from = index;
          }
          held = [];
        }
        continue;
      }
      if (byte === QUOTE) {
        inString = true;
        isKey = level !== undefined && !level.isList && level.expectsKey;
        isLocation = !isKey && level?.isMeta === true && level.key === 'location';
        textFrom = index + 1;
        if (isLocation) {
          out.push(chunk.subarray(from, index + 1));
          from = index + 1;
        }
      } else if (byte === OPEN_OBJECT) {
        const isMeta = level !== undefined && !level.isList && level.key === 'meta';
        enter({ isList: false, isMeta, key: '', expectsKey: true });
      } else if (byte === OPEN_LIST) enter({ isList: true, isMeta: false, key: '', expectsKey: false });
      else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) leave();
      else if (byte === COLON && level) level.expectsKey = false;
      else if (byte === COMMA && level) level.expectsKey = !level.isList;
    }

    if (inString && (isKey || isLocation)) held.push(Buffer.from(chunk.subarray(textFrom)));
    if (!(inString && isLocation)) out.push(chunk.subarray(from));
    else if (held.reduce((sum, part) => sum + part.length, 0) > LONGEST_LOCATION) {
      out.push(...held);
      held = [];
      isLocation = false;
    }
    return out.length === 1 ? (out[0] as Buffer) : Buffer.concat(out);
  }

  function enter(inner: Level): void {
    levels.push(inner);
    level = inner;
  }

  function leave(): void {
    levels.pop();
    level = levels.at(-1);
  }

  /** Only `meta` and `location` matter, so only a key of such a length is made into a string. */
  function keyOf(chunk: Buffer, start: number, end: number): string {
    const length = end - start;
    if (held.length > 0) return textOf(chunk.subarray(start, end), LONGEST_KEY);
    return length === 'meta'.length || length === 'location'.length ? chunk.toString('latin1', start, end) : '';
  }

  function textOf(last: Buffer, longest: number): string {
    const bytes = held.length === 0 ? last : Buffer.concat([...held, last]);
    return bytes.length > longest ? '' : bytes.toString();
  }

  /** `text` is the string as JSON writes it, escapes and all. */
  function rewritten(text: string, last: Buffer): Buffer {
    const untouched = () => Buffer.concat([...held, last]);
    try {
      const mapped = map(JSON.parse(`"${text}"`) as string);
      return mapped === undefined ? untouched() : Buffer.from(JSON.stringify(mapped).slice(1, -1));
    } catch {
      return untouched();
    }
  }

  return {
    write,
    end: () => (inString && isLocation ? Buffer.concat(held) : NOTHING),
  };
}

const META = /(?<!\\)"meta"\s*:\s*\{/g;
/** A member without escapes and nesting: what stands before the value, the key, the value where it is a string, what follows. */
const PLAIN_MEMBER = /(\s*"([ !#-[\]-\xff]*)"\s*:\s*)(?:"([ !#-[\]-\xff]*)"|[-+.\w]+)\s*([,}])/y;
const NOT_ASCII = /[^ -~]/;

/**
 * The same for a whole body, whose bytes are given and returned as a latin1 string. Most bodies are small and their `meta` is plain: two
 * expressions find the location several times faster than a walk over each byte. Where `meta` is not plain the scanner takes over.
 */
export function rewriteLocations(body: string, map: MapLocation): string {
  let out = '';
  let from = 0;
  META.lastIndex = 0;
  while (META.test(body)) {
    PLAIN_MEMBER.lastIndex = META.lastIndex;
    for (let follows = body[META.lastIndex] === '}' ? '}' : ','; follows === ','; ) {
      const start = PLAIN_MEMBER.lastIndex;
      const [, before = '', key, value, next] = PLAIN_MEMBER.exec(body) ?? [];
      if (next === undefined) return scan(body, map);
      if (key === 'location' && value !== undefined && value.length <= LONGEST_LOCATION) {
        const at = start + before.length + 1;
        const mapped = map(NOT_ASCII.test(value) ? Buffer.from(value, 'latin1').toString() : value);
        if (mapped !== undefined) {
          const text = JSON.stringify(mapped).slice(1, -1);
          out += body.slice(from, at) + (NOT_ASCII.test(text) ? Buffer.from(text).toString('latin1') : text);
          from = at + value.length;
        }
      }
      follows = next;
      META.lastIndex = PLAIN_MEMBER.lastIndex;
    }
  }
  return from === 0 ? body : out + body.slice(from);
}

function scan(body: string, map: MapLocation): string {
  const rewriter = createLocationRewriter(map);
  const first = rewriter.write(Buffer.from(body, 'latin1'));
  return Buffer.concat([first, rewriter.end()]).toString('latin1');
}

/**
 * Maps what the upstream calls itself to the public endpoint: absolute URLs below its base, and paths below its path.
 * `upstreamUrl` and `endpointUrl` come without a slash at the end.
 */
export function createMapLocation(upstreamUrl: string, endpointUrl: string): MapLocation {
  const { origin, pathname } = new URL(upstreamUrl);
  const path = pathname.replace(/\/+$/, '');
  const bases = path === '' ? [origin] : [origin + path, path];
  return (location) => {
    for (const base of bases) {
      if (!location.startsWith(base)) continue;
      const rest = location.slice(base.length);
      if (rest === '' || /^[/?#]/.test(rest)) return endpointUrl + rest;
    }
    // An upstream at the root of its host: each absolute path is below it.
    return path === '' && /^\/(?!\/)/.test(location) ? endpointUrl + location : undefined;
  };
}
