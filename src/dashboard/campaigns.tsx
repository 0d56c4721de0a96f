/** Campaigns: choose credentials, see what would happen, start, watch, remind, stop. */

import {
  Act,
  Ask,
  Choice,
  Confirm,
  CopyField,
  capital,
  chosen,
  counted,
  endOfDay,
  Field,
  Form,
  Go,
  Head,
  More,
  required,
  Status,
  sent,
  Tag,
  Time,
  type Tone,
} from '../pages/index.ts';
import {
  type Campaign,
  type CampaignState,
  type CredentialRow,
  GOALS,
  type Goal,
  MEMBER_STATES,
  type MemberState,
} from '../reports/index.ts';
import type { DashboardDependencies } from './dependencies.ts';
import { offerOrganizations } from './organization-choice.tsx';
import { FilterFields, filterOf, REPORTS, REPORTS_TRAIL, ReportTabs } from './reports.tsx';
import { HOME, type Route, type Visit } from './visit.ts';

const PAGE = 50;
const CAMPAIGNS = `${REPORTS}/campaigns`;
const TRAIL: [string, string][] = [...REPORTS_TRAIL, [CAMPAIGNS, 'Campaigns']];
const GOAL_NAMES: Record<Goal, string> = { end: 'Set an end date', oauth: 'Ask to move to OAuth' };
const STATES: Record<CampaignState, { name: string; tone: Tone }> = {
  starting: { name: 'starting', tone: 'warn' },
  running: { name: 'running', tone: 'ok' },
  stopping: { name: 'stopping', tone: 'warn' },
  stopped: { name: 'stopped', tone: 'off' },
  finished: { name: 'finished', tone: 'ok' },
};
const MEMBER_NAMES: Record<MemberState, { name: string; tone?: Tone }> = {
  chosen: { name: 'not started' },
  waiting: { name: 'waiting', tone: 'warn' },
  replaced: { name: 'replaced, still active', tone: 'warn' },
  ended: { name: 'ended', tone: 'ok' },
  skipped: { name: 'already ended' },
  restored: { name: 'end date removed' },
  left: { name: 'left unchanged' },
};

