/**
 * Invariant 2: once a revoke has been acknowledged, no instance accepts the credential again. Three processes share one store; 200 clients
 * ask all of them without a pause, and one instance is told to take something away.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Api, createApi, patiently } from '../support/api.ts';
import { bothEngines, type Place } from '../support/engines.ts';
import { type LatchkeyProcess, PROCESS_OWNER_KEY, startLatchkey } from '../support/process.ts';
import { assertRefused, countStatuses, pause, startTraffic, until } from '../support/traffic.ts';

const CLIENTS = 200;
const LEASE_MS = 500;
const BEFORE_MS = 300;
const AFTER_MS = 700;
const PATIENCE_MS = 60_000;

for (const engine of bothEngines) {
  describe(`invariant 2: revoked means refused, on three instances with ${engine.name}`, () => {
    let place: Place;
    let instances: LatchkeyProcess[] = [];
    let api: Api;

    before(async () => {
      place = engine.place();
      const start = () =>
        startLatchkey({
          databaseUrl: place.url,
          env: {
            LATCHKEY_LEASE_MS: `${LEASE_MS}`,
            LATCHKEY_FAILURES_PER_ADDRESS: '1000000000',
            LATCHKEY_FAILURES_PER_DIRECTORY: '1000000000',
            LATCHKEY_LOG_LEVEL: 'error',
          },
        });
      instances = [await start(), ...(await Promise.all([start(), start()]))];
      api = createApi(instances[0]?.url ?? '', PROCESS_OWNER_KEY);
    });
    after(async () => {
      await Promise.all(instances.map((instance) => instance.end()));
      await place.remove();
    });

    interface Attack {
      path: string;
      headers: Record<string, string>;
      refusal: number;
      take: () => Promise<{ status: number }>;
    }

    /** Hammers, takes away in the middle, and looks for an acceptance of what was sent after the acknowledgement. */
    async function attack({ path, headers, refusal, take }: Attack): Promise<void> {
      const traffic = startTraffic({ targets: instances.map(({ url }) => url + path), clients: CLIENTS, headers });
      await pause(BEFORE_MS);
      // A slow machine gets the time to ask enough, before and after.
      await until('accepted before', PATIENCE_MS, () => (countStatuses(traffic.samples)['200'] ?? 0) > 100);
      const { status } = await patiently(take);
      const acknowledgedAt = performance.now();
      const askedLater = (url: string) =>
        traffic.samples.filter(
          (sample) => sample.target.startsWith(url) && sample.sentAt >= acknowledgedAt && sample.status === refusal,
        ).length;
      await pause(AFTER_MS);
      await until('asked after', PATIENCE_MS, () => instances.every(({ url }) => askedLater(url) > 20));
      const samples = await traffic.stop();
      assert.equal(status, 200);
      const earlier = samples.filter(({ sentAt }) => sentAt < acknowledgedAt);
      const later = samples.filter(({ sentAt }) => sentAt >= acknowledgedAt);
      assert.ok((countStatuses(earlier)['200'] ?? 0) > 100, JSON.stringify(countStatuses(earlier)));
      assertRefused(later, refusal);
      const odd = samples.filter((sample) => ![200, refusal, 503].includes(sample.status));
      assert.deepEqual(odd, []);
    }

    async function credential(scopes?: string[]) {
      const directory = await api.makeDirectory();
      const { credential: made, token } = await api.issue(directory.id, scopes ? { scopes } : {});
      const path = `/auth/verify?directory=${directory.endpointKey}`;
      return { directory, id: made.id as string, path, headers: { authorization: `Bearer ${token}` } };
    }

    it('accepts nothing after the acknowledgement of a revoke', async () => {
      const { id, path, headers } = await credential();
      await attack({ path, headers, refusal: 401, take: () => api.post(`/credentials/${id}/revoke`, { force: true }) });
    });

    it('accepts nothing after the acknowledgement of a disable, and accepts again at once after an enable', async () => {
      const { id, path, headers } = await credential();
      await attack({ path, headers, refusal: 401, take: () => api.post(`/credentials/${id}/disable`) });
      assert.equal((await api.post(`/credentials/${id}/enable`)).status, 200);
      for (const { url } of instances) assert.equal((await fetch(url + path, { headers })).status, 200);
    });

    it('accepts nothing after the acknowledgement that the directory is disabled', async () => {
      const { directory, path, headers } = await credential();
      await attack({ path, headers, refusal: 403, take: () => api.post(`/directories/${directory.id}/disable`) });
      assert.equal((await api.post(`/directories/${directory.id}/enable`)).status, 200);
      for (const { url } of instances) assert.equal((await fetch(url + path, { headers })).status, 200);
    });

    it('lets nothing be written after the acknowledgement of a scope change to scim.read, and still lets read', async () => {
      const { id, path, headers } = await credential();
      const write = { ...headers, 'x-forwarded-method': 'POST' };
      await attack({
        path,
        headers: write,
        refusal: 403,
        take: () => api.patch(`/credentials/${id}`, { scopes: ['scim.read'] }),
      });
      const read = { ...headers, 'x-forwarded-method': 'GET' };
      for (const { url } of instances) assert.equal((await fetch(url + path, { headers: read })).status, 200);
    });

    it('accepts none of the old tokens after the acknowledgement of an immediate rotation', async () => {
      const { directory, path, headers } = await credential();
      const take = async () => {
        const { status } = await api.post(`/directories/${directory.id}/rotate`, { mode: 'immediate' });
        return { status: status === 201 ? 200 : status };
      };
      await attack({ path, headers, refusal: 401, take });
    });

    it('accepts an API key no more after the acknowledgement of its revoke', async () => {
      const { body } = await api.post('/api-keys', { name: 'to be revoked', role: 'viewer' });
      await attack({
        path: '/api/v1/organizations?limit=1',
        headers: { authorization: `Bearer ${body.key}` },
        refusal: 401,
        take: () => api.post(`/api-keys/${body.apiKey.id}/revoke`),
      });
    });
  });
}
