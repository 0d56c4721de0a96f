/** OAuth clients: the list, and a new one. */
import { IDENTITY_PROVIDERS } from '../identity-providers/index.ts';
import { appNameOf, type Client } from '../oauth/index.ts';
import { Field, Form, Go, List, ProviderChoice, providerIn, Row, required, Submit, sent, Tag } from '../pages/index.ts';
import { oneClientRoutes, secretPage } from './client.tsx';
import type { DashboardDependencies } from './dependencies.ts';
import { HOME, PLACES, type Route, type Visit } from './visit.ts';

export function clientRoutes(deps: DashboardDependencies): Route[] {
  const { clients, directories, organizations, publicUrl } = deps;

  async function list({ query, paging, may }: Visit) {
    const page = await clients.page({ directoryId: sent(query, 'directoryId'), ...paging });
    const owners = new Map(
      await Promise.all(page.items.map(async (client) => [client.id, await ownerOf(client)] as const)),
    );
    return {
      title: 'Clients',
      trail: [],
      acts: may('clients.change') && <Go href={`${HOME}/clients/new`} name="New client" tone="primary" />,
      children: (
        <>
          <List
            of={page}
            none={[
              'No clients yet',
              "A client is the ID and secret that an identity provider uses to get tokens with OAuth. Other tokens don't need one.",
            ]}
            row={({ id, name, provider }) => (
              <Row
                href={`${HOME}/clients/${id}`}
                name={<b>{name}</b>}
                text={
                  <>
                    {owners.get(id)} <span class="mono">{id}</span>
                  </>
                }
              >
                <Tag>{IDENTITY_PROVIDERS[provider].name}</Tag>
              </Row>
            )}
          />
        </>
      ),
    };
  }

  /** "Northwind Traders, Okta production", or that all can use it. */
  async function ownerOf({ organizationId, directoryId }: Client): Promise<string> {
    if (directoryId === undefined) return 'Shared by all organizations.';
    const [organization, directory] = await Promise.all([
      organizationId === undefined ? undefined : organizations.find(organizationId),
      directories.find(directoryId),
    ]);
    return `${[organization?.name, directory?.name].filter((name) => name !== undefined).join(', ') || directoryId}.`;
  }

  async function creation(visit: Visit) {
    const directoryId = sent(visit.query, 'directoryId');
    const directory = directoryId === undefined ? undefined : await directories.get(directoryId);
    return {
      title: 'New client',
      trail: [PLACES.clients],
      children: (
        <Form action={`${HOME}/clients`} class="panel">
          <p class="soft">
            {directory
              ? `Only for the directory ${directory.name}.`
              : "Shared by all organizations. The person who connects chooses a directory. To create a client for one directory only, start on that directory's page."}
          </p>
          {directory && <input type="hidden" name="directoryId" value={directory.id} />}
          <Field
            name="name"
            isRequired
            value={directory && `${IDENTITY_PROVIDERS[directory.provider].name}`}
            hint="IT contacts see it when they allow a connection."
          />
          <ProviderChoice value={directory?.provider} />
          <Field
            name="appName"
            maximum={1000}
            hint="For example, acme_scim_1, or the URL of the app in Okta’s admin console. The redirect URIs contain it, so Okta can't connect without it."
          />
          <Submit name="Create client" />
        </Form>
      ),
    };
  }

  return [
    { path: '/clients', action: 'clients.read', get: list },
    { path: '/clients/new', action: 'clients.change', get: creation },
    {
      path: '/clients',
      action: 'clients.change',
      on({ form }) {
        const directoryId = sent(form, 'directoryId');
        return directoryId === undefined
          ? '/clients/new'
          : `/clients/new?directoryId=${encodeURIComponent(directoryId)}`;
      },
      async post({ form, attribution }) {
        const { client, clientSecret } = await clients.create(
          {
            name: required(form, 'name'),
            provider: providerIn(form),
            directoryId: sent(form, 'directoryId'),
            appName: appNameOf(sent(form, 'appName', 1000) ?? '') || undefined,
          },
          attribution,
        );
        return secretPage(`${client.name} was created`, client, clientSecret, publicUrl);
      },
    },
    ...oneClientRoutes(deps),
  ];
}
