import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { runApp } from '../support/app.ts';
import { type BrowserSession, createBrowserSession, type Page } from '../support/browser-session.ts';

describe('the consent page', () => {
  const app = runApp();

  async function makeClient(fields: Record<string, unknown> = {}): Promise<Answer> {
    return (await app.api.post('/clients', { name: 'Okta', provider: 'okta', appName: 'acme_1', ...fields })).body
      .client;
  }

  async function reach(client: Answer, organizationId: string): Promise<{ browser: BrowserSession; page: Page }> {
    const { url } = (await app.api.post('/portal-links', { organizationId })).body;
    const browser = createBrowserSession(app.url);
    await browser.submit(await browser.open(url), {});
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: client.id,
      redirect_uri: client.redirectUris[0],
    });
    return { browser, page: await browser.open(`${app.url}/oauth/authorize?${query}`) };
  }

  /** What a radio button of that name stands for, where it is the chosen one. */
  function chosen({ html }: Page, name: string): string[] {
    return [...html.matchAll(/<input type="radio" [^>]*>/g)]
      .map(([input]) => input)
      .filter((input) => input.includes(`name="${name}"`) && / checked\b/.test(input))
      .map((input) => / value="([^"]*)"/.exec(input)?.[1] ?? '');
  }

  it('says that a connection has no end, and of a client with a policy when it ends', async () => {
    const { organizationId } = await app.api.makeDirectory();
    const endless = await reach(await makeClient(), organizationId);
    assert.match(endless.page.html, /Never\./);
    const limited = await reach(await makeClient({ maximumAgeDays: 365, idleDays: 1 }), organizationId);
    assert.match(limited.page.html, /365 days from today, or after 1 day without a renewal by Okta/);
    assert.doesNotMatch(limited.page.html, /Never\./);
  });

  it('keeps what is there beside the new connection unless the person wants it replaced', async () => {
    const { id, organizationId } = await app.api.makeDirectory();
    await app.api.issue(id, { label: 'the token of 2024' });
    const { page } = await reach(await makeClient(), organizationId);
    assert.match(page.html, /the token of 2024/);
    assert.deepEqual(chosen(page, `replaces-${id}`), ['']);
  });

  it('proposes to replace the connection that the same client has', async () => {
    const { id, organizationId } = await app.api.makeDirectory();
    const client = await makeClient({ directoryId: id });
    const { credentialId } = (await app.api.post(`/directories/${id}/connections`, { clientId: client.id })).body;
    const first = await reach(client, organizationId);
    assert.deepEqual(chosen(first.page, `replaces-${id}`), [credentialId]);
    await app.api.issue(id);
    const second = await reach(client, organizationId);
    assert.deepEqual(chosen(second.page, `replaces-${id}`), [credentialId]);
  });

  it('proposes nothing to replace when both slots are held by others, and goes no further without a choice', async () => {
    const { id, organizationId } = await app.api.makeDirectory();
    await app.api.issue(id);
    await app.api.issue(id);
    const { browser, page } = await reach(await makeClient(), organizationId);
    assert.deepEqual(chosen(page, `replaces-${id}`), []);
    const { status, html } = await browser.submit(page, { decision: 'allow' });
    assert.equal(status, 400);
    assert.match(html, /Choose which one the new connection replaces/);
  });

  it('leaves it to the person which of several directories it is', async () => {
    const { id, organizationId } = await app.api.makeDirectory();
    const other = await app.api.makeDirectory({ organizationId, name: 'Okta sandbox' });
    const { browser, page } = await reach(await makeClient(), organizationId);
    for (const each of [id, other.id]) assert.ok(page.html.includes(`value="${each}"`));
    assert.deepEqual(chosen(page, 'directory'), []);
    assert.equal((await browser.submit(page, { decision: 'allow' })).status, 400);
    const { url } = await browser.submit(page, { decision: 'allow', directory: other.id });
    assert.ok(new URL(url).searchParams.get('code'));
  });

  it('says of a label that is markup what it says, and no more', async () => {
    const { id, organizationId } = await app.api.makeDirectory();
    await app.api.issue(id, { label: '<b onclick=x>' });
    const { page } = await reach(await makeClient(), organizationId);
    assert.match(page.html, /&lt;b onclick=x>/);
    assert.doesNotMatch(page.html, /<b onclick/);
  });
});
