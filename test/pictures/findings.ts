/** Each finding as it leads the page of its directory: those that fail, as their scenarios drive them, and the calm ones. */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Answer } from '../support/api.ts';
import type { TestApp } from '../support/app.ts';
import { DAY, HOUR } from '../support/clock.ts';
import { flush, makeWorld, OKTA_AGENT, type World } from '../support/diagnosed.ts';
import { makeClient } from '../support/oauth-client.ts';
import { makeOauthWorld, OAUTH_SCENARIOS } from '../support/oauth-scenarios.ts';
import { signInOperator } from '../support/operator-browser.ts';
import { REQUEST_SCENARIOS } from '../support/request-scenarios.ts';
import { answer, LIST, UPSTREAM_SCENARIOS } from '../support/upstream-scenarios.ts';
import type { PictureSet } from './pictures.ts';

const CALM: Record<string, (world: World) => Promise<unknown>> = {
  working: ({ send, token }) => send(`Bearer ${token}`),
  async working_quiet({ app, send, token }) {
    await send(`Bearer ${token}`);
    await flush(app);
    app.clock.advance(8 * DAY);
  },
  async ended_on_purpose({ app, send, token, credential }) {
    await send(`Bearer ${token}`);
    await app.api.post(`/credentials/${credential.id}/revoke`, { force: true });
  },
  waiting_for_first_request: async () => undefined,
  never_used: async ({ app }) => app.clock.advance(8 * DAY),
  async credential_ends_soon({ app, directory, credential }) {
    const expiresAt = new Date(app.clock.now().getTime() + 20 * DAY).toISOString();
    const { token } = await app.api.issue(directory.id, { expiresAt });
    await app.api.post(`/credentials/${credential.id}/revoke`, { force: true });
    await fetch(`${app.url}/auth/verify?directory=${directory.id}`, {
      headers: { authorization: `Bearer ${token}`, 'user-agent': OKTA_AGENT },
    });
  },
  async rotation_overdue({ app, send, token, directory }) {
    await send(`Bearer ${token}`);
    await app.api.post(`/directories/${directory.id}/rotate`, { mode: 'overlap', retire: 'when-replaced' });
    app.clock.advance(8 * DAY);
    await send(`Bearer ${token}`);
  },
  async quiet_for_longer_than_ever({ app, send, token }) {
    await send(`Bearer ${token}`);
    await flush(app);
    app.clock.advance(22 * DAY);
  },
  async healed_but_missed({ app, send, token }) {
    await send(`Bearer ${token}`);
    await flush(app);
    for (const method of ['GET', 'GET', 'POST', 'PATCH', 'DELETE']) await send('Bearer Bearer other', { method });
    await flush(app);
    await send(`Bearer ${token}`);
    await flush(app);
  },
  async two_sources_one_token({ app, send, token }) {
    for (let day = 0; day < 20; day++) {
      await send(`Bearer ${token}`);
      await flush(app);
      app.clock.advance(DAY);
    }
    await send(`Bearer ${token}`, { agent: 'python-requests/2.31' });
    await send(`Bearer ${token}`);
  },
};

export const findings: PictureSet = {
  name: 'findings',
  title: 'Findings: each page wide and narrow, light and dark',
  env: { LATCHKEY_FAILURES_PER_ADDRESS: '100000', LATCHKEY_FAILURES_PER_DIRECTORY: '100000', LATCHKEY_LEASE_MS: '0' },
  async drive(app, look) {
    const server = createServer((request, response) => behave(request, response));
    let behave: RequestListener = answer(200, LIST);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const upstreamUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/scim`;
    const cookie = createSession(app);
    const see = async (name: string, { id }: Answer) => {
      await flush(app);
      await look(name, `/dashboard/directories/${id}`, await cookie());
    };
    const named = async (provider: string) => {
      const { body } = await app.api.post('/organizations', { name: 'Northwind Traders' });
      return { organizationId: body.id, name: 'Production', provider };
    };
    try {
      for (const [code, { provider = 'okta', drive }] of Object.entries(REQUEST_SCENARIOS)) {
        const world = await makeWorld(app, await named(provider));
        await drive(world);
        await see(code, world.directory);
      }
      for (const [name, { client, drive }] of Object.entries(OAUTH_SCENARIOS)) {
        const world = await makeOauthWorld(app, client);
        await drive(world);
        await see(name.replace(': ', '-'), world.directory);
      }
      for (const [code, behaviour] of UPSTREAM_SCENARIOS) {
        const world = await makeWorld(app, { ...(await named('okta')), upstreamUrl });
        behave = behaviour;
        const headers = { authorization: `Bearer ${world.token}`, 'user-agent': OKTA_AGENT };
        const response = await fetch(`${world.directory.endpointUrl}/Users?count=1`, { headers }).catch(
          () => undefined,
        );
        await response?.arrayBuffer().catch(() => undefined);
        app.clock.advance(1000);
        await see(code, world.directory);
      }
      const directory = await app.api.makeDirectory(await named('okta'));
      await see('not_connected', directory);
      await makeClient(app, { directoryId: directory.id });
      await see('setup_unfinished', directory);
      for (const [code, drive] of Object.entries(CALM)) {
        const world = await makeWorld(app, await named('okta'));
        await drive(world);
        await see(code, world.directory);
      }
      const paused = await makeWorld(app, await named('entra'));
      await paused.send(`Bearer ${paused.token}`);
      await paused.send(`Bearer ${paused.token.slice(0, 20)}`);
      app.clock.advance(2 * HOUR);
      await see('idp_backoff', paused.directory);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  },
};

/** A session of an owner; another one where the clock has moved on too far for the last. */
function createSession(app: TestApp): () => Promise<string> {
  let [cookie, until] = ['', 0];
  return async () => {
    const now = app.clock.now().getTime();
    if (now < until) return cookie;
    const { browser } = await signInOperator(app);
    [cookie, until] = [browser.cookieFor(`${app.url}/dashboard`), now + HOUR];
    return cookie;
  };
}
