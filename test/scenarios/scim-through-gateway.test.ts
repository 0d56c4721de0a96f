import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { beforeEach, describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { runApp } from '../support/app.ts';
import { startScimServer, USER } from '../support/scim-server.ts';
import { inSuite } from '../support/suite.ts';

const GROUP = 'urn:ietf:params:scim:schemas:core:2.0:Group';
const PATCH = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';

describe('SCIM through the gateway into a SCIM server', () => {
  const app = runApp();
  const server = inSuite(startScimServer);
  let endpointUrl: string;
  let token: string;

  beforeEach(async () => {
    const directory = await app.api.makeDirectory({ upstreamUrl: server.url });
    ({ endpointUrl } = directory);
    ({ token } = await app.api.issue(directory.id));
  });

  async function scim(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; headers: Headers; body: Answer }> {
    const response = await fetch(endpointUrl + path, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'application/scim+json',
        ...(body !== undefined && { 'content-type': 'application/scim+json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? null : JSON.parse(text) };
  }

  const newUser = (userName: string) => ({
    schemas: [USER],
    userName,
    name: { givenName: 'Ada', familyName: 'Byron' },
    active: true,
  });

  it("passes Entra's connection test: users and groups of a random id are an empty list", async () => {
    for (const path of [
      `/Users?filter=${encodeURIComponent(`userName eq "${randomUUID()}"`)}`,
      `/Groups?excludedAttributes=members&filter=${encodeURIComponent(`displayName eq "${randomUUID()}"`)}`,
    ]) {
      const { status, headers, body } = await scim('GET', path);
      assert.equal(status, 200, path);
      assert.match(headers.get('content-type') ?? '', /^application\/scim\+json/);
      assert.equal(body.totalResults, 0);
      assert.deepEqual(body.Resources, []);
      assert.equal(server.requests.at(-1)?.url, `/scim${path}`, 'path and query arrive byte for byte');
    }
  });

  it("passes JumpCloud's connection test: it creates, reads, changes and deletes a user and a group", async () => {
    const user = await scim('POST', '/Users', newUser(`test-${randomUUID()}@northwind.example`));
    assert.equal(user.status, 201);
    const group = await scim('POST', '/Groups', {
      schemas: [GROUP],
      displayName: `test-${randomUUID()}`,
      members: [{ value: user.body.id }],
    });
    assert.equal(group.status, 201);
    assert.equal((await scim('GET', `/Groups/${group.body.id}`)).body.members[0].value, user.body.id);

    const replaced = await scim('PUT', `/Users/${user.body.id}`, { ...newUser(user.body.userName), active: false });
    assert.equal(replaced.status, 200);
    assert.equal(replaced.body.active, false);
    const patched = await scim('PATCH', `/Users/${user.body.id}`, {
      schemas: [PATCH],
      Operations: [{ op: 'replace', path: 'active', value: true }],
    });
    assert.equal(patched.status, 200);
    assert.equal(patched.body.active, true);

    assert.equal((await scim('DELETE', `/Groups/${group.body.id}`)).status, 204);
    assert.equal((await scim('DELETE', `/Users/${user.body.id}`)).status, 204);
    assert.equal((await scim('GET', `/Users/${user.body.id}`)).status, 404);
    assert.deepEqual([server.count('Users'), server.count('Groups')], [0, 0]);
  });

  it('answers with locations at the public endpoint: in the header, in a resource and inside a list', async () => {
    const { status, headers, body } = await scim('POST', '/Users', newUser('location@northwind.example'));
    assert.equal(status, 201);
    const location = `${endpointUrl}/Users/${body.id}`;
    assert.equal(headers.get('location'), location);
    assert.equal(body.meta.location, location);
    const list = await scim('GET', `/Users?filter=${encodeURIComponent('userName eq "location@northwind.example"')}`);
    assert.equal(list.body.Resources[0].meta.location, location);
    const followed = await fetch(location, { headers: { authorization: `Bearer ${token}` } });
    assert.equal(((await followed.json()) as { id: string }).id, body.id, 'the location leads back to the resource');
    await scim('DELETE', `/Users/${body.id}`);
  });

  it("passes the server's own refusals on, with their SCIM error", async () => {
    const user = await scim('POST', '/Users', newUser('twice@northwind.example'));
    const again = await scim('POST', '/Users', newUser('twice@northwind.example'));
    assert.equal(again.status, 409);
    assert.equal(again.body.scimType, 'uniqueness');
    await scim('DELETE', `/Users/${user.body.id}`);
  });

  it('shows the server who asks, and never the token', async () => {
    await scim('GET', '/ServiceProviderConfig');
    const { headers } = server.requests.at(-1) ?? assert.fail('nothing arrived');
    assert.equal(headers.authorization, undefined);
    assert.match(String(headers['x-scim-directory']), /^dir_/);
    assert.match(String(headers['x-scim-credential']), /^cred_/);
    assert.equal(JSON.stringify(server.requests).includes(token), false);
  });
});
