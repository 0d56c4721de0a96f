/** Lines 14 to 16 of what must hold for identity providers: whose connection it becomes, who may allow it, and connecting again. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { runApp } from '../support/app.ts';
import { createMovableClock } from '../support/clock.ts';
import { consentsAt } from '../support/consents.ts';
import { engines } from '../support/engines.ts';
import { createItContact, type ItContact, makeLink } from '../support/it-contact.ts';
import { eventsOf, makeClient, type OauthClient, refresh, verified } from '../support/oauth-client.ts';

for (const engine of engines) {
  describe(`connecting on ${engine.name}`, () => {
    const app = runApp({ engine, clock: createMovableClock(new Date().toISOString()) });

    const { addressOf, setUp, tokensOf } = consentsAt(() => app);

    async function connect(client: OauthClient, contact: ItContact, fields: Record<string, string> = {}) {
      return tokensOf(client, await contact.allow(addressOf(client), fields));
    }

    const credentialsOf = async (directory: Answer): Promise<Answer[]> =>
      (await app.api.get(`/directories/${directory.id}/credentials`)).body.items;

    describe('(14) shared and owned clients', () => {
      it('(14) lets the IT contact choose the directory of a shared client, and shows organization and directory', async () => {
        const { directory: first, client, contact } = await setUp();
        const second = await app.api.makeDirectory({ organizationId: first.organizationId, name: 'Subsidiary' });
        const page = await contact.reachConsent(addressOf(client));
        for (const word of ['Provisioning', 'Northwind Traders', 'Okta production', 'Subsidiary'])
          assert.ok(page.html.includes(word), word);
        const callback = await contact.decide(page, { decision: 'allow', directory: second.id });
        const { access_token: token } = await tokensOf(client, callback);
        assert.equal(await verified(app, second.id, token), 200);
        assert.equal(await verified(app, first.id, token), 401);
      });

      it('(14) shows only its own directory to the contact of an owned client', async () => {
        const { directory, contact } = await setUp();
        await app.api.makeDirectory({ organizationId: directory.organizationId, name: 'Subsidiary' });
        const client = await makeClient(app, { directoryId: directory.id });
        const page = await contact.reachConsent(addressOf(client));
        assert.ok(!page.html.includes('Subsidiary'));
        const { access_token: token } = await tokensOf(client, await contact.decide(page, { decision: 'allow' }));
        assert.equal(await verified(app, directory.id, token), 200);
      });

      it('(14) makes two connections of two organizations on one shared client in one browser; revoking one leaves the other', async () => {
        const { directory: a, client, contact } = await setUp();
        const b = await app.api.makeDirectory();
        const tokensA = await connect(client, contact);
        await contact.enter((await makeLink(app.api, b.organizationId)).url);
        const tokensB = await connect(client, contact);
        assert.equal(await verified(app, a.id, tokensA.access_token), 200);
        assert.equal(await verified(app, b.id, tokensB.access_token), 200);
        const [{ id }] = (await credentialsOf(a)) as [Answer];
        assert.equal((await app.api.post(`/credentials/${id}/revoke`, { force: true })).status, 200);
        assert.equal(await verified(app, a.id, tokensA.access_token), 401);
        assert.equal(await verified(app, b.id, tokensB.access_token), 200);
      });

      it('(14) keeps requests apart that wait in two tabs of one browser', async () => {
        const { directory: a, client, contact } = await setUp();
        const other = await makeClient(app, { name: 'Another IdP' });
        const [first, second] = [
          await contact.reachConsent(addressOf(client)),
          await contact.reachConsent(addressOf(other)),
        ];
        await tokensOf(client, await contact.decide(first, { decision: 'allow' }));
        await tokensOf(other, await contact.decide(second, { decision: 'allow' }));
        assert.equal((await credentialsOf(a)).length, 2);
      });
    });

    describe('(15) who may consent', () => {
      it('(15) is nobody without a session: the page names the client and says what is needed', async () => {
        const { client } = await setUp();
        const page = await createItContact(app.url).browser.open(addressOf(client));
        assert.equal(page.status, 200);
        assert.match(page.html, /Provisioning wants to connect/);
        assert.match(page.html, /portal link/);
        assert.doesNotMatch(page.html, /value="allow"/);
      });

      it('(15) is not the contact of another organization, for an owned client; the right link then goes on', async () => {
        const { directory, contact: stranger } = await setUp();
        const client = await makeClient(app, { directoryId: directory.id });
        const refused = await stranger.browser.open(addressOf(client));
        assert.equal(refused.status, 200, 'its own organization');
        const { contact } = await setUp();
        const page = await contact.browser.open(addressOf(client));
        assert.equal(page.status, 403);
        assert.match(page.html, /has no directory for/);
        const consent = await contact.enter((await makeLink(app.api, directory.organizationId)).url);
        assert.match(consent.html, /value="allow"/, consent.html);
        await tokensOf(client, await contact.decide(consent, { decision: 'allow' }));
      });

      it("(15) gets nowhere with another organization's directory in any field of the form", async () => {
        const { directory: theirs } = await setUp();
        const { credential } = await app.api.issue(theirs.id);
        await app.api.issue(theirs.id);
        const { directory: mine, client, contact } = await setUp();
        const second = await app.api.makeDirectory({ organizationId: mine.organizationId, name: 'Second' });
        const forged: Record<string, string>[] = [
          { directory: theirs.id },
          { directory: theirs.id, [`replaces-${theirs.id}`]: credential.id },
          { directory: theirs.endpointKey },
          { directory: '' },
          { directory: 'dir_' },
        ];
        for (const fields of forged) {
          const page = await contact.reachConsent(addressOf(client));
          const answer = await contact.browser.submit(page, {
            decision: 'allow',
            organizationId: theirs.organizationId,
            ...fields,
          });
          assert.equal(answer.status, 400, JSON.stringify(fields));
        }
        // Where the own directory is meant and their credential is to be replaced, nothing of theirs is touched.
        const callback = await contact.allow(addressOf(client), {
          directory: second.id,
          [`replaces-${second.id}`]: credential.id,
        });
        const { access_token: token } = await tokensOf(client, callback);
        assert.equal(await verified(app, second.id, token), 200);
        assert.equal(await verified(app, theirs.id, token), 401);
        assert.deepEqual(
          (await credentialsOf(theirs)).map(({ state }) => state),
          ['active', 'active'],
        );
      });

      it('(15) is not who has a session that is over: revoked link, or eight hours later', async () => {
        const { directory, client } = await setUp();
        for (const end of ['revoked', 'expired']) {
          const contact = createItContact(app.url);
          const link = await makeLink(app.api, directory.organizationId);
          await contact.enter(link.url);
          const page = await contact.reachConsent(addressOf(client));
          if (end === 'revoked') await app.api.post(`/portal-links/${link.portalLink.id}/revoke`);
          else app.clock.advance(8 * 3_600_000);
          const answer = await contact.browser.submit(page, { decision: 'allow' });
          assert.ok(answer.url.startsWith(app.url), answer.url);
          assert.doesNotMatch(answer.html, /value="allow"/);
        }
        assert.deepEqual(await credentialsOf(directory), []);
      });
    });

    describe('(16) connecting again', () => {
      it('(16) takes the free slot, and what was there goes on', async () => {
        const { directory, client, contact } = await setUp();
        const first = await connect(client, contact);
        const second = await connect(client, contact);
        assert.equal(await verified(app, directory.id, first.access_token), 200);
        assert.equal(await verified(app, directory.id, second.access_token), 200);
        assert.deepEqual((await credentialsOf(directory)).map(({ slot }) => slot).sort(), ['a', 'b']);
      });

      it('(16) asks what to replace when both slots are full, and goes no further without an answer', async () => {
        const { directory, client, contact } = await setUp();
        await app.api.issue(directory.id, { label: 'Old token' });
        await connect(client, contact);
        const page = await contact.reachConsent(addressOf(client));
        for (const word of ['Old token', 'ever used', `name="replaces-${directory.id}"`])
          assert.ok(page.html.includes(word), word);
        const answer = await contact.browser.submit(page, { decision: 'allow' });
        assert.equal(answer.status, 400);
        assert.equal((await credentialsOf(directory)).length, 2);
      });

      it('(16) replaces a connection by choice; the old one works until the new one was used, and then no more', async () => {
        const { directory, client, contact } = await setUp();
        const old = await connect(client, contact);
        const other = await app.api.issue(directory.id);
        const oldId = (await credentialsOf(directory)).find(({ kind }) => kind === 'oauth')?.id;
        const fresh = await connect(client, contact, { [`replaces-${directory.id}`]: oldId });
        const states = async () => (await credentialsOf(directory)).map(({ state }) => state).sort();
        assert.deepEqual(await states(), ['active', 'active', 'pending']);
        assert.equal(await verified(app, directory.id, old.access_token), 200);
        assert.equal(await verified(app, directory.id, fresh.access_token), 200);
        assert.deepEqual(await states(), ['active', 'active', 'revoked']);
        app.clock.advance(1100);
        assert.equal(await verified(app, directory.id, old.access_token), 401);
        assert.equal(await verified(app, directory.id, fresh.access_token), 200);
        assert.equal(await verified(app, directory.id, other.token), 200);
      });

      it('(16) twice for the same place leaves the one that was used, and refuses the other with 401, not 503', async () => {
        const { directory, client, contact } = await setUp();
        const { credential: old } = await app.api.issue(directory.id);
        await app.api.issue(directory.id);
        const choice = { [`replaces-${directory.id}`]: old.id };
        const first = await connect(client, contact, choice);
        const second = await connect(client, contact, choice);
        assert.equal(await verified(app, directory.id, second.access_token), 200);
        assert.equal(await verified(app, directory.id, first.access_token), 401);
        assert.equal(await verified(app, directory.id, second.access_token), 200);
        const active = (await credentialsOf(directory)).filter(({ state }) => state === 'active');
        assert.equal(active.length, 2);
      });

      it('(16) loses its place to no token that is issued while it takes over', async () => {
        const { directory, client, contact } = await setUp();
        const first = await connect(client, contact);
        await app.api.post(`/directories/${directory.id}/credentials`, {});
        const [{ id: replaced }] = (await credentialsOf(directory)).filter(({ kind }) => kind === 'oauth');
        const page = await contact.reachConsent(addressOf(client));
        const fields = { decision: 'allow', [`replaces-${directory.id}`]: replaced };
        const second = await tokensOf(client, await contact.decide(page, fields));
        const issue = () => app.api.post(`/directories/${directory.id}/credentials`, {});
        const [used] = await Promise.all([
          verified(app, directory.id, second.access_token),
          ...Array.from({ length: 20 }, issue),
        ]);
        assert.equal(used, 200);
        assert.equal(await verified(app, directory.id, second.access_token), 200);
        assert.equal(await verified(app, directory.id, first.access_token), 401);
      });

      it('(16) keeps to two active credentials when one that waits is disabled and enabled, and it still takes over', async () => {
        const { directory, client, contact } = await setUp();
        const { credential: old, token } = await app.api.issue(directory.id);
        await app.api.issue(directory.id);
        const { access_token: fresh } = await connect(client, contact, { [`replaces-${directory.id}`]: old.id });
        const waiting = (await credentialsOf(directory)).find(({ state }) => state === 'pending');
        await app.api.post(`/credentials/${waiting?.id}/enable`);
        await app.api.post(`/credentials/${waiting?.id}/disable`);
        assert.equal(await verified(app, directory.id, fresh), 401);
        await app.api.post(`/credentials/${waiting?.id}/enable`);
        const active = async () => (await credentialsOf(directory)).filter(({ state }) => state === 'active').length;
        assert.equal(await active(), 2);
        assert.equal(await verified(app, directory.id, token), 200);
        assert.equal(await verified(app, directory.id, fresh), 200);
        assert.equal(await active(), 2);
      });

      it('(16) takes over with a use that is allowed only: not at another directory, not by a write that its scope forbids', async () => {
        const { directory, client, contact } = await setUp();
        const elsewhere = await app.api.makeDirectory();
        const { credential: old, token } = await app.api.issue(directory.id);
        await app.api.issue(directory.id);
        const choice = { directory: directory.id, [`replaces-${directory.id}`]: old.id };
        const callback = await contact.allow(addressOf(client, { scope: 'scim.read' }), choice);
        const { access_token: fresh } = await tokensOf(client, callback);
        assert.equal(await verified(app, elsewhere.id, fresh), 401);
        const write = await fetch(`${app.url}/scim/v2/${directory.endpointKey}/Users`, {
          method: 'POST',
          headers: { authorization: `Bearer ${fresh}` },
        });
        assert.equal(write.status, 403);
        assert.equal(await verified(app, directory.id, token), 200);
        const read = await fetch(`${app.url}/auth/verify?directory=${directory.id}`, {
          headers: { authorization: `Bearer ${fresh}`, 'x-original-method': 'GET' },
        });
        assert.equal(read.status, 200);
        app.clock.advance(1100);
        assert.equal(await verified(app, directory.id, token), 401);
      });

      it('(16) leaves the old one alone when the new one ends by its policy before its first use', async () => {
        const { directory, contact } = await setUp();
        const client = await makeClient(app, { directoryId: directory.id, maximumAgeDays: 1 });
        const { credential: old, token } = await app.api.issue(directory.id);
        await app.api.issue(directory.id);
        const { refresh_token: refreshToken } = await connect(client, contact, {
          directory: directory.id,
          [`replaces-${directory.id}`]: old.id,
        });
        app.clock.advance(86_400_000 - 60_000);
        const { body } = await refresh(app, client, refreshToken);
        app.clock.advance(120_000);
        assert.equal(await verified(app, directory.id, body.access_token), 401);
        assert.equal(await verified(app, directory.id, token), 200);
        const ended = (await credentialsOf(directory)).filter(({ state }) => state === 'expired');
        assert.equal(ended.length, 1);
      });

      it('(16) does not take over when another organization asks about its token', async () => {
        const { directory, client, contact } = await setUp();
        const { credential: old, token } = await app.api.issue(directory.id);
        await app.api.issue(directory.id);
        const { access_token: fresh } = await connect(client, contact, { [`replaces-${directory.id}`]: old.id });
        const { body: other } = await app.api.post('/organizations', { name: 'Contoso' });
        const { body } = await app.api.post('/api-keys', { name: 'x', role: 'introspect', organizationId: other.id });
        const answer = await fetch(`${app.url}/oauth/introspect`, {
          method: 'POST',
          headers: { authorization: `Bearer ${body.key}` },
          body: new URLSearchParams({ token: fresh }),
        });
        assert.deepEqual(await answer.json(), { active: false });
        app.clock.advance(1100);
        assert.equal(await verified(app, directory.id, token), 200);
      });

      it('(16) ends with its directory while it still waits', async () => {
        const { directory, client, contact } = await setUp();
        const { credential: old } = await app.api.issue(directory.id);
        await app.api.issue(directory.id);
        const { refresh_token: refreshToken } = await connect(client, contact, {
          [`replaces-${directory.id}`]: old.id,
        });
        assert.equal((await app.api.delete(`/directories/${directory.id}?force=true`)).status, 204);
        assert.equal((await refresh(app, client, refreshToken)).status, 400);
      });

      it('(16) leaves the old one alone when the new one is revoked before its first use', async () => {
        const { directory, client, contact } = await setUp();
        const { credential: old, token } = await app.api.issue(directory.id);
        await app.api.issue(directory.id);
        const fresh = await connect(client, contact, { [`replaces-${directory.id}`]: old.id });
        const waiting = (await credentialsOf(directory)).find(({ state }) => state === 'pending');
        await app.api.post(`/credentials/${waiting?.id}/revoke`, { force: true });
        assert.equal(await verified(app, directory.id, fresh.access_token), 401);
        assert.equal(await verified(app, directory.id, token), 200);
      });
    });

    it('answers a cancel with access_denied, state and iss, tells it once, and is free for another try', async () => {
      const { directory, client, contact } = await setUp();
      const page = await contact.reachConsent(addressOf(client, { state: 'kept' }));
      const { searchParams } = await contact.decide(page, { decision: 'cancel' });
      assert.deepEqual(
        ['error', 'state', 'iss', 'code'].map((name) => searchParams.get(name)),
        ['access_denied', 'kept', app.url, null],
      );
      const told = (await eventsOf(app, 'connection.refused')).filter(({ data }) => data.clientId === client.id);
      assert.deepEqual(
        told.map(({ organizationId, data }) => [organizationId, data.reason]),
        [[directory.organizationId, 'access_denied']],
      );
      await connect(client, contact);
    });
  });
}
