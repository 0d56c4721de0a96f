/**
 * The invariants under everything that a replica set may do, for many seeds. LATCHKEY_TEST_SEEDS sets how many; LATCHKEY_TEST_SEED runs one
 * again.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { violationsOf } from './history.ts';
import { runWorld } from './world.ts';

const SEEDS = Number(
  process.env['LATCHKEY_TEST_SEEDS'] ?? (process.env['LATCHKEY_TEST_REQUIRE'] === 'all' ? 300 : 100),
);
const only = process.env['LATCHKEY_TEST_SEED'];
const seeds = only === undefined ? Array.from({ length: SEEDS }, (_, n) => `seed-${n}`) : [only];

describe('the application on a modelled replica set', () => {
  it(`keeps the invariants in ${seeds.length} histories`, async (t) => {
    const kinds = new Map<string, number>();
    for (const seed of seeds) {
      const history = await runWorld(seed, { instances: 2, actors: 3, acts: 12, wrongClock: seed.endsWith('7') });
      const violations = violationsOf(history);
      assert.deepEqual(violations, [], `LATCHKEY_TEST_SEED=${seed} replays it`);
      for (const { kind, status } of history.entries)
        kinds.set(`${kind} ${status}`, (kinds.get(`${kind} ${status}`) ?? 0) + 1);
    }
    t.diagnostic(
      [...kinds]
        .sort()
        .map(([kind, count]) => `${kind}: ${count}`)
        .join(', '),
    );
    // A model in which nothing goes wrong, or nothing right, proves nothing.
    if (only === undefined) {
      for (const kind of [
        'verify 200',
        'verify 401',
        'verify 503',
        'issue 201',
        'revoke 200',
        'rotate 201',
        'refresh 200',
        'refresh 503',
      ])
        assert.ok((kinds.get(kind) ?? 0) > 0, `no ${kind} in all histories`);
    }
  });
});
