/** One OAuth client: what it is set up with, its secrets, what it connects, its end. */
import { type Credential, stateAt } from '../credentials/index.ts';
import type { Directory } from '../directories/index.ts';
import { appNameOf, type Client, canConnect, clientIdOf } from '../oauth/index.ts';
import {
  AddSecret,
  Ask,
  CopyField,
  CopyOnce,
  changesIn,
  counted,
  type DetailList,
  Details,
  Field,
  Fold,
  Form,
  Last,
  Lines,
  List,
  Listed,
  oncePage,
  Row,
  required,
  SecretRows,
  Submit,
  secretEndSent,
  secretRemoval,
  sent,
  Tag,
  type Trail,
} from '../pages/index.ts';
import type { DashboardDependencies } from './dependencies.ts';
import { HOME, PLACES, type Route, type Visit } from './visit.ts';

const LATEST = 50;
const CONNECTIONS = 10;

export function oneClientRoutes(deps: DashboardDependencies): Route[] {
  const { clients, directories, organizations, credentials, usage, audit, publicUrl } = deps;

  /** What it connects, newest first, a page at a time. */
  async function connectionsOf(client: Client, { paging }: Visit) {
    const page = await credentials.ofClient(client.id, { ...paging, limit: CONNECTIONS });
    const totals = await usage.totals(page.items.map(({ id }) => id));
    const items = await Promise.all(
      page.items.map(async (credential) => ({
        credential,
        total: totals.get(credential.id),
        directory: await directories.find(credential.directoryId),
        organization: await organizations.find(credential.organizationId),
      })),
    );
    return { ...page, items };
  }

  async function one(visit: Visit) {
    const client = await clients.get(visit.id);
    const directory = client.directoryId === undefined ? undefined : await directories.find(client.directoryId);
    const address = `${HOME}/clients/${client.id}`;
    return {
      title: client.name,
      trail: [PLACES.clients],
      children: (
        <>
          <section class="panel">
            <Values client={client} publicUrl={publicUrl} />
            <Details of={factsOf(client, directory)} />
          </section>
          <Listed title="Secrets">
            {client.secrets.length === 0 && (
              <p class="soft">
                {client.authMethod === 'none'
                  ? 'None. This is a public client.'
                  : 'None. This client signs its requests with its own key.'}
              </p>
            )}
            <SecretRows client={client} uses={await clients.usesOfSecrets(client)} path={`${address}/secrets`} />
          </Listed>
          <AddSecret client={client} path={`${address}/secrets`} class="panel" />
          <List
            title="Connections"
            of={await connectionsOf(client, visit)}
            none={visit.query.has('after') ? 'No earlier connections.' : 'No connections yet.'}
            row={({ credential, total, directory: to, organization }) => (
              <Row
                name={<b>{to?.name ?? 'A directory that was deleted'}</b>}
                href={to && `${HOME}/directories/${to.id}`}
                text={
                  <>
                    {organization && `${organization.name}, `}
                    <Last at={total?.lastUsedAt} before="last used" never="never used" />
                  </>
                }
              >
                <ConnectionState state={stateAt(credential, visit.now)} />
              </Row>
            )}
          />
          {visit.may('clients.change') && (
            <Fold summary="Change or delete" class="panel" action={address} isOpen={!canConnect(client)}>
              <Form
                action={address}
                class="detail"
                values={{ name: client.name, appName: client.appName, redirectUris: client.redirectUris.join('\n') }}
              >
                <Field name="name" isRequired />
                <Field
                  name="appName"
                  maximum={1000}
                  hint="For example, acme_scim_1, or the URL of the app in Okta's admin console."
                />
                <Lines name="redirectUris" rows={5} />
                <Submit name="Save" isMild />
              </Form>
              <div class="acts">
                <Ask href={`${address}/delete`} name="Delete" />
              </div>
            </Fold>
          )}
        </>
      ),
    };
  }

  async function deletion(visit: Visit) {
    const { id, name, accessTokenSeconds } = await clients.get(visit.id);
    const { items } = await audit.page({ where: { actorId: id }, limit: LATEST });
    const token = items.find(({ type }) => type === 'token.issued');
    return {
      title: `Delete ${name}`,
      trail: below(id, name),
      effect: "It won't be able to get any more tokens.",
      more: (
        <Last
          at={token && (token.lastAt ?? token.at)}
          before="It last got one"
          from={token?.address ?? 'an unknown address'}
          after="."
          never="It hasn't gotten one recently."
        />
      ),
      later: `Its connections work until their access tokens expire, in ${counted(Math.round(accessTokenSeconds / 60), 'minute')} at most. To stop them now, revoke the connections too.`,
    };
  }

  return [
    { path: '/clients/:id', action: 'clients.read', get: one },
    {
      path: '/clients/:id',
      action: 'clients.change',
      async does({ id, form, attribution }) {
        const client = await clients.get(id);
        const { redirectUris: uris, ...changes } = changesIn(form, {
          name: required,
          appName: appNameIn,
          redirectUris,
        });
        const isOther = uris !== undefined && uris.join() !== client.redirectUris.join();
        await clients.change(client.id, { ...changes, ...(isOther && { redirectUris: uris }) }, attribution);
      },
    },
    {
      path: '/clients/:id/delete',
      action: 'clients.change',
      ask: deletion,
      async post({ id, attribution }) {
        await clients.remove(await clients.get(id), attribution);
        return `${HOME}/clients`;
      },
    },
    {
      path: '/clients/:id/secrets',
      action: 'clients.change',
      async post({ id, form, attribution }) {
        const { client, clientSecret } = await clients.addSecret(id, secretEndSent(form), attribution);
        return secretPage('Another secret', client, clientSecret, publicUrl);
      },
    },
    {
      path: '/clients/:id/secrets/:secretId/remove',
      action: 'clients.change',
      async ask(visit) {
        const client = await clients.get(visit.id);
        const removal = secretRemoval(visit, client, await clients.usesOfSecrets(client));
        return { ...removal, trail: below(client.id, client.name) };
      },
      does: ({ id, params, attribution }) => clients.removeSecret(id, params['secretId'] ?? '', attribution),
    },
  ];
}