export function campaignRoutes(deps: DashboardDependencies): Route[] {
  const { campaigns, notifications, directories, organizations } = deps;

  async function list(visit: Visit) {
    const { items, nextCursor } = await campaigns.page({ after: visit.query.get('after') ?? undefined, limit: PAGE });
    const rows = await Promise.all(
      items.map(async (campaign) => ({ campaign, progress: await campaigns.progress(campaign.id) })),
    );
    return {
      title: 'Campaigns',
      place: 'reports',
      children: (
        <>
          <Head title="Reports">
            {visit.may('campaigns.run') && <Go href={`${CAMPAIGNS}/new`} name="New campaign" tone="primary" />}
          </Head>
          <ReportTabs current="campaigns" />
          {rows.length === 0 ? (
            <section class="panel empty">
              <h2>No campaigns yet</h2>
              <p>
                A campaign moves many credentials at once. It sets an end date, or asks your customers to move to OAuth,
                and shows their progress.
              </p>
            </section>
          ) : (
            <section class="panel list">
              <ul class="rows">
                {rows.map(({ campaign, progress }) => (
                  <li>
                    <span class="what">
                      <span>
                        <a href={`${CAMPAIGNS}/${campaign.id}`}>
                          <b>{campaign.name}</b>
                        </a>{' '}
                        <Tag tone={STATES[campaign.state].tone}>{STATES[campaign.state].name}</Tag>
                      </span>
                      <small>
                        {doneOf(progress)} of {counted(sumOf(progress), 'credential')} ended. Started{' '}
                        <Time at={campaign.createdAt} now={visit.now} /> by {campaign.startedBy.name}
                      </small>
                    </span>
                  </li>
                ))}
              </ul>
            </section>
          )}
          <More visit={visit} cursor={nextCursor} />
        </>
      ),
    };
  }

  async function fresh(visit: Visit) {
    const { query, refused } = visit;
    const filter = refused?.form.get('filter') ?? `${query}`;
    const given = new URLSearchParams(filter);
    const goal = GOALS.find((known) => known === given.get('goal')) ?? 'end';
    const isAsked = [...given.keys()].length > 0;
    const preview = isAsked ? await campaigns.preview(filterOf(given), goal) : undefined;
    return {
      title: 'New campaign',
      place: 'reports',
      children: (
        <>
          <Head trail={TRAIL} title="New campaign" />
          <form class="panel fields" action={`${CAMPAIGNS}/new`}>
            <Choice name="goal" options={GOALS.map((known) => [known, GOAL_NAMES[known]])} value={goal} />
            <FilterFields query={given} offered={await offerOrganizations(organizations)} isLiveOnly />
            <div class="acts">
              <button type="submit" class={preview?.count ? undefined : 'primary'}>
                Preview
              </button>
            </div>
          </form>
          {preview?.count === 0 && <p>No credentials match this filter.</p>}
          {preview !== undefined && preview.count > 0 && (
            <>
              <section class="panel">
                <h2>
                  {counted(preview.count, 'credential')} at {counted(preview.organizations, 'customer')}
                </h2>
                <p>{reachOf(notifications.isMailOn, preview)}</p>
                <Form visit={visit} action={CAMPAIGNS} class="fields">
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
                  <div class="acts">
                    <button type="submit" class="primary">
                      Start campaign
                    </button>
                    <Go href={CAMPAIGNS} name="Not now" tone="quiet" />
                  </div>
                </Form>
              </section>
              <Chosen rows={preview.rows} count={preview.count} />
            </>
          )}
        </>
      ),
    };
  }

  async function one(visit: Visit) {
    const campaign = await campaigns.get(visit.params['id'] ?? '');
    const [progress, { items, nextCursor }] = await Promise.all([
      campaigns.progress(campaign.id),
      campaigns.members(campaign.id, { after: visit.query.get('after') ?? undefined, limit: PAGE }),
    ]);
    const names = await Promise.all(
      items.map(async (member) => ({
        member,
        directory: await directories.find(member.directoryId),
        organization: await organizations.find(member.organizationId),
      })),
    );
    const address = `${CAMPAIGNS}/${campaign.id}`;
    const isRunning = campaign.state === 'running';
    const may = visit.may('campaigns.run');
    return {
      title: campaign.name,
      place: 'reports',
      children: (
        <>
          <Head trail={TRAIL} title={campaign.name}>
            {may && isRunning && progress.waiting > 0 && (
              <>
                {notifications.isMailOn && <Act visit={visit} action={`${address}/remind`} name="Remind" />}
                <Act visit={visit} action={`${address}/links`} name="Get portal links" />
              </>
            )}
            {may && (isRunning || campaign.state === 'starting') && <Ask href={`${address}/stop`} name="Stop" />}
          </Head>
          <Condition campaign={campaign} progress={progress} isMailOn={notifications.isMailOn} now={visit.now} />
          <section class="panel">
            <dl>
              <dt>Goal</dt>
              <dd>{GOAL_NAMES[campaign.goal]}</dd>
              {campaign.endsAt && (
                <>
                  <dt>End date</dt>
                  <dd>
                    <Time at={campaign.endsAt} now={visit.now} exact />
                  </dd>
                </>
              )}
              {MEMBER_STATES.filter((state) => progress[state] > 0).map((state) => (
                <>
                  <dt>{capital(MEMBER_NAMES[state].name)}</dt>
                  <dd>{progress[state].toLocaleString('en')}</dd>
                </>
              ))}
              <dt>Started</dt>
              <dd>
                <Time at={campaign.createdAt} now={visit.now} /> by {campaign.startedBy.name}
              </dd>
            </dl>
          </section>
          {names.length > 0 && (
            <section class="panel list">
              <div class="bar">
                <h2>Credentials</h2>
                <small>{counted(sumOf(progress), 'credential')}</small>
              </div>
              <ul class="rows">
                {names.map(({ member, directory, organization }) => (
                  <li>
                    <span class="what">
                      <span>
                        {directory ? (
                          <a href={`${HOME}/directories/${directory.id}`}>
                            <b>{directory.name}</b>
                          </a>
                        ) : (
                          <b>deleted</b>
                        )}
                      </span>
                      <small>{organization?.name ?? 'deleted'}</small>
                    </span>
                    <Tag tone={MEMBER_NAMES[member.state].tone}>{MEMBER_NAMES[member.state].name}</Tag>
                  </li>
                ))}
              </ul>
            </section>
          )}
          <More visit={visit} cursor={nextCursor} />
        </>
      ),
    };
  }

  async function links(visit: Visit) {
    const campaign = await campaigns.get(visit.params['id'] ?? '');
    const found = await campaigns.links(campaign.id, visit.attribution);
    return {
      title: 'Portal links',
      place: 'reports',
      children: (
        <>
          <Head trail={[...TRAIL, [`${CAMPAIGNS}/${campaign.id}`, campaign.name]]} title="Portal links" />
          <section class="panel reveal">
            <div class="head">
              <h2>{counted(found.length, 'link')} to send</h2>
              <Tag tone="warn">shown once</Tag>
            </div>
            <small>Each link opens that customer's portal once, within seven days.</small>
            {found.map(({ organization, url }) => (
              <CopyField label={organization} value={url} />
            ))}
            <div class="acts">
              <Go href={`${CAMPAIGNS}/${campaign.id}`} name="Back to the campaign" />
            </div>
          </section>
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
        const goal = chosen(form, 'goal', GOALS);
        const campaign = await campaigns.start(
          {
            name: required(form, 'name'),
            goal,
            filter: filterOf(new URLSearchParams(form.get('filter') ?? '')),
            endsAt: endOfDay(form, 'expiresOn'),
            message: sent(form, 'message'),
          },
          attribution,
        );
        return `${CAMPAIGNS}/${campaign.id}`;
      },
    },
    { path: '/reports/campaigns/:id', action: 'campaigns.read', get: one },
    {
      path: '/reports/campaigns/:id/remind',
      action: 'campaigns.run',
      on: '/reports/campaigns/:id',
      async post({ params, attribution }) {
        const { id } = await campaigns.remind(params['id'] ?? '', attribution);
        return `${CAMPAIGNS}/${id}`;
      },
    },
    { path: '/reports/campaigns/:id/links', action: 'campaigns.run', on: '/reports/campaigns/:id', post: links },
    {
      path: '/reports/campaigns/:id/stop',
      action: 'campaigns.run',
      async get(visit) {
        const { id, name } = await campaigns.get(visit.params['id'] ?? '');
        return {
          title: 'Stop',
          place: 'reports',
          children: (
            <Confirm
              visit={visit}
              trail={[...TRAIL, [`${CAMPAIGNS}/${id}`, name]]}
              title="Stop"
              name="Stop campaign"
              back={`${CAMPAIGNS}/${id}`}
              keep="Not now"
            >
              <p>
                <b>The end dates that it set are removed.</b> Ended credentials stay ended. End dates that someone has
                changed since then are kept. Contacts won't get any more reminders.
              </p>
            </Confirm>
          ),
        };
      },
      async post({ params, attribution }) {
        const { id } = await campaigns.stop(params['id'] ?? '', attribution);
        return `${CAMPAIGNS}/${id}`;
      },
    },
  ];
}

