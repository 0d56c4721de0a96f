import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { connect } from 'node:net';
import { after, describe, it } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import type { Answer } from '../support/api.ts';
import { runApp, startApp } from '../support/app.ts';
import { createBehind, send } from '../support/gateway.ts';

describe('the gateway', () => {
  const app = runApp({
    realClock: systemClock,
    env: { LATCHKEY_LEASE_MS: '50', LATCHKEY_UPSTREAM_HEADERS_TIMEOUT_MS: '400', LATCHKEY_UPSTREAM_TIMEOUT_MS: '6000' },
  });
  const behind = createBehind(() => app);

  after(async () => {
    await behind.close();
  });

  const setUp = (answer: RequestListener, path?: string) => behind.http(answer, path);

  it('passes method, path, query, headers and body through, without the credential, and the answer back', async () => {
    const { upstreamUrl, asked, directory, credential, ask } = await setUp((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        response.writeHead(201, {
          'Content-Type': 'text/plain',
          ETag: 'W/"1"',
          'X-Custom': 'kept',
          'Set-Cookie': 'a=b',
          Connection: 'X-Hop',
          'X-Hop': 'dropped',
        });
        response.end(Buffer.concat(chunks));
      });
    });
    const body = Buffer.from([0, 1, 2, 255, 254]);
    const answer = await ask('/Users/%41b%20c?filter=userName%20eq%20"x"&b', {
      method: 'POST',
      body,
      headers: {
        cookie: 'session=1',
        'X-Scim-Directory': 'forged',
        X_Scim_Organization: 'forged',
        'X-Forwarded-Host': 'evil.example',
        'X-Request-Id': 'forged-request-id',
        Connection: 'keep-alive, X-Drop',
        'X-Drop': '1',
        'X-Keep': 'yes',
        'If-Match': 'W/"0"',
        'User-Agent': 'Okta SCIM Client 1.0',
      },
    });
    assert.equal(answer.status, 201);
    assert.deepEqual(answer.body, body);
    assert.deepEqual(
      [answer.headers['etag'], answer.headers['x-custom'], answer.headers['set-cookie'], answer.headers['x-hop']],
      ['W/"1"', 'kept', undefined, undefined],
    );
    assert.ok(answer.rawHeaders.includes('ETag'), 'names keep their case');
    const [seen] = asked;
    assert.equal(seen?.method, 'POST');
    assert.equal(seen?.url, '/scim/Users/%41b%20c?filter=userName%20eq%20"x"&b');
    const headers = seen?.headers ?? {};
    for (const name of ['authorization', 'cookie', 'x-drop', 'x_scim_organization'])
      assert.equal(headers[name], undefined, name);
    assert.equal(headers['x-scim-directory'], directory.id);
    assert.equal(headers['x-scim-organization'], directory.organizationId);
    assert.equal(headers['x-scim-credential'], credential.id);
    assert.equal(headers['x-scim-scope'], 'scim');
    const { host } = new URL(app.url);
    assert.deepEqual(
      ['for', 'proto', 'host', 'prefix'].map((name) => headers[`x-forwarded-${name}`]),
      ['127.0.0.1', 'http', host, new URL(directory.endpointUrl).pathname],
    );
    assert.equal(headers['forwarded'], `for=127.0.0.1;host="${host}";proto=http`);
    assert.deepEqual(
      [headers['x-keep'], headers['if-match'], headers['user-agent']],
      ['yes', 'W/"0"', 'Okta SCIM Client 1.0'],
    );
    assert.equal(headers['host'], new URL(upstreamUrl).host);
    assert.match(String(headers['x-request-id']), /^[0-9a-f-]{36}$/);
    assert.equal(answer.headers['x-request-id'], headers['x-request-id']);
  });

  it('takes any method', async () => {
    const { ask } = await setUp((request, response) => response.end(request.method));
    for (const method of ['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'REPORT'])
      assert.equal((await ask('/Users/1', { method })).body.toString(), method);
    assert.equal((await ask('/Users/1', { method: 'HEAD' })).status, 200);
  });

  it('takes no TRACE, whose answer would hold what authenticates the gateway', async () => {
    const { ask, asked } = await setUp((_request, response) => response.end());
    assert.equal((await ask('/Users', { method: 'TRACE' })).status, 501);
    assert.equal(asked.length, 0);
  });

  it('sends the credential on in no other place where the IdP put it as well', async () => {
    const { ask, asked, token } = await setUp((_request, response) => response.end());
    await ask(`/Users?access_token=${token}&count=1`, {
      headers: { 'X-Api-Key': token, 'X-Authorization': `Bearer ${token}`, Referer: `https://idp.test/?t=${token}` },
    });
    const [request] = asked;
    assert.equal(request?.url, '/scim/Users?access_token=redacted&count=1');
    assert.equal(request?.headers['x-api-key'], 'redacted');
    assert.equal(
      request?.rawHeaders.some((text) => text.includes(token)),
      false,
    );
  });

  it("passes the upstream's own refusals and redirects on with their status", async () => {
    const { ask, asked } = await setUp((request, response) => {
      response.writeHead(Number(request.url?.slice('/scim/'.length)), { Location: 'https://elsewhere.example/x' });
      response.end();
    });
    for (const status of [204, 302, 307, 404, 409, 412, 429, 500, 503])
      assert.equal((await ask(`/${status}`)).status, status);
    assert.equal(asked.length, 9, 'no redirect was followed');
  });

  it('writes locations as the public endpoint, in headers and in meta, also in lists', async () => {
    const { ask, directory } = await setUp((request, response) => {
      const own = `http://${request.headers.host}/scim/Users/1`;
      const user = { id: '1', meta: { resourceType: 'User', location: own }, profileUrl: own };
      const body = request.url === '/scim/Users' ? { Resources: [user, user] } : user;
      response.writeHead(200, {
        'Content-Type': 'application/scim+json; charset=utf-8',
        Location: own,
        'Content-Location': '/scim/Users/1',
      });
      response.end(JSON.stringify(body));
    });
    const one = await ask('/Users/1');
    const expected = `${directory.endpointUrl}/Users/1`;
    assert.deepEqual([one.headers['location'], one.headers['content-location']], [expected, expected]);
    const user = JSON.parse(one.body.toString()) as Answer;
    assert.equal(user.meta.location, expected);
    assert.match(user.profileUrl, /^http:\/\/127\.0\.0\.1:\d+\/scim\/Users\/1$/, 'nothing else is touched');
    const list = JSON.parse((await ask('/Users')).body.toString()) as Answer;
    assert.deepEqual(
      list.Resources.map((item: Answer) => item.meta.location),
      [expected, expected],
    );
  });

  it('keeps a Content-Length that fits', async () => {
    const { ask } = await setUp((request, response) => {
      response.setHeader('Content-Type', 'application/json');
      const text = JSON.stringify({ meta: { location: `http://${request.headers.host}/scim/1` } });
      response.setHeader('Content-Length', Buffer.byteLength(text)).end(text);
    });
    const plain = await ask('/1');
    assert.equal(Number(plain.headers['content-length']), plain.body.length);
    assert.match(plain.body.toString(), /scim\/v2\//);
  });

  it('streams bodies of any size both ways', async () => {
    const size = 20 * 1024 * 1024;
    const { ask } = await setUp((request, response) => {
      response.setHeader('Content-Type', 'application/octet-stream');
      request.pipe(response);
    });
    const body = Buffer.alloc(size, 'x');
    const answer = await ask('/Bulk', { method: 'POST', body });
    assert.equal(answer.body.length, size);
    const { ask: askJson } = await setUp((request, response) => {
      response.setHeader('Content-Type', 'application/json');
      const item = JSON.stringify({
        meta: { location: `http://${request.headers.host}/scim/1` },
        pad: 'y'.repeat(1000),
      });
      response.write('[');
      for (let index = 0; index < 2000; index++) response.write(`${item},`);
      response.end(`${item}]`);
    });
    const list = JSON.parse((await askJson('/Users')).body.toString()) as Answer[];
    assert.equal(list.length, 2001);
    for (const { meta } of list) assert.match(meta.location, /\/scim\/v2\/[a-z0-9]+\/1$/);
  });

  it('lets no dot segment leave, in any spelling', async () => {
    const { ask, asked } = await setUp((_request, response) => response.end());
    for (const path of [
      '/../admin',
      '/%c0%ae%c0%ae/admin',
      '/%C0%2e%e0%80%ae/..%c0%af',
      '/Users%e0%80%af..%c0%afadmin',
      '/Users%c1%9c..',
      '/%f0%80%80%ae%2e/admin',
      '/%u002e%u002e/admin',
      '/Users%u2215..',
      '/%uff0e%uff0e%uff0fadmin',
      '/%25u002e%25u002e/admin',
      '/%ef%bc%8e%ef%bc%8e/admin',
      '/Users/../../admin',
      '/%2e%2e/admin',
      '/Users/%2E%2e%2fadmin',
      '/..%5cadmin',
      '/%252e%252e/x',
      '/..;/x',
      '/./Users',
    ]) {
      const answer = await ask(path);
      assert.equal(answer.status, 400, path);
      assert.equal((JSON.parse(answer.body.toString()) as Answer).status, '400');
    }
    assert.equal(asked.length, 0);
  });

  it('answers 502 without an upstream or when it cannot be reached, and 504 when it is late, as SCIM errors', async () => {
    const none = await app.api.makeDirectory();
    const { token } = await app.api.issue(none.id);
    const bare = await send(app.url, new URL(none.endpointUrl).pathname, {
      headers: { authorization: `Bearer ${token}` },
    });
    const closed = await setUp((_request, response) => response.end());
    await new Promise((resolve) => closed.server.close(resolve));
    const silent = await setUp(() => undefined);
    const broken = await setUp((request) => request.socket.destroy());
    for (const [answer, status] of [
      [bare, 502],
      [await closed.ask('/Users'), 502],
      [await silent.ask('/Users'), 504],
      [await broken.ask('/Users', { method: 'POST', body: '{}' }), 502],
    ] as const) {
      assert.equal(answer.status, status);
      assert.match(String(answer.headers['content-type']), /^application\/scim\+json/);
      const body = JSON.parse(answer.body.toString()) as Answer;
      assert.deepEqual([body.schemas, body.status], [['urn:ietf:params:scim:api:messages:2.0:Error'], String(status)]);
      assert.ok(body.detail.includes(String(answer.headers['x-request-id'])));
    }
  });

  it('cuts an answer that takes longer than the whole exchange may', async () => {
    const { ask } = await setUp((_request, response) => {
      response.setHeader('Content-Type', 'text/plain');
      const drip = setInterval(() => response.write('.'), 100);
      response.on('close', () => clearInterval(drip));
    });
    await assert.rejects(ask('/slow'), /aborted|socket hang up/);
  });

  it('lets go of the upstream when the client goes away', async () => {
    let closed: (() => void) | undefined;
    const gone = new Promise<void>((resolve) => {
      closed = resolve;
    });
    const { base, token } = await setUp((_request, response) => {
      response.setHeader('Content-Type', 'text/plain');
      response.write('begun');
      response.on('close', () => closed?.());
    });
    const { hostname, port } = new URL(app.url);
    const socket = connect(Number(port), hostname);
    socket.write(`GET ${base}/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`);
    await new Promise((resolve) => socket.once('data', resolve));
    socket.destroy();
    await gone;
  });

  it('refuses with the challenge of RFC 6750 and a SCIM error, and says no more than needed', async () => {
    const { directory, base, token, ask } = await setUp((_request, response) => response.end());
    const metadata = `${app.url}/.well-known/oauth-protected-resource/scim/v2/${directory.endpointKey}`;
    const other = await setUp((_request, response) => response.end());
    const cases: [string, Record<string, string | string[]>, string][] = [
      ['no credential', {}, `Bearer realm="scim", resource_metadata="${metadata}"`],
      [
        'an unknown one',
        { authorization: 'Bearer unknown-token' },
        `Bearer realm="scim", resource_metadata="${metadata}", error="invalid_token"`,
      ],
      [
        'a damaged one',
        { authorization: `Bearer ${token.slice(1)}` },
        `Bearer realm="scim", resource_metadata="${metadata}", error="invalid_token"`,
      ],
      [
        "another directory's",
        { authorization: `Bearer ${other.token}` },
        `Bearer realm="scim", resource_metadata="${metadata}", error="invalid_token"`,
      ],
    ];
    const bodies = new Set<string>();
    for (const [name, headers, challenge] of cases) {
      const answer = await send(app.url, `${base}/Users`, { headers });
      assert.deepEqual([answer.status, answer.headers['www-authenticate']], [401, challenge], name);
      if (name !== 'no credential') bodies.add(answer.body.toString().replace(/[0-9a-f-]{36}/, ''));
      assert.equal(answer.headers['cache-control'], 'no-store');
    }
    assert.equal(bodies.size, 1, 'all refused credentials read alike');
    const twice = await new Promise<string>((resolve) => {
      const { hostname, port } = new URL(app.url);
      const socket = connect(Number(port), hostname);
      socket.write(
        `GET ${base}/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`,
      );
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk.toString();
      });
      socket.on('end', () => resolve(text));
    });
    assert.match(twice, /^HTTP\/1\.1 401 /);
    const inQuery = await send(app.url, `${base}/Users?access_token=${token}`, {});
    assert.equal(inQuery.status, 401);
    assert.equal(app.log().includes(token), false);
    await app.api.post(`/directories/${directory.id}/disable`);
    const disabled = await ask('/Users');
    assert.deepEqual([disabled.status, disabled.headers['www-authenticate']], [403, undefined]);
    await app.api.post(`/directories/${directory.id}/enable`);
    assert.equal((await ask('/Users')).status, 200, 'the same credential works again');
  });

  it('lets a read-only credential read and search, and refuses that it writes', async () => {
    const { directory, base } = await setUp((request, response) => response.end(request.method));
    const { token } = await app.api.issue(directory.id, { scopes: ['scim.read'] });
    const ask = (path: string, method: string) =>
      send(app.url, base + path, { method, headers: { authorization: `Bearer ${token}` } });
    assert.equal((await ask('/Users', 'GET')).status, 200);
    assert.equal((await ask('/.search', 'POST')).status, 200);
    const refused = await ask('/Users', 'POST');
    assert.equal(refused.status, 403);
    assert.match(String(refused.headers['www-authenticate']), /error="insufficient_scope", scope="scim"$/);
  });

  it('connects to public addresses only, whatever a name resolves to', async () => {
    const guarded = await startApp({ env: { LATCHKEY_UPSTREAM_ALLOW: '' } });
    try {
      // A name that DNS could point anywhere; the resolver of this machine makes it a loopback address.
      const directory = await guarded.api.makeDirectory({ upstreamUrl: 'https://localhost.localdomain/scim' });
      const { token } = await guarded.api.issue(directory.id);
      const answer = await send(guarded.url, new URL(directory.endpointUrl).pathname, {
        headers: { authorization: `Bearer ${token}` },
      });
      assert.equal(answer.status, 502);
    } finally {
      await guarded.close();
    }
  });

  it('serves what a SCIM endpoint says of itself', async () => {
    const { directory } = await setUp((_request, response) => response.end());
    const found = (await (
      await fetch(`${app.url}/.well-known/oauth-protected-resource/scim/v2/${directory.endpointKey}`)
    ).json()) as Answer;
    assert.equal(found.resource, directory.endpointUrl);
    assert.equal((await fetch(`${app.url}/.well-known/oauth-protected-resource/scim/v2/a_b`)).status, 404);
  });
});
