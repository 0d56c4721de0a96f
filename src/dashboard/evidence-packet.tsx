/** The evidence packet as a page to print, as CSV and as signed JSON. */

import { Readable } from 'node:stream';
import { DAY_MS } from '../clock.ts';
import { type Column, counted, Details, dayOf, Field, Filter, fileOf, Go, sent, TableList } from '../pages/index.ts';
import {
  type Evidence,
  type EvidencePacket,
  type EvidenceRow,
  evidenceAsCsv,
  SECTION_IDS,
  SECTIONS,
} from '../reports/index.ts';
import type { DashboardDependencies } from './dependencies.ts';
import { OrganizationChoice, offerOrganizations } from './organization-choice.tsx';
import { REPORTS, REPORTS_TRAIL, ReportTabs } from './report-tabs.tsx';
import type { Route, Visit } from './visit.ts';

const USUAL_DAYS = 90;
/** Rows of one section on a page; the files have all. */
const SHOWN = 500;

export function evidenceRoutes({ evidence, organizations }: DashboardDependencies): Route[] {
  async function page(visit: Visit) {
    const { query, limits, now } = visit;
    const period = periodOf(query, now);
    const packet = query.has('from') ? await gatherFor(evidence, visit) : undefined;
    return {
      title: 'Evidence',
      heading: packet ? 'Evidence of access' : 'Reports',
      trail: packet ? REPORTS_TRAIL : [],
      acts: packet !== undefined && (
        <>
          <Go href={`${REPORTS}/evidence.csv?${limits}`} name="Download CSV" />
          <Go href={`${REPORTS}/evidence.json?${limits}`} name="Download signed JSON" />
        </>
      ),
      children: (
        <>
          {!packet && (
            <>
              <ReportTabs current="evidence" />
              <p>
                An evidence packet shows an auditor which credentials existed during a given period, and who created,
                replaced and revoked them. Each row names its audit events.
              </p>
            </>
          )}
          <Filter action={`${REPORTS}/evidence`} submit={packet ? 'Update packet' : 'Show packet'} isMain={!packet}>
            <Field label="From" name="from" type="date" isRequired value={dayIn(period.from)} />
            <Field label="To" name="to" type="date" isRequired value={dayIn(period.lastDay)} />
            <OrganizationChoice offered={await offerOrganizations(organizations)} all="All customers" />
          </Filter>
          {packet && <Packet packet={packet} />}
        </>
      ),
    };
  }

  return [
    { path: '/reports/evidence', action: 'reports.read', get: page },
    {
      path: '/reports/evidence.csv',
      action: 'reports.read',
      async get(visit) {
        const packet = await gatherFor(evidence, visit);
        return fileOf(fileName(packet, 'csv'), 'text/csv', Readable.from(evidenceAsCsv(packet)));
      },
    },
    {
      path: '/reports/evidence.json',
      action: 'reports.read',
      async get(visit) {
        const packet = await gatherFor(evidence, visit);
        const whole = `${JSON.stringify({ packet, jws: await evidence.sign(packet) }, null, 2)}\n`;
        return fileOf(fileName(packet, 'json'), 'application/json', Readable.from([whole]));
      },
    },
  ];
}

function gatherFor(evidence: Evidence, { query, now, operator }: Visit): Promise<EvidencePacket> {
  const { from, to } = periodOf(query, now);
  return evidence.gather({ from, to, organizationId: sent(query, 'organizationId'), generatedBy: operator.name });
}

/** Whole days; today as far as it has passed. Throws invalid_request. */
function periodOf(query: URLSearchParams, now: Date) {
  const lastDay = dayOf(query, 'to', 'To') ?? new Date(Math.floor(now.getTime() / DAY_MS) * DAY_MS);
  const from = dayOf(query, 'from', 'From') ?? new Date(lastDay.getTime() - USUAL_DAYS * DAY_MS);
  const end = new Date(lastDay.getTime() + DAY_MS);
  const isToday = lastDay <= now && end > now;
  return { from, to: isToday ? now : end, lastDay };
}

