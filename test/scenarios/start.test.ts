/** From the first moment to the first request, and what is said when there is none. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { freePort } from '../support/mongo-server.ts';
import { findCommand } from '../support/parts.ts';
import { spawnLatchkey } from '../support/process.ts';
import { until } from '../support/traffic.ts';

const folder = mkdtempSync(join(tmpdir(), 'latchkey-start-'));
after(() => rmSync(folder, { recursive: true, force: true }));

async function outcome(databaseUrl: string): Promise<{ code: number | null; output: string }> {
  const { child, output } = spawnLatchkey({ databaseUrl });
  const code = await new Promise<number | null>((done) => child.once('close', done));
  return { code, output: output() };
}

describe('a start', () => {
  it('is alive from the first moment, and not ready before the store is there', async () => {
    const port = await freePort();
    const away = `mongodb://127.0.0.1:${await freePort()}/latchkey?replicaSet=rs0`;
    const { child } = spawnLatchkey({ databaseUrl: away, env: { LATCHKEY_PORT: `${port}` } });
    const ended = new Promise((done) => child.once('exit', done));
    const ask = (path: string) => fetch(`http://127.0.0.1:${port}${path}`);
    await until('it listens', 60_000, () =>
      ask('/healthz').then(
        ({ status }) => status === 200,
        () => false,
      ),
    );
    const ready = await ask('/readyz');
    assert.equal(ready.status, 503);
    assert.deepEqual(await ready.json(), { status: 'preparing' });
    const other = await ask('/scim/v2/any/Users');
    assert.equal(other.status, 503);
    assert.match(other.headers.get('retry-after') ?? '', /^\d+$/);
    child.kill('SIGKILL');
    await ended;
  });

  it('says what is wrong with the URL', async () => {
    const { code, output } = await outcome('mongodb://latchkey:PASSWORD@127.0.0.1:1/latchkey?w=1');
    assert.equal(code, 1);
    assert.match(
      output,
      /^latchkey: LATCHKEY_DATABASE_URL: can.t open mongodb:\/\/127\.0\.0\.1:1\/latchkey: its option w=1 would weaken/m,
    );
    assert.doesNotMatch(output, /PASSWORD/);
  });

  it('says that the folder cannot be used', async () => {
    const { code, output } = await outcome('file:/dev/null/data');
    assert.equal(code, 1);
    assert.match(
      output,
      /^latchkey: LATCHKEY_DATABASE_URL: can.t open file:\/dev\/null\/data: .*(?:ENOTDIR|not a directory)/m,
    );
  });

  const command = findCommand('mongodb');
  const skip = command?.endsWith('secantusd-py') ? false : 'needs a server that can pose as a standalone one';
  it('refuses a standalone server, and says what to do', { skip }, async () => {
    const port = await freePort();
    const args = ['--host', '127.0.0.1', '--port', `${port}`, '--storage-path', join(folder, 'alone'), '--standalone'];
    const server: ChildProcess = spawn(command ?? '', args, { stdio: 'ignore' });
    const { code, output } = await outcome(`mongodb://127.0.0.1:${port}/latchkey`);
    server.kill('SIGKILL');
    assert.equal(code, 1);
    assert.match(output, /not a member of a replica set; start it with --replSet/);
  });
});
