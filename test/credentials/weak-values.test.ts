/** Values that could be guessed: refused, or taken by an owner and kept under a key that is not in the store. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { createMovableClock } from '../support/clock.ts';
import { bothEngines, type Place } from '../support/engines.ts';
import { refresh, verified } from '../support/oauth-client.ts';
import { dump } from '../support/stored-text.ts';

const sha256 = (value: string) => createHash('sha256').update(value).digest('hex');
const WEAK = 'scim-token-acme';
const STRONG = 'kT9-old+token/from%elsewhere=42';

for (const engine of bothEngines) {
  describe(`weak values on ${engine.name}`, () => {
    let place: Place;
    let app: TestApp;
    before(async () => {
      place = engine.place();
      app = await startApp({ databaseUrl: place.url });
    });
    after(async () => {
      await app.close();
      await place.remove();
    });

    const bring = (directory: Answer, fields: object, api = app.api) =>
      api.post(`/directories/${directory.id}/credentials/import`, fields);
    const keyOf = async (role: string, organizationId?: string) =>
      app.api.as((await app.api.post('/api-keys', { name: role, role, organizationId })).body.key);

    /** Whether a value, or a digest of it that needs no key, stands in what is stored of a directory. */
    const isSearchable = async (value: string) => {
      const text = (await dump(place.url)).map((captured) => captured.text).join('\n');
      return [value, sha256(value), sha256(value).slice(0, 8)].some((trace) => text.includes(trace));
    };

    it('refuses one with the reason, takes it from an owner alone, and it works at once', async () => {
      const directory = await app.api.makeDirectory();
      const refused = await bring(directory, { token: WEAK });
      assert.deepEqual([refused.status, refused.body.code], [422, 'weak_value']);
      assert.equal(refused.body.wantedBits, 64);
      assert.ok(refused.body.estimatedBits < 64);
      assert.match(refused.body.detail, /about \d+ bits.*words.*at least 64/);
      assert.ok(!JSON.stringify(refused.body).includes(WEAK));
      assert.equal(await verified(app, directory.id, WEAK), 401);

      const admin = await bring(directory, { token: WEAK, allowWeak: true }, await keyOf('admin'));
      assert.deepEqual([admin.status, admin.body.code], [403, 'forbidden']);
      const owner = await bring(
        directory,
        { token: WEAK, allowWeak: true },
        await keyOf('owner', directory.organizationId),
      );
      assert.equal(owner.status, 201, JSON.stringify(owner.body));
      assert.deepEqual([owner.body.credential.weak, owner.body.credential.hint], [true, '????']);
      assert.equal(await verified(app, directory.id, WEAK), 200);
      const again = await bring(directory, { token: WEAK, allowWeak: true });
      assert.deepEqual([again.status, again.body.code], [409, 'credential_exists']);

      await app.api.post(`/credentials/${owner.body.credential.id}/revoke`, { force: true });
      assert.equal(await verified(app, directory.id, WEAK), 401);
      const { body: events } = await app.api.get(`/credentials/${owner.body.credential.id}/events`);
      assert.equal(events.items.find(({ type }: Answer) => type === 'credential.imported').data.weak, true);
    });

    it('keeps strong values as before, whatever was allowed', async () => {
      const directory = await app.api.makeDirectory();
      const { body } = await bring(directory, { token: STRONG, allowWeak: true });
      assert.deepEqual([body.credential.weak, body.credential.hint], [false, STRONG.slice(-4)]);
      assert.equal(await verified(app, directory.id, STRONG), 200);
    });

    it('keeps a digest as that of a weak value where an owner says so', async () => {
      const directory = await app.api.makeDirectory();
      const value = 'token-of-contoso-prod';
      const fields = { sha256: sha256(value), allowWeak: true };
      assert.equal((await bring(directory, fields, await keyOf('admin'))).status, 403);
      const { status, body } = await bring(directory, fields);
      assert.deepEqual([status, body.credential.weak], [201, true]);
      assert.equal(await verified(app, directory.id, value), 200);
      assert.equal((await bring(directory, { sha256: sha256(value) })).body.code, 'credential_exists');
      assert.equal(await isSearchable(value), false);
    });

    it('is found by no search of the store without the secret: not in digests, IDs, events or repeats of requests', async () => {
      const directory = await app.api.makeDirectory();
      const values = { token: 'acme-scim-secret', secret: 'acme-client-secret', refresh: 'acme-refresh-token' };
      const client = { clientId: 'weak-client', name: 'Okta', directoryId: directory.id };
      const imports: [path: string, fields: object][] = [
        [`/directories/${directory.id}/credentials/import`, { token: values.token }],
        ['/clients/import', { ...client, clientSecret: values.secret, rotateRefreshTokens: true }],
        [
          `/directories/${directory.id}/connections/import`,
          { clientId: client.clientId, refreshToken: values.refresh },
        ],
      ];
      for (const [path, fields] of imports) {
        assert.equal((await app.api.post(path, fields)).body.code, 'weak_value', path);
        const key = { 'idempotency-key': `key of ${path}`.replaceAll(' ', '-') };
        const { status, body } = await app.api.post(path, { ...fields, allowWeak: true }, key);
        assert.equal(status, 201, JSON.stringify(body));
      }
      await app.api.post('/check', { value: values.token });
      const known = { client: {}, id: client.clientId, secret: values.secret, redirectUri: '' };
      assert.equal((await refresh(app, { ...known, secret: 'another' }, values.refresh)).status, 401);
      const renewed = await refresh(app, known, values.refresh, { style: 'post' });
      assert.equal(renewed.status, 200, JSON.stringify(renewed.body));
      assert.equal(await verified(app, directory.id, renewed.body.access_token), 200);
      const lost = await refresh(app, known, values.refresh, { style: 'post' });
      assert.equal(lost.body.refresh_token, renewed.body.refresh_token, 'a lost answer is repeated');
      const { body: told } = await app.api.get(`/clients/${client.clientId}`);
      assert.deepEqual([told.secrets[0].weak, told.secrets[0].hint], [true, '????']);
      const { body: list } = await app.api.get(`/directories/${directory.id}/credentials`);
      assert.deepEqual(
        list.items.map(({ weak }: Answer) => weak),
        [true, true],
      );
      for (const value of Object.values(values)) assert.equal(await isSearchable(value), false, value);
    });

    it('takes them from a file row by row, and tells an import that is repeated', async () => {
      const directory = await app.api.makeDirectory();
      const header = 'type,directory,token,allowWeak';
      const content = `${header}\ntoken,${directory.id},acme-token-one,\ntoken,${directory.id},acme-token-two,true\n`;
      const statuses = async (api = app.api) => {
        const { body } = await api.post('/imports', { format: 'csv', content });
        return body.rows.map(({ status, problem }: Answer) => [status, /64/.test(problem ?? '')]);
      };
      assert.deepEqual(await statuses(await keyOf('admin')), [
        ['refused', true],
        ['refused', false],
      ]);
      assert.deepEqual(await statuses(), [
        ['refused', true],
        ['imported', false],
      ]);
      assert.deepEqual((await statuses())[1], ['exists', false]);
      assert.equal(await verified(app, directory.id, 'acme-token-two'), 200);
    });

    it('is accepted by every instance once its import is acknowledged, and by none after its revoke', async () => {
      const other = engine.place();
      const clock = createMovableClock();
      const open = () => startApp({ databaseUrl: other.url, clock });
      const one = await open();
      const two = await open();
      try {
        const directory = await one.api.makeDirectory();
        // The other instance has seen that there is none, and remembers it for a lease.
        assert.equal(await verified(two, directory.id, WEAK), 401);
        const { body } = await one.api.post(`/directories/${directory.id}/credentials/import`, {
          token: WEAK,
          allowWeak: true,
        });
        assert.equal(await verified(two, directory.id, WEAK), 200);
        await one.api.post(`/credentials/${body.credential.id}/revoke`, { force: true });
        assert.equal(await verified(two, directory.id, WEAK), 401);
      } finally {
        await one.close();
        await two.close();
        await other.remove();
      }
    });
  });
}
