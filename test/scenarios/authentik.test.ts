/** authentik as a customer meets it: connected by its administrator, then a refresh before whichever request finds its token over. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { runApp } from '../support/app.ts';
import { type AuthentikClient, createAuthentikClient } from '../support/authentik-client.ts';
import { DAY, HOUR, MINUTE } from '../support/clock.ts';
import { engines } from '../support/engines.ts';
import { welcomeItContact } from '../support/it-contact.ts';
import { makeClient } from '../support/oauth-client.ts';
import { newUser, startScimServer } from '../support/scim-server.ts';
import { inSuite } from '../support/suite.ts';

const REDIRECT_URI = 'https://authentik.northwind.test/source/oauth/callback/acme/';

for (const engine of engines) {
  describe(`authentik on ${engine.name}`, () => {
    const app = runApp({ engine });
    const server = inSuite(startScimServer);

    async function connect(
      fields: Record<string, unknown> = {},
    ): Promise<{ authentik: AuthentikClient; directory: Answer }> {
      const directory = await app.api.makeDirectory({ provider: 'authentik', upstreamUrl: server.url });
      const client = await makeClient(app, {
        name: 'authentik',
        provider: 'authentik',
        directoryId: directory.id,
        redirectUris: [REDIRECT_URI],
        ...fields,
      });
      const authentik = createAuthentikClient({
        authorizeUrl: `${app.url}/oauth/authorize?scope=scim`,
        tokenUrl: `${app.url}/oauth/token`,
        clientId: client.id,
        clientSecret: client.secret,
        scimUrl: directory.endpointUrl,
        redirectUri: REDIRECT_URI,
        now: () => app.clock.now(),
      });
      const contact = await welcomeItContact(app.url, app.api, directory.organizationId);
      await authentik.finish(await contact.allow(authentik.authorizationUrl()));
      return { authentik, directory };
    }

    for (const rotateRefreshTokens of [false, true]) {
      it(`(18) (20) connects with its credentials in header and body and lives on for years ${rotateRefreshTokens ? 'with' : 'without'} rotation`, async () => {
        const { authentik, directory } = await connect({ rotateRefreshTokens });
        const first = authentik.connection();
        assert.equal(first.expiresAt.getTime(), app.clock.now().getTime() + HOUR, 'expires_in came with the answer');
        const made = await authentik.scim('POST', '/Users', newUser());
        assert.equal(made.status, 201, JSON.stringify(made.body));
        assert.equal(authentik.tokenRequests(), 1, 'no refresh while the token is good');
        for (let turn = 0; turn < 6; turn++) {
          app.clock.advance((turn + 1) * 100 * DAY);
          assert.equal((await authentik.scim('GET', `/Users/${made.body.id}`)).status, 200);
        }
        assert.equal(authentik.tokenRequests(), 7);
        assert.equal(authentik.connection().refreshToken === first.refreshToken, !rotateRefreshTokens);
        const { items } = (await app.api.get(`/directories/${directory.id}/credentials`)).body;
        assert.equal(items.length, 1);
        assert.equal(items[0].acceptedCount, 7);
      });
    }

    it('(20) (22) refreshes before a request, never after a 401: a good token stays good to the end it was told', async () => {
      const { authentik } = await connect({ accessTokenSeconds: 900 });
      app.clock.advance(15 * MINUTE - 1);
      assert.equal((await authentik.scim('GET', '/Users?count=1')).status, 200);
      assert.equal(authentik.tokenRequests(), 1);
      app.clock.advance(1);
      assert.equal((await authentik.scim('GET', '/Users?count=1')).status, 200);
      assert.equal(authentik.tokenRequests(), 2);
    });

    it('sees a 401 once its connection was revoked, and connects again by the same client', async () => {
      const { authentik, directory } = await connect();
      const { items } = (await app.api.get(`/directories/${directory.id}/credentials`)).body;
      await app.api.post(`/credentials/${items[0].id}/revoke`, { force: true });
      assert.equal((await authentik.scim('GET', '/Users?count=1')).status, 401);
      const contact = await welcomeItContact(app.url, app.api, directory.organizationId);
      await authentik.finish(await contact.allow(authentik.authorizationUrl()));
      assert.equal((await authentik.scim('GET', '/Users?count=1')).status, 200);
    });
  });
}
