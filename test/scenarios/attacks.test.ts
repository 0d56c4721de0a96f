/** What was tried to break in, to lock others out or to learn of them; each held by its cure. */
import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { createUpstreamPolicy } from '../../src/directories/index.ts';
import { createUriScanner } from '../../src/gateway/uri-scanner.ts';
import { hasDotSegment, isRead } from '../../src/verification/access.ts';
import { runApp } from '../support/app.ts';

describe('attacks', () => {
  const app = runApp({
    realClock: systemClock,
    env: { LATCHKEY_LEASE_MS: '20', LATCHKEY_FAILURES_PER_DIRECTORY: '10' },
  });

  it('cannot stop the rounds of others with ends outside the calendar', async () => {
    const directory = await app.api.makeDirectory();
    for (const expiresAt of ['9999-12-31T23:59:59-23:59', '0000-01-01T00:00:00Z', '9999-06-01T00:00:00Z']) {
      const answer = await app.api.post(`/directories/${directory.id}/credentials`, { expiresAt });
      assert.deepEqual([answer.status, answer.body.code], [400, 'invalid_request'], expiresAt);
    }
    const cursor = Buffer.from(JSON.stringify(['+010000-01-01T00:00:00.000Z', 'x'])).toString('base64url');
    assert.equal((await app.api.get(`/organizations?after=${cursor}`)).body.code, 'invalid_cursor');
  });

  it('cannot make one request of a proxy cost many reads', async () => {
    const query = Array.from({ length: 500 }, (_, index) => `directory=d${index}`).join('&');
    const answer = await fetch(`${app.url}/auth/verify?${query}`);
    assert.equal(answer.status, 400);
  });

  it('cannot write with a read-only token, however the path or the method is dressed up', async () => {
    for (const path of [
      '/Users/2819/.search/',
      '/Bulk;/.search',
      '/Users%3f/.search',
      '/Users%23/.search',
      '/Users#/.search',
      '/a b/.search',
    ]) {
      assert.equal(isRead('POST', path), false, path);
    }
    assert.equal(isRead('POST', '/api/scim/Users/.search'), true);
    const seen: IncomingHttpHeaders[] = [];
    const upstream = createServer((request, response) => {
      seen.push(request.headers);
      response.end();
    });
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
    const directory = await app.api.makeDirectory({
      upstreamUrl: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`,
    });
    const { token } = await app.api.issue(directory.id, { scopes: ['scim.read'] });
    const odd = [
      'x-http-method-override',
      'x-original-url',
      'x-rewrite-url',
      'x-original-uri',
      'x-original-method',
      'x-real-ip',
      'true-client-ip',
      'proxy',
      'x_http_method_override',
      'x.scim.directory',
      'x~scim~organization',
    ];
    const answer = await fetch(`${directory.endpointUrl}/Users/.search`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, ...Object.fromEntries(odd.map((name) => [name, 'DELETE'])) },
    });
    assert.equal(answer.status, 200);
    for (const name of odd) assert.equal(seen[0]?.[name], undefined, name);
    upstream.close();
  });

  it('cannot leave the endpoint by dots that a server behind might cut short', () => {
    for (const path of [
      '/..%00/x',
      '/..%09/x',
      '/..%20',
      '/..%23',
      '/..%3fx',
      '/%u002e%u002e/x',
      `/${'%25'.repeat(1)}${'25'.repeat(12)}2e%2e/x`,
    ]) {
      assert.equal(hasDotSegment(path), true, path);
    }
  });

  it('cannot exhaust memory by an answer that nests, or by a key without an end', () => {
    const deep = createUriScanner(() => undefined);
    const chunk = Buffer.alloc(1_000_000, '[');
    const before = process.memoryUsage().heapUsed;
    for (let round = 0; round < 20; round++) assert.equal(deep.write(chunk).length, chunk.length);
    const endless = createUriScanner(() => undefined);
    endless.write(Buffer.from('{"'));
    for (let round = 0; round < 20; round++)
      assert.equal(endless.write(Buffer.alloc(1_000_000, 'k')).length, 1_000_000);
    assert.ok(process.memoryUsage().heapUsed - before < 100_000_000);
  });

  it('cannot reach private hosts by any form of address', async () => {
    const policy = createUpstreamPolicy({
      allow: [],
      publicUrl: 'https://scim.example.com',
      listening: undefined,
      databaseUrl: 'file:data',
    });
    const target = { protocol: 'https:', hostname: 'app.example.com', port: 443 };
    for (const address of [
      '::7f00:1',
      '::a00:1',
      '::5efe:7f00:1',
      '168.63.129.16',
      '::1',
      'fe80::1',
      '64:ff9b::7f00:1',
      '2002:7f00:1::',
    ]) {
      assert.deepEqual(await policy.allowed(target, [address]), [], address);
    }
    const open = ['8.8.8.8', '2606:4700::1111'];
    assert.deepEqual(await policy.allowed(target, open), open);
  });

  it('cannot leave a token in a user agent', async () => {
    const directory = await app.api.makeDirectory();
    const { token, credential } = await app.api.issue(directory.id);
    await fetch(`${app.url}/auth/verify?directory=${directory.id}`, {
      headers: { authorization: `Bearer ${token}`, 'user-agent': `token_${token}` },
    });
    const { body } = await app.api.get(`/credentials/${credential.id}`);
    assert.equal(body.lastUsedFrom.userAgent, 'token_scim_[redacted]');
  });

  it('cannot tell directories that exist from others by the limit of refusals', async () => {
    const directory = await app.api.makeDirectory();
    const statuses = async (endpointKey: string) => {
      const found: number[] = [];
      for (let round = 0; round < 15; round++) {
        found.push(
          (await fetch(`${app.url}/scim/v2/${endpointKey}/Users`, { headers: { authorization: 'Bearer unknown' } }))
            .status,
        );
      }
      return found;
    };
    assert.deepEqual(await statuses(directory.endpointKey), await statuses('there-is-none'));
  });

  it('cannot guess values of other organizations with a limited key', async () => {
    const other = await app.api.makeDirectory();
    await app.api.post(`/directories/${other.id}/credentials/import`, { token: 'k9Xq2Zm8Rw4Vb7TnJ5' });
    const own = await app.api.makeDirectory();
    const { key } = (
      await app.api.post('/api-keys', { name: 'limited', role: 'admin', organizationId: own.organizationId })
    ).body;
    const limited = app.api.as(key);
    await limited.post(`/directories/${own.id}/credentials`);
    await limited.post(`/directories/${own.id}/credentials`);
    for (const token of ['k9Xq2Zm8Rw4Vb7TnJ5', '5JnT7bV4wR8mZ2qX9k']) {
      assert.equal(
        (await limited.post(`/directories/${own.id}/credentials/import`, { token })).body.code,
        'slots_full',
        token,
      );
    }
    assert.equal(
      (await limited.post('/directories', { organizationId: own.organizationId, name: 'x', endpointKey: 'mine' }))
        .status,
      403,
    );
  });

  it('cannot have an API key accepted as a token', async () => {
    const directory = await app.api.makeDirectory();
    const answer = await app.api.post(`/directories/${directory.id}/credentials/import`, { token: app.ownerKey });
    assert.deepEqual([answer.status, answer.body.code], [422, 'invalid_token_format']);
  });
});
