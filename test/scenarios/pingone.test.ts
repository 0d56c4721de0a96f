/** PingOne as a customer meets it: client credentials of one directory, in the header or in the body, and a word of choice before the token. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runApp } from '../support/app.ts';
import { DAY, HOUR, MINUTE } from '../support/clock.ts';
import { engines } from '../support/engines.ts';
import { makeClient } from '../support/oauth-client.ts';
import { createPingoneClient, type PingoneSettings } from '../support/pingone-client.ts';
import { newUser, startScimServer } from '../support/scim-server.ts';
import { inSuite } from '../support/suite.ts';

for (const engine of engines) {
  describe(`PingOne on ${engine.name}`, () => {
    const app = runApp({ engine });
    const server = inSuite(startScimServer);

    async function configure(fields: Partial<PingoneSettings> = {}) {
      const directory = await app.api.makeDirectory({ provider: 'pingone', upstreamUrl: server.url });
      const client = await makeClient(app, {
        name: 'PingOne',
        provider: 'pingone',
        directoryId: directory.id,
        redirectUris: undefined,
      });
      const pingone = createPingoneClient({
        tokenUrl: `${app.url}/oauth/token`,
        clientId: client.id,
        clientSecret: client.secret,
        scimUrl: directory.endpointUrl,
        secretIn: 'header',
        tokenType: 'Bearer',
        now: () => app.clock.now(),
        ...fields,
      });
      return { directory, client, pingone };
    }

    for (const secretIn of ['header', 'body'] as const) {
      for (const tokenType of ['Bearer', 'bearer', 'BEARER', '']) {
        it(`(18) (24) provisions with the secret in the ${secretIn} and ${tokenType === '' ? 'no word' : `"${tokenType}"`} before the token`, async () => {
          const { pingone, client, directory } = await configure({ secretIn, tokenType });
          assert.deepEqual(client.client.grantTypes, ['client_credentials']);
          const user = newUser();
          const made = await pingone.scim('POST', '/Users', user);
          assert.equal(made.status, 201, JSON.stringify(made.body));
          assert.equal((await pingone.scim('GET', `/Users/${made.body.id}`)).status, 200);
          assert.equal(pingone.tokenRequests(), 1);
          app.clock.advance(HOUR - 2 * MINUTE);
          assert.equal((await pingone.scim('GET', '/Users?count=1')).status, 200);
          assert.equal(pingone.tokenRequests(), 1, 'it goes by expires_in');
          app.clock.advance(400 * DAY);
          assert.equal((await pingone.scim('DELETE', `/Users/${made.body.id}`)).status, 204);
          assert.equal(pingone.tokenRequests(), 2);
          const { items } = (await app.api.get(`/directories/${directory.id}/credentials`)).body;
          assert.deepEqual([items.length, items[0].state], [1, 'active']);
        });
      }
    }

    it('is refused with another word before the token', async () => {
      const { pingone } = await configure({ tokenType: 'OAuth' });
      assert.equal((await pingone.scim('GET', '/Users?count=1')).status, 401);
    });

    it('(24) is refused at the endpoint of another directory', async () => {
      const { directory: other } = await configure();
      const { pingone } = await configure({ scimUrl: other.endpointUrl });
      assert.equal((await pingone.scim('GET', '/Users?count=1')).status, 401);
    });

    it('stands still while its credential is disabled, and goes on with the same client afterwards', async () => {
      const { pingone, directory } = await configure();
      assert.equal((await pingone.scim('GET', '/Users?count=1')).status, 200);
      const { items } = (await app.api.get(`/directories/${directory.id}/credentials`)).body;
      await app.api.post(`/credentials/${items[0].id}/disable`);
      assert.equal((await pingone.scim('GET', '/Users?count=1')).status, 401);
      await app.api.post(`/credentials/${items[0].id}/enable`);
      assert.equal((await pingone.scim('GET', '/Users?count=1')).status, 200);
      assert.equal(pingone.tokenRequests(), 1);
    });
  });
}
