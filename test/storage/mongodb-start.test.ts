/** How often a start asks MongoDB: a database that is far away makes each question cost. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import mongoose from 'mongoose';
import { systemClock } from '../../src/clock.ts';
import { openStorage } from '../../src/storage/index.ts';
import { startApp } from '../support/app.ts';
import { mongodbAlone, silent } from '../support/engines.ts';

const MOST_ROUND_TRIPS = 10;

mongodbAlone((engine) => {
  describe('a start on an existing MongoDB store', () => {
    it(`asks it at most ${MOST_ROUND_TRIPS} times beyond connecting`, async (t) => {
      const place = engine.place();
      const first = await startApp({ databaseUrl: place.url });
      await first.app.operators.ensureFirst();
      await first.close();
      const asked: string[] = [];
      const connect = mongoose.createConnection.bind(mongoose);
      t.mock.method(mongoose, 'createConnection', (url: string, options: mongoose.ConnectOptions) => {
        const connection = connect(url, { ...options, monitorCommands: true });
        connection.getClient().on('commandStarted', ({ commandName, command }) => {
          asked.push(`${commandName} ${command[commandName]}`);
        });
        return connection;
      });
      let made = 0;
      const app = await startApp({
        databaseUrl: place.url,
        onMade() {
          made = asked.length;
        },
      });
      const before = asked.length;
      // What is left to do before it is ready.
      await app.app.operators.ensureFirst();
      await app.app.apiKeys.ensureOwner(app.ownerKey);
      const roundTrips = made + asked.length - before;
      assert.ok(made > 0 && roundTrips <= MOST_ROUND_TRIPS, `${roundTrips}: ${asked.join(', ')}`);
      await app.close();
      await place.remove();
    });

    it('makes an index again that was removed, once it cleans up', async () => {
      const place = engine.place();
      const app = await startApp({ databaseUrl: place.url });
      const connection = await mongoose.createConnection(place.url).asPromise();
      const credentials = connection.collection('credentials');
      await credentials.dropIndex('slotKey_1');
      const storage = await openStorage({ url: place.url, clock: systemClock, log: silent });
      await app.storage.reclaim();
      assert.ok((await credentials.indexes()).some(({ name, unique }) => name === 'slotKey_1' && unique === true));
      await storage.close();
      await connection.close();
      await app.close();
      await place.remove();
    });
  });
});
