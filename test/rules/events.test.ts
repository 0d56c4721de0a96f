import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { EVENTS, type EventType, PAYLOADS } from '../../src/audit/index.ts';
import { DENIAL_REASONS } from '../../src/verification/index.ts';
import type { Answer } from '../support/api.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { createBrowserSession } from '../support/browser-session.ts';

const page = readFileSync('docs/events.md', 'utf8');

/** Counted in memory, and told as one event with a count. */
const COALESCED = ['request.denied', 'token.issued', 'token.refused', 'connection.requested'];

test('what the API answers of real events holds no member that docs/events.md does not name', async (t) => {
  const app = await startApp();
  t.after(app.close);
  const { api, url } = app;
  const directory = await api.makeDirectory();
  const { credential, token } = await api.issue(directory.id, { label: 'one' });
  await api.post(`/directories/${directory.id}/rotate`, { mode: 'overlap' });
  await api.post(`/credentials/${credential.id}/disable`);
  await fetch(`${url}/scim/v2/${directory.endpointKey}/Users`, { headers: { authorization: `Bearer ${token}` } });
  await api.post(`/credentials/${credential.id}/revoke`, { reason: 'over', force: true });
  await api.post('/api-keys', { name: 'another', role: 'viewer' });
  await api.post('/check', { value: token });
  await connectByOauth(app, directory);
  await app.app.rounds.find(({ name }) => name === 'denials')?.run();

  const { body } = await api.get('/events?limit=200');
  const seen = new Set(body.items.map(({ type }: Answer) => type));
  const wanted = Object.keys(EVENTS).filter((type) => /^(?:client|portal_link|connection|token)\./.test(type));
  assert.deepEqual(
    [...wanted, 'credential.connected', 'signing_key.rotated', 'request.denied'].filter((type) => !seen.has(type)),
    [],
    'these were meant to happen here',
  );
  const top = new Set(
    [...page.matchAll(/^\| (`[a-zA-Z]+`(?:, `[a-zA-Z]+`)*) \| /gm)].flatMap(([, names = '']) =>
      names.replaceAll('`', '').split(', '),
    ),
  );
  for (const event of body.items) {
    assert.deepEqual(
      Object.keys(event).filter((name) => !top.has(name)),
      [],
      event.type,
    );
    const known = new Set(declaredMembers(event.type));
    if (COALESCED.includes(event.type)) for (const name of ['count', 'firstAt', 'lastAt']) known.add(name);
    if (event.type === 'request.denied') assert.ok(Object.hasOwn(DENIAL_REASONS, event.data.reason));
    assert.deepEqual(
      Object.keys(event.data).filter((name) => !known.has(name)),
      [],
      event.type,
    );
  }
});

/** A client's whole life: made, changed, connected by a person, refused, deleted. */
async function connectByOauth({ api, url }: TestApp, { organizationId }: Answer): Promise<void> {
  const { client, clientSecret } = (await api.post('/clients', { name: 'Okta', provider: 'okta' })).body;
  await api.post('/clients/import', {
    clientId: 'legacy',
    clientSecret: 'k9Xq2Zm8Rw4Vb7TnJ5',
    name: 'Okta',
    provider: 'okta',
  });
  const { redirectUris } = (await api.patch(`/clients/${client.id}`, { appName: 'acme_1' })).body;
  const { secretId } = (await api.post(`/clients/${client.id}/secrets`)).body;
  await api.delete(`/clients/${client.id}/secrets/${secretId}`);
  const link = (await api.post('/portal-links', { organizationId })).body;
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: client.id,
    redirect_uri: redirectUris[0],
    state: 's',
  });
  const browser = createBrowserSession(url);
  await browser.open(`${url}/oauth/authorize?${query}`);
  const consent = await browser.submit(await browser.open(link.url), {});
  const { url: allowed } = await browser.submit(consent, { decision: 'allow' });
  const code = new URL(allowed).searchParams.get('code') ?? '';
  const again = await browser.open(`${url}/oauth/authorize?${query}`);
  await browser.submit(again, { decision: 'cancel' });
  await browser.submit({ ...(await browser.open(`${url}/portal`)), url: `${url}/portal/leave` }, {});
  const exchange = (secret: string) =>
    fetch(`${url}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        code,
        redirect_uri: redirectUris[0],
        client_id: client.id,
        client_secret: secret,
      }),
    });
  assert.deepEqual([(await exchange('wrong')).status, (await exchange(clientSecret)).status], [401, 200]);
  await api.post(`/portal-links/${link.portalLink.id}/revoke`);
  await api.delete(`/clients/${client.id}`);
}

function declaredMembers(type: EventType): string[] {
  return Object.keys(PAYLOADS[type]).map((member) => member.replace('?', ''));
}
