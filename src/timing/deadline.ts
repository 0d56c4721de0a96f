import { AppError } from '../errors.ts';

/** What the store may cost one request in all, several operations one after the other: every request is answered within 5 s. */
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
  /** Whether some work took too long, so that its answer was given up. That work goes on, and can ask this before it does harm. */
  isGivenUp(): boolean;
}

/** One allowance for several pieces of work. */
export function createAllowance(ms: number): Allowance {
  let left = ms;
  let isGivenUp = false;
  async function spend<T>(work: Promise<T>): Promise<T> {
    const startedAt = performance.now();
    const waitMs = Math.max(left, 0);
    try {
      return await within(waitMs, work);
    } finally {
      const tookMs = performance.now() - startedAt;
      left -= tookMs;
      isGivenUp ||= tookMs >= waitMs;
    }
  }
  return { spend: (work) => (work instanceof Promise ? spend(work) : work), isGivenUp: () => isGivenUp };
}
