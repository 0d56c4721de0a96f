import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { runApp } from '../support/app.ts';
import { type BrowserContext, hasVisibleFocus, type Page, type RealBrowser, startBrowser } from '../support/browser.ts';
import { createMovableClock } from '../support/clock.ts';
import { flush, makeWorld } from '../support/diagnosed.ts';
import { makeSignInLink } from '../support/operator-browser.ts';

const browser = await startBrowser();

describe('the dashboard in a browser', { skip: browser === undefined, concurrency: 2 }, () => {
  const real = browser as RealBrowser;
  const app = runApp({ clock: createMovableClock(new Date().toISOString()) });
  after(async () => {
    await real.close();
  });

  async function signIn(
    options?: Parameters<RealBrowser['visitor']>[0],
  ): Promise<{ context: BrowserContext; page: Page }> {
    const context = await real.visitor(options);
    const page = await context.newPage();
    await page.goto(await makeSignInLink(app));
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL(/\/dashboard\/organizations/);
    return { context, page };
  }

  const verify = async (endpointKey: string, token: string, userAgent = 'Okta SCIM Client 1.0.0') =>
    (
      await fetch(`${app.url}/auth/verify?directory=${endpointKey}`, {
        headers: { authorization: `Bearer ${token}`, 'user-agent': userAgent },
      })
    ).status;

  async function makeDirectory(page: Page, organization: string, key: string): Promise<void> {
    await page.goto(`${app.url}/dashboard/organizations`);
    await page.locator('input[name=name]').fill(organization);
    await page.getByRole('button', { name: 'Create organization' }).click();
    await page.getByRole('heading', { level: 1, name: organization }).waitFor();
    await page.locator('input[name=name]').first().fill('Okta production');
    await page.getByLabel('Identity provider').selectOption('okta');
    await page.getByLabel('Endpoint key').fill(key);
    await page.getByRole('button', { name: 'Create directory' }).click();
    await page.getByRole('heading', { level: 1, name: 'Okta production' }).waitFor();
  }

  for (const { size, scripts } of [
    { size: 'wide', scripts: true },
    { size: 'narrow', scripts: true },
    { size: 'wide', scripts: false },
    { size: 'narrow', scripts: false },
  ] as const) {
    it(`makes a directory, generates, rotates, retires and revokes: ${size}, scripts ${scripts ? 'on' : 'off'}`, async () => {
      const key = `northwind-${size}-${scripts}`;
      const { context, page } = await signIn({ size, scripts });
      await makeDirectory(page, `Northwind ${size} ${scripts}`, key);
      const directory = page.url();
      await page.getByRole('link', { name: 'Generate' }).first().click();
      await page.getByLabel('Label').fill('Okta');
      await page.getByRole('button', { name: 'Generate' }).click();
      const first = await page.locator('.reveal .mono').innerText();
      assert.equal(await verify(key, first), 200);
      await page.getByRole('link', { name: "I've saved it" }).click();
      await page.getByText('Okta is using the new token').first().waitFor();
      await page.goto(directory);
      await page.getByText('Requests are accepted.').first().waitFor();
      await page.getByRole('link', { name: 'Rotate' }).click();
      await page.getByRole('button', { name: 'Generate' }).click();
      const second = await page.locator('.reveal .mono').innerText();
      await page.getByRole('link', { name: "I've saved it" }).click();
      await page.getByText('Waiting for Okta to use the token').first().waitFor();
      assert.deepEqual([await verify(key, first), await verify(key, second)], [200, 200]);
      if (!scripts) await page.reload();
      await page.getByText('Okta is using the new token').first().waitFor();
      await page.getByRole('link', { name: 'Revoke the old one now' }).click();
      await page.getByRole('button', { name: 'Revoke the old one now' }).click();
      await page.waitForURL(directory);
      assert.deepEqual([await verify(key, first), await verify(key, second)], [401, 200]);
      await page.getByRole('link', { name: 'Revoke' }).click();
      await page.getByText('Okta will be refused immediately').first().waitFor();
      await page.getByRole('button', { name: 'Revoke' }).click();
      await page.getByText('No longer connected.').first().waitFor();
      assert.equal(await verify(key, second), 401);
      await context.close();
    });
  }

  it('shows all places of the main navigation, however wide the window is', async () => {
    const { context, page } = await signIn();
    for (const width of [1600, 1180, 1000, 840, 640, 360]) {
      await page.setViewportSize({ width, height: 740 });
      const cut = await page.evaluate<string[]>(
        `[...document.querySelectorAll('header.top nav a')].filter((link) => { const nav = link.parentElement.getBoundingClientRect();
          const box = link.getBoundingClientRect(); return box.right > Math.min(nav.right, innerWidth) + 1 || box.left < nav.left - 1; }).map((link) => link.textContent)`,
      );
      assert.deepEqual(cut, [], `at ${width} px`);
    }
    await context.close();
  });

  it('begins the timeline at today on a phone, without a script too', async () => {
    const { directory } = await makeWorld(app);
    for (const scripts of [true, false]) {
      const { context, page } = await signIn({ size: 'narrow', scripts });
      await page.goto(`${app.url}/dashboard/directories/${directory.id}?period=30`);
      const lane = await page.getByRole('region', { name: /^Timeline/ }).boundingBox();
      const drawing = await page.locator('.timeline .scroll svg').boundingBox();
      assert.ok(lane && drawing && drawing.width > lane.width, 'it is wider than its room');
      assert.ok(Math.abs(drawing.x + drawing.width - (lane.x + lane.width)) < 2, 'its end is what is seen');
      const name = await page.getByText('Refused or failed', { exact: true }).first().boundingBox();
      assert.ok(name && name.x >= 0 && name.x + name.width <= lane.x, 'the lanes are named beside it');
      await context.close();
    }
  });

  it('keeps up by itself while a script runs: the first request shows without a reload', async () => {
    const { context, page } = await signIn();
    await makeDirectory(page, 'Keeps up', 'keeps-up');
    await page.getByRole('link', { name: 'Generate' }).first().click();
    await page.getByRole('button', { name: 'Generate' }).click();
    const token = await page.locator('.reveal .mono').innerText();
    await page.goto(`${app.url}/dashboard/search?q=keeps-up`);
    await page.getByText('Waiting for the first request.').first().waitFor();
    await page.evaluate('window.stays = true');
    await verify('keeps-up', token);
    await page.getByText('Requests are accepted.').first().waitFor();
    assert.equal(await page.evaluate('window.stays'), true);
    await context.close();
  });

  it('asks in a dialog, keeps by Escape and by Keep it enabled, and tells a screen reader what changed', async () => {
    const { context, page } = await signIn();
    await makeDirectory(page, 'Asks', 'asks');
    const directory = page.url();
    await page.getByRole('link', { name: 'Generate' }).first().click();
    await page.getByRole('button', { name: 'Generate' }).click();
    const token = await page.locator('.reveal .mono').innerText();
    await page.goto(directory);
    await verify('asks', token);
    await page.getByRole('status').filter({ hasText: 'Requests are accepted.' }).waitFor({ state: 'attached' });
    const dialog = page.getByRole('dialog', { name: /^Disable the token \(….{4}\)$/ });
    await page.getByRole('link', { name: 'Disable' }).first().click();
    await dialog.getByText('Okta will be refused immediately.').waitFor();
    assert.equal(await page.evaluate('document.activeElement.textContent'), 'Keep it enabled');
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await page.getByRole('link', { name: 'Disable' }).first().click();
    await dialog.getByRole('link', { name: 'Keep it enabled' }).click();
    await dialog.waitFor({ state: 'detached' });
    assert.deepEqual([page.url(), await verify('asks', token)], [directory, 200]);
    await page.getByRole('link', { name: 'Disable' }).first().click();
    await dialog.getByRole('button', { name: 'Disable' }).click();
    await page.getByText("Okta can't connect.").first().waitFor();
    assert.equal(await verify('asks', token), 401);
    await page.getByRole('link', { name: 'Revoke' }).click();
    await page.getByRole('dialog').waitFor();
    await real.check(page, 'the dialog');
    await context.close();
  });

  it('keeps the focus while a part keeps up, and leaves alone what somebody has selected', async () => {
    const { context, page } = await signIn();
    await makeDirectory(page, 'Focus', 'focus');
    const id = page.url().split('/').at(-1) ?? '';
    const { body: issued } = await app.api.post(`/directories/${id}/credentials`, {});
    await page.reload();
    await page.getByRole('link', { name: 'Revoke' }).focus();
    await verify('focus', issued.token);
    await page.getByText('Requests are accepted.').first().waitFor();
    assert.equal(await page.evaluate('document.activeElement.textContent'), 'Revoke');
    await context.close();
  });

  it('sends a form once, however often its button is pressed; and says so when its answer is loaded again', async () => {
    const { context, page } = await signIn();
    await makeDirectory(page, 'Once', 'once');
    const id = page.url().split('/').at(-1) ?? '';
    await page.getByRole('link', { name: 'Generate' }).first().click();
    await page.getByRole('button', { name: 'Generate' }).dblclick();
    const token = await page.locator('.reveal .mono').innerText();
    assert.equal(await verify('once', token), 200);
    await page.reload();
    await page.getByText('You already submitted this form.').waitFor();
    assert.equal((await app.api.get(`/directories/${id}/credentials`)).body.items.length, 1);
    await context.close();
  });

  it('copies a value, and goes to the search with a slash', async () => {
    const { context, page } = await signIn();
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await makeDirectory(page, 'Copies', 'copies');
    await page.getByRole('button', { name: 'Copy SCIM endpoint' }).click();
    assert.equal(await page.evaluate('navigator.clipboard.readText()'), `${app.url}/scim/v2/copies`);
    await page.keyboard.press('/');
    assert.equal(await page.evaluate('document.activeElement.type'), 'search');
    await page.keyboard.type('Copies');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Copies' }).waitFor();
    await context.close();
  });

  it('is walked through by keyboard alone, with the focus to be seen', async () => {
    const { context, page } = await signIn();
    await makeDirectory(page, 'By keyboard', 'by-keyboard');
    for (let step = 0; step < 30; step++) {
      await page.keyboard.press('Tab');
      assert.ok(await hasVisibleFocus(page), await page.evaluate('document.activeElement.outerHTML'));
      if ((await page.evaluate('document.activeElement.textContent')) === 'Generate') break;
    }
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Generate a new token' }).waitFor();
    await context.close();
  });

  it('shows which client secret is in use, warns before it is removed, and knows it when it is pasted', async () => {
    const { context, page } = await signIn();
    const directory = await app.api.makeDirectory({ provider: 'entra', name: 'Northwind Entra' });
    const grantTypes = ['client_credentials'];
    const { body } = await app.api.post('/clients', {
      name: 'Entra ID',
      provider: 'entra',
      directoryId: directory.id,
      grantTypes,
    });
    const { client, clientSecret } = body;
    for (let more = 0; more < 2; more++) await app.api.post(`/clients/${client.id}/secrets`, {});
    const answer = await fetch(`${app.url}/oauth/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${client.id}:${clientSecret}`)}` },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    });
    assert.equal(answer.status, 200);
    app.clock.advance(3 * 60_000);
    const address = `${app.url}/dashboard/clients/${client.id}`;
    const removal = `${address}/secrets/${client.secrets[0].id}/remove`;
    await real.inspect(context, [
      ['client-secrets', address],
      ['client-secret-remove', removal],
      ['client-secrets-setup', `${app.url}/dashboard/directories/${directory.id}/setup/client/secrets`],
    ]);
    await page.goto(address);
    const rows = page.locator('li', { hasText: 'Expires' });
    await rows.first().getByText('Last used 3 minutes ago.').waitFor();
    assert.equal(await rows.getByText('Never used.').count(), 2);
    await rows.first().getByRole('link', { name: 'Remove' }).click();
    await page.getByText('This secret was used 3 minutes ago, from 127.0.0.1.').waitFor();
    await page.getByRole('link', { name: 'Keep it' }).click();
    for (const [name, value, told] of [
      ['check-secret', clientSecret, 'This client secret works.'],
      ['check-client-id', client.id, 'This is a client ID, not a secret.'],
      ['check-unknown-secret', 'scimcs_abc', "We don't recognize this value."],
    ] as const) {
      await page.goto(`${app.url}/dashboard/check-token`);
      await page.getByLabel('Token or client secret, or a full Authorization header').fill(value);
      await page.getByRole('button', { name: 'Check' }).click();
      await page.getByText(told).waitFor();
      await real.check(page, name);
    }
    await context.close();
  });

  it('looks finished on each page, to people and to axe', async () => {
    const { context, page } = await signIn();
    await real.inspect(context, [['organizations', `${app.url}/dashboard/organizations`]]);
    await makeDirectory(page, 'Northwind Traders', 'northwind-okta');
    const directory = page.url();
    const id = directory.split('/').at(-1) ?? '';
    await real.inspect(context, [['directory-empty', directory]]);
    const { body: issued } = await app.api.post(`/directories/${id}/credentials`, { label: 'Okta' });
    for (let turn = 0; turn < 40; turn++) await verify('northwind-okta', issued.token);
    for (let turn = 0; turn < 3; turn++) await verify('northwind-okta', `${issued.token.slice(0, -3)}abc`, 'curl/8');
    await app.api.post(`/directories/${id}/rotate`, { mode: 'overlap', retire: 'when-replaced' });
    const broken = await app.api.makeDirectory({ provider: 'okta', name: 'Okta test' });
    const { token: revoked, credential } = await app.api.issue(broken.id);
    await verify(broken.id, revoked);
    await app.api.post(`/credentials/${credential.id}/revoke`, { force: true });
    app.clock.advance(1000);
    for (let turn = 0; turn < 5; turn++) await verify(broken.id, revoked);
    await verify('nobody-knows', 'scim_x');
    await flush(app);
    const { body: client } = await app.api.post('/clients', {
      name: 'Okta Integration Network',
      provider: 'okta',
      appName: 'acme_scim_1',
    });
    const organizationId =
      issued.credential.organizationId ?? (await app.api.get(`/directories/${id}`)).body.organizationId;
    const colleague = await app.app.operators.create(
      { name: 'Grace Hopper', email: 'grace@vendor.example', role: 'admin' },
      { actor: { type: 'system', name: 'test' }, source: 'system' },
    );
    const pages: [string, string][] = [
      ['organization', `/organizations/${organizationId}`],
      ['directory', `/directories/${id}`],
      ['directory-then', `/directories/${id}?period=1&at=${new Date().toISOString().slice(0, 16)}`],
      ['directory-refused', `/directories/${broken.id}`],
      ['ticket', `/directories/${broken.id}/ticket`],
      ['request-log', `/directories/${id}/requests`],
      ['findings', '/findings'],
      ['refused-of-nobody', '/refused'],
      ['check-token', '/check-token'],
      ['rotate', `/directories/${id}/rotate`],
      ['revoke', `/credentials/${issued.credential.id}/revoke`],
      ['clients', '/clients'],
      ['client', `/clients/${client.client.id}`],
      ['client-new', '/clients/new'],
      ['audit', '/audit'],
      ['settings', '/settings'],
      ['api-keys', '/api-keys'],
      ['operators', '/operators'],
      ['operator', `/operators/${colleague.id}`],
      ['setup', `/directories/${id}/setup/bearer`],
      ['account', '/account?second-factor'],
      ['search-nothing', '/search?q=nothing'],
      ['not-found', '/directories/dir_nothing'],
    ];
    await real.inspect(
      context,
      pages.map(([name, path]) => [name, `${app.url}/dashboard${path}`]),
    );
    const nobody = await real.visitor();
    await real.inspect(nobody, [
      ['sign-in', `${app.url}/dashboard/sign-in`],
      ['api-reference', `${app.url}/api/docs`],
      ['sign-in-link', await makeSignInLink(app)],
      ['sign-in-link-over', `${app.url}/dashboard/enter/lks_unknown`],
    ]);
    await nobody.close();
    await context.close();
  });
});
