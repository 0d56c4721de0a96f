/** What to do about a finding, from the first page of the portal on: each button leads to the thing that its step promises. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { runApp } from '../support/app.ts';
import type { Page } from '../support/browser-session.ts';
import { DAY, HOUR } from '../support/clock.ts';
import { flush, makeWorld } from '../support/diagnosed.ts';
import { welcomeItContact } from '../support/it-contact.ts';

describe('what to do, in the portal', () => {
  const app = runApp({ env: { LATCHKEY_FAILURES_PER_ADDRESS: '100000', LATCHKEY_FAILURES_PER_DIRECTORY: '100000' } });

  async function enter({ id, organizationId }: Answer) {
    const { browser } = await welcomeItContact(app.url, app.api, organizationId);
    const address = `${app.url}/portal/directories/${id}`;
    return {
      home: async () => (await browser.open(`${app.url}/portal`)).html,
      open: (path: string) => browser.open(path.startsWith('/portal') ? app.url + path : address + path),
      press: (page: Page, path: string, fields: Record<string, string> = {}) =>
        browser.submit({ ...page, url: path.startsWith('/portal') ? app.url + path : address + path }, fields),
    };
  }
  /** Where the button that stands out leads. */
  const mainOf = (html: string) => /<a class="btn primary" href="([^"]+)">\s*([^<]+?)\s*</.exec(html)?.slice(1) ?? [];

  async function tokenOf(client: Answer, secret: string): Promise<Answer> {
    const answer = await fetch(`${app.url}/oauth/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${client.id}:${secret}`)}`, 'user-agent': 'PingOne' },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    });
    return (await answer.json()) as Answer;
  }
  const secretIn = (html: string) => /scimcs_[0-9A-Za-z]+/.exec(html)?.[0] ?? '';
  const clientsOf = async ({ id }: Answer) => (await app.api.get(`/clients?directoryId=${id}`)).body.items;
  /** PingOne, connected by the set-up of the portal. */
  async function connected(provider = 'pingone') {
    const directory = await app.api.makeDirectory({ provider });
    const contact = await enter(directory);
    const secret = secretIn((await contact.press(await contact.open('/setup'), '/setup/client')).html);
    const [client] = await clientsOf(directory);
    const { access_token: token } = await tokenOf(client, secret);
    const verified = await fetch(`${app.url}/auth/verify?directory=${directory.id}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    assert.equal(verified.status, 200);
    await flush(app);
    app.clock.advance(HOUR);
    return { directory, contact, client, secret };
  }

  it('is one story where the token of one directory is sent to the URL of another, and the other one refers to it', async () => {
    const { directory, send, token } = await makeWorld(app, { name: 'Okta production' });
    const { organizationId } = directory;
    await send(`Bearer ${token}`);
    const other = await app.api.makeDirectory({ organizationId, name: 'Okta preview', provider: 'okta' });
    const { token: theirs, credential } = await app.api.issue(other.id);
    await send(`Bearer ${theirs}`);
    await flush(app);
    const contact = await enter(directory);
    const html = await contact.home();
    assert.match(html, /<h1>1 of your 2 directories needs a fix<\/h1>/);
    assert.match(html, /from the directory “Okta preview” to the URL of “Okta production”\./);
    assert.match(html, /The URL and the token must come from the same page\./);
    assert.match(html, /It&#39;s probably “Okta production”|It's probably “Okta production”/);
    assert.match(html, /If it belongs to “Okta preview”: replace the value of <b>SCIM connector base URL<\/b>/);
    assert.ok(html.includes(other.endpointUrl));
    // The other card refers to it and gives no orders of its own.
    assert.match(html, /Its token is being sent to “Okta production”\./);
    assert.match(html, new RegExp(`explained there: <a href="/portal/directories/${directory.id}">“Okta production”`));
    assert.equal(html.match(/<h2>What to do<\/h2>/g)?.length, 1);
    assert.match(
      (await contact.open(`/portal/directories/${other.id}`)).html,
      /Its token is being sent to “Okta production”\./,
    );
    // Pasted where it belongs.
    assert.equal(await send(`Bearer ${theirs}`, { directory: other.id }), 200);
    assert.equal(await send(`Bearer ${token}`), 200);
    await flush(app);
    assert.match(await contact.home(), /<h1>Your directories<\/h1>/);
    assert.ok(credential.id);
  });

  it('puts a new token in the place of the one that nothing has used, whichever way the two came about', async () => {
    const { directory, send, token } = await makeWorld(app);
    await send(`Bearer ${token}`);
    const contact = await enter(directory);
    const made = await contact.press(await contact.open('/generate'), '/generate');
    const lost = /scim_[0-9A-Za-z]{38}/.exec(made.html)?.[0] ?? '';
    const page = await contact.open('/generate');
    assert.match(
      page.html,
      new RegExp(`takes the place of the one that ends in .*…${lost.slice(-4)}.*no request has used`),
    );
    assert.match(page.html, new RegExp(`The one that ends in .*…${token.slice(-4)}.* keeps working\\.`));
    assert.doesNotMatch(page.html, /refused immediately|danger/);
    const replaces = /name="replaces" value="([^"]+)"/.exec(page.html)?.[1] ?? '';
    const again = await contact.press(page, '/rotate/anew', { replaces });
    const fresh = /scim_[0-9A-Za-z]{38}/.exec(again.html)?.[0] ?? '';
    const statuses = [await send(`Bearer ${token}`), await send(`Bearer ${lost}`), await send(`Bearer ${fresh}`)];
    assert.deepEqual(statuses, [200, 401, 200]);
    await flush(app);
    // Both are used by now: it is somebody's choice, and says what it breaks.
    const both = await contact.open('/generate');
    assert.match(both.html, /Requests with the one that you replace are refused immediately\./);
    const choices = [...both.html.matchAll(/name="replaces" value="([^"]+)"( checked)?/g)];
    assert.equal(choices.length, 2);
    assert.match(both.html, new RegExp(`checked.*…${token.slice(-4)}.*…${fresh.slice(-4)}`), 'used longest ago');
    const last = await contact.press(both, '/rotate/anew', { replaces: choices[0]?.[1] ?? '', inUse: 'confirmed' });
    const newest = /scim_[0-9A-Za-z]{38}/.exec(last.html)?.[0] ?? '';
    assert.deepEqual([await send(`Bearer ${token}`), await send(`Bearer ${newest}`)], [401, 200]);
  });

  it('offers no way around what the vendor disabled, says whom to ask, and with what', async () => {
    const { directory, send, token, credential } = await makeWorld(app);
    await send(`Bearer ${token}`);
    await app.api.post(`/credentials/${credential.id}/disable`, { reason: 'security review' });
    await send(`Bearer ${token}`);
    await flush(app);
    const contact = await enter(directory);
    const html = await contact.home();
    assert.match(html, /They gave this reason: “security review”\./);
    assert.match(html, /Ask your software vendor about it, and send them the details/);
    assert.match(html, new RegExp(`href="/portal/directories/${directory.id}/ticket">\\s*Copy for a ticket`));
    const page = (await contact.open('')).html;
    assert.match(page, /Only they can enable or revoke it/);
    for (const path of ['generate', 'rotate', 'setup', 'revoke'])
      assert.doesNotMatch(page, new RegExp(`href="[^"]*/${path}"`), path);
    assert.equal(page.match(/Copy for a ticket/g)?.length, 2, 'in the sentence and on one button');
    assert.equal((await contact.open('/generate')).status, 403);
    assert.equal((await contact.open('/setup')).status, 403);
    const asked = await contact.open(`/portal/credentials/${credential.id}/disable`);
    assert.match(asked.html, /Requests that use it are refused already\./);
  });

  it('is as new on the first page as what somebody has just done', async () => {
    const { directory, send, token } = await makeWorld(app);
    await send(`Bearer ${token}`);
    await send(`Bearer ${token.slice(0, -9)}`);
    await flush(app);
    const contact = await enter(directory);
    assert.match(await contact.home(), /unless you saved the one that ends in/);
    assert.equal(mainOf(await contact.home())[1], 'Generate a new token');
    // No round computes anything from here on.
    const made = await contact.press(await contact.open('/generate'), '/generate');
    const fresh = /scim_[0-9A-Za-z]{38}/.exec(made.html)?.[0] ?? '';
    const html = await contact.home();
    assert.match(html, new RegExp(`Use the one that ends in .*…${fresh.slice(-4)}.*Nothing has used it yet`));
    assert.match(html, new RegExp(`The earlier token \\(.*…${token.slice(-4)}.*\\) still works too`));
    // Another token is the way out, and not what stands out.
    assert.deepEqual(mainOf(html), []);
    assert.match(html, /If it wasn(?:'|&#39;)t saved: <a[^>]*>Generate a new token<\/a> with the button below/);
  });

  it('stands on the first page, with its steps and one button that stands out, and the title says what is broken', async () => {
    const { directory, send, token } = await makeWorld(app);
    await send(`Bearer ${token}`);
    const contact = await enter(directory);
    const shown = await contact.press(await contact.open('/rotate'), '/rotate', { retire: 'when-replaced' });
    const fresh = /scim_[0-9A-Za-z]{38}/.exec(shown.html)?.[0] ?? '';
    await send(`Bearer ${fresh.slice(0, -9)}`);
    await flush(app);
    const html = await contact.home();
    assert.match(html, /<h1>Requests from Okta are being refused<\/h1>/);
    assert.doesNotMatch(html, /Connect your identity provider|To connect with OAuth/);
    assert.match(html, /an incomplete token: 34 of its 43 characters\. The beginning is there, but the end is missing/);
    const end = fresh.slice(-4);
    assert.match(html, new RegExp(`unless you saved the one that ends in .*…${end}.*, which .* created <time`));
    assert.match(html, /<b>Applications<\/b> → <b>your app<\/b>.*all 43 characters of it/);
    const [href = '', name] = mainOf(html);
    assert.deepEqual([href, name], [`/portal/directories/${directory.id}/generate`, 'Generate a new token']);
    // No page leads to itself, and the pasted value is not ticked while it is refused.
    const under = (await contact.open('/rotate')).html;
    assert.match(under, /class="now"[^>]*><b aria-hidden="true">2<\/b><span>Paste the token/);
    assert.deepEqual(mainOf(under), [href, name]);
    const page = await contact.open(href);
    assert.match(page.html, new RegExp(`takes the place of the one that ends in .*…${end}`));
    assert.match(page.html, /<button type="submit" class="primary">\s*Generate a new token/);
    assert.ok(!page.html.includes(`href="${href}"`));
    const made = await contact.press(page, `${href.replace('/generate', '')}/rotate/anew`);
    const another = /scim_[0-9A-Za-z]{38}/.exec(made.html)?.[0] ?? '';
    assert.equal(await send(`Bearer ${another}`), 200);
    assert.equal(await send(`Bearer ${fresh}`), 401);
  });

  it('adds a client secret on a page with that button, says where it is made and what becomes of the other', async () => {
    const { directory, contact, client } = await connected();
    await tokenOf(client, client.id);
    await flush(app);
    const html = await contact.home();
    const vendor = /Client secrets are created here, at ([^,]+), not in PingOne\./.exec(html)?.[1] ?? '';
    assert.notEqual(vendor, '');
    assert.match(html, new RegExp(`the one that ends in .*…${client.secrets[0].hint}.* keeps working`));
    // The connection is there, so it is edited, and not made a second time.
    assert.match(html, /<b>Connections<\/b> → <b>your connection<\/b>.*<b>Test Connection<\/b> → <b>Save<\/b>/);
    const [href = '', name] = mainOf(html);
    assert.deepEqual([href, name], [`/portal/directories/${directory.id}/setup/client/secrets`, 'Add a client secret']);
    const page = await contact.open(href);
    assert.match(page.html, /<h1>Add a client secret<\/h1>.*Adding one doesn(?:’|&#39;)t affect the one that works/s);
    assert.match(page.html, /<button type="submit" class="primary">\s*Add a client secret/);
    const made = await contact.press(page, href);
    const console = /<ol class="way".*?<\/ol>/s.exec(made.html)?.[0] ?? '';
    assert.match(console, /your connection/);
    assert.doesNotMatch(console, /New connection/);
    assert.ok((await tokenOf(client, secretIn(made.html))).access_token);
  });

  it('creates a new client where a connection was revoked permanently, and never offers the old one', async () => {
    const { directory, contact, client, secret } = await connected();
    const [credential] = (await app.api.get(`/directories/${directory.id}/credentials`)).body.items;
    const asked = await contact.open(`/portal/credentials/${credential.id}/revoke`);
    await contact.press(asked, `/portal/credentials/${credential.id}/revoke`, {
      reason: 'Cleaning up',
      inUse: 'confirmed',
    });
    assert.equal((await tokenOf(client, secret)).access_token, undefined);
    await flush(app);
    const html = await contact.home();
    assert.match(html, /from your organization revoked the connection <time.*They gave this reason: “Cleaning up”\./s);
    assert.doesNotMatch(html, /client credentials/);
    const [href = '', name] = mainOf(html);
    assert.deepEqual([href, name], [`/portal/directories/${directory.id}/setup/client`, 'Create a new client']);
    const page = await contact.open('/setup/oauth');
    assert.ok(page.url.endsWith('/setup/client'), page.url);
    assert.doesNotMatch(page.html, /data-copy|Never expires|\(done\)/);
    assert.match(page.html, /<button type="submit" class="primary">\s*Create a new client/);
    const made = await contact.press(page, href);
    const [fresh] = (await clientsOf(directory)).filter(({ id }: Answer) => id !== client.id);
    assert.ok(made.html.includes(fresh.id) && !made.html.includes(client.id));
    assert.ok((await tokenOf(fresh, secretIn(made.html))).access_token);
  });

  it('leads to where provisioning is started when it is silent, and takes back what was said of silence', async () => {
    const { directory, send, token } = await makeWorld(app, { provider: 'entra' });
    await send(`Bearer ${token}`);
    await flush(app);
    app.clock.advance(22 * DAY);
    await flush(app);
    const contact = await enter(directory);
    const html = await contact.home();
    assert.match(html, /<h1>Unusually quiet<\/h1>.*What to do.*>You</s);
    assert.match(
      html,
      /<b>Enterprise applications<\/b> → <b>your app<\/b> → <b>Provisioning<\/b>.*<b>Start provisioning<\/b>/,
    );
    assert.match(html, /only a longer one is reported.*Neither hides a refused request.*undo them on this page/);
    const buttons = [...html.matchAll(/<button type="submit"([^>]*)>\s*(This is expected|Mute for 30 days)/g)];
    assert.deepEqual(
      buttons.map(([, attributes, name]) => [attributes, name]),
      [
        ['', 'This is expected'],
        ['', 'Mute for 30 days'],
      ],
    );
    for (const way of ['/quiet', '/quiet?mute']) {
      const settled = await contact.press(await contact.open(''), way);
      assert.match(settled.html, /Notices of silence.*To undo that, choose/s, way);
      const again = await contact.press(settled, '/quiet?report');
      assert.match(again.html, /Unusually quiet\./, way);
    }
    const told = (await app.api.get(`/events?type=finding.settled&directoryId=${directory.id}`)).body.items;
    assert.deepEqual(
      told.map(({ data }: Answer) => data.how),
      ['reported_again', 'muted', 'reported_again', 'expected'],
    );
  });
});
