/** Gathers an evidence packet from the audit trail: what was true at a time comes from the events, never from today's records. */

import { rolesFor } from '../access.ts';
import { type Audit, type AuditEvent, type EventType, placeIn } from '../audit/index.ts';
import { type Clock, HOUR_MS } from '../clock.ts';
import type { ApiKeys, Credentials, Usage } from '../credentials/index.ts';
import { foldChanges, STATE_CHANGES } from '../diagnosis/index.ts';
import type { Directories, Directory, Organizations } from '../directories/index.ts';
import { AppError } from '../errors.ts';
import type { Operators } from '../operators/index.ts';
import type { Page } from '../storage/index.ts';
import { contactsSince, issuersAt } from './issuers.ts';
import {
  creationsOf,
  type EvidencePacket,
  type EvidenceRow,
  exceptionsOf,
  factsOf,
  type Place,
  populationOf,
  reviewsOf,
  revocationsOf,
  rowOf,
  SECTION_IDS,
  type SectionId,
} from './packet.ts';
import { byTime, unrecordedIssuers, unrecordedOf } from './unrecorded.ts';

export interface EvidenceQuery {
  from: Date;
  to: Date;
  /** Absent: all. */
  organizationId?: string | undefined;
  /** Who asks for it. */
  generatedBy: string;
  /** Leaves out members and keys of the vendor, for callers limited to one organization. */
  isLimited?: boolean;
}

export interface Evidence {
  /** Throws not_found (organization), invalid_request (an impossible period, or more rows than a packet may have). */
  gather(query: EvidenceQuery): Promise<EvidencePacket>;
  /** The packet as JSON, signed (JWS, compact), verified with `/oauth/jwks`. */
  sign(packet: EvidencePacket): Promise<string>;
}

/** Of one packet; more belong into several. */
export const MOST_ROWS = 50_000;
const PAGE = 200;
const PLACES_AT_ONCE = 100;
const HOURS_READ = 200;
/** How long after a rotation its first use is looked for. */
const PROOF_MS = 90 * 24 * HOUR_MS;
const MORE_TYPES = ['directory.deleted', 'credential.reviewed', 'credential.leaked'] as const;
const FROM_RECORDS =
  'Some records are older than the stored events (LATCHKEY_EVENTS_RETENTION_DAYS). They are shown as they are today, without the deleted events.';
const LINK_TYPES = ['portal_link.created', 'portal_link.used', 'portal_link.left', 'portal_link.revoked'] as const;
const TYPES: readonly EventType[] = [...STATE_CHANGES, ...MORE_TYPES, ...LINK_TYPES];

