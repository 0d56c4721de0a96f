import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startApp, type TestApp } from '../support/app.ts';
import { type RealBrowser, startBrowser } from '../support/browser.ts';
import { createMovableClock } from '../support/clock.ts';
import { makeLink } from '../support/it-contact.ts';

const browser = await startBrowser();

describe('the portal in a browser', { skip: browser === undefined }, () => {
  const real = browser as RealBrowser;
  let app: TestApp;
  before(async () => {
    app = await startApp({ clock: createMovableClock(new Date().toISOString()) });
  });
  after(async () => {
    await real.close();
    await app.close();
  });

  const verify = (endpointKey: string, token: string) =>
    fetch(`${app.url}/auth/verify?directory=${endpointKey}`, {
      headers: { authorization: `Bearer ${token}`, 'user-agent': 'Okta SCIM Client 1.0.0' },
    });

  async function tell(): Promise<void> {
    await app.app.rounds.find(({ name }) => name === 'denials')?.run();
  }

  for (const { size, scripts } of [
    { size: 'wide', scripts: true },
    { size: 'narrow', scripts: true },
    { size: 'narrow', scripts: false },
  ] as const) {
    it(`leads an IT contact from the link to the first accepted request: ${size}, scripts ${scripts ? 'on' : 'off'}`, async () => {
      const endpointKey = `portal-${size}-${scripts}`;
      const directory = await app.api.makeDirectory({ provider: 'okta', name: 'Okta production', endpointKey });
      const context = await real.visitor({ size, scripts });
      const page = await context.newPage();
      await page.goto((await makeLink(app.api, directory.organizationId)).url);
      await page.getByRole('button', { name: 'Enter' }).click();
      await page.getByRole('link', { name: 'Okta production' }).click();
      await page.getByRole('link', { name: 'Set it up' }).first().click();
      await page.getByText('SCIM connector base URL').waitFor();
      await page.getByRole('link', { name: 'Generate the token' }).click();
      await page.getByRole('button', { name: 'Generate' }).click();
      const token = await page.locator('.reveal .mono').innerText();
      await page.getByRole('link', { name: 'I have stored it' }).click();
      await page.getByText('Waiting for Okta to use it').waitFor();
      assert.equal((await verify(endpointKey, token)).status, 200);
      if (!scripts) await page.reload();
      await page.getByText('Okta uses the new token').waitFor();
      await page.getByRole('link', { name: 'To the directory' }).click();
      await page.getByText('Provisioning works.').waitFor();
      await verify(endpointKey, `${token.slice(0, -4)}zzzz`);
      app.clock.advance(1000);
      await verify(endpointKey, `${token.slice(0, -4)}zzzz`);
      await tell();
      if (!scripts) await page.reload();
      await page.getByText('Okta sent something that is no token').waitFor();
      await context.close();
    });
  }

  it('looks finished on each page, to people and to axe', async () => {
    const directory = await app.api.makeDirectory({ provider: 'okta', name: 'Okta production', endpointKey: 'looks' });
    await app.api.post('/clients', { name: 'Okta', provider: 'okta', directoryId: directory.id, appName: 'acme_1' });
    const context = await real.visitor();
    const page = await context.newPage();
    const { url } = await makeLink(app.api, directory.organizationId);
    await real.inspect(context, url, 'portal-link');
    await page.goto(url);
    await page.getByRole('button', { name: 'Enter' }).click();
    await page.waitForURL(`${app.url}/portal`);
    const { token } = await app.api.issue(directory.id);
    for (let turn = 0; turn < 12; turn++) await verify('looks', token);
    const other = await app.api.makeDirectory();
    app.clock.advance(60_000);
    await verify('looks', (await app.api.issue(other.id)).token);
    await tell();
    const address = `/portal/directories/${directory.id}`;
    const pages: [string, string][] = [
      ['portal-home', '/portal'],
      ['portal-directory', address],
      ['portal-setup-oauth', `${address}/setup`],
      ['portal-setup-token', `${address}/setup?by=bearer`],
      ['portal-generate', `${address}/generate`],
      ['portal-rotate', `${address}/rotate`],
      ['portal-not-found', '/portal/directories/dir_nothing'],
    ];
    for (const [name, path] of pages) await real.inspect(context, `${app.url}${path}`, name);
    const nobody = await real.visitor();
    await real.inspect(nobody, `${app.url}/portal`, 'portal-link-needed');
    await real.inspect(nobody, `${app.url}/portal/enter/lkp_${'x'.repeat(43)}`, 'portal-link-over');
    await real.inspect(
      nobody,
      `${app.url}/oauth/authorize?client_id=nobody&response_type=code`,
      'authorize-unknown-client',
    );
    await nobody.close();
    await context.close();
  });
});
