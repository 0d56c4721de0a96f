import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ERRORS } from '../../src/errors.ts';
import { ASSERTION_FAULTS } from '../../src/oauth/client-assertions.ts';
import { OAUTH_REFUSALS } from '../../src/oauth/index.ts';
import { DENIAL_REASONS } from '../../src/verification/index.ts';

const page = readFileSync('docs/errors.md', 'utf8');

for (const { heading, table, file } of [
  { heading: 'Errors', table: ERRORS, file: 'src/errors.ts' },
  { heading: 'Denials', table: DENIAL_REASONS, file: 'src/verification/denials.ts' },
]) {
  test(`docs/errors.md lists under ${heading} what ${file} has, with the same status, and nothing else`, () => {
    const told = rowsUnder(heading).map(([name, status]) => [name, Number(status)]);
    const known = Object.entries(table).map(([code, { status }]) => [`\`${code}\``, status]);
    assert.deepEqual(told, known);
  });

  test(`docs/errors.md says of each of its ${heading.toLowerCase()} when it happens and what to do`, () => {
    for (const [name, , when = '', remedy = ''] of rowsUnder(heading)) {
      assert.match(when, /^[A-Z].{10,}\.$/, `${name}: when`);
      assert.match(remedy, /^[A-Z].{5,}\.$/, `${name}: what to do`);
    }
  });
}

test('docs/errors.md lists each reason of a refusal that src/oauth has a word of its own for, and no other', () => {
  const own = Object.values(OAUTH_REFUSALS)
    .filter(({ error, reason }) => reason !== error)
    .map(({ reason }) => `\`${reason}\``);
  // What a person decided, and how a connection with client credentials ended.
  const given = new Set([...own, '`access_denied`', '`revoked`', '`expired`']);
  const rows = rowsUnder('Refusals of OAuth');
  assert.deepEqual(rows.map(([reason]) => reason).sort(), [...given].sort());
  for (const [reason, ...cells] of rows) {
    assert.equal(cells.length, 3, reason);
    for (const cell of cells.slice(1)) assert.match(cell, /^[A-Z].{10,}\.$/, reason);
  }
});

test('docs/errors.md lists each sub-reason of src/oauth/refusals.ts with what the client is told, and no other', () => {
  const rows = rowsUnder('Sub-reasons of OAuth');
  assert.deepEqual(
    rows.map(([name, error]) => [name, error]),
    Object.entries(OAUTH_REFUSALS).map(([name, { error }]) => [`\`${name}\``, `\`${error}\``]),
  );
  for (const [name, , meaning = ''] of rows) assert.match(meaning, /^[A-Za-z].{5,}\.$/, name);
});

test('docs/errors.md lists the faults of a client assertion as src/oauth/client-assertions.ts has them', () => {
  const told = rowsUnder('Faults of a client assertion').map(([name]) => name);
  assert.deepEqual(
    told,
    Object.keys(ASSERTION_FAULTS).map((fault) => `\`${fault}\``),
  );
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

/** The cells of the rows that begin with a name in backticks. */
function rowsUnder(heading: string): string[][] {
  const [, section = ''] = new RegExp(`^#{2,3} ${heading}\\n(.*?)(?=^#{2,3} |$(?![\\s\\S]))`, 'ms').exec(page) ?? [];
  return [...section.matchAll(/^\| (`.*) \|$/gm)].map(([, cells = '']) => cells.split(' | '));
}
