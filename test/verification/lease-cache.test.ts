import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLeaseCache } from '../../src/verification/lease-cache.ts';
import { createMovableClock } from '../support/clock.ts';

/** A source whose reads are answered by hand. */
function createSource() {
  const asked: { key: string; answer: (value: string | undefined) => void; fail: (error: Error) => void }[] = [];
  const read = (key: string) =>
    new Promise<string | undefined>((answer, fail) => {
      asked.push({ key, answer, fail });
    });
  return { asked, read };
}

function setUp(leaseMs = 1000, maxEntries = 10) {
  const clock = createMovableClock();
  const source = createSource();
  let hits = 0;
  const cache = createLeaseCache<string>({ read: source.read, clock, leaseMs, maxEntries, onHit: () => hits++ });
  return { clock, cache, asked: source.asked, hits: () => hits };
}

describe('the lease cache', () => {
  it('answers from memory until a lease after the read began, not after it ended', async () => {
    const { clock, cache, asked, hits } = setUp();
    const first = cache.get('k');
    clock.advance(600);
    asked[0]?.answer('v');
    assert.equal(await first, 'v');
    clock.advance(399);
    assert.equal(cache.get('k'), 'v');
    assert.equal(hits(), 1);
    clock.advance(1);
    assert.ok(cache.get('k') instanceof Promise);
    assert.equal(asked.length, 2);
  });

  it('reads once for many who ask at the same time', async () => {
    const { cache, asked } = setUp();
    const answers = Array.from({ length: 20 }, () => cache.get('k'));
    asked[0]?.answer('v');
    assert.deepEqual(new Set(await Promise.all(answers)), new Set(['v']));
    assert.equal(asked.length, 1);
  });

  it('does not let a late caller join a read that began a lease ago', async () => {
    const { clock, cache, asked } = setUp();
    const early = cache.get('k');
    clock.advance(1000);
    const late = cache.get('k');
    assert.equal(asked.length, 2);
    asked[0]?.answer('revoked meanwhile');
    asked[1]?.answer(undefined);
    assert.equal(await early, 'revoked meanwhile');
    assert.equal(await late, undefined);
  });

  it('does not remember what a slow read found longer ago than a lease', async () => {
    const { clock, cache, asked } = setUp();
    const slow = cache.get('k');
    clock.advance(1500);
    asked[0]?.answer('old');
    await slow;
    assert.ok(cache.get('k') instanceof Promise);
  });

  it('never remembers that nothing was found, and asks again for those who came later', async () => {
    const { cache, asked } = setUp();
    const first = cache.get('k');
    const joined = [cache.get('k'), cache.get('k')];
    asked[0]?.answer(undefined);
    assert.equal(await first, undefined);
    await new Promise((resolve) => setImmediate(resolve));
    // The token was made between: one more read serves all who joined.
    assert.equal(asked.length, 2);
    asked[1]?.answer('made meanwhile');
    assert.deepEqual(await Promise.all(joined), ['made meanwhile', 'made meanwhile']);
    assert.equal(cache.get('k'), 'made meanwhile');
  });

  it('passes a failure on to all who wait, and asks anew after it', async () => {
    const { cache, asked } = setUp();
    const waiting = [cache.get('k'), cache.get('k')];
    asked[0]?.fail(new Error('store down'));
    const results = await Promise.allSettled(waiting);
    assert.ok(results.every(({ status }) => status === 'rejected'));
    const again = cache.get('k');
    asked[1]?.answer('v');
    assert.equal(await again, 'v');
  });

  it('reads every time with a lease of 0', async () => {
    const { cache, asked } = setUp(0);
    for (const round of [0, 1, 2]) {
      const answer = cache.get('k');
      asked[round]?.answer('v');
      assert.equal(await answer, 'v');
    }
    assert.equal(asked.length, 3);
  });

  it('holds no more entries than it may', async () => {
    const { cache, asked } = setUp(1000, 3);
    for (let index = 0; index < 10; index++) {
      const answer = cache.get(`k${index}`);
      asked[index]?.answer('v');
      await answer;
    }
    assert.equal(cache.size, 3);
    assert.equal(cache.get('k9'), 'v');
  });
});
