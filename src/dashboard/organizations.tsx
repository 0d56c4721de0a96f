import { PROVIDER_NAMES, PROVIDERS } from '../directories/index.ts';
import { counted, type DirectoryView, healthOf, readDirectoryView, Tag, Time } from '../faces/index.ts';
import {
  Act,
  Ask,
  Choice,
  Confirm,
  CopyOnce,
  endpointKeyOf,
  Field,
  Form,
  Head,
  LastUse,
  More,
  required,
  sent,
} from '../guidance/index.ts';
import type { DashboardDependencies, PortalLinkRecord } from './index.tsx';
import { HOME, OWNERS, READERS, type Route, type Visit, WRITERS } from './visit.tsx';

const PAGE = 25;
const DIRECTORIES = 200;
const TRAIL: [string, string][] = [[`${HOME}/organizations`, 'Organizations']];
const URGENCY = { bad: 0, warn: 1, off: 2, ok: 3 } as const;

export function organizationRoutes(deps: DashboardDependencies): Route[] {
  const { organizations, directories, credentials, portalLinks, clock, publicUrl } = deps;

  async function viewsOf(organizationId: string): Promise<DirectoryView[]> {
    const { items } = await directories.page({ organizationId, limit: DIRECTORIES });
    const views = await Promise.all(
      items.map((directory) =>
        readDirectoryView(deps, { directory, provider: PROVIDER_NAMES[directory.provider], now: clock.now() }),
      ),
    );
    return views.sort((a, b) => URGENCY[healthOf(a).tone] - URGENCY[healthOf(b).tone]);
  }

  async function list(visit: Visit) {
    const { items, nextCursor } = await organizations.page({
      after: visit.query.get('after') ?? undefined,
      limit: PAGE,
    });
    const rows = await Promise.all(
      items.map(async (organization) => ({ organization, views: await viewsOf(organization.id) })),
    );
    rows.sort((a, b) => urgencyOf(a.views) - urgencyOf(b.views));
    const isEmpty = rows.length === 0 && !visit.query.has('after');
    return {
      title: 'Organizations',
      place: 'organizations',
      children: (
        <>
          <Head title="Organizations">
            {visit.mayChange && !isEmpty && (
              <a class="btn" href="#new">
                New organization
              </a>
            )}
          </Head>
          {isEmpty ? (
            <section class="panel empty">
              <h2>No organization yet</h2>
              <p class="soft">
                An organization is a customer of yours. Its directories are what its identity provider connects to.
              </p>
            </section>
          ) : (
            <section class="panel list">
              <ul class="rows">
                {rows.map(({ organization, views }) => (
                  <li>
                    <Dot tone={toneOf(views)} />
                    <span class="what">
                      <a href={`${HOME}/organizations/${organization.id}`}>
                        <b>{organization.name}</b>
                      </a>
                      <small>{summaryOf(views)}</small>
                    </span>
                    <small>
                      {counted(views.length, 'director')
                        .replace(/directors$/, 'directories')
                        .replace(/director$/, 'directory')}
                    </small>
                  </li>
                ))}
              </ul>
            </section>
          )}
          <More visit={visit} cursor={nextCursor} />
          {visit.mayChange && (
            <section class="panel" id="new">
              <h2>New organization</h2>
              <Form visit={visit} action={`${HOME}/organizations`} class="fields">
                <Field label="Name" name="name" isRequired hint="As your customer calls itself." />
                <Field label="External id" name="externalId" hint="Your own id for it, if you have one." />
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

  async function one(visit: Visit) {
    const organization = await organizations.get(visit.params['id'] ?? '');
    const views = await viewsOf(organization.id);
    const links = (await portalLinks.page({ organizationId: organization.id, limit: 10 })).items;
    return {
      title: organization.name,
      place: 'organizations',
      children: (
        <>
          <Head trail={TRAIL} title={organization.name}>
            <a class="btn" href={`${HOME}/audit?organizationId=${organization.id}`}>
              Audit
            </a>
            {visit.mayChange && (
              <Act visit={visit} action={`${HOME}/organizations/${organization.id}/portal-links`} name="Portal link" />
            )}
          </Head>
          {views.length === 0 ? (
            <section class="panel empty">
              <h2>No directory yet</h2>
              <p class="soft">
                A directory is one connection of an identity provider, with an endpoint of its own and two slots for
                credentials.
              </p>
            </section>
          ) : (
            <section class="panel list">
              <ul class="rows">
                {views.map((view) => (
                  <DirectoryRow view={view} />
                ))}
              </ul>
            </section>
          )}
          {visit.mayChange && (
            <section class="panel">
              <h2>New directory</h2>
              <Form visit={visit} action={`${HOME}/organizations/${organization.id}/directories`} class="fields">
                <Field label="Name" name="name" isRequired hint="Such as Okta production." />
                <Choice
                  label="Identity provider"
                  name="provider"
                  options={PROVIDERS.map((id) => [id, id === 'generic' ? 'Another one' : PROVIDER_NAMES[id]])}
                />
                <Field
                  label="Endpoint key"
                  name="endpointKey"
                  hint="Part of the address; letters, digits, hyphens. Made for you if empty."
                />
                <Field
                  label="SCIM server behind the gateway"
                  name="upstreamUrl"
                  hint="Empty without the gateway."
                  maximum={2000}
                />
                <div class="acts">
                  <button type="submit" class="primary">
                    Create directory
                  </button>
                </div>
              </Form>
            </section>
          )}
          <section class="panel list">
            <div class="bar">
              <h2>Portal links</h2>
              <small>A link lets an IT contact of {organization.name} in, once, for eight hours.</small>
            </div>
            {links.length === 0 ? (
              <ul class="rows">
                <li>
                  <small>None was made yet.</small>
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
          {visit.mayChange && (
            <details class="panel">
              <summary>Rename or delete</summary>
              <Form visit={visit} action={`${HOME}/organizations/${organization.id}`} class="fields">
                <Field label="Name" name="name" value={organization.name} isRequired />
                <Field label="External id" name="externalId" value={organization.externalId} />
                <div class="acts">
                  <button type="submit">Save</button>
                  {visit.operator.role === 'owner' && (
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
    const views = await viewsOf(organization.id);
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
              ? 'No credential of this organization is active. Its directories go with it; the audit trail stays.'
              : `${counted(held.length, 'credential')} will be revoked, and ${[...new Set(held.map(({ provider }) => provider))].join(', ')} will be refused from this moment. The audit trail stays.`}
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
    { method: 'get', path: '/organizations', roles: READERS, handle: list },
    {
      method: 'post',
      path: '/organizations',
      roles: WRITERS,
      async handle({ form, cause }) {
        const name = required(form, 'name');
        const { id } = await organizations.create({ name, externalId: sent(form, 'externalId') }, cause);
        return `${HOME}/organizations/${id}`;
      },
    },
    { method: 'get', path: '/organizations/:id', roles: READERS, handle: one },
    {
      method: 'post',
      path: '/organizations/:id',
      roles: WRITERS,
      async handle({ params, form, cause }) {
        const id = params['id'] ?? '';
        await organizations.change(
          id,
          { name: required(form, 'name'), externalId: sent(form, 'externalId') ?? null },
          cause,
        );
        return `${HOME}/organizations/${id}`;
      },
    },
    { method: 'get', path: '/organizations/:id/delete', roles: OWNERS, handle: deletion },
    {
      method: 'post',
      path: '/organizations/:id/delete',
      roles: OWNERS,
      async handle({ params, cause }) {
        const organization = await organizations.get(params['id'] ?? '');
        let count = 0;
        for (let isMore = true; isMore; ) {
          const { items, nextCursor } = await directories.page({ organizationId: organization.id, limit: DIRECTORIES });
          for (const directory of items) {
            await credentials.clear(directory, true, cause);
            await directories.remove(directory, cause);
          }
          count += items.length;
          isMore = nextCursor !== null;
        }
        await organizations.remove(organization, count, cause);
        return `${HOME}/organizations`;
      },
    },
    {
      method: 'post',
      path: '/organizations/:id/directories',
      roles: WRITERS,
      async handle({ params, form, cause }) {
        const directory = await directories.create(
          {
            organizationId: params['id'] ?? '',
            name: required(form, 'name'),
            provider: PROVIDERS.find((provider) => provider === form.get('provider')),
            upstreamUrl: sent(form, 'upstreamUrl', 2000),
            endpointKey: endpointKeyOf(form),
          },
          cause,
        );
        return `${HOME}/directories/${directory.id}`;
      },
    },
    {
      method: 'post',
      path: '/organizations/:id/portal-links',
      roles: WRITERS,
      async handle({ params, cause }) {
        const organization = await organizations.get(params['id'] ?? '');
        const { portalLink, secret } = await portalLinks.create({ organizationId: organization.id }, cause);
        const back = `${HOME}/organizations/${organization.id}`;
        return {
          title: 'Portal link',
          place: 'organizations',
          children: (
            <>
              <Head trail={[...TRAIL, [back, organization.name]]} title="Portal link" />
              <CopyOnce
                label="Send this to the IT contact"
                value={`${publicUrl}/portal/enter/${secret}`}
                title={`For ${organization.name}`}
              >
                It lets one browser in, once, until <Time at={portalLink.expiresAt} now={clock.now()} exact />, and for
                eight hours from then. Send it in a private message: whoever opens it first is let in.
              </CopyOnce>
              <div class="acts">
                <a class="btn primary" href={back}>
                  I have sent it
                </a>
              </div>
            </>
          ),
        };
      },
    },
    {
      method: 'post',
      path: '/portal-links/:id/revoke',
      roles: WRITERS,
      async handle({ params, cause }) {
        const link = await portalLinks.revoke(params['id'] ?? '', cause);
        return `${HOME}/organizations/${link.organizationId}`;
      },
    },
  ];

  function LinkRow({ link, visit }: { link: PortalLinkRecord; visit: Visit }) {
    const { now } = visit;
    const isOpen = !link.usedAt && !link.revokedAt && link.expiresAt > now;
    return (
      <li>
        <span class="what">
          <span>
            {link.revokedAt ? 'Withdrawn' : link.usedAt ? 'Used' : isOpen ? 'Not used yet' : 'Expired without use'}{' '}
            <Time at={link.revokedAt ?? link.usedAt ?? link.expiresAt} now={now} />
          </span>
          <small>
            made <Time at={link.createdAt} now={now} /> by {link.createdBy.name}
          </small>
        </span>
        {visit.mayChange && !link.revokedAt && (isOpen || link.usedAt) && (
          <Act
            visit={visit}
            action={`${HOME}/portal-links/${link.id}/revoke`}
            name={link.usedAt ? 'End session' : 'Withdraw'}
          />
        )}
      </li>
    );
  }
}

export function DirectoryRow({ view }: { view: DirectoryView }) {
  const { tone, lead, rest } = healthOf(view);
  return (
    <li>
      <Dot tone={tone} />
      <span class="what">
        <a href={`${HOME}/directories/${view.directory.id}`}>
          <b>{view.directory.name}</b>
        </a>
        <small>
          {lead} {rest}
        </small>
      </span>
      <Tag>{view.provider}</Tag>
    </li>
  );
}

function Dot({ tone }: { tone: keyof typeof URGENCY }) {
  return <span class={tone === 'ok' ? 'dot' : `dot ${tone}`} />;
}

function urgencyOf(views: DirectoryView[]): number {
  return URGENCY[toneOf(views)];
}

/** Of the directory that needs someone most. */
function toneOf([first]: DirectoryView[]): keyof typeof URGENCY {
  return first ? healthOf(first).tone : 'off';
}

function summaryOf([first]: DirectoryView[]): string {
  if (!first) return 'No directory yet.';
  const { lead, rest, tone } = healthOf(first);
  return tone === 'ok' ? `${lead} ${rest}` : `${first.directory.name}: ${lead} ${rest}`;
}
