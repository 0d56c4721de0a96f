/** The pictures of the README: a directory, a rotation and the portal, light and dark, and a rotation under traffic as an animation. */
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { type Answer, createApi } from '../support/api.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { createMovableClock, DAY, HOUR, MINUTE, SECOND } from '../support/clock.ts';
import { flush, OKTA_AGENT } from '../support/diagnosed.ts';
import { makeLink } from '../support/it-contact.ts';
import { makeSignInLink } from '../support/operator-browser.ts';
import { countStatuses, sendTraffic, type Traffic } from '../support/traffic.ts';
import { answer, LIST } from '../support/upstream-scenarios.ts';
import { animateWebp, encodeWebp, FOLDER } from './webp.ts';

const PUBLIC_URL = 'https://scim.acme.example';
/** Out of the ranges for examples (RFC 5737). */
const OKTA_ADDRESS = '198.51.100.7';
const OPERATOR_ADDRESS = '203.0.113.20';
/** A Thursday, so that the week before it shows a weekend. */
const START = '2027-01-07T09:12:00.000Z';
const HISTORY_DAYS = 13;
const STILL = { width: 1160, most: 120_000 };
const HEIGHTS = { directory: 1400, rotate: 560, portal: 1100 };
const FRAME = { width: 1160, height: 680, bar: 64, ms: 1500, most: 2_000_000 };
/** What stays free above the part of a page that a frame shows. */
const MARGIN = 90;
const CLIENTS = 3;
const PAUSE_MS = 40;
/** How long the client goes on before a frame is taken, so that its count moves. */
const BETWEEN_FRAMES_MS = 400;
const INTER = readFileSync(
  createRequire(import.meta.url).resolve('@fontsource-variable/inter/files/inter-latin-wght-normal.woff2'),
).toString('base64');

interface Scene {
  app: TestApp;
  /** Northwind's directory, whose token is rotated. */
  directory: Answer;
  token: string;
  /** Of an operator. */
  page: Page;
}

export async function readme(browser: Browser): Promise<void> {
  const canvas = await browser.newPage();
  await withScene(browser, async (scene) => {
    await rotate(scene);
    await take(canvas, 'rotate', scene.page);
    await scene.page.goto(`${scene.app.url}/dashboard/directories/${scene.directory.id}`);
    await take(canvas, 'directory', scene.page);
    await take(canvas, 'portal', await setUpEntra(browser, scene.app));
  });
  await withScene(browser, (scene) => walkThrough(scene, canvas));
  await canvas.close();
}

/** A Latchkey with two weeks behind it, and what is done with it. */
async function withScene(browser: Browser, work: (scene: Scene) => Promise<void>): Promise<void> {
  const app = await startApp({
    clock: createMovableClock(START),
    env: { LATCHKEY_BRAND_NAME: 'Acme', LATCHKEY_PUBLIC_URL: PUBLIC_URL, LATCHKEY_TRUSTED_PROXIES: '127.0.0.1' },
  });
  const upstream = createServer(answer(200, LIST));
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  try {
    const { directory, token } = await makeHistory(
      app,
      `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/scim`,
    );
    const page = await visitor(browser);
    await page.goto(await makeSignInLink(app));
    await press(page);
    await work({ app, directory, token, page });
  } finally {
    await app.close();
    upstream.closeAllConnections();
    upstream.close();
  }
}

async function makeHistory(app: TestApp, upstreamUrl: string): Promise<{ directory: Answer; token: string }> {
  const { body: key } = await app.api.post('/api-keys', { name: 'Terraform', role: 'admin' });
  const api = createApi(app.url, key.key);
  const directory = await api.makeDirectory({ endpointKey: 'northwind-okta', upstreamUrl });
  const { token } = await api.issue(directory.id, { label: 'Okta 2026' });
  for (let day = 0; day < HISTORY_DAYS; day++) {
    const isWeekend = [0, 6].includes(app.clock.now().getUTCDay());
    const count = isWeekend ? 2 : 28 + ((day * 7) % 11);
    for (let turn = 0; turn < count; turn++) await send(app, directory, token);
    await flush(app);
    app.clock.advance(DAY);
  }
  for (let turn = 0; turn < 17; turn++) await send(app, directory, token);
  await flush(app);
  return { directory, token };
}

