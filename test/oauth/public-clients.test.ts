/** A client that proves nothing gets no token for its ID alone (RFC 6749 4.4), whatever way it came to be. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { exportJWK, generateKeyPair } from 'jose';
import { type ClientRecord, clientShape } from '../../src/oauth/client-record.ts';
import type { Collection } from '../../src/storage/index.ts';
import type { Answer } from '../support/api.ts';
import { runApp } from '../support/app.ts';
import { engines } from '../support/engines.ts';
import { ask, eventsOf, makeClient, REDIRECT_URI } from '../support/oauth-client.ts';

const GRANTS = ['authorization_code', 'refresh_token', 'client_credentials'];
const METHODS = ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none', undefined];
const PROVIDERS = ['okta', 'entra', 'pingone', 'sailpoint', 'authentik', 'generic', undefined];
const SEQUENCES = 60;

for (const engine of engines) {
  describe(`public clients on ${engine.name}`, () => {
    const app = runApp({ engine });

    const stored = () =>
      app.storage.collection({
        name: 'clients',
        shape: clientShape,
        keys: { name: 'index' },
        order: 'createdAt',
      }) as Collection<ClientRecord>;

    it('refuses client credentials for a public client when it is created, and names the way out', async () => {
      const { id } = await app.api.makeDirectory();
      const fields = { name: 'x', directoryId: id, tokenEndpointAuthMethod: 'none', redirectUris: [REDIRECT_URI] };
      const { status, body } = await app.api.post('/clients', { ...fields, grantTypes: GRANTS });
      assert.deepEqual([status, body.code], [400, 'invalid_request']);
      assert.match(body.detail, /public client cannot use client_credentials/);
      assert.equal(body.errors[0].path, 'grantTypes');
    });

    it('leaves client credentials out of what a preset gives to a public client', async () => {
      const { id } = await app.api.makeDirectory();
      for (const provider of PROVIDERS) {
        const fields = { name: 'x', directoryId: id, tokenEndpointAuthMethod: 'none', redirectUris: [REDIRECT_URI] };
        const { status, body } = await app.api.post('/clients', { ...fields, provider });
        if (status !== 201) assert.match(body.detail, /grant/, `${provider}: ${JSON.stringify(body)}`);
        else assert.ok(!body.client.grantTypes.includes('client_credentials'), provider);
      }
    });

    it('refuses client credentials for a public client when it is changed', async () => {
      const { id } = await app.api.makeDirectory();
      const client = await makeClient(app, { directoryId: id, tokenEndpointAuthMethod: 'none' });
      const { status, body } = await app.api.patch(`/clients/${client.id}`, { grantTypes: ['client_credentials'] });
      assert.deepEqual([status, body.code], [400, 'invalid_request']);
      const confidential = await makeClient(app, { directoryId: id, grantTypes: ['authorization_code'] });
      const changed = await app.api.patch(`/clients/${confidential.id}`, { grantTypes: ['client_credentials'] });
      assert.deepEqual([changed.status, changed.body.grantTypes], [200, ['client_credentials']]);
      assert.equal((await ask(app, confidential, { grant_type: 'client_credentials' })).status, 200);
    });

    it('withholds client credentials from one that is stored already, keeps its other grants and tells its owner', async () => {
      const { id: directoryId } = await app.api.makeDirectory();
      const client = await makeClient(app, { directoryId, grantTypes: GRANTS });
      assert.deepEqual(client.client.issues, []);
      await stored().update(client.id, (record) => ({ ...record, authMethod: 'none', secrets: [] }));

      const { status, body } = await ask(app, client, { grant_type: 'client_credentials' }, { style: 'none' });
      assert.deepEqual([status, body.error], [400, 'unauthorized_client']);
      const refused = await ask(app, client, { grant_type: 'refresh_token', refresh_token: 'x' }, { style: 'none' });
      assert.equal(refused.body.error, 'invalid_grant', 'its other grants are answered');
      const told = (await eventsOf(app, 'token.refused')).filter(({ data }) => data.clientId === client.id);
      assert.ok(told.some(({ data }) => data.reason === 'unauthorized_client'));

      const shown = (await app.api.get(`/clients/${client.id}`)).body;
      assert.deepEqual(shown.issues, ['public_client_credentials']);
      assert.deepEqual(shown.grantTypes, ['authorization_code', 'refresh_token']);
      const listed = (await app.api.get(`/clients?directoryId=${directoryId}`)).body.items;
      assert.deepEqual(listed[0].issues, ['public_client_credentials']);

      const renamed = await app.api.patch(`/clients/${client.id}`, { name: 'renamed' });
      assert.deepEqual(renamed.body.issues, ['public_client_credentials'], 'a change of something else passes');
      const settled = await app.api.patch(`/clients/${client.id}`, { grantTypes: ['authorization_code'] });
      assert.deepEqual([settled.status, settled.body.issues], [200, []]);
    });

    it('gives no token without proof after any sequence of create and update calls', async () => {
      const { id: directoryId } = await app.api.makeDirectory();
      const { publicKey } = await generateKeyPair('ES256');
      const jwks = { keys: [await exportJWK(publicKey)] };
      const random = createRandom(20_261_127);
      const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
      const some = () => GRANTS.filter(() => random() < 0.5);
      const clients: Answer[] = [];
      for (let turn = 0; turn < SEQUENCES; turn++) {
        const grantTypes = some();
        const { status, body } = await app.api.post('/clients', {
          name: 'x',
          provider: pick(PROVIDERS),
          tokenEndpointAuthMethod: pick(METHODS),
          ...(random() < 0.8 && { directoryId }),
          ...(random() < 0.3 && { jwks }),
          ...(grantTypes.length > 0 && { grantTypes }),
          redirectUris: [REDIRECT_URI],
        });
        assert.ok(status === 201 || status === 400, JSON.stringify(body));
        if (status === 201) clients.push(body.client);
        const client = pick(clients);
        if (client === undefined) continue;
        const fields = pick<Record<string, unknown>>([
          { grantTypes: some() },
          { grantTypes: GRANTS },
          { tokenEndpointAuthMethod: 'none' },
          { tokenEndpointAuthMethod: 'none', grantTypes: GRANTS },
          { name: 'renamed' },
        ]);
        const changed = await app.api.patch(`/clients/${client.id}`, fields);
        assert.ok([200, 400].includes(changed.status), JSON.stringify(changed.body));
      }
      assert.ok(clients.length > SEQUENCES / 3, `${clients.length} clients were made`);
      for (const { id, tokenEndpointAuthMethod } of clients) {
        for (const fields of [
          { grant_type: 'client_credentials' },
          { grant_type: 'client_credentials', client_secret: '' },
          { grant_type: 'refresh_token', refresh_token: 'scimrt_unknown' },
          { grant_type: 'authorization_code', code: 'unknown', redirect_uri: REDIRECT_URI },
        ] as Record<string, string>[]) {
          const { status, body } = await ask(app, { id, secret: '' }, fields, { style: 'none' });
          assert.ok(status >= 400 && status < 500, `${JSON.stringify(fields)}: ${status} ${JSON.stringify(body)}`);
        }
        if (tokenEndpointAuthMethod !== 'none') continue;
        const query = new URLSearchParams({ response_type: 'code', client_id: id, redirect_uri: REDIRECT_URI });
        const answer = await fetch(`${app.url}/oauth/authorize?${query}`, { redirect: 'manual' });
        const location = answer.headers.get('location') ?? '';
        assert.ok(!location.includes('/connect/'), 'without PKCE nobody is asked for consent');
      }
    });
  });
}

/** The same numbers in each run (mulberry32). */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
