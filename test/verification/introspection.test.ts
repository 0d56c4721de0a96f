import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { runApp } from '../support/app.ts';
import { HOUR, MINUTE } from '../support/clock.ts';
import { sendRaw } from '../support/raw-request.ts';

describe('introspection', () => {
  const app = runApp({ env: { LATCHKEY_FAILURES_PER_ADDRESS: '60' } });
  let directory: Answer;
  let key: string;
  let keyId: string;
  let token: string;
  let credential: Answer;

  before(async () => {
    directory = await app.api.makeDirectory();
    ({ token, credential } = await app.api.issue(directory.id, {
      scopes: ['scim.read'],
      expiresAt: new Date(app.clock.now().getTime() + HOUR).toISOString(),
    }));
    const made = (await app.api.post('/api-keys', { name: 'SCIM server', role: 'introspect' })).body;
    key = made.key;
    keyId = made.apiKey.id;
  });

  async function ask(
    parameters: Record<string, string>,
    authorization = `Bearer ${key}`,
  ): Promise<{ status: number; headers: Headers; body: Answer }> {
    const response = await fetch(`${app.url}/oauth/introspect`, {
      method: 'POST',
      headers: authorization === '' ? {} : { authorization },
      body: new URLSearchParams(parameters),
    });
    return { status: response.status, headers: response.headers, body: await response.json() };
  }
  const basic = (id: string, secret: string) => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;

  it('tells what an active credential is', async () => {
    const { status, headers, body } = await ask({ token, token_type_hint: 'access_token' });
    assert.equal(status, 200);
    assert.equal(headers.get('cache-control'), 'no-store');
    assert.deepEqual(body, {
      active: true,
      scope: 'scim.read',
      token_type: 'Bearer',
      exp: Math.floor(Date.parse(credential.expiresAt) / 1000),
      iat: Math.floor(Date.parse(credential.createdAt) / 1000),
      sub: directory.id,
      aud: directory.endpointUrl,
      iss: app.url,
      directory_id: directory.id,
      organization_id: directory.organizationId,
      credential_id: credential.id,
      credential_kind: 'bearer',
    });
  });

  it('takes the key as Bearer, and its id and value as Basic, in a form and as JSON', async () => {
    assert.equal((await ask({ token }, basic(keyId, key))).body.active, true);
    assert.equal((await ask({ token }, `bearer ${key}`)).body.active, true);
    const response = await fetch(`${app.url}/oauth/introspect`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ token }),
    });
    assert.equal(((await response.json()) as Answer).active, true);
  });

  it('reads a form and JSON by what they are, and passes over what says nothing', async () => {
    const form = 'application/x-www-form-urlencoded';
    const json = JSON.stringify({ token });
    for (const [type, body, headers] of [
      [form, json, {}],
      ['application/json', `token=${token}`, {}],
      ['text/plain', `\ufefftoken=${token}`, {}],
      ['application/json', `\ufeff${json}`, {}],
      [form, `token=&token=${token}&token_type_hint=`, {}],
      [form, `token=${token}&client_id=${keyId}&client_secret=${key}%0A`, { authorization: '' }],
      [form, `token=${token}`, { authorization: basic(` ${keyId}`, `${key}\n`) }],
    ] as [string, string, Record<string, string>][]) {
      const response = await sendRaw(app.url, {
        method: 'POST',
        path: '/oauth/introspect',
        headers: { authorization: `Bearer ${key}`, 'content-type': type, ...headers },
        body,
      });
      assert.equal(response.body?.active, true, `${type} ${body} ${response.text}`);
    }
    const multipart = await sendRaw(app.url, {
      method: 'POST',
      path: '/oauth/introspect',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'multipart/form-data; boundary=x' },
      body: `--x\r\nContent-Disposition: form-data; name="token"\r\n\r\n${token}\r\n--x--\r\n`,
    });
    assert.deepEqual([multipart.status, multipart.body.error], [400, 'invalid_request']);
    assert.match(multipart.body.error_description, /multipart/);
    const inUrl = await sendRaw(app.url, {
      method: 'POST',
      path: `/oauth/introspect?token=${token}`,
      headers: { authorization: `Bearer ${key}`, 'content-type': form },
      body: '',
    });
    assert.match(inUrl.body.error_description, /in the URL/);
    assert.ok(!inUrl.text.includes(token));
  });

  it('takes its id and value as client_id and client_secret too, where there is no header', async () => {
    assert.equal((await ask({ token, client_id: keyId, client_secret: key }, '')).body.active, true);
    for (const fields of [
      { client_id: 'key_other', client_secret: key },
      { client_id: keyId, client_secret: `${key}x` },
      { client_secret: key },
    ]) {
      assert.equal((await ask({ token, ...fields }, '')).status, 401, JSON.stringify(fields));
    }
    const both = await ask({ token, client_id: keyId, client_secret: key }, basic(keyId, `${key}x`));
    assert.equal(both.status, 401, 'the header counts');
  });

  it('names the scheme of the caller first when it refuses', async () => {
    const challengeTo = async (authorization: string) =>
      (await ask({ token }, authorization)).headers.get('www-authenticate');
    const [bearerScheme, basicScheme] = ['Bearer realm="latchkey"', 'Basic realm="latchkey"'];
    assert.equal(await challengeTo(''), `${bearerScheme}, ${basicScheme}`);
    assert.equal(await challengeTo(`bearer ${key}x`), `${bearerScheme}, error="invalid_token", ${basicScheme}`);
    assert.equal(await challengeTo(basic(keyId, 'wrong')), `${basicScheme}, ${bearerScheme}`);
  });

  it("tells the directory's audience where it has one, from the moment that it is set", async () => {
    const own = await app.api.makeDirectory({ audience: 'https://app.example/scim' });
    assert.equal(own.audience, 'https://app.example/scim');
    const issued = await app.api.issue(own.id);
    const audience = async () => (await ask({ token: issued.token })).body.aud;
    assert.equal(await audience(), 'https://app.example/scim');
    const changed = await app.api.patch(`/directories/${own.id}`, { audience: 'api://scim.app' });
    assert.deepEqual(
      [changed.status, changed.body.audience, await audience()],
      [200, 'api://scim.app', 'api://scim.app'],
    );
    assert.equal((await app.api.patch(`/directories/${own.id}`, { audience: null })).body.audience, null);
    assert.equal(await audience(), own.endpointUrl);
    for (const given of ['scim', '/scim', 'https://app.example/#x', 'https://a b', 'https://user:pass@app.example/']) {
      const refused = await app.api.patch(`/directories/${own.id}`, { audience: given });
      assert.deepEqual([refused.status, refused.body.errors?.[0]?.path], [400, 'audience'], given);
    }
  });

  it('refuses who may not ask, with 401 or 403, and a missing token with 400', async () => {
    for (const authorization of [
      '',
      'Bearer lk_00000000000000000000000000000000',
      basic('key_other', key),
      basic(keyId, `${key}x`),
      `Bearer ${token}`,
      'Basic !!!',
    ]) {
      const { status, headers, body } = await ask({ token }, authorization);
      assert.deepEqual([status, body.error], [401, 'invalid_client'], authorization);
      assert.match(headers.get('www-authenticate') ?? '', /Bearer/);
    }
    const viewer = (await app.api.post('/api-keys', { name: 'x', role: 'viewer' })).body.key;
    assert.equal((await ask({ token }, `Bearer ${viewer}`)).status, 403);
    assert.deepEqual([(await ask({})).status, (await ask({ token: '' })).status], [400, 400]);
    assert.equal((await fetch(`${app.url}/oauth/introspect`)).status, 405);
    const large = await ask({ token: 'x'.repeat(20_000) });
    assert.equal(large.status, 413);
  });

  it('tells for how long the answer may be kept: for what is left of the lease of its own read', async () => {
    const own = await app.api.makeDirectory();
    const issued = await app.api.issue(own.id);
    const lease = async (value: string) => (await ask({ token: value })).headers.get('latchkey-lease-ms');
    assert.equal(await lease(issued.token), '999');
    app.clock.advance(400);
    assert.equal(await lease(issued.token), '599');
    app.clock.advance(599);
    assert.equal(await lease(issued.token), '0');
    app.clock.advance(1);
    assert.equal(await lease(issued.token), '999');
    assert.equal(await lease('unknown'), '0');
  });

  it('says only that a token is inactive, whatever the reason, and keeps the reason for us', async () => {
    const disabled = await app.api.makeDirectory();
    const issued = await app.api.issue(disabled.id);
    assert.equal((await ask({ token: issued.token })).body.active, true);
    await app.api.post(`/directories/${disabled.id}/disable`);
    const revoked = await app.api.issue(directory.id);
    await app.api.post(`/credentials/${revoked.credential.id}/revoke`);
    for (const inactive of [issued.token, revoked.token, 'unknown', 'two words', `${token}x`]) {
      assert.deepEqual((await ask({ token: inactive })).body, { active: false }, inactive);
    }
    const { body } = await app.api.get(`/events?directoryId=${disabled.id}&type=request.denied`);
    assert.deepEqual(
      [body.items[0].data.reason, body.items[0].data.surface, body.items[0].credentialId],
      ['directory_disabled', 'introspection', issued.credential.id],
    );
  });

  it('keeps organizations apart for a limited key', async () => {
    const other = await app.api.makeDirectory();
    const limited = (
      await app.api.post('/api-keys', { name: 'x', role: 'introspect', organizationId: other.organizationId })
    ).body.key;
    assert.deepEqual((await ask({ token }, `Bearer ${limited}`)).body, { active: false });
    const own = await app.api.issue(other.id);
    assert.equal((await ask({ token: own.token }, `Bearer ${limited}`)).body.active, true);
  });

  it('says inactive from the moment that a credential has reached its end', async () => {
    app.clock.advance(59 * MINUTE);
    assert.equal((await ask({ token })).body.active, true);
    app.clock.advance(2 * MINUTE);
    assert.deepEqual((await ask({ token })).body, { active: false });
  });

  it('limits refused callers, not the others', async () => {
    let limited: Awaited<ReturnType<typeof ask>> | undefined;
    for (let index = 0; index < 80 && !limited; index++) {
      const answer = await ask({ token }, 'Bearer lk_11111111111111111111111111111111');
      if (answer.status === 429) limited = answer;
    }
    assert.match(limited?.headers.get('retry-after') ?? '', /^[1-9]\d*$/);
    assert.equal((await ask({ token })).status, 200);
    const asked = await fetch(`${directory.endpointUrl}/Users`, { headers: { authorization: 'Bearer unknown' } });
    assert.equal(asked.status, 429);
    assert.match(asked.headers.get('retry-after') ?? '', /^[1-9]\d*$/);
    const valid = await app.api.issue(directory.id);
    for (let index = 0; index < 100; index++) {
      const accepted = await fetch(`${app.url}/auth/verify?directory=${directory.id}`, {
        headers: { authorization: `Bearer ${valid.token}` },
      });
      assert.equal(accepted.status, 200);
    }
    const { body } = await app.api.get(`/events?directoryId=${directory.id}&type=request.denied`);
    const event = body.items.find(
      (item: Answer) => item.data.reason === 'rate_limited' && item.data.cause === 'unknown',
    );
    assert.ok(event.data.count >= 1);
  });
});
