/**
 * A replica set as MongoDB's documents allow one to behave, in memory: a deposed primary goes on answering majority reads from its past,
 * answers and requests get lost, a write whose caller gave up is applied later, linearizable reads see everything or fail.
 */
import type { Clock } from '../../src/clock.ts';
import { decodeCursor, toPage } from '../../src/storage/cursor.ts';
import { createDocuments, type Document } from '../../src/storage/documents.ts';
import {
  type Accumulation,
  type Collection,
  type CollectionSpec,
  DuplicateKey,
  type PageQuery,
  type Shape,
  type Storage,
  type Stored,
  storageUnavailable,
} from '../../src/storage/index.ts';
import { migrate } from '../../src/storage/schema-version.ts';
import { silent } from '../support/engines.ts';
import type { Scheduler, Step } from './scheduler.ts';

/** Asks the server, and no document of it. */
const NOTHING: Step = { collection: '', writes: false };

type Documents = Map<string, Document>;
type State = Map<string, Documents>;

/** The server did not answer, or its answer was lost. */
class Lost extends Error {}
class Taken extends Error {
  readonly key: string;
  constructor(key: string) {
    super(`duplicate ${key}`);
    this.key = key;
  }
}

/** What becomes of a question on its way. */
export interface Fates {
  read(): 'answered' | 'lost';
  /** Whatever it is but `applied`, its caller hears nothing. */
  write(): 'applied' | 'lost before' | 'lost after' | 'applied later';
  /** Whether the driver finds the new primary when the deposed one could not answer. */
  findsPrimary(): boolean;
}

export interface ReplicaSet {
  /** The store as one instance sees it. */
  connect(who: string, clock: Clock): Storage;
  /** From now on the given instances talk to a primary that was deposed without noticing. */
  depose(whos: readonly string[]): void;
  /** Everyone finds the primary again. */
  heal(): void;
}

