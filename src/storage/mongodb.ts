/**
 * The production engine: MongoDB through mongoose, any number of instances on one replica set.
 *
 * Writes are majority and journaled. Reads go to the primary; those that decide about a credential are linearizable, since a primary that was
 * deposed without noticing would still call a revoked credential active.
 */
import { createHash } from 'node:crypto';
import type { Connection, Model } from 'mongoose';
import type { Document } from './documents.ts';
import type { CollectionSpec, OpenOptions, Storage } from './index.ts';
import { createCollection, schemaOf } from './mongodb-collection.ts';
import { connectMongodb, helloOf } from './mongodb-connection.ts';
import { createGuard, isServerError, orUnavailable } from './mongodb-faults.ts';
import { PATIENCE } from './patience.ts';
import { migrate, readableBy } from './schema-version.ts';
import { assertFree, type Shape } from './shape.ts';

/** How many collections are prepared at a time: a far database costs a few round trips, not one per collection. */
const PREPARED_AT_ONCE = 8;
/** A command on a collection that does not exist. */
const NAMESPACE_NOT_FOUND = 26;

type Index = { key: Record<string, 1>; name: string; unique?: boolean; sparse?: boolean; expireAfterSeconds?: number };

/** `patience` is an input: a test of an outage need not wait for seconds, and no other test depends on how busy the machine is. */
export async function openMongodb({ url, clock, log, patience = PATIENCE }: OpenOptions): Promise<Storage> {
  const connection = await connectMongodb(url, log, patience);
  const guarded = createGuard(patience);
  const specs: { spec: CollectionSpec; model: Model<Document> }[] = [];
  const meta = connection.model<Document>('latchkey_meta', schemaOf({ value: 'string' }), 'latchkey_meta');

  const notes = {
    async read(key: string) {
      const row = await meta.findById(key).lean();
      return row === null ? undefined : String(row['value']);
    },
    async write(key: string, value: string) {
      await meta.updateOne({ _id: key }, { $set: { value }, $setOnInsert: { revision: 1 } }, { upsert: true });
    },
  };

  /** Without a deadline: an index over many records takes its time, and nobody waits for an answer yet. */
  async function prepare(migrations: Parameters<Storage['prepare']>[0] = []): Promise<void> {
    const known = new Map((await meta.find().lean()).map(({ _id, value }) => [_id, String(value)]));
    readableBy(known.get('schema_version'), known.get('oldest_reader'));
    const indexes = digestOf(specs.map(({ spec }) => [spec.name, indexesOf(spec)]));
    if (known.get('indexes') !== indexes) {
      await createAllIndexes();
      await notes.write('indexes', indexes);
    }
    await migrate({ ...notes, read: async (key) => known.get(key) }, migrations, log);
  }

  async function createAllIndexes(): Promise<void> {
    const queue = [...specs];
    const worker = async () => {
      for (let next = queue.shift(); next; next = queue.shift()) await createIndexes(next.model, next.spec);
    };
    await Promise.all(Array.from({ length: PREPARED_AT_ONCE }, worker));
  }

  async function createIndexes(model: Model<Document>, spec: CollectionSpec): Promise<void> {
    const there = await indexNames(model);
    const missing = indexesOf(spec).filter(({ name }) => !there.has(name));
    if (missing.length === 0) return;
    log.info({ collection: spec.name, indexes: missing.length }, 'creating indexes');
    await model.db.db?.command({ createIndexes: spec.name, indexes: missing, writeConcern: { w: 'majority' } });
  }

  return {
    engine: 'mongodb',
    collection<S extends Shape>(spec: CollectionSpec<S>) {
      assertFree(spec.name, spec.shape);
      const model = connection.model<Document>(spec.name, schemaOf(spec.shape), spec.name);
      specs.push({ spec, model });
      return createCollection<S>(model, spec, { clock, guarded, linearizableMs: patience.linearizableMs });
    },
    prepare: (migrations) => orUnavailable(() => prepare(migrations)),
    isPrepared: () => guarded('latchkey_meta', async () => (await notes.read('schema_version')) !== undefined),
    async ping() {
      await guarded('latchkey_meta', () => meta.findById('schema_version').read('primary').lean());
    },
    now: () => guarded('latchkey_meta', () => timeOf(connection)),
    async reclaim() {
      // A start believes its note, so that it need not ask each collection; an index that was removed since is made again here.
      await orUnavailable(createAllIndexes);
      for (const { spec, model } of specs) {
        if (spec.expires)
          await guarded(spec.name, () => model.deleteMany({ [spec.expires ?? '']: { $lte: clock.now() } }));
      }
    },
    close: () => connection.close(),
  };
}

function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('base64url');
}

async function timeOf(connection: Connection): Promise<Date> {
  const { localTime } = await helloOf(connection);
  if (localTime instanceof Date) return localTime;
  throw new Error('the server does not tell its time');
}

async function indexNames(model: Model<Document>): Promise<Set<string>> {
  try {
    return new Set((await model.collection.listIndexes().toArray()).map(({ name }) => String(name)));
  } catch (error) {
    if (isServerError(error) && (error as { code?: unknown }).code === NAMESPACE_NOT_FOUND) return new Set();
    throw error;
  }
}

function indexesOf(spec: CollectionSpec): Index[] {
  const index = (attributes: readonly string[], options: Partial<Index> = {}): Index => ({
    key: Object.fromEntries(attributes.map((attribute) => [attribute, 1])),
    name: attributes.map((attribute) => `${attribute}_1`).join('_'),
    ...options,
  });
  return [
    index([spec.order, '_id']),
    ...(spec.expires ? [index([spec.expires], { expireAfterSeconds: 0 })] : []),
    ...Object.entries(spec.keys).map(([attribute, kind]) =>
      kind === 'unique' ? index([attribute], { unique: true, sparse: true }) : index([attribute, spec.order, '_id']),
    ),
  ];
}
