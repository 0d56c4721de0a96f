import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { mintToken } from '../../src/credentials/static-token.ts';
import { systemRandom } from '../../src/identifiers.ts';
import { findTokenElsewhere } from '../../src/verification/token-elsewhere.ts';
import type { Answer } from '../support/api.ts';
import { runApp } from '../support/app.ts';
import { flush } from '../support/diagnosed.ts';
import { type Behind, createBehind, json, send } from '../support/gateway.ts';
import { sendRaw } from '../support/raw-request.ts';

const token = mintToken('scim_', systemRandom);
const imported = 'q8zt4hmwpx7gtbvk2wtou5bq';

describe('a token outside the Authorization header', () => {
  const placeOf = (headers: [string, string][], query = '') => {
    const { subReason, foundIn, value } = findTokenElsewhere(headers.flat(), query) ?? {};
    return [subReason, foundIn, value];
  };

  it('is found in the query, under any name where it has our shape, or under the name of a credential', () => {
    assert.deepEqual(placeOf([], `?access_token=${imported}`), ['token_in_query', 'query access_token', imported]);
    assert.deepEqual(placeOf([], `?count=1&auth=Bearer%20${token}`), ['token_in_query', 'query auth', token]);
    assert.deepEqual(placeOf([], `api_key=${imported}`), ['token_in_query', 'query api_key', imported]);
  });

  it('is found in headers that gateways, proxies and custom headers use', () => {
    for (const name of [
      'X-Api-Key',
      'Api-Key',
      'apikey',
      'X-Auth-Token',
      'X-Access-Token',
      'X-SCIM-Token',
      'Token',
      'X-Amzn-Remapped-Authorization',
      'X-Forwarded-Authorization',
    ])
      assert.deepEqual(
        placeOf([
          ['Accept', '*/*'],
          [name, `Bearer ${imported}`],
        ]),
        ['token_in_other_header', `header ${name}`, imported],
      );
    assert.deepEqual(placeOf([['X-Northwind', token]]), ['token_in_other_header', 'header X-Northwind', token]);
  });

  it('is found in a cookie', () => {
    assert.deepEqual(placeOf([['Cookie', `a=b; token=${token}`]]), ['token_in_cookie', 'cookie token', token]);
  });

  it('is named by its place alone where the name could be a sentence, which anybody can send', () => {
    for (const name of ['Call 0800 123 to fix this', 'https://evil.example/fix', '<b>', '', 'ü', 'x'.repeat(61)])
      assert.deepEqual(
        placeOf([], `${encodeURIComponent(name)}=${token}`),
        ['token_in_query', 'query', token],
        `“${name}”`,
      );
    assert.equal(placeOf([['Cookie', `see evil=${token}`]])[1], 'cookie');
    assert.equal(placeOf([], `filter[auth.token]=${token}`)[1], 'query filter[auth.token]');
  });

  it('is not seen in what is none', () => {
    const filter = '?filter=userName%20eq%20%22ada%40northwind.example%22&key=1&startIndex=1';
    for (const [headers, query] of [
      [[['X-Api-Key', 'short']], ''],
      [[['X-CSRF-Token-Name', imported]], ''],
      [[['X-Request-Id', imported]], ''],
      [[['Cookie', `session=${imported}`]], ''],
      [[['X-Northwind', `${token}x`]], ''],
      [[], filter],
    ] as [[string, string][], string][])
      assert.deepEqual(placeOf(headers, query), [undefined, undefined, undefined], JSON.stringify([headers, query]));
  });
});

