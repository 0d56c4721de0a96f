/** Reads and writes the content codings of answers (RFC 9110 8.4.1), so that the URIs in a compressed body can be mapped as well. */
import type { Transform } from 'node:stream';
import {
  brotliCompressSync,
  brotliDecompressSync,
  constants,
  createBrotliCompress,
  createBrotliDecompress,
  createDeflate,
  createGunzip,
  createGzip,
  createInflate,
  createInflateRaw,
  deflateSync,
  gunzipSync,
  gzipSync,
  inflateRawSync,
  inflateSync,
} from 'node:zlib';

export interface Coding {
  name: string;
  /** Throws when the bytes are not of this coding, or more than `maxOutputLength` come out of them. */
  decode(bytes: Buffer, maxOutputLength: number): Buffer;
  encode(bytes: Buffer): Buffer;
  /** `first`: the beginning of the body. */
  createDecoder(first: Buffer): Transform;
  createEncoder(): Transform;
}

/** An answer waits for its compression: little effort saves most of the bytes. */
const ZLIB = { level: 3 };
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } };

const GZIP: Coding = {
  name: 'gzip',
  decode: (bytes, maxOutputLength) => gunzipSync(bytes, { maxOutputLength }),
  encode: (bytes) => gzipSync(bytes, ZLIB),
  createDecoder: () => createGunzip(),
  createEncoder: () => createGzip(ZLIB),
};

const CODINGS: Record<string, Coding> = {
  gzip: GZIP,
  'x-gzip': GZIP,
  deflate: {
    name: 'deflate',
    decode: (bytes, maxOutputLength) =>
      hasZlibHeader(bytes) ? inflateSync(bytes, { maxOutputLength }) : inflateRawSync(bytes, { maxOutputLength }),
    encode: (bytes) => deflateSync(bytes, ZLIB),
    createDecoder: (first) => (hasZlibHeader(first) ? createInflate() : createInflateRaw()),
    createEncoder: () => createDeflate(ZLIB),
  },
  br: {
    name: 'br',
    decode: (bytes, maxOutputLength) => brotliDecompressSync(bytes, { maxOutputLength }),
    encode: (bytes) => brotliCompressSync(bytes, BROTLI),
    createDecoder: () => createBrotliDecompress(),
    createEncoder: () => createBrotliCompress(BROTLI),
  },
};

/** `undefined` for none; `unknown` for one that cannot be read here, or several. */
export function codingOf(header: string | string[] | undefined): Coding | 'unknown' | undefined {
  const name = String(header ?? '')
    .trim()
    .toLowerCase();
  if (name === '' || name === 'identity') return undefined;
  return Object.hasOwn(CODINGS, name) ? (CODINGS[name] as Coding) : 'unknown';
}

/** What of an `Accept-Encoding` can be read here; what is left of nothing is `identity`. */
export function readableCodings(acceptEncoding: string): string {
  const kept = acceptEncoding.split(',').filter((part) => {
    const [name = '', ...weight] = part.split(';');
    const coding = name.trim().toLowerCase();
    // A wildcard would allow codings that nobody here can read; what is forbidden stays so.
    return coding === 'identity' || Object.hasOwn(CODINGS, coding) || (coding === '*' && isForbidden(weight.join(';')));
  });
  const text = kept.join(',').trim();
  return text === '' ? 'identity' : text;
}

/** Whether an IdP that asked so can read a body without any coding (RFC 9110 12.5.3). */
export function acceptsIdentity(acceptEncoding: string): boolean {
  return !/(?:identity|\*)\s*;\s*q=0(?:\.0*)?\s*(?:,|$)/i.test(acceptEncoding);
}

function isForbidden(parameters: string): boolean {
  return /^\s*q=0(?:\.0*)?\s*$/i.test(parameters);
}

/** `deflate` means the zlib format, and some servers send the bare stream. */
function hasZlibHeader(bytes: Buffer): boolean {
  const [first = 0, second = 0] = bytes;
  return (first & 0x0f) === 8 && ((first << 8) | second) % 31 === 0;
}
