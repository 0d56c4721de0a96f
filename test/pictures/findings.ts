/** Each finding on the page of its directory, as its scenario drives it. */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Answer } from '../support/api.ts';
import type { TestApp } from '../support/app.ts';
import { HOUR } from '../support/clock.ts';
import { flush, makeWorld, OKTA_AGENT } from '../support/diagnosed.ts';
import { makeOauthWorld, OAUTH_SCENARIOS } from '../support/oauth-scenarios.ts';
import { signInOperator } from '../support/operator-browser.ts';
import { REQUEST_SCENARIOS } from '../support/request-scenarios.ts';
import { STATE_SCENARIOS } from '../support/state-scenarios.ts';
import { answer, LIST, UPSTREAM_SCENARIOS } from '../support/upstream-scenarios.ts';
import type { PictureSet } from './pictures.ts';

export const findings: PictureSet = {
  name: 'findings',
  title: 'Findings: each page wide and narrow, light and dark',
  env: {
    LATCHKEY_FAILURES_PER_ADDRESS: '100000',
    LATCHKEY_FAILURES_PER_DIRECTORY: '100',
    LATCHKEY_LEASE_MS: '0',
    LATCHKEY_OAUTH_JWKS_HOSTS: 'keys.northwind.invalid',
  },
  async drive(started, look) {
    const { body: colleague } = await started.api.post('/api-keys', { name: 'Dana Ruiz', role: 'owner' });
    const app = { ...started, api: started.api.as(colleague.key) };
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
      for (const [code, drive] of Object.entries(STATE_SCENARIOS)) {
        const directory = await drive(app);
        if (directory) await see(code, directory);
        else {
          await flush(app);
          await look(code, '/dashboard/refused', await cookie());
        }
      }
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
