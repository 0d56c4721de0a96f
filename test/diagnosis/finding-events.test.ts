/** Each change of a finding is an event, told once whatever the number of instances, so that notifications can stand on it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AuditEvent } from '../../src/audit/index.ts';
import { createAudit } from '../../src/audit/index.ts';
import { createDiagnoses, type FindingChange } from '../../src/diagnosis/index.ts';
import { systemRandom } from '../../src/identifiers.ts';
import type { Answer } from '../support/api.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { flush, makeWorld } from '../support/diagnosed.ts';
import { bothEngines, silent } from '../support/engines.ts';

async function eventsOf(app: TestApp, directoryId: string): Promise<Answer[]> {
  await app.app.settled();
  return (await app.api.get(`/events?type=finding.*&order=asc&limit=200&directoryId=${directoryId}`)).body.items;
}
const told = ({ type, data }: Answer) => [type, data.code, data.severity, ...(data.before ? [data.before] : [])];

for (const engine of bothEngines) {
  describe(`finding events on ${engine.name}`, () => {
    it('tell each beginning, change of severity and healing once, however many instances look', async (t) => {
      const place = engine.place();
      const app = await startApp({ databaseUrl: place.url });
      const other = await startApp({ databaseUrl: place.url, clock: app.clock });
      t.after(async () => {
        await app.close();
        await other.close();
        await place.remove();
      });
      const { directory, send, token } = await makeWorld(app);
      const look = async () => {
        await flush(app);
        const run = (one: TestApp) => one.app.rounds.find(({ name }) => name === 'findings')?.run();
        app.clock.advance(1);
        await app.api.post(`/directories/${directory.id}/recovered`);
        await Promise.all([run(app), run(other), run(app), run(other)]);
      };
      await look();
      await send(`Bearer ${token}`);
      await look();
      await send(`Bearer ${token.slice(0, 20)}`);
      await look();
      await send(`Bearer ${token.slice(0, 20)}`);
      await look();
      await send(`Bearer ${token}`);
      await look();
      const all = await eventsOf(app, directory.id);
      const events = all.filter(({ type, data }) => type !== 'finding.settled' && data.code !== 'no_owner');
      assert.deepEqual(events.map(told), [
        ['finding.began', 'waiting_for_first_request', 'notice'],
        ['finding.healed', 'waiting_for_first_request', 'notice'],
        ['finding.began', 'token_truncated', 'failing'],
        ['finding.healed', 'token_truncated', 'failing'],
        ['finding.began', 'healed_but_missed', 'notice'],
        ['finding.healed', 'healed_but_missed', 'notice'],
      ]);
      const settled = all.filter(({ type }) => type === 'finding.settled');
      assert.deepEqual(
        settled.map(({ data, actor }) => [data.how, actor.type]),
        [['recovered', 'api_key']],
      );
    });
  });
}

describe('finding events', () => {
  it('tell a change of severity with the one before', async (t) => {
    const app = await startApp();
    t.after(app.close);
    const { directory, credential } = await makeWorld(app);
    const inDays = (days: number) => new Date(app.clock.now().getTime() + days * 86_400_000).toISOString();
    await app.api.patch(`/credentials/${credential.id}`, { expiresAt: inDays(20) });
    await flush(app);
    await app.api.patch(`/credentials/${credential.id}`, { expiresAt: inDays(3) });
    await flush(app);
    const events = (await eventsOf(app, directory.id)).filter(({ data }) => data.code === 'credential_ends_soon');
    assert.deepEqual(events.map(told), [
      ['finding.began', 'credential_ends_soon', 'notice'],
      ['finding.changed', 'credential_ends_soon', 'degraded', 'notice'],
    ]);
  });

  it('reach whoever listens again where the first try failed', async (t) => {
    const app = await startApp();
    t.after(app.close);
    const heard: FindingChange[] = [];
    let fails = 1;
    const audit = createAudit({ storage: app.storage, clock: app.clock, random: systemRandom, log: silent });
    createDiagnoses({
      ...({} as Parameters<typeof createDiagnoses>[0]),
      share: (_name, own) => own,
      storage: app.storage,
      audit,
      clock: app.clock,
      log: silent,
      async onChange(change) {
        if (fails-- > 0) throw new Error('not now');
        heard.push(change);
      },
    });
    const { directory } = await makeWorld(app);
    const event: AuditEvent = audit.event(
      'finding.healed',
      { actor: { type: 'system', name: 'x' }, source: 'system' },
      { organizationId: directory.organizationId, directoryId: directory.id },
      { code: 'token_missing', severity: 'failing', actor: 'it_contact', certainty: 'known', since: null },
    );
    await audit.append(event);
    await audit.settled();
    assert.equal(heard.length, 0);
    app.clock.advance(60_000);
    await audit.recover(0);
    assert.deepEqual(
      heard.map(({ directoryId, ended }) => [directoryId, ended.map(({ code }) => code)]),
      [[directory.id, ['token_missing']]],
    );
  });
});
