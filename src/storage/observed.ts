import type { Storage } from './port.ts';

/** Made once for each collection; told of each operation: its name, its time in seconds, and whether the store answered. */
export type Observe = (
  collection: string,
  operations: readonly string[],
) => (operation: string, seconds: number, ok: boolean) => void;

/** The same storage, with every operation reported. */
export function observed(storage: Storage, observe: Observe): Storage {
  return {
    ...storage,
    collection(spec) {
      const collection = storage.collection(spec);
      const told = observe(spec.name, Object.keys(collection));
      const timed = Object.entries(collection).map(([operation, call]) => [
        operation,
        async (...args: unknown[]) => {
          const startedAt = performance.now();
          const report = (ok: boolean) => told(operation, (performance.now() - startedAt) / 1000, ok);
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
