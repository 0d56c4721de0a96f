/** The credentials report: all credentials of all customers in one list, for the person who must show that they are under control. */

import { REVIEW_DECISIONS } from '../credentials/index.ts';
import { csvLine } from '../http/csv.ts';
import { choiceNameOf, IDENTITY_PROVIDER_IDS } from '../identity-providers/index.ts';
import {
  Choice,
  chosen,
  counted,
  Field,
  Form,
  Go,
  Head,
  invalidField,
  More,
  sent,
  Tag,
  Time,
  type Tone,
} from '../pages/index.ts';
import {
  type CredentialRow,
  MARKS,
  type Mark,
  REPORT_SORTS,
  REPORT_STATES,
  type ReportFilter,
} from '../reports/index.ts';
import type { DashboardDependencies } from './dependencies.ts';
import { type OfferedOrganizations, OrganizationChoice, offerOrganizations } from './organization-choice.tsx';
import { HOME, type Route, type Visit } from './visit.ts';

const PAGE = 50;
export const REPORTS = `${HOME}/reports`;
export const REPORTS_TRAIL: [string, string][] = [[REPORTS, 'Reports']];

const MARK_NAMES: Record<Mark, { name: string; tone?: Tone }> = {
  no_end: { name: 'never expires' },
  never_used: { name: 'never used', tone: 'warn' },
  used_after_replaced: { name: 'used after it was replaced', tone: 'warn' },
  weak: { name: 'weak import', tone: 'bad' },
  not_reviewed: { name: 'not reviewed' },
  to_be_ended: { name: 'review: end it', tone: 'bad' },
};
const STATE_NAMES = { live: 'Live', ended: 'Ended', all: 'Live and ended' } as const;
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
  ['Marked to end', 'mark=to_be_ended'],
];

