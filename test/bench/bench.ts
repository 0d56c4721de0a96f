/**
 * `npm run bench`: Latchkey beside what it is compared with, in one run on one machine. Each server is a process of its own on one core,
 * the load comes from the other.
 *
 *   npm run bench -- [--seconds 8] [--engine sqlite|mongodb] [--credentials 2000] [--only WORD] [--json FILE] [--svg FILE]
 *   npm run bench -- --only hostile [--requests 100000] [--seconds 8]
 *
 * `--only` takes a regular expression: verify, access tokens, introspection, refresh, client credentials, gateway, gzip, workers, pages,
 * idle. By its whole name alone: `growth` (how cost grows with the store, up to --credentials), `soak` (ten minutes at half the most that
 * one core can do), `hostile` (what anonymous callers cost, on SQLite), `notifications` (the queue of notices and what it takes from
 * verification, on SQLite), `diagnosis` (what an explanation costs with 100,000 directories, and 100,000 events in one), `leases` (reads of
 * the store for each verification), `peers` (other software that checks SCIM tokens, installed from npm for the run).
 *
 * With more than 10,000 credentials, `/auth/verify` is measured on a small store too, in turns with the large one. Ends with 1 when requests
 * failed, or when there is nothing by which servers can be compared.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { renderChart, renderGrowth } from './chart.ts';
import { measureDiagnosis, renderDiagnosis } from './diagnosis.ts';
import { idleConnectionBytes, soak } from './endurance.ts';
import { directoryIdOf, organizationIdOf } from './filled-store.ts';
import { createGroups, FEW } from './groups.ts';
import { measureGrowth } from './growth.ts';
import { measureHostile, renderHostile } from './hostile.ts';
import { measureLeases, renderLeases } from './leases.ts';
import { CONNECTIONS, generator } from './load.ts';
import { measure } from './measure.ts';
import { measureNotifications, renderNotifications } from './notifications.ts';
import { measurePages } from './pages.ts';
import { installPeer, nameOfPeer, PEERS, peerRequest } from './peers.ts';
import { canPin } from './pinned-process.ts';
import { isSound, type Report, render, targetsOf } from './report.ts';
import { scimRequest, verifyRequest } from './requests.ts';
import { createStores, environmentOf, OWNER_KEY } from './stores.ts';

const NOTICES = 10_000;
const ORGANIZATIONS = 10_000;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '8' },
    engine: { type: 'string', default: 'sqlite' },
    credentials: { type: 'string', default: String(FEW) },
    only: { type: 'string', default: '' },
    json: { type: 'string' },
    svg: { type: 'string' },
    requests: { type: 'string', default: '100000' },
  },
});
const seconds = Number(values.seconds);
const credentials = Number(values.credentials);
const requests = Number(values.requests);
const { engine } = values;
if (!(seconds > 0) || !(credentials >= 2) || !(requests >= 1) || (engine !== 'sqlite' && engine !== 'mongodb')) {
  console.error(
    'Usage: npm run bench -- [--seconds 8] [--engine sqlite|mongodb] [--credentials 2000] [--only WORD] [--json FILE] [--svg FILE] [--requests 100000]',
  );
  process.exit(2);
}

const stores = createStores(engine, say);
/** What is run by its whole name alone. */
const ALONE: Record<string, () => Promise<void>> = {
  growth,
  soak: soaking,
  hostile,
  notifications,
  diagnosis,
  peers,
  leases,
};

try {
  say('building');
  execFileSync('npm', ['run', '--silent', 'build'], { stdio: ['ignore', 'ignore', 'inherit'] });
  await (ALONE[values.only] ?? compare)();
} finally {
  await stores.close();
}

async function compare(): Promise<void> {
  const { groups, upstreamUrl, few, large } = createGroups({ stores, credentials, say });
  const wanted = new RegExp(values.only);
  const report: Report = { ...emptyReport() };
  for (const group of groups.filter(({ name }) => wanted.test(name))) {
    report.measured.push(...(await measure(group.name, await group.make(), seconds, say)));
  }
  if (wanted.test('pages')) report.pages = await pagesOf(await upstreamUrl());
  if (wanted.test('idle')) {
    const { startAnother, bearers } = await few();
    report.idleConnectionBytes = await idleConnectionBytes(await startAnother(), bearers.map(verifyRequest), say);
  }
  for (const store of new Set([await few(), await large()])) {
    const { residentBytes, peakBytes } = store.latchkey.memory();
    report.memoryBytes = Math.max(report.memoryBytes, residentBytes);
    report.peakMemoryBytes = Math.max(report.peakMemoryBytes, peakBytes);
    report.coldStartMs = Math.max(report.coldStartMs, store.startMs);
  }
  report.targets = targetsOf(report);
  finish(report);
  if (values.svg !== undefined) write(values.svg, renderChart(report));
}

