/** Line 29 of what must hold for identity providers: the metadata says what is accepted, no more and no less. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { before, describe, it } from 'node:test';
import { exportJWK, SignJWT } from 'jose';
import * as oauth from 'oauth4webapi';
import type { Answer } from '../support/api.ts';
import { runApp } from '../support/app.ts';
import { createMovableClock } from '../support/clock.ts';
import { consentsAt } from '../support/consents.ts';
import { engines } from '../support/engines.ts';
import { createItContact, welcomeItContact } from '../support/it-contact.ts';
import { ask, exchange, introspect, makeClient, makeConnection, type OauthClient } from '../support/oauth-client.ts';
import { sendRaw } from '../support/raw-request.ts';

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';

for (const engine of engines) {
  describe(`discovery on ${engine.name}`, () => {
    const app = runApp({ engine, clock: createMovableClock(new Date().toISOString()) });
    let metadata: Answer;
    before(async () => {
      metadata = await (await fetch(`${app.url}/.well-known/oauth-authorization-server`)).json();
    });

    const { addressOf } = consentsAt(() => app);

    /** What the authorization endpoint says to a request: `page` for one that may be consented to, else the error. */
    async function answerTo(client: OauthClient, fields: Record<string, string>): Promise<string> {
      const page = await createItContact(app.url).browser.open(addressOf(client, fields));
      if (page.url.startsWith(`${app.url}/connect/`)) return 'page';
      const { searchParams, hash } = new URL(page.url);
      return searchParams.get('error') ?? new URLSearchParams(hash.slice(1)).get('error') ?? `${page.status}`;
    }

    describe('(29) the metadata', () => {
      it('(29) has these members, made of the public URL, and is read by a client that we did not write', async () => {
        assert.deepEqual(Object.keys(metadata).sort(), [
          'authorization_endpoint',
          'authorization_response_iss_parameter_supported',
          'code_challenge_methods_supported',
          'grant_types_supported',
          'introspection_endpoint',
          'introspection_endpoint_auth_methods_supported',
          'issuer',
          'jwks_uri',
          'response_modes_supported',
          'response_types_supported',
          'revocation_endpoint',
          'revocation_endpoint_auth_methods_supported',
          'revocation_endpoint_auth_signing_alg_values_supported',
          'scopes_supported',
          'token_endpoint',
          'token_endpoint_auth_methods_supported',
          'token_endpoint_auth_signing_alg_values_supported',
        ]);
        const issuer = new URL(app.url);
        const found = await oauth.processDiscoveryResponse(
          issuer,
          await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', [oauth.allowInsecureRequests]: true }),
        );
        assert.equal(found.token_endpoint, `${app.url}/oauth/token`);
        for (const [name, value] of Object.entries(metadata)) {
          if (/_(?:endpoint|uri)$/.test(name)) assert.ok(String(value).startsWith(`${app.url}/oauth/`), name);
        }
      });

      it('(29) is the same whatever host a request names, and is served at its own place only', async () => {
        const path = '/.well-known/oauth-authorization-server';
        const evil = await sendRaw(app.url, {
          path,
          headers: [
            ['X-Forwarded-Host', 'evil.example'],
            ['X-Forwarded-Proto', 'https'],
          ],
        });
        assert.deepEqual(evil.body, metadata);
        const other = await fetch(`${app.url.replace('127.0.0.1', 'localhost')}${path}`);
        assert.deepEqual(await other.json(), metadata);
        for (const absent of [
          '/.well-known/openid-configuration',
          '/oauth/.well-known/openid-configuration',
          '/oauth/userinfo',
          '/oauth/me',
          '/oauth/reg',
          '/oauth/session/end',
          '/oauth/device',
          '/oauth/request',
        ])
          assert.equal((await fetch(app.url + absent)).status, 404, absent);
      });

      it('(29) names endpoints that are there', async () => {
        for (const name of ['token_endpoint', 'revocation_endpoint', 'introspection_endpoint']) {
          const { status } = await fetch(metadata[name], { method: 'POST', body: new URLSearchParams() });
          assert.equal(status, 401, name);
        }
        const { keys } = (await (await fetch(metadata.jwks_uri)).json()) as Answer;
        assert.ok(keys.length >= 1);
        for (const key of keys) {
          for (const secret of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) assert.equal(key[secret], undefined);
        }
      });

      it('(29) lists exactly the response types and modes that are accepted', async () => {
        const client = await makeClient(app);
        const types = ['code', 'token', 'id_token', 'none', 'code token', 'code id_token', 'code id_token token'];
        for (const type of types) {
          const isListed = metadata.response_types_supported.includes(type);
          const answer = await answerTo(client, { response_type: type });
          assert.equal(answer, isListed ? 'page' : 'unsupported_response_type', type);
        }
        const modes = ['query', 'fragment', 'form_post', 'web_message', 'jwt', 'query.jwt', 'form_post.jwt'];
        for (const mode of modes) {
          const isListed = metadata.response_modes_supported.includes(mode);
          const answer = await answerTo(client, { response_mode: mode });
          if (isListed) assert.equal(answer, 'page', mode);
          else assert.match(answer, /^(?:invalid_request|unsupported_response_mode)$/, mode);
        }
      });

      it('(29) lists exactly the scopes and challenge methods that are accepted', async () => {
        const client = await makeClient(app);
        for (const scope of ['scim', 'scim.read', 'scim.write', 'openid', 'profile', 'admin']) {
          const isListed = metadata.scopes_supported.includes(scope);
          // OpenID clients send their own scopes along; alone they ask for the whole.
          const wanted = isListed || scope === 'openid' || scope === 'profile' ? 'page' : 'invalid_scope';
          assert.equal(await answerTo(client, { scope }), wanted, scope);
        }
        for (const method of ['S256', 'plain', 'S512']) {
          const isListed = metadata.code_challenge_methods_supported.includes(method);
          const answer = await answerTo(client, { code_challenge: CHALLENGE, code_challenge_method: method });
          assert.equal(answer, isListed ? 'page' : 'invalid_request', method);
        }
      });

      it('(29) lists exactly the grant types that are accepted', async () => {
        const directory = await app.api.makeDirectory();
        const client = await makeClient(app, {
          directoryId: directory.id,
          grantTypes: metadata.grant_types_supported,
        });
        const contact = await welcomeItContact(app.url, app.api, directory.organizationId);
        const code = (await contact.allow(addressOf(client))).searchParams.get('code') ?? '';
        const first = await exchange(app, client, code);
        assert.equal(first.status, 200, JSON.stringify(first.body));
        const requests: Record<string, Record<string, string>> = {
          refresh_token: { refresh_token: first.body.refresh_token },
          client_credentials: {},
          password: { username: 'a', password: 'b' },
          implicit: {},
          'urn:ietf:params:oauth:grant-type:jwt-bearer': { assertion: 'a.b.c' },
          'urn:ietf:params:oauth:grant-type:device_code': { device_code: 'x' },
          'urn:ietf:params:oauth:grant-type:token-exchange': { subject_token: 'x' },
          'urn:openid:params:grant-type:ciba': { auth_req_id: 'x' },
        };
        for (const [type, fields] of Object.entries(requests)) {
          const { status, body } = await ask(app, client, { grant_type: type, ...fields });
          if (metadata.grant_types_supported.includes(type))
            assert.equal(status, 200, `${type} ${JSON.stringify(body)}`);
          else assert.deepEqual([status, body.error], [400, 'unsupported_grant_type'], type);
        }
      });

      it('(29) lists exactly the client authentication that is accepted, at the token and revocation endpoints', async () => {
        const directory = await app.api.makeDirectory();
        const fields = { directoryId: directory.id, grantTypes: ['client_credentials'] };
        const grant = { grant_type: 'client_credentials' };
        const works: Record<string, () => Promise<number[]>> = {
          client_secret_basic: async () => {
            const client = await makeClient(app, fields);
            return Promise.all([
              ask(app, client, grant).then(({ status }) => status),
              ask(app, client, { token: 'x' }, { path: '/oauth/revoke' }).then(({ status }) => status),
            ]);
          },
          client_secret_post: async () => {
            const client = await makeClient(app, {
              directoryId: (await app.api.makeDirectory()).id,
              grantTypes: ['client_credentials'],
            });
            return Promise.all([
              ask(app, client, grant, { style: 'post' }).then(({ status }) => status),
              ask(app, client, { token: 'x' }, { style: 'post', path: '/oauth/revoke' }).then(({ status }) => status),
            ]);
          },
          private_key_jwt: async () =>
            Promise.all([assertWith('ES256', '/oauth/token'), assertWith('ES256', '/oauth/revoke')]),
          none: async () => {
            const client = await makeClient(app, { tokenEndpointAuthMethod: 'none' });
            const { status, body } = await exchange(app, client, 'unknown', {}, { style: 'none' });
            assert.deepEqual([status, body.error], [400, 'invalid_grant']);
            return [(await ask(app, client, { token: 'x' }, { style: 'none', path: '/oauth/revoke' })).status];
          },
        };
        assert.deepEqual(Object.keys(works).sort(), [...metadata.token_endpoint_auth_methods_supported].sort());
        assert.deepEqual(Object.keys(works).sort(), [...metadata.revocation_endpoint_auth_methods_supported].sort());
        for (const [method, work] of Object.entries(works))
          for (const status of await work()) assert.equal(status, 200, method);
        const { status } = await app.api.post('/clients', { name: 'x', tokenEndpointAuthMethod: 'client_secret_jwt' });
        assert.equal(status, 400);
      });

      /** An assertion of a client of its own, signed with a key of that kind. */
      async function assertWith(algorithm: string, path: '/oauth/token' | '/oauth/revoke'): Promise<number> {
        const { publicKey, privateKey } = keyPairOf(algorithm);
        const directory = await app.api.makeDirectory();
        const client = await makeClient(app, {
          directoryId: directory.id,
          grantTypes: ['client_credentials'],
          jwks: { keys: [{ ...(await exportJWK(publicKey)), kid: 'one' }] },
        });
        const at = Math.floor(app.clock.now().getTime() / 1000);
        const assertion = await new SignJWT({ jti: randomUUID() })
          .setProtectedHeader({ alg: algorithm, kid: 'one' })
          .setIssuer(client.id)
          .setSubject(client.id)
          .setAudience(app.url)
          .setIssuedAt(at)
          .setExpirationTime(at + 60)
          .sign(privateKey);
        const proof = { client_assertion_type: ASSERTION_TYPE, client_assertion: assertion };
        const body = path === '/oauth/token' ? { grant_type: 'client_credentials' } : { token: 'x' };
        const response = await fetch(app.url + path, {
          method: 'POST',
          body: new URLSearchParams({ ...body, ...proof }),
        });
        await response.arrayBuffer();
        return response.status;
      }

      it('(29) lists exactly the signatures of assertions that are accepted', async () => {
        const listed = metadata.token_endpoint_auth_signing_alg_values_supported as string[];
        assert.deepEqual(metadata.revocation_endpoint_auth_signing_alg_values_supported, listed);
        for (const algorithm of listed) assert.equal(await assertWith(algorithm, '/oauth/token'), 200, algorithm);
        const client = await makeClient(app);
        const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
        const at = Math.floor(app.clock.now().getTime() / 1000);
        const claims = { iss: client.id, sub: client.id, aud: app.url, exp: at + 60, jti: randomUUID() };
        const unsigned = `${part({ alg: 'none' })}.${part(claims)}.`;
        const keyed = await new SignJWT(claims)
          .setProtectedHeader({ alg: 'HS256' })
          .sign(Buffer.from(client.secret.padEnd(32, '.')));
        for (const assertion of [unsigned, keyed]) {
          const response = await fetch(`${app.url}/oauth/token`, {
            method: 'POST',
            body: new URLSearchParams({
              grant_type: 'refresh_token',
              refresh_token: 'x',
              client_assertion_type: ASSERTION_TYPE,
              client_assertion: assertion,
            }),
          });
          assert.deepEqual([response.status, ((await response.json()) as Answer).error], [401, 'invalid_client']);
        }
      });

      it('(29) lists exactly the ways to authenticate at the introspection endpoint', async () => {
        const { body } = await app.api.post('/api-keys', { name: 'SCIM server', role: 'introspect' });
        const { apiKey, key } = body;
        const headers: Record<string, string> = {
          Bearer: `Bearer ${key}`,
          client_secret_basic: `Basic ${Buffer.from(`${apiKey.id}:${key}`).toString('base64')}`,
        };
        assert.deepEqual(
          ['client_secret_post', ...Object.keys(headers)].sort(),
          [...metadata.introspection_endpoint_auth_methods_supported].sort(),
        );
        const attempt = async (authorization: string, fields: Record<string, string> = {}) =>
          (
            await fetch(metadata.introspection_endpoint, {
              method: 'POST',
              headers: authorization ? { authorization } : {},
              body: new URLSearchParams({ token: 'x', ...fields }),
            })
          ).status;
        for (const [method, header] of Object.entries(headers)) assert.equal(await attempt(header), 200, method);
        assert.equal(await attempt('', { client_id: apiKey.id, client_secret: key }), 200);
        assert.equal(await attempt('', { client_id: 'key_other', client_secret: key }), 401);
        const client = await makeClient(app);
        assert.equal(await attempt(`Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}`), 401);
      });

      it('(29) of each SCIM endpoint (RFC 9728) is found from its challenge and leads to the authorization server', async () => {
        const { directory, accessToken } = await makeConnection(app);
        const refused = await fetch(`${app.url}/scim/v2/${directory.endpointKey}/Users`);
        assert.equal(refused.status, 401);
        const address = /resource_metadata="([^"]+)"/.exec(refused.headers.get('www-authenticate') ?? '')?.[1] ?? '';
        const resource = new URL(directory.endpointUrl);
        const server = await oauth.processResourceDiscoveryResponse(
          resource,
          await oauth.resourceDiscoveryRequest(resource, { [oauth.allowInsecureRequests]: true }),
        );
        assert.deepEqual(server, await (await fetch(address)).json());
        assert.deepEqual(server.authorization_servers, [metadata.issuer]);
        assert.deepEqual(server.scopes_supported, metadata.scopes_supported);
        assert.deepEqual(server.bearer_methods_supported, ['header']);
        assert.equal((await introspect(app, accessToken)).aud, server.resource);
      });
    });
  });
}

interface KeyPair {
  publicKey: KeyObject;
  privateKey: KeyObject;
}

const CURVES: Record<string, string> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };
let rsa: KeyPair | undefined;

/** One RSA key serves all its algorithms: making one takes long. */
function keyPairOf(algorithm: string): KeyPair {
  if (algorithm === 'EdDSA') return generateKeyPairSync('ed25519');
  const namedCurve = CURVES[algorithm];
  if (namedCurve !== undefined) return generateKeyPairSync('ec', { namedCurve });
  rsa ??= generateKeyPairSync('rsa', { modulusLength: 2048 });
  return rsa;
}
