/** One organization: its directories, its portal links, its end. */
import { isOrigin, MOST_ORIGINS, type Organization } from '../directories/index.ts';
import { IDENTITY_PROVIDER_IDS } from '../identity-providers/index.ts';
import { type LinkState, linkStateAt, type PortalLink } from '../one-time-links/index.ts';
import {
  Act,
  Ask,
  Confirm,
  CopyField,
  CopyOnce,
  counted,
  createDirectoryRows,
  endpointKeyOf,
  Field,
  FindingRow,
  Form,
  Go,
  Head,
  type Held,
  invalidField,
  isRefusedAt,
  LastUse,
  Lines,
  More,
  ProviderChoice,
  readHeld,
  required,
  Submit,
  sent,
  Time,
  touched,
} from '../pages/index.ts';
import type { DashboardDependencies } from './dependencies.ts';
import { HOME, type Route, type Visit } from './visit.ts';

const PAGE = 50;
const LINK_STATES: Record<LinkState, string> = {
  fit: 'Not used yet',
  used: 'Used',
  expired: 'Expired unused',
  revoked: 'Withdrawn',
};
const TRAIL: [string, string][] = [[`${HOME}/organizations`, 'Organizations']];

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
  const { organizations, directories, removal, portalLinks, diagnoses, clock, publicUrl } = deps;
  const rows = createDirectoryRows(deps);

  /** What all its directories hold. */
  async function allHeldBy(organizationId: string): Promise<Held[]> {
    const all: Held[] = [];
    let after: string | undefined;
    do {
      const { items, nextCursor } = await directories.page({ organizationId, after, limit: PAGE });
      all.push(...(await Promise.all(items.map((directory) => readHeld(deps, directory, clock.now())))));
      after = nextCursor ?? undefined;
    } while (after !== undefined);
    return all;
  }

  async function one(visit: Visit) {
    const organization = await organizations.get(visit.params['id'] ?? '');
    const after = visit.query.get('after') ?? undefined;
    const { items, nextCursor } = await rows.page({ organizationId: organization.id, after, limit: PAGE });
    const links = (await portalLinks.page({ organizationId: organization.id, limit: 10 })).items;
    return {
      title: organization.name,
      place: 'organizations',
      children: (
        <>
          <Head trail={TRAIL} title={organization.name}>
            <Go href={`${HOME}/organizations/${organization.id}/contacts`} name="Contacts" />
            <Go href={`${HOME}/audit?organizationId=${organization.id}`} name="Audit" />
            {visit.may('portal-links.change') && <Go href="#portal-links" name="Portal link" />}
          </Head>
          {items.length === 0 ? (
            <section class="panel empty">
              <h2>No directory yet</h2>
              <p class="soft">
                A directory connects one identity provider. It has its own endpoint, and room for two credentials.
              </p>
            </section>
          ) : (
            <section class="panel list">
              <ul class="rows">
                {items.map(({ directory, finding }) => (
                  <FindingRow
                    directory={directory}
                    finding={finding}
                    spoken={diagnoses.spoken(directory)}
                    visit={visit}
                  />
                ))}
              </ul>
            </section>
          )}
          <More visit={visit} cursor={nextCursor} />
          {visit.may('directories.change') && (
            <section class="panel">
              <h2>New directory</h2>
              <Form visit={visit} action={`${HOME}/organizations/${organization.id}/directories`} class="fields">
                <Field name="name" isRequired hint="Such as Okta production." />
                <ProviderChoice />
                <Field
                  name="endpointKey"
                  hint="Part of the URL. Use letters, digits and hyphens, or leave it empty to get a random one."
                />
                <Field name="upstreamUrl" hint="Leave it empty if you don't use the gateway." maximum={2000} />
                <Submit name="Create directory" />
              </Form>
            </section>
          )}
          <section class="panel list" id="portal-links">
            <div class="bar">
              <h2>Portal links</h2>
              <small>A link lets one IT contact of {organization.name} sign in once, for eight hours.</small>
            </div>
            {visit.may('portal-links.change') && (
              <Form visit={visit} action={`${HOME}/organizations/${organization.id}/portal-links`}>
                <Field name="contact" hint="Name of the IT contact. The audit trail shows it." />
                <button type="submit">Create portal link</button>
              </Form>
            )}
            {links.length === 0 ? (
              <ul class="rows">
                <li>
                  <small>No portal links yet.</small>
                </li>
              </ul>
            ) : (
              <ul class="rows">
                {links.map((link) => (
                  <LinkRow link={link} visit={visit} />
                ))}
              </ul>
            )}
          </section>
          {visit.may('organizations.change') && (
            <details class="panel" open={isRefusedAt(visit, `${HOME}/organizations/${organization.id}`)}>
              <summary>Rename or delete</summary>
              <Form
                visit={visit}
                action={`${HOME}/organizations/${organization.id}`}
                class="fields"
                shown={{
                  name: organization.name,
                  externalId: organization.externalId,
                  upstreamOrigins: originsOf(organization),
                }}
              >
                <Field name="name" value={organization.name} isRequired />
                <Field name="externalId" value={organization.externalId} />
                {visit.may('organizations.allow-upstreams') && (
                  <Lines
                    name="upstreamOrigins"
                    value={originsOf(organization)}
                    rows={2}
                    hint="API keys of this organization can use only these, such as https://app.example.com."
                  />
                )}
                <CopyField label="Organization ID" value={organization.id} />
                <div class="acts">
                  <button type="submit">Save</button>
                  {visit.may('organizations.delete') && (
                    <Ask href={`${HOME}/organizations/${organization.id}/delete`} name="Delete" />
                  )}
                </div>
              </Form>
            </details>
          )}
        </>
      ),
    };
  }

  async function deletion(visit: Visit) {
    const organization = await organizations.get(visit.params['id'] ?? '');
    const views = await allHeldBy(organization.id);
    const held = views.flatMap((view) => view.holdings.map(() => view));
    return {
      title: `Delete ${organization.name}`,
      place: 'organizations',
      children: (
        <Confirm
          visit={visit}
          trail={[...TRAIL, [`${HOME}/organizations/${organization.id}`, organization.name]]}
          title={`Delete ${organization.name}`}
          name={`Delete ${organization.name}`}
          back={`${HOME}/organizations/${organization.id}`}
        >
          <p>
            {held.length === 0
              ? 'This organization has no active credential. Its directories are deleted too. The audit trail stays.'
              : `${counted(held.length, 'credential')} will be revoked, and ${[...new Set(held.map(({ provider }) => provider))].join(', ')} will be refused immediately. The audit trail stays.`}
          </p>
          {held.length > 0 && (
            <ul>
              {[...new Set(held)].map((view) => (
                <li>
                  <b>{view.directory.name}</b>: <LastUse view={view} />
                </li>
              ))}
            </ul>
          )}
        </Confirm>
      ),
    };
  }

  return [
    { path: '/organizations/:id', action: 'organizations.read', get: one },
    {
      path: '/organizations/:id',
      action: 'organizations.change',
      async post({ params, form, attribution, may }) {
        const id = params['id'] ?? '';
        const mayAllow = may('organizations.allow-upstreams') && form.has('upstreamOrigins');
        await organizations.change(
          id,
          {
            ...(touched(form, 'name') && { name: required(form, 'name') }),
            ...(touched(form, 'externalId') && { externalId: sent(form, 'externalId') ?? null }),
            ...(mayAllow && touched(form, 'upstreamOrigins') && { upstreamOrigins: originsIn(form) }),
          },
          attribution,
        );
        return `${HOME}/organizations/${id}`;
      },
    },
    {
      path: '/organizations/:id/delete',
      action: 'organizations.delete',
      get: deletion,
      async post({ params, attribution }) {
        // The page before named what will be revoked.
        await removal.removeOrganization(params['id'] ?? '', true, attribution);
        return `${HOME}/organizations`;
      },
    },
    {
      path: '/organizations/:id/directories',
      action: 'directories.change',
      on: '/organizations/:id',
      async post({ params, form, attribution }) {
        const directory = await directories.create(
          {
            organizationId: params['id'] ?? '',
            name: required(form, 'name'),
            provider: IDENTITY_PROVIDER_IDS.find((provider) => provider === form.get('provider')),
            upstreamUrl: sent(form, 'upstreamUrl', 2000),
            endpointKey: endpointKeyOf(form),
          },
          attribution,
        );
        return `${HOME}/directories/${directory.id}`;
      },
    },
    {
      path: '/organizations/:id/portal-links',
      action: 'portal-links.change',
      on: '/organizations/:id',
      async post({ params, form, attribution }) {
        const organization = await organizations.get(params['id'] ?? '');
        const input = { organizationId: organization.id, contact: sent(form, 'contact') };
        const { portalLink, secret } = await portalLinks.create(input, attribution);
        const back = `${HOME}/organizations/${organization.id}`;
        return {
          title: 'Portal link',
          place: 'organizations',
          children: (
            <>
              <Head trail={[...TRAIL, [back, organization.name]]} title="Portal link" />
              <CopyOnce
                label={
                  portalLink.contact === undefined
                    ? 'Send this to the IT contact'
                    : `Send this to ${portalLink.contact}`
                }
                value={`${publicUrl}/portal/enter/${secret}`}
                title={`For ${organization.name}`}
              >
                It works once, until <Time at={portalLink.expiresAt} now={clock.now()} exact />. The session then lasts
                up to eight hours. Send it in a private message: the first person to open it gets access.
              </CopyOnce>
              <div class="acts">
                <Go href={back} name="I've sent it" tone="primary" />
              </div>
            </>
          ),
        };
      },
    },
    {
      path: '/portal-links/:id/revoke',
      action: 'portal-links.change',
      async post({ params, attribution }) {
        const link = await portalLinks.revoke(params['id'] ?? '', attribution);
        return `${HOME}/organizations/${link.organizationId}`;
      },
    },
  ];

  function LinkRow({ link, visit }: { link: PortalLink; visit: Visit }) {
    const { now } = visit;
    const state = linkStateAt(link, now);
    return (
      <li>
        <span class="what">
          <span>
            {link.contact !== undefined && <b>{link.contact}: </b>}
            {LINK_STATES[state]} <Time at={link.revokedAt ?? link.usedAt ?? link.expiresAt} now={now} />
          </span>
          <small>
            created <Time at={link.createdAt} now={now} /> by {link.createdBy.name}
          </small>
        </span>
        {visit.may('portal-links.change') && (state === 'fit' || state === 'used') && (
          <Act
            visit={visit}
            action={`${HOME}/portal-links/${link.id}/revoke`}
            name={state === 'used' ? 'End session' : 'Withdraw'}
          />
        )}
      </li>
    );
  }
}
