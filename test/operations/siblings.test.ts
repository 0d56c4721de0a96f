import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createSiblings, type ToPrimary, type ToWorker } from '../../src/operations/siblings.ts';

function createTally() {
  const counts: string[] = [];
  return {
    counts,
    take(key: string) {
      counts.push(key);
      return counts.length;
    },
  };
}

describe('an object that workers share', () => {
  it('is the object itself where there is one process', () => {
    const tally = createTally();
    assert.equal(createSiblings().shared('tally', tally, ['take']), tally);
  });

  it('answers by its own count, and passes calls on in one message', async () => {
    let send: (message: ToPrimary) => void = () => undefined;
    const sent = new Promise<ToPrimary>((resolve) => {
      send = resolve;
    });
    const siblings = createSiblings({ send, listen: () => undefined });
    const shared = siblings.shared('tally', createTally(), ['take']);

    assert.equal(shared.take('a'), 1);
    assert.equal(shared.take('b'), 2);

    assert.deepEqual(await sent, {
      type: 'calls',
      calls: [
        ['tally', 'take', 'a'],
        ['tally', 'take', 'b'],
      ],
    });
  });

  it('does what others called, and passes that on no further', () => {
    const sent: ToPrimary[] = [];
    let hear: (message: ToWorker) => void = () => undefined;
    const siblings = createSiblings({
      send: (message) => sent.push(message),
      listen: (listener) => {
        hear = listener;
      },
    });
    const tally = createTally();
    siblings.shared('tally', tally, ['take']);

    hear({
      type: 'calls',
      calls: [
        ['tally', 'take', 'c'],
        ['nothing', 'take', 'd'],
        ['tally', 'counts'],
      ],
    });

    assert.deepEqual(tally.counts, ['c']);
    assert.deepEqual(sent, []);
  });
});
