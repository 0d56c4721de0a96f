/**
 * Invariants 2, 6, 7 and 8 for connections: revoked means refused on every instance, for access and refresh tokens; no secret is in anything that
 * is kept or told; people leave and the connection stays; tenants are walls.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import mongoose from 'mongoose';
import type { Answer } from '../support/api.ts';
import { createApi } from '../support/api.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { createMovableClock, HOUR } from '../support/clock.ts';
import { bothEngines, type Engine, type Place } from '../support/engines.ts';
import { createItContact, makeLink } from '../support/it-contact.ts';
import { ask, eventsOf, exchange, makeClient, makeConnection, refresh, verified } from '../support/oauth-client.ts';
import { type LatchkeyProcess, PROCESS_OWNER_KEY, startLatchkey } from '../support/process.ts';
import { assertRefused, countStatuses, pause, startTraffic, until } from '../support/traffic.ts';

const CLIENTS = 20;
const BEFORE_MS = 400;
const AFTER_MS = 700;
const PATIENCE_MS = 60_000;

for (const engine of bothEngines) {
  describe(`invariant 2 for connections: revoked means refused, on three instances with ${engine.name}`, () => {
    let place: Place;
    let instances: LatchkeyProcess[] = [];
    before(async () => {
      place = engine.place();
      const start = () =>
        startLatchkey({
          databaseUrl: place.url,
          env: {
            LATCHKEY_LEASE_MS: '500',
            LATCHKEY_FAILURES_PER_ADDRESS: '1000000000',
            LATCHKEY_FAILURES_PER_DIRECTORY: '1000000000',
            LATCHKEY_LOG_LEVEL: 'error',
          },
        });
      instances = [await start(), ...(await Promise.all([start(), start()]))];
    });
    after(async () => {
      await Promise.all(instances.map((instance) => instance.end()));
      await place.remove();
    });

    it('gives nothing for an access token or a refresh token after the acknowledgement of a revoke', async () => {
      const [first] = instances as [LatchkeyProcess, ...LatchkeyProcess[]];
      const target = { url: first.url, api: createApi(first.url, PROCESS_OWNER_KEY) };
      const { directory, client, accessToken, refreshToken, credentialId } = await makeConnection(target);
      const presenting = startTraffic({
        targets: instances.map(({ url }) => `${url}/auth/verify?directory=${directory.endpointKey}`),
        clients: CLIENTS,
        headers: { authorization: `Bearer ${accessToken}` },
      });
      const refreshing = startTraffic({
        targets: instances.map(({ url }) => `${url}/oauth/token`),
        clients: 6,
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({
          grant_type: 'refresh_token',
          refresh_token: refreshToken,
          client_id: client.id,
          client_secret: client.secret,
        }).toString(),
      });
      await pause(BEFORE_MS);
      for (const { samples } of [presenting, refreshing])
        await until('each is accepted before', PATIENCE_MS, () => (countStatuses(samples)['200'] ?? 0) > 0);
      // A machine that is busy may say 503, as it should; then it is asked again.
      await until('the revoke is acknowledged', PATIENCE_MS, async () => {
        const { status } = await target.api.post(`/credentials/${credentialId}/revoke`, { force: true });
        assert.ok(status === 200 || status === 503, `${status}`);
        return status === 200;
      });
      const acknowledgedAt = performance.now();
      await pause(AFTER_MS);
      for (const [traffic, refusal] of [
        [presenting, 401],
        [refreshing, 400],
      ] as const) {
        const refused = (url: string) =>
          traffic.samples.some(
            ({ target: asked, sentAt, status }) =>
              asked.startsWith(url) && sentAt >= acknowledgedAt && status === refusal,
          );
        await until('each is asked after it', PATIENCE_MS, () => instances.every(({ url }) => refused(url)));
        const samples = await traffic.stop();
        const earlier = samples.filter(({ sentAt }) => sentAt < acknowledgedAt);
        const later = samples.filter(({ sentAt }) => sentAt >= acknowledgedAt);
        assert.ok((countStatuses(earlier)['200'] ?? 0) > 0, JSON.stringify(countStatuses(earlier)));
        assertRefused(later, refusal);
      }
    });
  });

  describe(`invariants 6, 7 and 8 for connections, on ${engine.name}`, () => {
    let place: Place;
    let app: TestApp;
    before(async () => {
      place = engine.place();
      app = await startApp({ databaseUrl: place.url, clock: createMovableClock(new Date().toISOString()) });
    });
    after(async () => {
      await app.close();
      await place.remove();
    });

    it('6: no token, code, client secret, portal link or session is in a store file, log, event, metric or later answer', async () => {
      const secrets = new Map<string, string>();
      const keep = (name: string, value: unknown) => secrets.set(name, String(value));
      const directory = await app.api.makeDirectory();
      const client = await makeClient(app, {
        grantTypes: ['authorization_code', 'refresh_token', 'client_credentials'],
        directoryId: directory.id,
      });
      keep('client secret', client.secret);
      keep('second client secret', (await app.api.post(`/clients/${client.id}/secrets`)).body.clientSecret);
      const unused = await makeLink(app.api, directory.organizationId);
      const link = await makeLink(app.api, directory.organizationId);
      for (const [name, { url }] of Object.entries({ unused, link })) keep(`${name} link`, url.split('/').at(-1));
      const contact = createItContact(app.url);
      await contact.enter(link.url);
      for (const pair of contact.browser.cookieFor(app.url).split('; ')) keep('portal session', pair.split('=')[1]);
      const address = `${app.url}/oauth/authorize?${new URLSearchParams({ response_type: 'code', client_id: client.id, redirect_uri: client.redirectUri })}`;
      const cancelled = await contact.reachConsent(address);
      keep('form token', /name="token" value="(\w+)"/.exec(cancelled.html)?.[1]);
      await contact.decide(cancelled, { decision: 'cancel' });
      const code = (await contact.allow(address)).searchParams.get('code') ?? '';
      keep('code', code);
      const unusedCode = (await contact.allow(address)).searchParams.get('code') ?? '';
      keep('unused code', unusedCode);
      const { body: first } = await exchange(app, client, code);
      keep('access token', first.access_token);
      keep('refresh token', first.refresh_token);
      // The answer that a retry gets is kept, and must be unreadable without the code.
      assert.deepEqual((await exchange(app, client, code)).body, first);
      keep('refreshed access token', (await refresh(app, client, first.refresh_token)).body.access_token);
      keep(
        'client credentials token',
        (await ask(app, client, { grant_type: 'client_credentials' })).body.access_token,
      );
      const rotating = await makeConnection(app, { rotateRefreshTokens: true });
      keep('first rotated token', rotating.refreshToken);
      keep('second rotated token', (await refresh(app, rotating.client, rotating.refreshToken)).body.refresh_token);
      const byHand = await app.api.post(`/directories/${rotating.directory.id}/connections`, {
        clientId: rotating.client.id,
      });
      keep('pasted refresh token', byHand.body.refreshToken);
      // Refusals are told with what was presented, as far as that is no secret.
      await ask(
        app,
        { ...client, secret: `${client.secret}x` },
        { grant_type: 'refresh_token', refresh_token: first.refresh_token },
      );
      await ask(app, rotating.client, { grant_type: 'refresh_token', refresh_token: first.refresh_token });
      await exchange(app, rotating.client, unusedCode);
      await ask(app, client, { token: first.access_token }, { path: '/oauth/revoke' });
      await verified(app, rotating.directory.id, first.access_token);
      await fetch(`${app.url}/auth/verify?directory=${directory.id}&access_token=${first.access_token}`);
      await createItContact(app.url).browser.open(link.url);
      for (const round of app.app.rounds) await round.run();

      const kept: Record<string, string> = { log: app.log(), ...(await storedBy(engine, place)) };
      const paths = [
        '/events?limit=200',
        '/clients?limit=200',
        '/portal-links?limit=200',
        `/directories/${directory.id}/credentials?limit=200`,
      ];
      for (const path of paths) kept[path] = JSON.stringify((await app.api.get(path)).body);
      kept['/metrics'] = await (await fetch(`${app.url}/metrics`)).text();
      assert.ok(Object.values(kept).some((text) => text.includes(client.id)));
      for (const [name, secret] of secrets) {
        assert.ok(secret.length > 20, `${name}: ${secret}`);
        const spellings = [
          secret,
          Buffer.from(secret).toString('base64').replace(/=+$/, ''),
          Buffer.from(secret).toString('hex'),
        ];
        for (const [where, text] of Object.entries(kept))
          for (const spelling of spellings) assert.ok(!text.includes(spelling), `${name} is in ${where}`);
      }
    });

    it('7: the key that made the client and the link, and the link itself, are gone, and the connection goes on under their names', async () => {
      const directory = await app.api.makeDirectory();
      const { body: leaver } = await app.api.post('/api-keys', { name: 'Leaver', role: 'admin' });
      const theirs = app.api.as(leaver.key);
      const client = await makeClient({ url: app.url, api: theirs });
      const link = await makeLink(theirs, directory.organizationId, { contact: 'Priya Nair' });
      const contact = createItContact(app.url);
      await contact.enter(link.url);
      const address = `${app.url}/oauth/authorize?${new URLSearchParams({ response_type: 'code', client_id: client.id, redirect_uri: client.redirectUri })}`;
      const code = (await contact.allow(address)).searchParams.get('code') ?? '';
      const { body: tokens } = await exchange(app, client, code);
      await app.api.post(`/api-keys/${leaver.apiKey.id}/revoke`);
      await app.api.post(`/portal-links/${link.portalLink.id}/revoke`);
      app.clock.advance(30 * 24 * HOUR);
      const { status, body } = await refresh(app, client, tokens.refresh_token);
      assert.equal(status, 200, JSON.stringify(body));
      assert.equal(await verified(app, directory.id, body.access_token), 200);
      const [credential] = (await app.api.get(`/directories/${directory.id}/credentials`)).body.items;
      assert.deepEqual([credential.authorizedBy.type, credential.authorizedBy.id], ['it_contact', link.portalLink.id]);
      assert.equal(credential.authorizedBy.name, 'Priya Nair');
      const [made] = (await eventsOf(app, 'portal_link.created')).filter(
        ({ data }) => data.portalLinkId === link.portalLink.id,
      );
      assert.deepEqual([made.actor.name, made.data.contact], ['Leaver', 'Priya Nair']);
      const [consented] = (await eventsOf(app, 'connection.consented')).filter(
        ({ directoryId }) => directoryId === directory.id,
      );
      assert.equal(consented.actor.id, link.portalLink.id);
    });

    it("8: a key limited to one organization neither sees nor touches another's client, connection or link", async () => {
      const theirs = await makeConnection(app, { name: 'Theirs' });
      const owned = await makeClient(app, { name: 'Owned', directoryId: theirs.directory.id });
      const { portalLink } = await makeLink(app.api, theirs.directory.organizationId);
      const mine = await app.api.makeDirectory();
      const { organizationId } = mine;
      const { body } = await app.api.post('/api-keys', { name: 'limited', role: 'owner', organizationId });
      const api = app.api.as(body.key);
      for (const { id } of [owned, theirs.client]) {
        const secretId = (await app.api.get(`/clients/${id}`)).body.secrets[0].id;
        const attempts = [
          await api.get(`/clients/${id}`),
          await api.patch(`/clients/${id}`, { redirectUris: ['https://evil.example/'] }),
          await api.delete(`/clients/${id}`),
          await api.post(`/clients/${id}/secrets`),
          await api.delete(`/clients/${id}/secrets/${secretId}`),
          await api.post(`/directories/${theirs.directory.id}/connections`, { clientId: id }),
        ];
        assert.deepEqual(
          attempts.map(({ status }) => status),
          [404, 404, 404, 404, 404, 404],
        );
      }
      assert.equal((await api.post(`/directories/${mine.id}/connections`, { clientId: owned.id })).status, 404);
      assert.equal((await api.post('/clients', { name: 'shared by me' })).status, 403);
      assert.equal((await api.post('/clients', { name: 'x', directoryId: theirs.directory.id })).status, 404);
      assert.equal((await api.post(`/portal-links/${portalLink.id}/revoke`)).status, 404);
      assert.equal((await api.post('/portal-links', { organizationId: theirs.directory.organizationId })).status, 404);
      for (const path of ['/clients?limit=200', '/portal-links?limit=200', '/events?limit=200']) {
        const told = JSON.stringify((await api.get(path)).body);
        for (const foreign of [owned.id, theirs.client.id, theirs.credentialId, theirs.directory.id, portalLink.id])
          assert.ok(!told.includes(foreign), `${foreign} in ${path}`);
      }
      const introspected = await fetch(`${app.url}/oauth/introspect`, {
        method: 'POST',
        headers: { authorization: `Bearer ${body.key}` },
        body: new URLSearchParams({ token: theirs.accessToken }),
      });
      assert.deepEqual(await introspected.json(), { active: false });
    });

    it("8: a client gets nothing for another's refresh token or code", async () => {
      const theirs = await makeConnection(app);
      const other = await makeConnection(app);
      const { status, body } = await refresh(app, other.client, theirs.refreshToken);
      assert.deepEqual([status, body.error], [400, 'invalid_grant']);
      assert.equal((await refresh(app, theirs.client, theirs.refreshToken)).status, 200);
      assert.equal(await verified(app, theirs.directory.id, other.accessToken), 401);
    });
  });
}

/** All that a store has on disk, or all documents of the database. */
async function storedBy({ name }: Engine, { url }: Place): Promise<Record<string, string>> {
  if (name === 'sqlite') {
    const folder = url.slice('file:'.length);
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    return Object.fromEntries(
      files.map((file) => [file.name, readFileSync(join(file.parentPath, file.name), 'latin1')]),
    );
  }
  const connection = await mongoose.createConnection(url).asPromise();
  const found: Record<string, string> = {};
  for (const { name: collection } of (await connection.db?.listCollections().toArray()) ?? []) {
    const records: Answer[] = (await connection.db?.collection(collection).find().toArray()) ?? [];
    found[collection] = JSON.stringify(records);
  }
  await connection.close();
  return found;
}
