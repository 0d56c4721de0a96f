import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startApp, type TestApp } from '../support/app.ts';
import { createBrowserSession } from '../support/browser-session.ts';
import { CLIENT, startOpenIdProvider } from '../support/openid-provider.ts';

describe('sign-in by an OpenID provider', () => {
  const people = {
    dana: { name: 'Dana Ruiz', email: 'dana@example.com', groups: ['staff', 'platform'] },
    priya: { name: 'Priya Nair', email: 'priya@example.com', groups: ['scim-admins', 'auditors'] },
    mallory: { name: 'Mallory', email: 'mallory@example.com', groups: ['staff'] },
  };
  let provider: Awaited<ReturnType<typeof startOpenIdProvider>>;
  let app: TestApp;
  before(async () => {
    provider = await startOpenIdProvider(people);
    app = await startApp({
      env: {
        LATCHKEY_OPENID_ISSUER: provider.issuer,
        LATCHKEY_OPENID_CLIENT_ID: CLIENT.id,
        LATCHKEY_OPENID_CLIENT_SECRET: CLIENT.secret,
        LATCHKEY_OPENID_ROLES: 'platform=owner, scim-admins=admin, auditors=viewer',
      },
    });
    provider.allow(`${app.url}/dashboard/sign-in/openid/callback`);
  });
  after(async () => {
    await app.close();
    await provider.close();
  });

  const cookie = (headers: Headers) => headers.getSetCookie().map((line) => line.split(';')[0]);

  /** From our page to the provider's pages and up to the address that it sends the browser back to. */
  async function reachCallback(person: string, next = ''): Promise<{ callback: string; kept: string }> {
    const begun = await fetch(`${app.url}/dashboard/sign-in/openid?next=${encodeURIComponent(next)}`, {
      redirect: 'manual',
    });
    assert.equal(begun.status, 303);
    const there = createBrowserSession(provider.issuer);
    const login = await there.open(begun.headers.get('location') ?? '');
    const actionOf = (html: string) => /action="([^"]+)"/.exec(html)?.[1] ?? '';
    const consent = await there.submit(
      { ...login, url: actionOf(login.html) },
      { prompt: 'login', login: person, password: 'any' },
    );
    const back = await there.submit({ ...consent, url: actionOf(consent.html) }, { prompt: 'consent' });
    return { callback: back.url, kept: cookie(begun.headers).join('; ') };
  }

  const land = (callback: string, kept: string) => fetch(callback, { redirect: 'manual', headers: { cookie: kept } });

  async function signIn(person: string, next = '') {
    const { callback, kept } = await reachCallback(person, next);
    return land(callback, kept);
  }

  it('lets in by group, the highest role first, and makes the operator once', async () => {
    for (const [person, role] of [
      ['dana', 'owner'],
      ['priya', 'admin'],
    ] as const) {
      for (let turn = 0; turn < 2; turn++) {
        const answer = await signIn(person, '/dashboard/audit');
        assert.equal(answer.status, 303, await answer.text());
        assert.equal(answer.headers.get('location'), '/dashboard/audit');
        const session = cookie(answer.headers).find((line) => line?.startsWith('latchkey_operator='));
        const page = await fetch(`${app.url}/dashboard/account`, { headers: { cookie: session ?? '' } });
        const html = await page.text();
        assert.ok(html.includes(people[person].name));
        assert.match(html, new RegExp(`Your role is ${role}`));
      }
    }
    const { items } = await app.app.operators.page({ limit: 10 });
    assert.deepEqual(items.map(({ name }) => name).sort(), ['Dana Ruiz', 'Priya Nair']);
  });

  it('lets nobody in who is in none of the groups, and says what to set', async () => {
    const answer = await signIn('mallory');
    assert.equal(answer.status, 403);
    assert.match(await answer.text(), /Mallory can(?:'|&#39;)t sign in\..*LATCHKEY_OPENID_ROLES/);
    assert.ok(!cookie(answer.headers).some((line) => /^latchkey_operator=./.test(line ?? '')));
  });

  it('takes a role away with the group, and lets in nobody who is disabled here', async () => {
    await signIn('priya');
    people.priya.groups = ['auditors'];
    assert.equal((await signIn('priya')).status, 303);
    const find = async () =>
      (await app.app.operators.page({ limit: 10 })).items.find(({ name }) => name === 'Priya Nair');
    const priya = await find();
    assert.equal(priya?.role, 'viewer');
    await app.app.operators.disable(priya?.id ?? '', { actor: { type: 'system', name: 'test' }, source: 'system' });
    const answer = await signIn('priya');
    assert.equal(answer.status, 403);
    assert.match(await answer.text(), /Your account is disabled/);
  });

  it('gives nobody the account of an operator by its e-mail address', async () => {
    const cause = { actor: { type: 'system' as const, name: 'test' }, source: 'system' as const };
    const local = await app.app.operators.create({ name: 'Local', email: 'mallory@example.com', role: 'owner' }, cause);
    people.mallory.groups = ['auditors'];
    assert.equal((await signIn('mallory')).status, 303);
    const made = (await app.app.operators.page({ limit: 10 })).items.find(({ name }) => name === 'Mallory');
    assert.notEqual(made?.id, local.id);
    assert.deepEqual([made?.role, made?.email], ['viewer', undefined]);
    people.mallory.groups = ['staff'];
  });

  it('believes no ID token whose signature is not that of the provider', async () => {
    provider.speakOf('dana');
    const answer = await signIn('mallory');
    provider.speakOf(undefined);
    assert.equal(answer.status, 400);
    assert.match(await answer.text(), /refused the sign-in, or its response is for another browser/);
    assert.ok(!cookie(answer.headers).some((line) => /^latchkey_operator=./.test(line ?? '')));
  });

  it('takes no answer that another browser began, that is changed, or that comes twice', async () => {
    const mine = await reachCallback('dana');
    const other = await reachCallback('dana');
    assert.equal((await land(mine.callback, other.kept)).status, 400);
    assert.equal((await land(mine.callback, '')).status, 400);
    assert.equal((await land(mine.callback, 'latchkey_openid=aaaa.bbbb.cccc.dddd.eeee')).status, 400);
    assert.equal((await land(mine.callback.replace(/state=[^&]+/, 'state=other'), mine.kept)).status, 400);
    assert.equal((await land(mine.callback, mine.kept)).status, 303);
    assert.equal((await land(mine.callback, mine.kept)).status, 400);
    assert.doesNotMatch(app.log(), new RegExp(CLIENT.secret));
  });

  it('answers 503 while the provider cannot be reached, and the other ways in stay', async () => {
    const alone = await startApp({
      env: {
        LATCHKEY_OPENID_ISSUER: 'http://127.0.0.1:9/',
        LATCHKEY_OPENID_CLIENT_ID: 'x',
        LATCHKEY_OPENID_ROLES: 'a=owner',
      },
    });
    try {
      assert.equal((await fetch(`${alone.url}/dashboard/sign-in/openid`, { redirect: 'manual' })).status, 503);
      assert.equal((await fetch(`${alone.url}/dashboard/sign-in`)).status, 200);
    } finally {
      await alone.close();
    }
  });
});
