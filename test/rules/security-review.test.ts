/** What docs/security-review.md says is shown by tests that exist. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';

const page = readFileSync('docs/security-review.md', 'utf8');
const rows = page
  .split('\n')
  .filter((line) => /^\| (?!item|section|-)/.test(line) && !/^\|-/.test(line))
  .map((line) => line.slice(2, -2).split(' | '));

describe('docs/security-review.md', () => {
  it('names tests and files that exist', () => {
    const named = [...page.matchAll(/`((?:test|src)\/[\w./-]+)`/g)].map(([, file = '']) => file);
    assert.ok(named.length > 80, `${named.length} files are named`);
    assert.deepEqual(
      [...new Set(named)].filter((file) => !existsSync(file)),
      [],
    );
  });

  it('gives each item one of four verdicts, and a reason', () => {
    assert.ok(rows.length > 100);
    for (const row of rows) {
      const [item, verdict = '', reason = ''] = row;
      assert.equal(row.length, 3, item);
      assert.match(verdict, /^(?:met|not met|not applicable|(?:partial )?deviation|yours)\b/, item);
      assert.ok(reason.length > 3, item);
    }
  });

  it('has each item of ASVS once, in order within its table', () => {
    const items = rows.flatMap(([item = '']) => (/^[\d., to]+$/.test(item) ? item.split(/, | to /) : []));
    assert.equal(new Set(items).size, items.length);
  });
});
