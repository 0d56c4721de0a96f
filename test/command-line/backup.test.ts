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
    assert.match(output, /Of 2 revocations, 1 were applied again; 1 were already in the backup; 0 are for credentials/);
    const second = await startLatchkey({ databaseUrl: `file:${restored}`, env });
    assert.equal(await accepts(second.url, directoryId, issued[0]?.token ?? ''), 401);
    assert.equal(await accepts(second.url, directoryId, issued[1]?.token ?? ''), 200);
    assert.equal(await second.end(), 0);
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
