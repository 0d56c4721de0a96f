/** Several workers behave as one service: real processes on one port, on both engines. */
import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { createApi } from '../support/api.ts';
import { bothEngines, type Place } from '../support/engines.ts';
import { type LatchkeyProcess, PROCESS_OWNER_KEY, spawnLatchkey, startLatchkey } from '../support/process.ts';
import { openRaw } from '../support/raw-connection.ts';

const WORKERS = 2;
const CONNECTIONS = 12;
const REFUSALS_ALLOWED = 300;
const PATIENCE_MS = 60_000;

/** Over a connection of its own, which the primary hands to the worker whose turn it is. */
function ask(url: string, path: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(url + path, { headers, agent: new Agent({ keepAlive: false }) }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    asked.on('error', reject);
    asked.end();
  });
}

async function askAll(url: string, path: string, headers: Record<string, string>): Promise<Set<number>> {
  const statuses = new Set<number>();
  for (let turn = 0; turn < CONNECTIONS; turn++) statuses.add(await ask(url, path, headers));
  return statuses;
}

async function metric(url: string, series: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  assert.ok(line, `${series} in\n${text.slice(0, 2000)}`);
  return Number(line.slice(series.length));
}

/** Looks again until it holds, as long as a slow machine may take. */
async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    assert.ok(performance.now() < end, what);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function workersOf(latchkey: LatchkeyProcess): number[] {
  const ready = latchkey.output().matchAll(/"worker":(\d+),"url".*"msg":"ready"/g);
  return [...ready].map(([, pid]) => Number(pid));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const allowed = 'latchkey_verifications_total{surface="forward_auth",outcome="allowed"}';

for (const engine of bothEngines) {
  describe(`workers on ${engine.title}`, () => {
    let place: Place;
    let latchkey: LatchkeyProcess;
    let api: ReturnType<typeof createApi>;

    before(async () => {
      place = engine.place();
      latchkey = await startLatchkey({
        databaseUrl: place.url,
        env: { LATCHKEY_WORKERS: String(WORKERS), LATCHKEY_FAILURES_PER_ADDRESS: String(REFUSALS_ALLOWED) },
      });
      api = createApi(latchkey.url, PROCESS_OWNER_KEY);
    });
    after(async () => {
      await latchkey.end();
      await place.remove();
    });

    const verifying = (directory: { endpointKey: string }, token: string) =>
      [`/auth/verify?directory=${directory.endpointKey}`, { Authorization: `Bearer ${token}` }] as const;

    it('are summed in the metrics, whichever is asked', async () => {
      const directory = await api.makeDirectory();
      const { token } = await api.issue(directory.id);
      assert.equal(workersOf(latchkey).length, WORKERS);
      const before = await metric(latchkey.url, allowed);

      assert.deepEqual(await askAll(latchkey.url, ...verifying(directory, token)), new Set([200]));

      for (let turn = 0; turn < WORKERS; turn++) {
        assert.equal(await metric(latchkey.url, allowed), before + CONNECTIONS);
        assert.equal(await metric(latchkey.url, 'latchkey_workers'), WORKERS);
      }
    });

    it('all refuse what was revoked at one of them, as soon as that is acknowledged', async () => {
      const directory = await api.makeDirectory();
      const { credential, token } = await api.issue(directory.id);
      assert.deepEqual(await askAll(latchkey.url, ...verifying(directory, token)), new Set([200]));

      const { status } = await api.post(`/credentials/${credential.id}/revoke`, { force: true });

      assert.equal(status, 200);
      assert.deepEqual(await askAll(latchkey.url, ...verifying(directory, token)), new Set([401]));
    });

    it('lose nothing that was acknowledged when one is killed under load, and another takes its place', async () => {
      const directories = await Promise.all([1, 2, 3, 4].map(() => api.makeDirectory()));
      const [victim] = workersOf(latchkey);
      assert.ok(victim);
      const before = await metric(latchkey.url, allowed);
      const acknowledged: string[] = [];
      let isDone = false;
      const load = directories.map(async ({ id }) => {
        while (!isDone) {
          try {
            const { credential } = await api.issue(id);
            acknowledged.push(credential.id);
            await api.post(`/credentials/${credential.id}/revoke`, { force: true });
          } catch {
            // The connection went away with the worker, or there was no answer.
          }
        }
      });
      await until('something is acknowledged', () => acknowledged.length > 4);

      process.kill(victim, 'SIGKILL');

      await until('another worker is ready', () => workersOf(latchkey).length === WORKERS + 1);
      const known = acknowledged.length;
      await until('it goes on', () => acknowledged.length > known);
      isDone = true;
      await Promise.all(load);
      for (const id of acknowledged) {
        const { status, body } = await api.get(`/events?credentialId=${id}&type=credential.issued`);
        assert.equal(status, 200);
        assert.equal(body.items.length, 1, id);
        assert.equal((await api.get(`/credentials/${id}`)).status, 200);
      }
      assert.match(latchkey.output(), /a worker exited unexpectedly; another one replaces it/);
      assert.equal(await metric(latchkey.url, 'latchkey_worker_restarts_total'), 1);
      assert.equal(await metric(latchkey.url, 'latchkey_workers'), WORKERS);
      assert.ok((await metric(latchkey.url, allowed)) >= before, 'what the killed one had counted is not lost');
    });

    it('count refusals together', async () => {
      let refused = 0;
      for (; refused < 2 * REFUSALS_ALLOWED; refused++) {
        const status = await ask(latchkey.url, '/auth/verify?directory=nowhere', { Authorization: 'Bearer abc' });
        if (status === 429) break;
        assert.equal(status, 401);
      }
      // Two that count apart would allow twice as many; passing counts on takes a moment.
      assert.ok(refused < 1.8 * REFUSALS_ALLOWED, `${refused} were refused before the limit held`);
    });

    it('drain together, and end', async () => {
      const workers = workersOf(latchkey);
      assert.equal(await latchkey.end(), 0);
      assert.deepEqual(workers.filter(isAlive), []);
      assert.equal(latchkey.output().match(/"msg":"stopped"/g)?.length, WORKERS);
    });
  });
}

it('finish what is under way and end when the first process is killed, and say why', async (t) => {
  const [engine] = bothEngines;
  assert.ok(engine);
  const place = engine.place();
  t.after(place.remove);
  const latchkey = await startLatchkey({ databaseUrl: place.url, env: { LATCHKEY_WORKERS: String(WORKERS) } });
  const workers = workersOf(latchkey);
  const body = 'grant_type=refresh_token';
  const { socket, all, until: received } = openRaw(latchkey.url);
  socket.write(
    `POST /oauth/token HTTP/1.1\r\nHost: ${new URL(latchkey.url).host}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`,
  );
  await received('100 Continue');

  latchkey.child.kill('SIGKILL');

  await until('workers say why they end', () =>
    latchkey.output().includes('the first process ended; its workers drain and end'),
  );
  socket.write(body);
  assert.match(await all, /HTTP\/1\.1 401 .*invalid_client/s);
  await until('workers have ended', () => !workers.some(isAlive));
  assert.equal(latchkey.output().match(/"msg":"stopped"/g)?.length, WORKERS);
});

it('that cannot start end the service with what is wrong, said once', async (t) => {
  const [engine] = bothEngines;
  assert.ok(engine);
  const place = engine.place();
  t.after(place.remove);
  const { child, output } = spawnLatchkey({
    databaseUrl: place.url,
    env: { LATCHKEY_WORKERS: '2', LATCHKEY_HOST: '192.0.2.1' },
  });
  const code = await new Promise((resolve) => child.once('exit', resolve));
  assert.equal(code, 1);
  assert.equal(output().match(/LATCHKEY_HOST, LATCHKEY_PORT: can't listen on 192\.0\.2\.1/g)?.length, 1, output());
});
