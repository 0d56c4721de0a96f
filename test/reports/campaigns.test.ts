/** Campaigns: what they choose, what they change, whom they ask, and that stopping takes back what can be. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { createBrowserSession } from '../support/browser-session.ts';
import { DAY, HOUR, MINUTE } from '../support/clock.ts';
import { type MailServer, startMailServer } from '../support/mail-server.ts';
import { signInOperator } from '../support/operator-browser.ts';

const NAME = 'Before the audit';

describe('campaigns', () => {
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

  async function run(): Promise<void> {
    app.clock.advance(MINUTE);
    for (const name of ['campaigns', 'notices', 'deliveries'])
      await app.app.rounds.find((round) => round.name === name)?.run();
    await app.app.settled();
  }

  async function confirmed(organizationId: string, email: string): Promise<void> {
    await app.api.post('/contacts', { organizationId, name: 'Priya', email, kinds: ['failing'] });
    const link = /http\S+\/portal\/contact\/\S+/.exec(server.mails.findLast(({ to }) => to === email)?.text ?? '')?.[0];
    const browser = createBrowserSession(app.url);
    await browser.submit(await browser.open(link ?? ''), {});
    server.mails.length = 0;
  }

  const stateOf = async (id: string) => (await app.api.get(`/campaigns/${id}`)).body;
  const endOf = async (id: string): Promise<string | null> => (await app.api.get(`/credentials/${id}`)).body.expiresAt;
  const inDays = (days: number) => new Date(app.clock.now().getTime() + days * DAY).toISOString();

  async function start(fields: object): Promise<Answer> {
    const { status, body } = await app.api.post('/campaigns', { name: NAME, ...fields });
    assert.equal(status, 201, JSON.stringify(body));
    return body;
  }

  it('show first what they would choose, and change nothing by that', async () => {
    const directory = await app.api.makeDirectory({ provider: 'entra' });
    const { credential } = await app.api.issue(directory.id);
    const wanted = { goal: 'end', filter: { provider: 'entra', kind: 'bearer', marks: ['no_end'] } };
    const { body } = await app.api.post('/campaigns/preview', wanted);
    assert.deepEqual([body.count, body.organizations, body.unreachable], [1, 1, 1]);
    assert.equal(body.first[0].credentialId, credential.id);
    assert.equal((await app.api.get('/campaigns')).body.items.length, 0);
    const none = await app.api.post('/campaigns', { name: 'none', goal: 'oauth', filter: { olderThanDays: 9999 } });
    assert.deepEqual([none.status, none.body.errors[0].path], [400, 'filter']);
    const noEnd = await app.api.post('/campaigns', { name: 'no end', ...wanted });
    assert.deepEqual([noEnd.status, noEnd.body.errors[0].path], [400, 'endsAt']);
    await app.api.post(`/credentials/${credential.id}/revoke`, { force: true });
  });

  it('set an end, ask each contact once with a portal link of their own, and finish when all have ended', async () => {
    const directory = await app.api.makeDirectory({ provider: 'entra' });
    await confirmed(directory.organizationId, 'priya@contoso.example');
    const soon = await app.api.issue(directory.id, { expiresAt: inDays(5) });
    const forever = await app.api.issue(directory.id, { label: 'forever' });
    const endsAt = inDays(30);
    const campaign = await start({ goal: 'end', endsAt, filter: { organizationId: directory.organizationId } });
    await run();
    await run();
    assert.equal(await endOf(forever.credential.id), endsAt);
    assert.notEqual(await endOf(soon.credential.id), endsAt);
    assert.equal((await stateOf(campaign.id)).progress.waiting, 2);
    assert.equal(server.mails.length, 1);
    const [mail] = server.mails;
    assert.match(mail?.subject ?? '', /Replace your access token by /);
    const link = /http\S+\/portal\/enter\/(\S+)/.exec(mail?.text ?? '');
    const browser = createBrowserSession(app.url);
    assert.equal((await browser.submit(await browser.open(link?.[0] ?? ''), {})).status, 200);
    assert.ok(!app.log().includes(link?.[1] ?? '?'));
    const { items } = (await app.api.get('/events?limit=200')).body;
    assert.ok(!JSON.stringify(items).includes(link?.[1] ?? '?'));

    const { organizationId } = directory;
    const { key } = (await app.api.post('/api-keys', { name: 'one customer', role: 'viewer', organizationId })).body;
    const theirs = app.api.as(key);
    for (const path of ['/notices?limit=200', '/events?limit=200'])
      assert.ok(!JSON.stringify((await theirs.get(path)).body).includes(NAME), path);

    const early = await app.api.post(`/campaigns/${campaign.id}/remind`);
    assert.equal(early.status, 400);
    app.clock.advance(HOUR);
    await app.api.post(`/campaigns/${campaign.id}/remind`);
    await run();
    assert.match(server.mails.at(-1)?.subject ?? '', /Reminder: Replace/);
    for (const { credential } of [soon, forever])
      await app.api.post(`/credentials/${credential.id}/revoke`, { force: true });
    await run();
    assert.equal((await stateOf(campaign.id)).state, 'finished');
    const types = (await app.api.get('/events?type=campaign.*')).body.items.map(({ type }: Answer) => type);
    assert.deepEqual(types, ['campaign.finished', 'campaign.reminded', 'campaign.started']);
  });

  it('take back the ends that they set when they are stopped, and no other', async () => {
    const made = await Promise.all([0, 1, 2, 3].map(() => app.api.makeDirectory({ provider: 'jumpcloud' })));
    const [forever, later, changed, gone] = await Promise.all(
      made.map((directory, index) =>
        app.api.issue(directory.id, index === 1 ? { expiresAt: inDays(300) } : {}).then(({ credential }) => credential),
      ),
    );
    const before = await endOf(later.id);
    const campaign = await start({ goal: 'end', endsAt: inDays(60), filter: { provider: 'jumpcloud' } });
    await run();
    const chosen = inDays(40);
    await app.api.patch(`/credentials/${changed.id}`, { expiresAt: chosen });
    await app.api.post(`/credentials/${gone.id}/revoke`, { force: true });
    await app.api.post(`/campaigns/${campaign.id}/stop`);
    await run();
    assert.deepEqual(await Promise.all([forever, later, changed].map(({ id }) => endOf(id))), [null, before, chosen]);
    const { state, progress } = await stateOf(campaign.id);
    assert.deepEqual([state, progress.restored, progress.left], ['stopped', 2, 2]);
    assert.equal((await app.api.post(`/campaigns/${campaign.id}/stop`)).body.state, 'stopped');
    assert.equal((await app.api.post(`/campaigns/${campaign.id}/remind`)).status, 400);
  });

  it('leave no end behind when several of them are stopped, and keep that of one that goes on', async () => {
    const { id } = await app.api.makeDirectory({ provider: 'pingone' });
    const { credential } = await app.api.issue(id);
    const filter = { directoryId: id };
    const [near, far] = [inDays(30), inDays(60)];
    const first = await start({ goal: 'end', endsAt: far, filter });
    await run();
    const second = await start({ goal: 'end', endsAt: near, filter });
    await run();
    const third = await start({ goal: 'end', endsAt: near, filter });
    await run();
    assert.equal(await endOf(credential.id), near);
    const stop = async (campaign: Answer) => {
      await app.api.post(`/campaigns/${campaign.id}/stop`);
      await run();
      await run();
    };
    await stop(first);
    assert.equal(await endOf(credential.id), near);
    await stop(second);
    assert.equal(await endOf(credential.id), near, 'the third goes on');
    await stop(third);
    assert.equal(await endOf(credential.id), null);
  });

  it('to OAuth choose tokens alone, change no end, and see a connection that takes the place of one', async () => {
    const directory = await app.api.makeDirectory({ provider: 'sailpoint' });
    const { credential } = await app.api.issue(directory.id);
    const { body: made } = await app.api.post('/clients', {
      name: 'SailPoint',
      provider: 'sailpoint',
      directoryId: directory.id,
    });
    const campaign = await start({ goal: 'oauth', filter: { provider: 'sailpoint' } });
    await run();
    assert.equal((await stateOf(campaign.id)).progress.waiting, 1);
    assert.equal(await endOf(credential.id), null);
    const connected = await app.api.post(`/directories/${directory.id}/connections`, { clientId: made.client.id });
    assert.equal(connected.status, 201);
    await run();
    assert.equal((await stateOf(campaign.id)).progress.replaced, 1);
    await app.api.post(`/credentials/${credential.id}/revoke`, { force: true });
    await run();
    assert.equal((await stateOf(campaign.id)).state, 'finished');
  });

  it('are pages with a dry run, and give links to copy for whom no email reaches', async () => {
    const directory = await app.api.makeDirectory({ provider: 'onelogin' });
    await app.api.issue(directory.id);
    const operator = await signInOperator(app);
    const dry = await operator.open('/reports/campaigns/new?goal=end&provider=onelogin');
    assert.match(dry.html, /1 credential at 1 customer/);
    assert.match(dry.html, /has no confirmed contact/);
    const fields = { goal: 'end', filter: 'provider=onelogin', name: 'OneLogin' };
    const refused = await operator.send('/reports/campaigns', fields);
    assert.equal(refused.status, 400);
    assert.match(refused.html, /value="OneLogin"/);
    const started = await operator.send('/reports/campaigns', { ...fields, expiresOn: inDays(90).slice(0, 10) });
    assert.match(started.url, /\/reports\/campaigns\/camp_\w+$/);
    await run();
    const path = new URL(started.url).pathname.replace('/dashboard', '');
    assert.match((await operator.open(path)).html, /0 of 1 ended\./);
    const links = await operator.send(`${path}/links`);
    assert.match(links.html, /\/portal\/enter\/lkp_\w{43}/);
    const id = path.split('/').at(-1);
    const once = { 'idempotency-key': 'links' };
    const asked = await app.api.post(`/campaigns/${id}/links`, {}, once);
    assert.equal(asked.status, 201, JSON.stringify(asked.body));
    assert.deepEqual(
      asked.body.links.map(({ organizationId, organizationName }: Answer) => [organizationId, organizationName]),
      [[directory.organizationId, 'Northwind Traders']],
    );
    assert.match(asked.body.links[0].url, /\/portal\/enter\/lkp_\w{43}$/);
    assert.deepEqual((await app.api.post(`/campaigns/${id}/links`, {}, once)).body, {}, 'shown once');
    assert.equal((await operator.send(`${path}/stop`)).status, 200);
    assert.equal((await app.api.post(`/campaigns/${id}/links`)).status, 400, 'of one that is not running');
    const viewer = await signInOperator(app, 'viewer');
    assert.equal((await viewer.open(path)).status, 200);
    assert.equal((await viewer.send(`${path}/stop`)).status, 403);
  });
});
