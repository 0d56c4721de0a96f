/** The checker on histories that are forged: what it must find, and what it must not. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Act, createHistory, type History, violationsOf } from './history.ts';

const about = { directoryId: 'dir', credentialId: 'old', by: 'instance 1' };

async function historyOf(write: (history: History, say: Say) => Promise<void>): Promise<string[]> {
  const history = createHistory(() => 0);
  history.knows({ ...about, token: 'scim_old' });
  await write(history, (act, status, body = {}) =>
    history.act({ ...about, ...act }, async () => ({ status, body })).then(() => undefined),
  );
  return violationsOf(history);
}
type Say = (act: Partial<Act> & Pick<Act, 'kind'>, status: number, body?: object) => Promise<void>;

describe('the checker', () => {
  it('finds what is accepted after its revoke was acknowledged, and not what was asked before', async () => {
    const broken = await historyOf(async (_, say) => {
      await say({ kind: 'revoke' }, 200);
      await say({ kind: 'verify' }, 200);
    });
    assert.match(broken.join(), /^invariant 2: verify of old by instance 1: accepted after revoke/);
    const sound = await historyOf(async (history, say) => {
      await history.act({ kind: 'verify', ...about }, async () => {
        await say({ kind: 'revoke' }, 200);
        return { status: 200, body: {} };
      });
      await say({ kind: 'verify' }, 401);
    });
    assert.deepEqual(sound, []);
  });

  it('finds tokens for a connection that was revoked, and lets a disabled one have them', async () => {
    for (const kind of ['refresh', 'token'] as const) {
      const revoked = await historyOf(async (_, say) => {
        await say({ kind: 'revoke' }, 200);
        await say({ kind }, 200);
      });
      assert.match(revoked.join(), /^invariant 2/, kind);
      const disabled = await historyOf(async (_, say) => {
        await say({ kind: 'disable' }, 200);
        await say({ kind }, 200);
      });
      assert.deepEqual(disabled, [], kind);
    }
  });

  it('finds a refusal that nobody brought about, of a token, a refresh and client credentials', async () => {
    for (const [kind, invariant] of [['verify', 4] as const, ['refresh', 5] as const, ['token', 4] as const]) {
      const broken = await historyOf(async (_, say) => say({ kind }, 401));
      assert.match(broken.join(), new RegExp(`^invariant ${invariant}`), kind);
      const ended = await historyOf(async (_, say) => {
        await say({ kind: 'disable' }, 503);
        await say({ kind }, 401);
      });
      assert.deepEqual(ended, [], kind);
    }
  });

  it('lets a connection that waited come too late, but none that was accepted before', async () => {
    const late = { revokedReason: 'another credential took its place before its first use' };
    const sound = await historyOf(async (_, say) => {
      await say({ kind: 'verify' }, 401);
      await say({ kind: 'refresh' }, 400);
      await say({ kind: 'verify', by: 'end' }, 401, late);
    });
    assert.deepEqual(sound, []);
    const broken = await historyOf(async (_, say) => {
      await say({ kind: 'verify' }, 200);
      await say({ kind: 'verify', by: 'end' }, 401, late);
    });
    assert.match(broken.join(), /^invariant 4: verify of old by instance 1: accepted, and its place/);
  });

  it('knows that a rotation ends static tokens and no connection', async () => {
    const rotate = { kind: 'rotate', mode: 'immediate' } as const;
    const body = { credential: { id: 'new' } };
    const broken = await historyOf(async (_, say) => {
      await say(rotate, 201, body);
      await say({ kind: 'verify' }, 200);
    });
    assert.match(broken.join(), /immediate rotation/);
    const sound = await historyOf(async (history, say) => {
      history.connects(about);
      await say(rotate, 201, body);
      await say({ kind: 'verify' }, 200);
    });
    assert.deepEqual(sound, []);
  });

  it('finds three active credentials, and one that is accepted in the end next to what took its place', async () => {
    const three = await historyOf(async (_, say) => say({ kind: 'list' }, 200, { items: [1, 2, 3] }));
    assert.match(three.join(), /^invariant 1/);
    const replaced = (left: string[], body = {}) =>
      historyOf(async (_, say) => {
        await say({ kind: 'connect', credentialId: 'new', replaces: 'old' }, 201);
        await say({ kind: 'verify', credentialId: 'new' }, 200);
        for (const credentialId of left) await say({ kind: 'verify', credentialId, by: 'end' }, 200, body);
      });
    assert.match((await replaced(['old', 'new'])).join(), /took its place/);
    assert.deepEqual(await replaced(['old', 'new'], { successor: 'new' }), [], 'its end is planned');
    assert.deepEqual(await replaced(['old']), [], 'what took its place has ended');
  });

  it('judges each directory by what happened in it', async () => {
    const sound = await historyOf(async (_, say) => {
      await say({ kind: 'rotate', mode: 'immediate', directoryId: 'other' }, 201, { credential: { id: 'new' } });
      await say({ kind: 'verify' }, 200);
    });
    assert.deepEqual(sound, []);
  });
});
