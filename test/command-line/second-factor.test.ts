import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { Secret, TOTP } from 'otpauth';
import { systemClock } from '../../src/clock.ts';
import { startApp } from '../support/app.ts';
import { spawnLatchkey } from '../support/process.ts';

const CAUSE = { actor: { type: 'system' as const, name: 'test' }, source: 'system' as const };
const EMAIL = 'dana@example.com';
const PASSWORD = 'correct horse battery staple';
const ORIGIN = { address: '192.0.2.1', requestId: 'request-0001' };

describe('latchkey second-factor remove', () => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-factor-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const open = () => startApp({ databaseUrl: `file:${folder}`, realClock: systemClock });

  async function run(...args: string[]): Promise<{ code: number | null; output: string }> {
    const { child, output } = spawnLatchkey({ databaseUrl: `file:${folder}`, args: ['second-factor', ...args] });
    const code = await new Promise<number | null>((done) => child.once('close', done));
    return { code, output: output() };
  }

  it('lets in again an operator who lost theirs, and says what it wants otherwise', async () => {
    const before = await open();
    const { operators } = before.app;
    const { id } = await operators.create({ name: 'Dana Ruiz', email: EMAIL, role: 'owner' }, CAUSE);
    await operators.setPassword(id, PASSWORD, CAUSE);
    const { secret } = operators.proposeTotp(await operators.get(id));
    const code = new TOTP({ secret: Secret.fromBase32(secret) }).generate();
    await operators.confirmTotp(id, { secret, code }, CAUSE);
    const asked = await operators.signIn({ email: EMAIL, password: PASSWORD }, ORIGIN);
    assert.ok(asked && 'ticket' in asked);
    await before.close();

    for (const [args, said] of [
      [['remove'], /expected one email, got nothing/],
      [['remove', 'a@example.com', 'b@example.com'], /expected one email/],
      [['remove', 'nobody@example.com'], /no member in the store .* has the email nobody@example\.com/],
    ] as const) {
      const { code: exit, output } = await run(...args);
      assert.equal(exit, 1);
      assert.match(output, said);
    }
    const { code: exit, output } = await run('remove', EMAIL.toUpperCase());
    assert.equal(exit, 0, output);
    assert.match(output, /Removed the second factor of Dana Ruiz \(owner\)\. Their sessions have ended\./);

    const later = await open();
    const entered = await later.app.operators.signIn({ email: EMAIL, password: PASSWORD }, ORIGIN);
    assert.ok(entered && 'session' in entered);
    const { body } = await later.api.get('/events?type=operator.updated&limit=1');
    assert.deepEqual(
      [body.items[0].actor.name, body.items[0].data.changed],
      ['command line', ['second factor removed']],
    );
    await later.close();
  });
});
