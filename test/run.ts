/**
 * `npm test [-- PART ...]`: runs the test files whose path contains one of the parts, all without one. Each file is a process of its own
 * that runs from the build. The last line is `N passed, N failed, N skipped`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ENGINE_CHOICES, isContentWithMemoryServer, needsMemoryServer, needsMongodb } from './support/engines.ts';
import { createMemoryServer, createMongoServer, type MongoServer } from './support/mongo-server.ts';
import { hasPart, missingParts } from './support/parts.ts';
import { type Report, readReport } from './support/reporter.ts';
import { makeStoresOfRun } from './support/store-folder.ts';

const CONCURRENCY = 2;
/** A file in which no test ends for so long hangs; on a busy machine a long file may take more in all. */
const SILENCE_LIMIT_MS = 240_000;
const LOOK_MS = 1000;
const SLOWEST = 10;
/** How long each file took the last time, so that the longest start first; in a new checkout, those that are long everywhere. */
const TIMES = 'build/times.json';
const LONG =
  /admin\/description|backup|browser|dashboard\/dashboard|demo|entra|fault-points|histories|invariant|oauth\/restart|okta|queue|storage\/mongodb\.|storm|workers|year/;
/** What must not share the machine with another file, and why. */
const ALONE: Record<string, string> = {
  'test/scenarios/invariant-4-own-faults.test.ts': 'holds answers under load to the 5 seconds that are promised',
};

interface Result extends Report {
  file: string;
  ms: number;
}

const { engine, parts } = readArguments();
if (engine !== undefined && !ENGINE_CHOICES.some((choice) => choice === engine)) {
  fail(`--engine ${engine}: the engines are ${ENGINE_CHOICES.join(' and ')}`);
}
const files = listTests().filter((file) => parts.length === 0 || parts.some((part) => file.includes(part)));
if (files.length === 0) fail(`no test file matches ${parts.join(' ')}`);

const missing = missingParts();
for (const line of missing) console.log(line);
const isStrict = process.env['LATCHKEY_TEST_REQUIRE'] === 'all';
if (missing.length > 0 && isStrict) fail('LATCHKEY_TEST_REQUIRE=all: every part is required');

const startedAt = performance.now();
const reports = mkdtempSync(join(tmpdir(), 'latchkey-reports-'));
const stores = makeStoresOfRun();
process.once('exit', () => {
  for (const folder of [reports, stores]) rmSync(folder, { recursive: true, force: true });
});
process.env['LATCHKEY_TEST_STORES'] = stores;
const running = new Set<ChildProcess>();
const servers: Pick<MongoServer, 'stop'>[] = [];
let isInterrupted = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    isInterrupted = true;
    for (const child of running) child.kill(signal);
  });
}

const env: NodeJS.ProcessEnv = { ...process.env, ...(engine !== undefined && { LATCHKEY_TEST_ENGINE: engine }) };
if (hasPart('mongodb') && !env['LATCHKEY_TEST_MONGODB_URL'] && files.some((file) => needsMongodb(file, engine))) {
  const server = await createMongoServer({ survivesKill: false });
  servers.push(server);
  env['LATCHKEY_TEST_MONGODB_URL'] = server.origin;
}
const isBroadRun = engine === 'mongodb' && process.env['LATCHKEY_TEST_MONGODB_URL'] === undefined;
if (hasPart('memory-server') && (isBroadRun || files.some((file) => needsMemoryServer(file, engine)))) {
  const server = await createMemoryServer();
  servers.push(server);
  env['LATCHKEY_TEST_MEMORY_SERVER_URL'] = server.origin;
}
if (engine === 'mongodb' && !env['LATCHKEY_TEST_MONGODB_URL']) fail('--engine mongodb: no MongoDB server was found');

const times = readTimes();
const expectedMs = (file: string) => times[file] ?? (LONG.test(file) ? Infinity : 0);
const queue = [...files].sort((one, other) => expectedMs(other) - expectedMs(one) || 0);
const together = queue.filter((file) => !(file in ALONE));
const results: Result[] = [];
try {
  await Promise.all(Array.from({ length: CONCURRENCY }, () => work(together)));
  await work(queue.filter((file) => file in ALONE));
} finally {
  await Promise.all(servers.map((server) => server.stop()));
}
writeFileSync(TIMES, JSON.stringify({ ...times, ...Object.fromEntries(results.map(({ file, ms }) => [file, ms])) }));
tell();

