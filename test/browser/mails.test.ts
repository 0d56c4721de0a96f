/** Each kind of email as people see it. With LATCHKEY_TEST_PICTURES they are drawn to artifacts/screens/mail-*.png. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { startApp } from '../support/app.ts';
import { startBrowser } from '../support/browser.ts';
import { createBrowserSession } from '../support/browser-session.ts';
import { DAY, HOUR, MINUTE } from '../support/clock.ts';
import { startMailServer } from '../support/mail-server.ts';

const ROUNDS = ['usage', 'denials', 'traffic', 'findings', 'campaigns', 'recovery', 'notices', 'deliveries'];

it('emails look finished', async (t) => {
  const real = await startBrowser();
  if (!real) return t.skip('no chromium');
  const server = await startMailServer();
  const app = await startApp({ env: { ...server.env, LATCHKEY_LEASE_MS: '0', LATCHKEY_SUPPORT: 'help@acme.example' } });
  t.after(async () => {
    await real.close();
    await app.close();
    await server.close();
  });
  async function pass(ms: number, steps = 1): Promise<void> {
    for (let step = 0; step < steps; step++) {
      app.clock.advance(ms / steps);
      for (const name of ROUNDS) await app.app.rounds.find((round) => round.name === name)?.run();
      await app.app.settled();
    }
  }
  const directory = await app.api.makeDirectory();
  const { organizationId, endpointKey } = directory;
  await app.api.post('/contacts', { organizationId, name: 'Priya', email: 'priya@contoso.example' });
  const link = /http\S+\/portal\/contact\/\S+/.exec(server.mails.at(-1)?.text ?? '')?.[0] ?? '';
  const browser = createBrowserSession(app.url);
  await browser.submit(await browser.open(link), {});
  const expiresAt = new Date(app.clock.now().getTime() + 8 * DAY).toISOString();
  const { token, credential } = await app.api.issue(directory.id, { label: 'Okta 2026', expiresAt });
  const request = () =>
    fetch(`${app.url}/auth/verify?directory=${endpointKey}`, {
      headers: { authorization: `Bearer ${token}`, 'user-agent': 'Okta SCIM Client 1.0.0' },
    });
  await request();
  await pass(2 * MINUTE, 2);
  await app.api.post('/campaigns', { name: 'Okta', goal: 'oauth', filter: { organizationId } });
  await pass(MINUTE);
  await pass(2 * DAY, 4);
  for (const verb of ['disable', 'enable', 'disable']) await app.api.post(`/directories/${directory.id}/${verb}`);
  await app.api.post(`/directories/${directory.id}/enable`);
  await pass(2 * HOUR, 4);
  await app.api.post(`/credentials/${credential.id}/revoke`, { force: true });
  for (let count = 0; count < 3; count++) await request();
  await pass(MINUTE, 3);

  const kinds: [name: string, subject: RegExp][] = [
    ['mail-confirm', /Confirm your email address/],
    ['mail-campaign', /Connect your identity provider with OAuth/],
    ['mail-ending', /expires in 7 days|expires in 6 days/],
    ['mail-digest', /\d+ things happened/],
    ['mail-failing', /Requests from Okta are being refused/],
  ];
  const context = await real.visitor();
  const pages = kinds.map(([name, subject]): [string, string] => {
    const mail = server.mails.find((one) => subject.test(one.subject));
    assert.ok(mail, `${name}: ${server.mails.map((one) => one.subject).join(' | ')}`);
    return [name, `data:text/html;charset=utf-8;base64,${Buffer.from(mail.html).toString('base64')}`];
  });
  await real.inspect(context, pages);
  await context.close();
});
