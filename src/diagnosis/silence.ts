/**
 * When silence means something. Most identity providers send nothing when nothing changes, so no fixed rhythm exists: what counts is whether
 * a directory has been quiet for longer than ever, in working time. Pure; what is kept of a directory is a handful of numbers.
 */
import { DAY_MS, HOUR_MS } from '../clock.ts';

export interface Gap {
  /** ISO times of the signs of life at both ends. */
  from: string;
  to: string;
  /** Of it, as it was counted when it ended. */
  workingMs: number;
}

/** What is kept of a directory. A sign of life is an accepted request or a granted token. */
export interface Rhythm {
  firstSignAt: Date;
  lastSignAt: Date;
  /** The longest of the last 52 weeks. */
  gaps: readonly Gap[];
  /** How many gaps there were since the first sign, as far as they are told apart. */
  gapCount: number;
  /** A silence of this much working time was declared to be expected. */
  expectedMs?: number;
  mutedUntil?: Date;
}

/** The share of a day that counts as working time, 0 to 1. `day`: the start of the day in UTC. */
export type WeightOf = (day: Date) => number;

export interface Silence {
  limitMs: number;
  workingMs: number;
  basis: 'own' | 'preset';
  isAlarm: boolean;
}

const WEEK_MS = 7 * DAY_MS;
const GAPS_KEPT = 20;
const MEMORY_WEEKS = 52;
const LEAST_WEEKS = 4;
const LEAST_GAPS = 8;
const LEAST_LIMIT_MS = 3 * HOUR_MS;
/** Shorter ones are the pauses within a visit. */
const LEAST_GAP_MS = HOUR_MS;
const MARGIN = 1.25;
const YOUTH = 0.35;
/** With fewer peers than these, the calendar says which days are working days. */
const LEAST_PEERS = 10;
const WEEKEND = 0.15;
const PEER_DAYS = 56;

function startOfDay(at: Date): Date {
  return new Date(Math.floor(at.getTime() / DAY_MS) * DAY_MS);
}

/** Working time between two moments; never more than the time itself. */
export function workingMs(from: Date, to: Date, weightOf: WeightOf): number {
  let sum = 0;
  for (let day = startOfDay(from); day < to; day = new Date(day.getTime() + DAY_MS)) {
    const begin = Math.max(from.getTime(), day.getTime());
    const end = Math.min(to.getTime(), day.getTime() + DAY_MS);
    sum += Math.max(0, end - begin) * weightOf(day);
  }
  return sum;
}

/** Weekdays count, weekends hardly. */
export function calendarWeight(day: Date): number {
  const weekday = day.getUTCDay();
  return weekday === 0 || weekday === 6 ? WEEKEND : 1;
}

/**
 * Days as the fleet worked: a day counts as many event-driven directories as were active on it, measured by the median of the busier five
 * sevenths of the 56 days before. `activeOn`: by the ISO date; `peers`: how many directories there are.
 */
export function fleetWeight(activeOn: ReadonlyMap<string, number>, peers: number): WeightOf {
  if (peers < LEAST_PEERS) return calendarWeight;
  const known = new Map<string, number>();
  return (day) => {
    const key = dayKey(day);
    const found = known.get(key);
    if (found !== undefined) return found;
    const before = Array.from({ length: PEER_DAYS }, (_, index) =>
      activeOn.get(dayKey(new Date(day.getTime() - (index + 1) * DAY_MS))),
    ).filter((count) => count !== undefined);
    const busier = before.sort((a, b) => b - a).slice(0, Math.ceil((before.length * 5) / 7));
    const median = busier[Math.floor(busier.length / 2)] ?? 0;
    // The day that runs has not been counted to its end.
    const weight = median === 0 ? calendarWeight(day) : Math.min(1, (activeOn.get(key) ?? 0) / median);
    known.set(key, weight);
    return weight;
  };
}

export function dayKey(day: Date): string {
  return day.toISOString().slice(0, 10);
}

/** A new sign of life. One that lies before the latest changes nothing, as when a clock was moved back. */
export function withSign(rhythm: Rhythm | undefined, at: Date, weightOf: WeightOf): Rhythm {
  if (!rhythm) return { firstSignAt: at, lastSignAt: at, gaps: [], gapCount: 0 };
  const { lastSignAt, expectedMs: _expected, ...rest } = rhythm;
  if (at <= lastSignAt) return rhythm;
  const lastsMs = at.getTime() - lastSignAt.getTime();
  const kept = rhythm.expectedMs === undefined ? rest : { ...rest, expectedMs: rhythm.expectedMs };
  if (lastsMs < LEAST_GAP_MS) return { ...kept, lastSignAt: at };
  const gap = { from: lastSignAt.toISOString(), to: at.toISOString(), workingMs: workingMs(lastSignAt, at, weightOf) };
  const oldest = new Date(at.getTime() - MEMORY_WEEKS * WEEK_MS).toISOString();
  const gaps = [...rhythm.gaps, gap]
    .filter(({ to }) => to >= oldest)
    .sort((a, b) => b.workingMs - a.workingMs)
    .slice(0, GAPS_KEPT);
  return { ...kept, lastSignAt: at, gaps, gapCount: rhythm.gapCount + 1 };
}

