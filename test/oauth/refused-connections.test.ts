import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { runApp } from '../support/app.ts';
import { createBrowserSession, type Page } from '../support/browser-session.ts';

const APP_NAME = 'acme_scim_1';
const REDIRECT = `https://system-admin.okta.com/admin/app/cpc/${APP_NAME}/oauth/callback`;

describe('a page that tells of a refused connection', () => {
  const app = runApp();
  let client: Answer;
  before(async () => {
    ({ client } = (await app.api.post('/clients', { name: 'Okta', provider: 'okta', appName: APP_NAME })).body);
  });

  function ask(fields: Record<string, string>): Promise<Page> {
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: client.id,
      redirect_uri: REDIRECT,
      ...fields,
    });
    return createBrowserSession(app.url).open(`${app.url}/oauth/authorize?${query}`);
  }

  it('shows the redirect URI that was sent, to be passed on to the vendor', async () => {
    const { html, status } = await ask({ redirect_uri: 'https://idp.example/cb?a=1&b=<script>' });
    assert.equal(status, 400);
    assert.match(html, /https:\/\/idp\.example\/cb\?a=1&amp;b=%3Cscript%3E/);
    assert.ok(html.includes(client.id));
    assert.doesNotMatch(html, /<script>/);
  });

  it('shows no redirect URI that is no address', async () => {
    const { html } = await ask({ redirect_uri: 'call our hotline now' });
    assert.doesNotMatch(html, /hotline/);
  });

  it('shows the client id that was sent when it is not known', async () => {
    const { html, status } = await ask({ client_id: 'client_nobody' });
    assert.equal(status, 400);
    assert.match(html, /client_nobody/);
    const { html: hostile } = await ask({ client_id: 'ring 555 0100 for help' });
    assert.doesNotMatch(hostile, /555/);
  });
});