export function createEvidence(deps: {
  audit: Pick<Audit, 'page'>;
  usage: Pick<Usage, 'hours'>;
  organizations: Pick<Organizations, 'find' | 'page'>;
  directories: Pick<Directories, 'page'>;
  credentials: Pick<Credentials, 'page'>;
  apiKeys: Pick<ApiKeys, 'page'>;
  operators: Pick<Operators, 'page'>;
  clock: Clock;
  issuer: string;
  leaseMs: number;
  signDocument: (text: string, type: string) => Promise<string>;
}): Evidence {
  const { audit, usage, organizations, directories, credentials, apiKeys, operators, clock, issuer, leaseMs } = deps;

  /** Oldest first. */
  async function eventsWhere(where: Parameters<Audit['page']>[0]['where'], to?: Date, from?: Date) {
    return all((after) => audit.page({ ...(where && { where }), from, to, after, order: 'asc', limit: PAGE }));
  }

  async function directoriesOf(organizationId: string): Promise<Pick<Directory, 'id' | 'name'>[]> {
    const found = await all((after) => directories.page({ organizationId, after, limit: PAGE }));
    const gone = await eventsWhere({ type: 'directory.deleted', organizationId });
    return [...found, ...gone.map(({ directoryId = '', data }) => ({ id: directoryId, name: String(data['name']) }))];
  }

  /** Those there are, and those that were deleted since the period began. */
  async function* allOrganizations(from: Date): AsyncGenerator<{ id: string; name: string }> {
    let after: string | undefined;
    do {
      const page = await organizations.page({ after, limit: PAGE });
      yield* page.items;
      after = page.nextCursor ?? undefined;
    } while (after !== undefined);
    for (const { organizationId, data } of await eventsWhere({ type: 'organization.deleted' }, undefined, from))
      if (organizationId !== undefined) yield { id: organizationId, name: String(data['name']) };
  }

  async function organizationOf(id: string): Promise<{ id: string; name: string }> {
    const found = await organizations.find(id);
    if (found) return { id, name: found.name };
    const [gone] = await eventsWhere({ type: 'organization.deleted', organizationId: id });
    if (!gone) throw new AppError('not_found', { detail: `There is no organization ${id}.` });
    return { id, name: String(gone.data['name']) };
  }

  /** The hour in which a new credential was first accepted. */
  async function firstUse(credentialId: string, since: Date): Promise<string | null> {
    const from = new Date(Math.floor(since.getTime() / HOUR_MS) * HOUR_MS);
    const to = new Date(since.getTime() + PROOF_MS);
    let first: Date | undefined;
    let after: string | undefined;
    do {
      const page = await usage.hours(credentialId, { from, to, after, limit: HOURS_READ });
      first = page.items.findLast(({ accepted }) => accepted > 0)?.hour ?? first;
      after = page.nextCursor ?? undefined;
    } while (after !== undefined);
    return first?.toISOString() ?? null;
  }

  async function rotationsOf(place: Place, inPeriod: readonly AuditEvent[], events: readonly AuditEvent[]) {
    const rows: EvidenceRow[] = [];
    for (const event of inPeriod) {
      const { replaces } = event.data;
      if (typeof replaces !== 'string' || event.credentialId === undefined) continue;
      const end = events.find(
        ({ credentialId, type, at }) => credentialId === replaces && at >= event.at && isEnd(type),
      );
      rows.push(
        rowOf(place, {
          ...factsOf(event),
          what: end
            ? `replaced ${replaces}, which stopped working at ${end.at.toISOString()}`
            : `replaces ${replaces}, which is still active`,
          firstUsedAt: await firstUse(event.credentialId, event.at),
          eventIds: [event.id, ...(end ? [end.id] : [])],
        }),
      );
    }
    return rows;
  }

  /** Everything of one organization; `add` counts. */
  async function gatherOne(
    { id: organizationId, name: organization }: { id: string; name: string },
    { from, to }: EvidenceQuery,
    add: (section: SectionId, rows: readonly EvidenceRow[]) => void,
    remarks: Set<string>,
  ): Promise<void> {
    const known = await directoriesOf(organizationId);
    const byDirectory = new Map<string, AuditEvent[]>(known.map(({ id }) => [id, []]));
    const ofAll: AuditEvent[] = [];
    const ids = [...known.map(({ id }) => id), organizationId];
    for (let start = 0; start < ids.length; start += PLACES_AT_ONCE) {
      const place = ids
        .slice(start, start + PLACES_AT_ONCE)
        .flatMap((id) => [placeIn(id, 'change'), placeIn(id, 'switch'), placeIn(id, 'entered')]);
      for (const event of await eventsWhere({ place, type: TYPES }, to)) {
        const list = event.directoryId === undefined ? ofAll : byDirectory.get(event.directoryId);
        list?.push(event);
      }
    }
    for (const { id: directoryId, name } of known) {
      const kept = byDirectory.get(directoryId) ?? [];
      const records = await all((after) => credentials.page({ directoryId, to, after, limit: PAGE }));
      const missing = unrecordedOf(records, kept, to);
      if (missing.length > 0) remarks.add(FROM_RECORDS);
      const events = byTime([...missing, ...kept]);
      const before = events.filter(({ at }) => at < from);
      const inPeriod = events.filter(({ at }) => at >= from);
      const end = foldChanges(events, new Date(to.getTime() - 1));
      if (!end.isWhole && kept.length > 0)
        remarks.add(
          'Events of some directories begin later than the directories themselves; see LATCHKEY_EVENTS_RETENTION_DAYS.',
        );
      const past = end.attributes.get('name');
      const place: Place = {
        organizationId,
        organization,
        directoryId,
        directory: typeof past === 'string' ? past : name,
      };
      const population = populationOf(place, end.credentials, events);
      add('populationAtStart', populationOf(place, foldChanges(before, from).credentials, before));
      add('populationAtEnd', population);
      add('creations', creationsOf(place, inPeriod));
      add('rotations', await rotationsOf(place, inPeriod, events));
      add('revocations', revocationsOf(place, inPeriod, events, leaseMs));
      add('exceptions', exceptionsOf(place, population, inPeriod, events, to));
      add('reviews', reviewsOf(place, inPeriod));
    }
    const whole: Place = { organizationId, organization, directoryId: null, directory: null };
    add('issuers', contactsSince(whole, ofAll, from));
  }

  return {
    async gather(query) {
      const { from, to, organizationId, isLimited = false } = query;
      assertPeriod(from, to, clock.now());
      const organization = organizationId === undefined ? null : await organizationOf(organizationId);
      const sections = Object.fromEntries(SECTION_IDS.map((id) => [id, []])) as unknown as EvidencePacket['sections'];
      const remarks = new Set([
        `A credential that was revoked or has expired is refused everywhere once every instance has dropped it from memory: at most ${leaseMs / 1000} s after the event.`,
        'The first use is exact to the hour.',
      ]);
      let rows = 0;
      const add = (section: SectionId, more: readonly EvidenceRow[]) => {
        rows += more.length;
        if (rows > MOST_ROWS) throw tooLarge();
        sections[section].push(...more);
      };
      if (!isLimited) {
        const kept = await eventsWhere({ type: ISSUER_EVENTS }, to);
        const records = {
          apiKeys: await all((after) => apiKeys.page({ after, limit: PAGE })),
          operators: await all((after) => operators.page({ after, limit: PAGE })),
        };
        const missing = unrecordedIssuers(records, kept, to);
        if (missing.length > 0) remarks.add(FROM_RECORDS);
        const events = byTime([...missing, ...kept]);
        add('issuers', issuersAt(events, to, rolesFor('credentials.change'), organizationId));
      } else remarks.add("The vendor's members and API keys are left out.");
      if (organization) await gatherOne(organization, query, add, remarks);
      else for await (const one of allOrganizations(from)) await gatherOne(one, query, add, remarks);
      for (const id of SECTION_IDS)
        if (id !== 'issuers') sections[id].sort((a, b) => ((a.at ?? '') < (b.at ?? '') ? -1 : 1));
      return {
        version: 1,
        issuer,
        from: from.toISOString(),
        to: to.toISOString(),
        generatedAt: clock.now().toISOString(),
        generatedBy: query.generatedBy,
        organization,
        remarks: [...remarks],
        counts: Object.fromEntries(SECTION_IDS.map((id) => [id, sections[id].length])) as EvidencePacket['counts'],
        sections,
      };
    },

    sign: (packet) => deps.signDocument(JSON.stringify(packet), 'latchkey-evidence+json'),
  };
}

