/** Invariant 5: one refresh token never kills a connection, with and without rotation; and one answer for one code. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { patiently } from '../support/api.ts';
import { runApp, startApp, type TestApp } from '../support/app.ts';
import { DAY } from '../support/clock.ts';
import { engines, type Place } from '../support/engines.ts';
import {
  eventsOf,
  exchange,
  makeClient,
  makeConnection,
  obtainCode,
  refresh,
  verified,
} from '../support/oauth-client.ts';

const MANY = 50;

for (const engine of engines) {
  describe(`invariant 5 on ${engine.name}, with a clock that stands still`, () => {
    const app = runApp({ engine });

    const stateOf = async (credentialId: string) => (await app.api.get(`/credentials/${credentialId}`)).body.state;

    it('rotates no refresh token of a client with a secret, and those of a public one', async () => {
      const plain = await makeConnection(app);
      assert.equal(plain.client.client.rotateRefreshTokens, false);
      const { body } = await refresh(app, plain.client, plain.refreshToken);
      assert.equal(body.refresh_token, plain.refreshToken);
      const open = await makeClient(app, { tokenEndpointAuthMethod: 'none' });
      assert.equal(open.client.rotateRefreshTokens, true);
    });

    it('gives the same successor however often an answer is lost, until that was used', async () => {
      const { client, refreshToken, directory, credentialId } = await makeConnection(app, {
        rotateRefreshTokens: true,
      });
      const successors = new Set<string>();
      for (let turn = 0; turn < 8; turn++) {
        const { status, body } = await refresh(app, client, refreshToken);
        assert.equal(status, 200, JSON.stringify(body));
        assert.equal(await verified(app, directory.id, body.access_token), 200);
        successors.add(body.refresh_token);
        // The retry of an IdP may come seconds or months later.
        app.clock.advance(turn * 30 * DAY);
      }
      const [successor = ''] = successors;
      assert.equal(successors.size, 1);
      assert.notEqual(successor, refreshToken);

      const next = await refresh(app, client, successor);
      assert.equal(next.status, 200, JSON.stringify(next.body));
      assert.notEqual(next.body.refresh_token, successor);

      const late = await refresh(app, client, refreshToken);
      assert.deepEqual([late.status, late.body.error], [400, 'invalid_grant']);
      assert.equal(await stateOf(credentialId), 'active', 'the connection goes on');
      assert.equal((await refresh(app, client, next.body.refresh_token)).status, 200);
      const [told] = await eventsOf(app, 'token.refused');
      assert.equal(told.data.reason, 'refresh_token_superseded');
      assert.deepEqual([told.directoryId, told.credentialId], [directory.id, credentialId]);
    });

    async function makePublicConnection() {
      const directory = await app.api.makeDirectory();
      const client = await makeClient(app, { tokenEndpointAuthMethod: 'none' });
      const verifier = 'v'.repeat(50);
      const challenge = createHash('sha256').update(verifier).digest('base64url');
      const query = { code_challenge: challenge, code_challenge_method: 'S256' };
      const code = await obtainCode(app, client, directory, { query });
      const { status, body } = await exchange(app, client, code, { code_verifier: verifier }, { style: 'none' });
      assert.equal(status, 200, JSON.stringify(body));
      const { items } = (await app.api.get(`/directories/${directory.id}/credentials`)).body;
      const use = (token: string) => refresh(app, client, token, { style: 'none' });
      return { directory, client, first: body.refresh_token as string, credentialId: items[0].id as string, use };
    }

    it('ends the connection of a public client that uses a replaced token after its successor, and says so', async () => {
      const { directory, client, first, credentialId, use } = await makePublicConnection();
      const successors = new Set<string>();
      for (let turn = 0; turn < 5; turn++) {
        successors.add((await use(first)).body.refresh_token);
        app.clock.advance(turn * DAY);
      }
      const [second = ''] = successors;
      assert.equal(successors.size, 1, 'a lost answer costs nothing');
      const parallel = await Promise.all([use(second), use(second), use(second)]);
      assert.equal(new Set(parallel.map(({ body }) => body.refresh_token)).size, 1);
      const { access_token: accessToken, refresh_token: third } = parallel[0]?.body ?? {};
      assert.equal(await verified(app, directory.id, accessToken), 200);
      assert.equal(await stateOf(credentialId), 'active');

      const reused = await use(first);
      assert.deepEqual([reused.status, reused.body.error], [400, 'invalid_grant']);
      assert.equal(await stateOf(credentialId), 'revoked');
      assert.equal(await verified(app, directory.id, accessToken), 401);
      for (const token of [third, second, first]) assert.equal((await use(token)).status, 400);
      const told = (await eventsOf(app, 'token.refused')).filter(({ data }) => data.clientId === client.id);
      assert.ok(
        told.some(({ data }) => data.reason === 'refresh_token_reused'),
        JSON.stringify(told),
      );
      const [revoked] = await eventsOf(app, 'credential.revoked');
      assert.deepEqual(
        [revoked.credentialId, revoked.actor.type, revoked.data.reason],
        [credentialId, 'identity_provider', 'a replaced refresh token was used again'],
      );
    });

    it('makes no public client whose refresh tokens stay the same', async () => {
      const fields = { name: 'x', redirectUris: ['https://idp.example/cb'], tokenEndpointAuthMethod: 'none' };
      const { status, body } = await app.api.post('/clients', { ...fields, rotateRefreshTokens: false });
      assert.deepEqual([status, body.errors[0].path], [400, 'rotateRefreshTokens']);
    });

    it('rotates on through a long chain, each link of which may be asked for twice', async () => {
      const { client, refreshToken, credentialId } = await makeConnection(app, { rotateRefreshTokens: true });
      let current = refreshToken;
      for (let turn = 0; turn < 10; turn++) {
        const [first, again] = [await refresh(app, client, current), await refresh(app, client, current)];
        assert.equal(first.status, 200, JSON.stringify(first.body));
        assert.equal(again.body.refresh_token, first.body.refresh_token);
        current = first.body.refresh_token;
      }
      assert.equal(await stateOf(credentialId), 'active');
    });

    it('does not give the successor to another client', async () => {
      const { client, refreshToken, credentialId } = await makeConnection(app, { rotateRefreshTokens: true });
      const stranger = await makeClient(app, { rotateRefreshTokens: true });
      const early = await refresh(app, stranger, refreshToken);
      assert.deepEqual([early.status, early.body.error], [400, 'invalid_grant']);
      const first = await refresh(app, client, refreshToken);
      assert.equal(first.status, 200, 'what a stranger tried holds nobody up');
      const late = await refresh(app, stranger, refreshToken);
      assert.deepEqual([late.status, late.body.error], [400, 'invalid_grant']);
      assert.equal((await refresh(app, client, first.body.refresh_token)).status, 200);
      assert.equal(await stateOf(credentialId), 'active');
    });

    it('refuses both the token and its successor once the connection is revoked', async () => {
      const { client, refreshToken, credentialId } = await makeConnection(app, { rotateRefreshTokens: true });
      const { body } = await refresh(app, client, refreshToken);
      await app.api.post(`/credentials/${credentialId}/revoke`, { force: true });
      for (const token of [refreshToken, body.refresh_token]) {
        const refused = await refresh(app, client, token);
        assert.deepEqual([refused.status, refused.body.error], [400, 'invalid_grant']);
      }
    });
  });

  describe(`invariant 5 on ${engine.name}, at the same time`, () => {
    let place: Place;
    let app: TestApp;
    let other: TestApp;
    before(async () => {
      place = engine.place();
      const options = { databaseUrl: place.url, realClock: systemClock, env: { LATCHKEY_LEASE_MS: '20' } };
      [app, other] = [await startApp(options), await startApp(options)];
    });
    after(async () => {
      await Promise.all([app.close(), other.close()]);
      await place.remove();
    });

    for (const rotateRefreshTokens of [false, true]) {
      it(`answers ${MANY} parallel refreshes of one token at two instances ${rotateRefreshTokens ? 'with' : 'without'} rotation, and every token works`, async () => {
        const { client, refreshToken, directory, accessToken } = await makeConnection(app, { rotateRefreshTokens });
        const answers = await Promise.all(
          Array.from({ length: MANY }, (_, index) =>
            // A slow store may not answer so many at once within its limit: that is 503, and kills no token.
            patiently(() => refresh(index % 2 ? app : other, client, refreshToken)),
          ),
        );
        for (const { status, body } of answers) {
          assert.equal(status, 200, JSON.stringify(body));
          assert.equal(await verified(app, directory.id, body.access_token), 200);
        }
        assert.equal(await verified(other, directory.id, accessToken), 200);
        const successors = new Set(answers.map(({ body }) => body.refresh_token));
        assert.equal(successors.size, 1);
        const [successor = ''] = successors;
        assert.equal(successor === refreshToken, !rotateRefreshTokens);
        assert.equal((await refresh(app, client, successor)).status, 200);
      });
    }

    it('(27) gives one answer to parallel exchanges of one code at two instances', async () => {
      const directory = await app.api.makeDirectory();
      const client = await makeClient(app);
      const code = await obtainCode(app, client, directory);
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, index) => exchange(index % 2 ? app : other, client, code)),
      );
      for (const { status, body } of answers) {
        assert.equal(status, 200, JSON.stringify(body));
        assert.deepEqual(body, answers[0]?.body);
      }
      assert.equal(await verified(app, directory.id, answers[0]?.body.access_token), 200);
      const { items } = (await app.api.get(`/directories/${directory.id}/credentials`)).body;
      assert.equal(items.length, 1);
    });
  });
}
