/** Entra ID as a customer meets it: each brings its own client; code, client credentials in header or body, or workload identity. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { createMovableClock, DAY, HOUR, MINUTE } from '../support/clock.ts';
import { bothEngines, itOnce, type Place } from '../support/engines.ts';
import { createEntraClient, type EntraClient, type EntraIssuer, startEntraIssuer } from '../support/entra-client.ts';
import { welcomeItContact } from '../support/it-contact.ts';
import { eventsOf, makeClient } from '../support/oauth-client.ts';
import { startScimServer } from '../support/scim-server.ts';
import { inSuite } from '../support/suite.ts';

const AUDIENCE = 'api://5f1c2c8e-acme-scim';
const CYCLE = 40 * MINUTE;

for (const engine of bothEngines) {
  describe(`Entra ID on ${engine.name}`, () => {
    const once = itOnce(engine);
    let place: Place;
    let app: TestApp;
    const server = inSuite(startScimServer);
    let entra: EntraIssuer;
    before(async () => {
      place = engine.place();
      entra = await startEntraIssuer();
      app = await startApp({
        databaseUrl: place.url,
        clock: createMovableClock(new Date().toISOString()),
        fetch: entra.fetch,
      });
    });
    after(async () => {
      await app.close();
      await entra.close();
      await place.remove();
    });

    async function setUp(fields: Record<string, unknown> = {}) {
      const directory = await app.api.makeDirectory({ provider: 'entra', upstreamUrl: server.url });
      const client = await makeClient(app, {
        name: 'Entra ID',
        provider: 'entra',
        directoryId: directory.id,
        redirectUris: undefined,
        ...fields,
      });
      const settings = {
        tokenUrl: `${app.url}/oauth/token`,
        scimUrl: directory.endpointUrl,
        now: () => app.clock.now(),
      };
      return { directory, client, settings };
    }

    const credentialsOf = async (directory: Answer): Promise<Answer[]> =>
      (await app.api.get(`/directories/${directory.id}/credentials`)).body.items;

    /** Three days of cycles of 40 minutes: a user comes and goes in each. */
    async function runCycles(client: EntraClient): Promise<void> {
      for (let passed = 0; passed < 3 * DAY; passed += CYCLE) {
        const userName = `${randomUUID()}@contoso.test`;
        const schemas = ['urn:ietf:params:scim:schemas:core:2.0:User'];
        const made = await client.scim('POST', '/Users', { schemas, userName });
        assert.equal(made.status, 201, JSON.stringify(made.body));
        assert.equal((await client.scim('DELETE', `/Users/${made.body.id}`)).status, 204);
        app.clock.advance(CYCLE);
        // As it would be every few seconds.
        for (const round of app.app.rounds) if (round.name === 'denials') await round.run();
      }
    }

    for (const secretIn of ['header', 'body'] as const) {
      const each = secretIn === 'header' ? it : once;
      each(
        `(9) (24) passes "Test connection" and runs for days with client credentials in the ${secretIn}, in one slot`,
        async () => {
          const { directory, client, settings } = await setUp();
          const identity = { clientId: client.id, clientSecret: client.secret, secretIn };
          const gallery = createEntraClient({ ...settings, identity });
          await gallery.testConnection();
          await runCycles(gallery);
          assert.ok(gallery.tokenRequests() > 25);
          assert.deepEqual(
            (await credentialsOf(directory)).map(({ kind, state, slot }) => [kind, state, slot]),
            [['oauth', 'active', 'a']],
          );
        },
      );

      each(`(11) (13) connects with a code, with the secret in the ${secretIn}, and refreshes for days`, async () => {
        const { directory, client, settings } = await setUp();
        assert.equal(client.redirectUri, 'https://portal.azure.com/TokenAuthorize');
        const gallery = createEntraClient({
          ...settings,
          identity: { clientId: client.id, clientSecret: client.secret, secretIn },
          code: { authorizeUrl: `${app.url}/oauth/authorize`, redirectUri: client.redirectUri },
        });
        const contact = await welcomeItContact(app.url, app.api, directory.organizationId);
        await gallery.finish(await contact.allow(gallery.authorizationUrl()));
        await gallery.testConnection();
        await runCycles(gallery);
        assert.equal((await credentialsOf(directory)).length, 1);
      });
    }

    /** A service principal of its own for each directory. */
    async function setUpWorkload(names: { clientId: boolean } = { clientId: false }) {
      const subject = randomUUID();
      const workloadIdentity = { issuer: entra.issuer, subject, audience: AUDIENCE, jwksUri: entra.jwksUri };
      const made = await setUp({ grantTypes: ['client_credentials'], workloadIdentity });
      assert.equal(made.client.secret, '');
      const workload = createEntraClient({
        ...made.settings,
        identity: {
          ...(names.clientId && { clientId: made.client.id }),
          assertion: () => entra.assertion({ subject, audience: AUDIENCE, now: app.clock.now() }),
        },
      });
      return { ...made, subject, workload };
    }

    for (const clientId of [false, true]) {
      const each = clientId ? once : it;
      each(
        `(25) passes "Test connection" and runs for days with workload identity, ${clientId ? 'naming its client' : 'by its assertion alone'}`,
        async () => {
          const { directory, workload } = await setUpWorkload({ clientId });
          await workload.testConnection();
          await runCycles(workload);
          assert.deepEqual(
            (await credentialsOf(directory)).map(({ kind, state }) => [kind, state]),
            [['oauth', 'active']],
          );
        },
      );
    }

    once(
      '(25) refuses an assertion with another issuer, subject or audience, an old one, and a forged one',
      async () => {
        const { client, subject } = await setUpWorkload();
        const forger = await startEntraIssuer();
        try {
          const now = app.clock.now();
          const good = { subject, audience: AUDIENCE, now };
          const assertions = {
            issuer: await entra.assertion({ ...good, issuer: `${entra.issuer}/` }),
            subject: await entra.assertion({ ...good, subject: randomUUID() }),
            audience: await entra.assertion({ ...good, audience: 'api://another' }),
            age: await entra.assertion({ ...good, now: new Date(now.getTime() - 2 * HOUR) }),
            signature: await forger.assertion({ ...good, issuer: entra.issuer }),
          };
          const ask = async (assertion: string) =>
            fetch(`${app.url}/oauth/token`, {
              method: 'POST',
              body: new URLSearchParams({
                grant_type: 'client_credentials',
                client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
                client_assertion: assertion,
              }),
            });
          for (const [what, assertion] of Object.entries(assertions)) {
            const response = await ask(assertion);
            assert.deepEqual(
              [response.status, ((await response.json()) as Answer).error],
              [401, 'invalid_client'],
              what,
            );
          }
          assert.equal((await ask(await entra.assertion(good))).status, 200);
          const told = (await eventsOf(app, 'token.refused')).filter(({ data }) => data.clientId === client.id);
          assert.ok(told.length > 0);
        } finally {
          await forger.close();
        }
      },
    );

    once(
      "(25) follows Entra's keys when they change, keeps them through an outage, and asks for them rarely",
      async () => {
        const { workload } = await setUpWorkload();
        await workload.testConnection();
        const asked = entra.fetches();
        for (let turn = 0; turn < 5; turn++) {
          app.clock.advance(HOUR);
          entra.fail(true);
          await workload.testConnection();
          entra.fail(false);
        }
        assert.ok(entra.fetches() - asked <= 5, `${entra.fetches() - asked} fetches`);
        await entra.rotateKey();
        app.clock.advance(HOUR);
        await workload.testConnection();
      },
    );

    once('(25) answers 503, and never invalid_client, when the keys were never fetched and cannot be now', async () => {
      const other = await startEntraIssuer();
      const cold = await startApp({ clock: createMovableClock(new Date().toISOString()), fetch: other.fetch });
      try {
        other.fail(true);
        const directory = await cold.api.makeDirectory();
        const workloadIdentity = { issuer: other.issuer, subject: 's', audience: AUDIENCE, jwksUri: other.jwksUri };
        await makeClient(cold, { directoryId: directory.id, grantTypes: ['client_credentials'], workloadIdentity });
        const response = await fetch(`${cold.url}/oauth/token`, {
          method: 'POST',
          body: new URLSearchParams({
            grant_type: 'client_credentials',
            client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
            client_assertion: await other.assertion({ subject: 's', audience: AUDIENCE, now: cold.clock.now() }),
          }),
        });
        assert.equal(response.status, 503);
        assert.equal(((await response.json()) as Answer).error, 'temporarily_unavailable');
        assert.match(response.headers.get('retry-after') ?? '', /^[1-9]\d*$/);
      } finally {
        await cold.close();
        await other.close();
      }
    });

    once("(14) lets one customer's client get nothing of another's directory", async () => {
      const mine = await setUp();
      const theirs = await setUp();
      const client = createEntraClient({
        ...mine.settings,
        scimUrl: theirs.directory.endpointUrl,
        identity: { clientId: mine.client.id, clientSecret: mine.client.secret, secretIn: 'header' },
      });
      assert.equal((await client.scim('GET', '/Users')).status, 401);
    });

    once('comes out of quarantine with the same credentials when its directory is enabled again', async () => {
      const { directory, client, settings } = await setUp();
      const identity = { clientId: client.id, clientSecret: client.secret, secretIn: 'header' as const };
      const gallery = createEntraClient({ ...settings, identity });
      await gallery.testConnection();
      const [{ id }] = (await credentialsOf(directory)) as [Answer];
      await app.api.post(`/credentials/${id}/disable`);
      assert.equal((await gallery.scim('GET', '/Users')).status, 401);
      for (const wait of [6 * HOUR, 12 * HOUR, DAY]) {
        app.clock.advance(wait);
        assert.equal((await gallery.scim('GET', '/Users')).status, 401, 'still disabled');
      }
      await app.api.post(`/credentials/${id}/enable`);
      await gallery.testConnection();
      assert.equal((await credentialsOf(directory)).length, 1);
    });
  });
}
