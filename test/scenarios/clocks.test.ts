/** An instance whose clock differs from the store's decides nothing by that clock. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { createMovableClock, DAY, HOUR, MINUTE, SECOND } from '../support/clock.ts';
import { createFaultyStorage } from '../support/faulty-storage.ts';
import { ask, makeClient } from '../support/oauth-client.ts';
import { until } from '../support/traffic.ts';

const PATIENCE_MS = 60_000;

describe('an instance whose clock is wrong', () => {
  let app: TestApp;
  let skewMs = 0;
  let storeTimeOf: (() => Date) | undefined;
  let directoryId: string;
  let token: string;
  let credentialId: string;

  before(async () => {
    const clock = createMovableClock();
    app = await startApp({ clock, storeTime: () => storeTimeOf?.() ?? new Date(clock.now().getTime() - skewMs) });
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
    assert.equal(await verify(), 200);
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
    assert.equal((await ready()).status, 503);
    assert.equal(await verify(), 200);
    // The store's time did not move: the next comparison finds the same.
    await announce();
    assert.equal((await ready()).status, 503);
    assert.equal(await verify(), 200);
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

  it('asks again where it was stopped while it asked', async () => {
    let stopMs = 20 * SECOND;
    storeTimeOf = () => {
      const told = app.clock.now();
      app.clock.advance(stopMs);
      stopMs = 0;
      return told;
    };
    await announce();
    storeTimeOf = undefined;
    assert.equal((await ready()).status, 200);
  });

  it('calls no API key ended that may be good, in whichever of the two the time is wrong', async () => {
    const expiresAt = new Date(app.clock.now().getTime() + 30 * MINUTE).toISOString();
    const { body } = await app.api.post('/api-keys', { name: 'SCIM server', role: 'introspect', expiresAt });
    const introspect = async (key: string) => {
      const headers = { authorization: `Bearer ${key}` };
      const body = new URLSearchParams({ token });
      return (await fetch(`${app.url}/oauth/introspect`, { method: 'POST', headers, body })).status;
    };
    assert.equal(await introspect(body.key), 200);
    const read = async () =>
      (await fetch(`${app.url}/api/v1/events`, { headers: { authorization: `Bearer ${body.key}` } })).status;
    for (const [its, ours] of [
      [-DAY, 0],
      [DAY, DAY],
    ] as const) {
      skewMs = its;
      app.clock.step(ours);
      await announce();
      assert.ok(
        [200, 503].includes(await introspect(body.key)),
        'a SCIM server that is refused refuses its identity provider',
      );
      assert.ok([403, 503].includes(await read()));
      assert.equal((await app.api.get('/api-keys')).status, 200, 'one without an end works on');
      app.clock.step(-ours);
    }
    skewMs = 0;
    await announce();
    assert.equal(await introspect(body.key), 200);
    assert.equal(await introspect(`${body.key.slice(0, -1)}_`), 401);
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

describe('a clock that is set while a request is under way', () => {
  const clock = createMovableClock();
  const faulty = createFaultyStorage();
  let app: TestApp;
  let organizationId: string;
  let skewMs = 0;

  before(async () => {
    const storeTime = () => new Date(clock.now().getTime() - skewMs);
    app = await startApp({ clock, storeTime, wrapStorage: faulty.wrap });
    const { body } = await app.api.post('/organizations', { name: 'Northwind' });
    organizationId = body.id;
  });
  after(() => app.close());

  const step = (ms: number) => {
    clock.step(ms);
    skewMs += ms;
  };
  const makeDirectory = async () => {
    const { body } = await app.api.post('/directories', { organizationId, name: 'Okta' });
    return body.id as string;
  };

  const introspect = async (token: string) => {
    const headers = { authorization: `Bearer ${app.ownerKey}` };
    const form = new URLSearchParams({ token });
    return (
      await fetch(`${app.url}/oauth/introspect`, { method: 'POST', headers, body: form })
    ).json() as Promise<Answer>;
  };

  /** Does it anew, with a step of the clock before each operation in turn. Its answers. */
  async function atEachStep<T>(ms: number, prepare: () => Promise<() => Promise<T>>): Promise<T[]> {
    const answers: T[] = [];
    for (let n = 1; ; n++) {
      const work = await prepare();
      faulty.failOperation(n, { before: () => step(ms) });
      const answer = await work();
      if (!faulty.wasReached()) {
        faulty.failOperation(Number.POSITIVE_INFINITY, {});
        return answers;
      }
      step(-ms);
      answers.push(answer);
    }
  }

  for (const ms of [HOUR, -HOUR]) {
    const way = ms > 0 ? 'ahead' : 'back';

    it(`gives no access token that ends too soon or too late, set an hour ${way}`, async () => {
      const answers = await atEachStep(ms, async () => {
        const client = await makeClient(app, { provider: 'pingone', directoryId: await makeDirectory() });
        return () => ask(app, client, { grant_type: 'client_credentials' });
      });
      const given = answers.filter(({ status }) => status === 200);
      assert.ok(given.length > 3, `${given.length} of ${answers.length}`);
      for (const { body } of given) {
        const told = await introspect(body.access_token);
        const left = told.exp - clock.now().getTime() / SECOND;
        assert.ok(told.active && Math.abs(left - body.expires_in) < 60, JSON.stringify({ told, left }));
      }
    });

    it(`ends nothing before its time, set an hour ${way}`, async () => {
      const expiresAt = () => new Date(clock.now().getTime() + 30 * MINUTE).toISOString();
      const answers = await atEachStep(ms, async () => {
        const directoryId = await makeDirectory();
        const first = await app.api.post(`/directories/${directoryId}/credentials`, { expiresAt: expiresAt() });
        await app.api.post(`/directories/${directoryId}/credentials`, {});
        return async () => {
          const { status } = await app.api.post(`/directories/${directoryId}/credentials`, {});
          return { status, directoryId, token: first.body.token as string };
        };
      });
      assert.ok(answers.length > 3, JSON.stringify(answers));
      for (const { status, directoryId, token } of answers) {
        assert.ok(status === 409 || status === 503, `${status}`);
        const headers = { authorization: `Bearer ${token}` };
        const verified = await fetch(`${app.url}/auth/verify?directory=${directoryId}`, { headers });
        assert.equal(verified.status, 200);
      }
    });
  }
});
