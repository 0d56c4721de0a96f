/** An OAuth client as tests play it: made by the admin API, consented to in a browser, asking at the token endpoint in any style. */
import assert from 'node:assert/strict';
import { type Answer, type Api, patiently } from './api.ts';
import { createBrowserSession } from './browser-session.ts';

export const REDIRECT_URI = 'https://idp.example/callback';

/** How a client proves who it is: header, body, both, or nothing but its id. */
export type Style = 'basic' | 'post' | 'both' | 'none';

export interface Asked {
  style?: Style;
  json?: boolean;
  /** Behind the token URL. */
  query?: string;
  headers?: Record<string, string>;
  path?: '/oauth/token' | '/oauth/revoke';
}

export interface TokenAnswer {
  status: number;
  headers: Headers;
  body: Answer;
}

export interface OauthClient {
  /** As the admin API shows it. */
  client: Answer;
  id: string;
  secret: string;
  redirectUri: string;
}

/** Where a test application listens, and its owner's API. */
export interface Target {
  url: string;
  api: Api;
}

export async function makeClient({ api }: Target, fields: Record<string, unknown> = {}): Promise<OauthClient> {
  const { status, body } = await api.post('/clients', {
    name: 'Provisioning',
    redirectUris: [REDIRECT_URI],
    ...fields,
  });
  assert.equal(status, 201, JSON.stringify(body));
  const [redirectUri = ''] = body.client.redirectUris;
  return { client: body.client, id: body.client.id, secret: body.clientSecret ?? '', redirectUri };
}

export async function ask(
  { url }: Pick<Target, 'url'>,
  { id, secret }: Pick<OauthClient, 'id' | 'secret'>,
  fields: Record<string, string>,
  { style = 'basic', json = false, query = '', headers = {}, path = '/oauth/token' }: Asked = {},
): Promise<TokenAnswer> {
  const inHeader = style === 'basic' || style === 'both';
  const inBody = style === 'post' || style === 'both';
  const all = {
    ...fields,
    ...(!inHeader && { client_id: id }),
    ...(inBody && { client_id: id, client_secret: secret }),
  };
  const response = await fetch(`${url}${path}${query}`, {
    method: 'POST',
    headers: {
      'content-type': json ? 'application/json' : 'application/x-www-form-urlencoded',
      ...(inHeader && { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` }),
      ...headers,
    },
    body: json ? JSON.stringify(all) : new URLSearchParams(all).toString(),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? null : JSON.parse(text) };
}

export function refresh(target: Pick<Target, 'url'>, client: OauthClient, refreshToken: string, asked?: Asked) {
  return ask(target, client, { grant_type: 'refresh_token', refresh_token: refreshToken }, asked);
}

export function exchange(
  target: Pick<Target, 'url'>,
  client: OauthClient,
  code: string,
  fields: Record<string, string> = {},
  asked?: Asked,
) {
  const all = { grant_type: 'authorization_code', code, redirect_uri: client.redirectUri, ...fields };
  return ask(target, client, all, asked);
}

export interface Consent {
  /** More for the authorization request. */
  query?: Record<string, string>;
  /** More for the consent form: which directory, what is replaced. */
  form?: Record<string, string>;
}

/** The way of an IT contact: portal link, authorization request, consent. Gives the address that the browser is sent back to. */
export async function consent(
  { url, api }: Target,
  client: Pick<OauthClient, 'id' | 'redirectUri'>,
  directory: { id: string; organizationId: string },
  { query = {}, form = {} }: Consent = {},
): Promise<URL> {
  const { body: link } = await patiently(() => api.post('/portal-links', { organizationId: directory.organizationId }));
  const browser = createBrowserSession(url);
  const entry = await patiently(() => browser.open(link.url));
  await patiently(() => browser.submit(entry, {}));
  const request = new URLSearchParams({
    response_type: 'code',
    client_id: client.id,
    redirect_uri: client.redirectUri,
    ...query,
  });
  const page = await patiently(() => browser.open(`${url}/oauth/authorize?${request}`));
  assert.equal(page.status, 200, page.html);
  const answer = await browser.submit(page, { decision: 'allow', directory: directory.id, ...form });
  assert.ok(!answer.url.startsWith(`${url}/`), answer.html);
  return new URL(answer.url);
}

export async function obtainCode(...given: Parameters<typeof consent>): Promise<string> {
  const back = await consent(...given);
  return back.searchParams.get('code') ?? assert.fail(back.href);
}

export interface Connected {
  directory: Answer;
  client: OauthClient;
  accessToken: string;
  refreshToken: string;
  credentialId: string;
}

/** A directory with a connection that has got its first tokens. */
export async function makeConnection(target: Target, fields: Record<string, unknown> = {}): Promise<Connected> {
  const directory = await target.api.makeDirectory();
  const client = await makeClient(target, fields);
  const { status, body } = await exchange(target, client, await obtainCode(target, client, directory));
  assert.equal(status, 200, JSON.stringify(body));
  const { items } = (await target.api.get(`/directories/${directory.id}/credentials`)).body;
  return {
    directory,
    client,
    accessToken: body.access_token,
    refreshToken: body.refresh_token,
    credentialId: items[0].id,
  };
}

/** What forward-auth says of a token at a directory: 200, 401, ... */
export async function verified({ url }: Pick<Target, 'url'>, directoryId: string, token: string): Promise<number> {
  const response = await fetch(`${url}/auth/verify?directory=${directoryId}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  await response.arrayBuffer();
  return response.status;
}

/** Events of these types, latest first, with what is still counted in memory written first. */
export async function eventsOf(
  { app, api }: { app: { rounds: readonly { name: string; run: () => Promise<unknown> }[] }; api: Api },
  types: string,
): Promise<Answer[]> {
  await app.rounds.find(({ name }) => name === 'denials')?.run();
  return (await api.get(`/events?type=${types}&limit=200`)).body.items;
}

/** What introspection says of a token, asked by the owner. */
export async function introspect({ url, ownerKey }: { url: string; ownerKey: string }, token: string): Promise<Answer> {
  const response = await fetch(`${url}/oauth/introspect`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ownerKey}` },
    body: new URLSearchParams({ token }),
  });
  assert.equal(response.status, 200);
  return response.json();
}