describe('a request with its token in the wrong place', () => {
  const app = runApp({ env: { LATCHKEY_FAILURES_PER_ADDRESS: '100000', LATCHKEY_FAILURES_PER_DIRECTORY: '100000' } });
  const behind = createBehind(() => app);
  let its: Behind;

  before(async () => {
    its = await behind.http(json({ totalResults: 0 }));
  });
  after(() => behind.close());

  async function told({ id }: Answer): Promise<Answer[]> {
    await flush(app);
    return (await app.api.get(`/events?directoryId=${id}&type=request.denied`)).body.items;
  }

  it('is refused at the gateway, and the refusal says where it was and where it belongs', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    for (const [subReason, foundIn, says, query, options] of [
      ['token_in_query', 'query access_token', 'not in the URL', `?access_token=${its.token}`, {}],
      ['token_in_other_header', 'header x-api-key', 'another header', '', { headers: { 'x-api-key': its.token } }],
      ['token_in_cookie', 'cookie token', 'not in a cookie', '', { headers: { cookie: `token=${its.token}` } }],
      [
        'token_in_body',
        'body access_token',
        'not in the body',
        '',
        { method: 'POST', headers: form, body: `access_token=${its.token}` },
      ],
    ] as const) {
      const { status, headers, body } = await send(app.url, `${its.base}/Users${query}`, options);
      assert.equal(status, 401, subReason);
      const { detail } = JSON.parse(body.toString()) as Answer;
      assert.match(detail, /^Send the token in the Authorization header, /);
      assert.match(detail, new RegExp(says));
      assert.match(detail, /\/why\/[0-9A-Z]{8}/, 'it leads to the explanation');
      assert.match(String(headers['www-authenticate']), /^Bearer realm="scim", resource_metadata="[^"]+"$/);
      const event = (await told(its.directory)).find(({ data }) => data.subReason === subReason);
      assert.deepEqual([event?.data.reason, event?.data.foundIn], ['missing', foundIn]);
      assert.ok(!JSON.stringify([event, headers, detail]).includes(its.token), 'the value is nowhere');
    }
    assert.equal(its.asked.length, 0, 'nothing of it reaches the SCIM server');
  });

  it('is explained without the name where that could be a sentence', async () => {
    const own = await behind.http(json({ totalResults: 0 }));
    await send(app.url, `${own.base}/Users?${encodeURIComponent('Call 0800 123 for help')}=${own.token}`);
    await told(own.directory);
    const { body } = await app.api.get(`/directories/${own.directory.id}/diagnosis`);
    const { words } = body.findings.find(({ code }: Answer) => code === 'token_in_query');
    assert.match(words.rest, /^It's sending the token in the URL\. URLs end up in logs/);
    assert.doesNotMatch(JSON.stringify(body), /0800/);
  });

  it('is refused without a look at a form that is announced and never comes, or is too long', async () => {
    const { port } = new URL(app.url);
    const head = `POST ${its.base}/Users HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n`;
    for (const length of [40, 100_000]) {
      const answer = await new Promise<string>((resolve, reject) => {
        const socket = connect(Number(port), '127.0.0.1', () =>
          socket.write(`${head}Content-Length: ${length}\r\n\r\n`),
        );
        socket.once('data', (chunk) => {
          socket.destroy();
          resolve(chunk.toString());
        });
        socket.on('error', reject);
      });
      assert.match(answer, /^HTTP\/1\.1 401 /);
      assert.match(answer, /A credential is needed/);
    }
  });

  it('is refused at forward-auth by the URI and the headers that the proxy hands on', async () => {
    const directory = await app.api.makeDirectory();
    const { token: own } = await app.api.issue(directory.id);
    const uri = `/scim/v2/${directory.endpointKey}/Users`;
    for (const [path, headers, foundIn] of [
      ['/auth/verify', { 'X-Original-URI': `${uri}?access_token=${own}` }, 'query access_token'],
      [`/auth/verify${uri}?token=${own}`, {}, 'query token'],
      ['/auth/verify', { 'X-Forwarded-Uri': uri, 'X-Auth-Token': own }, 'header X-Auth-Token'],
      [`/auth/verify?directory=${directory.id}`, { 'X-Scim-Token': own }, 'header X-Scim-Token'],
    ] as [string, Record<string, string>, string][]) {
      const { status } = await sendRaw(app.url, { path, headers });
      assert.equal(status, 401, path);
      const [event] = await told(directory);
      assert.equal(event?.data.foundIn, foundIn);
      app.clock.advance(1000);
    }
    assert.doesNotMatch(JSON.stringify(await told(directory)), new RegExp(own));
  });

  it('is told at the directory of its token where the URL is wrong as well', async () => {
    const directory = await app.api.makeDirectory();
    const { token: own } = await app.api.issue(directory.id);
    for (const [path, headers, foundIn] of [
      [`/Users?access_token=${own}`, {}, 'query access_token'],
      ['/scim/Users', { 'X-Api-Key': own }, 'header X-Api-Key'],
    ] as [string, Record<string, string>, string][]) {
      const { status } = await sendRaw(app.url, { path, headers });
      assert.equal(status, 404);
      const [event] = await told(directory);
      assert.deepEqual([event?.data.subReason, event?.data.foundIn], ['wrong_path', foundIn]);
      app.clock.advance(1000);
    }
    const { body } = await app.api.get(`/directories/${directory.id}/diagnosis`);
    const [{ words }] = body.findings;
    assert.match(words.rest, /Its token is in the wrong place too: in the header X-Api-Key instead of/);
    assert.doesNotMatch(JSON.stringify([await told(directory), words]), new RegExp(own));
  });

  it('is told by name without anything in that name that may be a secret', async () => {
    const directory = await app.api.makeDirectory();
    const { token: own } = await app.api.issue(directory.id);
    await send(app.url, `/scim/v2/${directory.endpointKey}/Users?${own}=${own}`);
    const [event] = await told(directory);
    assert.equal(event?.data.subReason, 'token_in_query');
    assert.doesNotMatch(JSON.stringify(event), new RegExp(own));
  });
});

