import { type Credential, stateAt } from '../credentials/index.ts';
import { PROVIDER_NAMES, PROVIDERS } from '../directories/index.ts';
import { CopyField, counted, Tag, Time } from '../faces/index.ts';
import {
  Act,
  Ask,
  Confirm,
  CopyOnce,
  Field,
  Form,
  Head,
  isRefusedAt,
  More,
  ProviderChoice,
  required,
  SecretRemoval,
  sent,
  touched,
} from '../guidance/index.ts';
import type { Client } from '../oauth/index.ts';
import type { DashboardDependencies } from './index.tsx';
import { HOME, READERS, type Route, type Visit, WRITERS } from './visit.tsx';

const PAGE = 50;
const LATEST = 50;
const CONNECTIONS = 10;
const TRAIL: [string, string][] = [[`${HOME}/clients`, 'Clients']];

export function clientRoutes(deps: DashboardDependencies): Route[] {
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

  async function list(visit: Visit) {
    const directoryId = sent(visit.query, 'directoryId');
    const { items, nextCursor } = await clients.page({
      directoryId,
      after: visit.query.get('after') ?? undefined,
      limit: PAGE,
    });
    return {
      title: 'Clients',
      place: 'clients',
      children: (
        <>
          <Head title="Clients">
            {visit.mayChange && (
              <a class="btn primary" href={`${HOME}/clients/new`}>
                New client
              </a>
            )}
          </Head>
          {items.length === 0 ? (
            <section class="panel empty">
              <h2>No client yet</h2>
              <p class="soft">
                A client is the id and the secret by which an identity provider asks for tokens. Static tokens need
                none.
              </p>
            </section>
          ) : (
            <section class="panel list">
              <ul class="rows">
                {items.map((client) => (
                  <li>
                    <span class="what">
                      <a href={`${HOME}/clients/${client.id}`}>
                        <b>{client.name}</b>
                      </a>
                      <small class="mono">{client.id}</small>
                    </span>
                    <Tag>{client.directoryId === undefined ? 'shared' : 'one directory'}</Tag>
                  </li>
                ))}
              </ul>
            </section>
          )}
          <More visit={visit} cursor={nextCursor} />
        </>
      ),
    };
  }

  async function creation(visit: Visit) {
    const directoryId = sent(visit.query, 'directoryId');
    const directory = directoryId === undefined ? undefined : await directories.get(directoryId);
    return {
      title: 'New client',
      place: 'clients',
      children: (
        <>
          <Head trail={TRAIL} title="New client" />
          <Form visit={visit} action={`${HOME}/clients`} class="panel">
            <p class="soft">
              {directory
                ? `For the directory ${directory.name} alone.`
                : 'Shared by all organizations: who connects chooses a directory. For a client of one directory, begin at that directory.'}
            </p>
            {directory && <input type="hidden" name="directoryId" value={directory.id} />}
            <Field
              label="Name"
              name="name"
              isRequired
              value={directory && `${PROVIDER_NAMES[directory.provider]}`}
              hint="IT contacts read it on the consent page."
            />
            <ProviderChoice value={directory?.provider} />
            <Field
              label="App name in Okta"
              name="appName"
              hint="Such as acme_scim_1: the redirect URIs are made of it. It may follow later."
            />
            <div class="acts">
              <button type="submit" class="primary">
                Create client
              </button>
            </div>
          </Form>
        </>
      ),
    };
  }

  /** What an identity provider is set up with. */
  function Values({ client }: { client: Client }) {
    return (
      <>
        <CopyField label="Client id" value={client.id} />
        <CopyField label="Token URL" value={`${publicUrl}/oauth/token`} />
        {client.grantTypes.includes('authorization_code') && (
          <CopyField label="Authorization URL" value={`${publicUrl}/oauth/authorize`} />
        )}
      </>
    );
  }

  function Secret({ client, secret, title }: { client: Client; secret: string | undefined; title: string }) {
    return (
      <>
        <Head trail={TRAIL} title={title} />
        {secret !== undefined && (
          <CopyOnce title="Client secret" label={`Of ${client.name}`} value={secret}>
            We keep only a digest. If it gets lost, add another secret, put that in, and take this one away.
          </CopyOnce>
        )}
        <section class="panel">
          <h2>Beside it</h2>
          <Values client={client} />
        </section>
        <div class="acts">
          <a class="btn primary" href={`${HOME}/clients/${client.id}`}>
            I have stored it
          </a>
        </div>
      </>
    );
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
            <Values client={client} />
            <dl>
              <dt>For</dt>
              <dd>
                {directory ? (
                  <a href={`${HOME}/directories/${directory.id}`}>{directory.name}</a>
                ) : (
                  'all organizations (shared)'
                )}
              </dd>
              <dt>Redirect URIs</dt>
              <dd class="mono">
                {client.redirectUris.length === 0 ? 'none yet' : client.redirectUris.map((uri) => <div>{uri}</div>)}
              </dd>
              <dt>Grants</dt>
              <dd>{client.grantTypes.map((grant) => grant.replaceAll('_', ' ')).join(', ')}</dd>
              <dt>Access tokens</dt>
              <dd>{counted(Math.round(client.accessTokenSeconds / 60), 'minute')}</dd>
              <dt>Connections end</dt>
              <dd>
                {client.maximumAgeDays === undefined && client.idleDays === undefined
                  ? 'No end'
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
              {visit.mayChange && client.secrets.length > 0 && client.secrets.length < 2 && (
                <Act visit={visit} action={`${address}/secrets`} name="Add a secret" />
              )}
            </div>
            <ul class="rows">
              {client.secrets.length === 0 && (
                <li>
                  <small>None: it signs its requests with a key of its own.</small>
                </li>
              )}
              {client.secrets.map((secret) => (
                <li>
                  <span class="what">
                    <span class="mono">…{secret.hint}</span>
                    <small>
                      added <Time at={secret.createdAt} now={now} />
                    </small>
                  </span>
                  {visit.mayChange && client.secrets.length > 1 && (
                    <Ask href={`${address}/secrets/${secret.id}/remove`} name="Take away" />
                  )}
                </li>
              ))}
            </ul>
          </section>
          <section class="panel list">
            <div class="bar">
              <h2>Connections</h2>
            </div>
            <ul class="rows">
              {connections.length === 0 && (
                <li>
                  <small>None was made by it{visit.query.has('after') ? ' before these' : ' yet'}.</small>
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
          {visit.mayChange && (
            <details class="panel" open={isRefusedAt(visit, address)}>
              <summary>Change or delete</summary>
              <Form
                visit={visit}
                action={address}
                class="detail"
                shown={{ name: client.name, appName: client.appName, redirectUris: client.redirectUris.join('\n') }}
              >
                <Field label="Name" name="name" value={client.name} isRequired />
                <Field label="App name in Okta" name="appName" value={client.appName} />
                <label class="line">
                  <span>Redirect URIs, one a line</span>
                  <textarea name="redirectUris" rows={5} class="mono">
                    {client.redirectUris.join('\n')}
                  </textarea>
                </label>
                <div class="acts">
                  <button type="submit">Save</button>
                </div>
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
            <b>It gets no more tokens from this moment.</b>{' '}
            {token ? (
              <>
                It got one <Time at={token.lastAt ?? token.at} now={visit.now} /> from{' '}
                {token.address ?? 'an unknown address'}.
              </>
            ) : (
              'It got none lately.'
            )}
          </p>
          <p class="soft">
            What is connected by it works until its access token ends,{' '}
            {counted(Math.round(client.accessTokenSeconds / 60), 'minute')} at most, and is then refused. To end it at
            once, revoke the connections too.
          </p>
        </Confirm>
      ),
    };
  }

  async function removal(visit: Visit) {
    const client = await clients.get(visit.params['id'] ?? '');
    const address = `${HOME}/clients/${client.id}`;
    return {
      title: 'Take away a secret',
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
    { method: 'get', path: '/clients', roles: READERS, handle: list },
    { method: 'get', path: '/clients/new', roles: WRITERS, handle: creation },
    {
      method: 'post',
      path: '/clients',
      roles: WRITERS,
      async handle({ form, cause }) {
        const { client, clientSecret } = await clients.create(
          {
            name: required(form, 'name'),
            provider: PROVIDERS.find((provider) => provider === form.get('provider')),
            directoryId: sent(form, 'directoryId'),
            appName: sent(form, 'appName'),
          },
          cause,
        );
        const title = `${client.name} was created`;
        return { title, place: 'clients', children: <Secret client={client} secret={clientSecret} title={title} /> };
      },
    },
    { method: 'get', path: '/clients/:id', roles: READERS, handle: one },
    {
      method: 'post',
      path: '/clients/:id',
      roles: WRITERS,
      async handle({ params, form, cause }) {
        const client = await clients.get(params['id'] ?? '');
        const uris = (form.get('redirectUris') ?? '').split(/\s+/).filter(Boolean);
        const appName = sent(form, 'appName');
        await clients.change(
          client.id,
          {
            ...(touched(form, 'name') && { name: required(form, 'name') }),
            ...(touched(form, 'appName') && { appName }),
            ...(touched(form, 'redirectUris') && uris.join() !== client.redirectUris.join() && { redirectUris: uris }),
          },
          cause,
        );
        return `${HOME}/clients/${client.id}`;
      },
    },
    { method: 'get', path: '/clients/:id/delete', roles: WRITERS, handle: deletion },
    { method: 'get', path: '/clients/:id/secrets/:secretId/remove', roles: WRITERS, handle: removal },
    {
      method: 'post',
      path: '/clients/:id/delete',
      roles: WRITERS,
      async handle({ params, cause }) {
        await clients.remove(await clients.get(params['id'] ?? ''), cause);
        return `${HOME}/clients`;
      },
    },
    {
      method: 'post',
      path: '/clients/:id/secrets',
      roles: WRITERS,
      async handle({ params, cause }) {
        const { client, clientSecret } = await clients.addSecret(params['id'] ?? '', cause);
        const title = 'Another secret';
        return { title, place: 'clients', children: <Secret client={client} secret={clientSecret} title={title} /> };
      },
    },
    {
      method: 'post',
      path: '/clients/:id/secrets/:secretId/remove',
      roles: WRITERS,
      async handle({ params, cause }) {
        const { id } = await clients.removeSecret(params['id'] ?? '', params['secretId'] ?? '', cause);
        return `${HOME}/clients/${id}`;
      },
    },
  ];
}

function ConnectionState({ state }: { state: Credential['state'] }) {
  const tone = state === 'active' ? 'ok' : state === 'pending' ? 'warn' : 'bad';
  return <Tag tone={tone}>{state === 'pending' ? 'takes over with its first use' : state}</Tag>;
}
