/** The code of docs/guides/resource-servers.md, run as it stands there: each in a process of its own, against the real server. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { codeIn } from '../support/guide-code.ts';
import { freePort } from '../support/mongo-server.ts';
import { findCommand, hasPart, missingParts } from '../support/parts.ts';
import { type RawReply, sendRaw } from '../support/raw-request.ts';
import { installVerify } from '../support/verify-package.ts';

const codeOf = (name: string) => codeIn('docs/guides/resource-servers.md', name);
const users = '/scim/v2/northwind-okta/Users';

/** In `build`, where the frameworks are found in node_modules. */
const folder = mkdtempSync('build/guide-');

function startNode(name: string, env: NodeJS.ProcessEnv): ChildProcess {
  const file = join(folder, `${name}.mjs`);
  writeFileSync(file, codeOf(name));
  return spawn(process.execPath, [file], { env, stdio: 'inherit' });
}

function startDjango(_name: string, env: NodeJS.ProcessEnv): ChildProcess {
  writeFileSync(join(folder, 'latchkey.py'), codeOf('django'));
  const program = resolve('test/python/resource-server.py');
  return spawn(findCommand('python') ?? '', [program], { cwd: folder, env, stdio: 'ignore' });
}

const SERVERS = { express: startNode, fastify: startNode, koa: startNode, django: startDjango };

describe('the code of docs/guides/resource-servers.md', () => {
  let app: TestApp;
  let directory: Answer;
  const children = new Map<string, ChildProcess>();
  const urls = new Map<string, string>();

  before(async () => {
    installVerify(folder);
    app = await startApp();
    directory = await app.api.makeDirectory({ endpointKey: 'northwind-okta' });
    await app.api.makeDirectory({ endpointKey: 'contoso-okta' });
    const { key } = (await app.api.post('/api-keys', { name: 'SCIM server', role: 'introspect' })).body;
    for (const [name, start] of Object.entries(SERVERS)) {
      if (name === 'django' && !hasPart('python')) continue;
      const port = await freePort();
      urls.set(name, `http://127.0.0.1:${port}`);
      children.set(
        name,
        start(name, { PATH: process.env['PATH'], AUTH_URL: app.url, AUTH_KEY: key, PORT: String(port) }),
      );
    }
  });
  after(async () => {
    for (const child of children.values()) child.kill();
    await app?.close().catch(() => undefined);
    rmSync(folder, { recursive: true, force: true });
  });

  /** Waits until the process listens. */
  async function ask(name: string, token: string, { method = 'GET', path = users } = {}): Promise<RawReply> {
    const headers = token === '' ? {} : { Authorization: `Bearer ${token}` };
    for (let turn = 0; ; turn++) {
      try {
        return await sendRaw(urls.get(name) ?? '', { path, method, headers });
      } catch (error) {
        if (turn === 600 || children.get(name)?.exitCode !== null) throw error;
        await new Promise((done) => setTimeout(done, 100));
      }
    }
  }

  for (const name of Object.keys(SERVERS)) {
    const skip = name === 'django' && !hasPart('python') && missingParts(['python']).join();
    it(`for ${name} keeps the five rules while Latchkey answers`, { skip }, async () => {
      const { token, credential } = await app.api.issue(directory.id);
      const accepted = await ask(name, token);
      assert.equal(accepted.status, 200, accepted.text);
      assert.equal(accepted.body.organizationId, directory.organizationId);
      for (const refused of [
        await ask(name, ''),
        await ask(name, 'wrong-value'),
        await ask(name, token, { path: '/scim/v2/contoso-okta/Users' }),
      ]) {
        assert.equal(refused.status, 401, refused.text);
        assert.match(String(refused.headers['www-authenticate']), /^Bearer realm="scim"/);
        assert.deepEqual(refused.body.schemas, ['urn:ietf:params:scim:api:messages:2.0:Error']);
      }
      const readOnly = await app.api.issue(directory.id, { scopes: ['scim.read'] });
      assert.equal((await ask(name, readOnly.token)).status, 200);
      for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'])
        assert.equal((await ask(name, readOnly.token, { method })).status, 403);
      for (const { id } of [credential, readOnly.credential])
        await app.api.post(`/credentials/${id}/revoke`, { force: true });
      // The clock of the test stands still, and a lease that is kept by the real one is over a second later at the latest.
      await expectRefused(name, token);
    });
  }

  async function expectRefused(name: string, token: string): Promise<void> {
    const until = performance.now() + 1000;
    let answer = await ask(name, token);
    while (answer.status !== 401 && performance.now() < until) answer = await ask(name, token);
    assert.equal(answer.status, 401, 'revoked means refused');
  }

  it('answers 503 with Retry-After when Latchkey is gone', async () => {
    await app.close();
    for (const name of urls.keys()) {
      const answer = await ask(name, 'some-value');
      assert.deepEqual([name, answer.status, answer.headers['retry-after']], [name, 503, '5']);
    }
  });
});
