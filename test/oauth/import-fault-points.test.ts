/** An import of a connection that is cut off at any of its writes is finished by its repeat, in the one slot that it took. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startApp } from '../support/app.ts';
import { bothEngines } from '../support/engines.ts';
import { createFaultyStorage, FORGETTING, REFUSING } from '../support/faulty-storage.ts';
import { makeClient, refresh, verified } from '../support/oauth-client.ts';

/** More writes than an import makes. */
const ENOUGH = 12;

for (const engine of bothEngines) {
  describe(`an import of a connection on ${engine.name}`, () => {
    for (const [outcome, fault] of [
      ['is refused', REFUSING],
      ['is done but not acknowledged', FORGETTING],
    ] as const) {
      it(`is finished by its repeat, whichever of its writes ${outcome}`, async () => {
        const place = engine.place();
        const faulty = createFaultyStorage();
        const app = await startApp({ databaseUrl: place.url, wrapStorage: faulty.wrap });
        try {
          let cutOff = 0;
          for (let n = 1; n <= ENOUGH; n++) {
            const directory = await app.api.makeDirectory();
            await app.api.issue(directory.id);
            const client = await makeClient(app, { directoryId: directory.id });
            const refreshToken = `another-system_${n}_8f2kQ0mZx7Lr4TbN9pYw`;
            const path = `/directories/${directory.id}/connections/import`;
            const send = () => app.api.post(path, { clientId: client.id, refreshToken });
            // What the set-up still writes behind its answers would take the place of the import's writes.
            await app.app.settled();
            faulty.failWrite(n, fault);
            const first = await send();
            const isReached = faulty.wasReached();
            faulty.failAll(null);
            if (!isReached) {
              assert.equal(first.status, 201, JSON.stringify(first.body));
              break;
            }
            if (first.status !== 201) cutOff++;
            const again = await send();
            assert.ok([201, 409].includes(again.status), `write ${n}: ${again.status} ${JSON.stringify(again.body)}`);
            if (again.status === 409) assert.equal(again.body.code, 'credential_exists', `write ${n}`);
            const { items } = (await app.api.get(`/directories/${directory.id}/credentials`)).body;
            assert.deepEqual(
              items.map(({ kind, state }: Record<string, string>) => `${state} ${kind}`).sort(),
              ['active bearer', 'active oauth'],
              `write ${n}`,
            );
            const { status, body } = await refresh(app, client, refreshToken);
            assert.equal(status, 200, `write ${n}: ${JSON.stringify(body)}`);
            assert.equal(await verified(app, directory.id, body.access_token), 200);
          }
          assert.ok(cutOff > 0, 'no write cut it off');
        } finally {
          await app.close();
          await place.remove();
        }
      });
    }
  });
}
