/**
 * Every order in which the steps of a few tasks can happen, one after the other: a task is run again from its beginning for each of them.
 * Orders that differ only in steps that do not concern each other are the same history, and one of them stands for all (sleep sets,
 * Godefroid 1996).
 */
import type { Scheduler, Step } from './scheduler.ts';

/** What may become of the question that a step asks; `applied` and `answered` are no faults. */
export type Fate = 'answered' | 'lost' | 'applied' | 'lost before' | 'lost after' | 'applied later' | 'dies after';

/** One thing that can happen next. */
interface Move {
  /** The same for the same move as long as it has not happened. */
  key: string;
  who: string;
  step: Step;
  fate: Fate;
  make: () => void;
}

export interface Explored extends Pick<Scheduler, 'turn' | 'sleep' | 'spawn' | 'nowMs'> {
  /** What becomes of the question whose turn has just come. */
  fate(): Fate;
  /** From now on the order of turns is decided; before, each comes at once. */
  begin(): void;
  /** Makes moves until nothing can happen any more. False: another order stands for this one. */
  run(): Promise<boolean>;
  /** The moves so far, to find a history again. */
  made(): string[];
}

interface Choice {
  moves: Move[];
  at: number;
  /** Moves that an earlier order began with here, and that nothing since has concerned. */
  asleep: Map<string, Move>;
}

interface Limits {
  /** Faults in one history. */
  faults: number;
  /** Moves from the beginning on whose order is varied. */
  depth: number;
}

/** Asks no document: two of them concern each other within one instance only. */
const NOTHING: Step = { collection: '', writes: false };
/** Out of reach until the end, when recovery writes all that waits for it: the seeds interleave that, too. */
const TRAIL = 'events';

/** Calls `once` for each order, until there is none left or it returns false. */
export async function exploreAll(limits: Limits, once: (explored: Explored) => Promise<boolean>): Promise<number> {
  const path: Choice[] = [];
  for (let count = 1; ; count++) {
    const goesOn = await once(createExplored(path, limits));
    while (path.length > 0 && isSpent(path[path.length - 1] as Choice)) path.pop();
    const last = path[path.length - 1];
    if (!last || !goesOn) return count;
    last.at += 1;
  }
}

function isSpent({ moves, at }: Choice): boolean {
  return at + 1 >= moves.length;
}

function createExplored(path: Choice[], { faults, depth }: Limits): Explored {
  let parked: { key: string; who: string; step: Step; release: () => void }[] = [];
  let sleepers: { key: string; who: string; dueMs: number; release: () => void }[] = [];
  const dead = new Set<string>();
  let [nowMs, serial, isRunning, faultsLeft] = [0, 0, false, faults];
  let fate: Fate = 'applied';
  const made: string[] = [];
  let failure: unknown;

  /** Until everything that can go on without a turn has done so. */
  async function settle(): Promise<void> {
    for (let seen = -1; seen !== serial; ) {
      seen = serial;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  function possible(): Move[] {
    const moves: Move[] = [];
    for (const entry of parked) {
      const { key, who, step, release } = entry;
      if (dead.has(who)) continue;
      const become = (next: Fate) => () => {
        fate = next;
        parked = parked.filter((other) => other !== entry);
        if (next === 'dies after') dead.add(who);
        if (next !== 'applied' && next !== 'answered') faultsLeft -= 1;
        release();
      };
      const usual = step.writes ? 'applied' : 'answered';
      moves.push({ key, who, step, fate: usual, make: become(usual) });
      if (faultsLeft === 0 || step.collection === '' || who === 'network') continue;
      const faulty: Fate[] = step.writes ? ['lost before', 'lost after', 'applied later', 'dies after'] : ['lost'];
      for (const next of faulty) moves.push({ key: `${key} ${next}`, who, step, fate: next, make: become(next) });
    }
    const awake = sleepers.filter(({ who }) => !dead.has(who));
    if (awake.length > 0) {
      const next = awake.reduce((a, b) => (b.dueMs < a.dueMs ? b : a));
      const wake = () => {
        nowMs = Math.max(nowMs, next.dueMs);
        sleepers = sleepers.filter((other) => other !== next);
        next.release();
      };
      // Time is everybody's: no step is independent of it.
      moves.push({ key: next.key, who: next.who, step: EVERYTHING, fate: 'answered', make: wake });
    }
    return moves;
  }

  return {
    nowMs: () => nowMs,
    fate: () => fate,
    made: () => made,
    begin() {
      isRunning = true;
    },
    async turn(who, step = NOTHING) {
      if (!isRunning) return;
      if (step.collection === TRAIL) {
        fate = 'lost before';
        return;
      }
      await new Promise<void>((release) => parked.push({ key: `${++serial}`, who, step, release }));
    },
    async sleep(who, ms) {
      if (!isRunning) {
        nowMs += ms;
        return;
      }
      await new Promise<void>((release) => sleepers.push({ key: `${++serial}`, who, dueMs: nowMs + ms, release }));
    },
    spawn(task) {
      task.catch((error: unknown) => {
        failure ??= error;
      });
    },
    async run() {
      let asleep = new Map<string, Move>();
      for (;;) {
        await settle();
        if (failure !== undefined) throw failure;
        const now = possible();
        if (now.length === 0) break;
        let choice = path[made.length];
        if (!choice) {
          const awake = now.filter(({ key }) => !asleep.has(key));
          if (awake.length === 0) return false;
          choice = { moves: made.length < depth ? awake : awake.slice(0, 1), at: 0, asleep };
          path.push(choice);
        }
        const wanted = choice.moves[choice.at] as Move;
        // The same move of this run.
        const move = now.find(({ key }) => key === wanted.key);
        if (!move) throw new Error(`the same beginning led elsewhere: ${wanted.key} is not possible`);
        const before = [...choice.asleep.values(), ...choice.moves.slice(0, choice.at)];
        asleep = new Map(before.filter((other) => areIndependent(other, move)).map((other) => [other.key, other]));
        made.push(`${move.who} ${move.step.writes ? 'writes' : 'reads'} ${move.step.collection}: ${move.fate}`);
        move.make();
      }
      isRunning = false;
      fate = 'applied';
      return true;
    },
  };
}

const EVERYTHING: Step = { collection: '*', writes: true };

/**
 * Whether two moves lead to the same whichever comes first. What one instance remembers is shared by all that it does, so its own moves never
 * are; nor are two writes of one collection, since unique keys stand between its records.
 */
export function areIndependent(one: Move, other: Move): boolean {
  if (one.who === other.who) return false;
  if (isFault(one) && isFault(other)) return false;
  const [a, b] = [one.step, other.step];
  if (a.collection === '*' || b.collection === '*') return false;
  if (a.collection !== b.collection) return true;
  if (!a.writes && !b.writes) return true;
  if (a.writes && b.writes) return false;
  return a.id !== undefined && b.id !== undefined && a.id !== b.id;
}

function isFault({ fate }: Move): boolean {
  return fate !== 'applied' && fate !== 'answered';
}
