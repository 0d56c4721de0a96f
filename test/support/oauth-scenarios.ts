/** What the authorization and token endpoints refuse, one way for each finding. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { Answer } from './api.ts';
import type { TestApp } from './app.ts';
import { MINUTE } from './clock.ts';
import {
  ask,
  consent,
  exchange,
  makeClient,
  type OauthClient,
  obtainCode,
  REDIRECT_URI,
  refresh,
  verified,
} from './oauth-client.ts';
import { sendRaw } from './raw-request.ts';

const GRANTS = ['authorization_code', 'refresh_token', 'client_credentials'];
const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
const jwk = { ...keys.publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'RS256', use: 'sig' };

function assertionOf(claims: object, key: KeyObject = keys.privateKey, kid = 'k1'): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'RS256', kid })}.${part(claims)}`;
  return `${signed}.${sign('RSA-SHA256', Buffer.from(signed), key).toString('base64url')}`;
}

export interface OauthWorld {
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

export const CREDENTIALS = { grant_type: 'client_credentials' };
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };

export interface OauthScenario {
  client?: Record<string, unknown>;
  drive: (world: OauthWorld) => Promise<unknown>;
  says: RegExp[];
  actor?: string;
}

const assertion = (claims: (now: number, world: OauthWorld) => object, says: RegExp[]): OauthScenario => ({
  client: { jwks: { keys: [jwk] }, grantTypes: ['client_credentials'], redirectUris: undefined },
  drive: (world) => world.assert(claims(Math.floor(world.app.clock.now().getTime() / 1000), world)),
  says: [/signed assertion/, ...says],
});

const ROTATING = { rotateRefreshTokens: true, grantTypes: ['authorization_code', 'refresh_token'] };

/** The refresh token of before the two newest. */
async function sendReplaced({ app, client, connect }: OauthWorld, asked?: Parameters<typeof refresh>[3]) {
  const first = await connect();
  const second = (await refresh(app, client, first)).body.refresh_token;
  await refresh(app, client, second);
  app.clock.advance(MINUTE);
  await refresh(app, client, first, asked);
}

export const OAUTH_SCENARIOS: Record<string, OauthScenario> = {
  client_secret_wrong: {
    drive: ({ request }) => request(CREDENTIALS, 'wrong'),
    says: [
      /wrong client secret/,
      /Client Secret/,
      /Until this is fixed, Entra ID can't create, change or deactivate users here\./,
    ],
  },
  client_secret_has_blanks: {
    drive: ({ request, client }) => request(CREDENTIALS, `${client.secret.slice(0, 20)} ${client.secret.slice(20)}`),
    says: [/spaces or line breaks/],
  },
  'client_unknown: cut off': {
    drive: ({ app, client }) => ask(app, { ...client, id: client.id.slice(0, -3) }, CREDENTIALS),
    says: [/nearly the same as the client ID of this directory/, /client_[0-9A-Za-z]{20}$/],
  },
  'client_deleted: still sent': {
    async drive({ app, client }) {
      await app.api.delete(`/clients/${client.id}`);
      app.clock.advance(MINUTE);
      await ask(app, client, CREDENTIALS);
    },
    says: [/still sending the ID of a client that was deleted/, /Create a new client/],
    actor: 'vendor',
  },
  'client_secret_wrong: client ID': {
    drive: ({ request, client }) => request(CREDENTIALS, client.id),
    says: [/sending a client ID in place of the client secret/, /Client Secret/],
  },
  'client_secret_wrong: token': {
    drive: ({ request }) => request(CREDENTIALS, `scim_${'x'.repeat(38)}`),
    says: [/sending a token in place of the client secret/, /Client Secret/],
  },
  'client_secret_wrong: removed': {
    async drive({ app, request, client }) {
      const [{ id }] = (await app.api.get(`/clients/${client.id}`)).body.secrets;
      await app.api.post(`/clients/${client.id}/secrets`);
      await app.api.delete(`/clients/${client.id}/secrets/${id}`);
      app.clock.advance(MINUTE);
      await request(CREDENTIALS);
    },
    says: [/the client secret that ends in …\w{4}\. That secret was removed/, /Client Secret/],
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
    says: [/scope that doesn't exist/, /scim/],
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
    client: ROTATING,
    drive: (world) => sendReplaced(world),
    says: [
      /replaced by a newer one\. It probably went back to an older copy of its settings/,
      /The newer token went to the same place/,
      /connect again with .*Allow the connection/,
    ],
  },
  'refresh_token_superseded: from another program': {
    client: ROTATING,
    drive: (world) => sendReplaced(world, { headers: { 'user-agent': 'another/1.0' } }),
    says: [
      /[Tt]wo installations/,
      /look for a second installation .* It sends from 127\.0\.0\.1 \(another\/1\.0\)/,
      /a connection of its own: open Enterprise applications/,
    ],
  },
  'refresh_token_superseded: with both slots taken': {
    client: ROTATING,
    async drive(world) {
      await world.app.api.issue(world.directory.id);
      await sendReplaced(world, { headers: { 'user-agent': 'another/1.0' } });
    },
    says: [/already has two tokens or connections.*Choose the token that ends in ….{4}: nothing has ever used it/],
  },
  connection_ended: {
    async drive({ app, client, connect, directory }) {
      const token = await connect();
      const { items } = (await app.api.get(`/directories/${directory.id}/credentials`)).body;
      await app.api.post(`/credentials/${items[0].id}/revoke`, { force: true });
      app.clock.advance(MINUTE);
      await refresh(app, client, token);
    },
    says: [/revoked the connection/, /connect again/, /client secret in Entra ID stay the same/],
  },
  connection_slots_full: {
    async drive({ app, client, directory }) {
      const code = await obtainCode(app, client, directory);
      await app.api.issue(directory.id);
      await app.api.issue(directory.id);
      await exchange(app, client, code);
    },
    says: [/at most two tokens or connections/, /Choose one to revoke/],
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
    says: [/token URL was entered as the authorization URL/, /\/oauth\/authorize/],
  },
  authorize_url_as_token_url: {
    drive: ({ post, client }) =>
      post(
        '/oauth/authorize',
        { ...FORM, Authorization: `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}` },
        'grant_type=authorization_code&code=x',
      ),
    says: [/authorization URL was entered as the token URL/, /\/oauth\/token/],
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
    says: [/not in the format that OAuth requires/],
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

export async function makeOauthWorld(app: TestApp, fields: Record<string, unknown> = {}): Promise<OauthWorld> {
  const { body } = await app.api.post('/organizations', { name: 'Northwind Traders' });
  const place = { organizationId: body.id, name: 'Entra ID production', provider: 'entra' };
  const directory = await app.api.makeDirectory(place);
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

/** A directory whose connection was revoked while its access token was in use: refused there, and at the token endpoint. */
export async function makeRevokedWorld(app: TestApp): Promise<OauthWorld> {
  const world = await makeOauthWorld(app);
  const { directory, connect, client } = world;
  const { access_token: token, refresh_token: refreshToken } = (await refresh(app, client, await connect())).body;
  assert.equal(await verified(app, directory.id, token), 200);
  const { items } = (await app.api.get(`/directories/${directory.id}/credentials`)).body;
  await app.api.post(`/credentials/${items[0].id}/revoke`, { force: true });
  app.clock.advance(MINUTE);
  assert.equal(await verified(app, directory.id, token), 401);
  await refresh(app, client, refreshToken);
  return world;
}