function redirectUris(form: URLSearchParams): string[] {
  return (form.get('redirectUris') ?? '').split(/\s+/).filter(Boolean);
}

/** Throws invalid_request. */
function appNameIn(form: URLSearchParams): string | undefined {
  const given = sent(form, 'appName', 1000);
  return given === undefined ? undefined : appNameOf(given);
}

/** Of the pages below that of a client. */
function below(id: string, name: string): Trail {
  return [PLACES.clients, [`${HOME}/clients/${id}`, name]];
}

function factsOf(client: Client, directory: Directory | undefined): DetailList {
  const { redirectUris, grantTypes, withheldGrants, accessTokenSeconds } = client;
  return [
    [
      'For',
      directory ? <a href={`${HOME}/directories/${directory.id}`}>{directory.name}</a> : 'All organizations (shared)',
    ],
    [
      'Redirect URIs',
      <>
        {redirectUris.map((uri) => (
          <div class="mono">{uri}</div>
        ))}
        <MissingRedirects client={client} />
      </>,
    ],
    [
      'Grants',
      <>
        {grantTypes.map((grant) => grant.replaceAll('_', ' ')).join(', ')}
        {withheldGrants.includes('client_credentials') && (
          <div class="soft">
            This client can't use client credentials. It has no secret or key, so its ID alone would get a token. Create
            a client with a secret instead.
          </div>
        )}
      </>,
    ],
    ['Access tokens', counted(Math.round(accessTokenSeconds / 60), 'minute')],
    ['Connections end', endOf(client)],
  ];
}

function endOf({ maximumAgeDays, idleDays }: Client): string {
  const ends = [
    maximumAgeDays === undefined ? '' : `after ${counted(maximumAgeDays, 'day')}`,
    idleDays === undefined ? '' : `after ${counted(idleDays, 'day')} without a refresh`,
  ].filter(Boolean);
  return ends.join(', or ') || 'Never';
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
function Values({ client, publicUrl }: { client: Client; publicUrl: string }) {
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

/** A new secret, this once, with all else that goes into the console. */
export function secretPage(title: string, client: Client, secret: string | undefined, publicUrl: string) {
  return oncePage(
    { title, trail: [PLACES.clients], done: "I've saved it", back: `${HOME}/clients/${client.id}` },
    <>
      {secret !== undefined && (
        <CopyOnce title="Client secret" label={`For ${client.name}`} value={secret}>
          Copy it now; it won't be shown again. If you lose it, add another secret and remove this one.
        </CopyOnce>
      )}
      <section class="panel">
        <h2>Other values</h2>
        <Values client={client} publicUrl={publicUrl} />
      </section>
    </>,
  );
}

function ConnectionState({ state }: { state: Credential['state'] }) {
  const tone = state === 'active' ? 'ok' : state === 'pending' ? 'warn' : 'bad';
  return <Tag tone={tone}>{state === 'pending' ? 'active after its first use' : state}</Tag>;
}
