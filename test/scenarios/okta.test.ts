/** Okta as a customer meets it: an app of the OIN on one client for all, and a custom app of its own, through the gateway into a SCIM server. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { runApp } from '../support/app.ts';
import { createMovableClock, DAY, HOUR } from '../support/clock.ts';
import { bothEngines, itOnce } from '../support/engines.ts';
import { createItContact, makeLink } from '../support/it-contact.ts';
import { eventsOf, makeClient } from '../support/oauth-client.ts';
import { createOktaClient, type OktaClient, type OktaSettings } from '../support/okta-client.ts';
import { newUser, startScimServer } from '../support/scim-server.ts';
import { inSuite } from '../support/suite.ts';

for (const engine of bothEngines) {
  describe(`Okta on ${engine.name}`, () => {
    const once = itOnce(engine);
    const app = runApp({ engine, clock: createMovableClock(new Date().toISOString()) });
    const server = inSuite(startScimServer);

    const makeDirectory = () => app.api.makeDirectory({ upstreamUrl: server.url });

    /** An app in Okta whose admin typed in what the vendor gave. */
    async function configure(
      directory: Answer,
      { shared, ...settings }: Partial<OktaSettings> & { shared?: boolean; scope?: string } = {},
    ): Promise<OktaClient> {
      const { scope = '?scope=scim+offline_access' } = settings;
      const client = await makeClient(app, {
        name: 'Okta',
        provider: 'okta',
        appName: 'acme_scim_1',
        redirectUris: undefined,
        ...(!shared && { directoryId: directory.id }),
      });
      return createOktaClient({
        authorizeUrl: `${app.url}/oauth/authorize${scope}`,
        tokenUrl: `${app.url}/oauth/token`,
        clientId: client.id,
        clientSecret: client.secret,
        scimUrl: directory.endpointUrl,
        redirectUri: client.redirectUri,
        now: () => app.clock.now(),
        ...settings,
      });
    }

    /** Authenticate, the link from the vendor, Enter, Allow: the IT contact's two clicks. */
    async function connect(okta: OktaClient, organizationId: string): Promise<void> {
      const contact = createItContact(app.url);
      const waiting = await contact.browser.open(okta.authorizationUrl());
      assert.doesNotMatch(waiting.html, /value="allow"/);
      const consent = await contact.enter((await makeLink(app.api, organizationId)).url);
      await okta.finish(await contact.decide(consent, { decision: 'allow' }));
    }

    async function provision(okta: OktaClient): Promise<void> {
      const made = await okta.scim('POST', '/Users', newUser());
      assert.equal(made.status, 201, JSON.stringify(made.body));
      assert.equal((await okta.scim('GET', `/Users/${made.body.id}`)).status, 200);
      assert.equal((await okta.scim('DELETE', `/Users/${made.body.id}`)).status, 204);
    }

    const variants: [name: string, settings: Parameters<typeof configure>[1]][] = [
      ['an OIN app with the secret in the header', { shared: true, secretIn: 'header' }],
      ['an OIN app with the secret in the body', { shared: true, secretIn: 'body' }],
      ['a custom app with the secret in the header', { secretIn: 'header' }],
      ['a custom app with the secret in the body', { secretIn: 'body' }],
      ['an app with PKCE', { pkce: true }],
      ['an app with a state of one character', { stateLength: 1 }],
      ['an app with a state of 2 KB', { stateLength: 2048 }],
      ['an app that keeps its first refresh token', { keepsNewRefreshToken: false }],
      ['an app that refreshes only after a 401', { refreshes: 'after 401' }],
      ['an app whose admin left the scope out', { scope: '' }],
      ['an app whose admin typed the scope with %20', { scope: '?scope=scim%20offline_access' }],
      ['an app whose admin asked for offline', { scope: '?scope=offline+scim' }],
    ];
    for (const [index, [name, settings]] of variants.entries()) {
      const each = index === 0 ? it : once;
      each(
        `(10) (11) (12) connects ${name}, provisions, and refreshes with the next task, also after months of silence`,
        async () => {
          const directory = await makeDirectory();
          const okta = await configure(directory, settings);
          await connect(okta, directory.organizationId);
          await provision(okta);
          assert.equal(okta.refreshCount(), 0);
          app.clock.advance(HOUR + 1000);
          await provision(okta);
          assert.equal(okta.refreshCount(), 1);
          app.clock.advance(200 * DAY);
          await provision(okta);
          assert.equal(okta.refreshCount(), 2);
        },
      );
    }

    once('(13) takes each of the five addresses of Okta that are known for the app', async () => {
      const directory = await makeDirectory();
      const client = await makeClient(app, { provider: 'okta', appName: 'acme_scim_1', redirectUris: undefined });
      for (const redirectUri of client.client.redirectUris) {
        const okta = createOktaClient({
          authorizeUrl: `${app.url}/oauth/authorize`,
          tokenUrl: `${app.url}/oauth/token`,
          clientId: client.id,
          clientSecret: client.secret,
          scimUrl: directory.endpointUrl,
          redirectUri,
          now: () => app.clock.now(),
        });
        await connect(okta, directory.organizationId);
        await provision(okta);
        const { items } = (await app.api.get(`/directories/${directory.id}/credentials?limit=1`)).body;
        await app.api.post(`/credentials/${items[0].id}/revoke`, { force: true });
      }
    });

    once('(14) serves two customers on the one client of an OIN app; revoking one leaves the other', async () => {
      const [a, b] = [await makeDirectory(), await makeDirectory()];
      const client = await makeClient(app, { provider: 'okta', appName: 'acme_scim_1', redirectUris: undefined });
      const configured = (directory: Answer) =>
        createOktaClient({
          authorizeUrl: `${app.url}/oauth/authorize`,
          tokenUrl: `${app.url}/oauth/token`,
          clientId: client.id,
          clientSecret: client.secret,
          scimUrl: directory.endpointUrl,
          redirectUri: client.redirectUri,
          now: () => app.clock.now(),
        });
      const [first, second] = [configured(a), configured(b)];
      await connect(first, a.organizationId);
      await connect(second, b.organizationId);
      await provision(first);
      await provision(second);
      const [credential] = (await app.api.get(`/directories/${a.id}/credentials`)).body.items;
      await app.api.post(`/credentials/${credential.id}/revoke`, { force: true });
      await assert.rejects(first.scim('GET', '/Users'), /the task failed: 401/);
      await provision(second);
      app.clock.advance(HOUR + 1000);
      await assert.rejects(first.scim('GET', '/Users'), /token endpoint: 400 .*invalid_grant/);
      await provision(second);
      // "Unauthorized in Okta, and nothing in our SCIM log": the refusal is kept with the connection.
      const refusals = (await eventsOf(app, 'token.refused')).filter(({ directoryId }) => directoryId === a.id);
      assert.deepEqual(
        refusals.map(({ credentialId, data }) => [credentialId, data.reason]),
        [[credential.id, 'refresh_token_revoked']],
      );
    });

    it('(16) moves from a static token to OAuth with no failed request, and back in when it is connected again', async () => {
      const directory = await makeDirectory();
      const { token } = await app.api.issue(directory.id);
      const byToken = async () =>
        (await fetch(`${directory.endpointUrl}/Users`, { headers: { authorization: token } })).status;
      assert.equal(await byToken(), 200);
      const okta = await configure(directory);
      await connect(okta, directory.organizationId);
      await provision(okta);
      assert.equal(await byToken(), 200);
      const again = await configure(directory);
      const contact = createItContact(app.url);
      await contact.enter((await makeLink(app.api, directory.organizationId)).url);
      const page = await contact.reachConsent(again.authorizationUrl());
      const { items } = (await app.api.get(`/directories/${directory.id}/credentials`)).body;
      const old = items.find(({ kind }: Answer) => kind === 'bearer');
      await again.finish(await contact.decide(page, { decision: 'allow', [`replaces-${directory.id}`]: old.id }));
      assert.equal(await byToken(), 200);
      await provision(okta);
      await provision(again);
      app.clock.advance(1100);
      assert.equal(await byToken(), 401);
      await provision(okta);
    });

    once('is told no when the IT contact cancels, and can try again', async () => {
      const directory = await makeDirectory();
      const okta = await configure(directory);
      const contact = createItContact(app.url);
      await contact.enter((await makeLink(app.api, directory.organizationId)).url);
      const page = await contact.reachConsent(okta.authorizationUrl());
      await assert.rejects(okta.finish(await contact.decide(page, { decision: 'cancel' })), /refused: access_denied/);
      await okta.finish(await contact.allow(okta.authorizationUrl()));
      await provision(okta);
    });

    once('gets its endpoint URLs without an underscore, which Okta refuses', async () => {
      const directory = await makeDirectory();
      assert.doesNotMatch(new URL(directory.endpointUrl).pathname, /_/);
      await configure(directory);
    });
  });
}
