/**
 * What began before events are kept has no event that says so, and an auditor asks about the oldest first. Its record says when it began and
 * by whom; that is told in the form of the events that are gone. They have no ID, so that no row claims one.
 */
import type { AuditEvent, EventType } from '../audit/index.ts';
import type { ApiKey, Credential } from '../credentials/index.ts';
import type { Operator } from '../operators/index.ts';

const BEGINNINGS: readonly string[] = ['credential.issued', 'credential.imported', 'credential.connected'];
const ENDINGS: readonly string[] = ['credential.revoked', 'credential.retired', 'credential.expired'];
const NOT_KEPT = { type: 'system', name: 'not kept' } as const;

type Told = Pick<AuditEvent, 'type' | 'at' | 'actor' | 'data'> & Partial<AuditEvent>;

function event(told: Told): AuditEvent {
  return { id: '', source: 'system', ...told };
}

/** What attributes were before the first change that is kept. */
function before(changes: readonly AuditEvent[]): Record<string, unknown> {
  const first = new Map<string, unknown>();
  for (const { data } of changes) {
    const list = Array.isArray(data['changes']) ? (data['changes'] as { attribute: string; from: unknown }[]) : [];
    for (const { attribute, from } of list) if (!first.has(attribute)) first.set(attribute, from);
  }
  return Object.fromEntries(first);
}

/** `events`: those that are kept of the directory, up to `to`, oldest first. */
export function unrecordedOf(
  credentials: readonly Credential[],
  events: readonly AuditEvent[],
  to: Date,
): AuditEvent[] {
  const has = (id: string, types: readonly string[]) =>
    events.some(({ type, credentialId }) => credentialId === id && types.includes(type));
  return credentials.flatMap((credential) => {
    const { id: credentialId, organizationId, directoryId, createdAt, createdBy } = credential;
    if (createdAt >= to || has(credentialId, BEGINNINGS)) return [];
    const { kind, slot, hint, label, scopes, clientId, expiresAt, state, disabledBy, revokedAt, revokedBy } =
      credential;
    const earlier = before(
      events.filter((one) => one.credentialId === credentialId && one.type === 'credential.updated'),
    );
    const made = (type: EventType, at: Date, actor = createdBy, more: object = {}) =>
      event({
        type,
        at,
        actor,
        organizationId,
        directoryId,
        credentialId,
        data: { kind, slot, hint, label, scopes, clientId, expiresAt: expiresAt?.toISOString(), ...earlier, ...more },
      });
    const wasDisabled = state === 'disabled' && !has(credentialId, ['credential.disabled', 'credential.enabled']);
    const isEndMissing = revokedAt !== undefined && revokedAt < to && !has(credentialId, ENDINGS);
    return [
      made(kind === 'oauth' ? 'credential.connected' : 'credential.issued', createdAt),
      ...(wasDisabled ? [made('credential.disabled', createdAt, disabledBy ?? NOT_KEPT)] : []),
      ...(isEndMissing
        ? [made('credential.revoked', revokedAt, revokedBy ?? NOT_KEPT, { reason: credential.revokedReason })]
        : []),
    ];
  });
}

/** `events`: of members and keys, up to `to`, oldest first. */
export function unrecordedIssuers(
  { apiKeys, operators }: { apiKeys: readonly ApiKey[]; operators: readonly Operator[] },
  events: readonly AuditEvent[],
  to: Date,
): AuditEvent[] {
  const known = new Set(
    events
      .filter(({ type }) => type === 'operator.created' || type === 'api_key.created')
      .map(({ data }) => data['operatorId'] ?? data['apiKeyId']),
  );
  const isMissing = ({ id, createdAt }: { id: string; createdAt: Date }) => createdAt < to && !known.has(id);
  const ofKeys = apiKeys
    .filter((apiKey) => isMissing(apiKey) && !(apiKey.revokedAt && apiKey.revokedAt < to))
    .map(({ id: apiKeyId, name, role, organizationId, createdAt, createdBy, expiresAt }) =>
      event({
        type: 'api_key.created',
        at: createdAt,
        actor: createdBy,
        ...(organizationId !== undefined && { organizationId }),
        data: { apiKeyId, name, role, expiresAt: expiresAt?.toISOString() },
      }),
    );
  const ofMembers = operators.filter(isMissing).flatMap(({ id: operatorId, name, role, createdAt, disabledAt }) => {
    const made = (type: EventType, at: Date, data: object) =>
      event({ type, at, actor: NOT_KEPT, data: { operatorId, name, ...data } });
    const earlier = before(events.filter((one) => one.data['operatorId'] === operatorId));
    return [
      made('operator.created', createdAt, { role, ...earlier }),
      ...(disabledAt && disabledAt < to ? [made('operator.updated', disabledAt, { changed: ['disabled'] })] : []),
    ];
  });
  return [...ofKeys, ...ofMembers];
}

export function byTime(events: readonly AuditEvent[]): AuditEvent[] {
  return [...events].sort((a, b) => a.at.getTime() - b.at.getTime());
}
