/**
 * 10,000 mutated Authorization headers and paths, byte for byte over sockets, to the gateway, forward-auth and introspection. Whatever comes,
 * the answer is a refusal of the caller: never a failure of ours, never an acceptance. The seed is printed; LATCHKEY_TEST_SEED repeats a run.
 */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { type Api, createApi } from '../support/api.ts';
import { engines, type Place } from '../support/engines.ts';
import { type LatchkeyProcess, PROCESS_OWNER_KEY, startLatchkey } from '../support/process.ts';
import { createDice, createRawClient, type Dice } from '../support/raw-http.ts';

const REQUESTS = 10_000;
const CLIENTS = 8;
/** 405 is what introspection answers to anything but POST, 421 what a host that is not ours gets. */
const REFUSALS = new Set([400, 401, 403, 404, 405, 413, 421, 429, 431]);
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];
/** No line ends: those would make two requests of one. */
const ODD_BYTES = [
  '\0',
  '\t',
  '\x01',
  '\x7f',
  '\x80',
  '\xff',
  ' ',
  '"',
  "'",
  '\\',
  ',',
  ';',
  '=',
  '%',
  '/',
  '.',
  '<',
  'é',
];
const HOSTS = ['', 'latchkey.test', 'a:b', '[', '[::1]:80', 'x@y'];
const ODD_PIECES = [
  '../',
  '%2e%2e/',
  '..;/',
  '%252e',
  '%00',
  '//',
  '\\..\\',
  '%',
  '%zz',
  '?',
  '#',
  '&',
  '[',
  ':',
  '@',
  '*',
  '{}',
  '$ne',
  'dir_',
  'constructor',
  '__proto__',
];

