/** Names whose DNS servers say nothing, next to names that resolve at once. */
import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import { describe, it } from 'node:test';
import { createNameLookups } from '../../src/gateway/index.ts';
import { createMovableClock } from '../support/clock.ts';

const FOUND: LookupAddress[] = [{ address: '192.0.2.1', family: 4 }];
const SILENT_MS = 10_000;
const PROBE_MS = 1000;

/** By `resolve`, each silent name holds a place until `giveUp`. */
function createNames({ isProbed = true } = {}) {
  const clock = createMovableClock();
  const asked: string[] = [];
  const silent = new Set(Array.from({ length: 5 }, (_, index) => `silent-${index}.example`));
  const held: (() => void)[] = [];
  const settle = () => new Promise(setImmediate);
  const lookUp = createNameLookups({
    clock,
    async probe(hostname) {
      if (isProbed && silent.has(hostname)) clock.advance(PROBE_MS);
    },
    resolve: (hostname) => {
      asked.push(hostname);
      if (!silent.has(hostname)) return Promise.resolve(FOUND);
      return new Promise((_resolve, reject) => {
        held.push(() => reject(new Error('EAI_AGAIN')));
      });
    },
  });
  const lookUpSilent = (...names: string[]) =>
    Promise.all(names.map((name) => lookUp(name).catch(() => 'failed' as const)));
  return {
    asked,
    silent,
    lookUp,
    lookUpSilent,
    async countHeld() {
      await settle();
      return held.length;
    },
    async giveUp() {
      await settle();
      clock.advance(SILENT_MS);
      held.shift()?.();
      await settle();
    },
  };
}

describe('the lookups of names', () => {
  it('never wait for names that are silent, however many there are', async () => {
    const { lookUp, lookUpSilent, silent, countHeld, giveUp } = createNames();
    await lookUp('honest.example');
    const all = lookUpSilent(...silent);
    for (const name of silent) {
      assert.equal(await countHeld(), 1, 'a place stays free');
      assert.deepEqual(await lookUp('honest.example'), FOUND);
      assert.deepEqual(await lookUp(`new-beside-${name}`), FOUND);
      await giveUp();
    }
    assert.deepEqual(new Set(await all), new Set(['failed']));
  });

  it('wait once for names that fall silent after they were asked for', async () => {
    const { lookUp, lookUpSilent, countHeld, giveUp } = createNames({ isProbed: false });
    const names = ['silent-1.example', 'silent-2.example'];
    const first = lookUpSilent(...names);
    assert.equal(await countHeld(), 2);
    await giveUp();
    await giveUp();
    assert.deepEqual(await first, ['failed', 'failed']);
    const again = lookUpSilent(...names);
    assert.equal(await countHeld(), 1);
    assert.deepEqual(await lookUp('new.example'), FOUND);
    await giveUp();
    await giveUp();
    await again;
  });

  it('go on with a name whose servers speak again', async () => {
    const { lookUp, lookUpSilent, silent, giveUp, countHeld } = createNames();
    const first = lookUpSilent('silent-1.example');
    await giveUp();
    await first;
    silent.delete('silent-1.example');
    await lookUp('silent-1.example');
    const other = lookUpSilent('silent-2.example');
    assert.equal(await countHeld(), 1);
    assert.deepEqual(await lookUp('silent-1.example'), FOUND);
    await giveUp();
    await other;
  });

  it('of one name at the same time are one', async () => {
    const { asked, lookUpSilent, giveUp } = createNames();
    const all = lookUpSilent('silent-1.example', 'silent-1.example', 'silent-1.example');
    await giveUp();
    assert.deepEqual(await all, ['failed', 'failed', 'failed']);
    assert.deepEqual(asked, ['silent-1.example']);
  });
});
