/** The answer of a SCIM server while it comes in: its body without a coding, and whether all of it is there. */
import { Transform } from 'node:stream';
import { type Coding, isPlainJson } from './content-codings.ts';
import type { createUriScanner } from './uri-scanner.ts';

const WHOLE_DECODED_BYTES = 1024 * 1024;

export interface AnswerInProgress {
  status: number;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  contentType: string;
  coding: Coding | 'unknown' | undefined;
  /** It goes out without the coding that its headers say. */
  isRecoded: boolean;
  isJson: boolean;
  /** What it is shows when it begins. */
  isVague: boolean;
  hasBody: boolean;
  /** What is in of an answer that is read as a whole. */
  chunks: Buffer[];
  size: number;
  isStreaming: boolean;
  /** Where the body of a streaming one goes. */
  sink: { write(chunk: Buffer): boolean; end(): unknown } | undefined;
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

/** undefined for what is not of the coding that it says, and for one that can't be read here. */
export function decodedOf(coding: Coding | 'unknown', bytes: Buffer): Buffer | 'too large' | 'cut' | undefined {
  if (coding === 'unknown') return undefined;
  if (bytes.length === 0) return bytes;
  try {
    return coding.decode(bytes, WHOLE_DECODED_BYTES);
  } catch (error) {
    const code = codeOf(error as Error);
    if (code === 'ERR_BUFFER_TOO_LARGE') return 'too large';
    return code === 'Z_BUF_ERROR' ? endless(coding, bytes) : undefined;
  }
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
export function isCut({ isJson, status, headers }: AnswerInProgress, decoded: Buffer | undefined): boolean {
  const isBounded = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
  if (isBounded || !isJson || status >= 300 || decoded === undefined || !isPlainJson(decoded)) return false;
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
