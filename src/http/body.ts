import type { IncomingMessage } from 'node:http';
import { AppError } from '../errors.ts';

/** What of a body that is too large is still read, so that its sender reads the answer; after that the line is cut. */
const DRAINED_BYTES = 1024 * 1024;

/** The whole body as text. Throws payload_too_large. */
export function readBody(request: IncomingMessage, limitBytes: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > limitBytes) {
        reject(new AppError('payload_too_large', { limitBytes }));
        if (size > limitBytes + DRAINED_BYTES) request.destroy();
      } else chunks.push(chunk);
    });
    request.on('end', () => resolve((chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)).toString()));
    request.on('error', reject);
    request.on('aborted', () => reject(new AppError('invalid_request', { detail: 'The request was cut off.' })));
  });
}
