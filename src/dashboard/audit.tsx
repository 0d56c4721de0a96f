import type { ComponentChildren } from 'preact';
import type { AuditEvent, EventQuery } from '../audit/index.ts';
import { EVENTS } from '../audit/index.ts';
import { DAY_MS } from '../clock.ts';
import { csvLine } from '../http/csv.ts';
import { Choice, dayOf, EventRows, Field, Go, Head, More, sent } from '../pages/index.ts';
import type { DashboardDependencies } from './dependencies.ts';
import { HOME, type Route, type Visit } from './visit.ts';

const PAGE = 50;
const EXPORT_PAGE = 200;
const REFUSALS = ['request.denied', 'token.refused'];
const FAMILIES: [string, string][] = [
  ['', 'All events'],
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
const IDS = ['organizationId', 'directoryId', 'credentialId', 'requestId', 'actorId'] as const;

export function auditRoutes({ audit, directories, organizations }: DashboardDependencies): Route[] {
  /** Which directory, or which organization, each of these events is about. */
  async function placesOf(events: AuditEvent[]): Promise<(event: AuditEvent) => ComponentChildren> {
    const [directoryNames, organizationNames] = await Promise.all([
      namesOf(
        events.map(({ directoryId }) => directoryId),
        directories.find,
      ),
      namesOf(
        events.map(({ organizationId }) => organizationId),
        organizations.find,
      ),
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

  async function list(visit: Visit) {
    const { query } = visit;
    const asked = queryOf(query);
    const { items, nextCursor } = await audit.page({ ...asked, after: query.get('after') ?? undefined, limit: PAGE });
    const directoryId = sent(query, 'directoryId');
    const [placeOf, directory] = await Promise.all([
      placesOf(items),
      directoryId === undefined ? undefined : directories.find(directoryId),
    ]);
    const limits = IDS.filter((id) => sent(query, id) !== undefined);
    const filter = new URLSearchParams([...query].filter(([name, value]) => value !== '' && name !== 'after'));
    return {
      title: 'Audit',
      place: 'audit',
      children: (
        <>
          <Head title="Audit">
            {directory?.requestLog === true && (
              <Go href={`${HOME}/directories/${directory.id}/requests`} name="Request log" />
            )}
            <Go href={`${HOME}/audit.csv?${filter}`} name="Export CSV" />
            <Go href={`${HOME}/audit.jsonl?${filter}`} name="Export JSON lines" />
          </Head>
          <form class="panel fields" action={`${HOME}/audit`}>
            <Choice label="Events" name="type" options={FAMILIES} value={query.get('type') ?? ''} />
            <Field label="From" name="from" type="date" value={query.get('from') ?? ''} />
            <Field label="To" name="to" type="date" value={query.get('to') ?? ''} />
            <Field label="Request ID" name="requestId" value={query.get('requestId') ?? ''} />
            {limits
              .filter((id) => id !== 'requestId')
              .map((id) => (
                <Field label={LIMITED[id]} name={id} value={query.get(id) ?? ''} />
              ))}
            <div class="acts">
              <button type="submit">Filter</button>
              {filter.size > 0 && <Go href={`${HOME}/audit`} name="Show all" tone="quiet" />}
            </div>
          </form>
          <section class="panel list">
            <EventRows events={items} visit={visit} placeOf={placeOf} isOpenable />
          </section>
          <More visit={visit} cursor={nextCursor} />
        </>
      ),
    };
  }

  /** All of them, read as fast as they are taken. Throws invalid_request before the first. */
  function exporting(kind: 'csv' | 'jsonl'): NonNullable<Route['get']> {
    return async ({ query }) => {
      const asked = queryOf(query);
      async function* lines() {
        if (kind === 'csv') yield csvLine(COLUMNS);
        let after: string | undefined;
        do {
          const { items, nextCursor } = await audit.page({ ...asked, after, limit: EXPORT_PAGE });
          yield items.map((event) => (kind === 'csv' ? rowOf(event) : `${JSON.stringify(flat(event))}\n`)).join('');
          after = nextCursor ?? undefined;
        } while (after !== undefined);
      }
      const type = kind === 'csv' ? 'text/csv' : 'application/jsonl';
      return { title: '', children: null, download: { name: `latchkey-audit.${kind}`, type, body: lines() } };
    };
  }

  return [
    { path: '/audit', action: 'events.read', get: list },
    { path: '/audit.csv', action: 'events.read', get: exporting('csv') },
    { path: '/audit.jsonl', action: 'events.read', get: exporting('jsonl') },
  ];
}

async function namesOf(
  ids: (string | undefined)[],
  find: (id: string) => Promise<{ name: string } | undefined>,
): Promise<Map<string, string>> {
  const known = new Set(ids.filter((id) => id !== undefined));
  const found = await Promise.all([...known].map(async (id) => [id, (await find(id))?.name] as const));
  return new Map(found.filter((pair): pair is [string, string] => pair[1] !== undefined));
}

const LIMITED = {
  organizationId: 'Organization ID',
  directoryId: 'Directory ID',
  credentialId: 'Credential ID',
  requestId: 'Request ID',
  actorId: 'Actor ID',
};

const COLUMNS = [
  'at',
  'type',
  'actor',
  'actorType',
  'source',
  'address',
  'organizationId',
  'directoryId',
  'credentialId',
  'requestId',
  'count',
  'data',
  'id',
] as const;

function flat({
  id,
  at,
  type,
  actor,
  source,
  address,
  organizationId,
  directoryId,
  credentialId,
  requestId,
  count,
  data,
}: AuditEvent) {
  return {
    at: at.toISOString(),
    type,
    actor: actor.name,
    actorType: actor.type,
    source,
    address,
    organizationId,
    directoryId,
    credentialId,
    requestId,
    count,
    data,
    id,
  };
}

function rowOf(event: AuditEvent): string {
  const told = flat(event);
  return csvLine(COLUMNS.map((column) => told[column]));
}

/** Throws invalid_request. */
function queryOf(query: URLSearchParams): Omit<EventQuery, 'limit'> {
  const to = dayOf(query, 'to', 'To');
  const type = sent(query, 'type');
  const family = type?.endsWith('.*') ? type.slice(0, -1) : undefined;
  const types =
    type === 'refused'
      ? [...REFUSALS, 'connection.refused', 'operator.sign_in_refused']
      : family === undefined
        ? type
        : Object.keys(EVENTS).filter((known) => known.startsWith(family));
  return {
    where: {
      ...(types !== undefined && { type: types }),
      ...Object.fromEntries(IDS.map((id) => [id, sent(query, id)])),
    },
    from: dayOf(query, 'from', 'From'),
    // That day is whole.
    to: to && new Date(to.getTime() + DAY_MS),
  };
}
