/** Both drivers of SQLite answer alike, and the one that is taken has the write-ahead log's fault fixed wherever Node brings it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { faultOf, isFixed, loadLibsql, loadOwn, loadSqlite, versionOf } from '../../src/storage/sqlite-connection.ts';

const own = await loadOwn();
const libsql = await loadLibsql();
const drivers = [['libsql', libsql] as const, ...(own ? [["Node's own", own] as const] : [])];
const [major = 0] = process.versions.node.split('.').map(Number);

describe('the drivers of SQLite', () => {
  it('know from which version on the log is brought home without a fault', () => {
    for (const version of ['3.51.3', '3.52.0', '3.53.4', '4.0.0']) assert.ok(isFixed(version), version);
    for (const version of ['3.45.1', '3.51.2', '3.9.9', '2.99.99']) assert.ok(!isFixed(version), version);
  });

  it("take Node's own where it is recent enough, libsql elsewhere", async () => {
    assert.equal(own !== undefined, major >= 24);
    assert.equal(versionOf(await loadSqlite()), versionOf(own ?? libsql));
  });

  for (const [name, connect] of drivers) {
    it(`give rows as lists, counts and transactions alike: ${name}`, () => {
      const db = connect(':memory:');
      db.exec('CREATE TABLE a (b TEXT UNIQUE, c INTEGER)');
      const insert = db.prepare('INSERT INTO a VALUES (?, ?)');
      db.exec('BEGIN IMMEDIATE');
      assert.equal(db.isInTransaction(), true);
      assert.deepEqual([insert.run('x', 1).changes, insert.run('y', 2).changes], [1, 1]);
      db.exec('COMMIT');
      assert.equal(db.isInTransaction(), false);
      const select = db.prepare('SELECT b, c FROM a WHERE c >= ? ORDER BY c');
      assert.deepEqual([...(select.get(2) as unknown[])], ['y', 2]);
      assert.deepEqual(select.get(3), undefined);
      assert.deepEqual(
        select.all(1).map((row) => [...(row as unknown[])]),
        [
          ['x', 1],
          ['y', 2],
        ],
      );
      assert.equal(db.prepare('DELETE FROM a').run().changes, 2);
      db.close();
    });

    it(`tell a taken key from what is no fault of the engine: ${name}`, () => {
      const db = connect(':memory:');
      db.exec('CREATE TABLE a (b TEXT UNIQUE)');
      const insert = db.prepare('INSERT INTO a VALUES (?)');
      insert.run('x');
      assert.throws(
        () => insert.run('x'),
        (error: Error) => faultOf(error) === 'constraint' && error.message.includes('UNIQUE constraint failed: a.b'),
      );
      assert.throws(
        () => db.exec('SELECT nothing'),
        (error) => faultOf(error) === 'other',
      );
      assert.equal(faultOf(new TypeError('no engine')), undefined);
      assert.equal(faultOf(undefined), undefined);
      db.close();
    });
  }
});
