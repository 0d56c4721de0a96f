/**
 * Traefik and ingress-nginx can't be started here. Their files are read instead, and the requests that they would make by them (as their
 * documentation says) are made: what Latchkey is asked, what the SCIM server would see, what the IdP would get.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, it } from 'node:test';
import { parse } from 'yaml';
import type { Answer } from '../support/api.ts';
import { runApp } from '../support/app.ts';
import { type RawReply, sendRaw } from '../support/raw-request.ts';
import { IN_FILES } from '../support/reverse-proxy.ts';

interface ClientRequest {
  method: string;
  path: string;
  /** Names in lower case. */
  headers: Record<string, string>;
}

interface Proxy {
  /** The question that Latchkey gets. */
  ask(client: ClientRequest): { method: string; path: string; headers: Record<string, string> };
  /** The headers that the SCIM server sees after an accepting answer. */
  forward(client: ClientRequest, answer: RawReply): Record<string, string>;
}

const PEER = '192.0.2.7';
const read = (name: string): Answer => parse(readFileSync(`config/forward-auth/${name}`, 'utf8'));

const traefik = (): Proxy => {
  const { routers, middlewares, services } = read('traefik.yaml').http;
  assert.deepEqual(routers.scim.middlewares, ['latchkey', 'without-credential']);
  assert.equal(services['scim-server'].loadBalancer.servers[0].url, `http://${IN_FILES.upstream}`);
  const { forwardAuth } = middlewares.latchkey;
  assert.equal(forwardAuth.trustForwardHeader, false);
  const address = new URL(forwardAuth.address);
  assert.equal(address.host, IN_FILES.latchkey);
  const lower = (names: string[]) => names.map((name) => name.toLowerCase());
  const regex = new RegExp(forwardAuth.authResponseHeadersRegex.replace('(?i)', ''), 'i');
  return {
    ask: ({ method, path, headers }) => ({
      method: 'GET',
      path: address.pathname,
      headers: {
        ...only(headers, (name) => lower(forwardAuth.authRequestHeaders).includes(name)),
        'x-forwarded-method': method,
        'x-forwarded-uri': path,
        'x-forwarded-for': PEER,
        'x-forwarded-proto': 'https',
        'x-forwarded-host': 'scim.example.com',
      },
    }),
    forward({ headers }, answer) {
      const isReplaced = (name: string) => lower(forwardAuth.authResponseHeaders).includes(name) || regex.test(name);
      const sent: Record<string, string> = {
        ...only(headers, (name) => !isReplaced(name)),
        ...only(answer.headers, isReplaced),
      };
      for (const [name, value] of Object.entries(middlewares['without-credential'].headers.customRequestHeaders)) {
        assert.equal(value, '', 'an empty value removes');
        delete sent[name.toLowerCase()];
      }
      return sent;
    },
  };
};

const ingressNginx = (): Proxy => {
  const { annotations } = read('ingress-nginx.yaml').metadata;
  const annotation = (name: string): string => annotations[`nginx.ingress.kubernetes.io/${name}`];
  const responseHeaders = annotation('auth-response-headers').toLowerCase().split(',');
  const snippet = annotation('configuration-snippet');
  const [, names = ''] = /more_clear_input_headers (.*?);/.exec(snippet) ?? [];
  const cleared = [...names.matchAll(/"([^"]+)"/g)].map(
    ([, name = '']) => new RegExp(`^${name.replace('*', '.*')}$`, 'i'),
  );
  assert.ok(cleared.length > 0);
  assert.match(snippet, /^proxy_set_header Authorization "";$/m);
  // nginx drops headers with underscores.
  const cleaned = (headers: Record<string, string>) =>
    only(headers, (name) => !name.includes('_') && !cleared.some((pattern) => pattern.test(name)));
  return {
    ask: ({ method, path, headers }) => ({
      method: 'GET',
      path: new URL(annotation('auth-url')).pathname,
      headers: {
        ...cleaned(headers),
        'x-original-url': `https://scim.example.com${path}`,
        'x-original-method': method,
        'x-auth-request-redirect': path,
        'x-sent-from': 'nginx-ingress-controller',
        'x-forwarded-for': PEER,
      },
    }),
    forward({ headers }, answer) {
      const { authorization: _authorization, ...kept } = cleaned(headers);
      return { ...kept, ...only(answer.headers, (name) => responseHeaders.includes(name)), 'x-forwarded-for': PEER };
    },
  };
};

