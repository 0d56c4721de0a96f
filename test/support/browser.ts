/** A real browser, Debian's chromium, without a head where there is one (a third less work): wide and narrow, light and dark, with and without scripts. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { findCommand } from './parts.ts';

export type { BrowserContext, Page } from 'playwright-core';

/** Where the pictures of all pages go with LATCHKEY_TEST_PICTURES, for people to look at; never in the repository. */
const SCREENS = 'artifacts/screens';
const TAKES_PICTURES = Boolean(process.env['LATCHKEY_TEST_PICTURES']);
/** Wider than any page is laid out for. */
const BROAD = { width: 1600, height: 900 };
const SIZES = { wide: { width: 1280, height: 900 }, narrow: { width: 360, height: 740 } } as const;
const PATIENCE_MS = 60_000;
const AT_ONCE = 2;
/** Of axe's rules, the one whose outcome depends on the theme. */
const CONTRAST = { runOnly: ['color-contrast'] };

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** A name for messages and pictures, and a URL. */
export type PageToInspect = readonly [name: string, url: string];

export interface RealBrowser {
  visitor(options?: { size?: keyof typeof SIZES; scripts?: boolean }): Promise<BrowserContext>;
  /**
   * Looks at pages, two at a time: axe finds nothing on them, the contrast is enough in both themes, and nothing sticks out sideways at
   * any width. What a page logs as an error, a refused script or style among it, fails as well.
   */
  inspect(context: BrowserContext, pages: readonly PageToInspect[]): Promise<void>;
  /** Asserts that axe finds nothing on a page as it is now. */
  check(page: Page, name: string): Promise<void>;
  close(): Promise<void>;
}

/** Undefined where there is no chromium. */
export async function startBrowser(): Promise<RealBrowser | undefined> {
  const executablePath = findCommand('chromium');
  if (executablePath === undefined) return undefined;
  const browser: Browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
  if (TAKES_PICTURES) mkdirSync(SCREENS, { recursive: true });

  async function inspectPage(context: BrowserContext, [name, url]: PageToInspect): Promise<void> {
    const page = await context.newPage();
    const faults: string[] = [];
    page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
    page.on('pageerror', (error) => faults.push(error.message));
    const picture = async (look: string) => {
      if (TAKES_PICTURES) await page.screenshot({ path: `${SCREENS}/${name}-${look}.png`, fullPage: true });
    };
    await page.setViewportSize(SIZES.wide);
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
    await page.goto(url);
    await page.evaluate('document.fonts.ready');
    await assertFits(page, name);
    await check(page, `${name}, light`);
    await picture('wide-light');
    await page.emulateMedia({ colorScheme: 'dark' });
    await check(page, `${name}, dark`, CONTRAST);
    await picture('wide-dark');
    await page.setViewportSize(SIZES.narrow);
    await assertFits(page, name);
    await picture('narrow-dark');
    if (TAKES_PICTURES) await page.emulateMedia({ colorScheme: 'light' });
    await picture('narrow-light');
    await page.setViewportSize(BROAD);
    await assertFits(page, name);
    assert.deepEqual(
      faults.filter((fault) => !/status of 4\d\d/.test(fault)),
      [],
      name,
    );
    await page.close();
  }

  async function assertFits(page: Page, name: string): Promise<void> {
    const overhang = await page.evaluate<number>(
      'document.documentElement.scrollWidth - document.documentElement.clientWidth',
    );
    assert.ok(overhang <= 0, `${name} at ${page.viewportSize()?.width} px: sticks out by ${overhang} px`);
  }

  /** All of axe's rules, or those that are chosen. */
  async function check(page: Page, name: string, rules: object = {}): Promise<void> {
    // The page's own policy lets no foreign script in; what the tools of the browser evaluate is not bound by it.
    if (!(await page.evaluate<boolean>('"axe" in window'))) await page.evaluate(axe);
    const found = await page.evaluate<{ violations: { id: string; help: string; nodes: { html: string }[] }[] }>(
      `axe.run(${JSON.stringify(rules)})`,
    );
    const told = found.violations.map(
      ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`,
    );
    assert.deepEqual(told, [], name);
  }

  return {
    check,
    async visitor({ size = 'wide', scripts = true } = {}) {
      const context = await browser.newContext({
        viewport: SIZES[size],
        javaScriptEnabled: scripts,
        timezoneId: 'Europe/Berlin',
      });
      context.setDefaultTimeout(PATIENCE_MS);
      return context;
    },
    async inspect(context, pages) {
      const left = [...pages];
      const look = async () => {
        for (let page = left.shift(); page; page = left.shift()) await inspectPage(context, page);
      };
      await Promise.all(Array.from({ length: AT_ONCE }, look));
    },
    close: () => browser.close(),
  };
}

/** Whether the focus can be seen: an outline, or a border of another colour. */
export function hasVisibleFocus(page: Page): Promise<boolean> {
  return page.evaluate<boolean>(
    '(() => { const style = getComputedStyle(document.activeElement); return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0; })()',
  );
}
