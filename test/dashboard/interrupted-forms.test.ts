/** A form whose processing was interrupted: nobody is told that it was done. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runApp } from '../support/app.ts';
import { MINUTE } from '../support/clock.ts';
import { engines } from '../support/engines.ts';
import { createFaultyStorage, REFUSING } from '../support/faulty-storage.ts';
import { signInOperator } from '../support/operator-browser.ts';

for (const engine of engines) {
  describe(`an interrupted form on ${engine.title}`, () => {
    const storage = createFaultyStorage();
    const app = runApp({ engine, wrapStorage: storage.wrap });

    it('is not told as done when it comes again, and is done once its time has passed', async () => {
      const directory = await app.api.makeDirectory();
      const { credential } = await app.api.issue(directory.id);
      const stateOf = async () => (await app.api.get(`/credentials/${credential.id}`)).body.state;
      const owner = await signInOperator(app);
      const page = await owner.open(`/credentials/${credential.id}/revoke`);

      await app.app.settled();
      // The first write notes that the form is being processed; after that the store is gone.
      storage.dieAtWrite(2, REFUSING);
      assert.equal((await owner.browser.submit(page, {})).status, 503);
      storage.failAll(null);

      const again = await owner.browser.submit(page, {});
      assert.equal(await stateOf(), 'active');
      assert.equal(again.status, 409);
      assert.doesNotMatch(again.html, /processed it once/);
      assert.match(again.html, /Wait a minute.*submit it again/);

      app.clock.advance(MINUTE + 1);
      await owner.browser.submit(page, {});
      assert.equal(await stateOf(), 'revoked');
    });
  });
}
