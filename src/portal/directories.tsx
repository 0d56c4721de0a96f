/** The pages of one directory for its IT contacts. */
import {
  createSeen,
  credentialRoutes,
  DirectoryFace,
  EventRows,
  type GuidedRoute,
  Head,
  live,
  More,
  type SeenDependencies,
  setupRoutes,
  type Visit,
} from '../pages/index.ts';

const EVENTS = 20;
const PAGE = 50;

export function directoryRoutes(deps: SeenDependencies & { publicUrl: string }): GuidedRoute[] {
  const { audit, publicUrl } = deps;
  const seen = createSeen(deps);

  async function one(visit: Visit) {
    const view = await seen.view(visit);
    const { directory } = view;
    const { items } = await audit.page({ where: { directoryId: directory.id }, limit: EVENTS });
    const address = `${visit.home}/directories/${directory.id}`;
    const setup = (
      <a class="btn" href={`${address}/setup`}>
        Set it up
      </a>
    );
    return live(visit, {
      title: directory.name,
      head: (
        <Head trail={[[visit.home, 'Your directories']]} title={directory.name}>
          {setup}
        </Head>
      ),
      part: (
        <DirectoryFace view={view} visit={visit} events={items} publicUrl={publicUrl}>
          {setup}
        </DirectoryFace>
      ),
    });
  }

  async function trail(visit: Visit) {
    const directory = await seen.directory(visit);
    const after = visit.query.get('after') ?? undefined;
    const { items, nextCursor } = await audit.page({ where: { directoryId: directory.id }, after, limit: PAGE });
    return {
      title: `Audit of ${directory.name}`,
      children: (
        <>
          <Head
            trail={[
              [visit.home, 'Your directories'],
              [`${visit.home}/directories/${directory.id}`, directory.name],
            ]}
            title="Audit"
          />
          <section class="panel list">
            <EventRows events={items} visit={visit} />
          </section>
          <More visit={visit} cursor={nextCursor} />
        </>
      ),
    };
  }

  return [
    { method: 'get', path: '/directories/:id', handle: one },
    { method: 'get', path: '/directories/:id/audit', handle: trail },
    ...credentialRoutes(deps),
    ...setupRoutes(deps),
  ];
}
