/** (33) restart, failover, key rotation, restore: no credential that was valid becomes invalid. */
import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import mongoose from 'mongoose';
import { SYSTEM } from '../../src/audit/index.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { createBrowserSession } from '../support/browser-session.ts';
import { createMovableClock, DAY, MINUTE, type MovableClock } from '../support/clock.ts';
import { bothEngines, type Engine, type Place } from '../support/engines.ts';
import {
  ask,
  type Connected,
  exchange,
  makeClient,
  makeConnection,
  type OauthClient,
  obtainCode,
  REDIRECT_URI,
  refresh,
  verified,
} from '../support/oauth-client.ts';

/** Everything that is valid at one moment. */
interface Valid {
  plain: Connected;
  rotating: Connected;
  machine: { client: OauthClient; directoryId: string; token: string };
  bearer: { directoryId: string; token: string };
  code: { client: OauthClient; directoryId: string; value: string };
}

async function makeValid(app: TestApp): Promise<Valid> {
  const plain = await makeConnection(app);
  const rotating = await makeConnection(app, { rotateRefreshTokens: true });
  const owner = await app.api.makeDirectory();
  const machine = await makeClient(app, { directoryId: owner.id, grantTypes: ['client_credentials'] });
  const { body } = await ask(app, machine, { grant_type: 'client_credentials' });
  const issued = await app.api.issue(owner.id);
  const directory = await app.api.makeDirectory();
  const client = await makeClient(app);
  return {
    plain,
    rotating,
    machine: { client: machine, directoryId: owner.id, token: body.access_token },
    bearer: { directoryId: owner.id, token: issued.token },
    code: { client, directoryId: directory.id, value: await obtainCode(app, client, directory) },
  };
}

async function assertStillValid(app: TestApp, { plain, rotating, machine, bearer, code }: Valid): Promise<void> {
  for (const [directoryId, token] of [
    [plain.directory.id, plain.accessToken],
    [rotating.directory.id, rotating.accessToken],
    [machine.directoryId, machine.token],
    [bearer.directoryId, bearer.token],
  ] as const) {
    assert.equal(await verified(app, directoryId, token), 200);
  }
  for (const { client, refreshToken, directory } of [plain, rotating]) {
    const { status, body } = await refresh(app, client, refreshToken);
    assert.equal(status, 200, JSON.stringify(body));
    assert.equal(await verified(app, directory.id, body.access_token), 200);
  }
  assert.equal((await ask(app, machine.client, { grant_type: 'client_credentials' })).status, 200);
  const { status, body } = await exchange(app, code.client, code.value);
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal(await verified(app, code.directoryId, body.access_token), 200);
}

/** A backup of a store that nobody writes to, brought into an empty one. */
async function restore(engine: Engine, from: Place): Promise<Place> {
  const to = engine.place();
  if (engine.name === 'sqlite') {
    cpSync(from.url.slice('file:'.length), to.url.slice('file:'.length), { recursive: true });
    return to;
  }
  const [source, target] = await Promise.all([from, to].map(({ url }) => mongoose.createConnection(url).asPromise()));
  for (const { name } of (await source?.listCollections()) ?? []) {
    const documents = (await source?.collection(name).find().toArray()) ?? [];
    if (documents.length > 0) await target?.collection(name).insertMany(documents);
  }
  await Promise.all([source?.close(), target?.close()]);
  return to;
}

