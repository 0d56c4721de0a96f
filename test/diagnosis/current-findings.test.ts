/** Current findings are kept by a round, so that lists and notifications read and never compute. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { runApp, startApp, type TestApp } from '../support/app.ts';
import { createMovableClock, DAY, HOUR } from '../support/clock.ts';
import { flush, makeWorld, textOf, type World } from '../support/diagnosed.ts';
import { engines, sqlite } from '../support/engines.ts';
import { verified } from '../support/oauth-client.ts';

for (const engine of engines) {
  describe(`current findings on ${engine.name}`, () => {
    const app = runApp({
      engine,
      env: { LATCHKEY_FAILURES_PER_ADDRESS: '100000', LATCHKEY_FAILURES_PER_DIRECTORY: '100000' },
    });

    async function found(query = ''): Promise<Answer[]> {
      await flush(app);
      const { status, body } = await app.api.get(`/findings?limit=200${query}`);
      assert.equal(status, 200, JSON.stringify(body));
      return body.items;
    }
    /** Nobody ever opened a portal link here, which is told beside whatever is broken. */
    const codesOf = (items: Answer[], directoryId: string) =>
      items
        .filter((item) => item.directoryId === directoryId)
        .map(({ finding }) => finding.code)
        .filter((code) => code !== 'no_owner');

    it('begin with a refusal, and end with the next accepted request', async () => {
      const { directory, send, token } = await makeWorld(app);
      assert.deepEqual(codesOf(await found(), directory.id), ['waiting_for_first_request']);
      await send(`Bearer ${token.slice(0, 20)}`);
      assert.deepEqual(codesOf(await found(), directory.id), ['token_truncated']);
      await send(`Bearer ${token}`);
      assert.deepEqual(codesOf(await found(), directory.id), []);
    });

    it('are told with what was missed where the identity provider does not repeat it, until somebody has dealt with it', async () => {
      const { directory, send, token, diagnosis } = await makeWorld(app);
      await send(`Bearer ${token}`);
      await flush(app);
      for (const method of ['GET', 'GET', 'GET', 'POST', 'PATCH', 'DELETE']) {
        await send('Bearer Bearer other', { method });
      }
      assert.deepEqual(codesOf(await found(), directory.id), ['scheme_twice']);
      await send(`Bearer ${token}`);
      assert.deepEqual(codesOf(await found(), directory.id), ['healed_but_missed']);
      const { findings } = await diagnosis();
      assert.deepEqual(
        findings.map(({ code }: Answer) => code),
        ['healed_but_missed', 'working'],
      );
      const text = textOf(findings[0]);
      assert.match(text, /refused 6 requests: 3 reads, 1 creation, 1 update and 1 deletion/);
      assert.match(text, /Dashboard → Tasks/);
      assert.match(text, /Retry Selected/);
      await app.api.post(`/directories/${directory.id}/recovered`);
      assert.deepEqual(codesOf(await found(), directory.id), []);
    });

    it('tell the changes that a read-only token lost once another one is accepted, but not once the refusals only stop', async () => {
      for (const end of ['replaced', 'stopped'] as const) {
        const { directory, send, token, diagnosis } = await makeWorld(app);
        const reader = await app.api.issue(directory.id, { scopes: ['scim.read'] });
        await send(`Bearer ${reader.token}`);
        await flush(app);
        for (const method of ['POST', 'DELETE']) await send(`Bearer ${reader.token}`, { method });
        assert.deepEqual(codesOf(await found(), directory.id), ['insufficient_scope']);
        const [refused] = (await diagnosis()).findings;
        assert.match(textOf(refused), /Retry Selected/);
        if (end === 'stopped') {
          for (let day = 0; day < 8; day++) {
            app.clock.advance(DAY);
            await send(`Bearer ${reader.token}`);
            await flush(app);
          }
          assert.deepEqual(codesOf(await found(), directory.id), []);
          continue;
        }
        await send(`Bearer ${token}`, { method: 'POST' });
        assert.deepEqual(codesOf(await found(), directory.id), ['healed_but_missed']);
        const [healed] = (await diagnosis()).findings;
        assert.match(textOf(healed), /refused 2 requests: 1 creation and 1 deletion\..*Retry Selected/s);
      }
    });

    it('are filtered by code, provider, severity, organization and who can fix them', async () => {
      const broken = await makeWorld(app, { provider: 'jumpcloud' });
      await broken.send('Basic eDp5', { agent: 'x' });
      const { id, organizationId } = broken.directory;
      assert.deepEqual(codesOf(await found('&code=scheme_basic'), id), ['scheme_basic']);
      assert.deepEqual(codesOf(await found('&provider=jumpcloud&severity=failing'), id), ['scheme_basic']);
      assert.deepEqual(codesOf(await found(`&organizationId=${organizationId}`), id), ['scheme_basic']);
      assert.deepEqual(codesOf(await found('&provider=okta'), id), []);
      assert.deepEqual(codesOf(await found('&actor=it_contact&provider=jumpcloud'), id), ['scheme_basic']);
      assert.deepEqual(codesOf(await found(`&actor=it_contact&organizationId=${organizationId}`), id), [
        'scheme_basic',
      ]);
      assert.ok(!codesOf(await found('&actor=vendor'), id).includes('scheme_basic'));
      assert.equal((await app.api.get('/findings?actor=somebody')).status, 400);
      assert.deepEqual(codesOf(await found('&severity=notice'), id), []);
      const { body } = await app.api.post('/api-keys', { name: 'x', role: 'viewer', organizationId });
      const own = (await app.api.as(body.key).get('/findings')).body.items;
      assert.ok(own.length > 0 && own.every((item: Answer) => item.organizationId === organizationId));
    });

    it('have the vendor revoke an API key or link that was pasted as the token, and the customer paste the token', async () => {
      const link = async ({ directory: { organizationId } }: World) =>
        (await app.api.post('/portal-links', { organizationId })).body.url;
      const key = async () => (await app.api.post('/api-keys', { name: 'Provisioning', role: 'owner' })).body.key;
      for (const [secretOf, what] of [
        [key, /API key/],
        [link, /link/],
      ] as const) {
        const world = await makeWorld(app);
        const { id } = world.directory;
        await world.send(`Bearer ${await secretOf(world)}`);
        const [theirs] = (await found('&actor=it_contact')).filter(({ directoryId }) => directoryId === id);
        const [ours] = (await found('&actor=vendor&severity=failing')).filter(({ directoryId }) => directoryId === id);
        assert.deepEqual([theirs?.finding.code, ours?.finding.code], ['other_secret_presented', 'secret_exposed']);
        const [lead, second] = (await world.diagnosis()).findings;
        assert.match(lead.words.steps.join(' '), /paste the new token|saved the one that ends in/);
        assert.doesNotMatch(lead.words.steps.join(' '), /[Rr]evoke/);
        assert.match(second.words.steps.join(' '), /[Rr]evoke/);
        assert.match(second.words.lead, what);
        await world.send(`Bearer ${world.token}`);
        assert.deepEqual(codesOf(await found(), id), []);
      }
    });

    it('are found with who can fix them now, where only that has changed', async () => {
      const directory = await app.api.makeDirectory();
      const { id } = directory;
      const imported = { token: 'legacy-7e1c4a9b2f6d40583c1e6d2f7a9b3c4d' };
      await app.api.post(`/directories/${id}/credentials/import`, imported);
      assert.deepEqual(codesOf(await found('&actor=idp'), id), ['waiting_for_first_request']);
      const { token, credential } = await app.api.issue(id);
      assert.equal(await verified(app, id, token), 200);
      await app.api.post(`/credentials/${credential.id}/revoke`, { force: true });
      assert.deepEqual(codesOf(await found('&actor=it_contact'), id), ['waiting_for_first_request']);
      assert.deepEqual(codesOf(await found('&actor=idp'), id), []);
    });

    it('come most urgent first over all pages, each once', async () => {
      for (let index = 0; index < 3; index++) {
        const { send } = await makeWorld(app);
        if (index > 0) await send('Bearer something');
      }
      const all = await found();
      const paged: Answer[] = [];
      let after = '';
      do {
        const { body } = await app.api.get(`/findings?limit=2${after && `&after=${encodeURIComponent(after)}`}`);
        paged.push(...body.items);
        after = body.nextCursor;
      } while (after);
      assert.deepEqual(
        paged.map(({ directoryId, finding }) => [directoryId, finding.code]),
        all.map(({ directoryId, finding }) => [directoryId, finding.code]),
      );
      const ranks = paged.map(({ finding }) => ['failing', 'degraded', 'notice'].indexOf(finding.severity));
      assert.deepEqual(
        ranks,
        ranks.toSorted((a, b) => a - b),
      );
      assert.equal((await app.api.get('/findings?after=nonsense')).status, 400);
    });

    it('begin by the clock alone', async () => {
      const expiresAt = new Date(app.clock.now().getTime() + 40 * DAY).toISOString();
      const { directory, send, credential } = await makeWorld(app);
      const { token } = await app.api.issue(directory.id, { expiresAt });
      await app.api.post(`/credentials/${credential.id}/revoke`, { force: true });
      await send(`Bearer ${token}`);
      assert.deepEqual(codesOf(await found(), directory.id), []);
      app.clock.advance(11 * DAY);
      assert.deepEqual(codesOf(await found(), directory.id), ['credential_ends_soon']);
      app.clock.advance(30 * DAY);
      for (const { name, run } of app.app.rounds) if (name === 'due credentials') await run();
      assert.ok(codesOf(await found(), directory.id).includes('token_expired'));
    });

    it('are forgotten with their directory', async () => {
      const { directory } = await makeWorld(app);
      assert.equal(codesOf(await found(), directory.id).length, 1);
      await app.api.delete(`/directories/${directory.id}?force=true`);
      app.clock.advance(HOUR);
      assert.deepEqual(codesOf(await found(), directory.id), []);
    });
  });
}

