/** Many things at once make no burst of email: each has its place in the pace. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { startApp } from '../support/app.ts';
import { DAY, SECOND } from '../support/clock.ts';
import { startMailServer } from '../support/mail-server.ts';

it('email goes out at the pace that is set, however many ends are due at once', async (t) => {
  const server = await startMailServer();
  const app = await startApp({ env: { ...server.env, LATCHKEY_LEASE_MS: '0', LATCHKEY_MAIL_PER_MINUTE: '2' } });
  t.after(async () => {
    await app.close();
    await server.close();
  });
  const owners = Array.from({ length: 5 }, (_, index) => `owner${index}@acme.example`);
  for (const email of owners) await app.api.post('/operators', { name: email, email, role: 'owner' });
  const directory = await app.api.makeDirectory();
  const expiresAt = new Date(app.clock.now().getTime() + 8 * DAY).toISOString();
  await app.api.issue(directory.id, { expiresAt });
  await app.app.settled();
  app.clock.advance(1.5 * DAY);
  const run = async (name: string) => {
    await app.app.rounds.find((round) => round.name === name)?.run();
    await app.app.settled();
  };
  await run('notices');
  const counts: number[] = [];
  for (let passed = 0; passed <= 120; passed += 10) {
    await run('deliveries');
    counts.push(server.mails.length);
    app.clock.advance(10 * SECOND);
  }
  assert.deepEqual(counts, [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5]);
  assert.deepEqual(server.mails.map(({ to }) => to).sort(), owners);
});
