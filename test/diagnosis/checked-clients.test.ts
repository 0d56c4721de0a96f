/** "Check a token" with a client secret or a client ID: whose it is, its state, and to whom it is told. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { createUsage, createWeakValues, digestOf } from '../../src/credentials/index.ts';
import { type ClientRecord, clientOf } from '../../src/oauth/client-record.ts';
import { createSecretOwners } from '../../src/oauth/secret-owners.ts';
import { createSecretUses } from '../../src/oauth/secret-uses.ts';
import { runApp } from '../support/app.ts';
import { createMovableClock, DAY, MINUTE } from '../support/clock.ts';
import { bothEngines } from '../support/engines.ts';
import { ask, eventsOf, makeClient } from '../support/oauth-client.ts';

const CLIENT_CREDENTIALS = { grant_type: 'client_credentials' };

for (const engine of bothEngines) {
  describe(`a checked client secret on ${engine.name}`, () => {
    const app = runApp({ engine });
    const check = async (value: string, api = app.api) => (await api.post('/check', { value })).body;

    async function owned(fields: Record<string, unknown> = {}) {
      const directory = await app.api.makeDirectory({ provider: 'pingone' });
      const given = { directoryId: directory.id, provider: 'pingone', grantTypes: ['client_credentials'] };
      return { directory, client: await makeClient(app, { ...given, redirectUris: [], ...fields }) };
    }
    const basic = (id: string, secret: string) => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;

    it('is told with its client and its last use, alone or in a header, and is not used by that', async () => {
      const { directory, client } = await owned({ secretExpiresAt: new Date(app.clock.now().getTime() + DAY) });
      const [secret] = client.client.secrets;
      const expected = {
        known: true,
        looksLike: null,
        what: 'client_secret',
        state: 'live',
        credentialId: null,
        clientId: client.id,
        clientName: 'Provisioning',
        directoryId: directory.id,
        organizationId: directory.organizationId,
        directoryName: directory.name,
        directoryDisabled: false,
        slot: null,
        hint: client.secret.slice(-4),
        issuedAt: secret.createdAt,
        expiresAt: secret.expiresAt,
        removedAt: null,
        lastUsedAt: null,
        unusedSince: secret.createdAt,
      };
      const { secret: value } = client;
      for (const given of [value, ` ${value} `, `Bearer ${value}`, `"${value}"`, basic(client.id, value)])
        assert.deepEqual(await check(given), expected, given);
      app.clock.advance(MINUTE);
      assert.equal((await ask(app, client, CLIENT_CREDENTIALS)).status, 200);
      const lastUsedAt = app.clock.now().toISOString();
      assert.deepEqual(await check(value), { ...expected, lastUsedAt, unusedSince: null });
      app.clock.advance(DAY);
      assert.deepEqual(await check(value), { ...expected, state: 'expired', lastUsedAt, unusedSince: null });
      await app.api.post(`/directories/${directory.id}/disable`);
      assert.equal((await check(value)).directoryDisabled, true);
    });

    it('leaves an event at its client, with the beginning of the digest and never the value', async () => {
      const { directory, client } = await owned();
      await check(client.secret);
      const [event] = await eventsOf(app, 'token.checked');
      const digest = createHash('sha256').update(client.secret).digest('hex').slice(0, 8);
      assert.deepEqual(event.data, { digest, outcome: 'live', clientId: client.id });
      assert.deepEqual([event.directoryId, event.organizationId], [directory.id, directory.organizationId]);
      assert.ok(!JSON.stringify(event).includes(client.secret.slice(7)));
    });

    it('is told as removed, and when, however many were removed since, and after its client was deleted', async () => {
      const { client } = await owned();
      const path = `/clients/${client.id}/secrets`;
      const made = app.clock.now().toISOString();
      app.clock.advance(MINUTE);
      assert.equal((await ask(app, client, CLIENT_CREDENTIALS)).status, 200);
      const lastUsedAt = app.clock.now().toISOString();
      app.clock.advance(MINUTE);
      const removedAt = app.clock.now().toISOString();
      let newest = '';
      for (let turn = 0; turn < 7; turn++) {
        newest = (await app.api.post(path)).body.clientSecret;
        const [old] = (await app.api.get(`/clients/${client.id}`)).body.secrets;
        assert.equal((await app.api.delete(`${path}/${old.id}`)).status, 204);
        app.clock.advance(MINUTE);
      }
      const { state, removedAt: told, issuedAt, lastUsedAt: used, hint, clientName } = await check(client.secret);
      assert.deepEqual(
        [state, told, issuedAt, used, hint, clientName],
        ['removed', removedAt, made, lastUsedAt, client.secret.slice(-4), 'Provisioning'],
      );
      assert.equal((await check(newest)).state, 'live');
      await app.api.delete(`/clients/${client.id}`);
      const deleted = await check(newest);
      assert.deepEqual([deleted.state, deleted.removedAt], ['removed', app.clock.now().toISOString()]);
      assert.deepEqual([deleted.clientId, deleted.clientName], [client.id, 'Provisioning']);
      app.clock.advance(401 * DAY);
      assert.deepEqual([(await check(newest)).looksLike], ['client_secret_presented'], 'it is not kept for ever');
    });

    it('of a former system is told, also where it can be guessed, and then without its end', async () => {
      const { client } = await owned();
      const { directoryId } = client.client;
      const strong = 'vX3-pQ9_zLm2RtY7wKc5';
      const given = { name: 'Moved', directoryId, provider: 'pingone', redirectUris: [] };
      const grantTypes = ['client_credentials'];
      const bring = async (fields: Record<string, unknown>) =>
        (await app.api.post('/clients/import', { ...given, grantTypes, ...fields })).body.client;
      const one = await bring({ clientId: 'former-1', clientSecret: strong });
      const hashed = createHash('sha256').update('another-vX3-pQ9_zLm2RtY7').digest('hex');
      const two = await bring({ clientId: 'former-2', clientSecretSha256: hashed });
      const weak = await bring({ clientId: 'former-3', clientSecret: 'summer-2024!', allowWeak: true });
      const told = async (value: string) => {
        const { clientId, state, hint } = await check(value);
        return [clientId, state, hint];
      };
      assert.deepEqual(await told(strong), [one.id, 'live', strong.slice(-4)]);
      assert.deepEqual(await told('another-vX3-pQ9_zLm2RtY7'), [two.id, 'live', null]);
      assert.deepEqual(await told('summer-2024!'), [weak.id, 'live', null]);
      assert.equal((await eventsOf(app, 'token.checked'))[0].data.digest, undefined);
      assert.deepEqual(await told(basic('former-1', strong)), [one.id, 'live', strong.slice(-4)]);
      const again = await bring({ clientId: 'former-4', clientSecret: strong });
      await app.api.delete(`/clients/${one.id}`);
      assert.deepEqual(await told(strong), [again.id, 'live', strong.slice(-4)], 'the one that works comes first');
    });

    it('is told to its own organization alone, and a shared one to nobody that is limited', async () => {
      const mine = await owned();
      const other = await owned();
      const shared = await makeClient(app, { provider: 'okta' });
      const { body } = await app.api.post('/api-keys', {
        name: 'x',
        role: 'viewer',
        organizationId: mine.directory.organizationId,
      });
      const limited = app.api.as(body.key);
      assert.equal((await check(mine.client.secret, limited)).known, true);
      assert.equal((await check(mine.client.id, limited)).known, true);
      for (const { id, secret } of [other.client, shared]) {
        const [asSecret, asId] = [await check(secret, limited), await check(id, limited)];
        assert.deepEqual([asSecret.known, asSecret.looksLike], [false, 'client_secret_presented']);
        assert.deepEqual([asId.known, asId.looksLike, asId.clientName], [false, 'client_id_presented', null]);
        assert.deepEqual([(await check(secret)).known, (await check(id)).known], [true, true]);
      }
      assert.deepEqual(
        [(await check(shared.secret)).directoryId, (await check(shared.id)).directoryName],
        [null, null],
      );
    });

    it('is told apart from a client ID, which has no state until its client is deleted', async () => {
      const { directory, client } = await owned();
      const { what, state, clientId, directoryName, hint } = await check(client.id);
      assert.deepEqual(
        [what, state, clientId, directoryName, hint],
        ['client_id', null, client.id, directory.name, null],
      );
      assert.equal((await eventsOf(app, 'token.checked'))[0].data.outcome, 'client_id_presented');
      await app.api.delete(`/clients/${client.id}`);
      const deleted = await check(client.id);
      assert.deepEqual(
        [deleted.what, deleted.state, deleted.removedAt, deleted.directoryId],
        ['client_id', 'removed', app.clock.now().toISOString(), directory.id],
      );
    });
  });

  it(`the secrets of an earlier release are found on ${engine.name}, those that were removed too`, async () => {
    const place = engine.place();
    const clock = createMovableClock();
    const storage = await place.open(clock);
    try {
      const weakValues = createWeakValues({
        storage,
        clock,
        secret: 'a secret of the tests, long enough for use',
        leaseMs: 1000,
        waitOutLease: async () => {},
      });
      const secretUses = createSecretUses({ usage: createUsage({ storage, clock }) });
      const owners = createSecretOwners({ storage, clock, weakValues, secretUses });
      await storage.prepare();
      const createdAt = clock.now();
      const record: ClientRecord = {
        id: 'client_a',
        name: 'Entra',
        provider: 'entra',
        organizationId: 'org_a',
        directoryId: 'dir_a',
        redirectUris: [],
        redirectUrisByHand: false,
        grantTypes: ['client_credentials'],
        authMethod: 'client_secret_basic',
        secrets: [{ id: 's1', digest: digestOf('scimcs_new'), hint: '_new', createdAt }],
        removedSecrets: [{ digest: digestOf('scimcs_old'), hint: '_old', removedAt: createdAt }],
        accessTokenSeconds: 3600,
        rotateRefreshTokens: false,
        createdAt,
        createdBy: { type: 'system', name: 'x' },
      };
      const find = (value: string, organizationId?: string) =>
        owners.find(value, organizationId, async () => clientOf(record));
      assert.equal(await find('scimcs_new'), undefined);
      const { run } = owners.migration(async () => ({ items: [record], nextCursor: null }));
      await run();
      await run();
      assert.equal((await find('scimcs_new', 'org_a'))?.state, 'live');
      assert.equal(await find('scimcs_new', 'org_b'), undefined);
      const old = await find('scimcs_old');
      assert.deepEqual([old?.state, old?.removedAt, old?.client.name], ['removed', createdAt, 'Entra']);
    } finally {
      await storage.close();
      await place.remove();
    }
  });
}
