import type { Log } from '../log.ts';

/** Something done again and again in the background. */
export interface Round {
  name: string;
  everyMs: number;
  run: () => Promise<unknown>;
  /** Every worker runs it, since it is about what a process has in its memory; one of them is enough for all others. */
  ofEachWorker?: boolean;
  /** Runs even while our clock is wrong, since it decides nothing by time. */
  trustsNoClock?: boolean;
}

/** Runs each round on its own, never twice at a time; a failure is logged and tried again next time. */
export function startRounds(
  rounds: readonly Round[],
  log: Log,
  hasRightClock: () => boolean,
): { stop(): Promise<void> } {
  const running = new Set<Promise<unknown>>();
  const timers = rounds.map(({ name, everyMs, run, trustsNoClock = false }) => {
    let isBusy = false;
    const timer = setInterval(() => {
      if (isBusy || !(trustsNoClock || hasRightClock())) return;
      isBusy = true;
      const turn = run()
        .catch((error: unknown) =>
          log.warn({ err: error, round: name }, 'a background round failed; Latchkey tries again'),
        )
        .finally(() => {
          isBusy = false;
          running.delete(turn);
        });
      running.add(turn);
    }, everyMs);
    return timer.unref();
  });
  return {
    async stop() {
      for (const timer of timers) clearInterval(timer);
      await Promise.all(running);
    },
  };
}
