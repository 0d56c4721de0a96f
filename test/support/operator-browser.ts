/** An operator as far as HTTP goes: signs in by a link, looks at pages of the dashboard, sends its forms. */
import assert from 'node:assert/strict';
import type { TestApp } from './app.ts';
import { type BrowserSession, createBrowserSession, type Page } from './browser-session.ts';

export interface OperatorBrowser {
  browser: BrowserSession;
  /** A page below /dashboard. */
  open(path: string): Promise<Page>;
  /** Sends a form of the dashboard to a path, with the token of this session; other headers make it a forgery. */
  send(path: string, fields?: Record<string, string>, headers?: Record<string, string | undefined>): Promise<Page>;
}

/** A one-time link for the first operator, or for one with that role. */
export async function makeSignInLink(app: TestApp, role?: 'owner' | 'admin' | 'viewer'): Promise<string> {
  const { operators } = app.app;
  const cause = { actor: { type: 'system' as const, name: 'test' }, source: 'system' as const };
  const { id } = await operators.create({ name: role ?? 'Dana Ruiz', role: role ?? 'owner' }, cause);
  return `${app.url}/dashboard/enter/${(await operators.createLink(id, cause)).secret}`;
}

export function createOperatorBrowser(origin: string): OperatorBrowser {
  const browser = createBrowserSession(origin);
  const open = (path: string) => browser.open(`${origin}/dashboard${path}`);
  return {
    browser,
    open,
    async send(path, fields = {}, headers = {}) {
      const { html, status } = await open('/account');
      assert.equal(status, 200);
      const token = /name="token" value="([0-9a-f]{64})"/.exec(html)?.[1] ?? '';
      const page = { status: 200, url: `${origin}/dashboard${path}`, html: '', headers: new Headers() };
      return browser.submit(page, { token, ...fields }, headers);
    },
  };
}

export async function signInOperator(app: TestApp, role?: 'owner' | 'admin' | 'viewer'): Promise<OperatorBrowser> {
  const operator = createOperatorBrowser(app.url);
  const page = await operator.browser.open(await makeSignInLink(app, role));
  assert.equal(page.status, 200, page.html);
  const inside = await operator.browser.submit(page, {});
  assert.equal(inside.status, 200, inside.html);
  return operator;
}
