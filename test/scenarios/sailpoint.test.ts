/** SailPoint as a customer meets it: a refresh token is pasted into a form, or client credentials are typed in. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { runApp } from '../support/app.ts';
import { DAY, HOUR } from '../support/clock.ts';
import { engines } from '../support/engines.ts';
import { eventsOf, makeClient } from '../support/oauth-client.ts';
import { createSailpointClient, type SailpointSettings } from '../support/sailpoint-client.ts';
import { newUser, startScimServer } from '../support/scim-server.ts';
import { inSuite } from '../support/suite.ts';

for (const engine of engines) {
  describe(`SailPoint on ${engine.name}`, () => {
    const app = runApp({ engine });
    const server = inSuite(startScimServer);

    const makeDirectory = () => app.api.makeDirectory({ provider: 'sailpoint', upstreamUrl: server.url });
    const connectByHand = (directory: Answer, clientId: string, fields: Record<string, unknown> = {}) =>
      app.api.post(`/directories/${directory.id}/connections`, { clientId, ...fields });
    const credentialsOf = async (directory: Answer): Promise<Answer[]> =>
      (await app.api.get(`/directories/${directory.id}/credentials`)).body.items;

    async function configure(fields: Partial<SailpointSettings> & { rotateRefreshTokens?: boolean } = {}) {
      const { rotateRefreshTokens = false, ...settings } = fields;
      const directory = await makeDirectory();
      const client = await makeClient(app, {
        name: 'SailPoint',
        provider: 'sailpoint',
        redirectUris: undefined,
        rotateRefreshTokens,
      });
      const { status, body } = await connectByHand(directory, client.id);
      assert.equal(status, 201, JSON.stringify(body));
      const sailpoint = createSailpointClient({
        tokenUrl: `${app.url}/oauth/token`,
        clientId: client.id,
        clientSecret: client.secret,
        scimUrl: directory.endpointUrl,
        refreshToken: body.refreshToken,
        inBodyToo: true,
        ...settings,
      });
      return { directory, client, sailpoint, connection: body };
    }

    for (const inBodyToo of [true, false]) {
      it(`(18) works with a pasted refresh token for years, its credentials in the header${inBodyToo ? ' and the body' : ''}`, async () => {
        const { sailpoint, directory } = await configure({ inBodyToo });
        await sailpoint.testConnection();
        const made = await sailpoint.provision(newUser());
        assert.equal(made.status, 201, JSON.stringify(made.body));
        for (const days of [1, 200, 2000]) {
          app.clock.advance(days * DAY);
          const users = await sailpoint.aggregate();
          assert.ok(users.some(({ id }) => id === made.body.id));
        }
        app.clock.advance(2 * HOUR);
        assert.equal((await sailpoint.provision(newUser())).status, 201, 'a token that is over is got anew');
        const [credential] = await credentialsOf(directory);
        assert.deepEqual([credential.kind, credential.state, credential.expiresAt], ['oauth', 'active', null]);
      });
    }

    it('shows the refresh token once, and tells of the connection with the person who made it', async () => {
      const { directory, connection } = await configure();
      assert.match(connection.refreshToken, /^scimrt_[0-9A-Za-z]{43}$/);
      const [told] = await eventsOf(app, 'credential.connected');
      assert.deepEqual([told.credentialId, told.directoryId], [connection.credentialId, directory.id]);
      assert.equal(told.actor.type, 'api_key');
      const everything = JSON.stringify([
        await eventsOf(app, 'credential.*,token.*,connection.*'),
        await credentialsOf(directory),
      ]);
      assert.ok(!everything.includes(connection.refreshToken));
      assert.ok(!app.log().includes(connection.refreshToken));
    });

    it('keeps on with the pasted token where rotation is switched on, since it never stores a new one', async () => {
      const { sailpoint } = await configure({ rotateRefreshTokens: true });
      for (let turn = 0; turn < 5; turn++) {
        app.clock.advance(30 * DAY);
        await sailpoint.aggregate();
      }
    });

    it('is refused once the connection was revoked, and works again with the token of a new one', async () => {
      const { sailpoint, directory, client, connection } = await configure();
      await sailpoint.testConnection();
      await app.api.post(`/credentials/${connection.credentialId}/revoke`, { force: true });
      await assert.rejects(sailpoint.testConnection(), /400 .*invalid_grant/);
      const { body } = await connectByHand(directory, client.id);
      const renewed = createSailpointClient({
        tokenUrl: `${app.url}/oauth/token`,
        clientId: client.id,
        clientSecret: client.secret,
        scimUrl: directory.endpointUrl,
        refreshToken: body.refreshToken,
        inBodyToo: true,
      });
      await renewed.testConnection();
    });

    it('asks which credential it replaces when both slots are taken, and replaces it with the first use', async () => {
      const { directory, client, sailpoint, connection } = await configure();
      await sailpoint.testConnection();
      const { credential, token } = await app.api.issue(directory.id);
      const full = await connectByHand(directory, client.id);
      assert.deepEqual([full.status, full.body.code], [409, 'slots_full']);
      const { status, body } = await connectByHand(directory, client.id, { replaces: credential.id });
      assert.equal(status, 201, JSON.stringify(body));
      const verify = async () =>
        (
          await fetch(`${app.url}/auth/verify?directory=${directory.id}`, {
            headers: { authorization: `Bearer ${token}` },
          })
        ).status;
      assert.equal(await verify(), 200, 'the old one works until then');
      const renewed = createSailpointClient({
        tokenUrl: `${app.url}/oauth/token`,
        clientId: client.id,
        clientSecret: client.secret,
        scimUrl: directory.endpointUrl,
        refreshToken: body.refreshToken,
        inBodyToo: true,
      });
      await renewed.testConnection();
      app.clock.advance(5000);
      assert.equal(await verify(), 401);
      await sailpoint.testConnection();
      const states = new Map((await credentialsOf(directory)).map(({ id, state }) => [id, state]));
      assert.equal(states.get(connection.credentialId), 'active');
      assert.equal(states.get(body.credentialId), 'active');
      assert.equal(states.get(credential.id), 'revoked');
    });

    for (const inBodyToo of [true, false]) {
      it(`(18) (24) works with client credentials in the header${inBodyToo ? ' and the body' : ''}`, async () => {
        const directory = await makeDirectory();
        const client = await makeClient(app, {
          name: 'SailPoint',
          provider: 'sailpoint',
          directoryId: directory.id,
          redirectUris: undefined,
        });
        const sailpoint = createSailpointClient({
          tokenUrl: `${app.url}/oauth/token`,
          clientId: client.id,
          clientSecret: client.secret,
          scimUrl: directory.endpointUrl,
          inBodyToo,
        });
        await sailpoint.testConnection();
        assert.equal((await sailpoint.provision(newUser())).status, 201);
        app.clock.advance(365 * DAY);
        await sailpoint.aggregate();
        assert.equal((await credentialsOf(directory)).length, 1);
      });
    }
  });
}
