/**
 * The workers of one service, as one of them sees the others. Each is an instance for itself, as on several machines: they share the store, and
 * leases keep what is revoked from being accepted. What they share beyond that goes through the primary process: counts of what is limited, and
 * the metrics. Alone, there is nobody to talk to.
 */

/** A method of a shared object that was called by another worker. */
type Call = [object: string, method: string, ...args: unknown[]];

export type ToPrimary =
  | { type: 'ready'; line: string }
  | { type: 'calls'; calls: Call[] }
  | { type: 'metrics wanted'; id: number }
  | { type: 'metrics'; id: number; metrics: unknown[] };

export type ToWorker =
  | { type: 'calls'; calls: Call[] }
  /** Asks for the worker's own, and tells of all. */
  | { type: 'metrics wanted'; id: number; workers: number; restarts: number }
  /** Of all workers, and what those that have ended had counted. */
  | { type: 'metrics'; id: number; all: unknown[][] };

/** What a process tells the primary, and hears of it. */
export interface Line {
  send(message: ToPrimary): void;
  listen(hear: (message: ToWorker) => void): void;
}

export interface Siblings {
  /**
   * The object, with calls of these methods made in all workers; the answer is that of our own. Arguments must be fit for JSON. Calls are passed
   * on in batches, a moment later.
   */
  shared<T extends object>(name: string, object: T, methods: readonly (keyof T & string)[]): T;
  /** Registers where a worker's metrics come from. */
  measure(read: (workers: number, restarts: number) => Promise<unknown[]>): void;
  /** The metrics of all workers, each as `read` gives them. */
  metrics(): Promise<unknown[][]>;
}

const BATCH_MS = 50;
/** Beyond that, further calls of a batch are not passed on: a caller who causes so many is refused by each worker on its own. */
const MOST_CALLS = 5000;

/** `line`: missing where there is one process only. */
export function createSiblings(line?: Line): Siblings {
  const objects = new Map<string, Record<string, (...args: unknown[]) => unknown>>();
  const asked = new Map<number, (all: unknown[][]) => void>();
  let read: (workers: number, restarts: number) => Promise<unknown[]> = async () => [];
  let calls: Call[] = [];
  let questions = 0;

  line?.listen((message) => {
    if (message.type === 'calls') {
      for (const [object, method, ...args] of message.calls) objects.get(object)?.[method]?.(...args);
    } else if (message.type === 'metrics wanted') {
      const { id, workers, restarts } = message;
      void read(workers, restarts).then((metrics) => line.send({ type: 'metrics', id, metrics }));
    } else {
      asked.get(message.id)?.(message.all);
      asked.delete(message.id);
    }
  });

  function pass(call: Call): void {
    if (calls.length === 0) setTimeout(sendCalls, BATCH_MS);
    if (calls.length < MOST_CALLS) calls.push(call);
  }

  function sendCalls(): void {
    line?.send({ type: 'calls', calls });
    calls = [];
  }

  return {
    shared(name, object, methods) {
      if (!line) return object;
      const own: Record<string, (...args: unknown[]) => unknown> = {};
      const shared: Record<string, unknown> = {};
      for (const method of methods) {
        const call = object[method] as (...args: unknown[]) => unknown;
        own[method] = call.bind(object);
        shared[method] = (...args: unknown[]) => {
          pass([name, method, ...args]);
          return call.apply(object, args);
        };
      }
      objects.set(name, own);
      return Object.create(object, Object.getOwnPropertyDescriptors(shared)) as typeof object;
    },

    measure(how) {
      read = how;
    },

    async metrics() {
      if (!line) return [await read(1, 0)];
      const id = ++questions;
      return new Promise((resolve) => {
        asked.set(id, resolve);
        line.send({ type: 'metrics wanted', id });
      });
    },
  };
}
