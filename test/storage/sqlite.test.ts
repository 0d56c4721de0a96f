/** What only SQLite brings: one file that several processes write, kill -9 in the middle of it, file modes, and plain SQL for whoever looks. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { isAppError } from '../../src/errors.ts';
import type { Collection, Storage, Stored } from '../../src/storage/index.ts';
import { openStorage } from '../../src/storage/index.ts';
import { type Connection, loadSqlite } from '../../src/storage/sqlite-connection.ts';
import { createApi } from '../support/api.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { silent } from '../support/engines.ts';
import { PROCESS_OWNER_KEY, startLatchkey } from '../support/process.ts';
import { pause, until } from '../support/traffic.ts';

/** Another process that writes without a pause and says each thing that was acknowledged to it. */
const WRITER = `
import { openStorage } from ${JSON.stringify(join(import.meta.dirname, '../../src/storage/index.js'))};
import { systemClock } from ${JSON.stringify(join(import.meta.dirname, '../../src/clock.js'))};
import { pino } from 'pino';
const [url, name] = process.argv.slice(-2);
const storage = await openStorage({ url, clock: systemClock, log: pino({ level: 'silent' }) });
const things = storage.collection({ name: 'things', shape: { count: 'number', createdAt: 'date' }, keys: {}, order: 'createdAt' });
await storage.prepare();
let serial = 0;
async function write() {
  for (;;) {
    const id = name + '_' + ++serial;
    await things.insert({ id, count: 0, createdAt: new Date() });
    process.stdout.write('inserted ' + id + '\\n');
    await things.update('counter', (record) => ({ ...record, count: record.count + 1 }));
    process.stdout.write('counted\\n');
  }
}
process.stdout.write('ready\\n');
await Promise.all([write(), write(), write(), write()]);
`;

const FEW_PAGES = 16 * 1024;
const shape = { count: 'number', createdAt: 'date' } as const;
const connect = await loadSqlite();

