/** Passkeys in a real browser, whose authenticator is Chromium's virtual one. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Secret, TOTP } from 'otpauth';
import { runApp, startApp } from '../support/app.ts';
import { type BrowserContext, type Page, type RealBrowser, startBrowser } from '../support/browser.ts';
import { makeSignInLink } from '../support/operator-browser.ts';

const CAUSE = { actor: { type: 'system' as const, name: 'test' }, source: 'system' as const };

const started = await startBrowser();

describe('passkeys', { skip: started === undefined }, () => {
  const browser = started as RealBrowser;
  const app = runApp({ hostname: 'localhost' });
  let context: BrowserContext;
  let page: Page;
  before(async () => {
    context = await browser.visitor();
    page = await context.newPage();
    await plugIn(page);
  });
  after(async () => {
    await browser.close();
  });

  /** A platform authenticator with a finger on it. */
  async function plugIn(to: Page) {
    const session = await to.context().newCDPSession(to);
    await session.send('WebAuthn.enable');
    const { authenticatorId } = await session.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    });
    return {
      verifies: (isUserVerified: boolean) =>
        session.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified }),
    };
  }

  const operator = async () =>
    (await app.app.operators.page({ limit: 10 })).items.find(({ name }) => name === 'Dana Ruiz') ?? assert.fail();
  const at = (path: string) => `${app.url}/dashboard${path}`;
  async function signOut() {
    // A challenge is answered only if it is newer than the last one that was.
    app.clock.advance(1000);
    await page.goto(at('/account'));
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.waitForURL(at('/sign-in'));
  }

  it('are added with a name, and bring recovery codes, shown once', async () => {
    await page.goto(await makeSignInLink(app));
    await page.getByRole('button', { name: 'Sign in' }).click();
    // There a banner says that the next sign-in needs another link, and leads on.
    await page.waitForURL(at('/organizations'));
    await page.goto(at('/account'));
    const form = page.locator('#passkeys form');
    await form.getByLabel('Name').fill('Laptop');
    await form.getByRole('button', { name: 'Add a passkey' }).click();
    await page.getByRole('heading', { name: 'Your recovery codes' }).waitFor();
    assert.equal(await page.locator('.codes li').count(), 10);
    await browser.check(page, 'recovery codes');
    await page.getByRole('link', { name: "I've saved them" }).click();
    assert.match(await page.locator('#passkeys').innerText(), /Laptop[\s\S]*not used yet/);
    assert.match(await page.locator('#recovery-codes').innerText(), /10 codes left/);
    const { passkeys = [] } = await operator();
    assert.deepEqual(
      passkeys.map(({ name }) => name),
      ['Laptop'],
    );
    const again = page.locator('#passkeys form');
    await again.getByLabel('Name').fill('The same once more');
    await again.getByRole('button', { name: 'Add a passkey' }).click();
    await again.getByText('This device has a passkey of yours already.').waitFor();
  });

  it('sign in alone, to where one wanted to go', async () => {
    await signOut();
    await page.goto(at('/audit'));
    await browser.check(page, 'sign-in with a passkey');
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await page.waitForURL(at('/audit'));
    assert.ok((await operator()).passkeys?.[0]?.lastUsedAt);
    const { body } = await app.api.get('/events?type=operator.signed_in&limit=1');
    assert.equal(body.items[0].data.by, 'passkey');
  });

  it('are asked for after a sign-in link, and after the password', async () => {
    const { id } = await operator();
    await app.app.operators.change(id, { email: 'dana@example.com' }, CAUSE);
    await app.app.operators.setPassword(id, 'correct horse battery staple', CAUSE);
    app.clock.advance(1000);
    const { secret } = await app.app.operators.createLink(id, CAUSE);
    await page.goto(at(`/enter/${secret}`));
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: "Confirm that it's you" }).waitFor();
    assert.equal((await app.app.operators.sessionsOf(id)).length, 0, 'no session yet');
    await browser.check(page, 'second step');
    await page.getByRole('button', { name: 'Use a passkey' }).click();
    await page.waitForURL(/organizations/);
    await signOut();
    await page.getByLabel('Email').fill('dana@example.com');
    await page.getByLabel('Password').fill('correct horse battery staple');
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByRole('button', { name: 'Use a passkey' }).click();
    await page.waitForURL(/organizations/);
  });

  it('work next to an authenticator app; the only second factor cannot be removed', async () => {
    const { id } = await operator();
    await signOut();
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await page.waitForURL(/organizations/);
    const remove = async () => {
      await page.goto(at('/account'));
      await page.locator('#passkeys').getByRole('link', { name: 'Remove' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    };
    await remove();
    await page.getByText('This is your only second factor.').waitFor();
    await page.goto(at('/account'));
    await page.locator('#passkeys').getByRole('link', { name: 'Rename' }).click();
    await page.getByRole('textbox', { name: 'Name' }).fill('Old laptop');
    await page.getByRole('button', { name: 'Rename' }).click();
    await page.locator('#passkeys').getByText('Old laptop').waitFor();
    const { secret } = app.app.operators.proposeTotp(await operator());
    const code = () =>
      new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: app.clock.now().getTime() });
    assert.equal(
      await app.app.operators.confirmTotp(id, { secret, code: code() }, CAUSE),
      undefined,
      'codes are there',
    );
    await remove();
    await page.waitForURL(at('/account'));
    await page.getByText('You enter its code').waitFor();
    assert.deepEqual((await operator()).passkeys, []);
    await signOut();
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await page.getByText('That passkey doesn').waitFor();
    await page.getByLabel('Email').fill('dana@example.com');
    await page.getByLabel('Password').fill('correct horse battery staple');
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByLabel('Authenticator code').fill('000000');
    await page.getByRole('button', { name: 'Confirm' }).first().click();
    await page.getByText('Wrong code or passkey. Try again.').waitFor();
    app.clock.advance(60_000);
    await page.getByLabel('Authenticator code').fill(code());
    await page.getByRole('button', { name: 'Confirm' }).first().click();
    await page.waitForURL(/organizations/);
  });

  it('that others answered for, answered before, or without asking for the person are refused', async () => {
    const other = await browser.visitor();
    const tab = await other.newPage();
    const { verifies } = await plugIn(tab);
    const link = await makeSignInLink(app, 'admin');
    await tab.goto(link);
    await tab.getByRole('button', { name: 'Sign in' }).click();
    await tab.waitForURL(at('/organizations'));
    await tab.goto(at('/account'));
    await tab.locator('#passkeys form').getByLabel('Name').fill('Phone');
    await tab.getByRole('button', { name: 'Add a passkey' }).click();
    await tab.getByRole('link', { name: "I've saved them" }).click();
    await tab.getByRole('button', { name: 'Sign out' }).click();
    let sent = '';
    tab.on('request', (request) => {
      if (request.url().endsWith('/sign-in/passkey') && request.method() === 'POST') sent = request.postData() ?? '';
    });
    await tab.goto(at('/sign-in'));
    await tab.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await tab.waitForURL(/organizations/);
    const given = new URLSearchParams(sent);
    const send = async (answer: string, sealed: string) => {
      const response = await fetch(at('/sign-in/passkey'), {
        method: 'POST',
        redirect: 'manual',
        headers: { origin: app.url, 'sec-fetch-site': 'same-origin' },
        body: new URLSearchParams({ answer, sealed }),
      });
      return response.status;
    };
    const [answer, sealed] = [given.get('answer') ?? '', given.get('sealed') ?? ''];
    assert.equal(await send(answer, sealed), 401, 'it was answered before');
    const html = await (await fetch(at('/sign-in'))).text();
    const [, fresh = ''] = /name="sealed" value="([^"]+)"/.exec(html) ?? [];
    assert.equal(await send(answer, fresh), 401, 'it answers another question');
    for (const forged of [
      '',
      '{}',
      '[]',
      'null',
      '{"response":null}',
      '{"response":{"userHandle":7}}',
      'x'.repeat(40_000),
    ])
      assert.equal(await send(forged, fresh), 401, forged.slice(0, 40));
    await verifies(false);
    await tab.goto(at('/account'));
    await tab.getByRole('button', { name: 'Sign out' }).click();
    await tab.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await tab.getByText('No passkey was given.').waitFor();
  });
});

describe('passkeys where browsers make none', () => {
  it('are not offered: the public URL is an address', async () => {
    const app = await startApp();
    const html = await (await fetch(`${app.url}/dashboard/sign-in`)).text();
    assert.doesNotMatch(html, /passkey/i);
    await app.close();
  });
});
