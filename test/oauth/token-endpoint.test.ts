import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runApp } from '../support/app.ts';
import { MINUTE, SECOND } from '../support/clock.ts';
import { engines } from '../support/engines.ts';
import {
  ask,
  exchange,
  makeClient,
  makeConnection,
  type OauthClient,
  obtainCode,
  refresh,
  type TokenAnswer,
  verified,
} from '../support/oauth-client.ts';

const CLIENT_CREDENTIALS = { grant_type: 'client_credentials' };

for (const engine of engines) {
  describe(`the token endpoint on ${engine.name}`, () => {
    const app = runApp({ engine });

    const owned = async (fields: Record<string, unknown> = {}) => {
      const directory = await app.api.makeDirectory();
      const client = await makeClient(app, {
        directoryId: directory.id,
        grantTypes: ['client_credentials'],
        ...fields,
      });
      return { directory, client };
    };

    /** Line 20, of each answer that brings tokens. */
    function assertComplete(
      { status, headers, body }: TokenAnswer,
      { withRefreshToken }: { withRefreshToken: boolean },
    ) {
      assert.equal(status, 200, JSON.stringify(body));
      assert.equal(body.token_type, 'Bearer');
      assert.ok(Number.isInteger(body.expires_in) && body.expires_in > 0, `expires_in ${body.expires_in}`);
      assert.equal(body.scope, 'scim');
      assert.match(body.access_token, /^scimat_[0-9A-Za-z]{43}$/);
      if (withRefreshToken) assert.match(body.refresh_token, /^scimrt_[0-9A-Za-z]{43}$/);
      else assert.equal(body.refresh_token, undefined);
      assert.equal(headers.get('cache-control'), 'no-store');
      assert.match(headers.get('content-type') ?? '', /^application\/json/);
    }

    it('(17) reads forms and JSON alike', async () => {
      const { client, refreshToken } = await makeConnection(app);
      assert.equal((await refresh(app, client, refreshToken)).status, 200);
      assert.equal((await refresh(app, client, refreshToken, { json: true })).status, 200);
      assert.equal((await refresh(app, client, refreshToken, { json: true, style: 'post' })).status, 200);
      const odd = { headers: { 'content-type': 'application/x-www-form-urlencoded; charset=UTF-8' } };
      assert.equal((await refresh(app, client, refreshToken, odd)).status, 200);
      const unnamed = await refresh(app, client, refreshToken, { headers: { 'content-type': 'text/plain' } });
      assert.equal(unnamed.status, 200, 'a form under another name is a form');
    });

    it('(17) exchanges a code that comes as JSON', async () => {
      const directory = await app.api.makeDirectory();
      const client = await makeClient(app);
      const code = await obtainCode(app, client, directory);
      assertComplete(await exchange(app, client, code, {}, { json: true }), { withRefreshToken: true });
    });

    it('(17) answers a body that is no JSON, or gives a parameter two values, with invalid_request', async () => {
      const { client } = await owned();
      for (const [body, type] of [
        ['{"grant_type":', 'application/json'],
        ['[]', 'application/json'],
        ['grant_type=client_credentials&grant_type=refresh_token', 'application/x-www-form-urlencoded'],
      ]) {
        const response = await fetch(`${app.url}/oauth/token`, {
          method: 'POST',
          headers: {
            'content-type': type ?? '',
            authorization: `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}`,
          },
          body: body ?? '',
        });
        assert.equal(response.status, 400, body);
        assert.equal(((await response.json()) as { error: string }).error, 'invalid_request');
      }
    });

    it('(19) tolerates a query string on the token URL and takes nothing from it', async () => {
      const { client, refreshToken } = await makeConnection(app);
      for (const query of ['?', '?tenant=1', '?scope=scim%20offline_access', '?grant_type=password&refresh_token=x']) {
        assertComplete(await refresh(app, client, refreshToken, { query }), { withRefreshToken: true });
      }
    });

    it('(20) gives token_type, an integer expires_in, scope and no-store with every answer, and the refresh token on refresh', async () => {
      const directory = await app.api.makeDirectory();
      const client = await makeClient(app);
      const first = await exchange(app, client, await obtainCode(app, client, directory));
      assertComplete(first, { withRefreshToken: true });
      const second = await refresh(app, client, first.body.refresh_token);
      assertComplete(second, { withRefreshToken: true });
      assert.equal(second.body.refresh_token, first.body.refresh_token);
      const alone = await owned();
      assertComplete(await ask(app, alone.client, CLIENT_CREDENTIALS), { withRefreshToken: false });
      const scoped = { ...CLIENT_CREDENTIALS, scope: 'scim offline_access' };
      assertComplete(await ask(app, alone.client, scoped), { withRefreshToken: false });
    });

    it('(20) says no-store with refusals too, as RFC 6749 5.2 words them', async () => {
      const { client } = await makeConnection(app);
      const unknown = await refresh(app, client, `scimrt_${'A'.repeat(43)}`);
      assert.deepEqual([unknown.status, unknown.body.error], [400, 'invalid_grant']);
      assert.equal(unknown.headers.get('cache-control'), 'no-store');
      const wrong = await refresh(app, { ...client, secret: 'wrong' }, 'x');
      assert.deepEqual([wrong.status, wrong.body.error], [401, 'invalid_client']);
      assert.equal(wrong.headers.get('cache-control'), 'no-store');
      assert.match(wrong.headers.get('www-authenticate') ?? '', /^Basic /);
      const odd = await ask(app, client, { grant_type: 'password', username: 'x', password: 'y' });
      assert.deepEqual([odd.status, odd.body.error], [400, 'unsupported_grant_type']);
    });

    it('(21) lets one refresh token be used again and again, at the same time too', async () => {
      const { client, refreshToken, directory } = await makeConnection(app);
      const answers = await Promise.all(Array.from({ length: 20 }, () => refresh(app, client, refreshToken)));
      for (const answer of answers) {
        assertComplete(answer, { withRefreshToken: true });
        assert.equal(await verified(app, directory.id, answer.body.access_token), 200);
      }
      assert.equal(new Set(answers.map(({ body }) => body.access_token)).size, 20);
    });

    it('(22) leaves earlier access tokens alive to their end when it refreshes', async () => {
      const { client, refreshToken, accessToken, directory } = await makeConnection(app);
      app.clock.advance(30 * MINUTE);
      const second = (await refresh(app, client, refreshToken)).body.access_token;
      assert.equal(await verified(app, directory.id, accessToken), 200);
      app.clock.advance(30 * MINUTE - SECOND);
      assert.equal(await verified(app, directory.id, accessToken), 200);
      app.clock.advance(SECOND);
      assert.equal(await verified(app, directory.id, accessToken), 401);
      assert.equal(await verified(app, directory.id, second), 200);
    });

    it('(23) lets access tokens live one hour, or as the client is set from 15 minutes to 6 hours', async () => {
      for (const [seconds, wanted] of [
        [undefined, 3600],
        [900, 900],
        [21_600, 21_600],
      ]) {
        const fields = seconds === undefined ? {} : { accessTokenSeconds: seconds };
        const connected = await makeConnection(app, fields);
        const { body } = await refresh(app, connected.client, connected.refreshToken);
        assert.equal(body.expires_in, wanted);
        app.clock.advance(Number(wanted) * SECOND - 1);
        assert.equal(await verified(app, connected.directory.id, body.access_token), 200);
        app.clock.advance(1);
        assert.equal(await verified(app, connected.directory.id, body.access_token), 401);
        const alone = await owned(fields);
        assert.equal((await ask(app, alone.client, CLIENT_CREDENTIALS)).body.expires_in, wanted);
      }
      for (const accessTokenSeconds of [899, 21_601]) {
        const { status } = await app.api.post('/clients', { name: 'x', accessTokenSeconds });
        assert.equal(status, 400);
      }
    });

    it('(24) binds client_credentials to the directory that owns the client, and evicts nothing by repetition', async () => {
      const { client, directory } = await owned();
      const other = await app.api.makeDirectory();
      const tokens: string[] = [];
      for (let turn = 0; turn < 30; turn++) tokens.push((await ask(app, client, CLIENT_CREDENTIALS)).body.access_token);
      for (const token of tokens) assert.equal(await verified(app, directory.id, token), 200);
      assert.equal(await verified(app, other.id, tokens[0] ?? ''), 401);
      const { items } = (await app.api.get(`/directories/${directory.id}/credentials`)).body;
      assert.deepEqual(
        items.map(({ kind, clientId, state }: Record<string, string>) => [kind, clientId, state]),
        [['oauth', client.id, 'active']],
      );
    });

    it('(24) makes one credential of many first requests at the same time', async () => {
      const { client, directory } = await owned();
      const answers = await Promise.all(Array.from({ length: 20 }, () => ask(app, client, CLIENT_CREDENTIALS)));
      for (const { status, body } of answers) {
        assert.equal(status, 200, JSON.stringify(body));
        assert.equal(await verified(app, directory.id, body.access_token), 200);
      }
      assert.equal((await app.api.get(`/directories/${directory.id}/credentials`)).body.items.length, 1);
    });

    it('(24) makes one credential of many first requests when one slot alone is free', async () => {
      const { client, directory } = await owned();
      await app.api.issue(directory.id);
      const answers = await Promise.all(Array.from({ length: 12 }, () => ask(app, client, CLIENT_CREDENTIALS)));
      assert.deepEqual(
        answers.map(({ status }) => status),
        answers.map(() => 200),
      );
    });

    it('answers a client whose directory was deleted with invalid_grant', async () => {
      const { client, directory } = await owned();
      await app.api.delete(`/directories/${directory.id}?force=true`);
      const { status, body } = await ask(app, client, CLIENT_CREDENTIALS);
      assert.ok([400, 401].includes(status), `${status}`);
      assert.ok(['invalid_grant', 'invalid_client'].includes(body.error), body.error);
    });

    it('(25) leaves an end that a person set where it is, however much the connection is used', async () => {
      const { client, refreshToken, credentialId } = await makeConnection(app, { idleDays: 90 });
      const end = new Date(app.clock.now().getTime() + 86_400_000).toISOString();
      assert.equal((await app.api.patch(`/credentials/${credentialId}`, { expiresAt: end })).status, 200);
      await refresh(app, client, refreshToken);
      assert.equal((await app.api.get(`/credentials/${credentialId}`)).body.expiresAt, end);
    });

    it('(24) refuses client_credentials to a shared client', async () => {
      const { status, body } = await app.api.post('/clients', { name: 'x', grantTypes: ['client_credentials'] });
      assert.deepEqual([status, body.code], [400, 'invalid_request']);
      const shared: OauthClient = await makeClient(app);
      const refused = await ask(app, shared, CLIENT_CREDENTIALS);
      assert.deepEqual([refused.status, refused.body.error], [400, 'unauthorized_client']);
    });

    it('(24) gives a client whose credential was revoked no token that would be refused anyway', async () => {
      const { client, directory } = await owned();
      await ask(app, client, CLIENT_CREDENTIALS);
      const { items } = (await app.api.get(`/directories/${directory.id}/credentials`)).body;
      await app.api.post(`/credentials/${items[0].id}/revoke`, { force: true });
      const { status, body } = await ask(app, client, CLIENT_CREDENTIALS);
      assert.deepEqual([status, body.error], [400, 'invalid_grant']);
    });

    it('(27) refuses a code after two minutes, and not before one', async () => {
      const directory = await app.api.makeDirectory();
      const client = await makeClient(app);
      const early = await obtainCode(app, client, directory);
      app.clock.advance(60 * SECOND);
      assertComplete(await exchange(app, client, early), { withRefreshToken: true });
      const late = await obtainCode(app, client, directory);
      app.clock.advance(2 * MINUTE + SECOND);
      const { status, body } = await exchange(app, client, late);
      assert.deepEqual([status, body.error], [400, 'invalid_grant']);
    });

    it('(27) answers a retry within 10 s with the same tokens, but not another client or other parameters', async () => {
      const directory = await app.api.makeDirectory();
      const [client, stranger] = await Promise.all([makeClient(app), makeClient(app)]);
      const code = await obtainCode(app, client, directory);
      const first = await exchange(app, client, code);
      app.clock.advance(10 * SECOND);
      const again = await exchange(app, client, code, {}, { style: 'post' });
      assertComplete(again, { withRefreshToken: true });
      assert.deepEqual(again.body, first.body);
      const foreign = await exchange(app, stranger, code);
      assert.deepEqual([foreign.status, foreign.body.error], [400, 'invalid_grant']);
      const elsewhere = await exchange(app, client, code, { redirect_uri: 'https://idp.example/other' });
      assert.deepEqual([elsewhere.status, elsewhere.body.error], [400, 'invalid_grant']);
      assert.equal(await verified(app, directory.id, first.body.access_token), 200, 'the connection is as it was');
    });

    it('does not wait for another client that tried its code', async () => {
      const { directory, client } = await makeConnection(app);
      const code = await obtainCode(app, client, directory);
      const stranger = await makeClient(app);
      assert.equal((await exchange(app, stranger, code)).status, 400);
      const from = app.clock.monotonicMs();
      assert.equal((await exchange(app, client, code)).status, 200);
      assert.ok(app.clock.monotonicMs() - from < 40, 'it had the right to its code at once');
    });

    it('(27) refuses a code that is replayed later, and ends what it had issued', async () => {
      const directory = await app.api.makeDirectory();
      const client = await makeClient(app);
      const code = await obtainCode(app, client, directory);
      const first = await exchange(app, client, code);
      app.clock.advance(10 * SECOND + 1);
      const replayed = await exchange(app, client, code);
      assert.deepEqual([replayed.status, replayed.body.error], [400, 'invalid_grant']);
      assert.equal(await verified(app, directory.id, first.body.access_token), 401);
      const { status, body } = await refresh(app, client, first.body.refresh_token);
      assert.deepEqual([status, body.error], [400, 'invalid_grant']);
      const { items } = (await app.api.get(`/directories/${directory.id}/credentials`)).body;
      assert.equal(items[0].state, 'revoked');
    });
  });
}
