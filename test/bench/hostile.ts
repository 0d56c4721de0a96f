/**
 * What an anonymous caller can make a server keep, and how much its refused traffic slows others down. Addresses are told by
 * `X-Forwarded-For`, which the measured server trusts.
 */
import { join } from 'node:path';
import { Pool } from 'undici';
import { loadSqlite } from '../../src/storage/sqlite-connection.ts';
import type { KeysInMemory } from './hostile-limits.ts';
import { type Load, type LoadRequest, load } from './load.ts';
import {
  canPin,
  LOAD_CORE,
  type PinnedProcess,
  processorSecondsOfEnded,
  spawnOn,
  startPinned,
} from './pinned-process.ts';

export interface Hostile {
  requests: number;
  /** What the store grew by, and what a tenth of the flood adds once more within the hour. */
  grown: Stored;
  again: Stored;
  startBytes: number;
  peakBytes: number;
  endBytes: number;
  idle: Load;
  flooded: Load;
  refused: Load;
  /** How much of a core each took meanwhile. */
  serverShare: number;
  loadShare: number;
  keys: KeysInMemory;
}

/** Rows of all tables, and the bytes of their values: a file also has pages that are free, or written ahead. */
interface Stored {
  rows: number;
  bytes: number;
}

const MOST_GROWN = 10 * 1024 * 1024;
const MOST_RESIDENT = 400 * 1024 * 1024;
const MOST_LEFT = 100 * 1024 * 1024;
const MOST_SLOWED = 3;
const ADDRESSES = 100;
/** HTTP is that much slower than the limits alone. */
const KEYS_PER_REQUEST = 100;
const AT_ONCE = 64;
/** Each costs a computation of argon2 at most two of which run at a time, so they are one in so many requests. */
const SIGN_INS = 2000;
const SETTLE_MS = 90_000;
/** Refusals wait in memory for the round that writes them. */
const ROUND_MS = 7000;

export async function measureHostile(options: {
  folder: string;
  env: Record<string, string>;
  ownerKey: string;
  requests: number;
  seconds: number;
  say: (text: string) => void;
}): Promise<Hostile> {
  const { folder, requests, seconds, ownerKey, say } = options;
  const env = { ...options.env, LATCHKEY_TRUSTED_PROXIES: '127.0.0.1' };
  const latchkey = await startPinned(['dist/main.js'], env);
  try {
    const valid = await validRequest(latchkey.url, ownerKey);
    await load(latchkey.url, [valid], 3);
    const startBytes = latchkey.memory().residentBytes;
    const stored = await storedIn(folder);
    // Only memory is measured here, so both may run at the same time.
    say('distinct keys at the limits alone');
    const inMemory = keysInMemory(KEYS_PER_REQUEST * requests);
    inMemory.catch(() => undefined);
    await flood(latchkey, requests, 0, say);
    await pause(ROUND_MS);
    const flooded1 = await storedIn(folder);
    await flood(latchkey, Math.ceil(requests / 10), requests, say);
    await pause(ROUND_MS);
    const flooded2 = await storedIn(folder);
    const { peakBytes } = latchkey.memory();
    const endBytes = await settled(latchkey, startBytes + MOST_LEFT, valid, say);

    const keys = await inMemory;

    say('measuring valid requests beside refused ones');
    const idle = await load(latchkey.url, [valid], seconds);
    const bad = refusedRequests();
    // Beyond four times its limit each address is answered at once.
    await load(latchkey.url, bad, 4);
    const [serverBefore, loadBefore] = [latchkey.processorSeconds(), processorSecondsOfEnded()];
    const [flooded, refused] = await Promise.all([
      load(latchkey.url, [valid], seconds),
      load(latchkey.url, bad, seconds),
    ]);
    const serverShare = (latchkey.processorSeconds() - serverBefore) / seconds;
    const loadShare = (processorSecondsOfEnded() - loadBefore) / seconds;
    const [grown, again] = [between(stored, flooded1), between(flooded1, flooded2)];
    return {
      requests,
      grown,
      again,
      startBytes,
      peakBytes,
      endBytes,
      idle,
      flooded,
      refused,
      serverShare,
      loadShare,
      keys,
    };
  } finally {
    await latchkey.stop();
  }
}

