/** Reports of leaked tokens in GitHub's partner format, signed by keys that the test makes. */
import assert from 'node:assert/strict';
import { createHash, createSign, generateKeyPairSync } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import type { Answer } from '../support/api.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { MINUTE } from '../support/clock.ts';
import { makeWorld } from '../support/diagnosed.ts';

const makeKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const [theirs, others] = [makeKey(), makeKey()];
const listOf = (id: string, { publicKey }: typeof theirs) =>
  JSON.stringify({
    public_keys: [{ key_identifier: id, key: publicKey.export({ type: 'spki', format: 'pem' }), is_current: true }],
  });
const hashOf = (token: string) => createHash('sha256').update(token).digest('hex');

async function start(t: TestContext, env: Record<string, string> = {}, options: { fetch?: typeof fetch } = {}) {
  const app = await startApp({
    env: { LATCHKEY_LEAK_ACTION: 'revoke', LATCHKEY_LEAK_KEYS: listOf('k1', theirs), ...env },
    ...options,
  });
  t.after(app.close);
  return app;
}

async function report(app: TestApp, body: unknown, { id = 'k1', key = theirs, sent = JSON.stringify(body) } = {}) {
  const signature = createSign('SHA256').update(JSON.stringify(body)).sign(key.privateKey, 'base64');
  const response = await fetch(`${app.url}/api/v1/leaks`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'github-public-key-identifier': id,
      'github-public-key-signature': signature,
    },
    body: sent,
  });
  return { status: response.status, body: (await response.json()) as Answer };
}
const found = (token: string) => ({
  token,
  type: 'latchkey_scim_token',
  url: 'https://github.com/acme/x/blob/abc/config.ts?token=secret#L3',
  source: 'content',
});
const leaksOf = async (app: TestApp) => (await app.api.get('/events?type=credential.leaked')).body.items;

describe('a report of leaked tokens', () => {
  it('revokes tokens of ours, answers by their hash, tells the organization, and keeps no value', async (t) => {
    const app = await start(t);
    const { token, credential, directory } = await makeWorld(app);
    const unknown = `${token.slice(0, -1)}${token.endsWith('a') ? 'b' : 'a'}`;
    const { status, body } = await report(app, [found(token), found(unknown), found('scimcs_abcdefghijkl')]);
    assert.equal(status, 200);
    assert.deepEqual(body, [
      { token_hash: hashOf(token), token_type: 'latchkey_scim_token', label: 'true_positive' },
      { token_hash: hashOf(unknown), token_type: 'latchkey_scim_token', label: 'false_positive' },
    ]);
    assert.equal((await app.api.get(`/credentials/${credential.id}`)).body.state, 'revoked');
    const [event, ...more] = await leaksOf(app);
    assert.deepEqual(
      [event.credentialId, event.organizationId, more.length],
      [credential.id, directory.organizationId, 0],
    );
    assert.deepEqual([event.data.action, event.data.url], ['revoked', 'https://github.com/acme/x/blob/abc/config.ts']);
    const everything = JSON.stringify((await app.api.get('/events?limit=200')).body) + app.log();
    assert.ok(!everything.includes(token) && !everything.includes(unknown));
  });

  it('that comes again gets the same answer, and nothing is done again', async (t) => {
    const app = await start(t);
    const { token } = await makeWorld(app);
    const first = await report(app, [found(token)]);
    app.clock.advance(MINUTE);
    assert.deepEqual(await report(app, [found(token)]), first);
    assert.equal((await leaksOf(app)).length, 1);
  });

  it('only flags where the policy says so, and says of an ended one that it was ours', async (t) => {
    const app = await start(t, { LATCHKEY_LEAK_ACTION: 'flag' });
    const { token, credential } = await makeWorld(app);
    await report(app, [found(token)]);
    assert.equal((await app.api.get(`/credentials/${credential.id}`)).body.state, 'active');
    assert.equal((await leaksOf(app))[0].data.action, 'flagged');
    await app.api.post(`/credentials/${credential.id}/revoke`, { force: true });
    app.clock.advance(MINUTE);
    const { body } = await report(app, [{ ...found(token), type: 'again' }]);
    assert.equal(body[0].label, 'true_positive');
    assert.equal((await leaksOf(app))[0].data.action, 'none');
  });

  it('is refused when another key, another body, or nothing signs it, and does nothing', async (t) => {
    const app = await start(t);
    const { token, credential } = await makeWorld(app);
    const body = [found(token)];
    assert.equal((await report(app, body, { key: others })).body.code, 'signature_invalid');
    assert.equal((await report(app, [], { sent: JSON.stringify(body) })).status, 401);
    assert.equal((await report(app, body, { id: 'k2' })).status, 401);
    const unsigned = await fetch(`${app.url}/api/v1/leaks`, { method: 'POST', body: JSON.stringify(body) });
    assert.equal(unsigned.status, 401);
    assert.equal((await report(app, { token })).body.code, 'invalid_request');
    assert.equal((await app.api.get(`/credentials/${credential.id}`)).body.state, 'active');
  });

  it('is sent with POST, whether reports are on or off', async (t) => {
    for (const env of [{}, { LATCHKEY_LEAK_ACTION: 'off' }]) {
      const app = await start(t, env);
      const response = await fetch(`${app.url}/api/v1/leaks`, { method: 'PUT', body: '[]' });
      assert.deepEqual([response.status, response.headers.get('allow')], [405, 'POST']);
    }
  });

  it('is checked by keys that are fetched, again for a new key, and once a minute at most', async (t) => {
    const asked: string[] = [];
    let list = listOf('k1', theirs);
    const fetchKeys = (async (url: string | URL | Request) => {
      asked.push(String(url));
      return new Response(list);
    }) as typeof fetch;
    const app = await startApp({
      env: { LATCHKEY_LEAK_ACTION: 'flag', LATCHKEY_LEAK_KEYS_URL: 'https://keys.example.com/list' },
      fetch: fetchKeys,
    });
    t.after(app.close);
    assert.equal((await report(app, [])).status, 200);
    list = listOf('k2', others);
    for (let index = 0; index < 5; index++)
      assert.equal((await report(app, [], { id: 'k2', key: others })).status, 401);
    assert.deepEqual(asked, ['https://keys.example.com/list']);
    app.clock.advance(2 * MINUTE);
    assert.equal((await report(app, [], { id: 'k2', key: others })).status, 200);
    assert.equal(asked.length, 2);
  });

  it('reads nothing of an error that it gets in place of the keys', async (t) => {
    let isDropped = false;
    const body = new ReadableStream({
      cancel: () => {
        isDropped = true;
      },
    });
    const app = await startApp({
      env: { LATCHKEY_LEAK_ACTION: 'flag', LATCHKEY_LEAK_KEYS_URL: 'https://keys.example.com/list' },
      fetch: (async () => new Response(body, { status: 500 })) as typeof fetch,
    });
    t.after(app.close);
    assert.equal((await report(app, [])).status, 503);
    assert.ok(isDropped);
  });

  it('is not found while reports are off', async (t) => {
    const app = await startApp();
    t.after(app.close);
    assert.equal((await report(app, [])).status, 404);
  });
});