export function reportRoutes({ credentialReport, credentials, organizations }: DashboardDependencies): Route[] {
  async function list(visit: Visit) {
    const { query, now } = visit;
    const filter = filterOf(query);
    const { items, nextCursor } = await credentialReport.page({
      filter,
      ...sortOf(query),
      after: query.get('after') ?? undefined,
      limit: PAGE,
    });
    const offered = await offerOrganizations(organizations);
    const chosenQuery = new URLSearchParams([...query].filter(([name, value]) => value !== '' && name !== 'after'));
    const isEmpty = items.length === 0 && nextCursor === null && chosenQuery.size === 0;
    return {
      title: 'Credentials report',
      place: 'reports',
      children: (
        <>
          <Head title="Reports">
            {visit.may('campaigns.run') && chosenQuery.size > 0 && (
              <Go href={`${REPORTS}/campaigns/new?${chosenQuery}`} name="Start a campaign" />
            )}
            <Go href={`${REPORTS}/credentials.csv?${chosenQuery}`} name="Export CSV" />
          </Head>
          <ReportTabs current="credentials" />
          <p>{leadOf(items.length, nextCursor !== null, chosenQuery.size > 0)}</p>
          {!isEmpty && (
            <nav class="acts" aria-label="Common filters">
              {QUESTIONS.map(([name, asked]) => (
                <small>
                  <a href={`${REPORTS}?${asked}`} aria-current={`${chosenQuery}` === asked ? 'true' : undefined}>
                    {name}
                  </a>
                </small>
              ))}
            </nav>
          )}
          <details class="panel" open={chosenQuery.size > 0} hidden={isEmpty}>
            <summary>Filter and sort</summary>
            <form class="fields" action={REPORTS}>
              <FilterFields query={query} offered={offered} />
              <Choice label="Sort" name="sort" options={SORT_NAMES} value={query.get('sort') ?? 'created desc'} />
              <div class="acts">
                <button type="submit">Filter</button>
                {chosenQuery.size > 0 && <Go href={REPORTS} name="Show all" tone="quiet" />}
              </div>
            </form>
          </details>
          {items.length > 0 && (
            <section class="panel list">
              <div class="scroll">
                <table class="stacked">
                  <thead>
                    <tr>
                      <th>Credential</th>
                      <th>Directory</th>
                      <th>Age</th>
                      <th>Last used</th>
                      <th>Expires</th>
                      <th>Notes</th>
                      <th>Review</th>
                    </tr>
                  </thead>
                  <tbody>
                    {items.map((row) => (
                      <Row row={row} now={now} mayReview={visit.may('credentials.review')} />
                    ))}
                  </tbody>
                </table>
              </div>
            </section>
          )}
          <More visit={visit} cursor={nextCursor} />
        </>
      ),
    };
  }

  async function download({ query }: Visit) {
    const [filter, sort] = [filterOf(query), sortOf(query)];
    async function* lines() {
      yield csvLine(COLUMNS.map(([name]) => name));
      for await (const rows of credentialReport.all({ filter, ...sort }))
        yield rows.map((row) => csvLine(COLUMNS.map(([, read]) => read(row)))).join('');
    }
    return {
      title: '',
      children: null,
      download: { name: 'latchkey-credentials.csv', type: 'text/csv', body: lines() },
    };
  }

  async function reviewPage(visit: Visit) {
    const { credential, directory, organization, total, marks, ageDays } = await credentialReport.rowOf(
      await credentials.get(visit.params['id'] ?? ''),
    );
    const { label, hint, kind, review, expiresAt, createdBy, directoryId } = credential;
    const name = label ?? `…${hint}`;
    return {
      title: `Review ${name}`,
      place: 'reports',
      isNarrow: true,
      children: (
        <>
          <Head trail={REPORTS_TRAIL} title={`Review ${name}`} />
          <section class="panel">
            <dl>
              <dt>{kind === 'oauth' ? 'Connection' : 'Token'}</dt>
              <dd class="mono">…{hint}</dd>
              <dt>Directory</dt>
              <dd>
                <a href={`${HOME}/directories/${directoryId}`}>{directory?.name ?? 'deleted'}</a>,{' '}
                {organization?.name ?? 'deleted'}
              </dd>
              <dt>Created</dt>
              <dd>
                {counted(ageDays, 'day')} ago by {createdBy.name}
              </dd>
              <dt>Last used</dt>
              <dd>{total?.lastUsedAt ? <Time at={total.lastUsedAt} now={visit.now} /> : 'Never'}</dd>
              <dt>Expires</dt>
              <dd>{expiresAt ? <Time at={expiresAt} now={visit.now} /> : 'Never'}</dd>
              {review && (
                <>
                  <dt>Last review</dt>
                  <dd>
                    {review.by.name}, <Time at={review.at} now={visit.now} />: {review.decision}
                    {review.note !== undefined && <>, “{review.note}”</>}
                  </dd>
                </>
              )}
            </dl>
            {marks.length > 0 && <Marks marks={marks} />}
          </section>
          <section class="panel">
            <Form visit={visit} class="fields">
              <fieldset class="choices">
                <legend>Is it still needed?</legend>
                {REVIEW_DECISIONS.map((decision) => (
                  <label class="choice">
                    <input
                      type="radio"
                      name="decision"
                      value={decision}
                      required
                      checked={review?.decision === decision}
                    />
                    <span>
                      <b>{DECISIONS[decision].name}</b> <small>{DECISIONS[decision].text}</small>
                    </span>
                  </label>
                ))}
              </fieldset>
              <Field name="note" label="Note" hint="The reason, for the auditor. It stays in the audit trail." />
              <div class="acts">
                <button type="submit" class="primary">
                  Record review
                </button>
                <Go href={REPORTS} name="Not now" tone="quiet" />
              </div>
            </Form>
          </section>
        </>
      ),
    };
  }

  return [
    { path: '/reports', action: 'reports.read', get: list },
    { path: '/reports/credentials.csv', action: 'reports.read', get: download },
    {
      path: '/reports/review/:id',
      action: 'credentials.review',
      get: reviewPage,
      async post({ params, form, attribution }) {
        const id = params['id'] ?? '';
        const decision = chosen(form, 'decision', REVIEW_DECISIONS);
        await credentials.review(id, { decision, note: sent(form, 'note') }, attribution);
        // Ending it is a step of its own, which asks first.
        return decision === 'end' ? `${HOME}/credentials/${id}/revoke` : REPORTS;
      },
    },
  ];
}

