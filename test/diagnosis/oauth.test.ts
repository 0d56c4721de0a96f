/** A scenario for each finding of the authorization and token endpoints. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { DAY, HOUR, MINUTE } from '../support/clock.ts';
import { flush, textOf } from '../support/diagnosed.ts';
import {
  ask,
  consent,
  exchange,
  makeClient,
  type OauthClient,
  obtainCode,
  REDIRECT_URI,
  refresh,
} from '../support/oauth-client.ts';
import { sendRaw } from '../support/raw-request.ts';

const GRANTS = ['authorization_code', 'refresh_token', 'client_credentials'];
const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
const jwk = { ...keys.publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'RS256', use: 'sig' };

function assertionOf(claims: object, key: KeyObject = keys.privateKey, kid = 'k1'): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'RS256', kid })}.${part(claims)}`;
  return `${signed}.${sign('RSA-SHA256', Buffer.from(signed), key).toString('base64url')}`;
}

interface World {
  app: TestApp;
  directory: Answer;
  client: OauthClient;
  /** A token request; `fields` are its parameters. */
  request(fields: Record<string, string>, secret?: string): Promise<unknown>;
  assert(claims: object): Promise<unknown>;
  /** Connects, and gives the refresh token. */
  connect(): Promise<string>;
  post(path: string, headers: Record<string, string>, body: string): Promise<unknown>;
}

const CREDENTIALS = { grant_type: 'client_credentials' };
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };

interface Scenario {
  client?: Record<string, unknown>;
  drive: (world: World) => Promise<unknown>;
  says: RegExp[];
  actor?: string;
}

const assertion = (claims: (now: number, world: World) => object, says: RegExp[]): Scenario => ({
  client: { jwks: { keys: [jwk] }, grantTypes: ['client_credentials'], redirectUris: undefined },
  drive: (world) => world.assert(claims(Math.floor(world.app.clock.now().getTime() / 1000), world)),
  says: [/signed assertion/, ...says],
});

