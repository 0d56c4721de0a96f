/** When silence means something, against years of simulated traffic with the bounds that the design promises. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  asExpected,
  calendarWeight,
  dayKey,
  fleetWeight,
  isFleetQuiet,
  type Rhythm,
  silenceOf,
  type WeightOf,
  withSign,
} from '../../src/diagnosis/silence.ts';
import { createRandomNumbers, makeTrace, type Trace, type TraceClass } from '../support/traces.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = new Date('2024-01-01T00:00:00.000Z');
const WEEKS = 104;
const QUIET_DAYS = 21;
const CLASSES: TraceClass[] = ['poller', 'nightly', 'active 60', 'active 12', 'active 4', 'active 2'];
const PER_CLASS = 10;

const random = createRandomNumbers(20_261_127);
const traces = CLASSES.flatMap((kind) =>
  Array.from({ length: PER_CLASS }, () => makeTrace(kind, START, WEEKS, random)),
);
const eventDriven = traces.filter(({ kind }) => kind.startsWith('active'));

/** As the product counts it: directories with a sign of life on a day. */
function activeDays(of: readonly Trace[]): Map<string, number> {
  const active = new Map<string, number>();
  for (const { signs } of of) for (const day of new Set(signs.map(dayKey))) active.set(day, (active.get(day) ?? 0) + 1);
  return active;
}
const weightOf = fleetWeight(activeDays(eventDriven), eventDriven.length);

