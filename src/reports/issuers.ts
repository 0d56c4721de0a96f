/** Who may issue credentials: members and API keys at a moment, IT contacts over a period, as the events leave them. */
import type { AuditEvent } from '../audit/index.ts';
import { PORTAL_SESSION_MS } from '../one-time-links/index.ts';
import { type EvidenceRow, type Place, rowOf } from './packet.ts';

interface Issuer {
  kind: 'member' | 'API key';
  name: string;
  role: string;
  isDisabled: boolean;
  since: Date;
  by: string;
  organizationId?: string;
  expiresAt?: Date;
  eventIds: string[];
}

/** `events`: oldest first, up to the moment. `organizationId`: keys that are limited to another one are left out. */
export function issuersAt(
  events: readonly AuditEvent[],
  to: Date,
  roles: readonly string[],
  organizationId: string | undefined,
): EvidenceRow[] {
  const issuers = new Map<string, Issuer>();
  for (const event of events) {
    const { operatorId, apiKeyId } = event.data;
    const id = typeof operatorId === 'string' ? operatorId : typeof apiKeyId === 'string' ? apiKeyId : undefined;
    if (id === undefined) continue;
    if (event.type === 'operator.removed' || event.type === 'api_key.revoked') issuers.delete(id);
    else issuers.set(id, changed(issuers.get(id), event));
  }
  return [...issuers.values()]
    .filter(({ role, isDisabled }) => roles.includes(role) && !isDisabled)
    .filter(({ expiresAt }) => expiresAt === undefined || expiresAt > to)
    .filter((issuer) => organizationId === undefined || (issuer.organizationId ?? organizationId) === organizationId)
    .map(({ kind, name, role, since, by, expiresAt, eventIds, ...issuer }) =>
      rowOf(undefined, {
        at: since.toISOString(),
        organizationId: issuer.organizationId ?? null,
        subject: name,
        what: `${kind}, ${role}`,
        by,
        expiresAt: expiresAt?.toISOString() ?? null,
        eventIds,
      }),
    );
}

function changed(known: Issuer | undefined, { id, type, at, actor, data, organizationId }: AuditEvent): Issuer {
  const changes = Array.isArray(data['changes']) ? (data['changes'] as { attribute: string; to: unknown }[]) : [];
  const to = (attribute: string) => changes.find((change) => change.attribute === attribute)?.to;
  const { expiresAt } = data;
  const role = type === 'operator.updated' ? to('role') : data['role'];
  const changedAttributes = Array.isArray(data['changed']) ? data['changed'].map(String) : [];
  const isDisabled =
    changedAttributes.includes('disabled') || (known?.isDisabled === true && !changedAttributes.includes('enabled'));
  return {
    kind: type.startsWith('operator.') ? 'member' : 'API key',
    name: String(to('name') ?? data['name'] ?? known?.name ?? ''),
    role: typeof role === 'string' ? role : (known?.role ?? ''),
    isDisabled,
    since: known?.since ?? at,
    by: known?.by ?? actor.name,
    ...(organizationId !== undefined && { organizationId }),
    ...(typeof expiresAt === 'string' && { expiresAt: new Date(expiresAt) }),
    eventIds: [...(known?.eventIds ?? []), id],
  };
}

/** IT contacts whose portal link, or the session that it began, had not ended when the period began. `events`: oldest first, up to its end. */
export function contactsSince(place: Place, events: readonly AuditEvent[], from: Date): EvidenceRow[] {
  const links = new Map<string, { created: AuditEvent; endsAt: Date; eventIds: string[] }>();
  for (const event of events) {
    const { type, id, at, data } = event;
    const linkId = String(data['portalLinkId']);
    if (type === 'portal_link.created')
      links.set(linkId, { created: event, endsAt: new Date(String(data['expiresAt'])), eventIds: [] });
    const link = links.get(linkId);
    if (!link || !type.startsWith('portal_link.')) continue;
    link.eventIds.push(id);
    if (type === 'portal_link.used') link.endsAt = new Date(at.getTime() + PORTAL_SESSION_MS);
    if (type === 'portal_link.left' || type === 'portal_link.revoked') link.endsAt = at;
  }
  return [...links.values()]
    .filter(({ endsAt }) => endsAt > from)
    .map(({ created: { at, actor, data }, eventIds }) =>
      rowOf(place, {
        at: at.toISOString(),
        subject: typeof data['contact'] === 'string' ? data['contact'] : 'an IT contact',
        what: 'IT contact, by a portal link',
        by: actor.name,
        expiresAt: typeof data['expiresAt'] === 'string' ? data['expiresAt'] : null,
        eventIds,
      }),
    );
}