describe('the first findings', () => {
  it('are made for directories that have none, some at a time, and no later start reads them all again', async (t) => {
    const place = sqlite.place();
    t.after(place.remove);
    const read: (string | undefined)[] = [];
    const start = () =>
      startApp({
        databaseUrl: place.url,
        wrapStorage: (storage) => ({
          ...storage,
          collection(spec) {
            const collection = storage.collection(spec);
            if (spec.name !== 'directories') return collection;
            return {
              ...collection,
              page(query) {
                if (query.limit === 200) read.push(query.after);
                return collection.page(query);
              },
            };
          },
        }),
      });
    const sweep = async ({ app }: TestApp) => app.rounds.find(({ name }) => name === 'first findings')?.run();
    const app = await start();
    const { body } = await app.api.post('/organizations', { name: 'Many' });
    for (let index = 0; index < 201; index++) await app.api.makeDirectory({ organizationId: body.id });
    await sweep(app);
    await app.close();
    const again = await start();
    for (let round = 0; round < 3; round++) await sweep(again);
    assert.deepEqual(
      read.map((after) => after !== undefined),
      [false, true],
    );
    await again.close();
    const last = await start();
    await sweep(last);
    assert.equal(read.length, 2);
    await last.close();
  });
});

describe('refusals of nobody', () => {
  it('are listed by cause and identity provider, and say nothing of any directory', async (t) => {
    const app = await startApp();
    t.after(app.close);
    const { directory } = await makeWorld(app);
    const ask = (path: string, headers: Record<string, string>) => fetch(`${app.url}${path}`, { headers });
    await ask('/auth/verify?directory=no-such-one', {
      authorization: 'Bearer x',
      'user-agent': 'Okta SCIM Client 1.0.0',
    });
    await ask('/auth/verify?directory=no-such-two', {
      authorization: 'Bearer y',
      'user-agent': 'Okta SCIM Client 1.0.0',
    });
    await ask('/scim/v2/no-such-three/Users', { authorization: 'Basic eDp5', 'user-agent': 'curl/8' });
    await flush(app);
    await app.app.settled();
    const { items } = (await app.api.get('/unplaced-refusals')).body;
    assert.deepEqual(items.map(({ code, provider }: Answer) => [code, provider]).sort(), [
      ['scheme_basic', null],
      ['wrong_endpoint_key', 'okta'],
    ]);
    const { organizationId } = directory;
    const { body } = await app.api.post('/api-keys', { name: 'x', role: 'viewer', organizationId });
    assert.equal((await app.api.as(body.key).get('/unplaced-refusals')).status, 403);
  });
});

