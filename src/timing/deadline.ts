import { AppError } from '../errors.ts';

/**
 * What the store may cost one request in all, several operations one after the other: every request is answered within 5 s. Tests give the
 * application another value.
 */
export const ANSWER_MS = 4000;

/** The outcome of `work`, or storage_unavailable when there is none after `ms`; the work itself is not stopped. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const fail = () =>
      reject(new AppError('storage_unavailable', {}, { cause: new Error(`no outcome within ${Math.round(ms)} ms`) }));
    timer = setTimeout(fail, ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

export interface Allowance {
  /** The outcome of `work` within what is left; what the first took, the next has less. What is there at once costs nothing. */
  spend<T>(work: T | Promise<T>): T | Promise<T>;
  /**
   * Asked by work that is about to do what can't be undone. False when its answer has been given up already; otherwise the answer will be
   * waited for, however long it takes from here.
   */
  commit(): boolean;
}

/** One allowance for several pieces of work. */
export function createAllowance(ms: number): Allowance {
  let left = ms;
  let state: 'open' | 'committed' | 'given up' = 'open';

  async function spend<T>(work: Promise<T>): Promise<T> {
    const startedAt = performance.now();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const giveUp = () => {
        if (state === 'committed') return;
        state = 'given up';
        reject(new AppError('storage_unavailable', {}, { cause: new Error(`no outcome within ${Math.round(ms)} ms`) }));
      };
      timer = setTimeout(giveUp, Math.max(left, 0));
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
      left -= performance.now() - startedAt;
    }
  }

  return {
    spend: (work) => (work instanceof Promise ? spend(work) : work),
    commit() {
      if (state === 'open') state = 'committed';
      return state === 'committed';
    },
  };
}
