import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { isAppError } from '../../src/errors.ts';
import {
  type Collection,
  type CollectionSpec,
  isDuplicate,
  json,
  type Storage,
  type Stored,
  text,
} from '../../src/storage/index.ts';
import { loadSqlite } from '../../src/storage/sqlite-connection.ts';
import { createMovableClock, HOUR, MINUTE } from '../support/clock.ts';
import { everyEngine, type Place } from '../support/engines.ts';

const shape = {
  name: 'string',
  color: text<'red' | 'green'>(),
  'badge?': 'string',
  'expiresAt?': 'date',
  'dueAt?': 'date',
  createdAt: 'date',
  'count?': 'number',
  'other?': 'number',
  'seenAt?': 'date',
  'seenBy?': { address: 'string', 'agent?': 'string' },
  tags: 'strings',
  'ready?': 'boolean',
  'facts?': json<Record<string, unknown>>(),
  'history?': [{ at: 'date', what: 'string' }],
} as const;

const spec = {
  name: 'things',
  shape,
  keys: { color: 'index', badge: 'unique', dueAt: 'index' },
  order: 'createdAt',
  expires: 'expiresAt',
} as const satisfies CollectionSpec;

type Thing = Stored<typeof shape>;

for (const engine of everyEngine) {
  describe(`storage on ${engine.title}`, () => {
    const clock = createMovableClock();
    let place: Place;
    let storage: Storage;
    let things: Collection<Thing>;
    let serial = 0;

    const thing = (fields: Partial<Thing> = {}): Thing => ({
      id: `thing_${++serial}`,
      name: 'a thing',
      color: 'red',
      createdAt: clock.now(),
      tags: [],
      ...fields,
    });

    before(async () => {
      place = engine.place();
      storage = await place.open(clock);
      things = storage.collection(spec);
      await storage.prepare();
    });
    after(async () => {
      await storage.close();
      await place.remove();
    });

    it('gives back what was put in, dates and nested objects included', async () => {
      const made = thing({
        badge: 'b-1',
        seenBy: { address: '10.0.0.1', agent: 'Okta' },
        tags: ['x', 'y'],
        ready: false,
        facts: { deep: { list: [1, 'two', null] } },
        history: [{ at: clock.now(), what: 'made' }],
        count: 0,
      });
      await things.insert(made);
      assert.deepEqual(await things.find(made.id), made);
      assert.deepEqual(await things.findBy('badge', 'b-1'), made);
      assert.deepEqual(await things.findBy('badge', 'b-1', { authoritative: true }), made);
      assert.deepEqual(await things.find(made.id, { authoritative: true }), made);
      assert.equal(await things.find('thing_absent'), undefined);
      assert.equal(await things.findBy('badge', 'absent', { authoritative: true }), undefined);
    });

    it('tells a taken id and a taken unique key apart, and lets many go without the key', async () => {
      const first = thing({ badge: 'taken' });
      await things.insert(first);
      await assert.rejects(things.insert(thing({ badge: 'taken' })), (error) => isDuplicate(error, 'badge'));
      await assert.rejects(things.insert({ ...first, badge: 'free' }), (error) => isDuplicate(error, 'id'));
      await things.insert(thing());
      await things.insert(thing());
      const second = thing({ badge: 'second' });
      await things.insert(second);
      await assert.rejects(
        things.update(second.id, (found) => ({ ...found, badge: 'taken' })),
        (error) => isDuplicate(error, 'badge'),
      );
      assert.equal((await things.find(second.id))?.badge, 'second');
    });

    it('frees a unique key with the attribute and with the record', async () => {
      const holder = thing({ badge: 'freed' });
      await things.insert(holder);
      await things.update(holder.id, ({ badge: _badge, ...rest }) => rest);
      assert.equal((await things.find(holder.id))?.badge, undefined);
      const next = thing({ badge: 'freed' });
      await things.insert(next);
      assert.equal(await things.remove(next.id), true);
      assert.equal(await things.remove(next.id), false);
      await things.insert(thing({ badge: 'freed' }));
    });

    it('lets exactly one of 100 parallel inserts have a unique key', async () => {
      const results = await Promise.allSettled(
        Array.from({ length: 100 }, () => things.insert(thing({ badge: 'contested' }))),
      );
      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
      for (const result of results) if (result.status === 'rejected') assert.ok(isDuplicate(result.reason, 'badge'));
    });

    it('counts all of 50 parallel updates', async () => {
      const counter = thing({ count: 0 });
      await things.insert(counter);
      await Promise.all(
        Array.from({ length: 50 }, () =>
          things.update(counter.id, (found) => ({ ...found, count: (found.count ?? 0) + 1 })),
        ),
      );
      assert.equal((await things.find(counter.id))?.count, 50);
    });

    it('keeps counts and records that are written at the same time, each once', async () => {
      const counts = storage.collection({ ...spec, name: 'counted_things', isCount: true });
      await storage.prepare();
      const initial = { ...thing({ id: 'counted' }), count: 0 };
      const kept = Array.from({ length: 40 }, () => thing());
      await Promise.all(
        kept.flatMap((record) => [
          counts.accumulate([{ initial, add: { count: 1 } }]),
          things.insert(record),
          counts.accumulate([{ initial, add: { count: 1 } }]),
        ]),
      );
      await counts.update('counted', (record) => ({ ...record, name: 'changed' }));
      await Promise.all(kept.map(({ id }) => things.update(id, (record) => ({ ...record, name: 'changed' }))));
      assert.equal((await counts.find('counted'))?.count, 80);
      for (const { id } of kept) assert.equal((await things.find(id))?.name, 'changed');
    });

    it('lets one of many consume once', async () => {
      const code = thing({ ready: true });
      await things.insert(code);
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, () =>
          things.update(code.id, (found) => (found.ready ? { ...found, ready: false } : undefined)),
        ),
      );
      assert.equal(outcomes.filter((outcome) => outcome?.before.ready).length, 1);
    });

    it('passes on what a change throws and leaves the record as it was', async () => {
      const kept = thing({ name: 'kept' });
      await things.insert(kept);
      await assert.rejects(
        things.update(kept.id, () => {
          throw new RangeError('no');
        }),
        RangeError,
      );
      assert.equal((await things.find(kept.id))?.name, 'kept');
      assert.equal(await things.update('thing_absent', (found) => found), undefined);
    });

    it('refuses undeclared attributes, wrong kinds and undeclared keys', async () => {
      await assert.rejects(things.insert({ ...thing(), color: undefined } as never), /things\.color is missing/);
      await assert.rejects(things.insert({ ...thing(), extra: 1 } as never), /things\.extra is not declared/);
      await assert.rejects(things.insert({ ...thing(), name: 7 } as never), /things\.name/);
      await assert.rejects(things.insert({ ...thing(), seenBy: { address: 'a', $where: 1 } } as never), /not declared/);
      const absent = thing();
      await things.insert(absent);
      await assert.rejects(
        things.update(absent.id, (found) => ({ ...found, surprise: true }) as never),
        /not declared/,
      );
      assert.throws(
        () => storage.collection({ name: 'others', shape: { revision: 'number', at: 'date' }, keys: {}, order: 'at' }),
        /may not have an attribute revision/,
      );
      await assert.rejects(things.findBy('name', 'a thing'), /declares no key name/);
      await assert.rejects(things.page({ where: { name: 'a thing' }, limit: 1 }), /declares no key name/);
      await assert.rejects(things.removeBy('constructor', 'x'), /declares no key constructor/);
      await assert.rejects(things.count({ __proto__: null, toString: 'x' } as never), /declares no key/);
    });

    it('finds a part of a key, in any case, and takes nothing in it for a pattern', async () => {
      const names = ['Northwind (EU)', 'northWIND', 'South.wind', 'Southxwind', '100% wind_', 'Größe'];
      for (const color of names) await things.insert(thing({ color: `look ${color}` as never }));
      const find = async (text: string) =>
        (await things.page({ contains: { key: 'color', text: text === '' ? 'look ' : text }, limit: 100 })).items
          .map(({ color }) => String(color).replace('look ', ''))
          .filter((color) => names.includes(color));
      assert.deepEqual(await find('NORTHwind'), ['Northwind (EU)', 'northWIND']);
      assert.deepEqual(await find('south.WIND'), ['South.wind']);
      assert.deepEqual(await find('(eu)'), ['Northwind (EU)']);
      assert.deepEqual(await find('% wind_'), ['100% wind_']);
      for (const none of ['.*', 'South_wind', '[a-z]', '^look', 'wind$', '\\', 'Nothing'])
        assert.deepEqual(await find(none), [], none);
      assert.deepEqual(await find('größe'), ['Größe']);
      const where = { color: 'look northWIND' };
      const both = await things.page({ where, contains: { key: 'color', text: 'north' }, limit: 10 });
      assert.equal(both.items.length, engine.forgetsEqBesideRegex ? 2 : 1);
      await assert.rejects(things.page({ contains: { key: 'name', text: 'a' }, limit: 1 }), /declares no key name/);
      await assert.rejects(
        things.page({ contains: { key: 'color', text: { $ne: '' } as never }, limit: 1 }),
        TypeError,
      );
    });

    it('takes no operator where a value belongs', async () => {
      const injected = { $ne: null } as never;
      await assert.rejects(things.find(injected), TypeError);
      await assert.rejects(things.findBy('badge', injected), TypeError);
      await assert.rejects(things.page({ where: { color: [injected] }, limit: 1 }), TypeError);
      await assert.rejects(things.remove(injected), TypeError);
    });

    it('treats a record past its end as absent on every read, and its place as free', async () => {
      const ending = thing({
        badge: 'ending',
        color: 'green',
        expiresAt: new Date(clock.now().getTime() + MINUTE),
        dueAt: clock.now(),
      });
      await things.insert(ending);
      assert.ok(await things.find(ending.id));
      clock.advance(MINUTE);
      assert.equal(await things.find(ending.id), undefined);
      assert.equal(await things.findBy('badge', 'ending'), undefined);
      assert.equal(await things.findBy('badge', 'ending', { authoritative: true }), undefined);
      assert.equal(await things.count({ color: 'green' }), 0);
      assert.deepEqual((await things.page({ where: { color: 'green' }, limit: 5 })).items, []);
      assert.deepEqual(await things.due('dueAt', new Date(clock.now().getTime() + HOUR), 5), []);
      assert.equal(await things.update(ending.id, (found) => ({ ...found, name: 'risen' })), undefined);
      await things.insert({ ...ending, expiresAt: new Date(clock.now().getTime() + MINUTE), name: 'again' });
      assert.equal((await things.find(ending.id))?.name, 'again');
      clock.advance(MINUTE);
      await storage.reclaim();
      await things.insert(thing({ badge: 'ending' }));
    });

    it('pages in a stable order both ways, through equal times and while records are added', async () => {
      const color = 'green' as const;
      const ids: string[] = [];
      for (let index = 0; index < 7; index++) {
        if (index % 3 === 0) clock.advance(1000);
        const made = thing({ color, id: `page_${index}` });
        await things.insert(made);
        ids.push(made.id);
      }
      for (const direction of ['ascending', 'descending'] as const) {
        const seen: string[] = [];
        let after: string | undefined;
        do {
          const page = await things.page({ where: { color }, direction, limit: 3, after });
          seen.push(...page.items.map(({ id }) => id));
          after = page.nextCursor ?? undefined;
        } while (after);
        assert.deepEqual(seen, direction === 'ascending' ? ids : ids.toReversed());
      }
      const first = await things.page({ where: { color }, limit: 7 });
      assert.equal(first.nextCursor, null);
      await assert.rejects(things.page({ limit: 1, after: 'bm9uc2Vuc2U' }), (error) =>
        isAppError(error, 'invalid_cursor'),
      );
      const [third] = (await things.page({ where: { color: ['green', 'absent'] }, limit: 1, after: undefined })).items;
      assert.equal(third?.id, 'page_0');
      const later = await things.page({ where: { color }, from: clock.now(), limit: 9 });
      assert.deepEqual(
        later.items.map(({ id }) => id),
        ['page_6'],
      );
      const earlier = await things.page({ where: { color }, to: clock.now(), limit: 9 });
      assert.equal(earlier.items.length, 6);
    });

    it('counts those that match and have not expired', async () => {
      const before = { all: await things.count(), green: await things.count({ color: 'green' }) };
      const expiresAt = (ms: number) => new Date(clock.now().getTime() + ms);
      for (const ms of [MINUTE, 2 * MINUTE, HOUR])
        await things.insert(thing({ color: 'green', expiresAt: expiresAt(ms) }));
      await things.insert(thing({ color: 'green' }));
      await things.insert(thing({ color: 'red', expiresAt: expiresAt(MINUTE) }));
      const counted = async () => [
        (await things.count()) - before.all,
        (await things.count({ color: 'green' })) - before.green,
        await things.count({ color: ['green'], badge: 'absent' }),
      ];
      assert.deepEqual(await counted(), [5, 4, 0]);
      // What expires at this very moment has expired.
      clock.advance(2 * MINUTE);
      assert.deepEqual(await counted(), [2, 2, 0]);
      await storage.reclaim();
      assert.deepEqual(await counted(), [2, 2, 0]);
    });

    it('adds up what many writers count and never moves the latest back', async () => {
      const initial = thing({ id: 'usage_1' });
      const at = (ms: number) => new Date(clock.now().getTime() + ms);
      await Promise.all(
        Array.from({ length: 30 }, (_, index) =>
          things.accumulate([
            {
              initial,
              add: { count: 2, other: 1 },
              latest: { by: 'seenAt', values: { seenAt: at(index), seenBy: { address: `10.0.0.${index}` } } },
            },
          ]),
        ),
      );
      await things.accumulate([
        { initial, latest: { by: 'seenAt', values: { seenAt: at(-5000), seenBy: { address: 'old' } } } },
      ]);
      const found = await things.find('usage_1');
      assert.equal(found?.count, 60);
      assert.equal(found?.other, 30);
      assert.deepEqual(found?.seenAt, at(29));
      assert.equal(found?.seenBy?.address, '10.0.0.29');
      await things.accumulate([]);
    });

    it('finds what is due, earliest first, and prunes what is old', async () => {
      const soon = (ms: number) => new Date(clock.now().getTime() + ms);
      await things.insert(thing({ id: 'due_2', dueAt: soon(2) }));
      await things.insert(thing({ id: 'due_1', dueAt: soon(1) }));
      await things.insert(thing({ id: 'due_3', dueAt: soon(3) }));
      assert.deepEqual(
        (await things.due('dueAt', soon(3), 5)).map(({ id }) => id),
        ['due_1', 'due_2'],
      );
      assert.deepEqual(
        (await things.due('dueAt', soon(9), 1)).map(({ id }) => id),
        ['due_1'],
      );
      await things.insert(thing({ id: 'due_0', dueAt: soon(0), color: 'green' }));
      assert.deepEqual(
        (await things.due('dueAt', soon(9), 9, { color: 'green' })).map(({ id }) => id),
        ['due_0'],
      );
      clock.advance(HOUR);
      await things.insert(thing({ id: 'young' }));
      const removed = await things.prune(clock.now());
      assert.ok(removed > 10);
      assert.equal(await things.count(), 1);
      assert.ok(await things.find('young'));
    });

    it('removes by key', async () => {
      await things.insert(thing({ color: 'green' }));
      await things.insert(thing({ color: 'green' }));
      assert.equal(await things.removeBy('color', 'green'), 2);
      assert.equal(await things.count({ color: 'green' }), 0);
    });

    it('keeps everything over a new opening, and opens with the same definitions twice', async () => {
      const kept = thing({ badge: 'reopened', dueAt: clock.now() });
      await things.insert(kept);
      const second = await place.open(systemClock);
      const again = second.collection(spec);
      await second.prepare();
      assert.deepEqual(await again.findBy('badge', 'reopened'), kept);
      await again.insert(thing({ badge: 'from the second' }));
      assert.ok(await things.findBy('badge', 'from the second'));
      await second.ping();
      await second.close();
    });

    it('changes a record of a later release and leaves what that release added', async () => {
      const second = await place.open(clock);
      const wider = {
        ...spec,
        shape: {
          ...shape,
          'later?': 'string',
          'seenBy?': { address: 'string', 'agent?': 'string', 'later?': 'number' },
        },
      } as const satisfies CollectionSpec;
      const later = second.collection(wider);
      const seenBy = { address: '192.0.2.1', later: 7 };
      const record = { ...thing(), later: 'of a later release', seenBy };
      await later.insert(record);
      const rebuilt = ({ id, name, createdAt, tags, seenBy }: Thing): Thing => ({
        id,
        name,
        createdAt,
        tags,
        ...(seenBy && { seenBy: { ...seenBy, agent: 'Okta' } }),
        color: 'green',
      });
      await things.update(record.id, rebuilt);
      assert.deepEqual(await later.find(record.id), {
        ...record,
        color: 'green',
        seenBy: { ...seenBy, agent: 'Okta' },
      });
      await assert.rejects(
        things.update(record.id, (found) => ({ ...found, other2: 'x' })),
        /things\.other2 is not declared/,
      );
      await second.close();
    });

    it('runs each migration until it has finished once', async () => {
      const other = engine.place();
      const ran: string[] = [];
      const migration = (name: string, run: () => Promise<void>) => ({ name, run });
      const first = migration('first', async () => void ran.push('first'));
      const second = migration('second', async () => {
        ran.push('second');
        if (ran.length < 3) throw new Error('cut short');
      });
      const storage = await other.open(clock);
      await assert.rejects(storage.prepare([first, second]), /cut short/);
      await storage.prepare([first, second]);
      await storage.prepare([first, second]);
      assert.deepEqual(ran, ['first', 'second', 'second']);
      await storage.close();
      await other.remove();
    });

    it('tells the time of the store', async () => {
      const told = await storage.now();
      assert.ok(Math.abs(told.getTime() - (engine.name === 'sqlite' ? clock.now() : new Date()).getTime()) < MINUTE);
    });

    it('opens a store that a later release shares, and refuses one that only later releases understand', async () => {
      const other = engine.place();
      const first = await other.open(clock);
      await first.prepare();
      await note(other.url, 'schema_version', '999');
      const shared = await other.open(clock);
      await shared.prepare();
      await note(other.url, 'oldest_reader', '998');
      const later = await other.open(clock);
      await assert.rejects(later.prepare(), /later Latchkey.*version 999/);
      for (const one of [first, shared, later]) await one.close();
      await other.remove();
    });
  });
}

async function note(url: string, key: string, value: string): Promise<void> {
  if (url.startsWith('file:')) {
    // By the driver that the store uses: two in one process would take each other's locks away.
    const connect = await loadSqlite();
    const db = connect(`${url.slice(5)}/latchkey.db`);
    db.prepare('UPDATE latchkey_meta SET value = ? WHERE key = ?').run(value, key);
    db.close();
    return;
  }
  const { default: mongoose } = await import('mongoose');
  const connection = await mongoose.createConnection(url).asPromise();
  await connection.collection('latchkey_meta').updateOne({ _id: key as never }, { $set: { value } });
  await connection.close();
}
