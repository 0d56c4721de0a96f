import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ERRORS } from '../../src/errors.ts';
import { OAUTH_REASONS, OAUTH_REFUSALS } from '../../src/oauth/index.ts';
import { DENIAL_REASONS } from '../../src/verification/index.ts';

test('each reason of OAUTH_REFUSALS is the OAuth error itself, or one that OAUTH_REASONS explains', () => {
  const own = Object.values(OAUTH_REFUSALS)
    .filter(({ error, reason }) => reason !== error)
    .map(({ reason }) => reason);
  // What a person decided, and how a connection with client credentials ended.
  const given = new Set([...own, 'access_denied', 'revoked', 'expired']);
  assert.deepEqual(Object.keys(OAUTH_REASONS).sort(), [...given].sort());
});

test('each code of src/errors.ts is one that some other file can answer with', () => {
  const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file) && file !== 'errors.ts')
    .map((file) => readFileSync(`src/${file}`, 'utf8'))
    .join('\n');
  const made = new Set([...sources.matchAll(/new AppError\(\s*'([a-z_]+)'/g)].map(([, code]) => code));
  const fallback = 'internal_error';
  assert.deepEqual(
    Object.keys(ERRORS).filter((code) => code !== fallback && !made.has(code)),
    [],
  );
});

test('each table of errors and denials names a status that its kind may have', () => {
  for (const [code, { status }] of Object.entries(ERRORS)) {
    assert.ok(status >= 400 && status <= 503, `${code}: ${status}`);
    assert.notEqual(status, 500, `${code}: a fault of ours is 503, which an IdP tries again`);
  }
  for (const { status } of Object.values(DENIAL_REASONS)) assert.ok([401, 403, 429].includes(status));
});
