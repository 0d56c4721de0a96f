import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { IDENTITY_PROVIDER_IDS } from '../../src/identity-providers/index.ts';
import type { Answer } from '../support/api.ts';
import { runApp } from '../support/app.ts';
import { createMovableClock, MINUTE } from '../support/clock.ts';
import { engines } from '../support/engines.ts';
import { type ItContact, welcomeItContact } from '../support/it-contact.ts';

for (const engine of engines) {
  describe(`the set-up of a directory in the portal on ${engine.name}`, () => {
    const app = runApp({ engine, clock: createMovableClock(new Date().toISOString()) });
    let directory: Answer;
    let contact: ItContact;

    async function begin(fields: Record<string, unknown> = {}): Promise<void> {
      directory = await app.api.makeDirectory({ provider: 'generic', ...fields });
      contact = await welcomeItContact(app.url, app.api, directory.organizationId);
    }
    const open = (path: string) => contact.browser.open(`${app.url}/portal/directories/${directory.id}${path}`);
    async function send(path: string, fields: Record<string, string> = {}) {
      const token = /name="token" value="([0-9a-f]{64})"/.exec((await open('/setup')).html)?.[1] ?? 'none';
      const url = `${app.url}/portal/directories/${directory.id}${path}`;
      return contact.browser.submit({ status: 200, url, html: '', headers: new Headers() }, { token, ...fields });
    }
    async function checkInPortal(value: string): Promise<string> {
      const url = `${app.url}/portal/check-token`;
      return (await contact.browser.submit(await contact.browser.open(url), { value })).html;
    }
    const secretIn = (html: string) => /scimcs_[0-9A-Za-z]+/.exec(html)?.[0] ?? '';
    async function tokenWith(id: string, secret: string): Promise<{ status: number; accessToken: string }> {
      const answer = await fetch(`${app.url}/oauth/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${btoa(`${id}:${secret}`)}` },
        body: new URLSearchParams({ grant_type: 'client_credentials' }),
      });
      const body = (await answer.json()) as { access_token?: string };
      return { status: answer.status, accessToken: body.access_token ?? '' };
    }
    const verify = async (token: string) =>
      (
        await fetch(`${app.url}/auth/verify?directory=${directory.id}`, {
          headers: { authorization: `Bearer ${token}` },
        })
      ).status;
    const told = async () => {
      for (const name of ['denials', 'usage']) await app.app.rounds.find((round) => round.name === name)?.run();
    };

    it('begins with the identity provider, and takes no other than those that are known', async () => {
      await begin();
      for (const provider of IDENTITY_PROVIDER_IDS)
        assert.ok((await open('/setup')).html.includes(`value="${provider}"`));
      const refused = await send('/setup', { provider: '<b>nobody</b>' });
      assert.equal(refused.status, 400);
      assert.match(refused.html, /must be one of okta,.*You entered &lt;b>nobody&lt;\/b>/);
      const next = await send('/setup', { provider: 'entra' });
      assert.ok(next.url.endsWith('/setup/access'), next.url);
      assert.equal((await app.api.get(`/directories/${directory.id}`)).body.provider, 'entra');
      const { body } = await app.api.get(`/events?directoryId=${directory.id}&type=directory.updated`);
      assert.deepEqual([body.items[0].source, body.items[0].actor.type], ['portal', 'it_contact']);
    });

    it('says which way is better and why where there are two, and goes on where there is one', async () => {
      await begin({ provider: 'entra' });
      assert.match((await open('/setup/access')).html, /<b>We recommend OAuth\.<\/b> Entra ID gets/);
      await send('/setup', { provider: 'google' });
      const page = await open('/setup/access');
      assert.ok(page.url.endsWith('/setup/bearer'), page.url);
      assert.match(page.html, /Autoprovisioning/);
      // authentik can do OAuth, with a client that only the vendor can make.
      await send('/setup', { provider: 'authentik' });
      assert.ok((await open('/setup/oauth')).url.endsWith('/setup/bearer'));
    });

    it('makes a client of this directory alone, whose secret is shown once and works', async () => {
      await begin({ provider: 'entra' });
      const before = await open('/setup/oauth');
      assert.match(before.html, /Create client/);
      const shown = await send('/setup/client');
      const secret = secretIn(shown.html);
      assert.match(shown.html, /If you lose it, add another one on this page\. Expires <time/);
      assert.match(
        (await open('/setup/oauth')).html,
        /<h2>The client secret<\/h2>.*Expires <time.*Add a client secret<\/button>/s,
      );
      const { items } = (await app.api.get(`/clients?directoryId=${directory.id}`)).body;
      assert.equal(items.length, 1);
      const [client] = items;
      assert.deepEqual([client.grantTypes, client.redirectUris], [['client_credentials'], []]);
      for (const word of ['Tenant URL', directory.endpointUrl, client.id, `${app.url}/oauth/token`])
        assert.ok(shown.html.includes(word), word);
      assert.equal(secretIn((await open('/setup/oauth')).html), '');
      // Sent twice, it makes no second one.
      await send('/setup/client');
      assert.equal((await app.api.get(`/clients?directoryId=${directory.id}`)).body.items.length, 1);
      assert.match((await open('/check')).html, /Waiting for the first request from Entra ID/);
      const { status, accessToken } = await tokenWith(client.id, secret);
      assert.equal(status, 200);
      await told();
      assert.match((await open('/check')).html, /got an access token.*Waiting for the first request/);
      app.clock.advance(1000);
      assert.equal(await verify(accessToken), 200);
      await told();
      const check = (await open('/check')).html;
      assert.match(check, /A request from Entra ID was accepted/);
      assert.match(check, /Entra ID is connected/);
    });

    it('adds a secret and takes the old one away, so that a lost one is no end', async () => {
      await begin({ provider: 'pingone' });
      const first = secretIn((await send('/setup/client')).html);
      const second = secretIn((await send('/setup/client/secrets')).html);
      const { id, secrets } = (await app.api.get(`/clients?directoryId=${directory.id}`)).body.items[0];
      assert.match((await open('/setup/oauth')).html, /Never used\..*Never used\./s);
      assert.deepEqual([(await tokenWith(id, first)).status, (await tokenWith(id, second)).status], [200, 200]);
      const full = await send('/setup/client/secrets');
      assert.equal(full.status, 409);
      assert.match(full.html, /Remove one that is not in use: …\w{4} was last used on/);
      app.clock.advance(3 * MINUTE);
      assert.match((await open('/setup/oauth')).html, /Last used <time[^>]*>3 minutes ago<\/time>/);
      const removal = `/setup/client/secrets/${secrets[0].id}/remove`;
      const asked = (await open(removal)).html;
      assert.match(asked, /<b>\s*This secret was used <time[^>]*>3 minutes ago<\/time>, from 127\.0\.0\.1\./);
      assert.ok(asked.includes(`…${secrets[0].hint}</span> will be refused immediately`), asked);
      assert.ok(asked.includes(`…${secrets[1].hint}</span> keeps working`));
      const checked = await checkInPortal(first);
      assert.match(checked, /This client secret works\..*PingOne.*the client of/s);
      assert.ok(!checked.includes('/dashboard/') && !checked.includes(first));
      assert.equal((await open('/setup/client/secrets/another/remove')).status, 404);
      assert.equal((await send(`/setup/client/secrets/${secrets[0].id}/remove`)).status, 200);
      assert.deepEqual([(await tokenWith(id, first)).status, (await tokenWith(id, second)).status], [401, 200]);
    });

    it('makes the redirect URIs of Okta from the name of the app, and takes no address from an IT contact', async () => {
      await begin({ provider: 'okta' });
      const empty = await send('/setup/client');
      assert.equal(empty.status, 400);
      for (const appName of ['acme_1/../..', '..', 'evil.example/@', 'a b']) {
        const refused = await send('/setup/client', { appName });
        assert.equal(refused.status, 400, appName);
        assert.match(refused.html, /must be the app(?:'|&#39;)s name in Okta/);
      }
      const shown = await send('/setup/client', {
        appName: 'acme_1',
        redirectUris: 'https://evil.example/back',
        grantTypes: 'client_credentials',
      });
      assert.match(shown.html, /Authorization endpoint URI/);
      assert.match(shown.html, /Use this browser/);
      const [client] = (await app.api.get(`/clients?directoryId=${directory.id}`)).body.items;
      for (const uri of client.redirectUris)
        assert.match(uri, /^https:\/\/system-admin\.[a-z-]+\.com\/admin\/app\/cpc\//);
      assert.deepEqual(client.grantTypes, ['authorization_code', 'refresh_token']);
    });

    it('takes the name of the app out of a pasted address, and lets it be corrected, which mends the way back', async () => {
      await begin({ provider: 'okta' });
      await send('/setup/client', {
        appName: 'https://acme-admin.okta.com/admin/app/acme_scim_1/instance/0oa1/#tab-general',
      });
      const page = await open('/setup/oauth');
      assert.match(page.html, /App name in Okta: <span class="mono">acme_scim_1<\/span>\. Change it/);
      const id = /client_\w{20}/.exec(page.html)?.[0] ?? '';
      const ask = async (app_: string) => {
        const redirect = `https://system-admin.okta.com/admin/app/cpc/${app_}/oauth/callback`;
        const query = new URLSearchParams({ response_type: 'code', client_id: id, redirect_uri: redirect, state: 's' });
        return contact.browser.open(`${app.url}/oauth/authorize?${query}`);
      };
      assert.match(page.html, /return only to these redirect URIs:.*\/app\/cpc\/acme_scim_1\/oauth\/callback/s);
      assert.match(
        (await ask('acme_scim_2')).html,
        /Compare it with the redirect URIs in your directory(?:'|&#39;)s setup/,
      );
      await told();
      assert.match(
        (await open('/check')).html,
        /Connection refused: the identity provider asked to be redirected to a URL that is not registered/,
      );
      const wrong = await send('/setup/client/app-name', { appName: 'a b' });
      assert.deepEqual([wrong.status, /App name must be .*You entered a b/.test(wrong.html)], [400, true]);
      assert.equal((await send('/setup/client/app-name', { appName: 'acme_scim_2' })).status, 200);
      assert.match((await ask('acme_scim_2')).html, /value="allow"/);
    });

    it('says that the customer created the secret that came with its own client, not the vendor', async () => {
      await begin({ provider: 'entra' });
      const shown = await send('/setup/client');
      const id = /client_\w{20}/.exec(shown.html)?.[0] ?? '';
      const end = secretIn(shown.html).slice(-4);
      assert.equal((await tokenWith(id, `${secretIn(shown.html).slice(0, -4)}0000`)).status, 401);
      await told();
      const { html } = await open('');
      assert.match(
        html,
        new RegExp(
          `unless you saved the one that ends in .*…${end}.*, which someone at your organization created <time`,
        ),
      );
    });

    it('knows a client secret that was put in the place of the client id, and prints none', async () => {
      await begin({ provider: 'okta' });
      const shown = await send('/setup/client', { appName: 'acme_scim_1' });
      const secret = /scimcs_\w+/.exec(shown.html)?.[0] ?? assert.fail();
      const query = new URLSearchParams({
        response_type: 'code',
        client_id: secret,
        redirect_uri: 'https://x.example/',
        state: 's',
      });
      const { html } = await contact.browser.open(`${app.url}/oauth/authorize?${query}`);
      assert.match(html, /The client secret was sent as the client ID\./);
      assert.ok(!html.includes(secret));
    });

    it('uses what the vendor shares with all, however many clients there are', async () => {
      await begin({ provider: 'okta' });
      const { body } = await app.api.post('/clients', { name: 'Okta', provider: 'okta', appName: 'acme_oin' });
      for (let turn = 0; turn < 60; turn++)
        await app.api.post('/clients', { name: `another ${turn}`, provider: 'entra' });
      const page = await open('/setup/oauth');
      assert.ok(page.html.includes(body.client.id));
      assert.match(page.html, /The client secret from /);
      assert.match(page.html, /<summary>Use your own client instead<\/summary>/);
      const shown = await send('/setup/client', { appName: 'acme_scim_7' });
      assert.ok(secretIn(shown.html), 'the customer made a client of its own all the same');
      assert.ok(!(await open('/setup/oauth')).html.includes(body.client.id));
    });

    it('never offers a shared client that cannot succeed, and asks for the app name instead', async () => {
      await begin({ provider: 'jumpcloud' });
      const isolated = await app.api.makeDirectory({ provider: 'okta' });
      const { items: earlier } = (await app.api.get('/clients?limit=200')).body;
      for (const { id, provider, directoryId } of earlier)
        if (provider === 'okta' && directoryId === null) await app.api.delete(`/clients/${id}`);
      directory = isolated;
      contact = await welcomeItContact(app.url, app.api, directory.organizationId);
      const { body: unready } = await app.api.post('/clients', { name: 'Okta OIN', provider: 'okta' });
      assert.deepEqual(unready.client.redirectUris, []);

      const page = await open('/setup/oauth');
      assert.ok(!page.html.includes(unready.client.id), 'nobody can connect with it');
      assert.match(page.html, /name="appName"/);
      assert.doesNotMatch(page.html, /is shared, but can/, 'a customer is told nothing of it');
      await app.api.patch(`/clients/${unready.client.id}`, { appName: 'acme_oin' });
      assert.ok((await open('/setup/oauth')).html.includes(unready.client.id));
    });

    it('asks for the app name of a client that was made without it, as a name or as any address of the app', async () => {
      await begin({ provider: 'okta' });
      const { body } = await app.api.post('/clients', { name: 'Okta', provider: 'okta', directoryId: directory.id });
      for (const [given, appName] of [
        ['acme_scim_1', 'acme_scim_1'],
        ['https://acme.okta.com/home/acme_scim_2/0oa1/aln1', 'acme_scim_2'],
        ['https://system-admin.okta.com/admin/app/cpc/acme_scim_3/oauth/callback', 'acme_scim_3'],
      ] as const) {
        const page = await open('/setup/oauth');
        if (appName === 'acme_scim_1') assert.match(page.html, /One value is missing/);
        assert.equal((await send('/setup/client/app-name', { appName: given })).status, 200);
        assert.equal((await app.api.get(`/clients/${body.client.id}`)).body.appName, appName);
      }
      assert.doesNotMatch((await open('/setup/oauth')).html, /One value is missing/);
    });

    it('shows on an error page of the authorization endpoint what to copy, the way back and whom to ask', async () => {
      await begin({ provider: 'okta' });
      await send('/setup/client', { appName: 'acme_scim_1' });
      const [client] = (await app.api.get(`/clients?directoryId=${directory.id}`)).body.items;
      const redirect = 'https://system-admin.okta.com/admin/app/cpc/other/oauth/callback';
      const query = new URLSearchParams({ response_type: 'code', client_id: client.id, redirect_uri: redirect });
      const { html } = await contact.browser.open(`${app.url}/oauth/authorize?${query}`);
      for (const value of [client.id, redirect])
        assert.ok(html.includes(`<span class="mono">${value}</span><button type="button" data-copy`), value);
      assert.match(html, /href="\/portal">\s*Go to your directories/);
      assert.match(html, /Need help\? Ask your software vendor/);
    });

    it('shows a refusal with its remedy in the check, and only what came after the new token', async () => {
      await begin({ provider: 'okta' });
      assert.equal(await verify('scim_nothing'), 401);
      app.clock.advance(2000);
      const shown = await send('/generate', { way: 'setup' });
      const token = /scim_[0-9A-Za-z]+/.exec(shown.html)?.[0] ?? '';
      await told();
      assert.doesNotMatch((await open('/check')).html, /<h2>What to do<\/h2>/);
      app.clock.advance(2000);
      assert.equal(await verify(token.slice(0, -3)), 401);
      await told();
      assert.match(
        (await open('/check')).html,
        /It(?:'|&#39;)s sending an incomplete token.*<h2>What to do<\/h2>.*Generate a new token<\/a> with the button below, unless you saved the one that ends in/,
      );
      app.clock.advance(2000);
      assert.equal(await verify(token), 200);
      await told();
      const { html } = await open('/check');
      assert.doesNotMatch(html, /<h2>What to do<\/h2>/);
      assert.match(html, /Okta is using the new token.*<small>from /);
    });

    it('waits for what the remedy changes, and ticks nothing that worked before an expired secret', async () => {
      await begin({ provider: 'okta' });
      await app.api.issue(directory.id);
      const { body: client } = await app.api.post('/clients', {
        name: 'Okta',
        provider: 'okta',
        directoryId: directory.id,
        grantTypes: ['client_credentials'],
        secretExpiresAt: new Date(app.clock.now().getTime() + 10 * MINUTE).toISOString(),
      });
      const [secret] = client.client.secrets;
      const { accessToken } = await tokenWith(client.client.id, client.clientSecret);
      assert.equal(await verify(accessToken), 200);
      app.clock.advance(15 * MINUTE);
      assert.equal((await tokenWith(client.client.id, client.clientSecret)).status, 401);
      await told();
      const { html } = await open('/check');
      assert.match(html, /client secret expired.*Waiting for Okta to use a new client secret.*<h2>What to do<\/h2>/s);
      assert.doesNotMatch(html, /got an access token|keeps working|use the token|The other one/);
      const { html: form } = await open('/setup/client/secrets');
      assert.match(form, /The one below has expired, and stays refused\./);
      const hint = secretIn((await send('/setup/client/secrets')).html).slice(-4);
      await told();
      assert.ok((await open('/check')).html.includes(`client secret that ends in …${hint}`));
      assert.match(
        (await open('/setup/client/secrets')).html,
        new RegExp(`one that has expired stays refused.*…${secret.hint}`, 's'),
      );
      const { html: page } = await contact.browser.open(`${app.url}/portal/directories/${directory.id}`);
      assert.match(page, /Expired <time[^>]*>[^<]*<\/time><br\/?><small>Another one, /);
      assert.match(page, /How we know.*Another client secret was created/s);
      assert.match(page, /1 token request refused\./);
    });

    it('says that both slots are held, and leads to a rotation', async () => {
      await begin({ provider: 'okta' });
      await app.api.issue(directory.id);
      await app.api.issue(directory.id);
      const { html } = await open('/setup/bearer');
      assert.match(html, /This directory already has two tokens or connections/);
      assert.ok(html.includes(`/portal/directories/${directory.id}/generate`));
      assert.match(
        (await open('/generate')).html,
        /takes the place of one of them.*Never used\..*Generate a new token<\/button>/s,
      );
      assert.doesNotMatch(html, /Generate token/);
    });
  });
}