for (const [name, open] of [
  ['traefik.yaml', traefik],
  ['ingress-nginx.yaml', ingressNginx],
] as const) {
  describe(`config/forward-auth/${name}`, () => {
    const app = runApp({ env: { LATCHKEY_TRUSTED_PROXIES: '127.0.0.1', LATCHKEY_FAILURES_PER_ADDRESS: '20' } });
    let proxy: Proxy;
    let directory: Answer;
    let credential: Answer;
    let token: string;
    let readOnly: string;
    const path = '/scim/v2/northwind-okta/Users?count=1';

    before(async () => {
      proxy = open();
      directory = await app.api.makeDirectory({ endpointKey: 'northwind-okta' });
      await app.api.makeDirectory({ endpointKey: 'contoso-okta' });
      ({ token, credential } = await app.api.issue(directory.id));
      ({ token: readOnly } = await app.api.issue(directory.id, { scopes: ['scim.read'] }));
    });

    async function send(client: Partial<ClientRequest>) {
      const request = {
        method: 'GET',
        path,
        ...client,
        headers: { authorization: `Bearer ${token}`, ...client.headers },
      };
      const answer = await sendRaw(app.url, proxy.ask(request));
      return { answer, upstream: answer.status === 200 ? proxy.forward(request, answer) : undefined };
    }

    it('brings an accepted request to the SCIM server with who it is and without the credential', async () => {
      const { answer, upstream } = await send({ method: 'POST', headers: { 'content-type': 'application/scim+json' } });
      assert.equal(answer.status, 200, answer.text);
      assert.equal(upstream?.['x-scim-directory'], directory.id);
      assert.equal(upstream?.['x-scim-organization'], directory.organizationId);
      assert.equal(upstream?.['x-scim-credential'], credential.id);
      assert.equal(upstream?.['x-scim-scope'], 'scim');
      assert.equal(upstream?.['x-request-id'], answer.headers['x-request-id']);
      assert.equal(upstream?.['content-type'], 'application/scim+json');
      assert.equal(upstream?.['authorization'], undefined);
    });

    it('gives no effect to headers by which a client claims to be another', async () => {
      const claims = {
        'x-scim-directory': 'dir_other',
        'x-scim-scope': 'everything',
        'x-scim-tenant': 'org_other',
        'x-http-method-override': 'PATCH_other',
        'x-original-url': '/scim/v2/contoso-okta/Users',
        x_scim_directory: 'dir_other',
        'x-original-uri': '/scim/v2/contoso-okta/Users',
        'x-original-method': 'GET',
        'x-forwarded-uri': '/scim/v2/contoso-okta/Users',
        'x-forwarded-method': 'GET',
        'x-forwarded-for': '203.0.113.9',
      };
      const { answer, upstream } = await send({ method: 'DELETE', headers: claims });
      assert.equal(answer.status, 200, answer.text);
      assert.equal(upstream?.['x-scim-directory'], directory.id);
      assert.doesNotMatch(JSON.stringify(upstream), /contoso|_other|everything/);
      for (const round of app.app.rounds) if (round.name === 'usage') await round.run();
      const shown = await app.api.get(`/credentials/${credential.id}`);
      assert.equal(shown.body.lastUsedFrom.address, PEER);
      const writing = await send({ method: 'DELETE', headers: { ...claims, authorization: `Bearer ${readOnly}` } });
      assert.equal(writing.answer.status, 403);
    });

    it('lets a read-only token read and search, and nothing else', async () => {
      const headers = { authorization: `Bearer ${readOnly}` };
      assert.equal((await send({ headers })).answer.status, 200);
      const search = { path: '/scim/v2/northwind-okta/.search', method: 'POST', headers };
      assert.equal((await send(search)).answer.status, 200);
      for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
        assert.equal((await send({ method, headers })).answer.status, 403, method);
      }
    });

    it("refuses another directory, dot segments and a disabled directory in Latchkey's own words", async () => {
      const statusOf = async (client: Partial<ClientRequest>) => (await send(client)).answer.status;
      assert.equal(await statusOf({ path: '/scim/v2/contoso-okta/Users' }), 401);
      assert.equal(await statusOf({ path: '/scim/v2/northwind-okta/%2e%2e/contoso-okta' }), 400);
      await app.api.post(`/directories/${directory.id}/disable`);
      assert.equal(await statusOf({}), 403);
      await app.api.post(`/directories/${directory.id}/enable`);
      assert.equal(await statusOf({}), 200);
    });

    it('answers with challenge, wait and kind of body', async () => {
      const { answer } = await send({ headers: { authorization: 'Bearer wrong-value' } });
      assert.equal(answer.status, 401);
      assert.ok(answer.headers['www-authenticate']);
      assert.ok(answer.headers['content-type']);
      let last = answer;
      for (let turn = 0; turn < 25 && last.status !== 429; turn++) {
        last = (
          await send({ headers: { authorization: 'Bearer wrong-value', 'x-forwarded-for': `203.0.113.${turn}` } })
        ).answer;
      }
      assert.equal(last.status, 429);
      assert.match(String(last.headers['retry-after']), /^[1-9]\d*$/);
      assert.equal((await send({})).answer.status, 200, 'a valid token is never told to wait');
    });
  });
}

function only(
  headers: Record<string, string | string[] | undefined>,
  wanted: (name: string) => boolean,
): Record<string, string> {
  const kept = Object.entries(headers).filter(([name, value]) => typeof value === 'string' && wanted(name));
  return Object.fromEntries(kept) as Record<string, string>;
}
