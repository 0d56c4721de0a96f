/** Client secrets with an end: what an identity provider prescribes, how many live at a time, and how an ended one is refused. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createUsage } from '../../src/credentials/index.ts';
import { createSecretUses } from '../../src/oauth/secret-uses.ts';
import { runApp } from '../support/app.ts';
import { DAY, MINUTE } from '../support/clock.ts';
import { ask, eventsOf, makeClient } from '../support/oauth-client.ts';

const YEAR = 365 * DAY;
const CLIENT_CREDENTIALS = { grant_type: 'client_credentials' };

describe('secrets of clients', () => {
  const app = runApp();

  const inDays = (days: number) => new Date(app.clock.now().getTime() + days * DAY).toISOString();

  async function owned(provider: string, fields: Record<string, unknown> = {}) {
    const { id: directoryId } = await app.api.makeDirectory({ provider });
    return makeClient(app, { directoryId, provider, grantTypes: ['client_credentials'], redirectUris: [], ...fields });
  }
  const shown = async (id: string) => (await app.api.get(`/clients/${id}`)).body;

  it('end after two years for Entra, and have no end elsewhere', async () => {
    const entra = await owned('entra');
    assert.equal(entra.client.secrets[0].expiresAt, inDays(730));
    assert.equal(entra.client.accessTokenSeconds, 7200);
    const okta = await owned('pingone');
    assert.deepEqual([okta.client.secrets[0].expiresAt, okta.client.secrets[0].state], [null, 'live']);
    const chosen = await owned('pingone', { secretExpiresAt: inDays(3) });
    assert.equal(chosen.client.secrets[0].expiresAt, inDays(3));
  });

  it('have an end of one to three years for Entra, whoever asks for another one', async () => {
    const { id: directoryId } = await app.api.makeDirectory({ provider: 'entra' });
    const fields = { name: 'x', provider: 'entra', directoryId, grantTypes: ['client_credentials'] };
    for (const secretExpiresAt of [null, inDays(300), inDays(1200), inDays(-1)]) {
      const { status, body } = await app.api.post('/clients', { ...fields, secretExpiresAt });
      assert.deepEqual([status, body.code], [400, 'invalid_request'], String(secretExpiresAt));
      assert.equal(body.errors[0].path, 'secretExpiresAt');
    }
    for (const secretExpiresAt of [inDays(365), inDays(1096)])
      assert.equal((await app.api.post('/clients', { ...fields, secretExpiresAt })).status, 201, secretExpiresAt);
    const client = await owned('entra');
    const added = await app.api.post(`/clients/${client.id}/secrets`, { expiresAt: null });
    assert.equal(added.status, 400);
    const short = await app.api.post('/clients', { ...fields, accessTokenSeconds: 3599 });
    assert.deepEqual([short.status, short.body.errors[0].path], [400, 'accessTokenSeconds']);
    assert.equal((await app.api.patch(`/clients/${client.id}`, { accessTokenSeconds: 3599 })).status, 400);
  });

  it('are refused from their end on, told as client_secret_expired, while another one goes on', async () => {
    const client = await owned('entra');
    assert.equal((await ask(app, client, CLIENT_CREDENTIALS)).status, 200);
    app.clock.advance(2 * YEAR - 29 * DAY);
    assert.deepEqual((await shown(client.id)).issues, ['client_secret_ends_soon']);
    const { body } = await app.api.post(`/clients/${client.id}/secrets`);
    assert.deepEqual((await shown(client.id)).issues, []);
    app.clock.advance(29 * DAY);
    const refused = await ask(app, client, CLIENT_CREDENTIALS);
    assert.deepEqual([refused.status, refused.body.error], [401, 'invalid_client']);
    const [event] = await eventsOf(app, 'token.refused');
    assert.deepEqual([event.data.reason, event.data.clientId], ['client_secret_expired', client.id]);
    assert.equal((await ask(app, { ...client, secret: body.clientSecret }, CLIENT_CREDENTIALS)).status, 200);
    const { secrets } = await shown(client.id);
    assert.deepEqual(
      secrets.map(({ state }: { state: string }) => state),
      ['expired', 'live'],
    );
    const wrong = await ask(app, { ...client, secret: `${client.secret}x` }, CLIENT_CREDENTIALS);
    assert.equal(wrong.status, 401);
    app.clock.advance(2 * YEAR);
    assert.deepEqual((await shown(client.id)).issues, ['client_secret_expired']);
  });

  it('live three at a time for Entra and two elsewhere, and ended ones count no more', async () => {
    for (const [provider, most] of [
      ['entra', 3],
      ['pingone', 2],
    ] as const) {
      const client = await owned(provider, { secretExpiresAt: inDays(400) });
      const path = `/clients/${client.id}/secrets`;
      for (let made = 1; made < most; made++) assert.equal((await app.api.post(path)).status, 201);
      const full = await app.api.post(path);
      assert.deepEqual([full.status, full.body.code], [409, 'secrets_full']);
      app.clock.advance(401 * DAY);
      assert.equal((await app.api.post(path)).status, 201, 'the first one has ended');
      for (let turn = 0; turn < 8; turn++) {
        app.clock.advance(3 * YEAR);
        assert.equal((await app.api.post(path, { expiresAt: inDays(500) })).status < 500, true);
      }
      assert.ok((await shown(client.id)).secrets.length <= 2 * most, 'ended ones are not kept for ever');
    }
  });

  it('are removed down to the last live one, and an ended one always', async () => {
    const client = await owned('pingone', { secretExpiresAt: inDays(1) });
    const path = `/clients/${client.id}/secrets`;
    const { body } = await app.api.post(path);
    app.clock.advance(2 * DAY);
    const last = await app.api.delete(`${path}/${body.secretId}`);
    assert.deepEqual([last.status, last.body.code], [409, 'last_secret']);
    const [ended] = (await shown(client.id)).secrets;
    assert.equal((await app.api.delete(`${path}/${ended.id}`)).status, 204);
  });

  it('are told as removed where they still come, and a value that was never one is not', async () => {
    const client = await owned('pingone');
    const path = `/clients/${client.id}/secrets`;
    for (let turn = 0; turn < 8; turn++) {
      const { body } = await app.api.post(path);
      const [old] = (await shown(client.id)).secrets;
      assert.equal((await app.api.delete(`${path}/${old.id}`)).status, 204);
      assert.equal((await ask(app, { ...client, secret: body.clientSecret }, CLIENT_CREDENTIALS)).status, 200);
      if (turn > 0) continue;
      app.clock.advance(DAY);
      assert.equal((await ask(app, client, CLIENT_CREDENTIALS)).status, 401);
      const [event] = await eventsOf(app, 'token.refused');
      const { subReason, hint, removedAt } = event.data;
      assert.deepEqual([subReason, hint, removedAt], ['client_secret_removed', client.secret.slice(-4), inDays(-1)]);
    }
    app.clock.advance(DAY);
    assert.equal((await ask(app, client, CLIENT_CREDENTIALS)).status, 401);
    assert.equal(
      (await eventsOf(app, 'token.refused'))[0].data.subReason,
      'client_secret_wrong',
      'only the latest are kept',
    );
    assert.equal((await shown(client.id)).removedSecrets, undefined);
  });

  it('tell when each was last used, and from where, and are not used by what is refused', async () => {
    const client = await owned('entra');
    const path = `/clients/${client.id}/secrets`;
    const { body } = await app.api.post(path);
    const second = { ...client, secret: body.clientSecret };
    const uses = async () => (await shown(client.id)).secrets.map(useOf);
    const useOf = ({ lastUsedAt, lastUsedFrom, unusedSince }: Record<string, unknown>) => [
      lastUsedAt,
      lastUsedFrom,
      unusedSince,
    ];
    const made = app.clock.now().toISOString();
    assert.deepEqual(await uses(), [
      [null, null, made],
      [null, null, made],
    ]);
    app.clock.advance(MINUTE);
    const first = app.clock.now().toISOString();
    assert.equal((await ask(app, client, CLIENT_CREDENTIALS, { headers: { 'user-agent': 'Entra' } })).status, 200);
    app.clock.advance(MINUTE);
    assert.equal((await ask(app, { ...client, secret: `${client.secret}x` }, CLIENT_CREDENTIALS)).status, 401);
    const from = { address: '127.0.0.1', userAgent: 'Entra' };
    assert.deepEqual(await uses(), [
      [first, from, null],
      [null, null, made],
    ]);
    const revoked = await ask(
      app,
      second,
      { token: 'scimrt_x' },
      { path: '/oauth/revoke', headers: { 'user-agent': '' } },
    );
    assert.equal(revoked.status, 200);
    const [listed] = (await app.api.get(`/clients?directoryId=${client.client.directoryId}`)).body.items;
    assert.deepEqual(listed.secrets.map(useOf)[1].slice(0, 1), [app.clock.now().toISOString()]);
    await app.app.rounds.find(({ name }) => name === 'usage')?.run();
    assert.deepEqual((await uses())[0], [first, from, null], 'once it is written');
  });

  it('are told with their last use where there is no room for another one', async () => {
    const client = await owned('entra');
    const path = `/clients/${client.id}/secrets`;
    const added = [(await app.api.post(path)).body, (await app.api.post(path)).body];
    app.clock.advance(MINUTE);
    const at = app.clock.now();
    assert.equal((await ask(app, client, CLIENT_CREDENTIALS)).status, 200);
    app.clock.advance(MINUTE);
    const { status, body } = await app.api.post(path);
    assert.equal(status, 409);
    const hints = [client.secret, ...added.map(({ clientSecret }) => clientSecret)].map((secret) => secret.slice(-4));
    const time = `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
    assert.equal(
      body.detail,
      `The client already has 3 active secrets, which is the maximum. Remove one that is not in use: …${hints[1]} was never used, …${hints[2]} was never used and …${hints[0]} was last used on ${time}.`,
    );
    assert.deepEqual(
      body.secrets.map(({ hint, lastUsedAt }: Record<string, unknown>) => [hint, lastUsedAt]),
      [
        [hints[0], at.toISOString()],
        [hints[1], null],
        [hints[2], null],
      ],
    );
  });

  it('of an earlier release are told as unused since their uses are counted, and not as never used', async () => {
    const client = await owned('entra');
    app.clock.advance(DAY);
    const since = app.clock.now().toISOString();
    const secrets = [{ id: client.client.secrets[0].id, digest: '', hint: '', createdAt: app.clock.now() }];
    const pageOf = async () => ({ items: [{ id: client.id, secrets }], nextCursor: null });
    await createSecretUses({ usage: createUsage(app) })
      .migration(pageOf)
      .run();
    await app.api.post(`/clients/${client.id}/secrets`);
    await app.api.post(`/clients/${client.id}/secrets`);
    const [old, added] = (await shown(client.id)).secrets;
    assert.deepEqual([old.lastUsedAt, old.unusedSince], [null, since]);
    assert.ok(old.createdAt < since);
    assert.equal(added.unusedSince, added.createdAt);
    const { detail } = (await app.api.post(`/clients/${client.id}/secrets`)).body;
    assert.match(detail, new RegExp(`…${client.secret.slice(-4)} has not been used since `));
  });

  it('tells where nobody can connect, because no redirect URI is known', async () => {
    const client = await makeClient(app, { provider: 'okta', redirectUris: undefined });
    assert.deepEqual(client.client.issues, ['redirect_uris_missing']);
    const { body } = await app.api.patch(`/clients/${client.id}`, { appName: 'acme_scim_1' });
    assert.deepEqual(body.issues, []);
  });
});
