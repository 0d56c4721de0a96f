/** Clients in Python that we did not write: each checks on its own side what the RFCs have it check. One process runs them all. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { createMovableClock } from '../support/clock.ts';
import { welcomeItContact } from '../support/it-contact.ts';
import { freePort } from '../support/mongo-server.ts';
import { makeClient } from '../support/oauth-client.ts';
import { findCommand, hasPart, missingParts } from '../support/parts.ts';

const python = findCommand('python') ?? '';
const skip = !hasPart('python') && missingParts(['python']).join();

describe('clients in Python', { skip }, () => {
  let app: TestApp;
  let server: ChildProcess;
  const found: Record<string, Answer> = {};

  before(async () => {
    app = await startApp({ clock: createMovableClock(new Date().toISOString()) });
    // A SCIM server that we did not write either.
    const port = await freePort();
    const upstreamUrl = `http://127.0.0.1:${port}/v2`;
    server = spawn(join(dirname(python), 'scim2-server'), ['--port', String(port)], { stdio: 'ignore' });
    const directory = await app.api.makeDirectory({ upstreamUrl });
    const contact = await welcomeItContact(app.url, app.api, directory.organizationId);
    const { body: asking } = await app.api.post('/api-keys', { name: 'SCIM server', role: 'introspect' });
    const { token } = await app.api.issue(directory.id);
    const clients: Record<string, unknown> = {};
    const code = ['authorization_code', 'refresh_token'];
    for (const [journey, grantTypes] of [
      ['authlib', code],
      ['authlib_client_credentials', ['client_credentials']],
      ['requests_oauthlib', code],
      ['requests_oauthlib_client_credentials', ['client_credentials']],
    ] as const) {
      // A directory each: no journey takes another's slot.
      const own = await app.api.makeDirectory({ organizationId: directory.organizationId, upstreamUrl });
      const { id, secret, redirectUri } = await makeClient(app, { directoryId: own.id, grantTypes });
      clients[journey] = { id, secret, redirectUri, endpointUrl: own.endpointUrl };
    }
    const given = {
      issuer: app.url,
      endpointUrl: directory.endpointUrl,
      upstreamUrl,
      token,
      keyId: asking.apiKey.id,
      key: asking.key,
      clients,
    };
    await run(given, (url) => contact.allow(url));
  });
  after(async () => {
    await app?.close();
    server?.kill();
  });

  /** Runs the program, and consents where it has to be consented. */
  async function run(given: object, allow: (url: string) => Promise<URL>): Promise<void> {
    const child = spawn(python, ['test/python/clients.py'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    child.stdin.write(`${JSON.stringify(given)}\n`);
    for await (const line of createInterface(child.stdout)) {
      const { authorize, journey, ...rest } = JSON.parse(line);
      if (journey !== undefined) found[journey] = rest;
      if (authorize !== undefined) child.stdin.write(`${await allow(authorize)}\n`);
    }
  }

  function resultOf(journey: string): Answer {
    assert.equal(found[journey]?.error, undefined, found[journey]?.error);
    return found[journey];
  }

  it('Authlib connects with PKCE, refreshes, introspects and revokes', () => {
    assert.deepEqual(resultOf('authlib'), {
      scope: 'scim',
      statuses: [200, 200, 401],
      changed: true,
      active: [true, false],
    });
  });

  it('Authlib takes a token for itself, with its secret in the header and in the body', () => {
    assert.deepEqual(resultOf('authlib_client_credentials'), { statuses: [200, 200] });
  });

  it('requests-oauthlib connects with PKCE and refreshes when its token has expired', () => {
    assert.deepEqual(resultOf('requests_oauthlib'), { statuses: [200, 200], refreshed: 1 });
  });

  it('requests-oauthlib takes a token for itself', () => {
    assert.deepEqual(resultOf('requests_oauthlib_client_credentials'), { statuses: [200] });
  });

  it('scim2-tester finds nothing wrong with a SCIM server through the gateway', () => {
    const { succeeded, failed } = resultOf('scim2_tester');
    assert.deepEqual(failed, []);
    assert.ok(succeeded > 50, `${succeeded} checks succeeded`);
  });
});
