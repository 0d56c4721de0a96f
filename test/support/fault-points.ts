/** Invariants 3, 4 and 5 between any two writes of a code exchange and of a refresh. */
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { startApp, type TestApp } from './app.ts';
import { createMovableClock, MINUTE } from './clock.ts';
import type { Engine, Place } from './engines.ts';
import { createFaultyStorage, FORGETTING, REFUSING } from './faulty-storage.ts';
import { type Death, forkMortalApp } from './mortal-app.ts';
import {
  type Connected,
  eventsOf,
  exchange,
  makeClient,
  makeConnection,
  type OauthClient,
  obtainCode,
  refresh,
  type Target,
  type TokenAnswer,
  verified,
} from './oauth-client.ts';

/** More writes than any request makes. */
const ENOUGH = 30;

/** One request that may be cut off, and what must be so after its retry. */
interface Attempt {
  send(target: Pick<Target, 'url'>): Promise<TokenAnswer>;
  check(app: TestApp, answer: TokenAnswer): Promise<void>;
}

/** `isKilled: false`: a write that fails leaves the same store behind as a kill before it, and a process is dear. */
const FLOWS: { name: string; prepare: (app: TestApp) => Promise<Attempt>; isKilled?: false }[] = [
  { name: 'a code exchange', prepare: prepareExchange },
  { name: 'a code exchange that replaces a token', prepare: prepareReplacement, isKilled: false },
  { name: 'a refresh', prepare: (app) => prepareRefresh(app, false) },
  { name: 'a refresh with rotation', prepare: (app) => prepareRefresh(app, true) },
];

async function prepareExchange(app: TestApp): Promise<Attempt> {
  const directory = await app.api.makeDirectory();
  const client = await makeClient(app);
  const code = await obtainCode(app, client, directory);
  return {
    send: (target) => exchange(target, client, code),
    async check(fresh, { body }) {
      assert.equal(await verified(fresh, directory.id, body.access_token), 200);
      assert.equal((await refresh(fresh, client, body.refresh_token)).status, 200);
      const { items } = (await fresh.api.get(`/directories/${directory.id}/credentials`)).body;
      assert.deepEqual(
        items.map(({ state, clientId }: Record<string, string>) => [state, clientId]),
        [['active', client.id]],
      );
      // An event whose copy was cut off is copied by the next round of recovery.
      fresh.clock.advance(MINUTE);
      await fresh.app.rounds.find(({ name }) => name === 'recovery')?.run();
      const told = await eventsOf(fresh, 'credential.connected');
      assert.equal(told.filter(({ credentialId }) => credentialId === items[0].id).length, 1, 'its event');
    },
  };
}

/** The other slot comes free between the consent and the exchange, so the connection takes that one, and the one that it replaces stays. */
async function prepareReplacement(app: TestApp): Promise<Attempt> {
  const directory = await app.api.makeDirectory();
  const client = await makeClient(app);
  const { credential: old } = await app.api.issue(directory.id);
  const { credential: other } = await app.api.issue(directory.id);
  const code = await obtainCode(app, client, directory, { form: { [`replaces-${directory.id}`]: old.id } });
  assert.equal((await app.api.post(`/credentials/${other.id}/revoke`)).status, 200);
  return {
    send: (target) => exchange(target, client, code),
    async check(fresh, { body }) {
      assert.equal(await verified(fresh, directory.id, body.access_token), 200);
      fresh.clock.advance(MINUTE);
      await fresh.app.rounds.find(({ name }) => name === 'due credentials')?.run();
      const { items } = (await fresh.api.get(`/directories/${directory.id}/credentials?state=active`)).body;
      const made = items.find(({ clientId }: Record<string, string>) => clientId === client.id);
      const { rotation } = items.find(({ id }: Record<string, string>) => id === old.id);
      assert.equal(rotation?.successorId, made.id, 'what is planned for the one that it replaces');
    },
  };
}

async function prepareRefresh(app: TestApp, rotateRefreshTokens: boolean): Promise<Attempt> {
  const connected = await makeConnection(app, { rotateRefreshTokens });
  const { client, refreshToken } = connected;
  return {
    send: (target) => refresh(target, client, refreshToken),
    check: (fresh, { body }) => checkRefreshed(fresh, connected, client, body),
  };
}

