/** The code of a guide that a test runs: it stands behind a comment that names it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

/** Reads the block behind `<!-- run: NAME -->` in a file of docs/guides. */
export function codeIn(guide: string, name: string): string {
  const marked = new RegExp(`<!-- run: ${name} -->\n\`\`\`\\w+\n(.*?)\n\`\`\``, 's');
  const [, code] = marked.exec(readFileSync(guide, 'utf8')) ?? [];
  assert.ok(code, `${guide} has code for ${name}`);
  return code;
}
