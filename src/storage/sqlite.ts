/**
 * The embedded engine: one SQLite file, WAL, synchronous=FULL.
 *
 * A collection is a table of id, revision and the record as JSON; every declared key is a generated column over that JSON with an
 * index, so a key can never disagree with its record and a new key needs no migration.
 *
 * Writes that arrive in the same turn of the event loop share one transaction and one fsync (group commit); counts alone need no fsync. The
 * drivers are synchronous, so a transaction never spans a turn. Several processes may share the file: a busy lock is waited for without blocking the event loop.
 */
import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { decodeCursor, toPage } from './cursor.ts';
import {
  type Collection,
  type CollectionSpec,
  DuplicateKey,
  type PageQuery,
  type Storage,
  storageUnavailable,
} from './index.ts';
import { migrate, readableBy } from './schema-version.ts';
import { assertFree, checkRecord, reviveDates, type Shape, type Stored, undeclared } from './shape.ts';
import { type Connection, faultOf, loadSqlite, type Statement } from './sqlite-connection.ts';

/** How long a request waits for another process's write lock before it gives up. */
const BUSY_LIMIT_MS = 4000;
const BUSY_PAUSE_MS = 5;
/** How long pages may be read without a pause. */
const PAGES_AT_ONCE_MS = 5;
const CACHE_KIB = 64 * 1024;
/** Of the write-ahead log before it is brought home: 32 MiB. */
const LOG_PAGES = 8192;
const STATEMENTS_KEPT = 200;
/** More than any change writes, with all of its indexes. */
const ROOM_BYTES = 128 * 1024;
const PRUNE_BATCH = 10_000;

interface SqliteOptions {
  /** The data folder, or `:memory:`. */
  folder: string;
  clock: Clock;
  log: Log;
  sqliteSynchronous?: 'full' | 'normal';
}

export async function openSqlite(options: SqliteOptions): Promise<Storage> {
  const { folder, clock, sqliteSynchronous = 'full' } = options;
  const path = folder === ':memory:' ? folder : join(folder, 'latchkey.db');
  if (path !== ':memory:') mkdirSync(folder, { recursive: true, mode: 0o700 });
  const connect = await loadSqlite();
  const db = await patiently(() => {
    const opened = connect(path);
    opened.exec('PRAGMA busy_timeout = 0');
    opened.exec('PRAGMA journal_mode = WAL');
    opened.exec(`PRAGMA synchronous = ${sqliteSynchronous.toUpperCase()}`);
    // SQLite's own 1000 pages would have it brought home and synchronized with every other commit of a busy store.
    opened.exec(`PRAGMA wal_autocheckpoint = ${LOG_PAGES}`);
    // The pages of what is in use fit even when a million credentials are stored; SQLite's own 2 MB would read them anew each second.
    opened.exec(`PRAGMA cache_size = -${CACHE_KIB}`);
    return opened;
  });
  if (path !== ':memory:') for (const suffix of ['', '-wal', '-shm']) restrict(path + suffix);
  const inode = path === ':memory:' ? undefined : statSync(path).ino;
  /** A file that was replaced under us still answers, from an inode that the next start will not see. */
  const assertInPlace = () => {
    if (inode === undefined) return;
    const found = statSync(path, { throwIfNoEntry: false })?.ino;
    if (found === inode) return;
    const how = found === undefined ? 'removed' : 'replaced';
    throw storageUnavailable(new Error(`${path} was ${how} while in use; restart, or restore a backup`));
  };
  const writer = createWriter(db, assertInPlace, sqliteSynchronous);
  const inTurn = createPageTurns();
  const definitions: string[] = [];
  const expiring: { table: string; column: string }[] = [];
  const notes = {
    read: (key: string) =>
      patiently(() => {
        const row = db.prepare('SELECT value FROM latchkey_meta WHERE key = ?').get(key) as [string] | undefined;
        return row?.[0];
      }),
    async write(key: string, value: string) {
      await writer.write(() =>
        db
          .prepare('INSERT INTO latchkey_meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value')
          .run(key, value),
      );
    },
  };

  return {
    engine: 'sqlite',
    collection<S extends Shape>(spec: CollectionSpec<S>) {
      assertFree(spec.name, spec.shape);
      definitions.push(...tableDefinition(spec));
      if (spec.expires) expiring.push({ table: quote(spec.name), column: quote(spec.expires) });
      return createCollection<S>(db, writer, spec, clock, inTurn);
    },
    async prepare(migrations = []) {
      await writer.write(() =>
        db.exec('CREATE TABLE IF NOT EXISTS latchkey_meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)'),
      );
      readableBy(await notes.read('schema_version'), await notes.read('oldest_reader'));
      await writer.write(() => {
        for (const sql of definitions) defineOnce(db, sql);
      });
      await migrate(notes, migrations, options.log);
    },
    async isPrepared() {
      return patiently(
        () => db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'latchkey_meta'").get() !== undefined,
      );
    },
    async ping() {
      await patiently(() => {
        db.prepare('SELECT count(*) FROM latchkey_meta').get();
        assertInPlace();
      });
      if (!writer.isFailing()) return;
      // What is small may still fit where the next change does not.
      await notes.write('room', 'x'.repeat(ROOM_BYTES));
      await notes.write('room', '');
      writer.recovered();
    },
    // The processes that share a file share the machine, and so its clock.
    now: async () => clock.now(),
    async reclaim() {
      for (const { table, column } of expiring) {
        await writer.write(() =>
          db.prepare(`DELETE FROM ${table} WHERE ${column} <= ?`).run(clock.now().toISOString()),
        );
      }
    },
    async close() {
      await writer.drain();
      checkpoint(db);
      db.close();
    },
  };
}

