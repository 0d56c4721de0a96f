/** All organizations, after those directories that need someone now. */

import type { AuditEvent } from '../audit/index.ts';
import { DAY_MS } from '../clock.ts';
import { IDENTITY_PROVIDERS } from '../identity-providers/index.ts';
import {
  capital,
  counted,
  type DirectoryView,
  explanationOf,
  Field,
  Form,
  Head,
  healthOf,
  More,
  REFUSALS,
  readDirectoryView,
  required,
  sent,
  Time,
  timeOf,
} from '../pages/index.ts';
import type { DashboardDependencies } from './dependencies.ts';
import { byUrgency, DirectoryRow, Dot, urgencyOf } from './directory-row.tsx';
import { HOME, type Route, type Visit } from './visit.ts';

const PAGE = 25;
/** Directories of an organization whose health its row tells; the worst one speaks. */
const LOOKED_AT = 10;
const TROUBLED_SHOWN = 8;
const TROUBLES_LOOKED_AT = 200;
const TROUBLED_DIRECTORIES = 24;

export function organizationListRoutes(deps: DashboardDependencies): Route[] {
  const { organizations, directories, audit, clock } = deps;

  async function viewOf(directoryId: string, now: Date): Promise<DirectoryView | undefined> {
    const directory = await directories.find(directoryId);
    if (!directory) return undefined;
    return readDirectoryView(deps, {
      directory,
      provider: IDENTITY_PROVIDERS[directory.provider].name,
      now,
      isBrief: true,
    });
  }

  /** Where requests were refused or failed in the last day, those first where nothing was accepted since; and what is of no directory. */
  async function troublesLately(now: Date) {
    const from = new Date(now.getTime() - DAY_MS);
    const type = [...REFUSALS, 'upstream.failed'];
    const { items } = await audit.page({ where: { type }, from, limit: TROUBLES_LOOKED_AT });
    const ids = new Set(items.map(({ directoryId }) => directoryId).filter((id) => id !== undefined));
    const found = await Promise.all([...ids].slice(0, TROUBLED_DIRECTORIES).map((id) => viewOf(id, now)));
    const views = found
      .filter((view) => view !== undefined)
      .sort((a, b) => Number(isOver(a)) - Number(isOver(b)))
      .slice(0, TROUBLED_SHOWN);
    const names = await Promise.all(
      views.map(async ({ directory }) => (await organizations.find(directory.organizationId))?.name ?? ''),
    );
    return { views, names, nowhere: items.filter(({ directoryId }) => directoryId === undefined) };
  }

  async function list(visit: Visit) {
    const after = visit.query.get('after') ?? undefined;
    const now = clock.now();
    const [{ items, nextCursor }, count, refused] = await Promise.all([
      organizations.page({ after, limit: PAGE }),
      organizations.count(),
      after === undefined ? troublesLately(now) : undefined,
    ]);
    const rows = await Promise.all(
      items.map(async ({ id, name }) => {
        const [found, directoryCount] = await Promise.all([
          directories.page({ organizationId: id, limit: LOOKED_AT }),
          directories.count(id),
        ]);
        const views = await Promise.all(found.items.map((directory) => viewOf(directory.id, now)));
        const [worst] = views.filter((view) => view !== undefined).sort(byUrgency);
        return { id, name, worst, directoryCount };
      }),
    );
    rows.sort((a, b) => urgencyOf(a.worst) - urgencyOf(b.worst));
    return {
      title: 'Organizations',
      place: 'organizations',
      children: (
        <>
          <Head title="Organizations">
            <small>{counted(count, 'organization')}</small>
            {visit.may('organizations.create') && count > 0 && (
              <a class="btn" href="#new">
                New organization
              </a>
            )}
          </Head>
          {refused && <TroublesLately {...refused} now={now} />}
          {count === 0 ? (
            <section class="panel empty">
              <h2>No organization yet</h2>
              <p class="soft">
                An organization is a customer of yours. Its directories are what its identity provider connects to.
              </p>
            </section>
          ) : (
            <section class="panel list">
              <ul class="rows">
                {rows.map((row) => (
                  <OrganizationRow {...row} />
                ))}
              </ul>
            </section>
          )}
          <More visit={visit} cursor={nextCursor} />
          {visit.may('organizations.create') && (
            <section class="panel" id="new">
              <h2>New organization</h2>
              <Form visit={visit} action={`${HOME}/organizations`} class="fields">
                <Field name="name" isRequired hint="As your customer calls itself." />
                <Field name="externalId" hint="Your own id for it, if you have one." />
                <div class="acts">
                  <button type="submit" class="primary">
                    Create organization
                  </button>
                </div>
              </Form>
            </section>
          )}
        </>
      ),
    };
  }

  return [
    { path: '/organizations', action: 'organizations.read', get: list },
    {
      path: '/organizations',
      action: 'organizations.create',
      async post({ form, cause }) {
        const name = required(form, 'name');
        const { id } = await organizations.create({ name, externalId: sent(form, 'externalId') }, cause);
        return `${HOME}/organizations/${id}`;
      },
    },
  ];
}

