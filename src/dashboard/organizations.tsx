/** All organizations, after those directories that need someone now. */
import {
  counted,
  createDirectoryRows,
  type DirectoryRow,
  Dot,
  Field,
  FormPanel,
  Go,
  List,
  Listed,
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
/** Of what waits for the same people. */
const NEEDING_SHOWN = 6;
const ORDER = ['failing', 'degraded', 'notice', 'fine'];

export function organizationListRoutes(deps: DashboardDependencies): Route[] {
  const { organizations, directories, diagnoses, operators } = deps;
  const rows = createDirectoryRows(deps);

  /** What is broken, of all organizations: first what the reader can fix, so that what waits for others never hides it. */
  async function broken(): Promise<Needing[]> {
    const groups = await Promise.all(
      TURNS.map(async ({ actor, title }): Promise<Needing> => {
        const [failing, degraded] = await Promise.all(
          BROKEN.map((severity) => diagnoses.current.count({ severity, actor })),
        );
        const left = { failing: failing ?? 0, degraded: degraded ?? 0 };
        const limit = Math.min(NEEDING_SHOWN, left.failing + left.degraded);
        const items = limit === 0 ? [] : (await rows.needing({ actor, limit })).items;
        for (const { finding } of items)
          if (finding.severity !== 'notice' && finding.severity !== 'fine') left[finding.severity] -= 1;
        return { actor, title, items, left };
      }),
    );
    return groups.filter(({ items, left }) => items.length + left.failing + left.degraded > 0);
  }

  async function list({ paging, may, operator: { id: operatorId } }: Visit) {
    const isFirst = paging.after === undefined;
    const [{ items, nextCursor }, count, needing, operator] = await Promise.all([
      organizations.page({ ...paging, limit: PAGE }),
      organizations.count(),
      isFirst ? broken() : [],
      operators.get(operatorId),
    ]);
    const shown = await Promise.all(
      items.map(async ({ id, name }) => {
        const [worst, directoryCount] = await Promise.all([rows.worst(id), directories.count(id)]);
        return { id, name, worst, directoryCount };
      }),
    );
    shown.sort((a, b) => rankOf(a.worst) - rankOf(b.worst));
    const found = needing.flatMap((group) => group.items.map(({ directory }) => directory));
    const names = await namesOf(found, 'organizationId', organizations.find);
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
          {needing.length > 0 && (
            <Listed
              title="Needs attention"
              class="refusal"
              label="Needs attention"
              aside={
                <a href={`${HOME}/findings`}>
                  <small>Show all, with notices</small>
                </a>
              }
            >
              {needing.map((group) => (
                <>
                  <h3 class="bar">{group.title}</h3>
                  <ul class="rows">
                    {group.items.map((row) => (
                      <NeedingRow {...row} names={names} diagnoses={diagnoses} isActorAbove />
                    ))}
                    <LeftOut {...group} />
                  </ul>
                </>
              ))}
            </Listed>
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
            row={({ id, name, worst, directoryCount }) => (
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
                <small>
                  {directoryCount === 1 ? '1 directory' : `${directoryCount.toLocaleString('en')} directories`}
                </small>
              </Row>
            )}
          />
          {needing.length === 0 && isFirst && count > 0 && (
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

const BROKEN = ['failing', 'degraded'] as const;

/** Whose turn it is; each has a place of its own on the home page. */
const TURNS = [
  { actor: 'vendor', title: 'You can fix these' },
  { actor: 'it_contact', title: "The customer's IT contact can fix these" },
  { actor: 'idp', title: 'The identity provider will try again' },
] as const;

interface Needing {
  actor: (typeof TURNS)[number]['actor'];
  title: string;
  items: DirectoryRow[];
  /** How many are not shown. */
  left: Record<(typeof BROKEN)[number], number>;
}

const LEFT_NAMES = { failing: 'failing', degraded: 'failing in part' } as const;

/** What a list of the home page leaves out, by severity, and the way there. */
function LeftOut({ actor, left }: Needing) {
  const some = BROKEN.filter((severity) => left[severity] > 0);
  if (some.length === 0) return null;
  const number = (count: number) => count.toLocaleString('en');
  return (
    <li>
      <small>
        <a href={`${HOME}/findings?actor=${actor}`}>{number(left.failing + left.degraded)} more</a>:{' '}
        {some.map((severity, index) => (
          <>
            {index > 0 && ', '}
            <a href={`${HOME}/findings?actor=${actor}&severity=${severity}`}>
              {number(left[severity])} {LEFT_NAMES[severity]}
            </a>
          </>
        ))}
      </small>
    </li>
  );
}

function rankOf(row: DirectoryRow | undefined): number {
  return row ? ORDER.indexOf(row.finding.severity) : ORDER.length;
}
