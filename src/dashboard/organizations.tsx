/** All organizations, after those directories that need someone now. */
import {
  counted,
  createDirectoryRows,
  type DirectoryRow,
  Dot,
  Field,
  Form,
  Go,
  Head,
  More,
  required,
  Sentence,
  Submit,
  sent,
  toneOf,
} from '../pages/index.ts';
import type { DashboardDependencies } from './dependencies.ts';
import { NeedingRows } from './findings.tsx';
import { HOME, type Route, type Visit } from './visit.ts';

const PAGE = 25;
const NEEDING_SHOWN = 8;
const ORDER = ['failing', 'degraded', 'notice', 'fine'];

export function organizationListRoutes(deps: DashboardDependencies): Route[] {
  const { organizations, directories, diagnoses } = deps;
  const rows = createDirectoryRows(deps);

  /** Those that are broken, of all organizations, and how many there are. */
  async function broken() {
    const count = (severity: 'failing' | 'degraded') => diagnoses.current.count({ severity });
    const [failing, degraded] = await Promise.all([count('failing'), count('degraded')]);
    const total = failing + degraded;
    if (total === 0) return undefined;
    const { items } = await rows.needing({ limit: Math.min(total, NEEDING_SHOWN) });
    const names = await Promise.all(
      items.map(async ({ directory: { organizationId } }) => {
        const name = (await organizations.find(organizationId))?.name ?? '';
        return [organizationId, name] as const;
      }),
    );
    return { items, total, names: new Map(names) };
  }

  async function list(visit: Visit) {
    const after = visit.query.get('after') ?? undefined;
    const [{ items, nextCursor }, count, needing] = await Promise.all([
      organizations.page({ after, limit: PAGE }),
      organizations.count(),
      after === undefined ? broken() : undefined,
    ]);
    const shown = await Promise.all(
      items.map(async ({ id, name }) => {
        const [worst, directoryCount] = await Promise.all([rows.worst(id), directories.count(id)]);
        return { id, name, worst, directoryCount };
      }),
    );
    shown.sort((a, b) => rankOf(a.worst) - rankOf(b.worst));
    return {
      title: 'Organizations',
      place: 'organizations',
      children: (
        <>
          <Head title="Organizations">
            <small>{counted(count, 'organization')}</small>
            <Go href={`${HOME}/check-token`} name="Check a token" />
            {visit.may('organizations.create') && count > 0 && <Go href="#new" name="New organization" />}
          </Head>
          {needing && (
            <section class="panel list refusal" aria-label="Needs attention">
              <div class="bar">
                <h2>Needs attention</h2>
                <a href={`${HOME}/findings`}>
                  <small>
                    {counted(needing.total, 'directory').replace(/directorys$/, 'directories')}, including upcoming
                    expirations
                  </small>
                </a>
              </div>
              <ul class="rows">
                <NeedingRows rows={needing.items} names={needing.names} visit={visit} deps={deps} />
              </ul>
            </section>
          )}
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
                {shown.map((row) => (
                  <OrganizationRow {...row} visit={visit} deps={deps} />
                ))}
              </ul>
            </section>
          )}
          <More visit={visit} cursor={nextCursor} />
          {!needing && after === undefined && count > 0 && (
            <p>
              <small>
                <a href={`${HOME}/findings`}>Show everything that needs attention</a>
              </small>
            </p>
          )}
          {visit.may('organizations.create') && (
            <section class="panel" id="new">
              <h2>New organization</h2>
              <Form visit={visit} action={`${HOME}/organizations`} class="fields">
                <Field name="name" isRequired hint="Your customer's name." />
                <Field name="externalId" hint="The ID in your own system, if there is one." />
                <Submit name="Create organization" />
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
      async post({ form, attribution }) {
        const name = required(form, 'name');
        const { id } = await organizations.create({ name, externalId: sent(form, 'externalId') }, attribution);
        return `${HOME}/organizations/${id}`;
      },
    },
  ];
}

function rankOf(row: DirectoryRow | undefined): number {
  return row ? ORDER.indexOf(row.finding.severity) : ORDER.length;
}

function OrganizationRow(props: {
  id: string;
  name: string;
  worst: DirectoryRow | undefined;
  directoryCount: number;
  visit: Visit;
  deps: DashboardDependencies;
}) {
  const { id, name, worst, directoryCount, visit, deps } = props;
  return (
    <li>
      <Dot tone={worst ? toneOf(worst.finding) : 'off'} />
      <span class="what">
        <a href={`${HOME}/organizations/${id}`}>
          <b>{name}</b>
        </a>
        <small>
          {worst ? (
            <>
              {directoryCount > 1 && `${worst.directory.name}: `}
              <Sentence finding={worst.finding} spoken={deps.diagnoses.spoken(worst.directory)} visit={visit} />
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
