/** Which side of the gateway takes the time, and who is told to be slow. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { systemClock } from '../../src/clock.ts';
import type { Answer } from '../support/api.ts';
import { runApp, type TestApp } from '../support/app.ts';
import { type Behind, createBehind, json } from '../support/gateway.ts';
import { openRaw } from '../support/raw-connection.ts';

const HEADERS_MS = 600;
const WHOLE_MS = 2400;

const head = ({ base, token }: Behind, method: string, more = '') =>
  `${method} ${base}/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n${more}\r\n`;

/** The failures that are told of a directory, by reason. */
async function told(app: TestApp, { directory }: Behind): Promise<string[]> {
  await app.app.rounds.find(({ name }) => name === 'denials')?.run();
  const { items } = (await app.api.get(`/events?directoryId=${directory.id}&type=upstream.failed`)).body;
  return items.map(({ data }: Answer) => data.reason);
}

describe('the time limits of the gateway', { timeout: 60_000 }, () => {
  const app = runApp({
    realClock: systemClock,
    env: {
      LATCHKEY_UPSTREAM_HEADERS_TIMEOUT_MS: String(HEADERS_MS),
      LATCHKEY_UPSTREAM_TIMEOUT_MS: String(WHOLE_MS),
    },
  });
  const behind = createBehind(() => app);
  after(() => behind.close());

  it('for the headers begins when the IdP has sent all of its request', async () => {
    const its = await behind.http((request, response) => request.on('end', () => json({})(request, response)).resume());
    const { socket, all } = openRaw(app.url);
    socket.write(`${head(its, 'POST', 'Transfer-Encoding: chunked\r\nConnection: close\r\n')}1\r\n{\r\n`);
    await wait(2.5 * HEADERS_MS);
    socket.write('1\r\n}\r\n0\r\n\r\n');
    assert.match(await all, /^HTTP\/1\.1 200 /);
    assert.deepEqual(await told(app, its), []);
  });

  it('for all of it refuse an IdP that sends too slowly, and tell nothing of the SCIM server', async () => {
    const its = await behind.http((request) => request.resume());
    const { socket, all, until } = openRaw(app.url);
    socket.write(`${head(its, 'POST', 'Transfer-Encoding: chunked\r\n')}1\r\n{\r\n`);
    await until('\r\n\r\n');
    socket.end();
    assert.match(await all, /^HTTP\/1\.1 408 .*took too long to arrive/s);
    assert.deepEqual(await told(app, its), []);
  });

  it('for all of it cut an answer that the IdP does not read, and tell nothing of the SCIM server', async () => {
    const its = await behind.http((_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/csv' });
      const more = () => {
        while (response.write(Buffer.alloc(100_000)));
        response.once('drain', more);
      };
      more();
    });
    const { socket } = openRaw(app.url);
    socket.pause();
    socket.write(head(its, 'GET'));
    while (its.asked.length === 0) await wait(10);
    await new Promise((resolve) => its.asked[0]?.socket.once('close', resolve));
    assert.deepEqual(await told(app, its), []);
    socket.destroy();
  });

  it('for all of it cut an answer that the SCIM server does not end, which is told as slow', async () => {
    const its = await behind.http((_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/csv' }).write('a,b');
    });
    const { socket, all } = openRaw(app.url);
    socket.write(head(its, 'GET'));
    await all;
    assert.deepEqual(await told(app, its), ['upstream_slow']);
  });

  it('do not count for an answer that comes before the end of the request, and the connection goes on', async () => {
    const its = await behind.http((request, response) => {
      if (request.method === 'GET') return json({ totalResults: 0 })(request, response);
      response.writeHead(413, { 'Content-Type': 'application/scim+json', Connection: 'close' });
      response.end('{"detail":"too long"}');
    });
    const { socket, all, until } = openRaw(app.url);
    socket.write(`${head(its, 'POST', 'Content-Length: 3000000\r\n')} `);
    await until('too long');
    socket.write(Buffer.alloc(2_999_999, ' '));
    socket.write(head(its, 'GET', 'Connection: close\r\n'));
    assert.match(await all, /^HTTP\/1\.1 413 .*HTTP\/1\.1 200 .*totalResults/s);
    assert.deepEqual(await told(app, its), []);
  });
});

describe('an IdP that goes away while it waits for the SCIM server', () => {
  const app = runApp();
  const behind = createBehind(() => app);
  after(() => behind.close());

  it('makes the SCIM server one that is slow, unless it has waited for a moment only', async () => {
    for (const [seconds, start, expected] of [
      [1, '', []],
      [31, '', ['upstream_slow']],
      [1, 'a,b', []],
      [31, 'a,b', ['upstream_slow']],
    ] as const) {
      let arrive = () => {};
      const arrived = new Promise<void>((resolve) => {
        arrive = resolve;
      });
      const its = await behind.http((_request, response) => {
        if (start !== '') response.writeHead(200, { 'Content-Type': 'text/csv' }).write(start);
        arrive();
      });
      const { socket, until } = openRaw(app.url);
      socket.write(head(its, 'GET'));
      await arrived;
      if (start !== '') await until(start);
      const gone = new Promise((resolve) => its.asked[0]?.socket.once('close', resolve));
      app.clock.advance(seconds * 1000);
      socket.destroy();
      await gone;
      assert.deepEqual(await told(app, its), expected);
    }
  });
});
