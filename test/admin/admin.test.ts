import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Answer, Reply } from '../support/api.ts';
import { runApp, startApp } from '../support/app.ts';
import { HOUR, SECOND } from '../support/clock.ts';
import { engines } from '../support/engines.ts';

for (const engine of engines) {
  describe(`the admin API on ${engine.name}`, () => {
    const app = runApp({ engine });

    const makeKey = async (fields: Record<string, unknown>) => {
      const { status, body } = await app.api.post('/api-keys', { name: 'made by a test', ...fields });
      assert.equal(status, 201, JSON.stringify(body));
      return body as { apiKey: Answer; key: string };
    };
    const refused = (reply: Reply, status: number, code: string) => {
      assert.deepEqual([reply.status, reply.body.code], [status, code], JSON.stringify(reply.body));
      assert.match(reply.headers.get('content-type') ?? '', /^application\/problem\+json/);
      assert.equal(reply.body.requestId, reply.headers.get('x-request-id'));
      assert.equal(reply.body.status, status);
    };

    it('asks for an API key, and takes nothing else for one', async () => {
      for (const key of ['', 'x', 'lk_', 'lk_0000000000000000000000000000000000', `${app.ownerKey}0`]) {
        const answer = await app.api.as(key).get('/organizations');
        refused(answer, 401, 'unauthenticated');
        assert.equal(answer.headers.get('www-authenticate'), 'Bearer realm="latchkey"');
      }
    });

    it('lets each role do its part', async () => {
      const directory = await app.api.makeDirectory();
      const admin = app.api.as((await makeKey({ role: 'admin' })).key);
      const viewer = app.api.as((await makeKey({ role: 'viewer' })).key);
      const introspect = app.api.as((await makeKey({ role: 'introspect' })).key);
      assert.equal((await admin.post('/organizations', { name: 'A' })).status, 201);
      assert.equal((await admin.get('/api-keys')).status, 200);
      refused(await admin.post('/api-keys', { name: 'x', role: 'viewer' }), 403, 'forbidden');
      assert.equal((await viewer.get(`/directories/${directory.id}`)).status, 200);
      refused(await viewer.post('/organizations', { name: 'A' }), 403, 'forbidden');
      refused(await viewer.post(`/directories/${directory.id}/credentials`), 403, 'forbidden');
      refused(await viewer.get('/api-keys'), 403, 'forbidden');
      refused(await introspect.get('/organizations'), 403, 'forbidden');
    });

    it('shows an API key once, counts its use, and refuses it once revoked or past its end', async () => {
      const { apiKey, key } = await makeKey({
        role: 'viewer',
        expiresAt: new Date(app.clock.now().getTime() + HOUR).toISOString(),
      });
      assert.match(key, /^lk_[0-9A-Za-z]{38}$/);
      assert.equal((await app.api.as(key).get('/organizations')).status, 200);
      const shown = (await app.api.get(`/api-keys/${apiKey.id}`)).body;
      assert.deepEqual([shown.state, shown.hint, shown.lastUsedFrom.address], ['active', key.slice(-4), '127.0.0.1']);
      assert.equal(JSON.stringify(shown).includes(key), false);
      app.clock.advance(HOUR);
      refused(await app.api.as(key).get('/organizations'), 401, 'unauthenticated');
      assert.equal((await app.api.get(`/api-keys/${apiKey.id}`)).body.state, 'expired');
      const second = await makeKey({ role: 'viewer' });
      assert.equal((await app.api.as(second.key).get('/organizations')).status, 200);
      assert.equal((await app.api.post(`/api-keys/${second.apiKey.id}/revoke`)).body.state, 'revoked');
      refused(await app.api.as(second.key).get('/organizations'), 401, 'unauthenticated');
      const owner = (await app.api.get('/api-keys?limit=200')).body.items.find((item: Answer) => item.role === 'owner');
      refused(await app.api.post(`/api-keys/${owner.id}/revoke`), 409, 'last_owner_key');
    });

    it('limits a key to one organization: the others are to it as if they were not there', async () => {
      const own = await app.api.makeDirectory();
      const other = await app.api.makeDirectory();
      const issued = await app.api.issue(other.id);
      const { key } = await makeKey({ role: 'owner', organizationId: own.organizationId });
      const limited = app.api.as(key);
      assert.deepEqual(
        (await limited.get('/organizations')).body.items.map(({ id }: Answer) => id),
        [own.organizationId],
      );
      assert.deepEqual(
        (await limited.get('/directories')).body.items.map(({ id }: Answer) => id),
        [own.id],
      );
      assert.equal((await limited.post(`/directories/${own.id}/credentials`)).status, 201);
      for (const path of [
        `/organizations/${other.organizationId}`,
        `/directories/${other.id}`,
        `/directories/${other.id}/credentials`,
        `/credentials/${issued.credential.id}`,
        `/credentials/${issued.credential.id}/events`,
        `/events?organizationId=${other.organizationId}`,
        `/directories?organizationId=${other.organizationId}`,
      ]) {
        refused(await limited.get(path), 404, 'not_found');
      }
      refused(await limited.post(`/credentials/${issued.credential.id}/revoke`), 404, 'not_found');
      refused(await limited.post('/organizations', { name: 'mine' }), 403, 'forbidden');
      refused(await limited.post('/api-keys', { name: 'wider', role: 'viewer' }), 403, 'forbidden');
      refused(
        await limited.post('/api-keys', { name: 'x', role: 'viewer', organizationId: other.organizationId }),
        404,
        'not_found',
      );
      assert.equal(
        (await limited.post('/api-keys', { name: 'x', role: 'viewer', organizationId: own.organizationId })).status,
        201,
      );
      for (const event of (await limited.get('/events?limit=200')).body.items)
        assert.equal(event.organizationId, own.organizationId);
    });

    it('answers a repeated POST with the first answer, without the secret', async () => {
      const directory = await app.api.makeDirectory();
      const path = `/directories/${directory.id}/credentials`;
      const headers = { 'idempotency-key': 'first-try' };
      const first = await app.api.post(path, { label: 'x' }, headers);
      const second = await app.api.post(path, { label: 'x' }, headers);
      assert.equal(first.headers.get('idempotency-replayed'), null);
      assert.equal(second.headers.get('idempotency-replayed'), 'true');
      assert.equal(second.status, 201);
      const { token, ...rest } = first.body;
      assert.match(token, /^scim_/);
      assert.deepEqual(second.body, rest);
      refused(await app.api.post(path, { label: 'y' }, headers), 422, 'idempotency_key_reused');
      refused(
        await app.api.post('/organizations', { label: 'x' }, { 'idempotency-key': 'x'.repeat(256) }),
        400,
        'invalid_request',
      );
      const other = app.api.as((await makeKey({ role: 'admin' })).key);
      assert.equal((await other.post(path, { label: 'x' }, headers)).status, 201, 'keys are apart by API key');
      const full = await app.api.post(path, {}, { 'idempotency-key': 'full' });
      refused(full, 409, 'slots_full');
      const again = await app.api.post(path, {}, { 'idempotency-key': 'full' });
      assert.deepEqual(again.body, full.body);
      assert.equal(again.headers.get('idempotency-replayed'), 'true');
      app.clock.advance(25 * HOUR);
      refused(await app.api.post(path, {}, { 'idempotency-key': 'full' }), 409, 'slots_full');
    });

    it('runs a POST once however often it comes at the same time', async () => {
      const answers = await Promise.all(
        Array.from({ length: 20 }, () =>
          app.api.post('/organizations', { name: 'Once' }, { 'idempotency-key': 'at-once' }),
        ),
      );
      const made = answers.filter(({ status }) => status === 201);
      assert.ok(made.length >= 1);
      assert.equal(new Set(made.map(({ body }) => body.id)).size, 1);
      for (const { status, body } of answers)
        assert.ok(status === 201 || body.code === 'idempotency_in_progress', JSON.stringify(body));
    });

    it('pages through lists with a cursor, newest first', async () => {
      const organizationId = (await app.api.post('/organizations', { name: 'Many' })).body.id;
      const made: string[] = [];
      for (let index = 0; index < 5; index++) {
        app.clock.advance(SECOND);
        made.unshift((await app.api.makeDirectory({ organizationId, name: `D${index}` })).id);
      }
      const seen: string[] = [];
      let after = '';
      do {
        const { body } = await app.api.get(`/directories?organizationId=${organizationId}&limit=2${after}`);
        seen.push(...body.items.map(({ id }: Answer) => id));
        after = body.nextCursor === null ? '' : `&after=${encodeURIComponent(body.nextCursor)}`;
      } while (after !== '');
      assert.deepEqual(seen, made);
      refused(await app.api.get('/directories?after=nonsense'), 400, 'invalid_cursor');
      for (const query of ['limit=0', 'limit=201', 'limit=x', 'limit=1&limit=2', 'unknown=1'])
        refused(await app.api.get(`/directories?${query}`), 400, 'invalid_request');
    });

    it('names what was given and what is wanted, and never a secret', async () => {
      const answer = await app.api.post('/directories', {
        organizationId: 'org_x',
        name: '',
        provider: 'Okta',
        endpointKey: 'a_b',
        extra: 1,
      });
      refused(answer, 400, 'invalid_request');
      const byPath = Object.fromEntries(answer.body.errors.map((error: Answer) => [error.path, error]));
      assert.equal(byPath.provider.given, 'Okta');
      assert.match(byPath.provider.wanted, /"okta"\|"entra"/);
      assert.equal(byPath.endpointKey.given, 'a_b');
      assert.match(byPath.endpointKey.wanted, /letters, digits and hyphens/);
      assert.match(byPath.body.wanted, /extra/);
      refused(await app.api.post('/organizations', '{"name":'), 400, 'invalid_json');
      refused(
        await app.api.post('/organizations', '{"name":"x"}', { 'content-type': 'text/plain' }),
        415,
        'unsupported_media_type',
      );
      refused(
        await app.api.post('/organizations', JSON.stringify({ name: 'x'.repeat(300_000) })),
        413,
        'payload_too_large',
      );
      refused(
        await app.api.post('/organizations', '{"name":"x","__proto__":{"role":"owner"}}'),
        400,
        'invalid_request',
      );
      refused(await app.api.post('/organizations', { name: { $ne: null } }), 400, 'invalid_request');
      refused(await app.api.get('/nothing/here'), 404, 'not_found');
      const method = await app.api.delete('/api-keys');
      refused(method, 405, 'method_not_allowed');
      assert.equal(method.headers.get('allow'), 'POST, GET');
    });

    it('takes control characters in no text that is shown or sent to somebody', async () => {
      const { id: directoryId, organizationId } = await app.api.makeDirectory();
      for (const sign of ['\u0001', '\r\n', '\u0085']) {
        const text = `a${sign}b`;
        const email = `a${sign}b@contoso.example`;
        for (const [path, body, field] of [
          ['/organizations', { name: text }, 'name'],
          ['/organizations', { name: 'A', externalId: text }, 'externalId'],
          ['/operators', { name: 'A', email, role: 'viewer' }, 'email'],
          ['/contacts', { organizationId, name: 'A', email }, 'email'],
          [`/directories/${directoryId}/credentials`, { label: text }, 'label'],
        ] as const) {
          const { status, body: answer } = await app.api.post(path, body);
          assert.deepEqual([status, answer.errors?.[0]?.path], [400, field], JSON.stringify(answer));
        }
      }
    });

    it('changes organizations and directories, keeps keys unique and names what changed', async () => {
      const organization = (await app.api.post('/organizations', { name: 'Acme', externalId: 'crm-1' })).body;
      refused(await app.api.post('/organizations', { name: 'Other', externalId: 'crm-1' }), 409, 'external_id_taken');
      assert.deepEqual((await app.api.get('/organizations?externalId=crm-1')).body.items, [organization]);
      const renamed = await app.api.patch(`/organizations/${organization.id}`, { name: 'Acme Inc', externalId: null });
      assert.deepEqual([renamed.body.name, renamed.body.externalId], ['Acme Inc', null]);
      const directory = await app.api.makeDirectory({
        organizationId: organization.id,
        endpointKey: `acme-${engine.name}`,
      });
      assert.equal(directory.endpointUrl, `${app.url}/scim/v2/acme-${engine.name}`);
      refused(
        await app.api.post('/directories', {
          organizationId: organization.id,
          name: 'x',
          endpointKey: `acme-${engine.name}`,
        }),
        409,
        'endpoint_key_taken',
      );
      refused(await app.api.post('/directories', { organizationId: 'org_absent', name: 'x' }), 404, 'not_found');
      const changed = await app.api.patch(`/directories/${directory.id}`, {
        name: 'Okta EU',
        provider: 'entra',
        upstreamUrl: 'https://app.example.com/scim',
      });
      assert.deepEqual(
        [changed.body.name, changed.body.provider, changed.body.upstreamUrl],
        ['Okta EU', 'entra', 'https://app.example.com/scim'],
      );
      await app.api.issue(directory.id);
      refused(await app.api.patch(`/directories/${directory.id}`, { endpointKey: 'moved' }), 409, 'credentials_active');
      const moved = await app.api.patch(`/directories/${directory.id}`, {
        endpointKey: `moved-${engine.name}`,
        force: true,
      });
      assert.equal(moved.body.endpointKey, `moved-${engine.name}`);
      const { body } = await app.api.get(`/events?directoryId=${directory.id}&type=directory.*`);
      assert.deepEqual(
        body.items.map(({ type }: Answer) => type),
        ['directory.updated', 'directory.updated', 'directory.created'],
      );
      assert.deepEqual(body.items[1].data.changed, ['name', 'provider', 'upstreamUrl']);
    });

    it('deletes nothing that still works, unless it is forced', async () => {
      const directory = await app.api.makeDirectory();
      const { credential, token } = await app.api.issue(directory.id);
      refused(await app.api.delete(`/directories/${directory.id}`), 409, 'credentials_active');
      refused(await app.api.delete(`/organizations/${directory.organizationId}`), 409, 'credentials_active');
      assert.equal((await app.api.delete(`/organizations/${directory.organizationId}?force=true`)).status, 204);
      refused(await app.api.get(`/directories/${directory.id}`), 404, 'not_found');
      refused(await app.api.get(`/organizations/${directory.organizationId}`), 404, 'not_found');
      assert.equal((await app.api.get(`/credentials/${credential.id}`)).body.state, 'revoked');
      const asked = await fetch(`${directory.endpointUrl}/Users`, { headers: { authorization: `Bearer ${token}` } });
      assert.equal(asked.status, 401);
      const { body } = await app.api.get(`/events?organizationId=${directory.organizationId}`);
      const types = body.items.map(({ type }: Answer) => type);
      for (const type of ['organization.deleted', 'directory.deleted', 'credential.revoked'])
        assert.ok(types.includes(type), type);
      const empty = await app.api.makeDirectory();
      assert.equal((await app.api.delete(`/directories/${empty.id}`)).status, 204);
      assert.equal((await app.api.delete(`/organizations/${empty.organizationId}`)).status, 204);
    });

    it('finds a directory by its endpointKey, for those who may see it', async () => {
      const directory = await app.api.makeDirectory();
      const find = async (endpointKey: string, more = '') => {
        const { status, body } = await app.api.get(`/directories?endpointKey=${endpointKey}${more}`);
        assert.equal(status, 200);
        return body.items.map(({ id }: { id: string }) => id);
      };
      assert.deepEqual(await find(directory.endpointKey), [directory.id]);
      assert.deepEqual(await find(directory.endpointKey, `&organizationId=${directory.organizationId}`), [
        directory.id,
      ]);
      for (const key of ['nobody-has-this', directory.id, '$ne', `${directory.endpointKey}x`])
        assert.deepEqual(await find(key), [], key);
      const { body: other } = await app.api.post('/organizations', { name: 'Contoso' });
      const limited = await app.api.post('/api-keys', { name: 'x', role: 'admin', organizationId: other.id });
      const reply = await app.api.as(limited.body.key).get(`/directories?endpointKey=${directory.endpointKey}`);
      assert.deepEqual(reply.body.items, []);
    });

    it('makes operators who sign in by a link, and lets only owners of all organizations do so', async () => {
      await app.api.post('/operators', { name: 'Another owner', role: 'owner' });
      const { status, body } = await app.api.post('/operators', {
        name: 'Ada',
        email: 'Ada@Vendor.example',
        role: 'owner',
      });
      assert.deepEqual([status, body.operator.email, body.operator.signsInBy], [201, 'ada@vendor.example', 'link']);
      assert.equal((await fetch(body.url)).status, 200);
      const { url: newer } = (await app.api.post(`/operators/${body.operator.id}/sign-in-links`)).body;
      assert.deepEqual([(await fetch(body.url)).status, (await fetch(newer)).status], [410, 200]);
      refused(
        await app.api.post('/operators', { name: 'x', email: 'ada@vendor.example', role: 'viewer' }),
        409,
        'email_taken',
      );
      refused(
        await app.api.post('/operators', { name: 'x', email: 'no address', role: 'viewer' }),
        400,
        'invalid_request',
      );
      await app.api.post(`/operators/${body.operator.id}/disable`);
      assert.equal((await fetch(newer)).status, 410);
      const { organizationId } = await app.api.makeDirectory();
      for (const key of [{ role: 'admin' }, { role: 'viewer' }, { role: 'owner', organizationId }]) {
        const other = app.api.as((await makeKey(key)).key);
        refused(await other.get('/operators'), 403, 'forbidden');
        refused(await other.post('/operators', { name: 'x', role: 'owner' }), 403, 'forbidden');
        refused(await other.post(`/operators/${body.operator.id}/sign-in-links`), 403, 'forbidden');
      }
    });

    it('says so when a period of the audit trail ends before it begins', async () => {
      const { status, body } = await app.api.get('/events?from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z');
      assert.deepEqual([status, body.code, body.errors[0].path], [400, 'invalid_request', 'from']);
    });

    it('filters the audit trail by type, family, time, subject and request', async () => {
      const directory = await app.api.makeDirectory();
      app.clock.advance(SECOND);
      const from = app.clock.now().toISOString();
      const { credential } = await app.api.issue(directory.id);
      app.clock.advance(SECOND);
      const revoked = await app.api.post(`/credentials/${credential.id}/revoke`);
      const list = async (query: string): Promise<string[]> =>
        (await app.api.get(`/events?directoryId=${directory.id}&${query}`)).body.items.map(({ type }: Answer) => type);
      assert.deepEqual(await list('type=credential.*'), ['credential.revoked', 'credential.issued']);
      assert.deepEqual(await list('type=credential.issued,directory.created'), [
        'credential.issued',
        'directory.created',
      ]);
      assert.deepEqual(await list(`from=${from}`), ['credential.revoked', 'credential.issued']);
      assert.deepEqual(await list(`to=${from}`), ['directory.created']);
      assert.deepEqual(await list(`requestId=${revoked.headers.get('x-request-id')}`), ['credential.revoked']);
      assert.deepEqual(await list(`credentialId=${credential.id}`), ['credential.revoked', 'credential.issued']);
      refused(await app.api.get('/events?type=nonsense'), 400, 'invalid_request');
      const [event] = (await app.api.get(`/events?credentialId=${credential.id}&limit=1`)).body.items;
      assert.deepEqual(
        [event.actor.type, event.source, event.address, event.organizationId, event.data.hint],
        ['api_key', 'api', '127.0.0.1', directory.organizationId, credential.hint],
      );
    });

    it('guards upstreams against private addresses unless it is configured', async () => {
      const guarded = await startApp({ env: { LATCHKEY_UPSTREAM_ALLOW: '' } });
      try {
        const { id: organizationId } = (await guarded.api.post('/organizations', { name: 'x' })).body;
        for (const upstreamUrl of [
          'http://app.example.com',
          'https://127.0.0.1/scim',
          'https://[::1]/',
          'https://[::ffff:10.0.0.1]/',
          'https://169.254.169.254/latest',
          'https://10.1.2.3',
          'https://localhost/x',
          'https://0x7f000001/',
          'https://user:pass@app.example.com',
          'https://app.example.com/?x=1',
          'ftp://app.example.com',
          'not a url',
          'https://192.168.0.1',
          'https://100.64.0.1',
          'https://[fd00::1]/',
        ]) {
          refused(
            await guarded.api.post('/directories', { organizationId, name: 'x', upstreamUrl }),
            400,
            'invalid_request',
          );
        }
        assert.equal(
          (
            await guarded.api.post('/directories', {
              organizationId,
              name: 'x',
              upstreamUrl: 'https://app.example.com/scim/',
            })
          ).status,
          201,
        );
      } finally {
        await guarded.close();
      }
    });
  });
}
