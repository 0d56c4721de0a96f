import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CODES, codeOf } from '../../src/diagnosis/index.ts';
import { OAUTH_REFUSALS } from '../../src/oauth/index.ts';
import { DENIAL_REASONS, SUB_REASONS } from '../../src/verification/index.ts';

test('each reason and sub-reason that a surface knows leads to a finding', () => {
  const reached = new Set<string>();
  const lead = (type: 'request.denied' | 'token.refused', data: Record<string, unknown>) => {
    const code = codeOf({ type, data });
    assert.ok(code !== undefined && Object.hasOwn(CODES, code), JSON.stringify(data));
    reached.add(code);
  };
  const subReasons: Record<string, readonly string[]> = SUB_REASONS;
  for (const reason of Object.keys(DENIAL_REASONS))
    for (const subReason of [undefined, ...(subReasons[reason] ?? [])]) lead('request.denied', { reason, subReason });
  for (const [subReason, { reason }] of Object.entries(OAUTH_REFUSALS)) lead('token.refused', { reason, subReason });
  lead('token.refused', { reason: 'access_denied' });
  const ofRequests = ['presented', 'not_usable', 'wrong_place', 'token_endpoint'];
  const unreached = Object.entries(CODES)
    .filter(([code, { group }]) => ofRequests.includes(group) && !reached.has(code))
    .map(([code]) => code);
  assert.deepEqual(unreached, []);
});

test('each finding has a scenario named after it', () => {
  const tables = readdirSync('test/support').filter((file) => file.endsWith('-scenarios.ts'));
  const files = [
    ...readdirSync('test/diagnosis').map((file) => `diagnosis/${file}`),
    ...tables.map((file) => `support/${file}`),
  ];
  const scenarios = files.map((file) => readFileSync(`test/${file}`, 'utf8')).join('\n');
  const missing = Object.keys(CODES).filter((code) => !new RegExp(`\\b${code}\\b`).test(scenarios));
  assert.deepEqual(missing, []);
});
