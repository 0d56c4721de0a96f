/** Invariant 8: tenants are walls. Two customers of one vendor; whatever one of them holds gets it nothing of the other. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { type Answer, type Api, createApi, type Reply } from '../support/api.ts';
import { runApp } from '../support/app.ts';
import { bothEngines } from '../support/engines.ts';

interface Tenant {
  organization: Answer;
  directory: Answer;
  credential: Answer;
  token: string;
  apiKey: Answer;
  key: string;
  api: Api;
}

/** What an operation needs to get as far as looking for the thing it is about. */
const BODIES: Record<string, unknown> = {
  'post /directories/{id}/rotate': { mode: 'overlap' },
  'post /directories/{id}/credentials/import': { token: 'imported-across-k9Xq2Zm8Rw4Vb7TnJ5' },
  'post /directories/{id}/connections': { clientId: 'client_00000000000000000000' },
  'post /directories/{id}/connections/import': {
    clientId: 'client_00000000000000000000',
    refreshToken: 'imported-k9Xq2Zm8Rw4Vb7TnJ5',
  },
  'post /webhooks/{id}/resend-failed': { since: '2026-01-01T00:00:00Z' },
  'post /credentials/{id}/review': { decision: 'end' },
  'patch /organizations/{id}': { name: 'taken over' },
  'patch /organizations/{id}/notification-settings': { endingDays: [30] },
  'patch /directories/{id}': { name: 'taken over' },
  'patch /credentials/{id}': { label: 'taken over' },
};

/** What a key that is limited to one organization may never do, whatever the ID: 403 tells it no more of one ID than of another. */
const NEVER_THEIRS = /^(?:delete \/organizations\/\{id\}|\w+ \/(?:operators|campaigns)\/.*)$/;

