import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Answer } from '../support/api.ts';
import { runApp, startApp } from '../support/app.ts';
import { eventsOf } from '../support/oauth-client.ts';
import { sendRaw } from '../support/raw-request.ts';

describe('a SCIM request to an address that is no endpoint', () => {
  const app = runApp();
  let directory: Answer;
  let token: string;

  async function arrange(): Promise<void> {
    directory = await app.api.makeDirectory();
    ({ token } = await app.api.issue(directory.id));
  }
  const told = async () =>
    (await eventsOf(app, 'request.denied')).filter(({ directoryId }) => directoryId === directory.id);
  const ask = (path: string, authorization = `Bearer ${token}`) =>
    sendRaw(app.url, { path, headers: { Authorization: authorization } });

  for (const [name, path, subReason] of [
    ['without any base', () => '/Users', 'wrong_path'],
    ['without the version', (key: string) => `/scim/${key}/Users`, 'wrong_path'],
    ['with a doubled slash in front', (key: string) => `//scim/v2/${key}/Users`, 'doubled_slash'],
    ['in capitals', (key: string) => `/SCIM/v2/${key}/Users`, 'wrong_path'],
    ['below the API', (key: string) => `/api/scim/v2/${key}/Users`, 'wrong_path'],
    ['below the dashboard', (key: string) => `/dashboard/scim/v2/${key}/Users`, 'wrong_path'],
    ['of another product', () => '/api-of-theirs/anything', 'wrong_path'],
  ] as const) {
    it(`is told at the directory of its token: ${name}`, async () => {
      await arrange();
      const { status, body } = await ask(path(directory.endpointKey));
      assert.equal(status, 404);
      assert.match(body.detail, /no SCIM endpoint at this path/);
      const [event] = await told();
      assert.deepEqual(
        [event.data.reason, event.data.subReason, event.data.hint],
        ['directory_unknown', subReason, token.slice(-4)],
      );
    });
  }

  it('is told at its directory where the path has dot segments, which the gateway refuses', async () => {
    await arrange();
    const { status } = await ask(`/scim/v2/${directory.endpointKey}/../Users`);
    assert.equal(status, 400);
    const [event] = await told();
    assert.deepEqual([event.data.subReason, event.data.path], ['wrong_path', '/scim/v2/../']);
  });

  it('leaves places of people to them, whoever a proxy in front says they are', async () => {
    await arrange();
    for (const path of ['/dashboard/users', '/api/v1/me']) {
      await ask(path, 'Basic c29tZWJvZHk6ZWxzZQ==');
      await ask(path, `Bearer ${app.ownerKey}`);
    }
    assert.deepEqual(await told(), []);
  });

  it('is told by the endpoint key in its path where the token is unknown', async () => {
    await arrange();
    await ask(`/scim/${directory.endpointKey}/Users`, 'Bearer of-another-system');
    assert.equal((await told()).length, 1);
  });

  it('is told with what was asked, without what may name a person or be a secret', async () => {
    const cases: [path: string, kept: string][] = [
      ['/Users/ada@northwind.example?filter=x', '/Users'],
      ['/scim/ada@northwind.example/Groups/7', '/scim/[name]/Groups'],
      [`/x/scim_${'a1B2c3D4e5F6g7H8i9J0'}/Users`, '/x/scim_[redacted]/Users'],
      ['/scim/q8zt4hmwpx7gtbvk2wtou5bq/Users/7', '/scim/[redacted]/Users'],
    ];
    for (const [path, kept] of cases) {
      await arrange();
      await ask(path);
      assert.deepEqual(
        (await told()).map(({ data }) => data.path),
        [kept],
      );
    }
    await arrange();
    for (let n = 0; n < 5; n++) await ask(`/guess-${n}/Users`);
    assert.deepEqual(
      (await told()).map(({ data }) => [data.path, data.count]),
      [['/guess-4/Users', 5]],
      'many paths are one event',
    );
  });

  it('never repeats the endpoint key to whoever asks', async () => {
    await arrange();
    const { text } = await ask('/Users');
    assert.ok(!text.includes(directory.endpointKey));
  });

  it('is nothing of ours without a credential, or at a page', async () => {
    assert.equal(
      (await sendRaw(app.url, { path: '/Users' })).headers['content-type'],
      'application/problem+json; charset=utf-8',
    );
    await arrange();
    const { status } = await ask('/api/v1/directories');
    assert.equal(status, 401);
    assert.equal((await told()).length, 0);
  });

  it('costs an address that tries many values no look-up beyond its limit', async () => {
    await arrange();
    const limited = await startApp({ env: { LATCHKEY_FAILURES_PER_ADDRESS: '2' } });
    const own = await limited.api.makeDirectory();
    const issued = await limited.api.issue(own.id);
    for (let turn = 0; turn < 4; turn++)
      await sendRaw(limited.url, { path: '/Users', headers: { Authorization: `Bearer ${issued.token}` } });
    const events = await eventsOf(limited, 'request.denied');
    assert.equal(
      events.reduce((sum, { data }) => sum + data.count, 0),
      2,
    );
    await limited.close();
  });
});
