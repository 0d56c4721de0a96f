import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import type { Answer } from '../support/api.ts';
import { runApp } from '../support/app.ts';

const LIMITS = { headMs: 400, stallMs: 400, connectionsWithoutHead: 5, sweepMs: 50 };

describe('what reaches the server and is no request', () => {
  const app = runApp({ realClock: systemClock, limits: LIMITS });
  let directory: Answer;
  let token: string;
  let base: string;
  const sockets: Socket[] = [];

  before(async () => {
    directory = await app.api.makeDirectory({ upstreamUrl: 'http://127.0.0.1:9/scim' });
    token = (await app.api.issue(directory.id)).token;
    base = new URL(directory.endpointUrl).pathname;
  });
  after(async () => {
    for (const socket of sockets) socket.destroy();
  });

  function open(): Socket {
    const { hostname, port } = new URL(app.url);
    const socket = connect(Number(port), hostname);
    sockets.push(socket);
    socket.on('error', () => undefined);
    return socket;
  }

  /** Everything that comes until the server ends the connection. */
  function received(socket: Socket): Promise<{ status: number; head: string; body: Answer }> {
    return new Promise((resolve) => {
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk.toString();
      });
      socket.on('close', () => {
        const [head = '', body = ''] = text.split('\r\n\r\n');
        resolve({ status: Number(head.slice(9, 12)), head, body: body === '' ? undefined : JSON.parse(body) });
      });
    });
  }

  async function told(): Promise<string[]> {
    await app.app.rounds.find(({ name }) => name === 'denials')?.run();
    const { items } = (await app.api.get(`/events?directoryId=${directory.id}&type=request.unreadable`)).body;
    return items.map(({ data }: Answer) => data.reason);
  }

  it('is refused with a SCIM error that names a blank or raw UTF-8 in the filter, and told at its directory', async () => {
    for (const query of ['filter=externalId eq testing1', 'filter=userName+eq+"jürgen"']) {
      const socket = open();
      socket.write(`GET ${base}/Users?${query} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`);
      const { status, head, body } = await received(socket);
      assert.deepEqual([status, body.status], [400, '400']);
      assert.match(body.detail, /Percent-encode/);
      assert.match(head, /Content-Type: application\/scim\+json/);
      assert.equal(head.includes(token) || JSON.stringify(body).includes('jürgen'), false);
    }
    assert.deepEqual(await told(), ['not_encoded']);
  });

  it('gets a body and is counted when it is no HTTP, and when its head is too large', async () => {
    for (const [bytes, expected, code] of [
      ['GARBAGE\r\n\r\n', 400, 'not_http'],
      [`GET /api/v1/events HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(40_000)}\r\n\r\n`, 431, 'head_too_large'],
    ] as const) {
      const socket = open();
      socket.write(bytes);
      const { status, head, body } = await received(socket);
      assert.deepEqual([status, body.code, body.status], [expected, code, expected]);
      assert.ok(head.includes(`X-Request-Id: ${body.requestId}`));
      assert.match(
        await (await fetch(`${app.url}/metrics`)).text(),
        new RegExp(`unreadable_requests_total\\{reason="${code}"\\} 1`),
      );
    }
  });

  it('is refused with a body where node alone would send none, and an expectation that is not known is passed over', async () => {
    const socket = open();
    socket.write(`GET ${base}/Users HTTP/1.1\r\nAuthorization: Bearer ${token}\r\n\r\n`);
    const { status, body } = await received(socket);
    assert.deepEqual([status, body.status], [400, '400']);
    const tunnel = open();
    tunnel.write('CONNECT other.example:443 HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.equal((await received(tunnel)).status, 400);
    const expecting = open();
    expecting.write(`GET ${base}/Users HTTP/1.1\r\nHost: x\r\nExpect: 202-accepted\r\nConnection: close\r\n\r\n`);
    assert.equal((await received(expecting)).status, 401);
    const older = open();
    older.write(`GET ${base}/Users HTTP/1.0\r\n\r\n`);
    assert.equal((await received(older)).status, 401, 'HTTP/1.0 has no Host');
  });

  it('is answered 408 when its head does not come, and when its body stands still', async () => {
    const head = open();
    head.write('GET / HTTP/1.1\r\nHost: x\r\n');
    const silent = open();
    for (const one of [head, silent]) assert.equal((await received(one)).status, 408);
    for (const path of [`${base}/Users`, '/oauth/token', '/api/v1/organizations']) {
      const body = open();
      body.write(
        `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${path.startsWith('/api') ? app.ownerKey : token}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"na`,
      );
      assert.equal((await received(body)).status, 408, path);
    }
    assert.ok((await told()).includes('timed_out'));
  });

  it('may not hold more than some connections of one address, and a request that was sent gives its place back', async () => {
    const held = Array.from({ length: LIMITS.connectionsWithoutHead }, open);
    await Promise.all(held.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
    const first = held[0] as Socket;
    const over = open();
    assert.equal((await received(over)).status, 0);
    first.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    await new Promise((resolve) => first.once('data', resolve));
    const next = open();
    next.write('GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    const answered = await new Promise<string>((resolve) => next.once('data', (chunk) => resolve(chunk.toString())));
    assert.match(answered, /^HTTP\/1\.1 200/);
  });

  it('is not a connection that was idle for longer than a head may take', async () => {
    const socket = open();
    const ask = () =>
      new Promise<string>((resolve) => {
        socket.once('data', (chunk) => resolve(chunk.toString().slice(0, 12)));
        socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
      });
    assert.equal(await ask(), 'HTTP/1.1 200');
    await new Promise((resolve) => setTimeout(resolve, 2 * LIMITS.headMs));
    assert.equal(await ask(), 'HTTP/1.1 200');
  });
});
