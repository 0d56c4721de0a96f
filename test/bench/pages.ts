/** How long the server takes for pages of the dashboard when there are many organizations: one request after another, as a person asks. */
import { execFileSync } from 'node:child_process';
import { createBrowserSession } from '../support/browser-session.ts';
import { cleanEnvironment } from '../support/process.ts';

export interface MeasuredPage {
  path: string;
  p50Ms: number;
  p95Ms: number;
}

const REQUESTS = 100;
const WARM_UP = 30;

/** `env`: as the server was started. `directoryId`: one whose page is asked for. */
export async function measurePages(
  url: string,
  env: Record<string, string>,
  of: { organizationId: string; directoryId: string; names: string },
): Promise<MeasuredPage[]> {
  const cookie = await signedIn(url, env);
  const measured: MeasuredPage[] = [];
  for (const path of [
    '/organizations',
    `/organizations/${of.organizationId}`,
    `/directories/${of.directoryId}`,
    `/search?q=${encodeURIComponent(of.names)}`,
    '/search?q=nothing+of+the+kind',
    '/audit',
    '/clients',
    '/settings',
  ]) {
    const times = await measureRequests(`${url}/dashboard${path}`, { cookie });
    measured.push({ ...times, path: path.replace(/(org|dir)_\w+/, '{id}') });
  }
  return measured;
}

/** The cookie of an owner. `env`: as the server was started. */
export async function signedIn(url: string, env: Record<string, string>): Promise<string> {
  const said = execFileSync(process.execPath, ['dist/main.js', 'sign-in-link'], {
    env: { ...cleanEnvironment(), ...env, LATCHKEY_PUBLIC_URL: url },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const link = /http\S+\/dashboard\/enter\/\S+/.exec(said)?.[0];
  if (link === undefined) throw new Error(`no link to sign in by: ${said}`);
  const browser = createBrowserSession(url);
  await browser.submit(await browser.open(link), {});
  return browser.cookieFor(`${url}/dashboard`);
}

/** One request after another. Throws for an answer that is neither the page nor a search that leads straight to one. */
export async function measureRequests(address: string, headers: Record<string, string>): Promise<MeasuredPage> {
  const times: number[] = [];
  for (let turn = 0; turn < WARM_UP + REQUESTS; turn++) {
    const startedAt = performance.now();
    const answer = await fetch(address, { headers, redirect: 'manual' });
    const text = await answer.text();
    if (answer.status !== 200 && !(address.includes('/search') && answer.status === 303)) {
      throw new Error(`${address}: ${answer.status} ${text.slice(0, 300)}`);
    }
    if (turn >= WARM_UP) times.push(performance.now() - startedAt);
  }
  times.sort((a, b) => a - b);
  return {
    path: new URL(address).pathname,
    p50Ms: times[Math.floor(REQUESTS * 0.5)] ?? Number.NaN,
    p95Ms: times[Math.floor(REQUESTS * 0.95)] ?? Number.NaN,
  };
}
