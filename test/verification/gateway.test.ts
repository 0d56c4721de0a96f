import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { startApp, type TestApp } from '../support/app.ts';

describe('the walking skeleton', () => {
  let app: TestApp;
  before(async () => {
    app = await startApp();
  });
  after(() => app.close());

  it('creates a directory, issues a token, accepts it and refuses it once revoked', async () => {
    const upstream = createServer((request, response) => {
      response.setHeader('content-type', 'application/scim+json');
      response.end(
        JSON.stringify({
          path: request.url,
          headers: request.headers,
          meta: { location: `http://${request.headers.host}/scim/Users/1` },
        }),
      );
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => upstream.once('listening', resolve));
    const upstreamUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/scim`;
    const directory = await app.api.makeDirectory({ upstreamUrl });
    const { token, credential } = await app.api.issue(directory.id);
    const ask = () =>
      fetch(`${directory.endpointUrl}/Users?count=1`, { headers: { authorization: `Bearer ${token}` } });
    const accepted = await ask();
    assert.equal(accepted.status, 200);
    const seen = (await accepted.json()) as {
      path: string;
      headers: Record<string, string>;
      meta: { location: string };
    };
    assert.equal(seen.path, '/scim/Users?count=1');
    assert.equal(seen.headers['authorization'], undefined);
    assert.equal(seen.headers['x-scim-directory'], directory.id);
    assert.equal(seen.meta.location, `${directory.endpointUrl}/Users/1`);
    assert.equal((await app.api.post(`/credentials/${credential.id}/revoke`)).status, 409);
    assert.equal((await app.api.post(`/credentials/${credential.id}/revoke`, { force: true })).status, 200);
    const refused = await ask();
    assert.equal(refused.status, 401);
    assert.match(
      refused.headers.get('www-authenticate') ?? '',
      /^Bearer realm="scim", resource_metadata=".*", error="invalid_token"$/,
    );
    const events = await app.api.get(`/credentials/${credential.id}/events`);
    assert.deepEqual(
      events.body.items.map((event: { type: string }) => event.type),
      ['request.denied', 'credential.revoked', 'credential.issued'],
    );
    upstream.close();
  });
});