/** Takes files from the front of the list until it is empty. */
async function work(list: string[]): Promise<void> {
  for (let file = list.shift(); file !== undefined && !isInterrupted; file = list.shift()) {
    const result = await runFile(file);
    results.push(result);
    const counts = [
      `${result.passed} passed`,
      ...(result.failed > 0 ? [`${result.failed} failed`] : []),
      ...(result.skipped > 0 ? [`${result.skipped} skipped`] : []),
    ];
    console.log(`${result.failed > 0 ? '✖' : '✔'} ${seconds(result.ms)}  ${file}  ${counts.join(', ')}`);
  }
}

/** A run of everything on MongoDB takes the server in memory where nothing more is needed: it answers twice as fast. */
function envFor(file: string): NodeJS.ProcessEnv {
  const memoryServer = env['LATCHKEY_TEST_MEMORY_SERVER_URL'];
  if (!isBroadRun || memoryServer === undefined || !isContentWithMemoryServer(file)) return env;
  return { ...env, LATCHKEY_TEST_MONGODB_URL: memoryServer };
}

async function runFile(file: string): Promise<Result> {
  const from = performance.now();
  const destination = join(reports, file.replaceAll('/', '-'));
  const child = spawn(
    process.execPath,
    [
      `--test-reporter=./build/test/support/reporter.js`,
      `--test-reporter-destination=${destination}`,
      join('build', file.replace(/\.ts$/, '.js')),
    ],
    // A process group of its own, so that nothing that a test started outlives its file.
    { env: envFor(file), stdio: ['ignore', 'pipe', 'pipe'], detached: true },
  );
  running.add(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output = (output + chunk).slice(-20_000);
    });
  }
  let isLate = false;
  let told = { size: 0, at: from };
  const watch = setInterval(() => {
    const size = statSync(destination, { throwIfNoEntry: false })?.size ?? 0;
    if (size !== told.size) told = { size, at: performance.now() };
    if (performance.now() - told.at < SILENCE_LIMIT_MS) return;
    isLate = true;
    child.kill('SIGKILL');
  }, LOOK_MS);
  const closed = new Promise((resolve) => child.once('close', resolve));
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  clearInterval(watch);
  endGroup(child);
  // A process that left the group could hold the output open, and the run would never end.
  await Promise.race([closed, delay(1000, undefined, { ref: false })]);
  child.stdout.destroy();
  child.stderr.destroy();
  running.delete(child);
  const report = existsSync(destination) ? readReport(destination) : readReport('/dev/null');
  if (!report.isComplete || (code !== 0 && report.failed === 0)) {
    const how = isLate
      ? `was killed: no test ended for ${SILENCE_LIMIT_MS / 1000} s`
      : `ended with ${code} before its tests did`;
    report.failed += 1;
    report.failures.push({ name: 'the file as a whole', error: `The process ${how}. It said:\n${output}` });
  }
  return { ...report, file, ms: performance.now() - from };
}

function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // ESRCH: nothing was left.
  }
}

function tell(): void {
  for (const { file, failures } of results.sort((one, other) => one.file.localeCompare(other.file))) {
    for (const { name, error } of failures) console.log(`\n✖ ${file}\n  ${name}\n${error.replace(/^(?=.)/gm, '    ')}`);
  }
  if (files.length > 1) {
    const slowest = [...results].sort((one, other) => other.ms - one.ms).slice(0, SLOWEST);
    console.log(`\nslowest of ${results.length} files, in ${seconds(performance.now() - startedAt).trim()}:`);
    for (const { file, ms } of slowest) console.log(`  ${seconds(ms)}  ${file}`);
  }
  const sum = (count: 'passed' | 'failed' | 'skipped') => results.reduce((total, result) => total + result[count], 0);
  const isWhole = results.length === files.length;
  if (!isWhole) console.log(`\ninterrupted: ${files.length - results.length} files did not run`);
  process.exitCode = sum('failed') > 0 || !isWhole ? 1 : 0;
  console.log(`\n${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`);
}

function readArguments(): { engine: string | undefined; parts: string[] } {
  try {
    const { values, positionals } = parseArgs({ allowPositionals: true, options: { engine: { type: 'string' } } });
    return { engine: values.engine, parts: positionals };
  } catch (error) {
    return fail(`${(error as Error).message}\nUsage: npm test -- [--engine sqlite|mongodb] [part of a path ...]`);
  }
}

function readTimes(): Record<string, number> {
  mkdirSync('build', { recursive: true });
  return existsSync(TIMES) ? JSON.parse(readFileSync(TIMES, 'utf8')) : {};
}

function listTests(): string[] {
  return readdirSync('test', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => `test/${file}`)
    .sort();
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1).padStart(6)} s`;
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}
