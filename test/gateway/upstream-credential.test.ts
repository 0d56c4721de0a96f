import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { systemClock } from '../../src/clock.ts';
import { readConfig } from '../../src/config/index.ts';
import { parseUpstreamCredential } from '../../src/directories/index.ts';
import { runApp } from '../support/app.ts';
import { type Behind, createBehind, json } from '../support/gateway.ts';

const SECRET_VALUE = 'Bearer the-vendors-own-secret';

describe('what authenticates the gateway at a SCIM server', () => {
  const app = runApp({
    realClock: systemClock,
    env: { LATCHKEY_LEASE_MS: '20', LATCHKEY_UPSTREAM_CREDENTIAL: 'X-Api-Key: for-all' },
  });
  const behind = createBehind(() => app);

  after(async () => {
    await behind.close();
  });

  const seen = ({ asked }: Behind) => asked.at(-1)?.headers ?? {};

  it('is the header of the setting, whatever the IdP sends by that name', async () => {
    const its = await behind.http(json({}));
    await its.ask('/Users', { headers: { 'x-api-key': 'forged', X_Api_Key: 'forged' } });
    assert.equal(seen(its)['x-api-key'], 'for-all');
    assert.equal(seen(its)['x_api_key'], undefined, 'the same to a server behind CGI');
    assert.equal(seen(its).authorization, undefined);
  });

  it('is a header of the directory instead, stored encrypted, shown nowhere, and dropped for another origin', async () => {
    const upstreamCredential = { kind: 'header', name: 'Authorization', value: SECRET_VALUE };
    const its = await behind.http(json({}), '/scim', { upstreamCredential });
    assert.deepEqual(its.directory.upstreamCredential, { kind: 'header', name: 'Authorization' });
    await its.ask('/Users');
    assert.equal(seen(its).authorization, SECRET_VALUE);
    assert.equal(seen(its)['x-api-key'], undefined);
    const { id } = its.directory;
    const path = `/directories/${id}`;
    await app.api.patch(path, { upstreamUrl: `${its.upstreamUrl}/v2` });
    await its.ask('/Users');
    assert.equal(seen(its).authorization, SECRET_VALUE, 'another path of the same server');
    const moved = await app.api.patch(path, { upstreamUrl: 'https://elsewhere.example/scim' });
    assert.equal(moved.body.upstreamCredential, null);
    const shown = [
      app.log(),
      JSON.stringify((await app.api.get(path)).body),
      JSON.stringify((await app.api.get(`/events?directoryId=${id}`)).body),
    ];
    for (const text of shown) assert.equal(text.includes('vendors-own-secret'), false);
    assert.match(shown[2] ?? '', /upstreamCredential/);
  });

  it('is a short-lived JWT for this upstream, which /oauth/jwks verifies', async () => {
    const its = await behind.http(json({}), '/scim', { upstreamCredential: { kind: 'jwt' } });
    await its.ask('/Users');
    const token = String(seen(its).authorization).replace('Bearer ', '');
    const keys = createRemoteJWKSet(new URL(`${app.url}/oauth/jwks`));
    const { origin } = new URL(its.upstreamUrl);
    const { payload } = await jwtVerify(token, keys, { issuer: app.url, audience: origin, algorithms: ['ES256'] });
    const { id, organizationId } = its.directory;
    assert.deepEqual(
      [payload.sub, payload['directory_id'], payload['organization_id'], payload['scope']],
      [id, id, organizationId, 'scim'],
    );
    assert.equal((payload.exp ?? 0) - (payload.iat ?? 0), 120);
    await its.ask('/Users');
    assert.equal(seen(its).authorization, `Bearer ${token}`, 'the same for a minute');
    await app.api.patch(`/directories/${id}`, { upstreamCredential: { kind: 'none' } });
    await its.ask('/Users');
    assert.deepEqual([seen(its).authorization, seen(its)['x-api-key']], [undefined, undefined]);
    await app.api.patch(`/directories/${id}`, { upstreamCredential: null });
    await its.ask('/Users');
    assert.equal(seen(its)['x-api-key'], 'for-all');
  });

  it('is no header that the gateway sets itself, and none that would break a request', async () => {
    const { id } = await app.api.makeDirectory();
    for (const [name, value] of [
      ['X-Scim-Directory', 'x'],
      ['X_Forwarded_Host', 'x'],
      ['Content-Length', '1'],
      ['Host', 'x'],
      ['Transfer-Encoding', 'chunked'],
      ['Bad Name', 'x'],
      ['X-Key', 'a\r\nX-Scim-Directory: b'],
      ['X-Key', ''],
    ]) {
      const { status, body } = await app.api.patch(`/directories/${id}`, {
        upstreamCredential: { kind: 'header', name, value },
      });
      assert.deepEqual([status, body.code], [400, 'invalid_request'], `${name}: ${value}`);
    }
    assert.throws(
      () => readConfig({ LATCHKEY_UPSTREAM_CREDENTIAL: 'nonsense' }, () => ''),
      /LATCHKEY_UPSTREAM_CREDENTIAL/,
    );
    assert.equal(parseUpstreamCredential('Host: x'), undefined);
  });
});
