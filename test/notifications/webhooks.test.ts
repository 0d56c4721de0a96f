import assert from 'node:assert/strict';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterEach, before, beforeEach, describe, it } from 'node:test';
import { Webhook } from 'standardwebhooks';
import type { Answer } from '../support/api.ts';
import { runApp, startApp } from '../support/app.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../support/clock.ts';
import { until } from '../support/traffic.ts';
import { answer, type Receiver, startReceiver } from '../support/webhook-receiver.ts';

describe('webhooks', () => {
  const app = runApp({ env: { LATCHKEY_WEBHOOK_TIMEOUT_MS: '300' } });
  let receiver: Receiver;

  before(async () => {
    // Messages must bear the time at which receivers check them, so this clock shows the real one when it starts.
  });
  beforeEach(async () => {
    receiver = await startReceiver();
  });
  afterEach(async () => {
    const { items } = (await app.api.get('/webhooks?limit=200')).body;
    for (const { id } of items) await app.api.delete(`/webhooks/${id}`);
    await receiver.close();
  });

  async function addWebhook(fields: Record<string, unknown> = {}): Promise<{ webhook: Answer; secret: string }> {
    const { status, body } = await app.api.post('/webhooks', { url: `${receiver.url}/hook`, ...fields });
    assert.equal(status, 201, JSON.stringify(body));
    return body;
  }
  /** As an owner does, so that webhooks of the organization may go to this machine. */
  async function allowReceiver(organizationId: string): Promise<void> {
    const { status } = await app.api.patch(`/organizations/${organizationId}`, { upstreamOrigins: [receiver.url] });
    assert.equal(status, 200);
    await settled();
    receiver.received.length = 0;
  }
  const settled = () => app.app.settled();
  const messages = () => receiver.received.map(({ body }) => JSON.parse(body));
  const deliveriesOf = async (id: string) => (await app.api.get(`/deliveries?webhookId=${id}`)).body.items;
  async function later(ms: number): Promise<void> {
    app.clock.advance(ms);
    await app.app.notifications.run();
    await settled();
  }

  it('tell of a change, signed so that a library of Standard Webhooks accepts it', async () => {
    const { webhook, secret } = await addWebhook();
    const directory = await app.api.makeDirectory();
    const { credential, token } = await app.api.issue(directory.id, { label: 'first' });
    await settled();
    assert.deepEqual(
      messages().map(({ type }) => type),
      ['organization.created', 'dsync.activated', 'dsync.token.created'],
    );
    const { headers = {}, body = '', path } = receiver.received.at(-1) ?? {};
    assert.equal(path, '/hook');
    assert.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
    assert.throws(() => new Webhook(`whsec_${Buffer.alloc(32).toString('base64')}`).verify(body, nowadays(headers)));
    // The clock of the test is tomorrow's, which a receiver refuses: what it checks is signed anew for that.
    const message = JSON.parse(body);
    assert.equal(signatureOf(secret, headers, body), headers['webhook-signature']);
    assert.equal(headers['webhook-id'], `msg_${message.id}_${webhook.id}`);
    assert.equal(message.timestamp, app.clock.now().toISOString());
    assert.deepEqual(message.data, {
      object: 'directory_token',
      id: credential.id,
      organization_id: directory.organizationId,
      directory_id: directory.id,
      sequence: message.data.sequence,
      token_suffix: credential.hint,
      created_at: credential.createdAt,
      label: 'first',
      expires_at: null,
      replaces: null,
      actor: { type: 'api_key', id: message.data.actor.id, name: message.data.actor.name },
    });
    assert.ok(!receiver.received.some((received) => received.body.includes(token)));
    assert.ok(!app.log().includes(secret));
    assert.ok(!JSON.stringify((await app.api.get(`/webhooks/${webhook.id}`)).body).includes(secret));
  });

  it('number what happens in a directory upwards', async () => {
    await addWebhook({ events: ['dsync.*'] });
    const directory = await app.api.makeDirectory();
    const { credential } = await app.api.issue(directory.id);
    for (const verb of ['disable', 'enable', 'disable', 'enable'])
      await app.api.post(`/credentials/${credential.id}/${verb}`);
    await settled();
    const told = messages().sort((a, b) => a.data.sequence - b.data.sequence);
    assert.deepEqual(
      told.map(({ type }) => type.replace('dsync.', '')),
      ['activated', 'token.created', 'token.disabled', 'token.enabled', 'token.disabled', 'token.enabled'],
    );
    assert.equal(new Set(told.map(({ data }) => data.sequence)).size, told.length);
  });

  it('go only where the event and its organization are wanted', async () => {
    const [one, other] = [await app.api.makeDirectory(), await app.api.makeDirectory()];
    await settled();
    await addWebhook({ url: `${receiver.url}/tokens`, events: ['dsync.token.created'] });
    await allowReceiver(one.organizationId);
    await addWebhook({ url: `${receiver.url}/one`, organizationId: one.organizationId });
    await app.api.issue(one.id);
    await app.api.issue(other.id);
    await app.api.post(`/directories/${other.id}/disable`);
    await settled();
    const got = receiver.received.map(({ path, body }) => `${path} ${JSON.parse(body).type}`).sort();
    assert.deepEqual(got, ['/one dsync.token.created', '/tokens dsync.token.created', '/tokens dsync.token.created']);
  });

  it('are tried again as planned when the receiver fails, under one ID and with one body, ten times', async () => {
    const { webhook } = await addWebhook({ events: ['organization.created'] });
    receiver.answers(answer(500, { 'content-type': 'text/plain' }, 'upstream connect error'));
    await app.api.post('/organizations', { name: 'Contoso' });
    await settled();
    const pauses = [
      5 * SECOND,
      5 * MINUTE,
      30 * MINUTE,
      2 * HOUR,
      5 * HOUR,
      10 * HOUR,
      14 * HOUR,
      20 * HOUR,
      20 * HOUR,
    ];
    for (const [index, pause] of pauses.entries()) {
      assert.equal(receiver.received.length, index + 1);
      await later(0.84 * pause);
      assert.equal(receiver.received.length, index + 1, `too early after attempt ${index + 1}`);
      await later(0.32 * pause);
    }
    assert.equal(receiver.received.length, 10);
    const [delivery] = await deliveriesOf(webhook.id);
    assert.deepEqual([delivery.state, delivery.attempt, delivery.nextAttemptAt], ['failed', 10, null]);
    assert.equal(new Set(receiver.received.map(({ headers, body }) => headers['webhook-id'] + body)).size, 1);
    assert.equal(new Set(receiver.received.map(({ headers }) => headers['webhook-timestamp'])).size, 10);
    const whole = (await app.api.get(`/deliveries/${delivery.id}`)).body;
    assert.deepEqual(
      [whole.attempts.length, whole.attempts[0].status, whole.attempts[0].body, whole.attempts[0].reason],
      [10, 500, 'upstream connect error', 'answered 500'],
    );

    receiver.answers(answer(200));
    assert.equal((await app.api.post(`/deliveries/${delivery.id}/resend`)).body.state, 'pending');
    await settled();
    assert.equal((await app.api.get(`/deliveries/${delivery.id}`)).body.state, 'delivered');
    assert.equal(receiver.received.at(-1)?.headers['webhook-id'], delivery.id);
  });

  it('wait as long as Retry-After asks', async () => {
    await addWebhook({ events: ['organization.created'] });
    receiver.answers(answer(429, { 'retry-after': '3600' }));
    await app.api.post('/organizations', { name: 'Contoso' });
    await settled();
    await later(59 * MINUTE);
    assert.equal(receiver.received.length, 1);
    receiver.answers(answer(200));
    await later(2 * MINUTE);
    assert.equal(receiver.received.length, 2);
  });

  it('do not follow a redirect', async () => {
    const { webhook } = await addWebhook({ events: ['organization.created'] });
    receiver.answers(answer(307, { location: `${receiver.url}/elsewhere` }));
    await app.api.post('/organizations', { name: 'Contoso' });
    await settled();
    assert.deepEqual(
      receiver.received.map(({ path }) => path),
      ['/hook'],
    );
    const [{ lastAttempt, state }] = await deliveriesOf(webhook.id);
    assert.deepEqual([state, lastAttempt.reason], ['pending', 'redirects are not followed']);
  });

  it('are switched off by a 410, and say so', async () => {
    const { webhook } = await addWebhook();
    receiver.answers(answer(410));
    await app.api.post('/organizations', { name: 'Contoso' });
    await settled();
    const { state, disabledReason } = (await app.api.get(`/webhooks/${webhook.id}`)).body;
    assert.deepEqual([state, disabledReason], ['disabled', 'gone']);
    const { items } = (await app.api.get('/events?type=webhook.disabled')).body;
    assert.deepEqual([items[0].data.webhookId, items[0].data.reason], [webhook.id, 'gone']);
    await app.api.post('/organizations', { name: 'Fabrikam' });
    await settled();
    assert.equal(receiver.received.length, 1);
  });

  it('are switched off after five days of failing, and what failed can be sent again', async () => {
    const { webhook } = await addWebhook({ events: ['organization.created'] });
    receiver.answers(answer(500));
    const startedAt = app.clock.now().toISOString();
    for (let day = 0; day <= 5; day++) {
      await app.api.post('/organizations', { name: `customer ${day}` });
      await settled();
      await later(DAY);
    }
    const { state, disabledReason, failingSince } = (await app.api.get(`/webhooks/${webhook.id}`)).body;
    assert.deepEqual([state, disabledReason, failingSince], ['disabled', 'failing', startedAt]);

    receiver.answers(answer(200));
    await later(DAY);
    const seen = receiver.received.length;
    assert.equal((await app.api.post(`/webhooks/${webhook.id}/enable`)).body.state, 'active');
    const { count } = (await app.api.post(`/webhooks/${webhook.id}/resend-failed`, { since: startedAt })).body;
    await settled();
    const again = receiver.received.slice(seen).map(({ body }) => JSON.parse(body).id);
    assert.equal(new Set(again).size, count);
    const { items } = (await app.api.get(`/deliveries?webhookId=${webhook.id}&state=failed`)).body;
    assert.deepEqual(items, []);
    assert.equal((await app.api.get(`/webhooks/${webhook.id}`)).body.failingSince, null);
  });

  it('say why nothing was answered, and which fault of TLS or of HTTP it is', async (t) => {
    const sockets: Socket[] = [];
    const banner = createServer((socket) => {
      sockets.push(socket.on('error', () => undefined));
      socket.write('SSH-2.0-OpenSSH_9.6\r\n');
    });
    await new Promise<void>((resolve) => banner.listen(0, '127.0.0.1', resolve));
    t.after(() => {
      for (const socket of sockets) socket.destroy();
      banner.close();
    });
    const other = `127.0.0.1:${(banner.address() as AddressInfo).port}`;
    for (const [url, reason] of [
      [`http://${other}`, 'it answered, but not with HTTP'],
      [`https://${other}`, 'it answered, but not with HTTP'],
      [receiver.url.replace('http:', 'https:'), 'it answered, but not with HTTP'],
      ['http://127.0.0.1:9', 'it refused the connection'],
    ] as const) {
      const { webhook } = await addWebhook({ url, events: ['organization.created'] });
      await app.api.post(`/webhooks/${webhook.id}/test`);
      await settled();
      assert.equal((await deliveriesOf(webhook.id))[0].lastAttempt.reason, reason, url);
    }
  });

  it('give up on a receiver that hangs, and read no more of a huge answer than is kept', async () => {
    const { webhook } = await addWebhook({ events: ['organization.created'] });
    receiver.answers(() => undefined);
    await app.api.post('/organizations', { name: 'Contoso' });
    await settled();
    assert.equal((await deliveriesOf(webhook.id))[0].lastAttempt.reason, 'no response within 0 s');

    let sent = 0;
    receiver.answers((_request, response) => {
      const chunk = Buffer.alloc(64 * 1024, 'x');
      const more = () => {
        while (!response.destroyed && sent < 512 * 1024 * 1024) {
          sent += chunk.length;
          if (!response.write(chunk)) return response.once('drain', more);
        }
        return response.end();
      };
      response.writeHead(200, { 'content-type': 'text/plain' });
      more();
    });
    await later(10 * SECOND);
    const [{ id, state }] = await deliveriesOf(webhook.id);
    assert.equal(state, 'delivered');
    assert.ok(sent < 64 * 1024 * 1024, `${sent} bytes were read`);
    assert.equal((await app.api.get(`/deliveries/${id}`)).body.attempts.at(-1).body.length, 1024);
  });

  it('have two secrets that sign while a receiver changes over', async () => {
    const { webhook, secret } = await addWebhook({ events: ['organization.created'] });
    const rotated = (await app.api.post(`/webhooks/${webhook.id}/rotate-secret`, { previousEndsInSeconds: 3600 })).body;
    assert.notEqual(rotated.secret, secret);
    await app.api.post('/organizations', { name: 'Contoso' });
    await settled();
    const both = receiver.received[0]?.headers['webhook-signature']?.split(' ') ?? [];
    assert.deepEqual(
      both,
      [rotated.secret, secret].map((value) =>
        signatureOf(value, receiver.received[0]?.headers ?? {}, receiver.received[0]?.body ?? ''),
      ),
    );
    app.clock.advance(2 * HOUR);
    await app.api.post('/organizations', { name: 'Fabrikam' });
    await settled();
    assert.equal(receiver.received[1]?.headers['webhook-signature']?.split(' ').length, 1);
  });

  it('can be tried with a test event', async () => {
    const { webhook } = await addWebhook({ events: ['organization.deleted'] });
    const delivery = (await app.api.post(`/webhooks/${webhook.id}/test`)).body;
    assert.equal(delivery.type, 'webhook.test');
    await settled();
    assert.equal(messages()[0].type, 'webhook.test');
    assert.equal((await app.api.get(`/deliveries/${delivery.id}`)).body.state, 'delivered');
  });

  it('of a slow receiver delay no other one', async () => {
    const quick = await startReceiver();
    const patient = await startApp({ env: { LATCHKEY_WEBHOOK_TIMEOUT_MS: '60000' } });
    try {
      for (const { url } of [receiver, quick])
        await patient.api.post('/webhooks', { url, events: ['organization.created'] });
      receiver.answers(() => undefined);
      await Promise.all(
        Array.from({ length: 40 }, (_, n) => patient.api.post('/organizations', { name: `customer ${n}` })),
      );
      const arrived = async () => quick.received.length === 40 && receiver.received.length >= 10;
      await until('the quick one has all of them', 60_000, arrived);
      // None of those that wait was given up, so what is here is all that was sent at a time.
      assert.equal(receiver.received.length, 10);
    } finally {
      await receiver.close();
      await patient.close();
      await quick.close();
    }
  });

  it('of as many slow receivers as one organization can have delay no other one', async () => {
    const quick = await startReceiver();
    const patient = await startApp({ env: { LATCHKEY_WEBHOOK_TIMEOUT_MS: '60000' } });
    const events = ['organization.updated'];
    try {
      receiver.answers(() => undefined);
      const { id: organizationId } = (await patient.api.post('/organizations', { name: 'slow' })).body;
      const path = `/organizations/${organizationId}`;
      await patient.api.patch(path, { upstreamOrigins: [receiver.url] });
      for (let count = 0; count < 20; count++) {
        const url = `${receiver.url}/${count}`;
        assert.equal((await patient.api.post('/webhooks', { url, organizationId, events })).status, 201);
      }
      await patient.api.post('/webhooks', { url: quick.url, events });
      for (let count = 1; count <= 30; count++) {
        await patient.api.patch(path, { name: `slow ${count}` });
        // None of the slow ones has ended: they are given up after a minute.
        await until(`the quick one has ${count}`, 60_000, () => quick.received.length === count);
      }
      await until('all slow ones are busy', 60_000, () => receiver.received.length >= 20);
    } finally {
      await receiver.close();
      await patient.close();
      await quick.close();
    }
  });

  it('reach chat channels in the words of Slack and of Teams, without showing their addresses', async () => {
    const slack = await addWebhook({ kind: 'slack', url: `${receiver.url}/services/T000/B000/secretOfChannel` });
    await addWebhook({ kind: 'teams', url: `${receiver.url}/workflows/abc?sig=secretOfFlow` });
    assert.equal(slack.secret, undefined);
    await app.api.post('/organizations', { name: 'A <b>bold</b> & *starred* name' });
    await settled();
    const bodies = new Map(receiver.received.map(({ path, body }) => [path.split('/')[1], JSON.parse(body)]));
    assert.match(
      bodies.get('services').blocks[0].text.text,
      /^\*An organization was created\*\nName: A &lt;b&gt;bold&lt;\/b&gt; &amp;/,
    );
    const [{ content }] = bodies.get('workflows').attachments;
    assert.equal(content.body[0].text, 'An organization was created');
    assert.match(content.body[1].text, /\\\*starred\\\*/);
    assert.ok(receiver.received.some(({ path }) => path.endsWith('?sig=secretOfFlow')));
    const { items } = (await app.api.get('/webhooks')).body;
    const shown = JSON.stringify([items, (await app.api.get('/events?type=webhook.*')).body, app.log()]);
    assert.ok(!shown.includes('secretOfChannel') && !shown.includes('secretOfFlow'));
  });

  it('stay where they belong: a limited key sees and changes those of its own organization alone', async () => {
    const directory = await app.api.makeDirectory();
    const { organizationId } = directory;
    const { key } = (await app.api.post('/api-keys', { name: 'limited', role: 'admin', organizationId })).body;
    const limited = app.api.as(key);
    await allowReceiver(organizationId);
    const { webhook: general } = await addWebhook();
    const { body: own } = await limited.post('/webhooks', { url: receiver.url });
    assert.equal(own.webhook.organizationId, organizationId);
    assert.deepEqual(
      (await limited.get('/webhooks')).body.items.map(({ id }: Answer) => id),
      [own.webhook.id],
    );
    await app.api.issue(directory.id);
    await settled();
    const { items } = (await limited.get('/deliveries')).body;
    assert.deepEqual(
      items.map(({ webhookId }: Answer) => webhookId),
      [own.webhook.id],
    );
    const [hidden] = await deliveriesOf(general.id);
    for (const reply of [
      await limited.get(`/webhooks/${general.id}`),
      await limited.patch(`/webhooks/${general.id}`, { events: [] }),
      await limited.post(`/webhooks/${general.id}/test`),
      await limited.get(`/deliveries/${hidden.id}`),
      await limited.post(`/deliveries/${hidden.id}/resend`),
    ])
      assert.equal(reply.status, 404);
  });

  it('of one organization go inside the network only where an owner allowed it, when added, changed and sent', async () => {
    const { organizationId } = await app.api.makeDirectory();
    const { key } = (await app.api.post('/api-keys', { name: 'limited', role: 'owner', organizationId })).body;
    const limited = app.api.as(key);
    for (const kind of ['webhook', 'slack', 'teams']) {
      const refused = await limited.post('/webhooks', { url: `${receiver.url}/hook?a=b`, kind });
      assert.deepEqual([refused.status, refused.body.errors?.[0].path], [400, 'url'], kind);
      assert.match(refused.body.detail, /upstreamOrigins/);
    }
    assert.equal((await limited.post('/webhooks', { url: 'http://hooks.example/' })).status, 400);
    const { body: made } = await limited.post('/webhooks', { url: 'https://hooks.example/', events: ['webhook.test'] });
    const path = `/webhooks/${made.webhook.id}`;
    assert.equal((await limited.patch(path, { url: receiver.url })).status, 400);

    await allowReceiver(organizationId);
    assert.equal((await limited.patch(path, { url: receiver.url })).status, 200);
    await limited.post(`${path}/test`);
    await settled();
    assert.equal(receiver.received.length, 1);

    await app.api.patch(`/organizations/${organizationId}`, { upstreamOrigins: [] });
    const { body: delivery } = await limited.post(`${path}/test`);
    await settled();
    assert.equal(receiver.received.length, 1);
    const [attempt] = (await limited.get(`/deliveries/${delivery.id}`)).body.attempts;
    assert.deepEqual([attempt.reason, attempt.body], ['its address may not be reached', null]);
  });

  it('of one organization leave room for those of others', async () => {
    const [one, other] = [await app.api.makeDirectory(), await app.api.makeDirectory()];
    const add = ({ organizationId }: Answer) =>
      app.api.post('/webhooks', { url: 'https://hooks.example/', organizationId, events: ['webhook.test'] });
    for (let count = 0; count < 20; count++) assert.equal((await add(one)).status, 201);
    const { status, body } = await add(one);
    assert.deepEqual([status, body.code, body.most], [409, 'webhooks_full', 20]);
    assert.equal((await add(other)).status, 201);
    await addWebhook();
  });

  it('name what is wrong with a URL or an event type', async () => {
    for (const url of [
      'ftp://hooks.example',
      'https://user:pass@hooks.example/',
      'hooks.example',
      'http://169.254.169.254/x',
    ])
      assert.equal((await app.api.post('/webhooks', { url })).status, 400, url);
    const { status, body } = await app.api.post('/webhooks', { url: receiver.url, events: ['dsync.tokens'] });
    assert.equal(status, 400);
    assert.match(body.errors[0].wanted, /expected an event type/);
  });
});

