/** An IT contact as far as HTTP goes: follows what the identity provider's console opens, opens portal links, reads pages and decides. */
import assert from 'node:assert/strict';
import type { Answer, Api } from './api.ts';
import { type BrowserSession, createBrowserSession, type Page } from './browser-session.ts';

export interface ItContact {
  browser: BrowserSession;
  /** Opens a portal link and enters by it; gives the page it leads to. */
  enter(linkUrl: string): Promise<Page>;
  /** Opens the address that the console sends the browser to; it must be a page for deciding. */
  reachConsent(authorizeUrl: string): Promise<Page>;
  /** Sends the consent form; gives the address that the browser is sent back to. */
  decide(page: Page, fields: Record<string, string>): Promise<URL>;
  /** All of it: opens the address, allows. */
  allow(authorizeUrl: string, fields?: Record<string, string>): Promise<URL>;
}

export function createItContact(origin: string): ItContact {
  const browser = createBrowserSession(origin);
  const contact: ItContact = {
    browser,
    async enter(linkUrl) {
      const page = await browser.open(linkUrl);
      assert.equal(page.status, 200, page.html);
      return browser.submit(page, {});
    },
    async reachConsent(authorizeUrl) {
      const page = await browser.open(authorizeUrl);
      assert.equal(page.status, 200, `${page.url} ${page.html}`);
      assert.match(page.html, /value="allow"/, page.html);
      return page;
    },
    async decide(page, fields) {
      const answer = await browser.submit(page, fields);
      assert.ok(!answer.url.startsWith(`${origin}/`), `${answer.status} ${answer.html}`);
      return new URL(answer.url);
    },
    allow: async (authorizeUrl, fields = {}) =>
      contact.decide(await contact.reachConsent(authorizeUrl), { decision: 'allow', ...fields }),
  };
  return contact;
}

/** A portal link by the admin API: its record and its address. */
export async function makeLink(
  api: Api,
  organizationId: string,
  fields: Record<string, unknown> = {},
): Promise<{ portalLink: Answer; url: string }> {
  const { status, body } = await api.post('/portal-links', { organizationId, ...fields });
  assert.equal(status, 201, JSON.stringify(body));
  return body;
}

/** An IT contact whose browser has entered by a link of the organization. */
export async function welcomeItContact(origin: string, api: Api, organizationId: string): Promise<ItContact> {
  const contact = createItContact(origin);
  await contact.enter((await makeLink(api, organizationId)).url);
  return contact;
}
