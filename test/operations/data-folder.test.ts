import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { tightenDataFolder } from '../../src/operations/index.ts';
import { startLatchkey } from '../support/process.ts';

describe('the data folder', () => {
  let folder: string;
  const modeOf = (path: string) => (statSync(path).mode & 0o7777).toString(8);
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'latchkey-folder-'));
    for (const name of ['latchkey.db', 'latchkey.db-wal', 'secret']) {
      writeFileSync(join(folder, name), '');
      chmodSync(join(folder, name), 0o644);
    }
    chmodSync(folder, 0o755);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('is closed to group and others, with all of our files in it', () => {
    const { closed, left } = tightenDataFolder(folder);
    assert.equal(closed.length, 4);
    assert.equal(left, undefined);
    assert.equal(modeOf(folder), '700');
    for (const name of ['latchkey.db', 'latchkey.db-wal', 'secret']) assert.equal(modeOf(join(folder, name)), '600');
    assert.deepEqual(tightenDataFolder(folder), { closed: [], left: undefined });
  });

  it("stays open where others have files in it, or it is everybody's; ours are closed all the same", () => {
    writeFileSync(join(folder, 'notes.txt'), '', { mode: 0o644 });
    assert.equal(tightenDataFolder(folder).left, folder);
    assert.deepEqual([modeOf(folder), modeOf(join(folder, 'notes.txt'))], ['755', '644']);
    assert.equal(modeOf(join(folder, 'secret')), '600');
    rmSync(join(folder, 'notes.txt'));
    chmodSync(folder, 0o1777);
    assert.equal(tightenDataFolder(folder).left, folder);
    assert.equal(modeOf(folder), '1777');
  });

  it('is nothing to speak of before there is one', () => {
    assert.deepEqual(tightenDataFolder(join(folder, 'none')), { closed: [], left: undefined });
  });
});

describe('a start', () => {
  it('says what it found: a folder that others could read, root, and a Node.js past its end, each in one line of ours', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-start-'));
    chmodSync(folder, 0o755);
    const latchkey = await startLatchkey({ databaseUrl: `file:${folder}` });
    await latchkey.end();
    const output = latchkey.output();
    rmSync(folder, { recursive: true, force: true });
    const count = (pattern: RegExp) => [...output.matchAll(pattern)].length;
    assert.equal(count(/others could read the data folder; they no longer can/g), 1);
    assert.equal(count(/started as root/g), process.getuid?.() === 0 ? 1 : 0);
    assert.equal(count(/no longer gets security fixes/g), Number.parseInt(process.versions.node, 10) < 22 ? 1 : 0);
    assert.doesNotMatch(output, /oidc-provider WARNING/);
  });

  it('does not speak of an upgrade where the store is new', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-start-'));
    const latchkey = await startLatchkey({ databaseUrl: `file:${folder}`, env: { LATCHKEY_LOG_LEVEL: 'info' } });
    await latchkey.end();
    rmSync(folder, { recursive: true, force: true });
    assert.match(latchkey.output(), /"level":/);
    assert.doesNotMatch(latchkey.output(), /upgrading the store/);
  });
});
