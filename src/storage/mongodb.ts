/**
 * The production engine: MongoDB through mongoose, any number of instances on one replica set.
 *
 * Records are documents with one field per attribute in native types, under mongoose schemas made from the declared shape; `_id` is the
 * record's id and `revision` the compare-and-swap counter. Writes are majority and journaled. Reads go to the primary; those that decide
 * about a credential are linearizable, since a primary that was deposed without noticing would still call a revoked credential active.
 */
import mongoose, { type Connection, type Model } from 'mongoose';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { createTurns } from '../turns.ts';
import { decodeCursor, toPage } from './cursor.ts';
import {
  type Accumulation,
  type Collection,
  type CollectionSpec,
  DuplicateKey,
  type OpenOptions,
  type PageQuery,
  type ReadOptions,
  SCHEMA_VERSION,
  type Storage,
  storageUnavailable,
  versionTooNew,
} from './index.ts';
import { attributesOf, checkRecord, type Shape, type Stored } from './shape.ts';

/** No operation outlives this, so that a request is answered within 5 s whatever the store does. */
const OPERATION_MS = 3500;
const SERVER_SELECTION_MS = 2500;
/** How long the first connection may take: a database that starts together with us is waited for. */
const START_MS = 30_000;
const SWAP_PAUSE_MS = 4;
const PRUNE_BATCH = 10_000;

type Document = Record<string, unknown> & { _id: string; revision: number };
/** Operators for each attribute. */
type Filter = Record<string, object>;

export async function openMongodb({ url, clock, log }: OpenOptions): Promise<Storage> {
  const connection = await connect(url, log);
  const specs: { spec: CollectionSpec; model: Model<Document> }[] = [];
  const meta = connection.model<Document>('latchkey_meta', schemaOf({ value: 'string' }), 'latchkey_meta');

  return {
    engine: 'mongodb',
    collection<S extends Shape>(spec: CollectionSpec<S>) {
      const model = connection.model<Document>(spec.name, schemaOf(spec.shape), spec.name);
      specs.push({ spec, model });
      return createCollection<S>(model, spec, clock);
    },
    async prepare() {
      await guarded('latchkey_meta', async () => {
        const row = await meta.findById('schema_version').lean();
        if (row && Number(row['value']) > SCHEMA_VERSION) throw versionTooNew(Number(row['value']));
        if (!row) {
          const fresh = { $setOnInsert: { value: String(SCHEMA_VERSION), revision: 1 } };
          await meta.updateOne({ _id: 'schema_version' }, fresh, { upsert: true });
        }
        for (const { spec, model } of specs) {
          for (const [fields, options] of indexesOf(spec)) await model.collection.createIndex(fields, options);
        }
      });
    },
    async isPrepared() {
      return guarded('latchkey_meta', async () => (await meta.findById('schema_version').lean()) !== null);
    },
    async ping() {
      await guarded('latchkey_meta', async () => {
        await meta.findById('schema_version').read('primary').lean();
      });
    },
    async reclaim() {
      for (const { spec, model } of specs) {
        if (spec.expires)
          await guarded(spec.name, () => model.deleteMany({ [spec.expires ?? '']: { $lte: clock.now() } }));
      }
    },
    close: () => connection.close(),
  };
}

