/** Campaigns: the list, and a new one: choose credentials, see what would happen, start. */
import {
  Choice,
  chosen,
  counted,
  endOfDay,
  Field,
  Filter,
  Form,
  Go,
  List,
  Row,
  required,
  Submit,
  sent,
  Tag,
  Time,
} from '../pages/index.ts';
import { type CredentialRow, GOALS } from '../reports/index.ts';
import { CAMPAIGNS, CAMPAIGNS_TRAIL, doneOf, GOAL_NAMES, oneCampaignRoutes, STATES, sumOf } from './campaign.tsx';
import type { DashboardDependencies } from './dependencies.ts';
import { offerOrganizations } from './organization-choice.tsx';
import { FilterFields, filterOf } from './report-filter.tsx';
import { ReportTabs } from './report-tabs.tsx';
import type { Route, Visit } from './visit.ts';

export function campaignRoutes(deps: DashboardDependencies): Route[] {
  const { campaigns, notifications, organizations } = deps;

  async function list({ paging, may }: Visit) {
    const { items, nextCursor } = await campaigns.page(paging);
    const rows = await Promise.all(
      items.map(async (campaign) => ({ campaign, progress: await campaigns.progress(campaign.id) })),
    );
    return {
      title: 'Campaigns',
      heading: 'Reports',
      trail: [],
      acts: may('campaigns.run') && <Go href={`${CAMPAIGNS}/new`} name="New campaign" tone="primary" />,
      children: (
        <>
          <ReportTabs current="campaigns" />
          <List
            of={{ items: rows, nextCursor }}
            none={[
              'No campaigns yet',
              'A campaign moves many credentials at once. It sets an end date, or asks your customers to move to OAuth, and shows their progress.',
            ]}
            row={({ campaign: { id, name, state, createdAt, startedBy }, progress }) => (
              <Row
                href={`${CAMPAIGNS}/${id}`}
                name={<b>{name}</b>}
                marks={<Tag tone={STATES[state].tone}>{STATES[state].name}</Tag>}
                text={
                  <>
                    {doneOf(progress)} of {counted(sumOf(progress), 'credential')} ended. Started{' '}
                    <Time at={createdAt} /> by {startedBy.name}
                  </>
                }
              />
            )}
          />
        </>
      ),
    };
  }

  async function fresh({ query, refused }: Visit) {
    const filter = refused?.form.get('filter') ?? `${query}`;
    const given = new URLSearchParams(filter);
    const goal = GOALS.find((known) => known === given.get('goal')) ?? 'end';
    const preview = given.size > 0 ? await campaigns.preview(filterOf(given), goal) : undefined;
    return {
      title: 'New campaign',
      trail: CAMPAIGNS_TRAIL,
      children: (
        <>
          <Filter action={`${CAMPAIGNS}/new`} given={given} submit="Preview" isMain={!preview?.count}>
            <Choice name="goal" options={GOALS.map((known) => [known, GOAL_NAMES[known]])} value={goal} />
            <FilterFields offered={await offerOrganizations(organizations)} isLiveOnly />
          </Filter>
          {preview?.count === 0 && <p>No credentials match this filter.</p>}
          {preview !== undefined && preview.count > 0 && (
            <>
              <section class="panel">
                <h2>
                  {counted(preview.count, 'credential')} at {counted(preview.organizations, 'customer')}
                </h2>
                <p>{reachOf(notifications.isMailOn, preview)}</p>
                <Form action={CAMPAIGNS} class="fields">
                  <input type="hidden" name="filter" value={filter} />
                  <input type="hidden" name="goal" value={goal} />
                  <Field name="name" isRequired hint="For your team. Contacts don't see it." />
                  {goal === 'end' && (
                    <Field
                      name="expiresOn"
                      type="date"
                      isRequired
                      hint="Requests are refused after that day. Credentials that expire sooner stay unchanged."
                    />
                  )}
                  <Field name="message" hint="One sentence for the email. Leave it empty to use the default." />
                  <Submit name="Start campaign" back={CAMPAIGNS} />
                </Form>
              </section>
              <Chosen rows={preview.rows} count={preview.count} />
            </>
          )}
        </>
      ),
    };
  }

  return [
    { path: '/reports/campaigns', action: 'campaigns.read', get: list },
    { path: '/reports/campaigns/new', action: 'campaigns.run', get: fresh },
    {
      path: '/reports/campaigns',
      action: 'campaigns.run',
      on: '/reports/campaigns/new',
      async post({ form, attribution }) {
        const campaign = await campaigns.start(
          {
            name: required(form, 'name'),
            goal: chosen(form, 'goal', GOALS),
            filter: filterOf(new URLSearchParams(form.get('filter') ?? '')),
            endsAt: endOfDay(form, 'expiresOn'),
            message: sent(form, 'message'),
          },
          attribution,
        );
        return `${CAMPAIGNS}/${campaign.id}`;
      },
    },
    ...oneCampaignRoutes(deps),
  ];
}

function reachOf(
  isMailOn: boolean,
  { organizations, unreachable }: { organizations: number; unreachable: number },
): string {
  if (!isMailOn)
    return "Email is off, so contacts won't be asked. Once the campaign is running, copy a portal link for each customer and send it yourself.";
  if (unreachable === 0) return 'Their confirmed contacts get an email with a portal link.';
  const who = `${counted(unreachable, 'customer')} ${unreachable === 1 ? 'has' : 'have'} no confirmed contact`;
  const rest = organizations === unreachable ? '' : ' The others get an email with a portal link.';
  return `${who}. Your owners get the email instead, and you can copy a link to send.${rest}`;
}

function Chosen({ rows, count }: { rows: readonly CredentialRow[]; count: number }) {
  return (
    <List
      title="Matching credentials"
      aside={count > rows.length && <small>The first {rows.length}</small>}
      of={rows}
      row={({ credential: { hint, expiresAt }, directory, organization, ageDays }) => (
        <Row
          name={<b>{directory?.name ?? 'deleted'}</b>}
          text={
            <>
              {organization?.name ?? 'deleted'}, <span class="mono">…{hint}</span>, {counted(ageDays, 'day')} old
            </>
          }
        >
          <small>{expiresAt ? `expires ${expiresAt.toISOString().slice(0, 10)}` : 'never expires'}</small>
        </Row>
      )}
    />
  );
}
