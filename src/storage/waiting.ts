import { within } from '../timing/deadline.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import type { Accumulation, Collection, Identified, Page, PageQuery } from './port.ts';

/** What was counted in memory and is not in the store yet. */
export interface Waiting<R extends Identified> {
  /** `where`: of a page that is read. What does not fit may be left out. */
  list(where?: PageQuery['where']): readonly Accumulation<R>[];
  /** The part of it that concerns one record; without it the whole list is looked through. */
  listOf?(id: string): readonly Accumulation<R>[];
  /** Rises whenever a part of it has been written. */
  written(): number;
  /** The write that is under way, if any. */
  writing(): Promise<unknown> | undefined;
}

/** How long a reader waits for a write that is under way; after that it reads what the store has and adds what waits. */
const PATIENCE_MS = 1500;
const ATTEMPTS = 8;

/**
 * Reads a collection as if what waits in memory had been written already, so that every reader sees every count at once and no read
 * has to write.
 */
export function withWaiting<R extends Identified>(
  collection: Pick<Collection<R>, 'find' | 'page'>,
  order: string,
  waiting: Waiting<R>,
): Pick<Collection<R>, 'find' | 'page'> {
  /** Reads again when a write came in between: what it wrote would be counted twice, or not at all. */
  async function steadily<W, T>(look: () => W, read: (waits: W) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const underWay = waiting.writing();
      if (underWay) await within(PATIENCE_MS, underWay).catch(() => undefined);
      const writing = waiting.writing();
      const before = waiting.written();
      const result = await read(look());
      const isSteady = waiting.written() === before && waiting.writing() === writing;
      if (isSteady || attempt === ATTEMPTS) return result;
    }
  }

  const positionOf = (record: R) => ({ at: dateOf(record, order)?.toISOString() ?? '', id: record.id });

  async function readPage(query: PageQuery, waits: Map<string, Accumulation<R>[]>): Promise<Page<R>> {
    const page = await collection.page(query);
    if (waits.size === 0) return page;
    const { items, nextCursor } = page;
    const shown = items.map((record) => merged(record, waits.get(record.id)));
    const onPage = new Set(items.map(({ id }) => id));
    const sense = query.direction === 'descending' ? -1 : 1;
    const before = (a: Position, b: Position) => sense * compare(a, b) < 0;
    const last = nextCursor === null ? undefined : items.at(-1);
    const start = query.after === undefined ? undefined : decodeCursor(query.after);
    const candidates = [...waits]
      .filter(([id]) => !onPage.has(id))
      .map(([, merges]) => merged(undefined, merges))
      .filter((record): record is R => record !== undefined && matches(record, query, order))
      .filter((record) => start === undefined || before(start, positionOf(record)))
      .filter((record) => last === undefined || before(positionOf(record), positionOf(last)))
      .sort((a, b) => sense * compare(positionOf(a), positionOf(b)));
    const added: R[] = [];
    for (let next = 0; next < candidates.length && added.length < query.limit; next += query.limit) {
      const some = candidates.slice(next, next + query.limit);
      // Those that are stored already stand on a page of their own.
      const stored = await Promise.all(some.map(({ id }) => collection.find(id)));
      added.push(...some.filter((_, index) => stored[index] === undefined));
    }
    const all = [...(shown as R[]), ...added].sort((a, b) => sense * compare(positionOf(a), positionOf(b)));
    const first = all.slice(0, query.limit);
    const end = first.at(-1);
    return { items: first, nextCursor: all.length > first.length && end ? encodeCursor(positionOf(end)) : nextCursor };
  }

  return {
    find: (id, options) =>
      steadily(
        () => waiting.listOf?.(id) ?? byId(waiting.list()).get(id),
        async (waits) => merged(await collection.find(id, options), waits),
      ),
    page: (query) =>
      steadily(
        () => byId(waiting.list(query.where)),
        (waits) => readPage(query, waits),
      ),
  };
}

interface Position {
  at: string;
  id: string;
}

function compare(a: Position, b: Position): number {
  if (a.at !== b.at) return a.at < b.at ? -1 : 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

function byId<R extends Identified>(list: readonly Accumulation<R>[]): Map<string, Accumulation<R>[]> {
  const found = new Map<string, Accumulation<R>[]>();
  for (const merge of list) {
    const known = found.get(merge.initial.id);
    if (known) known.push(merge);
    else found.set(merge.initial.id, [merge]);
  }
  return found;
}

/** As `accumulate` would write it. */
function merged<R extends Identified>(stored: R | undefined, merges: readonly Accumulation<R>[] = []): R | undefined {
  let record = stored as Record<string, unknown> | undefined;
  for (const { initial, add = {}, latest } of merges) {
    record = { ...(record ?? initial) } as Record<string, unknown>;
    for (const [name, amount] of Object.entries(add))
      record[name] = ((record[name] as number | undefined) ?? 0) + amount;
    if (!latest) continue;
    const [known, given] = [record[latest.by], (latest.values as Record<string, unknown>)[latest.by]];
    if (!(known instanceof Date) || known < (given as Date)) Object.assign(record, latest.values);
  }
  return record as R | undefined;
}

function matches<R extends Identified>(record: R, { where = {}, from, to }: PageQuery, order: string): boolean {
  const at = dateOf(record, order);
  return at !== undefined && !(from && at < from) && !(to && at >= to) && fits(record, where);
}

/** Whether a record has what a page asks for. */
export function fits(record: object, where: NonNullable<PageQuery['where']>): boolean {
  for (const key in where) {
    const wanted = where[key];
    if (wanted === undefined) continue;
    const value = (record as Record<string, unknown>)[key];
    if (typeof wanted === 'string' ? value !== wanted : !wanted.includes(value as string)) return false;
  }
  return true;
}

function dateOf(record: Identified, order: string): Date | undefined {
  const value = (record as unknown as Record<string, unknown>)[order];
  return value instanceof Date ? value : undefined;
}
