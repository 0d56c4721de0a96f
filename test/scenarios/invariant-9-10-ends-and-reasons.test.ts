/**
 * Invariant 9: nothing expires unannounced; what has no end says so. Invariant 10: every denial has a reason that a person can act on, kept
 * for diagnosis within 10 s, while the wire reveals no more than RFC 6750 needs.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DENIAL_REASONS } from '../../src/verification/index.ts';
import { type Answer, createApi } from '../support/api.ts';
import { runApp, startApp } from '../support/app.ts';
import { createMovableClock, HOUR } from '../support/clock.ts';
import { bothEngines, type Place } from '../support/engines.ts';
import { type LatchkeyProcess, PROCESS_OWNER_KEY, startLatchkey } from '../support/process.ts';
import { until } from '../support/traffic.ts';

const KEPT_WITHIN_MS = 60_000;
const JWT = `${Buffer.from('{"alg":"RS256"}').toString('base64url')}.e30.c2ln`;
const UNKNOWN = 'a-value-that-nobody-knows';

for (const engine of bothEngines) {
  describe(`invariant 9: nothing expires unannounced, on ${engine.name}`, () => {
    const app = runApp({ engine });

    const verify = async (directory: Answer, token: string) =>
      (
        await fetch(`${app.url}/auth/verify?directory=${directory.id}`, {
          headers: { authorization: `Bearer ${token}` },
        })
      ).status;

    it('says null where there is no end: on credentials, in their events and on API keys', async () => {
      const directory = await app.api.makeDirectory();
      const { credential } = await app.api.issue(directory.id);
      assert.equal(credential.expiresAt, null);
      const { body: events } = await app.api.get(`/credentials/${credential.id}/events`);
      assert.equal(events.items[0].data.expiresAt, null);
      const { body: made } = await app.api.post('/api-keys', { name: 'endless', role: 'viewer' });
      assert.equal(made.apiKey.expiresAt, null);
    });

    it('shows an end from the first, refuses at it, frees the slot and tells of it in the audit trail', async () => {
      const directory = await app.api.makeDirectory();
      const expiresAt = new Date(app.clock.now().getTime() + HOUR).toISOString();
      const { credential, token } = await app.api.issue(directory.id, { expiresAt });
      const { token: endless } = await app.api.issue(directory.id);
      assert.equal(credential.expiresAt, expiresAt);
      app.clock.advance(HOUR - 1);
      assert.equal(await verify(directory, token), 200);
      assert.equal((await app.api.get(`/credentials/${credential.id}`)).body.state, 'active');
      app.clock.advance(1);
      assert.equal(await verify(directory, token), 401, 'accepted from memory past its end');
      assert.equal(
        (await app.api.get(`/credentials/${credential.id}`)).body.state,
        'expired',
        'before the round came by',
      );
      app.clock.advance(5000);
      for (const { name, run } of app.app.rounds) if (name === 'due credentials') await run();
      const { body } = await app.api.get(`/credentials/${credential.id}/events?type=credential.expired`);
      assert.equal(body.items.length, 1);
      assert.equal(body.items[0].actor.type, 'system');
      const { credential: next } = await app.api.issue(directory.id);
      assert.equal(next.slot, credential.slot);
      assert.equal(await verify(directory, endless), 200);
    });

    it('gives the slot of an expired credential away also when no round came by, with the event', async () => {
      const directory = await app.api.makeDirectory();
      const expiresAt = new Date(app.clock.now().getTime() + HOUR).toISOString();
      const { credential } = await app.api.issue(directory.id, { expiresAt });
      await app.api.issue(directory.id);
      assert.equal((await app.api.post(`/directories/${directory.id}/credentials`, {})).status, 409);
      app.clock.advance(HOUR);
      await app.api.issue(directory.id);
      const { body } = await app.api.get(`/credentials/${credential.id}/events?type=credential.expired`);
      assert.equal(body.items.length, 1);
      assert.equal(
        (await app.api.post(`/credentials/${credential.id}/enable`)).status,
        409,
        'an expired one came back',
      );
    });
  });

  describe(`invariant 10: every denial has a reason, on ${engine.name}`, () => {
    let place: Place;
    let asked: LatchkeyProcess;
    let told: LatchkeyProcess;

    before(async () => {
      place = engine.place();
      const start = (limit: string) =>
        startLatchkey({
          databaseUrl: place.url,
          env: { LATCHKEY_FAILURES_PER_ADDRESS: limit, LATCHKEY_LEASE_MS: '20' },
        });
      asked = await start('13');
      told = await start('1000');
    });
    after(async () => {
      await Promise.all([asked.end(), told.end()]);
      await place.remove();
    });

    /** Issued by an instance whose clock is an hour behind, with an end that only lies ahead there. */
    async function issueExpired(directory: Answer): Promise<Answer> {
      const now = Date.now();
      const behind = await startApp({
        databaseUrl: place.url,
        clock: createMovableClock(new Date(now - HOUR).toISOString()),
      });
      try {
        return await createApi(behind.url, PROCESS_OWNER_KEY).issue(directory.id, {
          expiresAt: new Date(now - HOUR / 2).toISOString(),
        });
      } finally {
        await behind.close();
      }
    }

    it('keeps each reason of the closed list so that another instance shows it within 10 s', async () => {
      const api = createApi(told.url, PROCESS_OWNER_KEY);
      const directory = await api.makeDirectory();
      const other = await api.makeDirectory({ organizationId: directory.organizationId });
      const closed = await api.makeDirectory({ organizationId: directory.organizationId });
      const of = async (owner: Answer, fields = {}) => api.issue(owner.id, fields);
      const revoked = await of(directory);
      await api.post(`/credentials/${revoked.credential.id}/revoke`);
      const expired = await issueExpired(directory);
      const reading = await of(directory, { scopes: ['scim.read'] });
      const elsewhere = await of(other);
      const disabled = await of(other);
      await api.post(`/credentials/${disabled.credential.id}/disable`);
      const shut = await of(closed);
      await api.post(`/directories/${closed.id}/disable`);

      /** The order matters for the last one alone: those before it use up what the address may fail. */
      const denials: [reason: keyof typeof DENIAL_REASONS, reference: string, authorization: string | undefined][] = [
        ['missing', directory.id, undefined],
        ['malformed', directory.id, 'Bearer scim_cut'],
        ['unknown', directory.id, `Bearer ${UNKNOWN}`],
        ['revoked', directory.id, `Bearer ${revoked.token}`],
        ['expired', directory.id, `Bearer ${expired.token}`],
        ['disabled', other.id, `Bearer ${disabled.token}`],
        ['wrong_directory', directory.id, `Bearer ${elsewhere.token}`],
        ['directory_disabled', closed.id, `Bearer ${shut.token}`],
        ['directory_unknown', 'nowhere', `Bearer ${UNKNOWN}`],
        ['insufficient_scope', directory.id, `Bearer ${reading.token}`],
        ['foreign_token', directory.id, `Bearer ${JWT}`],
      ];
      assert.deepEqual(
        Object.keys(DENIAL_REASONS).filter((reason) => !denials.some(([known]) => known === reason)),
        ['rate_limited'],
      );
      const ask = async (reference: string, authorization: string | undefined) => {
        const response = await fetch(`${asked.url}/auth/verify?directory=${reference}`, {
          headers: authorization === undefined ? {} : { authorization },
        });
        const text = `${JSON.stringify([...response.headers])} ${await response.text()}`;
        return { status: response.status, requestId: response.headers.get('x-request-id') ?? '', text };
      };
      const expected = new Map<string, string>();
      for (const [reason, reference, authorization] of denials) {
        const { status, requestId, text } = await ask(reference, authorization);
        assert.equal(status, DENIAL_REASONS[reason].status, reason);
        // The wire tells no more than RFC 6750: nobody learns there whether a value was ever good.
        if (reason !== 'insufficient_scope') assert.ok(!text.includes(reason), `${reason} in ${text}`);
        expected.set(requestId, reason);
      }
      for (let attempt = 0; attempt < 30 && ![...expected.values()].includes('rate_limited'); attempt++) {
        const { status, requestId } = await ask(directory.id, `Bearer ${UNKNOWN}`);
        if (status === 429) expected.set(requestId, 'rate_limited');
      }
      assert.equal(new Set(expected.values()).size, Object.keys(DENIAL_REASONS).length);

      await until('each denial is in the audit trail', KEPT_WITHIN_MS, async () => {
        const { body } = await api.get('/events?type=request.denied&limit=200');
        const kept = new Set(body.items.map((event: Answer) => event.data.reason));
        return [...expected.values()].every((reason) => kept.has(reason));
      });
      const { body } = await api.get('/events?type=request.denied&limit=200');
      for (const { data, directoryId, address, count } of body.items) {
        assert.ok(data.count >= 1 && count === undefined);
        assert.ok(data.firstAt <= data.lastAt);
        assert.equal(address, '127.0.0.1');
        if (data.reason !== 'directory_unknown') assert.ok(directoryId, data.reason);
        if (['revoked', 'expired', 'disabled', 'insufficient_scope'].includes(data.reason))
          assert.match(data.hint, /^\w{4}$/);
      }
      // A valid credential is accepted from the same address all the same.
      assert.equal((await ask(other.id, `Bearer ${elsewhere.token}`)).status, 200);
    });
  });
}
