import assert from 'node:assert/strict';
import { request } from 'node:http';
import { describe, it } from 'node:test';
import { runApp, startApp } from '../support/app.ts';

describe('the host of a request', () => {
  const app = runApp({
    env: {
      LATCHKEY_PUBLIC_URL: 'https://scim.acme.example',
      LATCHKEY_HOSTS: 'old.acme.example,*.corp.example',
      LATCHKEY_TRUSTED_PROXIES: '127.0.0.1',
    },
  });

  /** fetch sets Host itself. */
  function ask(path: string, headers: Record<string, string | string[]>) {
    return new Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: string }>((done, fail) => {
      const asked = request(`${app.url}${path}`, { headers }, async (response) => {
        let body = '';
        for await (const chunk of response) body += chunk;
        done({ status: response.statusCode ?? 0, headers: response.headers, body });
      });
      asked.once('error', fail);
      asked.end();
    });
  }
  const statusOf = async (path: string, host: string, more = {}) => (await ask(path, { host, ...more })).status;

  it('is answered when it is ours: the public one, a listed one, an address, a private name', async () => {
    for (const host of [
      'scim.acme.example',
      'SCIM.ACME.EXAMPLE:443',
      'scim.acme.example.',
      'old.acme.example',
      'a.b.corp.example',
      '10.1.2.3:4400',
      '[2001:db8::1]:4400',
      'localhost:4400',
      'latchkey:4400',
      'latchkey.svc.cluster.local',
      'latchkey.test',
    ])
      assert.equal(await statusOf('/dashboard/sign-in', host), 200, host);
  });

  it('is refused when it is none of ours, wherever it leads, with what to do about it', async () => {
    for (const host of [
      'evil.example',
      'scim.acme.example.evil.example',
      'corp.example',
      '127.0.0.1.evil.example',
      'a b',
    ])
      for (const path of [
        '/dashboard/sign-in',
        '/portal/enter/x',
        '/oauth/authorize',
        '/api/v1/organizations',
        '/scim/v2/x/Users',
        '/oauth/token',
        '/metrics',
      ])
        assert.equal(await statusOf(path, host), 421, `${host} ${path}`);
    const { body } = await ask('/dashboard', { host: 'evil.example' });
    assert.match(body, /must be scim\.acme\.example, or a name in LATCHKEY_HOSTS\. The request has evil\.example/);
  });

  it('does not matter for health, nor for forward-auth, which comes with the host of the API behind the proxy', async () => {
    for (const [path, status] of [
      ['/healthz', 200],
      ['/readyz', 200],
      ['/auth/verify', 400],
    ] as const)
      assert.equal(await statusOf(path, 'api.acme-customers.example'), status, path);
  });

  it("may be a trusted proxy's own name for us when X-Forwarded-Host has ours", async () => {
    const by = (forwarded: string) =>
      statusOf('/dashboard/sign-in', 'lb.cloud.example', { 'x-forwarded-host': forwarded });
    assert.deepEqual(
      [await by('scim.acme.example'), await by('evil.example'), await by('scim.acme.example, evil.example')],
      [200, 421, 421],
    );
    const other = await startApp({ env: { LATCHKEY_PUBLIC_URL: 'https://scim.acme.example' } });
    const headers = { host: 'lb.cloud.example', 'x-forwarded-host': 'scim.acme.example' };
    const response = await new Promise<number | undefined>((done) =>
      request(`${other.url}/dashboard/sign-in`, { headers }, (answer) => done(answer.resume().statusCode)).end(),
    );
    await other.close();
    assert.equal(response, 421, 'nobody is trusted there');
  });

  it('with https is told to browsers for a year, and pages keep to themselves', async () => {
    const page = await ask('/dashboard/sign-in', { host: 'scim.acme.example' });
    const { headers } = page;
    assert.equal(headers['strict-transport-security'], 'max-age=31536000');
    assert.equal(headers['cross-origin-opener-policy'], 'same-origin');
    assert.equal(headers['cross-origin-resource-policy'], 'same-origin');
    assert.match(String(headers['permissions-policy']), /camera=\(\).*microphone=\(\)/);
    const consent = await ask('/connect/unknown', { host: 'scim.acme.example' });
    assert.equal(consent.headers['cross-origin-opener-policy'], undefined, 'an identity provider waits for its window');
    const refused = await ask('/oauth/authorize', { host: 'scim.acme.example' });
    assert.equal(refused.headers['strict-transport-security'], 'max-age=31536000');
    assert.equal(refused.headers['cross-origin-opener-policy'], undefined);
    const plain = await startApp();
    assert.equal((await fetch(`${plain.url}/dashboard/sign-in`)).headers.get('strict-transport-security'), null);
    await plain.close();
  });
});

describe('/metrics', () => {
  it('without a token is for this machine alone, and for nothing that a proxy passes on', async () => {
    const app = await startApp();
    const statusOf = async (headers = {}) => (await fetch(`${app.url}/metrics`, { headers })).status;
    assert.equal(await statusOf(), 200);
    for (const name of ['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip', 'forwarded', 'via'])
      assert.equal(await statusOf({ [name]: '127.0.0.1' }), 403, name);
    const refused = await fetch(`${app.url}/metrics`, { headers: { 'x-forwarded-for': '192.0.2.1' } });
    assert.match(await refused.text(), /LATCHKEY_METRICS_TOKEN/);
    await app.close();
  });

  it('with a token asks everybody for it', async () => {
    const app = await startApp({ env: { LATCHKEY_METRICS_TOKEN: 'a-token-of-the-monitoring' } });
    const statusOf = async (headers = {}) => (await fetch(`${app.url}/metrics`, { headers })).status;
    const authorization = 'Bearer a-token-of-the-monitoring';
    assert.deepEqual(
      [await statusOf(), await statusOf({ authorization }), await statusOf({ authorization, via: '1.1 proxy' })],
      [401, 200, 200],
    );
    await app.close();
  });
});