describe('a SQLite file that goes away', () => {
  it('acknowledges no write to a file that was replaced or removed under it, and is not ready', async () => {
    for (const replace of [true, false]) {
      const folder = mkdtempSync(join(tmpdir(), 'latchkey-sqlite-'));
      const storage = await openStorage({ url: `file:${folder}`, clock: systemClock, log: silent });
      const things = storage.collection({ name: 'things', shape, keys: {}, order: 'createdAt' });
      await storage.prepare();
      await things.insert({ id: 'before', count: 0, createdAt: new Date() });
      const file = join(folder, 'latchkey.db');
      if (replace) {
        copyFileSync(file, `${file}.copy`);
        renameSync(`${file}.copy`, file);
      } else rmSync(file);
      const isUnavailable = (error: unknown) => isAppError(error, 'storage_unavailable');
      await assert.rejects(things.insert({ id: 'after', count: 0, createdAt: new Date() }), isUnavailable);
      await assert.rejects(storage.ping(), isUnavailable);
      await storage.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  const skip = process.platform === 'linux' ? false : 'only Linux lets another process bound the size of its files';
  it('tells a disk that takes no more from one that is away, until there is room again', { skip }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-sqlite-'));
    const latchkey = await startLatchkey({ databaseUrl: `file:${folder}` });
    const api = createApi(latchkey.url, PROCESS_OWNER_KEY);
    const ready = async () => ((await (await fetch(`${latchkey.url}/readyz`)).json()) as { status: string }).status;
    const limitFiles = (bytes: string) =>
      execFileSync('prlimit', ['--pid', `${latchkey.child.pid}`, `--fsize=${bytes}:`]);
    assert.equal(await ready(), 'ok');
    limitFiles('4096');
    assert.equal((await api.post('/organizations', { name: 'one too many' })).status, 503);
    assert.equal(await ready(), 'read_only');
    assert.equal((await api.get('/organizations')).status, 200);
    limitFiles('unlimited');
    assert.equal(await ready(), 'ok');
    assert.equal((await api.post('/organizations', { name: 'after' })).status, 201);

    // Room for a few pages is not room for a change.
    limitFiles(String(statSync(join(folder, 'latchkey.db-wal')).size + FEW_PAGES));
    assert.equal((await api.post('/organizations', { name: 'too large' })).status, 503);
    for (let turn = 0; turn < 3; turn++) assert.equal(await ready(), 'read_only');
    limitFiles('unlimited');
    assert.equal(await ready(), 'ok');
    assert.equal(await latchkey.end(), 0);
    rmSync(folder, { recursive: true, force: true });
  });
});

describe('one SQLite file for several processes', () => {
  let folder: string;
  let storage: Storage;
  let things: Collection<Stored<typeof shape>>;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'latchkey-sqlite-'));
    storage = await openStorage({ url: `file:${folder}`, clock: systemClock, log: silent });
    things = storage.collection({ name: 'things', shape, keys: {}, order: 'createdAt' });
    await storage.prepare();
    await things.insert({ id: 'counter', count: 0, createdAt: new Date() });
  });
  afterEach(async () => {
    await storage.close();
    rmSync(folder, { recursive: true, force: true });
  });

  interface Writer {
    child: ChildProcess;
    inserted: string[];
    counted: () => number;
    errors: () => string;
    kill(): Promise<void>;
  }

  async function startWriter(name: string): Promise<Writer> {
    const args = ['--input-type=module', '-e', WRITER, '--', `file:${folder}`, name];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const inserted: string[] = [];
    let counted = 0;
    let errors = '';
    let isReady = false;
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    const lines = createInterface({ input: child.stdout });
    lines.on('line', (line) => {
      if (line === 'counted') counted++;
      else if (line === 'ready') isReady = true;
      // The line that the kill cut in two is not an acknowledgement.
      else if (/^inserted \w+_\d+$/.test(line)) inserted.push(line.slice('inserted '.length));
    });
    const read = new Promise((done) => lines.once('close', done));
    await until(`writer ${name} is ready`, 60_000, () => isReady || child.exitCode !== null);
    return {
      child,
      inserted,
      counted: () => counted,
      errors: () => errors,
      async kill() {
        child.kill('SIGKILL');
        await read;
      },
    };
  }

  it('counts all that two processes and this one write, and keeps what was acknowledged over kill -9', async () => {
    const writers = await Promise.all([startWriter('left'), startWriter('right')]);
    let own = 0;
    let isOver = false;
    const writing = (async () => {
      while (!isOver) {
        await things.update('counter', (record) => ({ ...record, count: record.count + 1 }));
        own++;
      }
    })();
    await until('both writers have written for a while', 60_000, () =>
      writers.every(({ inserted, child }) => inserted.length > 20 || child.exitCode !== null),
    );
    for (const writer of writers) assert.equal(writer.child.exitCode, null, writer.errors());
    await Promise.all(writers.map((writer) => writer.kill()));
    isOver = true;
    await writing;
    for (const { inserted } of writers) {
      assert.ok(inserted.length > 20, `${inserted.length} inserts`);
      // The last of the list may have lost its end to the kill.
      for (const id of inserted.slice(0, -1)) assert.ok(await things.find(id), `${id} was acknowledged and is lost`);
    }
    const acknowledged = own + writers.reduce((sum, writer) => sum + writer.counted(), 0);
    const count = (await things.find('counter'))?.count ?? 0;
    const underWay = writers.length * 4;
    assert.ok(own > 0);
    assert.ok(
      count >= acknowledged && count <= acknowledged + underWay + 500,
      `${acknowledged} acknowledged, ${count} counted`,
    );
  });

  it('opens after each of five kills in the middle of writes with nothing lost', async () => {
    const all: string[] = [];
    for (let round = 0; round < 5; round++) {
      const writer = await startWriter(`round${round}`);
      await pause(60 + round * 35);
      await writer.kill();
      assert.equal(writer.errors(), '');
      all.push(...writer.inserted.slice(0, -1));
      const other = connect(join(folder, 'latchkey.db'));
      assert.deepEqual(other.prepare('PRAGMA integrity_check').get(), ['ok']);
      other.close();
    }
    for (const id of all) assert.ok(await things.find(id), `${id} was acknowledged and is lost`);
    assert.ok(all.length > 50, `${all.length} inserts`);
  });
});

