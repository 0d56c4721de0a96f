/** A real browser, Debian's chromium: wide and narrow, light and dark, with and without scripts. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { findCommand } from './parts.ts';

export type { BrowserContext, Page } from 'playwright-core';

/** Kept for people to look at; never in the repository. */
const SCREENS = 'artifacts/screens';
/** Wider than any page is laid out for. */
const BROAD = { width: 1600, height: 900 };
const SIZES = { wide: { width: 1280, height: 900 }, narrow: { width: 360, height: 740 } } as const;
const PATIENCE_MS = 10_000;
const THEMES = ['light', 'dark'] as const;

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export interface RealBrowser {
  visitor(options?: { size?: keyof typeof SIZES; scripts?: boolean }): Promise<BrowserContext>;
  /**
   * Looks at a page in both widths and both themes: takes pictures of it, and asserts that nothing sticks out sideways and that axe finds
   * nothing. What a page logs as an error, a refused script or style among it, fails at once.
   */
  inspect(
    context: BrowserContext,
    url: string,
    name: string,
    themes?: readonly (typeof THEMES)[number][],
  ): Promise<void>;
  /** Asserts that axe finds nothing on a page as it is now. */
  check(page: Page, name: string): Promise<void>;
  close(): Promise<void>;
}

/** Undefined where there is no chromium. */
export async function startBrowser(): Promise<RealBrowser | undefined> {
  const executablePath = findCommand('chromium');
  if (executablePath === undefined) return undefined;
  const browser: Browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
  mkdirSync(SCREENS, { recursive: true });

  async function inspectAt(
    context: BrowserContext,
    url: string,
    name: string,
    size: keyof typeof SIZES,
    theme: (typeof THEMES)[number],
  ) {
    const page = await context.newPage();
    const faults: string[] = [];
    page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
    page.on('pageerror', (error) => faults.push(error.message));
    await page.setViewportSize(SIZES[size]);
    await page.emulateMedia({ colorScheme: theme });
    await page.goto(url);
    await page.evaluate('document.fonts.ready');
    await page.screenshot({ path: `${SCREENS}/${name}-${size}-${theme}.png`, fullPage: true });
    for (const viewport of size === 'wide' ? [BROAD, SIZES.wide] : [SIZES.narrow]) {
      await page.setViewportSize(viewport);
      const overhang = await page.evaluate<number>(
        'document.documentElement.scrollWidth - document.documentElement.clientWidth',
      );
      assert.ok(overhang <= 0, `${name} at ${viewport.width} px: sticks out by ${overhang} px`);
    }
    await check(page, `${name} ${size} ${theme}`);
    assert.deepEqual(
      faults.filter((fault) => !/status of 4\d\d/.test(fault)),
      [],
      name,
    );
    await page.close();
  }

  async function check(page: Page, name: string): Promise<void> {
    // The page's own policy lets no foreign script in; what the tools of the browser evaluate is not bound by it.
    await page.evaluate(axe);
    const found = await page.evaluate<{ violations: { id: string; help: string; nodes: { html: string }[] }[] }>(
      'axe.run()',
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
    async inspect(context, url, name, themes = THEMES) {
      for (const size of ['wide', 'narrow'] as const)
        for (const theme of themes) await inspectAt(context, url, name, size, theme);
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
