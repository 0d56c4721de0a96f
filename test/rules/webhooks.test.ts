/** docs/webhooks.md says what src/notifications has. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { PAUSES_MS } from '../../src/notifications/schedule.ts';

const page = readFileSync('docs/webhooks.md', 'utf8');

test('docs/webhooks.md tells the pauses between attempts as they are', () => {
  const [, seconds, minutes, half, ...hours] = PAUSES_MS.map((ms) => ms / 1000);
  const told = `after ${seconds} seconds, ${(minutes ?? 0) / 60} minutes, ${(half ?? 0) / 60} minutes, and ${hours
    .slice(0, -1)
    .map((value) => value / 3600)
    .join(', ')} and ${(hours.at(-1) ?? 0) / 3600} hours`;
  assert.ok(page.includes(told), told);
});
