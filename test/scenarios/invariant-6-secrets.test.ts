/**
 * Invariant 6: secrets are shown once and stored as digests. A whole scenario runs against a real process that logs all it can; then every
 * response, log line, metric, file and database record is searched for every secret that was minted or presented.
 */
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { bothEngines, type Place } from '../support/engines.ts';
import { type LatchkeyProcess, PROCESS_OWNER_KEY, startLatchkey } from '../support/process.ts';
import { type Captured, dump, spellingsOf } from '../support/stored-text.ts';
import { until } from '../support/traffic.ts';

const SERVER_SECRET = 'the secret of this scenario, long enough for use';
const METRICS_TOKEN = 'metrics-token-of-this-scenario';
/** Right in shape and checksum or not: nobody has these, but people present them. */
const STRAY = 'scim_StrayStrayStrayStrayStrayStrayStr000000';
const MISTYPED = 'scim_MistypedMistypedMistypedMistyped00000';
const FOREIGN_JWT = `${Buffer.from('{"alg":"RS256"}').toString('base64url')}.eyJzdWIiOiJzdHJheSJ9.c2lnbmF0dXJlLW9mLWE-c3RyYXk`;

for (const engine of bothEngines) {
  describe(`invariant 6: secrets, on ${engine.name}`, () => {
    let place: Place;
    let latchkey: LatchkeyProcess;
    let upstream: Server;
    /** What the upstream received. */
    const passedOn: string[] = [];
    const responses: Captured[] = [];
    /** Each secret and how many responses may show it. */
    const secrets = new Map<string, number>([
      [PROCESS_OWNER_KEY, 0],
      [SERVER_SECRET, 0],
      [METRICS_TOKEN, 0],
      [STRAY, 0],
      [MISTYPED, 0],
      [FOREIGN_JWT, 0],
    ]);

    async function call(
      method: string,
      path: string,
      headers: Record<string, string> = {},
      body?: unknown,
    ): Promise<Answer> {
      const response = await fetch(latchkey.url + path, {
        method,
        headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      responses.push({
        call: `${method} ${path}`,
        text: `${response.status} ${JSON.stringify([...response.headers])} ${text}`,
      });
      const parsed = /json/.test(response.headers.get('content-type') ?? '') && text !== '' ? JSON.parse(text) : {};
      return { ...parsed, status: response.status };
    }
    const bearer = (value: string) => ({ authorization: `Bearer ${value}` });
    const api = (method: string, path: string, body?: unknown, headers = {}) =>
      call(method, `/api/v1${path}`, { ...bearer(PROCESS_OWNER_KEY), ...headers }, body);
    /** A secret of an answer that may show it. */
    const minted = (value: string): string => {
      assert.match(value, /^(scim|lk)_/);
      secrets.set(value, 1);
      return value;
    };
    const presented = (value: string): string => {
      secrets.set(value, 0);
      return value;
    };

    before(async () => {
      place = engine.place();
      upstream = createServer((request, response) => {
        // The caller's own user agent passes as it is.
        passedOn.push(JSON.stringify({ ...request.headers, 'user-agent': '' }));
        request
          .resume()
          .on('end', () => response.setHeader('content-type', 'application/scim+json').end('{"ok":true}'));
      }).listen(0, '127.0.0.1');
      await new Promise((resolve) => upstream.once('listening', resolve));
      latchkey = await startLatchkey({
        databaseUrl: place.url,
        env: {
          LATCHKEY_SECRET: SERVER_SECRET,
          LATCHKEY_METRICS_TOKEN: METRICS_TOKEN,
          LATCHKEY_LOG_LEVEL: 'trace',
          LATCHKEY_LOG_VERIFICATIONS: '1',
          LATCHKEY_LEASE_MS: '20',
        },
      });
    });
    after(async () => {
      await latchkey.end('SIGKILL');
      upstream.close();
      await place.remove();
    });

    it('lets every secret of a whole scenario be seen at most once, in the answer that reveals it', async () => {
      await runScenario();
      const metrics = await call('GET', '/metrics', bearer(METRICS_TOKEN));
      assert.equal(metrics.status, 200);
      // Readers see refusals before they are written.
      let before: Captured[] = [];
      await until('the refusals are in the store', 60_000, async () => {
        before = await dump(place.url);
        return before.some(({ text }) => text.includes('request.denied'));
      });
      assert.equal(await latchkey.end(), 0);
      const places: Captured[] = [
        ...before,
        ...(await dump(place.url)),
        { call: 'the log', text: latchkey.output() },
        { call: 'what the upstream received', text: passedOn.join('\n') },
      ];
      assert.match(latchkey.output(), /"msg":"verified"/);
      assert.ok(passedOn.length > 0);
      const found: string[] = [];
      for (const [secret, shown] of secrets) {
        const revealing = responses.filter(({ text }) => text.includes(secret));
        if (revealing.length !== shown)
          found.push(
            `${secret} in ${revealing.length} responses, not ${shown}: ${revealing.map((response) => response.call).join('; ')}`,
          );
        for (const { call: where, text } of places)
          for (const spelling of spellingsOf(secret))
            if (text.includes(spelling)) found.push(`${spelling} in ${where}`);
      }
      assert.deepEqual(found, []);
      assert.equal(secrets.size, 14);
    });

    async function runScenario(): Promise<void> {
      const organization = await api('POST', '/organizations', { name: 'Fabrikam' });
      const upstreamUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/scim`;
      const make = (name: string, fields = {}) =>
        api('POST', '/directories', { organizationId: organization.id, name, ...fields });
      const directory = await make('with upstream', { upstreamUrl });
      const other = await make('upstream is gone', { upstreamUrl: 'http://127.0.0.1:9/scim' });

      const issue = async (path: string, body = {}) => {
        const headers = { 'idempotency-key': `once-${secrets.size}` };
        const first = await api('POST', path, body, headers);
        assert.equal(first.status, 201);
        const again = await api('POST', path, body, headers);
        assert.equal(again.status, 201);
        assert.equal(again.token ?? again.key, undefined, 'a replay shows the secret');
        return { ...first, token: minted(first.token ?? first.key) };
      };
      const first = await issue(`/directories/${directory.id}/credentials`, { label: 'first' });
      const second = await issue(`/directories/${directory.id}/rotate`, { mode: 'overlap' });
      assert.equal((await api('POST', `/directories/${directory.id}/credentials`, {})).code, 'slots_full');
      const third = await issue(`/directories/${directory.id}/rotate`, { mode: 'immediate' });
      const elsewhere = await issue(`/directories/${other.id}/credentials`);
      const { apiKey, token: introspector } = await issue('/api-keys', { name: 'asks', role: 'introspect' });

      const imported = presented('imported/value+of=another.system~k9Xq2Zm8Rw4Vb7TnJ5');
      const hashed = presented('value-known-by-its-digest-only-0987654321');
      const ssoready = presented('ssoready_scim_bearer_token_0123456789abcdefghijklmno');
      const path = `/directories/${other.id}/credentials/import`;
      assert.equal((await api('POST', path, { token: imported })).status, 201);
      await api('POST', path, { token: imported });
      await api('POST', path, { sha256: hash('sha256', hashed) });
      await api('POST', path, { ssoreadyToken: ssoready });
      await api('POST', path, { token: MISTYPED });
      await api('POST', path, { token: `${STRAY} with blanks` });
      await api('POST', path, { token: STRAY, sha256: STRAY });
      await api('POST', path, { token: [imported], sha256: 7 });
      await api('POST', path, `{"token": "${imported}"`);
      for (const where of [{ scopes: [STRAY] }, { expiresAt: STRAY }, { [STRAY]: 1 }, { label: { deep: STRAY } }])
        await api('POST', `/directories/${directory.id}/credentials`, where);
      await api('POST', '/organizations', { name: 'x' }, { 'content-type': STRAY });
      for (const address of [
        `/credentials/${STRAY}`,
        `/directories/${STRAY}/credentials`,
        `/${STRAY}`,
        `/events?type=${STRAY}`,
        `/events?after=${STRAY}`,
        `/events?${STRAY}=1`,
        `/events?credentialId=${STRAY}`,
        `/directories/${directory.id}/credentials?state=${STRAY}`,
      ])
        await api('GET', address);

      const endpoint = `/scim/v2/${directory.endpointKey}/Users`;
      const tokens = [
        first.token,
        second.token,
        third.token,
        elsewhere.token,
        imported,
        hashed,
        ssoready,
        STRAY,
        MISTYPED,
        FOREIGN_JWT,
        PROCESS_OWNER_KEY,
      ];
      for (const token of tokens) {
        const forms: Record<string, string>[] = [
          bearer(token),
          { authorization: token },
          { authorization: `Bearer Bearer ${token}` },
          { authorization: `Bearer ${token} ${token}` },
          { authorization: `Basic ${Buffer.from(`x:${token}`).toString('base64')}` },
          { authorization: `Token "${token}"` },
          { 'user-agent': STRAY, ...bearer(token) },
        ];
        for (const headers of forms) {
          await call('GET', endpoint, headers);
          await call('GET', `/auth/verify?directory=${directory.id}`, headers);
          await call('GET', `/auth/verify?directory=${other.endpointKey}`, headers);
        }
        const form = { 'content-type': 'application/x-www-form-urlencoded' };
        const key = { authorization: `Basic ${Buffer.from(`${apiKey.id}:${introspector}`).toString('base64')}` };
        await call('POST', '/oauth/introspect', { ...form, ...key }, `token=${encodeURIComponent(token)}`);
        await call('POST', '/oauth/introspect', { ...form, ...bearer(token) }, `token=${encodeURIComponent(token)}`);
        await call('POST', `/oauth/introspect?token=${encodeURIComponent(token)}`, { ...form, ...key }, 'x=1');
      }
      for (const token of [STRAY, first.token, third.token, MISTYPED]) {
        await call('GET', `${endpoint}?access_token=${token}`);
        await call('POST', endpoint, {}, { access_token: token });
        await call('GET', `/scim/v2/${token}/Users`, bearer(token));
        await call('GET', `/auth/verify?directory=${token}`, bearer(token));
        await call('GET', '/auth/verify', {
          'x-original-uri': `${endpoint}?access_token=${token}`,
          'x-original-method': token,
        });
        await call('GET', '/auth/verify', { 'x-original-uri': `/${token}`, 'x-forwarded-uri': `${endpoint}/${token}` });
        await call('GET', `/${token}`);
        await call('GET', '/metrics', bearer(token));
        await call('GET', `/.well-known/oauth-protected-resource/scim/v2/${token}`);
        await call('GET', '/api/v1/organizations', bearer(token));
      }
      const gone = await call('GET', `/scim/v2/${other.endpointKey}/Users`, bearer(elsewhere.token));
      assert.equal(gone.status, 502);
      await api('POST', `/api-keys/${apiKey.id}/revoke`);
      await api('POST', `/credentials/${third.credential.id}/revoke`, { force: true, reason: 'the scenario is over' });
      await until(
        'the refusals are written',
        60_000,
        async () => (await api('GET', '/events?type=request.denied')).items.length > 5,
      );
      for (const list of [
        '/events?limit=200',
        '/organizations',
        '/directories',
        `/directories/${directory.id}/credentials`,
        '/api-keys',
      ])
        assert.equal((await api('GET', list)).status, 200);
      await call('GET', '/api/openapi.json');
    }
  });
}
