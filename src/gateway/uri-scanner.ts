/**
 * Maps the URIs in a JSON body; every other byte passes untouched. The scanner works on a stream: it follows the nesting far enough to know
 * the key of each string, and holds back only the strings of keys that carry URIs. `mapBody` does the same for a whole body, faster.
 */
import type { Form, MapUri } from './uris.ts';

export interface UriScanner {
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
/** Longer strings are no URI; they pass. */
const LONGEST_URI = 8192;
/** What the longest key takes when each of its characters is an escape. */
const LONGEST_ESCAPED_KEY = 6 * 21;
/** A bound on memory; a body that is nested deeper passes untouched from there on. */
const DEEPEST = 1000;
const NOTHING = Buffer.alloc(0);

/** Names of lists and objects that say what a `location` in them is. */
const META = 'meta';
const BULK = 'operations';
const LINKS: readonly string[] = ['links', '_links', 'link', 'paging', 'pagination'];
/** The links of paging, as SCIM servers and the libraries under them call them; `href` stands in a list or an object of links. */
const PAGING = 'self|href|(?:@odata\\.)?(?:next|prev(?:ious)?|first|last)(?:_?(?:link|page|url|page_?url))?';
const IS_PAGING = new RegExp(`^(?:${PAGING})$`);
const KEYS = `\\$?ref|location|endpoint|documentationuri|specuri|${PAGING}`;
const IS_CARRIER = new RegExp(`^(?:${KEYS})$`);
const SHORTEST_KEY = 3;
const LONGEST_KEY = 21;

interface Level {
  isList: boolean;
  /** The key whose value it is, in lower case: attribute names have no case (RFC 7643 2.1). */
  name: string;
  key: string;
  expectsKey: boolean;
}

/**
 * Whether the value of a key is a URI. `$ref` and `meta.location` always are, `location` in a bulk answer too, and the links of paging where
 * they stand at the top or among links. By the same names elsewhere a whole URL of the SCIM server is one as well, and a path is somebody's
 * text.
 */
function formOf(levels: readonly Level[]): Form | undefined {
  const level = levels.at(-1);
  if (!level || level.isList) return undefined;
  const { key, name } = level;
  if (key === '$ref') return 'any';
  if (!IS_CARRIER.test(key)) return undefined;
  const around = levels.at(-2);
  if (key === 'location') return name === META || (around?.isList && around.name === BULK) ? 'any' : 'absolute';
  const isLink = levels.length === 1 || LINKS.includes(name) || LINKS.includes(around?.name ?? '');
  return isLink && IS_PAGING.test(key) ? 'any' : 'absolute';
}

export function createUriScanner(map: MapUri): UriScanner {
  const levels: Level[] = [];
  /** The innermost of them. */
  let level: Level | undefined;
  let inString = false;
  let isEscaped = false;
  /** Of the string under way. */
  let hasEscapes = false;
  let isOff = false;
  let isKey = false;
  let form: Form | undefined;
  /** The string under way, where its text matters: keys and URIs, without the opening quote. */
  let held: Buffer[] = [];
  let heldBytes = 0;

  function write(chunk: Buffer): Buffer {
    if (isOff) return chunk;
    const out: Buffer[] = [];
    /** Start of the bytes that have not been put out yet. */
    let from = 0;
    /** Start of the string under way within this chunk. */
    let textFrom = 0;

    for (let index = 0; index < chunk.length && !isOff; index++) {
      if (inString) {
        const end = endOfString(chunk, index);
        if (end === -1) break;
        index = end;
        inString = false;
        const text = chunk.subarray(textFrom, index);
        if (isKey && level) level.key = keyOf(text);
        else if (form) {
          out.push(mapped(text, form));
          from = index;
        }
        held = [];
        heldBytes = 0;
        continue;
      }
      const byte = chunk[index];
      if (byte === QUOTE) {
        inString = true;
        hasEscapes = false;
        isKey = level !== undefined && !level.isList && level.expectsKey;
        form = isKey ? undefined : formOf(levels);
        textFrom = index + 1;
        if (form) {
          out.push(chunk.subarray(from, index + 1));
          from = index + 1;
        }
      } else if (byte === OPEN_OBJECT) enter(false);
      else if (byte === OPEN_LIST) enter(true);
      else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) leave();
      else if (byte === COLON && level) level.expectsKey = false;
      else if (byte === COMMA && level) level.expectsKey = !level.isList;
    }

    if (inString && (isKey || form)) {
      const part = Buffer.from(chunk.subarray(textFrom));
      held.push(part);
      heldBytes += part.length;
    }
    if (isKey && level && heldBytes > LONGEST_ESCAPED_KEY) {
      level.key = '';
      isKey = false;
      held = [];
      heldBytes = 0;
    }
    if (!(inString && form)) out.push(chunk.subarray(from));
    else if (heldBytes > LONGEST_URI) {
      out.push(...held);
      held = [];
      heldBytes = 0;
      form = undefined;
    }
    return out.length === 1 ? (out[0] as Buffer) : Buffer.concat(out);
  }