/** Brings the write-ahead log home (a driver may leave it as it is when it closes), so that the database file is whole by itself. */
function checkpoint(db: Connection): void {
  try {
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  } catch {
    // another process uses the file; the log stays, and the next start reads it
  }
}

function restrict(file: string): void {
  try {
    chmodSync(file, 0o600);
  } catch {
    // -wal and -shm come and go; SQLite makes them with the mode of the database file
  }
}

function createCollection<S extends Shape>(
  db: Connection,
  writer: Writer,
  spec: CollectionSpec<S>,
  clock: Clock,
  inTurn: PageTurns,
): Collection<Stored<S>> {
  type R = Stored<S>;
  const table = quote(spec.name);
  const order = quote(spec.order);
  const alive = spec.expires ? `(${quote(spec.expires)} IS NULL OR ${quote(spec.expires)} > ?)` : 'TRUE';
  const now = () => (spec.expires ? [clock.now().toISOString()] : []);

  const statements = new Map<string, Statement>();
  const prepared = (sql: string) => {
    let statement = statements.get(sql);
    if (!statement) {
      // Filters make many texts; none of them is worth keeping for ever.
      if (statements.size >= STATEMENTS_KEPT) statements.clear();
      statement = db.prepare(sql);
      statements.set(sql, statement);
    }
    return statement;
  };
  const column = (key: string) => {
    if (!Object.hasOwn(spec.keys, key)) throw new TypeError(`${spec.name} declares no key ${key}`);
    return quote(key);
  };
  const decode = (row: unknown) => {
    const document = JSON.parse((row as [string])[0]) as Record<string, unknown>;
    reviveDates(spec.shape, document);
    return document as R;
  };
  const readById = (id: string) => {
    const row = prepared(`SELECT record FROM ${table} WHERE id = ? AND ${alive}`).get(id, ...now());
    return row === undefined ? undefined : decode(row);
  };
  const matching = (where: PageQuery['where'] = {}) => {
    const terms: string[] = [];
    const values: string[] = [];
    for (const [key, wanted] of Object.entries(where)) {
      if (wanted === undefined) continue;
      const list = typeof wanted === 'string' ? [wanted] : wanted;
      terms.push(`${column(key)} IN (${list.map(() => '?').join(', ')})`);
      values.push(...list.map(asText));
    }
    return { terms, values };
  };
  const condition = (where: PageQuery['where']) => {
    const { terms, values } = matching(where);
    return { sql: [alive, ...terms].join(' AND '), values: [...now(), ...values] };
  };
  /** What a later release added to the record stays, whatever the change made of it. */
  const save = (record: R, before: R) => {
    const whole = { ...record, ...undeclared(spec.shape, before) };
    checkRecord(spec.name, spec.shape, whole, before);
    prepared(`UPDATE ${table} SET record = ?, revision = revision + 1 WHERE id = ?`).run(
      JSON.stringify(whole),
      record.id,
    );
  };
  // What has expired no longer exists, so it must not stand in the way of a new record.
  const insertion = `INSERT INTO ${table} (id, revision, record) VALUES (?, 1, ?)${
    spec.expires
      ? ` ON CONFLICT (id) DO UPDATE SET revision = 1, record = excluded.record WHERE ${quote(spec.expires)} <= ?`
      : ''
  }`;
  const create = (record: R) => {
    checkRecord(spec.name, spec.shape, record);
    const { changes } = prepared(insertion).run(record.id, JSON.stringify(record), ...now());
    if (changes === 0) throw new DuplicateKey(spec.name, 'id');
  };

  const write = <T>(job: () => T) => writer.write(job, spec.isCount);

  const collection: Collection<R> = {
    insert: (record) => write(() => create(record)),
    find: (id) => patiently(() => readById(asText(id))),
    findBy: (key, value) =>
      patiently(() => {
        const row = prepared(
          `SELECT record FROM ${table} WHERE ${column(key)} = ? AND ${alive} ORDER BY ${order}, id LIMIT 1`,
        ).get(asText(value), ...now());
        return row === undefined ? undefined : decode(row);
      }),
    update: (id, change) =>
      write(() => {
        const before = readById(asText(id));
        if (!before) return undefined;
        const after = change(before) ?? before;
        if (after !== before) save(after, before);
        return { before, after };
      }),
    accumulate: (merges) =>
      writer.write(() => {
        for (const { initial, add = {}, latest } of merges) {
          const found = readById(initial.id);
          const record = { ...(found ?? initial) } as Record<string, unknown>;
          for (const [name, amount] of Object.entries(add))
            record[name] = ((record[name] as number | undefined) ?? 0) + amount;
          if (latest) {
            const [stored, given] = [record[latest.by], (latest.values as Record<string, unknown>)[latest.by]];
            if (!(stored instanceof Date) || stored < (given as Date)) Object.assign(record, latest.values);
          }
          if (found) save(record as R, found);
          else create(record as R);
        }
      }, true),
    remove: (id) => write(() => prepared(`DELETE FROM ${table} WHERE id = ?`).run(asText(id)).changes > 0),
    removeBy: (key, value) =>
      write(() => prepared(`DELETE FROM ${table} WHERE ${column(key)} = ?`).run(asText(value)).changes),
    page: ({ where, contains, from, to, direction = 'ascending', after, limit }) =>
      inTurn(() => {
        const { sql, values } = condition(where);
        const terms = [sql];
        if (contains) {
          terms.push(`${column(contains.key)} LIKE ? ESCAPE '\\'`);
          values.push(`%${asText(contains.text).replace(/[%_\\]/g, '\\$&')}%`);
        }
        if (from) terms.push(`${order} >= ?`) && values.push(from.toISOString());
        if (to) terms.push(`${order} < ?`) && values.push(to.toISOString());
        if (after !== undefined) {
          const position = decodeCursor(after);
          terms.push(`(${order}, id) ${direction === 'ascending' ? '>' : '<'} (?, ?)`);
          values.push(position.at, position.id);
        }
        const sense = direction === 'ascending' ? 'ASC' : 'DESC';
        const rows = prepared(
          `SELECT record FROM ${table} WHERE ${terms.join(' AND ')} ORDER BY ${order} ${sense}, id ${sense} LIMIT ?`,
        ).all(...values, Math.trunc(limit) + 1);
        return toPage(rows.map(decode), limit, spec.order);
      }),
    count: (where) =>
      patiently(() => {
        const { terms, values } = matching(where);
        const all = `SELECT count(*) FROM ${table} WHERE ${['TRUE', ...terms].join(' AND ')}`;
        if (!spec.expires) return (prepared(all).get(...values) as [number])[0];
        // Whether one has expired stands in its record, which costs a hundred times what the index does: so those few are taken off.
        const aside = terms.map((term) => `+${term}`).join(' AND ') || 'TRUE';
        const expired = `SELECT count(*) FROM ${table} WHERE ${quote(spec.expires)} <= ? AND ${aside}`;
        return (prepared(`SELECT (${all}) - (${expired})`).get(...values, ...now(), ...values) as [number])[0];
      }),
    due: (key, before, limit, where) =>
      patiently(() => {
        const { sql, values } = condition(where);
        return prepared(
          `SELECT record FROM ${table} WHERE ${column(key)} < ? AND ${sql} ORDER BY ${column(key)} LIMIT ${Math.trunc(limit)}`,
        )
          .all(before.toISOString(), ...values)
          .map(decode);
      }),
    prune: (before) =>
      write(
        () =>
          prepared(
            `DELETE FROM ${table} WHERE id IN (SELECT id FROM ${table} WHERE ${order} < ? LIMIT ${PRUNE_BATCH})`,
          ).run(before.toISOString()).changes,
      ),
  };
  return collection;
}

