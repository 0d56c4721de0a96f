/** Clients that we did not write go the same ways: each checks on its own side what the RFCs have it check. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import { AuthorizationCode, ClientCredentials } from 'simple-oauth2';
import { runApp } from '../support/app.ts';
import { createMovableClock } from '../support/clock.ts';
import { engines } from '../support/engines.ts';
import { type ItContact, welcomeItContact } from '../support/it-contact.ts';
import { makeClient, type OauthClient, REDIRECT_URI, verified } from '../support/oauth-client.ts';

const INSECURE = { [oauth.allowInsecureRequests]: true };

for (const engine of engines) {
  describe(`clients that we did not write, on ${engine.name}`, () => {
    const app = runApp({ engine, clock: createMovableClock(new Date().toISOString()) });

    interface Given {
      directoryId: string;
      client: OauthClient;
      contact: ItContact;
    }

    async function setUp(fields: Record<string, unknown> = {}): Promise<Given> {
      const directory = await app.api.makeDirectory();
      const client = await makeClient(app, { directoryId: directory.id, ...fields });
      const contact = await welcomeItContact(app.url, app.api, directory.organizationId);
      return { directoryId: directory.id, client, contact };
    }

    for (const [name, authentication] of [
      ['in the header', oauth.ClientSecretBasic],
      ['in the body', oauth.ClientSecretPost],
    ] as const) {
      it(`oauth4webapi connects with PKCE, refreshes, revokes, with the secret ${name}`, async () => {
        const { directoryId, client: made, contact } = await setUp();
        const issuer = new URL(app.url);
        const server = await oauth.processDiscoveryResponse(
          issuer,
          await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...INSECURE }),
        );
        const client: oauth.Client = { client_id: made.id };
        const secret = authentication(made.secret);
        const verifier = oauth.generateRandomCodeVerifier();
        const state = oauth.generateRandomState();
        const address = new URL(server.authorization_endpoint ?? '');
        address.search = new URLSearchParams({
          response_type: 'code',
          client_id: made.id,
          redirect_uri: REDIRECT_URI,
          scope: 'scim',
          state,
          code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
          code_challenge_method: 'S256',
        }).toString();
        const callback = await contact.allow(address.href);
        const parameters = oauth.validateAuthResponse(server, client, callback, state);
        const tokens = await oauth.processAuthorizationCodeResponse(
          server,
          client,
          await oauth.authorizationCodeGrantRequest(
            server,
            client,
            secret,
            parameters,
            REDIRECT_URI,
            verifier,
            INSECURE,
          ),
        );
        assert.equal(await verified(app, directoryId, tokens.access_token), 200);
        const again = await oauth.processRefreshTokenResponse(
          server,
          client,
          await oauth.refreshTokenGrantRequest(server, client, secret, tokens.refresh_token ?? '', INSECURE),
        );
        assert.equal(await verified(app, directoryId, again.access_token), 200);
        await oauth.processRevocationResponse(
          await oauth.revocationRequest(server, client, secret, again.refresh_token ?? '', INSECURE),
        );
        for (const token of [tokens.access_token, again.access_token])
          assert.equal(await verified(app, directoryId, token), 401);
      });
    }

    for (const [name, authentication] of [
      ['in the header', openid.ClientSecretBasic],
      ['in the body', openid.ClientSecretPost],
    ] as const) {
      const discover = (id: string, method: openid.ClientAuth) =>
        openid.discovery(new URL(app.url), id, undefined, method, {
          algorithm: 'oauth2',
          execute: [openid.allowInsecureRequests],
        });

      it(`openid-client connects with PKCE, refreshes, is introspected, revokes, with the secret ${name}`, async () => {
        const { directoryId, client, contact } = await setUp();
        const configuration = await discover(client.id, authentication(client.secret));
        const pkceCodeVerifier = openid.randomPKCECodeVerifier();
        const expectedState = openid.randomState();
        const address = openid.buildAuthorizationUrl(configuration, {
          redirect_uri: REDIRECT_URI,
          scope: 'scim offline_access',
          state: expectedState,
          code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
          code_challenge_method: 'S256',
        });
        const callback = await contact.allow(address.href);
        const tokens = await openid.authorizationCodeGrant(configuration, callback, {
          pkceCodeVerifier,
          expectedState,
        });
        assert.equal(await verified(app, directoryId, tokens.access_token), 200);
        const again = await openid.refreshTokenGrant(configuration, tokens.refresh_token ?? '');
        assert.equal(again.expires_in, 3600);
        // The vendor's SCIM server asks with an API key in the place of a client.
        const { apiKey, key } = (await app.api.post('/api-keys', { name: 'SCIM server', role: 'introspect' })).body;
        const asker = await discover(apiKey.id, openid.ClientSecretBasic(key));
        assert.equal((await openid.tokenIntrospection(asker, again.access_token)).sub, directoryId);
        await openid.tokenRevocation(configuration, again.refresh_token ?? '');
        assert.deepEqual(await openid.tokenIntrospection(asker, again.access_token), { active: false });
        await assert.rejects(
          openid.refreshTokenGrant(configuration, tokens.refresh_token ?? ''),
          /invalid_grant|server responded/,
        );
      });

      it(`openid-client gets tokens with client credentials, with the secret ${name}`, async () => {
        const { directoryId, client } = await setUp({ grantTypes: ['client_credentials'] });
        const configuration = await discover(client.id, authentication(client.secret));
        const tokens = await openid.clientCredentialsGrant(configuration, { scope: 'scim' });
        assert.equal(await verified(app, directoryId, tokens.access_token), 200);
      });
    }

    for (const authorizationMethod of ['header', 'body'] as const) {
      for (const bodyFormat of ['form', 'json'] as const) {
        const options = { authorizationMethod, bodyFormat };
        const told = `with the secret in the ${authorizationMethod} and a body of ${bodyFormat}`;

        it(`simple-oauth2 connects, refreshes and revokes, ${told}`, async () => {
          const { directoryId, client: made, contact } = await setUp();
          const client = new AuthorizationCode({
            client: { id: made.id, secret: made.secret },
            auth: { tokenHost: app.url },
            options,
          });
          const address = client.authorizeURL({ redirect_uri: REDIRECT_URI, scope: 'scim', state: 'a state' });
          const callback = await contact.allow(address);
          const code = callback.searchParams.get('code') ?? '';
          const first = await client.getToken({ code, redirect_uri: REDIRECT_URI });
          assert.equal(first.expired(), false);
          const second = await first.refresh();
          const accessToken = String(second.token['access_token']);
          assert.equal(await verified(app, directoryId, accessToken), 200);
          await second.revoke('access_token');
          assert.equal(await verified(app, directoryId, accessToken), 401);
          assert.equal(await verified(app, directoryId, String(first.token['access_token'])), 200);
          await second.revoke('refresh_token');
          assert.equal(await verified(app, directoryId, String(first.token['access_token'])), 401);
          await assert.rejects(first.refresh(), /400/);
        });

        it(`simple-oauth2 gets tokens with client credentials, ${told}`, async () => {
          const { directoryId, client: made } = await setUp({ grantTypes: ['client_credentials'] });
          const client = new ClientCredentials({
            client: { id: made.id, secret: made.secret },
            auth: { tokenHost: app.url },
            options,
          });
          const { token } = await client.getToken({ scope: 'scim' });
          assert.equal(await verified(app, directoryId, String(token['access_token'])), 200);
        });
      }
    }
  });
}