async function checkRefreshed(
  fresh: TestApp,
  { directory, accessToken, credentialId }: Connected,
  client: OauthClient,
  body: TokenAnswer['body'],
): Promise<void> {
  assert.equal(await verified(fresh, directory.id, body.access_token), 200);
  assert.equal(await verified(fresh, directory.id, accessToken), 200, 'the earlier access token');
  assert.equal((await refresh(fresh, client, body.refresh_token)).status, 200, 'the refresh token it was given');
  assert.equal((await fresh.api.get(`/credentials/${credentialId}`)).body.state, 'active');
}

export function describeFaultPoints(engine: Engine): void {
  describe(`between two writes on ${engine.name}`, () => {
    let place: Place;
    before(() => {
      place = engine.place();
    });
    after(() => place.remove());

    /** A clock beside the real one that passes over what is waited for. */
    const startFresh = () => startApp({ databaseUrl: place.url, clock: createMovableClock(new Date().toISOString()) });

    /** Lets a process die at a write and tries again at a fresh application; false when the request made no such write. */
    async function dies(app: TestApp, prepare: (app: TestApp) => Promise<Attempt>, death: Death): Promise<boolean> {
      const [attempt, mortal] = await Promise.all([prepare(app), forkMortalApp({ databaseUrl: place.url })]);
      try {
        await mortal.arm(death);
        const survived = await attempt.send(mortal).catch(() => undefined);
        if (survived) assert.equal(survived.status, 200);
        if (survived) return false;
      } finally {
        await mortal.end();
      }
      const fresh = await startFresh();
      try {
        const again = await attempt.send(fresh);
        assert.equal(again.status, 200, `${death.when} write ${death.n}: ${JSON.stringify(again.body)}`);
        await attempt.check(fresh, again);
      } finally {
        await fresh.close();
      }
      return true;
    }

    for (const { name, prepare, isKilled = true } of FLOWS) {
      for (const [outcome, fault] of [
        ['fails', REFUSING],
        ['is done but not acknowledged', FORGETTING],
      ] as const) {
        it(`answers 503, and the retry succeeds, whichever write of ${name} ${outcome}`, async (context) => {
          const faulty = createFaultyStorage();
          const app = await startApp({ databaseUrl: place.url, wrapStorage: faulty.wrap });
          try {
            let points = 0;
            for (let n = 1; n <= ENOUGH; n++) {
              const attempt = await prepare(app);
              await settled();
              faulty.failWrite(n, fault);
              const first = await attempt.send(app);
              if (!faulty.wasReached()) break;
              points = n;
              assertUnavailableOrDone(first, `write ${n}`);
              const again = await attempt.send(app);
              assert.equal(again.status, 200, `write ${n}: ${JSON.stringify(again.body)}`);
              await attempt.check(app, again);
            }
            report(context, points);
          } finally {
            await app.close();
          }
        });
      }

      if (!isKilled) continue;
      it(`loses nothing when it is killed between any two writes of ${name}: the retry at a fresh instance succeeds`, async (context) => {
        const app = await startFresh();
        try {
          let points = 0;
          for (let n = 1; n <= ENOUGH && (await dies(app, prepare, { n, when: 'before' })); n++) points = n;
          // What is written behind the answer is no write before it, whichever of the two comes first this time.
          let last = points;
          while (last > 0 && !(await dies(app, prepare, { n: last, when: 'after' }))) last--;
          assert.ok(last > 0, 'the last write, just before the answer');
          report(context, points);
        } finally {
          await app.close();
        }
      });
    }
  });
}

function report(context: TestContext, points: number): void {
  context.diagnostic(`${points} fault points`);
  assert.ok(points > 0 && points < ENOUGH, `${points} fault points`);
}

function assertUnavailableOrDone({ status, headers, body }: TokenAnswer, what: string): void {
  // What is written behind the answer may fail without anybody noticing.
  if (status === 200) return;
  assert.deepEqual([status, body.error], [503, 'temporarily_unavailable'], what);
  assert.match(headers.get('retry-after') ?? '', /^[1-9]\d*$/);
}

/** Lets what is written behind answers come to its end, so that it is not taken for a write of the next request. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}