const dayIn = (at: Date) => at.toISOString().slice(0, 10);

function fileName({ from, to }: EvidencePacket, kind: string): string {
  return `latchkey-evidence-${from.slice(0, 10)}-${to.slice(0, 10)}.${kind}`;
}

function leadOf({ counts, organization }: EvidencePacket): string {
  const { populationAtStart: before, populationAtEnd: after, creations, revocations, exceptions } = counts;
  const whose = organization ? organization.name : 'All customers together';
  return `${whose} had ${counted(before, 'credential')} at the start and ${after} at the end. ${creations} ${creations === 1 ? 'was' : 'were'} created and ${revocations} ended. ${exceptions === 0 ? 'There are no exceptions.' : `${exceptions} ${exceptions === 1 ? 'exception needs' : 'exceptions need'} review.`}`;
}

function Packet({ packet }: { packet: EvidencePacket }) {
  const { issuer, from, to, generatedAt, generatedBy, remarks, sections, organization } = packet;
  return (
    <>
      <section class="panel">
        <p>
          <b>{leadOf(packet)}</b>
        </p>
        <Details
          of={[
            ['Period', `${shown(from)} to ${shown(to)}. All times are in UTC.`],
            ['Customer', organization ? `${organization.name} (${organization.id})` : 'All'],
            ['Created', `${shown(generatedAt)} by ${generatedBy}, at ${issuer}`],
          ]}
        />
        {remarks.map((remark) => (
          <small>{remark}</small>
        ))}
      </section>
      {SECTION_IDS.map((id) => (
        <Section name={SECTIONS[id]} rows={sections[id]} hasPlace={organization === null} />
      ))}
    </>
  );
}

function Section({ name, rows, hasPlace }: { name: string; rows: readonly EvidenceRow[]; hasPlace: boolean }) {
  return (
    <TableList
      title={name}
      aside={<small>{rows.length === 0 ? 'None' : rows.length.toLocaleString('en')}</small>}
      of={rows.slice(0, SHOWN)}
      columns={columnsFor(rows, hasPlace)}
    >
      {rows.length > SHOWN && (
        <div class="bar">
          <small>
            The first {SHOWN} of {rows.length.toLocaleString('en')}. The files contain all of them.
          </small>
        </div>
      )}
    </TableList>
  );
}

/** Without those that no row has a value for. */
function columnsFor(rows: readonly EvidenceRow[], hasPlace: boolean): (Column<EvidenceRow> | false)[] {
  const has = (column: 'expiresAt' | 'firstUsedAt' | 'minutes' | 'note') => rows.some((row) => row[column] !== null);
  return [
    { name: 'When', class: 'whole', cell: ({ at }) => (at === null ? '—' : shown(at)) },
    { name: 'What', cell: ({ subject }) => <b>{subject}</b>, below: ({ what }) => what },
    {
      name: 'Directory',
      cell: ({ directory }) => directory ?? '—',
      ...(hasPlace && { below: ({ organization }) => organization }),
    },
    { name: 'By', cell: ({ by }) => by ?? '—' },
    has('expiresAt') && {
      name: 'Expires',
      class: 'whole',
      cell: ({ expiresAt }) => (expiresAt === null ? 'Never' : shown(expiresAt)),
    },
    has('firstUsedAt') && {
      name: 'First used',
      class: 'whole',
      cell: ({ firstUsedAt }) => (firstUsedAt === null ? 'Not yet' : hourOf(firstUsedAt)),
    },
    has('minutes') && { name: 'Minutes until refused', cell: ({ minutes }) => minutes ?? '—' },
    has('note') && { name: 'Note', cell: ({ note }) => note ?? '—' },
    { name: 'Events', cell: ({ eventIds }) => <small class="mono">{eventIds.join(' ')}</small> },
  ];
}

/** The hour that begins there: use is counted by the hour, so a minute would look as if it came before the token. */
function hourOf(iso: string): string {
  return `${shown(iso)} to ${iso.slice(11, 13)}:59`;
}

function shown(iso: string): string {
  return iso.slice(0, 16).replace('T', ' ');
}
