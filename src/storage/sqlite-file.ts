/** A whole SQLite store as a file: copied while it is in use, and checked. */
import { chmodSync, existsSync } from 'node:fs';
import { readableBy } from './schema-version.ts';
import { loadSqlite } from './sqlite-connection.ts';

/** One consistent state of `from`, written to the new file `to`. Throws an Error. */
export async function copy(from: string, to: string): Promise<void> {
  const db = (await loadSqlite())(from);
  try {
    db.exec('PRAGMA busy_timeout = 5000');
    db.prepare('VACUUM INTO ?').run(to);
  } finally {
    db.close();
  }
  chmodSync(to, 0o600);
}

/** Opens a file as a store and reads all of it. Throws an Error that says what is wrong with it. */
export async function check(path: string): Promise<{ newestEventAt: Date | undefined }> {
  if (!existsSync(path)) throw new Error(`there is no ${path}`);
  const db = (await loadSqlite())(path, { readOnly: true });
  try {
    const [result] = db.prepare('PRAGMA integrity_check(1)').get() as [string];
    if (result !== 'ok') throw new Error(`${path} is damaged: ${result}`);
    const note = (key: string) =>
      (db.prepare('SELECT value FROM latchkey_meta WHERE key = ?').get(key) as [string] | undefined)?.[0];
    const version = note('schema_version');
    if (version === undefined) throw new Error(`${path} is not the store of a Latchkey`);
    readableBy(version, note('oldest_reader'));
    const [newest] = db.prepare('SELECT max(at) FROM events').get() as [string | null];
    return { newestEventAt: newest === null ? undefined : new Date(newest) };
  } catch (error) {
    if (/no such table|not a database|malformed/.test(String(error)))
      throw new Error(`${path} is not the store of a Latchkey, or is damaged: ${(error as Error).message}`, {
        cause: error,
      });
    throw error;
  } finally {
    db.close();
  }
}
