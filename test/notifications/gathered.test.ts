/** One email for several things: each of them is in exactly one, whatever dies or fails while the email gathers them. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { Storage } from '../../src/storage/index.ts';
import type { Answer } from '../support/api.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { createBrowserSession } from '../support/browser-session.ts';
import { createMovableClock, HOUR, MINUTE } from '../support/clock.ts';
import { type Place, sqlite } from '../support/engines.ts';
import { createFaultyStorage, FORGETTING, REFUSING } from '../support/faulty-storage.ts';
import { type MailServer, startMailServer } from '../support/mail-server.ts';

/** Writes from the claim of the first to the end of the last of three, and one more. */
const WRITES = 11;
const ROUNDS = ['recovery', 'notices', 'deliveries'];

describe('an email that gathers several changes', () => {
  const clock = createMovableClock();
  let place: Place;
  let server: MailServer;
  let turns = 0;

  before(async () => {
    place = sqlite.place();
    server = await startMailServer();
    const app = await start();
    await app.api.post('/contacts', {
      organizationId: null,
      name: 'Kim',
      email: 'kim@acme.example',
      kinds: ['changes'],
    });
    const link = /http\S+\/portal\/contact\/\S+/.exec(server.mails[0]?.text ?? '')?.[0] ?? '';
    const browser = createBrowserSession(app.url);
    await browser.submit(await browser.open(link.replace(/http:\/\/[^/]+/, app.url)), {});
    await app.close();
  });
  after(async () => {
    await server.close();
    await place.remove();
  });
  beforeEach(() => {
    server.mails.length = 0;
  });

  const start = (options: Parameters<typeof startApp>[0] = {}) =>
    startApp({ databaseUrl: place.url, clock, env: { ...server.env, LATCHKEY_LEASE_MS: '0' }, ...options });
  async function run({ app }: TestApp): Promise<void> {
    for (const { name, run } of app.rounds) if (ROUNDS.includes(name)) await run();
    await app.settled();
  }
  /** The hour of the email before is over for each. */
  async function laterRounds(app: TestApp, hours = 4): Promise<void> {
    for (let hour = 0; hour < hours; hour++) {
      clock.advance(HOUR + MINUTE);
      // What was postponed within a round is due in the next.
      for (let round = 0; round < 3; round++) await run(app);
    }
  }
  /** Names of new organizations, each of which is a change. */
  async function makeChanges(app: TestApp, count = 4): Promise<string[]> {
    const turn = ++turns;
    const names = Array.from({ length: count }, (_, index) => `customer ${turn}-${index}.`);
    for (const name of names) {
      clock.advance(1000);
      await app.api.post('/organizations', { name });
      await app.app.settled();
    }
    return names;
  }
  /** IDs of pending emails, in the order in which they are due. */
  async function pending(app: TestApp): Promise<string[]> {
    const { items } = (await app.api.get('/deliveries?state=pending&limit=100')).body;
    return items.map(({ id }: Answer) => id).reverse();
  }
  /** How many emails tell of it, those that a mail server shows once counted once. */
  const emailsWith = (name: string) =>
    new Set(server.mails.filter(({ text }) => text.includes(name)).map(({ messageId }) => messageId)).size;
  const assertToldOnce = (names: readonly string[]) =>
    assert.deepEqual(
      names.map((name) => `${name} ${emailsWith(name)}`),
      names.map((name) => `${name} 1`),
    );
  /** With a way to meet changes of single deliveries. */
  const wrapUpdates =
    (meet: (id: string) => Promise<void> | void) =>
    (storage: Storage): Storage => ({
      ...storage,
      collection(spec) {
        const collection = storage.collection(spec);
        if (spec.name !== 'deliveries') return collection;
        return {
          ...collection,
          async update(id, change) {
            await meet(id);
            return collection.update(id, change);
          },
        };
      },
    });

  it('tells each once where it dies before or after any of its writes', async () => {
    for (let n = 1; n <= WRITES; n++) {
      for (const last of [REFUSING, FORGETTING]) {
        const faulty = createFaultyStorage();
        const dying = await start({ wrapStorage: faulty.wrap });
        const names = await makeChanges(dying, 3);
        clock.advance(HOUR + MINUTE);
        faulty.dieAtWrite(n, last);
        await run(dying).catch(() => undefined);
        faulty.failAll(REFUSING);
        await dying.close();
        const next = await start();
        await laterRounds(next, 2);
        const left = await pending(next);
        await next.close();
        assert.deepEqual(left, [], `after write ${n}`);
        assertToldOnce(names);
      }
    }
  });

  it('tells of what followed one that, in the end, goes out with another', async () => {
    let failing = '';
    const app = await start({
      wrapStorage: wrapUpdates((id) => {
        if (id === failing) return REFUSING.before?.('update of deliveries');
      }),
    });
    const names = await makeChanges(app);
    const [, second] = await pending(app);
    failing = second ?? '?';
    // The first has gathered the third and the fourth when the store fails at the second, which is due before them from now on.
    clock.advance(2 * MINUTE);
    await run(app);
    assert.equal(server.mails.length, 0);
    failing = '';
    await laterRounds(app);
    assert.deepEqual(await pending(app), []);
    await app.close();
    assertToldOnce(names);
  });

  it('leaves it to the instance that took over meanwhile', async () => {
    let isHeld = false;
    let letGo = () => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    let last = '';
    const slow = await start({
      wrapStorage: wrapUpdates(async (id) => {
        if (id !== last) return;
        isHeld = true;
        await held;
      }),
    });
    const names = await makeChanges(slow);
    last = (await pending(slow)).at(-1) ?? '?';
    clock.advance(2 * MINUTE);
    const round = run(slow);
    while (!isHeld) await new Promise((resolve) => setImmediate(resolve));
    const other = await start();
    clock.advance(HOUR + MINUTE);
    await run(other);
    await run(other);
    letGo();
    await round;
    await laterRounds(other);
    await Promise.all([slow.close(), other.close()]);
    assertToldOnce(names);
  });

  it('tells again of one that is sent again', async () => {
    const app = await start();
    const names = await makeChanges(app);
    const ids = await pending(app);
    clock.advance(HOUR + MINUTE);
    await run(app);
    assert.equal(server.mails.length, 1);
    clock.advance(HOUR + MINUTE);
    const { status, body } = await app.api.post(`/deliveries/${ids.at(-1)}/resend`);
    assert.deepEqual([status, body.state], [200, 'pending']);
    await run(app);
    await app.close();
    assert.equal(emailsWith(names.at(-1) ?? '?'), 2);
    assert.equal(emailsWith(names[0] ?? '?'), 1);
  });
});
