import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { SETTINGS } from '../../src/config/index.ts';
import { startApp } from '../support/app.ts';
import { freePort } from '../support/mongo-server.ts';
import { cleanEnvironment, PROCESS_OWNER_KEY, startLatchkey } from '../support/process.ts';

const pages = [
  ...readdirSync('.').filter((file) => file.endsWith('.md')),
  ...readdirSync('docs', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => join('docs', file)),
];

for (const page of pages) {
  test(`every relative link and picture of ${page} leads to a file, and to a heading of it where it names one`, () => {
    const text = withoutCode(readFileSync(page, 'utf8'));
    const broken = [...text.matchAll(/\]\(([^()\s]+)\)|\b(?:src|srcset)="([^"]+)"/g)]
      .map(([, link, picture]) => link ?? picture ?? '')
      .filter((target) => !/^[a-z]+:/.test(target))
      .filter((target) => {
        const [path = '', heading] = target.split('#');
        const file = path === '' ? page : resolve(dirname(page), path);
        if (!existsSync(file)) return true;
        return heading !== undefined && !headingsOf(readFileSync(file, 'utf8')).includes(heading);
      });
    assert.deepEqual(broken, []);
  });
}

test('every picture in docs/images is on a page', () => {
  const texts = pages.map((page) => readFileSync(page, 'utf8')).join('\n');
  assert.deepEqual(
    readdirSync('docs/images').filter((file) => !texts.includes(`images/${file}`)),
    [],
  );
});

test('CONTRIBUTING.md and docs/architecture.md name places that exist', () => {
  const named = ['CONTRIBUTING.md', 'docs/architecture.md'].flatMap((page) =>
    [...readFileSync(page, 'utf8').matchAll(/`((?:src|test|docs|config)\/[\w./-]+)`/g)].map(([, path = '']) => path),
  );
  assert.ok(named.length > 15);
  assert.deepEqual(
    named.filter((path) => !existsSync(path)),
    [],
  );
});

test('every setting that a page names is one that the configuration knows', () => {
  const known = new Set(
    Object.entries(SETTINGS).flatMap(([key, { secret }]: [string, { secret?: true }]) =>
      secret ? [key, `${key}_FILE`] : [key],
    ),
  );
  // The page of the settings itself shows what a mistyped one is answered with, and has a test of its own.
  const others = pages.filter((page) => page !== join('docs', 'configuration.md'));
  const strangers = others.flatMap((page) =>
    [...readFileSync(page, 'utf8').matchAll(/\bLATCHKEY_[A-Z_]*[A-Z](?![A-Z_*])/g)]
      .map(([name]) => name)
      .filter((name) => !known.has(name) && !name.startsWith('LATCHKEY_TEST_'))
      .map((name) => `${page}: ${name}`),
  );
  assert.deepEqual(strangers, []);
});

test('docs/guides/operations.md names every metric of our own and every message of the log, and no other', async (t) => {
  const app = await startApp();
  t.after(app.close);
  const guide = readFileSync('docs/guides/operations.md', 'utf8');
  const told = section(guide, 'Metrics');

  const metrics = await (await fetch(`${app.url}/metrics`)).text();
  const own = [...metrics.matchAll(/^# TYPE (latchkey_(?!process_|nodejs_)\w+) /gm)].map(([, name = '']) => name);
  assert.deepEqual(
    own.filter((name) => !told.includes(`| \`${name}\` |`)),
    [],
  );
  const named = [...told.matchAll(/^\| `(latchkey_\w+)`/gm)].map(([, name = '']) => name);
  assert.deepEqual(
    named.filter((name) => !metrics.includes(`# TYPE ${name} `)),
    [],
  );

  const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file))
    .map((file) => readFileSync(join('src', file), 'utf8'))
    .join('\n');
  const logged = [
    ...sources.matchAll(/(?:\blog|createLog\([^)]*\))\s*\.(?:info|warn|error|fatal)\([^;]*?'([^']+)',?\s*\)/g),
  ].map(([, line = '']) => line);
  const messages = [...section(guide, 'Log').matchAll(/^\| (`[^|]+) \| (?:info|warn|error|fatal) \|/gm)].flatMap(
    ([, cell = '']) => [...cell.matchAll(/`([^`]+)`/g)].map(([, line = '']) => line),
  );
  assert.deepEqual([...new Set(logged)].sort(), [...messages].sort());
});

test('the steps of the README print what it says they print, run in order against a Latchkey', async (t) => {
  const blocks = [...readFileSync('README.md', 'utf8').matchAll(/^```sh\n(.*?)^```$/gms)].map(
    ([, block = '']) => block,
  );
  assert.ok(blocks.length >= 7, `the README has ${blocks.length} blocks of steps`);
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-readme-'));
  const latchkey = await startLatchkey({ databaseUrl: `file:${folder}` });
  t.after(async () => {
    await latchkey.end();
    rmSync(folder, { recursive: true, force: true });
  });

  const script = ['set -euo pipefail', "trap 'kill $(jobs -p) 2>/dev/null || :' EXIT", blocks.join('\n')].join('\n');
  const printed = await bash(script, {
    URL: latchkey.url,
    KEY: PROCESS_OWNER_KEY,
    UPSTREAM: `http://127.0.0.1:${await freePort()}/scim`,
  });

  const lines = printed.replaceAll('\r', '').trim().split('\n');
  const promised = blocks.flatMap((block) => [...block.matchAll(/^#=> (.*)$/gm)].map(([, line = '']) => line));
  assert.equal(lines.length, promised.length, printed);
  for (const [index, line] of promised.entries()) assert.match(lines[index] ?? '', patternOf(line));
});

function bash(script: string, env: Record<string, string>): Promise<string> {
  return new Promise((done, fail) => {
    const child = spawn('bash', ['-c', script], { env: { ...cleanEnvironment(), ...env } });
    let output = '';
    let complaints = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      complaints += chunk.toString();
    });
    child.on('close', (code) =>
      code === 0 ? done(output) : fail(new Error(`exit ${code}\n${output}\n${complaints}`)),
    );
  });
}

function section(text: string, heading: string): string {
  const [, body = ''] = new RegExp(`^## ${heading}\\n(.*?)^## `, 'ms').exec(text) ?? [];
  return body;
}

/** `...` stands for anything. */
function patternOf(line: string): RegExp {
  const parts = line.split('...').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`);
}

function withoutCode(text: string): string {
  return text.replace(/^```.*?^```$/gms, '').replace(/`[^`\n]*`/g, '');
}

/** The anchors that a renderer makes of headings. */
function headingsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
