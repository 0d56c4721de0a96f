/** The pages of reports: how they look, to people and to axe. */
import { it } from 'node:test';
import { startApp } from '../support/app.ts';
import { startBrowser } from '../support/browser.ts';
import { DAY } from '../support/clock.ts';
import { makeSignInLink } from '../support/operator-browser.ts';

it('the pages of reports look finished', async (t) => {
  const real = await startBrowser();
  if (!real) return t.skip('no chromium');
  const app = await startApp({ env: { LATCHKEY_LEASE_MS: '0' } });
  t.after(async () => {
    await real.close();
    await app.close();
  });
  const context = await real.visitor();
  const page = await context.newPage();
  async function signIn(): Promise<void> {
    await page.goto(await makeSignInLink(app));
    await page.click('button[type=submit]');
    await page.waitForURL((url) => !url.pathname.includes('/enter/'));
  }
  await signIn();
  await real.inspect(context, [['reports-empty', `${app.url}/dashboard/reports`]]);
  const directory = await app.api.makeDirectory();
  const { token, credential } = await app.api.issue(directory.id, { label: 'Okta 2024' });
  app.clock.advance(400 * DAY);
  const entra = await app.api.makeDirectory({ name: 'Entra ID', provider: 'entra' });
  const expiresAt = new Date(app.clock.now().getTime() + 20 * DAY).toISOString();
  await app.api.issue(entra.id, { label: 'Entra 2026', expiresAt });
  await app.api.post(`/directories/${directory.id}/rotate`, { mode: 'overlap', retire: 'manual' });
  app.clock.advance(2 * DAY);
  await fetch(`${app.url}/auth/verify?directory=${directory.id}`, { headers: { authorization: `Bearer ${token}` } });
  await app.api.post(`/credentials/${credential.id}/review`, { decision: 'end', note: 'replaced in spring' });
  await signIn();
  const wanted = { name: 'Tokens of Entra', goal: 'end', filter: { provider: 'entra' } };
  const { id } = (
    await app.api.post('/campaigns', { ...wanted, endsAt: new Date(app.clock.now().getTime() + 9 * DAY) })
  ).body;
  await app.app.rounds.find(({ name }) => name === 'campaigns')?.run();
  const day = (days: number) => new Date(app.clock.now().getTime() + days * DAY).toISOString().slice(0, 10);
  await real.inspect(context, [
    ['campaigns', `${app.url}/dashboard/reports/campaigns`],
    ['campaigns-new', `${app.url}/dashboard/reports/campaigns/new`],
    ['campaigns-dry', `${app.url}/dashboard/reports/campaigns/new?goal=end&provider=okta`],
    ['campaign', `${app.url}/dashboard/reports/campaigns/${id}`],
    ['evidence-form', `${app.url}/dashboard/reports/evidence`],
    ['evidence', `${app.url}/dashboard/reports/evidence?from=${day(-9)}&to=${day(0)}`],
    ['reports', `${app.url}/dashboard/reports`],
    ['reports-filtered', `${app.url}/dashboard/reports?olderThanDays=365&sort=created+asc`],
    ['reports-none', `${app.url}/dashboard/reports?mark=weak`],
    ['reports-review', `${app.url}/dashboard/reports/review/${credential.id}`],
  ]);
});
