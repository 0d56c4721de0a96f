/** The store of a configuration: where it is, how it is opened, what belongs to it, and that it was not lost. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../clock.ts';
import type { Config } from '../config/index.ts';
import { isAppError } from '../errors.ts';
import type { Log } from '../log.ts';
import { openStorage, type Storage } from '../storage/index.ts';

/** The data folder of an embedded store. */
export function storeFolder({ LATCHKEY_DATABASE_URL: url }: Config): string | undefined {
  return url.startsWith('file:') ? url.slice('file:'.length) : undefined;
}

/** Where the store is, without what a URL may say of its user. */
export function storeOf({ LATCHKEY_DATABASE_URL: url }: Config): string {
  return url.startsWith('file:') ? url : url.replace(/\/\/[^/@]*@/, '//').replace(/\?.*/, '');
}

/** Throws an Error that names the setting and the reason. */
export async function openStore(config: Config, log: Log): Promise<Storage> {
  try {
    return await openStorage({
      url: config.LATCHKEY_DATABASE_URL,
      clock: systemClock,
      log,
      sqliteSynchronous: config.LATCHKEY_SQLITE_SYNCHRONOUS,
    });
  } catch (error) {
    throw new Error(`LATCHKEY_DATABASE_URL: can't open ${storeOf(config)}: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}

/**
 * Tells a new embedded store from one that lost its database: the secret is only made once the database is prepared, so a secret without one
 * belongs to something that was there. Prepares a new one. Throws an Error that says what to restore.
 */
export async function assertNotLost(config: Config, storage: Storage): Promise<void> {
  const folder = storeFolder(config);
  if (folder === undefined || (await storage.isPrepared())) return;
  if (existsSync(join(folder, 'secret'))) {
    throw new Error(
      `${join(folder, 'latchkey.db')} is empty, but ${join(folder, 'secret')} belongs to a store that was in use. Restore the database from a backup (latchkey restore FROM). To start from scratch, move the secret elsewhere.`,
    );
  }
  await storage.prepare();
}

/** Creates the secret of an embedded store beside the database, so that it needs no setup. With MongoDB, LATCHKEY_SECRET must be set. */
export function ensureSecret(config: Config, say: (line: string) => void): string {
  if (config.LATCHKEY_SECRET !== undefined) return config.LATCHKEY_SECRET;
  const folder = config.LATCHKEY_DATABASE_URL.slice('file:'.length);
  const file = join(folder, 'secret');
  if (!existsSync(file)) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(file, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' });
    say(
      `Created ${file}. It encrypts data that Latchkey must be able to read back. Back up the whole folder ${folder}, because a running database is more than one file.`,
    );
  }
  return readFileSync(file, 'utf8').trim();
}

/** What is behind a failure, from the outside in: "The credential store cannot be reached: database or disk is full". */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!isAppError(error) || error.cause === undefined) return error.message;
  return `${error.message.replace(/ Try again\.$/, '').replace(/\.$/, '')}: ${reasonOf(error.cause)}`;
}
