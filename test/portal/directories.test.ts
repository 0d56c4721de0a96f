import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { runApp } from '../support/app.ts';
import { createMovableClock } from '../support/clock.ts';
import { flush } from '../support/diagnosed.ts';
import { engines } from '../support/engines.ts';
import { type ItContact, makeLink, welcomeItContact } from '../support/it-contact.ts';
import { signInOperator } from '../support/operator-browser.ts';

const HOSTILE = `"><script>alert(1)</script><img src=x onerror=alert(1)>'`;

for (const engine of engines) {
  describe(`a directory in the portal on ${engine.name}`, () => {
    const app = runApp({ engine, clock: createMovableClock(new Date().toISOString()) });
    let directory: Answer;
    let contact: ItContact;
    let formToken: string;

    async function begin(fields: Record<string, unknown> = {}): Promise<void> {
      directory = await app.api.makeDirectory({ provider: 'okta', ...fields });
      contact = await welcomeItContact(app.url, app.api, directory.organizationId);
      formToken = /name="token" value="([0-9a-f]{64})"/.exec((await open('/generate')).html)?.[1] ?? 'none';
    }

    const open = (path = '') => contact.browser.open(`${app.url}/portal/directories/${directory.id}${path}`);
    function send(path: string, fields: Record<string, string> = {}, headers = {}) {
      const page = { status: 200, url: `${app.url}/portal${path}`, html: '', headers: new Headers() };
      return contact.browser.submit(page, { token: formToken, ...fields }, headers);
    }
    const generate = (fields: Record<string, string> = {}) => send(`/directories/${directory.id}/generate`, fields);
    const tokenIn = (html: string) => /scim_[0-9A-Za-z]+/.exec(html)?.[0] ?? '';
    const verify = async (token: string, id = directory.id) =>
      (
        await fetch(`${app.url}/auth/verify?directory=${id}`, {
          headers: { authorization: `Bearer ${token}`, 'user-agent': 'Okta SCIM Client 1.0.0' },
        })
      ).status;
    const told = () => flush(app);

    it('is led to from the list, by a sentence about its health', async () => {
      await begin();
      const home = await contact.browser.open(`${app.url}/portal`);
      assert.match(home.html, /Not connected yet\. Nothing is wrong: it has no token and no connection yet\./);
      assert.ok(home.html.includes(`/portal/directories/${directory.id}`));
      assert.match((await open()).html, /<strong>Not connected yet\.<\/strong>/);
    });

    it('does not say where the servers of the vendor are, or were', async () => {
      await begin();
      const changes = { upstreamUrl: 'http://127.0.0.1:8093/scim', audience: 'https://inside.example' };
      const changed = await app.api.patch(`/directories/${directory.id}`, changes);
      assert.equal(changed.status, 200, JSON.stringify(changed.body));
      await told();
      for (const path of ['', '/audit']) {
        const { html } = await open(path);
        assert.match(html, /SCIM server URL/);
        assert.doesNotMatch(html, /127\.0\.0\.1:8093|inside\.example/);
      }
    });

    it('takes no hidden character or line end in a field, nor behind a second one of that name', async () => {
      await begin();
      const path = `${app.url}/portal/directories/${directory.id}/generate`;
      const generateAs = async (labels: string[]) => {
        const body = new URLSearchParams({ token: formToken });
        for (const label of labels) body.append('label', label);
        const headers = { cookie: contact.browser.cookieFor(path), origin: app.url };
        return (await fetch(path, { method: 'POST', body, headers, redirect: 'manual' })).status;
      };
      assert.equal(await generateAs(['evil\u202egnp', 'ok']), 400);
      assert.equal(await generateAs(['x\r\nBcc: y', 'ok']), 400);
      assert.equal(await generateAs(['x\r\nBcc: y']), 400);
      assert.equal(await generateAs(['Okta']), 200);
    });

    it('is connected by a token that is shown once, with the fields of the identity provider, and seen used', async () => {
      await begin();
      const shown = await generate({ label: 'Okta' });
      const token = tokenIn(shown.html);
      for (const word of [
        'SCIM connector base URL',
        'HTTP Header',
        'Test Connector Configuration',
        directory.endpointUrl,
      ])
        assert.ok(shown.html.includes(word), word);
      assert.match((await open('/check')).html, /Waiting for Okta to use the token/);
      assert.equal(await verify(token), 200);
      assert.match((await open('/check?part=live')).html, /^<div class="steps">.*Okta is using the new token/);
      assert.ok(!(await open()).html.includes(token));
      const { body } = await app.api.get(`/events?directoryId=${directory.id}&type=credential.issued`);
      assert.deepEqual([body.items[0].source, body.items[0].actor.type], ['portal', 'it_contact']);
    });

    it('explains what was refused, what to do and who must do it, until something is accepted again', async () => {
      await begin();
      const other = await app.api.makeDirectory({ name: 'Competitor Inc directory' });
      const { token: foreign } = await app.api.issue(other.id);
      await verify(foreign);
      await told();
      const page = await open();
      assert.match(
        page.html,
        /It(?:'|&#39;)s sending a token from another customer(?:&#39;|')s directory to this directory/,
      );
      assert.match(page.html, /<h2>What to do<\/h2>.*You<.*paste the new token into <b>Authorization<\/b>/);
      assert.ok(page.html.includes(directory.endpointUrl));
      assert.ok(!page.html.includes('Competitor'));
      app.clock.advance(1000);
      const token = tokenIn((await generate()).html);
      await verify(token.slice(0, -4));
      await told();
      const after = (await open()).html;
      assert.match(after, /It(?:'|&#39;)s sending an incomplete token/);
      assert.match(after, /<strong>Requests from Okta are probably being refused\.<\/strong>/);
      assert.match(after, /Refused: requests arrived with an incomplete token/);
      app.clock.advance(1000);
      assert.equal(await verify(token), 200);
      const fine = (await open()).html;
      assert.match(fine, /<strong>Requests are accepted\.<\/strong>/);
      assert.doesNotMatch(fine, /<h2>What to do<\/h2>|Where it stops/);
    });

    it('says what was accepted before a refusal, and compares no characters that nobody knows', async () => {
      await begin();
      const token = tokenIn((await generate()).html);
      assert.equal(await verify(token), 200);
      app.clock.advance(7000);
      assert.equal(await verify('short'), 401);
      await told();
      const { html } = await open();
      assert.match(
        html,
        /<strong>Requests from Okta are being refused\.<\/strong> It(?:'|&#39;)s sending a token that we don(?:'|&#39;)t recognize.*Nothing has been accepted since then\..*and was last used <time/,
      );
      assert.match(html, /last used<\/span>/);
      assert.doesNotMatch(html, /class="tag ok"/);
      assert.doesNotMatch(html, /last four characters/);
    });

    it('is rotated without a gap, and revoked after a page that says what will break', async () => {
      await begin();
      const old = tokenIn((await generate({ label: 'Okta' })).html);
      await verify(old);
      const fresh = tokenIn((await send(`/directories/${directory.id}/rotate`, { retire: 'when-replaced' })).html);
      assert.deepEqual([await verify(old), await verify(fresh)], [200, 200]);
      const ids = [...(await open()).html.matchAll(/\/credentials\/(cred_\w+)\/revoke/g)].map(([, id]) => id ?? '');
      assert.equal(ids.length, 2);
      assert.equal((await send(`/credentials/${ids[0]}/retire`)).status, 200);
      assert.deepEqual([await verify(old), await verify(fresh)], [401, 200]);
      const asked = await contact.browser.open(`${app.url}/portal/credentials/${ids[1]}/revoke`);
      assert.match(asked.html, /Okta will be refused immediately/);
      assert.equal((await send(`/credentials/${ids[1]}/disable`)).status, 200);
      assert.equal(await verify(fresh), 401);
      assert.equal((await send(`/credentials/${ids[1]}/enable`)).status, 200);
      assert.equal(await verify(fresh), 200);
      assert.equal((await contact.browser.submit(asked, { reason: 'over' })).status, 200);
      assert.equal(await verify(fresh), 401);
    });

    it('is not there for anyone else, by any address, and nothing changes by trying', async () => {
      await begin();
      const { credential, token } = await app.api.issue(directory.id);
      const mine = contact;
      const stranger = await app.api.makeDirectory();
      const other = await welcomeItContact(app.url, app.api, stranger.organizationId);
      const own = await other.browser.open(`${app.url}/portal/directories/${stranger.id}/generate`);
      const form = /name="token" value="([0-9a-f]{64})"/.exec(own.html)?.[1] ?? 'none';
      const paths = [
        ...['', '?part=live', '/audit', '/generate', '/rotate', '/check'].map(
          (end) => `/directories/${directory.id}${end}`,
        ),
        ...['', '/access', '/bearer', '/oauth', '/client/secrets/x/remove'].map(
          (end) => `/directories/${directory.id}/setup${end}`,
        ),
        ...['disable', 'revoke'].map((verb) => `/credentials/${credential.id}/${verb}`),
      ];
      const absent = (await other.browser.open(`${app.url}/portal/directories/dir_00000000000000000000`)).html;
      for (const path of paths) {
        const page = await other.browser.open(`${app.url}/portal${path}`);
        assert.equal(page.status, 404, path);
        assert.equal(page.html, absent, path);
      }
      for (const path of [
        ...[
          'generate',
          'import',
          'rotate',
          'rotate/anew',
          'setup',
          'setup/client',
          'setup/client/secrets',
          'setup/client/secrets/x/remove',
        ].map((end) => `/directories/${directory.id}/${end}`),
        ...['disable', 'enable', 'revoke', 'retire'].map((verb) => `/credentials/${credential.id}/${verb}`),
      ]) {
        const page = { status: 200, url: `${app.url}/portal${path}`, html: '', headers: new Headers() };
        const answer = await other.browser.submit(page, {
          token: form,
          value: 'some-legacy-token',
          mode: 'immediate',
          provider: 'entra',
        });
        assert.equal(answer.status, 404, path);
      }
      assert.equal(await verify(token), 200);
      const { body } = await app.api.get(`/directories/${directory.id}/credentials`);
      assert.deepEqual(
        body.items.map(({ state }: Answer) => state),
        ['active'],
      );
      contact = mine;
    });

    it('says who else changed something, by name for a person of the vendor, and never from where', async () => {
      await begin();
      const { body } = await app.api.post(`/directories/${directory.id}/credentials`, { label: 'By the API' });
      const owner = await signInOperator(app);
      await owner.send(`/credentials/${body.credential.id}/disable`);
      const { html } = await open();
      assert.match(html, /<small>Dana Ruiz \(your software vendor\), dashboard<\/small>/);
      assert.match(html, /<dt>Created<\/dt><dd><time[^>]*>[^<]*<\/time> by your software vendor/);
      assert.doesNotMatch(html, /initial key/);
      assert.match((await owner.open(`/directories/${directory.id}`)).html, /Dana Ruiz, 127\.0\.0\.1/);
    });

    it('names the identity provider as the one that presented a credential we know, and no one for any other value', async () => {
      await begin();
      const { token, credential } = await app.api.issue(directory.id, { scopes: ['scim.read'] });
      const present = (value: string) =>
        fetch(`${app.url}/auth/verify?directory=${directory.id}`, {
          headers: { authorization: `Bearer ${value}`, 'user-agent': 'curl/8', 'x-original-method': 'POST' },
        });
      await present(token);
      await present('Bearer x');
      await app.api.post(`/credentials/${credential.id}/revoke`, { force: true });
      await present(token);
      await told();
      const textOf = ({ html }: { html: string }) => html.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ');
      const owner = await signInOperator(app);
      const pages = [await open('/audit?type=refused'), await owner.open(`/audit?directoryId=${directory.id}`)];
      for (const page of pages.map(textOf)) {
        assert.match(page, /tried to change something with a read-only token \(….{4}\) [^:]*?Okta, 127\.0\.0\.1/);
        assert.match(page, /was revoked \(….{4}\) [^:]*?Okta, 127\.0\.0\.1/);
        assert.match(page, /Refused: .*twice[^:]*?(?:someone|unauthenticated caller), 127\.0\.0\.1/);
      }
    });

    it('has its own audit whole, page by page, and nobody else in it', async () => {
      await begin();
      const other = await app.api.makeDirectory();
      await app.api.issue(other.id, { label: 'of somebody else' });
      const { credential } = await app.api.issue(directory.id, { label: 'mine' });
      for (let turn = 0; turn < 30; turn++) {
        await app.api.post(`/credentials/${credential.id}/disable`);
        await app.api.post(`/credentials/${credential.id}/enable`);
      }
      const first = await open('/audit');
      assert.equal([...first.html.matchAll(/A credential was (?:dis|en)abled|can be used again/g)].length >= 25, true);
      assert.doesNotMatch(first.html, /of somebody else/);
      const [, older = ''] = /<a class="btn" href="\?([^"]+)">Older/.exec(first.html) ?? [];
      const last = await open(`/audit?${older.replaceAll('&amp;', '&')}`);
      assert.match(last.html, /A directory was created/);
      assert.doesNotMatch(last.html, /Older/);
      assert.equal((await open('/audit?after=garbage')).status, 400);
    });

    it('takes no form without the token of its session or from another site, and no page without a session', async () => {
      await begin();
      const cases: [Record<string, string>, Record<string, string | undefined>][] = [
        [{ token: '' }, {}],
        [{ token: 'a'.repeat(64) }, {}],
        [{}, { 'sec-fetch-site': 'cross-site' }],
        [{}, { 'sec-fetch-site': undefined, origin: undefined }],
      ];
      for (const [fields, headers] of cases)
        assert.equal((await send(`/directories/${directory.id}/generate`, fields, headers)).status, 403);
      const { body } = await app.api.get(`/directories/${directory.id}/credentials`);
      assert.equal(body.items.length, 0);
      const { portalLink, url } = await makeLink(app.api, directory.organizationId);
      await contact.enter(url);
      await app.api.post(`/portal-links/${portalLink.id}/revoke`);
      assert.equal((await open()).status, 401);
    });

    it('is left before the eight hours are over, and then is closed to this browser', async () => {
      await begin();
      const before = contact.browser.cookieFor(`${app.url}/portal`);
      assert.match((await contact.browser.open(`${app.url}/portal`)).html, /Your session ends on/);
      assert.equal((await send('/leave', { token: 'x' })).status, 403);
      assert.equal((await open()).status, 200);
      assert.match((await send('/leave')).html, /You have signed out/);
      assert.equal(contact.browser.cookieFor(`${app.url}/portal`), '');
      const again = await fetch(`${app.url}/portal/directories/${directory.id}`, { headers: { cookie: before } });
      assert.equal(again.status, 401);
    });

    it('lets the browser that used a link send it again, as a double click does, and no other', async () => {
      directory = await app.api.makeDirectory();
      const { portalLink, url } = await makeLink(app.api, directory.organizationId);
      const look = await fetch(url);
      const browser = look.headers.getSetCookie()[0]?.split(';')[0] ?? '';
      const enter = async (cookie: string) => {
        const answer = await fetch(url, {
          method: 'POST',
          redirect: 'manual',
          headers: { 'sec-fetch-site': 'same-origin', cookie },
        });
        const session = answer.headers.getSetCookie().find((line) => /portal=[0-9a-f]{64}/.test(line));
        return { status: answer.status, session: session?.split(';')[0] };
      };
      const [one, two] = await Promise.all([enter(browser), enter(browser)]);
      assert.deepEqual([one.status, two.status, one.session], [303, 303, two.session]);
      assert.equal((await enter('latchkey_portal_browser=another')).status, 410);
      assert.equal((await enter('')).status, 410);
      const page = await fetch(`${app.url}/portal`, { headers: { cookie: one.session ?? '' } });
      assert.equal(page.status, 200);
      await app.api.post(`/portal-links/${portalLink.id}/revoke`);
      assert.equal((await enter(browser)).status, 410);
    });

    it('tells what an IT contact did by the name that the link was made for, and never who made the link', async () => {
      directory = await app.api.makeDirectory();
      contact = await welcomeItContact(app.url, app.api, directory.organizationId);
      formToken = /name="token" value="([0-9a-f]{64})"/.exec((await open('/generate')).html)?.[1] ?? 'none';
      await generate();
      const named = await makeLink(app.api, directory.organizationId, { contact: 'Priya <Nair>' });
      await contact.enter(named.url);
      formToken = /name="token" value="([0-9a-f]{64})"/.exec((await open('/generate')).html)?.[1] ?? 'none';
      await generate();
      const { html } = await open();
      assert.match(html, /by IT contact \(your organization\)</);
      assert.match(html, /Priya &lt;Nair> \(you\), 127\.0\.0\.1, portal/);
      assert.doesNotMatch(html, /initial key/);
    });

    it('leaves disabled what the vendor disabled, and enables what it disabled itself', async () => {
      await begin();
      const { credential, token } = await app.api.issue(directory.id);
      await app.api.post(`/credentials/${credential.id}/disable`);
      assert.match((await open()).html, /Disabled by your software vendor\. Only they can enable or revoke it/);
      const refused = await send(`/credentials/${credential.id}/enable`);
      assert.deepEqual([refused.status, await verify(token)], [403, 401]);
      assert.match(refused.html, /Your software vendor disabled this credential/);
      await app.api.post(`/credentials/${credential.id}/enable`);
      await send(`/credentials/${credential.id}/disable`);
      assert.equal(await verify(token), 401);
      await send(`/credentials/${credential.id}/enable`);
      assert.equal(await verify(token), 200);
      await app.api.post(`/directories/${directory.id}/disable`);
      const { html } = await open();
      assert.doesNotMatch(html, /\/enable"/);
      assert.match(
        html,
        /Your software vendor can enable the directory again\. You don't have to change anything in Okta\./,
      );
    });

    it('says of a form that is too large that it is, and calls it no fault of ours', async () => {
      await begin();
      const answer = await generate({ label: 'x'.repeat(100_000) });
      assert.equal(answer.status, 413);
      assert.doesNotMatch(answer.html, /our fault/);
      assert.equal(answer.headers.get('retry-after'), null);
    });

    it('is told that its token arrived at the address of another directory, and nothing of that one', async () => {
      await begin();
      const { token } = await app.api.issue(directory.id);
      const other = await app.api.makeDirectory({ name: 'Competitor Inc directory' });
      await verify(token, other.id);
      await told();
      const { html } = await open();
      assert.match(html, /This directory(?:'|&#39;)s token is being sent to another directory(?:'|&#39;)s URL/);
      assert.match(html, /SCIM connector base URL/);
      assert.ok(html.includes(directory.endpointUrl));
      for (const secret of ['Competitor', other.id, other.endpointKey]) assert.ok(!html.includes(secret), secret);
      const { html: check } = await open('/check');
      assert.match(check, /token is being sent to another directory/);
    });

    it('says that the hours are over, or that a link was used and when', async () => {
      await begin();
      const { url } = await makeLink(app.api, directory.organizationId);
      await contact.enter(url);
      const late = await fetch(url);
      assert.match(
        await late.text(),
        /This link has been used\..*It was used <time[^>]*>just now<\/time>\. If that wasn(?:'|&#39;)t you/,
      );
      app.clock.advance(8 * 3_600_000);
      assert.match((await open()).html, /Your session has ended\./);
      assert.match(await (await fetch(`${app.url}/portal`)).text(), /Open your portal link first\./);
    });

    it('ends after two hours without a request, and a page that keeps itself up to date is none', async () => {
      await begin();
      const { url } = await makeLink(app.api, directory.organizationId);
      await contact.enter(url);
      const hour = 3_600_000;
      for (let turn = 0; turn < 3; turn++) {
        app.clock.advance(1.5 * hour);
        assert.equal((await open()).status, 200, 'somebody is there');
      }
      app.clock.advance(1.5 * hour);
      assert.equal((await open('?part=live')).status, 200);
      app.clock.advance(0.6 * hour);
      assert.match((await open()).html, /Your session has ended\./);
      assert.equal((await contact.browser.open(url)).status, 410, 'its link does not begin it again');
    });

    it('has no way to try values of other systems: importing is for operators', async () => {
      await begin();
      assert.equal((await send(`/directories/${directory.id}/import`, { value: 'some-legacy-token' })).status, 404);
    });

    it('shows hostile names, labels and agents as text', async () => {
      await begin({ name: HOSTILE });
      const token = tokenIn((await generate({ label: HOSTILE })).html);
      await fetch(`${app.url}/auth/verify?directory=${directory.id}`, {
        headers: { authorization: `Bearer ${token}`, 'user-agent': `Okta ${HOSTILE}` },
      });
      await fetch(`${app.url}/auth/verify?directory=${directory.id}`, {
        headers: { authorization: 'Bearer nothing', 'user-agent': `Evil ${HOSTILE}` },
      });
      await told();
      for (const path of ['', '/setup', '/setup/bearer', '/rotate', '/check']) {
        assert.doesNotMatch((await open(path)).html, /<script>|<img/, path);
      }
      assert.doesNotMatch((await contact.browser.open(`${app.url}/portal`)).html, /<script>|<img/);
    });
  });
}
