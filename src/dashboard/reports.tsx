/** The credentials report: all credentials of all customers in one list, for the person who must show that they are under control. */
import { type CsvColumns, csvFile } from '../http/csv.ts';
import { Choice, type Column, counted, Filter, fileOf, Go, Last, TableList, Tag, Time } from '../pages/index.ts';
import { type CredentialRow, REPORT_SORTS } from '../reports/index.ts';
import { Marks, reviewRoutes } from './credential-review.tsx';
import type { DashboardDependencies } from './dependencies.ts';
import { offerOrganizations } from './organization-choice.tsx';
import { FilterFields, filterOf } from './report-filter.tsx';
import { REPORTS, ReportTabs } from './report-tabs.tsx';
import { HOME, type Route, type Visit } from './visit.ts';

const SORT_NAMES: [string, string][] = [
  ['created desc', 'Newest first'],
  ['created asc', 'Oldest first'],
  ['lastUsed asc', 'Longest unused first'],
  ['lastUsed desc', 'Most recently used first'],
  ['ends asc', 'Expiring soonest first'],
];
/** Questions that auditors ask, one click each. */
const QUESTIONS: [name: string, query: string][] = [
  ['Never expire', 'mark=no_end'],
  ['Older than a year', 'olderThanDays=365&sort=created+asc'],
  ['Never used', 'mark=never_used'],
  ['Unused for 90 days', 'unusedForDays=90&sort=lastUsed+asc'],
  ['Used after they were replaced', 'mark=used_after_replaced'],
  ['Weak imports', 'mark=weak'],
  ['Not reviewed for a year', 'mark=not_reviewed'],
  ['Marked for revocation', 'mark=to_be_ended'],
];

export function reportRoutes(deps: DashboardDependencies): Route[] {
  const { credentialReport, organizations } = deps;

  async function list({ query, limits, paging, may }: Visit) {
    const asked = { filter: filterOf(query), ...sortOf(query) };
    const page = await credentialReport.page({ ...asked, ...paging });
    const { items, nextCursor } = page;
    const offered = await offerOrganizations(organizations);
    const isFiltered = limits.size > 0;
    const isEmpty = items.length === 0 && nextCursor === null && !isFiltered;
    return {
      title: 'Credentials report',
      heading: 'Reports',
      trail: [],
      acts: (
        <>
          {may('campaigns.run') && isFiltered && (
            <Go href={`${REPORTS}/campaigns/new?${limits}`} name="Start a campaign" />
          )}
          <Go href={`${REPORTS}/credentials.csv?${limits}`} name="Export CSV" />
        </>
      ),
      children: (
        <>
          <ReportTabs current="credentials" />
          <p>{leadOf(items.length, nextCursor !== null, isFiltered)}</p>
          {!isEmpty && (
            <nav class="acts" aria-label="Common filters">
              {QUESTIONS.map(([name, question]) => (
                <small>
                  <a href={`${REPORTS}?${question}`} aria-current={`${limits}` === question ? 'true' : undefined}>
                    {name}
                  </a>
                </small>
              ))}
            </nav>
          )}
          <details class="panel" open={isFiltered} hidden={isEmpty}>
            <summary>Filter and sort</summary>
            <Filter class="fields" action={REPORTS} isOn={isFiltered}>
              <FilterFields offered={offered} />
              <Choice label="Sort" name="sort" options={SORT_NAMES} value="created desc" />
            </Filter>
          </details>
          <TableList of={page} columns={columnsFor(may('credentials.review'))} />
        </>
      ),
    };
  }

  return [
    { path: '/reports', action: 'reports.read', get: list },
    {
      path: '/reports/credentials.csv',
      action: 'reports.read',
      async get({ query }) {
        const all = credentialReport.all({ filter: filterOf(query), ...sortOf(query) });
        return fileOf('latchkey-credentials.csv', 'text/csv', csvFile(CSV_COLUMNS, all));
      },
    },
    ...reviewRoutes(deps),
  ];
}

function sortOf(query: URLSearchParams) {
  const [given, order] = (query.get('sort') ?? 'created desc').split(' ');
  return {
    sort: REPORT_SORTS.find((sort) => sort === given) ?? 'created',
    order: order === 'asc' ? ('asc' as const) : ('desc' as const),
  };
}

