/** What only MongoDB can do to us: step down, fail commands, cut connections, freeze, die and come back in the middle of writes. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import mongoose, { type Connection } from 'mongoose';
import { systemClock } from '../../src/clock.ts';
import { isAppError } from '../../src/errors.ts';
import {
  type Collection,
  type CollectionSpec,
  isDuplicate,
  openStorage,
  type Storage,
  type Stored,
} from '../../src/storage/index.ts';
import { PATIENCE, type Patience } from '../../src/storage/patience.ts';
import { type ConnectionCutter, createConnectionCutter } from '../support/connection-cutter.ts';
import { PATIENT, silent } from '../support/engines.ts';
import { createMongoServer, type MongoServer } from '../support/mongo-server.ts';
import { findCommand } from '../support/parts.ts';
import { pause, until } from '../support/traffic.ts';

const shape = {
  name: 'string',
  'badge?': 'string',
  count: 'number',
  tags: 'strings',
  isReady: 'boolean',
  seenBy: { address: 'string', at: 'date' },
  createdAt: 'date',
} as const;
const spec = {
  name: 'things',
  shape,
  keys: { badge: 'unique', name: 'index' },
  order: 'createdAt',
} as const satisfies CollectionSpec;
type Thing = Stored<typeof shape>;

const KILLS = 3;
/** Of the storage under test where what it waits for never comes: long enough for an answer, and no longer. */
const SHORT: Patience = { operationMs: 800, linearizableMs: 700, selectionMs: 600, heartbeatMs: 500 };
const skip = findCommand('mongodb') ? false : 'no MongoDB server on this machine that could be killed';
const isUnavailable = (error: unknown) => isAppError(error, 'storage_unavailable');

