/**
 * REMEMBERS. An append-only record of who did what to which credential, when and from where; and each refusal with its reason.
 *
 * No change without its event: a tracked collection writes a record together with its event in one write (the record's outbox), then
 * copies the event to the audit trail. A crash between the two is closed by `recover`, so that every acknowledged change has its
 * event, without a transaction on either engine.
 */

export { type Audit, createAudit, type EventPage, type EventQuery } from './audit.ts';
export {
  type Actor,
  type Attribution,
  type AuditEvent,
  actorShape,
  EVENTS,
  type EventType,
  headlineOf,
  PAYLOADS,
  type Source,
  type Subject,
  SYSTEM,
} from './events.ts';
export { type Change, outboxShape, type Tracked } from './outbox.ts';
export { type AttributeChange, changesBetween } from './payload.ts';
export { isOfPlace, type Place, placeIn } from './places.ts';
export type { Subscriber } from './subscribers.ts';
