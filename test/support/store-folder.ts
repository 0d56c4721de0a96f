/**
 * Where tests keep stores. A run gives each file a folder in memory where the machine has room for it: a store there is written the same way and
 * survives the same kills, but no write waits for the disk that everything else on the machine uses too.
 */
import { existsSync, mkdtempSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MEMORY = '/dev/shm';
/** A whole run takes less than a tenth of it at a time; a container has 64 MB of such memory unless it is given more. */
const ENOUGH_BYTES = 4 * 1024 ** 3;

/** The parent of all folders of a run. The caller removes it. */
export function makeStoresOfRun(): string {
  return mkdtempSync(join(hasRoom(MEMORY) ? MEMORY : tmpdir(), 'latchkey-run-'));
}

/** A new folder for a store, whose path contains the name. */
export function makeStoreFolder(name: string): string {
  return mkdtempSync(join(process.env['LATCHKEY_TEST_STORES'] ?? tmpdir(), `latchkey-${name}-`));
}

function hasRoom(folder: string): boolean {
  if (!existsSync(folder)) return false;
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize > ENOUGH_BYTES;
}
