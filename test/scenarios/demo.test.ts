import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { cleanEnvironment } from '../support/process.ts';

describe('npm run demo', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'latchkey-demo-test-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** The demo as a process whose temporary files land in a folder of the test. */
  function run(): { child: ChildProcess; output: () => string; code: Promise<number | null> } {
    const env = { ...cleanEnvironment(), TMPDIR: folder, NO_COLOR: '1' };
    const program = join(import.meta.dirname, '../demo/demo.js');
    const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk));
    return { child, output: () => output, code: new Promise((resolve) => child.once('close', resolve)) };
  }

  const leftBehind = () => readdirSync(folder).filter((name) => name.startsWith('latchkey-demo-'));

  it('goes through with no failed request, and shows no whole token or key', async () => {
    const { output, code } = run();
    assert.equal(await code, 0, output());
    const text = output();
    assert.match(text, /50 users and 1 group are in the SCIM server/);
    assert.equal(text.match(/failed requests: 0\b/g)?.length, 2, 'of the rotation, and of the way to OAuth');
    assert.match(text, /GET \/Users with it: 401/);
    assert.match(text, /the audit trail: +revoked/);
    assert.match(text, /Okta is connected/);
    assert.match(text, /refreshed [1-9]\d* times/);
    assert.match(text, /the static token …\w{4} ended automatically/);
    assert.match(text, /it was revoked by Latchkey: replaced by cred_\w+/);
    assert.match(text, /^ +…\w{4} +oauth .* active /m, 'the connection is listed');
    for (const event of [
      'organization.created',
      'directory.created',
      'credential.issued',
      'credential.imported',
      'credential.retired',
      'credential.revoked',
      'request.denied',
      'client.created',
      'portal_link.used',
      'connection.consented',
      'credential.connected',
      'token.issued',
    ]) {
      assert.ok(text.includes(event), `the audit trail shows ${event}`);
    }
    const ours = /(?:scim|scimat|scimrt|scimcs|lk|lkp)_[0-9A-Za-z]{5,}/;
    for (const secret of [ours, /ssoready_scim_bearer_token_/, /\bcode=/, /\bstate=/])
      assert.doesNotMatch(text, secret);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence is what must not be there
    assert.doesNotMatch(text, /\x1b/);
    assert.deepEqual(leftBehind(), []);
  });

  it('ends its processes and removes its folder when it is interrupted', async () => {
    const { child, output, code } = run();
    await new Promise<void>((resolve) => {
      child.stdout?.on('data', () => {
        if (output().includes('traffic continues')) resolve();
      });
      child.once('close', () => resolve());
    });
    child.kill('SIGINT');
    assert.equal(await code, 130, output());
    assert.deepEqual(leftBehind(), []);
    const [, url = ''] = /Latchkey on an empty store at (\S+)/.exec(output()) ?? assert.fail(output());
    await assert.rejects(fetch(`${url}/healthz`), 'nothing listens there any more');
  });
});
