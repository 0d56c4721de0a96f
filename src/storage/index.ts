/**
 * KEEPS. The storage port: named collections of records with declared shapes and keys, on SQLite or MongoDB alike.
 *
 * What holds on both engines (test/conformance/storage.test.ts):
 * - a write that has been acknowledged survives kill -9 and, with the default settings, power loss; a count (`accumulate`) kill -9 alone;
 * - `unique` keys are enforced by the engine; a record without the attribute claims nothing;
 * - `update` is compare-and-swap: its `change` is pure and runs again when another writer came first;
 * - a record past the `expires` attribute of its spec is absent on every read; `reclaim` only frees its space;
 * - a duplicate key is a `DuplicateKey`, an unreachable store an AppError `storage_unavailable`; nothing else is thrown.
 */
import type { Clock } from '../clock.ts';
import { AppError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Patience } from './patience.ts';
import type { ReadOptions, Storage } from './port.ts';

export { allPages } from './all-pages.ts';
export { decodeCursor, encodeCursor } from './cursor.ts';
export { type Observe, observed } from './observed.ts';
export type {
  Accumulation,
  Collection,
  CollectionSpec,
  Identified,
  KeyKind,
  Page,
  PageQuery,
  ReadOptions,
  Storage,
} from './port.ts';
export { type Migration, SCHEMA_VERSION } from './schema-version.ts';
export { json, type RecordOf, type Shape, type Stored, text } from './shape.ts';
export { fits, type Waiting, withWaiting } from './waiting.ts';

/** A unique key was taken. `key` is the attribute, `id` for the record's own id. */
export class DuplicateKey extends Error {
  override readonly name = 'DuplicateKey';
  readonly collection: string;
  readonly key: string;

  constructor(collection: string, key: string, options?: ErrorOptions) {
    super(`duplicate ${key} in ${collection}`, options);
    this.collection = collection;
    this.key = key;
  }
}

export function isDuplicate(error: unknown, key: string): boolean {
  return error instanceof DuplicateKey && error.key === key;
}

export interface OpenOptions {
  /** `file:DIR` or `mongodb://...`. */
  url: string;
  clock: Clock;
  log: Log;
  sqliteSynchronous?: 'full' | 'normal';
  /** With MongoDB: `PATIENCE` unless given. */
  patience?: Patience;
}

/** Opens the engine that the URL names. Only that engine's driver is loaded. */
export async function openStorage(options: OpenOptions): Promise<Storage> {
  if (options.url.startsWith('file:')) {
    const { openSqlite } = await import('./sqlite.ts');
    return openSqlite({ ...options, folder: options.url.slice('file:'.length) });
  }
  const { openMongodb } = await import('./mongodb.ts');
  return openMongodb(options);
}

/**
 * Reads, and where that would lead to a refusal on which an identity provider gives up, reads once more in a way that sees every acknowledged
 * write: a primary that was deposed without noticing knows nothing of the latest ones.
 */
export async function readSurely<T>(
  read: (options: ReadOptions) => Promise<T>,
  suffices: (value: T) => boolean = (value) => value !== undefined,
): Promise<T> {
  const value = await read({});
  return suffices(value) ? value : read({ authoritative: true });
}

/** Whole stores as files; loads the driver. */
export function sqliteFiles() {
  return import('./sqlite-file.ts');
}

/** `facts.readOnly` is set where the store can be read and not changed. */
export function storageUnavailable(cause: unknown, facts: { readOnly?: true } = {}): AppError {
  return new AppError('storage_unavailable', facts, { cause });
}
