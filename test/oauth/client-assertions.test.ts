/** Client assertions (RFC 7523): what is accepted, and that each refusal is told with what is wrong. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { exportJWK, generateKeyPair, generateSecret, SignJWT } from 'jose';
import { AppError } from '../../src/errors.ts';
import { createKeySource } from '../../src/oauth/client-keys.ts';
import type { Client } from '../../src/oauth/client-record.ts';
import type { Answer } from '../support/api.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { MINUTE, SECOND } from '../support/clock.ts';
import { engines, type Place } from '../support/engines.ts';
import { type EntraIssuer, startEntraIssuer } from '../support/entra-client.ts';
import { createFaultyStorage } from '../support/faulty-storage.ts';
import { eventsOf, makeClient, type OauthClient } from '../support/oauth-client.ts';

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

for (const engine of engines) {
  describe(`client assertions on ${engine.name}`, () => {
    let place: Place;
    let entra: EntraIssuer;
    let app: TestApp;
    let pair: CryptoKeyPair;
    before(async () => {
      place = engine.place();
      entra = await startEntraIssuer();
      app = await startApp({ databaseUrl: place.url, fetch: entra.fetch });
      pair = await generateKeyPair('ES256', { extractable: true });
    });
    after(async () => {
      await app.close();
      await entra.close();
      await place.remove();
    });

    async function owned(fields: Record<string, unknown> = {}): Promise<OauthClient> {
      const { id } = await app.api.makeDirectory();
      const jwks = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'one' }] };
      return makeClient(app, { directoryId: id, grantTypes: ['client_credentials'], jwks, ...fields });
    }

    const now = () => Math.floor(app.clock.now().getTime() / 1000);
    const sign = (
      client: OauthClient,
      claims: Record<string, unknown> = {},
      { key = pair.privateKey, kid = 'one' } = {},
    ) =>
      new SignJWT({ iss: client.id, sub: client.id, aud: app.url, exp: now() + 300, ...claims })
        .setProtectedHeader({ alg: 'ES256', kid })
        .sign(key);

    async function send(assertion: string, fields: Record<string, string> = {}, path = '/oauth/token', url = app.url) {
      const response = await fetch(url + path, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'client_credentials',
          client_assertion_type: ASSERTION_TYPE,
          client_assertion: assertion,
          ...fields,
        }),
      });
      return { status: response.status, body: (await response.json()) as Answer };
    }

    async function faultOf(client: OauthClient): Promise<Answer> {
      const events = await eventsOf(app, 'token.refused');
      const [latest] = events.filter(({ data }) => data.clientId === client.id).sort((a, b) => (a.at < b.at ? 1 : -1));
      assert.ok(latest, 'the refusal is told');
      assert.ok(latest.directoryId, 'at the directory of the client');
      return latest.data;
    }

    /** Refuses it, and gives what is told of it. */
    async function refusedFor(client: OauthClient, assertion: string, fields?: Record<string, string>) {
      app.clock.advance(SECOND);
      const { status, body } = await send(assertion, fields);
      assert.deepEqual([status, body.error], [401, 'invalid_client'], JSON.stringify(body));
      const data = await faultOf(client);
      assert.equal(data.reason, 'assertion_wrong');
      return data;
    }

    it('takes the issuer, the token URL or the endpoint that is called as audience, with or without a slash', async () => {
      const client = await owned();
      for (const audience of [app.url, `${app.url}/oauth/token`]) {
        for (const aud of [audience, `${audience}/`, [audience]]) {
          const { status, body } = await send(await sign(client, { aud }));
          assert.equal(status, 200, `${aud}: ${JSON.stringify(body)}`);
        }
      }
      for (const aud of [app.url, `${app.url}/oauth/token`, `${app.url}/oauth/revoke`, `${app.url}/oauth/revoke/`]) {
        const { status } = await send(await sign(client, { aud }), { token: 'unknown' }, '/oauth/revoke');
        assert.equal(status, 200, aud);
      }
      const elsewhere = await send(await sign(client, { aud: `${app.url}/oauth/revoke` }));
      assert.equal(elsewhere.status, 401, 'the revocation endpoint was not called');
    });

    it('tells an audience that is nearly right next to ours, and no other', async () => {
      const client = await owned();
      const near = await refusedFor(client, await sign(client, { aud: `${app.url}//oauth/token` }));
      assert.deepEqual(
        [near.fault, near.audience, near.expected],
        ['audience', `${app.url}//oauth/token`, `${app.url}/oauth/token`],
      );
      const proxied = await refusedFor(client, await sign(client, { aud: 'https://other.example/oauth/token' }));
      assert.equal(proxied.audience, 'https://other.example/oauth/token');
      for (const aud of [
        `${app.url}/?token=scimcs_${'a'.repeat(43)}`,
        'https://bank.example/login',
        'a secret',
        `https://user:pass@${new URL(app.url).host}/oauth/token`,
        `${app.url}/${'x'.repeat(300)}`,
      ]) {
        const data = await refusedFor(client, await sign(client, { aud }));
        assert.deepEqual([data.fault, data.audience], ['audience', undefined], aud);
      }
      const both = await refusedFor(client, await sign(client, { aud: [app.url, 'https://bank.example/login'] }));
      assert.deepEqual([both.fault, both.audience], ['audience', undefined]);
    });

    it('checks exp, iat and nbf with 60 seconds of skew, and says by how much they are off', async () => {
      const client = await owned();
      for (const claims of [
        { exp: now() - 59 },
        { exp: now() + 660 },
        { iat: now() + 60, exp: now() + 300 },
        { nbf: now() + 60, exp: now() + 300 },
        { iat: now() - 86_400, exp: now() + 300 },
      ]) {
        const { status, body } = await send(await sign(client, claims));
        assert.equal(status, 200, `${JSON.stringify(claims)} ${JSON.stringify(body)}`);
      }
      const expired = await refusedFor(client, await sign(client, { exp: now() - 599 }));
      assert.deepEqual([expired.fault, expired.seconds], ['expired', 600]);
      for (const name of ['iat', 'nbf']) {
        const early = await refusedFor(client, await sign(client, { [name]: now() + 301, exp: now() + 500 }));
        assert.deepEqual([early.fault, early.seconds], ['not_yet_valid', 300], name);
      }
      const long = await refusedFor(client, await sign(client, { exp: now() + 3600 }));
      assert.equal(long.fault, 'lives_too_long');
      const endless = await refusedFor(client, await sign(client, { exp: undefined }));
      assert.equal(endless.fault, 'malformed');
    });

    it('says that times are in milliseconds, and not how far apart the clocks would be', async () => {
      const client = await owned();
      const data = await refusedFor(client, await sign(client, { exp: (now() + 300) * 1000, iat: now() * 1000 }));
      assert.deepEqual([data.fault, data.seconds], ['milliseconds', undefined]);
    });

    it('takes an assertion with blanks, quotes or a scheme around it, and with line breaks inside', async () => {
      const client = await owned();
      for (const wrap of [
        (jwt: string) => ` ${jwt}\r\n`,
        (jwt: string) => `"${jwt}"`,
        (jwt: string) => `Bearer ${jwt}`,
        (jwt: string) => jwt.replace(/(.{64})/g, '$1\n'),
      ])
        assert.equal((await send(wrap(await sign(client)))).status, 200, String(wrap));
    });

    it('tells whatever is wrong with it at the client that it claims to be, also without client_id', async () => {
      const claims = (client: OauthClient) => ({ iss: client.id, sub: client.id, exp: now() + 300 });
      const unsigned = (payload: object) =>
        `e30.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.${'a'.repeat(20)}`;
      for (const make of [
        (client: OauthClient) => sign(client, { aud: undefined }),
        (client: OauthClient) => sign(client, { sub: undefined }),
        (client: OauthClient) => sign(client, { jti: 5 as unknown as string }),
        async (client: OauthClient) => unsigned({ ...claims(client), exp: 'soon' }),
        async (client: OauthClient) => unsigned(claims(client)).split('.').slice(0, 2).join('.'),
      ]) {
        const client = await owned();
        assert.equal((await refusedFor(client, await make(client))).fault, 'malformed', String(make));
      }
      const other = await owned();
      assert.equal((await refusedFor(other, await sign(other, { sub: 'someone' }))).fault, 'subject');
      const twice = await owned();
      const both = [await sign(twice), await sign(twice, { jti: 'x' })].map(
        (jwt) => ['client_assertion', jwt] as [string, string],
      );
      for (const [subReason, fields] of [
        ['form_parameter_twice', both],
        [
          'grant_unknown',
          [
            ['grant_type', 'urn:ietf:params:oauth:grant-type:jwt-bearer'],
            ['assertion', await sign(twice)],
          ],
        ],
      ] as [string, [string, string][]][]) {
        app.clock.advance(SECOND);
        const { status } = await fetch(`${app.url}/oauth/token`, { method: 'POST', body: new URLSearchParams(fields) });
        assert.deepEqual([status, (await faultOf(twice)).subReason], [400, subReason]);
      }
      const third = await owned();
      assert.equal((await send(await sign(third), { client_id: 'unknown' })).status, 401);
      assert.equal((await faultOf(third)).subReason, 'client_proofs_disagree');
    });

    it('says where client_assertion_type is missing or wrong, or the assertion is', async () => {
      for (const [fault, fields] of [
        ['type', { client_assertion_type: '' }],
        ['type', { client_assertion_type: 'jwt-bearer' }],
        ['type', { client_assertion_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer' }],
      ] as const) {
        const client = await owned();
        assert.equal((await refusedFor(client, await sign(client), fields)).fault, fault);
      }
      const client = await owned();
      assert.equal((await refusedFor(client, '', { client_id: client.id })).fault, 'missing');
    });

    it('takes an assertion with a jti once, and forgets it when it has ended', async () => {
      const client = await owned();
      const jti = randomUUID();
      const assertion = await sign(client, { jti });
      const answers = await Promise.all(Array.from({ length: 8 }, () => send(assertion)));
      assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 401, 401, 401, 401, 401, 401, 401]);
      assert.equal((await refusedFor(client, assertion)).fault, 'replayed');
      assert.equal((await refusedFor(client, await sign(client, { jti, exp: now() + 200 }))).fault, 'replayed');
      const other = await owned();
      assert.equal((await send(await sign(other, { jti }))).status, 200, 'a jti is of its client alone');
      app.clock.advance(15 * MINUTE);
      assert.equal((await send(await sign(client, { jti }))).status, 200);
      const plain = await sign(client);
      assert.deepEqual(
        [(await send(plain)).status, (await send(plain)).status],
        [200, 200],
        'without one it may repeat',
      );
    });

    it('says whether key, signature, algorithm, issuer or subject is wrong', async () => {
      const client = await owned();
      const stranger = await generateKeyPair('ES256');
      const told = async (assertion: string, fields?: Record<string, string>) =>
        (await refusedFor(client, assertion, fields)).fault;
      assert.equal(await told(await sign(client, {}, { key: stranger.privateKey, kid: 'other' })), 'key_unknown');
      assert.equal(await told(await sign(client, {}, { key: stranger.privateKey })), 'signature');
      assert.equal(await told(await sign(client, { iss: 'someone' })), 'issuer');
      const named = { client_id: client.id };
      assert.equal(await told(await sign(client, { sub: 'someone' }), named), 'subject');
      const symmetric = await new SignJWT({ iss: client.id, sub: client.id, aud: app.url, exp: now() + 300 })
        .setProtectedHeader({ alg: 'HS256' })
        .sign(await generateSecret('HS256'));
      assert.equal(await told(symmetric), 'algorithm');
      assert.equal(await told('half.of', named), 'malformed');
      const withSecret = await owned({ jwks: undefined });
      assert.equal((await refusedFor(withSecret, await sign(withSecret))).fault, 'not_registered');
    });

    it('takes an assertion without a key ID by any of the registered keys', async () => {
      const second = await generateKeyPair('ES256');
      const keys = await Promise.all([pair, second].map(({ publicKey }) => exportJWK(publicKey)));
      const client = await owned({ jwks: { keys } });
      for (const { privateKey } of [pair, second]) {
        const assertion = await new SignJWT({ iss: client.id, sub: client.id, aud: app.url, exp: now() + 300 })
          .setProtectedHeader({ alg: 'ES256' })
          .sign(privateKey);
        const { status, body } = await send(assertion);
        assert.equal(status, 200, JSON.stringify(body));
      }
    });

    it('refuses private, symmetric, short and broken keys when a client is made, with the reason and never the key', async () => {
      const { id } = await app.api.makeDirectory();
      const weak = await generateKeyPair('RS256', { modulusLength: 2048, extractable: true });
      const rsa = await exportJWK(weak.publicKey);
      const cases: [Answer, RegExp][] = [
        [await exportJWK(pair.privateKey), /private key/],
        [{ kty: 'oct', k: 'c2VjcmV0LXNlY3JldC1zZWNyZXQ' }, /symmetric/],
        [{ ...rsa, n: rsa.n?.slice(0, 170) }, /2048 bits/],
        [{ ...rsa, e: 'AQ' }, /larger exponent/],
        [{ ...rsa, e: 'AAE' }, /larger exponent/],
        [{ kty: 'EC', crv: 'P-256', x: 'AAAA' }, /RFC 7518/],
        [{ kty: 'XYZ' }, /RSA, EC or OKP/],
      ];
      for (const [key, reason] of cases) {
        const fields = { name: 'x', directoryId: id, grantTypes: ['client_credentials'], jwks: { keys: [key] } };
        const { status, body } = await app.api.post('/clients', fields);
        assert.deepEqual([status, body.code], [400, 'invalid_request']);
        assert.match(body.detail, reason);
        for (const secret of [key.d, key.k].filter(Boolean))
          assert.ok(!JSON.stringify(body).includes(secret), 'the key is not repeated');
      }
    });

    it('answers 400 to a JWKS that is nested deeper than 32 levels', async () => {
      const { id } = await app.api.makeDirectory();
      for (const levels of [40, 50_000]) {
        const deep = `{"name":"x","directoryId":"${id}","jwks":{"keys":[{"x":${'['.repeat(levels)}${']'.repeat(levels)}}]}}`;
        const { status, body } = await app.api.post('/clients', deep);
        assert.deepEqual([status, body.code], [400, 'invalid_request'], String(levels));
        assert.match(body.detail, /32 levels/);
      }
    });

    it('takes an assertion again when the request before it failed by our fault', async () => {
      const faulty = createFaultyStorage();
      const other = await startApp({ databaseUrl: place.url, wrapStorage: faulty.wrap, clock: app.clock });
      try {
        const client = await owned();
        const assertion = await sign(client, { jti: randomUUID(), aud: other.url });
        const ask = async () => {
          const fields = { grant_type: 'client_credentials', client_assertion_type: ASSERTION_TYPE };
          const body = new URLSearchParams({ ...fields, client_assertion: assertion });
          const response = await fetch(`${other.url}/oauth/token`, { method: 'POST', body });
          await response.arrayBuffer();
          return response.status;
        };
        faulty.failAll({
          before(operation) {
            if (operation === 'insert of oauth_artifacts') throw new AppError('storage_unavailable');
          },
        });
        assert.equal(await ask(), 503);
        faulty.failAll(null);
        const statuses = [await ask()];
        // What was spent is given back after the answer, so the next request may come a moment too soon.
        while (statuses.at(-1) === 401 && statuses.length < 20) statuses.push(await ask());
        assert.equal(statuses.at(-1), 200, statuses.join());
        assert.equal(await ask(), 401, 'and once only');
      } finally {
        await other.close();
      }
    });

    const workload = (audience: string, subject: string) => ({
      jwks: undefined,
      provider: 'entra',
      workloadIdentity: { issuer: entra.issuer, subject, audience, jwksUri: entra.jwksUri },
    });

    it('takes the application ID, api://ID and api://ID/.default as one audience of a workload identity', async () => {
      const id = randomUUID();
      const spellings = [id, `api://${id}`, `api://${id}/.default`, `api://${id.toUpperCase()}`];
      for (const [index, configured] of spellings.entries()) {
        const subject = `principal-${index}-${id}`;
        const client = await owned(workload(configured, subject));
        for (const audience of [...spellings, ['https://graph.example', `api://${id}`]]) {
          const assertion = await entra.assertion({ subject, audience, now: app.clock.now(), seconds: 24 * 3600 });
          const { status, body } = await send(assertion);
          assert.equal(status, 200, `${configured} ${audience} ${JSON.stringify(body)}`);
        }
        const again = await app.api.post('/clients', {
          name: 'x',
          directoryId: client.client.directoryId,
          grantTypes: ['client_credentials'],
          ...workload(spellings[(index + 1) % 3] ?? '', subject),
        });
        assert.deepEqual([again.status, again.body.code], [409, 'workload_taken']);
      }
    });

    it('tells a workload assertion that is nearly right at the client of its tenant', async () => {
      const tenant = await startEntraIssuer();
      const other = await startApp({ databaseUrl: place.url, fetch: tenant.fetch, clock: app.clock });
      try {
        const { id } = await other.api.makeDirectory();
        const client = await makeClient(other, {
          directoryId: id,
          grantTypes: ['client_credentials'],
          workloadIdentity: {
            issuer: tenant.issuer,
            subject: 'principal',
            audience: 'api://northwind',
            jwksUri: tenant.jwksUri,
          },
        });
        const claims = { subject: 'principal', audience: 'api://northwind', now: app.clock.now() };
        const stranger = `api://${randomUUID()}`;
        for (const [changed, fault, audience] of [
          [{ subject: 'another' }, 'subject', undefined],
          [{ audience: stranger }, 'audience', stranger],
          [{ seconds: 25 * 3600 }, 'lives_too_long', undefined],
        ] as const) {
          app.clock.advance(SECOND);
          const assertion = await tenant.assertion({ ...claims, ...changed });
          const response = await fetch(`${other.url}/oauth/token`, {
            method: 'POST',
            body: new URLSearchParams({
              grant_type: 'client_credentials',
              client_assertion_type: ASSERTION_TYPE,
              client_assertion: assertion,
            }),
          });
          assert.equal(response.status, 401);
          const [event] = (await eventsOf(other, 'token.refused'))
            .filter(({ data }) => data.clientId === client.id)
            .sort((a, b) => (a.at < b.at ? 1 : -1));
          assert.deepEqual([event?.data.fault, event?.data.audience], [fault, audience]);
        }
      } finally {
        await other.close();
        await tenant.close();
      }
    });

    it('answers 503 where the keys cannot be fetched, and tells it as jwks_unreachable', async () => {
      const client = await owned({ jwks: undefined, jwksUri: `${entra.jwksUri}?another` });
      const assertion = await sign(client);
      entra.fail(true);
      try {
        const { status, body } = await send(assertion);
        assert.deepEqual([status, body.error], [503, 'temporarily_unavailable']);
        assert.equal((await faultOf(client)).reason, 'jwks_unreachable');
      } finally {
        entra.fail(false);
      }
    });

    it('reads nothing of an error that it gets in place of the keys', async () => {
      let isDropped = false;
      const body = new ReadableStream({
        cancel: () => {
          isDropped = true;
        },
      });
      const failing = (async () => new Response(body, { status: 404 })) as typeof fetch;
      const keys = createKeySource({ fetch: failing, clock: app.clock });
      const client = { jwksUri: entra.jwksUri } as Client;
      await assert.rejects(
        async () => keys.of(client)({ alg: 'ES256' }, { payload: '', signature: '' }),
        /can't be fetched/,
      );
      assert.ok(isDropped);
    });

    it('fetches keys once for all who want them at the same time, and no more often when that fails', async () => {
      let isDown = true;
      let fetches = 0;
      const counting: typeof fetch = async (...request) => {
        fetches++;
        if (isDown) throw new TypeError('fetch failed');
        return entra.fetch(...request);
      };
      const other = await startApp({ databaseUrl: place.url, fetch: counting, clock: app.clock });
      try {
        const client = await owned({ jwks: undefined, jwksUri: entra.jwksUri });
        const storm = async () => {
          const assertions = await Promise.all(Array.from({ length: 10 }, () => sign(client, { jti: randomUUID() })));
          const answers = await Promise.all(assertions.map((one) => send(one, {}, '/oauth/token', other.url)));
          return new Set(answers.map(({ status }) => status));
        };
        assert.deepEqual([await storm(), await storm(), fetches], [new Set([503]), new Set([503]), 1]);
        isDown = false;
        app.clock.advance(SECOND);
        assert.deepEqual([await storm(), fetches], [new Set([401]), 2], 'its keys are others');
        app.clock.advance(MINUTE);
        assert.deepEqual([await storm(), fetches], [new Set([401]), 3], 'an unknown key may be a new one');
      } finally {
        await other.close();
      }
    });
  });
}
