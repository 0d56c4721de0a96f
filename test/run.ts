/**
 * `npm test [-- part-of-a-path ...]`: names what is missing on this machine, starts one MongoDB for all test files where there
 * is one, and hands over to node's test runner.
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createMongoServer, type MongoServer } from './support/mongo-server.ts';
import { hasPart, missingParts, type Part } from './support/parts.ts';

const PARTS: Part[] = ['mongodb', 'nginx', 'caddy'];

/** Two files at a time use two cores well; where a run must be certain, each has the machine to itself. */
const CONCURRENCY = process.env['LATCHKEY_TEST_REQUIRE'] === 'all' ? 1 : 2;

const wanted = process.argv.slice(2);
const all = listTests();
const files = wanted.length === 0 ? all : all.filter((file) => wanted.some((part) => file.includes(part)));
if (files.length === 0) {
  console.error(`no test file matches ${wanted.join(' ')}`);
  process.exit(1);
}

const missing = missingParts(PARTS);
for (const line of missing) console.log(line);
if (missing.length > 0 && process.env['LATCHKEY_TEST_REQUIRE'] === 'all') {
  console.error('LATCHKEY_TEST_REQUIRE=all: every part is required');
  process.exit(1);
}

let server: MongoServer | undefined;
const env: NodeJS.ProcessEnv = { ...process.env };
if (hasPart('mongodb') && !env['LATCHKEY_TEST_MONGODB_URL']) {
  server = await createMongoServer({ survivesKill: false });
  env['LATCHKEY_TEST_MONGODB_URL'] = server.origin;
}

const args = ['--import', 'tsx', '--test', `--test-concurrency=${CONCURRENCY}`, '--test-timeout=300000', ...files];
const child = spawn(process.execPath, args, { stdio: 'inherit', env });
child.on('exit', async (code) => {
  await server?.stop();
  process.exit(code ?? 1);
});

function listTests(): string[] {
  return readdirSync('test', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => `test/${file}`)
    .sort();
}
