import assert from 'node:assert/strict';
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Api, createApi } from '../support/api.ts';
import { PROCESS_OWNER_KEY, spawnLatchkey, startLatchkey } from '../support/process.ts';

const parent = mkdtempSync(join(tmpdir(), 'latchkey-backup-'));
const [data, copy, restored] = ['data', 'copy', 'restored'].map((name) => join(parent, name)) as [
  string,
  string,
  string,
];
/** Empty: the store makes a secret of its own. */
const env = { LATCHKEY_SECRET: '', LATCHKEY_PORT: '0' };

async function run(folder: string, ...args: string[]): Promise<{ code: number | null; output: string }> {
  const { child, output } = spawnLatchkey({ databaseUrl: `file:${folder}`, env, args });
  const code = await new Promise<number | null>((done) => child.once('close', done));
  return { code, output: output() };
}

async function accepts(url: string, directoryId: string, token: string): Promise<number> {
  const { status } = await fetch(`${url}/auth/verify?directory=${directoryId}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  return status;
}

describe('backup and restore of an embedded store', () => {
  let api: Api;
  let directoryId: string;
  const issued: { id: string; token: string }[] = [];
  let revocations: string;
  let original: Awaited<ReturnType<typeof startLatchkey>>;

  before(async () => {
    original = await startLatchkey({ databaseUrl: `file:${data}`, env });
    api = createApi(original.url, PROCESS_OWNER_KEY);
    const { body: organization } = await api.post('/organizations', { name: 'Northwind' });
    const { body: directory } = await api.post('/directories', { organizationId: organization.id, name: 'Okta' });
    directoryId = directory.id;
    for (let n = 0; n < 2; n++) {
      const { body } = await api.post(`/directories/${directoryId}/credentials`, {});
      issued.push({ id: body.credential.id, token: body.token });
    }
    const { body: old } = await api.post('/directories', { organizationId: organization.id, name: 'Entra' });
    const { body: ended } = await api.post(`/directories/${old.id}/credentials`, {});
    await api.post(`/credentials/${ended.credential.id}/revoke`, { force: true });
  });
  after(async () => {
    rmSync(parent, { recursive: true, force: true });
  });

  it('copies a store that is in use, checks the copy, and never overwrites', async () => {
    const { code, output } = await run(data, 'backup', copy);
    assert.equal(code, 0, output);
    assert.match(output, /Backed up .* checked the copy. Its newest event is from 20/);
    assert.deepEqual(readdirSync(copy).sort(), ['latchkey.db', 'secret']);
    assert.equal(statSync(join(copy, 'latchkey.db')).mode & 0o077, 0);
    const again = await run(data, 'backup', copy);
    assert.equal(again.code, 1);
    assert.match(again.output, /already exists\. Move it elsewhere first/);
  });

  it('restores it, and revokes again what an export says was revoked since', async () => {
    await api.post(`/credentials/${issued[0]?.id}/revoke`, { force: true });
    const { body } = await api.get('/events?limit=200');
    revocations = join(parent, 'audit.jsonl');
    writeFileSync(revocations, (body.items as object[]).map((event) => `${JSON.stringify(event)}\n`).join(''));
    await original.end();

    const { code, output } = await run(restored, 'restore', copy, '--revocations', revocations);
    assert.equal(code, 0, output);
    assert.match(output, /Of 2 revocations, 1 were applied again; 1 were already in the backup; 0 are for things/);
    const second = await startLatchkey({ databaseUrl: `file:${restored}`, env });
    assert.equal(await accepts(second.url, directoryId, issued[0]?.token ?? ''), 401);
    assert.equal(await accepts(second.url, directoryId, issued[1]?.token ?? ''), 200);
    assert.equal(await second.end(), 0);

    const again = await run(restored, 'restore', '--revocations', revocations);
    assert.equal(again.code, 0, again.output);
    assert.match(again.output, /Of 2 revocations, 0 were applied again; 2 were already in the backup/);
  });

  it('ends again what else has ended since, and says what is missing and what it could not end', async (t) => {
    const [from, backup, to] = ['before', 'backup', 'after'].map((name) => join(parent, name)) as [
      string,
      string,
      string,
    ];
    const before = await startLatchkey({ databaseUrl: `file:${from}`, env });
    t.after(() => before.end());
    const owner = createApi(before.url, PROCESS_OWNER_KEY);
    const made = async (path: string, body: unknown) => (await owner.post(path, body)).body;
    const directory = await owner.makeDirectory();
    const closed = await owner.makeDirectory();
    const deleted = await owner.makeDirectory();
    const { client } = await made('/clients', { name: 'Leaked', directoryId: directory.id });
    const { client: dropped } = await made('/clients', { name: 'Dropped', directoryId: directory.id });
    const { client: single } = await made('/clients', { name: 'Single', directoryId: directory.id });
    await made(`/clients/${client.id}/secrets`, {});
    const { portalLink } = await made('/portal-links', { organizationId: directory.organizationId });
    const { operator } = await made('/operators', { name: 'Left', role: 'admin' });
    const { operator: demoted } = await made('/operators', { name: 'Demoted', role: 'admin' });
    await owner.issue(deleted.id);
    assert.equal((await run(from, 'backup', backup)).code, 0);

    const { key } = await made('/api-keys', { name: 'the next', role: 'owner' });
    const next = createApi(before.url, key);
    const [first] = (await next.get('/api-keys')).body.items.filter(
      ({ name }: { name: string }) => name !== 'the next',
    );
    await next.post(`/api-keys/${first.id}/revoke`);
    await next.post(`/directories/${closed.id}/disable`, {});
    await next.post(`/directories/${directory.id}/disable`, {});
    await next.post(`/directories/${directory.id}/enable`, {});
    await next.delete(`/directories/${deleted.id}?force=true`);
    const [secret] = (await next.get(`/clients/${client.id}`)).body.secrets;
    await next.delete(`/clients/${client.id}/secrets/${secret.id}`);
    await next.delete(`/clients/${dropped.id}`);
    await next.post(`/clients/${single.id}/secrets`, {});
    const [only] = (await next.get(`/clients/${single.id}`)).body.secrets;
    await next.delete(`/clients/${single.id}/secrets/${only.id}`);
    await next.post(`/portal-links/${portalLink.id}/revoke`);
    await next.post(`/operators/${operator.id}/disable`);
    await next.patch(`/operators/${demoted.id}`, { role: 'viewer' });
    const { credential: lost } = await next.issue(directory.id);
    const { body } = await next.get('/events?limit=200');
    writeFileSync(revocations, (body.items as object[]).map((event) => `${JSON.stringify(event)}\n`).join(''));
    await before.end();

    const { code, output } = await run(to, 'restore', backup, '--revocations', revocations);
    assert.equal(code, 1, output);
    assert.match(output, new RegExp(`api_key.revoked ${first.id}: This is the last owner key`));
    assert.match(
      output,
      new RegExp(`client.secret_removed ${only.id} of ${single.id}: This is the client's only secret`),
    );
    assert.match(output, new RegExp(`refused\\. Create new ones.*\n.*\\(${directory.id}\\): ${lost.id}`));
    assert.match(output, new RegExp(`later changes\\. Check.*\n.*operator.updated ${demoted.id}: role`));

    const after = await startLatchkey({ databaseUrl: `file:${to}`, env });
    t.after(() => after.end());
    const restored = createApi(after.url, PROCESS_OWNER_KEY);
    const get = async (path: string) => (await restored.get(path)).body;
    assert.equal((await get(`/directories/${closed.id}`)).state, 'disabled');
    assert.equal((await get(`/directories/${directory.id}`)).state, 'active');
    assert.equal((await restored.get(`/directories/${deleted.id}`)).status, 404);
    assert.equal((await restored.get(`/clients/${dropped.id}`)).status, 404);
    const { secrets } = await get(`/clients/${client.id}`);
    assert.ok(secrets.length === 1 && secrets[0].id !== secret.id);
    assert.equal((await get('/portal-links')).items[0].state, 'revoked');
    assert.equal((await get(`/operators/${operator.id}`)).state, 'disabled');
  });

  it('says that an export is not there, and restores nothing', async () => {
    const target = mkdtempSync(join(parent, 'unread-'));
    const { code, output } = await run(target, 'restore', copy, '--revocations', join(parent, 'absent.jsonl'));
    assert.equal(code, 1);
    assert.match(output, /absent\.jsonl: there is no such file\. Export the audit trail as JSON lines/);
    assert.doesNotMatch(output, /ENOENT/);
    assert.deepEqual(readdirSync(target), []);
  });

  it('says beside a sign-in link that its address is only assumed', async () => {
    assert.match((await run(restored, 'sign-in-link')).output, /has another address or port.*LATCHKEY_PUBLIC_URL/);
  });

  it('says what a restore without an export cannot know', async () => {
    const folder = join(parent, 'plain');
    const { code, output } = await run(folder, 'restore', copy);
    assert.equal(code, 0, output);
    assert.match(output, /Credentials that were revoked, disabled or rotated after that work again/);
    const taken = await run(folder, 'restore', copy);
    assert.equal(taken.code, 1);
    assert.match(taken.output, /already exists\. Move it elsewhere first/);
  });

  it('refuses a damaged backup, another file and no file, and leaves nothing behind', async () => {
    const damaged = mkdtempSync(join(parent, 'damaged-'));
    copyFileSync(join(copy, 'latchkey.db'), join(damaged, 'latchkey.db'));
    truncateSync(join(damaged, 'latchkey.db'), 20_000);
    const other = mkdtempSync(join(parent, 'other-'));
    writeFileSync(join(other, 'latchkey.db'), 'not a database at all, but long enough to look like a file of one');
    for (const from of [damaged, other, join(parent, 'absent')]) {
      const target = mkdtempSync(join(parent, 'target-'));
      const { code, output } = await run(target, 'restore', from);
      assert.equal(code, 1, output);
      assert.match(output, /damaged|not the store of a Latchkey|there is no/);
      assert.deepEqual(readdirSync(target), []);
    }
  });

  it('does not take a store that lost its database for a new one', async () => {
    const lost = mkdtempSync(join(parent, 'lost-'));
    copyFileSync(join(copy, 'secret'), join(lost, 'secret'));
    for (const empty of [false, true]) {
      if (empty) writeFileSync(join(lost, 'latchkey.db'), '');
      const { code, output } = await run(lost);
      assert.equal(code, 1);
      assert.match(output, /belongs to a store that was in use. Restore the database from a backup/);
      assert.equal(readFileSync(join(lost, 'secret'), 'utf8'), readFileSync(join(copy, 'secret'), 'utf8'));
    }
  });
});