/** `quietDays`: what is usual for the identity provider, while a directory has too little history of its own. */
export function silenceOf(rhythm: Rhythm, now: Date, weightOf: WeightOf, quietDays: number): Silence {
  const { firstSignAt, lastSignAt, gaps, gapCount, expectedMs = 0, mutedUntil } = rhythm;
  const isMuted = mutedUntil !== undefined && mutedUntil > now;
  const weeks = Math.min(MEMORY_WEEKS, (lastSignAt.getTime() - firstSignAt.getTime()) / WEEK_MS);
  const quietMs = Math.max(0, now.getTime() - lastSignAt.getTime());
  if (weeks < LEAST_WEEKS || gapCount < LEAST_GAPS) {
    const presetMs = quietDays * DAY_MS;
    const limitMs = Math.max(presetMs, expectedMs * MARGIN);
    // The preset is plain time; what was declared to be expected is working time, as it passes slower.
    const isBeyond = expectedMs === 0 || workingMs(lastSignAt, now, weightOf) > expectedMs * MARGIN;
    const isAlarm = !isMuted && quietMs > presetMs && isBeyond;
    return { limitMs, workingMs: quietMs, basis: 'preset', isAlarm };
  }
  const longest = Math.max(expectedMs, ...gaps.map((gap) => gap.workingMs));
  const limitMs = Math.max(LEAST_LIMIT_MS, longest * marginOf(weeks));
  // The calendar bounds working time, so most moments need no look at the days.
  const passed = quietMs <= limitMs ? 0 : workingMs(lastSignAt, now, weightOf);
  return { limitMs, workingMs: passed, basis: 'own', isAlarm: !isMuted && passed > limitMs };
}

/** In plain time, as it is told; 0 where none is known. */
export function longestGapMs({ gaps }: Rhythm): number {
  return Math.max(0, ...gaps.map(({ from, to }) => Date.parse(to) - Date.parse(from)));
}

/** The shorter the history, the less its longest gap says. */
function marginOf(weeks: number): number {
  return MARGIN * (MEMORY_WEEKS / Math.max(weeks, 1)) ** YOUTH;
}

/** "This is expected": the running silence becomes part of the record. */
export function asExpected(rhythm: Rhythm, now: Date, weightOf: WeightOf): Rhythm {
  const passed = workingMs(rhythm.lastSignAt, now, weightOf);
  return { ...rhythm, expectedMs: Math.max(rhythm.expectedMs ?? 0, passed) };
}

const FLEET_LEAST = 5;
const FLEET_SHARE = 0.3;
const USUALLY_ACTIVE_MS = 28 * DAY_MS;

/** Counts the directories of one identity provider, to say whether so many are quiet that it is one incident. */
export function createFleetCount(now: Date, weightOf: WeightOf) {
  let active = 0;
  let quiet = 0;
  let isBehind = false;
  return {
    /** Whether this one is quiet beyond its own 95th percentile. */
    add(rhythm: Rhythm): boolean {
      const quietMs = now.getTime() - rhythm.lastSignAt.getTime();
      if (quietMs < -LEAST_GAP_MS) isBehind = true;
      if (quietMs >= USUALLY_ACTIVE_MS) return false;
      active++;
      const isQuiet = isBeyondUsual(rhythm, now, weightOf);
      if (isQuiet) quiet++;
      return isQuiet;
    },
    active: () => active,
    /** There are signs of life from later on: the clock was moved back, and says nothing of silence. */
    isBehind: () => isBehind,
    isQuiet: () => quiet >= FLEET_LEAST && quiet >= active * FLEET_SHARE,
  };
}

/** Whether so many directories of one identity provider are quiet beyond their own 95th percentile that it is one incident. */
export function isFleetQuiet(rhythms: readonly Rhythm[], now: Date, weightOf: WeightOf): boolean {
  const count = createFleetCount(now, weightOf);
  for (const rhythm of rhythms) count.add(rhythm);
  return count.isQuiet();
}

/** The kept gaps are the longest ones, so that a percentile of all is found among them by its rank from above. */
export function isBeyondUsual({ lastSignAt, gaps, gapCount }: Rhythm, now: Date, weightOf: WeightOf): boolean {
  if (gapCount < LEAST_GAPS) return false;
  const rank = Math.floor(gapCount * 0.05);
  const usual = gaps[Math.min(rank, gaps.length - 1)]?.workingMs ?? 0;
  return workingMs(lastSignAt, now, weightOf) > Math.max(usual, LEAST_LIMIT_MS);
}
