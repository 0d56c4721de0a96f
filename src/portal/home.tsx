/** What an IT contact sees first: the directories of their organization, those that need someone first. */

import type { Diagnoses } from '../diagnosis/index.ts';
import type { Directories } from '../directories/index.ts';
import type { Notifications } from '../notifications/index.ts';
import {
  createDirectoryRows,
  type DirectoryRow,
  FindingRow,
  Form,
  messagePage,
  type Route,
  Time,
} from '../pages/index.ts';
import { HOME, SESSION_COOKIE, type SessionDependencies, type Visit } from './session.ts';

const DIRECTORIES = 50;

export function homeRoutes(
  deps: SessionDependencies & {
    directories: Directories;
    diagnoses: Diagnoses;
    notifications: Pick<Notifications, 'isMailOn'>;
    vendor: string;
  },
): Route<Visit>[] {
  const { links, diagnoses, notifications, vendor } = deps;
  const rows = createDirectoryRows(deps);
  return [
    {
      path: '',
      action: 'directories.read',
      async get(visit) {
        const { organization, query } = visit;
        const { items, nextCursor } = await rows.page({
          organizationId: organization.id,
          after: query.get('after') ?? undefined,
          limit: DIRECTORIES,
        });
        return {
          title: organization.name,
          isNarrow: true,
          children: (
            <HomePage
              rows={items}
              nextCursor={nextCursor}
              visit={visit}
              diagnoses={diagnoses}
              isMailOn={notifications.isMailOn}
            />
          ),
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
  rows: DirectoryRow[];
  nextCursor: string | null;
  visit: Visit;
  diagnoses: Diagnoses;
  isMailOn: boolean;
}) {
  const { rows, nextCursor, visit, diagnoses, isMailOn } = props;
  const endsAt = visit.link.sessionEndsAt ?? visit.now;
  return (
    <>
      <h1>Connect your identity provider</h1>
      {rows.length === 0 ? (
        <p class="soft">Your organization has no directory yet. Ask your contact at the vendor to make one.</p>
      ) : (
        <section class="panel list">
          <ul class="rows">
            {rows.map(({ directory, finding }) => (
              <FindingRow
                directory={directory}
                finding={finding}
                spoken={diagnoses.spoken(directory)}
                visit={visit}
                {...(finding.code === 'not_connected' && {
                  end: (
                    <a class="btn primary" href={`${HOME}/directories/${directory.id}/setup`}>
                      Set it up
                    </a>
                  ),
                })}
              />
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
            {isMailOn ? 'Change who is told' : 'What ends soon'}
          </a>
        </div>
        <p class="soft">
          {isMailOn
            ? 'Contacts hear by email when something fails, and before something ends.'
            : 'Email is not set up here, so nothing is sent. This page shows what fails, and what ends soon.'}
        </p>
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
