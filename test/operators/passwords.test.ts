import assert from 'node:assert/strict';
import { lookup } from 'node:dns/promises';
import { describe, it } from 'node:test';
import { isAppError } from '../../src/errors.ts';
import { createPasswords, createQueue } from '../../src/operators/passwords.ts';

describe('password digests', () => {
  it('are computed two at a time, a few wait, and further ones are told to come again', async () => {
    let [running, most] = [0, 0];
    const ends: (() => void)[] = [];
    const inTurn = createQueue(2, 3);
    const work = () =>
      inTurn(async () => {
        most = Math.max(most, ++running);
        await new Promise<void>((done) => ends.push(done));
        running--;
      }).then(
        () => 'done',
        (error: unknown) => (isAppError(error, 'busy') ? 'busy' : 'fault'),
      );
    const answers = Array.from({ length: 8 }, work);
    assert.deepEqual(await Promise.all(answers.slice(5)), ['busy', 'busy', 'busy']);
    for (let turn = 0; turn < 5; turn++) {
      await new Promise(setImmediate);
      ends.shift()?.();
    }
    assert.deepEqual(await Promise.all(answers.slice(0, 5)), Array(5).fill('done'));
    assert.equal(most, 2);
    const later = work();
    await new Promise(setImmediate);
    ends.shift()?.();
    assert.equal(await later, 'done', 'the queue is empty again');
  });

  it('leave room for names and files in the thread pool: those are done before a flood of sign-ins is', async () => {
    const passwords = createPasswords();
    const order: string[] = [];
    const flood = Promise.allSettled(
      Array.from({ length: 18 }, () => passwords.isRight(undefined, 'x').finally(() => order.push('password'))),
    );
    await lookup('localhost').then(() => order.push('name'));
    await flood;
    assert.ok(order.indexOf('name') < 6, order.join(' '));
  });

  it('of nobody are never right', async () => {
    const passwords = createPasswords();
    assert.equal(await passwords.isRight(undefined, ''), false);
    assert.equal(await passwords.isRight(await passwords.digest('one'), 'one'), true);
    assert.equal(await passwords.isRight(await passwords.digest('one'), 'two'), false);
  });

  it('are of the whole password: nothing is cut off a longer one', async () => {
    const passwords = createPasswords();
    const longest = 'x'.repeat(256);
    const digest = await passwords.digest(longest);
    assert.equal(await passwords.isRight(digest, longest), true);
    assert.equal(await passwords.isRight(digest, `${longest}y`), false);
  });
});