export function renderHostile(measured: Hostile): string {
  const { requests, grown, again, startBytes, peakBytes, endBytes, idle, flooded, refused, keys } = measured;
  const { serverShare, loadShare } = measured;
  const mib = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
  const percent = (share: number) => `${Math.round(100 * share)} %`;
  const slowed = flooded.p99Ms / idle.p99Ms;
  const line = (name: string, value: string, wanted: string, isReached: boolean) =>
    `  ${name.padEnd(58)} ${value.padStart(12)}   ${wanted.padEnd(22)} ${isReached ? 'reached' : 'NOT REACHED'}`;
  return [
    '',
    `${requests.toLocaleString('en-US')} distinct bad tokens, addresses, directory and account names:`,
    line(
      `growth of the store (${grown.rows} rows)`,
      mib(grown.bytes),
      'at most 10 MiB an hour',
      grown.bytes <= MOST_GROWN,
    ),
    line(
      `and by a tenth of them more in the same hour (${again.rows} rows)`,
      mib(again.bytes),
      '',
      grown.bytes + again.bytes <= MOST_GROWN,
    ),
    line(
      `most resident memory (${mib(startBytes)} before)`,
      mib(peakBytes),
      'at most 400 MiB',
      peakBytes <= MOST_RESIDENT,
    ),
    line(
      'resident memory afterwards, more than before',
      mib(endBytes - startBytes),
      'at most 100 MiB',
      endBytes - startBytes <= MOST_LEFT,
    ),
    '',
    `Beside ${Math.round(refused.requestsPerSecond).toLocaleString('en-US')} refused requests a second from ${ADDRESSES} addresses:`,
    line('p99 of valid requests, idle', `${idle.p99Ms.toFixed(2)} ms`, '', true),
    line('p99 of valid requests, flooded', `${flooded.p99Ms.toFixed(2)} ms`, '', true),
    line('the second against the first', slowed.toFixed(2), `at most ${MOST_SLOWED}`, slowed <= MOST_SLOWED),
    canPin
      ? `  The server took ${percent(serverShare)} of its core. Both loads share the other and took ${percent(loadShare)} of it.`
      : '  Nothing could be pinned: server and load share all cores, so these figures are less reliable.',
    '  Both loads send as fast as they are answered, over 50 connections each.',
    '',
    `${keys.keys.toLocaleString('en-US')} distinct addresses, names and tokens at the limits and caches alone, in ${keys.seconds.toFixed(0)} s:`,
    line(
      `most resident memory (${mib(keys.startBytes)} before)`,
      mib(keys.peakBytes),
      'at most 400 MiB',
      keys.peakBytes <= MOST_RESIDENT,
    ),
    line(
      'resident memory afterwards, more than before',
      mib(keys.endBytes - keys.startBytes),
      'at most 100 MiB',
      keys.endBytes - keys.startBytes <= MOST_LEFT,
    ),
    '',
  ].join('\n');
}

