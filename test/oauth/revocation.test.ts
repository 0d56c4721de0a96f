import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { runApp } from '../support/app.ts';

describe('(30) revocation', () => {
  const app = runApp();

  async function ask(path: string, parameters: Record<string, string>): Promise<{ status: number; body: Answer }> {
    const response = await fetch(app.url + path, { method: 'POST', body: new URLSearchParams(parameters) });
    const text = await response.text();
    return { status: response.status, body: text === '' ? null : JSON.parse(text) };
  }

  async function setUp() {
    const directory = await app.api.makeDirectory();
    const { client, clientSecret } = (
      await app.api.post('/clients', { name: 'SailPoint', provider: 'sailpoint', directoryId: directory.id })
    ).body;
    const made = (await app.api.post(`/directories/${directory.id}/connections`, { clientId: client.id })).body;
    const credentials = { client_id: client.id, client_secret: clientSecret };
    const refresh = () =>
      ask('/oauth/token', { ...credentials, grant_type: 'refresh_token', refresh_token: made.refreshToken });
    const verify = async (token: string) =>
      (
        await fetch(`${app.url}/auth/verify?directory=${directory.id}`, {
          headers: { authorization: `Bearer ${token}` },
        })
      ).status;
    return { directory, credentials, made, refresh, verify };
  }

  it('of an access token ends that token alone: the connection and its other tokens go on', async () => {
    const { credentials, refresh, verify, made } = await setUp();
    const first = (await refresh()).body.access_token;
    const second = (await refresh()).body.access_token;
    assert.equal(await verify(first), 200);
    assert.equal((await ask('/oauth/revoke', { ...credentials, token: first })).status, 200);
    assert.deepEqual([await verify(first), await verify(second)], [401, 200]);
    assert.equal((await refresh()).status, 200);
    assert.equal((await app.api.get(`/credentials/${made.credentialId}`)).body.state, 'active');
  });

  it('of a refresh token ends the connection with all its tokens', async () => {
    const { credentials, refresh, verify, made } = await setUp();
    const token = (await refresh()).body.access_token;
    assert.equal((await ask('/oauth/revoke', { ...credentials, token: made.refreshToken })).status, 200);
    assert.equal(await verify(token), 401);
    assert.deepEqual([(await refresh()).status, (await refresh()).body.error], [400, 'invalid_grant']);
    const { body } = await app.api.get(`/credentials/${made.credentialId}`);
    assert.deepEqual(
      [body.state, body.revokedBy.type, body.revokedBy.id],
      ['revoked', 'identity_provider', credentials.client_id],
    );
  });

  it('of an unknown token, or of another client, answers 200 and changes nothing', async () => {
    const own = await setUp();
    const other = await setUp();
    assert.equal((await ask('/oauth/revoke', { ...own.credentials, token: 'scimrt_unknown' })).status, 200);
    assert.equal((await ask('/oauth/revoke', { ...own.credentials, token: other.made.refreshToken })).status, 200);
    assert.equal((await other.refresh()).status, 200);
    assert.equal((await ask('/oauth/revoke', { token: other.made.refreshToken })).status, 401);
  });
});
