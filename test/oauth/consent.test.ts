/** The pages of a connection under attack, and portal links on their way through the world. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { runApp, startApp } from '../support/app.ts';
import type { Page } from '../support/browser-session.ts';
import { createMovableClock, DAY, HOUR } from '../support/clock.ts';
import { engines } from '../support/engines.ts';
import { createItContact, type ItContact, makeLink, welcomeItContact } from '../support/it-contact.ts';
import { exchange, makeClient, type OauthClient } from '../support/oauth-client.ts';
import { sendRaw } from '../support/raw-request.ts';

const OUR_SCRIPT = '<script type="module" src="/assets/face.js"></script>';
const HOSTILE = `"><script>alert(1)</script><img src=x onerror=alert(1)>'`;

for (const engine of engines) {
  describe(`consent on ${engine.name}`, () => {
    const app = runApp({ engine, clock: createMovableClock(new Date().toISOString()) });
    let directory: Answer;
    let client: OauthClient;
    let contact: ItContact;
    beforeEach(async () => {
      directory = await app.api.makeDirectory();
      client = await makeClient(app);
      contact = await welcomeItContact(app.url, app.api, directory.organizationId);
    });

    const addressOf = ({ id, redirectUri }: OauthClient, state = 's') =>
      `${app.url}/oauth/authorize?${new URLSearchParams({ response_type: 'code', client_id: id, redirect_uri: redirectUri, state })}`;

    async function finish(callback: URL): Promise<void> {
      const { status, body } = await exchange(app, client, callback.searchParams.get('code') ?? '');
      assert.equal(status, 200, JSON.stringify(body));
    }

    const isOurs = ({ url }: Page) => url.startsWith(`${app.url}/`);

    describe('of a form that another site sends', () => {
      const forgeries: [name: string, headers: Record<string, string | undefined>][] = [
        ['with a foreign Origin', { origin: 'https://evil.example', 'sec-fetch-site': undefined }],
        ['with Origin null', { origin: 'null', 'sec-fetch-site': undefined }],
        ['without any word of where it comes from', { origin: undefined, 'sec-fetch-site': undefined }],
        ['from another site by Sec-Fetch-Site', { 'sec-fetch-site': 'cross-site' }],
        ['from a sister host by Sec-Fetch-Site', { 'sec-fetch-site': 'same-site' }],
        ['typed into the address bar', { 'sec-fetch-site': 'none' }],
      ];
      for (const [name, headers] of forgeries) {
        it(`refuses consent ${name}, and the request goes on afterwards`, async () => {
          const page = await contact.reachConsent(addressOf(client));
          const answer = await contact.browser.submit(page, { decision: 'allow' }, headers);
          assert.equal(answer.status, 403);
          assert.ok(isOurs(answer));
          await finish(await contact.decide(page, { decision: 'allow' }));
        });

        it(`does not let anyone in ${name}`, async () => {
          const { url, portalLink } = await makeLink(app.api, directory.organizationId);
          const visitor = createItContact(app.url);
          const page = await visitor.browser.open(url);
          assert.equal((await visitor.browser.submit(page, {}, headers)).status, 403);
          const { body } = await app.api.get('/portal-links?limit=200');
          assert.equal(body.items.find(({ id }: Answer) => id === portalLink.id).state, 'fit');
        });
      }

      it('refuses consent with no token, a wrong one, and that of another session', async () => {
        const other = await welcomeItContact(app.url, app.api, directory.organizationId);
        const theirs = /name="token" value="(\w+)"/.exec((await other.reachConsent(addressOf(client))).html)?.[1];
        const page = await contact.reachConsent(addressOf(client));
        for (const token of ['', 'x', '0'.repeat(64), theirs ?? assert.fail('no token'), 'é'.repeat(32)]) {
          const answer = await contact.browser.submit(page, { decision: 'allow', token });
          assert.equal(answer.status, 403, token);
          assert.ok(isOurs(answer));
        }
        assert.deepEqual((await app.api.get(`/directories/${directory.id}/credentials`)).body.items, []);
        await finish(await contact.decide(page, { decision: 'allow' }));
      });

      it('refuses a cancel without a token, so that no site can end a request', async () => {
        const page = await contact.reachConsent(addressOf(client));
        assert.equal((await contact.browser.submit(page, { decision: 'cancel', token: '' })).status, 403);
        await finish(await contact.decide(page, { decision: 'allow' }));
      });

      it('lets browsers name their origin over plain http too, where no Sec-Fetch-Site comes', async () => {
        const page = await contact.reachConsent(addressOf(client));
        // Under `no-referrer` browsers send `Origin: null` with forms (Fetch, "append a request Origin header").
        assert.equal(page.headers.get('referrer-policy'), 'same-origin');
        await finish(await contact.decide(await contact.browser.open(page.url), { decision: 'allow' }));
        const again = await contact.reachConsent(addressOf(client));
        const answer = await contact.browser.submit(again, { decision: 'allow' }, { 'sec-fetch-site': undefined });
        assert.ok(!isOurs(answer), answer.html);
      });
    });

    describe('of a browser that is not the one that asked', () => {
      it('shows nothing of a request, and decides nothing', async () => {
        const page = await contact.reachConsent(addressOf(client));
        const other = await welcomeItContact(app.url, app.api, directory.organizationId);
        const seen = await other.browser.open(page.url);
        assert.equal(seen.status, 410);
        assert.ok(!seen.html.includes(client.client.name), seen.html);
        assert.equal((await other.browser.submit(page, { decision: 'allow' })).status, 410);
        await finish(await contact.decide(page, { decision: 'allow' }));
      });

      it('gets no answer by taking up the address after the consent', async () => {
        const page = await contact.reachConsent(addressOf(client));
        const uid = new URL(page.url).pathname.slice('/connect/'.length);
        const stolen = await createItContact(app.url).browser.open(`${app.url}/oauth/authorize/${uid}`);
        assert.equal(stolen.status, 400);
        assert.ok(isOurs(stolen));
      });
    });

    it('has every page kept from frames, caches, foreign and inline scripts, and sniffing', async () => {
      const nobody = createItContact(app.url);
      const consent = await contact.reachConsent(addressOf(client));
      const pages = [
        consent,
        await contact.browser.open(`${app.url}/portal`),
        await contact.browser.open(`${app.url}/portal/nothing`),
        await contact.browser.submit(consent, { decision: 'allow', token: '' }),
        await nobody.browser.open(addressOf(client)),
        await nobody.browser.open(`${app.url}/portal`),
        await nobody.browser.open(`${app.url}/connect/unknown-request-0`),
        await nobody.browser.open((await makeLink(app.api, directory.organizationId)).url),
        await nobody.browser.open(`${app.url}/portal/enter/lkp_${'x'.repeat(43)}`),
        await nobody.browser.open(`${app.url}/oauth/authorize?client_id=nobody&response_type=code`),
        await nobody.browser.open(`${app.url}/oauth/authorize/unknown-request-0`),
        await nobody.browser.open(`${app.url}/oauth/authorize`),
      ];
      for (const { url, headers, html } of pages) {
        const policy = headers.get('content-security-policy') ?? '';
        for (const rule of [
          "default-src 'none'",
          "frame-ancestors 'none'",
          "base-uri 'none'",
          "form-action 'self'",
          "script-src 'self';",
        ])
          assert.ok(policy.includes(rule), `${url}: ${policy}`);
        assert.doesNotMatch(policy, /unsafe|nonce|\*/, url);
        assert.equal(headers.get('x-frame-options'), 'DENY', url);
        assert.equal(headers.get('x-content-type-options'), 'nosniff', url);
        assert.match(headers.get('cache-control') ?? '', /no-store/, url);
        assert.match(headers.get('referrer-policy') ?? '', /^(?:no-referrer|same-origin)$/, url);
        assert.match(headers.get('content-type') ?? '', /^text\/html; charset=utf-8/, url);
        assert.doesNotMatch(html.replace(OUR_SCRIPT, ''), /<script|\son\w+=|\sstyle=/i, url);
      }
      const { 'content-security-policy': policy = '' } = Object.fromEntries(consent.headers);
      assert.match(policy, /form-action 'self' https:\/\/idp\.example;/);
    });

    it('keeps its cookies from scripts and from requests of other sites', async () => {
      const { url } = await makeLink(app.api, directory.organizationId);
      const { pathname } = new URL(url);
      const entered = await sendRaw(app.url, { method: 'POST', path: pathname, headers: { Origin: app.url } });
      assert.equal(entered.status, 303);
      const asked = await sendRaw(app.url, { path: addressOf(client).slice(app.url.length) });
      const lines = [entered, asked].flatMap(({ headers }) => headers['set-cookie'] ?? []);
      assert.ok(lines.length >= 4);
      for (const line of lines) {
        assert.match(line, /; *httponly/i);
        assert.match(line, /; *samesite=lax/i);
      }
    });

    it('sends cookies over https only where it is public by https, with a name that no other host can set', async () => {
      const secure = await startApp({ env: { LATCHKEY_PUBLIC_URL: 'https://latchkey.example' } });
      try {
        const { organizationId } = await secure.api.makeDirectory();
        const { url } = await makeLink(secure.api, organizationId);
        assert.match(url, /^https:\/\/latchkey\.example\/portal\/enter\//);
        const entered = await sendRaw(secure.url, {
          method: 'POST',
          path: new URL(url).pathname,
          headers: { Origin: 'https://latchkey.example' },
        });
        const lines = [entered.headers['set-cookie'] ?? []].flat();
        assert.ok(lines.length >= 1);
        for (const line of lines) assert.match(line, /^__Host-.*; Secure$/);
      } finally {
        await secure.close();
      }
    });

    it('shows hostile names and labels as text, on each page that has them', async () => {
      const { body: organization } = await app.api.post('/organizations', { name: `org${HOSTILE}` });
      const hostile = await app.api.makeDirectory({ organizationId: organization.id, name: `dir${HOSTILE}` });
      await app.api.makeDirectory({ organizationId: organization.id, name: `second${HOSTILE}` });
      await app.api.issue(hostile.id, { label: `label${HOSTILE}` });
      await app.api.issue(hostile.id, { label: `other${HOSTILE}` });
      const named = await makeClient(app, { name: `client${HOSTILE}` });
      const owned = await makeClient(app, { name: `owned${HOSTILE}`, directoryId: directory.id });
      const visitor = createItContact(app.url);
      const asked = await visitor.browser.open(addressOf(named));
      const consent = await visitor.enter((await makeLink(app.api, organization.id)).url);
      const home = await visitor.browser.open(`${app.url}/portal`);
      const foreign = await visitor.browser.open(addressOf(owned));
      const wrong = await visitor.browser.open(addressOf({ ...named, redirectUri: `https://evil.example/${HOSTILE}` }));
      const unknown = await visitor.browser.open(addressOf({ ...named, id: HOSTILE }));
      const odd = await visitor.browser.open(
        `${addressOf(named)}&${encodeURIComponent(HOSTILE)}=1&response_mode=${encodeURIComponent(HOSTILE)}`,
      );
      for (const { html } of [asked, consent, home, foreign, wrong, unknown, odd])
        assert.doesNotMatch(html.replace(OUR_SCRIPT, ''), /<script|<img/, html);
      for (const word of ['org', 'dir', 'second', 'label', 'other', 'client'])
        assert.ok(
          consent.html.includes(`${word}&quot;>&lt;script`) || consent.html.includes(`${word}&quot;&gt;&lt;script`),
          `${word} in ${consent.html}`,
        );
    });

    it('leads to no place but our own and the registered one, whatever an address or a cookie says', async () => {
      const { url } = await makeLink(app.api, directory.organizationId);
      const { pathname } = new URL(url);
      for (const pending of [
        '//evil.example',
        'https://evil.example',
        '..%2f..%2f',
        '../../evil',
        'a b',
        '%0d%0aX:1',
      ]) {
        const fresh = await makeLink(app.api, directory.organizationId);
        const entered = await sendRaw(app.url, {
          method: 'POST',
          path: new URL(fresh.url).pathname,
          headers: { Origin: app.url, Cookie: `latchkey_pending=${pending}` },
        });
        assert.equal(entered.status, 303);
        assert.equal(entered.headers['location'], '/portal', pending);
      }
      for (const path of [
        '//evil.example/portal',
        '/portal//evil.example',
        '/portal/enter/..%2f',
        `${pathname}/`,
        '/connect//evil.example',
        '/connect/..',
      ]) {
        const { status, headers } = await sendRaw(app.url, { path });
        assert.ok(status === 404 || status === 410, `${path}: ${status}`);
        assert.equal(headers['location'], undefined);
      }
      const host = await sendRaw(app.url, {
        path: addressOf(client).slice(app.url.length),
        headers: [
          ['X-Forwarded-Host', 'evil.example'],
          ['X-Forwarded-Proto', 'gopher'],
          ['Forwarded', 'host=evil.example'],
        ],
      });
      assert.equal(host.status, 303);
      assert.doesNotMatch(JSON.stringify(host.headers), /evil|gopher/);
    });

    describe('of portal links', () => {
      it('tells used, expired, revoked and unknown ones apart, in words, and none of them lets in', async () => {
        const used = await makeLink(app.api, directory.organizationId);
        await createItContact(app.url).enter(used.url);
        const revoked = await makeLink(app.api, directory.organizationId);
        await app.api.post(`/portal-links/${revoked.portalLink.id}/revoke`);
        const expired = await makeLink(app.api, directory.organizationId, { expiresInSeconds: 60 });
        app.clock.advance(60_000);
        const cases: [url: string, word: RegExp][] = [
          [used.url, /has been used/],
          [revoked.url, /withdrawn/],
          [expired.url, /has expired/],
          [`${used.url.slice(0, -3)}AAA`, /recognize this link/],
        ];
        for (const [url, word] of cases) {
          const visitor = createItContact(app.url);
          const page = await visitor.browser.open(url);
          assert.equal(page.status, 410, url);
          assert.match(page.html, word);
          assert.doesNotMatch(page.html, /<form/);
          const answer = await visitor.browser.submit(page, {});
          assert.equal(answer.status, 410);
          assert.equal(visitor.browser.cookieFor(app.url), '');
        }
      });

      it('opens the portal when a used one is opened again in the browser that used it', async () => {
        const { url } = await makeLink(app.api, directory.organizationId);
        const visitor = createItContact(app.url);
        await visitor.enter(url);
        const again = await visitor.browser.open(url);
        assert.deepEqual([again.status, new URL(again.url).pathname], [200, '/portal']);
        app.clock.advance(8 * HOUR);
        assert.equal((await visitor.browser.open(url)).status, 410);
      });

      it('lives seven days unless it is said', async () => {
        const { url, portalLink } = await makeLink(app.api, directory.organizationId);
        assert.equal(Date.parse(portalLink.expiresAt) - Date.parse(portalLink.createdAt), 7 * DAY);
        app.clock.advance(7 * DAY - HOUR);
        await createItContact(app.url).enter(url);
      });

      it('is not used by being looked at: scanners of mail open it first', async () => {
        const { url } = await makeLink(app.api, directory.organizationId);
        for (let turn = 0; turn < 5; turn++) assert.equal((await fetch(url)).status, 200);
        assert.equal((await fetch(url, { method: 'HEAD' })).status, 200);
        await createItContact(app.url).enter(url);
      });

      it('lets one in when two browsers race for it, and the other sees a page', async () => {
        for (let round = 0; round < 5; round++) {
          const { url } = await makeLink(app.api, directory.organizationId);
          const visitors = Array.from({ length: 8 }, () => createItContact(app.url));
          const pages = await Promise.all(visitors.map(({ browser }) => browser.open(url)));
          const answers = await Promise.all(
            visitors.map(({ browser }, index) => browser.submit(pages[index] as Page, {})),
          );
          assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 410, 410, 410, 410, 410, 410, 410]);
        }
      });

      it('goes on with the request that waits in the same browser, also behind a link that was over', async () => {
        const visitor = createItContact(app.url);
        await visitor.browser.open(addressOf(client, 'kept'));
        const used = await makeLink(app.api, directory.organizationId);
        await createItContact(app.url).enter(used.url);
        assert.equal((await visitor.browser.open(used.url)).status, 410);
        const consent = await visitor.enter((await makeLink(app.api, directory.organizationId)).url);
        const callback = await visitor.decide(consent, { decision: 'allow' });
        assert.equal(callback.searchParams.get('state'), 'kept');
        await finish(callback);
      });

      it('gives a session of eight hours, to its organization alone', async () => {
        const home = await contact.browser.open(`${app.url}/portal`);
        assert.equal(home.status, 200);
        for (let hour = 1; hour < 8; hour++) {
          app.clock.advance(HOUR);
          assert.equal((await contact.browser.open(`${app.url}/portal`)).status, 200, `${hour} h`);
        }
        app.clock.advance(HOUR - 1000);
        assert.equal((await contact.browser.open(`${app.url}/portal`)).status, 200);
        app.clock.advance(1000);
        assert.equal((await contact.browser.open(`${app.url}/portal`)).status, 401);
      });

      it('shows a page, and not a fault, to a session whose organization was deleted', async () => {
        const { body: gone } = await app.api.post('/organizations', { name: 'Gone' });
        const visitor = await welcomeItContact(app.url, app.api, gone.id);
        assert.equal((await app.api.delete(`/organizations/${gone.id}`)).status, 204);
        for (const address of [`${app.url}/portal`, addressOf(client)]) {
          const page = await visitor.browser.open(address);
          assert.doesNotMatch(page.html, /our fault/, address);
          assert.doesNotMatch(page.html, /value="allow"/);
        }
      });
    });

    it('tells of a request that is over: after an hour, after it was decided, and when its client is gone', async () => {
      const late = await contact.reachConsent(addressOf(client));
      app.clock.advance(HOUR);
      assert.equal((await contact.browser.submit(late, { decision: 'allow' })).status, 410);
      const done = await contact.reachConsent(addressOf(client));
      await contact.decide(done, { decision: 'allow' });
      assert.equal((await contact.browser.submit(done, { decision: 'allow' })).status, 410);
      const orphan = await contact.reachConsent(addressOf(client));
      await app.api.delete(`/clients/${client.id}`);
      assert.equal((await contact.browser.submit(orphan, { decision: 'allow' })).status, 410);
      assert.deepEqual((await app.api.get(`/directories/${directory.id}/credentials`)).body.items, []);
    });

    it('makes one connection of a button that was pressed twice', async () => {
      const page = await contact.reachConsent(addressOf(client));
      const answers = await Promise.all([1, 2, 3].map(() => contact.browser.submit(page, { decision: 'allow' })));
      const callbacks = answers.filter((answer) => !isOurs(answer)).map(({ url }) => new URL(url));
      assert.ok(callbacks.length >= 1);
      const statuses = await Promise.all(
        callbacks.map(async ({ searchParams }) => (await exchange(app, client, searchParams.get('code') ?? '')).status),
      );
      assert.ok(statuses.includes(200), statuses.join());
      const { items } = (await app.api.get(`/directories/${directory.id}/credentials`)).body;
      assert.equal(items.filter(({ state }: Answer) => state === 'active').length, 1);
    });
  });
}
