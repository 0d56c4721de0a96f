/** What must hold behind every reverse proxy that asks Latchkey, whichever it is. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { loadSqlite } from '../../src/storage/sqlite-connection.ts';
import type { Answer } from './api.ts';
import { startApp, type TestApp } from './app.ts';
import { SECOND } from './clock.ts';
import { hasPart, missingParts } from './parts.ts';
import { type RawReply, type RawRequest, sendRaw } from './raw-request.ts';
import { type ProxyKind, type ReverseProxy, startReverseProxy } from './reverse-proxy.ts';

interface Seen {
  method: string | undefined;
  url: string | undefined;
  headers: IncomingHttpHeaders;
  body: string;
}

const USERS = '/scim/v2/northwind-okta/Users';
const SCIM_ERROR = 'urn:ietf:params:scim:api:messages:2.0:Error';

export function describeForwardAuth(kind: ProxyKind): void {
  if (!hasPart(kind)) {
    for (const line of missingParts([kind])) console.log(line);
    it(`a request through ${kind}`, (test) => {
      assert.notEqual(process.env['LATCHKEY_TEST_REQUIRE'], 'all', `${kind} is required`);
      test.skip(`${kind} is not on this machine`);
    });
    return;
  }

  describe(`behind ${kind}`, () => {
    let folder: string;
    let app: TestApp;
    let proxy: ReverseProxy;
    let upstream: Server;
    let directory: Answer;
    let token: string;
    let credential: Answer;
    const seen: Seen[] = [];

    before(async () => {
      folder = mkdtempSync(join(tmpdir(), 'latchkey-forward-auth-'));
      app = await startApp({ databaseUrl: `file:${folder}`, env: { LATCHKEY_TRUSTED_PROXIES: '127.0.0.1' } });
      upstream = await startUpstream(seen);
      proxy = await startReverseProxy(kind, { latchkeyUrl: app.url, upstreamUrl: urlOf(upstream) });
      directory = await app.api.makeDirectory({ endpointKey: 'northwind-okta' });
      await app.api.makeDirectory({ endpointKey: 'contoso-okta' });
      ({ token, credential } = await app.api.issue(directory.id));
    });
    after(async () => {
      await proxy?.stop();
      upstream?.close();
      await app?.close().catch(() => undefined);
      rmSync(folder, { recursive: true, force: true });
    });

    function ask(request: Partial<RawRequest> = {}): Promise<RawReply> {
      seen.length = 0;
      return sendRaw(proxy.url, {
        path: USERS,
        ...request,
        headers: Array.isArray(request.headers)
          ? request.headers
          : { Authorization: `Bearer ${token}`, ...request.headers },
      });
    }

    function assertRefused(answer: RawReply, status: number): void {
      assert.equal(answer.status, status, answer.text);
      assert.deepEqual(answer.body?.schemas, [SCIM_ERROR]);
      assert.equal(answer.body.status, String(status));
      assert.match(String(answer.headers['content-type']), /^application\/scim\+json/);
      assert.match(answer.body.detail, /Request ID: [\w-]{8,}$/);
      assert.equal(answer.headers['cache-control'], 'no-store');
      assert.deepEqual(seen, [], 'nothing reaches the SCIM server');
    }

    it('passes an accepted request on as it came, with who it is and without the credential', async () => {
      const body = JSON.stringify({ userName: 'ada@northwind.example' });
      const path = `${USERS}?filter=userName%20eq%20%22a%2Bb%22&count=1`;
      const answer = await ask({ method: 'POST', path, body, headers: { 'Content-Type': 'application/scim+json' } });
      assert.equal(answer.status, 201);
      const [arrived] = seen;
      assert.equal(seen.length, 1);
      assert.equal(arrived?.method, 'POST');
      assert.equal(arrived?.url, path);
      assert.equal(arrived?.body, body);
      assert.equal(arrived?.headers['content-type'], 'application/scim+json');
      assert.equal(arrived?.headers['authorization'], undefined);
      assert.equal(arrived?.headers['x-scim-directory'], directory.id);
      assert.equal(arrived?.headers['x-scim-organization'], directory.organizationId);
      assert.equal(arrived?.headers['x-scim-credential'], credential.id);
      assert.equal(arrived?.headers['x-scim-scope'], 'scim');
      assert.match(String(arrived?.headers['x-request-id']), /^[\w-]{8,}$/);
      assert.ok(isThisMachine(arrived?.headers['x-forwarded-for']));
    });

    it('passes the answers of the SCIM server on untouched, its 401 and 500 too', async () => {
      for (const status of [401, 403, 429, 500, 503]) {
        const answer = await ask({ path: `${USERS}?answer=${status}` });
        assert.equal(answer.status, status);
        assert.equal(answer.body.from, 'the SCIM server');
        assert.equal(answer.headers['retry-after'], undefined);
      }
    });

    it('gives no effect to headers by which a client claims to be another', async () => {
      const claims = {
        'X-Scim-Directory': 'dir_other',
        'x-scim-organization': 'org_other',
        'X-SCIM-CREDENTIAL': 'cred_other',
        'X-Scim-Scope': 'everything',
        'X-Scim-Tenant': 'org_other',
        'X-Scim-': 'org_other',
        'X-HTTP-Method-Override': 'PATCH',
        'X-Method-Override': 'PATCH',
        'X-HTTP-Method': 'PATCH',
        X_HTTP_Method_Override: 'PATCH',
        'X-Original-URL': '/scim/v2/contoso-okta/Users',
        'X-Auth-Request-Redirect': '/scim/v2/contoso-okta/Users',
        X_Scim_Directory: 'dir_other',
        'X-Original-URI': '/scim/v2/contoso-okta/Users',
        'X-Original-Method': 'GET',
        'X-Forwarded-Uri': '/scim/v2/contoso-okta/Users',
        'X-Forwarded-Method': 'GET',
        'X-Forwarded-For': '203.0.113.9',
        'X-Request-Id': 'chosen-by-the-client',
      };
      const answer = await ask({ method: 'DELETE', headers: claims });
      assert.equal(answer.status, 201, answer.text);
      const [arrived] = seen;
      assert.equal(arrived?.headers['x-scim-directory'], directory.id);
      assert.equal(arrived?.headers['x-scim-organization'], directory.organizationId);
      assert.equal(arrived?.headers['x-scim-credential'], credential.id);
      assert.equal(arrived?.headers['x-scim-scope'], 'scim');
      assert.notEqual(arrived?.headers['x-request-id'], 'chosen-by-the-client');
      for (const name of Object.keys(arrived?.headers ?? {})) {
        assert.doesNotMatch(
          name,
          /^x_|^x-original|^x-auth|method|^x-scim-(?!directory|organization|credential|scope)/,
          'headers of no use to the SCIM server stay behind',
        );
      }
      assert.equal(arrived?.method, 'DELETE');
      assert.doesNotMatch(JSON.stringify(arrived), /203\.0\.113\.9|contoso|_other|everything/);
      const shown = await lastUsed();
      assert.ok(isThisMachine(shown.lastUsedFrom.address));
    });

    async function lastUsed(): Promise<Answer> {
      for (const round of app.app.rounds) if (round.name === 'usage') await round.run();
      return (await app.api.get(`/credentials/${credential.id}`)).body;
    }

    it('tells Latchkey the client, so that usage names it', async () => {
      app.clock.advance(SECOND);
      await ask({ headers: { 'User-Agent': 'Okta SCIM Client 1.0.0' } });
      assert.equal((await lastUsed()).lastUsedFrom.userAgent, 'Okta SCIM Client 1.0.0');
    });

    it('answers a request without a credential, or with a wrong one, with 401 and a challenge', async () => {
      const missing = await ask({ headers: [] });
      assertRefused(missing, 401);
      const metadata = `${app.url}/.well-known/oauth-protected-resource${USERS.replace('/Users', '')}`;
      assert.equal(missing.headers['www-authenticate'], `Bearer realm="scim", resource_metadata="${metadata}"`);
      const wrong = await ask({ headers: { Authorization: 'Bearer wrong-value' } });
      assertRefused(wrong, 401);
      assert.equal(
        wrong.headers['www-authenticate'],
        `Bearer realm="scim", resource_metadata="${metadata}", error="invalid_token"`,
      );
      assert.equal(wrong.headers['retry-after'], undefined);
    });

    it('refuses the token at another directory', async () => {
      assertRefused(await ask({ path: '/scim/v2/contoso-okta/Users' }), 401);
    });

    it('never accepts two Authorization headers', async () => {
      const twice: [string, string][] = [
        ['Authorization', `Bearer ${token}`],
        ['Authorization', `Bearer ${token}`],
      ];
      const answer = await ask({ headers: twice });
      assert.ok([400, 401].includes(answer.status), answer.text);
      assert.deepEqual(seen, []);
    });

    it('lets a read-only token read, and answers its writing with 403 and the scope it would need', async () => {
      const { token: readOnly, credential: its } = await app.api.issue(directory.id, { scopes: ['scim.read'] });
      const headers = { Authorization: `Bearer ${readOnly}` };
      assert.equal((await ask({ headers })).status, 201);
      assert.equal((await ask({ headers, method: 'POST', path: `${USERS}/.search`, body: '{}' })).status, 201);
      for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
        const refused = await ask({ headers: { ...headers, 'X-Original-Method': 'GET' }, method });
        assertRefused(refused, 403);
        assert.match(String(refused.headers['www-authenticate']), /error="insufficient_scope", scope="scim"$/);
      }
      await app.api.post(`/credentials/${its.id}/revoke`, { force: true });
    });

    it('answers dot segments with 400', async () => {
      for (const path of [
        '/scim/v2/northwind-okta/x/../Users',
        '/scim/v2/contoso-okta/../northwind-okta/Users',
        '/scim/v2/northwind-okta/%2e%2e/contoso-okta/Users',
        '/scim/v2/northwind-okta/%252e%252e/contoso-okta/Users',
        '/scim/v2/northwind-okta/..%2fcontoso-okta/Users',
        '/scim/v2/northwind-okta/Users/..%5c..%5ccontoso-okta',
      ]) {
        const answer = await ask({ path });
        assert.equal(answer.status, 400, path);
        assert.deepEqual(seen, [], path);
      }
    });

    it('passes no other spelling of an endpoint on', async () => {
      for (const path of [
        '/public/../scim/v2/northwind-okta/Users',
        `/${USERS}`,
        USERS.replace('/scim', '/SCIM'),
        USERS.replace('/scim', '/%73cim'),
        USERS.replace('/v2/', '/v2//'),
      ]) {
        const answer = await ask({ path });
        assert.ok([400, 401, 404].includes(answer.status), `${path}: ${answer.status}`);
        assert.deepEqual(seen, [], path);
      }
    });

    it('answers a disabled directory with 403 and no challenge', async () => {
      await app.api.post(`/directories/${directory.id}/disable`);
      const refused = await ask();
      assertRefused(refused, 403);
      assert.equal(refused.headers['www-authenticate'], undefined);
      await app.api.post(`/directories/${directory.id}/enable`);
      assert.equal((await ask()).status, 201);
    });

    it('passes what IdPs ask of Latchkey itself to it, and nothing of its own', async () => {
      const metadata = await ask({ path: '/.well-known/oauth-protected-resource/scim/v2/northwind-okta', headers: [] });
      assert.equal(metadata.status, 200);
      assert.equal(metadata.body.resource, directory.endpointUrl);
      for (const path of ['/auth/verify', '/_latchkey_verify', '/api/v1/organizations', '/metrics', '/']) {
        const answer = await ask({ path });
        assert.equal(answer.status, 404, path);
      }
      assert.deepEqual(seen, []);
    });

    it('answers 429 with whole seconds to wait, which a valid token never meets', async () => {
      const limited = await startApp({
        env: { LATCHKEY_FAILURES_PER_ADDRESS: '2', LATCHKEY_TRUSTED_PROXIES: '127.0.0.1' },
      });
      const its = await startReverseProxy(kind, { latchkeyUrl: limited.url, upstreamUrl: urlOf(upstream) });
      try {
        await limited.api.makeDirectory({ endpointKey: 'northwind-okta' });
        seen.length = 0;
        // Each claims to come from elsewhere, which must not help.
        const attempt = (turn: number) =>
          sendRaw(its.url, {
            path: USERS,
            headers: { Authorization: 'Bearer wrong-value', 'X-Forwarded-For': `203.0.113.${turn}` },
          });
        assert.equal((await attempt(1)).status, 401);
        assert.equal((await attempt(2)).status, 401);
        const refused = await attempt(3);
        assertRefused(refused, 429);
        const wait = String(refused.headers['retry-after']);
        assert.match(wait, /^[1-9]\d*$/);
        assert.ok(Number(wait) > 5 && Number(wait) <= 60, 'the wait is that of Latchkey');
        assert.equal(refused.headers['www-authenticate'], undefined);
      } finally {
        await its.stop();
        await limited.close();
      }
    });

    it("answers 503 with Retry-After when Latchkey's store is down", async () => {
      const vandal = (await loadSqlite())(join(folder, 'latchkey.db'));
      vandal.exec('DROP TABLE credentials');
      vandal.close();
      const answer = await ask({ headers: { Authorization: 'Bearer another-value' } });
      assertRefused(answer, 503);
      assert.match(String(answer.headers['retry-after']), /^[1-9]\d*$/);
      assert.equal(answer.headers['www-authenticate'], undefined);
    });

    it('answers 503 with Retry-After when Latchkey is down, for good and bad tokens alike', async () => {
      await app.close().catch(() => undefined);
      for (const value of [token, 'wrong-value']) {
        const answer = await ask({ headers: { Authorization: `Bearer ${value}` } });
        assert.equal(answer.status, 503, answer.text);
        assert.match(String(answer.headers['retry-after']), /^[1-9]\d*$/);
        assert.equal(answer.headers['www-authenticate'], undefined);
        assert.deepEqual(answer.body.schemas, [SCIM_ERROR]);
        assert.deepEqual(seen, []);
      }
    });
  });
}

/** Envoy names the machine, and everybody else the loopback address, where the client is on the same machine. */
function isThisMachine(address: unknown): boolean {
  return Object.values(networkInterfaces()).some((own) => own?.some((one) => one.address === address));
}

/** A SCIM server that remembers what it was asked. */
async function startUpstream(seen: Seen[]): Promise<Server> {
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    seen.push({ method: request.method, url: request.url, headers: request.headers, body });
    const status = Number(/[?]answer=(\d+)$/.exec(request.url ?? '')?.[1] ?? 201);
    response.writeHead(status, { 'content-type': 'application/scim+json' });
    response.end(JSON.stringify({ from: 'the SCIM server' }));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return server;
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
