/** The answer of a change is given up when the store takes too long; the change itself may go on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Attribution } from '../../src/audit/index.ts';
import { AppError, isAppError } from '../../src/errors.ts';
import { startApp } from '../support/app.ts';
import { createFaultyStorage } from '../support/faulty-storage.ts';

const GIVEN_UP: Attribution = { actor: { type: 'system', name: 'a test' }, source: 'system', commit: () => false };
const isUnavailable = (error: unknown) => isAppError(error, 'storage_unavailable');

for (const [mode, held] of [
  ['overlap', 1],
  ['immediate', 1],
  ['immediate', 2],
] as const) {
  test(`a rotation (${mode}, ${held} held) whose answer was given up ends no token that somebody has`, async (t) => {
    const { api, app, url, close } = await startApp();
    t.after(close);
    const directory = await api.makeDirectory({ endpointKey: 'given-up' });
    const tokens: string[] = [];
    for (let n = 0; n < held; n++) tokens.push((await api.issue(directory.id)).token);

    await assert.rejects(app.credentials.rotate(directory.id, { mode }, GIVEN_UP), isUnavailable);

    for (const token of tokens) {
      const headers = { authorization: `Bearer ${token}` };
      assert.equal((await fetch(`${url}/auth/verify?directory=given-up`, { headers })).status, 200);
    }
    const { body } = await api.get(`/directories/${directory.id}/credentials?state=active`);
    assert.equal(body.items.length, held);
  });
}

test('an immediate rotation that cannot end the old token takes the new one back, at each write', async (t) => {
  const faulty = createFaultyStorage();
  const { app, api, url, close } = await startApp({ wrapStorage: faulty.wrap });
  t.after(close);
  const lose = () => {
    throw new AppError('storage_unavailable');
  };
  for (const when of ['before', 'after'] as const) {
    for (let n = 1; ; n++) {
      const endpointKey = `${when}-${n}`;
      const directory = await api.makeDirectory({ endpointKey });
      const { token } = await api.issue(directory.id);
      // What the set-up still writes behind its answers would take the place of the rotation's writes.
      await app.settled();
      faulty.failWrite(n, { [when]: lose });
      const { status, body } = await api.post(`/directories/${directory.id}/rotate`, { mode: 'immediate' });
      const wasReached = faulty.wasReached();
      faulty.failAll(null);
      faulty.failWrite(0, {});
      const known = status === 201 ? body.token : token;
      const headers = { authorization: `Bearer ${known}` };
      const verified = await fetch(`${url}/auth/verify?directory=${endpointKey}`, { headers });
      assert.equal(verified.status, 200, `write ${n}, lost ${when}: answered ${status}`);
      if (!wasReached) break;
    }
  }
});

test('an issue whose answer was given up takes its token back', async (t) => {
  const { api, app, close } = await startApp();
  t.after(close);
  const directory = await api.makeDirectory({ endpointKey: 'taken-back' });
  await assert.rejects(app.credentials.issue(directory.id, {}, GIVEN_UP), isUnavailable);
  const { body } = await api.get(`/directories/${directory.id}/credentials`);
  assert.equal(body.items[0].state, 'revoked');
  assert.match(body.items[0].revokedReason, /never delivered/);
});