const DECISIONS = {
  keep: { name: 'Keep it', text: 'It is still needed.' },
  end: { name: 'End it', text: 'You can revoke it on the next page. Until then, it keeps working.' },
} as const;

/** The pages of reports, side by side. */
export function ReportTabs({ current }: { current: 'credentials' | 'campaigns' | 'evidence' }) {
  const tabs = [
    ['credentials', 'Credentials', REPORTS],
    ['campaigns', 'Campaigns', `${REPORTS}/campaigns`],
    ['evidence', 'Evidence', `${REPORTS}/evidence`],
  ] as const;
  return (
    <nav class="acts" aria-label="Reports">
      {tabs.map(([id, name, path]) => (
        <a class={id === current ? 'btn' : 'btn quiet'} aria-current={id === current ? 'page' : undefined} href={path}>
          {name}
        </a>
      ))}
    </nav>
  );
}

/** The fields that choose credentials, of the report and of a campaign. */
export function FilterFields(props: { query: URLSearchParams; offered: OfferedOrganizations; isLiveOnly?: boolean }) {
  const { query, offered, isLiveOnly = false } = props;
  const options = (all: string, known: readonly (readonly [string, string])[]) => [['', all] as const, ...known];
  return (
    <>
      {!isLiveOnly && (
        <Choice
          label="State"
          name="states"
          options={REPORT_STATES.map((state) => [state, STATE_NAMES[state]])}
          value={query.get('states') ?? 'live'}
        />
      )}
      <Choice
        label="Kind"
        name="kind"
        options={options('Tokens and connections', [
          ['bearer', 'Tokens'],
          ['oauth', 'Connections'],
        ])}
        value={query.get('kind') ?? ''}
      />
      <Choice
        label="Identity provider"
        name="provider"
        options={options(
          'All',
          IDENTITY_PROVIDER_IDS.map((id) => [id, choiceNameOf(id)] as const),
        )}
        value={query.get('provider') ?? ''}
      />
      <Choice
        label="Notes"
        name="mark"
        options={options(
          'All',
          MARKS.map((mark) => [mark, MARK_NAMES[mark].name] as const),
        )}
        value={query.get('mark') ?? ''}
      />
      <Field label="Older than (days)" name="olderThanDays" value={query.get('olderThanDays') ?? ''} />
      <Field label="Unused for (days)" name="unusedForDays" value={query.get('unusedForDays') ?? ''} />
      <Field label="Expires within (days)" name="endsWithinDays" value={query.get('endsWithinDays') ?? ''} />
      <OrganizationChoice offered={offered} value={query.get('organizationId') ?? undefined} all="All" />
    </>
  );
}

