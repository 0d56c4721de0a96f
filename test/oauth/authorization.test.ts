/** Lines 10 to 13 of what must hold for identity providers: the authorization endpoint. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { runApp, startApp } from '../support/app.ts';
import { createMovableClock } from '../support/clock.ts';
import { consentsAt } from '../support/consents.ts';
import { engines } from '../support/engines.ts';
import type { ItContact } from '../support/it-contact.ts';
import { eventsOf, exchange, makeClient, REDIRECT_URI } from '../support/oauth-client.ts';
import { sendRaw } from '../support/raw-request.ts';

for (const engine of engines) {
  describe(`the authorization endpoint on ${engine.name}`, () => {
    const app = runApp({ engine, clock: createMovableClock(new Date().toISOString()) });

    const { addressOf, setUp, codeOf, tokensOf } = consentsAt(() => app);

    const credentialsOf = async (directory: Answer): Promise<Answer[]> =>
      (await app.api.get(`/directories/${directory.id}/credentials`)).body.items;

    describe('(10) scopes as they are written into the configured URL', () => {
      const forms: [name: string, query: string, scope: string][] = [
        ['in the configured URL with %20', 'scope=scim%20offline_access', 'scim offline_access'],
        ['in the configured URL with a plus', 'scope=scim+offline_access', 'scim offline_access'],
        ['missing', '', 'scim'],
        ['empty', 'scope=', 'scim'],
        ['repeated identically', 'scope=scim&scope=scim', 'scim'],
        ['in the configured URL and appended again', 'scope=scim%20offline_access&scope=scim', 'scim offline_access'],
        ['with the alias offline', 'scope=scim%20offline', 'scim offline'],
        ['of the aliases alone', 'scope=offline_access', 'scim offline_access'],
        ['of an OpenID client, which has nothing that is ours', 'scope=openid%20email%20profile', 'scim'],
        ['with one that does not exist beside one that does', 'scope=scim%20users', 'scim'],
        ['with openid, which nobody needs here', 'scope=openid%20scim', 'scim'],
        ['for reading only', 'scope=scim.read%20offline_access', 'scim.read offline_access'],
      ];
      for (const [name, query, scope] of forms) {
        it(`(10) (11) works with the scope ${name}, and gives a refresh token`, async () => {
          const { client, contact } = await setUp();
          const address = addressOf(client).replace('?', `?${query}${query && '&'}`);
          const tokens = await tokensOf(client, await contact.allow(address));
          assert.equal(tokens.scope, scope);
          assert.match(tokens.refresh_token, /^scimrt_/);
        });
      }

      it('(10) takes any parameter twice when both say the same, and refuses it when they differ', async () => {
        const { client, contact } = await setUp();
        const twice = `${addressOf(client)}&state=a&state=a&client_id=${client.id}`;
        const callback = await contact.allow(twice);
        assert.equal(callback.searchParams.get('state'), 'a');
        const page = await contact.browser.open(`${addressOf(client)}&redirect_uri=https%3A%2F%2Fevil.example%2F`);
        const answer = new URL(page.url);
        assert.deepEqual(
          [answer.origin + answer.pathname, answer.searchParams.get('error')],
          [REDIRECT_URI, 'invalid_request'],
        );
      });

      it('(10) answers a scope that it does not have with invalid_scope, at the client', async () => {
        const { client, contact } = await setUp();
        const answer = await contact.browser.open(addressOf(client, { scope: 'everything', state: 's' }));
        const { searchParams } = new URL(answer.url);
        assert.deepEqual(
          [searchParams.get('error'), searchParams.get('state'), searchParams.get('iss')],
          ['invalid_scope', 's', app.url],
        );
      });
    });

    it('(11) gives a refresh token to every kind of client that has a code, whatever it asked for', async () => {
      for (const provider of ['okta', 'entra', 'authentik', 'generic']) {
        const { client, contact } = await setUp({ provider });
        for (const prompt of ['', 'consent', 'login']) {
          const callback = await contact.allow(addressOf(client, prompt ? { prompt } : {}));
          assert.match((await tokensOf(client, callback)).refresh_token, /^scimrt_/, `${provider} ${prompt}`);
          const [{ id }] = (await credentialsOf(await onlyDirectory(contact))) as [Answer];
          await app.api.post(`/credentials/${id}/revoke`, { force: true });
        }
      }
    });

    /** The directory that the contact's own page lists. */
    async function onlyDirectory(contact: ItContact): Promise<Answer> {
      const { html } = await contact.browser.open(`${app.url}/portal`);
      const id = /\/portal\/directories\/(dir_\w+)/.exec(html)?.[1] ?? '';
      return (await app.api.get(`/directories/${id}`)).body;
    }

    describe('(12) state', () => {
      it('(12) works without a state, and then answers with none', async () => {
        const { client, contact } = await setUp();
        const callback = await contact.allow(addressOf(client));
        assert.equal(callback.searchParams.has('state'), false);
        assert.equal(callback.searchParams.get('iss'), app.url);
      });

      const random = createHash('sha512').update('state').digest('base64');
      const states: [name: string, sent: string, meant: string][] = [
        ['state=1', '1', '1'],
        ['a state of 2 KB', encodeURIComponent('x'.repeat(2048)), 'x'.repeat(2048)],
        ['a base64 state, encoded', encodeURIComponent(random), random],
        ['a state with a raw question mark', 'back?to=1'.replace('=', '%3D'), 'back?to=1'],
        ['a state with marks of every kind', encodeURIComponent(`&=#+%" <>'\\/?é漢😀`), `&=#+%" <>'\\/?é漢😀`],
        ['a state that looks like a header', 'a%0d%0aSet-Cookie:%20x=1'.replace('=', '%3D'), 'a\r\nSet-Cookie: x=1'],
        ['a state that looks like JSON', encodeURIComponent('{"a":[1,2]}'), '{"a":[1,2]}'],
      ];
      for (const [name, sent, meant] of states) {
        it(`(12) gives ${name} back as it was`, async () => {
          const { client, contact } = await setUp();
          // By hand, since what is sent must not be tidied up; the cookies then lead on.
          const { pathname, search } = new URL(addressOf(client));
          const cookie = contact.browser.cookieFor(app.url);
          const started = await sendRaw(app.url, {
            path: `${pathname}?state=${sent}&${search.slice(1)}`,
            headers: { Cookie: cookie },
          });
          assert.equal(started.status, 303, started.text);
          const target = started.headers['location'] as string;
          const set = (started.headers['set-cookie'] as string[]).map((line) => line.split(';')[0]);
          const cookies = [cookie, ...set].join('; ');
          const page = await sendRaw(app.url, {
            path: new URL(target, app.url).pathname,
            headers: { Cookie: cookies },
          });
          assert.equal(page.status, 200, page.text);
          const token = /name="token" value="(\w+)"/.exec(page.text)?.[1] ?? assert.fail(page.text);
          const decided = await sendRaw(app.url, {
            method: 'POST',
            path: new URL(target, app.url).pathname,
            headers: { Cookie: cookies, Origin: app.url, 'Content-Type': 'application/x-www-form-urlencoded' },
            body: new URLSearchParams({ token, decision: 'allow' }).toString(),
          });
          assert.equal(decided.status, 303, decided.text);
          const answer = await sendRaw(app.url, {
            path: new URL(decided.headers['location'] as string, app.url).pathname,
            headers: { Cookie: cookies },
          });
          const location = answer.headers['location'] as string;
          assert.equal(new URL(location).searchParams.get('state'), meant);
          assert.equal([answer.headers['set-cookie']].flat().join().includes('x=1'), false);
          // A client that splits the query by hand reads the same.
          const raw = /[?&]state=([^&]*)/.exec(location)?.[1] ?? '';
          assert.equal(decodeURIComponent(raw.replaceAll('+', ' ')), meant);
        });
      }
    });

    describe('(12) PKCE', () => {
      const verifier = 'a-verifier-of-the-tests-that-is-long-enough-0123456789';
      const challenge = createHash('sha256').update(verifier).digest('base64url');
      const sent = { code_challenge: challenge, code_challenge_method: 'S256' };

      it('(12) holds a confidential client that sent S256 to its verifier', async () => {
        const { client, contact } = await setUp();
        const wrong: Record<string, string>[] = [{}, { code_verifier: `${verifier}x` }];
        for (const fields of wrong) {
          const code = codeOf(await contact.allow(addressOf(client, sent)));
          const { status, body } = await exchange(app, client, code, fields);
          assert.deepEqual([status, body.error], [400, 'invalid_grant'], JSON.stringify(body));
        }
        const callback = await contact.allow(addressOf(client, sent));
        await tokensOf(client, callback, { code_verifier: verifier });
      });

      it('(12) refuses plain, said or left out', async () => {
        const { client, contact } = await setUp();
        const plain: Record<string, string>[] = [{ code_challenge_method: 'plain' }, {}];
        for (const method of plain) {
          const address = addressOf(client, { code_challenge: verifier, state: 's', ...method });
          const { searchParams } = new URL((await contact.browser.open(address)).url);
          assert.deepEqual([searchParams.get('error'), searchParams.get('state')], ['invalid_request', 's']);
        }
      });

      it('(12) wants S256 of a client without a secret', async () => {
        const { client, contact } = await setUp({ tokenEndpointAuthMethod: 'none' });
        const refused = await contact.browser.open(addressOf(client));
        assert.equal(new URL(refused.url).searchParams.get('error'), 'invalid_request');
        const callback = await contact.allow(addressOf(client, sent));
        const { status, body } = await exchange(
          app,
          client,
          codeOf(callback),
          { code_verifier: verifier },
          { style: 'none' },
        );
        assert.equal(status, 200, JSON.stringify(body));
      });
    });

    describe('(13) redirect URIs', () => {
      it('(13) match exactly or not at all, and a mismatch leads nowhere', async () => {
        const { client, contact } = await setUp();
        const others = [
          `${REDIRECT_URI}/`,
          `${REDIRECT_URI}?a=1`,
          `${REDIRECT_URI}#a`,
          REDIRECT_URI.replace('https', 'http'),
          REDIRECT_URI.replace('idp.example', 'IDP.example'),
          REDIRECT_URI.replace('idp.example', 'idp.example:443'),
          REDIRECT_URI.replace('idp.example', 'idp.example.evil.example'),
          REDIRECT_URI.replace('idp.example', 'x@idp.example'),
          REDIRECT_URI.replace('idp.example/', 'idp.example//'),
          `${REDIRECT_URI}/../callback`,
          'javascript:alert(1)',
          '//evil.example',
          '/portal',
          'data:text/html,x',
        ];
        for (const redirectUri of others) {
          const page = await contact.browser.open(addressOf({ ...client, redirectUri }, { state: 's' }));
          assert.equal(page.status, 400, redirectUri);
          assert.ok(page.url.startsWith(`${app.url}/oauth/authorize`), page.url);
          assert.match(page.html, /URL that isn(?:'|&#39;)t registered/, redirectUri);
          assert.equal(page.headers.get('location'), null);
        }
      });

      it('(13) are several per client, and a change counts at once', async () => {
        const second = 'https://second.example/callback?tenant=1';
        const { client, contact } = await setUp({ redirectUris: [REDIRECT_URI, second] });
        const { contact: other, directory } = await setUp();
        await tokensOf(client, await contact.allow(addressOf(client)));
        const there = { ...client, redirectUri: second };
        const callback = await other.allow(addressOf(there));
        assert.equal(callback.searchParams.get('tenant'), '1');
        await tokensOf(there, callback);
        assert.equal((await credentialsOf(directory)).length, 1);
        const third = 'https://third.example/callback';
        await app.api.patch(`/clients/${client.id}`, { redirectUris: [third] });
        assert.equal((await other.browser.open(addressOf(there))).status, 400);
        await other.reachConsent(addressOf({ ...client, redirectUri: third }));
      });

      it('(13) may be left out where there is one', async () => {
        const { client, contact } = await setUp();
        const address = `${app.url}/oauth/authorize?response_type=code&client_id=${client.id}`;
        const callback = await contact.allow(address);
        assert.equal(callback.origin + callback.pathname, REDIRECT_URI);
        await tokensOf(client, callback);
      });

      it('(13) of Okta are made from the name of the app, again once it is known, and not over those set by hand', async () => {
        const client = await makeClient(app, { provider: 'okta', redirectUris: undefined });
        assert.deepEqual(client.client.redirectUris, []);
        const named = (await app.api.patch(`/clients/${client.id}`, { appName: 'acme_scim_1' })).body;
        const path = '/admin/app/cpc/acme_scim_1/oauth/callback';
        assert.deepEqual(
          named.redirectUris,
          ['okta.com', 'okta-emea.com', 'oktapreview.com', 'trexcloud.com'].map(
            (domain) => `https://system-admin.${domain}${path}`,
          ),
        );
        const again = (await app.api.patch(`/clients/${client.id}`, { appName: 'acme_scim_2' })).body;
        assert.ok(again.redirectUris.every((uri: string) => uri.includes('/acme_scim_2/')));
        const byHand = await makeClient(app, { provider: 'okta' });
        const kept = (await app.api.patch(`/clients/${byHand.id}`, { appName: 'acme_scim_1' })).body;
        assert.deepEqual(kept.redirectUris, [REDIRECT_URI]);
      });

      it('(13) of Entra are known without asking', async () => {
        const client = await makeClient(app, { provider: 'entra', redirectUris: undefined });
        assert.deepEqual(client.client.redirectUris, ['https://portal.azure.com/TokenAuthorize']);
      });

      it("(13) include Okta's http one only where that is switched on", async () => {
        const open = await startApp({ env: { LATCHKEY_OAUTH_ALLOW_HTTP_REDIRECTS: 'true' } });
        try {
          const client = await makeClient(open, { provider: 'okta', appName: 'a_1', redirectUris: undefined });
          const http = 'http://system-admin.okta1.com:1802/admin/app/cpc/a_1/oauth/callback';
          assert.equal(client.client.redirectUris.at(-1), http);
          assert.equal(client.client.redirectUris.length, 5);
          const { status } = await app.api.post('/clients', { name: 'x', redirectUris: [http] });
          assert.equal(status, 400);
        } finally {
          await open.close();
        }
      });
    });

    it('tells of each refusal at the authorization endpoint once, with its reason', async () => {
      const { client, contact } = await setUp();
      await contact.browser.open(addressOf({ ...client, redirectUri: 'https://evil.example/' }));
      const unknown = { ...client, id: 'client_00000000000000000000' };
      await contact.browser.open(addressOf(unknown));
      const events = await eventsOf(app, 'connection.refused');
      for (const [id, reason] of [
        [client.id, 'redirect_uri_unknown'],
        [unknown.id, 'client_unknown'],
      ]) {
        const told = events.filter(({ data }) => data.clientId === id);
        assert.equal(told.length, 1, JSON.stringify(told));
        assert.equal(told[0].data.reason, reason);
      }
    });

    it('coalesces refusals that come often, so that nobody can fill the audit', async () => {
      const nobody = 'client_nobodynobodynobody00';
      const address = `${app.url}/oauth/authorize?client_id=${nobody}&response_type=code`;
      for (let turn = 0; turn < 20; turn++) assert.equal((await fetch(address)).status, 400);
      const told = (await eventsOf(app, 'connection.refused')).filter(({ data }) => data.clientId === nobody);
      assert.deepEqual(
        told.map(({ data }) => data.count),
        [20],
      );
    });
  });
}
