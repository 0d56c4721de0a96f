/**
 * `npm run bench`: Latchkey beside what it is compared with, in one run on one machine. Each server is a process of its own on one core,
 * the load comes from the other. What is compared takes turns in short rounds, and medians are taken, so that a busy moment of the
 * machine does not fall on one of them alone.
 *
 *   npm run bench -- [--seconds 8] [--engine sqlite|mongodb] [--credentials 2000] [--only WORD] [--json FILE]
 *   npm run bench -- --only hostile [--requests 300000] [--seconds 8]
 *   npm run bench -- --only diagnosis [--engine sqlite|mongodb]
 *
 * `--only notifications` measures the queue of notices and what it takes from verification, on SQLite.
 * `--only hostile` measures what anonymous callers cost, on SQLite; `--only gateway` measures the groups in which a name has that word; `--only pages` the pages of the dashboard with 10,000 organizations;
 * `--only diagnosis` what an explanation costs with 100,000 directories, and 100,000 events in one.
 *
 * With more than 10,000 credentials, `/auth/verify` is measured on a small store too, in turns with the large one.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createMongoServer, type MongoServer } from '../support/mongo-server.ts';
import { accessToken, connectDirectories, tokenRequest } from './connections.ts';
import { measureDiagnosis, renderDiagnosis } from './diagnosis.ts';
import { type Bearer, directoryIdOf, fillStore, organizationIdOf, SECRET } from './filled-store.ts';
import { measureHostile, renderHostile } from './hostile.ts';
import { CONNECTIONS, generator, type Load, type LoadRequest, load } from './load.ts';
import { measureNotifications, renderNotifications } from './notifications.ts';
import { type MeasuredPage, measurePages } from './pages.ts';
import { canPin, LOAD_CORE, type PinnedProcess, startPinned } from './pinned-process.ts';
import { type Measured, type Report, render, targetsOf } from './report.ts';

const ROUNDS = 4;
const WARM_UP_SECONDS = 3;
const FEW = 2000;
const LARGE = 10_000;
const STARTS = 3;
const NOTICES = 10_000;
const ORGANIZATIONS = 10_000;
/** Each with two, so that as many access tokens are presented as static ones. */
const CONNECTED_DIRECTORIES = 500;
const OIDC_SECRET = 'a-secret-of-the-bench-0123456789';
const OIDC_CONNECTIONS = 100;
const OIDC_CLIENT_CREDENTIALS = tokenRequest('/token', 'scim-server', OIDC_SECRET, 'grant_type=client_credentials');
const OWNER_KEY = 'lk_bench00000000000000000000000000000000000';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '8' },
    engine: { type: 'string', default: 'sqlite' },
    credentials: { type: 'string', default: String(FEW) },
    only: { type: 'string', default: '' },
    json: { type: 'string' },
    requests: { type: 'string', default: '300000' },
  },
});
const seconds = Number(values.seconds);
const credentials = Number(values.credentials);
const requests = Number(values.requests);
const { engine } = values;
if (!(seconds > 0) || !(credentials >= 2) || !(requests >= 1) || (engine !== 'sqlite' && engine !== 'mongodb')) {
  console.error(
    'Usage: npm run bench -- [--seconds 8] [--engine sqlite|mongodb] [--credentials 2000] [--only WORD] [--json FILE] [--requests 300000]',
  );
  process.exit(2);
}

interface Subject {
  name: string;
  process: PinnedProcess;
  requests: LoadRequest[];
}

interface Store {
  latchkey: PinnedProcess;
  env: Record<string, string>;
  /** One more process on the same store. */
  startAnother(): Promise<PinnedProcess>;
  bearers: Bearer[];
  startMs: number;
}

const running: PinnedProcess[] = [];
const folders: string[] = [];
let mongo: MongoServer | undefined;

try {
  await main();
} finally {
  await Promise.all(running.map((server) => server.stop()));
  await mongo?.stop();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}

