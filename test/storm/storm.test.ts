/**
 * The invariants in a storm. What decides is the history alone, and that load was served at all: no figure here depends on how fast the machine
 * is. LATCHKEY_TEST_STORM_SECONDS sets how long it lasts, LATCHKEY_TEST_SEED its schedule.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { storyOf, violationsOf } from '../replica-set/history.ts';
import { findCommand } from '../support/parts.ts';
import { prepareStorm, type Storm } from './storm.ts';

const ofSuite = process.env['LATCHKEY_TEST_REQUIRE'] === 'all' ? 120 : 30;
const seconds = Number(process.env['LATCHKEY_TEST_STORM_SECONDS'] ?? ofSuite);
const seed = process.env['LATCHKEY_TEST_SEED'] ?? `storm-${Date.now()}`;
const skip = findCommand('mongodb') && findCommand('haproxy') ? false : 'needs HAProxy and a MongoDB server to start';

describe('three instances behind HAProxy', { skip }, () => {
  let storm: Storm;
  const counts = new Map<string, number>();
  const told = (map: ReadonlyMap<string, number>) =>
    [...map]
      .sort()
      .map(([what, count]) => `${what}: ${count}`)
      .join(', ');

  after(() => storm?.close());

  // Steps of one story: each tells that it goes on, and a run of the suite ends what says nothing for long.
  it('start, and are found', async () => {
    storm = await prepareStorm(seed);
  });

  it(`serve in a storm of ${seconds} s, in which none ends by itself`, async (t) => {
    await storm.blow(seconds);
    for (const { kind, status } of storm.history.entries)
      counts.set(`${kind} ${status}`, (counts.get(`${kind} ${status}`) ?? 0) + 1);
    const perSecond = (storm.requests() / seconds).toFixed(0);
    t.diagnostic(`${seed}: ${storm.requests()} requests, ${perSecond} a second, of ${storm.customers()} customers`);
    t.diagnostic(told(storm.faults));
    t.diagnostic(told(counts));
    assert.deepEqual(storm.crashes, []);
    // A storm in which nothing is served, or nothing goes wrong, proves nothing. A machine that is busy serves less.
    const count = (what: string) => counts.get(what) ?? 0;
    assert.ok(count('verify 200') > seconds / 4, told(counts));
    assert.ok(count('verify 401') > 0 && count('issue 201') > 0, told(counts));
    assert.ok(count('refresh 200') + count('token 200') > 0, told(counts));
    assert.ok(storm.faults.size > 1, told(storm.faults));
  });

  it('serve as before once it is over, and nothing that was acknowledged is lost', async () => {
    await storm.calm();
    assert.ok(storm.history.entries.some(({ by, kind, status }) => by === 'end' && kind === 'read' && status === 200));
  });

  it('kept the invariants', () => {
    const violations = violationsOf(storm.history);
    if (violations.length === 0) return;
    writeFileSync('build/storm-history.json', JSON.stringify(storm.history));
    const [, subject] = / of (\S+) by /.exec(violations[0] ?? '') ?? [];
    const story = subject === undefined ? [] : storyOf(storm.history, subject);
    assert.fail(
      [`LATCHKEY_TEST_SEED=${seed}; the history is in build/storm-history.json`, ...violations, '', ...story].join(
        '\n',
      ),
    );
  });
});
