/** What needs somebody, across all customers; and what was refused, of nobody that we know. */
import {
  ACTORS,
  type ActingParty,
  CODE_NAMES,
  CODES,
  type Diagnoses,
  GROUPS,
  SEVERITIES,
  type UnplacedRefusal,
} from '../diagnosis/index.ts';
import { choiceNameOf } from '../identity-providers/index.ts';
import {
  Choice,
  createDirectoryRows,
  type DirectoryRow,
  Filter,
  FindingRow,
  Go,
  List,
  Moment,
  namesOf,
  ProviderChoice,
  providerIn,
  Row,
  sent,
  Tag,
} from '../pages/index.ts';
import type { DashboardDependencies } from './dependencies.ts';
import { OrganizationChoice, offerOrganizations } from './organization-choice.tsx';
import { HOME, PLACES, type Route, type Visit } from './visit.ts';

/** Those that can need somebody, in the words of the table. */
const FINDINGS = Object.entries(GROUPS).flatMap(([group, name]) => {
  const codes = CODE_NAMES.filter((code) => CODES[code].group === group && CODES[code].severity !== 'fine');
  return codes.length === 0 ? [] : [{ name, options: codes.map((code) => [code, CODES[code].meaning] as const) }];
});

/** Who can act, as an operator knows them. */
export const ACTOR_NAMES = {
  vendor: 'You',
  it_contact: "The customer's IT contact",
  idp: 'The identity provider, automatically',
} as const satisfies Partial<Record<ActingParty, string>>;

const SEVERITY_NAMES = { failing: 'Failing', degraded: 'Failing in part', notice: 'Notice' } as const;

export function findingRoutes(deps: DashboardDependencies): Route[] {
  const { organizations, diagnoses } = deps;
  const rows = createDirectoryRows(deps);

  async function list({ query, paging }: Visit) {
    const code = CODE_NAMES.find((one) => one === query.get('code'));
    const provider = providerIn(query);
    const actor = ACTORS.find((one) => one === query.get('actor'));
    const severity = SEVERITIES.find((one) => one === query.get('severity'));
    const where = { code, provider, actor, severity, organizationId: sent(query, 'organizationId') };
    const [page, offered] = await Promise.all([
      rows.needing({ ...where, ...paging }),
      offerOrganizations(organizations),
    ]);
    const found = page.items.map(({ directory }) => directory);
    const names = await namesOf(found, 'organizationId', organizations.find);
    const isFiltered = Object.values(where).some((value) => value !== undefined);
    return {
      title: 'Needs attention',
      trail: [PLACES.organizations],
      acts: <Go href={`${HOME}/refused`} name="Requests without a directory" />,
      children: (
        <>
          <Filter action={`${HOME}/findings`} isOn={isFiltered}>
            <div class="broad">
              <Choice name="code" label="Finding" any="Any" groups={FINDINGS} />
            </div>
            <Choice name="actor" label="Fixed by" any="Anyone" options={Object.entries(ACTOR_NAMES)} />
            <Choice name="severity" label="Severity" any="Any" options={Object.entries(SEVERITY_NAMES)} />
            <ProviderChoice any="Any" />
            <OrganizationChoice offered={offered} all="Any" />
          </Filter>
          <List
            of={page}
            none={
              isFiltered
                ? ['No matches', 'Change the filter, or show all.']
                : ['Nothing needs attention', 'Every directory works, or was disconnected on purpose.']
            }
            row={(row) => <NeedingRow {...row} names={names} diagnoses={diagnoses} />}
          />
        </>
      ),
    };
  }

  async function nobody({ paging }: Visit) {
    return {
      title: 'Requests without a directory',
      trail: [PLACES.organizations, [`${HOME}/findings`, 'Needs attention'] as const],
      children: (
        <>
          <p class="soft">
            We refused these requests and can't tell which directory they were for. If a customer says that nothing is
            getting through, compare the address and the time.
          </p>
          <List
            of={await diagnoses.unplaced.page(paging)}
            none={['No requests without a directory', 'This list covers the last seven days.']}
            row={(refusal) => <NobodyRow refusal={refusal} />}
          />
        </>
      ),
    };
  }

  return [
    { path: '/findings', action: 'directories.read', get: list },
    { path: '/refused', action: 'events.read', get: nobody },
  ];
}

/** A directory among those of all organizations. */
export function NeedingRow(
  props: DirectoryRow & {
    names: ReadonlyMap<string, string>;
    diagnoses: Pick<Diagnoses, 'spoken'>;
    isActorAbove?: boolean;
  },
) {
  const { directory, finding, names, diagnoses, isActorAbove = false } = props;
  return (
    <FindingRow
      directory={directory}
      finding={finding}
      spoken={diagnoses.spoken(directory)}
      of={<span class="soft">, {names.get(directory.organizationId)}</span>}
      isActorAbove={isActorAbove}
    />
  );
}

/** One row for each cause and identity provider; the audit has each. */
function NobodyRow({ refusal }: { refusal: UnplacedRefusal }) {
  const { code, provider, address, userAgent, requestId, firstAt, lastAt } = refusal;
  return (
    <Row
      name={CODES[code].meaning}
      marks={provider && <Tag>{choiceNameOf(provider)}</Tag>}
      text={
        <>
          Since <Moment at={firstAt} form="since" />, last from {address ?? 'an unknown address'}
          {userAgent !== undefined && ` (${userAgent})`}
          {requestId !== undefined && (
            <>
              , request{' '}
              <a class="mono" href={`${HOME}/audit?requestId=${encodeURIComponent(requestId)}`}>
                {requestId}
              </a>
            </>
          )}
        </>
      }
      at={lastAt}
    />
  );
}