async function validRequest(url: string, ownerKey: string): Promise<LoadRequest> {
  const post = async (path: string, body: object) => {
    const answer = await fetch(`${url}/api/v1${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ownerKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (answer.status !== 201) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as { id: string; token: string };
  };
  const { id: organizationId } = await post('/organizations', { name: 'Northwind' });
  const { id } = await post('/directories', { organizationId, name: 'Okta', endpointKey: 'okta' });
  const { token } = await post(`/directories/${id}/credentials`, {});
  return {
    method: 'GET',
    path: '/auth/verify?directory=okta',
    headers: { Authorization: `Bearer ${token}`, 'X-Forwarded-For': '198.51.100.1' },
  };
}

/** Every request differs from all others in whatever a caller chooses. */
async function flood(
  { url }: PinnedProcess,
  requests: number,
  from: number,
  say: (text: string) => void,
): Promise<void> {
  const pool = new Pool(url, { connections: AT_ONCE });
  let next = from;
  const send = async () => {
    while (next < from + requests) {
      const n = next++;
      if (n % 50_000 === 0) say(`${n.toLocaleString('en-US')} hostile requests`);
      const { body } = await pool.request(hostileRequest(n));
      await body.dump();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, send));
  await pool.close();
}

function hostileRequest(n: number): {
  method: 'GET' | 'POST';
  path: string;
  headers: Record<string, string>;
  body?: string;
} {
  const from = { 'x-forwarded-for': `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}` };
  const form = { ...from, 'content-type': 'application/x-www-form-urlencoded' };
  const token = `Bearer bad-token-of-nobody-${n.toString(36).padStart(10, '0')}`;
  if (n % SIGN_INS === 0)
    return {
      method: 'POST',
      path: '/dashboard/sign-in',
      headers: { ...form, 'sec-fetch-site': 'same-origin' },
      body: `email=nobody${n}%40example.com&password=wrong-password-${n}`,
    };
  switch (n % 5) {
    case 0:
      return { method: 'GET', path: '/auth/verify?directory=okta', headers: { ...from, authorization: token } };
    case 1:
      return { method: 'GET', path: `/scim/v2/nowhere-${n}/Users`, headers: { ...from, authorization: token } };
    case 2:
      return { method: 'GET', path: '/api/v1/organizations', headers: { ...from, authorization: token } };
    case 3:
      return {
        method: 'POST',
        path: '/oauth/token',
        headers: form,
        body: `grant_type=refresh_token&client_id=nobody-${n}&refresh_token=x`,
      };
    default:
      return { method: 'GET', path: `/auth/verify?directory=nowhere-${n}`, headers: { ...from, authorization: token } };
  }
}

function refusedRequests(): LoadRequest[] {
  return Array.from({ length: ADDRESSES }, (_, n) => ({
    method: 'GET' as const,
    path: '/auth/verify?directory=okta',
    headers: { Authorization: `Bearer bad-token-of-nobody-${n}`, 'X-Forwarded-For': `203.0.113.${n}` },
  }));
}

/** Windows end after a minute, and their counts leave with the requests that follow. */
async function settled(
  latchkey: PinnedProcess,
  wanted: number,
  valid: LoadRequest,
  say: (text: string) => void,
): Promise<number> {
  const until = performance.now() + SETTLE_MS;
  for (;;) {
    const { residentBytes } = latchkey.memory();
    if (residentBytes <= wanted || performance.now() > until) return residentBytes;
    say(`waiting for memory to come back: ${Math.round(residentBytes / 1024 / 1024)} MiB`);
    await load(latchkey.url, [valid], 2);
    await pause(3000);
  }
}

/** What the store holds now, read next to the server that writes it. */
async function storedIn(folder: string): Promise<Stored> {
  const database = (await loadSqlite())(join(folder, 'latchkey.db'), { readOnly: true });
  const list = (sql: string) => database.prepare(sql).all() as [name: string][];
  let stored: Stored = { rows: 0, bytes: 0 };
  for (const [table] of list("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")) {
    const lengths = list(`SELECT name FROM pragma_table_info('${table}')`).map(
      ([name]) => `coalesce(length(CAST("${name}" AS BLOB)), 0)`,
    );
    const sums = database.prepare(
      `SELECT count(*) AS n, coalesce(sum(${lengths.join(' + ')}), 0) AS bytes FROM "${table}"`,
    );
    const [n, bytes] = sums.get() as [n: number, bytes: number];
    stored = { rows: stored.rows + n, bytes: stored.bytes + bytes };
  }
  database.close();
  return stored;
}

function between(before: Stored, after: Stored): Stored {
  return { rows: after.rows - before.rows, bytes: after.bytes - before.bytes };
}

function keysInMemory(keys: number): Promise<KeysInMemory> {
  const child = spawnOn(LOAD_CORE, process.execPath, [
    '--expose-gc',
    '--import',
    'tsx',
    'test/bench/hostile-limits.ts',
    String(keys),
  ]);
  let output = '';
  let complaints = '';
  child.stdout?.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    complaints += chunk;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) =>
      code === 0
        ? resolve(JSON.parse(output) as KeysInMemory)
        : reject(new Error(`the limits ended with ${code}:\n${complaints}`)),
    );
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