function replay(signs: readonly Date[], weight: WeightOf, until?: Date): { rhythm: Rhythm; alarms: Date[] } {
  let rhythm: Rhythm | undefined;
  const alarms: Date[] = [];
  for (const sign of signs) {
    if (until && sign >= until) break;
    // An alarm that the next sign would end.
    if (rhythm && silenceOf(rhythm, sign, weight, QUIET_DAYS).isAlarm) alarms.push(sign);
    rhythm = withSign(rhythm, sign, weight);
  }
  assert.ok(rhythm);
  return { rhythm, alarms };
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

describe('silence', () => {
  for (const kind of CLASSES) {
    it(`raises at most 0.8 false alarms per directory and year: ${kind}`, () => {
      const own = traces.filter((trace) => trace.kind === kind);
      const alarms = own.reduce((sum, { signs }) => sum + replay(signs, weightOf).alarms.length, 0);
      const perYear = alarms / own.length / (WEEKS / 52);
      assert.ok(perYear <= 0.8, `${perYear.toFixed(2)} a year`);
    });
  }

  for (const [kind, days] of [
    ['poller', 0.25],
    ['nightly', 3],
    ['active 60', 7.5],
    ['active 12', 18],
    ['active 4', 27],
  ] as const) {
    it(`notices an outage within ${days} days (median): ${kind}`, () => {
      const own = traces.filter((trace) => trace.kind === kind);
      const delays = own.map(({ signs }) => {
        const cut = new Date(START.getTime() + Math.floor((60 + random() * 30) * 7 * 24) * HOUR);
        const { rhythm } = replay(signs, weightOf, cut);
        for (let at = cut; at.getTime() - cut.getTime() < 90 * DAY; at = new Date(at.getTime() + HOUR))
          if (silenceOf(rhythm, at, weightOf, QUIET_DAYS).isAlarm) return (at.getTime() - cut.getTime()) / DAY;
        return 90;
      });
      assert.ok(median(delays) <= days, `${median(delays).toFixed(1)} days`);
    });
  }

  it('is the same whatever the date: a shift by whole weeks changes no alarm', () => {
    for (const { signs } of traces.filter((_, index) => index % 10 === 0)) {
      const plain = replay(signs, calendarWeight).alarms.map(Number);
      const shift = 10 * 7 * DAY;
      const shifted = replay(
        signs.map((sign) => new Date(sign.getTime() + shift)),
        calendarWeight,
      ).alarms;
      assert.deepEqual(
        shifted.map((at) => at.getTime() - shift),
        plain,
      );
    }
  });

  it('is no earlier for more traffic than the longest gap allows', () => {
    for (const { signs } of traces.filter((_, index) => index % 10 === 5)) {
      const half = signs.filter((_, index) => index % 2 === 0);
      for (const some of [half, signs]) {
        const { rhythm } = replay(some, calendarWeight, new Date(START.getTime() + 70 * 7 * DAY));
        const longest = Math.max(...rhythm.gaps.map(({ workingMs }) => workingMs));
        const within = new Date(rhythm.lastSignAt.getTime() + longest);
        assert.equal(silenceOf(rhythm, within, calendarWeight, QUIET_DAYS).isAlarm, false);
      }
    }
  });

  it('of all on a holiday raises nothing, and of all for good is one incident', () => {
    const busy = eventDriven.filter(({ kind }) => kind === 'active 60');
    const until = new Date('2025-11-26T00:00:00.000Z');
    const rhythms = busy.map(({ signs }) => replay(signs, weightOf, until).rhythm);
    const holiday = new Date('2025-11-27T12:00:00.000Z');
    const alarms = rhythms.filter((rhythm) => silenceOf(rhythm, holiday, weightOf, QUIET_DAYS).isAlarm);
    assert.ok(alarms.length <= busy.length * 0.05, `${alarms.length} alarms`);
    assert.equal(isFleetQuiet(rhythms, holiday, weightOf), false);
    const cut = new Date('2025-09-16T12:00:00.000Z');
    const before = busy.map(({ signs }) => replay(signs, weightOf, cut).rhythm);
    assert.equal(isFleetQuiet(before, cut, weightOf), false);
    assert.equal(isFleetQuiet(before, new Date(cut.getTime() + 3 * DAY), calendarWeight), true);
  });

  it('knows nothing of a clock that was moved back, and nothing changes by a restart', () => {
    const [trace] = traces;
    const { rhythm } = replay(trace?.signs.slice(0, 2000) ?? [], calendarWeight);
    const earlier = new Date(rhythm.lastSignAt.getTime() - 5 * DAY);
    assert.deepEqual(withSign(rhythm, earlier, calendarWeight), rhythm);
    assert.equal(silenceOf(rhythm, earlier, calendarWeight, QUIET_DAYS).isAlarm, false);
    const stored = JSON.parse(JSON.stringify(rhythm)) as Rhythm;
    const revived = { ...stored, firstSignAt: rhythm.firstSignAt, lastSignAt: rhythm.lastSignAt };
    const later = new Date(rhythm.lastSignAt.getTime() + 2 * DAY);
    assert.deepEqual(
      silenceOf(revived, later, calendarWeight, QUIET_DAYS),
      silenceOf(rhythm, later, calendarWeight, QUIET_DAYS),
    );
  });

  it('that was declared to be expected, or muted, raises no alarm again so soon', () => {
    const [trace] = eventDriven;
    const { rhythm } = replay(trace?.signs.slice(0, 5000) ?? [], calendarWeight);
    const late = new Date(rhythm.lastSignAt.getTime() + 60 * DAY);
    assert.equal(silenceOf(rhythm, late, calendarWeight, QUIET_DAYS).isAlarm, true);
    const longer = asExpected(rhythm, late, calendarWeight);
    assert.equal(silenceOf(longer, late, calendarWeight, QUIET_DAYS).isAlarm, false);
    const muted = { ...rhythm, mutedUntil: new Date(late.getTime() + DAY) };
    assert.equal(silenceOf(muted, late, calendarWeight, QUIET_DAYS).isAlarm, false);
    assert.equal(silenceOf(muted, new Date(late.getTime() + 2 * DAY), calendarWeight, QUIET_DAYS).isAlarm, true);
  });

  it('goes by the preset of the identity provider while the history is short', () => {
    const first = new Date('2026-03-02T09:00:00.000Z');
    const rhythm = withSign(undefined, first, calendarWeight);
    const after = (days: number) =>
      silenceOf(rhythm, new Date(first.getTime() + days * DAY), calendarWeight, QUIET_DAYS);
    assert.deepEqual([after(20).isAlarm, after(22).isAlarm, after(22).basis], [false, true, 'preset']);
  });
});
