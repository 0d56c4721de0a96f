import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startApp } from '../support/app.ts';

/** A directory whose token was rotated with `overlap`, the new token accepted once. */
async function rotated(endpointKey: string) {
  const app = await startApp();
  const { api, url } = app;
  const directory = await api.makeDirectory({ endpointKey });
  const old = await api.issue(directory.id);
  const { body: fresh } = await api.post(`/directories/${directory.id}/rotate`, { mode: 'overlap' });
  const verify = async (token: string) => {
    const headers = { authorization: `Bearer ${token}` };
    return (await fetch(`${url}/auth/verify?directory=${endpointKey}`, { headers })).status;
  };
  assert.equal(await verify(fresh.token), 200);
  return { ...app, old, fresh, verify };
}

test('an old token is not retired once its successor was revoked: it would leave the directory without any', async (t) => {
  const { api, old, fresh, verify, close } = await rotated('undone');
  t.after(close);
  await api.post(`/credentials/${fresh.credential.id}/revoke`, { force: true });

  const { status, body } = await api.post(`/credentials/${old.credential.id}/retire`);

  assert.equal(status, 409);
  assert.equal(body.code, 'not_replaced');
  assert.equal(await verify(old.token), 200);
});

test('an old token whose successor was revoked no longer shows as replaced', async (t) => {
  const { api, old, fresh, close } = await rotated('shown');
  t.after(close);
  assert.equal((await api.get(`/credentials/${old.credential.id}`)).body.rotation.successorId, fresh.credential.id);

  await api.post(`/credentials/${fresh.credential.id}/revoke`, { force: true });

  assert.equal((await api.get(`/credentials/${old.credential.id}`)).body.rotation, null);
});

test('an old token is not retired while its successor is disabled', async (t) => {
  const { api, old, fresh, verify, close } = await rotated('paused');
  t.after(close);
  await api.post(`/credentials/${fresh.credential.id}/disable`);

  assert.equal((await api.post(`/credentials/${old.credential.id}/retire`)).body.code, 'not_replaced');
  assert.equal(await verify(old.token), 200);

  await api.post(`/credentials/${fresh.credential.id}/enable`);
  assert.equal((await api.post(`/credentials/${old.credential.id}/retire`)).body.state, 'revoked');
});
