import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventShape } from '../../src/audit/events.ts';
import { type AuditEvent, createAudit, placeIn } from '../../src/audit/index.ts';
import { mintToken } from '../../src/credentials/static-token.ts';
import { systemRandom } from '../../src/identifiers.ts';
import { createMovableClock } from '../support/clock.ts';
import { bothEngines, silent } from '../support/engines.ts';

const SECRET = mintToken('scim_', systemRandom);

for (const engine of bothEngines) {
  describe(`events of earlier releases, on ${engine.name}`, () => {
    it('are found by their place at a directory after that', async () => {
      const place = engine.place();
      const clock = createMovableClock();
      const storage = await place.open(clock);
      try {
        const audit = createAudit({ storage, clock, random: systemRandom, log: silent });
        await storage.prepare();
        const subject = { organizationId: 'org_1', directoryId: 'dir_1' };
        const cause = { actor: { type: 'system', name: 'Latchkey' }, source: 'system' } as const;
        const event = audit.event('directory.disabled', cause, subject, { name: 'x' });
        await storage
          .collection({ name: 'events', shape: { ...eventShape, 'place?': 'string' }, keys: {}, order: 'at' })
          .insert(event);
        const found = () => audit.page({ where: { place: placeIn('dir_1', 'switch') }, limit: 10 });
        assert.equal((await found()).items.length, 0);
        await storage.prepare(audit.migrations);
        assert.deepEqual((await found()).items, [event]);
      } finally {
        await storage.close();
        await place.remove();
      }
    });

    it('are cleaned once, whatever they hold, and stay as they are after that', async () => {
      const place = engine.place();
      const clock = createMovableClock();
      const storage = await place.open(clock);
      try {
        const audit = createAudit({ storage, clock, random: systemRandom, log: silent });
        await storage.prepare();
        const kept = (id: string, type: AuditEvent['type'], data: Record<string, unknown>): AuditEvent => ({
          id,
          type,
          at: clock.now(),
          actor: { type: 'anonymous', name: 'unauthenticated caller' },
          source: 'system',
          data,
        });
        await audit.append(
          kept('evt_1', 'token.refused', { clientId: SECRET, grantType: SECRET, reason: 'client_unknown' }),
        );
        await audit.append(kept('evt_2', 'connection.refused', { reason: 'client_unknown', detail: `not ${SECRET}` }));
        await audit.append(kept('evt_3', 'signing_key.rotated', { kid: 'k'.repeat(43), serial: '7' }));
        await audit.append(
          kept('evt_4', 'client.secret_added', {
            clientId: 'client_0123456789abcdefghij',
            secretId: '4kZ9aB2c',
            hint: 'LDy1',
            expiresAt: null,
          }),
        );
        await storage.prepare(audit.migrations);
        const read = async () => (await audit.page({ limit: 10, order: 'asc' })).items.map(({ data }) => data);
        const trace = `43 characters, ending ${SECRET.slice(-4)}`;
        const wanted = [
          { clientId: trace, grantType: trace, reason: 'client_unknown' },
          { reason: 'client_unknown', detail: 'not scim_[redacted]' },
          { kid: 'k'.repeat(43), serial: '7' },
          { clientId: 'client_0123456789abcdefghij', secretId: '4kZ9aB2c', hint: 'LDy1', expiresAt: null },
        ];
        assert.deepEqual(await read(), wanted);
        for (const { run } of audit.migrations) await run();
        assert.deepEqual(await read(), wanted);
      } finally {
        await storage.close();
        await place.remove();
      }
    });
  });
}
