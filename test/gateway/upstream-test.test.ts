import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { systemClock } from '../../src/clock.ts';
import type { Answer } from '../support/api.ts';
import { runApp, startApp } from '../support/app.ts';
import { type Behind, createBehind, json } from '../support/gateway.ts';

describe('the test of a SCIM server', () => {
  const app = runApp({ realClock: systemClock });
  const behind = createBehind(() => app);

  after(async () => {
    await behind.close();
  });

  async function report({ directory }: Pick<Behind, 'directory'>): Promise<Answer> {
    const { status, body } = await app.api.post(`/directories/${directory.id}/test`);
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  }

  it('asks as Entra and Okta do, for names that nobody has, and finds nothing wrong with a good one', async () => {
    const upstreamCredential = { kind: 'header', name: 'X-Api-Key', value: 'secret' };
    const its = await behind.http(json({ totalResults: 0, Resources: [] }), '/scim', { upstreamCredential });
    const { isFine, checks } = await report(its);
    assert.equal(isFine, true);
    assert.equal(checks.length, 5);
    const asked = its.asked.map(({ url }) => url?.replace(/latchkey-test-\w+/, 'NOBODY'));
    assert.deepEqual(asked.slice(0, 3), [
      '/scim/ServiceProviderConfig',
      '/scim/Users?filter=userName+eq+%22NOBODY%22',
      '/scim/Users?filter=userName%20eq%20%22NOBODY%22&startIndex=1&count=100',
    ]);
    for (const { headers } of its.asked) {
      assert.deepEqual([headers['x-api-key'], headers['x-scim-directory']], ['secret', its.directory.id]);
    }
    const { body } = await app.api.get(`/credentials/${its.credential.id}`);
    assert.equal(body.lastUsedAt, null, 'it is no use of a credential');
  });

  it('judges an answer without a content type by its body', async () => {
    const its = await behind.http((_request, response) =>
      response.writeHead(200).end(JSON.stringify({ totalResults: 0, Resources: [] })),
    );
    assert.equal((await report(its)).isFine, true);
    const page = await behind.http((_request, response) => response.writeHead(200).end('<html>welcome</html>'));
    const { checks } = await report(page);
    assert.deepEqual(
      [checks[0].problem, checks.find(({ path }: Answer) => path.startsWith('/Users')).problem],
      ['not_scim', 'not_scim'],
    );
  });

  it('says what an IdP would stumble over', async () => {
    const some = { totalResults: 3, Resources: [{ id: '1' }] };
    const cases: [answer: Parameters<typeof behind.http>[0], problem: string][] = [
      [json({ status: '404' }, 404), 'wrong_base'],
      [json({}, 401), 'refuses_us'],
      [json([]), 'no_list'],
      [json(some), 'filter_ignored'],
      [json({}, 500), 'failing'],
      [json({ detail: 'invalid filter' }, 400), 'rejects_content'],
      [(_request, response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('<html>'), 'not_scim'],
      [
        (_request, response) =>
          response
            .writeHead(200, { 'Content-Type': 'application/scim+json', 'Content-Encoding': 'gzip' })
            .end(gzipSync('{"totalResults":0}')),
        'unreadable',
      ],
    ];
    for (const [answer, problem] of cases) {
      const its = await behind.http(answer);
      const { isFine, checks } = await report(its);
      const found = checks.filter((check: Answer) => check.problem !== null);
      assert.deepEqual([isFine, found.at(-1)?.problem], [false, problem]);
      assert.ok(found.at(-1).detail.length > 10);
    }
    const gone = await behind.http(json({}));
    await new Promise((resolve) => gone.server.close(resolve));
    const [check, ...rest] = (await report(gone)).checks;
    assert.deepEqual([check.problem, check.cause, rest], ['unreachable', 'refused', []]);
    const other = await behind.bytes(() => 'SSH-2.0-OpenSSH_9.6\r\n');
    const [odd] = (await report(other)).checks;
    assert.deepEqual([odd.problem, odd.cause], ['unreachable', 'wrong_protocol']);
    assert.match(odd.detail, /answered, but not with HTTP/);
  });

  it('waits for a slow one as the gateway does, longer than for the store, and tells of one that is slower still', async (t) => {
    const empty = json({ totalResults: 0, Resources: [] });
    // Only its first answer is slow: the whole test waits that long.
    let isFirst = true;
    const answerMs = 1000;
    const patient = await startApp({ realClock: systemClock, answerMs });
    const behindPatient = createBehind(() => patient);
    const hurried = await startApp({
      realClock: systemClock,
      env: { LATCHKEY_UPSTREAM_HEADERS_TIMEOUT_MS: '200' },
    });
    const others = createBehind(() => hurried);
    t.after(async () => {
      for (const { close } of [patient, behindPatient, hurried, others]) await close();
    });
    const slow = await behindPatient.http((request, response) => {
      setTimeout(() => empty(request, response), isFirst ? answerMs + 500 : 0);
      isFirst = false;
    });
    const reported = patient.api.post(`/directories/${slow.directory.id}/test`);
    const silent = await others.http(() => undefined);
    const late = await others.http((_request, response) => {
      response.writeHead(200, { 'Content-Type': 'application/scim+json' });
      response.write('{"totalResults": 0');
    });
    for (const { directory, asked } of [silent, late]) {
      const { status, body } = await hurried.api.post(`/directories/${directory.id}/test`);
      assert.deepEqual([status, body.isFine, body.checks.length, asked.length], [200, false, 1, 1]);
      const [{ path, problem, status: its, elapsedMs }] = body.checks;
      assert.deepEqual([path, problem, its], ['/ServiceProviderConfig', 'slow', null]);
      assert.ok(elapsedMs >= 190, `given up after ${elapsedMs} ms`);
      const again = await hurried.api.post(`/directories/${directory.id}/test`);
      assert.equal(again.status, 200, 'the one before is over');
    }

    const { isFine, checks } = (await reported).body;
    assert.equal(isFine, true, JSON.stringify(checks));
    assert.ok(checks[0].elapsedMs >= answerMs);
  });

  it('needs an upstream, and a key that may write', async () => {
    const { id } = await app.api.makeDirectory();
    assert.equal((await app.api.post(`/directories/${id}/test`)).status, 400);
    const { key } = (await app.api.post('/api-keys', { name: 'looks', role: 'viewer' })).body;
    assert.equal((await app.api.as(key).post(`/directories/${id}/test`)).status, 403);
  });

  it('is of a server that a key limited to an organization may choose only where an owner allowed its origin', async () => {
    const its = await behind.http(json({ totalResults: 0 }));
    const { organizationId } = its.directory;
    const { key } = (await app.api.post('/api-keys', { name: 'theirs', role: 'owner', organizationId })).body;
    const theirs = app.api.as(key);
    const fields = { organizationId, name: 'x', upstreamUrl: its.upstreamUrl };
    const { origin } = new URL(its.upstreamUrl);
    assert.equal((await theirs.post('/directories', fields)).status, 403);
    const organization = `/organizations/${organizationId}`;
    assert.equal((await theirs.patch(organization, { upstreamOrigins: [origin] })).status, 403);
    for (const wrong of [`${origin}/scim`, 'ftp://x', 'x'])
      assert.equal((await app.api.patch(organization, { upstreamOrigins: [wrong] })).status, 400, wrong);
    const allowed = await app.api.patch(organization, { upstreamOrigins: [origin] });
    assert.deepEqual(allowed.body.upstreamOrigins, [origin]);
    const { status, body } = await theirs.post('/directories', fields);
    assert.equal(status, 201);
    const path = `/directories/${body.id}`;
    assert.equal((await theirs.patch(path, { upstreamUrl: `${origin}/other` })).status, 200);
    assert.equal((await theirs.patch(path, { upstreamUrl: 'https://elsewhere.example' })).status, 403);
    assert.equal((await theirs.patch(path, { upstreamUrl: null })).status, 200);
  });
});
