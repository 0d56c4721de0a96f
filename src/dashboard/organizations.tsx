/** All organizations, after those directories that need someone now. */
import type { Diagnoses } from '../diagnosis/index.ts';
import {
  counted,
  createDirectoryRows,
  type DirectoryRow,
  Dot,
  Field,
  FormPanel,
  Go,
  List,
  namesOf,
  Row,
  required,
  Sentence,
  sent,
  toneOf,
} from '../pages/index.ts';
import { hasLinksAlone, LinksAlone } from './account.tsx';
import type { DashboardDependencies } from './dependencies.ts';
import { NeedingRow } from './findings.tsx';
import { HOME, type Route, type Visit } from './visit.ts';

const PAGE = 25;
const NEEDING_SHOWN = 8;
const ORDER = ['failing', 'degraded', 'notice', 'fine'];

export function organizationListRoutes(deps: DashboardDependencies): Route[] {
  const { organizations, directories, diagnoses, operators } = deps;
  const rows = createDirectoryRows(deps);

  /** Those that are broken, of all organizations, and how many there are. */
  async function broken() {
    const count = (severity: 'failing' | 'degraded' | 'notice') => diagnoses.current.count({ severity });
    const [failing, degraded, notices] = await Promise.all([count('failing'), count('degraded'), count('notice')]);
    const [broken, total] = [failing + degraded, failing + degraded + notices];
    if (broken === 0) return undefined;
    const { items } = await rows.needing({ limit: Math.min(broken, NEEDING_SHOWN) });
    const found = items.map(({ directory }) => directory);
    return { items, total, names: await namesOf(found, 'organizationId', organizations.find) };
  }

  async function list({ paging, may, operator: { id: operatorId } }: Visit) {
    const isFirst = paging.after === undefined;
    const [{ items, nextCursor }, count, needing, operator] = await Promise.all([
      organizations.page({ ...paging, limit: PAGE }),
      organizations.count(),
      isFirst ? broken() : undefined,
      operators.get(operatorId),
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
      trail: [],
      acts: (
        <>
          <small>{counted(count, 'organization')}</small>
          <Go href={`${HOME}/check-token`} name="Check a token" />
          {may('organizations.create') && count > 0 && <Go href="#new" name="New organization" />}
        </>
      ),
      children: (
        <>
          {needing && (
            <List
              title="Needs attention"
              class="refusal"
              label="Needs attention"
              aside={
                <a href={`${HOME}/findings`}>
                  <small>
                    {needing.items.length < needing.total
                      ? `Show all ${needing.total.toLocaleString('en')} directories`
                      : 'Show as a list'}
                  </small>
                </a>
              }
              of={needing.items}
              row={(row) => <NeedingRow {...row} names={needing.names} diagnoses={diagnoses} />}
            />
          )}
          {isFirst && hasLinksAlone(operator) && (
            <LinksAlone acts={<Go href={`${HOME}/account`} name="Your account" />} />
          )}
          <List
            of={{ items: shown, nextCursor }}
            none={[
              'No organizations yet',
              'An organization is a customer of yours. Its identity providers connect to its directories.',
            ]}
            row={(row) => <OrganizationRow {...row} diagnoses={diagnoses} />}
          />
          {!needing && isFirst && count > 0 && (
            <p>
              <small>
                <a href={`${HOME}/findings`}>Show everything that needs attention</a>
              </small>
            </p>
          )}
          {may('organizations.create') && (
            <FormPanel title="New organization" id="new" action={`${HOME}/organizations`} submit="Create organization">
              <Field name="name" isRequired hint="Your customer's name." />
              <Field name="externalId" hint="The ID in your own system, if there is one." />
            </FormPanel>
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
  diagnoses: Diagnoses;
}) {
  const { id, name, worst, directoryCount, diagnoses } = props;
  return (
    <Row
      icon={<Dot tone={worst ? toneOf(worst.finding) : 'off'} />}
      href={`${HOME}/organizations/${id}`}
      name={<b>{name}</b>}
      text={
        worst ? (
          <>
            {directoryCount > 1 && `${worst.directory.name}: `}
            <Sentence finding={worst.finding} spoken={diagnoses.spoken(worst.directory)} />
          </>
        ) : (
          'No directories yet.'
        )
      }
    >
      <small>{directoryCount === 1 ? '1 directory' : `${directoryCount.toLocaleString('en')} directories`}</small>
    </Row>
  );
}