async function connect(url: string, log: Log): Promise<Connection> {
  const deadline = performance.now() + START_MS;
  for (;;) {
    const connection = mongoose.createConnection(url, {
      bufferCommands: false,
      autoIndex: false,
      autoCreate: false,
      serverSelectionTimeoutMS: SERVER_SELECTION_MS,
      connectTimeoutMS: SERVER_SELECTION_MS,
      heartbeatFrequencyMS: 2000,
      maxPoolSize: 50,
      waitQueueTimeoutMS: OPERATION_MS,
      readPreference: 'primary',
      readConcernLevel: 'majority',
      writeConcern: { w: 'majority', journal: true },
      retryWrites: true,
      retryReads: true,
      appName: 'latchkey',
    });
    try {
      return await connection.asPromise();
    } catch (error) {
      await connection.close().catch(() => undefined);
      // A wrong URL or password does not mend itself.
      if (!isUnreachable(error) || performance.now() > deadline) throw storageUnavailable(error);
      log.warn({ err: error }, 'MongoDB cannot be reached yet; trying again');
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

function createCollection<S extends Shape>(
  model: Model<Document>,
  spec: CollectionSpec<S>,
  clock: Clock,
): Collection<Stored<S>> {
  type R = Stored<S>;
  const { name, shape } = spec;
  /** `$not` matches what is absent, too: without an `$or`, an index on the other terms serves whatever plans the query. */
  const alive = (): Filter => (spec.expires ? { [spec.expires]: { $not: { $lte: clock.now() } } } : {});
  const key = (attribute: string) => {
    if (!Object.hasOwn(spec.keys, attribute)) throw new TypeError(`${name} declares no key ${attribute}`);
    return attribute;
  };
  const condition = (where: PageQuery['where'] = {}): Filter => {
    const filter = alive();
    for (const [attribute, wanted] of Object.entries(where)) {
      if (wanted === undefined) continue;
      narrow(filter, key(attribute), typeof wanted === 'string' ? { $eq: wanted } : { $in: wanted.map(asText) });
    }
    return filter;
  };
  const decode = ({ _id, revision: _revision, ...rest }: Document) => ({ id: _id, ...rest }) as unknown as R;
  const encode = (record: R) => {
    checkRecord(name, shape, record);
    const { id, ...rest } = record;
    return { _id: id, revision: 1, ...defined(rest) };
  };
  const run = <T>(work: (isGivenUp: () => boolean) => Promise<T>) => guarded(name, work);
  const readById = (id: string, { authoritative = false }: ReadOptions = {}) => {
    const query = model.findOne({ _id: asText(id), ...alive() });
    return (authoritative ? linearizable(query) : query).lean<Document | null>();
  };

  async function insert(record: R, isGivenUp: () => boolean): Promise<void> {
    const document = encode(record);
    if (spec.expires) await model.deleteOne({ _id: record.id, [spec.expires]: { $lte: clock.now() } });
    for (let uncertain = false; ; uncertain = true) {
      try {
        await model.insertOne(document as never);
        return;
      } catch (error) {
        // The first try may have been applied although its answer was lost; ids are random, so a record under ours is ours.
        if (uncertain && duplicateKey(error) === 'id') return;
        if (uncertain || isGivenUp() || !isUnreachable(error)) throw error;
      }
    }
  }

  /** Writers of one record in this process take turns: only other processes are left to swap against. */
  const inTurn = createTurns();

  /** Compare-and-swap on `revision`; writes only the attributes that differ. */
  async function update(id: string, change: (record: R) => R | undefined, isGivenUp: () => boolean) {
    for (let attempt = 0; ; attempt++) {
      if (isGivenUp()) throw new mongoose.mongo.MongoRuntimeError('given up');
      const found = await readById(id);
      if (!found) return undefined;
      // Its caller was told that it failed: it must not overtake what has been done since.
      if (isGivenUp()) throw new mongoose.mongo.MongoRuntimeError('given up');
      const before = decode(found);
      const after = change(before) ?? before;
      if (after === before) return { before, after };
      checkRecord(name, shape, after);
      const { id: _id, ...values } = after;
      const $unset = Object.fromEntries(
        attributesOf(shape)
          .map(({ name }) => name)
          .filter((attribute) => (values as Record<string, unknown>)[attribute] === undefined)
          .map((attribute) => [attribute, '']),
      );
      const swap = { $set: defined(values), ...(Object.keys($unset).length > 0 && { $unset }), $inc: { revision: 1 } };
      const swapped = await model.updateOne({ _id: id, revision: found.revision }, swap);
      if (swapped.matchedCount === 1) return { before, after };
      // Another writer came first: a short, growing, uneven pause keeps many of them from meeting again.
      await new Promise((resolve) => setTimeout(resolve, Math.random() * SWAP_PAUSE_MS * Math.min(attempt + 1, 10)));
    }
  }

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
    insert: (record) => run((isGivenUp) => insert(record, isGivenUp)),
    find: (id, options) => run(async () => optional(await readById(id, options), decode)),
    findBy: (attribute, value, { authoritative = false } = {}) =>
      run(async () => {
        const query = model.findOne({ [key(attribute)]: asText(value), ...alive() });
        // Linearizable reads take no sort; the keys they are used with are unique.
        if (authoritative) linearizable(query);
        else query.sort({ [spec.order]: 1, _id: 1 });
        return optional(await query.lean<Document | null>(), decode);
      }),
    update: (id, change) => run((isGivenUp) => inTurn(asText(id), () => update(id, change, isGivenUp))),
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
    count: (where) => run(() => model.countDocuments(condition(where)).exec()),
    due: (attribute, before, limit) =>
      run(async () => {
        const filter = alive();
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

function linearizable<Q extends { read(preference: 'primary'): Q; readConcern(level: 'linearizable'): Q }>(
  query: Q,
): Q {
  return query.read('primary').readConcern('linearizable');
}

function optional<T, U>(value: T | null, map: (value: T) => U): U | undefined {
  return value === null ? undefined : map(value);
}

function defined(values: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function schemaOf(shape: Shape): mongoose.Schema<Document> {
  return new mongoose.Schema(
    { _id: String, revision: Number, ...fieldsOf(shape) },
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

function indexesOf(spec: CollectionSpec): [Record<string, 1>, Record<string, unknown>][] {
  return [
    [{ [spec.order]: 1, _id: 1 }, {}],
    ...(spec.expires
      ? [[{ [spec.expires]: 1 }, { expireAfterSeconds: 0 }] as [Record<string, 1>, Record<string, unknown>]]
      : []),
    ...Object.entries(spec.keys).map(([attribute, kind]): [Record<string, 1>, Record<string, unknown>] =>
      kind === 'unique'
        ? [{ [attribute]: 1 }, { unique: true, sparse: true }]
        : [{ [attribute]: 1, [spec.order]: 1, _id: 1 }, {}],
    ),
  ];
}

/** Runs work against the server under one deadline and translates what it throws. */
async function guarded<T>(collection: string, work: (isGivenUp: () => boolean) => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  let isLate = false;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      isLate = true;
      reject(storageUnavailable(new Error(`no answer within ${OPERATION_MS} ms`)));
    }, OPERATION_MS);
  });
  try {
    return await Promise.race([work(() => isLate), late]);
  } catch (error) {
    const taken = duplicateKey(error);
    if (taken !== undefined) throw new DuplicateKey(collection, taken, { cause: error });
    throw isServerError(error) ? storageUnavailable(error) : error;
  } finally {
    clearTimeout(timer);
  }
}

function duplicateKey(error: unknown): string | undefined {
  const {
    code,
    keyPattern,
    writeErrors,
    message = '',
  } = (error ?? {}) as {
    code?: unknown;
    keyPattern?: object;
    writeErrors?: { err?: { keyPattern?: object } }[];
    message?: string;
  };
  if (code !== 11000) return undefined;
  // A bulk write carries the pattern one level down, some servers only the index's name.
  const pattern = keyPattern ?? writeErrors?.[0]?.err?.keyPattern;
  const attribute = pattern ? Object.keys(pattern)[0] : (/index: (\w+?)_1/.exec(message)?.[1] ?? '_id');
  return attribute === '_id' ? 'id' : attribute;
}

function isServerError(error: unknown): boolean {
  return (
    error instanceof mongoose.mongo.MongoError ||
    (error instanceof mongoose.Error &&
      !(error instanceof mongoose.Error.CastError) &&
      !(error instanceof mongoose.Error.StrictModeError))
  );
}

/** The server could not be asked, or its answer was lost: the outcome of a write is not known. */
function isUnreachable(error: unknown): boolean {
  const { MongoNetworkError, MongoServerSelectionError, MongoPoolClearedError, MongoNotConnectedError } =
    mongoose.mongo as unknown as Record<string, new () => Error>;
  const kinds = [
    MongoNetworkError,
    MongoServerSelectionError,
    MongoPoolClearedError,
    MongoNotConnectedError,
    mongoose.Error.MongooseServerSelectionError,
  ];
  return kinds.some((kind) => kind !== undefined && error instanceof kind);
}

/** An expression for a part of a text, ASCII letters in any case. */
function partOf(text: string): string {
  return text
    .replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')
    .replace(/[a-z]/gi, (letter) => `[${letter.toLowerCase()}${letter.toUpperCase()}]`);
}