const seed = Number(process.env['LATCHKEY_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 32));

/** Changes a text in one to four places. */
function mutate(text: string, dice: Dice, pieces: readonly string[]): string {
  let mutated = text;
  for (let times = 1 + dice.below(4); times > 0; times--) {
    const at = dice.below(mutated.length + 1);
    const length = 1 + dice.below(6);
    const act = dice.below(6);
    if (act === 0) mutated = mutated.slice(0, at) + mutated.slice(at + length);
    else if (act === 1) mutated = mutated.slice(0, at) + dice.pick(pieces) + mutated.slice(at);
    else if (act === 2) mutated = mutated.slice(0, at) + dice.pick(pieces) + mutated.slice(at + 1);
    else if (act === 3) mutated = mutated.slice(0, at);
    else if (act === 4) mutated = mutated + mutated.slice(at, at + length * 10);
    else
      mutated = mutated.slice(0, at) + dice.pick(pieces).repeat(dice.chance(0.02) ? 6000 : length) + mutated.slice(at);
  }
  return mutated;
}

/** An `Authorization` value that is no credential of the directory; undefined: none at all. */
function mutateAuthorization(token: string, dice: Dice): string | undefined {
  const intact = [
    `Basic ${token}`,
    `Bearer ${token},${token}`,
    `Bearer ${token} Bearer ${token}`,
    `Bearer ${token.slice(0, 20)}"${token.slice(20)}"`,
    token + token,
    `Token ${token}`,
    `Bearer ${token.toLowerCase()}`,
    `Bearer ${token}=`,
    `DPoP ${token}`,
  ];
  const act = dice.below(10);
  if (act === 0) return undefined;
  if (act === 1) return dice.pick(intact);
  const form = dice.pick(['Bearer ', 'bearer ', 'BEARER\t', 'Bearer Bearer ', '', 'Basic ']);
  const header = mutate(form + token, dice, ODD_BYTES);
  // A mutation of the scheme alone may leave an accepted form.
  return header.includes(token) ? header.replaceAll(token, token.slice(1)) : header;
}

for (const engine of engines) {
  describe(`mutated requests, on ${engine.name}`, () => {
    let place: Place;
    let upstream: Server;
    let latchkey: LatchkeyProcess;
    let api: Api;

    before(async () => {
      place = engine.place();
      upstream = createServer((_request, response) => response.writeHead(404).end());
      await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
      latchkey = await startLatchkey({
        databaseUrl: place.url,
        env: {
          LATCHKEY_FAILURES_PER_ADDRESS: '2000',
          LATCHKEY_HOSTS: 'latchkey.test',
          LATCHKEY_LOG_LEVEL: 'error',
        },
      });
      api = createApi(latchkey.url, PROCESS_OWNER_KEY);
    });
    after(async () => {
      await latchkey.end();
      await place.remove();
      upstream.closeAllConnections();
      upstream.close();
    });

    it(`refuses ${REQUESTS} of them and accepts a valid one afterwards`, { timeout: 120_000 }, async (context) => {
      context.diagnostic(`seed ${seed}`);
      const { port: behind } = upstream.address() as AddressInfo;
      const directory = await api.makeDirectory({ upstreamUrl: `http://127.0.0.1:${behind}` });
      const other = await api.makeDirectory();
      const { token } = await api.issue(directory.id);
      const { token: foreign } = await api.issue(other.id);
      const key = directory.endpointKey as string;
      const { body: introspector } = await api.post('/api-keys', { name: 'asks', role: 'introspect' });
      const dice = createDice(seed);

      const make = (): { method: string; bytes: Buffer } => {
        const surface = dice.pick(['gateway', 'gateway', 'forward-auth', 'introspection']);
        const path = dice.chance(0.5)
          ? `/scim/v2/${key}/Users/1?count=2`
          : mutate(`/scim/v2/${key}/Users/1`, dice, ODD_PIECES);
        const isTwo = dice.chance(0.03);
        const authorization = dice.chance(0.1) ? `Bearer ${foreign}` : mutateAuthorization(token, dice);
        let lines: string[] = authorization === undefined ? [] : [`Authorization: ${authorization}`];
        if (isTwo) lines = [`Authorization: Bearer ${token}`, `authorization: Bearer ${token}`];
        let method = dice.pick(METHODS);
        let target = path;
        let body = '';
        if (surface === 'forward-auth') {
          target = `/auth/verify${dice.chance(0.5) ? `?directory=${dice.chance(0.5) ? key : encodeURI(mutate(key, dice, ODD_PIECES))}` : ''}`;
          if (dice.chance(0.7)) lines.push(`${dice.pick(['X-Original-URI', 'X-Forwarded-Uri'])}: ${path}`);
          if (dice.chance(0.5))
            lines.push(`X-Original-Method: ${dice.chance(0.7) ? method : mutate('PATCH', dice, ODD_BYTES)}`);
        } else if (surface === 'introspection') {
          if (dice.chance(0.9)) method = 'POST';
          target = dice.chance(0.9) ? '/oauth/introspect' : mutate('/oauth/introspect', dice, ODD_PIECES);
          // Here the mutated value is the API key, since an unknown token is a 200 with active false by RFC 7662.
          lines = [`Authorization: ${mutateAuthorization(introspector.key, dice) ?? ''}`];
          body = `token=${dice.chance(0.02) ? 'x'.repeat(20_000) : token}`;
          lines.push(`Content-Type: ${dice.pick(['application/x-www-form-urlencoded', 'application/json', 'x'])}`);
        }
        // The root leads to the documentation, which is no refusal.
        if (!/^\/[\w%.]/.test(target)) target = `/scim/v2/${target}`;
        // The absolute form, whole and broken.
        if (dice.chance(0.05))
          target = `http://${mutate(dice.pick(HOSTS), dice, ['[', ':', '@', '%', '%zz', '*', '{}'])}${target}`;
        const head = [
          `${method} ${target} HTTP/1.1`,
          'Host: latchkey.test',
          ...lines,
          `Content-Length: ${body.length}`,
        ];
        return { method, bytes: Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`, 'latin1') };
      };

      const counts = new Map<number, number>();
      const wrong: string[] = [];
      let left = REQUESTS;
      const clients = Array.from({ length: CLIENTS }, () => createRawClient(Number(new URL(latchkey.url).port)));
      await Promise.all(
        clients.map(async (client) => {
          while (left-- > 0) {
            const { method, bytes } = make();
            const { status, head } = await client.send(bytes, method);
            counts.set(status, (counts.get(status) ?? 0) + 1);
            if (!REFUSALS.has(status))
              wrong.push(
                `${JSON.stringify(bytes.toString('latin1').slice(0, 400))} -> ${status} ${head.slice(0, 200)}`,
              );
          }
          client.close();
        }),
      );
      context.diagnostic(JSON.stringify(Object.fromEntries(counts)));
      assert.deepEqual(wrong.slice(0, 5), [], `${wrong.length} wrong answers with seed ${seed}`);
      for (const status of [400, 401, 404, 429, 431])
        assert.ok((counts.get(status) ?? 0) > 0, `no ${status} with seed ${seed}`);

      assert.equal(latchkey.child.exitCode, null);
      const headers = { authorization: `Bearer ${token}` };
      assert.equal((await fetch(`${latchkey.url}/auth/verify?directory=${key}`, { headers })).status, 200);
      assert.equal((await fetch(`${latchkey.url}/healthz`)).status, 200);
      assert.equal((await api.get('/organizations?limit=1')).status, 200);
      assert.doesNotMatch(latchkey.output(), /"level":"error"/);
    });
  });
}
