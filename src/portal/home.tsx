/** What an IT contact sees first: the directories of their organization, those that need someone first. */

import { CODES, type Diagnoses, type Finding, type Reader, wordsOf } from '../diagnosis/index.ts';
import type { Directories } from '../directories/index.ts';
import { IDENTITY_PROVIDERS } from '../identity-providers/index.ts';
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
  WhatToDo,
} from '../pages/index.ts';
import { HOME, SESSION_COOKIE, type SessionDependencies, type Visit } from './session.ts';

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

  /** What tells somebody what to do goes by this moment: they may have done it a moment ago, on the page that led here. */
  async function asItIsNow(row: DirectoryRow): Promise<DirectoryRow> {
    if (row.finding.severity === 'fine') return row;
    const [finding = row.finding] = (await diagnoses.now(row.directory)).findings;
    return { ...row, finding };
  }

  return [
    {
      path: '',
      action: 'directories.read',
      async get(visit) {
        const { organization, paging } = visit;
        const { items: kept, nextCursor } = await rows.page({
          organizationId: organization.id,
          ...paging,
        });
        const items = await Promise.all(kept.map(asItIsNow));
        return {
          title: organization.name,
          isNarrow: true,
          children: (
            <HomePage
              rows={items}
              nextCursor={nextCursor}
              reader={visit.reader}
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

/** Whether there is something to do that its row alone doesn't say. */
function wantsSomeone({ severity, code }: Finding): boolean {
  return severity !== 'fine' && code !== 'not_connected';
}

const CONNECT = 'Connect your identity provider';

/** What is wrong is the title; only who has nothing connected yet is asked to connect. */
function titleOf(rows: readonly DirectoryRow[], diagnoses: Diagnoses, reader: Reader): string {
  const [first] = rows;
  const isNew = rows.every(({ finding }) => CODES[finding.code].group === 'never_worked');
  if (!first || isNew) return CONNECT;
  const broken = rows.filter(({ finding: { severity } }) => severity === 'failing' || severity === 'degraded');
  if (rows.length === 1) {
    const { lead } = wordsOf(first.finding, diagnoses.spoken(first.directory), reader);
    return lead.replace(/\.$/, '');
  }
  if (broken.length === 0) return 'Your directories';
  return `${broken.length} of your ${rows.length} directories ${broken.length === 1 ? 'needs' : 'need'} a fix`;
}

function Rows(props: { rows: readonly DirectoryRow[]; diagnoses: Diagnoses; isLeadAbove?: boolean }) {
  const { rows, diagnoses, isLeadAbove = false } = props;
  return (
    <section class="panel list">
      <ul class="rows">
        {rows.map(({ directory, finding }) => (
          <FindingRow
            directory={directory}
            finding={finding}
            isLeadAbove={isLeadAbove}
            spoken={diagnoses.spoken(directory)}
            {...(finding.code === 'not_connected' && {
              end: <Go href={`${HOME}/directories/${directory.id}/setup`} name="Set up" tone="primary" />,
            })}
          />
        ))}
      </ul>
    </section>
  );
}

function HomePage(props: {
  rows: DirectoryRow[];
  nextCursor: string | null;
  /** Of the session. */
  endsAt: Date;
  reader: Reader;
  diagnoses: Diagnoses;
  isMailOn: boolean;
}) {
  const { rows, nextCursor, endsAt, reader, diagnoses, isMailOn } = props;
  const wanting = rows.filter(({ finding }) => wantsSomeone(finding));
  const others = rows.filter(({ finding }) => !wantsSomeone(finding));
  const title = titleOf(rows, diagnoses, reader);
  const isLeadAbove = title !== CONNECT && rows.length === 1;
  const isConnecting = rows.some(({ finding }) => CODES[finding.code].group === 'never_worked');
  return (
    <>
      <h1>{title}</h1>
      {rows.length === 0 ? (
        <p class="soft">
          Your organization has no directory yet, so there is nothing to connect. Ask {reader.vendor} to create one.
        </p>
      ) : (
        <>
          {wanting.map((row) => (
            <>
              <Rows rows={[row]} diagnoses={diagnoses} isLeadAbove={isLeadAbove} />
              <WhatToDo
                finding={row.finding}
                view={{
                  directory: row.directory,
                  spoken: diagnoses.spoken(row.directory),
                  provider: IDENTITY_PROVIDERS[row.directory.provider].name,
                }}
              />
            </>
          ))}
          {others.length > 0 && <Rows rows={others} diagnoses={diagnoses} isLeadAbove={isLeadAbove} />}
        </>
      )}
      {nextCursor !== null && (
        <div class="acts">
          <Go href={`?after=${encodeURIComponent(nextCursor)}`} name="More" />
        </div>
      )}
      <section class="panel">
        <div class="head">
          <h2>Notices</h2>
          <Go href={`${HOME}/contacts`} name={isMailOn ? 'Change contacts' : 'Contacts and expirations'} />
        </div>
        <p class="soft">
          {isMailOn
            ? 'Contacts get an email when something fails, and before something expires.'
            : "Email is off, so no notices are sent. This page shows what's failing, and the contacts page what expires soon."}
        </p>
      </section>
      <section class="panel">
        {isConnecting && (
          <p>
            <small>
              Have you already filled in the form in your identity provider? Select its last button in this browser. It
              brings you back here to allow the connection.
            </small>
          </p>
        )}
        <Form action={`${HOME}/leave`} class="head">
          <small>
            Your session ends on <Time at={endsAt} exact />.
          </small>
          <button type="submit">Sign out</button>
        </Form>
      </section>
    </>
  );
}
