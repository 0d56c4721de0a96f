/** The OpenAPI document as other people's software takes it: generators of clients, and schemathesis, which tries what it says. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runApp } from '../support/app.ts';
import { findCommand, hasPart, missingParts, type Part } from '../support/parts.ts';

const without = (part: Part) => !hasPart(part) && missingParts([part]).join();

/**
 * What a schema can't say is refused as well: an ID of nothing, a state that forbids it, the same Idempotency-Key with another request. And on
 * these few lists and reports: a cursor of another list, and a period that ends before it begins.
 */
const EXPECTED = `
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "401", "403", "404", "409", "422"]
${['api-keys', 'campaigns', 'evidence', 'operators', 'unplaced-refusals']
  .map(
    (path) => `[[operations]]\ninclude-name = "GET /api/v1/${path}"\nchecks.positive_data_acceptance.enabled = false`,
  )
  .join('\n')}
`;

/** Ends well, or fails with what the command printed. */
function run(command: string, args: string[], folder: string, more: NodeJS.ProcessEnv = {}): Promise<string> {
  const bin = dirname(command);
  const child = spawn(command, args, {
    cwd: folder,
    env: { PATH: `${bin}:${process.env['PATH']}`, HOME: folder, ...more },
  });
  const printed: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => printed.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => printed.push(chunk));
  return new Promise((done, fail) => {
    child.once('error', fail);
    child.once('close', (code) => {
      const text = Buffer.concat(printed).toString();
      if (code === 0) done(text);
      else fail(new Error(`${command} ended with ${code}:\n${text.slice(-8000)}`));
    });
  });
}

describe('the OpenAPI document', () => {
  const app = runApp({
    env: { LATCHKEY_LEASE_MS: '0', LATCHKEY_FAILURES_PER_ADDRESS: '1000000', LATCHKEY_LEAK_ACTION: 'flag' },
  });
  let folder: string;
  before(async () => {
    // Nothing that these requests take away need be waited out, and none is refused for how many there are: the clock stands still.
    folder = mkdtempSync(join(tmpdir(), 'latchkey-openapi-'));
    writeFileSync(join(folder, 'openapi.json'), await (await fetch(`${app.url}/api/openapi.json`)).text());
  });
  after(async () => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('gives openapi-typescript types that compile', { skip: without('openapi-typescript') }, async () => {
    const command = findCommand('openapi-typescript') ?? '';
    await run(command, ['openapi.json', '-o', 'client.ts'], folder);
    await run(resolve('node_modules/.bin/tsc'), ['--noEmit', '--strict', '--ignoreConfig', 'client.ts'], folder);
  });

  it('gives openapi-python-client a client that compiles, with every operation', {
    skip: without('python'),
  }, async () => {
    const python = findCommand('python') ?? '';
    const generate = ['generate', '--path', 'openapi.json', '--meta', 'none', '--output-path', 'client'];
    const told = await run(join(dirname(python), 'openapi-python-client'), [...generate, '--fail-on-warning'], folder);
    assert.doesNotMatch(told, /WARNING|ERROR/i);
    await run(
      python,
      ['-c', 'import compileall, sys; sys.exit(not compileall.compile_dir("client", quiet=1))'],
      folder,
    );
  });

  it('gives oapi-codegen a Go client that compiles', { skip: without('go') || without('oapi-codegen') }, async () => {
    const client = goPackage('oapi');
    const args = ['-generate', 'types,client', '-package', 'oapi', '-o', join(client, 'client.go'), 'openapi.json'];
    await run(findCommand('oapi-codegen') ?? '', args, folder);
    await check(client);
  });

  it('gives ogen a Go client that compiles, with every operation', {
    skip: without('go') || without('ogen'),
  }, async () => {
    const client = goPackage('ogen');
    // Without its server and its traces, which are most of the code.
    writeFileSync(
      join(folder, 'ogen.yml'),
      'generator:\n  features:\n    disable_all: true\n    enable:\n      - paths/client\n',
    );
    const args = ['--config', 'ogen.yml', '--target', client, '--package', 'ogen', 'openapi.json'];
    assert.doesNotMatch(await run(findCommand('ogen') ?? '', args, folder), /unsupported|not implemented/i);
    await check(client);
  });

  /** A package of the module that has what generated code imports. */
  function goPackage(name: string): string {
    for (const file of ['go.mod', 'go.sum']) cpSync(`test/go/${file}`, join(folder, file));
    const made = join(folder, name);
    mkdirSync(made);
    return made;
  }

  /** Checks its types as the compiler does, in a third of the time: machine code would be for nobody. One analysis is the fewest it makes. */
  async function check(made: string): Promise<void> {
    await run(findCommand('go') ?? '', ['vet', '-atomic', '.'], made, { HOME: process.env['HOME'] });
  }

  it('holds what schemathesis tries', { skip: without('python') }, async () => {
    const python = findCommand('python') ?? '';
    // Its fuzzing tries other requests each time, so that belongs to a run by hand: what runs here is the same each time.
    const args = ['--phases', 'examples,coverage', '--continue-on-failure', '--no-color', '--seed', '1'];
    const key = ['-H', `Authorization: Bearer ${app.ownerKey}`];
    const schemathesis = join(dirname(python), 'schemathesis');
    writeFileSync(join(folder, 'schemathesis.toml'), EXPECTED);
    const url = `${app.url}/api/openapi.json`;
    const told = await run(schemathesis, ['run', url, ...key, ...args], folder);
    assert.doesNotMatch(told, /Rate limited/);
    // A key that is sent with every request is never missing, so requests without one are a run of their own.
    await run(schemathesis, ['run', url, ...args, '--checks', 'missing_required_header,ignored_auth'], folder);
  });
});
