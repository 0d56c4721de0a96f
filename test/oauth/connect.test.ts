import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as oauth from 'oauth4webapi';
import { systemClock } from '../../src/clock.ts';
import type { Answer } from '../support/api.ts';
import { runApp } from '../support/app.ts';
import { createBrowserSession } from '../support/browser-session.ts';
import { engines } from '../support/engines.ts';

const REDIRECT = 'https://system-admin.okta.com/admin/app/cpc/acme_scim_1/oauth/callback';

for (const engine of engines) {
  describe(`an Okta-like client on ${engine.name}`, () => {
    const app = runApp({ engine, realClock: systemClock, env: { LATCHKEY_LEASE_MS: '20' } });

    async function setUp() {
      const directory = await app.api.makeDirectory();
      const made = (await app.api.post('/clients', { name: 'Okta', provider: 'okta', appName: 'acme_scim_1' })).body;
      const link = (await app.api.post('/portal-links', { organizationId: directory.organizationId })).body;
      const issuer = new URL(app.url);
      const server = await oauth.processDiscoveryResponse(
        issuer,
        await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', [oauth.allowInsecureRequests]: true }),
      );
      return { directory, made, link, server, client: { client_id: made.client.id } as oauth.Client };
    }

    async function connect({ made, link }: { made: Answer; link: Answer }, fields: Record<string, string> = {}) {
      const browser = createBrowserSession(app.url);
      const query = new URLSearchParams({
        response_type: 'code',
        client_id: made.client.id,
        redirect_uri: REDIRECT,
        state: 'st4te',
        ...fields,
      });
      const waiting = await browser.open(`${app.url}/oauth/authorize?${query}`);
      assert.equal(waiting.status, 200, waiting.html);
      assert.match(waiting.html, /portal link/);
      const entering = await browser.open(link.url);
      assert.equal(entering.status, 200);
      const consent = await browser.submit(entering, {});
      assert.equal(consent.status, 200, consent.html);
      assert.match(consent.html, /Connect Okta/);
      const answer = await browser.submit(consent, { decision: 'allow' });
      assert.match(answer.url, /^https:\/\/system-admin\.okta\.com\//, answer.html);
      return new URL(answer.url);
    }

    it('is connected by an IT contact with a portal link, provisions, refreshes and is revoked', async () => {
      const given = await setUp();
      const { directory, made, server, client } = given;
      const callback = await connect(given);
      assert.equal(callback.searchParams.get('iss'), app.url);
      const parameters = oauth.validateAuthResponse(server, client, callback, 'st4te');
      const exchanged = await oauth.authorizationCodeGrantRequest(
        server,
        client,
        oauth.ClientSecretPost(made.clientSecret),
        parameters,
        REDIRECT,
        oauth.nopkce,
        {
          [oauth.allowInsecureRequests]: true,
        },
      );
      const tokens = await oauth.processAuthorizationCodeResponse(server, client, exchanged);
      assert.match(tokens.access_token, /^scimat_[0-9A-Za-z]{43}$/);
      assert.match(tokens.refresh_token ?? '', /^scimrt_[0-9A-Za-z]{43}$/);
      assert.deepEqual([tokens.token_type, tokens.expires_in, tokens.scope], ['bearer', 3600, 'scim']);
      const verify = async (token: string) =>
        (
          await fetch(`${app.url}/auth/verify?directory=${directory.id}`, {
            headers: { authorization: `Bearer ${token}` },
          })
        ).status;
      assert.equal(await verify(tokens.access_token), 200);
      const refreshed = await oauth.processRefreshTokenResponse(
        server,
        client,
        await oauth.refreshTokenGrantRequest(
          server,
          client,
          oauth.ClientSecretBasic(made.clientSecret),
          tokens.refresh_token ?? '',
          {
            [oauth.allowInsecureRequests]: true,
          },
        ),
      );
      assert.equal(refreshed.refresh_token, tokens.refresh_token);
      assert.equal(await verify(refreshed.access_token), 200);
      assert.equal(await verify(tokens.access_token), 200);
      const { body } = await app.api.get(`/directories/${directory.id}/credentials`);
      const [credential] = body.items;
      assert.deepEqual(
        [credential.kind, credential.slot, credential.state, credential.clientId],
        ['oauth', 'a', 'active', made.client.id],
      );
      assert.equal(credential.acceptedCount, 3);
      await app.api.post(`/credentials/${credential.id}/revoke`, { force: true });
      assert.equal(await verify(refreshed.access_token), 401);
      const refused = await oauth.refreshTokenGrantRequest(
        server,
        client,
        oauth.ClientSecretPost(made.clientSecret),
        tokens.refresh_token ?? '',
        {
          [oauth.allowInsecureRequests]: true,
        },
      );
      assert.equal(refused.status, 400);
      assert.equal(((await refused.json()) as Answer).error, 'invalid_grant');
      const { body: events } = await app.api.get(
        '/events?type=token.*,connection.*,credential.connected,portal_link.*&limit=20',
      );
      const types = new Set(events.items.map((event: Answer) => event.type));
      for (const type of [
        'portal_link.used',
        'connection.consented',
        'credential.connected',
        'token.issued',
        'token.refused',
      ]) {
        assert.ok(types.has(type), type);
      }
    });
  });
}
