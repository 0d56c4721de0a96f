/** The audit trail: the list with its filter, and all of it as a file. */
import type { ComponentChildren } from 'preact';
import type { AuditEvent, EventQuery } from '../audit/index.ts';
import { EVENTS } from '../audit/index.ts';
import { DAY_MS } from '../clock.ts';
import { type CsvColumns, csvFile } from '../http/csv.ts';
import {
  Choice,
  dayOf,
  EventList,
  Field,
  Filter,
  fileOf,
  Go,
  holdersOf,
  namesOf,
  REFUSALS,
  sent,
} from '../pages/index.ts';
import { allPages } from '../storage/index.ts';
import type { DashboardDependencies } from './dependencies.ts';
import { HOME, type Route, type Visit } from './visit.ts';

const EXPORT_PAGE = 200;
const FAMILIES: [string, string][] = [
  ['refused', 'All refusals'],
  ['upstream.failed', 'Failures at the SCIM server'],
  ['request.denied', 'Refused requests'],
  ['token.refused', 'Refused token requests'],
  ['token.*', 'Token requests'],
  ['credential.*', 'Credentials'],
  ['connection.*', 'Connection requests'],
  ['directory.*', 'Directories'],
  ['organization.*', 'Organizations'],
  ['client.*', 'Clients'],
  ['portal_link.*', 'Portal links'],
  ['api_key.*', 'API keys'],
  ['operator.*', 'Members and sign-ins'],
  ['signing_key.*', 'Signing keys'],
];
const IDS = {
  organizationId: 'Organization ID',
  directoryId: 'Directory ID',
  credentialId: 'Credential ID',
  requestId: 'Request ID',
  actorId: 'Actor ID',
} as const;
const ID_NAMES = Object.keys(IDS) as (keyof typeof IDS)[];

export function auditRoutes({ audit, directories, organizations }: DashboardDependencies): Route[] {
  /** Which directory, or which organization, each of these events is about. */
  async function placesOf(events: AuditEvent[]): Promise<(event: AuditEvent) => ComponentChildren> {
    const [directoryNames, organizationNames] = await Promise.all([
      namesOf(events, 'directoryId', directories.find),
      namesOf(events, 'organizationId', organizations.find),
    ]);
    return ({ directoryId = '', organizationId = '' }) => {
      const directory = directoryNames.get(directoryId);
      const organization = organizationNames.get(organizationId);
      if (!directory && !organization) return null;
      return (
        <>
          {organization && <a href={`${HOME}/organizations/${organizationId}`}>{organization}</a>}
          {organization && directory && ' / '}
          {directory && <a href={`${HOME}/directories/${directoryId}`}>{directory}</a>},{' '}
        </>
      );
    };
  }

  async function list({ query, limits, paging }: Visit) {
    const page = await audit.page({ ...queryOf(query), ...paging });
    const directoryId = sent(query, 'directoryId');
    const [placeOf, nameOf, directory] = await Promise.all([
      placesOf(page.items),
      holdersOf(page.items, directories.find),
      directoryId === undefined ? undefined : directories.find(directoryId),
    ]);
    const limiting = ID_NAMES.filter((id) => id !== 'requestId' && sent(query, id) !== undefined);
    return {
      title: 'Audit',
      trail: [],
      acts: (
        <>
          {directory?.requestLog === true && (
            <Go href={`${HOME}/directories/${directory.id}/requests`} name="Request log" />
          )}
          <Go href={`${HOME}/audit.csv?${limits}`} name="Export CSV" />
          <Go href={`${HOME}/audit.jsonl?${limits}`} name="Export JSON lines" />
        </>
      ),
      children: (
        <>
          <Filter action={`${HOME}/audit`} isOn={limits.size > 0}>
            <Choice label="Events" name="type" any="All events" options={FAMILIES} />
            <Field label="From" name="from" type="date" />
            <Field label="To" name="to" type="date" />
            {(['requestId', ...limiting] as const).map((id) => (
              <Field label={IDS[id]} name={id} />
            ))}
          </Filter>
          <EventList of={page} placeOf={placeOf} nameOf={nameOf} isOpenable />
        </>
      ),
    };
  }

  /** All of them, read as fast as they are taken. Throws invalid_request before the first. */
  function all(query: URLSearchParams): AsyncIterable<AuditEvent[]> {
    const asked = queryOf(query);
    return allPages((after) => audit.page({ ...asked, after, limit: EXPORT_PAGE }));
  }

  return [
    { path: '/audit', action: 'events.read', get: list },
    {
      path: '/audit.csv',
      action: 'events.read',
      get: async ({ query }) => fileOf('latchkey-audit.csv', 'text/csv', csvFile(COLUMNS, all(query))),
    },
    {
      path: '/audit.jsonl',
      action: 'events.read',
      get: async ({ query }) => fileOf('latchkey-audit.jsonl', 'application/jsonl', linesOf(all(query))),
    },
  ];
}

/** What a file has of an event, in the order of its columns. */
const COLUMNS: CsvColumns<AuditEvent> = [
  ['at', ({ at }) => at],
  ['type', ({ type }) => type],
  ['actor', ({ actor }) => actor.name],
  ['actorType', ({ actor }) => actor.type],
  ['source', ({ source }) => source],
  ['address', ({ address }) => address],
  ['organizationId', ({ organizationId }) => organizationId],
  ['directoryId', ({ directoryId }) => directoryId],
  ['credentialId', ({ credentialId }) => credentialId],
  ['requestId', ({ requestId }) => requestId],
  ['count', ({ count }) => count],
  ['data', ({ data }) => data],
  ['id', ({ id }) => id],
];

async function* linesOf(batches: AsyncIterable<AuditEvent[]>): AsyncGenerator<string> {
  for await (const events of batches)
    yield events
      .map((event) => `${JSON.stringify(Object.fromEntries(COLUMNS.map(([name, read]) => [name, read(event)])))}\n`)
      .join('');
}

/** Throws invalid_request. */
function queryOf(query: URLSearchParams): Omit<EventQuery, 'limit'> {
  const to = dayOf(query, 'to', 'To');
  const type = sent(query, 'type');
  const family = type?.endsWith('.*') ? type.slice(0, -1) : undefined;
  const types =
    type === 'refused'
      ? [...REFUSALS, 'operator.sign_in_refused']
      : family === undefined
        ? type
        : Object.keys(EVENTS).filter((known) => known.startsWith(family));
  return {
    where: {
      ...(types !== undefined && { type: types }),
      ...Object.fromEntries(ID_NAMES.map((id) => [id, sent(query, id)])),
    },
    from: dayOf(query, 'from', 'From'),
    // That day is whole.
    to: to && new Date(to.getTime() + DAY_MS),
  };
}
