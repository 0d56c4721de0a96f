/** @latchkey/verify in front of SCIM servers in the frameworks that it is for, against the real server. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import express from 'express';
import fastify from 'fastify';
import Koa from 'koa';
import { createVerifier, type Verifier, type VerifierOptions } from '../../packages/verify/src/index.ts';
import { systemClock } from '../../src/clock.ts';
import type { Answer } from '../support/api.ts';
import { runApp, startApp, type TestApp } from '../support/app.ts';
import { type RawReply, type RawRequest, sendRaw } from '../support/raw-request.ts';
import { compile, installVerify } from '../support/verify-package.ts';

const SCIM_ERROR = 'urn:ietf:params:scim:api:messages:2.0:Error';

/** A SCIM server of each kind that answers whose request it got. */
const SERVERS: Record<string, (latchkey: Verifier) => Promise<Server>> = {
  async express(latchkey) {
    const app = express();
    app.use('/scim', latchkey.express());
    app.use((request, response) => {
      response.json(latchkey.identityOf(request));
    });
    return listen(app);
  },
  async fastify(latchkey) {
    const app = fastify();
    app.addHook('onRequest', latchkey.fastify());
    app.addContentTypeParser(
      'application/scim+json',
      { parseAs: 'string' },
      app.getDefaultJsonParser('error', 'error'),
    );
    app.all('/*', async (request) => latchkey.identityOf(request));
    await app.listen({ port: 0, host: '127.0.0.1' });
    return app.server;
  },
  async koa(latchkey) {
    const app = new Koa();
    app.use(latchkey.koa());
    app.use((context) => {
      context.body = latchkey.identityOf(context);
    });
    return listen(app.callback());
  },
  async http(latchkey) {
    return listen(
      latchkey.http((request, response) => {
        response.end(JSON.stringify(latchkey.identityOf(request)));
      }),
    );
  },
};

async function listen(listener: RequestListener): Promise<Server> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return server;
}

const urlOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

/** How often Latchkey was asked so far. */
async function asked({ url }: TestApp): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const counts = text.matchAll(/^latchkey_verifications_total\{surface="introspection",[^}]*\} (\d+)$/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

