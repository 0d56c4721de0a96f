/** Totals of credentials as readers see them: what is counted in memory is in them at once, and reading them writes nothing. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createUsage } from '../../src/credentials/index.ts';
import { createMovableClock, HOUR } from '../support/clock.ts';
import { bothEngines } from '../support/engines.ts';
import { createFaultyStorage } from '../support/faulty-storage.ts';

const WRITES = /^(?:insert|update|accumulate|remove|removeBy|prune) /;

for (const engine of bothEngines) {
  describe(`totals of use on ${engine.name}`, () => {
    it('tell no last use in the future, however the clock was set since', async () => {
      const place = engine.place();
      const clock = createMovableClock('2026-03-01T12:59:00.000Z');
      const storage = await place.open(clock);
      try {
        const usage = createUsage({ storage, clock });
        await storage.prepare();
        usage.accepted('cred_a', '192.0.2.1', 'Okta');
        clock.advance(-4000);
        await usage.flush();
        const lastUsedAt = (await usage.totals(['cred_a'])).get('cred_a')?.lastUsedAt;
        assert.equal(lastUsedAt?.toISOString(), '2026-03-01T12:58:56.000Z');
      } finally {
        await storage.close();
        await place.remove();
      }
    });

    it('have what was counted a moment ago, without a write for a read', async () => {
      const place = engine.place();
      const clock = createMovableClock('2026-03-01T10:59:00.000Z');
      const storage = await place.open(clock);
      try {
        const faulty = createFaultyStorage();
        const usage = createUsage({ storage: faulty.wrap(storage), clock });
        await storage.prepare();
        usage.accepted('cred_a', '192.0.2.1', 'Okta');
        usage.refused('cred_b');
        await usage.flush();

        const writes: string[] = [];
        faulty.failAll({ before: (operation) => void (WRITES.test(operation) && writes.push(operation)) });
        usage.accepted('cred_a', '192.0.2.2', 'Okta');
        clock.advance(HOUR);
        usage.accepted('cred_a', '192.0.2.3', undefined);
        usage.accepted('cred_c', '192.0.2.4', 'Entra');
        const end = new Date(clock.now().getTime() + HOUR);
        usage.refreshed('cred_c', end);
        const read = async () => {
          const totals = await usage.totals(['cred_a', 'cred_b', 'cred_c', 'cred_none']);
          return [...totals.values()].map(({ createdAt: _createdAt, ...total }) => total);
        };
        const told = await read();
        assert.deepEqual(told, [
          {
            id: 'cred_a',
            acceptedCount: 3,
            refusedCount: 0,
            lastUsedAt: clock.now(),
            lastUsedFrom: { address: '192.0.2.3' },
          },
          { id: 'cred_b', acceptedCount: 0, refusedCount: 1 },
          {
            id: 'cred_c',
            acceptedCount: 1,
            refusedCount: 0,
            lastUsedAt: clock.now(),
            lastUsedFrom: { address: '192.0.2.4', userAgent: 'Entra' },
            lastRefreshedAt: clock.now(),
            accessTokenExpiresAt: end,
          },
        ]);
        assert.deepEqual(writes, []);
        await usage.flush();
        assert.ok(writes.length > 0);
        assert.deepEqual(await read(), told, 'once it is written');
      } finally {
        await storage.close();
        await place.remove();
      }
    });

    it('keep the latest use of a client secret, whichever instance saw it, and no hour of it', async () => {
      const place = engine.place();
      const clock = createMovableClock('2026-03-01T10:00:00.000Z');
      const storage = await place.open(clock);
      try {
        const [one, other] = [createUsage({ storage, clock }), createUsage({ storage, clock })];
        await storage.prepare();
        const began = clock.now();
        await one.begin(['client_a:s1', 'client_a:s2']);
        clock.advance(HOUR);
        one.used('client_a:s1', '192.0.2.1', 'Entra');
        clock.advance(1000);
        other.used('client_a:s1', '192.0.2.2', undefined);
        const latest = clock.now();
        await other.flush();
        await one.flush();
        await one.begin(['client_a:s1', 'client_a:s2']);
        for (const usage of [one, other]) {
          const totals = await usage.totals(['client_a:s1', 'client_a:s2', 'client_a:s3']);
          const { createdAt, lastUsedAt, lastUsedFrom } = totals.get('client_a:s1') ?? {};
          assert.deepEqual([createdAt, lastUsedAt, lastUsedFrom], [began, latest, { address: '192.0.2.2' }]);
          const unused = totals.get('client_a:s2');
          assert.deepEqual([unused?.createdAt, unused?.lastUsedAt], [began, undefined]);
          assert.equal(totals.has('client_a:s3'), false);
          assert.deepEqual((await usage.hours('client_a:s1', { limit: 5 })).items, []);
        }
      } finally {
        await storage.close();
        await place.remove();
      }
    });

    it('count nothing twice while it is being written', async () => {
      const place = engine.place();
      const clock = createMovableClock('2026-03-01T10:00:00.000Z');
      const storage = await place.open(clock);
      try {
        const usage = createUsage({ storage, clock });
        await storage.prepare();
        for (let round = 1; round <= 20; round++) {
          usage.accepted('cred_a', '192.0.2.1', undefined);
          const [totals] = await Promise.all([usage.totals(['cred_a']), usage.flush(), usage.totals(['cred_a'])]);
          assert.equal(totals.get('cred_a')?.acceptedCount, round);
        }
      } finally {
        await storage.close();
        await place.remove();
      }
    });
  });
}
