/** A campaign whose instance dies at whichever write goes on in the next one, and asks nobody twice. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { startApp, type TestApp } from '../support/app.ts';
import { createBrowserSession } from '../support/browser-session.ts';
import { createMovableClock, DAY, MINUTE } from '../support/clock.ts';
import { sqlite } from '../support/engines.ts';
import { createFaultyStorage, FORGETTING, REFUSING } from '../support/faulty-storage.ts';
import { startMailServer } from '../support/mail-server.ts';

/** From the choice to the invitation, and a few more. */
const WRITES = 14;

it('a campaign goes on after a death at any write, and asks each contact once', async (t) => {
  const place = sqlite.place();
  const server = await startMailServer();
  const clock = createMovableClock();
  const env = { ...server.env, LATCHKEY_LEASE_MS: '0' };
  const start = (options: Parameters<typeof startApp>[0] = {}) =>
    startApp({ databaseUrl: place.url, clock, env, ...options });
  const app = await start();
  t.after(async () => {
    await app.close();
    await server.close();
    await place.remove();
  });
  const run = async ({ app: { rounds, settled } }: TestApp, ...names: string[]) => {
    for (const name of names) await rounds.find((round) => round.name === name)?.run();
    await settled();
  };

  const directory = await app.api.makeDirectory();
  const { organizationId } = directory;
  const { credential } = await app.api.issue(directory.id);
  await app.api.post('/contacts', { organizationId, name: 'Priya', email: 'priya@x.example', kinds: ['failing'] });
  const link = /http\S+\/portal\/contact\/\S+/.exec(server.mails[0]?.text ?? '')?.[0] ?? '';
  const browser = createBrowserSession(app.url);
  await browser.submit(await browser.open(link), {});

  let unfinished = 0;
  for (let n = 1; n <= WRITES; n++) {
    // In turns: the write is not done, or it is done and not acknowledged.
    for (const last of [n % 2 === 0 ? REFUSING : FORGETTING]) {
      server.mails.length = 0;
      const endsAt = new Date(clock.now().getTime() + 60 * DAY).toISOString();
      const { body: campaign } = await app.api.post('/campaigns', {
        name: `${n}`,
        goal: 'end',
        endsAt,
        filter: { organizationId },
      });
      const faulty = createFaultyStorage();
      const dying = await start({ wrapStorage: faulty.wrap });
      clock.advance(MINUTE);
      faulty.dieAtWrite(n, last);
      await run(dying, 'campaigns').catch(() => undefined);
      if (faulty.wasReached()) unfinished++;
      faulty.failAll(REFUSING);
      await dying.close();

      for (let round = 0; round < 3; round++) {
        clock.advance(2 * MINUTE);
        await run(app, 'recovery', 'campaigns', 'notices', 'deliveries');
      }
      const what = `died at write ${n}, ${last === REFUSING ? 'not done' : 'done'}`;
      assert.deepEqual(
        server.mails.map(({ to, subject }) => [to, /Replace/.test(subject)]),
        [['priya@x.example', true]],
        what,
      );
      assert.equal((await app.api.get(`/credentials/${credential.id}`)).body.expiresAt, endsAt, what);
      assert.equal((await app.api.get(`/campaigns/${campaign.id}`)).body.progress.waiting, 1, what);
      await app.api.post(`/campaigns/${campaign.id}/stop`);
      await run(app, 'campaigns');
      assert.equal((await app.api.get(`/credentials/${credential.id}`)).body.expiresAt, null, what);
    }
  }
  assert.ok(unfinished >= WRITES / 2, `${unfinished} died at a write of theirs`);
});
