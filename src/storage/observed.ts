import type { Storage } from './port.ts';

/** Told of each operation: its name, the collection, its time in seconds, and whether the store answered. */
export type Observe = (operation: string, collection: string, seconds: number, ok: boolean) => void;

/** The same storage, with every operation reported. */
export function observed(storage: Storage, observe: Observe): Storage {
  return {
    ...storage,
    collection(spec) {
      const collection = storage.collection(spec);
      const timed = Object.entries(collection).map(([operation, call]) => [
        operation,
        async (...args: unknown[]) => {
          const startedAt = performance.now();
          const report = (ok: boolean) => observe(operation, spec.name, (performance.now() - startedAt) / 1000, ok);
          try {
            const result = await (call as (...values: unknown[]) => Promise<unknown>)(...args);
            report(true);
            return result;
          } catch (error) {
            report((error as { code?: unknown }).code !== 'storage_unavailable');
            throw error;
          }
        },
      ]);
      return Object.fromEntries(timed) as typeof collection;
    },
  };
}
