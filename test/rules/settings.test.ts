import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parseEnv } from 'node:util';
import { readConfig, SETTINGS } from '../../src/config/index.ts';

const settings = Object.entries(SETTINGS) as [string, { default: string | undefined; secret?: true }][];
const keys = settings.map(([key]) => key);
const defaults = readFileSync('config/default.env', 'utf8');
const page = readFileSync('docs/configuration.md', 'utf8');

describe('config/default.env', () => {
  it('changes nothing when it is used as it is', () => {
    assert.deepEqual(readConfig(parseEnv(defaults), noFile), readConfig({}, noFile));
  });
});

describe('docs/configuration.md', () => {
  it('shows problems in the words in which they are reported', () => {
    const given = { LATCHKEY_PORT: 'http', LATCHKEY_SECRET: 'short', LATCHKEY_LEASE: '5' };
    assert.throws(
      () => readConfig(given, noFile),
      (error: Error) => page.includes(`latchkey: ${error.message}\n`),
    );
  });
});

describe('config/docker.env', () => {
  const given = parseEnv(readFileSync('config/docker.env', 'utf8'));

  it('is accepted as it is, with its secret in a file', () => {
    const read: string[] = [];
    const config = readConfig(given, (path) => {
      read.push(path);
      return path.endsWith('url') ? 'mongodb://mongodb/latchkey' : 'a secret that is long enough for use\n';
    });
    assert.deepEqual(read.sort(), ['/run/secrets/database_url', '/run/secrets/latchkey_secret']);
    assert.equal(config.LATCHKEY_HOST, '0.0.0.0');
  });

  it('holds no secret itself', () => {
    for (const [key, { secret }] of settings) {
      if (secret) assert.equal(given[key], undefined, key);
    }
  });
});

it('every setting is used by the code', () => {
  const code = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file) && !file.startsWith('config/'))
    .map((file) => readFileSync(join('src', file), 'utf8'))
    .join('\n');
  for (const key of keys) assert.match(code, new RegExp(`\\b${key}\\b`), `${key} does nothing`);
});

it('no setting has a default that would be a secret', () => {
  for (const [key, { default: fallback, secret }] of settings) {
    if (secret && key !== 'LATCHKEY_DATABASE_URL') assert.equal(fallback, undefined, key);
  }
});

function noFile(path: string): never {
  throw new Error(`no file is named, yet ${path} is read`);
}
