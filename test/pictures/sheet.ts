/** A contact sheet: one row for each page, one column for each way to look at it, as one WebP that a browser draws. */
import type { Browser } from 'playwright-core';

export interface Look {
  name: string;
  width: number;
  height: number;
  scheme: 'light' | 'dark';
}

export interface Shot {
  name: string;
  /** Of whole pages, as PNG, in the order of the looks; the sheet shows what is seen first. */
  pictures: Buffer[];
}

const SCALE = 0.24;
const GAP = 8;
const LABEL = 18;
/** Columns of rows, so that a sheet is about as wide as it is high. */
const ACROSS = 5;
const QUALITY = 0.6;

export async function sheetOf(
  browser: Browser,
  title: string,
  looks: readonly Look[],
  shots: readonly Shot[],
): Promise<Buffer> {
  const widths = looks.map(({ width }) => Math.round(width * SCALE));
  const height = Math.round((looks[0]?.height ?? 0) * SCALE);
  const row = widths.reduce((sum, width) => sum + width + GAP, GAP);
  const down = Math.ceil(shots.length / ACROSS);
  const across = Math.min(ACROSS, shots.length);
  const page = await browser.newPage();
  await page.setContent('<canvas></canvas>');
  // Sent piece by piece: all of them at once are too much for one message.
  await page.evaluate(
    `(() => { const canvas = document.querySelector('canvas'); canvas.width = ${row * across}; canvas.height = ${down * (height + LABEL + GAP) + LABEL + GAP};
      const ink = canvas.getContext('2d'); ink.fillStyle = '#f1f1ee'; ink.fillRect(0, 0, canvas.width, canvas.height);
      ink.imageSmoothingQuality = 'high'; ink.fillStyle = '#1b1f23'; ink.font = '600 13px sans-serif'; ink.fillText(${JSON.stringify(title)}, ${GAP}, 15); })()`,
  );
  for (const [index, { name, pictures }] of shots.entries()) {
    const [left, top] = [(index % across) * row, LABEL + GAP + Math.floor(index / across) * (height + LABEL + GAP)];
    let x = left + GAP;
    await page.evaluate(
      `(() => { const ink = document.querySelector('canvas').getContext('2d'); ink.font = '600 12px monospace'; ink.fillText(${JSON.stringify(name)}, ${x}, ${top + 13}); })()`,
    );
    for (const [at, picture] of pictures.entries()) {
      const [width, look] = [widths[at] ?? 0, looks[at]];
      await page.evaluate(
        `new Promise((resolve) => { const image = new Image(); image.onload = () => { document.querySelector('canvas').getContext('2d').drawImage(image, 0, 0, ${look?.width ?? 0}, ${look?.height ?? 0}, ${x}, ${top + LABEL}, ${width}, ${height}); resolve(); };
          image.src = 'data:image/png;base64,${picture.toString('base64')}'; })`,
      );
      x += width + GAP;
    }
  }
  const url = await page.evaluate<string>(`document.querySelector('canvas').toDataURL('image/webp', ${QUALITY})`);
  await page.close();
  return Buffer.from(url.slice(url.indexOf(',') + 1), 'base64');
}
