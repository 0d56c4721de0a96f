/** One OAuth client: what it is set up with, its secrets, what it connects, its end. */
import { type Credential, stateAt } from '../credentials/index.ts';
import { appNameOf, type Client, canConnect, clientIdOf } from '../oauth/index.ts';
import {
  AddSecret,
  Ask,
  Confirm,
  CopyField,
  CopyOnce,
  counted,
  Field,
  Form,
  Go,
  Head,
  isRefusedAt,
  Lines,
  More,
  required,
  SecretRemoval,
  SecretRows,
  Submit,
  secretEndSent,
  sent,
  Tag,
  Time,
  touched,
} from '../pages/index.ts';
import type { DashboardDependencies } from './dependencies.ts';
import { HOME, type Route, type Visit } from './visit.ts';

const LATEST = 50;
const CONNECTIONS = 10;
const TRAIL: [string, string][] = [[`${HOME}/clients`, 'Clients']];

export function oneClientRoutes(deps: DashboardDependencies): Route[] {
  const { clients, directories, organizations, credentials, usage, audit, clock, publicUrl } = deps;

  /** What it connects, newest first, a page at a time. */
  async function connectionsOf(client: Client, after: string | undefined) {
    const { items, nextCursor } = await credentials.ofClient(client.id, { after, limit: CONNECTIONS });
    const totals = await usage.totals(items.map(({ id }) => id));
    const connections = await Promise.all(
      items.map(async (credential) => ({
        credential,
        total: totals.get(credential.id),
        directory: await directories.find(credential.directoryId),
        organization: await organizations.find(credential.organizationId),
      })),
    );
    return { connections, nextCursor };
  }

  async function one(visit: Visit) {
    const client = await clients.get(visit.params['id'] ?? '');
    const directory = client.directoryId === undefined ? undefined : await directories.find(client.directoryId);
    const address = `${HOME}/clients/${client.id}`;
    const now = clock.now();
    const { connections, nextCursor } = await connectionsOf(client, visit.query.get('after') ?? undefined);
    return {
      title: client.name,
      place: 'clients',
      children: (
        <>
          <Head trail={TRAIL} title={client.name} />
          <section class="panel">
            <Values client={client} publicUrl={publicUrl} />
            <dl>
              <dt>For</dt>
              <dd>
                {directory ? (
                  <a href={`${HOME}/directories/${directory.id}`}>{directory.name}</a>
                ) : (
                  'All organizations (shared)'
                )}
              </dd>
              <dt>Redirect URIs</dt>
              <dd>
                {client.redirectUris.map((uri) => (
                  <div class="mono">{uri}</div>
                ))}
                <MissingRedirects client={client} />
              </dd>
              <dt>Grants</dt>
              <dd>
                {client.grantTypes.map((grant) => grant.replaceAll('_', ' ')).join(', ')}
                {client.withheldGrants.includes('client_credentials') && (
                  <div class="soft">
                    This client can't use client credentials. It has no secret or key, so its ID alone would get a
                    token. Create a client with a secret instead.
                  </div>
                )}
              </dd>
              <dt>Access tokens</dt>
              <dd>{counted(Math.round(client.accessTokenSeconds / 60), 'minute')}</dd>
              <dt>Connections end</dt>
              <dd>
                {client.maximumAgeDays === undefined && client.idleDays === undefined
                  ? 'Never'
                  : [
                      client.maximumAgeDays === undefined ? '' : `after ${counted(client.maximumAgeDays, 'day')}`,
                      client.idleDays === undefined ? '' : `after ${counted(client.idleDays, 'day')} without a refresh`,
                    ]
                      .filter(Boolean)
                      .join(', or ')}
              </dd>
            </dl>
          </section>
          <section class="panel list">
            <div class="bar">
              <h2>Secrets</h2>
            </div>
            {client.secrets.length === 0 && (
              <p class="soft">
                {client.authMethod === 'none'
                  ? 'None. This is a public client.'
                  : 'None. This client signs its requests with its own key.'}
              </p>
            )}
            <SecretRows visit={visit} client={client} path={`${address}/secrets`} />
          </section>
          <AddSecret visit={visit} client={client} path={`${address}/secrets`} class="panel" />
          <section class="panel list">
            <div class="bar">
              <h2>Connections</h2>
            </div>
            <ul class="rows">
              {connections.length === 0 && (
                <li>
                  <small>{visit.query.has('after') ? 'No earlier connections.' : 'No connections yet.'}</small>
                </li>
              )}
              {connections.map(({ credential, total, directory, organization }) => (
                <li>
                  <span class="what">
                    {directory ? (
                      <a href={`${HOME}/directories/${directory.id}`}>
                        <b>{directory.name}</b>
                      </a>
                    ) : (
                      <b>A directory that was deleted</b>
                    )}
                    <small>
                      {organization && `${organization.name}, `}
                      {total?.lastUsedAt ? (
                        <>
                          last used <Time at={total.lastUsedAt} now={now} />
                        </>
                      ) : (
                        'never used'
                      )}
                    </small>
                  </span>
                  <ConnectionState state={stateAt(credential, now)} />
                </li>
              ))}
            </ul>
          </section>
          <More visit={visit} cursor={nextCursor} />
          {visit.may('clients.change') && (
            <details class="panel" open={isRefusedAt(visit, address) || !canConnect(client)}>
              <summary>Change or delete</summary>
              <Form
                visit={visit}
                action={address}
                class="detail"
                shown={{ name: client.name, appName: client.appName, redirectUris: client.redirectUris.join('\n') }}
              >
                <Field name="name" value={client.name} isRequired />
                <Field
                  name="appName"
                  value={client.appName}
                  maximum={1000}
                  hint="Such as acme_scim_1, or the URL of the app in Okta's admin console."
                />
                <Lines name="redirectUris" value={client.redirectUris.join('\n')} rows={5} />
                <Submit name="Save" isMild />
              </Form>
              <div class="acts">
                <Ask href={`${address}/delete`} name="Delete" />
              </div>
            </details>
          )}
        </>
      ),
    };
  }

  async function deletion(visit: Visit) {
    const client = await clients.get(visit.params['id'] ?? '');
    const address = `${HOME}/clients/${client.id}`;
    const { items } = await audit.page({ where: { actorId: client.id }, limit: LATEST });
    const token = items.find(({ type }) => type === 'token.issued');
    return {
      title: `Delete ${client.name}`,
      place: 'clients',
      children: (
        <Confirm
          visit={visit}
          trail={[...TRAIL, [address, client.name]]}
          title={`Delete ${client.name}`}
          name={`Delete ${client.name}`}
          back={address}
        >
          <p>
            <b>It can't get any more tokens.</b>{' '}
            {token ? (
              <>
                It last got one <Time at={token.lastAt ?? token.at} now={visit.now} /> from{' '}
                {token.address ?? 'an unknown address'}.
              </>
            ) : (
              'It has not gotten one recently.'
            )}
          </p>
          <p class="soft">
            Its connections work until their access tokens expire, in{' '}
            {counted(Math.round(client.accessTokenSeconds / 60), 'minute')} at most. To end them now, revoke the
            connections too.
          </p>
        </Confirm>
      ),
    };
  }

  async function removal(visit: Visit) {
    const client = await clients.get(visit.params['id'] ?? '');
    const address = `${HOME}/clients/${client.id}`;
    return {
      title: 'Remove a secret',
      place: 'clients',
      children: (
        <SecretRemoval
          visit={visit}
          trail={[...TRAIL, [address, client.name]]}
          client={client}
          secretId={visit.params['secretId'] ?? ''}
          back={address}
        />
      ),
    };
  }

  return [
    { path: '/clients/:id', action: 'clients.read', get: one },
    {
      path: '/clients/:id',
      action: 'clients.change',
      async post({ params, form, attribution }) {
        const client = await clients.get(params['id'] ?? '');
        const uris = (form.get('redirectUris') ?? '').split(/\s+/).filter(Boolean);
        const given = sent(form, 'appName', 1000);
        const appName = given === undefined ? undefined : appNameOf(given);
        await clients.change(
          client.id,
          {
            ...(touched(form, 'name') && { name: required(form, 'name') }),
            ...(touched(form, 'appName') && { appName }),
            ...(touched(form, 'redirectUris') && uris.join() !== client.redirectUris.join() && { redirectUris: uris }),
          },
          attribution,
        );
        return `${HOME}/clients/${client.id}`;
      },
    },
    {
      path: '/clients/:id/delete',
      action: 'clients.change',
      get: deletion,
      async post({ params, attribution }) {
        await clients.remove(await clients.get(params['id'] ?? ''), attribution);
        return `${HOME}/clients`;
      },
    },
    {
      path: '/clients/:id/secrets',
      action: 'clients.change',
      on: '/clients/:id',
      async post({ params, form, attribution }) {
        const { client, clientSecret } = await clients.addSecret(params['id'] ?? '', secretEndSent(form), attribution);
        const title = 'Another secret';
        return {
          title,
          place: 'clients',
          children: <Secret client={client} secret={clientSecret} title={title} publicUrl={publicUrl} />,
        };
      },
    },
    {
      path: '/clients/:id/secrets/:secretId/remove',
      action: 'clients.change',
      get: removal,
      async post({ params, attribution }) {
        const { id } = await clients.removeSecret(params['id'] ?? '', params['secretId'] ?? '', attribution);
        return `${HOME}/clients/${id}`;
      },
    },
  ];
}

