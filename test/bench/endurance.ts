/** What lasts: many connections that do nothing, and many requests for a long time. */
import { connect, type Socket } from 'node:net';
import { type LoadRequest, load } from './load.ts';
import { settled } from './measure.ts';
import type { PinnedProcess } from './pinned-process.ts';

const IDLE_CONNECTIONS = 5000;
const AT_ONCE = 50;
const MEGABYTE = 1024 * 1024;

/** What so many connections take that are kept open after one request each. */
export async function idleConnectionBytes(
  server: PinnedProcess,
  requests: readonly LoadRequest[],
  say: (text: string) => void,
): Promise<number> {
  await load(server.url, requests, 3);
  await settled(server);
  const before = server.memory().residentBytes;
  say(`opening ${IDLE_CONNECTIONS} connections`);
  const sockets: Socket[] = [];
  while (sockets.length < IDLE_CONNECTIONS) {
    sockets.push(...(await Promise.all(Array.from({ length: AT_ONCE }, () => openIdle(server.url, requests)))));
  }
  await settled(server);
  const after = server.memory().residentBytes;
  const closed = sockets.filter(({ destroyed }) => destroyed).length;
  if (closed > 0) throw new Error(`${closed} of ${IDLE_CONNECTIONS} idle connections were closed`);
  for (const socket of sockets) socket.destroy();
  return Math.max(0, after - before);
}

/** A connection that has had one answer. */
function openIdle(url: string, requests: readonly LoadRequest[]): Promise<Socket> {
  const { hostname, port, host } = new URL(url);
  const [request] = requests;
  if (!request) throw new Error('nothing to ask');
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    const headers = Object.entries({ Host: host, ...request.headers }).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`${request.method} ${request.path} HTTP/1.1\r\n${headers.join('')}\r\n`);
    socket.once('data', (answer: Buffer) => {
      if (answer.toString('latin1', 0, 12) === 'HTTP/1.1 200') resolve(socket);
      else reject(new Error(answer.toString()));
    });
    socket.once('error', reject);
  });
}

const SOAK_ROUNDS = 600;
/** Of each second, the share in which there is load. */
const LOADED_SECONDS = 1;

/** Ten minutes in which every other second is loaded; memory after ten minutes may be 10 % more than after one. */
export async function soak(
  server: PinnedProcess,
  requests: readonly LoadRequest[],
  say: (text: string) => void,
): Promise<string> {
  const startedAt = performance.now();
  let afterOneMinute = 0;
  let answered = 0;
  let failed = 0;
  while (performance.now() - startedAt < SOAK_ROUNDS * 1000) {
    const turn = performance.now();
    const result = await load(server.url, requests, LOADED_SECONDS);
    answered += result.requests;
    failed += result.failed;
    await new Promise((resolve) => setTimeout(resolve, performance.now() - turn));
    const seconds = (performance.now() - startedAt) / 1000;
    const { residentBytes } = server.memory();
    if (seconds >= 60 && afterOneMinute === 0) afterOneMinute = residentBytes;
    say(`${Math.round(seconds)} s: ${Math.round(residentBytes / MEGABYTE)} MB`);
  }
  const end = server.memory().residentBytes;
  const growth = (100 * (end - afterOneMinute)) / afterOneMinute;
  const verdict = growth <= 10 && failed === 0 ? 'reached' : 'missed';
  const megabytes = (bytes: number) => `${Math.round(bytes / MEGABYTE)} MB`;
  return `${answered} requests, ${failed} failed; ${megabytes(afterOneMinute)} after one minute, ${megabytes(end)} after ten (${growth.toFixed(1)} %): ${verdict}`;
}