function OrganizationRow(props: {
  id: string;
  name: string;
  worst: DirectoryView | undefined;
  directoryCount: number;
}) {
  const { id, name, worst, directoryCount } = props;
  const health = worst && healthOf(worst);
  return (
    <li>
      <Dot tone={health?.tone ?? 'off'} />
      <span class="what">
        <a href={`${HOME}/organizations/${id}`}>
          <b>{name}</b>
        </a>
        <small>
          {worst && health ? (
            <>
              {health.tone !== 'ok' && `${worst.directory.name}: `}
              {health.lead} {health.rest}
            </>
          ) : (
            'No directory yet.'
          )}
        </small>
      </span>
      <small>{directoryCount === 1 ? '1 directory' : `${directoryCount.toLocaleString('en')} directories`}</small>
    </li>
  );
}

/** Whether requests are accepted and answered again. */
function isOver({ refusal, failure }: DirectoryView): boolean {
  return refusal === undefined && failure === undefined;
}

function TroublesLately(props: { views: DirectoryView[]; names: string[]; nowhere: AuditEvent[]; now: Date }) {
  const { views, names, nowhere, now } = props;
  const groups = [
    {
      name: 'Addresses that are no directory',
      why: 'Somebody has a wrong address in their identity provider.',
      events: nowhere.filter(({ type }) => type === 'request.denied'),
    },
    {
      name: 'Token requests of nobody',
      why: 'Somebody has a wrong client id in their identity provider.',
      events: nowhere.filter(({ type }) => type === 'token.refused'),
    },
  ];
  if (views.length === 0 && nowhere.length === 0) return null;
  const isCalm = nowhere.length === 0 && views.every(isOver);
  return (
    <section class={isCalm ? 'panel list' : 'panel list refusal'} aria-label="Refused in the last day">
      <div class="bar">
        <h2>Refused in the last day</h2>
        <a href={`${HOME}/audit?type=refused`}>
          <small>Everything refused</small>
        </a>
      </div>
      <ul class="rows">
        {views.map((view, index) => (
          <DirectoryRow
            view={view}
            of={<span class="soft">, {names[index]}</span>}
            why={<Why view={view} now={now} />}
          />
        ))}
        {groups.map(({ name, why, events: [latest, ...others] }) => {
          if (!latest) return null;
          const requests = [latest, ...others].reduce((sum, { count = 1 }) => sum + count, 0);
          return (
            <li>
              <Dot tone="warn" />
              <span class="what">
                <b>{name}</b>
                <small>
                  {counted(requests, 'request')}, last <Time at={timeOf(latest)} now={now} /> from{' '}
                  {latest.address ?? 'an unknown address'}. {why}
                </small>
              </span>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

/** Why the latest request was refused or failed, in one line, and whether one was accepted since. */
function Why({ view, now }: { view: DirectoryView; now: Date }) {
  const { troubles, acceptedAt, provider } = view;
  const [latest] = troubles;
  if (!latest) return null;
  const isFailure = latest.type === 'upstream.failed';
  const what = isFailure
    ? 'was let in, and the SCIM server behind the gateway failed'
    : (explanationOf(latest)?.what ?? 'was refused');
  return (
    <>
      {isFailure ? capital(provider) : 'Somebody'} {what}, <Time at={timeOf(latest)} now={now} />
      {acceptedAt === undefined || latest === view.failure ? (
        '.'
      ) : (
        <>
          ; {provider} was accepted {isOver(view) ? 'since' : 'before it'}, <Time at={acceptedAt} now={now} />.
        </>
      )}
    </>
  );
}
