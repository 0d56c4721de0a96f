/** Lines 1 to 9 of what must hold for identity providers, for access tokens: how they are presented, and what comes back. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { createMovableClock } from '../support/clock.ts';
import { engines, type Place } from '../support/engines.ts';
import { createFaultyStorage, REFUSING } from '../support/faulty-storage.ts';
import { type Connected, eventsOf, makeConnection, verified } from '../support/oauth-client.ts';
import { type RawReply, sendRaw } from '../support/raw-request.ts';
import { startScimServer } from '../support/scim-server.ts';
import { inSuite } from '../support/suite.ts';

const FAILURES = 40;

for (const engine of engines) {
  describe(`access tokens as they are presented, on ${engine.name}`, () => {
    let place: Place;
    let app: TestApp;
    const server = inSuite(startScimServer);
    let connection: Connected;
    let path: string;
    const faulty = createFaultyStorage();
    before(async () => {
      place = engine.place();
      app = await startApp({
        databaseUrl: place.url,
        clock: createMovableClock(new Date().toISOString()),
        wrapStorage: faulty.wrap,
        env: { LATCHKEY_FAILURES_PER_ADDRESS: '1000', LATCHKEY_FAILURES_PER_DIRECTORY: `${FAILURES}` },
      });
      connection = await connect();
      path = pathOf(connection);
    });
    after(async () => {
      await app.close();
      await place.remove();
    });

    async function connect(): Promise<Connected> {
      const made = await makeConnection(app);
      await app.api.patch(`/directories/${made.directory.id}`, { upstreamUrl: server.url });
      return made;
    }
    const pathOf = ({ directory }: Connected) => `/scim/v2/${directory.endpointKey}/Users`;
    const present = (authorization: string, name = 'Authorization', to = path): Promise<RawReply> =>
      sendRaw(app.url, { path: to, headers: [[name, authorization]] });

    /** Tokens have no checksum, so a damaged one is another one. */
    function assertRefused({ status, headers, body, text }: RawReply): void {
      assert.equal(status, 401, text);
      assert.match(String(headers['content-type']), /^application\/scim\+json/);
      assert.deepEqual(body.schemas, ['urn:ietf:params:scim:api:messages:2.0:Error']);
      assert.equal(body.status, '401');
      assert.match(String(headers['www-authenticate']), /^Bearer realm="scim", resource_metadata="[^"]+"/);
    }

    it('(1) accepts any case of scheme and header, and blanks around', async () => {
      const { accessToken: token } = connection;
      for (const value of [
        `Bearer ${token}`,
        `bearer ${token}`,
        `BEARER ${token}`,
        `Bearer   ${token}  `,
        `\tBearer\t${token}`,
      ])
        assert.equal((await present(value)).status, 200, JSON.stringify(value));
      for (const name of ['authorization', 'AUTHORIZATION', 'aUthOrization'])
        assert.equal((await present(`Bearer ${token}`, name)).status, 200, name);
    });

    it('(2) accepts the bare token, and refuses other schemes', async () => {
      const { accessToken: token } = connection;
      assert.equal((await present(token)).status, 200);
      for (const scheme of ['Token', 'Basic', 'SSWS', 'Negotiate', 'Bearer,'])
        assertRefused(await present(`${scheme} ${token}`));
    });

    it('(2) accepts the scheme twice where the token has our shape', async () => {
      const { accessToken: token } = connection;
      assert.equal((await present(`Bearer Bearer ${token}`)).status, 200);
      assert.equal((await present(`Bearer bearer ${token}`)).status, 200);
      assertRefused(await present(`Bearer Bearer ${token.slice(0, -1)}`));
      assertRefused(await present('Bearer Bearer something-else'));
      assertRefused(await present(`Bearer Bearer Bearer ${token}`));
    });

    it('(3) refuses inner blanks and strange characters as malformed, and fails on nothing', async () => {
      const { accessToken: token } = connection;
      const [head, tail] = [token.slice(0, 20), token.slice(20)];
      const values = [
        `${head} ${tail}`,
        `${head}\t${tail}`,
        `${head}\u00a0${tail}`,
        `${head}\u00ad${tail}`,
        `${token},${token}`,
        `${token} ${token}`,
      ];
      for (const value of values) assertRefused(await present(`Bearer ${value}`));
      // A header is bytes to Node: what is beyond Latin-1 arrives as the bytes of its UTF-8.
      const zeroWidth = Buffer.from(`${head}\u200b${tail}`).toString('latin1');
      assertRefused(await present(`Bearer ${zeroWidth}`));
      assertRefused(await present(`Bearer ${token}${'x'.repeat(5000)}`));
      const reasons = (await eventsOf(app, 'request.denied')).map(({ data }) => data.reason);
      assert.ok(reasons.includes('malformed'), reasons.join());
    });

    it('(4) challenges as RFC 6750 says, with an error only where a token was presented', async () => {
      const none = await sendRaw(app.url, { path });
      assertRefused(none);
      assert.doesNotMatch(String(none.headers['www-authenticate']), /error=/);
      const wrong = await present(`Bearer scimat_${'a'.repeat(43)}`);
      assertRefused(wrong);
      assert.match(String(wrong.headers['www-authenticate']), /error="invalid_token"/);
    });

    it('(4) tells an access token that is over from one that never was, to the operator alone', async () => {
      const own = await connect();
      assert.equal(await verified(app, own.directory.id, own.accessToken), 200);
      app.clock.advance(3_600_000);
      const late = await present(`Bearer ${own.accessToken}`, 'Authorization', pathOf(own));
      assertRefused(late);
      const unknown = await present(`Bearer scimat_${'b'.repeat(43)}`, 'Authorization', pathOf(own));
      const strip = ({ text }: RawReply) => text.replace(/Request ID: [\w-]+/, '');
      assert.equal(strip(late), strip(unknown));
      const told = (await eventsOf(app, 'request.denied')).filter(
        ({ directoryId }) => directoryId === own.directory.id,
      );
      assert.deepEqual(told.map(({ data }) => data.reason).sort(), ['expired', 'unknown']);
      connection = await connect();
      path = pathOf(connection);
    });

    it('(5) refuses a token in the query string or the body, and does not log it', async () => {
      const { accessToken: token } = await connect();
      assertRefused(await sendRaw(app.url, { path: `${path}?access_token=${token}` }));
      const inBody = await sendRaw(app.url, {
        method: 'POST',
        path,
        headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
        body: `access_token=${token}`,
      });
      assertRefused(inBody);
      assert.ok(!app.log().includes(token));
      assert.ok(!JSON.stringify(await eventsOf(app, 'request.denied')).includes(token));
    });

    it("(6) refuses one directory's token at another's address, within an organization too", async () => {
      const { organizationId } = connection.directory;
      const sibling = await app.api.makeDirectory({ organizationId, upstreamUrl: server.url });
      const stranger = await app.api.makeDirectory({ upstreamUrl: server.url });
      for (const other of [sibling, stranger]) {
        const to = `/scim/v2/${other.endpointKey}/Users`;
        assertRefused(await present(`Bearer ${connection.accessToken}`, 'Authorization', to));
        assert.equal(await verified(app, other.id, connection.accessToken), 401);
      }
      assert.equal((await present(`Bearer ${connection.accessToken}`)).status, 200);
    });

    it('(7) answers 503 with an integer Retry-After while the store is out, and is well afterwards', async () => {
      const own = await connect();
      faulty.failAll(REFUSING);
      try {
        for (const token of [own.accessToken, `scimat_${'c'.repeat(43)}`]) {
          const reply = await present(`Bearer ${token}`, 'Authorization', pathOf(own));
          assert.equal(reply.status, 503, reply.text);
          assert.match(String(reply.headers['retry-after']), /^[1-9]\d*$/);
          assert.equal(reply.headers['www-authenticate'], undefined);
        }
      } finally {
        faulty.failAll(null);
      }
      assert.equal((await present(`Bearer ${own.accessToken}`, 'Authorization', pathOf(own))).status, 200);
    });

    it('(8) lets a valid token through however many others were refused, and 30 requests a second', async () => {
      const own = await connect();
      const attempts = Array.from({ length: FAILURES + 10 }, (_, index) =>
        present(`Bearer scimat_${`${index}`.padStart(43, 'd')}`, 'Authorization', pathOf(own)),
      );
      const refused = await Promise.all(attempts);
      const limited = refused.filter(({ status }) => status === 429);
      assert.ok(limited.length > 0);
      for (const { headers } of limited) assert.match(String(headers['retry-after']), /^[1-9]\d*$/);
      const valid = Array.from({ length: 30 }, () =>
        present(`Bearer ${own.accessToken}`, 'Authorization', pathOf(own)),
      );
      for (const { status, text } of await Promise.all(valid)) assert.equal(status, 200, text);
    });

    it("(9) passes Entra's and JumpCloud's connection tests", async () => {
      const own = await connect();
      const scim = async (method: string, to: string, body?: unknown): Promise<{ status: number; body: Answer }> => {
        const response = await fetch(own.directory.endpointUrl + to, {
          method,
          headers: { authorization: `Bearer ${own.accessToken}`, 'content-type': 'application/scim+json' },
          ...(body !== undefined && { body: JSON.stringify(body) }),
        });
        const text = await response.text();
        return { status: response.status, body: text === '' ? null : JSON.parse(text) };
      };
      for (const [kind, attribute] of Object.entries({ Users: 'userName', Groups: 'displayName' })) {
        const filter = encodeURIComponent(`${attribute} eq "${randomUUID()}"`);
        const { status, body } = await scim('GET', `/${kind}?filter=${filter}`);
        assert.deepEqual([status, body.totalResults], [200, 0], kind);
      }
      const user = {
        schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'],
        userName: `${randomUUID()}@jumpcloud.test`,
      };
      const group = { schemas: ['urn:ietf:params:scim:schemas:core:2.0:Group'], displayName: randomUUID() };
      for (const [kind, thing] of Object.entries({ Users: user, Groups: group })) {
        const made = await scim('POST', `/${kind}`, thing);
        assert.equal(made.status, 201, JSON.stringify(made.body));
        assert.equal((await scim('GET', `/${kind}/${made.body.id}`)).status, 200);
        assert.equal((await scim('PUT', `/${kind}/${made.body.id}`, thing)).status, 200);
        assert.equal((await scim('DELETE', `/${kind}/${made.body.id}`)).status, 204);
      }
    });
  });
}