async function main(): Promise<void> {
  say('building');
  execFileSync('npm', ['run', '--silent', 'build'], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (values.only === 'hostile') return hostile();
  if (values.only === 'notifications') return notifications();
  if (values.only === 'diagnosis') return diagnosis();
  const upstream = await comparison(['upstream'], LOAD_CORE);
  const upstreamUrl = `${upstream.url}/scim`;
  const large = await openStore(credentials, upstreamUrl);
  const few = credentials > LARGE ? await openStore(FEW, upstreamUrl) : large;

  say(`connecting ${count(CONNECTED_DIRECTORIES)} directories`);
  const connections = await connectDirectories(few.latchkey.url, OWNER_KEY, CONNECTED_DIRECTORIES);

  const verifying = ({ bearers }: Store) => bearers.map(verifyRequest);
  const asking = large.bearers.map(({ token, endpointKey }) => scimRequest(token, endpointKey));
  const proxying = {
    name: 'bare node:http proxy',
    process: await comparison(['proxy', upstream.url]),
    requests: asking,
  };
  // As it is run: a vendor has the gateway or asks beside the way, and V8 keeps more garbage alive in a process that has done both.
  const gateway = await large.startAnother();
  const oidc = await comparison(['oidc-provider', OIDC_SECRET]);
  const groups: Subject[][] = [
    [
      { name: 'raw node:http, constant JSON', process: await comparison(['raw']), requests: verifying(few) },
      { name: 'Koa, constant JSON', process: await comparison(['koa']), requests: verifying(few) },
      { name: '/auth/verify', process: few.latchkey, requests: verifying(few) },
      {
        name: '/auth/verify of access tokens',
        process: few.latchkey,
        requests: connections.accessTokens.map(verifyRequest),
      },
      ...(few === large
        ? []
        : [
            { name: `/auth/verify, ${count(credentials)} stored`, process: large.latchkey, requests: verifying(large) },
          ]),
    ],
    [
      { name: "oidc-provider's introspection", process: oidc, requests: [await oidcRequest(oidc)] },
      { name: '/oauth/introspect', process: few.latchkey, requests: await introspectRequests(few) },
    ],
    [
      { name: "oidc-provider's refresh", process: oidc, requests: await oidcRefreshes(oidc) },
      { name: 'refresh at /oauth/token', process: few.latchkey, requests: connections.refreshes },
    ],
    [
      { name: "oidc-provider's client credentials", process: oidc, requests: [OIDC_CLIENT_CREDENTIALS] },
      {
        name: 'client credentials at /oauth/token',
        process: few.latchkey,
        requests: connections.clientCredentials,
      },
    ],
    [proxying, { name: 'gateway /scim/v2/{key}/Users', process: gateway, requests: asking }],
    [
      { ...proxying, name: 'bare node:http proxy, gzip', requests: asking.map(zipped) },
      { name: 'gateway of gzip bodies', process: gateway, requests: asking.map(zipped) },
    ],
  ];

  const measured: Measured[] = [];
  const wanted = groups.filter((group) => group.some(({ name }) => new RegExp(values.only).test(name)));
  for (const group of wanted) measured.push(...(await measure(group)));
  const pages = new RegExp(values.only).test('pages') ? await pagesOf(upstreamUrl) : [];
  const memory = [few.latchkey, large.latchkey, gateway].map((latchkey) => latchkey.memory());
  const report: Report = {
    at: new Date().toISOString(),
    node: process.version,
    engine: engine as Report['engine'],
    credentials,
    connections: CONNECTIONS,
    seconds,
    generator,
    pinned: canPin,
    measured,
    pages,
    coldStartMs: large.startMs,
    memoryBytes: Math.max(...memory.map(({ residentBytes }) => residentBytes)),
    peakMemoryBytes: Math.max(...memory.map(({ peakBytes }) => peakBytes)),
    targets: [],
  };
  report.targets = targetsOf(report);
  console.log(render(report));
  if (values.json !== undefined) {
    writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
    say(`written to ${values.json}`);
  }
}

async function notifications(): Promise<void> {
  const { env } = freshStore();
  console.log(
    renderNotifications(await measureNotifications({ env, ownerKey: OWNER_KEY, notices: NOTICES, seconds, say })),
  );
}

async function hostile(): Promise<void> {
  const { folder, env } = freshStore();
  console.log(renderHostile(await measureHostile({ folder, env, ownerKey: OWNER_KEY, requests, seconds, say })));
}

function freshStore() {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'));
  folders.push(folder);
  const env = {
    LATCHKEY_PORT: '0',
    LATCHKEY_DATABASE_URL: `file:${folder}`,
    LATCHKEY_SECRET: SECRET,
    LATCHKEY_INITIAL_API_KEY: OWNER_KEY,
  };
  return { folder, env };
}

async function diagnosis(): Promise<void> {
  const databaseUrl = await emptyDatabase();
  const env = {
    LATCHKEY_PORT: '0',
    LATCHKEY_DATABASE_URL: databaseUrl,
    LATCHKEY_SECRET: SECRET,
    LATCHKEY_INITIAL_API_KEY: OWNER_KEY,
  };
  console.log(renderDiagnosis(await measureDiagnosis({ databaseUrl, env, ownerKey: OWNER_KEY, say })));
}

/** All of a group in turns: each warmed up, then a share of the time in each round. */
async function measure(subjects: Subject[]): Promise<Measured[]> {
  for (const { name, process: server, requests } of subjects) {
    say(`warming up ${name}`);
    await check(name, server.url, requests[0]);
    await load(server.url, requests, WARM_UP_SECONDS);
  }
  const rounds = new Map<string, (Load & { busy: number })[]>();
  for (let round = 1; round <= ROUNDS; round++) {
    for (const { name, process: server, requests } of subjects) {
      const before = server.processorSeconds();
      const startedAt = performance.now();
      const result = await load(server.url, requests, Math.max(1, Math.round(seconds / ROUNDS)));
      const busy = (server.processorSeconds() - before) / ((performance.now() - startedAt) / 1000);
      say(`round ${round} of ${ROUNDS}: ${name}: ${count(Math.round(result.requestsPerSecond))} requests/s`);
      rounds.set(name, [...(rounds.get(name) ?? []), { ...result, busy }]);
    }
  }
  return subjects.map(({ name, process: server }) => {
    const results = rounds.get(name) ?? [];
    return {
      name,
      requestsPerSecond: median(results.map((result) => result.requestsPerSecond)),
      p50Ms: median(results.map((result) => result.p50Ms)),
      p99Ms: median(results.map((result) => result.p99Ms)),
      perCoreSecond: median(results.map((result) => result.requestsPerSecond / result.busy)),
      failed: results.reduce((sum, result) => sum + result.failed, 0),
      busy: median(results.map((result) => result.busy)),
      memoryBytes: server.memory().residentBytes,
    };
  });
}

/** On a store of its own, with a directory for each organization. */
async function pagesOf(upstreamUrl: string): Promise<MeasuredPage[]> {
  const { latchkey, env } = await openStore(2 * ORGANIZATIONS, upstreamUrl, ORGANIZATIONS);
  say('looking at pages');
  const last = ORGANIZATIONS - 1;
  return measurePages(latchkey.url, env, {
    organizationId: organizationIdOf(last),
    directoryId: directoryIdOf(last),
    names: 'Traders 99',
  });
}

/** A fast refusal would look like a fast answer. */
async function check(name: string, url: string, request: LoadRequest | undefined): Promise<void> {
  if (!request) throw new Error(`${name}: nothing to ask`);
  const { path, ...init } = request;
  const answer = await fetch(url + path, init);
  const text = await answer.text();
  if (answer.status !== 200 || text.includes('"active":false')) {
    throw new Error(`${name}: ${answer.status} ${text}`);
  }
}

async function openStore(stored: number, upstreamUrl: string, organizations = 1): Promise<Store> {
  const databaseUrl = await emptyDatabase();
  const startedAt = performance.now();
  const bearers = await fillStore(
    databaseUrl,
    stored,
    upstreamUrl,
    (done) => say(`storing ${count(done)} of ${count(stored)} credentials`),
    organizations,
  );
  say(`stored ${count(stored)} credentials in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  const env = {
    LATCHKEY_PORT: '0',
    LATCHKEY_DATABASE_URL: databaseUrl,
    LATCHKEY_SECRET: SECRET,
    LATCHKEY_INITIAL_API_KEY: OWNER_KEY,
    LATCHKEY_UPSTREAM_ALLOW: '127.0.0.0/8',
  };
  const times: number[] = [];
  for (let start = 1; start < STARTS; start++) {
    const latchkey = await startPinned(['dist/main.js'], env);
    times.push(latchkey.startMs);
    await latchkey.stop();
  }
  const startAnother = async () => {
    const latchkey = await startPinned(['dist/main.js'], env);
    running.push(latchkey);
    return latchkey;
  };
  const latchkey = await startAnother();
  times.push(latchkey.startMs);
  return { latchkey, env, startAnother, bearers, startMs: median(times) };
}

async function emptyDatabase(): Promise<string> {
  if (engine === 'mongodb') {
    mongo ??= await createMongoServer();
    return mongo.database(`bench${folders.push(mkdtempSync(join(tmpdir(), 'latchkey-bench-')))}`);
  }
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'));
  folders.push(folder);
  return `file:${folder}`;
}

async function comparison(args: string[], core?: number): Promise<PinnedProcess> {
  const server = await startPinned(['--import', 'tsx', join(import.meta.dirname, 'comparisons.ts'), ...args], {}, core);
  running.push(server);
  return server;
}

/** As nginx asks with auth_request. */
function verifyRequest({ token, endpointKey }: Bearer): LoadRequest {
  return {
    method: 'GET',
    path: '/auth/verify',
    headers: {
      Authorization: `Bearer ${token}`,
      'X-Original-URI': `/scim/v2/${endpointKey}/Users?startIndex=1&count=100`,
      'X-Original-Method': 'GET',
      'User-Agent': 'Okta SCIM Client 1.0.0',
    },
  };
}

function scimRequest(token: string, endpointKey: string): LoadRequest {
  return {
    method: 'GET',
    path: `/scim/v2/${endpointKey}/Users?startIndex=1&count=100`,
    headers: {
      Authorization: `Bearer ${token}`,
      Accept: 'application/scim+json',
      'User-Agent': 'Okta SCIM Client 1.0.0',
    },
  };
}

function zipped(request: LoadRequest): LoadRequest {
  return { ...request, headers: { ...request.headers, 'Accept-Encoding': 'gzip,deflate' } };
}

async function introspectRequests({ latchkey, bearers }: Store): Promise<LoadRequest[]> {
  const answer = await fetch(`${latchkey.url}/api/v1/api-keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${OWNER_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'SCIM server', role: 'introspect' }),
  });
  const { apiKey, key } = (await answer.json()) as { apiKey: { id: string }; key: string };
  return bearers.map(({ token }) => tokenRequest('/oauth/introspect', apiKey.id, key, `token=${token}`));
}