describe('a check', () => {
  const app = runApp();

  it('says whose a token is, and leaves no trace of use', async () => {
    const { token, credential, directory } = await makeWorld(app);
    const { body } = await app.api.post('/check', { value: `Authorization: Bearer ${token}` });
    assert.deepEqual(
      [body.known, body.state, body.credentialId, body.directoryId, body.lastUsedAt],
      [true, 'active', credential.id, directory.id, null],
    );
    await flush(app);
    const after = (await app.api.get(`/credentials/${credential.id}`)).body;
    assert.deepEqual([after.lastUsedAt, after.acceptedCount], [null, 0]);
    assert.equal((await app.api.post(`/credentials/${credential.id}/revoke`)).status, 200);
    assert.equal((await app.api.post('/check', { value: token })).body.state, 'revoked');
  });

  it('says of what is not ours what it looks like, and never repeats it', async () => {
    for (const [value, looksLike] of [
      ['scimcs_abcdefgh', 'client_secret_presented'],
      ['scim_abc', 'token_truncated'],
      ['Basic eDp5', 'scheme_basic'],
      ['anything', 'token_unknown'],
    ]) {
      const { body } = await app.api.post('/check', { value });
      assert.deepEqual([body.known, body.looksLike], [false, looksLike], value);
      assert.ok(!JSON.stringify(body).includes(String(value)));
    }
  });

  it('leaves an event with who checked and the beginning of the digest, never the value', async () => {
    const { token, credential } = await makeWorld(app);
    for (const value of [token, `Bearer ${token}`]) await app.api.post('/check', { value });
    await app.api.post('/check', { value: 'scimcs_abcdefgh' });
    const { items } = (await app.api.get('/events?type=token.checked&limit=3')).body;
    const digest = createHash('sha256').update(token).digest('hex').slice(0, 8);
    assert.deepEqual(
      items.map(({ actor, credentialId, data }: Answer) => [actor.type, credentialId, data.outcome]),
      [
        ['api_key', null, 'client_secret_presented'],
        ['api_key', credential.id, 'active'],
        ['api_key', credential.id, 'active'],
      ],
    );
    assert.deepEqual(
      items.slice(1).map(({ data }: Answer) => data.digest),
      [digest, digest],
    );
    assert.ok(!JSON.stringify(items).includes(token.slice(5)) && !JSON.stringify(items).includes('abcdefgh'));
  });

  it("knows nothing of another organization's token for a limited key", async () => {
    const { token } = await makeWorld(app);
    const other = await makeWorld(app);
    const { organizationId } = other.directory;
    const { body } = await app.api.post('/api-keys', { name: 'x', role: 'viewer', organizationId });
    const limited = app.api.as(body.key);
    assert.equal((await limited.post('/check', { value: token })).body.known, false);
    assert.equal((await limited.post('/check', { value: other.token })).body.known, true);
  });
});