describe('the SQLite file', () => {
  let parent: string;
  let folder: string;
  let app: TestApp;
  let db: Connection;

  before(async () => {
    parent = mkdtempSync(join(tmpdir(), 'latchkey-sqlite-'));
    folder = join(parent, 'data');
    app = await startApp({ databaseUrl: `file:${folder}` });
    db = connect(join(folder, 'latchkey.db'));
  });
  after(async () => {
    db.close();
    await app.close();
    rmSync(parent, { recursive: true, force: true });
  });

  it('can be read and written by its owner only', () => {
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    for (const name of ['latchkey.db', 'latchkey.db-wal', 'latchkey.db-shm'])
      assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name);
  });

  it('answers plain SQL by the declared keys, which are columns', async () => {
    const directory = await app.api.makeDirectory({ endpointKey: 'plain-sql' });
    const { credential } = await app.api.issue(directory.id, { label: 'for the reader' });
    const row = db
      .prepare(`SELECT c.id, c.state, c.slotKey, json_extract(c.record, '$.label') AS label, d.endpointKey
        FROM credentials c JOIN directories d ON d.id = c.directoryId WHERE d.endpointKey = 'plain-sql'`)
      .get();
    assert.deepEqual(row, [credential.id, 'active', `${directory.id}:a`, 'for the reader', 'plain-sql']);
  });

  it('lists failed deliveries of an earlier release, which had no key of their own', async () => {
    const { body } = await app.api.post('/webhooks', {
      url: 'http://127.0.0.1:9/hook',
      events: ['organization.created'],
    });
    await app.api.post('/organizations', { name: 'Contoso' });
    await app.api.post(`/webhooks/${body.webhook.id}/disable`);
    await app.app.settled();
    app.clock.advance(60_000);
    await app.app.notifications.run();
    await app.app.settled();
    const failed = async (one: TestApp) =>
      (await one.api.get(`/deliveries?webhookId=${body.webhook.id}&state=failed`)).body.items.length;
    assert.equal(await failed(app), 1);
    db.exec(`UPDATE deliveries SET record = json_remove(record, '$.failedOf')`);
    db.exec(`DELETE FROM latchkey_meta WHERE key = 'migration_key_failed_deliveries'`);
    assert.equal(await failed(app), 0);
    const next = await startApp({ databaseUrl: `file:${folder}` });
    assert.equal(await failed(next), 1);
    await next.close();
    await app.api.delete(`/webhooks/${body.webhook.id}`);
  });

  it('counts by a key without a look at the records, expired ones aside', () => {
    const steps = (sql: string, ...values: string[]) => JSON.stringify(db.prepare(sql).all(...values));
    for (const where of ['state IN (?)', 'lane IN (?)', 'failedOf IN (?)']) {
      const count = `SELECT count(*) FROM deliveries WHERE ${where}`;
      assert.match(steps(`EXPLAIN QUERY PLAN ${count}`, 'x'), /SEARCH \w+ USING (?:COVERING )?INDEX/);
      assert.doesNotMatch(steps(`EXPLAIN ${count}`, 'x'), /json_extract/);
    }
    const expired = 'SELECT count(*) FROM deliveries WHERE expiresAt <= ? AND +state IN (?)';
    assert.match(steps(`EXPLAIN QUERY PLAN ${expired}`, 'x', 'x'), /USING INDEX deliveries_expires/);
  });

  it('finds by every declared key, pages and looks for what is due through an index, never by a scan', () => {
    const lookups: [table: string, where: string][] = [
      ['credentials', 'digest = ?'],
      ['credentials', 'slotKey = ?'],
      ['credentials', 'directoryId IN (?) ORDER BY createdAt DESC, id DESC'],
      ['credentials', 'dueAt < ? ORDER BY dueAt'],
      ['credentials', 'outboxAt < ? ORDER BY outboxAt'],
      ['directories', 'endpointKey = ?'],
      ['directories', 'organizationId IN (?) ORDER BY createdAt DESC, id DESC'],
      ['organizations', 'externalId = ?'],
      ['api_keys', 'digest = ?'],
      ['events', 'credentialId IN (?) ORDER BY at DESC, id DESC'],
      ['events', 'organizationId IN (?) ORDER BY at DESC, id DESC'],
      ['events', '(at, id) < (?, ?) ORDER BY at DESC, id DESC'],
      ['events', 'requestId IN (?) ORDER BY at DESC, id DESC'],
      ['idempotency', 'expiresAt <= ?'],
    ];
    for (const [table, where] of lookups) {
      const sql = `EXPLAIN QUERY PLAN SELECT record FROM ${table} WHERE ${where} LIMIT 10`;
      const values = (where.match(/\?/g) ?? []).map(() => 'x');
      const steps = db.prepare(sql).all(...values) as [id: number, parent: number, unused: number, detail: string][];
      const plan = steps.map(([, , , detail]) => detail).join('; ');
      assert.match(plan, /^SEARCH \w+ USING (?:COVERING )?INDEX/, `${table} ${where}: ${plan}`);
      assert.doesNotMatch(plan, /TEMP B-TREE/, `${table} ${where}: ${plan}`);
    }
  });
});
