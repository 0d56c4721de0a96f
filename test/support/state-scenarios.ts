/** What no single refusal tells of: what has not begun, what ends, silence, sources, and what is fine; one way for each finding. */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Answer } from './api.ts';
import type { TestApp } from './app.ts';
import { DAY, HOUR, MINUTE } from './clock.ts';
import { flush, makeWorld, OKTA_AGENT, type World } from './diagnosed.ts';
import { createItContact, makeLink } from './it-contact.ts';
import { ask, exchange, makeClient, obtainCode, verified } from './oauth-client.ts';
import { CREDENTIALS, makeOauthWorld } from './oauth-scenarios.ts';
import { sendRaw } from './raw-request.ts';
import { answer, ERROR, LIST } from './upstream-scenarios.ts';

/** Gives the directory that the finding is about; undefined where it belongs to none that we know. */
export type StateScenario = (app: TestApp) => Promise<Answer | undefined>;

const NAMES = { okta: 'Okta production', entra: 'Entra ID production' } as const;

async function makeNamed(app: TestApp, fields: Record<string, unknown> = {}): Promise<World> {
  const { body } = await app.api.post('/organizations', { name: 'Northwind Traders' });
  const provider = (fields['provider'] ?? 'okta') as keyof typeof NAMES;
  return makeWorld(app, { organizationId: body.id, name: NAMES[provider] ?? 'Production', provider, ...fields });
}

/** A directory with one token, and what is done there. */
const with1 =
  (drive: (world: World) => Promise<unknown>, fields: Record<string, unknown> = {}): StateScenario =>
  async (app) => {
    const world = await makeNamed(app, fields);
    await drive(world);
    return world.directory;
  };

/** A request a day, for so many days. */
async function sendDaily({ app, send, token }: World, days: number): Promise<void> {
  for (let day = 0; day < days; day++) {
    await send(`Bearer ${token}`);
    await flush(app);
    app.clock.advance(DAY);
  }
}

const inDays = ({ clock }: TestApp, days: number) => new Date(clock.now().getTime() + days * DAY).toISOString();

/** A client of Okta whose secret ends in 20 days, and a first token with it. */
async function makeEndingSecret(app: TestApp) {
  const fields = { provider: 'okta', grantTypes: ['client_credentials'], redirectUris: undefined };
  const world = await makeOauthWorld(app, { ...fields, secretExpiresAt: inDays(app, 20) });
  const { access_token: token } = (await ask(app, world.client, CREDENTIALS)).body;
  await verified(app, world.directory.id, token);
  return world;
}

async function makeConnected(app: TestApp, fields: Record<string, unknown> = {}) {
  const world = await makeOauthWorld(app, fields);
  const { body } = await exchange(app, world.client, await obtainCode(app, world.client, world.directory));
  await verified(app, world.directory.id, body.access_token);
  app.clock.advance(MINUTE);
  return world;
}

