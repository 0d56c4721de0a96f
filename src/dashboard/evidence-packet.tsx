/** The evidence packet as a page to print, as CSV and as signed JSON. */

import { DAY_MS } from '../clock.ts';
import { counted, dayOf, Field, Go, Head, sent } from '../pages/index.ts';
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
import { REPORTS, REPORTS_TRAIL, ReportTabs } from './reports.tsx';
import type { Route, Visit } from './visit.ts';

const USUAL_DAYS = 90;
/** Rows of one section on a page; the files have all. */
const SHOWN = 500;

export function evidenceRoutes({ evidence, organizations }: DashboardDependencies): Route[] {
  async function page(visit: Visit) {
    const { query, now } = visit;
    const period = periodOf(query, now);
    const isAsked = query.has('from');
    const packet = isAsked ? await gatherFor(evidence, visit) : undefined;
    const files = new URLSearchParams([...query].filter(([, value]) => value !== ''));
    return {
      title: 'Evidence',
      place: 'reports',
      children: (
        <>
          <Head trail={packet ? REPORTS_TRAIL : []} title={packet ? 'Evidence of access' : 'Reports'}>
            {packet !== undefined && (
              <>
                <Go href={`${REPORTS}/evidence.csv?${files}`} name="Download CSV" />
                <Go href={`${REPORTS}/evidence.json?${files}`} name="Download signed JSON" />
              </>
            )}
          </Head>
          {!packet && (
            <>
              <ReportTabs current="evidence" />
              <p>
                An evidence packet shows an auditor which credentials existed in a period, and who created, replaced and
                ended them. Each row names its audit events.
              </p>
            </>
          )}
          <form class="panel fields" action={`${REPORTS}/evidence`}>
            <Field label="From" name="from" type="date" isRequired value={query.get('from') ?? dayIn(period.from)} />
            <Field label="To" name="to" type="date" isRequired value={query.get('to') ?? dayIn(period.lastDay)} />
            <OrganizationChoice
              offered={await offerOrganizations(organizations)}
              value={query.get('organizationId') ?? undefined}
              all="All customers"
            />
            <div class="acts">
              <button type="submit" class={packet ? undefined : 'primary'}>
                {packet ? 'Update packet' : 'Show packet'}
              </button>
            </div>
          </form>
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
        async function* lines() {
          yield* evidenceAsCsv(packet);
        }
        return fileOf(packet, 'csv', 'text/csv', lines());
      },
    },
    {
      path: '/reports/evidence.json',
      action: 'reports.read',
      async get(visit) {
        const packet = await gatherFor(evidence, visit);
        const jws = await evidence.sign(packet);
        async function* whole() {
          yield `${JSON.stringify({ packet, jws }, null, 2)}\n`;
        }
        return fileOf(packet, 'json', 'application/json', whole());
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

function fileOf({ from, to }: EvidencePacket, kind: string, type: string, body: AsyncIterable<string>) {
  const name = `latchkey-evidence-${from.slice(0, 10)}-${to.slice(0, 10)}.${kind}`;
  return { title: '', children: null, download: { name, type, body } };
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
        <dl>
          <dt>Period</dt>
          <dd>
            {shown(from)} to {shown(to)}. All times are in UTC.
          </dd>
          <dt>Customer</dt>
          <dd>{organization ? `${organization.name} (${organization.id})` : 'All'}</dd>
          <dt>Created</dt>
          <dd>
            {shown(generatedAt)} by {generatedBy}, at {issuer}
          </dd>
        </dl>
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
  const has = (column: 'expiresAt' | 'firstUsedAt' | 'minutes' | 'note') => rows.some((row) => row[column] !== null);
  return (
    <section class="panel list">
      <div class="bar">
        <h2>{name}</h2>
        <small>{rows.length === 0 ? 'None' : rows.length.toLocaleString('en')}</small>
      </div>
      {rows.length > 0 && (
        <div class="scroll">
          <table class="stacked">
            <thead>
              <tr>
                <th>When</th>
                <th>What</th>
                <th>Directory</th>
                <th>By</th>
                {has('expiresAt') && <th>Expires</th>}
                {has('firstUsedAt') && <th>First used</th>}
                {has('minutes') && <th>Minutes until refused</th>}
                {has('note') && <th>Note</th>}
                <th>Events</th>
              </tr>
            </thead>
            <tbody>
              {rows.slice(0, SHOWN).map((row) => (
                <tr>
                  <td class="whole" data-label="When">
                    {row.at === null ? '—' : shown(row.at)}
                  </td>
                  <td data-label="What">
                    <span>
                      <b>{row.subject}</b>
                      <br />
                      <small>{row.what}</small>
                    </span>
                  </td>
                  <td data-label="Directory">
                    <span>
                      {row.directory ?? '—'}
                      {hasPlace && row.organization !== null && (
                        <>
                          <br />
                          <small>{row.organization}</small>
                        </>
                      )}
                    </span>
                  </td>
                  <td data-label="By">{row.by ?? '—'}</td>
                  {has('expiresAt') && (
                    <td class="whole" data-label="Expires">
                      {row.expiresAt === null ? 'Never' : shown(row.expiresAt)}
                    </td>
                  )}
                  {has('firstUsedAt') && (
                    <td class="whole" data-label="First used">
                      {row.firstUsedAt === null ? 'Not yet' : hourOf(row.firstUsedAt)}
                    </td>
                  )}
                  {has('minutes') && <td data-label="Minutes until refused">{row.minutes ?? '—'}</td>}
                  {has('note') && <td data-label="Note">{row.note ?? '—'}</td>}
                  <td data-label="Events">
                    <small class="mono">{row.eventIds.join(' ')}</small>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {rows.length > SHOWN && (
        <div class="bar">
          <small>
            The first {SHOWN} of {rows.length.toLocaleString('en')}. The files contain all of them.
          </small>
        </div>
      )}
    </section>
  );
}

/** The hour that begins there: use is counted by the hour, so a minute would look as if it came before the token. */
function hourOf(iso: string): string {
  return `${shown(iso)} to ${iso.slice(11, 13)}:59`;
}

function shown(iso: string): string {
  return iso.slice(0, 16).replace('T', ' ');
}
