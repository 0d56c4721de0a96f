/**
 * Everything that an earlier import gave the same end is due on one day. LATCHKEY_TEST_ENDINGS=100000 runs it with as many.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { it } from 'node:test';
import type { Collection, Identified, Storage } from '../../src/storage/index.ts';
import { startApp } from '../support/app.ts';
import { createBrowserSession } from '../support/browser-session.ts';
import { DAY, SECOND } from '../support/clock.ts';
import { startMailServer } from '../support/mail-server.ts';
import { answer, startReceiver } from '../support/webhook-receiver.ts';

const ENDINGS = Number(process.env['LATCHKEY_TEST_ENDINGS'] ?? 1000);
const PER_ORGANIZATION = 20;
const PER_MINUTE = 300;
/** What a round may send ahead. */
const PER_SECOND = PER_MINUTE / 60;
const BATCH = 10_000;
const MOST_HEAP_BYTES = 250 * 1024 * 1024;
const ACTOR = { type: 'system', name: 'test' } as const;

it(`${ENDINGS} ends on one day are told to each contact once, at the pace that is set, and a failure waits for none`, {
  timeout: 900_000,
}, async (t) => {
  const server = await startMailServer();
  const receiver = await startReceiver();
  const collections = new Map<string, unknown>();
  const noting = (storage: Storage): Storage => ({
    ...storage,
    collection(spec) {
      const collection = storage.collection(spec);
      collections.set(spec.name, collection);
      return collection;
    },
  });
  const insert = (name: string, record: Identified & Record<string, unknown>) =>
    (collections.get(name) as Collection<Identified>).insert(record);
  const app = await startApp({
    env: { ...server.env, LATCHKEY_LEASE_MS: '0', LATCHKEY_MAIL_PER_MINUTE: String(PER_MINUTE) },
    wrapStorage: noting,
  });
  t.after(async () => {
    await app.close();
    await server.close();
    await receiver.close();
  });
  const webhooked = new Set<string>();
  receiver.answers((request, response) => {
    webhooked.add(request.headers['webhook-id'] ?? '');
    receiver.received.length = 0;
    answer(204)(request, response);
  });
  await app.api.post('/webhooks', { url: receiver.url, events: ['credential.expiring'] });
  const run = async (...names: string[]) => {
    for (const name of names) await app.app.rounds.find((round) => round.name === name)?.run();
    await app.app.settled();
  };

  // Somebody whose connection breaks in the middle of it.
  const directory = await app.api.makeDirectory({ name: 'Broken' });
  await app.api.post('/contacts', {
    organizationId: directory.organizationId,
    name: 'Priya',
    email: 'priya@x.example',
    kinds: ['failing'],
  });
  const link = /http\S+\/portal\/contact\/\S+/.exec(server.mails[0]?.text ?? '')?.[0];
  const browser = createBrowserSession(app.url);
  await browser.submit(await browser.open(link ?? ''), {});
  const { token, credential } = await app.api.issue(directory.id);
  const ask = () =>
    fetch(`${app.url}/auth/verify?directory=${directory.endpointKey}`, {
      headers: { authorization: `Bearer ${token}`, 'user-agent': 'Okta SCIM Client 1.0.0' },
    });
  await ask();
  await run('usage', 'traffic', 'findings', 'recovery', 'notices', 'deliveries');

  const now = app.clock.now();
  const endsAt = new Date(now.getTime() + 8 * DAY);
  for (let from = 0; from < ENDINGS; from += BATCH) {
    const numbers = Array.from({ length: Math.min(BATCH, ENDINGS - from) }, (_, at) => from + at);
    await Promise.all(
      numbers.flatMap((number) => {
        const padded = (of: number) => String(of).padStart(12, '0');
        const organizationId = `org_many0000${padded(Math.floor(number / PER_ORGANIZATION))}`;
        const directoryId = `dir_many0000${padded(number)}`;
        const id = `cred_many000${padded(number)}`;
        const dates = { createdAt: now, updatedAt: now };
        const email = `it${Math.floor(number / PER_ORGANIZATION)}@x.example`;
        return [
          ...(number % PER_ORGANIZATION === 0
            ? [
                insert('organizations', { id: organizationId, name: `Customer ${number}`, ...dates }),
                insert('contacts', {
                  id: `contact_many${padded(number)}`,
                  scope: organizationId,
                  address: `${organizationId} ${email}`,
                  name: 'IT',
                  email,
                  kinds: ['failing', 'ending'],
                  confirmedAt: now,
                  createdAt: now,
                  createdBy: ACTOR,
                }),
              ]
            : []),
          insert('directories', {
            id: directoryId,
            organizationId,
            name: `Directory ${number}`,
            provider: 'okta',
            endpointKey: `many-${number}`,
            state: 'active',
            ...dates,
          }),
          insert('credentials', {
            id,
            organizationId,
            directoryId,
            kind: 'bearer',
            slot: 'a',
            slotKey: `${directoryId} a`,
            state: 'active',
            digest: `sha256:${createHash('sha256').update(id).digest('hex')}`,
            hint: '0000',
            scopes: ['scim'],
            expiresAt: endsAt,
            createdAt: now,
            createdBy: ACTOR,
          }),
          insert('endings', {
            id,
            kind: 'token',
            ownerId: id,
            endsAt,
            nextAt: new Date(endsAt.getTime() - 7 * DAY),
            organizationId,
            directoryId,
            name: 'imported',
            createdAt: now,
          }),
        ];
      }),
    );
  }
  server.mails.length = 0;
  app.clock.advance(DAY);
  const base = process.memoryUsage().heapUsed;
  await run('notices');

  const told: string[] = [];
  const perSecond: number[] = [];
  let peak = 0;
  let brokeAt: number | undefined;
  let heardAt: number | undefined;
  for (let quiet = 0, second = 0; quiet < 5; second++) {
    if (second === 4) {
      await app.api.post(`/credentials/${credential.id}/revoke`, { force: true });
      for (let n = 0; n < 3; n++) await ask();
      await run('denials', 'traffic', 'findings');
      brokeAt = second;
    }
    await run('deliveries');
    peak = Math.max(peak, process.memoryUsage().heapUsed - base);
    perSecond.push(server.mails.length);
    quiet = server.mails.length === 0 ? quiet + 1 : 0;
    for (const { to, subject, text } of server.mails) {
      told.push(`${to}: ${subject}`);
      if (to === 'priya@x.example') heardAt = second;
      else assert.equal(text.match(/expires in 7 days/g)?.length, PER_ORGANIZATION);
    }
    server.mails.length = 0;
    app.clock.advance(SECOND);
  }
  const contacts = Math.ceil(ENDINGS / PER_ORGANIZATION);
  const ends = told.filter((line) => line.endsWith(`${PER_ORGANIZATION} things expire soon`));
  assert.equal(new Set(ends).size, contacts);
  assert.equal(told.length, contacts + 1, 'nobody is told twice');
  assert.equal(webhooked.size, ENDINGS);
  assert.equal(heardAt, brokeAt);
  const perMinute = perSecond.map((_, at) => perSecond.slice(at, at + 60).reduce((sum, count) => sum + count, 0));
  assert.ok(Math.max(...perMinute) <= PER_MINUTE + PER_SECOND + 1, `${Math.max(...perMinute)} in a minute`);
  assert.ok(Math.max(...perSecond) <= 2 * PER_SECOND, `${Math.max(...perSecond)} in a second`);
  assert.ok(peak < MOST_HEAP_BYTES, `${peak} bytes of heap`);
  t.diagnostic(`${ENDINGS} ends, ${told.length} emails, ${Math.round(peak / 1024 / 1024)} MB of heap at most`);
});
