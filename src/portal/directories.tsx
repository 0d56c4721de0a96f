/** The pages of one directory for its IT contacts. */
import { IDENTITY_PROVIDERS } from '../identity-providers/index.ts';
import {
  addressOf,
  createSeen,
  DirectoryFace,
  EventList,
  Go,
  holderOf,
  isHeldBack,
  isToldTo,
  live,
  PastPanel,
  REFUSALS,
  type Route,
  type SeenDependencies,
  Tabs,
  trailTo,
  type Visit,
} from '../pages/index.ts';

export function directoryRoutes(deps: SeenDependencies): Route[] {
  const { audit } = deps;
  const seen = createSeen(deps);

  async function one(visit: Visit) {
    const { face, past } = await seen.face(visit);
    const { directory, diagnosis } = face.view;
    const [lead] = diagnosis.findings;
    const address = addressOf(visit, directory);
    const setup = isHeldBack(face.view, visit) ? null : <Go href={`${address}/setup`} name="Set up" />;
    return live(visit, {
      title: directory.name,
      trail: visit.trail,
      acts: (
        <>
          <Go href={`${visit.home}/check-token`} name="Check a token" />
          {directory.requestLog === true && <Go href={`${address}/requests`} name="Request log" />}
          {setup}
        </>
      ),
      part: <DirectoryFace {...face}>{setup}</DirectoryFace>,
      // A drawing of nothing only keeps a newcomer from the setup.
      rest: past && lead?.code !== 'not_connected' && <PastPanel past={past} lead={lead} directory={directory} />,
    });
  }

  async function trail(visit: Visit) {
    const directory = await seen.directory(visit);
    const isOfRefusals = visit.query.get('type') === 'refused';
    const { items, nextCursor } = await audit.page({
      where: { directoryId: directory.id, ...(isOfRefusals && { type: REFUSALS }) },
      ...visit.paging,
    });
    const events = items.filter((event) => isToldTo(event, visit.reader));
    const address = addressOf(visit, directory);
    const [all, refused] = [`${address}/audit`, `${address}/audit?type=refused`];
    return {
      title: `Audit trail for ${directory.name}`,
      heading: 'Audit',
      trail: trailTo(visit, directory),
      acts: directory.requestLog === true && <Go href={`${address}/requests`} name="Request log" />,
      children: (
        <>
          <Tabs
            label="Events"
            tabs={[
              [all, 'All events'],
              [refused, 'All refusals'],
            ]}
            current={isOfRefusals ? refused : all}
          />
          <EventList
            of={{ items: events, nextCursor }}
            nameOf={(event) => holderOf(event, IDENTITY_PROVIDERS[directory.provider].name)}
            {...(isOfRefusals && { none: 'Nothing was refused.' })}
          />
        </>
      ),
    };
  }

  return [
    { path: '/directories/:id', action: 'directories.read', get: one },
    { path: '/directories/:id/audit', action: 'directories.read', get: trail },
  ];
}
