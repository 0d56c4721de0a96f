/**
 * Which release may read a store, and what each release once changed in it. A roll-out runs two releases on one store: the newer one raises
 * the version, and the older one goes on as long as `oldest_reader` allows.
 */
import type { Log } from '../log.ts';

/** Raised by each release that stores something in a new way. */
export const SCHEMA_VERSION = 1;
/** The lowest SCHEMA_VERSION whose release understands what this one writes. */
const OLDEST_READER = 1;

export interface Migration {
  /** Never changed once released: the store remembers it. */
  name: string;
  /**
   * Brings stored records to this release's form. It runs after each start until it has finished once, so it can run again after a crash, on two
   * instances at a time, and while an older release still writes: it must be harmless then.
   */
  run(): Promise<void>;
}

/** Small facts about the store itself. */
interface Notes {
  read(key: string): Promise<string | undefined>;
  write(key: string, value: string): Promise<void>;
}

/** Throws an Error when only later releases understand the store. */
export function readableBy(version: string | undefined, oldestReader = version): void {
  if (Number(oldestReader ?? 0) <= SCHEMA_VERSION) return;
  throw new Error(
    `A later Latchkey wrote this store (schema version ${version}; this release knows ${SCHEMA_VERSION}). Start that release, or restore a backup.`,
  );
}

/** Of stores that were empty when this process first prepared them. */
const ofNewStores = new WeakSet<Notes>();

/** Runs what has not run on this store yet, then raises the version that the store bears. */
export async function migrate(notes: Notes, migrations: readonly Migration[], log: Log): Promise<void> {
  const stored = await notes.read('schema_version');
  if (stored === undefined) ofNewStores.add(notes);
  for (const { name, run } of migrations) {
    const key = `migration_${name}`;
    if ((await notes.read(key)) !== undefined) continue;
    // In a new store there is nothing to upgrade.
    if (!ofNewStores.has(notes)) log.info({ migration: name }, 'upgrading the store');
    await run();
    await notes.write(key, new Date().toISOString());
  }
  if (stored !== undefined && Number(stored) >= SCHEMA_VERSION) return;
  await notes.write('oldest_reader', String(OLDEST_READER));
  await notes.write('schema_version', String(SCHEMA_VERSION));
}
