/** The evidence packet: what happened to the credentials of an organization, or of all, over a period; each row names the events that show it. */
import type { AuditEvent } from '../audit/index.ts';
import { DAY_MS } from '../clock.ts';
import type { Facts } from '../diagnosis/index.ts';

type PastCredential = Facts['credentials'][number];

export const SECTIONS = {
  populationAtStart: 'Credentials at the start',
  populationAtEnd: 'Credentials at the end',
  creations: 'Created',
  rotations: 'Rotated',
  revocations: 'Ended',
  exceptions: 'Exceptions',
  issuers: 'Who may issue',
  reviews: 'Reviews',
} as const;
export type SectionId = keyof typeof SECTIONS;
export const SECTION_IDS = Object.keys(SECTIONS) as SectionId[];

/** Every section has the same columns; what does not apply is null. Times are ISO 8601 in UTC. */
export interface EvidenceRow {
  at: string | null;
  organizationId: string | null;
  organization: string | null;
  directoryId: string | null;
  directory: string | null;
  credentialId: string | null;
  /** Its label or the end of its value; of an issuer its name. */
  subject: string;
  what: string;
  /** Who did it. */
  by: string | null;
  expiresAt: string | null;
  /** Of a rotation: the hour in which the new one was first accepted. */
  firstUsedAt: string | null;
  /** Of an end: from the request until every instance refused it, at most. */
  minutes: number | null;
  note: string | null;
  eventIds: string[];
}

export interface EvidencePacket {
  version: 1;
  issuer: string;
  from: string;
  to: string;
  generatedAt: string;
  generatedBy: string;
  /** null: all organizations. */
  organization: { id: string; name: string } | null;
  /** What a reader must know to judge the rows. */
  remarks: string[];
  counts: Record<SectionId, number>;
  sections: Record<SectionId, EvidenceRow[]>;
}

/** One directory, or what concerns an organization as a whole. */
export interface Place {
  organizationId: string;
  organization: string;
  directoryId: string | null;
  directory: string | null;
}

/** Exceptions: an age that a policy seldom allows. */
const OLD_DAYS = 365;
const BEGINNINGS: readonly string[] = ['credential.issued', 'credential.imported', 'credential.connected'];
const ENDINGS: readonly string[] = ['credential.revoked', 'credential.retired', 'credential.expired'];
const LIVE: readonly string[] = ['pending', 'active', 'disabled'];

export function rowOf(
  place: Place | undefined,
  facts: Partial<EvidenceRow> & { subject: string; what: string },
): EvidenceRow {
  return {
    at: null,
    organizationId: place?.organizationId ?? null,
    organization: place?.organization ?? null,
    directoryId: place?.directoryId ?? null,
    directory: place?.directory ?? null,
    credentialId: null,
    by: null,
    expiresAt: null,
    firstUsedAt: null,
    minutes: null,
    note: null,
    ...facts,
    // What is told by a record has none.
    eventIds: (facts.eventIds ?? []).filter((id) => id !== ''),
  };
}

function subjectOf({ label, hint, kind }: { label?: string | undefined; hint: string; kind: string }): string {
  const end = kind === 'oauth' ? 'connection' : `…${hint}`;
  return label === undefined ? end : `${label} (${end})`;
}

function subjectOfEvent({ data }: AuditEvent): string {
  const label = typeof data['label'] === 'string' ? data['label'] : undefined;
  return subjectOf({ label, hint: String(data['hint'] ?? ''), kind: String(data['kind'] ?? '') });
}

/** Those that were live, as a fold of the events left them. */
export function populationOf(place: Place, credentials: readonly PastCredential[], events: readonly AuditEvent[]) {
  return credentials
    .filter(({ state }) => LIVE.includes(state))
    .map((credential) =>
      rowOf(place, {
        at: credential.createdAt.toISOString(),
        credentialId: credential.id,
        subject: subjectOf(credential),
        what: `${credential.kind === 'oauth' ? 'connection' : 'token'}, ${credential.state}`,
        by: credential.createdBy ?? null,
        expiresAt: credential.expiresAt?.toISOString() ?? null,
        eventIds: events.filter(({ credentialId }) => credentialId === credential.id).map(({ id }) => id),
      }),
    );
}

export function creationsOf(place: Place, inPeriod: readonly AuditEvent[]): EvidenceRow[] {
  return inPeriod
    .filter(({ type }) => BEGINNINGS.includes(type))
    .map((event) => {
      const { expiresAt } = event.data;
      return rowOf(place, {
        ...factsOf(event),
        what: VERBS[event.type] ?? event.type,
        expiresAt: typeof expiresAt === 'string' ? expiresAt : null,
      });
    });
}

