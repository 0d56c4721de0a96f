/**
 * What may be spent once: authorization codes, and refresh tokens that are rotated. One request at a time spends it; its answer is kept, readable
 * only with the value itself, so that a caller who lost it gets the same again.
 */
import type { Clock } from '../clock.ts';
import { AppError } from '../errors.ts';
import type { Random } from '../identifiers.ts';
import { seal, unseal } from '../secrets/sealing.ts';
import type { Collection } from '../storage/index.ts';
import type { Artifact } from './artifacts.ts';

export interface OneTime {
  /** Of the artifact. */
  id: string;
  value: string;
  /** The caller who may have the answer again. */
  fingerprint: string;
}

/** How long one request has the right to itself: a process that died in between holds nobody up for longer. */
const LOCK_MS = 4000;
const LOOK_AGAIN_MS = 40;

export type OneTimes = ReturnType<typeof createOneTimes>;

export function createOneTimes(deps: {
  artifacts: Collection<Artifact>;
  clock: Clock;
  random: Random;
  answerMs: number;
}) {
  const { artifacts, clock, random } = deps;

  return {
    /**
     * Waits until no other request spends the same. Gives the answer that an earlier one got, where this one may have it; undefined when it
     * is this one's to spend, or over, or unknown: whoever spends it sees which. Throws storage_unavailable.
     */
    async claim({ id, value, fingerprint }: OneTime, windowMs: number): Promise<string | undefined> {
      const deadline = clock.monotonicMs() + deps.answerMs;
      for (;;) {
        const now = clock.now();
        const result = await artifacts.update(id, (artifact) => {
          const isFree =
            artifact.answeredAt === undefined && (artifact.lockedUntil === undefined || artifact.lockedUntil <= now);
          return isFree ? { ...artifact, lockedUntil: new Date(now.getTime() + LOCK_MS) } : undefined;
        });
        if (!result || result.after !== result.before) return undefined;
        const { answer: kept, answeredAt, fingerprint: first } = result.before;
        if (answeredAt !== undefined) {
          const isRetry =
            kept !== undefined && first === fingerprint && now.getTime() - answeredAt.getTime() <= windowMs;
          return isRetry ? unseal(kept, value, 'answers to repeat') : undefined;
        }
        if (clock.monotonicMs() > deadline) throw new AppError('storage_unavailable');
        await clock.wait(LOOK_AGAIN_MS);
      }
    },

    /** From now on it is spent. */
    async keep({ id, value, fingerprint }: OneTime, answer: string): Promise<void> {
      const sealed = seal(answer, value, 'answers to repeat', random);
      await artifacts.update(id, (artifact) => ({
        ...artifact,
        answer: sealed,
        answeredAt: clock.now(),
        fingerprint,
      }));
    },

    /** It was not spent after all: the next request need not wait. */
    async release({ id }: OneTime): Promise<void> {
      await artifacts.update(id, ({ lockedUntil: _lockedUntil, ...artifact }) => artifact);
    },
  };
}
