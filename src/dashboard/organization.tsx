/** One organization: its directories, its portal links, its end. */
import { isOrigin, MOST_ORIGINS, type Organization } from '../directories/index.ts';
import {
  Ask,
  CopyField,
  changesIn,
  counted,
  createDirectoryRows,
  endpointKeyOf,
  Field,
  FindingRow,
  Fold,
  Form,
  FormPanel,
  Go,
  type Held,
  invalidField,
  LastUse,
  Lines,
  List,
  ProviderChoice,
  providerIn,
  readHeld,
  required,
  sent,
  sentOrNone,
} from '../pages/index.ts';
import { allPages } from '../storage/index.ts';
import type { DashboardDependencies } from './dependencies.ts';
import { PortalLinks, portalLinkRoutes } from './portal-links.tsx';
import { HOME, PLACES, type Route, type Visit } from './visit.ts';

const DIRECTORIES = 50;
const LINKS = 10;

/** As the field shows them. */
function originsOf({ upstreamOrigins = [] }: Organization): string {
  return upstreamOrigins.join('\n');
}

/** Throws invalid_request. */
function originsIn(form: URLSearchParams): string[] {
  const origins = (form.get('upstreamOrigins') ?? '').split(/\s+/).filter((line) => line !== '');
  const wrong = origins.find((origin) => !isOrigin(origin));
  if (wrong !== undefined)
    throw invalidField(
      'upstreamOrigins',
      `${wrong.slice(0, 200)} is not an origin. Enter only the scheme, host and port, such as https://app.example.com.`,
    );
  if (origins.length > MOST_ORIGINS)
    throw invalidField('upstreamOrigins', `You entered ${origins.length} origins. The maximum is ${MOST_ORIGINS}.`);
  return [...new Set(origins)];
}

export function organizationRoutes(deps: DashboardDependencies): Route[] {
  const { organizations, directories, removal, portalLinks, diagnoses } = deps;
  const rows = createDirectoryRows(deps);

  /** What all its directories hold. */
  async function allHeldBy(organizationId: string, now: Date): Promise<Held[]> {
    const all: Held[] = [];
    for await (const some of allPages((after) => directories.page({ organizationId, after, limit: DIRECTORIES })))
      all.push(...(await Promise.all(some.map((directory) => readHeld(deps, directory, now)))));
    return all;
  }

  async function one(visit: Visit) {
    const organization = await organizations.get(visit.id);
    const { id, name, externalId } = organization;
    const address = `${HOME}/organizations/${id}`;
    return {
      title: name,
      trail: [PLACES.organizations],
      acts: (
        <>
          <Go href={`${address}/contacts`} name="Contacts" />
          <Go href={`${HOME}/audit?organizationId=${id}`} name="Audit" />
          {visit.may('portal-links.change') && <Go href="#portal-links" name="Portal link" />}
        </>
      ),
      children: (
        <>
          <List
            of={await rows.page({ organizationId: id, ...visit.paging })}
            none={[
              'No directories yet',
              'A directory connects one identity provider. It has its own endpoint, and room for two credentials.',
            ]}
            row={({ directory, finding }) => (
              <FindingRow directory={directory} finding={finding} spoken={diagnoses.spoken(directory)} />
            )}
          />
          {visit.may('directories.change') && (
            <FormPanel title="New directory" action={`${address}/directories`} submit="Create directory">
              <Field name="name" isRequired hint="For example, Okta production." />
              <ProviderChoice />
              <Field
                name="endpointKey"
                hint="Part of the URL. Use letters, digits and hyphens, or leave it empty to get a random one."
              />
              <Field name="upstreamUrl" hint="Leave it empty if you don't use the gateway." maximum={2000} />
            </FormPanel>
          )}
          <PortalLinks
            organization={organization}
            links={(await portalLinks.page({ organizationId: id, limit: LINKS })).items}
          />
          {visit.may('organizations.change') && (
            <Fold summary="Rename or delete" class="panel" action={address}>
              <Form
                action={address}
                class="fields"
                values={{ name, externalId, upstreamOrigins: originsOf(organization) }}
              >
                <Field name="name" isRequired />
                <Field name="externalId" />
                {visit.may('organizations.allow-upstreams') && (
                  <Lines
                    name="upstreamOrigins"
                    rows={2}
                    hint="This organization's API keys can use only these servers. Example: https://app.example.com"
                  />
                )}
                <CopyField label="Organization ID" value={id} />
                <div class="acts">
                  <button type="submit">Save</button>
                  {visit.may('organizations.delete') && <Ask href={`${address}/delete`} name="Delete" />}
                </div>
              </Form>
            </Fold>
          )}
        </>
      ),
    };
  }

  async function deletion(visit: Visit) {
    const { id, name } = await organizations.get(visit.id);
    const views = (await allHeldBy(id, visit.now)).filter(({ holdings }) => holdings.length > 0);
    const count = views.reduce((sum, { holdings }) => sum + holdings.length, 0);
    return {
      title: `Delete ${name}`,
      trail: [PLACES.organizations, [`${HOME}/organizations/${id}`, name] as const],
      text: (
        <>
          <p>
            {count === 0
              ? 'This organization has no active credential. Its directories are deleted too. The audit trail is kept.'
              : `${counted(count, 'credential')} will be revoked, and requests from ${[...new Set(views.map(({ provider }) => provider))].join(', ')} will be refused immediately. The audit trail is kept.`}
          </p>
          {count > 0 && (
            <ul>
              {views.map((view) => (
                <li>
                  <b>{view.directory.name}</b>: <LastUse view={view} />
                </li>
              ))}
            </ul>
          )}
        </>
      ),
    };
  }

  return [
    { path: '/organizations/:id', action: 'organizations.read', get: one },
    {
      path: '/organizations/:id',
      action: 'organizations.change',
      async does({ id, form, attribution, may }) {
        const mayAllow = may('organizations.allow-upstreams') && form.has('upstreamOrigins');
        const changes = {
          ...changesIn(form, { name: required, externalId: sentOrNone }),
          ...(mayAllow && changesIn(form, { upstreamOrigins: originsIn })),
        };
        await organizations.change(id, changes, attribution);
      },
    },
    {
      path: '/organizations/:id/delete',
      action: 'organizations.delete',
      ask: deletion,
      async post({ id, attribution }) {
        // The page before named what will be revoked.
        await removal.removeOrganization(id, true, attribution);
        return `${HOME}/organizations`;
      },
    },
    {
      path: '/organizations/:id/directories',
      action: 'directories.change',
      async post({ id, form, attribution }) {
        const directory = await directories.create(
          {
            organizationId: id,
            name: required(form, 'name'),
            provider: providerIn(form),
            upstreamUrl: sent(form, 'upstreamUrl', 2000),
            endpointKey: endpointKeyOf(form),
          },
          attribution,
        );
        return `${HOME}/directories/${directory.id}`;
      },
    },
    ...portalLinkRoutes(deps),
  ];
}