export function createReplicaSet({
  scheduler,
  fates,
}: {
  scheduler: Pick<Scheduler, 'turn' | 'spawn' | 'nowMs'>;
  fates: Fates;
}): ReplicaSet {
  const current: State = new Map();
  /** What a deposed primary knows, by the instance that still talks to it. */
  const past = new Map<string, State>();
  const notes = new Map<string, string>();

  function documentsOf(state: State, name: string): Documents {
    let found = state.get(name);
    if (!found) {
      found = new Map();
      state.set(name, found);
    }
    return found;
  }

  /** One read, from what the server that is asked knows. */
  async function read<T>(who: string, step: Step, authoritative: boolean, look: (state: State) => T): Promise<T> {
    await scheduler.turn(who, step);
    if (fates.read() === 'lost') throw new Lost('no answer');
    const old = past.get(who);
    if (old === undefined) return look(current);
    if (!authoritative) return look(old);
    throw refusedBy(who);
  }

  /** Nothing that needs a majority works at a deposed primary; sooner or later the driver finds the new one. */
  function refusedBy(who: string): Lost {
    if (fates.findsPrimary()) past.delete(who);
    return new Lost('no majority');
  }

  async function write<T>(who: string, step: Step, apply: () => T): Promise<T> {
    await scheduler.turn(who, step);
    if (past.has(who)) throw refusedBy(who);
    const fate = fates.write();
    if (fate === 'applied') return apply();
    if (fate === 'lost after') apply();
    if (fate === 'applied later') {
      // It is on its way still, and its caller has been told that it failed.
      scheduler.spawn(
        scheduler.turn('network', step).then(() => {
          try {
            apply();
          } catch {
            // refused by the server, and nobody listens
          }
        }),
      );
    }
    throw new Lost(`${fate} it was applied`);
  }

  function createCollection<S extends Shape>(
    who: string,
    spec: CollectionSpec<S>,
    clock: Clock,
  ): Collection<Stored<S>> {
    type R = Stored<S>;
    const { name } = spec;
    const reads = (id?: string): Step => ({ collection: name, id, writes: false });
    const writes = (id?: string): Step => ({ collection: name, id, writes: true });
    const unique = Object.entries(spec.keys)
      .filter(([, kind]) => kind === 'unique')
      .map(([key]) => key);
    const isAlive = (document: Document) => {
      const end = spec.expires && document[spec.expires];
      return !(end instanceof Date) || end > clock.now();
    };
    const assertFree = (document: Document) => {
      for (const other of documentsOf(current, name).values()) {
        if (other._id === document._id) continue;
        for (const key of unique) {
          if (document[key] !== undefined && other[key] === document[key]) throw new Taken(key);
        }
      }
    };
    const put = (document: Document) => {
      assertFree(document);
      documentsOf(current, name).set(document._id, document);
    };
    const create = (document: Document) => {
      const there = documentsOf(current, name).get(document._id);
      if (there && isAlive(there)) throw new Taken('id');
      put(structuredClone(document));
    };
    const documents = createDocuments<R>(spec, {
      insert: (document) => write(who, writes(document._id), () => create(document)),
      find: (id, { authoritative = false } = {}) =>
        read(who, reads(id), authoritative, (state) => {
          const found = documentsOf(state, name).get(id);
          return found && isAlive(found) ? structuredClone(found) : null;
        }),
      isStored: (id, nonce) =>
        read(who, reads(id), true, (state) => documentsOf(state, name).get(id)?.['_nonce'] === nonce),
      swap: (id, revision, { set, unset }) =>
        write(who, writes(id), () => {
          const found = documentsOf(current, name).get(id);
          if (found?.revision !== revision) return false;
          const changed: Document = { ...found, ...structuredClone(set), _id: id, revision: revision + 1 };
          for (const attribute of unset) delete changed[attribute];
          put(changed);
          return true;
        }),
      pause: () => scheduler.turn(who, { collection: '', writes: false }),
      isDuplicate: (error) => error instanceof Taken,
      isUncertain: (error) => error instanceof Lost,
    });
    const run = async <T>(work: () => Promise<T>): Promise<T> => {
      try {
        return await work();
      } catch (error) {
        if (error instanceof Taken) throw new DuplicateKey(name, error.key, { cause: error });
        throw error instanceof Lost ? storageUnavailable(error) : error;
      }
    };
    const byOrder = (sense: 1 | -1) => (a: Document, b: Document) => {
      const [x, y] = [a[spec.order] as Date, b[spec.order] as Date];
      return sense * (x.getTime() - y.getTime() || (a._id < b._id ? -1 : 1));
    };
    const matching = (state: State, where: PageQuery['where'] = {}) =>
      [...documentsOf(state, name).values()].filter(
        (document) =>
          isAlive(document) &&
          Object.entries(where).every(([key, wanted]) => {
            if (wanted === undefined) return true;
            const value = document[key];
            return typeof wanted === 'string' ? value === wanted : wanted.includes(String(value));
          }),
      );
    const merge = ({ initial, add = {}, latest }: Accumulation<R>) => {
      const found = documentsOf(current, name).get(initial.id) ?? documents.encode(initial);
      const changed: Document = { ...found, revision: found.revision + 1 };
      for (const [attribute, amount] of Object.entries(add))
        changed[attribute] = ((changed[attribute] as number | undefined) ?? 0) + amount;
      if (latest) {
        const given = (latest.values as Record<string, unknown>)[latest.by] as Date;
        const stored = changed[latest.by];
        if (!(stored instanceof Date) || stored < given) Object.assign(changed, latest.values);
      }
      put(changed);
    };

    return {
      insert: (record) => run(() => documents.insert(record, () => false)),
      update: (id, change) => run(() => documents.update(id, change, () => false)),
      find: (id, { authoritative = false } = {}) =>
        run(() =>
          read(who, reads(id), authoritative, (state) => {
            const found = documentsOf(state, name).get(id);
            return found && isAlive(found) ? documents.decode(structuredClone(found)) : undefined;
          }),
        ),
      findBy: (key, value, { authoritative = false } = {}) =>
        run(() =>
          read(who, reads(), authoritative, (state) => {
            const [first] = matching(state, { [key]: value }).sort(byOrder(1));
            return first && documents.decode(structuredClone(first));
          }),
        ),
      accumulate: (merges) => run(() => write(who, writes(), () => merges.forEach(merge))),
      remove: (id) => run(() => write(who, writes(id), () => documentsOf(current, name).delete(id))),
      removeBy: (key, value) =>
        run(() =>
          write(who, writes(), () => {
            const found = [...documentsOf(current, name).values()].filter((document) => document[key] === value);
            for (const { _id } of found) documentsOf(current, name).delete(_id);
            return found.length;
          }),
        ),
      page: ({ where, contains, from, to, direction = 'ascending', after, limit }) =>
        run(() =>
          read(who, reads(), false, (state) => {
            const sense = direction === 'ascending' ? 1 : -1;
            const start = after === undefined ? undefined : decodeCursor(after);
            const rows = matching(state, where)
              .filter((document) => {
                const at = document[spec.order] as Date;
                const text = contains && String(document[contains.key] ?? '').toLowerCase();
                if (contains && !text?.includes(contains.text.toLowerCase())) return false;
                if ((from && at < from) || (to && at >= to)) return false;
                if (!start) return true;
                const difference = at.getTime() - new Date(start.at).getTime();
                return sense * difference > 0 || (difference === 0 && sense * (document._id > start.id ? 1 : -1) > 0);
              })
              .sort(byOrder(sense));
            return toPage(
              rows.slice(0, limit + 1).map((row) => documents.decode(structuredClone(row))),
              limit,
              spec.order,
            );
          }),
        ),
      count: (where) => run(() => read(who, reads(), false, (state) => matching(state, where).length)),
      due: (key, before, limit) =>
        run(() =>
          read(who, reads(), false, (state) =>
            matching(state)
              .filter((document) => document[key] instanceof Date && (document[key] as Date) < before)
              .sort((a, b) => (a[key] as Date).getTime() - (b[key] as Date).getTime())
              .slice(0, limit)
              .map((row) => documents.decode(structuredClone(row))),
          ),
        ),
      prune: (before) =>
        run(() =>
          write(who, writes(), () => {
            const old = matching(current).filter((document) => (document[spec.order] as Date) < before);
            for (const { _id } of old) documentsOf(current, name).delete(_id);
            return old.length;
          }),
        ),
    };
  }

  return {
    connect(who, clock) {
      return {
        engine: 'mongodb',
        collection: (spec) => createCollection(who, spec, clock),
        prepare: (migrations = []) =>
          migrate(
            {
              read: async (key) => notes.get(key),
              write: async (key, value) => void notes.set(key, value),
            },
            migrations,
            silent,
          ),
        isPrepared: async () => notes.has('schema_version'),
        ping: () => read(who, NOTHING, false, () => undefined),
        // The members' clocks are right; those of the instances may differ.
        now: () => read(who, NOTHING, false, () => new Date(START_MS + scheduler.nowMs())),
        reclaim: async () => undefined,
        close: async () => undefined,
      };
    },
    depose(whos) {
      const snapshot: State = new Map([...current].map(([name, documents]) => [name, new Map(documents)]));
      for (const who of whos) past.set(who, snapshot);
    },
    heal() {
      past.clear();
    },
  };
}

/** When the model's time begins. */
export const START_MS = Date.parse('2026-01-05T12:00:00.000Z');
