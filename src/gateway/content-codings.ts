/** Reads and writes the content codings of answers (RFC 9110 8.4.1), so that the URIs in a compressed body can be mapped as well. */
import type { Transform } from 'node:stream';
import zlib, { constants } from 'node:zlib';
import { createRecall } from '../http/recall.ts';

interface Layer {
  /** Throws when the bytes are not of this coding, or more than `maxOutputLength` come out of them; `isCut`: when they end too soon it may be. */
  decode(bytes: Buffer, maxOutputLength: number, isCut?: boolean): Buffer;
  encode(bytes: Buffer): Buffer;
  /** `first`: the beginning of the body, where it is known. */
  createDecoder(first?: Buffer): Transform;
  createEncoder(): Transform;
}

/** One or several codings, the way they lie on each other. */
export interface Coding {
  decode(bytes: Buffer, maxOutputLength: number, isCut?: boolean): Buffer;
  encode(bytes: Buffer): Buffer;
  createDecoders(first: Buffer): [Transform, ...Transform[]];
  createEncoders(): Transform[];
}

/** An answer waits for its compression: little effort saves most of the bytes. */
const ZLIB = { level: 3 };
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } };

const flush = (isCut: boolean) => (isCut ? { finishFlush: constants.Z_SYNC_FLUSH } : {});

const GZIP: Layer = {
  decode: (bytes, maxOutputLength, isCut = false) => zlib.gunzipSync(bytes, { maxOutputLength, ...flush(isCut) }),
  encode: (bytes) => zlib.gzipSync(bytes, ZLIB),
  createDecoder: () => zlib.createGunzip(),
  createEncoder: () => zlib.createGzip(ZLIB),
};

const DEFLATE: Layer = {
  decode(bytes, maxOutputLength, isCut = false) {
    const options = { maxOutputLength, ...flush(isCut) };
    return hasZlibHeader(bytes) ? zlib.inflateSync(bytes, options) : zlib.inflateRawSync(bytes, options);
  },
  encode: (bytes) => zlib.deflateSync(bytes, ZLIB),
  createDecoder: (first) => (!first || hasZlibHeader(first) ? zlib.createInflate() : zlib.createInflateRaw()),
  createEncoder: () => zlib.createDeflate(ZLIB),
};

const BR: Layer = {
  decode: (bytes, maxOutputLength, isCut = false) =>
    zlib.brotliDecompressSync(bytes, {
      maxOutputLength,
      ...(isCut && { finishFlush: constants.BROTLI_OPERATION_FLUSH }),
    }),
  encode: (bytes) => zlib.brotliCompressSync(bytes, BROTLI),
  createDecoder: () => zlib.createBrotliDecompress(),
  createEncoder: () => zlib.createBrotliCompress(BROTLI),
};

/** What the platform has from Node 22.15 on. */
interface Zstd {
  zstdDecompressSync(bytes: Buffer, options: { maxOutputLength: number }): Buffer;
  zstdCompressSync(bytes: Buffer): Buffer;
  createZstdDecompress(): Transform;
  createZstdCompress(): Transform;
}

function hasZstd(platform: object): platform is Zstd {
  return 'createZstdDecompress' in platform;
}

function zstdOf(platform: object): Record<string, Layer> {
  if (!hasZstd(platform)) return {};
  const zstd: Layer = {
    decode: (bytes, maxOutputLength) => platform.zstdDecompressSync(bytes, { maxOutputLength }),
    encode: (bytes) => platform.zstdCompressSync(bytes),
    createDecoder: () => platform.createZstdDecompress(),
    createEncoder: () => platform.createZstdCompress(),
  };
  return { zstd };
}

const LAYERS: Readonly<Record<string, Layer>> = {
  gzip: GZIP,
  'x-gzip': GZIP,
  deflate: DEFLATE,
  br: BR,
  ...zstdOf(zlib),
};
const MOST_LAYERS = 3;
/** Spellings of a header that are remembered. */
const HEADERS_KEPT = 100;

/** No codings at all, though servers write them there. */
const NONE = new Set(['', 'identity', 'none', 'utf-8', 'utf8', 'iso-8859-1', 'us-ascii', 'binary', '7bit', '8bit']);

/** `undefined` for none; `unknown` for one that can't be read here, or too many. */
export function codingOf(header: string | string[] | undefined): Coding | 'unknown' | undefined {
  const coding = header === undefined ? 'none' : codingNamed(String(header));
  return coding === 'none' ? undefined : coding;
}

/** A SCIM server names the same one in each answer. */
const codingNamed = createRecall((header): Coding | 'unknown' | 'none' => {
  const layers = header
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => !NONE.has(name))
    .map((name) => (Object.hasOwn(LAYERS, name) ? LAYERS[name] : undefined));
  if (layers.length === 0) return 'none';
  const [outer, ...inner] = layers.reverse();
  if (outer === undefined || inner.includes(undefined) || layers.length > MOST_LAYERS) return 'unknown';
  return stacked(
    outer,
    inner.filter((layer) => layer !== undefined),
  );
}, HEADERS_KEPT);

/** `inner`: from the outer one inwards, against the order in which they were put on (RFC 9110 8.4). */
function stacked(outer: Layer, inner: readonly Layer[]): Coding {
  const outermost = [outer, ...inner];
  const layers = [...outermost].reverse();
  return {
    decode: (bytes, most, isCut) => outermost.reduce((inner, layer) => layer.decode(inner, most, isCut), bytes),
    encode: (bytes) => layers.reduce((inner, layer) => layer.encode(inner), bytes),
    createDecoders: (first) => [outer.createDecoder(first), ...inner.map((layer) => layer.createDecoder())],
    createEncoders: () => layers.map((layer) => layer.createEncoder()),
  };
}

/** Whether a body that is said to have a coding has none: it begins as JSON does, and none of the codings so. */
export function isPlainJson(bytes: Buffer): boolean {
  return /^(?:\xef\xbb\xbf)?\s*[{[]\s*["{}[\]]/.test(bytes.toString('latin1', 0, 64));
}

/** As it stands in `Content-Encoding`, for a message; undefined for what is no list of names. */
export function codingNameOf(header: string | string[] | undefined): string | undefined {
  return /^[\w.+-]{1,40}(?: *, *[\w.+-]{1,40}){0,5}$/.exec(String(header ?? '').trim())?.[0].toLowerCase();
}

/** What of an `Accept-Encoding` can be read here; what is left of nothing is `identity`. */
export const readableCodings = createRecall((acceptEncoding): string => {
  const kept = acceptEncoding.split(',').filter((part) => {
    const [name = '', ...weight] = part.split(';');
    const coding = name.trim().toLowerCase();
    // A wildcard would allow codings that nobody here can read; what is forbidden stays so.
    return coding === 'identity' || Object.hasOwn(LAYERS, coding) || (coding === '*' && isForbidden(weight.join(';')));
  });
  const text = kept.join(',').trim();
  return text === '' ? 'identity' : text;
}, HEADERS_KEPT);

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
