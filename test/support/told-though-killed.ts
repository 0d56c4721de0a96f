/**
 * What was acknowledged is told, whatever is killed: the application dies (SIGKILL) again and again during fan-out and delivery, before or
 * after a write. Two receivers verify what reaches them, a real mail server keeps what reaches people. Each life begins an hour after the
 * one before, so that what the dead one had claimed is free. LATCHKEY_TEST_KILLS=20 kills so often.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import { type Answer, type Api, createApi, patiently } from './api.ts';
import { OWNER_KEY } from './app.ts';
import { createBrowserSession } from './browser-session.ts';
import { DAY, HOUR, MINUTE } from './clock.ts';
import type { Engine, Place } from './engines.ts';
import { type MailServer, startMailServer } from './mail-server.ts';
import { forkMortalApp, type MortalApp } from './mortal-app.ts';
import { answer, type Receiver, startReceiver } from './webhook-receiver.ts';

const KILLS = Number(process.env['LATCHKEY_TEST_KILLS'] ?? 3);
const LIFE_MS = HOUR + MINUTE;
const LANES = 4;
/** A life that no write ended is ended then. */
const LONGEST_MS = 2500;
const LAST_LIVES = 20;
const LOOKS = 1000;
/** So many in a row in which nothing is delivered. */
const IDLE_LOOKS = 20;
const ROUNDS = ['recovery', 'notices', 'campaigns', 'deliveries'];

