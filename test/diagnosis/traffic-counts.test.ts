/** What is counted while the store cannot be written: nothing of it is lost, and a run of failures keeps its beginning. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createCounts, type Pending } from '../../src/diagnosis/traffic-counts.ts';
import { createMovableClock, HOUR, MINUTE } from '../support/clock.ts';

const where = { id: 'dir_1', organizationId: 'org_1', provider: 'okta' } as const;

function setUp() {
  const clock = createMovableClock();
  const counts = createCounts(clock);
  const taken = (): Pending => {
    const due = counts.due(true);
    counts.take(due);
    assert.equal(due.length, 1);
    return due[0] as Pending;
  };
  const lookUp = (outcome: 'ok' | 'normal_refusal' | 'upstream_failing' | 'upstream_wrong_base') =>
    counts.outcome(where, 'look_up', outcome, 'gateway');
  return { clock, counts, taken, lookUp };
}

describe('counts that could not be written', () => {
  it('are added to what came since', () => {
    const { clock, counts, taken, lookUp } = setUp();
    counts.accepted(where, '198.51.100.7', 'Okta');
    lookUp('ok');
    const first = taken();
    const firstAt = clock.now().getTime();
    clock.advance(MINUTE);
    counts.accepted(where, '198.51.100.7', 'Okta');
    counts.accepted(where, '203.0.113.9', 'curl');
    lookUp('ok');
    counts.putBack(first);
    const both = taken();
    assert.deepEqual(both.signs, { first: firstAt, last: firstAt + MINUTE });
    assert.deepEqual(
      [...both.sources.values()].map(({ address, count, first }) => [address, count, first]),
      [
        ['198.51.100.7', 2, firstAt],
        ['203.0.113.9', 1, firstAt + MINUTE],
      ],
    );
    assert.deepEqual(
      [...both.hours.values()].map(({ count }) => count),
      [2],
    );
    assert.deepEqual(counts.due(true), []);
  });

  it('keep the beginning of a run of failures, unless a proper answer came between', () => {
    const { clock, counts, taken, lookUp } = setUp();
    const startedAt = clock.now().getTime();
    lookUp('upstream_failing');
    const first = taken();
    clock.advance(HOUR);
    lookUp('upstream_failing');
    counts.putBack(first);
    assert.equal(taken().outcomes.get('look_up')?.since, startedAt);

    lookUp('upstream_failing');
    const second = taken();
    clock.advance(HOUR);
    lookUp('ok');
    clock.advance(HOUR);
    lookUp('upstream_failing');
    counts.putBack(second);
    const { since, answeredAt } = taken().outcomes.get('look_up') ?? {};
    assert.deepEqual([since, answeredAt], [startedAt + 3 * HOUR, startedAt + 2 * HOUR]);
  });

  it('do not take a refusal of one resource for the end of a wrong base URL', () => {
    const { clock, counts, taken, lookUp } = setUp();
    lookUp('upstream_wrong_base');
    const first = taken();
    clock.advance(HOUR);
    lookUp('normal_refusal');
    counts.putBack(first);
    assert.equal(taken().outcomes.get('look_up')?.outcome, 'upstream_wrong_base');
  });
});

describe('counts that can wait', () => {
  it('are those of a directory that is always active, whatever the hour; the first sign after an hour cannot', () => {
    const { clock, counts } = setUp();
    const urgent = () => {
      const due = counts.due(false);
      counts.take(due);
      return due.length;
    };
    counts.accepted(where, '198.51.100.7', 'Okta');
    assert.equal(urgent(), 1, 'the first of all');
    for (let minute = 1; minute <= 130; minute++) {
      clock.advance(MINUTE);
      counts.accepted(where, '198.51.100.7', 'Okta');
      // Written every ten minutes, and in between at no full hour.
      assert.equal(urgent(), minute % 11 === 0 ? 1 : 0, `minute ${minute}`);
    }
    counts.take(counts.due(true));
    clock.advance(HOUR);
    counts.accepted(where, '198.51.100.7', 'Okta');
    assert.equal(urgent(), 1, 'after an hour');
  });
});