/** Every page of a list. */
async function all<T>(read: (after: string | undefined) => Promise<Page<T>>): Promise<T[]> {
  const found: T[] = [];
  let after: string | undefined;
  do {
    const { items, nextCursor } = await read(after);
    found.push(...items);
    after = nextCursor ?? undefined;
  } while (after !== undefined);
  return found;
}

const ISSUER_EVENTS: readonly EventType[] = [
  'operator.created',
  'operator.updated',
  'operator.removed',
  'api_key.created',
  'api_key.revoked',
];

function isEnd(type: string): boolean {
  return type === 'credential.revoked' || type === 'credential.retired' || type === 'credential.expired';
}

function assertPeriod(from: Date, to: Date, now: Date): void {
  const wrong =
    from >= to
      ? { path: 'to', given: to.toISOString(), wanted: `a time after from (${from.toISOString()})` }
      : to > now
        ? { path: 'to', given: to.toISOString(), wanted: 'a time that has passed' }
        : undefined;
  if (!wrong) return;
  const detail = from >= to ? 'The period ends before it begins.' : 'The period has not ended yet.';
  throw new AppError('invalid_request', { detail, errors: [wrong] });
}

function tooLarge(): AppError {
  return new AppError('invalid_request', {
    detail: `The packet would have more than ${MOST_ROWS.toLocaleString('en')} rows. Choose one organization, or a shorter period.`,
    errors: [{ path: 'organizationId', wanted: 'one organization, or a shorter period' }],
  });
}
