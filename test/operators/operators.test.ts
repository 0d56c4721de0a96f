import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Secret, TOTP } from 'otpauth';
import type { Cause } from '../../src/audit/index.ts';
import { isAppError } from '../../src/errors.ts';
import type { Operators } from '../../src/operators/index.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { createMovableClock } from '../support/clock.ts';
import { engines, type Place } from '../support/engines.ts';

const CAUSE: Cause = { actor: { type: 'system', name: 'test' }, source: 'system' };
const ORIGIN = { address: '192.0.2.1', requestId: 'request-0001' };
const PASSWORD = 'correct horse battery staple';
const refusedAs = (code: string) => (error: unknown) => isAppError(error) && error.code === code;

for (const engine of engines) {
  describe(`operators on ${engine.name}`, () => {
    let place: Place;
    let app: TestApp;
    let operators: Operators;
    let count = 0;
    before(async () => {
      place = engine.place();
      app = await startApp({ databaseUrl: place.url, clock: createMovableClock() });
      operators = app.app.operators;
    });
    after(async () => {
      await app.close();
      await place.remove();
    });

    async function make(role: 'owner' | 'admin' | 'viewer' = 'admin') {
      const email = `operator-${++count}@example.com`;
      const { id } = await operators.create({ name: `Operator ${count}`, email, role }, CAUSE);
      await operators.setPassword(id, PASSWORD, {}, CAUSE);
      return { id, email };
    }
    const signIn = (email: string, code = '', password = PASSWORD) =>
      operators.signIn({ email, password, code }, { ...ORIGIN, address: `192.0.2.${count % 250}` });

    it('begin with one, whose link is made once, however many instances start', async () => {
      const made = await Promise.all(Array.from({ length: 5 }, () => operators.ensureFirst()));
      assert.equal(made.filter(Boolean).length, 1);
      assert.equal(await operators.ensureFirst(), undefined);
      const { items } = await operators.page({ limit: 10 });
      assert.deepEqual(
        items.map(({ name, role }) => [name, role]),
        [['Owner', 'owner']],
      );
    });

    it('always keep one owner who can sign in', async () => {
      const [first] = (await operators.page({ limit: 10 })).items;
      const id = first?.id ?? '';
      for (const work of [
        () => operators.disable(id, CAUSE),
        () => operators.remove(id, CAUSE),
        () => operators.change(id, { role: 'viewer' }, CAUSE),
      ]) {
        await assert.rejects(work, refusedAs('last_owner'));
      }
      const other = await make('owner');
      await operators.disable(id, CAUSE);
      await assert.rejects(() => operators.disable(other.id, CAUSE), refusedAs('last_owner'));
      await operators.enable(id, CAUSE);
    });

    it('sign in by address in any case and password, and with nothing that is almost it', async () => {
      const { email } = await make();
      assert.ok(await signIn(email.toUpperCase()));
      for (const password of ['', PASSWORD.toUpperCase(), `${PASSWORD} `])
        assert.equal(await signIn(email, '', password), undefined);
      assert.equal(await signIn('nobody@example.com'), undefined);
    });

    it('are tried no more often at once than one after the other', async () => {
      const { email } = await make();
      const answers = await Promise.all(
        Array.from({ length: 20 }, () =>
          signIn(email, '', 'not the password').then(
            () => 'looked at',
            (error: unknown) => (isAppError(error) ? error.code : 'fault'),
          ),
        ),
      );
      assert.equal(answers.filter((answer) => answer === 'looked at').length, 8);
      assert.equal(answers.filter((answer) => answer === 'rate_limited').length, 12);
      await assert.rejects(() => signIn(email), refusedAs('rate_limited'));
    });

    it('are not shut out by signing in rightly, however often', async () => {
      const { email } = await make();
      for (let turn = 0; turn < 10; turn++) assert.ok(await signIn(email));
    });

    it('change the password of a session that was begun with one only by knowing it', async () => {
      const { id, email } = await make();
      const sessionOf = async (entered: { session: string } | undefined) =>
        (await operators.findSession(entered?.session ?? ''))?.sessionId ?? assert.fail();
      const byPassword = await sessionOf(await signIn(email));
      for (const current of [undefined, '', 'something else', PASSWORD.toUpperCase()]) {
        const by = { sessionId: byPassword, ...(current !== undefined && { current }) };
        await assert.rejects(
          () => operators.setPassword(id, 'a new one of mine', by, CAUSE),
          refusedAs('invalid_request'),
        );
      }
      assert.ok(await signIn(email), 'the old one goes on');
      const { secret } = await operators.createLink(id, CAUSE);
      const byLink = await sessionOf(await operators.enter(secret, ORIGIN));
      await operators.setPassword(id, 'a new one of mine', { sessionId: byLink }, CAUSE);
      assert.ok(await signIn(email, '', 'a new one of mine'));
      assert.equal(await operators.findSession(byPassword), undefined);
    });

    it('have one address each', async () => {
      const { email } = await make();
      const { id } = await make();
      await assert.rejects(
        () => operators.create({ name: 'x', email: email.toUpperCase(), role: 'viewer' }, CAUSE),
        refusedAs('email_taken'),
      );
      await assert.rejects(() => operators.change(id, { email }, CAUSE), refusedAs('email_taken'));
    });

    it('lose their sessions when they are disabled or removed, and the other ones with a new password', async () => {
      const { id, email } = await make();
      const [one, two] = [await signIn(email), await signIn(email)];
      const isOn = async (session: string | undefined) => (await operators.findSession(session ?? '')) !== undefined;
      const { sessionId } = (await operators.findSession(one?.session ?? '')) ?? assert.fail();
      await operators.setPassword(id, `${PASSWORD} again`, { sessionId, current: PASSWORD }, CAUSE);
      assert.deepEqual([await isOn(one?.session), await isOn(two?.session)], [true, false]);
      await operators.disable(id, CAUSE);
      assert.equal(await isOn(one?.session), false);
      assert.equal(await signIn(email, '', `${PASSWORD} again`), undefined);
      await operators.enable(id, CAUSE);
      assert.equal(await isOn(one?.session), false);
    });

    it('end only sessions of their own', async () => {
      const [one, two] = [await make(), await make()];
      const entered = await signIn(one.email);
      const { sessionId } = (await operators.findSession(entered?.session ?? '')) ?? assert.fail();
      await assert.rejects(() => operators.endSession(two.id, sessionId, CAUSE), refusedAs('not_found'));
      await operators.endSession(one.id, sessionId, CAUSE);
      assert.equal(await operators.findSession(entered?.session ?? ''), undefined);
    });

    it('with a second factor need its code, each code once', async () => {
      const { id, email } = await make();
      const operator = await operators.get(id);
      const { secret, uri } = operators.proposeTotp(operator);
      assert.match(uri, /^otpauth:\/\/totp\/Latchkey/);
      const code = () =>
        new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: app.clock.now().getTime() });
      await assert.rejects(() => operators.confirmTotp(id, secret, '000', CAUSE), refusedAs('invalid_request'));
      assert.ok(await signIn(email));
      await operators.confirmTotp(id, secret, code(), CAUSE);
      assert.equal(await signIn(email), undefined);
      assert.equal(await signIn(email, code()), undefined, 'the code that confirmed it is used up');
      app.clock.advance(60_000);
      const fresh = code();
      const many = await Promise.all(Array.from({ length: 4 }, () => signIn(email, fresh)));
      assert.equal(many.filter(Boolean).length, 1);
      await operators.removeTotp(id, CAUSE);
      assert.ok(await signIn(email));
    });

    it('leave nothing in the store that lets anyone in', async () => {
      const { id, email } = await make();
      const { secret: link } = await operators.createLink(id, CAUSE);
      const entered = await signIn(email);
      const { secret } = operators.proposeTotp(await operators.get(id));
      const kept = JSON.stringify([await operators.get(id), await operators.sessionsOf(id)]);
      assert.match(kept, /\$argon2id\$/);
      for (const value of [PASSWORD, link, entered?.session ?? assert.fail(), secret]) assert.ok(!kept.includes(value));
      const { body } = await app.api.get('/events?type=operator.*&limit=100');
      const told = JSON.stringify(body) + app.log();
      for (const value of [PASSWORD, link, entered?.session ?? assert.fail()]) assert.ok(!told.includes(value));
    });
  });
}