for (const engine of bothEngines) {
  describe(`(33) what was valid stays valid on ${engine.name}`, () => {
    let place: Place;
    let clock: MovableClock;
    const start = (at = place, env = {}) => startApp({ databaseUrl: at.url, clock, env });
    const readKeys = (app: TestApp) => app.app.rounds.find(({ name }) => name === 'signing keys')?.run();
    before(() => {
      place = engine.place();
      clock = createMovableClock();
    });
    after(() => place.remove());

    it('through a restart, and at another instance', async () => {
      const first = await start();
      const valid = await makeValid(first);
      const other = await start();
      for (const { directory, accessToken } of [valid.plain, valid.rotating]) {
        assert.equal(await verified(other, directory.id, accessToken), 200);
      }
      await Promise.all([first.close(), other.close()]);
      const second = await start();
      try {
        await assertStillValid(second, valid);
      } finally {
        await second.close();
      }
    });

    it('through rotations of the signing and cookie keys, which need no restart', async () => {
      const app = await start();
      try {
        const kids = async () => {
          const { keys } = (await (await fetch(`${app.url}/oauth/jwks`)).json()) as { keys: { kid: string }[] };
          return keys.map(({ kid }) => kid);
        };
        const valid = await makeValid(app);
        const [oldest = ''] = await kids();
        const directory = await app.api.makeDirectory();
        const client = await makeClient(app);
        const { body: link } = await app.api.post('/portal-links', { organizationId: directory.organizationId });
        const browser = createBrowserSession(app.url);
        await browser.submit(await browser.open(link.url), {});
        const query = new URLSearchParams({ response_type: 'code', client_id: client.id, redirect_uri: REDIRECT_URI });
        const page = await browser.open(`${app.url}/oauth/authorize?${query}`);
        for (let turn = 0; turn < 2; turn++) {
          await app.app.keys.rotate(SYSTEM);
          await readKeys(app);
        }
        assert.equal((await kids())[0], oldest, 'the new ones may not be known everywhere yet');
        clock.advance(MINUTE);
        await readKeys(app);
        const all = await kids();
        assert.equal(all.length, 3);
        assert.ok(all[0] !== oldest && all.includes(oldest), 'a new one signs, the old ones verify');
        const { url } = await browser.submit(page, { decision: 'allow' });
        const code = new URL(url).searchParams.get('code') ?? assert.fail(url);
        assert.equal((await exchange(app, client, code)).status, 200, 'a consent page that was open goes through');
        await assertStillValid(app, valid);
      } finally {
        await app.close();
      }
    });

    it('through a rotation that another instance did, and one by age', async () => {
      const [app, other] = [await start(), await start()];
      try {
        const valid = await makeValid(app);
        await other.app.keys.rotate(SYSTEM);
        await readKeys(app);
        await assertStillValid(app, valid);
        await assertStillValid(other, { ...valid, ...(await freshly(other)) });
        clock.advance(91 * DAY);
        for (const each of [app, other]) await readKeys(each);
        for (const { client, refreshToken } of [valid.plain]) {
          assert.equal((await refresh(app, client, refreshToken)).status, 200);
          assert.equal((await refresh(other, client, refreshToken)).status, 200);
        }
      } finally {
        await Promise.all([app.close(), other.close()]);
      }
    });

    it('at instances that have not read a new key yet: it signs nothing before they have', async () => {
      const env = { LATCHKEY_PUBLIC_URL: 'http://localhost:4400', LATCHKEY_HOSTS: '127.0.0.1' };
      const [app, other] = [await start(place, env), await start(place, env)];
      const kidsAt = async ({ url }: TestApp) => {
        const { keys } = (await (await fetch(`${url}/oauth/jwks`)).json()) as { keys: { kid: string }[] };
        return keys.map(({ kid }) => kid);
      };
      try {
        const directory = await app.api.makeDirectory();
        const client = await makeClient(app);
        await app.app.keys.rotate(SYSTEM);
        await readKeys(app);
        const [signing = ''] = await kidsAt(app);
        assert.ok((await kidsAt(other)).includes(signing), 'who verifies may ask any instance for the keys');

        // Follows no redirect: the test says which instance gets each request.
        const browser = createBrowserSession('http://browser.example');
        const { body: link } = await app.api.post('/portal-links', { organizationId: directory.organizationId });
        await browser.submit(await browser.open(app.url + new URL(link.url).pathname), {});
        const query = new URLSearchParams({ response_type: 'code', client_id: client.id, redirect_uri: REDIRECT_URI });
        const { url: waiting } = await browser.open(`${app.url}/oauth/authorize?${query}`);
        const page = await browser.open(other.url + new URL(waiting).pathname);
        const { url: resuming } = await browser.submit(page, { decision: 'allow' });
        const { url } = await browser.open(other.url + new URL(resuming).pathname);
        const code = new URL(url).searchParams.get('code') ?? assert.fail(url);
        assert.equal((await exchange(other, client, code)).status, 200);
      } finally {
        await Promise.all([app.close(), other.close()]);
      }
    });

    it('through a restore, and refresh tokens also when the backup is older than their last use', async () => {
      const first = await start();
      const valid = await makeValid(first);
      await first.close();
      const backup = await restore(engine, place);
      const again = await start();
      for (const { client, refreshToken } of [valid.plain, valid.rotating]) {
        assert.equal((await refresh(again, client, refreshToken)).status, 200);
      }
      await again.close();
      const restored = await start(backup);
      try {
        await assertStillValid(restored, valid);
      } finally {
        await restored.close();
        await backup.remove();
      }
    });

    /** A code can be spent once only. */
    async function freshly(app: TestApp): Promise<Pick<Valid, 'code'>> {
      const directory = await app.api.makeDirectory();
      const client = await makeClient(app);
      return { code: { client, directoryId: directory.id, value: await obtainCode(app, client, directory) } };
    }
  });
}
