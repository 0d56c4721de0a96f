/** The real storage with a fault point at each operation: what a store that fails, hangs or is cut off does to the application over it. */
import { AppError } from '../../src/errors.ts';
import type { Collection, Identified, Storage } from '../../src/storage/index.ts';

const WRITES: readonly (keyof Collection<Identified>)[] = [
  'insert',
  'update',
  'accumulate',
  'remove',
  'removeBy',
  'prune',
];

/** Called around an operation; what it throws, the operation throws. */
export interface Fault {
  before?(operation: string): Promise<void> | void;
  after?(operation: string): Promise<void> | void;
}

export interface FaultyStorage {
  wrap(storage: Storage): Storage;
  /** Each operation from now on, reads and writes, meets the fault; null mends it. */
  failAll(fault: Fault | null): void;
  /** The n-th write from now on (1 is the next) meets the fault, once. */
  failWrite(n: number, fault: Fault): void;
  /** The instance dies at the n-th write from now on, which meets the fault: nothing reaches the store after it. */
  dieAtWrite(n: number, fault: Fault): void;
  /** The same with reads counted too. */
  failOperation(n: number, fault: Fault): void;
  /** Whether that one has come. */
  wasReached(): boolean;
}

export function createFaultyStorage(): FaultyStorage {
  let everywhere: Fault | null = null;
  let once: { fault: Fault; left: number; writesOnly: boolean } | undefined;
  let mend = () => {};
  let mended = nextMend();

  function nextMend(): Promise<void> {
    return new Promise((resolve) => {
      mend = resolve;
    });
  }

  async function guarded(
    operation: keyof Collection<Identified>,
    name: string,
    work: () => Promise<unknown>,
  ): Promise<unknown> {
    let fault = everywhere;
    if (once && once.left > 0 && (!once.writesOnly || WRITES.includes(operation))) {
      once.left -= 1;
      if (once.left === 0) fault = once.fault;
    }
    if (!fault) return work();
    const what = `${operation} of ${name}`;
    // What hangs ends when the store is mended: a driver does not wait for ever either, and the application could not close.
    await Promise.race([fault.before?.(what), mended.then(() => Promise.reject(new AppError('storage_unavailable')))]);
    const result = await work();
    await fault.after?.(what);
    return result;
  }

  return {
    wrap: (storage) => ({
      ...storage,
      collection(spec) {
        const collection = storage.collection(spec);
        const wrapped = Object.entries(collection).map(([operation, call]) => [
          operation,
          (...args: unknown[]) =>
            guarded(operation as keyof Collection<Identified>, spec.name, () =>
              (call as (...values: unknown[]) => Promise<unknown>)(...args),
            ),
        ]);
        return Object.fromEntries(wrapped) as typeof collection;
      },
    }),
    failAll(fault) {
      everywhere = fault;
      if (fault !== null) return;
      mend();
      mended = nextMend();
    },
    failWrite(n, fault) {
      once = { fault, left: n, writesOnly: true };
    },
    dieAtWrite(n, fault) {
      const die = () => {
        everywhere = REFUSING;
      };
      const dying: Fault = {
        async before(operation) {
          if (fault.before) die();
          await fault.before?.(operation);
        },
        async after(operation) {
          die();
          await fault.after?.(operation);
        },
      };
      once = { fault: dying, left: n, writesOnly: true };
    },
    failOperation(n, fault) {
      once = { fault, left: n, writesOnly: false };
    },
    wasReached: () => once?.left === 0,
  };
}

function outage(): never {
  throw new AppError('storage_unavailable', {}, { cause: new Error('a fault of the test') });
}

/** The operation is not done. */
export const REFUSING: Fault = { before: outage };
/** The operation is done, but its acknowledgement is lost. */
export const FORGETTING: Fault = { after: outage };
