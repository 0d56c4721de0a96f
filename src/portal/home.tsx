/** What an IT contact sees first: the directories of their organization, those that need someone first. */

import type { Diagnoses } from '../diagnosis/index.ts';
import type { Directories } from '../directories/index.ts';
import type { Notifications } from '../notifications/index.ts';
import {
  createDirectoryRows,
  type DirectoryRow,
  FindingRow,
  Form,
  Go,
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
        const { organization, after } = visit;
        const { items, nextCursor } = await rows.page({
          organizationId: organization.id,
          after,
          limit: DIRECTORIES,
        });
        return {
          title: organization.name,
          isNarrow: true,
          children: (
            <HomePage
              rows={items}
              nextCursor={nextCursor}
              endsAt={visit.link.sessionEndsAt ?? visit.now}
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
        const text = `To come back, ask ${vendor} for another link. Your connections keep working.`;
        return messagePage({ title: 'You have signed out.', text }, { isNarrow: true });
      },
    },
  ];
}

function HomePage(props: {
  rows: DirectoryRow[];
  nextCursor: string | null;
  /** Of the session. */
  endsAt: Date;
  diagnoses: Diagnoses;
  isMailOn: boolean;
}) {
  const { rows, nextCursor, endsAt, diagnoses, isMailOn } = props;
  return (
    <>
      <h1>Connect your identity provider</h1>
      {rows.length === 0 ? (
        <p class="soft">Your organization has no directory yet. Ask your contact at the vendor to create one.</p>
      ) : (
        <section class="panel list">
          <ul class="rows">
            {rows.map(({ directory, finding }) => (
              <FindingRow
                directory={directory}
                finding={finding}
                spoken={diagnoses.spoken(directory)}
                {...(finding.code === 'not_connected' && {
                  end: <Go href={`${HOME}/directories/${directory.id}/setup`} name="Set up" tone="primary" />,
                })}
              />
            ))}
          </ul>
        </section>
      )}
      {nextCursor !== null && (
        <div class="acts">
          <Go href={`?after=${encodeURIComponent(nextCursor)}`} name="More" />
        </div>
      )}
      <section class="panel">
        <div class="head">
          <h2>Notices</h2>
          <Go href={`${HOME}/contacts`} name={isMailOn ? 'Change contacts' : 'Show what expires soon'} />
        </div>
        <p class="soft">
          {isMailOn
            ? 'Contacts get an email when something fails, and before something expires.'
            : 'Email is off here, so nothing is sent. This page shows what fails and what expires soon.'}
        </p>
      </section>
      <section class="panel">
        <p>
          <small>
            To connect with OAuth, start in your identity provider, in this same browser. It brings you back here to
            approve the connection.
          </small>
        </p>
        <Form action={`${HOME}/leave`} class="head">
          <small>
            Your session ends at <Time at={endsAt} exact />.
          </small>
          <button type="submit">Sign out</button>
        </Form>
      </section>
    </>
  );
}
