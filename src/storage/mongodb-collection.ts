/**
 * One collection on MongoDB. A record is a document with one field per attribute in native types; `_id` is the record's ID, `revision` the
 * compare-and-swap counter, `nonce` says which insert made it.
 */
import mongoose, { type Model } from 'mongoose';
import type { Clock } from '../clock.ts';
import { decodeCursor, toPage } from './cursor.ts';
import { createDocuments, type Document, defined } from './documents.ts';
import type { Accumulation, Collection, CollectionSpec, PageQuery, ReadOptions } from './index.ts';
import { duplicateKey, type Guarded, isUnreachable } from './mongodb-faults.ts';
import { attributesOf, type Shape, type Stored } from './shape.ts';

const PRUNE_BATCH = 10_000;

/** Operators for each attribute. */
type Filter = Record<string, object>;

export function createCollection<S extends Shape>(
  model: Model<Document>,
  spec: CollectionSpec<S>,
  { clock, guarded, linearizableMs }: { clock: Clock; guarded: Guarded; linearizableMs: number },
): Collection<Stored<S>> {
  type R = Stored<S>;
  const { name } = spec;
  /** `$not` matches what is absent, too: without an `$or`, an index on the other terms serves whatever plans the query. */
  const alive = (): Filter => (spec.expires ? { [spec.expires]: { $not: { $lte: clock.now() } } } : {});
  const key = (attribute: string) => {
    if (!Object.hasOwn(spec.keys, attribute)) throw new TypeError(`${name} declares no key ${attribute}`);
    return attribute;
  };
  const condition = (where: PageQuery['where'] = {}, filter = alive()): Filter => {
    for (const [attribute, wanted] of Object.entries(where)) {
      if (wanted === undefined) continue;
      narrow(filter, key(attribute), typeof wanted === 'string' ? { $eq: wanted } : { $in: wanted.map(asText) });
    }
    return filter;
  };
  const run = <T>(work: (isGivenUp: () => boolean) => Promise<T>) => guarded(name, work);
  /** Sees every write that was acknowledged before it began, or fails. */
  const linearizable = <Q extends Query<Q>>(query: Q): Q =>
    query.read('primary').readConcern('linearizable').maxTimeMS(linearizableMs);
  const readById = (id: string, { authoritative = false }: ReadOptions = {}) => {
    const query = model.findOne({ _id: asText(id), ...alive() });
    return (authoritative ? linearizable(query) : query).lean<Document | null>();
  };

  const documents = createDocuments<R>(spec, {
    async insert(document) {
      if (spec.expires) await model.deleteOne({ _id: document._id, [spec.expires]: { $lte: clock.now() } });
      await model.insertOne(document as never);
    },
    find: readById,
    isStored: async (_id, _nonce) =>
      (await linearizable(model.findOne({ _id, _nonce })).lean<Document | null>()) !== null,
    async swap(_id, revision, { set, unset }) {
      const operators = {
        ...(Object.keys(set).length > 0 && { $set: set }),
        ...(unset.length > 0 && { $unset: Object.fromEntries(unset.map((name) => [name, ''])) }),
        $inc: { revision: 1 },
      };
      return (await model.collection.updateOne({ _id, revision } as object, operators)).matchedCount === 1;
    },
    pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    isDuplicate: (error) => duplicateKey(error) !== undefined,
    isUncertain: isUnreachable,
  });
  const { decode, encode } = documents;

  async function accumulate(merges: readonly Accumulation<R>[]): Promise<void> {
    if (merges.length === 0) return;
    const operations = merges.flatMap(({ initial, add = {}, latest }) => {
      const counted = new Set([...Object.keys(add), ...(latest ? Object.keys(latest.values) : [])]);
      const { _id, revision, ...fields } = encode(initial);
      const $setOnInsert = {
        revision,
        ...Object.fromEntries(Object.entries(fields).filter(([attribute]) => !counted.has(attribute))),
      };
      const upsert = {
        updateOne: {
          filter: { _id },
          update: { $setOnInsert, ...(Object.keys(add).length > 0 && { $inc: add }) },
          upsert: true,
        },
      };
      if (!latest) return [upsert];
      const value = (latest.values as Record<string, unknown>)[latest.by];
      const later = { _id, [latest.by]: { $not: { $gte: value } } };
      return [upsert, { updateOne: { filter: later, update: { $set: defined(latest.values) } } }];
    });
    for (let attempt = 0; ; attempt++) {
      try {
        await model.bulkWrite(operations as never, { ordered: true });
        return;
      } catch (error) {
        // Two instances made the same record at the same moment; the operations after the collision have not run.
        const at = (error as { writeErrors?: { index: number }[] }).writeErrors?.[0]?.index;
        if (duplicateKey(error) !== 'id' || at === undefined || attempt > 100) throw error;
        operations.splice(0, at);
      }
    }
  }

  return {
    insert: (record) => run((isGivenUp) => documents.insert(record, isGivenUp)),
    find: (id, options) => run(async () => optional(await readById(id, options), decode)),
    findBy: (attribute, value, { authoritative = false } = {}) =>
      run(async () => {
        const query = model.findOne({ [key(attribute)]: asText(value), ...alive() });
        // Linearizable reads take no sort; the keys they are used with are unique.
        if (authoritative) linearizable(query);
        else query.sort({ [spec.order]: 1, _id: 1 });
        return optional(await query.lean<Document | null>(), decode);
      }),
    update: (id, change) => run((isGivenUp) => documents.update(asText(id), change, isGivenUp)),
    accumulate: (merges) => run(() => accumulate(merges)),
    remove: (id) => run(async () => (await model.deleteOne({ _id: asText(id) })).deletedCount > 0),
    removeBy: (attribute, value) =>
      run(async () => (await model.deleteMany({ [key(attribute)]: asText(value) })).deletedCount),
    page: ({ where, contains, from, to, direction = 'ascending', after, limit }) =>
      run(async () => {
        const sense = direction === 'ascending' ? 1 : -1;
        const filter = condition(where);
        if (contains) narrow(filter, key(contains.key), { $regex: partOf(asText(contains.text)) });
        if (from) narrow(filter, spec.order, { $gte: from });
        if (to) narrow(filter, spec.order, { $lt: to });
        if (after !== undefined) {
          const { at, id } = decodeCursor(after);
          const on = new Date(at);
          if (sense === -1) narrow(filter, spec.order, { $lte: on });
          else if (!from || from < on) narrow(filter, spec.order, { $gte: on });
          // What the page before showed of that very moment.
          filter['$nor'] = [{ [spec.order]: on, _id: { [sense === 1 ? '$lte' : '$gte']: id } }];
        }
        const rows = await model
          .find(filter)
          .sort({ [spec.order]: sense, _id: sense })
          .limit(limit + 1)
          .lean<Document[]>();
        return toPage(rows.map(decode), limit, spec.order);
      }),
    count: (where) =>
      run(async () => {
        // Whether one has expired stands in its document; an index alone counts all of them. Those that have are few, and taken off.
        const expired = spec.expires
          ? await model.countDocuments(condition(where, { [spec.expires]: { $lte: clock.now() } })).exec()
          : 0;
        return Math.max(0, (await model.countDocuments(condition(where, {})).exec()) - expired);
      }),
    due: (attribute, before, limit, where) =>
      run(async () => {
        const filter = condition(where);
        narrow(filter, key(attribute), { $lt: before });
        const rows = await model
          .find(filter)
          .sort({ [attribute]: 1 })
          .limit(limit)
          .lean<Document[]>();
        return rows.map(decode);
      }),
    prune: (before) =>
      run(async () => {
        const rows = await model
          .find({ [spec.order]: { $lt: before } }, { _id: 1 })
          .limit(PRUNE_BATCH)
          .lean<Document[]>();
        if (rows.length === 0) return 0;
        return (await model.deleteMany({ _id: { $in: rows.map(({ _id }) => _id) } })).deletedCount;
      }),
  };
}

