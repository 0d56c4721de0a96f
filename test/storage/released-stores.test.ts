/** A store that any earlier release left is opened, and all that it gave out goes on. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { bothEngines, type Place } from '../support/engines.ts';
import { FOLDER, type Kept, load, type OpenedStore, openStore } from './released-store.ts';

for (const engine of bothEngines) {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith(`-${engine.name}.json`));
  it(`there are kept stores of ${engine.name}`, () => assert.ok(files.length > 0));
  for (const file of files) {
    describe(`the store of ${file}`, () => {
      const { given } = JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Kept;
      let place: Place;
      let store: OpenedStore;

      before(async () => {
        place = engine.place();
        await load(join(FOLDER, file), engine.name, place.url);
        store = await openStore(place);
      });
      after(async () => {
        await store.close();
        await place.remove();
      });

      for (const { name, directoryId, token, status } of given.tokens) {
        it(`answers ${name} as the release did`, async () => {
          assert.equal(await store.verify(directoryId, token), status);
        });
      }

      it('refreshes its connection', async () => {
        assert.equal((await store.refresh(given.client)).status, 200);
      });

      it('shows what happened to each credential, and lets each be revoked', async () => {
        for (const { credentialId, directoryId, token } of given.tokens) {
          const events = await store.call('GET', `/credentials/${credentialId}/events`);
          assert.ok(events.body.items.length > 0);
          const revoked = await store.call('POST', `/credentials/${credentialId}/revoke`, { force: true });
          assert.equal(revoked.status, 200, JSON.stringify(revoked.body));
          assert.equal(await store.verify(directoryId, token), 401);
        }
      });
    });
  }
}
