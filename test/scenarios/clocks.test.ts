/** An instance whose clock differs from the store's decides nothing by time. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startApp, type TestApp } from '../support/app.ts';
import { createMovableClock, DAY, HOUR, MINUTE, SECOND } from '../support/clock.ts';
import { until } from '../support/traffic.ts';

const PATIENCE_MS = 10_000;

describe('an instance whose clock is wrong', () => {
  let app: TestApp;
  let skewMs = 0;
  let directoryId: string;
  let token: string;
  let credentialId: string;

  before(async () => {
    const clock = createMovableClock();
    app = await startApp({ clock, storeTime: () => new Date(clock.now().getTime() - skewMs) });
    const { body: organization } = await app.api.post('/organizations', { name: 'Northwind' });
    const { body: directory } = await app.api.post('/directories', { organizationId: organization.id, name: 'Okta' });
    directoryId = directory.id;
    const expiresAt = new Date(app.clock.now().getTime() + 30 * MINUTE).toISOString();
    const { body } = await app.api.post(`/directories/${directoryId}/credentials`, { expiresAt });
    token = body.token;
    credentialId = body.credential.id;
  });
  after(() => app.close());

  const verify = async () => {
    const headers = { authorization: `Bearer ${token}` };
    return (await fetch(`${app.url}/auth/verify?directory=${directoryId}`, { headers })).status;
  };
  const ready = async () => {
    const response = await fetch(`${app.url}/readyz`);
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const announce = () => app.app.rounds.find(({ name }) => name === 'instances')?.run();

  it('says so, and never calls a token ended that may be good', async () => {
    assert.equal(await verify(), 200);
    skewMs = HOUR;
    app.clock.advance(HOUR);
    await announce();
    assert.deepEqual(await ready(), { status: 503, body: { status: 'wrong_clock', clockSkewMs: HOUR } });
    assert.equal(app.app.hasRightClock(), false);
    assert.equal(await verify(), 503);
    assert.match(await (await fetch(`${app.url}/metrics`)).text(), /^latchkey_clock_skew_seconds 3600$/m);
    assert.match(app.log(), /the clock differs from the store's/);
    assert.equal((await fetch(`${app.url}/healthz`)).status, 200);
    const refresh = await fetch(`${app.url}/oauth/token`, { method: 'POST' });
    assert.equal(refresh.status, 503);
    // An issue that needs a slot would end what seems to have ended.
    assert.equal((await app.api.post(`/directories/${directoryId}/credentials`, {})).status, 503);
    assert.equal((await app.api.get(`/directories/${directoryId}`)).status, 200);
  });

  it('goes on as before once its clock is right', async () => {
    skewMs = 0;
    app.clock.advance(-HOUR);
    await announce();
    assert.equal((await ready()).status, 200);
    assert.equal(await verify(), 200);
    assert.match(app.log(), /the clock agrees with the store's again/);
  });

  it('notices a step at once, and not with the next announcement only', async () => {
    skewMs = HOUR;
    app.clock.step(HOUR);
    assert.equal(await verify(), 503);
    assert.equal((await ready()).status, 503);
    // The store's time did not move: the next comparison finds the same.
    await announce();
    assert.equal(await verify(), 503);
    skewMs = 0;
    app.clock.step(-HOUR);
    assert.equal(await verify(), 200);
    assert.equal((await ready()).status, 200);
  });

  it('asks the store after a step that made it right, as when a machine slept', async () => {
    // The store's time went on as well; the monotonic clock did not.
    app.clock.step(2 * MINUTE);
    assert.equal((await ready()).status, 503);
    await until('it has compared', PATIENCE_MS, async () => (await ready()).status === 200);
    app.clock.step(-2 * MINUTE);
    await announce();
  });

  it('tolerates a few seconds, and judges ends by its own clock then', async () => {
    skewMs = 4 * SECOND;
    await announce();
    assert.equal((await ready()).status, 200);
    app.clock.advance(31 * MINUTE);
    assert.equal(await verify(), 401);
    assert.equal((await app.api.get(`/credentials/${credentialId}`)).body.state, 'expired');
    skewMs = -DAY;
    await announce();
    assert.equal((await ready()).status, 503);
  });
});