/** SQL takes strings only: whatever slipped past validation as an object must not become one. */
function asText(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError(`a key must be a string, not ${typeof value}`);
  return value;
}

function quote(name: string): string {
  if (!/^[A-Za-z_]+$/.test(name)) throw new TypeError(`not a name: ${name}`);
  return `"${name}"`;
}

function tableDefinition(spec: CollectionSpec): string[] {
  const table = quote(spec.name);
  const columns = new Set([...Object.keys(spec.keys), spec.order, ...(spec.expires ? [spec.expires] : [])]);
  return [
    `CREATE TABLE IF NOT EXISTS ${table} (id TEXT PRIMARY KEY, revision INTEGER NOT NULL, record TEXT NOT NULL)`,
    ...[...columns].map(
      (name) =>
        `ALTER TABLE ${table} ADD COLUMN ${quote(name)} GENERATED ALWAYS AS (json_extract(record, '$.${name}')) VIRTUAL`,
    ),
    `CREATE INDEX IF NOT EXISTS ${quote(`${spec.name}_order`)} ON ${table} (${quote(spec.order)}, id)`,
    ...(spec.expires
      ? [`CREATE INDEX IF NOT EXISTS ${quote(`${spec.name}_expires`)} ON ${table} (${quote(spec.expires)})`]
      : []),
    ...Object.entries(spec.keys).map(([key, kind]) =>
      kind === 'unique'
        ? `CREATE UNIQUE INDEX IF NOT EXISTS ${quote(`${spec.name}_by_${key}`)} ON ${table} (${quote(key)}) WHERE ${quote(key)} IS NOT NULL`
        : `CREATE INDEX IF NOT EXISTS ${quote(`${spec.name}_by_${key}`)} ON ${table} (${quote(key)}, ${quote(spec.order)}, id) WHERE ${quote(key)} IS NOT NULL`,
    ),
  ];
}

