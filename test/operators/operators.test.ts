import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { Secret, TOTP } from 'otpauth';
import type { Attribution } from '../../src/audit/index.ts';
import { isAppError } from '../../src/errors.ts';
import type { Entered, Operators, SecondStep } from '../../src/operators/index.ts';
import { runApp } from '../support/app.ts';
import { createMovableClock } from '../support/clock.ts';
import { engines } from '../support/engines.ts';

const CAUSE: Attribution = { actor: { type: 'system', name: 'test' }, source: 'system' };
const ORIGIN = { address: '192.0.2.1', requestId: 'request-0001' };
const PASSWORD = 'correct horse battery staple';
const refusedAs = (code: string) => (error: unknown) => isAppError(error) && error.code === code;

function inside(entered: Entered | SecondStep | undefined): Entered | undefined {
  assert.ok(!entered || 'session' in entered, 'a second step is asked for');
  return entered;
}

for (const engine of engines) {
  describe(`operators on ${engine.name}`, () => {
    const app = runApp({ engine, clock: createMovableClock() });
    let operators: Operators;
    let count = 0;
    before(async () => {
      operators = app.app.operators;
    });

    async function make(role: 'owner' | 'admin' | 'viewer' = 'admin') {
      const email = `operator-${++count}@example.com`;
      const { id } = await operators.create({ name: `Operator ${count}`, email, role }, CAUSE);
      await operators.setPassword(id, PASSWORD, CAUSE);
      return { id, email };
    }
    /** Both steps; undefined where the second one is asked for and no code is given. */
    async function signIn(email: string, code = '', password = PASSWORD, address = `192.0.2.${count % 250}`) {
      const origin = { ...ORIGIN, address };
      const first = await operators.signIn({ email, password }, origin);
      if (!first || 'session' in first) return first;
      return code === '' ? undefined : operators.finishSignIn(first.ticket, { code }, origin);
    }

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

    const sessionIdOf = async (entered: { session: string } | undefined) =>
      (await operators.findSession(entered?.session ?? ''))?.sessionId ?? assert.fail();
    const enterByLink = async (id: string) =>
      inside(await operators.enter((await operators.createLink(id, CAUSE)).secret, 'a browser', ORIGIN));

    it('change what they sign in by only by knowing the password, so that an open browser shuts nobody out', async () => {
      const { id, email } = await make();
      const sessionId = await sessionIdOf(await signIn(email));
      const { secret } = operators.proposeTotp(await operators.get(id));
      const code = () =>
        new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: app.clock.now().getTime() });
      for (const password of [undefined, PASSWORD.toUpperCase()]) {
        const by = { sessionId, password, address: `192.0.2.${++count % 250}` };
        for (const work of [
          () => operators.setPassword(id, 'a new one of mine', CAUSE, by),
          () => operators.change(id, { email: null }, CAUSE, by),
          () => operators.change(id, { email: 'mallory@example.com' }, CAUSE, by),
          () => operators.confirmTotp(id, { secret, code: code() }, CAUSE, by),
          () => operators.removeTotp(id, CAUSE, by),
        ])
          await assert.rejects(work, refusedAs('invalid_request'));
      }
      app.clock.advance(1000);
      assert.ok(await signIn(email), 'the old one goes on');
      await operators.change(id, { name: 'Another name' }, CAUSE, { sessionId });
      await operators.confirmTotp(id, { secret, code: code() }, CAUSE, { sessionId, password: PASSWORD });
      const other = operators.proposeTotp(await operators.get(id)).secret;
      const replacing = { secret: other, code: code() };
      await assert.rejects(
        () => operators.confirmTotp(id, replacing, CAUSE, { sessionId, password: PASSWORD }),
        refusedAs('invalid_request'),
      );
      const own = { actor: { type: 'operator' as const, id, name: 'x' }, source: 'dashboard' as const };
      await assert.rejects(
        () => operators.removeTotp(id, own, { sessionId, password: PASSWORD }),
        refusedAs('invalid_request'),
      );
      await assert.rejects(() => operators.removeSecondFactor(id, own), refusedAs('invalid_request'));
      assert.ok((await operators.get(id)).totp, 'the only second factor stays');
    });

    it('need no password for half an hour after a link let them in, for who forgot it', async () => {
      const { id, email } = await make();
      const byPassword = await sessionIdOf(await signIn(email));
      const byLink = await sessionIdOf(await enterByLink(id));
      app.clock.advance(31 * 60_000);
      await assert.rejects(
        () => operators.setPassword(id, 'a new one of mine', CAUSE, { sessionId: byLink }),
        refusedAs('invalid_request'),
      );
      const fresh = await sessionIdOf(await enterByLink(id));
      await operators.setPassword(id, 'a new one of mine', CAUSE, { sessionId: fresh });
      assert.ok(await signIn(email, '', 'a new one of mine'));
      assert.deepEqual(
        (await operators.sessionsOf(id)).filter((session) => [byPassword, byLink].includes(session.id)),
        [],
      );
    });

    it('are tried no more often from the many addresses of one network', async () => {
      const { email } = await make();
      const trial = (host: number) => signIn(email, '', 'not the password', `2001:db8:7:7::${host.toString(16)}`);
      for (let host = 1; host <= 8; host++) assert.equal(await trial(host), undefined);
      await assert.rejects(() => trial(9), refusedAs('rate_limited'));
    });

    it('have their codes guessed ten times an hour at most, from wherever', async () => {
      const { id, email } = await make();
      const { secret } = operators.proposeTotp(await operators.get(id));
      const totp = new TOTP({ secret: Secret.fromBase32(secret) });
      const code = () => totp.generate({ timestamp: app.clock.now().getTime() });
      await operators.confirmTotp(id, { secret, code: code() }, CAUSE);
      const from = (host: number, guess: string) => signIn(email, guess, PASSWORD, `198.51.100.${host}`);
      app.clock.advance(60_000);
      const wrong = code() === '000000' ? '000001' : '000000';
      for (let host = 1; host <= 10; host++) assert.equal(await from(host, wrong), undefined);
      await assert.rejects(() => from(11, wrong), refusedAs('rate_limited'));
      await assert.rejects(() => from(12, code()), refusedAs('rate_limited'));
    });

    it('keep an owner when two disable, demote or remove each other at the same moment', async () => {
      const before = (await operators.page({ limit: 100 })).items.filter((one) => one.role === 'owner');
      const [one, two] = [await make('owner'), await make('owner')];
      for (const { id } of before) if (!(await operators.get(id)).disabledAt) await operators.disable(id, CAUSE);
      for (const [first, second] of [
        [() => operators.disable(two.id, CAUSE), () => operators.disable(one.id, CAUSE)],
        [
          () => operators.change(two.id, { role: 'viewer' }, CAUSE),
          () => operators.change(one.id, { role: 'admin' }, CAUSE),
        ],
        [() => operators.remove(two.id, CAUSE), () => operators.remove(one.id, CAUSE)],
      ] as const) {
        await Promise.allSettled([first(), second()]);
        const left = (await operators.page({ limit: 100 })).items.filter(
          (operator) => operator.role === 'owner' && !operator.disabledAt,
        );
        assert.ok(left.length >= 1, 'nobody may do everything any more');
        for (const { id } of [one, two]) {
          const operator = await operators.find(id);
          if (operator?.disabledAt) await operators.enable(id, CAUSE);
          if (operator && operator.role !== 'owner') await operators.change(id, { role: 'owner' }, CAUSE);
        }
      }
      for (const { id } of before) await operators.enable(id, CAUSE);
    });

    it('have one link at a time, over with what it was made for, and again only in the browser that used it', async () => {
      const { id } = await make();
      const enter = async (secret: string, browser = 'one') => inside(await operators.enter(secret, browser, ORIGIN));
      const older = await operators.createLink(id, CAUSE);
      const newer = await operators.createLink(id, CAUSE);
      assert.deepEqual([await operators.look(older.secret), await operators.look(newer.secret)], ['revoked', 'fit']);
      assert.equal(await enter(older.secret), undefined);
      const twice = await Promise.all([enter(newer.secret), enter(newer.secret)]);
      assert.equal(twice[0]?.session, twice[1]?.session);
      assert.ok(await operators.findSession(twice[0]?.session ?? ''));
      assert.equal(await enter(newer.secret, 'another'), undefined);
      app.clock.advance(61_000);
      assert.equal(await enter(newer.secret), undefined);
      for (const end of [
        () => operators.setPassword(id, PASSWORD, CAUSE),
        () => operators.withdrawLink(id, CAUSE),
        async () => {
          await operators.disable(id, CAUSE);
          await operators.enable(id, CAUSE);
        },
      ]) {
        const { secret } = await operators.createLink(id, CAUSE);
        assert.ok(await operators.linkOpenUntil(id));
        await end();
        assert.equal(await enter(secret), undefined);
        assert.equal(await operators.linkOpenUntil(id), undefined);
      }
    });

    it('begin no session again that has ended, however it ended, by sending its link once more', async () => {
      const { id } = await make();
      const sessionIdOf = async (session: string) => (await operators.findSession(session))?.sessionId ?? assert.fail();
      const ends: ((session: string) => Promise<unknown>)[] = [
        async (session) => operators.endSession(id, await sessionIdOf(session), CAUSE),
        () => operators.setPassword(id, PASSWORD, CAUSE),
        () => operators.removeSecondFactor(id, CAUSE),
        async () => {
          await operators.disable(id, CAUSE);
          await operators.enable(id, CAUSE);
        },
      ];
      for (const [index, end] of ends.entries()) {
        const { secret } = await operators.createLink(id, CAUSE);
        const enter = async () => inside(await operators.enter(secret, 'one', ORIGIN));
        const { session } = (await enter()) ?? assert.fail();
        assert.equal((await enter())?.session, session, 'sent twice, in once');
        await end(session);
        assert.equal(await enter(), undefined, `end ${index}`);
        assert.equal(await operators.findSession(session), undefined);
        assert.deepEqual(await operators.sessionsOf(id), []);
      }
    });

    it('who sign in by the OpenID provider have no other way in, and none when it has no role for them', async () => {
      const identity = { subject: `https://idp.example ${++count}`, name: 'Ada', email: undefined };
      const entered = await operators.signInByOpenId({ ...identity, role: 'owner' }, ORIGIN);
      const id = entered?.operator.id ?? assert.fail();
      await operators.change(id, { email: `ada-${count}@example.com` }, CAUSE);
      await assert.rejects(() => operators.setPassword(id, PASSWORD, CAUSE), refusedAs('invalid_request'));
      assert.equal(await operators.signInByOpenId({ ...identity, role: undefined }, ORIGIN), undefined);
      assert.equal(await operators.findSession(entered?.session ?? ''), undefined);
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
      await operators.setPassword(id, `${PASSWORD} again`, CAUSE, { sessionId, password: PASSWORD });
      assert.deepEqual([await isOn(one?.session), await isOn(two?.session)], [true, false]);
      await operators.disable(id, CAUSE);
      assert.equal(await isOn(one?.session), false);
      assert.equal(await signIn(email, '', `${PASSWORD} again`), undefined);
      await operators.enable(id, CAUSE);
      assert.equal(await isOn(one?.session), false);
    });

    it('are signed out after two hours without a request; a page that keeps itself up to date is none', async () => {
      const { id, email } = await make();
      const { session } = (await signIn(email)) ?? assert.fail();
      const minutes = (count: number) => app.clock.advance(count * 60_000);
      minutes(119);
      assert.ok(await operators.findSession(session));
      minutes(119);
      assert.ok(await operators.findSession(session, false));
      minutes(2);
      assert.equal((await operators.sessionsOf(id)).length, 0);
      assert.equal(await operators.findSession(session), undefined);
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
      await assert.rejects(
        () => operators.confirmTotp(id, { secret, code: '000' }, CAUSE),
        refusedAs('invalid_request'),
      );
      assert.ok(await signIn(email));
      await operators.confirmTotp(id, { secret, code: code() }, CAUSE);
      assert.equal(await signIn(email), undefined);
      assert.equal(await signIn(email, code()), undefined, 'the code that confirmed it is used up');
      app.clock.advance(60_000);
      const fresh = code();
      const many = await Promise.all(Array.from({ length: 4 }, () => signIn(email, fresh)));
      assert.equal(many.filter(Boolean).length, 1);
      const session = many.find(Boolean)?.session ?? '';
      await operators.removeSecondFactor(id, CAUSE);
      assert.equal(await operators.findSession(session), undefined);
      assert.ok(await signIn(email));
    });

    async function makeWithFactor() {
      const made = await make();
      const { secret } = operators.proposeTotp(await operators.get(made.id));
      const code = () =>
        new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: app.clock.now().getTime() });
      const codes = (await operators.confirmTotp(made.id, { secret, code: code() }, CAUSE)) ?? assert.fail();
      app.clock.advance(60_000);
      return { ...made, code, codes };
    }

    it('with a second factor are asked for it after a link as well, in the browser that used it', async () => {
      const { id, code } = await makeWithFactor();
      const { secret } = await operators.createLink(id, CAUSE);
      const step = (await operators.enter(secret, 'a browser', ORIGIN)) ?? assert.fail();
      assert.ok('ticket' in step, 'no session yet');
      const again = await operators.enter(secret, 'a browser', ORIGIN);
      assert.ok(again && 'ticket' in again, 'nor by sending the link twice');
      assert.equal((await operators.sessionsOf(id)).length, 0);
      for (const given of [{}, { code: '' }, { code: '000000' }, { recoveryCode: 'aaaa-bbbb-cccc-dddd' }])
        assert.equal(await operators.finishSignIn(step.ticket, given, ORIGIN), undefined);
      assert.ok(await operators.finishSignIn(step.ticket, { code: code() }, ORIGIN));
      assert.equal((await operators.sessionsOf(id))[0]?.by, 'link');
    });

    it('finish what they began within ten minutes, with the password that they began it with, and while they may', async () => {
      const { id, email, code } = await makeWithFactor();
      const begin = async () => {
        const step = await operators.signIn({ email, password: PASSWORD }, ORIGIN);
        return step && 'ticket' in step ? step.ticket : assert.fail();
      };
      const finish = (ticket: string) => operators.finishSignIn(ticket, { code: code() }, ORIGIN);
      for (const forged of ['', 'a', 'a.b.c.d', `${(await begin()).slice(0, -8)}AAAAAAAA`])
        assert.equal(await finish(forged), undefined);
      const old = await begin();
      app.clock.advance(601_000);
      assert.equal(await finish(old), undefined);
      assert.equal(await operators.secondStep(old), undefined);
      const changed = await begin();
      await operators.setPassword(id, `${PASSWORD} two`, CAUSE);
      assert.equal(await finish(changed), undefined);
      await operators.setPassword(id, PASSWORD, CAUSE);
      const disabled = await begin();
      await operators.disable(id, CAUSE);
      assert.equal(await finish(disabled), undefined);
    });

    it('have ten recovery codes with the first second factor, each good once, until there are new ones', async () => {
      const { id, email, codes } = await makeWithFactor();
      assert.equal(new Set(codes).size, 10);
      const by = async (recoveryCode: string) => {
        const step = await operators.signIn({ email, password: PASSWORD }, ORIGIN);
        assert.ok(step && 'ticket' in step);
        return operators.finishSignIn(step.ticket, { recoveryCode }, ORIGIN);
      };
      const [first = '', second = '', third = ''] = codes;
      const twice = await Promise.all([by(first), by(first)]);
      assert.equal(twice.filter(Boolean).length, 1);
      assert.ok(await by(second.toUpperCase().replaceAll('-', ' ')), 'however it is typed');
      assert.equal((await operators.get(id)).recoveryCodes?.length, 8);
      const fresh = await operators.renewRecoveryCodes(id, CAUSE);
      assert.equal(await by(third), undefined);
      assert.ok(await by(fresh[0] ?? ''));
      const kept = JSON.stringify(await operators.get(id)) + app.log();
      for (const code of [...codes, ...fresh])
        assert.ok(!kept.includes(code) && !kept.includes(code.replaceAll('-', '')));
      const { body } = await app.api.get('/events?type=operator.signed_in&limit=1');
      assert.equal(body.items[0].data.factor, 'recovery_code');
      const { id: other } = await make();
      await assert.rejects(() => operators.renewRecoveryCodes(other, CAUSE), refusedAs('invalid_request'));
    });

    it('make whoever guesses at one account wait longer and longer, from however many addresses; a link lets its owner in', async () => {
      const { id, email } = await make();
      const guess = (host: number, password = 'not the password') =>
        signIn(email, '', password, `2001:db8:${host.toString(16)}::1`).then(
          (entered) => (entered ? 'in' : 'looked at'),
          (error: unknown) => (isAppError(error, 'rate_limited') ? Number(error.facts['retryAfterSeconds']) : 'fault'),
        );
      for (let host = 0; host < 10; host++) assert.equal(await guess(host), 'looked at');
      const waits: unknown[] = [];
      for (let host = 10; host < 22; host++) {
        const wait = await guess(host);
        waits.push(wait);
        app.clock.advance(Number(wait) * 1000);
        assert.equal(await guess(host + 100), 'looked at', 'after the wait');
      }
      assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
      assert.equal(await guess(300, PASSWORD), 900, 'the right one has to wait too');
      assert.ok(await enterByLink(id));
      app.clock.advance(900_000);
      assert.equal(await guess(301, PASSWORD), 'in');
      assert.equal(await guess(302), 'looked at', 'the right password begins anew');
    });

    it('choose no password that is tried first', async () => {
      const { id, email } = await make();
      for (const password of [
        'short',
        'x'.repeat(257),
        'aaaaaaaaaaaa',
        'abababababab',
        'abcdefghijklm',
        '1234567890123',
        'passwordpassword',
        'Password123456!',
        '2024-sunshine-2024',
        'qwertyuiop123',
        email,
        'latchkey12345',
      ])
        await assert.rejects(
          () => operators.setPassword(id, password, CAUSE),
          (error: unknown) => isAppError(error, 'invalid_request') && /Choose another password/.test(error.message),
          password,
        );
      for (const password of [PASSWORD, 'kf83hs0q1xme', 'drei Hühner, ein Fuchs'])
        await operators.setPassword(id, password, CAUSE);
    });

    it('keep the key that was scanned after a wrong code', async () => {
      const { id } = await make();
      const operator = await operators.get(id);
      const { secret, uri } = operators.proposeTotp(operator);
      assert.deepEqual(operators.proposeTotp(operator, secret), { secret, uri });
      assert.notEqual(operators.proposeTotp(operator, 'NOT A KEY').secret, 'NOT A KEY');
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
