/**
 * The invariants in every order of three operations on two instances, each order with every single fault. LATCHKEY_TEST_ORDERS sets how many
 * steps from the beginning are put into every order; those after them go on in one.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { violationsOf } from './history.ts';
import { areIndependent, exploreAll } from './interleavings.ts';
import { type Asked, OPERATIONS, type Operation, runOrder } from './orders.ts';

const DEPTH = Number(process.env['LATCHKEY_TEST_ORDERS'] ?? (process.env['LATCHKEY_TEST_REQUIRE'] === 'all' ? 2 : 1));
/** Which of the two instances is asked for the first, the second and the third operation. */
const PLACES = [
  [0, 0, 1],
  [0, 1, 0],
  [0, 1, 1],
] as const;

const threes: [Operation, Operation, Operation][] = OPERATIONS.flatMap((first, a) =>
  OPERATIONS.slice(a).flatMap((second, b) =>
    OPERATIONS.slice(a + b).map((third): [Operation, Operation, Operation] => [first, second, third]),
  ),
);

describe('three operations on two instances', () => {
  it(`keep the invariants in every order of their first ${DEPTH} steps, whichever one thing goes wrong`, async (t) => {
    let histories = 0;
    const answers = new Set<string>();
    for (const operations of threes) {
      for (const places of PLACES) {
        const asked = operations.map((operation, index): Asked => ({ operation, instance: places[index] as 0 | 1 }));
        const name = asked.map(({ operation, instance }) => `${operation}@${instance}`).join(' ');
        for (const deposed of [undefined, 0, 1] as const) {
          await exploreAll({ faults: deposed === undefined ? 1 : 0, depth: DEPTH }, async (explored) => {
            const history = await runOrder(explored, asked, deposed);
            if (!history) return true;
            histories++;
            assert.deepEqual(
              violationsOf(history),
              [],
              `${name}; deposed: ${deposed}; ${JSON.stringify(explored.made())}`,
            );
            for (const { kind, status } of history.entries) answers.add(`${kind} ${status}`);
            return true;
          });
        }
      }
    }
    t.diagnostic(`${histories} histories`);
    for (const answer of [
      'verify 200',
      'verify 401',
      'verify 503',
      'issue 201',
      'issue 409',
      'revoke 200',
      'rotate 201',
    ])
      assert.ok(answers.has(answer), `no ${answer} in all of them`);
  });
});

describe('the orders', () => {
  const move = (who: string, collection: string, id: string | undefined, writes: boolean) =>
    ({ key: '', who, step: { collection, id, writes }, fate: writes ? 'applied' : 'answered', make() {} }) as const;

  it('take steps for independent only where neither can see the other', () => {
    const read = move('one', 'credentials', 'a', false);
    assert.equal(areIndependent(read, move('other', 'credentials', 'b', true)), true);
    assert.equal(areIndependent(read, move('other', 'credentials', 'a', false)), true);
    assert.equal(areIndependent(read, move('other', 'events', 'a', true)), true);
    assert.equal(areIndependent(read, move('other', 'credentials', 'a', true)), false);
    assert.equal(areIndependent(read, move('other', 'credentials', undefined, true)), false);
    assert.equal(areIndependent(read, move('one', 'credentials', 'b', false)), false);
    assert.equal(areIndependent(move('one', 'credentials', 'a', true), move('other', 'credentials', 'b', true)), false);
  });

  it('are all there: two tasks of two steps that see each other have six, those that do not have one', async () => {
    const count = async (collections: [string, string]) => {
      const seen = new Set<string>();
      await exploreAll({ faults: 0, depth: 100 }, async (explored) => {
        const order: string[] = [];
        explored.begin();
        for (const [index, collection] of collections.entries()) {
          const task = async () => {
            for (let step = 0; step < 2; step++) {
              await explored.turn(`${index}`, { collection, id: 'a', writes: true });
              order.push(`${index}`);
            }
          };
          explored.spawn(task());
        }
        if (await explored.run()) seen.add(order.join(''));
        return true;
      });
      return seen.size;
    };
    assert.equal(await count(['same', 'same']), 6);
    assert.equal(await count(['one', 'other']), 1);
  });
});
