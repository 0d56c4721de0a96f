/** Signs of life of directories as they are in the field: seeded, so that every run sees the same years. */

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export type TraceClass = 'poller' | 'nightly' | 'active 60' | 'active 12' | 'active 4' | 'active 2';

export interface Trace {
  kind: TraceClass;
  /** Hours with an accepted request, ascending. */
  signs: Date[];
}

/** Mulberry32: small, and even enough for traffic. */
export function createRandomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Days on which nobody works: ten a year, and the days around the turn of the year. */
export function isHoliday(day: Date): boolean {
  const [month, date] = [day.getUTCMonth() + 1, day.getUTCDate()];
  if ((month === 12 && date >= 24) || (month === 1 && date <= 2)) return true;
  return HOLIDAYS.has(`${month}-${date}`);
}
const HOLIDAYS = new Set(['4-3', '4-6', '5-1', '5-14', '5-25', '7-3', '9-7', '10-12', '11-26', '11-27']);

const WEEKLY: Record<Exclude<TraceClass, 'poller' | 'nightly'>, number> = {
  'active 60': 60,
  'active 12': 12,
  'active 4': 4,
  'active 2': 2,
};

/** One directory over `weeks`, with business hours, holidays, busy and slow weeks, and a slow drift. */
export function makeTrace(kind: TraceClass, start: Date, weeks: number, random: () => number): Trace {
  const signs: Date[] = [];
  const phase = random() * 2 * Math.PI;
  const job = 1 + Math.floor(random() * 4);
  let pace = 1;
  for (let index = 0; index < weeks * 7; index++) {
    const day = new Date(start.getTime() + index * DAY_MS);
    const weekday = day.getUTCDay();
    const isFree = weekday === 0 || weekday === 6 || isHoliday(day);
    if (weekday === 1) pace = Math.exp((random() - 0.5) * 1.2);
    const drift = 1 + 0.3 * Math.sin(phase + (2 * Math.PI * index) / 364);
    for (let hour = 0; hour < 24; hour++) {
      if (isSign(kind, { hour, job, isFree, chance: pace * drift, random }))
        signs.push(new Date(day.getTime() + hour * HOUR_MS));
    }
  }
  return { kind, signs };
}

function isSign(
  kind: TraceClass,
  {
    hour,
    job,
    isFree,
    chance,
    random,
  }: { hour: number; job: number; isFree: boolean; chance: number; random: () => number },
): boolean {
  if (kind === 'poller') return random() > 0.01;
  if (kind === 'nightly') return hour === job && random() > 0.01;
  const isWorking = hour >= 7 && hour < 19;
  const share = WEEKLY[kind] / 60;
  if (isFree) return random() < share * 0.02;
  return isWorking && random() < Math.min(0.98, share * chance);
}
