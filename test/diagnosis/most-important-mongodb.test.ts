/** The ten findings that vendors meet most, on MongoDB: what is stored, counted and read there leads to the same words. */
import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { runApp } from '../support/app.ts';
import { DAY, MINUTE } from '../support/clock.ts';
import { flush, makeWorld, textOf, type World } from '../support/diagnosed.ts';
import { mongodbAlone } from '../support/engines.ts';
import { ask, exchange, makeClient, obtainCode, refresh } from '../support/oauth-client.ts';

interface Scenario {
  drive: (world: World) => Promise<unknown>;
  says: RegExp;
  severity?: string;
}

const connected = async ({ app, directory }: World) => {
  const client = await makeClient(app, {
    directoryId: directory.id,
    grantTypes: ['authorization_code', 'refresh_token', 'client_credentials'],
  });
  return { client, ...(await exchange(app, client, await obtainCode(app, client, directory))).body };
};

const scenarios: Record<string, Scenario> = {
  token_truncated: { drive: ({ send, token }) => send(`Bearer ${token.slice(0, 30)}`), says: /incomplete token/ },
  token_revoked: {
    async drive({ app, send, token, credential, directory }) {
      await send(`Bearer ${token}`);
      await app.api.issue(directory.id);
      await app.api.post(`/credentials/${credential.id}/revoke`, { force: true });
      await send(`Bearer ${token}`);
    },
    says: /still sending the token .* revoked .* unless .* saved the one that ends in/,
  },
  token_replaced: {
    async drive({ app, send, token, directory }) {
      await send(`Bearer ${token}`);
      await app.api.post(`/directories/${directory.id}/rotate`, { mode: 'immediate' });
      await send(`Bearer ${token}`);
    },
    says: /was replaced/,
  },
  token_elsewhere: {
    async drive({ app, directory, send }) {
      const other = await app.api.makeDirectory({ organizationId: directory.organizationId, name: 'Okta test' });
      await send(`Bearer ${(await app.api.issue(other.id)).token}`);
    },
    says: /token from the directory “Okta test”/,
  },
  wrong_path: { drive: ({ sendTo }) => sendTo('/Users'), says: /The last request was for \/Users\./ },
  client_secret_wrong: {
    async drive(world) {
      const { client } = await connected(world);
      world.app.clock.advance(MINUTE);
      await ask(world.app, { ...client, secret: 'wrong' }, { grant_type: 'client_credentials' });
    },
    says: /wrong client secret/,
  },
  connection_ended: {
    async drive(world) {
      const { app, directory, credential } = world;
      await app.api.post(`/credentials/${credential.id}/revoke`, { force: true });
      const { client, refresh_token: token } = await connected(world);
      const { items } = (await app.api.get(`/directories/${directory.id}/credentials`)).body;
      const { id } = items.find(({ kind }: Answer) => kind === 'oauth');
      await app.api.post(`/credentials/${id}/revoke`, { force: true });
      app.clock.advance(MINUTE);
      await refresh(app, client, token);
    },
    says: /revoked the connection/,
  },
  upstream_wrong_base: {
    async drive({ app, directory, token }) {
      const notThere: RequestListener = (_request, response) => response.writeHead(404).end('{}');
      const server = createServer(notThere);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const upstreamUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      await app.api.patch(`/directories/${directory.id}`, { upstreamUrl });
      const headers = { authorization: `Bearer ${token}` };
      await (await fetch(`${directory.endpointUrl}/Users?count=1`, { headers })).arrayBuffer();
      server.closeAllConnections();
      server.close();
    },
    says: /answered list requests with a 404/,
  },
  quiet_for_longer_than_ever: {
    async drive({ app, send, token }) {
      await send(`Bearer ${token}`);
      await flush(app);
      app.clock.advance(22 * DAY);
    },
    says: /Nothing was refused/,
    severity: 'notice',
  },
  healed_but_missed: {
    async drive({ app, send, token }) {
      await send(`Bearer ${token}`);
      await flush(app);
      for (const method of ['GET', 'POST', 'PATCH']) await send('Bearer Bearer other', { method });
      await flush(app);
      await send(`Bearer ${token}`);
      await flush(app);
    },
    says: /refused 3 requests: 1 read, 1 creation and 1 update/,
    severity: 'notice',
  },
};

mongodbAlone((engine) => {
  describe(`what leads a directory on ${engine.name}`, () => {
    const app = runApp({ engine, env: { LATCHKEY_LEASE_MS: '0' } });

    for (const [code, { drive, says, severity = 'failing' }] of Object.entries(scenarios)) {
      it(`is ${code}, on its own page and in the list of all`, async () => {
        const world = await makeWorld(app);
        await drive(world);
        const [lead] = (await world.diagnosis()).findings;
        assert.deepEqual([lead.code, lead.severity], [code, severity]);
        assert.match(textOf(lead), says);
        const { items } = (await app.api.get(`/findings?organizationId=${world.directory.organizationId}`)).body;
        assert.equal(items[0].finding.code, code);
        const at = app.clock.now().toISOString();
        app.clock.advance(1000);
        const then = (await app.api.get(`/directories/${world.directory.id}/diagnosis?at=${at}`)).body;
        assert.ok(then.findings.length > 0 && then.credentials.length > 0);
      });
    }
  });
});
