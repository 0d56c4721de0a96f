/** Invariants 5, 7 and 9 of contract.md over years: nothing ends by silence, and what has an end shows it before. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { createMovableClock, DAY, HOUR } from '../support/clock.ts';
import { engines, type Place } from '../support/engines.ts';
import {
  ask,
  type Connected,
  eventsOf,
  makeClient,
  makeConnection,
  refresh,
  verified,
} from '../support/oauth-client.ts';

const TEN_YEARS = 3653;
const GRANT = { grant_type: 'client_credentials' };

for (const engine of engines) {
  describe(`a connection over the years on ${engine.name}`, () => {
    let place: Place;
    let app: TestApp;
    before(() => {
      place = engine.place();
    });
    after(() => place.remove());

    const withApp = async (work: () => Promise<void>) => {
      app = await startApp({ databaseUrl: place.url, clock: createMovableClock() });
      try {
        await work();
      } finally {
        await app.close();
      }
    };

    /** Moves the clock, and lets everything come by that is done by itself meanwhile. */
    async function pass(days: number): Promise<void> {
      app.clock.advance(days * DAY);
      for (const { run } of app.app.rounds) await run();
    }

    async function works({ client, refreshToken, directory }: Connected): Promise<boolean> {
      const { status, body } = await refresh(app, client, refreshToken);
      if (status !== 200) {
        assert.deepEqual([status, body.error], [400, 'invalid_grant']);
        return false;
      }
      assert.equal(await verified(app, directory.id, body.access_token), 200);
      return true;
    }

    const credential = async (id: string): Promise<Answer> => (await app.api.get(`/credentials/${id}`)).body;

    for (const days of [30, 200, TEN_YEARS]) {
      const rhythm = days === TEN_YEARS ? 'never until the end' : `every ${days} days`;
      it(`is connected after ten years with a refresh ${rhythm}, by default`, () =>
        withApp(async () => {
          const connected = await makeConnection(app);
          assert.equal((await credential(connected.credentialId)).expiresAt, null, 'it has no end');
          for (let day = days; day <= TEN_YEARS; day += days) {
            await pass(days);
            assert.ok(await works(connected), `day ${day}`);
          }
          const { state, expiresAt } = await credential(connected.credentialId);
          assert.deepEqual([state, expiresAt], ['active', null]);
          await app.api.delete(`/directories/${connected.directory.id}?force=true`);
        }));
    }

    it('is connected after ten years of rotated refresh tokens, with a lost answer every time', () =>
      withApp(async () => {
        const connected = await makeConnection(app, { rotateRefreshTokens: true });
        let current = connected.refreshToken;
        for (let day = 200; day <= TEN_YEARS; day += 200) {
          await pass(200);
          const lost = await refresh(app, connected.client, current);
          await pass(1);
          const { status, body } = await refresh(app, connected.client, current);
          assert.equal(status, 200, JSON.stringify(body));
          assert.equal(body.refresh_token, lost.body.refresh_token);
          assert.equal(await verified(app, connected.directory.id, body.access_token), 200);
          current = body.refresh_token;
        }
      }));

    it('is connected after ten years of silence of a client that uses client_credentials', () =>
      withApp(async () => {
        const directory = await app.api.makeDirectory();
        const client = await makeClient(app, { directoryId: directory.id, grantTypes: ['client_credentials'] });
        await ask(app, client, GRANT);
        await pass(TEN_YEARS);
        const { status, body } = await ask(app, client, GRANT);
        assert.equal(status, 200, JSON.stringify(body));
        assert.equal(await verified(app, directory.id, body.access_token), 200);
      }));

    it('ends by its idleDays when it was not refreshed for so long, and shows the end that each refresh moves', () =>
      withApp(async () => {
        const connected = await makeConnection(app, { idleDays: 90 });
        const end = async () => new Date((await credential(connected.credentialId)).expiresAt).getTime();
        assert.equal(await end(), app.clock.now().getTime() + 90 * DAY);
        for (let turn = 0; turn < 3; turn++) {
          await pass(89);
          assert.ok(await works(connected));
          assert.equal(await end(), app.clock.now().getTime() + 90 * DAY);
        }
        app.clock.advance(90 * DAY - 1);
        assert.equal((await credential(connected.credentialId)).state, 'active');
        await pass(1);
        assert.equal(await works(connected), false);
        assert.equal((await credential(connected.credentialId)).state, 'expired');
        const [told] = await eventsOf(app, 'credential.expired');
        assert.equal(told.credentialId, connected.credentialId);
      }));

    it('ends at its maximumAgeDays however much it is used, and shows that end from the first day', () =>
      withApp(async () => {
        const connected = await makeConnection(app, { maximumAgeDays: 365, idleDays: 100 });
        const made = app.clock.now().getTime();
        for (let day = 50; day < 365; day += 50) {
          await pass(50);
          assert.ok(await works(connected), `day ${day}`);
          const { expiresAt } = await credential(connected.credentialId);
          const idle = app.clock.now().getTime() + 100 * DAY;
          assert.equal(new Date(expiresAt).getTime(), Math.min(idle, made + 365 * DAY));
        }
        const { body } = await refresh(app, connected.client, connected.refreshToken);
        await pass(15);
        assert.equal(await verified(app, connected.directory.id, body.access_token), 401);
        assert.equal(await works(connected), false);
        await pass(1);
        const told = (await eventsOf(app, 'credential.expired')).map(({ credentialId }) => credentialId);
        assert.ok(told.includes(connected.credentialId));
      }));

    it('gives no access token that outlives the connection', () =>
      withApp(async () => {
        const connected = await makeConnection(app, { maximumAgeDays: 1, accessTokenSeconds: 21_600 });
        app.clock.advance(DAY - HOUR);
        const { body } = await refresh(app, connected.client, connected.refreshToken);
        assert.equal(await verified(app, connected.directory.id, body.access_token), 200);
        app.clock.advance(HOUR);
        assert.equal(await verified(app, connected.directory.id, body.access_token), 401);
      }));

    it('outlives the client secret it was made with, and keys of every age', () =>
      withApp(async () => {
        const connected = await makeConnection(app);
        for (let year = 0; year < 3; year++) {
          const { id } = connected.client;
          const { secrets } = (await app.api.get(`/clients/${id}`)).body;
          const added = (await app.api.post(`/clients/${id}/secrets`)).body;
          await app.api.delete(`/clients/${id}/secrets/${secrets[0].id}`);
          connected.client.secret = added.clientSecret;
          await pass(365);
          assert.ok(await works(connected), `year ${year}`);
        }
        assert.ok((await eventsOf(app, 'signing_key.rotated')).length >= 3, 'keys were rotated by their age');
      }));
  });
}