/** One request of Okta's to the gateway. */
async function send(app: TestApp, directory: Answer, token: string): Promise<void> {
  const response = await fetch(usersUrl(app, directory), { headers: headersOf(token) });
  await response.arrayBuffer();
  if (response.status !== 200) throw new Error(`Okta was answered ${response.status}`);
}

function usersUrl(app: TestApp, directory: Answer): string {
  return `${app.url}/scim/v2/${directory.endpointKey}/Users?count=1`;
}

function headersOf(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}`, 'user-agent': OKTA_AGENT, 'x-forwarded-for': OKTA_ADDRESS };
}

/** Through the pages, up to the moment in which Okta is using the new token and the old one is not needed any more. */
async function rotate({ app, directory, token, page }: Scene): Promise<void> {
  const address = `${app.url}/dashboard/directories/${directory.id}/rotate`;
  await page.goto(address);
  await page.locator('input[name=label]').fill('Okta 2027');
  await press(page);
  const fresh = await page.locator('.reveal .mono').innerText();
  await send(app, directory, token);
  app.clock.advance(3 * MINUTE);
  for (let turn = 0; turn < 6; turn++) await send(app, directory, fresh);
  await flush(app);
  app.clock.advance(40 * MINUTE);
  for (let turn = 0; turn < 9; turn++) await send(app, directory, fresh);
  await flush(app);
  app.clock.advance(40 * SECOND);
  await page.goto(address);
}

/** The page that an IT contact sees once the client of Entra ID is made: its secret, and where each value goes. */
async function setUpEntra(browser: Browser, app: TestApp): Promise<Page> {
  const { body: organization } = await app.api.post('/organizations', { name: 'Contoso' });
  const fields = { name: 'Entra ID', provider: 'entra', endpointKey: 'contoso-workforce' };
  const directory = await app.api.makeDirectory({ organizationId: organization.id, ...fields });
  const page = await visitor(browser);
  const { pathname } = new URL((await makeLink(app.api, organization.id)).url);
  await page.goto(app.url + pathname);
  await press(page);
  await page.goto(`${app.url}/portal/directories/${directory.id}/setup/oauth`);
  await press(page);
  await page.locator('.reveal .mono').waitFor();
  return page;
}

async function visitor(browser: Browser): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width: STILL.width, height: FRAME.height },
    extraHTTPHeaders: { 'x-forwarded-for': OPERATOR_ADDRESS },
    colorScheme: 'light',
    reducedMotion: 'reduce',
    locale: 'en-US',
    timezoneId: 'UTC',
  });
  return context.newPage();
}

/** The button that a page is about; its words may change. */
async function press(page: Page): Promise<void> {
  await page.locator('main form[method=post] button[type=submit].primary').first().click();
  await page.waitForLoadState('load');
}

async function take(canvas: Page, name: keyof typeof HEIGHTS, page: Page): Promise<void> {
  await page.setViewportSize({ width: STILL.width, height: HEIGHTS[name] });
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await page.evaluate('document.fonts.ready');
    save(`${name}-${colorScheme}`, await encodeWebp(canvas, await page.screenshot()), STILL.most);
  }
}

function save(name: string, picture: Buffer, most: number): void {
  const file = `${FOLDER}/${name}.webp`;
  if (picture.length > most) throw new Error(`${file} would have ${picture.length} bytes; at most ${most} are wanted`);
  writeFileSync(file, picture);
  console.error(`${file}: ${Math.round(picture.length / 1024)} KB`);
}

/** A rotation as an operator sees it, while Okta sends requests all the time. The bar below each page counts them. */
async function walkThrough({ app, directory, token, page }: Scene, canvas: Page): Promise<void> {
  await page.setViewportSize({ width: FRAME.width, height: FRAME.height });
  await canvas.setViewportSize({ width: FRAME.width, height: FRAME.height + FRAME.bar });
  const address = `${app.url}/dashboard/directories/${directory.id}`;
  const rotation = `${address}/rotate`;
  const frames: Buffer[] = [];
  const ended: Traffic[] = [];
  let current = startClient(app, directory, token);
  let sent = token;

  async function frame(title: string, url?: string): Promise<void> {
    await canvas.waitForTimeout(BETWEEN_FRAMES_MS);
    await flush(app);
    if (url !== undefined) await page.goto(url);
    await page.evaluate(
      `document.fonts.ready.then(() => scrollTo(0, (document.querySelector('.slots')?.getBoundingClientRect().top ?? 0) - ${MARGIN}))`,
    );
    const screen = await page.screenshot();
    const counts = countStatuses([...ended, current].flatMap(({ samples }) => samples));
    await canvas.setContent(withBar(screen, title, sent, counts));
    await canvas.evaluate('document.fonts.ready');
    frames.push(await encodeWebp(canvas, await canvas.screenshot()));
  }

  async function goOver(to: string): Promise<void> {
    await current.stop();
    ended.push(current);
    app.clock.advance(20 * SECOND);
    sent = to;
    current = startClient(app, directory, to);
  }

  try {
    await frame('1. Okta uses one token', address);
    await frame('2. Start the rotation', rotation);
    await page.locator('input[name=label]').fill('Okta 2027');
    await press(page);
    const fresh = await page.locator('.reveal .mono').innerText();
    await frame('3. Paste the new token into Okta');
    app.clock.advance(2 * MINUTE);
    await frame('4. Both tokens work', rotation);
    await goOver(fresh);
    await frame('5. Okta is using the new token', rotation);
    await canvas.waitForTimeout(BETWEEN_FRAMES_MS);
    app.clock.advance(HOUR + MINUTE);
    await canvas.waitForTimeout(BETWEEN_FRAMES_MS);
    await flush(app);
    for (const name of ['due credentials', 'findings'])
      await app.app.rounds.find((round) => round.name === name)?.run();
    await frame('6. An hour later, the old token has ended', address);
  } finally {
    await current.stop();
  }
  const failed = [...ended, current].flatMap(({ samples }) => samples).filter(({ status }) => status !== 200);
  if (failed.length > 0) throw new Error(`${failed.length} requests failed during the rotation`);
  save('rotation', animateWebp(frames, FRAME.width, FRAME.height + FRAME.bar, FRAME.ms), FRAME.most);
}

function startClient(app: TestApp, directory: Answer, token: string): Traffic {
  const targets = [usersUrl(app, directory)];
  return sendTraffic({ targets, clients: CLIENTS, headers: headersOf(token), pauseMs: PAUSE_MS });
}

function withBar(screen: Buffer, title: string, token: string, { 200: accepted = 0, ...others }: Answer): string {
  const refused = Object.values<number>(others).reduce((sum, count) => sum + count, 0);
  return `<style>
    @font-face { font-family: Inter; font-weight: 100 900; src: url(data:font/woff2;base64,${INTER}); }
    body { margin: 0; font: 17px Inter; } img { display: block; height: ${FRAME.height}px; }
    div { box-sizing: border-box; height: ${FRAME.bar}px; padding: 0 24px; background: #1b1f23; color: #fff; display: flex; align-items: center; justify-content: space-between; }
    span { font-variant-numeric: tabular-nums; color: #9fe0c8; }</style>
    <img src="data:image/png;base64,${screen.toString('base64')}">
    <div><b>${title}</b><span>Okta sends …${token.slice(-4)} · ${accepted} accepted · ${refused} refused</span></div>`;
}
