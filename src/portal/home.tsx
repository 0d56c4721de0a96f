/** What an IT contact sees first: the directories of their organization, those that need someone first. */

import type { Audit } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import type { Credentials, Usage } from '../credentials/index.ts';
import type { Directories, Directory } from '../directories/index.ts';
import { IDENTITY_PROVIDERS } from '../identity-providers/index.ts';
import type { Clients } from '../oauth/index.ts';
import {
  Form,
  type Health,
  healthOf,
  messagePage,
  type Route,
  readDirectoryView,
  Time,
  URGENCY,
} from '../pages/index.ts';
import { HOME, SESSION_COOKIE, type SessionDependencies, type Visit } from './session.ts';

const DIRECTORIES = 200;

export function homeRoutes(
  deps: SessionDependencies & {
    directories: Directories;
    credentials: Credentials;
    usage: Usage;
    audit: Audit;
    clients: Clients;
    clock: Clock;
    vendor: string;
  },
): Route<Visit>[] {
  const { links, directories, vendor } = deps;
  return [
    {
      path: '',
      action: 'directories.read',
      async get(visit) {
        const { organization, query, now } = visit;
        const { items, nextCursor } = await directories.page({
          organizationId: organization.id,
          after: query.get('after') ?? undefined,
          limit: DIRECTORIES,
        });
        const rows = await Promise.all(
          items.map(async (directory) => {
            const provider = IDENTITY_PROVIDERS[directory.provider].name;
            const view = await readDirectoryView(deps, { directory, provider, now, isBrief: true });
            return { directory, provider, health: healthOf(view), isEmpty: view.holdings.length === 0 };
          }),
        );
        rows.sort((a, b) => URGENCY[a.health.tone] - URGENCY[b.health.tone]);
        return {
          title: organization.name,
          isNarrow: true,
          children: <HomePage rows={rows} nextCursor={nextCursor} visit={visit} />,
        };
      },
    },
    {
      path: '/leave',
      action: 'directories.read',
      get: async () => HOME,
      async post({ cookies, origin: { address, requestId } }) {
        await links.leave(cookies.get(SESSION_COOKIE) ?? '', { address, requestId });
        cookies.clear(SESSION_COOKIE);
        const text = `To come back, ask ${vendor} for another link. Everything goes on as it was.`;
        return messagePage({ title: 'You have left.', text }, { isNarrow: true });
      },
    },
  ];
}

function HomePage(props: {
  rows: { directory: Directory; provider: string; health: Health; isEmpty: boolean }[];
  nextCursor: string | null;
  visit: Visit;
}) {
  const { rows, nextCursor, visit } = props;
  const endsAt = visit.link.sessionEndsAt ?? visit.now;
  return (
    <>
      <h1>Connect your identity provider</h1>
      {rows.length === 0 ? (
        <p class="soft">Your organization has no directory yet. Ask your contact at the vendor to make one.</p>
      ) : (
        <section class="panel list">
          <ul class="rows">
            {rows.map(({ directory, provider, health, isEmpty }) => (
              <li>
                <span class={health.tone === 'ok' ? 'dot' : `dot ${health.tone}`} />
                <span class="what">
                  <a href={`${HOME}/directories/${directory.id}`}>
                    <b>{directory.name}</b>
                  </a>
                  <small>
                    {health.lead} {health.rest}
                  </small>
                </span>
                {isEmpty ? (
                  <a class="btn primary" href={`${HOME}/directories/${directory.id}/setup`}>
                    Set it up
                  </a>
                ) : (
                  <span class="tag">{provider}</span>
                )}
              </li>
            ))}
          </ul>
        </section>
      )}
      {nextCursor !== null && (
        <div class="acts">
          <a class="btn" href={`?after=${encodeURIComponent(nextCursor)}`}>
            More
          </a>
        </div>
      )}
      <section class="panel">
        <div class="head">
          <h2>Notices</h2>
          <a class="btn" href={`${HOME}/contacts`}>
            Change who is told
          </a>
        </div>
        <p class="soft">Contacts hear by email when something fails, and before something ends.</p>
      </section>
      <section class="panel">
        <p>
          <small>
            If your identity provider opens a page to be allowed (it calls this OAuth), begin in this same browser: it
            leads back here, and you decide.
          </small>
        </p>
        <Form visit={visit} action={`${HOME}/leave`} class="head">
          <small>
            This browser is let in until <Time at={endsAt} now={visit.now} exact />.
          </small>
          <button type="submit">Leave</button>
        </Form>
      </section>
    </>
  );
}
