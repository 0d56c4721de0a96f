/** Silence on several instances, over restarts and clock steps; and of many directories at once, which is one incident. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { Answer } from '../support/api.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { createMovableClock, DAY, HOUR, type MovableClock } from '../support/clock.ts';
import { makeWorld, type World } from '../support/diagnosed.ts';
import { sqlite } from '../support/engines.ts';

const MONDAY = '2027-03-01T12:00:00.000Z';

async function run(app: TestApp, ...names: string[]): Promise<void> {
  for (const name of names) {
    await app.app.settled();
    await app.app.rounds.find((round) => round.name === name)?.run();
  }
}
const look = (app: TestApp) => run(app, 'usage', 'traffic', 'fleets', 'findings', 'findings');

async function makeFleet(t: TestContext, size: number) {
  const place = sqlite.place();
  const clock = createMovableClock(MONDAY);
  const running: TestApp[] = [];
  const start = async (own: MovableClock = clock) => {
    const app = await startApp({ databaseUrl: place.url, clock: own });
    running.push(app);
    return app;
  };
  t.after(async () => {
    for (const app of running) await app.close();
    await place.remove();
  });
  const app = await start();
  const worlds: World[] = [];
  for (let index = 0; index < size; index++) worlds.push(await makeWorld(app));
  const sendAll = async () => {
    for (const { send, token } of worlds) await send(`Bearer ${token}`);
    await run(app, 'traffic');
  };
  // A request every other day, for six weeks.
  for (let day = 0; day < 42; day += 2) {
    await sendAll();
    clock.advance(2 * DAY);
  }
  await sendAll();
  return { app, clock, start, worlds, sendAll };
}

async function codesOf(app: TestApp): Promise<string[]> {
  const { items } = (await app.api.get('/findings?limit=200')).body;
  return items.map(({ finding }: Answer) => finding.code).filter((code: string) => /quiet/.test(code));
}
async function toldOf(app: TestApp): Promise<string[]> {
  await app.app.settled();
  const { items } = (await app.api.get('/events?type=finding.*,fleet.*&order=asc&limit=200')).body;
  return items
    .filter(({ type, data }: Answer) => type.startsWith('fleet.') || /quiet/.test(data.code))
    .map(({ type, data }: Answer) => `${type} ${data.code ?? data.directories}`);
}

describe('silence', () => {
  it('raises one alarm on two instances, the same one after a restart in mid-gap, and none by a clock that is moved back', async (t) => {
    const { app, clock, start, worlds, sendAll } = await makeFleet(t, 1);
    const other = await start();
    clock.advance(5 * DAY);
    await look(app);
    const restarted = await start();
    clock.advance(15 * DAY);
    await Promise.all([look(app), look(other), look(restarted)]);
    assert.deepEqual(await codesOf(app), ['quiet_for_longer_than_ever']);
    assert.deepEqual(await toldOf(app), ['finding.began quiet_for_longer_than_ever']);
    const [{ finding }] = (await app.api.get('/findings?code=quiet_for_longer_than_ever')).body.items;
    assert.equal(clock.now().getTime() - Date.parse(finding.since) > 19 * DAY, true);
    await sendAll();
    await Promise.all([look(app), look(other)]);
    assert.deepEqual(await codesOf(app), []);
    const moved = await start(createMovableClock(new Date(clock.now().getTime() - 30 * DAY).toISOString()));
    await worlds[0]?.send(`Bearer ${worlds[0].token}`);
    await look(moved);
    assert.deepEqual(await toldOf(app), [
      'finding.began quiet_for_longer_than_ever',
      'finding.healed quiet_for_longer_than_ever',
    ]);
  });

  it('of many directories of one provider is one incident, on any number of instances, and holds back single alarms', async (t) => {
    const { app, clock, start, sendAll } = await makeFleet(t, 6);
    const other = await start();
    await Promise.all([look(app), look(other)]);
    assert.deepEqual(await toldOf(app), []);
    clock.advance(5 * DAY);
    await Promise.all([look(app), look(other)]);
    await look(other);
    assert.deepEqual(await codesOf(app), Array(6).fill('fleet_quiet'));
    assert.deepEqual(await toldOf(app), ['fleet.quieted 6']);
    const restarted = await start();
    clock.advance(15 * DAY);
    await look(restarted);
    await look(app);
    assert.deepEqual(await codesOf(app), Array(6).fill('fleet_quiet'));
    assert.deepEqual(await toldOf(app), ['fleet.quieted 6']);
    const moved = await start(createMovableClock(new Date(clock.now().getTime() - 30 * DAY).toISOString()));
    await look(moved);
    moved.clock.advance(HOUR);
    await look(moved);
    assert.deepEqual(await toldOf(app), ['fleet.quieted 6']);
    await sendAll();
    clock.advance(HOUR);
    await Promise.all([look(app), look(other)]);
    await look(app);
    assert.deepEqual(await codesOf(app), []);
    assert.deepEqual(await toldOf(app), ['fleet.quieted 6', 'fleet.resumed 0']);
  });
});
