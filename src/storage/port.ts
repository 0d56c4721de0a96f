/** The storage port: what every engine offers. What holds on both stands at the head of index.ts. */

import type { Migration } from './schema-version.ts';
import type { Shape, Stored } from './shape.ts';

export type KeyKind = 'unique' | 'index';

export interface CollectionSpec<S extends Shape = Shape> {
  readonly name: string;
  /** Attribute -> kind; a name that ends in `?` is optional. */
  readonly shape: S;
  /** Attributes (strings or dates) that can be looked up. A lookup by any other throws. */
  readonly keys: { readonly [attribute: string]: KeyKind };
  /** The date attribute by which `page` and `prune` go; never changed after insert. */
  readonly order: string;
  /** The optional date attribute after which a record no longer exists. */
  readonly expires?: string;
  /**
   * Whatever is written here waits in memory before, as `accumulate` has it: a power failure may also take the last seconds of what was
   * acknowledged, kill -9 may not. Spares the embedded engine the wait for the disk.
   */
  readonly isCount?: true;
}

export interface Identified {
  id: string;
}

export interface PageQuery {
  /** Declared keys and their values; all must match. An array matches any of its values. */
  where?: { readonly [key: string]: string | readonly string[] | undefined };
  /** A part of a declared key, ASCII letters in any case. The engine reads all of them through, until it has enough. */
  contains?: { readonly key: string; readonly text: string } | undefined;
  /** Half-open range of the order attribute: `from <= value < to`. */
  from?: Date | undefined;
  to?: Date | undefined;
  direction?: 'ascending' | 'descending';
  /** `nextCursor` of the page before. */
  after?: string | undefined;
  limit: number;
}

export interface Page<R> {
  items: R[];
  /** null on the last page. */
  nextCursor: string | null;
}

/** One merge into a record that many writers count into; made from `initial` when it is absent. */
export interface Accumulation<R extends Identified> {
  initial: R;
  /** Added to number attributes. */
  add?: { [attribute: string]: number };
  /** Set together where `by` (a date attribute) lies later than what is stored, so that no writer moves it back. */
  latest?: { by: string; values: Partial<R> };
}

export interface ReadOptions {
  /** See every write that was acknowledged anywhere before the call began (MongoDB: a linearizable read). */
  authoritative?: boolean;
}

export interface Collection<R extends Identified> {
  /** Throws DuplicateKey with the key that was taken (`id` included). */
  insert(record: R): Promise<void>;
  find(id: string, options?: ReadOptions): Promise<R | undefined>;
  /** By a declared key; of several records the one inserted first. */
  findBy(key: string, value: string, options?: ReadOptions): Promise<R | undefined>;
  /** Returns the record before and after, or undefined when it is absent. A `change` that returns undefined leaves it alone. */
  update(id: string, change: (record: R) => R | undefined): Promise<{ before: R; after: R } | undefined>;
  /**
   * Counts into records; at least once when the store fails midway and the caller tries again. A power failure may take the last seconds of
   * it, unless something else was written since.
   */
  accumulate(merges: readonly Accumulation<R>[]): Promise<void>;
  remove(id: string): Promise<boolean>;
  removeBy(key: string, value: string): Promise<number>;
  page(query: PageQuery): Promise<Page<R>>;
  count(where?: PageQuery['where']): Promise<number>;
  /** Records whose declared date key lies before `before`, earliest first; `where` as in `page`. */
  due(key: string, before: Date, limit: number, where?: PageQuery['where']): Promise<R[]>;
  /** Removes records whose order attribute lies before `before`; returns how many (at most 10,000 a call). */
  prune(before: Date): Promise<number>;
}

export interface Storage {
  readonly engine: 'sqlite' | 'mongodb';
  collection<S extends Shape>(spec: CollectionSpec<S>): Collection<Stored<S>>;
  /** Creates tables and indexes of all collections asked for so far, checks the schema version, and runs each migration once. */
  prepare(migrations?: readonly Migration[]): Promise<void>;
  /** Whether a Latchkey has prepared this store before. */
  isPrepared(): Promise<boolean>;
  /** Throws storage_unavailable when the store can't be read, or could not be changed the last time and still can't. */
  ping(): Promise<void>;
  /** The store's own time: what all instances on it have in common. Throws storage_unavailable. */
  now(): Promise<Date>;
  /** Frees the space of expired records, and makes an index again that was removed by hand. */
  reclaim(): Promise<void>;
  close(): Promise<void>;
}
