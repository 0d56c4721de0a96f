/**
 * `npm run pictures [-- NAME...]`: pictures of pages as a real browser shows them, for docs/images. The product is started in this process
 * with a clock that the pictures move; nothing but chromium has to be there. Each set is a file of its own: contact sheets drive the product,
 * name pages and say when to look; the README's pictures are taken one by one.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { startApp, type TestApp } from '../support/app.ts';
import { findCommand } from '../support/parts.ts';
import { findings } from './findings.ts';
import { readme } from './readme.ts';
import { type Look, type Shot, sheetOf } from './sheet.ts';
import { FOLDER } from './webp.ts';

export interface PictureSet {
  /** Of its file in docs/images. */
  name: string;
  title: string;
  env?: Record<string, string>;
  /** `look` is called for each page, while it is as it should be seen. */
  drive(app: TestApp, look: (name: string, path: string, cookie: string) => Promise<void>): Promise<void>;
}

const SETS: Record<string, (browser: Browser) => Promise<void>> = {
  findings: (browser) => take(findings, browser),
  readme,
};
/** Every single picture, for those who look at one closely; not in the repository. */
const SINGLE = 'artifacts/pictures';
const LOOKS: readonly Look[] = [
  { name: 'wide-light', width: 1180, height: 820, scheme: 'light' },
  { name: 'wide-dark', width: 1180, height: 820, scheme: 'dark' },
  { name: 'narrow-light', width: 390, height: 820, scheme: 'light' },
  { name: 'narrow-dark', width: 390, height: 820, scheme: 'dark' },
];

const executablePath = findCommand('chromium');
if (executablePath === undefined) throw new Error('chromium is missing; it takes the pictures');
const browser = await chromium.launch({
  executablePath,
  args: ['--no-sandbox', '--disable-background-networking', '--disable-dev-shm-usage'],
});
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !Object.hasOwn(SETS, name));
if (unknown.length > 0)
  throw new Error(`no pictures of ${unknown.join(', ')}; there are ${Object.keys(SETS).join(', ')}`);
try {
  for (const [name, takeAll] of Object.entries(SETS))
    if (asked.length === 0 || asked.includes(name)) await takeAll(browser);
} finally {
  await browser.close();
}

async function take(set: PictureSet, from: Browser): Promise<void> {
  mkdirSync(`${SINGLE}/${set.name}`, { recursive: true });
  const app = await startApp({ env: { LATCHKEY_BRAND_NAME: 'Acme', ...set.env } });
  const pages = await Promise.all(
    LOOKS.map(async ({ width, height, scheme }) => {
      const viewport = { width, height };
      const context = await from.newContext({ viewport, colorScheme: scheme, reducedMotion: 'reduce' });
      return context.newPage();
    }),
  );
  const shots: Shot[] = [];
  try {
    await set.drive(app, async (name, path, cookie) => {
      const pictures = await Promise.all(
        pages.map(async (page, index) => {
          await page.setExtraHTTPHeaders({ cookie });
          await page.goto(app.url + path);
          const file = `${SINGLE}/${set.name}/${name}-${LOOKS[index]?.name}.png`;
          return page.screenshot({ path: file, fullPage: true });
        }),
      );
      shots.push({ name, pictures });
      console.error(`${set.name}: ${name}`);
    });
    const sheet = await sheetOf(from, set.title, LOOKS, shots);
    writeFileSync(`${FOLDER}/${set.name}.webp`, sheet);
    console.error(`${FOLDER}/${set.name}.webp: ${shots.length} pages, ${Math.round(sheet.length / 1024)} KB`);
  } finally {
    await app.close();
  }
}