for (const engine of bothEngines) {
  describe(`invariant 8: tenants are walls, on ${engine.name}`, () => {
    const app = runApp({ engine });
    let theirs: Tenant;
    let mine: Tenant;

    async function makeTenant(name: string): Promise<Tenant> {
      const { body: organization } = await app.api.post('/organizations', { name, externalId: `external-${name}` });
      const organizationId = organization.id;
      const directory = await app.api.makeDirectory({
        organizationId,
        name: `directory of ${name}`,
        endpointKey: name,
      });
      const { credential, token } = await app.api.issue(directory.id, { label: `label of ${name}` });
      const { body } = await app.api.post('/api-keys', { name: `key of ${name}`, role: 'owner', organizationId });
      return {
        organization,
        directory,
        credential,
        token,
        apiKey: body.apiKey,
        key: body.key,
        api: createApi(app.url, body.key),
      };
    }

    before(async () => {
      theirs = await makeTenant('tailspin');
      mine = await makeTenant('contoso');
      // Something of theirs to be found in events: a refusal too.
      await verify(theirs.directory.endpointKey, 'scim_damaged');
    });

    async function verify(directory: string, token: string): Promise<number> {
      const { status } = await fetch(`${app.url}/auth/verify?directory=${directory}`, {
        headers: { authorization: `Bearer ${token}` },
      });
      return status;
    }

    /** Nothing that belongs to them alone: ids, names, endpoint, label. */
    function assertNothingOfTheirs(reply: Reply, asked = ''): void {
      const text = JSON.stringify(reply.body).replaceAll(asked === '' ? '\0' : asked, '');
      const { organization, directory, credential, apiKey } = theirs;
      for (const secret of [organization.id, directory.id, credential.id, apiKey.id, 'tailspin'])
        assert.ok(!text.includes(secret), `${secret} in ${text.slice(0, 500)}`);
    }

    it('refuses the token of one directory at every other, of another organization and of the same', async () => {
      const sibling = await app.api.makeDirectory({ organizationId: theirs.organization.id });
      for (const other of [mine.directory, sibling]) {
        for (const reference of [other.endpointKey, other.id]) assert.equal(await verify(reference, theirs.token), 401);
        const gateway = await fetch(`${other.endpointUrl}/Users`, {
          headers: { authorization: `Bearer ${theirs.token}` },
        });
        assert.equal(gateway.status, 401);
        const { body } = await app.api.get(`/events?directoryId=${other.id}&type=request.denied`);
        assert.ok(body.items.length >= 2);
        for (const { data } of body.items) assert.equal(data.reason, 'wrong_directory');
      }
      assert.equal(await verify(theirs.directory.id, theirs.token), 200);
      const seen = await mine.api.get('/events?type=request.denied');
      for (const { credentialId } of seen.body.items) assert.notEqual(credentialId, theirs.credential.id);
    });

    it('answers ids of another organization by every route as it answers ids that nobody has', async () => {
      const document = (await (await fetch(`${app.url}/api/openapi.json`)).json()) as {
        paths: Record<string, Record<string, unknown>>;
      };
      const ids = [theirs.organization.id, theirs.directory.id, theirs.credential.id, theirs.apiKey.id];
      let tried = 0;
      const wrong: string[] = [];
      for (const [path, operations] of Object.entries(document.paths)) {
        const bare = path.replace(/^\/api\/v1/, '');
        if (!bare.includes('{id}')) continue;
        for (const method of Object.keys(operations)) {
          if (!['get', 'post', 'patch', 'delete', 'put'].includes(method)) continue;
          const call = async (id: string) => {
            const body = BODIES[`${method} ${bare}`] ?? (method === 'get' || method === 'delete' ? undefined : {});
            const response = await fetch(`${app.url}/api/v1${bare.replace('{id}', id)}`, {
              method: method.toUpperCase(),
              headers: { authorization: `Bearer ${mine.key}`, 'content-type': 'application/json' },
              ...(body !== undefined && { body: JSON.stringify(body) }),
            });
            const { requestId: _requestId, ...problem } = (await response.json()) as Answer;
            return { status: response.status, text: JSON.stringify(problem).replaceAll(id, 'ID') };
          };
          for (const id of ids) {
            const answer = await call(id);
            const wanted = NEVER_THEIRS.test(`${method} ${bare}`) ? 403 : 404;
            if (answer.status !== wanted) wrong.push(`${answer.status} ${method} ${bare}: ${answer.text}`);
            const absent = `${id.split('_')[0]}_${'0'.repeat(20)}`;
            assert.deepEqual(answer, await call(absent), `${method} ${bare} tells ${id} from an absent one`);
            tried++;
          }
        }
      }
      assert.deepEqual([...new Set(wrong)], []);
      assert.ok(tried >= 60, `${tried} calls`);
      const { body } = await app.api.get(`/credentials/${theirs.credential.id}`);
      assert.equal(body.state, 'active');
      assert.equal((await app.api.get(`/directories/${theirs.directory.id}`)).body.name, 'directory of tailspin');
    });

    it('shows nothing of another organization in lists, filters and cursors', async () => {
      const cursorOf = async (path: string) => {
        const { body } = await app.api.get(`${path}?limit=1`);
        return encodeURIComponent(body.nextCursor);
      };
      const event = (await app.api.get(`/events?organizationId=${theirs.organization.id}&limit=1`)).body.items[0];
      const lists = [
        '/organizations?limit=200',
        `/organizations?externalId=external-tailspin`,
        `/organizations?after=${await cursorOf('/organizations')}`,
        '/directories?limit=200',
        `/directories?after=${await cursorOf('/directories')}`,
        '/api-keys?limit=200',
        `/api-keys?after=${await cursorOf('/api-keys')}`,
        '/events?limit=200',
        `/events?after=${await cursorOf('/events')}`,
        `/events?directoryId=${theirs.directory.id}`,
        `/events?credentialId=${theirs.credential.id}`,
        `/events?requestId=${event.requestId}`,
        `/events?actorId=${theirs.apiKey.id}`,
      ];
      for (const path of lists) {
        const reply = await mine.api.get(path);
        assert.equal(reply.status, 200, path);
        assertNothingOfTheirs(reply);
      }
      for (const path of ['/directories', '/events']) {
        const reply = await mine.api.get(`${path}?organizationId=${theirs.organization.id}`);
        assert.equal(reply.status, 404);
        assertNothingOfTheirs(reply, theirs.organization.id);
      }
      assert.ok((await mine.api.get('/events')).body.items.length > 0);
      assert.equal((await mine.api.get('/organizations')).body.items.length, 1);
    });

    it('makes nothing in another organization, and nothing wider than itself', async () => {
      const organizationId = theirs.organization.id;
      const attempts: [path: string, body: unknown, status: number][] = [
        ['/directories', { organizationId, name: 'foothold' }, 404],
        ['/api-keys', { name: 'foothold', role: 'viewer', organizationId }, 404],
        ['/api-keys', { name: 'wider', role: 'viewer' }, 403],
        ['/organizations', { name: 'another one' }, 403],
      ];
      for (const [path, body, status] of attempts) {
        const reply = await mine.api.post(path, body);
        assert.equal(reply.status, status, `${path} ${JSON.stringify(body)}`);
        assertNothingOfTheirs(reply, organizationId);
      }
    });

    it('tells no more of a value that exists elsewhere than that it may not have it', async () => {
      const reply = await mine.api.post(`/directories/${mine.directory.id}/credentials/import`, {
        token: theirs.token,
      });
      assert.equal(reply.status, 409);
      assert.equal(reply.body.code, 'credential_exists');
      assertNothingOfTheirs(reply);
    });

    it('does not let a limited key guess the external ids of other organizations', async () => {
      const path = `/organizations/${mine.organization.id}`;
      const taken = await mine.api.patch(path, { externalId: 'external-tailspin' });
      const free = await mine.api.patch(path, { externalId: 'external-free' });
      assert.equal(taken.status, free.status);
      assert.equal(taken.body.code, free.body.code);
      assertNothingOfTheirs(taken, 'external-tailspin');
      assert.equal((await mine.api.patch(path, { name: 'contoso' })).status, 200);
    });

    it('names only the holders of the directory itself when its slots are full', async () => {
      await mine.api.issue(mine.directory.id);
      const reply = await mine.api.post(`/directories/${mine.directory.id}/credentials`, {});
      assert.equal(reply.status, 409);
      assert.equal(reply.body.holders.length, 2);
      assertNothingOfTheirs(reply);
    });

    it('introspects a token of another organization as it does one that does not exist', async () => {
      const ask = async (key: string, token: string) => {
        const response = await fetch(`${app.url}/oauth/introspect`, {
          method: 'POST',
          headers: { authorization: `Bearer ${key}` },
          body: new URLSearchParams({ token }),
        });
        return { status: response.status, text: await response.text() };
      };
      const crossed = await ask(mine.key, theirs.token);
      assert.deepEqual(crossed, { status: 200, text: '{"active":false}' });
      assert.deepEqual(crossed, await ask(mine.key, 'scim_00000000000000000000000000000000000000'));
      assert.match((await ask(mine.key, mine.token)).text, /"active":true/);
      assert.match((await ask(theirs.key, theirs.token)).text, /"active":true/);
    });

    it('keeps replays of one API key from another', async () => {
      const headers = { 'idempotency-key': 'the-same-for-both' };
      const body = { name: 'made once', organizationId: theirs.organization.id };
      const first = await theirs.api.post('/directories', body, headers);
      assert.equal(first.status, 201);
      const second = await mine.api.post('/directories', body, headers);
      assert.equal(second.status, 404);
      assertNothingOfTheirs(second, theirs.organization.id);
    });
  });
}