/** Asks more of an attribute, beside what is asked of it already. */
function narrow(filter: Filter, attribute: string, operators: object): void {
  filter[attribute] = { ...filter[attribute], ...operators };
}

/** A filter takes strings only: whatever slipped past validation as an object must not become an operator. */
function asText(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError(`a key must be a string, not ${typeof value}`);
  return value;
}

interface Query<Q> {
  read(preference: 'primary'): Q;
  readConcern(level: 'linearizable'): Q;
  maxTimeMS(ms: number): Q;
}

function optional<T, U>(value: T | null, map: (value: T) => U): U | undefined {
  return value === null ? undefined : map(value);
}

export function schemaOf(shape: Shape): mongoose.Schema<Document> {
  return new mongoose.Schema(
    { _id: String, revision: Number, _nonce: String, ...fieldsOf(shape) },
    {
      strict: 'throw',
      strictQuery: 'throw',
      versionKey: false,
      minimize: false,
    },
  ) as unknown as mongoose.Schema<Document>;
}

function fieldsOf(shape: Shape): Record<string, unknown> {
  const native = {
    string: String,
    number: Number,
    boolean: Boolean,
    date: Date,
    strings: [String],
    json: mongoose.Schema.Types.Mixed,
  };
  const nested = (fields: Shape) =>
    new mongoose.Schema(fieldsOf(fields), { _id: false, strict: 'throw', minimize: false });
  return Object.fromEntries(
    attributesOf(shape).map(({ name, field }) => {
      const type = Array.isArray(field)
        ? [nested(field[0])]
        : typeof field === 'object'
          ? nested(field as Shape)
          : native[field as keyof typeof native];
      return [name, { type, default: undefined }];
    }),
  );
}

/** An expression for a part of a text, ASCII letters in any case. */
function partOf(text: string): string {
  return text
    .replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')
    .replace(/[a-z]/gi, (letter) => `[${letter.toLowerCase()}${letter.toUpperCase()}]`);
}
