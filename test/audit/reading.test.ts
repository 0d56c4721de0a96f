import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Audit, type AuditEvent, createAudit, type EventQuery, SYSTEM } from '../../src/audit/index.ts';
import { systemRandom } from '../../src/identifiers.ts';
import type { Storage } from '../../src/storage/index.ts';
import { createMovableClock, MINUTE, SECOND } from '../support/clock.ts';
import { bothEngines, type Place, silent } from '../support/engines.ts';

for (const engine of bothEngines) {
  describe(`reading the audit, on ${engine.name}`, () => {
    let place: Place;
    let storage: Storage;
    let audit: Audit;
    let operations: string[] = [];
    const clock = createMovableClock();

    before(async () => {
      place = engine.place();
      storage = await place.open(clock);
      audit = createAudit({ storage: counting(storage), clock, random: systemRandom, log: silent });
      await storage.prepare();
    });
    after(async () => {
      await storage.close();
      await place.remove();
    });

    const append = (name: string) => audit.append(audit.event('organization.created', SYSTEM, {}, { name }));
    const deny = (address: string, reason = 'unknown') =>
      audit.tallies.note(
        {},
        { type: 'request.denied', data: { reason, surface: 'gateway' }, address, requestId: address },
      );
    const namesOf = (items: AuditEvent[]) => items.map(({ data, address }) => data['name'] ?? address);

    async function readAll(query: Omit<EventQuery, 'limit'> & { limit?: number }): Promise<AuditEvent[]> {
      const all: AuditEvent[] = [];
      let after: string | undefined;
      do {
        const page = await audit.page({ limit: 3, ...query, ...(after !== undefined && { after }) });
        all.push(...page.items);
        after = page.nextCursor ?? undefined;
      } while (after !== undefined);
      return all;
    }

    it('goes on from a cursor in ascending order and misses nothing that arrives late', async () => {
      for (const name of ['one', 'two', 'three', 'four']) {
        await append(name);
        clock.advance(SECOND);
      }
      const late = audit.event('organization.created', SYSTEM, {}, { name: 'late' });
      clock.advance(SECOND);
      await append('five');
      const first = await audit.page({ order: 'asc', limit: 2 });
      assert.deepEqual(namesOf(first.items), ['one', 'two']);
      const rest = await audit.page({ order: 'asc', after: first.nextCursor ?? '', limit: 50 });
      assert.deepEqual(namesOf(rest.items), ['three', 'four', 'five']);
      assert.equal(rest.nextCursor, null);
      await audit.append(late);
      const again = await audit.page({ order: 'asc', after: rest.resumeAfter, limit: 50 });
      assert.ok(namesOf(again.items).includes('late'));
      clock.advance(5 * MINUTE);
      await append('six');
      const settled = await audit.page({ order: 'asc', after: again.resumeAfter, limit: 50 });
      clock.advance(5 * MINUTE);
      await append('seven');
      assert.deepEqual(namesOf((await audit.page({ order: 'asc', after: settled.resumeAfter, limit: 50 })).items), [
        'six',
        'seven',
      ]);
    });

    it('shows what is counted in memory at its place, in both orders and on every page, and writes nothing', async () => {
      clock.advance(MINUTE);
      const from = clock.now();
      for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.3']) {
        deny(address);
        clock.advance(SECOND);
      }
      await audit.tallies.flush();
      deny('192.0.2.2');
      for (const address of ['192.0.2.4', '192.0.2.5', '192.0.2.6', '192.0.2.7']) {
        clock.advance(SECOND);
        deny(address);
      }
      const where = { type: 'request.denied' };
      operations = [];
      const descending = await readAll({ where, from });
      assert.deepEqual(
        operations.filter((operation) => !['find', 'page'].includes(operation)),
        [],
      );
      const counts = (items: AuditEvent[]) => items.map(({ address, count }) => `${address?.slice(-1)}x${count}`);
      assert.deepEqual(counts(descending), ['7x1', '6x1', '5x1', '4x1', '3x1', '2x2', '1x1']);
      assert.deepEqual(counts(await readAll({ where, from, order: 'asc' })), counts(descending).reverse());
      assert.deepEqual(
        counts(await readAll({ where: { type: ['request.denied', 'token.refused'] }, from })),
        counts(descending),
      );
      assert.deepEqual(await readAll({ where: { type: 'token.refused' }, from }), []);
      await audit.tallies.flush();
      assert.deepEqual(counts(await readAll({ where, from })), counts(descending));
    });

    // MongoDB may take longer over a write than a reader waits for it; then a part may be seen twice for that moment.
    if (engine.name === 'mongodb') return;
    it('counts nothing twice and misses nothing while it is written', async () => {
      clock.advance(MINUTE);
      const from = clock.now();
      let [noted, reads, isOver] = [0, 0, false];
      const reading = (async () => {
        for (; !isOver; reads++) {
          const least = noted;
          const items = await readAll({ where: { type: 'request.denied' }, from, limit: 200 });
          const sum = items.reduce((total, { count = 0 }) => total + count, 0);
          assert.ok(sum >= least && sum <= noted, `${sum} is not within ${least} and ${noted}`);
        }
      })();
      for (let turn = 0; turn < 40; turn++) {
        for (let n = 0; n < 150; n++, noted++) deny(`198.51.100.${n}`);
        await audit.tallies.flush();
        const seen = reads;
        while (reads < seen + 2) await Promise.race([reading, new Promise((resolve) => setImmediate(resolve))]);
      }
      isOver = true;
      await reading;
    });

    function counting(plain: Storage): Storage {
      return {
        ...plain,
        collection(spec) {
          const collection = plain.collection(spec);
          return new Proxy(collection, {
            get(target, name) {
              operations.push(String(name));
              return Reflect.get(target, name);
            },
          });
        },
      };
    }
  });
}
