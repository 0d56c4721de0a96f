/** Real secrets of each kind, in lines as people leave them behind, against the published expressions. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { randomText, systemRandom } from '../src/identifiers.ts';
import { startApp } from './support/app.ts';
import { findCommand, hasPart, missingParts } from './support/parts.ts';

const CONFIG = 'config/secret-scanning/gitleaks.toml';
const config = readFileSync(CONFIG, 'utf8');
const rules = [...config.matchAll(/^id = "(.+)"\n(?:.*\n)*?regex = '''(.+)'''\nkeywords = \["(.+)"\]$/gm)].map(
  ([, id = '', regex = '', keyword = '']) => ({ id, regex, keyword }),
);

const LINES: ((secret: string) => string)[] = [
  (secret) => `Authorization: Bearer ${secret}`,
  (secret) => `{"token":"${secret}","n":1}`,
  (secret) => `export SCIM_TOKEN=${secret} # until Friday`,
  (secret) => `GET /dashboard/enter/${secret}?next=%2F HTTP/1.1`,
  (secret) => secret,
];

/** One of each kind, as the product makes them. */
async function secretsOf(t: { after(done: () => unknown): void }): Promise<Record<string, string>> {
  const app = await startApp();
  t.after(app.close);
  const directory = await app.api.makeDirectory();
  const last = (url: string) => new URL(url).pathname.split('/').at(-1) ?? '';
  const { token } = await app.api.issue(directory.id);
  const made = async (path: string, body: object) => (await app.api.post(path, body)).body;
  const { clientSecret, client } = await made('/clients', {
    name: 'SailPoint',
    provider: 'sailpoint',
    directoryId: directory.id,
  });
  const { refreshToken } = await made(`/directories/${directory.id}/connections`, { clientId: client.id });
  const grant = await fetch(`${app.url}/oauth/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${client.clientId}:${clientSecret}`)}` },
    body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken }),
  });
  const { access_token: accessToken } = (await grant.json()) as { access_token: string };
  return {
    'latchkey-static-token': token,
    'latchkey-api-key': (await made('/api-keys', { name: 'a viewer', role: 'viewer' })).key,
    'latchkey-access-token': accessToken,
    'latchkey-refresh-token': refreshToken,
    'latchkey-authorization-code': `scimac_${randomText(43, systemRandom)}`,
    'latchkey-client-secret': clientSecret,
    'latchkey-portal-link': last((await made('/portal-links', { organizationId: directory.organizationId })).url),
    'latchkey-sign-in-link': last((await made('/operators', { name: 'Ada', role: 'viewer' })).url),
    'latchkey-contact-link': `lkc_${randomText(43, systemRandom)}`,
  };
}

test('each published expression finds its secret inside a line, and no other one', async (t) => {
  const secrets = await secretsOf(t);
  assert.deepEqual(
    rules.map(({ id }) => id),
    Object.keys(secrets),
  );
  const guide = readFileSync('docs/guides/operations.md', 'utf8');
  for (const { id, regex, keyword } of rules) {
    assert.ok(guide.includes(`| \`${regex}\` |`), `the guide does not show ${regex}`);
    for (const [kind, secret] of Object.entries(secrets)) {
      for (const line of LINES) {
        const found = new RegExp(regex).exec(line(secret))?.[0];
        assert.equal(found, kind === id ? secret : undefined, `${id}: ${line(kind)}`);
      }
    }
    assert.ok(secrets[id]?.startsWith(keyword));
    // What follows or precedes without a break is no secret of ours.
    assert.doesNotMatch(`x${secrets[id]}`, new RegExp(regex));
    assert.doesNotMatch(`${secrets[id]}0`, new RegExp(regex));
    // RE2, which gitleaks and most scanners use, has neither lookaround nor references.
    assert.doesNotMatch(regex, /\(\?[=!<]|\\[1-9]/);
  }
});

test('gitleaks finds each of them with the file as it is, and leaves the example alone', {
  skip: !hasPart('gitleaks') && missingParts(['gitleaks']).join(),
}, async (t) => {
  const secrets = await secretsOf(t);
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-gitleaks-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const lines = Object.values(secrets).flatMap((secret) => LINES.map((line) => line(secret)));
  writeFileSync(join(folder, 'left-behind.txt'), lines.join('\n'));
  writeFileSync(join(folder, 'example.txt'), 'TOKEN=scim_000000000000000000000000000000002wjyrI\n');
  const report = join(folder, '..', `${folder.split('/').at(-1)}.json`);
  t.after(() => rmSync(report, { force: true }));
  spawnSync(findCommand('gitleaks') ?? '', [
    'dir',
    '--config',
    CONFIG,
    '--report-format',
    'json',
    '--report-path',
    report,
    folder,
  ]);
  const found = JSON.parse(readFileSync(report, 'utf8')) as { RuleID: string; Secret: string; File: string }[];
  assert.equal(found.length, lines.length);
  for (const { RuleID, Secret } of found) assert.equal(Secret, secrets[RuleID]);
});
