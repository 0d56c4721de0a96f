/** What a webhook is sent, in the shape that Standard Webhooks recommends: `type`, `timestamp`, `data`. */
import type { Actor, AuditEvent } from '../audit/index.ts';
import type { Credential } from '../credentials/index.ts';
import { BASE62 } from '../identifiers.ts';
import { toldOf, WEBHOOK_EVENT_TYPES, type WebhookEventType } from './event-types.ts';

export const MESSAGE_VERSION = '2026-11-01';

export interface Message {
  /** Of the audit event or notice that it tells of. */
  id: string;
  version: typeof MESSAGE_VERSION;
  type: WebhookEventType;
  /** ISO time of what happened. */
  timestamp: string;
  data: Record<string, unknown>;
}

const MS_DIGITS = 8;
const WITHIN_DIGITS = 3;

/**
 * A number that rises with each thing that happens in a directory, without gaps being a sign of anything. It comes from the event's ID, which
 * holds the time and the order within a millisecond, so that it is the same however often and in whatever order events are told.
 */
export function sequenceOf(eventId: string): number {
  const digits = eventId.slice(eventId.indexOf('_') + 1);
  const ms = fromBase62(digits.slice(0, MS_DIGITS));
  const within = fromBase62(digits.slice(MS_DIGITS, MS_DIGITS + WITHIN_DIGITS));
  return ms * 1000 + Math.min(within, 999);
}

function fromBase62(text: string): number {
  return [...text].reduce((value, digit) => value * 62 + BASE62.indexOf(digit), 0);
}

/** Undefined where webhooks are told nothing of it. */
export function messageOf(event: AuditEvent, credential?: Credential): Message | undefined {
  const told = toldOf(event, credential);
  if (!told) return undefined;
  const { id, at, organizationId, directoryId, actor } = event;
  return newMessage({ ...told, id, at, actor, organizationId, directoryId, sequence: sequenceOf(id) });
}

export function newMessage(of: {
  id: string;
  type: WebhookEventType;
  at: Date;
  data: Record<string, unknown>;
  sequence: number;
  actor?: Actor | undefined;
  organizationId?: string | undefined;
  directoryId?: string | undefined;
}): Message {
  const { id, type, at, data, sequence, actor, organizationId, directoryId } = of;
  const { object, id: objectId, ...rest } = data;
  return {
    id,
    version: MESSAGE_VERSION,
    type,
    timestamp: at.toISOString(),
    data: {
      object,
      id: objectId,
      organization_id: organizationId ?? null,
      directory_id: directoryId ?? null,
      sequence,
      ...rest,
      actor: actor ? { type: actor.type, id: actor.id ?? null, name: actor.name } : null,
    },
  };
}

/** The page of the dashboard where more is known. */
export function dashboardPageOf(
  publicUrl: string,
  { organizationId, directoryId }: { organizationId?: string | undefined; directoryId?: string | undefined },
): string {
  const place =
    directoryId !== undefined
      ? `/directories/${directoryId}`
      : organizationId !== undefined
        ? `/organizations/${organizationId}`
        : '';
  return `${publicUrl}/dashboard${place}`;
}

const textOrNull = { type: ['string', 'null'] };

/** JSON Schema of a message; receivers must allow members that they don't know. */
export const MESSAGE_SCHEMA = {
  type: 'object',
  description: 'The message to a webhook. `data` has more members, depending on the type.',
  required: ['id', 'version', 'type', 'timestamp', 'data'],
  properties: {
    id: { type: 'string', description: 'ID of the event. It is the same for every webhook.' },
    version: { type: 'string', enum: [MESSAGE_VERSION] },
    type: { type: 'string', enum: WEBHOOK_EVENT_TYPES },
    timestamp: { type: 'string', format: 'date-time' },
    data: {
      type: 'object',
      required: ['object', 'id', 'organization_id', 'directory_id', 'sequence', 'actor'],
      properties: {
        object: { type: 'string' },
        id: textOrNull,
        organization_id: textOrNull,
        directory_id: textOrNull,
        sequence: { type: 'integer', description: 'Increases with each event for a directory.' },
        actor: {
          type: ['object', 'null'],
          properties: { type: { type: 'string' }, id: textOrNull, name: { type: 'string' } },
        },
      },
    },
  },
} as const;
