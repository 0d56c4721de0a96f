/** State at a moment is computed from the audit trail, against a truth that was recorded while it happened. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runsOf } from '../../src/diagnosis/timeline.ts';
import type { Answer } from '../support/api.ts';
import { runApp } from '../support/app.ts';
import { DAY, HOUR, MINUTE } from '../support/clock.ts';
import { flush, makeWorld, textOf } from '../support/diagnosed.ts';
import { createRandomNumbers } from '../support/traces.ts';

describe('a directory as it was', () => {
  const app = runApp({ env: { LATCHKEY_FAILURES_PER_ADDRESS: '100000' } });

  const then = async (id: string, at: Date) => {
    const { status, body } = await app.api.get(`/directories/${id}/diagnosis?at=${at.toISOString()}`);
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  };

  const seen = ({ id, state, label, expiresAt }: Answer) => [id, state, label, expiresAt];

  it('has the tokens of that moment, whatever was changed since, by chance', async () => {
    const random = createRandomNumbers(7);
    const pick = <T>(items: readonly T[]): T | undefined => items[Math.floor(random() * items.length)];
    const directory = await app.api.makeDirectory();
    const truth: { at: Date; states: unknown[][] }[] = [];
    for (let step = 0; step < 60; step++) {
      app.clock.advance(HOUR + Math.floor(random() * 5 * HOUR));
      const { items } = (await app.api.get(`/directories/${directory.id}/credentials?limit=200`)).body;
      const one = pick<Answer>(items);
      const deed = random();
      if (deed < 0.35 || !one) await app.api.post(`/directories/${directory.id}/credentials`, {});
      else if (deed < 0.5) await app.api.post(`/credentials/${one.id}/disable`);
      else if (deed < 0.65) await app.api.post(`/credentials/${one.id}/enable`);
      else if (deed < 0.72) await app.api.post(`/credentials/${one.id}/revoke`, { force: true });
      else if (deed < 0.78) await app.api.patch(`/credentials/${one.id}`, { label: `label ${step}` });
      else if (deed < 0.9) {
        const expiresAt = new Date(app.clock.now().getTime() + 30 * DAY).toISOString();
        await app.api.patch(`/credentials/${one.id}`, { expiresAt: random() < 0.3 ? null : expiresAt });
      } else await app.api.post(`/directories/${directory.id}/rotate`, { mode: 'immediate' });
      app.clock.advance(MINUTE);
      const now = (await app.api.get(`/directories/${directory.id}/credentials?limit=200`)).body.items;
      const states = now.map(seen).sort();
      truth.push({ at: app.clock.now(), states });
    }
    for (let look = 0; look < 40; look++) {
      const index = Math.floor(random() * (truth.length - 1));
      const [moment, next] = [truth[index], truth[index + 1]];
      assert.ok(moment && next);
      // Any time until the next change.
      const at = new Date(moment.at.getTime() + random() * (next.at.getTime() - moment.at.getTime() - 2 * MINUTE));
      const { credentials, keptSince } = await then(directory.id, at);
      assert.deepEqual(credentials.map(seen).sort(), moment.states, at.toISOString());
      assert.equal(keptSince, null);
    }
  });

  it('explains what was refused then, though it works now', async () => {
    const { directory, send, token, credential } = await makeWorld(app);
    await send(`Bearer ${token}`);
    await flush(app);
    app.clock.advance(DAY);
    const fresh = await app.api.issue(directory.id);
    await app.api.post(`/credentials/${credential.id}/revoke`, { force: true });
    app.clock.advance(2 * HOUR);
    await send(`Bearer ${token}`);
    await flush(app);
    app.clock.advance(3 * HOUR);
    const broken = app.clock.now();
    app.clock.advance(2 * DAY);
    await send(`Bearer ${fresh.token}`);
    await flush(app);
    const { findings } = await then(directory.id, broken);
    assert.equal(findings[0].code, 'token_revoked');
    assert.match(textOf(findings[0]), /still sending the token that ends in …/);
    assert.match(textOf(findings[0]), /is valid, but has never been used/);
    const now = (await app.api.get(`/directories/${directory.id}/diagnosis`)).body;
    assert.equal(now.findings.at(-1).code, 'working');
  });

  it('has the provider of that moment, and names its fields', async () => {
    const { directory, send, token } = await makeWorld(app, { provider: 'okta' });
    await send(`Bearer ${token.slice(0, 20)}`, { agent: 'x' });
    await flush(app);
    app.clock.advance(HOUR);
    const before = app.clock.now();
    app.clock.advance(HOUR);
    await app.api.patch(`/directories/${directory.id}`, { provider: 'entra' });
    assert.match(textOf((await then(directory.id, before)).findings[0]), /In Okta, open/);
    const now = (await app.api.get(`/directories/${directory.id}/diagnosis`)).body;
    assert.match(textOf(now.findings[0]), /Secret Token/);
  });

  it('has a timeline of changes and runs, not of requests', async () => {
    const { directory, send, token, credential } = await makeWorld(app);
    for (let hour = 0; hour < 3; hour++) {
      await send(`Bearer ${token}`);
      await send(`Bearer ${token}`);
      app.clock.advance(HOUR);
    }
    await app.api.post(`/credentials/${credential.id}/revoke`, { force: true });
    await send(`Bearer ${token}`);
    await flush(app);
    app.clock.advance(MINUTE);
    const { body } = await app.api.get(`/directories/${directory.id}/timeline`);
    assert.deepEqual(
      body.changes.map(({ type }: Answer) => type),
      ['directory.created', 'credential.issued', 'credential.revoked'],
    );
    const [row] = body.credentials;
    assert.deepEqual(
      row.runs.map(({ accepted, refused }: Answer) => [accepted, refused]),
      [
        [6, 0],
        [0, 1],
      ],
    );
    assert.deepEqual(
      body.troubles.map(({ code, count }: Answer) => [code, count]),
      [['token_revoked', 1]],
    );
    const { status } = await app.api.get(
      `/directories/${directory.id}/timeline?from=2030-01-01T00:00:00Z&to=2029-01-01T00:00:00Z`,
    );
    assert.equal(status, 400);
  });

  it('joins hours of one kind, in any order, and no others', () => {
    const hour = (index: number, accepted: number, refused = 0) => ({
      hour: new Date(index * HOUR),
      accepted,
      refused,
    });
    const runs = runsOf([hour(2, 1), hour(1, 1), hour(1, 2), hour(3, 0, 4), hour(6, 1), hour(7, 0)]);
    assert.deepEqual(
      runs.map(({ from, to, accepted, refused }) => [from.getTime() / HOUR, to.getTime() / HOUR, accepted, refused]),
      [
        [1, 3, 4, 0],
        [3, 4, 0, 4],
        [6, 7, 1, 0],
      ],
    );
  });
});
