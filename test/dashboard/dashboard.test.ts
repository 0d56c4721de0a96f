import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { before, describe, it } from 'node:test';
import { runApp } from '../support/app.ts';
import { createMovableClock } from '../support/clock.ts';
import { flush } from '../support/diagnosed.ts';
import { engines } from '../support/engines.ts';
import {
  createOperatorBrowser,
  makeSignInLink,
  type OperatorBrowser,
  signInOperator,
} from '../support/operator-browser.ts';

const HOSTILE = `"><script>alert(1)</script><img src=x onerror=alert(1)>'`;
const HOUR = 3_600_000;

for (const engine of engines) {
  describe(`the dashboard on ${engine.name}`, () => {
    const app = runApp({ engine, clock: createMovableClock(new Date().toISOString()) });
    let owner: OperatorBrowser;
    before(async () => {
      owner = await signInOperator(app);
    });

    const verify = async (directoryId: string, token: string) =>
      (
        await fetch(`${app.url}/auth/verify?directory=${directoryId}`, {
          headers: { authorization: `Bearer ${token}` },
        })
      ).status;
    const idIn = (url: string) => url.split('/').at(-1)?.split('?')[0] ?? '';
    const tokenIn = (html: string) => /scim_[0-9A-Za-z]+/.exec(html)?.[0] ?? '';
    const credentialsIn = (html: string) =>
      [...html.matchAll(/\/credentials\/(cred_\w+)\/revoke/g)].map(([, id]) => id ?? '');

    async function makeDirectory(name = 'Okta production'): Promise<{ organizationId: string; id: string }> {
      const organizationId = idIn((await owner.send('/organizations', { name: 'Northwind Traders' })).url);
      const page = await owner.send(`/organizations/${organizationId}/directories`, { name, provider: 'okta' });
      assert.equal(page.status, 200, page.html);
      return { organizationId, id: idIn(page.url) };
    }

    describe('the way in', () => {
      it('leads whoever is nobody to the sign-in, and from there to where they wanted to go', async () => {
        const nobody = createOperatorBrowser(app.url);
        const { email, password } = await withPassword('next@example.com');
        const page = await nobody.open('/audit?type=credential.*');
        assert.match(page.url, /\/dashboard\/sign-in\?next=/);
        const inside = await nobody.browser.submit(
          { ...page, url: `${app.url}/dashboard/sign-in` },
          { email, password },
        );
        assert.equal(inside.url, `${app.url}/dashboard/audit?type=credential.*`);
        assert.match(inside.html, /<h1>Audit/);
      });

      it('goes nowhere else by `next`', async () => {
        const { email, password } = await withPassword('elsewhere@example.com');
        for (const next of [
          'https://evil.example/',
          '//evil.example',
          '/\\evil.example',
          '/dashboard/../portal',
          '/dashboardx',
          'javascript:alert(1)',
          '/dashboard\r\nX: y',
        ]) {
          const nobody = createOperatorBrowser(app.url);
          const page = await nobody.open('/sign-in');
          const inside = await nobody.browser.submit({ ...page, html: '' }, { email, password, next });
          assert.equal(inside.url, `${app.url}/dashboard/organizations`, next);
        }
      });

      it('says of a link how long the session lasts', async () => {
        const { html } = await createOperatorBrowser(app.url).browser.open(await makeSignInLink(app));
        assert.match(html, /ends after 2 hours without a\s+request, and after 12 hours at the latest/);
      });

      it('is a link that one of several browsers uses, once, and that looking at does not use up', async () => {
        const link = await makeSignInLink(app);
        assert.equal((await fetch(link)).status, 200);
        const visitors = Array.from({ length: 6 }, () => createOperatorBrowser(app.url));
        const pages = await Promise.all(visitors.map(({ browser }) => browser.open(link)));
        const answers = await Promise.all(
          visitors.map(({ browser }, index) => browser.submit(pages[index] ?? assert.fail(), {})),
        );
        assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 410, 410, 410, 410, 410]);
        assert.match((await createOperatorBrowser(app.url).browser.open(link)).html, /has been used/);
        const late = await makeSignInLink(app);
        app.clock.advance(24 * HOUR);
        assert.match((await createOperatorBrowser(app.url).browser.open(late)).html, /has expired/);
        owner = await signInOperator(app);
      });

      it('never says whether address, password or code was wrong, and tells the audit', async () => {
        const { email, password } = await withPassword('secret@example.com');
        const answers = [];
        for (const given of [
          { email, password: 'not the password at all' },
          { email: 'nobody@example.com', password },
        ]) {
          const nobody = createOperatorBrowser(app.url);
          const page = await nobody.browser.submit(await nobody.open('/sign-in'), given);
          assert.equal(page.status, 401);
          answers.push(page.html.replaceAll(given.email, 'EMAIL'));
          assert.doesNotMatch(page.html, /not the password/);
        }
        assert.equal(answers[0], answers[1]);
        await new Promise((resolve) => setImmediate(resolve));
        const flush = app.app.rounds.find(({ name }) => name === 'denials');
        await flush?.run();
        const { body } = await app.api.get('/events?type=operator.sign_in_refused');
        assert.ok(body.items.length >= 1);
        assert.doesNotMatch(JSON.stringify(body), /not the password/);
      });

      it('is shut for a while after too many tries for one account, from that address', async () => {
        const { email, password } = await withPassword('tried@example.com');
        const nobody = createOperatorBrowser(app.url);
        const page = await nobody.open('/sign-in');
        for (let turn = 0; turn < 8; turn++)
          await nobody.browser.submit(page, { email, password: 'wrong wrong wrong' });
        const answer = await nobody.browser.submit(page, { email, password });
        assert.equal(answer.status, 429);
        assert.match(answer.headers.get('retry-after') ?? '', /^\d+$/);
      });

      it('gives a cookie that scripts and other sites do not get, new at each sign-in, over after twelve hours', async () => {
        const link = await makeSignInLink(app);
        const response = await fetch(link, {
          method: 'POST',
          redirect: 'manual',
          headers: { 'sec-fetch-site': 'same-origin', cookie: `latchkey_operator=${'f'.repeat(43)}` },
        });
        const cookie = response.headers.getSetCookie().find((line) => line.startsWith('latchkey_operator=')) ?? '';
        assert.match(cookie, /^latchkey_operator=[0-9a-f]{64}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=43200$/);
        assert.doesNotMatch(cookie, /f{43}/);
        const ask = () =>
          fetch(`${app.url}/dashboard/organizations`, {
            redirect: 'manual',
            headers: { cookie: cookie.split(';')[0] ?? '' },
          });
        assert.equal((await ask()).status, 200);
        app.clock.advance(12 * HOUR);
        assert.equal((await ask()).status, 303);
        owner = await signInOperator(app);
      });

      it('is open to no form of another site', async () => {
        const link = await makeSignInLink(app);
        for (const headers of [{ 'sec-fetch-site': 'cross-site' }, { origin: 'https://evil.example' }, {}] as Record<
          string,
          string
        >[]) {
          assert.equal((await fetch(link, { method: 'POST', redirect: 'manual', headers })).status, 403);
        }
        assert.equal((await fetch(link)).status, 200);
      });
    });

    async function withPassword(
      email: string,
    ): Promise<{ email: string; password: string; operator: OperatorBrowser }> {
      const password = 'correct horse battery staple';
      const operator = await signInOperator(app, 'admin');
      await operator.send('/account', { name: 'Someone', email });
      const page = await operator.send('/account/password', { password });
      assert.equal(page.status, 200, page.html);
      return { email, password, operator };
    }

    describe('roles and forms', () => {
      it('refuses each change to a viewer, and each page of owners to an admin', async () => {
        const { organizationId, id } = await makeDirectory();
        const viewer = await signInOperator(app, 'viewer');
        assert.equal((await viewer.open(`/directories/${id}`)).status, 200);
        assert.doesNotMatch((await viewer.open(`/directories/${id}`)).html, /Generate<|New directory/);
        for (const path of [
          '/organizations',
          `/organizations/${organizationId}/portal-links`,
          `/directories/${id}/generate`,
          `/directories/${id}/disable`,
          '/clients',
          '/api-keys',
          '/operators',
          '/settings/keys/rotate',
        ]) {
          assert.equal((await viewer.send(path, { name: 'x' })).status, 403, path);
        }
        const admin = await signInOperator(app, 'admin');
        assert.equal((await admin.open('/operators')).status, 403);
        // The same as by the API: an admin sees which keys there are, and changes none.
        const keys = await admin.open('/api-keys');
        assert.equal(keys.status, 200);
        assert.doesNotMatch(keys.html, /New API key|\/revoke/);
        assert.equal((await admin.send('/api-keys', { name: 'x' })).status, 403);
        assert.equal((await admin.send(`/organizations/${organizationId}/delete`)).status, 403);
      });

      it('takes no form without the token of the session, or from another site', async () => {
        const { id } = await makeDirectory();
        const cases: [Record<string, string>, Record<string, string | undefined>][] = [
          [{ token: '' }, {}],
          [{ token: 'a'.repeat(64) }, {}],
          [{}, { 'sec-fetch-site': 'cross-site' }],
          [{}, { 'sec-fetch-site': 'same-site' }],
          [{}, { 'sec-fetch-site': undefined, origin: 'https://evil.example' }],
          [{}, { 'sec-fetch-site': undefined, origin: undefined }],
        ];
        for (const [fields, headers] of cases) {
          assert.equal((await owner.send(`/directories/${id}/disable`, fields, headers)).status, 403);
        }
        const { body } = await app.api.get(`/directories/${id}`);
        assert.equal(body.state, 'active');
      });

      it('keeps every page from frames, caches, sniffing and inline scripts', async () => {
        const { id, organizationId } = await makeDirectory();
        for (const path of [
          '/organizations',
          `/organizations/${organizationId}`,
          `/directories/${id}`,
          '/audit',
          '/settings',
          '/clients',
          '/operators',
          '/account',
          '/search?q=x',
          '/nothing',
          '/directories/dir_nothing',
        ]) {
          const { headers, html } = await owner.open(path);
          assert.match(
            headers.get('content-security-policy') ?? '',
            /default-src 'none'.*script-src 'self'.*frame-ancestors 'none'/,
            path,
          );
          assert.equal(headers.get('cache-control'), 'no-store', path);
          assert.equal(headers.get('x-content-type-options'), 'nosniff', path);
          assert.doesNotMatch(html, /<script(?! type="module" src="\/assets\/face\.js")|\sstyle=|\son\w+=/, path);
        }
      });

      it('shows hostile names, labels and user agents as text', async () => {
        const organizationId = idIn((await owner.send('/organizations', { name: HOSTILE })).url);
        const id = idIn(
          (await owner.send(`/organizations/${organizationId}/directories`, { name: HOSTILE, provider: 'okta' })).url,
        );
        const shown = await owner.send(`/directories/${id}/generate`, { label: HOSTILE });
        await fetch(`${app.url}/auth/verify?directory=${id}`, {
          headers: { authorization: `Bearer ${tokenIn(shown.html)}`, 'user-agent': `Okta ${HOSTILE}` },
        });
        await owner.send('/clients', { name: HOSTILE, directoryId: id });
        await owner.send('/operators', { name: HOSTILE, role: 'viewer' });
        await owner.send('/api-keys', { name: HOSTILE, role: 'viewer' });
        for (const path of [
          '/organizations',
          `/organizations/${organizationId}`,
          `/directories/${id}`,
          `/directories/${id}/rotate`,
          '/audit',
          '/clients',
          '/operators',
          '/api-keys',
          `/search?q=${encodeURIComponent(HOSTILE)}`,
        ]) {
          const { html } = await owner.open(path);
          assert.doesNotMatch(html, /<script>|<img/, path);
        }
        assert.ok((await owner.open(`/directories/${id}`)).html.includes('Okta &quot;'));
      });
    });

    describe('a directory', () => {
      it('leads with one true sentence, from its first moment to its last', async () => {
        const { id } = await makeDirectory();
        const lead = async () => /<strong>([^<]+)<\/strong>/.exec((await owner.open(`/directories/${id}`)).html)?.[1];
        assert.equal(await lead(), 'Not connected yet.');
        const token = tokenIn((await owner.send(`/directories/${id}/generate`, { label: 'first' })).html);
        assert.equal(await lead(), 'Waiting for the first request.');
        assert.equal(await verify(id, token), 200);
        assert.equal(await lead(), 'Requests are accepted.');
        app.clock.advance(8 * 24 * HOUR);
        owner = await signInOperator(app);
        assert.equal(await lead(), 'Provisioning works. There has been no recent activity.');
        await owner.send(`/directories/${id}/disable`);
        assert.equal(await lead(), 'This directory is disabled.');
        assert.equal(await verify(id, token), 403);
        await owner.send(`/directories/${id}/enable`);
        assert.equal(await verify(id, token), 200);
      });

      it('shows a generated token once, and never again', async () => {
        const { id } = await makeDirectory();
        const shown = await owner.send(`/directories/${id}/generate`, { label: 'Okta', scope: 'scim' });
        const token = tokenIn(shown.html);
        assert.match(shown.html, /shown once/);
        assert.equal(await verify(id, token), 200);
        for (const path of [`/directories/${id}`, `/directories/${id}/first-request`, '/audit']) {
          assert.ok(!(await owner.open(path)).html.includes(token), path);
        }
        assert.ok(!app.log().includes(token));
      });

      it('does what a form says once, however often it comes, and again when it says something else', async () => {
        const { id } = await makeDirectory();
        const page = await owner.open(`/directories/${id}/generate`);
        const twice = await Promise.all([1, 2].map(() => owner.browser.submit(page, { label: 'Okta' })));
        assert.deepEqual(twice.map(({ html }) => /You already submitted this form/.test(html)).sort(), [false, true]);
        const later = await owner.browser.submit(page, { label: 'Okta' });
        assert.match(later.html, /You already submitted this form\..*revoke that one and create another/);
        assert.equal(tokenIn(later.html), '');
        assert.equal((await app.api.get(`/directories/${id}/credentials`)).body.items.length, 1);
        // What was refused is put right on the same page.
        const wrong = await owner.browser.submit(page, { label: 'second', expiresOn: 'someday' });
        assert.match(wrong.html, /Expires on must be a date.*You entered someday/);
        assert.match(tokenIn((await owner.browser.submit(page, { label: 'second' })).html), /^scim_/);
        // What led on leads there again.
        const organizations = await owner.open('/organizations');
        const made = await Promise.all([owner.browser.submit(organizations, { name: 'Twice' })]);
        const again = await owner.browser.submit(organizations, { name: 'Twice' });
        assert.equal(again.url, made[0]?.url);
      });

      it('is rotated in steps: both tokens work, the new one is seen used, the old one retires', async () => {
        const { id } = await makeDirectory();
        const old = tokenIn((await owner.send(`/directories/${id}/generate`, { label: 'Okta' })).html);
        await verify(id, old);
        assert.match((await owner.open(`/directories/${id}/rotate`)).html, /Both work/);
        const fresh = tokenIn(
          (await owner.send(`/directories/${id}/rotate`, { label: 'Okta', retire: 'when-replaced' })).html,
        );
        assert.notEqual(fresh, old);
        assert.match((await owner.open(`/directories/${id}/rotate`)).html, /Waiting for Okta to use the token/);
        assert.deepEqual([await verify(id, old), await verify(id, fresh)], [200, 200]);
        const part = await owner.open(`/directories/${id}/rotate?part=live`);
        assert.match(part.html, /^<div class="steps">.*Okta is using the new token/);
        const [first = ''] = credentialsIn((await owner.open(`/directories/${id}`)).html);
        const page = await owner.send(`/credentials/${first}/retire`);
        assert.equal(page.status, 200, page.html);
        assert.deepEqual([await verify(id, old), await verify(id, fresh)], [401, 200]);
      });

      it('puts another token in the place of a new one that nobody has stored, and of none that is used', async () => {
        const { id } = await makeDirectory();
        const first = tokenIn((await owner.send(`/directories/${id}/generate`)).html);
        assert.equal(await verify(id, first), 200);
        const lost = tokenIn((await owner.send(`/directories/${id}/rotate`, { retire: 'manual' })).html);
        assert.match((await owner.open(`/directories/${id}/rotate`)).html, /save the new token\?/);
        const second = tokenIn((await owner.send(`/directories/${id}/rotate/anew`)).html);
        assert.deepEqual([await verify(id, first), await verify(id, lost), await verify(id, second)], [200, 401, 200]);
        const { html } = await owner.open(`/directories/${id}/rotate`);
        assert.match(html, /It keeps working until you revoke it/);
        assert.doesNotMatch(html, /save the new token\?/);
        assert.equal((await owner.send(`/directories/${id}/rotate/anew`)).status, 409);
        assert.equal(await verify(id, second), 200);
      });

      it('asks before a credential in use is revoked, and says what will break and since when', async () => {
        const { id } = await makeDirectory();
        const token = tokenIn((await owner.send(`/directories/${id}/generate`, { label: 'Okta' })).html);
        await verify(id, token);
        const [credentialId = ''] = credentialsIn((await owner.open(`/directories/${id}`)).html);
        const asked = await owner.open(`/credentials/${credentialId}/revoke`);
        assert.match(asked.html, /Okta will be refused immediately/);
        assert.match(asked.html, /127\.0\.0\.1/);
        assert.equal(await verify(id, token), 200);
        await owner.send(`/credentials/${credentialId}/disable`);
        assert.equal(await verify(id, token), 401);
        await owner.send(`/credentials/${credentialId}/enable`);
        assert.equal(await verify(id, token), 200);
        await owner.browser.submit(asked, { reason: 'found in a ticket' });
        assert.equal(await verify(id, token), 401);
        const { body } = await app.api.get(`/events?credentialId=${credentialId}&type=credential.revoked`);
        assert.equal(body.items[0].data.reason, 'found in a ticket');
        assert.deepEqual([body.items[0].source, body.items[0].actor.type], ['dashboard', 'operator']);
        assert.equal((await owner.open(`/credentials/${credentialId}/revoke`)).status, 409);
      });

      it('refuses a token that can be guessed, and takes it where an owner ticks that, calling it weak', async () => {
        const { id } = await makeDirectory();
        const value = 'scim-token-acme';
        const refused = await owner.send(`/directories/${id}/import`, { value });
        assert.equal(refused.status, 422);
        assert.match(refused.html, /can be guessed: about \d+ bits by our estimate, and 64 are needed/);
        assert.match(refused.html, /name="allowWeak"/);
        assert.ok(!refused.html.includes(value));
        assert.equal(await verify(id, value), 401);
        const taken = await owner.send(`/directories/${id}/import`, { value, allowWeak: 'yes' });
        assert.match(taken.html, /<b>Weak<\/b>: it can be guessed/);
        assert.ok(!taken.html.includes('acme<'), 'nor are its last characters shown');
        assert.equal(await verify(id, value), 200);
      });

      it('takes a token of another system, and says so when both slots are held', async () => {
        const { id } = await makeDirectory();
        const value = `legacy-${randomUUID()}-token`;
        await owner.send(`/directories/${id}/import`, { value, label: 'old system' });
        assert.equal(await verify(id, value), 200);
        await owner.send(`/directories/${id}/generate`);
        const full = await owner.open(`/directories/${id}/generate`);
        assert.match(
          full.html,
          /takes the place of the one that ends in .*no request has used yet.*Generate a new token<\/button>/s,
        );
        assert.equal((await owner.send(`/directories/${id}/generate`)).status, 409);
        const again = await owner.send(`/directories/${id}/import`, { value });
        assert.equal(again.status, 409);
        assert.ok(!again.html.includes(value));
      });

      it('takes no day that the calendar does not have, nor one beyond the years that are kept', async () => {
        const { id } = await makeDirectory();
        for (const expiresOn of ['+012030-01-01', '2027-02-31', '9999-12-31', '-000001-01-01', '0', '2027-1-1']) {
          const page = await owner.send(`/directories/${id}/generate`, { expiresOn });
          assert.equal(page.status, 400, expiresOn);
        }
        for (const day of ['%2B275760-09-13', '2027-02-31', 'x'])
          for (const path of ['/audit', '/audit.csv', '/audit.jsonl'])
            assert.equal((await owner.open(`${path}?to=${day}`)).status, 400, `${path} ${day}`);
        assert.equal((await app.api.get(`/directories/${id}/credentials`)).body.items.length, 0);
      });

      it('names what was given and what is wanted when a form does not fit', async () => {
        const { id, organizationId } = await makeDirectory();
        const cases: [string, Record<string, string>, RegExp][] = [
          ['/organizations', { name: ' ' }, /Name is empty/],
          [`/organizations/${organizationId}/directories`, { name: 'x', endpointKey: 'a_b' }, /You entered a_b/],
          [
            `/organizations/${organizationId}/directories`,
            { name: 'x', upstreamUrl: 'ftp://x' },
            /SCIM server behind the gateway can(?:'|&#39;)t be used/,
          ],
          [`/directories/${id}/generate`, { expiresOn: 'tomorrow' }, /You entered tomorrow/],
          ['/account', { name: 'x', email: 'no address' }, /You entered no address/],
          ['/account/password', { password: 'short' }, /email first|5 characters/],
        ];
        for (const [path, fields, wanted] of cases) {
          const page = await owner.send(path, fields);
          assert.equal(page.status, 400, path);
          assert.match(page.html, wanted);
        }
      });

      it('is deleted with its credentials, after a page that says who will be refused', async () => {
        const { id, organizationId } = await makeDirectory();
        const token = tokenIn((await owner.send(`/directories/${id}/generate`)).html);
        assert.match(
          (await owner.open(`/organizations/${organizationId}/delete`)).html,
          /1 credential will be revoked, and requests from Okta will be refused/,
        );
        await owner.send(`/organizations/${organizationId}/delete`);
        assert.equal(await verify(id, token), 401);
        assert.equal((await owner.open(`/organizations/${organizationId}`)).status, 404);
      });
    });

    it('finds an organization, an endpoint key, a hint, a client id and a request id', async () => {
      const organizationId = idIn((await owner.send('/organizations', { name: 'Zephyr Holdings' })).url);
      const key = `zephyr-${Date.now()}`;
      const id = idIn(
        (
          await owner.send(`/organizations/${organizationId}/directories`, {
            name: 'Entra',
            provider: 'entra',
            endpointKey: key,
          })
        ).url,
      );
      const token = tokenIn((await owner.send(`/directories/${id}/generate`, { label: 'to be found' })).html);
      const client = await owner.send('/clients', { name: 'Zephyr client', directoryId: id });
      const clientId = /client_\w{20}/.exec(client.html)?.[0] ?? '';
      assert.ok((await owner.open('/search?q=zephyr%20hold')).url.endsWith(organizationId));
      assert.ok((await owner.open(`/search?q=${key}`)).url.endsWith(id));
      assert.match((await owner.open(`/search?q=${token.slice(-4)}`)).html, /to be found/);
      assert.ok((await owner.open(`/search?q=${clientId}`)).url.endsWith(clientId));
      const requestId = client.headers.get('x-request-id') ?? '';
      assert.match((await owner.open(`/search?q=${requestId}`)).url, /audit\?requestId=/);
      assert.match((await owner.open('/search?q=nothing-at-all')).html, /No results for/);
      await verify(id, `${token}x`);
      await flush(app);
      const from = (await owner.open('/search?q=127.0.0.1')).html;
      assert.match(
        from,
        new RegExp(`Requests from 127\\.0\\.0\\.1.*href="/dashboard/directories/${id}".*Last refused <time`, 's'),
      );
      const elsewhere = (await owner.open('/search?q=203.0.113.7')).html;
      assert.match(
        elsewhere,
        /No refusals or token requests from 203\.0\.113\.7.*Accepted requests can’t be searched/s,
      );
      assert.doesNotMatch(elsewhere, /href="\/dashboard\/directories\//);
      const cut = await owner.send('/search', { q: `${'a'.repeat(199)}😀` });
      assert.equal(cut.status, 200);
      assert.match((await owner.open('/search?q=%24ne')).html, /No results for/);
    });

    it('exports the audit as CSV that no spreadsheet takes for formulas, and as JSON lines', async () => {
      const organizationId = idIn(
        (await owner.send('/organizations', { name: '=HYPERLINK("https://evil.example");=1+1;' })).url,
      );
      await owner.send('/operators', { name: '=1+1, "quoted"', role: 'viewer' });
      const csv = await owner.open(`/audit.csv?organizationId=${organizationId}`);
      assert.match(csv.headers.get('content-disposition') ?? '', /attachment; filename="latchkey-audit\.csv"/);
      const [head, ...rows] = csv.html.trim().split('\r\n');
      assert.match(head ?? '', /^at,type,actor/);
      assert.ok(rows.length >= 1);
      for (const row of rows) assert.doesNotMatch(row, /(?:^|[,;])"?=/);
      const lines = (await owner.open('/audit.jsonl?type=organization.*')).html.trim().split('\n');
      for (const line of lines) assert.match((JSON.parse(line) as { type: string }).type, /^organization\./);
    });

    it('says in the audit where each thing happened, with the way there', async () => {
      const { organizationId, id } = await makeDirectory('Where it happened');
      const { html } = await owner.open(`/audit?directoryId=${id}`);
      assert.ok(
        html.includes(
          `<a href="/dashboard/organizations/${organizationId}">Northwind Traders</a> / <a href="/dashboard/directories/${id}">Where it happened</a>`,
        ),
      );
    });

    it('says of each setting what it is and where that comes from, and shows no secret', async () => {
      const { html } = await owner.open('/settings');
      assert.match(html, /LATCHKEY_UPSTREAM_ALLOW<.*?>127\.0\.0\.0\/8.*?from the environment/);
      assert.match(html, /LATCHKEY_LEASE_MS<.*?>1000<.*?by default/);
      assert.match(html, /LATCHKEY_SECRET<.*?>set \(not shown\)</);
      assert.doesNotMatch(html, /a secret of the tests/);
    });

    it('limits an API key to an organization and to a day, and refuses one that does not exist', async () => {
      const { organizationId } = await makeDirectory();
      const made = await owner.send('/api-keys', {
        name: 'limited',
        role: 'admin',
        organizationId,
        expiresOn: '2090-01-31',
      });
      const limited = app.api.as(/lk_\w{20,}/.exec(made.html)?.[0] ?? '');
      const { items } = (await limited.get('/organizations')).body;
      assert.deepEqual(
        items.map((item: { id: string }) => item.id),
        [organizationId],
      );
      assert.match(
        (await owner.open('/api-keys')).html,
        new RegExp(`limited to ${organizationId}.*?expires <time datetime="2090-01-31T23:59:59`),
      );
      assert.equal((await owner.send('/api-keys', { name: 'x', organizationId: 'org_nothing' })).status, 404);
      assert.equal((await owner.send('/api-keys', { name: 'x', expiresOn: '2001-01-01' })).status, 400);
    });

    it('names in the list of clients whose each is', async () => {
      const { id } = await makeDirectory('Okta of the list');
      await app.api.post('/clients', { name: 'Own', provider: 'okta', directoryId: id, appName: 'acme_1' });
      const { html } = await owner.open('/clients');
      assert.match(html, /Northwind Traders, Okta of the list\./);
    });

    it('says of a new webhook that nothing was sent yet', async () => {
      const { body } = await app.api.post('/webhooks', { url: 'https://hooks.example.com/x', events: [] });
      assert.match((await owner.open(`/notifications/${body.webhook.id}`)).html, /Nothing has been sent yet\./);
      // The events of the tests that follow would be sent there, to a host that isn't ours.
      assert.equal((await app.api.delete(`/webhooks/${body.webhook.id}`)).status, 204);
    });

    it('asks for an email address once on the page of an account', async () => {
      const { html } = await owner.open('/account');
      assert.equal(html.match(/name="email"/g)?.length, 1);
    });

    it('shows which directories a client connects', async () => {
      const { id } = await makeDirectory('Connected by a client');
      const { client } = (await app.api.post('/clients', { name: 'SailPoint', provider: 'sailpoint', directoryId: id }))
        .body;
      assert.match((await owner.open(`/clients/${client.id}`)).html, /No connections yet/);
      await app.api.post(`/directories/${id}/connections`, { clientId: client.id });
      const { html } = await owner.open(`/clients/${client.id}`);
      assert.match(html, /Connected by a client.*Northwind Traders, .*never used.*active/);
      assert.ok((await owner.open(`/directories/${id}`)).html.includes(`<a href="/dashboard/clients/${client.id}">`));
    });

    it('exports all of it, however much there is, once each', async () => {
      const { id } = await makeDirectory('Much happened');
      const { credential } = (await app.api.post(`/directories/${id}/credentials`, {})).body;
      for (let turn = 0; turn < 110; turn++) {
        await app.api.post(`/credentials/${credential.id}/disable`);
        await app.api.post(`/credentials/${credential.id}/enable`);
      }
      const lines = (await owner.open(`/audit.jsonl?directoryId=${id}`)).html.trim().split('\n');
      const ids = lines.map((line) => (JSON.parse(line) as { id: string }).id);
      assert.deepEqual([ids.length, new Set(ids).size], [222, 222]);
      assert.equal((await owner.open(`/audit.csv?directoryId=${id}`)).html.trim().split('\r\n').length, 223);
    });

    it('leads the organizations with those that are broken, until they work again, and lists what is of nobody', async () => {
      const { organizationId, id } = await makeDirectory('Refused production');
      await owner.send(`/organizations/${organizationId}`, { name: 'Contoso <b>', externalId: '' });
      const { token } = (await app.api.post(`/directories/${id}/credentials`, {})).body;
      await verify(id, token);
      await flush(app);
      app.clock.advance(1000);
      await verify(id, token.slice(0, -1));
      await flush(app);
      const panel = async () => {
        const { html } = await owner.open('/organizations');
        return /<section class="panel list[^>]* aria-label="Needs attention">(.*?)<\/section>/.exec(html)?.[1] ?? '';
      };
      const refused =
        /Refused production.*, Contoso &lt;b>.*Requests from Okta are being refused\. It(?:'|&#39;)s sending an incomplete token/;
      assert.match(await panel(), refused);
      const filter = (await owner.open('/findings?code=idp_own_token')).html;
      assert.match(
        filter,
        /<optgroup label="The token was sent incorrectly">.*<option value="idp_own_token" selected>The identity provider sent its own token\./,
      );
      assert.doesNotMatch(filter, /Idp own token|<optgroup label="Fine">/);
      assert.match((await owner.open(`/findings?code=token_truncated&organizationId=${organizationId}`)).html, refused);
      for (const other of ['code=token_revoked', 'provider=entra'])
        assert.doesNotMatch(
          (await owner.open(`/findings?organizationId=${organizationId}&${other}`)).html,
          /Refused production/,
        );
      app.clock.advance(1000);
      assert.equal(await verify(id, token), 200);
      await flush(app);
      assert.doesNotMatch(await panel(), /Refused production/);
      const nowhere = await fetch(`${app.url}/scim/v2/no-such-place/Users`, {
        headers: { authorization: 'Bearer scim_x' },
      });
      assert.equal(nowhere.status, 401);
      await fetch(`${app.url}/oauth/token`, {
        method: 'POST',
        body: new URLSearchParams({ grant_type: 'client_credentials', client_id: 'client_nobody', client_secret: 'x' }),
      });
      await flush(app);
      const { html } = await owner.open('/refused');
      assert.match(html, /Requests arrived with an incomplete or mistyped token\..*last from 127\.0\.0\.1/);
      assert.match(html, /The identity provider sent a client ID that we do not recognize\./);
      assert.doesNotMatch(html, /Refused production/);
    });

    it('says that a request was accepted and failed at the SCIM server, and who fixes it', async () => {
      const { id } = await makeDirectory('No server behind');
      const { token } = (await app.api.post(`/directories/${id}/credentials`, {})).body;
      const { endpointUrl } = (await app.api.get(`/directories/${id}`)).body;
      const ask = async () =>
        (await fetch(`${endpointUrl}/Users`, { headers: { authorization: `Bearer ${token}` } })).status;
      assert.equal(await ask(), 502);
      await flush(app);
      const page = await owner.open(`/directories/${id}`);
      assert.match(
        page.html,
        /Requests are accepted but not passed on\.<\/strong> This directory has no SCIM server URL yet/,
      );
      assert.match(
        page.html,
        /<h2>What to do<\/h2><span class="tag warn">You<\/span>.*href="[^"]*\?change#scim-server">Change the URL/,
      );
      assert.match(page.html, /<li class="bad"><b>Your SCIM server<\/b><span>No URL is set/);
      assert.doesNotMatch(page.html, /class="tag ok"|slot using/);
      assert.match((await owner.open(`/directories/${id}/check`)).html, /Requests are accepted but not passed on\./);
      assert.match((await owner.open('/organizations')).html, /Requests are accepted but not passed on\./);
      const upstream = createServer((request, response) => {
        response.writeHead(request.url?.includes('broken') ? 500 : 200, { 'content-type': 'application/scim+json' });
        response.end('{}');
      });
      await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
      const { port } = upstream.address() as AddressInfo;
      const use = (path: string) =>
        app.api.patch(`/directories/${id}`, { upstreamUrl: `http://127.0.0.1:${port}${path}` });
      await use('/scim');
      app.clock.advance(1000);
      assert.equal(await ask(), 200);
      await flush(app);
      assert.match((await owner.open(`/directories/${id}`)).html, /Provisioning works(?: again)?\./);
      await use('/broken');
      app.clock.advance(1000);
      assert.equal(await ask(), 500);
      await flush(app);
      assert.match((await owner.open(`/directories/${id}`)).html, /Provisioning is failing at the SCIM server\..*500/);
      upstream.closeAllConnections();
      upstream.close();
    });

    it('tells the state at a moment and keeps it for a ticket, and takes no moment that is none', async () => {
      const { id } = await makeDirectory('Then');
      const token = tokenIn((await owner.send(`/directories/${id}/generate`, { label: 'Okta 2025' })).html);
      await verify(id, token);
      await flush(app);
      const at = new Date(app.clock.now().getTime() + 60_000).toISOString().slice(0, 16);
      app.clock.advance(2 * HOUR);
      owner = await signInOperator(app);
      await owner.send(`/credentials/${credentialsIn((await owner.open(`/directories/${id}`)).html)[0]}/revoke`);
      const { html } = await owner.open(`/directories/${id}?at=${at}`);
      const then = /<section class="panel" id="then">.*?<\/section>/.exec(html)?.[0] ?? '';
      assert.match(then, /Requests are accepted\..*Okta 2025.*<span class="tag ok">active<\/span>/);
      assert.match(html, /<strong>No longer connected\.<\/strong>/);
      const ticket = (await owner.open(`/directories/${id}/ticket?at=${at}`)).html;
      assert.match(ticket, /Then: Requests are accepted\..*Finding: working\./s);
      assert.ok(!ticket.includes(token));
      assert.equal((await owner.open(`/directories/${id}?at=yesterday`)).status, 400);
      assert.match((await owner.open(`/directories/${id}?at=2001-01-01T00:00`)).html, /did not exist yet/);
      for (const period of ['1', '30', 'all', 'x'])
        assert.equal((await owner.open(`/directories/${id}?period=${period}`)).status, 200, period);
    });

    it('checks a token without using it: whose, its state; of what is not ours, what it looks like', async () => {
      const { id } = await makeDirectory('Checked');
      const token = tokenIn((await owner.send(`/directories/${id}/generate`)).html);
      const ask = async (value: string) => (await owner.send('/check-token', { value })).html;
      assert.match(await ask(`Bearer ${token}`), /This token works\..*Checked.*Never used\./);
      assert.match(await ask(token), /Never used\./);
      assert.match(await ask(token.slice(0, -3)), /We don(?:'|&#39;)t recognize this value\..*too short or too long/);
      await owner.send(`/credentials/${credentialsIn((await owner.open(`/directories/${id}`)).html)[0]}/revoke`);
      const revoked = await ask(token);
      assert.match(revoked, /This token is revoked\./);
      assert.ok(!revoked.includes(token));
      const { body } = await app.api.post('/clients', {
        name: 'Entra SCIM',
        provider: 'entra',
        directoryId: id,
        grantTypes: ['client_credentials'],
      });
      const secret = body.clientSecret;
      const live = await ask(secret);
      assert.match(
        live,
        /This client secret works\..*href="\/dashboard\/clients\/client_\w+".*Entra SCIM.*Checked.*Never used\./s,
      );
      assert.ok(!live.includes(secret));
      assert.match(await ask(body.client.id), /This is a client ID, not a secret\..*Entra SCIM.*Checked/s);
      await app.api.post(`/clients/${body.client.id}/secrets`, {});
      await app.api.delete(`/clients/${body.client.id}/secrets/${body.client.secrets[0].id}`);
      assert.match(await ask(secret), /This client secret was removed\..*Removed <time/s);
      await app.api.delete(`/clients/${body.client.id}`);
      assert.match(await ask(secret), /The client of this secret was deleted\./);
      assert.match(await ask(body.client.id), /the ID of a client that was deleted\..*Deleted <time/s);
      assert.match(await ask('scimcs_abc'), /It looks like a client secret\..*50 characters/s);
    });

    it('says what was missed when it works again, until somebody says that it is done', async () => {
      const { id } = await makeDirectory('Healed');
      const first = tokenIn((await owner.send(`/directories/${id}/generate`)).html);
      await verify(id, first);
      await flush(app);
      app.clock.advance(1000);
      const second = (await app.api.post(`/directories/${id}/rotate`, { mode: 'immediate' })).body.token;
      await verify(id, first);
      await flush(app);
      app.clock.advance(1000);
      await verify(id, second);
      await flush(app);
      const { html } = await owner.open(`/directories/${id}`);
      assert.match(html, /<strong>Provisioning works again\.<\/strong>.*we refused 1 request/);
      assert.match(html, /<h2>What Okta may have missed<\/h2>.*<b>Retry Selected<\/b>/);
      assert.equal((await owner.send(`/directories/${id}/recovered`)).status, 200);
      assert.match((await owner.open(`/directories/${id}`)).html, /<strong>Requests are accepted\.<\/strong>/);
    });

    it('remembers what was accepted with credentials that are over, and says when a connection gets no further token', async () => {
      const { id } = await makeDirectory('Was connected');
      const first = tokenIn((await owner.send(`/directories/${id}/generate`)).html);
      assert.equal(await verify(id, first), 200);
      app.clock.advance(1000);
      await app.api.post(`/directories/${id}/rotate`, { mode: 'immediate' });
      assert.match(
        (await owner.open(`/directories/${id}`)).html,
        /Waiting for the first request with the new token\.<\/strong> The last request was accepted <time[^>]*>[^<]*<\/time>, with a token or connection that no longer works/,
      );
      assert.match(
        (await owner.open(`/directories/${id}/delete`)).html,
        /Last used <time[^>]*>[^<]*<\/time> with a credential that no longer works/,
      );
      await owner.send(`/credentials/${credentialsIn((await owner.open(`/directories/${id}`)).html)[0]}/revoke`);
      assert.match((await owner.open(`/directories/${id}`)).html, /No longer connected\./);
      const { client, clientSecret } = (
        await app.api.post('/clients', {
          name: 'Entra',
          provider: 'entra',
          directoryId: id,
          grantTypes: ['client_credentials'],
          redirectUris: [],
        })
      ).body;
      const answer = await fetch(`${app.url}/oauth/token`, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'client_credentials',
          client_id: client.id,
          client_secret: clientSecret,
        }),
      });
      const { access_token: access } = (await answer.json()) as { access_token: string };
      app.clock.advance(1000);
      assert.equal(await verify(id, access), 200);
      assert.match((await owner.open(`/directories/${id}`)).html, /<strong>Requests are accepted\.<\/strong>/);
      await owner.send(`/clients/${client.id}/delete`);
      assert.match(
        (await owner.open(`/directories/${id}`)).html,
        /<strong>This connection will stop working\.<\/strong> Its client was deleted\./,
      );
    });

    it('shows a refused form again, with what was typed, beside what is wrong; but no token and no page of another role', async () => {
      const { organizationId, id } = await makeDirectory();
      const referer = `${app.url}/dashboard/organizations/${organizationId}`;
      const form = { name: 'Typed with care', provider: 'entra', endpointKey: 'not_a_key', upstreamUrl: '' };
      const again = await owner.send(`/organizations/${organizationId}/directories`, form, { referer });
      assert.equal(again.status, 400);
      assert.match(again.html, /role="alert".*Endpoint key must be .*You entered not_a_key/);
      assert.match(again.html, /value="Typed with care"/);
      assert.match(again.html, /<option value="entra" selected/);
      const imported = await owner.send(`/directories/${id}/import`, { value: 'with blanks inside it', label: 'Kept' });
      assert.match(imported.html, /value="Kept"/);
      assert.doesNotMatch(imported.html, /with blanks inside it/);
      const admin = await signInOperator(app, 'admin');
      const curious = await admin.send('/organizations', { name: '' }, { referer: `${app.url}/dashboard/operators` });
      assert.doesNotMatch(curious.html, /New member/);
      assert.equal(curious.status, 400);
    });

    it('asks before a replaced token is ended, and names it', async () => {
      const { id } = await makeDirectory();
      const first = tokenIn((await owner.send(`/directories/${id}/generate`, { label: 'Old' })).html);
      const second = tokenIn((await owner.send(`/directories/${id}/rotate`, { label: 'New' })).html);
      for (const token of [first, second, first]) await verify(id, token);
      const { html } = await owner.open(`/directories/${id}/rotate`);
      const path = /\/credentials\/cred_\w+\/retire/.exec(html)?.[0] ?? '';
      const question = await owner.open(path);
      assert.match(question.html, new RegExp(`End “Old” \\(…${first.slice(-4)}\\)`));
      assert.match(question.html, /<button[^>]*>Revoke the old one now<\/button>/);
      assert.match((await owner.open(`/directories/${id}`)).html, /Revoke the old one now/);
      assert.doesNotMatch(question.html, /Retire/);
      assert.match(question.html, /will be refused immediately.*Last used/);
      assert.equal(await verify(id, first), 200);
      await owner.send(path);
      assert.deepEqual([await verify(id, first), await verify(id, second)], [401, 200]);
    });

    it('finds directories and clients by name, an address, a whole token without keeping it, and a request id that was counted with others', async () => {
      const { id } = await makeDirectory('Found by its name');
      const { token } = (await app.api.post(`/directories/${id}/credentials`, {})).body;
      const { endpointUrl } = (await app.api.get(`/directories/${id}`)).body;
      for (const text of ['found BY its', `${endpointUrl}/Users`])
        assert.equal(
          (await owner.open(`/search?q=${encodeURIComponent(text)}`)).url,
          `${app.url}/dashboard/directories/${id}`,
        );
      await app.api.post('/clients', { name: 'A client with a name', provider: 'okta' });
      assert.match((await owner.open('/search?q=client+with+a+name')).url, /\/clients\/client_/);
      const byToken = await owner.send('/search', { q: token });
      assert.equal(byToken.url, `${app.url}/dashboard/directories/${id}`);
      const unknown = await owner.send('/search', { q: `${token.slice(0, -6)}AAAAAA` });
      assert.ok(!unknown.url.includes(token.slice(5, 20)));
      const ids = [];
      for (let turn = 0; turn < 2; turn++) {
        const refused = await fetch(`${endpointUrl}/Users`, { headers: { authorization: 'Bearer scim_half' } });
        ids.push(refused.headers.get('x-request-id') ?? '');
        app.clock.advance(10);
      }
      await app.app.rounds.find(({ name }) => name === 'denials')?.run();
      assert.match(
        (await owner.open(`/search?q=${ids[0]}`)).html,
        /Refusals at that time.*Refused: requests arrived with an incomplete token/,
      );
      assert.match((await owner.open(`/search?q=${ids[1]}`)).url, /audit\?requestId=/);
    });

    it('writes nothing over that somebody else changed meanwhile', async () => {
      const { id } = await makeDirectory('Stale');
      const page = await owner.open(`/directories/${id}`);
      const shown = Object.fromEntries(
        [...page.html.matchAll(/name="(shown_\w+)" value(?:="([^"]*)")?/g)].map(([, name = '', value = '']) => [
          name,
          value,
        ]),
      );
      await app.api.patch(`/directories/${id}`, { upstreamUrl: 'http://127.0.0.1:4599/scim', provider: 'entra' });
      await owner.send(`/directories/${id}`, {
        ...shown,
        name: 'Renamed',
        provider: shown['shown_provider'] ?? '',
        endpointKey: shown['shown_endpointKey'] ?? '',
        upstreamUrl: '',
      });
      const { body } = await app.api.get(`/directories/${id}`);
      assert.deepEqual(
        [body.name, body.upstreamUrl, body.provider],
        ['Renamed', 'http://127.0.0.1:4599/scim', 'entra'],
      );
    });

    it('lets an owner change the role of another operator, end their sessions, and take their way in', async () => {
      const colleague = await signInOperator(app, 'admin');
      const listed = (await owner.open('/operators')).html;
      const id = [...listed.matchAll(/operators\/(op_\w+)"><b>admin</g)].at(0)?.[1] ?? '';
      const change = (role: string) => owner.send(`/operators/${id}`, { name: 'Grace', email: '', role });
      assert.equal((await colleague.send('/organizations', { name: 'By an admin' })).status, 200);
      assert.equal((await change('viewer')).status, 200);
      assert.equal((await colleague.send('/organizations', { name: 'By a viewer' })).status, 403);
      const wrong = await change('king');
      assert.equal(wrong.status, 400);
      assert.match(wrong.html, /must be one of owner, admin, viewer\. You entered king/);
      const page = (await owner.open(`/operators/${id}`)).html;
      const [end] = /\/operators\/op_\w+\/sessions\/[\w-]+\/end/.exec(page) ?? [''];
      assert.equal((await owner.send(end.replace('/dashboard', ''))).status, 200);
      assert.match((await colleague.open('/organizations')).html, /<span>Email<\/span>/);
      assert.equal((await owner.send(`/operators/${id}/disable`)).status, 200);
      assert.equal((await owner.send(`/operators/${id}/remove`)).status, 200);
      assert.equal((await owner.open(`/operators/${id}`)).status, 404);
    });

    it('leaves no cookie behind after signing out', async () => {
      const someone = await signInOperator(app, 'viewer');
      await someone.send('/sign-out');
      assert.equal(someone.browser.cookieFor(`${app.url}/dashboard`), '');
    });

    it('draws the key of a second factor for a camera, in no address', async () => {
      const page = await owner.open('/account?second-factor');
      assert.match(page.html, /<svg class="qr" viewBox="0 0 \d+ \d+" role="img"[^>]*><path d="M4 4h1v1h-1z/);
      assert.doesNotMatch(page.url, /[A-Z2-7]{32}/);
    });

    it('asks before a client is deleted or a secret taken away, and says when a token was fetched last', async () => {
      const { id } = await makeDirectory();
      const { body } = await app.api.post('/clients', { name: 'Entra', provider: 'entra', directoryId: id });
      const address = `/clients/${body.client.id}`;
      assert.match((await owner.open(`${address}/delete`)).html, /It hasn(?:'|&#39;)t gotten one recently/);
      const answer = await fetch(`${app.url}/oauth/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${btoa(`${body.client.id}:${body.clientSecret}`)}` },
        body: new URLSearchParams({ grant_type: 'client_credentials' }),
      });
      assert.equal(answer.status, 200);
      await app.app.rounds.find(({ name }) => name === 'denials')?.run();
      assert.match(
        (await owner.open(`${address}/delete`)).html,
        /It last got one <time[^>]*>just now<\/time> from 127\.0\.0\.1/,
      );
      await app.api.post(`${address}/secrets`);
      const page = (await owner.open(address)).html;
      const [path = '', other = ''] = page.match(/\/clients\/\w+\/secrets\/\w+\/remove/g) ?? [];
      assert.match(page, /Last used <time[^>]*>just now<\/time>\..*Never used\./s);
      assert.match(
        (await owner.open(path)).html,
        /This secret was used <time.*will be refused immediately.*It was never used\./s,
      );
      const unused = (await owner.open(other)).html;
      assert.match(unused, /will be refused immediately\.\s*It was never used\./);
      assert.doesNotMatch(unused, /This secret was used/);
      assert.equal((await owner.send(path)).status, 200);
      assert.equal((await owner.send(`${address}/delete`)).status, 200);
      assert.equal((await owner.open(address)).status, 404);
    });

    it('makes clients with two secrets, API keys and portal links, each secret shown once', async () => {
      const { organizationId } = await makeDirectory();
      const made = await owner.send('/clients', { name: 'Okta Integration Network', provider: 'okta' });
      const id = /client_\w{20}/.exec(made.html)?.[0] ?? '';
      assert.match(made.html, /scimcs_\w+/);
      await owner.send(`/clients/${id}`, { name: 'Okta Integration Network', appName: 'acme_1', redirectUris: '' });
      assert.match((await owner.open(`/clients/${id}`)).html, /admin\/app\/cpc\/acme_1/);
      assert.match((await owner.send(`/clients/${id}/secrets`)).html, /scimcs_\w+/);
      assert.equal((await owner.send(`/clients/${id}/secrets`)).status, 409);
      const key = await owner.send('/api-keys', { name: 'SCIM server', role: 'introspect' });
      assert.match(key.html, /lk_\w{20,}/);
      const keyId = /key_\w{20}/.exec((await owner.open('/api-keys')).html)?.[0] ?? '';
      assert.equal((await owner.send(`/api-keys/${keyId}/revoke`)).status, 200);
      const link = await owner.send(`/organizations/${organizationId}/portal-links`);
      const url = /http[^<]*\/portal\/enter\/lkp_\w{43}/.exec(link.html)?.[0] ?? '';
      assert.equal((await fetch(url)).status, 200);
      const linkId = /portal-links\/(link_\w+)\/revoke/.exec(
        (await owner.open(`/organizations/${organizationId}`)).html,
      )?.[1];
      await owner.send(`/portal-links/${linkId}/revoke`);
      assert.equal((await fetch(url)).status, 410);
    });
  });
}
