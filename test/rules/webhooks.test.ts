/** docs/webhooks.md says what src/notifications has, and the schema fits what is sent. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { WEBHOOK_EVENTS } from '../../src/notifications/index.ts';
import { PAUSES_MS } from '../../src/notifications/schedule.ts';

const page = readFileSync('docs/webhooks.md', 'utf8');

test('docs/webhooks.md lists each type of message with its meaning, and no other', () => {
  const rows = [...page.matchAll(/^\| `([a-z_]+(?:\.[a-z_]+)+)` \| (.*) \|$/gm)].map(([, type, meaning]) => [
    type,
    meaning,
  ]);
  assert.deepEqual(rows, Object.entries(WEBHOOK_EVENTS));
});

test('docs/webhooks.md tells the pauses between attempts as they are', () => {
  const [, seconds, minutes, half, ...hours] = PAUSES_MS.map((ms) => ms / 1000);
  const told = `after ${seconds} seconds, ${(minutes ?? 0) / 60} minutes, ${(half ?? 0) / 60} minutes, ${hours
    .slice(0, -1)
    .map((value) => value / 3600)
    .join(', ')} and ${(hours.at(-1) ?? 0) / 3600} hours`;
  assert.ok(page.includes(told), told);
});