it('leaves requests at least half of the time while many directories wait', async (t) => {
  const moved = createMovableClock();
  let ticks = 0;
  const waits: number[] = [];
  const clock = {
    ...moved,
    // Each look at it takes a millisecond.
    monotonicMs: () => moved.monotonicMs() + ++ticks,
    async wait(ms: number) {
      waits.push(ms);
    },
  };
  const app = await startApp({ clock });
  t.after(app.close);
  const compute = () => app.app.rounds.find(({ name }) => name === 'findings')?.run();
  for (let made = 0; made < 12; made++) await app.api.makeDirectory();
  await app.app.settled();
  waits.length = 0;
  await compute();
  assert.equal(waits.length, 3);
  assert.ok(waits.every((ms) => ms >= 1));
  // What was marked in the same millisecond is looked at once more.
  moved.advance(1000);
  await compute();
  await app.api.makeDirectory();
  await app.app.settled();
  waits.length = 0;
  await compute();
  assert.deepEqual(waits, []);
});

describe('reported outcomes', () => {
  it('say that a SCIM server behind forward-auth fails, and that it works again', async (t) => {
    const app = await startApp();
    t.after(app.close);
    const { directory, send, token, diagnosis } = await makeWorld(app);
    await send(`Bearer ${token}`);
    const report = (status: number, kind = 'look_up') =>
      app.api.post('/outcomes', { outcomes: [{ directoryId: directory.id, kind, status, collection: true }] });
    assert.equal((await diagnosis()).findings[0].facts.sees, 'nothing');
    assert.match(textOf((await diagnosis()).findings[0]), /We see that the token was accepted/);
    assert.deepEqual((await report(404)).body, { accepted: 1, unknown: 0 });
    const broken = (await diagnosis()).findings[0];
    assert.equal(broken.code, 'upstream_wrong_base');
    assert.equal(broken.severity, 'failing');
    assert.equal(broken.actor, 'vendor');
    app.clock.advance(1000);
    await report(200);
    const works = (await diagnosis()).findings[0];
    assert.deepEqual([works.code, works.facts.sees], ['working', 'reported']);
  });
});
