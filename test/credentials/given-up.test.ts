/** The answer of a change is given up when the store takes too long; the change itself may go on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cause } from '../../src/audit/index.ts';
import { isAppError } from '../../src/errors.ts';
import { startApp } from '../support/app.ts';

/** The n-th time that somebody asks, and ever after, the answer has been given up. */
function givenUpFrom(n: number): Cause {
  let asked = 0;
  return { actor: { type: 'system', name: 'a test' }, source: 'system', isGivenUp: () => ++asked >= n };
}

for (const [mode, filled] of [
  ['overlap', 1],
  ['immediate', 1],
  ['immediate', 2],
] as const) {
  test(`a rotation (${mode}, ${filled} held) whose answer is given up at any point leaves a token that somebody has`, async (t) => {
    const { api, app, url, close } = await startApp();
    t.after(close);
    const works = async (token: string, directoryId: string) => {
      const headers = { authorization: `Bearer ${token}` };
      return (await fetch(`${url}/auth/verify?directory=${directoryId}`, { headers })).status === 200;
    };
    const outcomes = new Set<string>();
    for (let n = 1; n <= 6; n++) {
      const directory = await api.makeDirectory({ endpointKey: `given-up-${n}` });
      const known: string[] = [];
      for (let held = 0; held < filled; held++) known.push((await api.issue(directory.id)).token);
      try {
        known.push((await app.credentials.rotate(directory.id, { mode }, givenUpFrom(n))).token);
        outcomes.add('answered');
      } catch (error) {
        assert.ok(isAppError(error, 'storage_unavailable'), String(error));
        outcomes.add('given up');
      }
      const working = await Promise.all(known.map((token) => works(token, directory.id)));
      assert.ok(working.includes(true), `given up at the ${n}. question, no token that anybody has works`);
      const { body } = await api.get(`/directories/${directory.id}/credentials?state=active`);
      assert.equal(body.items.length, working.filter(Boolean).length, `given up at the ${n}. question`);
    }
    assert.deepEqual([...outcomes].sort(), ['answered', 'given up']);
  });
}

test('an issue whose answer is given up takes its token back', async (t) => {
  const { api, app, close } = await startApp();
  t.after(close);
  const directory = await api.makeDirectory({ endpointKey: 'taken-back' });
  await assert.rejects(app.credentials.issue(directory.id, {}, givenUpFrom(1)), (error) =>
    isAppError(error, 'storage_unavailable'),
  );
  const { body } = await api.get(`/directories/${directory.id}/credentials`);
  assert.equal(body.items[0].state, 'revoked');
  assert.match(body.items[0].revokedReason, /never delivered/);
});
