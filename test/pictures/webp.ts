/** WebP, as chromium encodes it: one picture, or several as an animation, whose container is put together here. */
import type { Page } from 'playwright-core';

/** Of the pictures in the repository. */
export const FOLDER = 'docs/images';
const QUALITY = 0.86;
const HEADER_BYTES = 12;
const IS_ANIMATED = 0x02;
/** A frame replaces what was there before. */
const NO_BLENDING = 0x02;
/** What a frame takes over from a file of its own. */
const BITSTREAMS = new Set(['ALPH', 'VP8 ', 'VP8L']);

/** A PNG as WebP; `page` lends its canvas. */
export async function encodeWebp(page: Page, png: Buffer): Promise<Buffer> {
  const url = await page.evaluate<string>(
    `new Promise((resolve) => { const image = new Image(); image.onload = () => {
      const canvas = document.createElement('canvas'); canvas.width = image.width; canvas.height = image.height;
      canvas.getContext('2d', { alpha: false }).drawImage(image, 0, 0); resolve(canvas.toDataURL('image/webp', ${QUALITY})); };
      image.src = 'data:image/png;base64,${png.toString('base64')}'; })`,
  );
  return Buffer.from(url.slice(url.indexOf(',') + 1), 'base64');
}

/** Frames of one size, each shown for so many milliseconds, again and again (RFC 9649 section 2.7). */
export function animateWebp(frames: readonly Buffer[], width: number, height: number, frameMs: number): Buffer {
  const size = [...bytes(width - 1, 3), ...bytes(height - 1, 3)];
  const body = [
    chunk('VP8X', Buffer.from([...bytes(IS_ANIMATED, 4), ...size])),
    // The background is white; no end.
    chunk('ANIM', Buffer.from([0xff, 0xff, 0xff, 0xff, ...bytes(0, 2)])),
    ...frames.map((frame) =>
      chunk(
        'ANMF',
        Buffer.concat([
          Buffer.from([...bytes(0, 6), ...size, ...bytes(frameMs, 3), NO_BLENDING]),
          ...chunksOf(frame)
            .filter(({ name }) => BITSTREAMS.has(name))
            .map(({ name, data }) => chunk(name, data)),
        ]),
      ),
    ),
  ];
  return chunk('RIFF', Buffer.concat([Buffer.from('WEBP'), ...body]));
}

function chunksOf(file: Buffer): { name: string; data: Buffer }[] {
  const chunks = [];
  for (let at = HEADER_BYTES; at < file.length; ) {
    const length = file.readUInt32LE(at + 4);
    chunks.push({ name: file.toString('latin1', at, at + 4), data: file.subarray(at + 8, at + 8 + length) });
    at += 8 + length + (length % 2);
  }
  return chunks;
}

function chunk(name: string, data: Buffer): Buffer {
  const padding = Buffer.alloc(data.length % 2);
  return Buffer.concat([Buffer.from(name, 'latin1'), Buffer.from(bytes(data.length, 4)), data, padding]);
}

/** Little-endian. */
function bytes(value: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => (value >>> (8 * index)) & 0xff);
}
