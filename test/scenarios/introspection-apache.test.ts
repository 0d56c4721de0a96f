/** Apache with mod_auth_openidc, on config/forward-auth/apache.conf: a resource server that we did not write asks about each token. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, request as requestHttp, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { hasPart, missingParts } from '../support/parts.ts';
import { type RawReply, sendRaw } from '../support/raw-request.ts';
import { type ReverseProxy, startReverseProxy } from '../support/reverse-proxy.ts';

const skip = !hasPart('apache') && missingParts(['apache']).join();

describe('behind Apache with mod_auth_openidc', { skip }, () => {
  let app: TestApp;
  let proxy: ReverseProxy;
  let upstream: Server;
  let tls: Server;
  let directory: Answer;
  let token: string;
  let credential: Answer;
  const seen: { url: string | undefined; headers: IncomingHttpHeaders }[] = [];
  const users = '/scim/v2/northwind-okta/Users';

  before(async () => {
    app = await startApp();
    upstream = createServer(({ url, headers }, response) => {
      seen.push({ url, headers });
      response.end('{}');
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => upstream.once('listening', resolve));
    tls = await startTls(app.url);
    const introspection = `https://127.0.0.1:${(tls.address() as AddressInfo).port}/oauth/introspect`;
    const { body } = await app.api.post('/api-keys', { name: 'Apache', role: 'introspect' });
    proxy = await startReverseProxy('apache', {
      latchkeyUrl: app.url,
      upstreamUrl: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`,
      values: {
        // The certificate is one of the test's own.
        'https://scim.example.com/oauth/introspect': `${introspection}\n    OIDCOAuthSSLValidateServer Off`,
        'https://scim.example.com': app.url,
        'key_...': body.apiKey.id,
        'lk_...': body.key,
      },
    });
    directory = await app.api.makeDirectory({ endpointKey: 'northwind-okta' });
    await app.api.makeDirectory({ endpointKey: 'contoso-okta' });
    ({ token, credential } = await app.api.issue(directory.id));
  });
  after(async () => {
    await proxy?.stop();
    upstream?.closeAllConnections();
    upstream?.close();
    tls?.closeAllConnections();
    tls?.close();
    await app?.close();
  });

  function ask(path = users, headers: Record<string, string> = {}, method = 'GET'): Promise<RawReply> {
    seen.length = 0;
    return sendRaw(proxy.url, { path, method, headers: { Authorization: `Bearer ${token}`, ...headers } });
  }
  async function assertRefused(status: number, ...request: Parameters<typeof ask>): Promise<RawReply> {
    const answer = await ask(...request);
    assert.equal(answer.status, status, answer.text);
    assert.deepEqual(seen, [], 'nothing reaches the SCIM server');
    return answer;
  }

  it('passes an accepted request on with whose it is and without the credential', async () => {
    const answer = await ask(`${users}?count=1`);
    assert.equal(answer.status, 200, answer.text);
    const [arrived] = seen;
    assert.equal(arrived?.url, `${users}?count=1`);
    assert.equal(arrived?.headers['authorization'], undefined);
    assert.equal(arrived?.headers['x-scim-directory'], directory.id);
    assert.equal(arrived?.headers['x-scim-organization'], directory.organizationId);
    assert.equal(arrived?.headers['x-scim-credential'], credential.id);
    assert.equal(arrived?.headers['x-scim-scope'], 'scim');
  });

  it('refuses an unknown token, none, and one of another directory', async () => {
    const unknown = await assertRefused(401, users, { Authorization: 'Bearer wrong-value' });
    assert.match(String(unknown.headers['www-authenticate']), /^Bearer .*error="invalid_token"/);
    await assertRefused(401, users, { Authorization: '' });
    const elsewhere = await ask('/scim/v2/contoso-okta/Users');
    assert.ok([401, 403].includes(elsewhere.status), elsewhere.text);
    assert.deepEqual(seen, []);
  });

  it('lets a token that may only read do nothing else', async () => {
    const readOnly = await app.api.issue(directory.id, { scopes: ['scim.read'] });
    const headers = { Authorization: `Bearer ${readOnly.token}` };
    assert.equal((await ask(users, headers)).status, 200);
    for (const method of ['POST', 'PATCH', 'DELETE']) {
      const refused = await ask(users, headers, method);
      assert.ok([401, 403].includes(refused.status), `${method}: ${refused.status}`);
      assert.deepEqual(seen, []);
    }
    await app.api.post(`/credentials/${readOnly.credential.id}/revoke`, { force: true });
  });

  it('passes no request that claims to be of another client or method', async () => {
    for (const name of [
      'x-scim-scope',
      'X-Scim-Directory',
      'X-Scim-Tenant',
      'x_scim_scope',
      'X-HTTP-Method-Override',
      'X-Method-Override',
    ]) {
      assert.equal((await ask(users, { [name]: 'DELETE' })).status, 400, name);
    }
  });

  it('passes no path that leads to another directory', async () => {
    for (const path of [
      '/scim/v2/northwind-okta/../contoso-okta/Users',
      '/scim/v2/northwind-okta/%2e%2e/contoso-okta/Users',
      '/scim/v2/northwind-okta/..%2fcontoso-okta/Users',
      '//scim/v2/contoso-okta/Users',
      '/%73cim/v2/contoso-okta/Users',
      '/SCIM/v2/contoso-okta/Users',
      '/scim/v2',
      '/scim/v2/',
      '/',
    ]) {
      assert.ok((await ask(path)).status >= 400, path);
      assert.deepEqual(seen, [], path);
    }
  });

  it('obeys a revoke at once, since it asks about every request', async () => {
    const issued = await app.api.issue(directory.id);
    const headers = { Authorization: `Bearer ${issued.token}` };
    for (let count = 0; count < 3; count++) assert.equal((await ask(users, headers)).status, 200);
    await app.api.post(`/credentials/${issued.credential.id}/revoke`, { force: true });
    await assertRefused(401, users, headers);
  });
});

/** mod_auth_openidc asks by https alone: this takes TLS away in front of the real server. */
async function startTls(origin: string): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-tls-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const made = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-subj',
    '/CN=127.0.0.1',
    '-days',
    '2',
  ];
  execFileSync('openssl', ['req', '-x509', ...made, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  const server = createHttpsServer({ key: readFileSync(key), cert: readFileSync(cert) }, (question, response) => {
    const { method, url, headers } = question;
    const asked = requestHttp(`${origin}${url}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    asked.on('error', () => response.destroy());
    question.pipe(asked);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  rmSync(folder, { recursive: true, force: true });
  return server;
}