describe('@latchkey/verify', () => {
  const app = runApp({ env: { LATCHKEY_FAILURES_PER_ADDRESS: '1000' } });
  let apiKey: string;
  let directory: Answer;
  let other: Answer;
  let token: string;
  let credential: Answer;
  let readOnly: string;
  const open: Server[] = [];

  before(async () => {
    apiKey = (await app.api.post('/api-keys', { name: 'SCIM server', role: 'introspect' })).body.key;
    directory = await app.api.makeDirectory({ endpointKey: 'northwind-okta' });
    other = await app.api.makeDirectory({ endpointKey: 'contoso-okta' });
    ({ token, credential } = await app.api.issue(directory.id));
    ({ token: readOnly } = await app.api.issue(directory.id, { scopes: ['scim.read'] }));
  });
  after(async () => {
    for (const server of open) {
      server.closeAllConnections();
      server.close();
    }
  });

  async function start(kind: string, options: Partial<VerifierOptions> = {}): Promise<string> {
    const server = await (SERVERS[kind] as (latchkey: Verifier) => Promise<Server>)(
      createVerifier({ url: app.url, apiKey, ...options }),
    );
    open.push(server);
    return urlOf(server);
  }
  const users = '/scim/v2/northwind-okta/Users';
  const ask = (url: string, request: Partial<RawRequest> = {}): Promise<RawReply> =>
    sendRaw(url, { path: users, headers: { Authorization: `Bearer ${token}` }, ...request });
  function assertRefused(answer: RawReply, status: number): void {
    assert.equal(answer.status, status, answer.text);
    assert.deepEqual([answer.body.schemas, answer.body.status], [[SCIM_ERROR], String(status)]);
    assert.match(String(answer.headers['content-type']), /^application\/scim\+json/);
    assert.equal(answer.headers['cache-control'], 'no-store');
  }

  for (const kind of Object.keys(SERVERS)) {
    describe(`in ${kind}`, () => {
      let url: string;
      before(async () => {
        url = await start(kind);
      });

      it('lets an accepted request through and tells whose it is', async () => {
        const answer = await ask(url);
        assert.equal(answer.status, 200, answer.text);
        assert.deepEqual(answer.body, {
          directoryId: directory.id,
          organizationId: directory.organizationId,
          credentialId: credential.id,
          credentialKind: 'bearer',
          scopes: ['scim'],
        });
      });

      it('refuses with a SCIM error and a challenge', async () => {
        const metadata = `resource_metadata="${app.url}/.well-known/oauth-protected-resource/scim/v2/northwind-okta"`;
        const missing = await ask(url, { headers: {} });
        assertRefused(missing, 401);
        assert.equal(missing.headers['www-authenticate'], `Bearer realm="scim", ${metadata}`);
        const unknown = await ask(url, { headers: { Authorization: 'Bearer wrong-value' } });
        assertRefused(unknown, 401);
        assert.equal(unknown.headers['www-authenticate'], `Bearer realm="scim", ${metadata}, error="invalid_token"`);
        assertRefused(await ask(url, { path: '/scim/v2/contoso-okta/Users' }), 401);
        assertRefused(await ask(url, { path: '/scim/v2' }), 404);
      });

      it('lets scim.read only read', async () => {
        const headers = { Authorization: `Bearer ${readOnly}` };
        const search = { method: 'POST', path: `${users}/.search`, body: '{}' };
        assert.equal((await ask(url, { headers })).status, 200);
        assert.equal(
          (await ask(url, { ...search, headers: { ...headers, 'Content-Type': 'application/scim+json' } })).status,
          200,
        );
        for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
          const refused = await ask(url, { headers, method });
          assertRefused(refused, 403);
          assert.match(String(refused.headers['www-authenticate']), /error="insufficient_scope", scope="scim"$/);
        }
        assertRefused(await ask(url, { headers: { ...headers, 'X-HTTP-Method-Override': 'DELETE' } }), 403);
        assertRefused(await ask(url, { headers, path: `${users}?_method=DELETE` }), 403);
      });
    });
  }

  it('accepts a token without a scheme, and never two headers', async () => {
    const url = await start('http');
    assert.equal((await ask(url, { headers: { Authorization: token } })).status, 200);
    const headers: [string, string][] = [
      ['Authorization', `Bearer ${token}`],
      ['Authorization', `Bearer ${token}`],
    ];
    assertRefused(await ask(url, { headers }), 401);
  });

  it('obeys a revoke from the moment that it is acknowledged, and asks no more often than the lease wants', async () => {
    const real = await startApp({ realClock: systemClock });
    try {
      const key = (await real.api.post('/api-keys', { name: 'SCIM server', role: 'introspect' })).body.key;
      const own = await real.api.makeDirectory({ endpointKey: 'northwind-okta' });
      const url = await start('http', { url: real.url, apiKey: key });
      for (let turn = 0; turn < 3; turn++) {
        const issued = await real.api.issue(own.id);
        const headers = { Authorization: `Bearer ${issued.token}` };
        const before = await asked(real);
        for (let count = 0; count < 20; count++) assert.equal((await ask(url, { headers })).status, 200);
        assert.ok((await asked(real)) - before < 20, 'answers are kept');
        const revoked = await real.api.post(`/credentials/${issued.credential.id}/revoke`, { force: true });
        assert.equal(revoked.status, 200);
        assertRefused(await ask(url, { headers }), 401);
      }
    } finally {
      await real.close();
    }
  });

  it('asks about every request without a cache', async () => {
    const url = await start('http', { cache: false });
    const before = await asked(app);
    for (let count = 0; count < 3; count++) await ask(url);
    assert.equal((await asked(app)) - before, 3);
  });

  it('compares an ID or an audience, or lets the token name the directory', async () => {
    const own = await app.api.makeDirectory({ audience: 'https://app.example/scim' });
    const its = await app.api.issue(own.id);
    const statusOf = async (options: Partial<VerifierOptions>) => {
      const url = await start('express', options);
      return (await ask(url, { path: '/scim/Users', headers: { Authorization: `Bearer ${its.token}` } })).status;
    };
    assert.equal(await statusOf({ directory: () => own.id }), 200);
    assert.equal(await statusOf({ directory: () => 'https://app.example/scim' }), 200);
    assert.equal(await statusOf({ directory: 'any' }), 200);
    assert.equal(await statusOf({ directory: () => other.id }), 401);
    assert.equal(await statusOf({ directory: () => 'https://other.example/scim' }), 401);
    assert.equal(await statusOf({ directory: () => undefined }), 404);
    assert.equal(await statusOf({}), 404);
  });

  it('answers 503 with Retry-After when Latchkey cannot be asked, and tells why', async () => {
    const gone = await listen(() => undefined);
    const goneUrl = urlOf(gone);
    await new Promise((resolve) => gone.close(resolve));
    const odd = await listen((_request, response) => response.end('<html>'));
    const busy = await listen((_request, response) => response.writeHead(429, { 'retry-after': '17' }).end());
    const silent = await listen(() => undefined);
    open.push(odd, busy, silent);
    const cases: [name: string, options: Partial<VerifierOptions>, wait: string, why: RegExp][] = [
      ['gone', { url: goneUrl }, '5', /cannot be reached/],
      ['another key', { apiKey: 'lk_00000000000000000000000000000000' }, '5', /responded with 401/],
      ['a page', { url: urlOf(odd) }, '5', /not an introspection response/],
      ['too many', { url: urlOf(busy) }, '17', /responded with 429/],
      ['silent', { url: urlOf(silent), timeoutMs: 50 }, '5', /cannot be reached/],
    ];
    for (const [name, options, wait, why] of cases) {
      const told: Error[] = [];
      const url = await start('http', { ...options, onUnavailable: (error) => told.push(error) });
      const answer = await ask(url);
      assertRefused(answer, 503);
      assert.equal(answer.headers['retry-after'], wait, name);
      assert.equal(answer.headers['www-authenticate'], undefined);
      assert.match(told[0]?.message ?? '', why);
      assert.doesNotMatch(JSON.stringify(told), /lk_|scim_/);
    }
  });

  it('reports what the SCIM server answered, by directory, kind and status alone', async () => {
    const told: Answer[] = [];
    let done = () => {};
    const arrived = new Promise<void>((resolved) => {
      done = resolved;
    });
    const between = await listen(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      const { authorization = '', 'content-type': type = '' } = request.headers;
      const headers = { authorization, 'content-type': type };
      const answer = await fetch(`${app.url}${request.url}`, { method: 'POST', headers, body });
      const text = await answer.text();
      response.end(text);
      if (request.url !== '/api/v1/outcomes') return;
      const { outcomes } = JSON.parse(body);
      assert.deepEqual(JSON.parse(text), { accepted: outcomes.length, unknown: 0 });
      if (told.push(...outcomes) === 3) done();
    });
    open.push(between);
    const url = await start('http', { url: urlOf(between), directory: 'any', reportAfterMs: 50 });
    await ask(url, { path: `${users}?filter=userName%20eq%20%22ada%22` });
    await ask(url, { method: 'PATCH', path: '/scim/v2/northwind-okta/Groups/7', body: '{"secret":1}' });
    await ask(url, { headers: { Authorization: 'Bearer wrong-value' } });
    await ask(url, { path: '/scim/v2/northwind-okta/Schemas' });
    await arrived;
    const of = { directoryId: directory.id, status: 200 };
    assert.deepEqual(told, [
      { ...of, kind: 'look_up', collection: true },
      { ...of, kind: 'group', collection: false },
      { ...of, kind: 'discovery', collection: false },
    ]);
  });

  it('refuses settings that cannot be right', () => {
    assert.throws(() => createVerifier({ url: 'scim.example.com', apiKey }), /wanted an origin/);
    assert.throws(() => createVerifier({ url: 'https://scim.example.com/scim/v2', apiKey }), /wanted an origin/);
    assert.throws(() => createVerifier({ url: 'https://scim.example.com', apiKey: '' }), /role introspect/);
  });

  it('builds into modules with types that need nothing but Node', () => {
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-verify-'));
    try {
      const place = installVerify(folder);
      symlinkSync(resolve('node_modules/@types'), join(folder, 'node_modules/@types'));
      for (const file of readdirSync(join(place, 'dist'))) {
        for (const [, name = ''] of readFileSync(join(place, 'dist', file), 'utf8').matchAll(/from '([^']+)'/g)) {
          assert.match(name, /^(?:node:|\.\/\w+\.[jt]s$)/, file);
        }
      }
      const use = join(folder, 'use.mts');
      writeFileSync(
        use,
        `import { createVerifier } from '@latchkey/verify';
const latchkey = createVerifier({ url: 'https://scim.example.com', apiKey: 'lk_', surprise: 1 });
export const id: string = latchkey.identityOf({} as never).directoryId;
`,
      );
      const said = compile('--ignoreConfig', '--noEmit', '--strict', '--module', 'nodenext', '--types', 'node', use);
      assert.equal([...said.matchAll(/error TS/g)].length, 1, said);
      assert.match(said, /'surprise' does not exist in type 'VerifierOptions'/);
      assert.equal(JSON.parse(readFileSync('packages/verify/package.json', 'utf8')).dependencies, undefined);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
