/** Whether an identity provider has paused after refusals, told from its tries alone. Pure. */
import { HOUR_MS } from '../clock.ts';

/** Less than this is no pause, whatever its rhythm. */
export const PAUSE_MS = 2 * HOUR_MS;
/** How many times its usual distance between two tries it keeps quiet before it counts as paused. */
const PAUSED_AFTER = 2;
/** So many tries in a row at its usual rhythm show that it runs again. */
const RUNS_AGAIN = 3;

export interface Pause {
  /** The try before the first pause. */
  since: Date;
  /** Pauses until now: one that tries once in a while has paused again and again, and that is one thing. */
  times: number;
}

/**
 * `tries`: refused ones, earliest first. `acceptedAt`: the accepted request before them, which tells the rhythm; of an event-driven one no more
 * than `mostMs` of that distance counts. A single try does not end a pause: it only shows that the next one begins.
 */
export function pauseOf(
  tries: readonly Date[],
  { acceptedAt, mostMs, at }: { acceptedAt: Date | undefined; mostMs: number; at: Date },
): Pause | undefined {
  const [first] = tries;
  if (!first) return undefined;
  const limitOf = (gapMs: number) => Math.max(PAUSE_MS, PAUSED_AFTER * gapMs);
  let limitMs = limitOf(acceptedAt ? Math.min(first.getTime() - acceptedAt.getTime(), mostMs) : 0);
  let pause: Pause | undefined;
  let inRow = 0;
  [...tries.slice(1), at].forEach((next, index) => {
    const before = tries[index] ?? first;
    const gapMs = next.getTime() - before.getTime();
    if (gapMs >= limitMs) {
      pause = { since: pause?.since ?? before, times: (pause?.times ?? 0) + 1 };
      inRow = 0;
    } else if (next !== at) {
      inRow += 1;
      if (!pause) limitMs = Math.max(limitMs, limitOf(gapMs));
      else if (inRow >= RUNS_AGAIN) pause = undefined;
    }
  });
  return pause;
}
