/** How fast emails go out, so that many at once make no burst. Counted by the clock that never jumps. */
import type { Clock } from '../clock.ts';

export interface Pace {
  /** Whether one may go out now; it has its place then. */
  take(): boolean;
  /** For one that did not go out after all. */
  giveBack(): void;
}

/** Rounds come once a second: what belongs to the next one may go now. */
const AHEAD_MS = 1000;

export function createPace(clock: Pick<Clock, 'monotonicMs'>, perMinute: number): Pace {
  const stepMs = 60_000 / perMinute;
  let freeAt = 0;
  return {
    take() {
      const now = clock.monotonicMs();
      if (freeAt > now + AHEAD_MS) return false;
      freeAt = Math.max(now, freeAt) + stepMs;
      return true;
    },
    giveBack() {
      freeAt -= stepMs;
    },
  };
}