function defineOnce(db: Connection, sql: string): void {
  try {
    db.exec(sql);
  } catch (error) {
    // SQLite has no ADD COLUMN IF NOT EXISTS
    if (!(error instanceof Error && error.message.includes('duplicate column name'))) throw error;
  }
}

interface Writer {
  /** Runs `job` inside the next transaction; settles when that has been committed: to the disk, unless it is a count. */
  write<T>(job: () => T, isCount?: boolean): Promise<T>;
  /** Whether a transaction failed, as on a full disk, and nothing has shown since that there is room. */
  isFailing(): boolean;
  recovered(): void;
  drain(): Promise<void>;
}

interface Job {
  isCount: boolean;
  run: () => unknown;
  resolve: (value: never) => void;
  reject: (error: unknown) => void;
}

/** `assertInPlace` is asked before any write is acknowledged. */
function createWriter(db: Connection, assertInPlace: () => void, synchronous: 'full' | 'normal'): Writer {
  let waiting: Job[] = [];
  /** Whether a commit waits for the disk. */
  let isWaitingForDisk = synchronous === 'full';
  let isFailing = false;
  let flushing: Promise<void> | undefined;

  async function flush(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (waiting.length > 0) {
      const isCount = waiting.every((job) => job.isCount);
      try {
        await patiently(() => {
          // It can't be changed inside a transaction.
          waitForDisk(synchronous === 'full' && !isCount);
          db.exec('BEGIN IMMEDIATE');
        });
      } catch (error) {
        isFailing = true;
        for (const job of take(isCount)) job.reject(error);
        continue;
      }
      commit(take(isCount));
    }
    flushing = undefined;
  }

  function waitForDisk(isWanted: boolean): void {
    if (isWanted === isWaitingForDisk) return;
    db.exec(`PRAGMA synchronous = ${isWanted ? 'FULL' : 'NORMAL'}`);
    isWaitingForDisk = isWanted;
  }

  /** Beside counts nothing else is taken: it may have come while the lock was waited for. */
  function take(isCount: boolean): Job[] {
    const jobs = isCount ? waiting.filter((job) => job.isCount) : waiting;
    waiting = isCount ? waiting.filter((job) => !job.isCount) : [];
    return jobs;
  }

  function commit(jobs: Job[]): void {
    const settle: (() => void)[] = [];
    try {
      for (const { run, resolve, reject } of jobs) {
        try {
          const value = run();
          settle.push(() => resolve(value as never));
        } catch (error) {
          // A constraint or a refusal undoes its own statement only; a failing disk undoes the whole transaction.
          if (faultOf(error) !== undefined && faultOf(error) !== 'constraint') throw error;
          settle.push(() => reject(translate(error)));
        }
      }
      db.exec('COMMIT');
      assertInPlace();
    } catch (error) {
      isFailing = true;
      if (db.isInTransaction()) db.exec('ROLLBACK');
      const told = faultOf(error) ? storageUnavailable(error, { readOnly: true }) : error;
      for (const { reject } of jobs) reject(told);
      return;
    }
    for (const tell of settle) tell();
  }

  return {
    write(run, isCount = false) {
      return new Promise((resolve, reject) => {
        waiting.push({ isCount, run, resolve: resolve as Job['resolve'], reject });
        flushing ??= flush();
      });
    },
    isFailing: () => isFailing,
    recovered() {
      isFailing = false;
    },
    async drain() {
      await flushing;
    },
  };
}

