/** A pause of an identity provider after refusals is one thing, however often it tries meanwhile. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pauseOf } from '../../src/diagnosis/pauses.ts';
import { HOUR, MINUTE } from '../support/clock.ts';

const START = Date.UTC(2026, 10, 24);
const hour = (hours: number) => new Date(START + hours * HOUR);
const MOST = 3 * HOUR;

/** As it is seen every ten minutes: the changes alone. */
function seen(triesAt: readonly number[], until: number, acceptedAt?: number): string[] {
  const told: string[] = [];
  for (let at = hour(triesAt[0] ?? 0).getTime(); at <= hour(until).getTime(); at += 10 * MINUTE) {
    const tries = triesAt.map(hour).filter((one) => one.getTime() <= at);
    const known = { acceptedAt: acceptedAt === undefined ? undefined : hour(acceptedAt), mostMs: MOST };
    const pause = pauseOf(tries, { ...known, at: new Date(at) });
    const says = pause ? `paused since ${(pause.since.getTime() - START) / HOUR}` : 'runs';
    if (told.at(-1) !== says) told.push(says);
  }
  return told;
}

describe('a pause after refusals', () => {
  it('is none of one that tries once an hour, from the first try on', () => {
    const tries = Array.from({ length: 30 }, (_, index) => index);
    assert.deepEqual(seen(tries, 30), ['runs']);
    assert.deepEqual(seen(tries, 30, -1), ['runs']);
  });

  it('begins once, and goes on through the tries after 6, 12 and 24 hours and each day', () => {
    assert.deepEqual(seen([0, 0.7, 1.3, 7.3, 19.3, 43.3, 67.3, 91.3], 110, -0.5), ['runs', 'paused since 1.3']);
    assert.equal(pauseOf([0, 6, 18].map(hour), { acceptedAt: undefined, mostMs: MOST, at: hour(21) })?.times, 3);
  });

  it('ends when it tries at its own rhythm again, and may begin anew', () => {
    assert.deepEqual(seen([0, 0.7, 1.4, 10, 10.7, 11.4, 12.1], 16), [
      'runs',
      'paused since 1.4',
      'runs',
      'paused since 12.1',
    ]);
  });

  it('is told within hours also where nothing had come for days before', () => {
    assert.deepEqual(seen([0], 10, -72), ['runs', 'paused since 0']);
    assert.equal(pauseOf([hour(0)], { acceptedAt: hour(-72), mostMs: MOST, at: hour(5) }), undefined);
  });
});
