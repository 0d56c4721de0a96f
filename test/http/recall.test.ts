import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRecall } from '../../src/http/recall.ts';

test('a text is worked out once as long as it is asked for, and few others are', () => {
  const made: string[] = [];
  const recall = createRecall((text) => {
    made.push(text);
    return text.toUpperCase();
  }, 2);

  assert.equal(recall('a'), 'A');
  assert.equal(recall('a'), 'A');
  assert.deepEqual(made, ['a']);

  recall('b');
  recall('c');
  assert.equal(recall('a'), 'A', 'it is kept when newer ones come');
  assert.deepEqual(made, ['a', 'b', 'c']);
});

test('what was not asked for lately is forgotten, so that memory is bounded whatever callers send', () => {
  let made = 0;
  const recall = createRecall((text) => {
    made++;
    return text;
  }, 2);

  for (const text of ['a', 'b', 'c', 'd', 'e']) recall(text);
  recall('a');

  assert.equal(made, 6);
});

test('a long text is worked out each time', () => {
  let made = 0;
  const recall = createRecall((text) => {
    made++;
    return text;
  });

  recall('x'.repeat(1000));
  recall('x'.repeat(1000));

  assert.equal(made, 2);
});
