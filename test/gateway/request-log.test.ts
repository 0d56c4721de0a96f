/** The request log of directories that chose one: what was accepted and what became of it, and nothing of what was in it. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { startApp } from '../support/app.ts';
import { DAY } from '../support/clock.ts';

describe('the request log', () => {
  it('has each accepted request of a directory that chose it, without what was in it, for 30 days', async (t) => {
    const upstream = createServer((request, response) => {
      request.resume();
      response.writeHead(request.method === 'POST' ? 201 : 200, { 'content-type': 'application/scim+json' });
      response.end('{"schemas":[],"totalResults":0}');
    });
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
    const upstreamUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
    const app = await startApp();
    t.after(async () => {
      await app.close();
      upstream.close();
    });
    const [logged, silent] = [
      await app.api.makeDirectory({ upstreamUrl, requestLog: true }),
      await app.api.makeDirectory({ upstreamUrl }),
    ];
    assert.deepEqual([logged.requestLog, silent.requestLog], [true, false]);
    const send = async ({ id, endpointKey }: Answer, requests: [method: string, path: string][]) => {
      const { token, credential } = await app.api.issue(id);
      for (const [method, path] of requests) {
        const body = method === 'POST' ? { body: '{"userName":"ada@northwind.example"}' } : {};
        const response = await fetch(`${app.url}/scim/v2/${endpointKey}${path}`, {
          method,
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/scim+json' },
          ...body,
        });
        await response.text();
        app.clock.advance(1000);
      }
      return credential;
    };
    const credential = await send(logged, [
      ['GET', '/Users?filter=userName%20eq%20%22ada%40northwind.example%22'],
      ['POST', '/Users'],
      ['GET', '/Groups/secret-team'],
    ]);
    await send(silent, [['GET', '/Users']]);
    await app.app.rounds.find(({ name }) => name === 'request log')?.run();
    const { items } = (await app.api.get(`/directories/${logged.id}/requests`)).body;
    assert.deepEqual(
      items.map(({ method, kind, outcome, status, credentialId }: Answer) => [
        method,
        kind,
        outcome,
        status,
        credentialId,
      ]),
      [
        ['GET', 'group', 'ok', 200, credential.id],
        ['POST', 'create', 'ok', 201, credential.id],
        ['GET', 'look_up', 'ok', 200, credential.id],
      ],
    );
    assert.doesNotMatch(JSON.stringify(items), /ada|northwind|secret-team|filter/);
    assert.deepEqual((await app.api.get(`/directories/${silent.id}/requests`)).body.items, []);
    const answer = await fetch(`${app.url}/api/v1/directories/${logged.id}/requests?format=csv&limit=2`, {
      headers: { authorization: `Bearer ${app.ownerKey}` },
    });
    assert.equal(answer.headers.get('content-type'), 'text/csv; charset=utf-8');
    const lines = (await answer.text()).split('\r\n');
    assert.equal(lines[0], 'at,method,kind,outcome,status,durationMs,credentialId,requestId');
    assert.equal(lines.length, 4);
    const { organizationId } = await app.api.makeDirectory();
    const { key } = (await app.api.post('/api-keys', { name: 'x', role: 'viewer', organizationId })).body;
    assert.equal((await app.api.as(key).get(`/directories/${logged.id}/requests`)).status, 404);
    app.clock.advance(31 * DAY);
    assert.deepEqual((await app.api.get(`/directories/${logged.id}/requests`)).body.items, []);
  });

  it('ends when it is switched off, which the audit tells', async (t) => {
    const app = await startApp();
    t.after(app.close);
    const { id } = await app.api.makeDirectory({ requestLog: true });
    assert.equal((await app.api.patch(`/directories/${id}`, { requestLog: false })).body.requestLog, false);
    const [event] = (await app.api.get(`/events?directoryId=${id}`)).body.items;
    assert.deepEqual(event.data.changes, [{ attribute: 'requestLog', from: true, to: null }]);
  });
});
