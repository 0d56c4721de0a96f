/** The pages of one directory for its IT contacts: as it is now, and how to set it up in the identity provider. */
import type { Audit } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import type { Credentials, Usage } from '../credentials/index.ts';
import { type Directories, type Directory, PROVIDER_NAMES } from '../directories/index.ts';
import { readDirectoryView } from '../faces/index.ts';
import {
  credentialRoutes,
  DirectoryFace,
  endpointOf,
  type GuidedRoute,
  Head,
  InstructionList,
  SETUP,
  type Visit,
} from '../guidance/index.ts';
import type { Client, Oauth } from '../oauth/index.ts';

const EVENTS = 20;
const CLIENTS = 50;

export function directoryRoutes(deps: {
  directories: Directories;
  credentials: Credentials;
  usage: Usage;
  audit: Audit;
  clock: Clock;
  oauth: Oauth;
  publicUrl: string;
}): GuidedRoute[] {
  const { directories, audit, clock, oauth, publicUrl } = deps;

  async function directoryOf(visit: Visit): Promise<Directory> {
    const directory = await directories.get(visit.params['id'] ?? '');
    visit.assertSees(directory.organizationId);
    return directory;
  }

  /** The client that this directory's identity provider would use: its own, or one that is shared by all. */
  async function clientOf({ id, provider }: Directory): Promise<Client | undefined> {
    const own = (await oauth.clients.page({ directoryId: id, limit: 1 })).items[0];
    if (own) return own;
    const { items } = await oauth.clients.page({ limit: CLIENTS });
    return items.find((client) => client.directoryId === undefined && client.provider === provider);
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

  async function setup(visit: Visit) {
    const directory = await directoryOf(visit);
    const provider = PROVIDER_NAMES[directory.provider];
    const { bearer, oauth: byOauth, better } = SETUP[directory.provider];
    const client = byOauth && (await clientOf(directory));
    const address = `${visit.home}/directories/${directory.id}`;
    const endpoint = endpointOf(directory, publicUrl);
    const kind = visit.query.get('by') ?? (client && better ? better.kind : 'bearer');
    const trail: [string, string][] = [
      [visit.home, 'Your directories'],
      [address, directory.name],
    ];
    return {
      title: `Set up ${provider}`,
      children: (
        <>
          <Head trail={trail} title={`Connect ${provider}`}>
            {byOauth && client && (
              <a class="btn" href={`${address}/setup?by=${kind === 'oauth' ? 'bearer' : 'oauth'}`}>
                {kind === 'oauth' ? 'By a static token' : 'By OAuth'}
              </a>
            )}
          </Head>
          {byOauth && client && better && (
            <p class="soft">
              {provider} can be connected by OAuth or by a static token.{' '}
              <b>{better.kind === 'oauth' ? 'OAuth' : 'The static token'} is the better one here.</b> {better.why}
            </p>
          )}
          {kind === 'oauth' && byOauth && client ? (
            <>
              <InstructionList
                provider={provider}
                instructions={byOauth}
                values={{
                  endpoint,
                  'client-id': client.id,
                  'token-url': `${publicUrl}/oauth/token`,
                  'authorization-url': `${publicUrl}/oauth/authorize`,
                }}
              />
              <p class="soft">
                Do it in this browser: {provider} leads back here, and you decide. The client secret comes from your
                software vendor.
              </p>
            </>
          ) : (
            <>
              <InstructionList provider={provider} instructions={bearer} values={{ endpoint }} />
              <div class="acts">
                <a class="btn primary" href={`${address}/generate`}>
                  Generate the token
                </a>
              </div>
            </>
          )}
          <div class="acts">
            <a class="btn" href={address}>
              See whether it works
            </a>
          </div>
        </>
      ),
    };
  }

  return [
    { method: 'get', path: '/directories/:id', handle: one },
    { method: 'get', path: '/directories/:id/setup', handle: setup },
    ...credentialRoutes(deps),
  ];
}