/** `events`: all of the directory; one may have been asked for before the period. */
export function revocationsOf(
  place: Place,
  inPeriod: readonly AuditEvent[],
  events: readonly AuditEvent[],
  leaseMs: number,
): EvidenceRow[] {
  return inPeriod
    .filter(({ type }) => ENDINGS.includes(type))
    .map((event) => {
      const { reason } = event.data;
      const asked = event.type === 'credential.revoked' ? requestOf(event, events) : undefined;
      const refusedByMs = event.at.getTime() + (event.type === 'credential.expired' ? 0 : leaseMs);
      const requestedMs = (asked ?? event).at.getTime();
      return rowOf(place, {
        ...factsOf(event),
        what: `${VERBS[event.type] ?? event.type}${event.data['forced'] === true ? ' without the check for use' : ''}`,
        minutes: Math.ceil(((refusedByMs - requestedMs) / 60_000) * 100) / 100,
        note:
          [asked && REQUESTS[asked.type], typeof reason === 'string' ? reason : undefined]
            .filter((part) => part !== undefined)
            .join('; ') || null,
        eventIds: [...(asked ? [asked.id] : []), event.id],
      });
    });
}

/** What asked for a revoke: a review that found it should end, or a report that its value is public; the first since it was kept. */
function requestOf(revoke: AuditEvent, events: readonly AuditEvent[]): AuditEvent | undefined {
  let asked: AuditEvent | undefined;
  for (const event of events) {
    if (event.credentialId !== revoke.credentialId || event.at > revoke.at) continue;
    if (event.type === 'credential.leaked') asked ??= event;
    if (event.type === 'credential.reviewed') asked = event.data['decision'] === 'end' ? (asked ?? event) : undefined;
  }
  return asked;
}

const REQUESTS: Record<string, string> = {
  'credential.leaked': 'its value was reported as public',
  'credential.reviewed': 'a review found that it should be revoked',
};

export function reviewsOf(place: Place, inPeriod: readonly AuditEvent[]): EvidenceRow[] {
  return inPeriod
    .filter(({ type }) => type === 'credential.reviewed')
    .map((event) =>
      rowOf(place, {
        ...factsOf(event),
        what: event.data['decision'] === 'end' ? 'end it' : 'keep it',
        note: typeof event.data['note'] === 'string' ? event.data['note'] : null,
      }),
    );
}

/** What an auditor asks about: at the end of the period, and what was forced within it. */
export function exceptionsOf(
  place: Place,
  population: readonly EvidenceRow[],
  inPeriod: readonly AuditEvent[],
  events: readonly AuditEvent[],
  to: Date,
): EvidenceRow[] {
  const standing = population.flatMap((row) => {
    const createdMs = row.at === null ? to.getTime() : Date.parse(row.at);
    const days = Math.floor((to.getTime() - createdMs) / DAY_MS);
    const successor = events.find(({ data }) => data['replaces'] === row.credentialId);
    const review = events.findLast(
      ({ type, credentialId }) => type === 'credential.reviewed' && credentialId === row.credentialId,
    );
    return [
      ...(row.expiresAt === null ? [{ ...row, what: 'never expires' }] : []),
      ...(days > OLD_DAYS ? [{ ...row, what: `${days} days old` }] : []),
      ...(successor ? [{ ...row, what: 'replaced and still active', eventIds: [...row.eventIds, successor.id] }] : []),
      ...(review?.data['decision'] === 'end'
        ? [{ ...row, what: 'a review says to revoke it, and it is still active' }]
        : []),
    ];
  });
  const happened = inPeriod.flatMap((event) => {
    if (event.type === 'credential.leaked') return [rowOf(place, { ...factsOf(event), what: 'its value was public' })];
    if (event.type === 'credential.imported') {
      const what = `imported from another system${event.data['weak'] === true ? ', and can be guessed' : ''}`;
      return [rowOf(place, { ...factsOf(event), what })];
    }
    return event.data['forced'] === true
      ? [rowOf(place, { ...factsOf(event), what: 'revoked without the check for use' })]
      : [];
  });
  return [...standing, ...happened];
}

export function factsOf(event: AuditEvent) {
  return {
    at: event.at.toISOString(),
    credentialId: event.credentialId ?? null,
    subject: subjectOfEvent(event),
    by: event.actor.name,
    eventIds: [event.id],
  };
}

const VERBS: Record<string, string> = {
  'credential.issued': 'token generated',
  'credential.imported': 'imported',
  'credential.connected': 'connected',
  'credential.revoked': 'revoked',
  'credential.retired': 'retired after it was replaced',
  'credential.expired': 'expired',
};
