import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { runApp, startApp } from '../support/app.ts';
import { type RawReply, sendRaw } from '../support/raw-request.ts';

type Headers = Record<string, string>;

describe('forward-auth', () => {
  const app = runApp({ env: { LATCHKEY_FAILURES_PER_ADDRESS: '100000', LATCHKEY_FAILURES_PER_DIRECTORY: '100000' } });
  let directory: Answer;
  let other: Answer;
  let token: string;
  let credential: Answer;
  let readOnly: string;

  before(async () => {
    directory = await app.api.makeDirectory({ endpointKey: 'northwind-okta' });
    other = await app.api.makeDirectory({ endpointKey: 'contoso-okta' });
    ({ token, credential } = await app.api.issue(directory.id));
    ({ token: readOnly } = await app.api.issue(directory.id, { scopes: ['scim.read'] }));
  });

  /** What a proxy asks. The token is the directory's own unless the headers say otherwise. */
  function ask(headers: Headers, { path = '/auth/verify', method = 'GET' } = {}): Promise<RawReply> {
    return sendRaw(app.url, { method, path, headers: { Authorization: `Bearer ${token}`, ...headers } });
  }
  const users = (key = 'northwind-okta') => `/scim/v2/${key}/Users`;
  const reading = { 'X-Original-Method': 'GET' };

  describe('finds the directory', () => {
    const ways: [string, () => { headers: Headers; path?: string; method?: string }][] = [
      ['by its id in ?directory=', () => ({ path: `/auth/verify?directory=${directory.id}`, headers: {} })],
      [
        'by the same id twice in ?directory=',
        () => ({ path: `/auth/verify?directory=${directory.id}&directory=${directory.id}`, headers: {} }),
      ],
      ['by its endpointKey in ?directory=', () => ({ path: '/auth/verify?directory=northwind-okta', headers: {} })],
      ['in X-Original-URI', () => ({ headers: { 'X-Original-URI': `${users()}?count=1` } })],
      ['in X-Forwarded-Uri', () => ({ headers: { 'X-Forwarded-Uri': users() } })],
      ['in an absolute URI', () => ({ headers: { 'X-Original-URI': `https://scim.example.com${users()}` } })],
      ['in the path behind ours', () => ({ path: `/auth/verify${users()}?count=1`, headers: {} })],
      ['at the endpoint itself', () => ({ headers: { 'X-Original-URI': '/scim/v2/northwind-okta' } })],
      [
        'by id and endpointKey of the same one',
        () => ({ path: `/auth/verify?directory=${directory.id}`, headers: { 'X-Original-URI': users() } }),
      ],
      [
        'in two headers that agree',
        () => ({ headers: { 'X-Original-URI': `${users()}?a=1`, 'X-Forwarded-Uri': `${users()}?a=1` } }),
      ],
      [
        'in X-Original-URL, as ingress-nginx asks',
        () => ({
          headers: {
            'X-Original-URL': `https://scim.example.com${users()}?count=1`,
            'X-Auth-Request-Redirect': `${users()}?count=1`,
            'X-Sent-From': 'nginx-ingress-controller',
          },
        }),
      ],
      [
        'in X-Original-URL beside a sign-in address of its own',
        () => ({
          headers: {
            'X-Original-URL': `https://scim.example.com${users()}`,
            'X-Auth-Request-Redirect': 'https://app.example.com/after-sign-in',
          },
        }),
      ],
      [
        'in X-Auth-Request-Redirect, as haproxy-ingress asks',
        () => ({ headers: { 'X-Original-Host': 'scim.example.com', 'X-Auth-Request-Redirect': users() } }),
      ],
      [
        'in the path behind ours, whatever query the client sent',
        () => ({ path: `/auth/verify${users()}?directory=any`, headers: {} }),
      ],
      [
        'in ?directory= when the path says nothing of it',
        () => ({ path: '/auth/verify?directory=northwind-okta', headers: { 'X-Original-URI': '/provisioning/Users' } }),
      ],
    ];
    for (const [name, way] of ways) {
      it(name, async () => {
        const { headers, ...rest } = way();
        const answer = await ask(headers, rest);
        assert.equal(answer.status, 200, answer.text);
        assert.equal(answer.headers['x-scim-directory'], directory.id);
      });
    }
  });

  describe("takes ?directory= where the path is the SCIM server's own", () => {
    const paths = [
      '/scim/v2/Users?count=1',
      '/scim/v2/Groups/7',
      '/scim/v2/.search',
      '/scim/v2/Devices',
      '/api/scim/Users',
      '/v2/Users/a%20b',
    ];
    for (const path of paths) {
      for (const header of ['X-Original-URI', 'X-Original-URL', 'X-Forwarded-Uri']) {
        it(`${path} in ${header}`, async () => {
          const named = await ask({ [header]: path, ...reading }, { path: '/auth/verify?directory=northwind-okta' });
          assert.equal(named.status, 200, named.text);
          assert.equal(named.headers['x-scim-directory'], directory.id);
          const byId = await ask({ [header]: path, ...reading }, { path: `/auth/verify?directory=${directory.id}` });
          assert.equal(byId.status, 200, byId.text);
          const foreign = await ask({ [header]: path, ...reading }, { path: '/auth/verify?directory=contoso-okta' });
          assert.equal(foreign.status, 401, foreign.text);
        });
      }
    }

    it('and lets no directory be called like an endpoint of SCIM', async () => {
      for (const endpointKey of ['Users', 'Groups', 'ServiceProviderConfig', 'any']) {
        const { organizationId } = directory;
        const { status, body } = await app.api.post('/directories', { organizationId, name: 'x', endpointKey });
        assert.deepEqual(
          [status, body.code, body.errors?.[0]?.path],
          [400, 'invalid_request', 'endpointKey'],
          endpointKey,
        );
      }
    });
  });

  describe('lets the token name the directory with ?directory=any', () => {
    const any = { path: '/auth/verify?directory=any' };

    it('at a path of the SCIM server', async () => {
      const answer = await ask({ 'X-Original-URI': '/scim/v2/Users?count=1', ...reading }, any);
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.headers['x-scim-directory'], directory.id);
      const { token: its } = await app.api.issue(other.id);
      const another = await ask({ 'X-Original-URI': '/Users', ...reading, Authorization: `Bearer ${its}` }, any);
      assert.equal(another.headers['x-scim-directory'], other.id);
    });

    it('but not against a path that names another one, and no unknown token', async () => {
      assert.equal((await ask({ 'X-Original-URI': users() }, any)).status, 200);
      assert.equal((await ask({ 'X-Original-URI': users('contoso-okta') }, any)).status, 401);
      assert.equal((await ask({ 'X-Original-URI': users('contoso-okta').toUpperCase() }, any)).status, 400);
      const unknown = await ask({ 'X-Original-URI': '/scim/v2/Users', Authorization: 'Bearer wrong-value' }, any);
      assert.equal(unknown.status, 401);
      assert.equal(unknown.headers['www-authenticate'], 'Bearer realm="scim", error="invalid_token"');
      const readingOnly = { 'X-Original-URI': '/scim/v2/Users', Authorization: `Bearer ${readOnly}` };
      assert.equal((await ask({ ...readingOnly, 'X-Original-Method': 'DELETE' }, any)).status, 403);
    });
  });

  describe('answers 400 to a path that leads to another directory, or to one in another spelling', () => {
    for (const path of [
      users('contoso-okta'),
      users('nobody'),
      `/${users('contoso-okta')}`,
      `//evil.example${users('contoso-okta')}`,
      users('contoso-okta').replace('/scim', '/SCIM'),
      users('contoso-okta').replace('/v2', '/V2'),
      users('contoso-okta').replace('/scim', '/%73cim'),
      users('contoso-okta').replace('/scim', '/%2573cim'),
      users('contoso-okta').replace('/scim/', '/scim//'),
      users('contoso-okta').replace('/v2/', '/v2//'),
      users('contoso-okta').replace('/v2/', '%2fv2/'),
      users('contoso-okta').replace('/v2/', '%5cv2/'),
      users('contoso-okta').replace('/scim/', '/scim;x=1/'),
      users('contoso-okta').replace('/scim/', '/;x/scim/'),
      users('contoso-okta').replace('/scim', '/scim%00'),
      users('contoso-okta').replace('/v2', '%c0%afv2'),
      users('contoso-okta').replace('/v2', '%u2215v2'),
      users('contoso-okta').replace('contoso', '%63ontoso'),
      users('Contoso-Okta'),
      users('contoso-okta;x=1'),
      users('Northwind'),
      '\\\\scim\\v2\\contoso-okta\\Users',
      'scim/v2/contoso-okta/Users',
      '/scim/v2',
      '/scim/v2/',
      // Right, but for its spelling.
      `/${users()}`,
      users().toUpperCase(),
      users().replace('/scim', '/%73cim'),
    ]) {
      it(path, async () => {
        for (const named of ['northwind-okta', directory.id]) {
          for (const header of ['X-Original-URI', 'X-Original-URL', 'X-Forwarded-Uri', 'X-Auth-Request-Redirect']) {
            const answer = await ask({ [header]: path, ...reading }, { path: `/auth/verify?directory=${named}` });
            assert.equal(answer.status, 400, `${header}: ${answer.text}`);
            assert.equal(answer.headers['x-scim-directory'], undefined);
          }
        }
      });
    }
  });

  it('tells the upstream whose request it is, and answers without a body', async () => {
    const answer = await ask({ 'X-Original-URI': users(), ...reading });
    assert.equal(answer.status, 200);
    assert.equal(answer.text, '');
    assert.equal(answer.headers['x-scim-directory'], directory.id);
    assert.equal(answer.headers['x-scim-organization'], directory.organizationId);
    assert.equal(answer.headers['x-scim-credential'], credential.id);
    assert.equal(answer.headers['x-scim-scope'], 'scim');
    assert.equal(answer.headers['cache-control'], 'no-store');
    assert.match(String(answer.headers['x-request-id']), /^[\w-]{8,}$/);
  });

  it('answers a request that names no directory with 400', async () => {
    for (const headers of [{}, { 'X-Original-URI': '/Users' }, { 'X-Forwarded-Uri': `/${users()}` }]) {
      const answer = await ask(headers);
      assert.equal(answer.status, 400, JSON.stringify(headers));
      assert.deepEqual(answer.body.schemas, ['urn:ietf:params:scim:api:messages:2.0:Error']);
    }
  });

  describe('answers 400 when the request is named in two ways that disagree', () => {
    const disagreements: [string, () => { headers: Headers; path?: string; method?: string }][] = [
      ['two paths', () => ({ headers: { 'X-Original-URI': users(), 'X-Forwarded-Uri': users('contoso-okta') } })],
      [
        'two paths of one directory',
        () => ({ headers: { 'X-Original-URI': users(), 'X-Forwarded-Uri': '/scim/v2/northwind-okta/.search' } }),
      ],
      [
        '?directory= and the path',
        () => ({ path: `/auth/verify?directory=${other.id}`, headers: { 'X-Original-URI': users() } }),
      ],
      [
        '?directory= twice',
        () => ({ path: `/auth/verify?directory=${other.id}&directory=${directory.id}`, headers: {} }),
      ],
      [
        '?directory= and an unknown path',
        () => ({ path: `/auth/verify?directory=${directory.id}`, headers: { 'X-Original-URI': users('nobody') } }),
      ],
      [
        'the path behind ours and a header',
        () => ({ path: `/auth/verify${users()}`, headers: { 'X-Original-URI': users('contoso-okta') } }),
      ],
      [
        'two methods',
        () => ({ headers: { 'X-Original-URI': users(), 'X-Original-Method': 'GET', 'X-Forwarded-Method': 'POST' } }),
      ],
      [
        'the method of an Envoy request and a header',
        () => ({ path: `/auth/verify${users()}`, method: 'POST', headers: { 'X-Original-Method': 'GET' } }),
      ],
    ];
    for (const [name, way] of disagreements) {
      it(name, async () => {
        const { headers, ...rest } = way();
        const answer = await ask(headers, rest);
        assert.equal(answer.status, 400, answer.text);
        assert.equal(answer.headers['x-scim-directory'], undefined);
        assert.equal(answer.headers['www-authenticate'], undefined);
      });
    }

    it('a header that came twice', async () => {
      const headers: [string, string][] = [
        ['Authorization', `Bearer ${token}`],
        ['X-Original-URI', users()],
        ['X-Original-URI', users()],
      ];
      assert.equal((await sendRaw(app.url, { path: '/auth/verify', headers })).status, 400);
    });
  });

  describe('lets a token that may only read', () => {
    const attempt = (headers: Headers, rest = {}) => ask({ Authorization: `Bearer ${readOnly}`, ...headers }, rest);
    const search = '/scim/v2/northwind-okta/.search';
    const allowed: [string, Headers, object?][] = [
      ['GET', { 'X-Original-URI': users(), 'X-Original-Method': 'GET' }],
      ['GET by X-Forwarded-Method', { 'X-Forwarded-Uri': users(), 'X-Forwarded-Method': 'GET' }],
      ['HEAD', { 'X-Original-URI': users(), 'X-Original-Method': 'HEAD' }],
      ['search by POST', { 'X-Original-URI': `${search}?x=1`, 'X-Original-Method': 'POST' }],
      ['GET as Envoy asks', {}, { path: `/auth/verify${users()}`, method: 'GET' }],
      ['search by POST as Envoy asks', {}, { path: `/auth/verify${search}`, method: 'POST' }],
    ];
    for (const [name, headers, rest] of allowed) {
      it(`do ${name}`, async () => assert.equal((await attempt(headers, rest)).status, 200));
    }

    const refused: [string, Headers, object?][] = [
      ['POST', { 'X-Original-URI': users(), 'X-Original-Method': 'POST' }],
      ['PUT', { 'X-Original-URI': users(), 'X-Original-Method': 'PUT' }],
      ['PATCH by X-Forwarded-Method', { 'X-Forwarded-Uri': users(), 'X-Forwarded-Method': 'PATCH' }],
      ['DELETE', { 'X-Original-URI': users(), 'X-Original-Method': 'DELETE' }],
      ['DELETE at the search', { 'X-Original-URI': search, 'X-Original-Method': 'DELETE' }],
      ['POST with the search in the query', { 'X-Original-URI': `${users()}?/.search`, 'X-Original-Method': 'POST' }],
      ['POST with the search behind a #', { 'X-Original-URI': `${users()}#/.search`, 'X-Original-Method': 'POST' }],
      ['what has no method', { 'X-Original-URI': users() }],
      ['what has an empty method', { 'X-Original-URI': users(), 'X-Original-Method': '' }],
      ['what has no method, by ?directory=', {}, { path: '/auth/verify?directory=northwind-okta' }],
      ['what has no method, at our address with a slash', {}, { path: '/auth/verify/?directory=northwind-okta' }],
      ['a method of no meaning', { 'X-Original-URI': users(), 'X-Original-Method': 'GET,POST' }],
      ['POST as Envoy asks', {}, { path: `/auth/verify${users()}`, method: 'POST' }],
      ...[
        'X-HTTP-Method-Override',
        'X-HTTP-Method',
        'X-Method-Override',
        'x_http_method_override',
        'X-Tunneled-Method',
      ].map((name): [string, Headers] => [
        `GET with ${name}`,
        { 'X-Original-URI': users(), ...reading, [name]: 'DELETE' },
      ]),
      ...['_method=DELETE', 'count=1&X-HTTP-Method-Override=PUT', '%24httpMethod=DELETE'].map(
        (query): [string, Headers] => [`GET with ?${query}`, { 'X-Original-URI': `${users()}?${query}`, ...reading }],
      ),
    ];
    for (const [name, headers, rest] of refused) {
      it(`not do ${name}`, async () => {
        const answer = await attempt(headers, rest);
        assert.equal(answer.status, 403, answer.text);
        assert.match(String(answer.headers['www-authenticate']), /error="insufficient_scope"/);
        assert.equal(answer.body.status, '403');
      });
    }
  });

  describe('answers 400 to dot segments in every spelling', () => {
    const base = '/scim/v2/northwind-okta';
    for (const path of [
      `${base}/../contoso-okta/Users`,
      `${base}/./Users`,
      `${base}/Users/..`,
      `${base}/%2e%2e/contoso-okta`,
      `${base}/.%2E/contoso-okta`,
      `${base}/%252e%252e/contoso-okta`,
      `${base}%2f..%2fcontoso-okta`,
      `${base}/x%5c..%5ccontoso-okta`,
      `${base}\\..\\contoso-okta`,
      `${base}/..;x=1/contoso-okta`,
      `${base}/..%3bx/contoso-okta`,
      `${base}#/../contoso-okta/Users`,
      `/public/..${base}/Users`,
    ]) {
      for (const header of ['X-Original-URI', 'X-Forwarded-Uri']) {
        it(`${path} in ${header}`, async () => {
          const answer = await ask({ [header]: path, ...reading });
          assert.equal(answer.status, 400, answer.text);
          assert.equal(answer.headers['x-scim-directory'], undefined);
        });
      }
    }

    it('behind our own path', async () => {
      assert.equal((await ask({}, { path: `/auth/verify${base}/../contoso-okta` })).status, 400);
    });

    it('but not to names that merely have dots in them', async () => {
      for (const name of ['.search', '..x', 'a..b', '%2ehidden', '...']) {
        assert.equal((await ask({ 'X-Original-URI': `${base}/Users/${name}` })).status, 200, name);
      }
    });
  });

  describe('refuses with 401 and a challenge', () => {
    const metadata = (key: string) => `${app.url}/.well-known/oauth-protected-resource/scim/v2/${key}`;

    it('a request without a credential, without naming an error', async () => {
      const answer = await sendRaw(app.url, { path: '/auth/verify', headers: { 'X-Original-URI': users() } });
      assert.equal(answer.status, 401);
      assert.equal(
        answer.headers['www-authenticate'],
        `Bearer realm="scim", resource_metadata="${metadata('northwind-okta')}"`,
      );
    });

    it('an unknown token, with a SCIM error as the body', async () => {
      const answer = await ask({ 'X-Original-URI': users(), Authorization: 'Bearer nothing-that-we-know' });
      assert.equal(answer.status, 401);
      assert.equal(
        answer.headers['www-authenticate'],
        `Bearer realm="scim", resource_metadata="${metadata('northwind-okta')}", error="invalid_token"`,
      );
      assert.match(String(answer.headers['content-type']), /^application\/scim\+json/);
      assert.deepEqual(answer.body.schemas, ['urn:ietf:params:scim:api:messages:2.0:Error']);
      assert.equal(answer.body.status, '401');
    });

    it('two Authorization headers, both of them good', async () => {
      const headers: [string, string][] = [
        ['Authorization', `Bearer ${token}`],
        ['Authorization', `Bearer ${token}`],
        ['X-Original-URI', users()],
      ];
      const answer = await sendRaw(app.url, { path: '/auth/verify', headers });
      assert.equal(answer.status, 401);
      assert.match(String(answer.headers['www-authenticate']), /error="invalid_token"/);
    });

    it('an unknown directory, and the token of another one, in the same words', async () => {
      const unknown = await ask({ 'X-Original-URI': users('nobody-has-this') });
      const foreign = await ask({ 'X-Original-URI': users('contoso-okta') });
      for (const answer of [unknown, foreign]) {
        assert.equal(answer.status, 401);
        assert.match(String(answer.headers['www-authenticate']), /error="invalid_token"/);
      }
      // The code is made of the name that was asked for.
      const words = ({ body, headers }: RawReply) =>
        body.detail.replace(headers['x-request-id'], '').replace(/[0-9A-Z]{8}/g, 'CODE');
      assert.equal(words(unknown), words(foreign));
    });

    it('a directory by id without telling its endpoint', async () => {
      const answer = await ask({}, { path: `/auth/verify?directory=${other.id}` });
      assert.equal(answer.status, 401);
      assert.equal(answer.headers['www-authenticate'], 'Bearer realm="scim", error="invalid_token"');
    });
  });

  it('refuses a disabled directory with 403 and accepts the same token when it is enabled again', async () => {
    const own = await app.api.makeDirectory();
    const { token: its } = await app.api.issue(own.id);
    const attempt = () => ask({ 'X-Original-URI': users(own.endpointKey), Authorization: `Bearer ${its}` });
    assert.equal((await attempt()).status, 200);
    await app.api.post(`/directories/${own.id}/disable`);
    const refused = await attempt();
    assert.equal(refused.status, 403);
    assert.equal(refused.headers['www-authenticate'], undefined);
    await app.api.post(`/directories/${own.id}/enable`);
    assert.equal((await attempt()).status, 200);
  });

  it('refuses a disabled credential with 401', async () => {
    const own = await app.api.makeDirectory();
    const issued = await app.api.issue(own.id);
    await app.api.post(`/credentials/${issued.credential.id}/disable`);
    const answer = await ask({ 'X-Original-URI': users(own.endpointKey), Authorization: `Bearer ${issued.token}` });
    assert.equal(answer.status, 401);
  });

  it('answers 429 with whole seconds to wait, and never to a valid credential', async () => {
    const limited = await startApp({ env: { LATCHKEY_FAILURES_PER_ADDRESS: '2' } });
    try {
      const own = await limited.api.makeDirectory();
      const { token: its } = await limited.api.issue(own.id);
      const attempt = (value: string) =>
        sendRaw(limited.url, {
          path: '/auth/verify',
          headers: { Authorization: `Bearer ${value}`, 'X-Original-URI': users(own.endpointKey) },
        });
      const statuses = [];
      for (let count = 0; count < 3; count++) statuses.push((await attempt('wrong-value')).status);
      assert.deepEqual(statuses, [401, 401, 429]);
      const answer = await attempt('wrong-value');
      assert.match(String(answer.headers['retry-after']), /^[1-9]\d*$/);
      assert.equal(answer.body.status, '429');
      assert.equal((await attempt(its)).status, 200);
    } finally {
      await limited.close();
    }
  });
});
