/** The OpenAPI document as other people's software takes it: generators of clients, and schemathesis, which tries what it says. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startApp, type TestApp } from '../support/app.ts';
import { findCommand, hasPart, missingParts, type Part } from '../support/parts.ts';

const without = (part: Part) => !hasPart(part) && missingParts([part]).join();

/** Ends well, or fails with what the command printed. */
function run(command: string, args: string[], folder: string): Promise<string> {
  const bin = dirname(command);
  const child = spawn(command, args, { cwd: folder, env: { PATH: `${bin}:${process.env['PATH']}`, HOME: folder } });
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
  let app: TestApp;
  let folder: string;
  before(async () => {
    // Nothing that these requests take away need be waited out.
    app = await startApp({ env: { LATCHKEY_LEASE_MS: '0' } });
    folder = mkdtempSync(join(tmpdir(), 'latchkey-openapi-'));
    writeFileSync(join(folder, 'openapi.json'), await (await fetch(`${app.url}/api/openapi.json`)).text());
  });
  after(async () => {
    await app.close();
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

  it('holds what schemathesis tries', { skip: without('python') }, async () => {
    const python = findCommand('python') ?? '';
    // What a schema can't say is refused as well: a cursor of another list, a time that has passed. The key is sent with every request, so
    // that one without it cannot be tried here.
    // Its fuzzing tries other requests each time, so that belongs to a run by hand: what runs here is the same each time.
    const args = [
      '--phases',
      'examples,coverage',
      '--exclude-checks',
      'positive_data_acceptance,missing_required_header',
      '--continue-on-failure',
    ];
    const key = ['-H', `Authorization: Bearer ${app.ownerKey}`];
    const schemathesis = join(dirname(python), 'schemathesis');
    await run(schemathesis, ['run', `${app.url}/api/openapi.json`, ...key, ...args, '--seed', '1'], folder);
  });
});
