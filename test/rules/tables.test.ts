/** The reference in the documentation is what the tables of the code say. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { renderedFiles } from '../../packages/docs/tables.ts';
import { EVENTS } from '../../src/audit/index.ts';
import { SETTINGS } from '../../src/config/index.ts';
import { CODES } from '../../src/diagnosis/index.ts';
import { ERRORS } from '../../src/errors.ts';
import { WEBHOOK_EVENTS } from '../../src/notifications/index.ts';
import { ASSERTION_FAULTS } from '../../src/oauth/client-assertions.ts';
import { OAUTH_REASONS, OAUTH_REFUSALS } from '../../src/oauth/index.ts';
import { DENIAL_REASONS } from '../../src/verification/index.ts';

for (const [file, text] of renderedFiles()) {
  test(`${file} is what the tables say`, () => {
    assert.ok(readFileSync(file, 'utf8') === text, `${file} is not what the tables say; run npm run docs:tables`);
  });
}

const TABLES: Record<string, Record<string, string | object>> = {
  SETTINGS,
  EVENTS,
  WEBHOOK_EVENTS,
  ERRORS,
  DENIAL_REASONS,
  OAUTH_REASONS,
  OAUTH_REFUSALS,
  ASSERTION_FAULTS,
  CODES,
};

for (const [name, entries] of Object.entries(TABLES)) {
  test(`each entry of ${name} says in a sentence what happened, and what to do where it has a remedy`, () => {
    for (const [key, entry] of Object.entries(entries)) {
      const texts = typeof entry === 'string' ? [entry] : textsOf(entry);
      assert.ok(texts.length > 0, key);
      for (const text of texts) assert.match(text, /^[A-Za-z].{8,}[.)]$/, key);
    }
  });
}

function textsOf(entry: object): string[] {
  return Object.entries(entry).flatMap(([member, text]) =>
    ['meaning', 'title', 'remedy', 'says'].includes(member) ? [String(text)] : [],
  );
}
