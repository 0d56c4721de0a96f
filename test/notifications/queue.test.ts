/** What was acknowledged is delivered, whatever dies at whichever write, and however many instances there are. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startApp, type TestApp } from '../support/app.ts';
import { createMovableClock, MINUTE } from '../support/clock.ts';
import { bothEngines, type Place } from '../support/engines.ts';
import { createFaultyStorage, FORGETTING, REFUSING } from '../support/faulty-storage.ts';
import { type Receiver, startReceiver } from '../support/webhook-receiver.ts';

/** Writes from the request to the end of its delivery, and a few more. */
const WRITES = 10;

for (const engine of bothEngines) {
  describe(`the queue of deliveries, on ${engine.name}`, () => {
    let place: Place;
    let receiver: Receiver;
    const clock = createMovableClock();

    const start = (options: Parameters<typeof startApp>[0] = {}) =>
      startApp({ databaseUrl: place.url, clock, env: { LATCHKEY_LEASE_MS: '0' }, ...options });
    async function runRounds({ app }: TestApp): Promise<void> {
      for (const { name, run } of app.rounds) if (name === 'recovery' || name === 'deliveries') await run();
      await app.settled();
    }
    const namesOf = (messages: Receiver['received']) =>
      messages.map(({ body }) => JSON.parse(body).data.name as string);

    before(async () => {
      place = engine.place();
      receiver = await startReceiver();
      const app = await start();
      await app.api.post('/webhooks', { url: receiver.url, events: ['organization.created'] });
      await app.close();
    });
    after(async () => {
      await receiver.close();
      await place.remove();
    });

    it('delivers each acknowledged event after a death before or after any write, always under one ID', async () => {
      const acknowledged: string[] = [];
      for (let n = 1; n <= WRITES; n++) {
        for (const last of [REFUSING, FORGETTING]) {
          const faulty = createFaultyStorage();
          const dying = await start({ wrapStorage: faulty.wrap });
          faulty.dieAtWrite(n, last);
          const name = `died at write ${n}, ${last === REFUSING ? 'not done' : 'done'}`;
          const { status } = await dying.api.post('/organizations', { name });
          await dying.app.settled();
          faulty.failAll(REFUSING);
          if (status === 201) acknowledged.push(name);
          await dying.close();
        }
      }
      const next = await start();
      for (let round = 0; round < 3; round++) {
        clock.advance(2 * MINUTE);
        await runRounds(next);
      }
      await next.close();
      assert.ok(acknowledged.length >= WRITES, `${acknowledged.length} were acknowledged`);
      const got = new Set(namesOf(receiver.received));
      assert.deepEqual(
        acknowledged.filter((name) => !got.has(name)),
        [],
      );
      const ids = new Map<string, Set<string>>();
      for (const { headers, body } of receiver.received) {
        const { name } = JSON.parse(body).data;
        ids.set(name, (ids.get(name) ?? new Set()).add(headers['webhook-id'] ?? ''));
      }
      assert.ok([...ids.values()].every((set) => set.size === 1));
    });

    it('delivers once where nothing dies, however many instances are there', async () => {
      const instances = await Promise.all([start(), start(), start()]);
      const seen = receiver.received.length;
      const names = Array.from({ length: 30 }, (_, index) => `customer ${index}`);
      await Promise.all(names.map((name, index) => instances[index % 3]?.api.post('/organizations', { name })));
      await Promise.all(instances.map(({ app }) => app.settled()));
      for (let round = 0; round < 2; round++) {
        clock.advance(2 * MINUTE);
        await Promise.all(instances.map(runRounds));
      }
      for (const instance of instances) await instance.close();
      assert.deepEqual(namesOf(receiver.received.slice(seen)).sort(), names.sort());
    });
  });
}
