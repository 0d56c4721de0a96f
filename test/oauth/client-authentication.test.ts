import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { Answer } from '../support/api.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { HOUR, MINUTE } from '../support/clock.ts';
import { engines, type Place } from '../support/engines.ts';
import { type EntraIssuer, startEntraIssuer } from '../support/entra-client.ts';
import { ask, makeClient, makeConnection, type OauthClient, refresh, verified } from '../support/oauth-client.ts';

const CLIENT_CREDENTIALS = { grant_type: 'client_credentials' };
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

for (const engine of engines) {
  describe(`client authentication on ${engine.name}`, () => {
    let place: Place;
    let entra: EntraIssuer;
    let app: TestApp;
    before(async () => {
      place = engine.place();
      entra = await startEntraIssuer();
      app = await startApp({ databaseUrl: place.url, fetch: entra.fetch });
    });
    after(async () => {
      await app.close();
      await entra.close();
      await place.remove();
    });

    const owned = async (fields: Record<string, unknown> = {}) => {
      const directory = await app.api.makeDirectory();
      const client = await makeClient(app, {
        directoryId: directory.id,
        grantTypes: ['client_credentials'],
        ...fields,
      });
      return { directory, client };
    };

    async function send(fields: Record<string, string>, authorization?: string): Promise<[number, Answer]> {
      const response = await fetch(`${app.url}/oauth/token`, {
        method: 'POST',
        headers: authorization === undefined ? {} : { authorization },
        body: new URLSearchParams({ ...CLIENT_CREDENTIALS, ...fields }),
      });
      return [response.status, await response.json()];
    }
    const basic = (id: string, secret: string) => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
    const byAssertion = (assertion: string, fields: Record<string, string> = {}) =>
      send({ client_assertion_type: ASSERTION_TYPE, client_assertion: assertion, ...fields });
    const assertRefused = ([status, body]: [number, Answer]) => {
      assert.deepEqual([status, body.error], [401, 'invalid_client']);
    };
    const assertAccepted = ([status, body]: [number, Answer]) => assert.equal(status, 200, JSON.stringify(body));

    it('(18) takes the secret in the header, in the body, and in both when they are the same', async () => {
      for (const tokenEndpointAuthMethod of ['client_secret_basic', 'client_secret_post']) {
        const { client } = await owned({ tokenEndpointAuthMethod });
        for (const style of ['basic', 'post', 'both'] as const) {
          const { status, body } = await ask(app, client, CLIENT_CREDENTIALS, { style });
          assert.equal(status, 200, `${style} ${JSON.stringify(body)}`);
        }
      }
    });

    it('(18) refuses a header and a body that differ, even where one of them is right', async () => {
      const { client } = await owned();
      const other = await makeClient(app);
      const { id, secret } = client;
      assertRefused(await send({ client_id: id, client_secret: 'another' }, basic(id, secret)));
      assertRefused(await send({ client_id: id, client_secret: secret }, basic(id, 'another')));
      assertRefused(await send({ client_id: other.id }, basic(id, secret)));
      assertRefused(await send({ client_id: id, client_secret: secret }, basic(other.id, other.secret)));
      assertRefused(await send({ client_id: id, client_secret: secret }, 'Bearer something'));
    });

    it('takes a secret of our shape in whatever header it comes, with the ID next to it or in the body', async () => {
      const { client } = await owned();
      const { id, secret } = client;
      const encoded = (text: string) => Buffer.from(text).toString('base64');
      for (const header of [
        `Basic ${id}:${secret}`,
        `Bearer ${encoded(`${id}:${secret}`)}`,
        `"Basic ${encoded(`${id}:${secret}`)}"`,
        `Authorization: Basic ${encoded(`${id}:${secret}`)}`,
        `Basic Basic ${encoded(`${id}:${secret}`)}`,
        encoded(`${id}:${secret}`),
        `${id}:${secret}`,
      ])
        assertAccepted(await send({}, header));
      for (const header of [
        secret,
        `Bearer ${secret}`,
        `Basic ${secret}`,
        `Basic ${encoded(secret)}`,
        basic(secret, ''),
      ])
        assertAccepted(await send({ client_id: id }, header));
      assertAccepted(await send({ client_id: id, client_secret: secret }, `Bearer scimat_${'a'.repeat(43)}`));
      assertAccepted(
        await send({ client_id: `"${id}"`, client_secret: ` "${secret}"`, grant_type: ' client_credentials\r\n' }),
      );
      const wrong = `scimcs_${'x'.repeat(43)}`;
      for (const header of [wrong, `Bearer ${wrong}`, basic(wrong, ''), `Bearer ${encoded(`${id}:${wrong}`)}`])
        assertRefused(await send({ client_id: id }, header));
      assertRefused(await send({ client_id: id, client_secret: wrong }, `Bearer ${secret}`));
      assertRefused(await send({}, `Bearer ${secret}`));
    });

    it('(18) reads the header in any case, with the id beside it in the body, form-encoded or not', async () => {
      const { client } = await owned();
      const { id, secret } = client;
      assertAccepted(await send({}, basic(id, secret).replace('Basic', 'basic')));
      assertAccepted(await send({ client_id: id }, basic(id, secret)));
      const encoded = basic(id.replace('_', '%5F'), secret.replace('_', '%5F'));
      assertAccepted(await send({}, encoded));
      assertAccepted(await send({ client_id: id, client_secret: secret }, encoded));
    });

    it('(18) refuses nothing, a wrong secret and an unknown client alike', async () => {
      const { client } = await owned();
      const { id, secret } = client;
      const answers = [
        await send({}),
        await send({ client_id: id }),
        await send({ client_id: id, client_secret: '' }),
        await send({ client_id: id, client_secret: `${secret}x` }),
        await send({ client_id: 'client_0000000000000000000A', client_secret: secret }),
        await send({}, basic(id, '')),
        await send({}, 'Basic %%%'),
        await send({}, 'Basic'),
        await send({ client_id: id }, basic('', '')),
      ];
      for (const answer of answers) assertRefused(answer);
      assert.equal(new Set(answers.map(([, body]) => JSON.stringify(body))).size, 1);
    });

    it('(18) needs no secret of a public client, and takes none', async () => {
      const fields = { tokenEndpointAuthMethod: 'none', redirectUris: ['https://idp.example/callback'] };
      const client = await makeClient(app, fields);
      assert.equal(client.secret, '');
      const refused = await refresh(app, client, 'scimrt_unknown', { style: 'none' });
      assert.deepEqual([refused.status, refused.body.error], [400, 'invalid_grant'], 'it is known who asks');
      const odd = await refresh(app, { ...client, secret: 'x' }, 'scimrt_unknown', { style: 'post' });
      assert.deepEqual([odd.status, odd.body.error], [401, 'invalid_client']);
    });

    async function signed(key: CryptoKey, claims: { subject: string; audience?: string; issuer?: string }, at?: Date) {
      const now = Math.floor((at ?? app.clock.now()).getTime() / 1000);
      return new SignJWT({})
        .setProtectedHeader({ alg: 'ES256' })
        .setSubject(claims.subject)
        .setIssuer(claims.issuer ?? claims.subject)
        .setAudience(claims.audience ?? `${app.url}/oauth/token`)
        .setIssuedAt(now)
        .setExpirationTime(now + 300)
        .sign(key);
    }

    it('(25) takes an assertion that is signed with a key of the client (private_key_jwt with JWKS)', async () => {
      const { privateKey, publicKey } = await generateKeyPair('ES256');
      const stranger = await generateKeyPair('ES256');
      const { client, directory } = await owned({ jwks: { keys: [await exportJWK(publicKey)] } });
      assert.equal(client.client.tokenEndpointAuthMethod, 'private_key_jwt');
      assert.equal(client.secret, '');
      const [status, body] = await byAssertion(await signed(privateKey, { subject: client.id }));
      assert.equal(status, 200, JSON.stringify(body));
      assert.equal(await verified(app, directory.id, body.access_token), 200);
      assertAccepted(await byAssertion(await signed(privateKey, { subject: client.id, audience: app.url })));
      const named = { client_id: client.id };
      assertAccepted(await byAssertion(await signed(privateKey, { subject: client.id }), named));

      assertRefused(await byAssertion(await signed(stranger.privateKey, { subject: client.id })));
      assertRefused(await byAssertion(await signed(privateKey, { subject: client.id, audience: 'https://other' })));
      assertRefused(await byAssertion(await signed(privateKey, { subject: client.id, issuer: 'someone' })));
      const late = new Date(app.clock.now().getTime() - HOUR);
      assertRefused(await byAssertion(await signed(privateKey, { subject: client.id }, late)));
      assertRefused(await byAssertion(await signed(privateKey, { subject: client.id }), { client_id: 'client_other' }));
      for (const odd of ['', 'x', 'a.b.c', `${Buffer.from('{"alg":"none"}').toString('base64url')}.e30.`])
        assertRefused(await byAssertion(odd));
      assertRefused(await send({ client_id: client.id, client_secret: 'x' }));
      assertRefused(await send({ client_id: client.id }));
    });

    it('(25) takes no assertion for a client that has a secret', async () => {
      const { privateKey } = await generateKeyPair('ES256');
      const { client } = await owned();
      assertRefused(await byAssertion(await signed(privateKey, { subject: client.id })));
    });

    it('(25) gives a client with a key no secret beside it, and neither a public one', async () => {
      const { publicKey } = await generateKeyPair('ES256');
      const withKey = await owned({ jwks: { keys: [await exportJWK(publicKey)] } });
      const open = await owned({
        tokenEndpointAuthMethod: 'none',
        grantTypes: ['authorization_code'],
        redirectUris: ['https://idp.example/back'],
      });
      for (const { client } of [withKey, open]) {
        const { status, body } = await app.api.post(`/clients/${client.id}/secrets`);
        assert.equal(status, 400, JSON.stringify(body));
        assert.match(body.detail, /so it can't have a secret/);
        const { secrets } = (await app.api.get(`/clients/${client.id}`)).body;
        assert.deepEqual(secrets, []);
      }
    });

    it('(25) fetches keys from allowed hosts only', async () => {
      const directory = await app.api.makeDirectory();
      for (const jwksUri of [
        'https://keys.example/jwks',
        'http://login.microsoftonline.com/keys',
        'https://login.microsoftonline.com.evil.example/keys',
        'https://login.microsoftonline.com@evil.example/keys',
      ]) {
        const fields = { name: 'x', directoryId: directory.id, grantTypes: ['client_credentials'] };
        const { status, body } = await app.api.post('/clients', { ...fields, jwksUri });
        assert.deepEqual([status, body.code], [400, 'invalid_request'], jwksUri);
        const workloadIdentity = { issuer: 'https://i', subject: 's', audience: 'a', jwksUri };
        assert.equal((await app.api.post('/clients', { ...fields, workloadIdentity })).status, 400, jwksUri);
      }
    });

    async function withJwksUri(): Promise<{ client: OauthClient; assertion: () => Promise<string> }> {
      const { client } = await owned({ jwksUri: entra.jwksUri });
      const assertion = () =>
        entra.assertion({
          issuer: client.id,
          subject: client.id,
          audience: `${app.url}/oauth/token`,
          now: app.clock.now(),
          seconds: 300,
        });
      return { client, assertion };
    }

    it('(25) fetches the keys at a JWKS URL once, again when a new key shows up, and keeps them through an outage', async () => {
      const { assertion } = await withJwksUri();
      app.clock.advance(HOUR);
      assertAccepted(await byAssertion(await assertion()));
      const fetched = entra.fetches();
      for (let turn = 0; turn < 10; turn++) assertAccepted(await byAssertion(await assertion()));
      assert.equal(entra.fetches(), fetched, 'kept');
      await entra.rotateKey();
      app.clock.advance(MINUTE);
      assertAccepted(await byAssertion(await assertion()));
      assert.equal(entra.fetches(), fetched + 1, 'asked again for the new key');
      entra.fail(true);
      try {
        app.clock.advance(3 * HOUR);
        assertAccepted(await byAssertion(await assertion()));
        app.clock.advance(30 * 24 * HOUR);
        assertAccepted(await byAssertion(await assertion()));
        assert.ok(entra.fetches() > fetched + 1, 'it was tried');
      } finally {
        entra.fail(false);
      }
    });

    it('(25) answers 503, not invalid_client, when keys that were never fetched cannot be fetched', async () => {
      const stranger = await startEntraIssuer();
      const other = await startApp({ databaseUrl: place.url, fetch: stranger.fetch, clock: app.clock });
      try {
        stranger.fail(true);
        const directory = await other.api.makeDirectory();
        const fields = { directoryId: directory.id, grantTypes: ['client_credentials'], jwksUri: stranger.jwksUri };
        const client = await makeClient(other, fields);
        const response = await fetch(`${other.url}/oauth/token`, {
          method: 'POST',
          body: new URLSearchParams({
            ...CLIENT_CREDENTIALS,
            client_assertion_type: ASSERTION_TYPE,
            client_assertion: await stranger.assertion({
              issuer: client.id,
              subject: client.id,
              audience: other.url,
              now: other.clock.now(),
            }),
          }),
        });
        assert.equal(response.status, 503);
        assert.equal(((await response.json()) as Answer).error, 'temporarily_unavailable');
        assert.match(response.headers.get('retry-after') ?? '', /^[1-9]\d*$/);
      } finally {
        await other.close();
        await stranger.close();
      }
    });

    it('(25) takes workload identities of Entra, each with its own issuer, subject and audience', async () => {
      const identity = { issuer: entra.issuer, subject: 'principal-1', audience: 'api://northwind' };
      const [one, two] = [
        await owned({ workloadIdentity: { ...identity, jwksUri: entra.jwksUri } }),
        await owned({ workloadIdentity: { ...identity, subject: 'principal-2', jwksUri: entra.jwksUri } }),
      ];
      const claims = { subject: 'principal-1', audience: 'api://northwind', now: app.clock.now() };
      const [status, body] = await byAssertion(await entra.assertion(claims));
      assert.equal(status, 200, JSON.stringify(body));
      assert.equal(await verified(app, one.directory.id, body.access_token), 200);
      assert.equal(await verified(app, two.directory.id, body.access_token), 401);
      const [, other] = await byAssertion(await entra.assertion({ ...claims, subject: 'principal-2' }));
      assert.equal(await verified(app, two.directory.id, other.access_token), 200);
      const same = await entra.assertion(claims);
      assertAccepted(await byAssertion(same, { client_id: one.client.id }));
      assertAccepted(await byAssertion(same));

      for (const subject of [7, { $ne: null }, ['principal-1'], null]) {
        assertRefused(await byAssertion(await entra.assertion({ ...claims, subject: subject as never })));
      }
      assertRefused(await byAssertion(await entra.assertion({ ...claims, subject: 'principal-3' })));
      assertRefused(await byAssertion(await entra.assertion({ ...claims, audience: 'api://other' })));
      assertRefused(await byAssertion(await entra.assertion({ ...claims, issuer: 'https://sts.example/' })));
      assertRefused(await byAssertion(same, { client_id: two.client.id }));
      const stranger = await startEntraIssuer();
      const forged = await stranger.assertion({ ...claims, issuer: entra.issuer });
      await stranger.close();
      assertRefused(await byAssertion(forged));
      const taken = await app.api.post('/clients', {
        name: 'x',
        directoryId: two.directory.id,
        grantTypes: ['client_credentials'],
        workloadIdentity: { ...identity, jwksUri: entra.jwksUri },
      });
      assert.deepEqual([taken.status, taken.body.code], [409, 'workload_taken']);
    });

    it('(26) takes either of two live secrets, and a secret no longer once it is taken away', async () => {
      const connected = await makeConnection(app);
      const { client, refreshToken } = connected;
      const path = `/clients/${client.id}/secrets`;
      const added = await app.api.post(path);
      assert.equal(added.status, 201);
      const renewed = { ...client, secret: added.body.clientSecret };
      assert.match(renewed.secret, /^scimcs_[0-9A-Za-z]{43}$/);
      assert.equal((await refresh(app, client, refreshToken)).status, 200);
      assert.equal((await refresh(app, renewed, refreshToken)).status, 200);
      const third = await app.api.post(path);
      assert.deepEqual([third.status, third.body.code], [409, 'secrets_full']);

      const [first] = client.client.secrets;
      assert.equal((await app.api.delete(`${path}/${first.id}`)).status, 204);
      assert.equal((await refresh(app, client, refreshToken)).status, 401);
      assert.equal((await refresh(app, renewed, refreshToken)).status, 200);
      assert.equal(await verified(app, connected.directory.id, connected.accessToken), 200, 'tokens go on');
      const last = await app.api.delete(`${path}/${added.body.secretId}`);
      assert.deepEqual([last.status, last.body.code], [409, 'last_secret']);
    });
  });
}
