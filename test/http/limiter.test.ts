import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLimiter } from '../../src/http/limiter.ts';
import { createMovableClock, MINUTE, SECOND } from '../support/clock.ts';

describe('a limiter', () => {
  it('says how long to wait from the point beyond its limit on, and forgets when the window ends', () => {
    const clock = createMovableClock();
    const limiter = createLimiter({ points: 2, windowMs: MINUTE, maxKeys: 10, clock });
    assert.deepEqual([limiter.take('a'), limiter.take('a'), limiter.take('a')], [undefined, undefined, 60]);
    clock.advance(20 * SECOND);
    assert.deepEqual(
      [limiter.take('a'), limiter.take('b'), limiter.waitOf('a'), limiter.waitOf('b')],
      [40, undefined, 40, undefined],
    );
    assert.equal(limiter.waitOf('a', 4), undefined);
    for (let n = 0; n < 10; n++) limiter.take('a');
    assert.equal(limiter.waitOf('a', 4), 40);
    clock.advance(40 * SECOND);
    assert.deepEqual([limiter.waitOf('a'), limiter.take('a')], [undefined, undefined]);
  });

  it('takes back what was right', () => {
    const limiter = createLimiter({ points: 1, windowMs: MINUTE, maxKeys: 10, clock: createMovableClock() });
    for (let n = 0; n < 5; n++) {
      assert.equal(limiter.take('a'), undefined);
      limiter.giveBack('a');
    }
    limiter.giveBack('nobody');
  });

  it('keeps no more keys than it may, the latest ones, and gives memory back as time passes', () => {
    const clock = createMovableClock();
    const limiter = createLimiter({ points: 1, windowMs: MINUTE, maxKeys: 100, clock });
    for (let n = 0; n < 10_000; n++) limiter.take(`key ${n}`);
    assert.ok(limiter.size <= 100);
    assert.equal(limiter.take('key 9999'), 60);
    assert.equal(limiter.take('key 1'), undefined);
    clock.advance(2 * MINUTE);
    for (let n = 0; n < 40; n++) limiter.take(`later ${n}`);
    assert.ok(limiter.size <= 40);
  });
});
