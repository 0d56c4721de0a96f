/** Lines 30 to 33 of what must hold for identity providers: revocation, introspection, and what outlives everything. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { SignJWT } from 'jose';
import mongoose from 'mongoose';
import type { Answer } from '../support/api.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { createMovableClock, HOUR, MINUTE } from '../support/clock.ts';
import { consentsAt } from '../support/consents.ts';
import { type Engine, engines, type Place } from '../support/engines.ts';
import { createItContact, makeLink, welcomeItContact } from '../support/it-contact.ts';
import {
  ask,
  type Connected,
  exchange,
  introspect,
  makeClient,
  makeConnection,
  type OauthClient,
  refresh,
  verified,
} from '../support/oauth-client.ts';
import { sendRaw } from '../support/raw-request.ts';

for (const engine of engines) {
  describe(`revocation, introspection and long life on ${engine.name}`, () => {
    let place: Place;
    let app: TestApp;
    let metadata: Answer;
    before(async () => {
      place = engine.place();
      app = await startApp({ databaseUrl: place.url, clock: createMovableClock(new Date().toISOString()) });
      metadata = await (await fetch(`${app.url}/.well-known/oauth-authorization-server`)).json();
    });
    after(async () => {
      await app.close();
      await place.remove();
    });

    const { addressOf } = consentsAt(() => app);

    describe('(30) revocation', () => {
      const revoke = (client: OauthClient, token: string, hint?: string) =>
        ask(app, client, { token, ...(hint !== undefined && { token_type_hint: hint }) }, { path: '/oauth/revoke' });

      it('(30) answers 200 for whatever it does not know', async () => {
        const client = await makeClient(app);
        const { token } = await app.api.issue((await app.api.makeDirectory()).id);
        const values = [
          'x',
          'scimrt_unknown',
          'scimat_unknown',
          token,
          `scimrt_${'a'.repeat(43)}`,
          '%00',
          'a.b.c',
          'é',
        ];
        for (const value of values) {
          for (const hint of [undefined, 'refresh_token', 'access_token', 'nonsense']) {
            assert.equal((await revoke(client, value, hint)).status, 200, `${value} ${hint}`);
          }
        }
        const jwt = await new SignJWT({}).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.alloc(32));
        assert.equal((await revoke(client, jwt)).status, 200);
      });

      it('(30) of a refresh token ends the connection, whatever the hint says', async () => {
        for (const hint of [undefined, 'refresh_token', 'access_token']) {
          const { directory, client, accessToken, refreshToken, credentialId } = await makeConnection(app);
          assert.equal(await verified(app, directory.id, accessToken), 200);
          assert.equal((await revoke(client, refreshToken, hint)).status, 200);
          assert.equal(await verified(app, directory.id, accessToken), 401);
          assert.equal((await refresh(app, client, refreshToken)).body.error, 'invalid_grant');
          assert.equal((await app.api.get(`/credentials/${credentialId}`)).body.state, 'revoked');
          // Again: there is nothing left, and that is no error.
          assert.equal((await revoke(client, refreshToken, hint)).status, 200);
        }
      });

      it('(30) may be asked by the owning client alone', async () => {
        const { directory, accessToken, refreshToken, client } = await makeConnection(app);
        const other = await makeClient(app);
        for (const token of [accessToken, refreshToken]) await revoke(other, token);
        const { status } = await ask(
          app,
          { ...client, secret: 'scimcs_wrong' },
          { token: refreshToken },
          { path: '/oauth/revoke' },
        );
        assert.equal(status, 401);
        assert.equal(await verified(app, directory.id, accessToken), 200);
        assert.equal((await refresh(app, client, refreshToken)).status, 200);
      });
    });

    it('(31) introspection says what a token is, and active:false at once after a revoke', async () => {
      const { directory, client, accessToken, refreshToken, credentialId } = await makeConnection(app);
      const { iat, exp, ...told } = await introspect(app, accessToken);
      assert.equal(exp - iat, 3600);
      assert.deepEqual(told, {
        active: true,
        scope: 'scim',
        token_type: 'Bearer',
        client_id: client.id,
        sub: directory.id,
        aud: directory.endpointUrl,
        iss: app.url,
        directory_id: directory.id,
        organization_id: directory.organizationId,
        credential_id: credentialId,
        credential_kind: 'oauth',
      });
      // A refresh token is nothing to be presented at a SCIM endpoint.
      assert.deepEqual(await introspect(app, refreshToken), { active: false });
      await app.api.post(`/credentials/${credentialId}/revoke`, { force: true });
      assert.deepEqual(await introspect(app, accessToken), { active: false });
      assert.equal(await verified(app, directory.id, refreshToken), 401);
    });

    it('(32) no session is shared: who made the connection logs out, is let in no more, is gone; SCIM traffic goes on', async () => {
      const directory = await app.api.makeDirectory();
      const client = await makeClient(app);
      const { body: made } = await app.api.post('/api-keys', { name: 'leaver', role: 'admin' });
      const contact = createItContact(app.url);
      const { url, portalLink } = await makeLink(app.api.as(made.key), directory.organizationId);
      await contact.enter(url);
      const code = (await contact.allow(addressOf(client))).searchParams.get('code') ?? '';
      const { body: tokens } = await exchange(app, client, code);
      const cookie = contact.browser.cookieFor(app.url);
      assert.notEqual(cookie, '');
      // Cookies say nothing at the endpoints of machines, neither good nor bad.
      const path = `${app.url}/auth/verify?directory=${directory.id}`;
      assert.equal((await fetch(path, { headers: { cookie } })).status, 401);
      assert.equal((await fetch(`${app.url}/oauth/token`, { method: 'POST', headers: { cookie } })).status, 401);
      const goesOn = async () => {
        assert.equal(await verified(app, directory.id, tokens.access_token), 200);
        const { status, body } = await refresh(app, client, tokens.refresh_token);
        assert.equal(status, 200);
        assert.equal(await verified(app, directory.id, body.access_token), 200);
      };
      await goesOn();
      await app.api.post(`/portal-links/${portalLink.id}/revoke`);
      await goesOn();
      await app.api.post(`/api-keys/${made.apiKey.id}/revoke`);
      await goesOn();
      app.clock.advance(9 * HOUR);
      assert.equal((await contact.browser.open(`${app.url}/portal`)).status, 401);
      const { status, body } = await refresh(app, client, tokens.refresh_token);
      assert.equal(status, 200);
      assert.equal(await verified(app, directory.id, body.access_token), 200);
      const [credential] = (await app.api.get(`/directories/${directory.id}/credentials`)).body.items;
      assert.equal(credential.authorizedBy.id, portalLink.id);
    });

    describe('(33) what was valid stays valid', () => {
      async function assertValid(
        target: TestApp,
        { directory, client, accessToken, refreshToken }: Connected,
        staticToken: string,
      ) {
        assert.equal(await verified(target, directory.id, accessToken), 200);
        assert.equal(await verified(target, directory.id, staticToken), 200);
        const { status, body } = await refresh(target, client, refreshToken);
        assert.equal(status, 200, JSON.stringify(body));
        assert.equal(await verified(target, directory.id, body.access_token), 200);
      }

      async function setUp() {
        const connection = await makeConnection(app);
        return { connection, token: (await app.api.issue(connection.directory.id)).token };
      }

      it('(33) through a restart, and on another instance beside it', async () => {
        const { connection, token } = await setUp();
        const waiting = createItContact(app.url);
        await waiting.browser.open(addressOf(connection.client));
        const other = await startApp({
          databaseUrl: place.url,
          clock: app.clock,
          env: { LATCHKEY_PUBLIC_URL: app.url },
        });
        try {
          await assertValid(other, connection, token);
          await assertValid(app, connection, token);
          // A request that waits in a browser is known there as well.
          const { pathname } = new URL(addressOf(connection.client));
          const started = await sendRaw(app.url, { path: pathname + new URL(addressOf(connection.client)).search });
          const cookies = (started.headers['set-cookie'] as string[]).map((line) => line.split(';')[0]).join('; ');
          const page = await sendRaw(other.url, {
            path: new URL(started.headers['location'] as string, app.url).pathname,
            headers: { Cookie: cookies },
          });
          assert.equal(page.status, 200, page.text);
        } finally {
          await other.close();
        }
      });

      it('(33) through rotations of the signing and cookie keys, with a consent under way', async () => {
        const { connection, token } = await setUp();
        const contact = await welcomeItContact(app.url, app.api, connection.directory.organizationId);
        const page = await contact.reachConsent(addressOf(connection.client));
        const before = ((await (await fetch(metadata.jwks_uri)).json()) as Answer).keys;
        for (let turn = 0; turn < 3; turn++) {
          await app.app.keys.rotate({ actor: { type: 'system', name: 'the test' }, source: 'system' });
          await app.app.rounds.find(({ name }) => name === 'signing keys')?.run();
        }
        app.clock.advance(MINUTE);
        await app.app.rounds.find(({ name }) => name === 'signing keys')?.run();
        const { keys } = (await (await fetch(metadata.jwks_uri)).json()) as Answer;
        assert.notEqual(keys[0].kid, before[0].kid);
        await assertValid(app, connection, token);
        await contact.decide(page, { decision: 'cancel' });
      });

      it('(33) through the rotation of a client secret', async () => {
        const { connection, token } = await setUp();
        const { client } = connection;
        const [old] = client.client.secrets;
        const { body } = await app.api.post(`/clients/${client.id}/secrets`);
        await assertValid(app, connection, token);
        const renewed = { ...connection, client: { ...client, secret: body.clientSecret } };
        await assertValid(app, renewed, token);
        await app.api.delete(`/clients/${client.id}/secrets/${old.id}`);
        await assertValid(app, renewed, token);
        assert.equal((await refresh(app, client, connection.refreshToken)).status, 401);
      });

      it('(33) through a restore of a copy', async () => {
        const { connection, token } = await setUp();
        const copy = await copyOf(engine, place);
        const restored = await startApp({
          databaseUrl: copy.url,
          clock: app.clock,
          env: { LATCHKEY_PUBLIC_URL: app.url },
        });
        try {
          await assertValid(restored, connection, token);
        } finally {
          await restored.close();
          await copy.remove();
        }
      });
    });
  });
}

/** What a backup is: the files, or all collections of the database. */
async function copyOf({ name, place }: Engine, from: Place): Promise<Place> {
  const copy = place();
  if (name === 'sqlite') {
    const spare = join(mkdtempSync(join(tmpdir(), 'latchkey-backup-')), 'data');
    cpSync(from.url.slice('file:'.length), spare, { recursive: true });
    cpSync(spare, copy.url.slice('file:'.length), { recursive: true });
    return copy;
  }
  const [source, target] = await Promise.all(
    [from.url, copy.url].map((url) => mongoose.createConnection(url).asPromise()),
  );
  assert.ok(source?.db && target?.db);
  for (const { name: collection } of await source.db.listCollections().toArray()) {
    const records = await source.db.collection(collection).find().toArray();
    if (records.length > 0) await target.db.collection(collection).insertMany(records);
  }
  await Promise.all([source.close(), target.close()]);
  return copy;
}