describe('webhooks to private addresses', () => {
  it('are refused, also where a name leads to one', async (t) => {
    const receiver = await startReceiver();
    const app = await startApp({ env: { LATCHKEY_UPSTREAM_ALLOW: '' } });
    t.after(async () => {
      await app.close();
      await receiver.close();
    });
    assert.equal((await app.api.post('/webhooks', { url: receiver.url })).status, 400);
    const { port } = new URL(receiver.url);
    // localtest.me would lead to 127.0.0.1; without DNS any name must fail all the same.
    const { body } = await app.api.post('/webhooks', { url: `https://localtest.me:${port}/` });
    await app.api.post(`/webhooks/${body.webhook.id}/test`);
    await app.app.settled();
    assert.deepEqual(receiver.received, []);
    const [delivery] = (await app.api.get(`/deliveries?webhookId=${body.webhook.id}`)).body.items;
    assert.equal(delivery.state, 'pending');
  });
});

function nowadays(headers: Record<string, string>): Record<string, string> {
  return { ...headers, 'webhook-timestamp': String(Math.floor(Date.now() / 1000)) };
}

/** By the library. */
function signatureOf(secret: string, headers: Record<string, string>, body: string): string {
  const at = new Date(Number(headers['webhook-timestamp']) * 1000);
  return new Webhook(secret).sign(headers['webhook-id'] ?? '', at, body);
}