describe('a CORS preflight', () => {
  const app = runApp({ env: { LATCHKEY_FAILURES_PER_ADDRESS: '5' } });

  it('is refused at forward-auth and the gateway, and neither told nor counted', async () => {
    const directory = await app.api.makeDirectory();
    const { token: own } = await app.api.issue(directory.id);
    const uri = `/scim/v2/${directory.endpointKey}/Users`;
    const asked = { Origin: 'https://app.example.com', 'Access-Control-Request-Method': 'GET' };
    for (let turn = 0; turn < 10; turn++) {
      for (const [method, path, headers] of [
        ['GET', '/auth/verify', { 'X-Original-URI': uri, 'X-Original-Method': 'OPTIONS' }],
        ['OPTIONS', `/auth/verify${uri}`, {}],
        ['OPTIONS', uri, asked],
      ] as [string, string, Record<string, string>][]) {
        const { status } = await sendRaw(app.url, { method, path, headers });
        assert.equal(status, 401, `${method} ${path}`);
      }
    }
    const authorization = `Bearer ${own}x`;
    const { status } = await sendRaw(app.url, {
      path: '/auth/verify',
      headers: { 'X-Original-URI': uri, authorization },
    });
    assert.equal(status, 401, 'not 429: they have not used up what the address may fail');
    await flush(app);
    const { items } = (await app.api.get(`/events?directoryId=${directory.id}&type=request.denied`)).body;
    assert.deepEqual(
      items.map(({ data }: Answer) => data.reason),
      ['malformed'],
    );
  });

  it('is decided like any request where it carries a token', async () => {
    const directory = await app.api.makeDirectory();
    const { token: own } = await app.api.issue(directory.id);
    const headers = {
      Authorization: `Bearer ${own}`,
      'X-Original-URI': `/scim/v2/${directory.endpointKey}/Users`,
      'X-Original-Method': 'OPTIONS',
    };
    assert.equal((await sendRaw(app.url, { path: '/auth/verify', headers })).status, 200);
  });
});