describe('MongoDB under us', { skip }, () => {
  let server: MongoServer;
  let cutter: ConnectionCutter;
  let admin: Connection;
  let storage: Storage;
  let things: Collection<Thing>;
  /** The same store, given up soon. */
  let hasty: Storage;
  let hastyThings: Collection<Thing>;
  let serial = 0;

  const thing = (fields: Partial<Thing> = {}): Thing => ({
    id: `thing_${++serial}`,
    name: 'a thing',
    count: 0,
    tags: ['x'],
    isReady: true,
    seenBy: { address: '192.0.2.1', at: new Date('2026-01-02T03:04:05.006Z') },
    createdAt: new Date('2026-01-01T00:00:00.000Z'),
    ...fields,
  });
  const increment = (record: Thing): Thing => ({ ...record, count: record.count + 1 });
  const raw = () => admin.getClient().db('things').collection('things');
  const failPoint = async (data: Record<string, unknown>, times?: number) => {
    await admin.db?.admin().command({
      configureFailPoint: 'failCommand',
      mode: times === undefined ? 'alwaysOn' : { times },
      data: { appName: 'latchkey', ...data },
    });
  };

  before(async () => {
    server = await createMongoServer();
    cutter = await createConnectionCutter(Number(new URL(server.origin).port));
    admin = await mongoose.createConnection(server.origin, { heartbeatFrequencyMS: SHORT.heartbeatMs }).asPromise();
    const url = `mongodb://127.0.0.1:${cutter.port}/things?directConnection=true`;
    storage = await openStorage({ url, clock: systemClock, log: silent, patience: PATIENT.store });
    things = storage.collection(spec);
    await storage.prepare();
    hasty = await openStorage({ url, clock: systemClock, log: silent, patience: SHORT });
    hastyThings = hasty.collection(spec);
  });
  after(async () => {
    await hasty.close();
    await storage.close();
    await admin.close();
    await cutter.close();
    await server.stop();
  });
  afterEach(async () => {
    await admin.db?.admin().command({ configureFailPoint: 'failCommand', mode: 'off' });
  });

  it('keeps one field per attribute, in native types that whoever opens the database can read', async () => {
    const { id, ...kept } = thing({ badge: 'native' });
    await things.insert({ id, ...kept });
    const found: Record<string, unknown> = (await raw().findOne({ badge: 'native' })) ?? {};
    const { _id, revision, _nonce, ...document } = found;
    assert.equal(_id, id);
    assert.match(String(_nonce), /^[\w-]{12}$/);
    assert.equal(revision, 1);
    assert.deepEqual(document, kept);
    assert.ok(document['createdAt'] instanceof Date);
    assert.ok((document['seenBy'] as { at: unknown }).at instanceof Date);
    const indexes = await raw().indexes();
    assert.ok(indexes.some(({ key, unique, sparse }) => key['badge'] === 1 && unique && sparse));
    assert.ok(indexes.some(({ key }) => key['name'] === 1));
  });

  it('does not double an insert whose answer was lost, and still tells that it is there', async () => {
    const made = thing({ badge: 'answer lost' });
    const before = cutter.lost();
    cutter.loseAnswerTo(made.id);
    await things.insert(made);
    assert.equal(cutter.lost(), before + 1, 'no answer was lost');
    assert.deepEqual(await things.find(made.id), made);
    assert.equal(await raw().countDocuments({ badge: 'answer lost' }), 1);
  });

  it('tells a taken key from a lost connection, also when the answer that says so was lost', async () => {
    await things.insert(thing({ badge: 'taken' }));
    const second = thing({ badge: 'taken' });
    cutter.loseAnswerTo(second.id);
    await assert.rejects(things.insert(second), (error) => isDuplicate(error, 'badge'));
    await failPoint({ failCommands: ['insert'], closeConnection: true });
    await assert.rejects(things.insert(thing({ badge: 'taken' })), isUnavailable);
    await assert.rejects(things.insert(thing({ badge: 'free' })), isUnavailable);
  });

  it('calls a taken id taken when nothing was lost', async () => {
    const made = thing();
    await things.insert(made);
    await assert.rejects(things.insert(made), (error) => isDuplicate(error, 'id'));
  });

  it('takes no record of another for its own when it tries again, as with IDs that are derived', async () => {
    const made = thing();
    await things.insert(made);
    await failPoint({ failCommands: ['insert'], closeConnection: true }, 1);
    await assert.rejects(things.insert({ ...made }), (error) => isDuplicate(error, 'id'));
  });

  it('decides that there is nothing to write on a linearizable read only', async () => {
    const made = thing();
    await things.insert(made);
    let decided = 0;
    const outcome = await things.update(made.id, (record) => {
      decided++;
      return record.count === 0 ? undefined : increment(record);
    });
    assert.equal(outcome?.after.count, 0);
    assert.equal(decided, 2);
    await failPoint({ failCommands: ['find'], errorCode: 262 });
    await assert.rejects(things.update('thing_absent', increment), isUnavailable);
  });

  it('tries an insert once more when the connection was cut before it was carried out', async () => {
    await failPoint({ failCommands: ['insert'], closeConnection: true }, 1);
    const made = thing({ badge: 'cut before' });
    await things.insert(made);
    assert.equal(await raw().countDocuments({ badge: 'cut before' }), 1);
  });

  it('applies an update once whose answer was lost', async () => {
    const made = thing();
    await things.insert(made);
    cutter.loseAnswerTo('$inc');
    const outcome = await things.update(made.id, increment).then(
      () => 'done',
      (error: unknown) => (isUnavailable(error) ? 'unknown' : 'wrong'),
    );
    const count = (await things.find(made.id))?.count ?? -1;
    assert.ok(outcome === 'done' ? count === 1 : outcome === 'unknown' && count <= 1, `${outcome}, count ${count}`);
    assert.ok(await things.update(made.id, increment));
    assert.equal((await things.find(made.id))?.count, count + 1);
  });

  for (const [name, code] of [
    ['InterruptedAtShutdown', 11600],
    ['NotWritablePrimary', 10107],
    ['ExceededTimeLimit', 262],
    ['Unauthorized', 13],
  ] as const) {
    it(`calls the store unavailable when commands fail with ${name}`, async () => {
      const made = thing();
      await things.insert(made);
      await failPoint({ failCommands: ['insert', 'update', 'find', 'delete'], errorCode: code });
      const operations = [
        hastyThings.insert(thing()),
        hastyThings.update(made.id, increment),
        hastyThings.find(made.id),
        hastyThings.findBy('name', 'a thing', { authoritative: true }),
        hastyThings.page({ limit: 5 }),
        hastyThings.accumulate([{ initial: thing(), add: { count: 1 } }]),
        hasty.ping(),
      ];
      await Promise.all(operations.map((operation) => assert.rejects(operation, isUnavailable)));
      await failPoint({ failCommands: ['none'], errorCode: code });
      assert.equal((await things.find(made.id))?.count, 0);
    });
  }

  it('gives up a read that takes too long, by default well before 5 s', async () => {
    assert.ok(PATIENCE.operationMs < 4000);
    const blockTimeMS = 20 * SHORT.operationMs;
    await failPoint({ failCommands: ['find'], blockConnection: true, blockTimeMS });
    const startedAt = performance.now();
    await assert.rejects(hastyThings.find('thing_1'), isUnavailable);
    assert.ok(performance.now() - startedAt < blockTimeMS);
  });

  it('lets no change that was given up take effect behind a later one', async () => {
    const made = thing({ name: 'first' });
    await things.insert(made);
    await failPoint({ failCommands: ['find'], blockConnection: true, blockTimeMS: SHORT.operationMs + 1500 }, 1);
    await assert.rejects(
      hastyThings.update(made.id, (record) => ({ ...record, name: 'given up' })),
      isUnavailable,
    );
    await things.update(made.id, (record) => ({ ...record, name: 'later' }));
    // Until the read of the first one has come back, and some more.
    await pause(2000);
    assert.equal((await things.find(made.id))?.name, 'later');
  });

  it('refuses writes while there is no primary and takes them again afterwards', async () => {
    const made = thing();
    await things.insert(made);
    await admin.db
      ?.admin()
      .command({ replSetStepDown: 2, force: true })
      .catch(() => undefined);
    const outcomes: string[] = [];
    await until('a primary is back', 60_000, async () => {
      const outcome = await hastyThings.update(made.id, increment).then(
        () => 'done',
        (error: unknown) => (isUnavailable(error) ? 'unavailable' : String(error)),
      );
      outcomes.push(outcome);
      return outcome === 'done';
    });
    assert.deepEqual(
      [...new Set(outcomes)].filter((outcome) => outcome !== 'unavailable'),
      ['done'],
    );
  });

  it('loses nothing that was acknowledged when it is killed and started again in the middle of writes', async () => {
    const counter = thing();
    await things.insert(counter);
    const acknowledged: string[] = [];
    let counted = 0;
    let attempted = 0;
    let isOver = false;
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      while (!isOver) {
        try {
          if (writer % 2 === 0) {
            const made = thing();
            await things.insert(made);
            acknowledged.push(made.id);
          } else {
            attempted++;
            await things.update(counter.id, increment);
            counted++;
          }
        } catch (error) {
          // An insert that went through just before the kill is tried again by the driver, and finds itself: each id is made once.
          assert.ok(isUnavailable(error) || isDuplicate(error, 'id'), String(error));
          await pause(20);
        }
      }
    });
    for (let kill = 0; kill < KILLS; kill++) {
      await pause(500);
      await server.kill();
      await server.start();
      const reached = { inserts: acknowledged.length, updates: counted };
      const goOn = () => acknowledged.length > reached.inserts + 10 && counted > reached.updates + 5;
      await until('writes go on', 60_000, goOn);
    }
    isOver = true;
    await Promise.all(writers);
    const present = new Set(
      (
        await raw()
          .find({}, { projection: { _id: 1 } })
          .toArray()
      ).map(({ _id }) => String(_id)),
    );
    assert.deepEqual(
      acknowledged.filter((id) => !present.has(id)),
      [],
    );
    const count = (await things.find(counter.id))?.count ?? 0;
    // The driver sends a write again whose answer was lost. MongoDB knows then that it did it; the server that stands in for it has forgotten
    // that after a kill, and does it twice.
    const twice = findCommand('mongodb')?.endsWith('mongod') ? 0 : KILLS;
    assert.ok(
      count >= counted && count <= attempted + twice,
      `${counted} acknowledged, ${count} counted, ${attempted} tried`,
    );
    assert.ok(acknowledged.length > KILLS * 10 && counted > KILLS * 5);
  });
});
