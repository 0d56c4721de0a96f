/** What changes while a message waits: names, people, secrets, the webhook itself, and the mail server's mood. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { Webhook } from 'standardwebhooks';
import type { Answer } from '../support/api.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { createBrowserSession } from '../support/browser-session.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../support/clock.ts';
import { type MailServer, startMailServer } from '../support/mail-server.ts';
import { answer, type Received, type Receiver, startReceiver } from '../support/webhook-receiver.ts';

const ROUNDS = ['recovery', 'notices', 'deliveries'];

describe('while a message waits', () => {
  let app: TestApp;
  let server: MailServer;
  let receiver: Receiver;

  before(async () => {
    server = await startMailServer();
    receiver = await startReceiver();
    app = await startApp({ env: { ...server.env, LATCHKEY_LEASE_MS: '0' } });
  });
  after(async () => {
    await app.close();
    await receiver.close();
    await server.close();
  });
  beforeEach(() => {
    server.mails.length = 0;
    receiver.received.length = 0;
    receiver.answers(answer(204));
  });

  async function run(): Promise<void> {
    for (const name of ROUNDS) await app.app.rounds.find((round) => round.name === name)?.run();
    await app.app.settled();
  }
  async function pass(ms: number, stepMs: number = ms): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      app.clock.advance(stepMs);
      await run();
    }
  }
  async function addContact(organizationId: string | null, email: string, kinds: string[]): Promise<Answer> {
    const { status, body } = await app.api.post('/contacts', { organizationId, name: email, email, kinds });
    assert.equal(status, 201, JSON.stringify(body));
    const link = /http\S+\/portal\/contact\/\S+/.exec(server.mails.findLast(({ to }) => to === email)?.text ?? '')?.[0];
    const browser = createBrowserSession(app.url);
    await browser.submit(await browser.open(link ?? ''), {});
    return body;
  }
  const mailsTo = (email: string) => server.mails.filter(({ to }) => to === email).slice(1);
  const inDays = (days: number) => new Date(app.clock.now().getTime() + days * DAY).toISOString();
  const addWebhook = async (path: string): Promise<Answer> =>
    (await app.api.post('/webhooks', { url: receiver.url + path, events: ['organization.created'] })).body;
  const create = async (name: string): Promise<Answer> => {
    const { body } = await app.api.post('/organizations', { name });
    await app.app.settled();
    return body;
  };
  const isSignedBy = (secret: string, { headers, body }: Received) => {
    const at = new Date(Number(headers['webhook-timestamp']) * 1000);
    const wanted = new Webhook(secret).sign(headers['webhook-id'] ?? '', at, body);
    return (headers['webhook-signature'] ?? '').split(' ').includes(wanted);
  };

  it('a new name of an organization or directory changes nothing of when and whom, and the link still leads there', async () => {
    const directory = await app.api.makeDirectory({ name: 'Okta old' });
    const { organizationId } = directory;
    await addContact(organizationId, 'it@renamed.example', ['changes']);
    await pass(2 * HOUR, HOUR);
    server.mails.length = 1;
    await app.api.post(`/directories/${directory.id}/disable`);
    await app.app.settled();
    await app.api.patch(`/organizations/${organizationId}`, { name: 'Renamed Traders' });
    await app.api.patch(`/directories/${directory.id}`, { name: 'Okta new' });
    await app.app.settled();
    await pass(4 * MINUTE, 2 * MINUTE);
    const texts = mailsTo('it@renamed.example').map(({ text }) => text);
    assert.equal(texts.length, 1);
    assert.match(texts[0] ?? '', /3 things happened/);
    // A change is told by the name that it happened under; the change of the name is told with it.
    assert.match(texts[0] ?? '', /Okta old.*directory was disabled/);
    await app.api.post(`/directories/${directory.id}/enable`);
    await app.app.settled();
    await pass(2 * HOUR, HOUR);
    const last = mailsTo('it@renamed.example').at(-1)?.text ?? '';
    assert.match(last, /Okta new[\s\S]*Renamed Traders/);
    assert.match(last, new RegExp(`/portal/directories/${directory.id}`));
  });

  it('a contact who wants no more of a kind gets no more of it, and what is urgent all the same', async () => {
    const directory = await app.api.makeDirectory();
    const { organizationId } = directory;
    const contact = await addContact(organizationId, 'it@unsubscribed.example', ['changes', 'failing']);
    await app.api.post(`/directories/${directory.id}/disable`);
    await app.app.settled();
    await app.api.patch(`/contacts/${contact.id}`, { kinds: ['failing'] });
    await pass(2 * HOUR, HOUR);
    assert.deepEqual(mailsTo('it@unsubscribed.example'), []);
    const { items } = (await app.api.get(`/deliveries?organizationId=${organizationId}`)).body;
    const mine = items.filter(({ webhookId }: Answer) => webhookId === contact.id);
    assert.ok(mine.length > 0);
    for (const { state, lastAttempt } of mine)
      assert.deepEqual([state, lastAttempt.reason], ['failed', 'the contact no longer gets these notices']);
    // An end in seven days is for all of them, whatever they chose.
    await app.api.post(`/directories/${directory.id}/enable`);
    await app.api.issue(directory.id, { expiresAt: inDays(8) });
    await app.app.settled();
    await pass(2 * DAY, DAY);
    assert.match(mailsTo('it@unsubscribed.example')[0]?.subject ?? '', /expires in 7 days/);
  });

  it('a contact who is removed gets nothing, also not what had failed before', async () => {
    const directory = await app.api.makeDirectory();
    const contact = await addContact(directory.organizationId, 'it@removed.example', ['ending']);
    await app.api.issue(directory.id, { expiresAt: inDays(8) });
    await app.app.settled();
    server.fails(451);
    await pass(DAY + MINUTE);
    await app.api.delete(`/contacts/${contact.id}`);
    server.fails(undefined);
    await pass(DAY, HOUR);
    assert.deepEqual(mailsTo('it@removed.example'), []);
  });

  it('a mail server that refuses everybody for a day delays each email, and loses and doubles none', async () => {
    const directory = await app.api.makeDirectory();
    await addContact(directory.organizationId, 'it@patient.example', ['ending', 'changes']);
    await pass(2 * HOUR, HOUR);
    server.mails.length = 1;
    await app.api.issue(directory.id, { label: 'first', expiresAt: inDays(8) });
    await app.api.issue(directory.id, { label: 'second', expiresAt: inDays(8) });
    await app.app.settled();
    server.fails(451);
    await pass(DAY + 30 * MINUTE, 30 * MINUTE);
    await pass(DAY, 30 * MINUTE);
    assert.deepEqual(mailsTo('it@patient.example'), []);
    server.fails(undefined);
    await pass(DAY, 30 * MINUTE);
    const texts = mailsTo('it@patient.example').map(({ subject, text }) => subject + text);
    for (const label of ['first', 'second'])
      assert.equal(texts.filter((text) => text.includes(`(${label})`)).length, 1, texts.join('\n'));
    assert.equal(texts.filter((text) => text.includes('2 things happened')).length, 1, texts.join('\n'));
    const { items } = (await app.api.get('/contacts?limit=200')).body;
    assert.equal(items.find(({ email }: Answer) => email === 'it@patient.example').state, 'confirmed');
  });

  it('a webhook that is deleted gets nothing of what waited, and one answer too late changes nothing', async () => {
    receiver.answers((request, response) => answer(request.path === '/waits' ? 500 : 204)(request, response));
    const { webhook: waits } = await addWebhook('/waits');
    const { webhook: slow } = await addWebhook('/slow');
    let late: (() => void) | undefined;
    receiver.answers((request, response) => {
      if (request.path === '/slow') late = () => answer(204)(request, response);
      else answer(500)(request, response);
    });
    await app.api.post('/organizations', { name: 'in flight' });
    while (!late || receiver.received.length < 2) await new Promise((resolve) => setImmediate(resolve));
    for (const { id } of [waits, slow]) assert.equal((await app.api.delete(`/webhooks/${id}`)).status, 204);
    late();
    await app.app.settled();
    receiver.received.length = 0;
    await pass(2 * DAY, 6 * HOUR);
    assert.deepEqual(receiver.received, []);
    const { items } = (await app.api.get('/deliveries?limit=200')).body;
    assert.deepEqual(
      items.filter(({ webhookId }: Answer) => webhookId === waits.id || webhookId === slow.id),
      [],
    );
    assert.doesNotMatch(app.log(), /could not be tried/);
    assert.equal((await app.app.notifications.measure()).oldestDueSeconds, 0);
  });

  it('a secret that is rotated signs the retry, next to the ones that a receiver may still have', async () => {
    const { webhook, secret: first } = await addWebhook('/rotated');
    receiver.answers(answer(500));
    await create('before the rotation');
    assert.ok(isSignedBy(first, receiver.received[0] as Received));
    const rotate = async (previousEndsInSeconds?: number): Promise<string> =>
      (
        await app.api.post(`/webhooks/${webhook.id}/rotate-secret`, {
          ...(previousEndsInSeconds !== undefined && { previousEndsInSeconds }),
        })
      ).body.secret;
    const second = await rotate();
    await pass(6 * SECOND);
    // Somebody lost the second one before the receiver had it.
    const third = await rotate();
    await pass(10 * MINUTE);
    const retried = receiver.received.at(-1) as Received;
    assert.ok([first, second, third].every((secret) => isSignedBy(secret, retried)));
    assert.equal(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size, 1);
    // The first one ends a day after the first rotation.
    await pass(DAY + MINUTE);
    assert.deepEqual(
      [first, second, third].map((secret) => isSignedBy(secret, receiver.received.at(-1) as Received)),
      [false, false, true],
    );
    // One that leaked ends at once, and whatever was before it.
    await rotate();
    const last = await rotate(0);
    receiver.answers(answer(204));
    await pass(DAY);
    const signatures = receiver.received.at(-1)?.headers['webhook-signature']?.split(' ') ?? [];
    assert.equal(signatures.length, 1);
    assert.ok(isSignedBy(last, receiver.received.at(-1) as Received));
    await app.api.delete(`/webhooks/${webhook.id}`);
  });

  it('retrying all at once means each of them, however many there are', async () => {
    const { webhook } = await addWebhook('/many');
    receiver.answers(answer(500));
    for (let n = 0; n < 250; n++) await app.api.post('/organizations', { name: `customer ${n}` });
    await app.app.settled();
    assert.equal(await app.app.notifications.retryNow(webhook.id), 250);
    receiver.answers(answer(204));
    receiver.received.length = 0;
    await pass(SECOND);
    await pass(SECOND);
    assert.equal(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size, 250);
    await app.api.delete(`/webhooks/${webhook.id}`);
  });

  it('fifty contacts are what one organization or the vendor can have, and each of them is told', async () => {
    const directory = await app.api.makeDirectory();
    const { organizationId } = directory;
    const emails = Array.from({ length: 52 }, (_, index) => `it${index}@many.example`);
    for (let hour = 0; hour < 5; hour++) {
      for (const email of emails.slice(hour * 10, hour * 10 + 10)) await addContact(organizationId, email, ['ending']);
      app.clock.advance(HOUR);
    }
    const more = await app.api.post('/contacts', { organizationId, name: 'one more', email: emails[50] });
    assert.deepEqual([more.status, more.body.code, more.body.most], [409, 'contacts_full', 50]);
    const { url } = (await app.api.post('/portal-links', { organizationId })).body;
    const browser = createBrowserSession(app.url);
    await browser.submit(await browser.open(url), {});
    const page = await browser.open(`${app.url}/portal/contacts`);
    const refused = await browser.submit(page, { name: 'Lee', email: emails[51] ?? '', kind_failing: 'on' });
    assert.equal(refused.status, 409);
    assert.match(refused.html, /The maximum number of contacts has been reached/);
    await app.api.issue(directory.id, { expiresAt: inDays(8) });
    await app.app.settled();
    await pass(DAY + HOUR, HOUR);
    assert.deepEqual(
      emails.filter((email) => mailsTo(email).length === 1),
      emails.slice(0, 50),
    );
  });

  it('more contacts than there may be, added at the same moment, are all told', async () => {
    const add = (index: number) =>
      app.api.post('/contacts', {
        organizationId: null,
        name: `on call ${index}`,
        email: `oncall${index}@acme.example`,
        kinds: ['changes'],
      });
    const replies = [];
    for (let index = 0; index < 45; index++) replies.push(await add(index));
    app.clock.advance(HOUR);
    replies.push(...(await Promise.all(Array.from({ length: 10 }, (_, index) => add(45 + index)))));
    const added = replies.filter(({ status }) => status === 201).map(({ body }) => body.email);
    assert.ok(added.length >= 50, `${added.length}`);
    for (const { to, text } of [...server.mails]) {
      const link = /http\S+\/portal\/contact\/\S+/.exec(text)?.[0];
      const browser = createBrowserSession(app.url);
      if (added.includes(to) && link) await browser.submit(await browser.open(link), {});
    }
    server.mails.length = 0;
    await create('told to all');
    await pass(2 * MINUTE);
    assert.deepEqual(server.mails.map(({ to }) => to).sort(), added.sort());
  });
});

describe('an end 400 days ahead', () => {
  it('is told of at its stages, each once, and not before', async (t) => {
    const server = await startMailServer();
    const app = await startApp({ env: { ...server.env, LATCHKEY_LEASE_MS: '0' } });
    t.after(async () => {
      await app.close();
      await server.close();
    });
    await app.api.post('/operators', { name: 'Dana', email: 'dana@acme.example', role: 'owner' });
    const directory = await app.api.makeDirectory();
    const expiresAt = new Date(app.clock.now().getTime() + 400 * DAY).toISOString();
    await app.api.issue(directory.id, { label: 'long', expiresAt });
    await app.app.settled();
    const told: string[] = [];
    for (let day = 1; day <= 401; day++) {
      app.clock.advance(DAY);
      for (const name of [...ROUNDS, 'retention']) await app.app.rounds.find((round) => round.name === name)?.run();
      await app.app.settled();
      told.push(...server.mails.splice(0).map(({ subject }) => `${day}: ${/expires in \d+ days?/.exec(subject)?.[0]}`));
    }
    // What can wait gathers for a minute, and goes out in the next round: a day later here.
    assert.deepEqual(told, [
      '371: expires in 30 days',
      '387: expires in 14 days',
      '393: expires in 7 days',
      '399: expires in 1 day',
    ]);
  });
});
