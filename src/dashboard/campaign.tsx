/** One campaign: how far it is, what can be done meanwhile, its end. */
import {
  Act,
  Ask,
  CopyField,
  capital,
  counted,
  Details,
  Go,
  Last,
  List,
  namesOf,
  OnceOnly,
  Row,
  Status,
  Tag,
  Time,
  type Tone,
  type Trail,
} from '../pages/index.ts';
import { type Campaign, type CampaignState, type Goal, MEMBER_STATES, type MemberState } from '../reports/index.ts';
import type { DashboardDependencies } from './dependencies.ts';
import { REPORTS, REPORTS_TRAIL } from './report-tabs.tsx';
import { HOME, type Route, type Visit } from './visit.ts';

export const CAMPAIGNS = `${REPORTS}/campaigns`;
export const CAMPAIGNS_TRAIL: Trail = [...REPORTS_TRAIL, [CAMPAIGNS, 'Campaigns']];
export const GOAL_NAMES: Record<Goal, string> = { end: 'Set an end date', oauth: 'Ask to move to OAuth' };
export const STATES: Record<CampaignState, { name: string; tone: Tone }> = {
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

type Progress = Record<MemberState, number>;

export function oneCampaignRoutes(deps: DashboardDependencies): Route[] {
  const { campaigns, notifications, directories, organizations } = deps;

  async function one({ id, paging, may }: Visit) {
    const campaign = await campaigns.get(id);
    const { name, state, goal, endsAt, createdAt, startedBy } = campaign;
    const [progress, members] = await Promise.all([
      campaigns.progress(campaign.id),
      campaigns.members(campaign.id, paging),
    ]);
    const [directoryNames, organizationNames] = await Promise.all([
      namesOf(members.items, 'directoryId', directories.find),
      namesOf(members.items, 'organizationId', organizations.find),
    ]);
    const address = `${CAMPAIGNS}/${campaign.id}`;
    const isRunning = state === 'running';
    const mayRun = may('campaigns.run');
    return {
      title: name,
      trail: CAMPAIGNS_TRAIL,
      acts: (
        <>
          {mayRun && isRunning && progress.waiting > 0 && (
            <>
              {notifications.isMailOn && <Act action={`${address}/remind`} name="Remind" />}
              <Act action={`${address}/links`} name="Get portal links" />
            </>
          )}
          {mayRun && (isRunning || state === 'starting') && <Ask href={`${address}/stop`} name="Stop" />}
        </>
      ),
      children: (
        <>
          <Condition campaign={campaign} progress={progress} isMailOn={notifications.isMailOn} />
          <section class="panel">
            <Details
              of={[
                ['Goal', GOAL_NAMES[goal]],
                endsAt && ['End date', <Time at={endsAt} exact />],
                ...MEMBER_STATES.filter((one) => progress[one] > 0).map(
                  (one) => [capital(MEMBER_NAMES[one].name), progress[one].toLocaleString('en')] as const,
                ),
                ['Started', <Last at={createdAt} after={` by ${startedBy.name}`} />],
              ]}
            />
          </section>
          {(members.items.length > 0 || paging.after !== undefined) && (
            <List
              title="Credentials"
              aside={<small>{counted(sumOf(progress), 'credential')}</small>}
              of={members}
              none="No more credentials."
              row={({ directoryId, organizationId, state: has }) => (
                <Row
                  name={<b>{directoryNames.get(directoryId) ?? 'deleted'}</b>}
                  href={directoryNames.has(directoryId) ? `${HOME}/directories/${directoryId}` : undefined}
                  text={organizationNames.get(organizationId) ?? 'deleted'}
                >
                  <Tag tone={MEMBER_NAMES[has].tone}>{MEMBER_NAMES[has].name}</Tag>
                </Row>
              )}
            />
          )}
        </>
      ),
    };
  }

  async function links(visit: Visit) {
    const { id, name } = await campaigns.get(visit.id);
    const found = await campaigns.links(id, visit.attribution);
    return {
      title: 'Portal links',
      trail: [...CAMPAIGNS_TRAIL, [`${CAMPAIGNS}/${id}`, name] as const],
      children: (
        <OnceOnly title={<>{counted(found.length, 'link')} to send</>}>
          <small>Each link opens that customer's portal once, within seven days.</small>
          {found.map(({ organization, url }) => (
            <CopyField label={organization} value={url} />
          ))}
          <div class="acts">
            <Go href={`${CAMPAIGNS}/${id}`} name="Back to the campaign" />
          </div>
        </OnceOnly>
      ),
    };
  }

  return [
    { path: '/reports/campaigns/:id', action: 'campaigns.read', get: one },
    {
      path: '/reports/campaigns/:id/remind',
      action: 'campaigns.run',
      does: ({ id, attribution }) => campaigns.remind(id, attribution),
    },
    { path: '/reports/campaigns/:id/links', action: 'campaigns.run', post: links },
    {
      path: '/reports/campaigns/:id/stop',
      action: 'campaigns.run',
      async ask(visit) {
        const { id, name } = await campaigns.get(visit.id);
        return {
          title: 'Stop',
          trail: [...CAMPAIGNS_TRAIL, [`${CAMPAIGNS}/${id}`, name]],
          name: 'Stop campaign',
          keep: 'Not now',
          effect: 'The end dates that it set are removed.',
          more: "Credentials that have ended stay that way. End dates that someone has changed since then are kept. Contacts won't get any more reminders.",
        };
      },
      does: ({ id, attribution }) => campaigns.stop(id, attribution),
    },
  ];
}

export function sumOf(progress: Progress): number {
  return Object.values(progress).reduce((sum, count) => sum + count, 0);
}

export function doneOf({ ended, skipped }: Progress): number {
  return ended + skipped;
}

function Condition(props: { campaign: Campaign; progress: Progress; isMailOn: boolean }) {
  const { campaign, progress, isMailOn } = props;
  const { state, stoppedBy, endedAt, askedRounds } = campaign;
  const [sum, done] = [sumOf(progress), doneOf(progress)];
  if (state === 'starting') return <Status tone="warn" lead="Choosing credentials." detail="Reload to see progress." />;
  if (state === 'stopping' || state === 'stopped')
    return (
      <Status
        tone="off"
        lead={state === 'stopped' ? 'This campaign was stopped.' : 'This campaign is stopping.'}
        detail={`${stoppedBy?.name ?? 'Someone'} stopped it. ${counted(progress.restored, 'end date')} removed.`}
      />
    );
  if (state === 'finished')
    return (
      <Status
        tone="ok"
        lead={sum === 1 ? 'Its credential has ended.' : `All ${counted(sum, 'credential')} have ended.`}
        detail={endedAt && <Time at={endedAt} />}
      />
    );
  const asked =
    askedRounds === 0
      ? 'Contacts have not been asked yet.'
      : `Contacts were asked ${askedRounds === 1 ? 'once' : `${askedRounds} times`}.`;
  return (
    <Status
      tone={progress.waiting > 0 ? 'warn' : 'ok'}
      lead={`${done} of ${sum} ended.`}
      rest={`${progress.waiting > 0 ? `${progress.waiting} not replaced yet. ` : ''}${progress.replaced > 0 ? `${progress.replaced} replaced and still active.` : ''}`}
      detail={isMailOn ? asked : 'Email is off. Copy the links and send them yourself.'}
    />
  );
}