function leadOf(shown: number, hasMore: boolean, isFiltered: boolean): string {
  if (shown === 0 && hasMore) return 'No matches on this page. Choose Older to search further.';
  if (shown === 0) return isFiltered ? 'No credentials match this filter.' : 'No directory has a credential yet.';
  const match = shown === 1 ? 'matches' : 'match';
  const what = isFiltered ? `that ${match} this filter` : 'across all customers';
  return hasMore ? `The first ${shown} credentials ${what}.` : `${counted(shown, 'credential')} ${what}.`;
}

function columnsFor(mayReview: boolean): Column<CredentialRow>[] {
  return [
    {
      name: 'Credential',
      cell: ({ credential: { directoryId, label, kind }, state }) => (
        <>
          <a href={`${HOME}/directories/${directoryId}`}>
            <b>{label ?? KINDS[kind]}</b>
          </a>{' '}
          {state !== 'active' && <Tag tone={isLive(state) ? 'warn' : 'off'}>{state}</Tag>}
        </>
      ),
      below: ({ credential: { kind, hint, createdBy } }) => (
        <>
          {KINDS[kind]} <span class="mono">…{hint}</span>, by {createdBy.name}
        </>
      ),
    },
    {
      name: 'Directory',
      class: 'whole',
      cell: ({ directory }) => directory?.name ?? <span class="soft">deleted</span>,
      below: ({ credential: { organizationId }, organization }) =>
        organization ? <a href={`${HOME}/organizations/${organizationId}`}>{organization.name}</a> : organizationId,
    },
    {
      name: 'Age',
      class: 'whole',
      title: ({ credential }) => credential.createdAt.toISOString(),
      cell: ({ ageDays }) => counted(ageDays, 'day'),
    },
    {
      name: 'Last used',
      class: 'whole',
      cell: ({ total }) => (total?.lastUsedAt ? <Time at={total.lastUsedAt} /> : <b>Never</b>),
    },
    { name: 'Expires', class: 'whole', cell: ({ credential }) => <Last at={credential.expiresAt} never="Never" /> },
    {
      name: 'Notes',
      cell({ marks, replacedAt }) {
        // The columns say these already.
        const shown = marks.filter((mark) => mark !== 'no_end' && mark !== 'not_reviewed' && mark !== 'never_used');
        return (
          <span>
            <Marks marks={shown} />
            {replacedAt && (
              <small class="whole">
                Replaced <Time at={replacedAt} />
              </small>
            )}
            {shown.length === 0 && !replacedAt && '—'}
          </span>
        );
      },
    },
    {
      name: 'Review',
      class: 'whole',
      cell({ credential: { id, review }, state }) {
        const isOpen = isLive(state) && mayReview;
        return (
          <span>
            {review && (
              <small>
                {review.decision === 'keep' ? 'Keep' : 'Revoke'}, <Time at={review.at} />
                <br />
              </small>
            )}
            {isOpen && <a href={`${REPORTS}/review/${id}`}>Review</a>}
            {!review && !isOpen && '—'}
          </span>
        );
      },
    },
  ];
}

const KINDS = { oauth: 'Connection', bearer: 'Token' } as const;

function isLive(state: CredentialRow['state']): boolean {
  return state !== 'revoked' && state !== 'expired';
}

const CSV_COLUMNS: CsvColumns<CredentialRow> = [
  ['organization', ({ organization }) => organization?.name],
  ['directory', ({ directory }) => directory?.name],
  ['identityProvider', ({ directory }) => directory?.provider],
  ['kind', ({ credential }) => credential.kind],
  ['state', ({ state }) => state],
  ['label', ({ credential }) => credential.label],
  ['hint', ({ credential }) => credential.hint],
  ['createdAt', ({ credential }) => credential.createdAt],
  ['createdBy', ({ credential }) => credential.createdBy.name],
  ['ageDays', ({ ageDays }) => ageDays],
  ['lastUsedAt', ({ total }) => total?.lastUsedAt],
  ['acceptedCount', ({ total }) => total?.acceptedCount ?? 0],
  ['expiresAt', ({ credential }) => credential.expiresAt],
  ['replacedAt', ({ replacedAt }) => replacedAt],
  ['marks', ({ marks }) => marks.join(' ')],
  ['reviewedAt', ({ credential }) => credential.review?.at],
  ['reviewedBy', ({ credential }) => credential.review?.by.name],
  ['review', ({ credential }) => credential.review?.decision],
  ['reviewNote', ({ credential }) => credential.review?.note],
  ['organizationId', ({ credential }) => credential.organizationId],
  ['directoryId', ({ credential }) => credential.directoryId],
  ['credentialId', ({ credential }) => credential.id],
];