const scenarios: Record<string, Scenario> = {
  client_secret_wrong: {
    drive: ({ request }) => request(CREDENTIALS, 'wrong'),
    says: [/wrong client secret/, /Client Secret/],
  },
  client_secret_has_blanks: {
    drive: ({ request, client }) => request(CREDENTIALS, `${client.secret.slice(0, 20)} ${client.secret.slice(20)}`),
    says: [/spaces or line breaks/],
  },
  client_id_and_secret_swapped: {
    drive: ({ app, client }) => ask(app, { id: client.secret, secret: client.id }, CREDENTIALS),
    says: [/swapped/, /client_/, /scimcs_/],
  },
  grant_not_allowed: {
    client: { grantTypes: ['authorization_code', 'refresh_token'] },
    drive: ({ request }) => request(CREDENTIALS),
    says: [/not allowed to use this grant type/],
    actor: 'vendor',
  },
  grant_unknown: {
    drive: ({ request }) => request({ grant_type: 'password', username: 'a', password: 'b' }),
    says: [/grant type/, /client credentials/],
  },
  scope_unknown: {
    drive: ({ request }) => request({ ...CREDENTIALS, scope: 'https://graph.microsoft.com/.default' }),
    says: [/scope that does not exist/, /scim/],
  },
  scope_separator: {
    drive: ({ request }) => request({ ...CREDENTIALS, scope: 'scim,offline_access' }),
    says: [/commas/, /space/],
  },
  code_expired: {
    async drive({ app, client, directory }) {
      const code = await obtainCode(app, client, directory);
      app.clock.advance(3 * MINUTE);
      await exchange(app, client, code);
    },
    says: [/too late/, /connect again/],
  },
  code_unknown: {
    drive: ({ app, client }) => exchange(app, client, 'made-up'),
    says: [/authorization code that we don't recognize/, /connect again/],
  },
  code_replayed: {
    async drive({ app, client, directory }) {
      const code = await obtainCode(app, client, directory);
      await exchange(app, client, code);
      app.clock.advance(MINUTE);
      await exchange(app, client, code);
    },
    says: [/code twice/, /connect again/],
  },
  pkce_wrong: {
    async drive({ app, client, directory }) {
      const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';
      const query = { code_challenge: challenge, code_challenge_method: 'S256' };
      const back = await consent(app, client, directory, { query });
      await exchange(app, client, back.searchParams.get('code') ?? '', { code_verifier: 'x'.repeat(43) });
    },
    says: [/PKCE/],
  },
  refresh_token_unknown: {
    drive: ({ app, client }) => refresh(app, client, `scimrt_${'x'.repeat(43)}`),
    says: [/refresh token that we don't recognize/, /connect again/],
  },
  refresh_token_superseded: {
    client: { rotateRefreshTokens: true, grantTypes: ['authorization_code', 'refresh_token'] },
    async drive({ app, client, connect }) {
      const first = await connect();
      const second = (await refresh(app, client, first)).body.refresh_token;
      await refresh(app, client, second);
      app.clock.advance(MINUTE);
      await refresh(app, client, first);
    },
    says: [/newer one replaced/, /two installations/],
  },
  connection_ended: {
    async drive({ app, client, connect, directory }) {
      const token = await connect();
      const { items } = (await app.api.get(`/directories/${directory.id}/credentials`)).body;
      await app.api.post(`/credentials/${items[0].id}/revoke`, { force: true });
      app.clock.advance(MINUTE);
      await refresh(app, client, token);
    },
    says: [/revoked the connection/, /connect again/, /new client/],
  },
  connection_slots_full: {
    async drive({ app, client, directory }) {
      const code = await obtainCode(app, client, directory);
      await app.api.issue(directory.id);
      await app.api.issue(directory.id);
      await exchange(app, client, code);
    },
    says: [/two tokens or connections at most/, /Revoke/],
  },
  redirect_uri_unknown: {
    async drive({ app, client }) {
      const query = new URLSearchParams({
        response_type: 'code',
        client_id: client.id,
        redirect_uri: `${REDIRECT_URI}/`,
      });
      await fetch(`${app.url}/oauth/authorize?${query}`, { redirect: 'manual' });
    },
    says: [/isn't registered/, /https:\/\/idp\.example\/callback\//],
    actor: 'vendor',
  },
  token_url_as_authorize_url: {
    async drive({ app, client }) {
      const query = new URLSearchParams({ response_type: 'code', client_id: client.id, redirect_uri: REDIRECT_URI });
      await fetch(`${app.url}/oauth/token?${query}`);
    },
    says: [/token URL stands where the authorization URL belongs/, /\/oauth\/authorize/],
  },
  authorize_url_as_token_url: {
    drive: ({ post, client }) =>
      post(
        '/oauth/authorize',
        { ...FORM, Authorization: `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}` },
        'grant_type=authorization_code&code=x',
      ),
    says: [/authorization URL stands where the token URL belongs/, /\/oauth\/token/],
  },
  request_form_wrong: {
    drive: ({ post, client }) =>
      post(
        '/oauth/token',
        {
          'Content-Type': 'application/json',
          Authorization: `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}`,
        },
        'grant_type=client_credentials',
      ),
    says: [/not written as OAuth wants it/],
  },
  'assertion_wrong: audience': assertion(
    (now, { app, client }) => ({
      iss: client.id,
      sub: client.id,
      aud: `${app.url}//oauth/token`,
      exp: now + 300,
      iat: now,
      jti: 'a',
    }),
    [/audience/i],
  ),
  'assertion_wrong: clock': assertion(
    (now, { app, client }) => ({ iss: client.id, sub: client.id, aud: app.url, exp: now - 600, jti: 'b' }),
    [/expired/, /clock/],
  ),
  'assertion_wrong: key': {
    ...assertion(() => ({}), [/key ID/]),
    drive: ({ app, client, post }) => {
      const now = Math.floor(app.clock.now().getTime() / 1000);
      const claims = { iss: client.id, sub: client.id, aud: app.url, exp: now + 300, iat: now, jti: 'c' };
      return post('/oauth/token', FORM, assertionBody(assertionOf(claims, keys.privateKey, 'other')));
    },
  },
};

function assertionBody(value: string): string {
  return new URLSearchParams({
    ...CREDENTIALS,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: value,
  }).toString();
}

describe('a refusal at the OAuth endpoints is explained', () => {
  let app: TestApp;
  before(async () => {
    app = await startApp({
      env: { LATCHKEY_FAILURES_PER_ADDRESS: '100000', LATCHKEY_FAILURES_PER_DIRECTORY: '100000' },
    });
  });
  after(() => app.close());

  async function makeOauthWorld(fields: Record<string, unknown> = {}): Promise<World> {
    const directory = await app.api.makeDirectory({ provider: 'entra' });
    const client = await makeClient(app, {
      provider: 'entra',
      directoryId: directory.id,
      grantTypes: GRANTS,
      ...fields,
    });
    const post = (path: string, headers: Record<string, string>, body: string) =>
      sendRaw(app.url, { method: 'POST', path, headers, body });
    return {
      app,
      directory,
      client,
      post,
      request: (fields, secret = client.secret) => ask(app, { id: client.id, secret }, fields),
      assert: (claims) => post('/oauth/token', FORM, assertionBody(assertionOf(claims))),
      async connect() {
        const { status, body } = await exchange(app, client, await obtainCode(app, client, directory));
        assert.equal(status, 200, JSON.stringify(body));
        return body.refresh_token;
      },
    };
  }

  async function findingsOf(directory: Answer): Promise<Answer[]> {
    await flush(app);
    return (await app.api.get(`/directories/${directory.id}/diagnosis`)).body.findings;
  }

  for (const [name, { client, drive, says, actor = 'it_contact' }] of Object.entries(scenarios)) {
    it(`as ${name}`, async () => {
      const world = await makeOauthWorld(client);
      await drive(world);
      const findings = await findingsOf(world.directory);
      const [lead] = findings;
      assert.equal(lead.code, name.split(':')[0], JSON.stringify(findings.map(({ code, facts }) => [code, facts])));
      assert.equal(lead.actor, actor);
      assert.equal(lead.severity, 'failing');
      for (const pattern of says) assert.match(textOf(lead), pattern);
      assert.ok(lead.words.steps.length > 0 && lead.evidence.length > 0);
      assert.doesNotMatch(textOf(lead), /undefined|\[object|scimcs_[0-9A-Za-z]{10}|Compare client id, secret/);
      assert.ok(!findings.some(({ severity }) => severity === 'fine'), 'a contradiction');
    });
  }

  it('as client_secret_expired', async () => {
    const end = new Date(app.clock.now().getTime() + 400 * DAY).toISOString();
    const { directory, client, request } = await makeOauthWorld({ secretExpiresAt: end });
    const { body } = await app.api.get(`/clients/${client.id}`);
    const [secret] = body.secrets ?? [];
    if (!secret?.expiresAt) return;
    app.clock.advance(Date.parse(secret.expiresAt) - app.clock.now().getTime() - 20 * DAY);
    await request(CREDENTIALS);
    const soon = await findingsOf(directory);
    assert.ok(
      soon.some(({ code }) => code === 'client_secret_ends_soon'),
      JSON.stringify(soon.map(({ code }) => code)),
    );
    app.clock.advance(21 * DAY);
    await request(CREDENTIALS);
    const [lead] = await findingsOf(directory);
    assert.equal(lead.code, 'client_secret_expired');
    assert.match(textOf(lead), /client secret expired/);
  });

  it('as degraded while the access token from before is still accepted', async () => {
    const { directory, connect, client } = await makeOauthWorld();
    await connect();
    const { access_token: token } = (await ask(app, client, CREDENTIALS)).body;
    const send = () =>
      fetch(`${app.url}/auth/verify?directory=${directory.id}`, { headers: { authorization: `Bearer ${token}` } });
    assert.equal((await send()).status, 200);
    app.clock.advance(MINUTE);
    await ask(app, { ...client, secret: 'wrong' }, CREDENTIALS);
    app.clock.advance(MINUTE);
    assert.equal((await send()).status, 200);
    const [lead] = await findingsOf(directory);
    assert.deepEqual([lead.code, lead.severity], ['client_secret_wrong', 'degraded']);
    assert.match(textOf(lead), /stop when the current access token expires/);
    app.clock.advance(MINUTE);
    await ask(app, client, CREDENTIALS);
    const after = await findingsOf(directory);
    assert.ok(!after.some(({ code }) => code === 'client_secret_wrong'));
  });

  it('as none of theirs where a stranger sent a wrong secret and the identity provider works', async () => {
    const { directory, request, client } = await makeOauthWorld();
    const { access_token: token } = (await ask(app, client, CREDENTIALS)).body;
    const headers = { authorization: `Bearer ${token}` };
    assert.equal((await fetch(`${app.url}/auth/verify?directory=${directory.id}`, { headers })).status, 200);
    app.clock.advance(MINUTE);
    const guess = { ...client, secret: 'guess' };
    await ask(app, guess, CREDENTIALS, { headers: { 'user-agent': 'curl/8.0' } });
    await flush(app);
    const { findings, strangers } = (await app.api.get(`/directories/${directory.id}/diagnosis`)).body;
    assert.deepEqual(
      [findings.map(({ code }: Answer) => code), strangers.map(({ code }: Answer) => code)],
      [['working'], ['client_secret_wrong']],
    );
    app.clock.advance(MINUTE);
    await request(CREDENTIALS, 'wrong');
    assert.equal((await findingsOf(directory))[0]?.code, 'client_secret_wrong');
  });

  it('as probably theirs where it goes on from another place and nothing else comes', async () => {
    const { directory, client } = await makeOauthWorld();
    await ask(app, client, CREDENTIALS);
    const moved = { headers: { 'user-agent': 'another/1.0' } };
    for (let hour = 0; hour < 4; hour++) {
      app.clock.advance(HOUR);
      await ask(app, { ...client, secret: 'wrong' }, CREDENTIALS, moved);
    }
    const [lead] = await findingsOf(directory);
    assert.deepEqual([lead?.code, lead?.certainty], ['client_secret_wrong', 'likely']);
  });

  it('as consent_refused where somebody chose Cancel', async () => {
    const { directory, client } = await makeOauthWorld();
    await app.api.get(`/clients/${client.id}`);
    const { createItContact, makeLink } = await import('../support/it-contact.ts');
    const contact = createItContact(app.url);
    await contact.enter((await makeLink(app.api, directory.organizationId)).url);
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: client.id,
      redirect_uri: client.redirectUri,
    });
    const page = await contact.reachConsent(`${app.url}/oauth/authorize?${query}`);
    await contact.decide(page, { decision: 'cancel' });
    const findings = await findingsOf(directory);
    assert.ok(['consent_refused', 'setup_unfinished'].includes(findings[0]?.code), findings[0]?.code);
  });

  it('as client_deleted, and as access_token_last before the token ends', async () => {
    const { directory, connect, client } = await makeOauthWorld();
    await connect();
    app.clock.advance(MINUTE);
    const before = app.clock.now();
    app.clock.advance(MINUTE);
    await app.api.delete(`/clients/${client.id}`);
    const [lasting] = await findingsOf(directory);
    assert.equal(lasting.code, 'access_token_last');
    assert.equal(lasting.actor, 'vendor');
    app.clock.advance(7 * HOUR);
    const [gone] = await findingsOf(directory);
    assert.equal(gone.code, 'client_deleted');
    assert.match(textOf(gone), /was deleted/);
    const then = async (at: Date) =>
      (await app.api.get(`/directories/${directory.id}/diagnosis?at=${at.toISOString()}`)).body.findings[0].code;
    const later = app.clock.now();
    app.clock.advance(HOUR);
    assert.equal(await then(later), 'client_deleted');
    assert.notEqual(await then(before), 'client_deleted');
  });
});
