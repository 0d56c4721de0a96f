/**
 * A connection to a SQLite file: through Node's own SQLite where it is recent enough, through libsql elsewhere. What libsql brings along
 * can lose what was committed when one process brings the write-ahead log home while another one writes (sqlite.org/wal.html, fixed in
 * 3.51.3): docs/decisions/0002-sqlite-with-generated-columns.md.
 */
import type Libsql from 'libsql';

export interface Statement {
  /** The first row, as a list of its columns. */
  get(...values: (string | number)[]): unknown;
  all(...values: (string | number)[]): unknown[];
  run(...values: (string | number)[]): { changes: number };
}

export interface Connection {
  prepare(sql: string): Statement;
  /** Runs what gives no rows, or whose rows nobody reads. */
  exec(sql: string): void;
  isInTransaction(): boolean;
  close(): void;
}

export type Connect = (path: string, options?: { readOnly?: boolean }) => Connection;

/** The first version that brings the log home without that fault. */
const FIXED = [3, 51, 3];
/** Result codes of SQLite, without what extends them. */
const BUSY = [5, 6];
const CONSTRAINT = 19;

/** Loads the driver. What it throws has a `faultOf`. */
export async function loadSqlite(): Promise<Connect> {
  return (await loadOwn()) ?? (await loadLibsql());
}

/** Undefined where Node has none, or one that is too old. */
export async function loadOwn(): Promise<Connect | undefined> {
  const own = await import('node:sqlite').catch(() => undefined);
  if (!own || !('setReturnArrays' in own.StatementSync.prototype)) return undefined;
  const connect: Connect = (path, { readOnly = false } = {}) => {
    const db = new own.DatabaseSync(path, { readOnly });
    return {
      prepare(sql) {
        const statement = db.prepare(sql);
        if (statement.columns().length > 0) statement.setReturnArrays(true);
        return statement as Statement;
      },
      exec: (sql) => db.exec(sql),
      isInTransaction: () => db.isTransaction,
      close: () => db.close(),
    };
  };
  // Early ones can't tell whether they are in a transaction.
  return isFixed(versionOf(connect)) && connect(':memory:').isInTransaction() === false ? connect : undefined;
}

export async function loadLibsql(): Promise<Connect> {
  const { default: Database } = await import('libsql');
  return (path, { readOnly = false } = {}) => {
    const db: Libsql.Database = new Database(path, { readonly: readOnly });
    return {
      prepare(sql) {
        const statement = db.prepare(sql);
        if (statement.reader) statement.raw();
        return statement;
      },
      exec: (sql) => void db.exec(sql),
      isInTransaction: () => db.inTransaction,
      close: () => void db.close(),
    };
  };
}

/** The version of SQLite behind a driver, as `3.53.4`. */
export function versionOf(connect: Connect): string {
  const db = connect(':memory:');
  const [version] = db.prepare('SELECT sqlite_version()').get() as [string];
  db.close();
  return version;
}

export function isFixed(version: string): boolean {
  const parts = version.split('.').map(Number);
  const differing = FIXED.findIndex((wanted, index) => parts[index] !== wanted);
  return differing === -1 || (parts[differing] ?? 0) > (FIXED[differing] ?? 0);
}

/** What the engine itself found wrong; undefined for an error that is not the engine's. */
export function faultOf(error: unknown): 'busy' | 'constraint' | 'other' | undefined {
  const { code, errcode } = (error ?? {}) as { code?: unknown; errcode?: unknown };
  if (code === 'ERR_SQLITE_ERROR') {
    const result = Number(errcode) & 0xff;
    if (BUSY.includes(result)) return 'busy';
    return result === CONSTRAINT ? 'constraint' : 'other';
  }
  if (typeof code !== 'string' || !code.startsWith('SQLITE_')) return undefined;
  if (/^SQLITE_(?:BUSY|LOCKED)/.test(code)) return 'busy';
  return code.startsWith('SQLITE_CONSTRAINT') ? 'constraint' : 'other';
}