/** Throws invalid_request. */
export function filterOf(query: URLSearchParams): ReportFilter {
  const one = <T extends string>(name: string, label: string, known: readonly T[]): T | undefined => {
    const given = sent(query, name);
    const found = known.find((option) => option === given);
    if (given !== undefined && found === undefined)
      throw invalidField(name, `${label} must be one of ${known.join(', ')}. You entered ${given.slice(0, 30)}.`);
    return found;
  };
  const days = (name: string, label: string): number | undefined => {
    const given = sent(query, name);
    if (given === undefined) return undefined;
    if (/^\d{1,5}$/.test(given)) return Number(given);
    throw invalidField(name, `${label} must be a number of days, such as 365. You entered ${given.slice(0, 30)}.`);
  };
  const marks = query
    .getAll('mark')
    .filter((given) => given !== '')
    .map((given) => {
      const found = MARKS.find((mark) => mark === given);
      if (found) return found;
      throw invalidField('mark', `Notes must be one of ${MARKS.join(', ')}. You entered ${given.slice(0, 30)}.`);
    });
  return {
    organizationId: sent(query, 'organizationId'),
    directoryId: sent(query, 'directoryId'),
    states: one('states', 'State', REPORT_STATES),
    kind: one('kind', 'Kind', ['bearer', 'oauth']),
    provider: one('provider', 'Identity provider', IDENTITY_PROVIDER_IDS),
    ...(marks.length > 0 && { marks }),
    olderThanDays: days('olderThanDays', 'Older than'),
    unusedForDays: days('unusedForDays', 'Unused for'),
    endsWithinDays: days('endsWithinDays', 'Expires within'),
  };
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

function Marks({ marks }: { marks: readonly Mark[] }) {
  return (
    <span class="acts">
      {marks.map((mark) => (
        <Tag tone={MARK_NAMES[mark].tone}>{MARK_NAMES[mark].name}</Tag>
      ))}
    </span>
  );
}

function Row({ row, now, mayReview }: { row: CredentialRow; now: Date; mayReview: boolean }) {
  const { credential, state, organization, directory, total, ageDays, marks, replacedAt } = row;
  const { id, kind, label, hint, createdBy, createdAt, expiresAt, directoryId, organizationId, review } = credential;
  // The columns say these two already.
  const shown = marks.filter((mark) => mark !== 'no_end' && mark !== 'not_reviewed' && mark !== 'never_used');
  const isLive = state !== 'revoked' && state !== 'expired';
  return (
    <tr>
      <td data-label="Credential">
        <span>
          <a href={`${HOME}/directories/${directoryId}`}>
            <b>{label ?? (kind === 'oauth' ? 'Connection' : 'Token')}</b>
          </a>{' '}
          {state !== 'active' && <Tag tone={isLive ? 'warn' : 'off'}>{state}</Tag>}
          <br />
          <small>
            {kind === 'oauth' ? 'Connection' : 'Token'} <span class="mono">…{hint}</span>, by {createdBy.name}
          </small>
        </span>
      </td>
      <td class="whole" data-label="Directory">
        <span>
          {directory?.name ?? <span class="soft">deleted</span>}
          <br />
          <small>
            {organization ? (
              <a href={`${HOME}/organizations/${organizationId}`}>{organization.name}</a>
            ) : (
              organizationId
            )}
          </small>
        </span>
      </td>
      <td class="whole" data-label="Age" title={createdAt.toISOString()}>
        {counted(ageDays, 'day')}
      </td>
      <td class="whole" data-label="Last used">
        {total?.lastUsedAt ? <Time at={total.lastUsedAt} now={now} /> : <b>Never</b>}
      </td>
      <td class="whole" data-label="Expires">
        {expiresAt ? <Time at={expiresAt} now={now} /> : 'Never'}
      </td>
      <td data-label="Notes">
        <span>
          <Marks marks={shown} />
          {replacedAt && (
            <small class="whole">
              Replaced <Time at={replacedAt} now={now} />
            </small>
          )}
          {shown.length === 0 && !replacedAt && '—'}
        </span>
      </td>
      <td class="whole" data-label="Review">
        <span>
          {review && (
            <small>
              {review.decision === 'keep' ? 'Keep' : 'End'}, <Time at={review.at} now={now} />
              <br />
            </small>
          )}
          {isLive && mayReview && <a href={`${REPORTS}/review/${id}`}>Review</a>}
          {!review && !(isLive && mayReview) && '—'}
        </span>
      </td>
    </tr>
  );
}

const COLUMNS: [name: string, read: (row: CredentialRow) => unknown][] = [
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
