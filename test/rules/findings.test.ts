import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CODES, codeOf, GROUPS } from '../../src/diagnosis/index.ts';
import { OAUTH_REFUSALS } from '../../src/oauth/index.ts';
import { DENIAL_REASONS, SUB_REASONS } from '../../src/verification/index.ts';

const page = readFileSync('docs/findings.md', 'utf8');
const SEVERITIES = { failing: 'Failing', degraded: 'Degraded', notice: 'Notice', fine: 'Fine' };
const ACTORS = {
  it_contact: "the customer's administrator",
  vendor: 'you, the vendor',
  idp: 'the identity provider, on its own',
  nobody: 'nobody',
};

test('docs/findings.md has the groups and findings of src/diagnosis/codes.ts in their order, and nothing else', () => {
  const expected = Object.entries(GROUPS).flatMap(([group, title]) => [
    `## ${title}`,
    ...Object.entries(CODES)
      .filter(([, entry]) => entry.group === group)
      .map(([code]) => `### ${code}`),
  ]);
  assert.deepEqual(page.match(/^#{2,3} .*$/gm), expected);
});

test('docs/findings.md says of each how bad it is, who acts, and what it means', () => {
  for (const [code, { severity, actor, meaning }] of Object.entries(CODES)) {
    const section = new RegExp(`^### ${code}\\n\\n(.*?)(?=^#|$(?![\\s\\S]))`, 'ms').exec(page)?.[1] ?? '';
    assert.ok(section.startsWith(`${SEVERITIES[severity]}. Who acts: ${ACTORS[actor]}.`), code);
    assert.ok(section.includes(meaning), code);
    assert.match(meaning, /^[A-Z].{15,}\.$/, code);
  }
});

test('each reason and sub-reason that a surface knows leads to a finding', () => {
  const reached = new Set<string>();
  const lead = (type: 'request.denied' | 'token.refused', data: Record<string, unknown>) => {
    const code = codeOf({ type, data });
    assert.ok(code !== undefined && Object.hasOwn(CODES, code), JSON.stringify(data));
    reached.add(code);
  };
  const subReasons: Record<string, readonly string[]> = SUB_REASONS;
  for (const reason of Object.keys(DENIAL_REASONS))
    for (const subReason of subReasons[reason] ?? [undefined]) lead('request.denied', { reason, subReason });
  for (const [subReason, { reason }] of Object.entries(OAUTH_REFUSALS)) lead('token.refused', { reason, subReason });
  lead('token.refused', { reason: 'access_denied' });
  const ofRequests = ['presented', 'not_usable', 'wrong_place', 'token_endpoint'];
  const unreached = Object.entries(CODES)
    .filter(([code, { group }]) => ofRequests.includes(group) && !reached.has(code))
    .map(([code]) => code);
  // A state of the client, which no request is refused for.
  assert.deepEqual(unreached, ['client_deleted']);
});

test('each finding has a scenario named after it', () => {
  const scenarios = readdirSync('test/diagnosis')
    .map((file) => readFileSync(`test/diagnosis/${file}`, 'utf8'))
    .join('\n');
  const missing = Object.keys(CODES).filter((code) => !new RegExp(`\\b${code}\\b`).test(scenarios));
  assert.deepEqual(missing, []);
});
