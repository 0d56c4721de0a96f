/** Invariant 1: at no moment are more than two credentials active in a directory. Two instances share the store throughout. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import type { Answer, Reply } from '../support/api.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { bothEngines, type Place } from '../support/engines.ts';

const LEASE_MS = '20';

for (const engine of bothEngines) {
  describe(`invariant 1: two slots, on ${engine.name}`, () => {
    let place: Place;
    let apps: [TestApp, TestApp];

    before(async () => {
      place = engine.place();
      const open = () =>
        startApp({ databaseUrl: place.url, realClock: systemClock, env: { LATCHKEY_LEASE_MS: LEASE_MS } });
      apps = [await open(), await open()];
    });
    after(async () => {
      for (const app of apps) await app.close();
      await place.remove();
    });

    const api = (turn: number) => (turn % 2 === 0 ? apps[0] : apps[1]).api;

    async function holders(directoryId: string): Promise<Answer[]> {
      const { body } = await apps[0].api.get(`/directories/${directoryId}/credentials?limit=200`);
      return body.items.filter(({ state }: Answer) => state === 'active' || state === 'disabled');
    }

    async function verify(token: string, endpointKey: string): Promise<number> {
      const { status } = await fetch(`${apps[1].url}/auth/verify?directory=${endpointKey}`, {
        headers: { authorization: `Bearer ${token}` },
      });
      return status;
    }

    it('leaves exactly two of 100 parallel issues, and answers 98 with slots_full naming both holders', async () => {
      const directory = await apps[0].api.makeDirectory();
      const replies = await Promise.all(
        Array.from({ length: 100 }, (_, turn) =>
          api(turn).post(`/directories/${directory.id}/credentials`, { label: `issue ${turn}` }),
        ),
      );
      const made = replies.filter(({ status }) => status === 201);
      assert.equal(made.length, 2);
      assert.deepEqual(made.map(({ body }) => body.credential.slot).sort(), ['a', 'b']);
      const ids = made.map(({ body }) => body.credential.id).sort();
      const refused = replies.filter(({ status }) => status !== 201);
      for (const { status, body } of refused) {
        assert.equal(status, 409);
        assert.equal(body.code, 'slots_full');
        assert.deepEqual(body.holders.map((holder: Answer) => holder.credentialId).sort(), ids);
      }
      assert.deepEqual((await holders(directory.id)).map(({ id }) => id).sort(), ids);
      for (const { body } of made) assert.equal(await verify(body.token, directory.endpointKey), 200);
      const events = await apps[0].api.get(`/events?directoryId=${directory.id}&type=credential.issued`);
      assert.equal(events.body.items.length, 2, 'a refused issue has left an event');
    });

    it('leaves exactly one static token after parallel immediate rotations, and it is one that was handed out', async () => {
      const directory = await apps[0].api.makeDirectory();
      await apps[0].api.issue(directory.id);
      await apps[0].api.issue(directory.id);
      const replies = await Promise.all(
        // As many as the slower store answers in time; a rotation that was told 503 may still land.
        Array.from({ length: engine.name === 'sqlite' ? 20 : 6 }, (_, turn) =>
          api(turn).post(`/directories/${directory.id}/rotate`, { mode: 'immediate' }),
        ),
      );
      const made = replies.filter(({ status }) => status === 201);
      for (const { status, body } of replies)
        assert.ok(status === 201 || body.code === 'slots_full', JSON.stringify(body));
      const left = await holders(directory.id);
      assert.equal(left.length, 1);
      const [last] = left;
      assert.equal(last.state, 'active');
      const winner = made.find(({ body }) => body.credential.id === last.id);
      assert.ok(winner, 'nobody was given the token that is left');
      for (const { body } of made)
        assert.equal(await verify(body.token, directory.endpointKey), body === winner.body ? 200 : 401);
    });

    it('never has a third holder while issues, imports, rotations, disables and revokes race', async () => {
      const directory = await apps[0].api.makeDirectory();
      let most = 0;
      let looks = 0;
      let isOver = false;
      const watcher = (async () => {
        while (!isOver) {
          most = Math.max(most, (await holders(directory.id)).length);
          looks++;
        }
      })();
      const known: string[] = [];
      const path = `/directories/${directory.id}`;
      const acts: ((turn: number) => Promise<Reply>)[] = [
        (turn) => api(turn).post(`${path}/credentials`, {}),
        (turn) => api(turn).post(`${path}/rotate`, { mode: 'overlap' }),
        (turn) => api(turn).post(`${path}/rotate`, { mode: 'immediate' }),
        (turn) => api(turn).post(`${path}/credentials/import`, { token: `imported-${directory.id}-${turn}` }),
        (turn) => api(turn).post(`/credentials/${known.at(-1 - (turn % 3)) ?? 'cred_none'}/disable`),
        (turn) => api(turn).post(`/credentials/${known.at(-1 - (turn % 3)) ?? 'cred_none'}/enable`),
        (turn) => api(turn).post(`/credentials/${known.at(-1 - (turn % 4)) ?? 'cred_none'}/revoke`, { force: true }),
      ];
      const statuses = new Map<number, number>();
      await Promise.all(
        Array.from({ length: engine.name === 'sqlite' ? 12 : 3 }, async (_, worker) => {
          for (let round = 0; round < 14; round++) {
            const turn = worker * 14 + round;
            const act = acts[(worker + round * 3) % acts.length] as (typeof acts)[number];
            const { status, body } = await act(turn);
            statuses.set(status, (statuses.get(status) ?? 0) + 1);
            // Overload is 503, and no acknowledgement.
            assert.ok([200, 201, 404, 409, 503].includes(status), JSON.stringify(body));
            if (status === 201) known.push(body.credential.id);
          }
        }),
      );
      isOver = true;
      await watcher;
      assert.ok(most <= 2, `${most} holders at once`);
      assert.ok(looks >= 10 && known.length >= 10, `${looks} looks, ${known.length} credentials made`);
      assert.ok((await holders(directory.id)).length <= 2);
      for (const { id } of await holders(directory.id))
        await apps[0].api.post(`/credentials/${id}/revoke`, { force: true });
      await apps[0].api.issue(directory.id);
      await apps[0].api.issue(directory.id);
    });
  });
}