function MissingRedirects({ client }: { client: Client }) {
  if (client.redirectUris.length > 0) return null;
  if (!client.grantTypes.includes('authorization_code')) return <>None needed</>;
  return (
    <>
      <Tag tone="warn">missing</Tag>{' '}
      {client.provider === 'okta'
        ? "This client can't connect yet. Add the app name in Okta below. The redirect URIs contain it."
        : "This client can't connect yet. Add the redirect URI that the identity provider shows."}
    </>
  );
}

/** What an identity provider is set up with. */
export function Values({ client, publicUrl }: { client: Client; publicUrl: string }) {
  return (
    <>
      <CopyField label="Client ID" value={clientIdOf(client)} />
      <CopyField label="Token URL" value={`${publicUrl}/oauth/token`} />
      {client.grantTypes.includes('authorization_code') && (
        <CopyField label="Authorization URL" value={`${publicUrl}/oauth/authorize`} />
      )}
    </>
  );
}

export function Secret(props: { client: Client; secret: string | undefined; title: string; publicUrl: string }) {
  const { client, secret, title, publicUrl } = props;
  return (
    <>
      <Head trail={TRAIL} title={title} />
      {secret !== undefined && (
        <CopyOnce title="Client secret" label={`For ${client.name}`} value={secret}>
          Copy it now; it won't be shown again. If you lose it, add another secret and remove this one.
        </CopyOnce>
      )}
      <section class="panel">
        <h2>Other values</h2>
        <Values client={client} publicUrl={publicUrl} />
      </section>
      <div class="acts">
        <Go href={`${HOME}/clients/${client.id}`} name="I've saved it" tone="primary" />
      </div>
    </>
  );
}

function ConnectionState({ state }: { state: Credential['state'] }) {
  const tone = state === 'active' ? 'ok' : state === 'pending' ? 'warn' : 'bad';
  return <Tag tone={tone}>{state === 'pending' ? 'active after its first use' : state}</Tag>;
}
