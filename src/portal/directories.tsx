/** The pages of one directory for its IT contacts. */
import type { Audit } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import type { Credentials, Usage } from '../credentials/index.ts';
import { type Directories, type Directory, PROVIDER_NAMES } from '../directories/index.ts';
import { readDirectoryView } from '../faces/index.ts';
import {
  credentialRoutes,
  DirectoryFace,
  EventRows,
  type GuidedRoute,
  Head,
  More,
  setupRoutes,
  type Visit,
} from '../guidance/index.ts';
import type { Oauth } from '../oauth/index.ts';

const EVENTS = 20;
const PAGE = 50;

export function directoryRoutes(deps: {
  directories: Directories;
  credentials: Credentials;
  usage: Usage;
  audit: Audit;
  clock: Clock;
  oauth: Oauth;
  publicUrl: string;
}): GuidedRoute[] {
  const { directories, audit, clock, publicUrl } = deps;

  async function directoryOf(visit: Visit): Promise<Directory> {
    const directory = await directories.get(visit.params['id'] ?? '');
    visit.assertSees(directory.organizationId);
    return directory;
  }

  async function one(visit: Visit) {
    const directory = await directoryOf(visit);
    const provider = PROVIDER_NAMES[directory.provider];
    const view = await readDirectoryView(deps, { directory, provider, now: clock.now() });
    const { items } = await audit.page({ where: { directoryId: directory.id }, limit: EVENTS });
    const address = `${visit.home}/directories/${directory.id}`;
    const setup = (
      <a class="btn" href={`${address}/setup`}>
        Set it up
      </a>
    );
    const live = (
      <DirectoryFace view={view} visit={visit} events={items} publicUrl={publicUrl}>
        {setup}
      </DirectoryFace>
    );
    return {
      title: directory.name,
      ...(visit.query.has('part') && { part: live }),
      children: (
        <>
          <Head trail={[[visit.home, 'Your directories']]} title={directory.name}>
            {setup}
          </Head>
          <div data-live={`${address}?part=live`} class="detail">
            {live}
          </div>
        </>
      ),
    };
  }

  async function trail(visit: Visit) {
    const directory = await directoryOf(visit);
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
    ...setupRoutes({ ...deps, clients: deps.oauth.clients }),
  ];
}