function sumOf(progress: Record<MemberState, number>): number {
  return Object.values(progress).reduce((sum, count) => sum + count, 0);
}

function doneOf({ ended, skipped }: Record<MemberState, number>): number {
  return ended + skipped;
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

function Condition(props: { campaign: Campaign; progress: Record<MemberState, number>; isMailOn: boolean; now: Date }) {
  const { campaign, progress, isMailOn, now } = props;
  const { state, stoppedBy, endedAt, askedRounds } = campaign;
  const [sum, done] = [sumOf(progress), doneOf(progress)];
  if (state === 'starting')
    return <Status tone="warn" sentence={<b>Choosing credentials.</b>} detail="Reload to see progress." />;
  if (state === 'stopping' || state === 'stopped')
    return (
      <Status
        tone="off"
        sentence={<b>{state === 'stopped' ? 'This campaign was stopped.' : 'This campaign is stopping.'}</b>}
        detail={`${stoppedBy?.name ?? 'Someone'} stopped it. ${counted(progress.restored, 'end date')} removed.`}
      />
    );
  if (state === 'finished')
    return (
      <Status
        tone="ok"
        sentence={<b>{sum === 1 ? 'Its credential has ended.' : `All ${counted(sum, 'credential')} have ended.`}</b>}
        detail={endedAt && <Time at={endedAt} now={now} />}
      />
    );
  return (
    <Status
      tone={progress.waiting > 0 ? 'warn' : 'ok'}
      sentence={
        <>
          <b>
            {done} of {sum} ended.
          </b>{' '}
          {progress.waiting > 0 && `${progress.waiting} not replaced yet. `}
          {progress.replaced > 0 && `${progress.replaced} replaced and still active.`}
        </>
      }
      detail={
        isMailOn
          ? askedRounds === 0
            ? 'Contacts have not been asked yet.'
            : `Contacts were asked ${askedRounds === 1 ? 'once' : `${askedRounds} times`}.`
          : 'Email is off. Copy the links and send them yourself.'
      }
    />
  );
}

function Chosen({ rows, count }: { rows: readonly CredentialRow[]; count: number }) {
  return (
    <section class="panel list">
      <div class="bar">
        <h2>Matching credentials</h2>
        {count > rows.length && <small>The first {rows.length}</small>}
      </div>
      <ul class="rows">
        {rows.map(({ credential, directory, organization, ageDays }) => (
          <li>
            <span class="what">
              <b>{directory?.name ?? 'deleted'}</b>
              <small>
                {organization?.name ?? 'deleted'}, <span class="mono">…{credential.hint}</span>,{' '}
                {counted(ageDays, 'day')} old
              </small>
            </span>
            <small>
              {credential.expiresAt ? `expires ${credential.expiresAt.toISOString().slice(0, 10)}` : 'never expires'}
            </small>
          </li>
        ))}
      </ul>
    </section>
  );
}