/** One token only: its in-memory adapter holds a thousand entries, so that many tokens would push each other out. */
async function oidcRequest({ url }: PinnedProcess): Promise<LoadRequest> {
  const token = await accessToken(url, OIDC_CLIENT_CREDENTIALS);
  return tokenRequest('/token/introspection', 'scim-server', OIDC_SECRET, `token=${token}`);
}

/** Of many connections: its in-memory adapter goes through all tokens of a grant each time, and ends when those are too many. */
async function oidcRefreshes({ url }: PinnedProcess): Promise<LoadRequest[]> {
  const requests: LoadRequest[] = [];
  while (requests.length < OIDC_CONNECTIONS) {
    const answer = await fetch(`${url}/connection`, { method: 'POST' });
    const { refreshToken } = (await answer.json()) as { refreshToken: string };
    const fields = `grant_type=refresh_token&refresh_token=${refreshToken}`;
    requests.push(tokenRequest('/token', 'identity-provider', OIDC_SECRET, fields));
  }
  return requests;
}

function median(numbers: number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const [lower, upper] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[Math.floor(sorted.length / 2)]];
  return ((lower ?? Number.NaN) + (upper ?? Number.NaN)) / 2;
}

function count(number: number): string {
  return number.toLocaleString('en-US');
}

/** Progress, on standard error; one line that changes when someone watches. */
function say(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
  else console.error(text);
}
