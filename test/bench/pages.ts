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
  const said = execFileSync(process.execPath, ['dist/main.js', 'sign-in-link'], {
    env: { ...cleanEnvironment(), ...env, LATCHKEY_PUBLIC_URL: url },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const link = /http\S+\/dashboard\/enter\/\S+/.exec(said)?.[0];
  if (link === undefined) throw new Error(`no link to sign in by: ${said}`);
  const browser = createBrowserSession(url);
  await browser.submit(await browser.open(link), {});
  const cookie = browser.cookieFor(`${url}/dashboard`);
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
    const times: number[] = [];
    for (let turn = 0; turn < WARM_UP + REQUESTS; turn++) {
      const startedAt = performance.now();
      const answer = await fetch(`${url}/dashboard${path}`, { headers: { cookie }, redirect: 'manual' });
      const html = await answer.text();
      if (answer.status !== 200 && !(path.startsWith('/search') && answer.status === 303)) {
        throw new Error(`${path}: ${answer.status} ${html.slice(0, 300)}`);
      }
      if (turn >= WARM_UP) times.push(performance.now() - startedAt);
    }
    times.sort((a, b) => a - b);
    measured.push({
      path: path.replace(/(org|dir)_\w+/, '{id}'),
      p50Ms: times[Math.floor(REQUESTS * 0.5)] ?? Number.NaN,
      p95Ms: times[Math.floor(REQUESTS * 0.95)] ?? Number.NaN,
    });
  }
  return measured;
}
