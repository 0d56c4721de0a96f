/** docs/webhooks.md says what src/notifications has. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type AuditEvent, EVENTS, type EventType } from '../../src/audit/index.ts';
import { toldOf, WEBHOOK_EVENT_TYPES } from '../../src/notifications/event-types.ts';
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

/** An audit event of a type and kind of credential, as far as webhooks look at it. */
const eventOf = (type: EventType, kind: string) =>
  ({ type, at: new Date(0), actor: { type: 'system', name: 'Latchkey' }, data: { kind } }) as unknown as AuditEvent;

test('each webhook event is made of an audit event, or is sent by name', () => {
  const kinds = ['bearer', 'oauth'];
  const made = new Set(
    (Object.keys(EVENTS) as EventType[]).flatMap((type) => kinds.map((kind) => toldOf(eventOf(type, kind))?.type)),
  );
  const senders = readdirSync('src/notifications')
    .filter((file) => file !== 'event-types.ts')
    .map((file) => readFileSync(`src/notifications/${file}`, 'utf8'))
    .join('\n');
  assert.deepEqual(
    WEBHOOK_EVENT_TYPES.filter((type) => !made.has(type) && !senders.includes(`type: '${type}'`)),
    [],
  );
});

test('an imported connection is told as one, with its client', () => {
  const { data: facts, ...event } = eventOf('credential.imported', 'oauth');
  const told = toldOf({ ...event, data: { ...facts, clientId: 'client_1' } });
  assert.equal(told?.type, 'dsync.connection.created');
  assert.deepEqual([told?.data['imported'], told?.data['client_id']], [true, 'client_1']);
});