export function describeToldThoughKilled(engine: Engine): void {
  describe(`what was acknowledged is told, though killed ${KILLS} times, on ${engine.name}`, () => {
    let place: Place;
    let server: MailServer;
    let receiver: Receiver;
    let app: MortalApp;
    let api: Api;
    let lives = 0;
    let died = 0;
    const secrets = new Map<string, string>();
    const organizations: string[] = [];
    const tokens: string[] = [];

    async function begin(): Promise<void> {
      const aheadMs = lives++ * LIFE_MS;
      const env = { ...server.env, LATCHKEY_LEASE_MS: '0', LATCHKEY_PUBLIC_URL: 'http://127.0.0.1:1' };
      app = await forkMortalApp({ databaseUrl: place.url, env, aheadMs, rounds: ROUNDS });
      api = createApi(app.url, OWNER_KEY);
    }

    async function addContact(organizationId: string | null, email: string, kinds: string[]): Promise<void> {
      await api.post('/contacts', { organizationId, name: email, email, kinds });
      const text = server.mails.findLast(({ to }) => to === email)?.text ?? '';
      const path = /\/portal\/contact\/\S+/.exec(text)?.[0];
      const browser = createBrowserSession(app.url);
      await browser.submit(await browser.open(`${app.url}${path}`), {});
    }

    /** Changes, and ends that the next life finds due, until the application dies. */
    async function work(lane: number, directoryIds: Answer[]): Promise<void> {
      for (let turn = 0; turn < 40 && !app.isDead(); turn++) {
        const name = `customer ${lives}-${lane}-${turn}`;
        const { status } = await api.post('/organizations', { name });
        if (status === 201) organizations.push(name);
        const directoryId = turn === 1 ? directoryIds[lane] : undefined;
        if (directoryId === undefined) continue;
        const label = `token ${lives}-${lane}`;
        const expiresAt = new Date(Date.now() + (lives - 1) * LIFE_MS + 7 * DAY + 30 * MINUTE).toISOString();
        const issued = await api.post(`/directories/${directoryId}/credentials`, { label, expiresAt });
        if (issued.status === 201) tokens.push(label);
      }
    }

    async function dieAndBegin(organizationId: string): Promise<void> {
      const directories = await Promise.all(
        Array.from({ length: LANES }, async (_, lane) => {
          const given = { organizationId, name: `${lives}-${lane}`, provider: 'okta' };
          return (await patiently(() => api.post('/directories', given))).body;
        }),
      );
      await app.arm({ n: 1 + ((lives * 37) % 150), when: lives % 2 === 0 ? 'after' : 'before' });
      const end = setTimeout(() => void app.end(), LONGEST_MS);
      // What is asked of a dead one is not acknowledged.
      await Promise.all(
        directories.map((_, lane) =>
          work(
            lane,
            directories.map(({ id }) => id),
          ).catch(() => undefined),
        ),
      );
      clearTimeout(end);
      if (app.isDead()) died++;
      await app.end();
      await begin();
    }

    before(async () => {
      place = engine.place();
      server = await startMailServer();
      receiver = await startReceiver();
      receiver.answers((request, response) => {
        // A slow one is often under way when the process dies.
        setTimeout(() => answer(204)(request, response), request.path === '/slow' ? 40 : 0);
      });
      await begin();
    });
    after(async () => {
      await app.end();
      await receiver.close();
      await server.close();
      await place.remove();
    });

    it('to each target, under one ID, and to nobody twice', { timeout: 1_800_000 }, async (t) => {
      for (const path of ['/fast', '/slow']) {
        const events = ['organization.created', 'credential.expiring'];
        const { body } = await api.post('/webhooks', { url: receiver.url + path, events });
        secrets.set(path, body.secret);
      }
      await addContact(null, 'vendor@acme.example', ['changes']);
      const { id: organizationId } = (await api.post('/organizations', { name: 'the first' })).body;
      await addContact(organizationId, 'it@contoso.example', ['ending']);

      // Each tells the runner that it has not come to a stop.
      for (let kill = 1; kill <= KILLS; kill++) await t.test(`through kill ${kill}`, () => dieAndBegin(organizationId));
      for (let life = 1; life <= LAST_LIVES && !(await isAllTold()); life++) {
        await t.test(`through hour ${life} after that`, async () => {
          // What can wait is told once an hour: the rest of it is for the next life.
          for (let idle = 0, look = 0; idle < IDLE_LOOKS && look < LOOKS; look++) {
            await pause(40);
            idle = (await isUnderWay()) ? 0 : idle + 1;
          }
          if (await isAllTold()) return;
          await app.end();
          await begin();
        });
      }
      assert.equal(await isPending(), false);
      const trail = await readTrail();
      assert.deepEqual(
        organizations.filter((name) => !trail.includes(`organization.created ${name}`)),
        [],
      );
      const told = toldByWebhook();
      for (const [path, ids] of told) {
        const missing = [...organizations, ...tokens].filter((name) => !ids.has(name));
        assert.deepEqual(missing, [], path);
        assert.deepEqual(
          [...ids].filter(([, found]) => found.size > 1),
          [],
          path,
        );
      }
      const mails = toldByMail();
      for (const [what, ids] of mails) assert.equal(ids.size, 1, `${what}: ${[...ids].join(' ')}`);
      assert.equal(thingsTold('vendor@acme.example'), trail.length, 'each change is told to the vendor once');
      assert.equal(thingsTold('it@contoso.example'), endsIn(trail), 'each end is told to the contact once');
      t.diagnostic(
        `${died} of ${KILLS} died at a write; ${organizations.length} changes and ${tokens.length} ends, ${receiver.received.length} requests, ${server.mails.length} emails`,
      );
    });

    const list = (path: string) => patiently(() => api.get(path));
    const isPending = async () => (await list('/deliveries?state=pending&limit=1')).body.items.length > 0;

    /** Whether something is claimed, by whomever, or due. */
    async function isUnderWay(): Promise<boolean> {
      const now = new Date(Date.now() + (lives - 1) * LIFE_MS).toISOString();
      const { body } = await list('/deliveries?state=pending&limit=200');
      return body.items.some(({ nextAttemptAt: at }: Answer) => at === null || at <= now);
    }

    /** What the vendor's contact is to hear of. */
    async function readTrail(): Promise<string[]> {
      const trail: string[] = [];
      for (let cursor: string | null = ''; cursor !== null; ) {
        const types = 'organization.created,directory.created,credential.issued';
        const { body }: Answer = await list(`/events?type=${types}&limit=200${cursor}`);
        trail.push(...body.items.map(({ type, data }: Answer) => `${type} ${data.name}`));
        cursor = body.nextCursor === null ? null : `&after=${body.nextCursor}`;
      }
      return trail;
    }

    const endsIn = (trail: string[]) => trail.filter((line) => line.startsWith('credential.issued')).length;

    async function isAllTold(): Promise<boolean> {
      const trail = await readTrail();
      return (
        thingsTold('vendor@acme.example') === trail.length &&
        thingsTold('it@contoso.example') === endsIn(trail) &&
        !(await isPending())
      );
    }

    /** For each webhook, the IDs under which each thing reached it. */
    function toldByWebhook(): Map<string, Map<string, Set<string>>> {
      const found = new Map([...secrets.keys()].map((path) => [path, new Map<string, Set<string>>()]));
      for (const { path, headers, body } of receiver.received) {
        const { 'webhook-id': id = '', 'webhook-timestamp': at = '', 'webhook-signature': signature = '' } = headers;
        // The library checks the time as well, which is hours ahead here.
        const wanted = new Webhook(secrets.get(path) ?? '').sign(id, new Date(Number(at) * 1000), body);
        assert.equal(signature, wanted);
        const { data } = JSON.parse(body);
        const of = found.get(path);
        of?.set(data.name, (of.get(data.name) ?? new Set()).add(id));
      }
      return found;
    }

    /** The IDs of the emails in which each thing reached somebody: mail servers show those of one ID once. */
    function toldByMail(): Map<string, Set<string>> {
      const found = new Map<string, Set<string>>();
      for (const { to, text, messageId } of server.mails) {
        for (const [what] of text.matchAll(/customer \d+-\d+-\d+|token \d+-\d+/g)) {
          const key = `${to} ${what}`;
          found.set(key, (found.get(key) ?? new Set()).add(messageId));
        }
      }
      return found;
    }

    /** An email shows thirty at most, and says how many more there are. */
    function thingsTold(email: string): number {
      const mails = new Map(
        server.mails.filter(({ to }) => to === email).map(({ messageId, ...mail }) => [messageId, mail]),
      );
      let count = 0;
      for (const { subject } of mails.values()) {
        const several = /(\d+) things (?:happened|expire soon)/.exec(subject);
        if (several) count += Number(several[1]);
        else if (/ was created| expires in /.test(subject)) count += 1;
      }
      return count;
    }
  });
}
