/** Mistakes of clients at the OAuth endpoints: each is answered with an OAuth error that names it, and told at the client's directory. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before, describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { runApp } from '../support/app.ts';
import { MINUTE } from '../support/clock.ts';
import { consentsAt } from '../support/consents.ts';
import {
  ask,
  eventsOf,
  exchange,
  makeClient,
  makeConnection,
  type OauthClient,
  obtainCode,
  REDIRECT_URI,
  refresh,
} from '../support/oauth-client.ts';
import { type RawReply, type RawRequest, sendRaw } from '../support/raw-request.ts';

const FORM = 'application/x-www-form-urlencoded';
const VERIFIER = 'a-verifier-of-the-tests-that-is-long-enough-0123456789';
const CHALLENGE = createHash('sha256').update(VERIFIER).digest('base64url');

describe('a mistake at the OAuth endpoints', () => {
  const app = runApp();
  let directory: Answer;
  let client: OauthClient;
  before(async () => {
    directory = await app.api.makeDirectory();
    client = await makeClient(app, {
      directoryId: directory.id,
      grantTypes: ['authorization_code', 'refresh_token', 'client_credentials'],
    });
  });

  const { addressOf, codeOf, setUp } = consentsAt(() => app);
  const basic = ({ id, secret }: Pick<OauthClient, 'id' | 'secret'>) =>
    `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
  const send = (request: RawRequest): Promise<RawReply> => sendRaw(app.url, request);
  const post = (path: string, type: string, body: string, headers: Record<string, string> = {}) =>
    send({ method: 'POST', path, headers: { 'Content-Type': type, ...headers }, body });

  /** The latest event of this sub-reason, at the directory. */
  async function told(subReason: string, at: Answer = directory): Promise<Answer> {
    const events = await eventsOf(app, 'token.refused,connection.refused');
    const found = events.find(({ data, directoryId }) => data.subReason === subReason && directoryId === at.id);
    return found ?? assert.fail(`${subReason} in ${JSON.stringify(events.map(({ data }) => data))}`);
  }

  describe('in the form of a request', () => {
    const fields = () => `grant_type=client_credentials&client_id=${client.id}&client_secret=${client.secret}`;
    const multipart = () =>
      [...new URLSearchParams(fields())]
        .map(([name, value]) => `--x\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`)
        .join('');
    const cases: [subReason: string, words: RegExp, request: () => Promise<RawReply>][] = [
      ['form_multipart', /multipart/, () => post('/oauth/token', 'multipart/form-data; boundary=x', multipart())],
      [
        'form_json_as_form',
        /JSON/,
        () => post('/oauth/token', FORM, JSON.stringify(Object.fromEntries(new URLSearchParams(fields())))),
      ],
      ['form_multipart', /multipart/, () => post('/oauth/token', FORM, multipart())],
      ['form_names_wrong', /client_id/, () => post('/oauth/token', FORM, fields().replace('client_id=', 'clientId='))],
      ['form_names_wrong', /separator/, () => post('/oauth/token', FORM, fields().replaceAll('&', ';'))],
      [
        'form_names_wrong',
        /grant_type/,
        () => post('/oauth/token', FORM, 'grantType=client_credentials', { Authorization: basic(client) }),
      ],
      ['form_as_json', /form/, () => post('/oauth/token', 'application/json', fields())],
      ['form_parameters_in_url', /URL/, () => post(`/oauth/token?${fields()}`, FORM, '')],
      ['form_parameter_twice', /twice/, () => post('/oauth/token', FORM, `${fields()}&grant_type=refresh_token`)],
      [
        'form_json_broken',
        /JSON/,
        () => post('/oauth/token', 'application/json', '{"grant_type', { Authorization: basic(client) }),
      ],
      ['grant_missing', /grant_type/, () => post('/oauth/token', FORM, fields().replace('grant_type', 'grant'))],
      [
        'grant_unknown',
        /authorization_code, refresh_token or client_credentials/,
        () => post('/oauth/token', FORM, fields().replace('=client_credentials', '=password')),
      ],
      ['scope_separator', /comma/, () => post('/oauth/token', FORM, `${fields()}&scope=scim%2Coffline_access`)],
      ['scope_unknown', /scim and scim\.read/, () => post('/oauth/token', FORM, `${fields()}&scope=users`)],
      [
        'client_id_and_secret_swapped',
        /Swap/,
        () => post('/oauth/token', FORM, '', { Authorization: basic({ id: client.secret, secret: client.id }) }),
      ],
      [
        'authorize_url_as_token_url',
        /authorization endpoint/,
        () => post('/oauth/authorize', FORM, fields().replace(/client_id.*/, ''), { Authorization: basic(client) }),
      ],
    ];
    for (const [subReason, words, request] of cases) {
      it(`is named: ${subReason}`, async () => {
        const { status, body, headers } = await request();
        assert.ok(status === 400 || status === 401, `${status}`);
        assert.equal(typeof body?.error, 'string');
        assert.match(body.error_description, words);
        assert.equal(headers['cache-control'], 'no-store');
        const event = await told(subReason);
        assert.equal(event.data.clientId, client.id);
        assert.doesNotMatch(JSON.stringify(event), /scimcs_/);
      });
    }

    it('is named at a path of ours that is no endpoint, and told at the client', async () => {
      const authorize = addressOf(client).slice(app.url.length);
      for (const path of ['/token', '/oauth2/token', '/OAuth/Token', '/connect/token', '/oauth', '/oauth/v2/token']) {
        app.clock.advance(1000);
        const { status, body } = await post(path, FORM, fields());
        assert.deepEqual([status, body.error], [404, 'invalid_request'], path);
        assert.match(body.error_description, /\/oauth\/token/);
        assert.equal((await told('oauth_path_wrong')).data.clientId, client.id);
      }
      const asked = await send({ path: authorize.replace('/oauth/', '/'), headers: { Accept: 'text/html' } });
      assert.equal(asked.status, 404);
      assert.match(asked.text, /<h1>/);
      assert.equal((await send({ path: authorize.replace('/oauth/', '/oauth2/') })).body.error, 'invalid_request');
      assert.equal((await post('/connect/abc', FORM, fields())).body?.error, undefined);
      assert.equal((await post('/api/v1/token', FORM, fields())).status, 401);
    });

    it('is named where a browser was led to the token endpoint: with a page for people, with JSON for machines', async () => {
      const path = addressOf(client).slice(app.url.length).replace('authorize', 'token');
      const page = await send({ path, headers: { Accept: 'text/html' } });
      assert.deepEqual([page.status, page.headers['allow']], [405, 'POST']);
      assert.match(page.text, /<h1>The authorization URL and the token URL are swapped/);
      for (const right of ['/oauth/authorize', '/oauth/token']) assert.ok(page.text.includes(`${app.url}${right}`));
      assert.match(String(page.headers['content-security-policy']), /default-src 'none'/);
      const machine = await send({ path });
      assert.deepEqual([machine.status, machine.body.error], [405, 'invalid_request']);
      assert.equal((await told('token_url_as_authorize_url')).data.count, 2);
      const bare = await send({ path: `/oauth/token?client_id=${client.id}` });
      assert.match(bare.body.error_description, /POST/);
      await told('token_request_by_get');
    });

    it('is told of nobody where no client of ours is named, and keeps nothing of what was', async () => {
      const secret = `scim_${'s'.repeat(38)}`;
      await post('/oauth/token', FORM, `grant_type=${secret}&client_id=${secret}&client_secret=x`);
      await send({ path: `/oauth/token?client_id=${secret}` });
      await send({ path: `/oauth/authorize?client_id=${secret}&redirect_uri=https%3A%2F%2Fx.example%2F${secret}` });
      const text = JSON.stringify(await eventsOf(app, 'token.refused,connection.refused'));
      assert.doesNotMatch(text, /ssssss/);
    });
  });

  describe('at the authorization endpoint', () => {
    const cases: [subReason: string, error: string, fields: Record<string, string>][] = [
      ['scope_unknown', 'invalid_scope', { scope: 'users' }],
      ['scope_separator', 'invalid_scope', { scope: 'scim,offline_access' }],
      ['response_type_wrong', 'unsupported_response_type', { response_type: 'saml' }],
      ['response_mode_wrong', 'unsupported_response_mode', { response_mode: 'form_post' }],
      ['pkce_method_wrong', 'invalid_request', { code_challenge: VERIFIER, code_challenge_method: 'plain' }],
      ['request_object_unsupported', 'request_not_supported', { request: 'a.b.c' }],
    ];
    for (const [subReason, error, fields] of cases) {
      it(`leads back with ${error}, and is told as ${subReason}`, async () => {
        const { headers } = await send({ path: addressOf(client, { state: 's', ...fields }).slice(app.url.length) });
        const { searchParams, origin } = new URL(String(headers['location']));
        assert.deepEqual(
          [origin, searchParams.get('error'), searchParams.get('state')],
          ['https://idp.example', error, 's'],
        );
        assert.equal((await told(subReason)).data.clientId, client.id);
      });
    }

    it('in the redirect URI is told with what was sent and what is registered', async () => {
      const sent = `${REDIRECT_URI}/?tenant=1&secret=hidden`;
      await send({ path: addressOf({ ...client, redirectUri: sent }).slice(app.url.length) });
      const { data } = await told('redirect_uri_unknown');
      assert.deepEqual([data.redirectUri, data.registered], [`${REDIRECT_URI}/`, [REDIRECT_URI]]);
      assert.doesNotMatch(JSON.stringify(data), /hidden/);
    });

    it('in the redirect URI is told as it was written, where a query, a port or a capital is all that differs', async () => {
      for (const [sent, shown] of [
        [`${REDIRECT_URI}?x=1`, `${REDIRECT_URI}?...`],
        [REDIRECT_URI.replace('idp.example', 'IDP.example'), undefined],
        [REDIRECT_URI.replace('idp.example', 'idp.example:443'), undefined],
      ] as const) {
        app.clock.advance(1000);
        const at = await app.api.makeDirectory();
        const own = await makeClient(app, { directoryId: at.id });
        await send({ path: addressOf({ ...own, redirectUri: sent }).slice(app.url.length) });
        assert.equal((await told('redirect_uri_unknown', at)).data.redirectUri, shown ?? sent);
      }
    });

    it('is none in a query that was put behind another one, or comes with a POST, or in a challenge with padding', async () => {
      const address = addressOf(client).slice(app.url.length);
      const [path = '', query = ''] = address.split('?');
      for (const request of [
        { path: `${path}?scope=scim?${query}` },
        { path: address.replaceAll('&', '&amp;') },
        { path: `/${address}` },
        { path: `${address}&code_challenge=${CHALLENGE}%3D&code_challenge_method=S256` },
        { path: `${address}&code_challenge=&code_challenge_method=S256` },
        { method: 'POST', path: address, headers: { 'Content-Type': FORM }, body: '' },
      ]) {
        const { headers, text } = await send(request);
        assert.match(String(headers['location']), /^\/connect\//, `${request.path} ${text}`);
      }
    });

    it('in a redirect URI of Okta is told whole, so that it can be registered', async () => {
      app.clock.advance(1000);
      const sent = 'https://system-admin.okta.com/admin/app/cpc/contoso_acmescim_1/oauth/callback';
      await send({ path: addressOf({ ...client, redirectUri: sent }).slice(app.url.length) });
      assert.equal((await told('redirect_uri_unknown')).data.redirectUri, sent);
    });

    it('is none where an OpenID client sends what is its own', async () => {
      for (const fields of [
        { scope: 'openid email profile', nonce: 'n' },
        { scope: 'offline', nonce: 'n' },
        { max_age: '3600' },
        { prompt: 'none' },
        { prompt: '', response_mode: '', scope: '' },
        { id_token_hint: 'x', acr_values: 'y', claims: '{}', display: 'popup', ui_locales: 'de' },
      ] as Record<string, string>[]) {
        const { headers, text } = await send({ path: addressOf(client, fields).slice(app.url.length) });
        assert.match(String(headers['location']), /^\/connect\//, `${JSON.stringify(fields)} ${text}`);
      }
    });
  });

  describe('with the code', () => {
    const withChallenge = { query: { code_challenge: CHALLENGE, code_challenge_method: 'S256' } };
    const cases: [subReason: string, error: string, request: Parameters<typeof obtainCode>[3], fields: object][] = [
      ['redirect_uri_missing', 'invalid_request', {}, { redirect_uri: '' }],
      ['redirect_uri_unknown', 'invalid_grant', {}, { redirect_uri: `${REDIRECT_URI}/` }],
      ['pkce_missing', 'invalid_grant', withChallenge, {}],
      ['pkce_wrong', 'invalid_grant', withChallenge, { code_verifier: `${VERIFIER}x` }],
      ['pkce_unexpected', 'invalid_grant', {}, { code_verifier: VERIFIER }],
    ];
    for (const [subReason, error, request, fields] of cases) {
      it(`is refused as ${subReason}, and the right request still gets its tokens`, async () => {
        const code = await obtainCode(app, client, directory, request);
        const refused = await exchange(app, client, code, fields as Record<string, string>);
        assert.deepEqual([refused.status, refused.body.error], [400, error]);
        await told(subReason);
        const right: Record<string, string> = request?.query ? { code_verifier: VERIFIER } : {};
        const { status, body } = await exchange(app, client, code, right);
        assert.equal(status, 200, JSON.stringify(body));
        const { items } = (await app.api.get(`/directories/${directory.id}/credentials`)).body;
        for (const { id, state } of items)
          if (state === 'active') await app.api.post(`/credentials/${id}/revoke`, { force: true });
      });
    }

    it('is none where neither request named the redirect URI, or only the second one did', async () => {
      for (const fields of [{ redirect_uri: '' }, {}] as Record<string, string>[]) {
        const made = await setUp();
        const address = `${app.url}/oauth/authorize?response_type=code&client_id=${made.client.id}`;
        const code = codeOf(await made.contact.allow(address));
        const { status, body } = await exchange(app, made.client, code, fields);
        assert.equal(status, 200, JSON.stringify(body));
      }
    });

    it('of a code that nobody made, or of another client, reads the same', async () => {
      const other = await makeClient(app);
      const code = await obtainCode(app, client, directory);
      const foreign = await exchange(app, other, code);
      const unknown = await exchange(app, client, 'x'.repeat(43));
      assert.deepEqual([foreign.status, foreign.body], [400, unknown.body]);
      await told('code_unknown');
    });
  });

  it('is none: blanks around what was pasted, empty parameters, an empty password, several resources', async () => {
    const { id, secret } = client;
    const grant = 'grant_type=client_credentials';
    const right: [body: string, headers?: Record<string, string>][] = [
      [`${grant}&client_id=${id}&client_secret=${secret}%0A`],
      [`${grant}&client_id=%20${id}&client_secret=${secret}`],
      [grant, { Authorization: basic({ id, secret: `${secret}\n` }) }],
      [`${grant}&client_id=${id}&client_secret=`, { Authorization: basic(client) }],
      [`${grant}&client_id=${id}&client_secret=${secret}`, { Authorization: '' }],
      [`${grant}&client_id=${id}&client_secret=${secret}`, { Authorization: basic({ id, secret: '' }) }],
      [`${grant}&client_id=${id}&client_secret=${secret}`, { Authorization: 'Bearer' }],
      [`${grant}&client_id=${id}&client_secret=${secret}`, { Authorization: 'Bearer null' }],
      [`${grant}&client_id=${id}&client_secret=${secret}`, { Authorization: 'Basic ' }],
      [`${grant}&client_id=${id}&client_secret=%E2%80%8B${secret}%E2%80%9D`],
      [`${grant}&client_id=${id}&client_secret=${secret.replace('_', '%255F')}`],
      [grant, { Authorization: basic(client).replace(/(.{30})/g, '$1 ') }],
      [`${grant}&resource=https%3A%2F%2Fa.example&resource=https%3A%2F%2Fb.example`, { Authorization: basic(client) }],
      [`${grant}&scope=openid+email+profile`, { Authorization: basic(client) }],
      [`${grant}&scope=scim&scope=other`, { Authorization: basic(client) }],
    ];
    for (const [body, headers] of right) {
      const { status, text, body: answer } = await post('/oauth/token', FORM, body, headers);
      assert.equal(status, 200, `${body} ${text}`);
      assert.equal(answer.scope, 'scim');
    }
    const { client: own, refreshToken } = await makeConnection(app);
    assert.equal((await refresh(app, own, ` ${refreshToken}\r\n`)).status, 200);
  });

  it('is none: a public client that is named by Basic with an empty password, or sends client_secret empty', async () => {
    const open = await makeClient(app, { tokenEndpointAuthMethod: 'none' });
    for (const [body, headers] of [
      [`&client_id=${open.id}&client_secret=`, {}],
      ['', { Authorization: basic({ id: open.id, secret: '' }) }],
    ] as [string, Record<string, string>][]) {
      const own = await app.api.makeDirectory();
      const code = await obtainCode(app, open, own, {
        query: { code_challenge: CHALLENGE, code_challenge_method: 'S256' },
      });
      const fields = { grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI, code_verifier: VERIFIER };
      const { status, text } = await post('/oauth/token', FORM, `${new URLSearchParams(fields)}${body}`, headers);
      assert.equal(status, 200, text);
    }
  });

  it('is none: a slash too many in the address of an endpoint', async () => {
    const authorize = addressOf(client).slice(app.url.length).replace('/oauth/authorize?', '/oauth/authorize/?');
    assert.equal((await send({ path: authorize })).status, 303);
    const grant = 'grant_type=client_credentials';
    const headers = { Authorization: basic(client) };
    assert.equal((await post('/oauth/token/', FORM, grant, headers)).status, 200);
    assert.equal((await post('/oauth/token//?x=1', FORM, grant, headers)).status, 200);
    assert.equal((await post('//oauth/token', FORM, grant, headers)).status, 200);
    assert.equal((await post('/oauth//token', FORM, grant, headers)).status, 200);
    assert.equal((await send({ path: '//.well-known/oauth-authorization-server' })).body.issuer, app.url);
    assert.equal((await post('/oauth/revoke/', FORM, 'token=scimrt_unknown', headers)).status, 200);
    const asked = await post('/oauth/introspect/', FORM, 'token=x', { Authorization: `Bearer ${app.ownerKey}` });
    assert.deepEqual(asked.body, { active: false });
    assert.equal((await send({ path: '/.well-known/oauth-authorization-server/' })).body.issuer, app.url);
    assert.equal((await send({ path: '/oauth/jwks/' })).status, 200);
  });

  it('in the scope of a refresh is one only where it is wider; offline_access is echoed where it was asked for', async () => {
    const own = await app.api.makeDirectory();
    const shared = await makeClient(app);
    const code = await obtainCode(app, shared, own, { query: { scope: 'scim.read offline_access' } });
    const { body: first } = await exchange(app, shared, code);
    assert.equal(first.scope, 'scim.read offline_access');
    const scopeOf = async (scope: string | undefined) => {
      const fields = { grant_type: 'refresh_token', refresh_token: first.refresh_token, ...(scope && { scope }) };
      const { body } = await ask(app, shared, fields);
      return body.scope ?? body.error;
    };
    assert.equal(await scopeOf(undefined), 'scim.read offline_access');
    assert.equal(await scopeOf('scim.read'), 'scim.read');
    assert.equal(await scopeOf('offline'), 'scim.read offline');
    assert.equal(await scopeOf('scim'), 'invalid_scope');
    await told('scope_too_wide', own);
  });
});

