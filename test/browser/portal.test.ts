import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { IDENTITY_PROVIDER_IDS } from '../../src/identity-providers/index.ts';
import { runApp } from '../support/app.ts';
import { hasVisibleFocus, type RealBrowser, startBrowser } from '../support/browser.ts';
import { createMovableClock } from '../support/clock.ts';
import { makeLink } from '../support/it-contact.ts';

const browser = await startBrowser();

describe('the portal in a browser', { skip: browser === undefined, concurrency: 2 }, () => {
  const real = browser as RealBrowser;
  const app = runApp({ clock: createMovableClock(new Date().toISOString()) });
  after(async () => {
    await real.close();
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
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.getByRole('link', { name: 'Okta production' }).click();
      await page.getByRole('link', { name: 'Set up' }).first().click();
      await page.getByRole('radio', { name: 'Okta' }).waitFor();
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.getByText('We recommend OAuth.').first().waitFor();
      await page.getByRole('link', { name: 'Use a token' }).click();
      await page.getByRole('figure', { name: 'The form in Okta' }).getByText('SCIM connector base URL').waitFor();
      await page.getByRole('button', { name: 'Generate token' }).click();
      const token = await page.locator('.reveal .mono').innerText();
      await page.getByRole('link', { name: "I've saved it" }).click();
      await page.getByText('Waiting for Okta to use the token').first().waitFor();
      assert.equal((await verify(endpointKey, token)).status, 200);
      if (!scripts) await page.reload();
      await page.getByText('Okta is using the new token').first().waitFor();
      await page.getByRole('link', { name: 'Go to the directory' }).click();
      await page.getByText('Requests are accepted.').first().waitFor();
      await verify(endpointKey, `${token.slice(0, -4)}zzzz`);
      app.clock.advance(1000);
      await verify(endpointKey, `${token.slice(0, -4)}zzzz`);
      await tell();
      if (!scripts) await page.reload();
      await page.getByText("It's sending a mistyped token").first().waitFor();
      await context.close();
    });
  }

  it('leads to OAuth with a client that the IT contact makes, up to the first accepted request', async () => {
    const directory = await app.api.makeDirectory({
      provider: 'generic',
      name: 'Workforce',
      endpointKey: 'portal-oauth',
    });
    const context = await real.visitor({ size: 'narrow' });
    const page = await context.newPage();
    await page.goto((await makeLink(app.api, directory.organizationId)).url);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('link', { name: 'Set up' }).click();
    await page.getByRole('radio', { name: 'Entra ID' }).check();
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('link', { name: 'Use OAuth' }).click();
    await page.getByRole('button', { name: 'Create client' }).click();
    const secret = await page.locator('.reveal .mono').innerText();
    const id = await page.locator('.fillings .mono').nth(2).innerText();
    await page.getByRole('link', { name: 'Check the connection' }).click();
    await page.getByText('Waiting for the first request from Entra ID').first().waitFor();
    const answer = await fetch(`${app.url}/oauth/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${id}:${secret}`)}` },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    });
    const { access_token: token } = (await answer.json()) as { access_token: string };
    await tell();
    await page.getByText('Entra ID got an access token').first().waitFor();
    assert.equal((await verify('portal-oauth', token)).status, 200);
    await page.getByText('A request from Entra ID was accepted').first().waitFor();
    await page.getByRole('link', { name: 'Go to the directory' }).click();
    await page.getByText('Requests are accepted.').first().waitFor();
    await context.close();
  });

  it('is walked through by keyboard alone and without a script: check a token, request log, rotate, revoke', async () => {
    const fields = { provider: 'okta', name: 'Okta production', endpointKey: 'by-keys', requestLog: true };
    const directory = await app.api.makeDirectory(fields);
    const { token } = await app.api.issue(directory.id);
    const context = await real.visitor({ size: 'narrow', scripts: false });
    const page = await context.newPage();
    await page.goto((await makeLink(app.api, directory.organizationId)).url);
    /** Goes on by Tab to what is called so, with the focus to be seen on each step, and presses Enter. */
    const press = async (name: string) => {
      for (let step = 0; step < 60; step++) {
        await page.keyboard.press('Tab');
        const focused = await page.evaluate<string>(
          '(document.activeElement === document.body ? "" : document.activeElement.textContent || document.activeElement.name || "").trim()',
        );
        if (focused === '') continue;
        assert.ok(await hasVisibleFocus(page), `${focused} on ${page.url()}`);
        if (focused !== name) continue;
        await Promise.all([page.waitForEvent('framenavigated'), page.keyboard.press('Enter')]);
        await page.waitForLoadState();
        return;
      }
      assert.fail(`${name} can't be reached on ${page.url()}`);
    };
    const address = `${app.url}/portal/directories/${directory.id}`;
    await press('Continue');
    await page.waitForURL(`${app.url}/portal`);
    await press('Okta production');
    await page.waitForURL(address);
    await press('Check a token');
    await page.getByLabel('Token or client secret, or a full Authorization header').focus();
    await page.keyboard.type(token);
    await press('Check');
    await page.getByText('This token works.').waitFor();
    await page.goto(address);
    await press('Request log');
    await press('Refused requests');
    await page.getByText('Nothing was refused.').waitFor();
    await press('Request log');
    await page.getByText('No requests in the log').waitFor();
    await page.goto(address);
    await press('Rotate');
    await press('Generate');
    const second = await page.locator('.reveal .mono').innerText();
    await press("I've saved it");
    await page.getByText('Waiting for Okta to use the token').first().waitFor();
    assert.equal((await verify('by-keys', second)).status, 200);
    await page.reload();
    await press('Revoke the old one now');
    await press('Revoke the old one now');
    await page.waitForURL(address);
    assert.equal((await verify('by-keys', token)).status, 401);
    await press('Revoke');
    await press('Revoke');
    await page.waitForURL(address);
    assert.equal((await verify('by-keys', second)).status, 401);
    await context.close();
  });

  it('looks finished on each page, to people and to axe', async () => {
    const shape = { provider: 'okta', name: 'Okta production', endpointKey: 'looks', requestLog: true };
    const directory = await app.api.makeDirectory(shape);
    await app.api.post('/clients', { name: 'Okta', provider: 'okta', directoryId: directory.id, appName: 'acme_1' });
    const context = await real.visitor();
    const page = await context.newPage();
    const { url } = await makeLink(app.api, directory.organizationId);
    await real.inspect(context, [['portal-link', url]]);
    await page.goto(url);
    await page.getByRole('button', { name: 'Continue' }).click();
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
      ['portal-ticket', `${address}/ticket`],
      ['portal-check-token', '/portal/check-token'],
      ['portal-setup', `${address}/setup`],
      ['portal-setup-access', `${address}/setup/access`],
      ['portal-setup-oauth', `${address}/setup/oauth`],
      ['portal-setup-token', `${address}/setup/bearer`],
      ['portal-check', `${address}/check`],
      ['portal-audit', `${address}/audit`],
      ['portal-refused', `${address}/audit?type=refused`],
      ['portal-request-log', `${address}/requests`],
      ['portal-generate', `${address}/generate`],
      ['portal-rotate', `${address}/rotate`],
      ['portal-not-found', '/portal/directories/dir_nothing'],
    ];
    const inspect = (some: readonly [string, string][]) =>
      real.inspect(
        context,
        some.map(([name, path]) => [name, app.url + path]),
      );
    await inspect(pages);
    for (const provider of IDENTITY_PROVIDER_IDS) {
      await app.api.patch(`/directories/${directory.id}`, { provider });
      await inspect([
        [`portal-console-${provider}-bearer`, `${address}/setup/bearer`],
        [`portal-console-${provider}-oauth`, `${address}/setup/oauth`],
      ]);
    }
    const nobody = await real.visitor();
    await real.inspect(nobody, [
      ['portal-link-needed', `${app.url}/portal`],
      ['portal-link-over', `${app.url}/portal/enter/lkp_${'x'.repeat(43)}`],
      ['authorize-unknown-client', `${app.url}/oauth/authorize?client_id=nobody&response_type=code`],
    ]);
    await nobody.close();
    await context.close();
  });
});
