/** Each refusal at the OAuth endpoints is found in the events with its true reason, at its directory and credential where they are known. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { runApp } from '../support/app.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../support/clock.ts';
import { engines } from '../support/engines.ts';
import {
  ask,
  eventsOf,
  exchange,
  makeClient,
  makeConnection,
  obtainCode,
  REDIRECT_URI,
  refresh,
} from '../support/oauth-client.ts';

for (const engine of engines) {
  describe(`a refusal at the OAuth endpoints on ${engine.name}`, () => {
    const app = runApp({ engine });

    const owned = async (fields: Record<string, unknown> = {}) => {
      const directory = await app.api.makeDirectory();
      return { directory, client: await makeClient(app, { directoryId: directory.id, ...fields }) };
    };

    /** The one event of this client and reason. */
    async function told(clientId: string, reason: string, type = 'token.refused'): Promise<Answer> {
      const events = (await eventsOf(app, type)).filter(({ data }) => data.clientId === clientId);
      const found = events.filter(({ data }) => data.reason === reason);
      assert.equal(found.length, 1, JSON.stringify(events.map(({ data }) => data)));
      return found[0];
    }

    function assertAt(event: Answer, directory: Answer, credentialId: string | null): void {
      assert.deepEqual(
        [event.organizationId, event.directoryId, event.credentialId],
        [directory.organizationId, directory.id, credentialId],
      );
    }

    it('of an unknown client is told as client_unknown, with the id that was sent', async () => {
      const id = `client_${'0'.repeat(20)}`;
      await ask(app, { id, secret: 'x' }, { grant_type: 'client_credentials' }, { headers: { 'user-agent': 'Okta' } });
      const event = await told(id, 'client_unknown');
      assert.equal(event.address, '127.0.0.1');
      const { grantType, userAgent } = event.data;
      assert.deepEqual([grantType, userAgent], ['client_credentials', 'Okta']);
      assert.deepEqual(event.actor, { type: 'identity_provider', id: null, name: 'unknown client' });
    });

    it('of a wrong secret is told as client_secret_wrong: at the directory of an owned client', async () => {
      const { directory, client } = await owned({ grantTypes: ['client_credentials'] });
      await ask(app, { ...client, secret: 'wrong' }, { grant_type: 'client_credentials' });
      const event = await told(client.id, 'client_secret_wrong');
      assertAt(event, directory, client.client.credentialId ?? event.credentialId);
    });

    it('of a wrong secret is told at the connection whose refresh token came with it, with a shared client', async () => {
      const { client, directory, credentialId, refreshToken } = await makeConnection(app);
      await refresh(app, { ...client, secret: 'wrong' }, refreshToken);
      assertAt(await told(client.id, 'client_secret_wrong'), directory, credentialId);
    });

    it('of a redirect URI that is not registered is told as redirect_uri_unknown', async () => {
      const { client } = await owned();
      const query = new URLSearchParams({
        response_type: 'code',
        client_id: client.id,
        redirect_uri: `${REDIRECT_URI}/other`,
      });
      const { status } = await fetch(`${app.url}/oauth/authorize?${query}`, { redirect: 'manual' });
      assert.equal(status, 400);
      await told(client.id, 'redirect_uri_unknown', 'connection.refused');
    });

    it('of a code with another redirect URI is told as redirect_uri_unknown, at the directory', async () => {
      const directory = await app.api.makeDirectory();
      const client = await makeClient(app);
      const code = await obtainCode(app, client, directory);
      await exchange(app, client, code, { redirect_uri: `${REDIRECT_URI}/other` });
      const event = await told(client.id, 'redirect_uri_unknown');
      assertAt(event, directory, event.credentialId);
    });

    it('of a code that came too late is told as code_expired, at the directory it was for', async () => {
      const directory = await app.api.makeDirectory();
      const client = await makeClient(app);
      const code = await obtainCode(app, client, directory);
      app.clock.advance(3 * MINUTE);
      const { status, body } = await exchange(app, client, code);
      assert.deepEqual([status, body.error], [400, 'invalid_grant']);
      const event = await told(client.id, 'code_expired');
      assertAt(event, directory, event.credentialId);
    });

    it('of a code that was replayed is told as code_replayed, with the connection that it ended', async () => {
      const directory = await app.api.makeDirectory();
      const client = await makeClient(app);
      const code = await obtainCode(app, client, directory);
      await exchange(app, client, code);
      app.clock.advance(11 * SECOND);
      await exchange(app, client, code);
      const [credential] = (await app.api.get(`/directories/${directory.id}/credentials`)).body.items;
      assertAt(await told(client.id, 'code_replayed'), directory, credential.id);
      assert.equal(credential.state, 'revoked');
    });

    it('of an unknown refresh token is told as refresh_token_unknown: at the directory of an owned client', async () => {
      const { directory, client } = await owned({ grantTypes: ['authorization_code', 'refresh_token'] });
      await refresh(app, client, `scimrt_${'x'.repeat(43)}`);
      assertAt(await told(client.id, 'refresh_token_unknown'), directory, null);
    });

    it("of another client's refresh token is told as refresh_token_unknown, and not at that one's directory", async () => {
      const { refreshToken } = await makeConnection(app);
      const stranger = await makeClient(app);
      await refresh(app, stranger, refreshToken);
      const event = await told(stranger.id, 'refresh_token_unknown');
      assert.deepEqual([event.organizationId, event.directoryId, event.credentialId], [null, null, null]);
    });

    it('of a revoked refresh token is told as refresh_token_revoked, counted when it repeats', async () => {
      const { client, directory, credentialId, refreshToken } = await makeConnection(app);
      await app.api.post(`/credentials/${credentialId}/revoke`, { force: true });
      for (let turn = 0; turn < 3; turn++) await refresh(app, client, refreshToken);
      const event = await told(client.id, 'refresh_token_revoked');
      assertAt(event, directory, credentialId);
      assert.equal(event.data.count, 3);
      const own = (await app.api.get(`/credentials/${credentialId}/events?type=token.refused`)).body.items;
      assert.deepEqual(
        own.map(({ id }: Answer) => id),
        [event.id],
        'found at the credential',
      );
    });

    it('of a refresh token whose successor was used is told as refresh_token_superseded', async () => {
      const { client, directory, credentialId, refreshToken } = await makeConnection(app, {
        rotateRefreshTokens: true,
      });
      const { body } = await refresh(app, client, refreshToken);
      await refresh(app, client, body.refresh_token);
      await refresh(app, client, refreshToken);
      assertAt(await told(client.id, 'refresh_token_superseded'), directory, credentialId);
    });

    it('of a connection for which no slot is left is told as slots_full, and goes through once one is free', async () => {
      const directory = await app.api.makeDirectory();
      const client = await makeClient(app);
      const code = await obtainCode(app, client, directory);
      const held = await app.api.issue(directory.id);
      await app.api.issue(directory.id);
      const { status, body } = await exchange(app, client, code);
      assert.deepEqual([status, body.error], [400, 'invalid_grant']);
      const event = await told(client.id, 'slots_full');
      assertAt(event, directory, event.credentialId);
      await app.api.post(`/credentials/${held.credential.id}/revoke`, { force: true });
      assert.equal((await exchange(app, client, code)).status, 200);
    });

    it('of a client whose only credential is over says so, at that credential', async () => {
      const { directory, client } = await owned({ grantTypes: ['client_credentials'], maximumAgeDays: 1 });
      const grant = { grant_type: 'client_credentials' };
      assert.equal((await ask(app, client, grant)).status, 200);
      const [credential] = (await app.api.get(`/directories/${directory.id}/credentials`)).body.items;
      assert.equal(new Date(credential.expiresAt).getTime(), app.clock.now().getTime() + DAY);
      app.clock.advance(DAY + HOUR);
      assert.deepEqual((await ask(app, client, grant)).status, 400);
      assertAt(await told(client.id, 'expired'), directory, credential.id);
    });

    it('of a grant type that the client may not use is told as unauthorized_client', async () => {
      const { directory, client } = await owned({ grantTypes: ['authorization_code', 'refresh_token'] });
      await ask(app, client, { grant_type: 'client_credentials' });
      const event = await told(client.id, 'unauthorized_client');
      assert.deepEqual([event.directoryId, event.data.grantType], [directory.id, 'client_credentials']);
    });
  });
}
