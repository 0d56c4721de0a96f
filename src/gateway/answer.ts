/** The answer of a SCIM server while it comes in: its body without a coding, and whether all of it is there. */
import { Transform } from 'node:stream';
import { type Coding, codingOf, isPlainJson } from './content-codings.ts';
import { isJsonType } from './outcome.ts';
import type { AnswerHeaders } from './response-headers.ts';
import type { createUriScanner } from './uri-scanner.ts';

const WHOLE_DECODED_BYTES = 1024 * 1024;

/** Types under which servers send JSON by mistake. */
const VAGUE_TYPE = /^(?:text\/plain|application\/(?:octet-stream|x-json|(?:x-)?javascript)|text\/(?:x-)?javascript)\b/i;
const CHUNKED = /(?:^|,)\s*chunked\s*$/i;
/** How an object and a list begin and end. */
const OPENING = Buffer.from('{[');
const CLOSING = Buffer.from('}]');
const isNoBlank = (byte: number) => byte > 0x20;
const BODILESS = new Set([204, 205, 304]);

export class AnswerInProgress {
  readonly status: number;
  readonly headers: AnswerHeaders;
  readonly contentType: string;
  readonly hasBody: boolean;
  coding: Coding | 'unknown' | undefined;
  /** It goes out without the coding that its headers say. */
  isRecoded = false;
  isJson: boolean;
  /** What is in of an answer that is read as a whole. */
  chunks: Buffer[] = [];
  size = 0;
  isStreaming = false;
  /** Where the body of a streaming one goes. */
  sink: { write(chunk: Buffer): boolean; end(): unknown } | undefined = undefined;
  /** What it is shows when it begins. */
  readonly #isVague: boolean;
  /** Only the end of the connection ends it, which can come too soon. */
  readonly isOpenEnded: boolean;
  /** Of what streams and is open-ended: its first byte that is no blank, and the latest one. */
  #firstByte = 0;
  #lastByte = 0;

  /** `method`: of the request. */
  constructor(method: string, status: number, headers: AnswerHeaders) {
    this.status = status;
    this.headers = withTransferCodings(headers);
    this.contentType = String(headers['content-type'] ?? '');
    this.hasBody = method !== 'HEAD' && !BODILESS.has(status);
    this.isOpenEnded =
      headers['content-length'] === undefined && !CHUNKED.test(String(headers['transfer-encoding'] ?? ''));
    this.coding = codingOf(this.headers['content-encoding']);
    const isJson = isJsonType(this.contentType);
    this.#isVague = !isJson && VAGUE_TYPE.test(this.contentType);
    // Without a type, or with one that says nothing, it is read as a SCIM client reads it.
    this.isJson = isJson || this.contentType === '' || this.#isVague;
  }

  add(chunk: Buffer): void {
    if (this.#isVague && this.size === 0 && this.coding === undefined) this.isJson = isPlainJson(chunk);
    this.chunks.push(chunk);
    this.size += chunk.length;
  }

  /** Passes on a piece of what streams; gives whether more can be taken at once. */
  pass(chunk: Buffer): boolean {
    if (this.isOpenEnded) {
      this.#firstByte ||= chunk.find(isNoBlank) ?? 0;
      this.#lastByte = chunk.findLast(isNoBlank) ?? this.#lastByte;
    }
    return this.sink?.write(chunk) ?? true;
  }

  /** Whether what streamed ended half way: JSON that began ends as well. A coding has an end of its own. */
  get isHalf(): boolean {
    const isPlain = this.isJson && this.coding === undefined && OPENING.includes(this.#firstByte);
    return isPlain && this.status < 300 && !CLOSING.includes(this.#lastByte);
  }
}

/**
 * The headers of an answer, with the codings of its transfer (RFC 9112 7) among those of its content. A server may use them only where it was
 * asked to, which we never do; but some do, and nobody else on the way takes them off.
 */
export function withTransferCodings(headers: AnswerHeaders): AnswerHeaders {
  const transfer = headers['transfer-encoding'];
  if (transfer === undefined || transfer === 'chunked') return headers;
  const codings = String(transfer)
    .split(',')
    .map((name) => name.trim())
    .filter((name) => !/^(?:chunked|identity)?$/i.test(name));
  if (codings.length === 0) return headers;
  return { ...headers, 'content-encoding': [headers['content-encoding'] ?? [], codings].flat(2).join(', ') };
}

export function joined(chunks: Buffer[]): Buffer {
  const [first] = chunks;
  return first && chunks.length === 1 ? first : Buffer.concat(chunks);
}

/** Some servers name a coding that their body does not have, whatever it is called. */
export function dropNominalCoding(answer: AnswerInProgress, first: Buffer | undefined): void {
  if (answer.coding === undefined || first === undefined || !isPlainJson(first)) return;
  answer.coding = undefined;
  answer.isRecoded = true;
}

/** undefined for a coding that can't be read here; `damaged`: not of the coding that it says. */
export function decodedOf(
  coding: Coding | 'unknown',
  bytes: Buffer,
): Buffer | 'too large' | 'cut' | 'damaged' | undefined {
  if (coding === 'unknown') return undefined;
  if (bytes.length === 0) return bytes;
  try {
    return coding.decode(bytes, WHOLE_DECODED_BYTES);
  } catch (error) {
    if (codeOf(error as Error) === 'ERR_BUFFER_TOO_LARGE') return 'too large';
    return isTooShort(error as Error) ? endless(coding, bytes) : 'damaged';
  }
}

/** Whether what can't be decoded is of its coding as far as it goes. */
export function isTooShort(error: Error): boolean {
  return codeOf(error) === 'Z_BUF_ERROR';
}

/** Some servers never write the end of a coding; what matters is whether all of the JSON is there. */
function endless(coding: Coding, bytes: Buffer): Buffer | 'cut' {
  try {
    const decoded = coding.decode(bytes, WHOLE_DECODED_BYTES, true);
    return isWholeJson(decoded) ? decoded : 'cut';
  } catch {
    return 'cut';
  }
}

/** An answer that only the end of the connection ends may have been cut: then half of its JSON is missing. */
export function isCut({ isJson, status, isOpenEnded }: AnswerInProgress, decoded: Buffer | undefined): boolean {
  if (!isOpenEnded || !isJson || status >= 300 || decoded === undefined || !isPlainJson(decoded)) return false;
  return !isWholeJson(decoded);
}

function isWholeJson(bytes: Buffer): boolean {
  try {
    JSON.parse(bytes.toString().replace(/^\ufeff/, ''));
    return true;
  } catch {
    return false;
  }
}

export function transformOf(scanner: ReturnType<typeof createUriScanner>): Transform {
  return new Transform({
    transform: (chunk: Buffer, _encoding, callback) => callback(null, scanner.write(chunk)),
    flush: (callback) => callback(null, scanner.end()),
  });
}

/** Error codes of Node.js and zlib; empty where there is none. */
export function codeOf(error: Error): string {
  return String((error as NodeJS.ErrnoException).code ?? '');
}
