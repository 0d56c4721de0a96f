import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { startApp } from '../support/app.ts';

const LIMIT = 3;
/** Operators' own requests come from elsewhere. */
const STRANGER = { 'x-forwarded-for': '198.51.100.7' };
/** Far beyond the limit: four times, and one more. */
const FLOOD = LIMIT * 4 + 1;

describe('an address that only sends what is refused', () => {
  it('is answered 429 at once, without a read, and what it sent is counted', async () => {
    const app = await startApp({
      env: { LATCHKEY_FAILURES_PER_ADDRESS: `${LIMIT}`, LATCHKEY_TRUSTED_PROXIES: '127.0.0.1' },
    });
    try {
      const directory = await app.api.makeDirectory();
      const { token } = await app.api.issue(directory.id);
      const ask = (value: string) =>
        fetch(`${app.url}/scim/v2/${directory.endpointKey}/Users`, {
          headers: { ...STRANGER, authorization: `Bearer ${value}` },
        });
      for (let n = 0; n < FLOOD; n++) await ask(`wrong-${n}`);
      const readsBefore = await readsOf(app);
      for (let n = 0; n < 20; n++) assert.equal((await ask(`wrong-${n}`)).status, 429);
      const flooded = await ask(token);
      assert.equal(flooded.status, 429);
      assert.match(flooded.headers.get('retry-after') ?? '', /^[1-9]\d*$/);
      assert.equal((await fetch(`${app.url}/api/v1/directories`, { headers: STRANGER })).status, 429);
      assert.equal((await fetch(`${app.url}/oauth/introspect`, { method: 'POST', headers: STRANGER })).status, 429);
      assert.equal(await readsOf(app), readsBefore);
      app.clock.advance(61_000);
      assert.notEqual((await ask(token)).status, 429, 'the window is over');
      await app.app.rounds.find(({ name }) => name === 'denials')?.run();
      const { body } = await app.api.get('/events?type=request.denied&limit=200');
      const sum = body.items.reduce((total: number, { data }: Answer) => total + data.count, 0);
      assert.equal(sum, FLOOD + 21);
    } finally {
      await app.close();
    }
  });

  it('is looked at all the same where something was accepted lately: customers of one IdP share its addresses', async () => {
    const app = await startApp({
      env: { LATCHKEY_FAILURES_PER_ADDRESS: `${LIMIT}`, LATCHKEY_TRUSTED_PROXIES: '127.0.0.1' },
    });
    try {
      const directory = await app.api.makeDirectory();
      const { token } = await app.api.issue(directory.id);
      const ask = (value: string) =>
        fetch(`${app.url}/auth/verify?directory=${directory.id}`, {
          headers: { ...STRANGER, authorization: `Bearer ${value}` },
        });
      assert.equal((await ask(token)).status, 200);
      for (let n = 0; n < FLOOD + 5; n++) await ask(`wrong-${n}`);
      assert.equal((await ask('wrong')).status, 429);
      assert.equal((await ask(token)).status, 200);
    } finally {
      await app.close();
    }
  });
});

async function readsOf(app: Awaited<ReturnType<typeof startApp>>): Promise<number> {
  const text = await (await fetch(`${app.url}/metrics`)).text();
  const counts = text.matchAll(/^latchkey_storage_seconds_count\{[^}]*operation="find(?:By)?"[^}]*\} (\d+)$/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}
