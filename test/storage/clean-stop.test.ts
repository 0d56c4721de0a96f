import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openStorage } from '../../src/storage/index.ts';
import { createMovableClock } from '../support/clock.ts';
import { silent } from '../support/engines.ts';

const spec = { name: 'things', shape: { name: 'string', at: 'date' }, keys: {}, order: 'at' } as const;

test('after a clean stop the database file alone holds everything, so that a copy of it is a backup', async (t) => {
  const clock = createMovableClock();
  const [folder, copy] = [mkdtempSync(join(tmpdir(), 'latchkey-')), mkdtempSync(join(tmpdir(), 'latchkey-'))];
  t.after(() => {
    for (const made of [folder, copy]) rmSync(made, { recursive: true, force: true });
  });

  const storage = await openStorage({ url: `file:${folder}`, clock, log: silent });
  const things = storage.collection(spec);
  await storage.prepare();
  await things.insert({ id: 'one', name: 'kept', at: clock.now() });
  assert.equal((await things.find('one'))?.name, 'kept');
  await storage.close();

  assert.equal(statSync(join(folder, 'latchkey.db-wal'), { throwIfNoEntry: false })?.size ?? 0, 0);
  copyFileSync(join(folder, 'latchkey.db'), join(copy, 'latchkey.db'));
  const restored = await openStorage({ url: `file:${copy}`, clock, log: silent });
  const found = restored.collection(spec);
  await restored.prepare();
  assert.equal((await found.find('one'))?.name, 'kept');
  await restored.close();
});
