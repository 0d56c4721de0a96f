import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type AuditEvent, createAudit, SYSTEM } from '../../src/audit/index.ts';
import { createOrganizations } from '../../src/directories/index.ts';
import { systemRandom } from '../../src/identifiers.ts';
import type { Collection, Storage } from '../../src/storage/index.ts';
import { createMovableClock, DAY, HOUR, MINUTE, SECOND } from '../support/clock.ts';
import { bothEngines, type Place, silent } from '../support/engines.ts';

for (const engine of bothEngines) {
  describe(`subscribers of the audit, on ${engine.name}`, () => {
    let place: Place;
    const clock = createMovableClock();
    const opened: Storage[] = [];

    before(() => {
      place = engine.place();
    });
    after(async () => {
      for (const storage of opened) await storage.close();
      await place.remove();
    });

    /** One instance of Latchkey's audit on the shared store; `heard` is what its subscriber took. */
    async function startInstance(options: { takes?: (event: AuditEvent) => boolean; breaks?: BreakingInsert } = {}) {
      const { takes = () => true, breaks } = options;
      const storage = await place.open(clock);
      opened.push(storage);
      const used = breaks ? breaking(storage, breaks) : storage;
      const audit = createAudit({ storage: used, clock, random: systemRandom, log: silent });
      const organizations = createOrganizations({ storage: used, audit, clock, random: systemRandom });
      const heard: AuditEvent[] = [];
      audit.subscribe('listener', async (event) => {
        if (!takes(event)) throw new Error('not now');
        heard.push(event);
      });
      await storage.prepare();
      return { audit, organizations, heard, storage };
    }
    const idsOf = (events: AuditEvent[]) => events.map(({ id }) => id);

    it('hear of a change at once, and of nothing twice while all is well', async () => {
      const { audit, organizations, heard } = await startInstance();
      const { id } = await organizations.create({ name: 'Northwind' }, SYSTEM);
      await organizations.change(id, { name: 'Northwind Traders' }, SYSTEM);
      await audit.settled();
      assert.deepEqual(
        heard.map(({ type }) => type),
        ['organization.created', 'organization.updated'],
      );
      assert.deepEqual(
        Object.keys(heard[0] ?? {}).filter((name) => name === 'untold' || name === 'tellAt'),
        [],
      );
      clock.advance(MINUTE);
      await audit.recover(0);
      assert.equal(heard.length, 2);
    });

    it('hear of an event whose instance died before it could tell, from another instance, and from one of several alone', async () => {
      const dead = await startInstance({ takes: () => false });
      await dead.organizations.create({ name: 'Fabrikam' }, SYSTEM);
      await dead.audit.settled();
      const [first, second] = [await startInstance(), await startInstance()];
      await first.audit.recover(0);
      assert.deepEqual(first.heard, [], 'the instance that wrote it has its time first');
      clock.advance(MINUTE);
      await Promise.all([first.audit.recover(0), second.audit.recover(0)]);
      assert.equal(first.heard.length + second.heard.length, 1);
    });

    it('hear of an event that a crash kept in the outbox of its record', async () => {
      const breaks = { events: true };
      const crashed = await startInstance({ breaks });
      await crashed.organizations.create({ name: 'Contoso' }, SYSTEM);
      await crashed.audit.settled();
      assert.deepEqual(crashed.heard, []);
      const { audit, heard } = await startInstance();
      clock.advance(SECOND);
      await audit.recover(0);
      await audit.settled();
      assert.deepEqual(
        heard.map(({ data }) => data['name']),
        ['Contoso'],
      );
    });

    it('hear again of what they did not take, ever less often, and are given up after three days', async () => {
      let isReady = false;
      const { audit, organizations, heard } = await startInstance({ takes: () => isReady });
      await organizations.create({ name: 'Tailspin' }, SYSTEM);
      await audit.settled();
      clock.advance(MINUTE);
      await audit.recover(0);
      assert.deepEqual(heard, []);
      isReady = true;
      clock.advance(20 * SECOND);
      await audit.recover(0);
      assert.deepEqual(heard, [], 'after a minute of refusals, another minute of pause');
      clock.advance(MINUTE);
      await audit.recover(0);
      assert.equal(heard.length, 1);

      isReady = false;
      await organizations.create({ name: 'Wingtip' }, SYSTEM);
      await audit.settled();
      clock.advance(4 * DAY);
      await audit.recover(0);
      isReady = true;
      clock.advance(4 * DAY);
      await audit.recover(0);
      assert.equal(heard.length, 1);
    });

    it('hear of what is counted each time that more of it was counted', async () => {
      const { audit, heard } = await startInstance();
      const note = () =>
        audit.tallies.note(
          {},
          {
            type: 'request.denied',
            data: { reason: 'unknown', surface: 'gateway' },
            address: '192.0.2.7',
            requestId: 'r1',
          },
        );
      note();
      note();
      await audit.tallies.flush();
      await audit.settled();
      clock.advance(SECOND);
      note();
      await audit.tallies.flush();
      await audit.settled();
      assert.deepEqual(
        heard.map(({ count }) => count),
        [2, 3],
      );
      assert.equal(new Set(idsOf(heard)).size, 1);
    });

    it('hear of what an instance with a clock that is ahead left behind, without waiting for that time', async () => {
      const ahead = createMovableClock(new Date(clock.now().getTime() + HOUR).toISOString());
      const storage = await place.open(ahead);
      opened.push(storage);
      const used = breaking(storage, { events: true });
      const audit = createAudit({ storage: used, clock: ahead, random: systemRandom, log: silent });
      const dead = createOrganizations({ storage: used, audit, clock: ahead, random: systemRandom });
      const kept = await dead.create({ name: 'Litware' }, SYSTEM).then(({ id }) => id);
      const { id: gone, ...organization } = await dead.create({ name: 'Proseware' }, SYSTEM);
      await dead.remove({ id: gone, ...organization }, 0, SYSTEM).catch(() => undefined);

      const { audit: living, organizations } = await startInstance();
      const eventsOf = async (organizationId: string) =>
        (await living.page({ where: { organizationId }, limit: 10 })).items.map(({ type }) => type);
      await living.recover(10 * SECOND);
      assert.deepEqual(await eventsOf(kept), [], 'it may be under way');
      clock.advance(15 * SECOND);
      await living.recover(10 * SECOND);
      assert.deepEqual(await eventsOf(kept), ['organization.created']);
      assert.deepEqual((await eventsOf(gone)).sort(), ['organization.created', 'organization.deleted']);
      assert.equal(await organizations.find(gone), undefined);
    });
  });
}

interface BreakingInsert {
  events: boolean;
}

/** A store that takes no audit event, as if the process had died between the change and the copy of its event. */
function breaking(storage: Storage, breaks: BreakingInsert): Storage {
  return {
    ...storage,
    collection(spec) {
      const collection = storage.collection(spec);
      if (spec.name !== 'events' || !breaks.events) return collection;
      const insert: Collection<never>['insert'] = async () => {
        throw new Error('the process died');
      };
      return { ...collection, insert } as typeof collection;
    },
  };
}
