/** The pages of one directory for its IT contacts. */
import {
  createSeen,
  DirectoryFace,
  EventRows,
  Go,
  Head,
  live,
  More,
  PastPanel,
  type Route,
  type SeenDependencies,
  type Visit,
} from '../pages/index.ts';

const PAGE = 50;
const REFUSALS = ['request.denied', 'token.refused', 'connection.refused'];

export type DirectoryDependencies = SeenDependencies & { publicUrl: string };

export function directoryRoutes(deps: DirectoryDependencies): Route[] {
  const { audit, publicUrl } = deps;
  const seen = createSeen(deps);

  async function one(visit: Visit) {
    const { face, past } = await seen.face(visit);
    const { directory } = face.view;
    const address = `${visit.home}/directories/${directory.id}`;
    const setup = <Go href={`${address}/setup`} name="Set up" />;
    return live(visit, {
      title: directory.name,
      head: (
        <Head trail={[[visit.home, 'Your directories']]} title={directory.name}>
          <Go href={`${visit.home}/check-token`} name="Check a token" />
          {directory.requestLog === true && <Go href={`${address}/requests`} name="Request log" />}
          {setup}
        </Head>
      ),
      part: (
        <DirectoryFace {...face} publicUrl={publicUrl}>
          {setup}
        </DirectoryFace>
      ),
      // A drawing of nothing only keeps a newcomer from the setup.
      ...(past &&
        face.view.diagnosis.findings[0]?.code !== 'not_connected' && {
          rest: <PastPanel past={past} directory={directory} visit={visit} />,
        }),
    });
  }

  async function trail(visit: Visit) {
    const directory = await seen.directory(visit);
    const after = visit.query.get('after') ?? undefined;
    const isOfRefusals = visit.query.get('type') === 'refused';
    const { items, nextCursor } = await audit.page({
      where: { directoryId: directory.id, ...(isOfRefusals && { type: REFUSALS }) },
      after,
      limit: PAGE,
    });
    const address = `${visit.home}/directories/${directory.id}`;
    return {
      title: `Audit trail of ${directory.name}`,
      children: (
        <>
          <Head
            trail={[
              [visit.home, 'Your directories'],
              [address, directory.name],
            ]}
            title="Audit"
          >
            {directory.requestLog === true && <Go href={`${address}/requests`} name="Request log" />}
          </Head>
          <nav class="acts" aria-label="Events">
            {(
              [
                ['', 'All events'],
                ['?type=refused', 'All refusals'],
              ] as const
            ).map(([query, name]) => {
              const isShown = isOfRefusals === (query !== '');
              return (
                <a
                  class={isShown ? 'btn' : 'btn quiet'}
                  aria-current={isShown ? 'true' : undefined}
                  href={`${address}/audit${query}`}
                >
                  {name}
                </a>
              );
            })}
          </nav>
          <section class="panel list">
            {items.length === 0 && isOfRefusals ? (
              <p class="bar soft">Nothing was refused.</p>
            ) : (
              <EventRows events={items} visit={visit} />
            )}
          </section>
          <More visit={visit} cursor={nextCursor} />
        </>
      ),
    };
  }

  return [
    { path: '/directories/:id', action: 'directories.read', get: one },
    { path: '/directories/:id/audit', action: 'directories.read', get: trail },
  ];
}
