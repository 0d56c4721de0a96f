import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createOldestEntry } from '../../src/http/oldest-entry.ts';

describe('the oldest entry of a map', () => {
  it('is the one that a new walk would find first, whatever was deleted, inserted again or cleared before', () => {
    const map = new Map<number, object>();
    const findOldest = createOldestEntry(map);
    // A sequence that looks random and is the same each time.
    let state = 1;
    const below = (limit: number) => {
      state = (state * 48_271) % 2_147_483_647;
      return state % limit;
    };
    for (let turn = 0; turn < 20_000; turn++) {
      const key = below(50);
      if (below(3) === 0) map.delete(key);
      else {
        map.delete(key);
        map.set(key, {});
      }
      if (below(500) === 0) map.clear();
      if (below(2) === 0) assert.deepEqual(findOldest()?.[0], map.keys().next().value, `turn ${turn}`);
      if (below(4) === 0) map.delete(findOldest()?.[0] ?? -1);
    }
    map.clear();
    assert.equal(findOldest(), undefined);
    map.set(7, {});
    assert.equal(findOldest()?.[0], 7);
  });

  it('keeps nothing alive that the map has forgotten, however long nobody asks', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage: () => void = runInNewContext('gc');
    const map = new Map<number, object>();
    const findOldest = createOldestEntry(map);
    const forgotten: WeakRef<object>[] = [];
    for (let key = 0; key < 100; key++) map.set(key, {});
    assert.equal(findOldest()?.[0], 0);
    for (let turn = 0; turn < 20_000; turn++) {
      const key = turn % 100;
      const value = map.get(key);
      if (value && turn >= 100) forgotten.push(new WeakRef(value));
      map.delete(key);
      map.set(key, {});
    }
    // What a WeakRef was made of stays until its turn of the event loop is over.
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
    const alive = forgotten.filter((ref) => ref.deref() !== undefined).length;
    assert.ok(alive < 200, `${alive} of ${forgotten.length} are still in memory`);
    assert.equal(findOldest()?.[0], 0);
  });
});
