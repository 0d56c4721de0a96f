/** What needs somebody, across all customers; and what was refused, of nobody that we know. */
import { CODE_NAMES, CODES, GROUPS, type UnplacedRefusal } from '../diagnosis/index.ts';
import { choiceNameOf, IDENTITY_PROVIDER_IDS } from '../identity-providers/index.ts';
import {
  Choice,
  createDirectoryRows,
  type DirectoryRow,
  FindingRow,
  Go,
  Head,
  Moment,
  More,
  sent,
  Tag,
  Time,
} from '../pages/index.ts';
import type { DashboardDependencies } from './dependencies.ts';
import { OrganizationChoice, offerOrganizations } from './organization-choice.tsx';
import { HOME, type Route, type Visit } from './visit.ts';

const PAGE = 50;

/** Those that can need somebody, in the words of the table. */
const FINDINGS = Object.entries(GROUPS).flatMap(([group, name]) => {
  const codes = CODE_NAMES.filter((code) => CODES[code].group === group && CODES[code].severity !== 'fine');
  return codes.length === 0 ? [] : [{ name, options: codes.map((code) => [code, CODES[code].meaning] as const) }];
});

export function findingRoutes(deps: DashboardDependencies): Route[] {
  const { organizations, diagnoses } = deps;
  const rows = createDirectoryRows(deps);

  async function list(visit: Visit) {
    const { query } = visit;
    const code = CODE_NAMES.find((one) => one === query.get('code'));
    const provider = IDENTITY_PROVIDER_IDS.find((one) => one === query.get('provider'));
    const organizationId = sent(query, 'organizationId');
    const where = { code, provider, organizationId };
    const [found, offered] = await Promise.all([
      rows.needing({ ...where, after: query.get('after') ?? undefined, limit: PAGE }),
      offerOrganizations(organizations),
    ]);
    const isFiltered = Object.values(where).some((value) => value !== undefined);
    return {
      title: 'Needs attention',
      place: 'organizations',
      children: (
        <>
          <Head trail={[[`${HOME}/organizations`, 'Organizations']]} title="Needs attention">
            <Go href={`${HOME}/refused`} name="Requests without a directory" />
          </Head>
          <form class="panel fields" action={`${HOME}/findings`}>
            <div class="broad">
              <Choice name="code" label="Finding" value={code ?? ''} options={[['', 'Any']]} groups={FINDINGS} />
            </div>
            <Choice
              name="provider"
              value={provider ?? ''}
              options={[['', 'Any'], ...IDENTITY_PROVIDER_IDS.map((id) => [id, choiceNameOf(id)] as const)]}
            />
            <OrganizationChoice offered={offered} value={organizationId} all="Any" />
            <div class="acts">
              <button type="submit">Filter</button>
              {isFiltered && <Go href={`${HOME}/findings`} name="Show all" tone="quiet" />}
            </div>
          </form>
          {found.items.length === 0 ? (
            <section class="panel empty">
              <h2>{isFiltered ? 'No matches' : 'Nothing needs attention'}</h2>
              <p class="soft">
                {isFiltered
                  ? 'Change the filter, or show all.'
                  : 'Every directory works, or was disconnected on purpose.'}
              </p>
            </section>
          ) : (
            <section class="panel list">
              <ul class="rows">
                <NeedingRows rows={found.items} names={await namesOf(found.items)} visit={visit} deps={deps} />
              </ul>
            </section>
          )}
          <More visit={visit} cursor={found.nextCursor} />
        </>
      ),
    };
  }

  async function namesOf(items: readonly DirectoryRow[]): Promise<Map<string, string>> {
    const ids = [...new Set(items.map(({ directory }) => directory.organizationId))];
    const found = await Promise.all(ids.map((id) => organizations.find(id)));
    return new Map(found.filter((one) => one !== undefined).map(({ id, name }) => [id, name]));
  }

  async function nobody(visit: Visit) {
    const after = visit.query.get('after') ?? undefined;
    const { items, nextCursor } = await diagnoses.unplaced.page({ after, limit: PAGE });
    return {
      title: 'Requests without a directory',
      place: 'organizations',
      children: (
        <>
          <Head
            trail={[
              [`${HOME}/organizations`, 'Organizations'],
              [`${HOME}/findings`, 'Needs attention'],
            ]}
            title="Requests without a directory"
          />
          <p class="soft">
            We refused these requests and can't tell which directory they were for. If a customer says that nothing is
            getting through, compare the address and the time.
          </p>
          {items.length === 0 ? (
            <section class="panel empty">
              <h2>No requests without a directory</h2>
              <p class="soft">This list covers the last seven days.</p>
            </section>
          ) : (
            <section class="panel list">
              <ul class="rows">
                {items.map((refusal) => (
                  <NobodyRow refusal={refusal} now={visit.now} />
                ))}
              </ul>
            </section>
          )}
          <More visit={visit} cursor={nextCursor} />
        </>
      ),
    };
  }

  return [
    { path: '/findings', action: 'directories.read', get: list },
    { path: '/refused', action: 'events.read', get: nobody },
  ];
}

/** Rows of directories of all organizations. */
export function NeedingRows(props: {
  rows: readonly DirectoryRow[];
  names: ReadonlyMap<string, string>;
  visit: Visit;
  deps: Pick<DashboardDependencies, 'diagnoses'>;
}) {
  const { rows, names, visit, deps } = props;
  return (
    <>
      {rows.map(({ directory, finding }) => (
        <FindingRow
          directory={directory}
          finding={finding}
          spoken={deps.diagnoses.spoken(directory)}
          visit={visit}
          of={<span class="soft">, {names.get(directory.organizationId)}</span>}
        />
      ))}
    </>
  );
}

/** One row for each cause and identity provider; the audit has each. */
function NobodyRow({ refusal, now }: { refusal: UnplacedRefusal; now: Date }) {
  const { code, provider, address, userAgent, requestId, firstAt, lastAt } = refusal;
  return (
    <li>
      <span class="what">
        <span>
          {CODES[code].meaning} {provider && <Tag>{choiceNameOf(provider)}</Tag>}
        </span>
        <small>
          Since <Moment at={firstAt} now={now} />, last from {address ?? 'an unknown address'}
          {userAgent !== undefined && ` (${userAgent})`}
          {requestId !== undefined && (
            <>
              , request{' '}
              <a class="mono" href={`${HOME}/audit?requestId=${encodeURIComponent(requestId)}`}>
                {requestId}
              </a>
            </>
          )}
        </small>
      </span>
      <small>
        <Time at={lastAt} now={now} />
      </small>
    </li>
  );
}