describe('refused requests at the OAuth endpoints', () => {
  const LIMIT = 5;
  const app = runApp({
    env: {
      LATCHKEY_FAILURES_PER_ADDRESS: String(2 * LIMIT),
      LATCHKEY_FAILURES_PER_DIRECTORY: String(LIMIT),
      LATCHKEY_TRUSTED_PROXIES: '127.0.0.1',
    },
  });

  const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });
  const GRANT = { grant_type: 'client_credentials' };

  it('are told to wait beyond the limit of a client, from wherever they come, and a right one never is', async () => {
    const directory = await app.api.makeDirectory();
    const client = await makeClient(app, { directoryId: directory.id, grantTypes: ['client_credentials'] });
    const wrong = { ...client, secret: 'wrong' };
    for (let turn = 1; turn <= LIMIT + 3; turn++) {
      const { status, headers, body } = await ask(app, wrong, GRANT, from(`203.0.113.${turn}`));
      assert.equal(status, turn <= LIMIT ? 401 : 429, `${turn}`);
      if (status !== 429) continue;
      assert.ok(Number(headers.get('retry-after')) > 0);
      assert.equal(typeof body.error_description, 'string');
      assert.equal((await ask(app, client, GRANT, from(`203.0.113.${turn}`))).status, 200);
    }
    app.clock.advance(MINUTE);
    assert.equal((await ask(app, wrong, GRANT, from('203.0.113.1'))).status, 401, 'a minute later');
  });

  it('are told to wait beyond the limit of an address, whatever they name, and others are not', async () => {
    const client = await makeClient(app);
    const unknown = (turn: number) => ({ id: `client_${String(turn).padStart(20, '0')}`, secret: 'x' });
    for (let turn = 1; turn <= 2 * LIMIT + 2; turn++) {
      const { status } = await ask(app, unknown(turn), GRANT, from('198.51.100.7'));
      assert.equal(status, turn <= 2 * LIMIT ? 401 : 429, `${turn}`);
    }
    assert.equal((await ask(app, unknown(99), GRANT, from('198.51.100.8'))).status, 401);
    assert.equal((await ask(app, client, { grant_type: 'nonsense' }, from('198.51.100.7'))).status, 429);
  });

  it('are limited at the introspection endpoint alike: by address, and by the API key that is named', async () => {
    const introspect = async (authorization: string, address: string): Promise<number> => {
      const headers = { authorization, 'x-forwarded-for': address };
      const body = new URLSearchParams({ token: 'x' });
      return (await fetch(`${app.url}/oauth/introspect`, { method: 'POST', headers, body })).status;
    };
    const { apiKey, key } = (await app.api.post('/api-keys', { name: 'scim', role: 'introspect' })).body;
    const basic = (value: string) => `Basic ${Buffer.from(`${apiKey.id}:${value}`).toString('base64')}`;
    for (let turn = 1; turn <= LIMIT + 1; turn++) {
      const status = await introspect(basic('lk_wrong0000000000000000000000000'), `192.0.2.${turn}`);
      assert.equal(status, turn <= LIMIT ? 401 : 429, `${turn}`);
    }
    assert.equal(await introspect(basic(key), '192.0.2.1'), 200, 'a right one never is');
    for (let turn = 1; turn <= 2 * LIMIT + 1; turn++) {
      const status = await introspect(`Bearer lk_wrong${String(turn).padStart(25, '0')}`, '198.51.100.44');
      assert.equal(status, turn <= 2 * LIMIT ? 401 : 429, `${turn}`);
    }
    assert.equal(await introspect(`Bearer ${key}`, '198.51.100.44'), 200);
  });
});
