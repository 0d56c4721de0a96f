/** What the load sends, as identity providers, reverse proxies and SCIM servers do. */
import { tokenRequest } from './connections.ts';
import type { Bearer } from './filled-store.ts';
import type { LoadRequest } from './load.ts';
import { OWNER_KEY, type Store } from './stores.ts';

/** As nginx asks with auth_request. */
export function verifyRequest({ token, endpointKey }: Bearer): LoadRequest {
  return {
    method: 'GET',
    path: '/auth/verify',
    headers: {
      Authorization: `Bearer ${token}`,
      'X-Original-URI': `/scim/v2/${endpointKey}/Users?startIndex=1&count=100`,
      'X-Original-Method': 'GET',
      'User-Agent': 'Okta SCIM Client 1.0.0',
    },
  };
}

export function scimRequest({ token, endpointKey }: Bearer): LoadRequest {
  return {
    method: 'GET',
    path: `/scim/v2/${endpointKey}/Users?startIndex=1&count=100`,
    headers: {
      Authorization: `Bearer ${token}`,
      Accept: 'application/scim+json',
      'User-Agent': 'Okta SCIM Client 1.0.0',
    },
  };
}

export function zipped(request: LoadRequest): LoadRequest {
  return { ...request, headers: { ...request.headers, 'Accept-Encoding': 'gzip,deflate' } };
}

export async function introspectRequests({ latchkey, bearers }: Store): Promise<LoadRequest[]> {
  const answer = await fetch(`${latchkey.url}/api/v1/api-keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${OWNER_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'SCIM server', role: 'introspect' }),
  });
  const { apiKey, key } = (await answer.json()) as { apiKey: { id: string }; key: string };
  return bearers.map(({ token }) => tokenRequest('/oauth/introspect', apiKey.id, key, `token=${token}`));
}

/** What a server answers to a request, for a server of the bench that sends the same bytes without any of the work. */
export async function capture(url: string, { path, ...init }: LoadRequest): Promise<string> {
  const answer = await fetch(url + path, init);
  const body = await answer.text();
  // What node:http adds by itself, it adds there too.
  const own = new Set(['date', 'connection', 'keep-alive']);
  const headers = [...answer.headers].flatMap(([name, value]) => (own.has(name) ? [] : [name, value]));
  return JSON.stringify({ headers, body });
}
