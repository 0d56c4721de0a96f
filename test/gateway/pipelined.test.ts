/** Requests that a client sends before it has the answer to an earlier one on the same connection (RFC 9112 9.3.2). */
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, describe, it } from 'node:test';
import { runApp } from '../support/app.ts';
import { createBehind } from '../support/gateway.ts';
import { openRaw } from '../support/raw-connection.ts';

const EXCHANGES_PER_DIRECTORY = 100;

describe('a request that comes before the answer to the one in front of it', { timeout: 60_000 }, () => {
  const app = runApp();
  const behind = createBehind(() => app);
  after(() => behind.close());

  /** A SCIM server whose answers the test gives: `next` resolves to that of the next request. */
  async function setUp() {
    const arrived: ServerResponse[] = [];
    let tell = () => {};
    const its = await behind.http((_request, response) => {
      arrived.push(response);
      tell();
    });
    async function next(): Promise<ServerResponse> {
      for (;;) {
        const response = arrived.shift();
        if (response) return response;
        await new Promise<void>((resolve) => {
          tell = resolve;
        });
      }
    }
    const { base, token } = its;
    const head = (path: string, method = 'GET', more = '') =>
      `${method} ${base}${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n${more}\r\n`;
    return { ...its, next, head };
  }

  const statuses = (text: string) => [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));

  it('goes to the SCIM server once that answer is out, so that writes keep their order', async () => {
    const { asked, head, next } = await setUp();
    const { socket, all } = openRaw(app.url);
    socket.write(head('/Users/1', 'DELETE') + head('/Users/2', 'GET', 'Connection: close\r\n'));
    const first = await next();
    await app.api.get('/organizations');
    assert.equal(asked.length, 1);
    first.writeHead(204).end();
    (await next()).writeHead(404).end();
    assert.deepEqual(statuses(await all), [204, 404]);
    assert.deepEqual(
      asked.map(({ method }) => method),
      ['DELETE', 'GET'],
    );
  });

  it('is forgotten with the connection, and takes no place of the directory', async () => {
    const { head, next, ask } = await setUp();
    for (let turn = 0; turn < 2; turn++) {
      const { socket, all } = openRaw(app.url);
      socket.write(head('/Users/1').repeat(EXCHANGES_PER_DIRECTORY));
      const response = await next();
      const gone = new Promise((resolve) => response.once('close', resolve));
      socket.destroy();
      await Promise.all([all, gone]);
    }
    const answer = ask('/Users/1');
    (await next()).writeHead(204).end();
    assert.equal((await answer).status, 204);
  });

  it('ends the connection where too many wait', async () => {
    const { head, next } = await setUp();
    const { socket, all } = openRaw(app.url);
    const waiting = head('/Users/1').repeat(2 * EXCHANGES_PER_DIRECTORY);
    socket.write(head('/Users/1'));
    const response = await next();
    socket.write(waiting);
    assert.equal(await all, '');
    response.destroy();
  });

  it('puts nothing into that answer where it is no HTTP, and is refused behind it', async () => {
    const { head, next } = await setUp();
    const { socket, all, until } = openRaw(app.url);
    socket.write(head('/Users/1'));
    const first = await next();
    first.writeHead(200, { 'Content-Type': 'text/csv', 'Content-Length': 4 }).write('ab');
    await until('ab');
    socket.write(`${head('/Users/2')}no HTTP\r\n\r\n`);
    await app.api.get('/organizations');
    first.end('cd');
    const text = await all;
    assert.match(text, /\r\n\r\nabcdHTTP\/1\.1 400 Bad Request\r\n/);
    assert.deepEqual(statuses(text), [200, 400]);
  });

  it('does not take the place of that answer where it is no HTTP: what was carried out is told', async () => {
    const { head, next } = await setUp();
    const { socket, all } = openRaw(app.url);
    socket.write(`${head('/Users', 'POST', 'Content-Length: 2\r\n')}{}}`);
    (await next()).writeHead(201).end();
    assert.deepEqual(statuses(await all), [201, 400]);
  });
});