/** Runs a synchronous piece of SQLite work, again and again while another process holds the lock. */
type PageTurns = <T>(read: () => T) => Promise<T>;

/**
 * Reads block the process. Who reads page after page lets everybody else in between, however many do so at once: after some
 * milliseconds of pages the next one waits for its turn.
 */
function createPageTurns(): PageTurns {
  let spentMs = 0;
  let pause: Promise<void> | undefined;
  return async (read) => {
    while (pause) await pause;
    const startedAt = performance.now();
    try {
      return await patiently(read);
    } finally {
      spentMs += performance.now() - startedAt;
      if (spentMs >= PAGES_AT_ONCE_MS) {
        spentMs = 0;
        pause = new Promise((resolve) => {
          setImmediate(() => {
            pause = undefined;
            resolve();
          });
        });
      }
    }
  };
}

async function patiently<T>(work: () => T): Promise<T> {
  const deadline = performance.now() + BUSY_LIMIT_MS;
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (faultOf(error) !== 'busy' || performance.now() > deadline) throw translate(error);
      await new Promise((resolve) => setTimeout(resolve, BUSY_PAUSE_MS));
    }
  }
}

function translate(error: unknown): unknown {
  const fault = faultOf(error);
  if (fault === 'constraint') {
    const [, table = '', key = ''] = /UNIQUE constraint failed: (\w+)\.(\w+)/.exec((error as Error).message) ?? [];
    return new DuplicateKey(table, key, { cause: error });
  }
  return fault !== undefined || isOfSystem(error) ? storageUnavailable(error) : error;
}

/** Of the file system, such as ENOSPC. */
function isOfSystem(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' && code.startsWith('E');
}