/** A directory whose SCIM server answers so; it is there only while requests are sent. */
async function sendThrough(
  app: TestApp,
  behave: RequestListener,
  requests: readonly (readonly [method: string, path: string])[],
): Promise<Answer> {
  const server = createServer(behave);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const upstreamUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/scim`;
  const { directory, token } = await makeNamed(app, { upstreamUrl });
  const headers = {
    authorization: `Bearer ${token}`,
    'user-agent': OKTA_AGENT,
    'content-type': 'application/scim+json',
  };
  for (const [method, path] of requests) {
    const body = method === 'GET' ? {} : { body: '{}' };
    const response = await fetch(`${directory.endpointUrl}${path}`, { method, headers, ...body });
    await response.arrayBuffer();
    app.clock.advance(1000);
  }
  server.closeAllConnections();
  server.close();
  return directory;
}

export const STATE_SCENARIOS: Record<string, StateScenario> = {
  not_connected: async (app) => {
    const { body } = await app.api.post('/organizations', { name: 'Northwind Traders' });
    return app.api.makeDirectory({ organizationId: body.id, name: NAMES.okta, provider: 'okta' });
  },
  never_used: with1(async ({ app }) => app.clock.advance(8 * DAY)),
  waiting_for_first_request: with1(async () => undefined),
  setup_unfinished: async (app) => {
    const { body } = await app.api.post('/organizations', { name: 'Northwind Traders' });
    const directory = await app.api.makeDirectory({ organizationId: body.id, name: NAMES.okta, provider: 'okta' });
    await makeClient(app, { directoryId: directory.id });
    return directory;
  },

  client_unknown: async (app) => {
    const headers = { 'user-agent': OKTA_AGENT };
    await ask(app, { id: 'client_made00000000000up', secret: `scimcs_${'x'.repeat(43)}` }, CREDENTIALS, { headers });
    return undefined;
  },
  client_deleted: async (app) => {
    const { directory, client } = await makeConnected(app);
    await app.api.delete(`/clients/${client.id}`);
    app.clock.advance(7 * HOUR);
    return directory;
  },
  client_secret_expired: async (app) => {
    const { directory, request } = await makeEndingSecret(app);
    app.clock.advance(21 * DAY);
    await request(CREDENTIALS);
    return directory;
  },
  client_method_wrong: async (app) => {
    const { directory, client } = await makeOauthWorld(app);
    const header = { authorization: 'Digest username="x"' };
    await ask(app, client, CREDENTIALS, { style: 'none', headers: header });
    return directory;
  },
  jwks_unreachable: async (app) => {
    const fields = { grantTypes: ['client_credentials'], redirectUris: undefined };
    const world = await makeOauthWorld(app, { ...fields, jwksUri: 'https://keys.northwind.invalid/jwks' });
    const now = Math.floor(app.clock.now().getTime() / 1000);
    await world.assert({ iss: world.client.id, sub: world.client.id, aud: app.url, exp: now + 300, jti: 'd' });
    return world.directory;
  },
  refresh_token_reused: async (app) => {
    const publicly = { tokenEndpointAuthMethod: 'none', grantTypes: ['authorization_code', 'refresh_token'] };
    const { directory, client } = await makeOauthWorld(app, publicly);
    const pkce = { code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256' };
    const code = await obtainCode(app, client, directory, { query: pkce });
    const verifier = { code_verifier: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk' };
    const style = { style: 'none' } as const;
    const first = (await exchange(app, client, code, verifier, style)).body.refresh_token;
    const again = (token: string) =>
      ask(app, client, { grant_type: 'refresh_token', refresh_token: token, client_id: client.id }, style);
    const second = (await again(first)).body.refresh_token;
    await again(second);
    app.clock.advance(MINUTE);
    await again(first);
    app.clock.advance(MINUTE);
    return directory;
  },
  consent_refused: async (app) => {
    const { directory, client } = await makeOauthWorld(app);
    const contact = createItContact(app.url);
    await contact.enter((await makeLink(app.api, directory.organizationId)).url);
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: client.id,
      redirect_uri: client.redirectUri,
    });
    await contact.decide(await contact.reachConsent(`${app.url}/oauth/authorize?${query}`), { decision: 'cancel' });
    return directory;
  },

  upstream_not_set: with1(({ sendTo, directory }) => sendTo(`/scim/v2/${directory.endpointKey}/Users?count=1`)),
  upstream_unreachable: with1(({ sendTo, directory }) => sendTo(`/scim/v2/${directory.endpointKey}/Users?count=1`), {
    upstreamUrl: 'http://127.0.0.1:9/scim',
  }),
  upstream_rejects_content: (app) =>
    sendThrough(
      app,
      (request, response) =>
        request.method === 'GET'
          ? answer(200, LIST)(request, response)
          : answer(400, ERROR(400, 'Attribute "userName" is required'))(request, response),
      [
        ['GET', '/Users?count=1'],
        ['POST', '/Users'],
      ],
    ),
  upstream_slow: (app) =>
    sendThrough(
      app,
      (request, response) => {
        app.clock.advance(31_000);
        answer(200, LIST)(request, response);
      },
      [['GET', '/Users?count=1']],
    ),

  credential_ends_soon: with1(async ({ app, directory, credential }) => {
    const { token } = await app.api.issue(directory.id, { expiresAt: inDays(app, 20) });
    await app.api.post(`/credentials/${credential.id}/revoke`, { force: true });
    await verified(app, directory.id, token);
  }),
  client_secret_ends_soon: async (app) => (await makeEndingSecret(app)).directory,
  rotation_overdue: with1(async ({ app, send, token, directory }) => {
    await send(`Bearer ${token}`);
    await app.api.post(`/directories/${directory.id}/rotate`, { mode: 'overlap', retire: 'when-replaced' });
    app.clock.advance(8 * DAY);
    await send(`Bearer ${token}`);
  }),
  old_one_still_used: with1(async ({ app, send, token, directory }) => {
    await send(`Bearer ${token}`);
    const { body } = await app.api.post(`/directories/${directory.id}/rotate`, {
      mode: 'overlap',
      retire: 'when-replaced',
    });
    for (let hour = 0; hour < 8 * 24; hour++) {
      await send(`Bearer ${token}`);
      await send(`Bearer ${body.token}`);
      app.clock.advance(HOUR);
      if (hour % 6 === 0) await flush(app);
    }
    await send(`Bearer ${body.token}`);
    await send(`Bearer ${token}`);
  }),
  refresh_policy_ends_soon: async (app) => (await makeConnected(app, { maximumAgeDays: 20 })).directory,
  access_token_last: async (app) => {
    const { directory, client } = await makeConnected(app);
    await app.api.delete(`/clients/${client.id}`);
    return directory;
  },

  quiet_for_longer_than_ever: with1(async ({ app, send, token }) => {
    await send(`Bearer ${token}`);
    await flush(app);
    app.clock.advance(22 * DAY);
  }),
  idp_backoff: with1(
    async ({ app, send, token }) => {
      await send(`Bearer ${token}`);
      await send(`Bearer ${token.slice(0, 20)}`);
      app.clock.advance(2 * HOUR);
    },
    { provider: 'entra' },
  ),
  fleet_quiet: async (app) => {
    const worlds = [];
    for (let index = 0; index < 6; index++) worlds.push(await makeNamed(app, { provider: 'jumpcloud' }));
    for (let day = 0; day <= 42; day += 2) {
      for (const { send, token } of worlds) await send(`Bearer ${token}`);
      await flush(app);
      app.clock.advance(2 * DAY);
    }
    app.clock.advance(4 * DAY);
    for (const name of ['traffic', 'fleets']) await app.app.rounds.find((round) => round.name === name)?.run();
    return worlds[0]?.directory;
  },

  new_source: with1(async (world) => {
    await sendDaily(world, 20);
    world.app.clock.advance(4 * DAY);
    await world.send(`Bearer ${world.token}`, { agent: 'python-requests/2.31' });
  }),
  two_sources_one_token: with1(async (world) => {
    await sendDaily(world, 20);
    await world.send(`Bearer ${world.token}`, { agent: 'python-requests/2.31' });
    await world.send(`Bearer ${world.token}`);
  }),
  rate_limited: with1(async ({ app, directory, token }) => {
    const headers = { 'User-Agent': OKTA_AGENT, Authorization: `Bearer ${token.slice(0, 20)}` };
    for (let turn = 0; turn < 150; turn++)
      await sendRaw(app.url, { path: `/auth/verify?directory=${directory.id}`, headers });
    app.clock.advance(1000);
  }),
  healed_but_missed: with1(async ({ app, send, token }) => {
    await send(`Bearer ${token}`);
    await flush(app);
    for (const method of ['GET', 'GET', 'POST', 'PATCH', 'DELETE']) await send('Bearer Bearer other', { method });
    await flush(app);
    await send(`Bearer ${token}`);
    await flush(app);
  }),
  weak_or_imported: with1(async ({ app, directory, credential }) => {
    const token = 'legacy-2f6c1d7e9b3a40588c1e6d2f7a9b3c4d';
    await app.api.post(`/credentials/${credential.id}/revoke`, { force: true });
    await app.api.post(`/directories/${directory.id}/credentials/import`, { token, label: 'From the old system' });
    app.clock.advance(31 * DAY);
    await verified(app, directory.id, token);
  }),
  secret_exposed: with1(async ({ app, send }) => {
    const { body } = await app.api.post('/api-keys', { name: 'Provisioning', role: 'owner' });
    await send(`Bearer ${body.key}`);
  }),
  no_owner: with1(async ({ app, send, token, directory }) => {
    await send(`Bearer ${token}`);
    await app.api.post(`/directories/${directory.id}/rotate`, { mode: 'immediate' });
    for (let hour = 0; hour < 5; hour++) {
      app.clock.advance(HOUR);
      await send(`Bearer ${token}`);
    }
  }),

  working: with1(({ send, token }) => send(`Bearer ${token}`)),
  working_quiet: with1(async ({ app, send, token }) => {
    await send(`Bearer ${token}`);
    await flush(app);
    app.clock.advance(8 * DAY);
  }),
  ended_on_purpose: with1(async ({ app, send, token, credential }) => {
    await send(`Bearer ${token}`);
    await app.api.post(`/credentials/${credential.id}/revoke`, { force: true });
  }),
};
