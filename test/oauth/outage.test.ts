/** (28) and invariant 4 of contract.md: whatever the store does, the token endpoint never says that the client or its token is at fault. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { patiently } from '../support/api.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { engines, type Place } from '../support/engines.ts';
import {
  createFaultyStorage,
  type Fault,
  type FaultyStorage,
  FORGETTING,
  REFUSING,
} from '../support/faulty-storage.ts';
import {
  ask,
  type Connected,
  exchange,
  makeClient,
  makeConnection,
  type OauthClient,
  obtainCode,
  refresh,
  type TokenAnswer,
  verified,
} from '../support/oauth-client.ts';

const ANSWER_MS = 1000;
/** Far from what a busy machine may add. */
const ANSWER_LIMIT_MS = 30_000;
const GRANT = { grant_type: 'client_credentials' };
const HANGING: Fault = { before: () => new Promise(() => undefined) };
const SLOW: Fault = { before: () => new Promise((resolve) => setTimeout(resolve, 400)) };
const BROKEN: Fault = {
  before() {
    throw new TypeError('a bug');
  },
};

for (const engine of engines) {
  describe(`(28) the token endpoint while the store fails, on ${engine.name}`, () => {
    let place: Place;
    let faulty: FaultyStorage;
    let app: TestApp;
    let plain: Connected;
    let rotating: Connected;
    let machine: OauthClient;
    before(async () => {
      place = engine.place();
      faulty = createFaultyStorage();
      app = await startApp({
        databaseUrl: place.url,
        realClock: systemClock,
        wrapStorage: faulty.wrap,
        answerMs: ANSWER_MS,
        env: { LATCHKEY_LEASE_MS: '20' },
      });
      plain = await makeConnection(app);
      rotating = await makeConnection(app, { rotateRefreshTokens: true });
      const directory = await app.api.makeDirectory();
      machine = await makeClient(app, { directoryId: directory.id, grantTypes: ['client_credentials'] });
    });
    after(async () => {
      faulty.failAll(null);
      await app.close();
      await place.remove();
    });

    function assertUnavailable({ status, headers, body }: TokenAnswer, what: string): void {
      assert.deepEqual([status, body.error], [503, 'temporarily_unavailable'], what);
      assert.match(headers.get('retry-after') ?? '', /^[1-9]\d*$/);
      assert.equal(headers.get('cache-control'), 'no-store');
    }

    for (const [name, fault] of [
      ['refuses everything', REFUSING],
      ['does everything without acknowledging it', FORGETTING],
      ['meets a bug of ours', BROKEN],
      ['never answers', HANGING],
      ['takes almost half of the time for each operation', SLOW],
    ] as const) {
      it(`answers 503 with Retry-After in time when it ${name}, and all is well afterwards`, async () => {
        const directory = await app.api.makeDirectory();
        const client = await makeClient(app);
        const code = await obtainCode(app, client, directory);
        faulty.failAll(fault);
        const startedAt = performance.now();
        const answers = await Promise.all([
          refresh(app, plain.client, plain.refreshToken),
          refresh(app, rotating.client, rotating.refreshToken),
          exchange(app, client, code),
          ask(app, machine, GRANT),
          refresh(app, { ...plain.client, secret: 'wrong' }, plain.refreshToken),
          refresh(app, plain.client, 'scimrt_unknown'),
        ]);
        const tookMs = performance.now() - startedAt;
        faulty.failAll(null);
        assert.ok(tookMs < ANSWER_LIMIT_MS, `${tookMs} ms`);
        for (const [index, answer] of answers.slice(0, 4).entries()) assertUnavailable(answer, `request ${index}`);
        // A slow store may still tell in time that a secret or a token is wrong; that refusal is true.
        const [secretWrong, tokenUnknown] = answers.slice(4).map(({ status }) => status);
        assert.ok(secretWrong === 503 || (fault === SLOW && secretWrong === 401), `wrong secret: ${secretWrong}`);
        assert.ok(tokenUnknown === 503 || (fault === SLOW && tokenUnknown === 400), `unknown token: ${tokenUnknown}`);

        // A request that was given up may have gone through after all; the client that comes again gets what it needs.
        const exchanged = await patiently(() => exchange(app, client, code));
        assert.equal(await verified(app, directory.id, exchanged.body.access_token), 200);
        for (const { client: known, refreshToken, directory: own } of [plain, rotating]) {
          const { body } = await patiently(() => refresh(app, known, refreshToken));
          assert.equal(await verified(app, own.id, body.access_token), 200);
        }
        assert.equal((await patiently(() => ask(app, machine, GRANT))).status, 200);
      });
    }

    it('answers a valid request with 200 or 503, whichever single operation fails', async () => {
      const flows: [string, () => Promise<TokenAnswer>][] = [
        ['refresh', () => refresh(app, plain.client, plain.refreshToken)],
        ['refresh with rotation', () => refresh(app, rotating.client, rotating.refreshToken)],
        ['client credentials', () => ask(app, machine, GRANT)],
      ];
      for (const [name, send] of flows) {
        for (let n = 1; n <= 40; n++) {
          faulty.failOperation(n, REFUSING);
          const answer = await send();
          if (!faulty.wasReached()) break;
          assert.ok(n < 40, `${name}: more operations than looked at`);
          if (answer.status !== 200) assertUnavailable(answer, `${name}, operation ${n}`);
          assert.equal((await patiently(send)).status, 200, `${name}, after operation ${n}`);
        }
      }
    });
  });
}
