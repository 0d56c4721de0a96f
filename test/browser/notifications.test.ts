/** The pages of webhooks and contacts: what people do there, and how they look. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startApp, type TestApp } from '../support/app.ts';
import { type RealBrowser, startBrowser } from '../support/browser.ts';
import { createBrowserSession } from '../support/browser-session.ts';
import { HOUR } from '../support/clock.ts';
import { type MailServer, startMailServer } from '../support/mail-server.ts';
import { makeSignInLink, signInOperator } from '../support/operator-browser.ts';
import { answer, type Receiver, startReceiver } from '../support/webhook-receiver.ts';

describe('the pages of notifications', () => {
  let app: TestApp;
  let receiver: Receiver;
  let mails: MailServer;

  before(async () => {
    [receiver, mails] = [await startReceiver(), await startMailServer()];
    app = await startApp({ env: { ...mails.env, LATCHKEY_LEASE_MS: '0' } });
  });
  after(async () => {
    await app.close();
    await receiver.close();
    await mails.close();
  });

  it('let an operator add a webhook, see what failed, send it again, and switch it off', async () => {
    const operator = await signInOperator(app);
    const secretPage = await operator.send('/notifications', {
      url: `${receiver.url}/hook`,
      kind: 'webhook',
      events: 'organization.*',
    });
    assert.match(secretPage.html, /whsec_[A-Za-z0-9+/]{43}=/);
    const [webhook] = (await app.api.get('/webhooks')).body.items;
    receiver.answers(answer(500, { 'content-type': 'text/plain' }, 'upstream <connect> error'));
    await app.api.post('/organizations', { name: 'Contoso' });
    await app.app.settled();
    const failing = await operator.open(`/notifications/${webhook.id}`);
    assert.match(failing.html, /1 delivery is<\/b>|1 delivery is waiting for a retry\./);
    assert.match(failing.html, /upstream &lt;connect> error/);
    assert.doesNotMatch(failing.html, /whsec_/);
    receiver.answers(answer(204));
    await operator.send(`/notifications/${webhook.id}/retry`);
    await app.app.settled();
    assert.match((await operator.open(`/notifications/${webhook.id}`)).html, /Deliveries work\./);
    const [{ id }] = (await app.api.get(`/deliveries?webhookId=${webhook.id}`)).body.items;
    await operator.send(`/notifications/${webhook.id}/resend`, { delivery: id });
    await app.app.settled();
    assert.equal(receiver.received.length, 3);
    assert.equal(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size, 1);
    await operator.send(`/notifications/${webhook.id}/disable`);
    assert.match((await operator.open(`/notifications/${webhook.id}`)).html, /This webhook is off\./);
    await operator.send(`/notifications/${webhook.id}/enable`);
  });

  it('show the delivery that was asked for, wherever it stands, and no other webhook’s', async () => {
    const operator = await signInOperator(app);
    receiver.answers(answer(204));
    const add = async (path: string) =>
      (await app.api.post('/webhooks', { url: receiver.url + path, events: ['organization.created'] })).body.webhook;
    const webhook = await add('/long');
    for (let n = 0; n < 25; n++) await app.api.post('/organizations', { name: `customer ${n}` });
    const other = await add('/other');
    await app.api.post('/organizations', { name: 'the last' });
    await app.app.settled();
    const deliveriesTo = async (id: string) => (await app.api.get(`/deliveries?webhookId=${id}&limit=100`)).body.items;
    const oldest = (await deliveriesTo(webhook.id)).at(-1);
    const pageOf = async (id: string, query: string) => (await operator.open(`/notifications/${id}${query}`)).html;
    assert.match(
      await pageOf(webhook.id, `?delivery=${oldest.id}`),
      new RegExp(`Attempt 1 of 10: (?:<!-- -->)?${oldest.eventId}`),
    );
    const [foreign] = await deliveriesTo(other.id);
    for (const id of [foreign.id, 'msg_gone'])
      assert.doesNotMatch(await pageOf(webhook.id, `?delivery=${id}`), /id="attempt"/);
    for (const { id } of [webhook, other]) await app.api.delete(`/webhooks/${id}`);
  });

  it('say what is wrong with a form, and let viewers look alone', async () => {
    const operator = await signInOperator(app);
    const wrong = await operator.send('/notifications', { url: receiver.url, kind: 'webhook', events: 'dsync.tokens' });
    assert.equal(wrong.status, 400);
    assert.match(wrong.html, /You entered dsync\.tokens/);
    const viewer = await signInOperator(app, 'viewer');
    assert.equal((await viewer.open('/notifications')).status, 200);
    assert.equal((await viewer.send('/notifications', { url: receiver.url, kind: 'webhook' })).status, 403);
  });

  it('ask a contact by email, and show who has confirmed', async () => {
    const operator = await signInOperator(app);
    await operator.send('/notifications/contacts', { name: 'On call', email: 'oncall@acme.example' });
    assert.match((await operator.open('/notifications')).html, /oncall@acme\.example[\s\S]*|not confirmed yet/);
    assert.deepEqual(
      mails.mails.map(({ to }) => to),
      ['oncall@acme.example'],
    );
  });

  it('let an IT contact name colleagues of their own organization alone', async () => {
    const [own, other] = [await app.api.makeDirectory(), await app.api.makeDirectory()];
    const { body: foreign } = await app.api.post('/contacts', {
      organizationId: other.organizationId,
      name: 'Eve',
      email: 'eve@other.example',
    });
    const { url } = (await app.api.post('/portal-links', { organizationId: own.organizationId })).body;
    const browser = createBrowserSession(app.url);
    await browser.submit(await browser.open(url), {});
    const page = await browser.open(`${app.url}/portal/contacts`);
    assert.match(page.html, /No contacts have confirmed their email address yet\./);
    await browser.submit(page, { name: 'Priya', email: 'priya@own.example', kind_failing: 'on' });
    const { items } = (await app.api.get(`/contacts?organizationId=${own.organizationId}`)).body;
    assert.deepEqual(
      [items[0].email, items[0].kinds, items[0].createdBy.type],
      ['priya@own.example', ['failing'], 'it_contact'],
    );
    assert.doesNotMatch((await browser.open(`${app.url}/portal/contacts`)).html, /eve@other/);
    const refused = await browser.submit({ ...page, url: `${app.url}/portal/contacts/${foreign.id}/remove` }, {});
    assert.equal(refused.status, 404);
  });

  it('look finished, to people and to axe', async (t) => {
    const real: RealBrowser | undefined = await startBrowser();
    if (!real) return t.skip('no chromium');
    const directory = await app.api.makeDirectory();
    const { webhook } = (await app.api.post('/webhooks', { url: `${receiver.url}/latchkey` })).body;
    const { credential } = await app.api.issue(directory.id, { label: 'Okta 2026' });
    await app.app.settled();
    receiver.answers(answer(500, { 'content-type': 'text/plain' }, 'upstream connect error'));
    await app.api.post(`/credentials/${credential.id}/disable`);
    await app.app.settled();
    app.clock.advance(HOUR);
    await app.app.notifications.run();
    await app.app.settled();
    const context = await real.visitor();
    const page = await context.newPage();
    await page.goto(await makeSignInLink(app));
    await page.click('button[type=submit]');
    await page.waitForURL(/dashboard/);
    const link = /http\S+\/portal\/contact\/\S+/.exec(mails.mails.at(-1)?.text ?? '')?.[0] ?? '';
    await real.inspect(context, [
      ['notifications', `${app.url}/dashboard/notifications`],
      ['webhook', `${app.url}/dashboard/notifications/${webhook.id}`],
      ['webhook-delete', `${app.url}/dashboard/notifications/${webhook.id}/delete`],
      ['contacts', `${app.url}/dashboard/organizations/${directory.organizationId}/contacts`],
      ['contact-confirm', link],
    ]);
    const { url } = (await app.api.post('/portal-links', { organizationId: directory.organizationId })).body;
    await page.goto(url);
    await page.click('button[type=submit]');
    await page.waitForURL(/portal$/);
    await real.inspect(context, [['portal-contacts', `${app.url}/portal/contacts`]]);
    await context.close();
    await real.close();
  });
});