/** How cost grows with what is stored, up to `--credentials` (a million, if none are given). */
async function growth(): Promise<void> {
  const most = values.credentials === String(FEW) ? 1_000_000 : credentials;
  const report: Report = { ...emptyReport(), growth: await measureGrowth(stores, most, Math.min(seconds, 4), say) };
  report.credentials = most;
  finish(report);
  if (values.svg !== undefined) write(values.svg, renderGrowth(report));
}

async function soaking(): Promise<void> {
  const { few } = createGroups({ stores, credentials, say });
  const { latchkey, bearers } = await few();
  console.log(await soak(latchkey, bearers.map(verifyRequest), say));
}

async function leases(): Promise<void> {
  const { few } = createGroups({ stores, credentials, say });
  const { startAnother, bearers } = await few();
  const start = (leaseMs: number) => startAnother({ LATCHKEY_LEASE_MS: String(leaseMs) });
  const measured = await measureLeases(start, bearers.map(verifyRequest), seconds, say);
  console.log(renderLeases(measured, bearers.length));
}

async function notifications(): Promise<void> {
  const env = environmentOf(`file:${stores.folder()}`);
  console.log(
    renderNotifications(await measureNotifications({ env, ownerKey: OWNER_KEY, notices: NOTICES, seconds, say })),
  );
}

async function diagnosis(): Promise<void> {
  const databaseUrl = await stores.emptyDatabase();
  const env = environmentOf(databaseUrl);
  console.log(renderDiagnosis(await measureDiagnosis({ databaseUrl, env, ownerKey: OWNER_KEY, say })));
}

/** A peer that can't be installed or started here is named, and the others are measured. */
async function peers(): Promise<void> {
  const { few, upstreamUrl, oidcIntrospection } = createGroups({ stores, credentials, say });
  await upstreamUrl();
  const { latchkey, startAnother, bearers } = await few();
  const subjects = [
    { name: '/auth/verify', process: latchkey, requests: bearers.map(verifyRequest) },
    { name: 'gateway, a page of users', process: await startAnother(), requests: bearers.map(scimRequest) },
    await oidcIntrospection(),
  ];
  for (const peer of PEERS) {
    try {
      say(`installing ${peer}`);
      const folder = stores.folder();
      installPeer(peer, folder);
      const process = await stores.start(['--import', 'tsx', 'test/bench/peers.ts', peer, folder]);
      subjects.push({ name: nameOfPeer(peer), process, requests: [await peerRequest(process.url)] });
    } catch (error) {
      console.log(`${peer} could not be measured: ${(error as Error).message.split('\n')[0]}`);
    }
  }
  finish({ ...emptyReport(), measured: await measure('peers', subjects, seconds, say) });
}

async function hostile(): Promise<void> {
  const folder = stores.folder();
  const env = environmentOf(`file:${folder}`);
  console.log(renderHostile(await measureHostile({ folder, env, ownerKey: OWNER_KEY, requests, seconds, say })));
}

/** On a store of its own, with a directory for each organization. */
async function pagesOf(upstreamUrl: string): Promise<Report['pages']> {
  const { latchkey, env } = await stores.open(2 * ORGANIZATIONS, upstreamUrl, ORGANIZATIONS);
  say('looking at pages');
  const last = ORGANIZATIONS - 1;
  return measurePages(latchkey.url, env, {
    organizationId: organizationIdOf(last),
    directoryId: directoryIdOf(last),
    names: 'Traders 99',
  });
}

function emptyReport(): Report {
  return {
    at: new Date().toISOString(),
    node: process.version,
    engine: engine as Report['engine'],
    credentials,
    connections: CONNECTIONS,
    seconds,
    generator,
    pinned: canPin,
    measured: [],
    pages: [],
    growth: [],
    coldStartMs: 0,
    memoryBytes: 0,
    peakMemoryBytes: 0,
    targets: [],
  };
}

function finish(report: Report): void {
  console.log(render(report));
  if (!isSound(report)) process.exitCode = 1;
  if (values.json !== undefined) write(values.json, `${JSON.stringify(report, null, 2)}\n`);
}

function write(file: string, text: string): void {
  writeFileSync(file, text);
  say(`written to ${file}`);
}

/** Progress, on standard error; one line that changes when someone watches. */
function say(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
  else console.error(text);
}
