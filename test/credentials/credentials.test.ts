import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mintToken } from '../../src/credentials/static-token.ts';
import { systemRandom } from '../../src/identifiers.ts';
import type { Answer } from '../support/api.ts';
import { runApp, type TestApp } from '../support/app.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../support/clock.ts';
import { engines } from '../support/engines.ts';

for (const engine of engines) {
  describe(`credentials on ${engine.name}`, () => {
    const app = runApp({ engine });

    const verify = async (directory: Answer, token: string, headers: Record<string, string> = {}) => {
      const response = await fetch(`${app.url}/auth/verify?directory=${directory.id}`, {
        headers: { authorization: `Bearer ${token}`, 'x-original-method': 'GET', ...headers },
      });
      await response.body?.cancel();
      return response.status;
    };
    const read = async (id: string): Promise<Answer> => (await app.api.get(`/credentials/${id}`)).body;
    const eventsOf = async (id: string): Promise<string[]> =>
      (await app.api.get(`/credentials/${id}/events`)).body.items.map(({ type }: Answer) => type);

    it('are issued into the two slots; a third is refused and told who holds them', async () => {
      const directory = await app.api.makeDirectory();
      const first = await app.api.issue(directory.id, { label: 'Okta' });
      const second = await app.api.issue(directory.id);
      assert.deepEqual([first.credential.slot, second.credential.slot], ['a', 'b']);
      assert.match(first.token, /^scim_[0-9A-Za-z]{38}$/);
      assert.equal(first.credential.hint, first.token.slice(-4));
      assert.deepEqual(first.credential.scopes, ['scim']);
      assert.equal(first.credential.expiresAt, null);
      assert.equal(first.credential.lastUsedAt, null);
      assert.equal(first.credential.createdBy.type, 'api_key');
      assert.equal(await verify(directory, first.token), 200);
      const full = await app.api.post(`/directories/${directory.id}/credentials`);
      assert.equal(full.status, 409);
      assert.equal(full.body.code, 'slots_full');
      assert.deepEqual(
        full.body.holders.map(({ credentialId, slot, label, lastUsedAt }: Answer) => [
          credentialId,
          slot,
          label,
          lastUsedAt !== null,
        ]),
        [
          [first.credential.id, 'a', 'Okta', true],
          [second.credential.id, 'b', null, false],
        ],
      );
      assert.equal(full.body.holders[0].lastUsedFrom.address, '127.0.0.1');
    });

    it('show when, from where and by which agent they were last used, and count', async () => {
      const directory = await app.api.makeDirectory();
      const { credential, token } = await app.api.issue(directory.id);
      await verify(directory, token, { 'user-agent': 'Okta SCIM Client 1.0' });
      app.clock.advance(HOUR);
      await verify(directory, token, { 'user-agent': 'Okta SCIM Client 1.1' });
      await app.api.post(`/credentials/${credential.id}/disable`);
      assert.equal(await verify(directory, token), 401);
      const shown = await read(credential.id);
      assert.equal(shown.acceptedCount, 2);
      assert.equal(shown.refusedCount, 1);
      assert.deepEqual(shown.lastUsedFrom, { address: '127.0.0.1', userAgent: 'Okta SCIM Client 1.1' });
      const { body: usage } = await app.api.get(`/credentials/${credential.id}/usage`);
      assert.deepEqual(
        usage.items.map(({ accepted, refused }: Answer) => [accepted, refused]),
        [
          [1, 1],
          [1, 0],
        ],
      );
    });

    it('are refused while disabled, keep their slot, and work again when enabled', async () => {
      const directory = await app.api.makeDirectory();
      const { credential, token } = await app.api.issue(directory.id);
      await app.api.issue(directory.id);
      assert.equal((await app.api.post(`/credentials/${credential.id}/disable`)).body.state, 'disabled');
      assert.equal((await app.api.post(`/credentials/${credential.id}/disable`)).body.state, 'disabled');
      assert.equal(await verify(directory, token), 401);
      assert.equal((await app.api.post(`/directories/${directory.id}/credentials`)).body.code, 'slots_full');
      app.clock.advance(SECOND);
      assert.equal((await app.api.post(`/credentials/${credential.id}/enable`)).body.state, 'active');
      assert.equal(await verify(directory, token), 200);
      assert.deepEqual(await eventsOf(credential.id), [
        'credential.enabled',
        'request.denied',
        'credential.disabled',
        'credential.issued',
      ]);
    });

    it('are revoked for good, which frees the slot; one in use asks for force and says when and from where', async () => {
      const directory = await app.api.makeDirectory();
      const { credential, token } = await app.api.issue(directory.id);
      await verify(directory, token, { 'user-agent': 'Okta' });
      const inUse = await app.api.post(`/credentials/${credential.id}/revoke`, { reason: 'leaked' });
      assert.equal(inUse.status, 409);
      assert.equal(inUse.body.code, 'still_in_use');
      assert.deepEqual(inUse.body.lastUsedFrom, { address: '127.0.0.1', userAgent: 'Okta' });
      assert.equal(inUse.body.lastUsedAt, (await read(credential.id)).lastUsedAt);
      assert.equal(await verify(directory, token), 200);
      const revoked = await app.api.post(`/credentials/${credential.id}/revoke`, { reason: 'leaked', force: true });
      assert.equal(revoked.status, 200);
      assert.equal(revoked.body.state, 'revoked');
      assert.equal(revoked.body.revokedReason, 'leaked');
      assert.equal(revoked.body.revokedBy.type, 'api_key');
      assert.equal(await verify(directory, token), 401);
      for (const verb of ['enable', 'disable', 'retire']) {
        assert.equal((await app.api.post(`/credentials/${credential.id}/${verb}`)).body.code, 'credential_final', verb);
      }
      assert.equal((await app.api.post(`/credentials/${credential.id}/revoke`)).body.revokedReason, 'leaked');
      const next = await app.api.issue(directory.id);
      assert.equal(next.credential.slot, 'a');
      const quiet = await app.api.issue(directory.id);
      await verify(directory, quiet.token);
      app.clock.advance(HOUR + SECOND);
      assert.equal((await app.api.post(`/credentials/${quiet.credential.id}/revoke`)).status, 200);
    });

    it('end when their time has come: shown as expired, refused, and their slot is free', async () => {
      const directory = await app.api.makeDirectory();
      const expiresAt = new Date(app.clock.now().getTime() + HOUR).toISOString();
      const { credential, token } = await app.api.issue(directory.id, { expiresAt });
      await app.api.issue(directory.id);
      assert.equal(credential.expiresAt, expiresAt);
      assert.equal(await verify(directory, token), 200);
      app.clock.advance(HOUR);
      assert.equal(await verify(directory, token), 401);
      assert.equal((await read(credential.id)).state, 'expired');
      const next = await app.api.issue(directory.id);
      assert.equal(next.credential.slot, credential.slot);
      assert.ok((await eventsOf(credential.id)).includes('credential.expired'));
      assert.equal((await app.api.post(`/credentials/${credential.id}/enable`)).body.code, 'credential_final');
      const past = await app.api.post(`/directories/${directory.id}/credentials`, { expiresAt });
      assert.equal(past.body.code, 'invalid_request');
      assert.equal(past.body.errors[0].given, expiresAt);
    });

    it('expire by themselves in the rounds', async () => {
      const directory = await app.api.makeDirectory();
      const { credential } = await app.api.issue(directory.id, {
        expiresAt: new Date(app.clock.now().getTime() + HOUR).toISOString(),
      });
      app.clock.advance(HOUR + SECOND);
      await round(app, 'due credentials');
      assert.deepEqual(await eventsOf(credential.id), ['credential.expired', 'credential.issued']);
    });

    it('change label, scopes and end, and a narrower scope holds once it is answered', async () => {
      const directory = await app.api.makeDirectory();
      const { credential, token } = await app.api.issue(directory.id, { label: 'old' });
      assert.equal(await verify(directory, token, { 'x-original-method': 'POST' }), 200);
      const changed = await app.api.patch(`/credentials/${credential.id}`, { label: 'new', scopes: ['scim.read'] });
      assert.deepEqual([changed.body.label, changed.body.scopes], ['new', ['scim.read']]);
      assert.equal(await verify(directory, token, { 'x-original-method': 'POST' }), 403);
      assert.equal(await verify(directory, token), 200);
      const ended = await app.api.patch(`/credentials/${credential.id}`, {
        expiresAt: new Date(app.clock.now().getTime() + MINUTE).toISOString(),
        label: null,
      });
      assert.equal(ended.body.label, null);
      app.clock.advance(MINUTE);
      assert.equal(await verify(directory, token), 401);
    });

    it('are imported from other systems as they were', async () => {
      const directory = await app.api.makeDirectory();
      const legacy = 'jackson-9c41e07bd2f8a6350a1b2c3d4e5f';
      const imported = await app.api.post(`/directories/${directory.id}/credentials/import`, {
        token: legacy,
        label: 'Polis',
      });
      assert.equal(imported.status, 201);
      assert.equal(imported.body.token, undefined);
      assert.equal(imported.body.credential.hint, '4e5f');
      assert.equal(await verify(directory, legacy), 200);
      assert.equal(
        (await app.api.post(`/directories/${directory.id}/credentials/import`, { token: legacy })).body.code,
        'credential_exists',
      );
      const other = await app.api.makeDirectory();
      assert.equal(
        (await app.api.post(`/directories/${other.id}/credentials/import`, { token: legacy })).body.code,
        'credential_exists',
      );
      const number = 'scim_vendor-key-k9Xq2Zm8Rw4Vb7TnJ5y-77';
      const { createHash } = await import('node:crypto');
      const sha256 = createHash('sha256').update(number).digest('hex').toUpperCase();
      const hashed = await app.api.post(`/directories/${directory.id}/credentials/import`, { sha256, hint: 'y-77' });
      assert.equal(hashed.body.credential.hint, 'y-77');
      assert.equal(await verify(directory, number), 200);
      const uuid = Buffer.from('ffeeddccbbaa99887766554433221100', 'hex');
      const ssoready = `ssoready_scim_bearer_token_${BigInt(`0x${uuid.toString('hex')}`)
        .toString(36)
        .padStart(25, '0')}`;
      const ssoreadySha256 = createHash('sha256').update(uuid).digest('hex');
      assert.equal((await app.api.post(`/directories/${other.id}/credentials/import`, { ssoreadySha256 })).status, 201);
      assert.equal(await verify(other, ssoready), 200);
      assert.equal(
        (await app.api.post(`/directories/${other.id}/credentials/import`, { ssoreadyToken: ssoready })).body.code,
        'credential_exists',
      );
      assert.equal(
        (await app.api.post(`/directories/${other.id}/credentials/import`, { token: ssoready })).body.code,
        'credential_exists',
      );
    });

    it('are not imported when the value is damaged, unusable or not one of the forms', async () => {
      const directory = await app.api.makeDirectory();
      const damaged = `${mintToken('scim_', systemRandom).slice(0, -1)}!`.replace('!', '0');
      const cases: [object, number, string][] = [
        [
          {
            token: damaged.endsWith('0')
              ? `${damaged.slice(0, 10)}${damaged[10] === 'A' ? 'B' : 'A'}${damaged.slice(11)}`
              : damaged,
          },
          422,
          'invalid_token_format',
        ],
        [{ token: 'scim_abc' }, 422, 'invalid_token_format'],
        [{ token: 'q7x' }, 422, 'invalid_token_format'],
        [{ token: 'has a blank in it' }, 422, 'invalid_token_format'],
        [{ sha256: 'abc' }, 422, 'invalid_token_format'],
        [{ ssoreadyToken: `ssoready_scim_bearer_token_${'z'.repeat(25)}` }, 422, 'invalid_token_format'],
        [{ token: 'long-enough-a-token', hint: '9Zqx' }, 400, 'invalid_request'],
        [{}, 400, 'invalid_request'],
        [{ token: 'long enough'.replace(' ', '-'), sha256: 'a'.repeat(64) }, 400, 'invalid_request'],
      ];
      for (const [body, status, code] of cases) {
        const answer = await app.api.post(`/directories/${directory.id}/credentials/import`, body);
        assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify(body));
        for (const value of Object.values(body))
          assert.ok(!JSON.stringify(answer.body).includes(value as string), 'the value is repeated');
      }
      assert.equal((await app.api.get(`/directories/${directory.id}/credentials`)).body.items.length, 0);
    });

    describe('rotate', () => {
      it('overlap puts the new one beside the old one, with its label and scopes', async () => {
        const directory = await app.api.makeDirectory();
        const old = await app.api.issue(directory.id, { label: 'Okta', scopes: ['scim.read'] });
        const rotated = await app.api.post(`/directories/${directory.id}/rotate`, { mode: 'overlap' });
        assert.equal(rotated.status, 201);
        assert.deepEqual(
          [rotated.body.credential.slot, rotated.body.credential.label, rotated.body.credential.scopes],
          ['b', 'Okta', ['scim.read']],
        );
        assert.equal(await verify(directory, old.token), 200);
        assert.equal(await verify(directory, rotated.body.token), 200);
        assert.equal((await read(old.credential.id)).rotation.status, 'manual');
        const again = await app.api.post(`/directories/${directory.id}/rotate`, { mode: 'overlap' });
        assert.deepEqual([again.status, again.body.code, again.body.holders.length], [409, 'slots_full', 2]);
      });

      it('immediate leaves the new one alone, from one or two old ones, or from none', async () => {
        const directory = await app.api.makeDirectory();
        const tokens: string[] = [];
        for (const before of [0, 1, 2]) {
          while (tokens.length < before) tokens.push((await app.api.issue(directory.id)).token);
          const rotated = await app.api.post(`/directories/${directory.id}/rotate`, { mode: 'immediate' });
          assert.equal(rotated.status, 201, JSON.stringify(rotated.body));
          for (const token of tokens) assert.equal(await verify(directory, token), 401);
          assert.equal(await verify(directory, rotated.body.token), 200);
          const { body } = await app.api.get(`/directories/${directory.id}/credentials?state=active`);
          assert.deepEqual(
            body.items.map(({ id }: Answer) => id),
            [rotated.body.credential.id],
          );
          tokens.splice(0, tokens.length, rotated.body.token);
        }
      });

      it('when-replaced retires the old one once the new one was accepted and the old one was quiet', async () => {
        const directory = await app.api.makeDirectory();
        const old = await app.api.issue(directory.id);
        const next = (
          await app.api.post(`/directories/${directory.id}/rotate`, { mode: 'overlap', retire: 'when-replaced' })
        ).body;
        const status = async () => (await read(old.credential.id)).rotation?.status;
        assert.equal(await status(), 'waiting_for_successor');
        app.clock.advance(2 * HOUR);
        await round(app, 'due credentials');
        assert.equal(await verify(directory, old.token), 200, 'the new one was never accepted, so the old one stays');
        await verify(directory, next.token);
        app.clock.advance(30 * MINUTE);
        await round(app, 'due credentials');
        assert.equal(await verify(directory, old.token), 200);
        assert.equal(await status(), 'waiting_for_quiet');
        await verify(directory, next.token);
        app.clock.advance(59 * MINUTE);
        await round(app, 'due credentials');
        assert.equal(await status(), 'waiting_for_quiet');
        app.clock.advance(61 * SECOND);
        await round(app, 'due credentials');
        assert.deepEqual(
          [await status(), (await read(old.credential.id)).rotation.retiresAt],
          ['waiting_for_quiet', null],
        );
        await verify(directory, next.token);
        app.clock.advance(MINUTE);
        await round(app, 'due credentials');
        const retired = await read(old.credential.id);
        assert.deepEqual(
          [retired.state, retired.revokedReason, retired.revokedBy.type],
          ['revoked', `replaced by ${next.credential.id}`, 'system'],
        );
        assert.equal(await verify(directory, old.token), 401);
        assert.equal(await verify(directory, next.token), 200);
        assert.ok((await eventsOf(old.credential.id)).includes('credential.retired'));
      });

      it('when-replaced shows an old one that is still in use after a day instead of cutting it', async () => {
        const directory = await app.api.makeDirectory();
        const old = await app.api.issue(directory.id);
        const next = (
          await app.api.post(`/directories/${directory.id}/rotate`, { mode: 'overlap', retire: 'when-replaced' })
        ).body;
        await verify(directory, next.token);
        for (let hours = 0; hours < 50; hours++) {
          app.clock.advance(30 * MINUTE);
          assert.equal(await verify(directory, old.token), 200);
          if (hours % 10 === 9) await round(app, 'due credentials');
        }
        assert.equal((await read(old.credential.id)).rotation.status, 'still_in_use');
        app.clock.advance(HOUR + SECOND);
        await verify(directory, next.token);
        await round(app, 'due credentials');
        assert.equal((await read(old.credential.id)).state, 'revoked');
      });

      it('when-replaced keeps an old one that was used after the new one, however seldom that happens', async () => {
        const directory = await app.api.makeDirectory();
        const old = await app.api.issue(directory.id);
        const next = (
          await app.api.post(`/directories/${directory.id}/rotate`, { mode: 'overlap', retire: 'when-replaced' })
        ).body;
        // Tried in the IdP, and not saved there.
        await verify(directory, next.token);
        app.clock.advance(MINUTE);
        await verify(directory, old.token);
        const rotation = async () => (await read(old.credential.id)).rotation;
        assert.deepEqual([(await rotation()).status, (await rotation()).retiresAt], ['waiting_for_quiet', null]);
        for (let hours = 0; hours < 48; hours += 8) {
          app.clock.advance(8 * HOUR);
          await round(app, 'due credentials');
          assert.equal(await verify(directory, old.token), 200);
        }
        assert.equal((await rotation()).status, 'still_in_use');
        app.clock.advance(HOUR + SECOND);
        await verify(directory, next.token);
        await round(app, 'due credentials');
        assert.equal(await verify(directory, old.token), 401);
      });

      it('when-replaced does not take silence for a switch, however long it lasts', async () => {
        const directory = await app.api.makeDirectory();
        const old = await app.api.issue(directory.id);
        await verify(directory, old.token);
        const next = (
          await app.api.post(`/directories/${directory.id}/rotate`, { mode: 'overlap', retire: 'when-replaced' })
        ).body;
        // Tried in the IdP, not saved there, and nothing changes overnight.
        await verify(directory, next.token);
        app.clock.advance(12 * HOUR);
        await round(app, 'due credentials');
        assert.equal(await verify(directory, old.token), 200);
      });

      it('when-replaced lets the operator retire the old one at once, but not before the new one was accepted', async () => {
        const directory = await app.api.makeDirectory();
        const old = await app.api.issue(directory.id);
        const next = (
          await app.api.post(`/directories/${directory.id}/rotate`, { mode: 'overlap', retire: 'when-replaced' })
        ).body;
        await verify(directory, old.token);
        const early = await app.api.post(`/credentials/${old.credential.id}/retire`);
        assert.deepEqual(
          [early.status, early.body.code, early.body.successorId],
          [409, 'not_replaced', next.credential.id],
        );
        await verify(directory, next.token);
        assert.equal((await app.api.post(`/credentials/${old.credential.id}/retire`)).body.state, 'revoked');
        assert.equal(await verify(directory, old.token), 401);
      });

      it('keeps the old one when the new one is revoked before it replaced anything', async () => {
        const directory = await app.api.makeDirectory();
        const old = await app.api.issue(directory.id);
        const next = (await app.api.post(`/directories/${directory.id}/rotate`, { mode: 'overlap', retire: 60 })).body;
        await app.api.post(`/credentials/${next.credential.id}/revoke`);
        app.clock.advance(DAY);
        await round(app, 'due credentials');
        assert.equal(await verify(directory, old.token), 200);
        assert.equal((await read(old.credential.id)).rotation, null);
      });

      it('retires the old one after the seconds that were given', async () => {
        const directory = await app.api.makeDirectory();
        const old = await app.api.issue(directory.id);
        await app.api.post(`/directories/${directory.id}/rotate`, { mode: 'overlap', retire: 600 });
        const shown = await read(old.credential.id);
        assert.equal(shown.rotation.status, 'scheduled');
        assert.equal(Date.parse(shown.rotation.retiresAt) - app.clock.now().getTime() <= 600 * SECOND, true);
        app.clock.advance(599 * SECOND);
        await round(app, 'due credentials');
        assert.equal(await verify(directory, old.token), 200);
        app.clock.advance(2 * SECOND);
        await round(app, 'due credentials');
        assert.equal(await verify(directory, old.token), 401);
      });

      it('refuses what contradicts itself, and says what is wanted', async () => {
        const directory = await app.api.makeDirectory();
        for (const body of [
          {},
          { mode: 'now' },
          { mode: 'overlap', retire: 'later' },
          { mode: 'overlap', retire: 0 },
          { mode: 'immediate', retire: 'when-replaced' },
          { mode: 'overlap', extra: 1 },
        ]) {
          const answer = await app.api.post(`/directories/${directory.id}/rotate`, body);
          assert.deepEqual([answer.status, answer.body.code], [400, 'invalid_request'], JSON.stringify(body));
          assert.ok(answer.body.errors[0].wanted.length > 5);
        }
      });

      it('immediate, 20 times at once, leaves exactly one static token', async () => {
        const directory = await app.api.makeDirectory();
        await app.api.issue(directory.id);
        await app.api.issue(directory.id);
        const answers = await Promise.all(
          Array.from({ length: 20 }, () => app.api.post(`/directories/${directory.id}/rotate`, { mode: 'immediate' })),
        );
        for (const { status, body } of answers) assert.equal(status, 201, JSON.stringify(body));
        const { body } = await app.api.get(`/directories/${directory.id}/credentials?state=active`);
        assert.equal(body.items.length, 1);
        const winner = answers.find((answer) => answer.body.credential?.id === body.items[0].id);
        assert.equal(await verify(directory, winner?.body.token), 200);
      });
    });
  });
}

async function round({ app }: TestApp, name: string): Promise<void> {
  const found = app.rounds.find((candidate) => candidate.name === name);
  assert.ok(found, name);
  await found.run();
}