  /** Where the string under way ends; -1 when that is not in this chunk. */
  function endOfString(chunk: Buffer, start: number): number {
    let at = start;
    while (at < chunk.length) {
      if (isEscaped) {
        isEscaped = false;
        at++;
        continue;
      }
      const byte = chunk[at];
      if (byte === QUOTE) return at;
      if (byte === BACKSLASH) {
        isEscaped = true;
        hasEscapes = true;
      }
      at++;
    }
    return -1;
  }

  function enter(isList: boolean): void {
    if (levels.length === DEEPEST) isOff = true;
    const name = level && !level.isList ? level.key : '';
    level = { isList, name, key: '', expectsKey: !isList };
    levels.push(level);
  }

  function leave(): void {
    levels.pop();
    level = levels.at(-1);
  }

  /** Only a key of a length that matters is made into a string; with escapes any length may. */
  function keyOf(last: Buffer): string {
    const length = heldBytes + last.length;
    if (length < SHORTEST_KEY || (length > LONGEST_KEY && !hasEscapes)) return '';
    const text = joined(last).toString('latin1');
    return (hasEscapes ? unescaped(text) : text).toLowerCase();
  }

  function joined(last: Buffer): Buffer {
    return held.length === 0 ? last : Buffer.concat([...held, last]);
  }

  function mapped(last: Buffer, wanted: Form): Buffer {
    const text = joined(last);
    if (text.length > LONGEST_URI) return text;
    const uri = mapText(text.toString(), wanted, map);
    return uri === undefined ? text : Buffer.from(uri);
  }

  return { write, end: () => (inString && form ? Buffer.concat(held) : NOTHING) };
}

function unescaped(text: string): string {
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    return text;
  }
}

/** `text` and the answer are strings as JSON writes them, escapes and all. */
function mapText(text: string, form: Form, map: MapUri): string | undefined {
  try {
    const mapped = map(text.includes('\\') ? (JSON.parse(`"${text}"`) as string) : text, form);
    return mapped === undefined ? undefined : JSON.stringify(mapped).slice(1, -1);
  } catch {
    return undefined;
  }
}

/** Within JSON a quote that is not escaped, followed by such a name and `":`, can begin nothing but that key. */
const CARRIER = new RegExp(`(?<!\\\\)"(${KEYS})"\\s*:\\s*"([^"\\\\]*(?:\\\\[^][^"\\\\]*)*)"`, 'gi');
/** An escape for a letter or a sign that a key may have: keys written so are found by the scanner alone. */
const IN_KEYS = /\\u00(?:2[4e]|40|[46][1-9a-f]|[57][0-9af])/i;
const META_BEFORE = /(?<!\\)"meta"\s*:\s*$/i;
const META_BEFORE_LENGTH = 32;
/** How far back the start of an object is looked for: a body can have a location every few bytes. */
const LONGEST_LOOK = 1024;
const NOT_ASCII = /[^ -~]/;

/**
 * Maps the URIs of a whole body, whose bytes are given and returned as a latin1 string. Most bodies are small: one expression finds their
 * URIs several times faster than a walk over each byte. Where the place of a key decides and is not plain to see, the scanner takes over.
 */
export function mapBody(body: string, map: MapUri): string {
  if (body.includes('\\u00') && IN_KEYS.test(body)) return scan(body, map);
  let out = '';
  let from = 0;
  CARRIER.lastIndex = 0;
  for (let found = CARRIER.exec(body); found !== null; found = CARRIER.exec(body)) {
    const [whole, key = '', value = ''] = found;
    if (value.length > LONGEST_URI) continue;
    const text = NOT_ASCII.test(value) ? Buffer.from(value, 'latin1').toString() : value;
    const isRef = key.toLowerCase() === '$ref';
    const absolute = mapText(text, isRef ? 'any' : 'absolute', map);
    let mapped = absolute;
    if (mapped === undefined && !isRef) {
      const asPath = mapText(text, 'any', map);
      if (asPath !== undefined && key.toLowerCase() === 'location' && isInMeta(body, found.index)) mapped = asPath;
      else if (asPath !== undefined) return scan(body, map);
    }
    if (mapped === undefined) continue;
    const end = found.index + whole.length - 1;
    out += body.slice(from, end - value.length);
    out += NOT_ASCII.test(mapped) ? Buffer.from(mapped).toString('latin1') : mapped;
    from = end;
  }
  return from === 0 ? body : out + body.slice(from);
}

/** Whether a key stands in the object that is the value of `meta`; false where that takes more than a look. */
function isInMeta(body: string, at: number): boolean {
  const from = Math.max(0, at - LONGEST_LOOK);
  const before = body.slice(from, at);
  const open = before.lastIndexOf('{');
  const start = from + open;
  return open > before.lastIndexOf('}') && META_BEFORE.test(body.slice(Math.max(0, start - META_BEFORE_LENGTH), start));
}

function scan(body: string, map: MapUri): string {
  const scanner = createUriScanner(map);
  const first = scanner.write(Buffer.from(body, 'latin1'));
  return Buffer.concat([first, scanner.end()]).toString('latin1');
}
