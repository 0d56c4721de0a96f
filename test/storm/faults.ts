/** What goes wrong in a storm. Each kind of trouble has a schedule of its own, drawn from the seed, so that they meet by chance. */
import type { Dice } from '../replica-set/scheduler.ts';
import { createDice } from '../replica-set/scheduler.ts';
import { pause } from '../support/traffic.ts';
import type { Instance } from './instances.ts';

export type Fault =
  | 'kill -9'
  | 'rolling restart'
  | 'stopped and continued'
  | 'clock a few seconds off'
  | 'clock an hour off'
  | 'restart with a wrong clock'
  | 'slow connection'
  | 'silent connection'
  | 'cut connections';

const HOUR_MS = 3_600_000;

/** Counts what goes wrong in `counts`. `end` lets what is going on come to its end. */
export function startFaults(
  seed: string,
  instances: readonly Instance[],
  counts: Map<Fault, number>,
): { end(): Promise<void> } {
  let isOver = false;
  const over = () => isOver;
  const note = (fault: Fault) => void counts.set(fault, (counts.get(fault) ?? 0) + 1);
  /** Between two bounds, in milliseconds. */
  const some = (dice: Dice, from: number, to: number) => pause(from + dice.below(to - from));

  const troubles: Record<string, (dice: Dice, instance: Instance) => Promise<void>> = {
    async process(dice, instance) {
      const kind = dice.below(10);
      if (kind < 4) {
        note('kill -9');
        await instance.end('SIGKILL');
        await some(dice, 0, 1500);
        await instance.start(over);
      } else if (kind < 8) {
        note('stopped and continued');
        instance.signal('SIGSTOP');
        await some(dice, 200, 6000);
        instance.signal('SIGCONT');
      } else {
        note('rolling restart');
        for (const each of instances) {
          await each.end('SIGTERM');
          await each.start(over);
        }
      }
    },
    async network(dice, instance) {
      const { network } = instance;
      const kind = dice.below(3);
      if (kind === 0) {
        note('slow connection');
        network.slow(20 + dice.below(400));
      } else if (kind === 1) {
        note('silent connection');
        network.hold();
      } else {
        note('cut connections');
        network.cut();
      }
      await some(dice, 100, 5000);
      network.heal();
    },
    async clock(dice, instance) {
      const kind = dice.below(3);
      const sign = dice.pick([1, -1]);
      if (kind === 0) {
        note('clock a few seconds off');
        instance.setClock(sign * 4000);
        await some(dice, 1000, 10_000);
      } else if (kind === 1) {
        note('clock an hour off');
        instance.setClock(sign * HOUR_MS);
        await some(dice, 1000, 40_000);
      } else {
        note('restart with a wrong clock');
        await instance.end('SIGKILL');
        instance.setClock(sign * HOUR_MS);
        if (!(await instance.start(over))) return;
        await some(dice, 1000, 10_000);
      }
      instance.setClock(0);
    },
  };

  // One trouble with processes at a time: two that start the same instance would get in each other's way.
  const busy = new Set<Instance>();
  const running = Object.entries(troubles).map(async ([name, trouble]) => {
    const dice = createDice(`${seed} ${name}`);
    while (!isOver) {
      await some(dice, 500, 4000);
      const instance = dice.pick(instances);
      if (isOver || (name !== 'network' && busy.size > 0)) continue;
      if (name !== 'network') busy.add(instance);
      const startedAt = performance.now();
      await trouble(dice, instance);
      busy.delete(instance);
      // As long as it was in trouble it is left alone, so that something is served on a slow machine too.
      const restsUntil = performance.now() + (performance.now() - startedAt);
      while (!isOver && performance.now() < restsUntil) await pause(100);
    }
  });

  return {
    async end() {
      isOver = true;
      await Promise.all(running);
    },
  };
}
