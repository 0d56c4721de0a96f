import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { createBrowserSession } from '../support/browser-session.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../support/clock.ts';
import { type MailServer, startMailServer } from '../support/mail-server.ts';
import { answer, startReceiver } from '../support/webhook-receiver.ts';

const ROUNDS = ['usage', 'denials', 'traffic', 'findings', 'due credentials', 'recovery', 'notices', 'deliveries'];

describe('people are told', () => {
  let app: TestApp;
  let server: MailServer;

  before(async () => {
    server = await startMailServer();
    app = await startApp({ env: { ...server.env, LATCHKEY_LEASE_MS: '0' } });
  });
  after(async () => {
    await app.close();
    await server.close();
  });
  beforeEach(() => {
    server.mails.length = 0;
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
  const told = () =>
    server.mails.map(({ to, subject }) => `${to.split('@')[0]}: ${subject.replace('[Acme] ', '')}`).sort();

  async function addContact(organizationId: string | null, email: string, kinds?: string[]): Promise<Answer> {
    const { status, body } = await app.api.post('/contacts', {
      organizationId,
      name: email.split('@')[0],
      email,
      kinds,
    });
    assert.equal(status, 201, JSON.stringify(body));
    const link = /http\S+\/portal\/contact\/\S+/.exec(server.mails.findLast(({ to }) => to === email)?.text ?? '')?.[0];
    assert.ok(link);
    const browser = createBrowserSession(app.url);
    await browser.submit(await browser.open(link), {});
    server.mails.length = 0;
    return body;
  }

  it('of no missing contact once someone opened a portal link or confirmed, in every directory of the organization', async () => {
    const enter = async (organizationId: string) => {
      const { url } = (await app.api.post('/portal-links', { organizationId })).body;
      const browser = createBrowserSession(app.url);
      await browser.submit(await browser.open(url), {});
    };
    const confirm = (organizationId: string) => addContact(organizationId, 'dana@fabrikam.example');
    for (const becomeKnown of [enter, confirm]) {
      const first = await app.api.makeDirectory();
      const { organizationId } = first;
      const second = await app.api.makeDirectory({ organizationId });
      const unowned = async () =>
        (await app.api.get(`/findings?code=no_owner&organizationId=${organizationId}`)).body.items.length;
      for (const { id } of [first, second]) {
        await app.api.issue(id);
        const headers = { authorization: 'Bearer scim_abc', 'user-agent': 'Okta SCIM Client 1.0.0' };
        await fetch(`${app.url}/auth/verify?directory=${id}`, { headers });
      }
      await run();
      assert.equal(await unowned(), 2);
      await becomeKnown(organizationId);
      await run();
      assert.equal(await unowned(), 0);
    }
  });

  it('only after they confirmed, by a click that a preview does not make', async () => {
    const { organizationId } = await app.api.makeDirectory();
    const { body: contact } = await app.api.post('/contacts', {
      organizationId,
      name: 'Priya',
      email: 'Priya@contoso.example',
    });
    assert.deepEqual([contact.state, contact.email], ['unconfirmed', 'priya@contoso.example']);
    const [mail] = server.mails;
    assert.equal(mail?.headers.get('auto-submitted'), 'auto-generated');
    const link = /http\S+\/portal\/contact\/(\S+)/.exec(mail?.text ?? '');
    assert.match(link?.[1] ?? '', /^lkc_\w{43}$/);
    assert.ok(mail?.html.includes(link?.[0] ?? '?'));
    const stateOf = async () => (await app.api.get(`/contacts?organizationId=${organizationId}`)).body.items[0].state;
    const browser = createBrowserSession(app.url);
    const page = await browser.open(link?.[0] ?? '');
    assert.equal(await stateOf(), 'unconfirmed');
    await browser.submit(page, {});
    assert.equal(await stateOf(), 'confirmed');
    assert.ok(!app.log().includes(link?.[1] ?? '?'));
    const again = await app.api.post('/contacts', { organizationId, name: 'P', email: 'priya@contoso.example' });
    assert.equal(again.body.code, 'contact_exists');
    app.clock.advance(8 * DAY);
    assert.equal((await fetch(link?.[0] ?? '')).status, 410);
  });

  it('once an hour at each address that they are asked at, also where it was removed and added', async () => {
    const { organizationId } = await app.api.makeDirectory();
    const fields = { organizationId, name: 'Ola', email: 'ola@contoso.example' };
    const { body: contact } = await app.api.post('/contacts', fields);
    const again = await app.api.post(`/contacts/${contact.id}/ask-again`);
    assert.deepEqual([again.status, again.body.code], [429, 'confirmations_limited']);
    assert.equal(again.headers.get('retry-after'), '3600');
    await app.api.delete(`/contacts/${contact.id}`);
    app.clock.advance(HOUR - MINUTE);
    const added = await app.api.post('/contacts', { ...fields, email: 'OLA@contoso.example' });
    assert.deepEqual([added.status, added.body.retryAfterSeconds], [429, 60]);
    assert.match(added.body.detail, /Try again in a minute\./);
    assert.equal(server.mails.length, 1);
    app.clock.advance(MINUTE);
    const { status, body: later } = await app.api.post('/contacts', fields);
    assert.equal(status, 201);
    app.clock.advance(HOUR);
    assert.equal((await app.api.post(`/contacts/${later.id}/ask-again`)).status, 200);
    assert.equal(server.mails.length, 3);
  });

  it('three times a day at one mailbox, whatever stands behind a plus sign', async () => {
    const { organizationId } = await app.api.makeDirectory();
    const ask = (email: string) => app.api.post('/contacts', { organizationId, name: 'Ola', email });
    assert.equal((await ask('ola@contoso.example')).status, 201);
    assert.equal((await ask('ola+okta@contoso.example')).status, 429);
    for (const tag of ['one', 'two']) {
      app.clock.advance(HOUR);
      assert.equal((await ask(`ola+${tag}@contoso.example`)).status, 201);
    }
    app.clock.advance(HOUR);
    const refused = await ask('ola+three@contoso.example');
    assert.deepEqual([refused.status, refused.body.retryAfterSeconds], [429, 21 * 3600]);
    assert.match(refused.body.detail, /Try again in 21 hours\./);
    assert.equal((await ask('lee@contoso.example')).status, 201);
    app.clock.advance(21 * HOUR);
    assert.equal((await ask('ola+three@contoso.example')).status, 201);
  });

  it('ten times a day at one mailbox from the portals of all organizations, and by the vendor all the same', async () => {
    const statuses: number[] = [];
    let last: Answer;
    for (let index = 0; index < 11; index++) {
      last = await app.api.makeDirectory();
      const { url } = (await app.api.post('/portal-links', { organizationId: last.organizationId })).body;
      const browser = createBrowserSession(app.url);
      await browser.submit(await browser.open(url), {});
      const page = await browser.open(`${app.url}/portal/contacts`);
      const given = { name: 'Uma', email: `uma+${index}@contoso.example`, kind_failing: 'on' };
      statuses.push((await browser.submit(page, given)).status);
    }
    assert.deepEqual(statuses, [...Array.from({ length: 10 }, () => 200), 429]);
    assert.equal(server.mails.length, 10);
    const other = await app.api.makeDirectory();
    const given = { organizationId: other.organizationId, name: 'Uma', email: 'uma@contoso.example' };
    assert.equal((await app.api.post('/contacts', given)).status, 201);
  });

  it('ten in an hour of one organization, whoever names them, and a page says when there can be more', async () => {
    const [one, other] = [await app.api.makeDirectory(), await app.api.makeDirectory()];
    const add = ({ organizationId }: Answer, index: number) =>
      app.api.post('/contacts', { organizationId, name: 'Kim', email: `kim${index}@contoso.example` });
    const answers = await Promise.all(Array.from({ length: 12 }, (_, index) => add(one, index)));
    assert.equal(answers.filter(({ status }) => status === 201).length, 10);
    assert.equal(server.mails.length, 10);
    assert.equal((await add(other, 0)).status, 201);

    const { url } = (await app.api.post('/portal-links', { organizationId: one.organizationId })).body;
    const browser = createBrowserSession(app.url);
    await browser.submit(await browser.open(url), {});
    const page = await browser.open(`${app.url}/portal/contacts`);
    const refused = await browser.submit(page, { name: 'Lee', email: 'lee@contoso.example', kind_failing: 'on' });
    assert.equal(refused.status, 429);
    assert.match(refused.html, /Try again in \d+ minutes/);
    const [first] = (await app.api.get(`/contacts?organizationId=${one.organizationId}`)).body.items;
    const asked = await browser.submit({ ...page, url: `${app.url}/portal/contacts/${first.id}/ask-again` }, {});
    assert.equal(asked.status, 429);
    assert.equal(server.mails.length, 11);
    assert.equal((await app.api.get(`/contacts?organizationId=${one.organizationId}`)).body.items.length, 10);
  });

  it('of ends ahead in stages, to more people the nearer it is, with an entry for their calendar', async () => {
    const directory = await app.api.makeDirectory();
    const { organizationId } = directory;
    await addContact(organizationId, 'ending@ends.example', ['ending']);
    await addContact(organizationId, 'failing@ends.example', ['failing']);
    const vendor = await addContact(null, 'vendor@acme.example', ['failing']);
    const expiresAt = new Date(app.clock.now().getTime() + 40 * DAY).toISOString();
    await app.api.issue(directory.id, { label: 'Okta 2026', expiresAt });
    await run();
    await pass(5 * MINUTE);
    const heard: string[] = [];
    for (let day = 1; day <= 41; day++) {
      await pass(DAY - 4 * MINUTE);
      await pass(4 * MINUTE);
      heard.push(...told().map((line) => `day ${day}, ${line}`));
      const [mail] = server.mails;
      if (day === 33) {
        assert.match(String(mail?.attachments[0]?.content), /BEGIN:VEVENT\r\n[\s\S]*DTSTART;VALUE=DATE:\d{8}/);
        assert.equal(mail?.headers.get('list-unsubscribe'), undefined);
      }
      server.mails.length = 0;
    }
    const end = (days: string) => `Okta production, Northwind Traders: Access token (Okta 2026) expires in ${days}`;
    assert.deepEqual(heard, [
      `day 10, ending: ${end('30 days')}`,
      `day 26, ending: ${end('14 days')}`,
      `day 33, ending: ${end('7 days')}`,
      `day 33, failing: ${end('7 days')}`,
      `day 39, ending: ${end('1 day')}`,
      `day 39, failing: ${end('1 day')}`,
      `day 39, vendor: ${end('1 day')}`,
      "day 40, failing: Okta production, Northwind Traders: Okta can't connect",
      "day 40, vendor: Okta production, Northwind Traders: Okta can't connect",
    ]);
    await app.api.delete(`/contacts/${vendor.id}`);
  });

  it('at once when something fails, and that it works again where they heard of it', async () => {
    const directory = await app.api.makeDirectory();
    const { organizationId, endpointKey } = directory;
    await addContact(organizationId, 'priya@fails.example', ['failing']);
    await addContact(organizationId, 'ending-only@fails.example', ['ending']);
    const request = (token: string) =>
      fetch(`${app.url}/auth/verify?directory=${endpointKey}`, {
        headers: { authorization: `Bearer ${token}`, 'user-agent': 'Okta SCIM Client 1.0.0' },
      });
    const first = await app.api.issue(directory.id);
    await request(first.token);
    await pass(MINUTE);
    await app.api.post(`/credentials/${first.credential.id}/revoke`, { force: true });
    for (let n = 0; n < 3; n++) await request(first.token);
    await pass(MINUTE, 20_000);
    const failures = told();
    assert.equal(failures.length, 1, failures.join('\n'));
    assert.match(failures[0] ?? '', /^priya: Okta production, Northwind Traders: Requests from Okta /);
    const [mail] = server.mails;
    assert.match(mail?.text ?? '', /Northwind Traders/);
    assert.match(mail?.text ?? '', /\n1\. /);
    assert.match(mail?.text ?? '', new RegExp(`/portal/directories/${directory.id}`));

    await pass(HOUR, 20 * MINUTE);
    assert.equal(server.mails.length, 1, 'told once');
    await addContact(organizationId, 'late@fails.example', ['failing']);
    await pass(2 * MINUTE, MINUTE);
    const second = await app.api.issue(directory.id);
    await pass(MINUTE);
    await request(second.token);
    await pass(2 * MINUTE, 20_000);
    assert.deepEqual(told(), ['priya: Okta production, Northwind Traders: Provisioning works again']);
    for (const { text, html } of server.mails) assert.ok(!(text + html).includes(second.token.slice(10)));
  });

  it('and software, with the words that people get and the page to look at, when it breaks and when that ends', async () => {
    const directory = await app.api.makeDirectory();
    const receiver = await startReceiver();
    const { body: made } = await app.api.post('/webhooks', {
      url: `${receiver.url}/hook`,
      events: ['dsync.finding.opened', 'dsync.finding.closed'],
    });
    const request = (token: string) =>
      fetch(`${app.url}/auth/verify?directory=${directory.endpointKey}`, {
        headers: { authorization: `Bearer ${token}`, 'user-agent': 'Okta SCIM Client 1.0.0' },
      });
    const first = await app.api.issue(directory.id);
    await request(first.token);
    await pass(MINUTE);
    await app.api.post(`/credentials/${first.credential.id}/revoke`, { force: true });
    await request(first.token);
    await pass(MINUTE, 20_000);
    const second = await app.api.issue(directory.id);
    await request(second.token);
    await pass(2 * MINUTE, 20_000);
    const messages = receiver.received.map(({ body }) => JSON.parse(body));
    const opened = messages.find(({ type }) => type === 'dsync.finding.opened');
    const closed = messages.find(({ type, data }) => type === 'dsync.finding.closed' && data.code === opened.data.code);
    assert.match(opened.data.title, /Requests from Okta are being refused/);
    assert.match(closed.data.text, /^It was: Requests from Okta are being refused\.$/);
    for (const { data } of [opened, closed]) assert.equal(data.url, `${app.url}/dashboard/directories/${directory.id}`);
    await app.api.delete(`/webhooks/${made.webhook.id}`);
    await receiver.close();
  });

  it('and software, who did it as members read it, and what ended as it was told first', async () => {
    const receiver = await startReceiver();
    const { body: made } = await app.api.post('/webhooks', {
      url: `${receiver.url}/hook`,
      events: ['dsync.finding.opened', 'dsync.finding.closed'],
    });
    const told = (type: string, code: string) =>
      receiver.received.map(({ body }) => JSON.parse(body)).find((one) => one.type === type && one.data.code === code);
    for (const end of ['revoke', 'expire']) {
      const { id } = await app.api.makeDirectory();
      const request = (token: string) =>
        fetch(`${app.url}/auth/verify?directory=${id}`, { headers: { authorization: `Bearer ${token}` } });
      const expiresAt = new Date(app.clock.now().getTime() + HOUR).toISOString();
      const { token, credential } = await app.api.issue(id, { expiresAt });
      await request(token);
      await run();
      if (end === 'revoke')
        await app.api.post(`/credentials/${credential.id}/revoke`, { force: true, reason: 'Cleaning up' });
      await pass(2 * MINUTE + (end === 'expire' ? HOUR : 0), MINUTE);
      await request(token);
      await pass(2 * MINUTE, 20_000);
      await request((await app.api.issue(id)).token);
      await pass(2 * MINUTE, 20_000);
    }
    const revoked = told('dsync.finding.opened', 'token_revoked');
    assert.match(revoked.data.text, /which the API key “[^”]+” revoked .* They gave this reason: “Cleaning up”/);
    const opened = told('dsync.finding.opened', 'token_expired');
    const closed = told('dsync.finding.closed', 'token_expired');
    assert.ok(opened.data.title.endsWith(closed.data.text.replace(/^It was: (.*)\.$/, '$1')), closed.data.text);
    await app.api.delete(`/webhooks/${made.webhook.id}`);
    await receiver.close();
  });

  it('of changes in one email an hour at most', async () => {
    const directory = await app.api.makeDirectory();
    await addContact(directory.organizationId, 'changes@digest.example', ['changes']);
    // The directory itself is told of within the first hours, and the next email may leave an hour later.
    await app.app.settled();
    await pass(5 * HOUR, HOUR);
    server.mails.length = 0;
    for (let n = 0; n < 6; n++)
      await app.api.post(`/directories/${directory.id}/${n % 2 === 0 ? 'disable' : 'enable'}`);
    await app.app.settled();
    await pass(2 * MINUTE, MINUTE);
    assert.deepEqual(told(), ['changes: 6 things happened']);
    assert.match(String(JSON.stringify(server.mails[0]?.headers.get('list'))), /unsubscribe/);
    await app.api.post(`/directories/${directory.id}/disable`);
    await pass(50 * MINUTE, 10 * MINUTE);
    assert.equal(server.mails.length, 1);
    await pass(20 * MINUTE, 10 * MINUTE);
    assert.equal(server.mails.length, 2);
    assert.equal(new Set(server.mails.map(({ messageId }) => messageId)).size, 2);
  });

  it('and listed with whom it reached; what reached no contact, and what ends in years, is not listed', async () => {
    const directory = await app.api.makeDirectory();
    const listed = async () => {
      const { url } = (await app.api.post('/portal-links', { organizationId: directory.organizationId })).body;
      const browser = createBrowserSession(app.url);
      await browser.submit(await browser.open(url), {});
      return (await browser.open(`${app.url}/portal/contacts`)).html;
    };
    const inDays = (days: number) => new Date(app.clock.now().getTime() + days * DAY).toISOString();
    const { credential } = await app.api.issue(directory.id, { expiresAt: inDays(8) });
    await app.api.issue(directory.id, { label: 'Lasting', expiresAt: inDays(729) });
    await run();
    await pass(2 * DAY, DAY);
    assert.doesNotMatch(await listed(), /Recent notices/);
    await addContact(directory.organizationId, 'reached@listed.example', ['ending']);
    await pass(6 * DAY - HOUR, HOUR);
    const html = await listed();
    assert.match(html, /Recent notices.*expires in 1 day.*To reached, /s);
    assert.doesNotMatch(html, /expires in 7 days/);
    assert.ok(html.includes(credential.hint) && !html.includes('Lasting'));
    await app.api.post(`/credentials/${credential.id}/revoke`, { force: true });
    await run();
    assert.match(await listed(), /Nothing in the next 30 days/);
  });

  it('never again at an address that the mail server refuses for good', async () => {
    const directory = await app.api.makeDirectory();
    const contact = await addContact(directory.organizationId, 'gone@bounce.example', ['ending']);
    server.refuses.set('gone@bounce.example', 550);
    await app.api.issue(directory.id, { expiresAt: new Date(app.clock.now().getTime() + 8 * DAY).toISOString() });
    await run();
    await pass(2 * DAY, DAY);
    const { items } = (await app.api.get(`/contacts?organizationId=${directory.organizationId}`)).body;
    assert.deepEqual([items[0].id, items[0].state], [contact.id, 'bounced']);
    assert.equal((await app.api.get('/events?type=contact.bounced')).body.items[0].data.email, 'gone@bounce.example');
  });

  it('again later where the mail server is away', async () => {
    const directory = await app.api.makeDirectory();
    await addContact(directory.organizationId, 'later@away.example', ['ending']);
    await app.api.issue(directory.id, { expiresAt: new Date(app.clock.now().getTime() + 8 * DAY).toISOString() });
    await run();
    server.fails(451);
    await pass(2 * DAY, DAY);
    assert.deepEqual(
      told().filter((line) => line.startsWith('later')),
      [],
    );
    server.fails(undefined);
    await pass(2 * HOUR, HOUR);
    assert.equal(told().filter((line) => line.startsWith('later')).length, 1);
  });

  it('once, where somebody is a contact of the customer and of the vendor', async () => {
    const directory = await app.api.makeDirectory();
    await addContact(directory.organizationId, 'both@acme.example', ['ending']);
    await addContact(null, 'both@acme.example', ['ending']);
    await app.api.issue(directory.id, { expiresAt: new Date(app.clock.now().getTime() + 8 * DAY).toISOString() });
    await run();
    await pass(DAY + HOUR);
    assert.equal(told().filter((line) => line.startsWith('both: ')).length, 1, told().join('\n'));
  });

  it('by the name of the vendor what the server did itself', async (t) => {
    const receiver = await startReceiver();
    t.after(() => receiver.close());
    receiver.answers(answer(410));
    await addContact(null, 'oncall@brand.example', ['changes']);
    await app.api.post('/webhooks', { url: receiver.url, events: ['organization.created'] });
    await app.api.post('/organizations', { name: 'Contoso' });
    await run();
    await run();
    const mail = server.mails.find(
      ({ to, subject }) => to === 'oncall@brand.example' && subject.includes('turned off'),
    );
    assert.match(mail?.text ?? told().join('\n'), /^By +Acme$/m);
  });

  it('of the deletion of their organization, and are forgotten after it', async () => {
    const { organizationId } = await app.api.makeDirectory();
    await addContact(organizationId, 'leaving@left.example', ['changes']);
    await app.api.delete(`/organizations/${organizationId}?force=true`);
    await run();
    const forget = async () => {
      await app.app.rounds.find(({ name }) => name === 'retention')?.run();
      const { items } = (await app.api.get(`/contacts?limit=200`)).body;
      return items.filter(({ email }: Answer) => email === 'leaving@left.example').length;
    };
    assert.equal(await forget(), 1, 'the notice has not gone out yet');
    await pass(2 * HOUR, HOUR);
    assert.ok(server.mails.some(({ to, text }) => to === 'leaving@left.example' && text.includes('organization')));
    await pass(DAY);
    assert.equal(await forget(), 0);
    const [deleted] = (await app.api.get('/events?type=contact.deleted&limit=1')).body.items;
    assert.deepEqual([deleted.data.email, deleted.organizationId], ['leaving@left.example', organizationId]);
  });

  it('that it works again where the email that says it broke is still tried, with all that is in it', async () => {
    const directory = await app.api.makeDirectory();
    await addContact(directory.organizationId, 'waits@away.example', ['failing', 'changes']);
    const request = (token: string) =>
      fetch(`${app.url}/auth/verify?directory=${directory.endpointKey}`, {
        headers: { authorization: `Bearer ${token}`, 'user-agent': 'Okta SCIM Client 1.0.0' },
      });
    const heal = async () => {
      const { token, credential } = await app.api.issue(directory.id);
      await request(token);
      await pass(2 * MINUTE, 20 * SECOND);
      return { token, id: credential.id };
    };
    const breakAgain = async ({ token, id }: { token: string; id: string }) => {
      await app.api.post(`/credentials/${id}/revoke`, { force: true });
      for (let n = 0; n < 3; n++) await request(token);
      await pass(2 * MINUTE, 20 * SECOND);
    };
    await breakAgain(await heal());
    const healed = await heal();
    server.fails(451);
    await pass(50 * MINUTE, 10 * MINUTE);
    // What breaks again within the hour shares its email with the changes.
    await breakAgain(healed);
    await pass(20 * MINUTE, 5 * MINUTE);
    server.mails.length = 0;
    await heal();
    server.fails(undefined);
    await pass(3 * HOUR, 10 * MINUTE);
    const texts = server.mails.filter(({ to }) => to === 'waits@away.example').map(({ text }) => text);
    assert.match(texts.join('\n'), /Requests from Okta are being refused/);
    assert.match(texts.join('\n'), /A token was revoked/);
    assert.match(texts.join('\n'), /works again/);
  });

  it('of what breaks and heals again and again in a few emails, and of the last state', async () => {
    const directory = await app.api.makeDirectory();
    await addContact(directory.organizationId, 'flapping@restless.example', ['failing']);
    const request = (token: string) =>
      fetch(`${app.url}/auth/verify?directory=${directory.endpointKey}`, {
        headers: { authorization: `Bearer ${token}`, 'user-agent': 'Okta SCIM Client 1.0.0' },
      });
    for (let turn = 0; turn < 8; turn++) {
      const { token, credential } = await app.api.issue(directory.id);
      await request(token);
      await pass(2 * MINUTE, 20 * SECOND);
      if (turn === 7) break;
      await app.api.post(`/credentials/${credential.id}/revoke`, { force: true });
      for (let n = 0; n < 3; n++) await request(token);
      await pass(2 * MINUTE, 20 * SECOND);
    }
    const heard = told().filter((line) => line.startsWith('flapping'));
    assert.ok(heard.length >= 2 && heard.length <= 4, heard.join('\n'));
    await pass(2 * HOUR, 10 * MINUTE);
    const last = server.mails.findLast(({ to }) => to.startsWith('flapping'));
    assert.match(last?.text ?? '', /works again/);
    assert.ok(told().filter((line) => line.startsWith('flapping')).length <= 6, told().join('\n'));
  });

  it('of a SCIM server that fails within the hour after a mistake of the identity provider was fixed', async () => {
    const directory = await app.api.makeDirectory();
    await addContact(null, 'on-call@news.example', ['failing']);
    const { token } = await app.api.issue(directory.id);
    const request = (value: string) =>
      fetch(`${app.url}/scim/v2/${directory.endpointKey}/Users`, {
        headers: { authorization: `Bearer ${value}`, 'user-agent': 'Okta SCIM Client 1.0.0' },
      });
    const verify = (value: string) =>
      fetch(`${app.url}/auth/verify?directory=${directory.endpointKey}`, {
        headers: { authorization: `Bearer ${value}`, 'user-agent': 'Okta SCIM Client 1.0.0' },
      });
    await verify(token.slice(0, 20));
    await pass(2 * MINUTE, 20 * SECOND);
    await verify(token);
    await pass(2 * MINUTE, 20 * SECOND);
    const mails = () => server.mails.filter(({ to }) => to === 'on-call@news.example');
    assert.match(mails().at(-1)?.text ?? '', /works again/);
    await app.api.patch(`/directories/${directory.id}`, { upstreamUrl: 'http://127.0.0.1:9/scim' });
    for (let n = 0; n < 3; n++) await request(token);
    await pass(2 * MINUTE, 20 * SECOND);
    assert.match(mails().at(-1)?.text ?? '', /refusing connections/);
    assert.match(mails().at(-1)?.text ?? '', /To change which notices you get, open Notifications in the dashboard\./);
  });

  it('of what a customer has to fix, each in their own words', async () => {
    const directory = await app.api.makeDirectory();
    await addContact(directory.organizationId, 'customer@words.example', ['failing']);
    await addContact(null, 'vendor@words.example', ['failing']);
    const { token } = await app.api.issue(directory.id);
    await fetch(`${app.url}/auth/verify?directory=${directory.endpointKey}`, {
      headers: { authorization: `Bearer ${token.slice(0, 20)}`, 'user-agent': 'Okta SCIM Client 1.0.0' },
    });
    await pass(2 * MINUTE, 20 * SECOND);
    const textTo = (name: string) => server.mails.findLast(({ to }) => to.startsWith(`${name}@words`))?.text ?? '';
    assert.match(textTo('customer'), /1\. Generate a new token.*\n2\. In Okta, open/s);
    assert.match(textTo('vendor'), /customer's IT contact/);
    assert.doesNotMatch(textTo('customer'), /customer's IT contact/);
  });

  it('of what goes on and off all day only where it lasts an hour, and how often it came', async () => {
    const directory = await app.api.makeDirectory();
    await addContact(directory.organizationId, 'tired@restless.example', ['failing']);
    const { token } = await app.api.issue(directory.id);
    const request = (value: string) =>
      fetch(`${app.url}/auth/verify?directory=${directory.endpointKey}`, {
        headers: { authorization: `Bearer ${value}`, 'user-agent': 'Okta SCIM Client 1.0.0' },
      });
    const heard = () => server.mails.filter(({ to }) => to.startsWith('tired'));
    await request(token);
    for (let turn = 0; turn < 6; turn++) {
      await pass(3 * HOUR, HOUR);
      await request(token.slice(0, 20));
      await pass(10 * MINUTE, 5 * MINUTE);
      await request(token);
      await pass(10 * MINUTE, 5 * MINUTE);
    }
    assert.equal(heard().length, 4, told().join('\n'));
    assert.match(
      heard()[2]?.text ?? '',
      /also failed 1 time earlier in the last 24 hours.*only about failures that last an hour/s,
    );
    await pass(HOUR, HOUR);
    await request(token.slice(0, 20));
    for (let minutes = 0; minutes < 80; minutes += 20) {
      await pass(20 * MINUTE, 10 * MINUTE);
      await request(token.slice(0, 20));
    }
    assert.equal(heard().length, 5, told().join('\n'));
    assert.match(heard()[4]?.text ?? '', /also failed 6 times earlier/);
    await request(token);
    await pass(10 * MINUTE, MINUTE);
    assert.match(heard().at(-1)?.text ?? '', /works again/);
  });

  it('without a link that somebody typed as a name, and with what is to be copied as it is', async () => {
    const name = 'Sign in again at https://evil.example/login or www.evil.example';
    const { body: organization } = await app.api.post('/organizations', { name });
    const directory = await app.api.makeDirectory({ organizationId: organization.id, name: 'Booking.com' });
    const shown = (text = '') => text.replaceAll('\u200b', '');
    const assertUnlinked = (mail: { text: string; html: string } | undefined) => {
      assert.doesNotMatch(`${mail?.text} ${mail?.html}`, /\w\.(?:evil|example\/|com)|https:\/\/evil/);
      assert.ok(shown(mail?.text).includes(name) && shown(mail?.html).includes(name), mail?.text);
    };
    await app.api.post('/contacts', { organizationId: organization.id, name: 'Ola', email: 'ola@contoso.example' });
    assertUnlinked(server.mails[0]);
    await addContact(organization.id, 'lee@contoso.example');
    const path = `${new URL(directory.endpointUrl).pathname}/Users/Users?x`;
    const { token } = await app.api.issue(directory.id, { label: 'evil.example/label' });
    await fetch(`${app.url}${path.replace('/scim/v2/', '/scim/')}`, { headers: { authorization: `Bearer ${token}` } });
    await run();
    const [mail] = server.mails.filter(({ to }) => to.startsWith('lee@'));
    assertUnlinked(mail);
    assert.ok(mail?.text.includes(`  ${directory.endpointUrl}\n`), mail?.text);
    assert.ok(shown(mail?.text).includes('Booking.com'));
  });
});
