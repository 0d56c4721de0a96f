/** Setting a directory up, from the choice of the identity provider to its first accepted request; a page for each step. */
import { type Directory, PROVIDER_NAMES, PROVIDERS } from '../directories/index.ts';
import { AppError } from '../errors.ts';
import { Steps, Tag, Time } from '../faces/index.ts';
import type { Client, Clients } from '../oauth/index.ts';
import { Check, refusalOf, WAYS } from './check.tsx';
import { Ask, SecretRemoval } from './confirm.tsx';
import { InstructionList, SETUP } from './consoles.tsx';
import { endpointOf } from './directory.tsx';
import { Act, Field, Form, required } from './forms.tsx';
import { createSeen, type SeenDependencies } from './seen.ts';
import { CopyOnce, type GuidedRoute, Head, live, type Visit } from './visit.tsx';

const EVENTS = 30;
const CLIENTS = 50;
const SECRETS = 2;

export function setupRoutes(deps: SeenDependencies & { clients: Clients; publicUrl: string }): GuidedRoute[] {
  const { directories, credentials, audit, clients, publicUrl } = deps;

  const seen = createSeen(deps);

  const addressOf = (visit: Visit, { id }: Directory) => `${visit.home}/directories/${id}`;

  /** The clients of this directory alone, and those that the vendor shares with all. */
  async function clientsOf({
    id,
    provider,
  }: Directory): Promise<{ own: Client | undefined; shared: Client | undefined }> {
    const [mine, shared] = await Promise.all([
      clients.page({ directoryId: id, limit: CLIENTS }),
      clients.page({ sharedProvider: provider, limit: 1 }),
    ]);
    return { own: mine.items.find((client) => client.provider === provider), shared: shared.items[0] };
  }

  function framed(visit: Visit, directory: Directory, current: number, children: preact.ComponentChildren) {
    const title = `Set up ${directory.name}`;
    return {
      title,
      place: 'organizations',
      children: (
        <>
          <Head trail={[[addressOf(visit, directory), directory.name]]} title={title} />
          <Steps names={WAYS.setup} current={current}>
            {children}
          </Steps>
        </>
      ),
    };
  }

  async function provider(visit: Visit) {
    const directory = await seen.directory(visit);
    return framed(
      visit,
      directory,
      0,
      <Form visit={visit} class="panel">
        <fieldset class="tiles">
          <legend>Which identity provider manages your users?</legend>
          {PROVIDERS.map((id) => (
            <label class="choice">
              <input type="radio" name="provider" value={id} checked={id === directory.provider} required />
              <span>
                <b>{id === 'generic' ? 'Another one' : PROVIDER_NAMES[id]}</b>
              </span>
            </label>
          ))}
        </fieldset>
        <div class="acts">
          <button type="submit" class="primary">
            Continue
          </button>
          <a class="btn quiet" href={addressOf(visit, directory)}>
            Not now
          </a>
        </div>
      </Form>,
    );
  }

  async function access(visit: Visit) {
    const directory = await seen.directory(visit);
    const address = addressOf(visit, directory);
    const name = PROVIDER_NAMES[directory.provider];
    const { oauth, client, better } = SETUP[directory.provider];
    const { own, shared } = await clientsOf(directory);
    if (!oauth || !better || (!own && !shared && client === undefined)) return `${address}/setup/bearer`;
    const ways = [
      {
        kind: 'oauth',
        title: 'OAuth',
        text: `${name} fetches short-lived tokens for itself. Nothing has to be carried over again.`,
      },
      { kind: 'bearer', title: 'Static token', text: `One value, put into ${name} by hand, and rotated by hand.` },
    ] as const;
    return framed(
      visit,
      directory,
      1,
      <>
        <p>
          {name} can be connected by OAuth or by a static token.{' '}
          <b>{ways.find(({ kind }) => kind === better.kind)?.title}</b> is the better one here. {better.why}
        </p>
        <div class="slots">
          {ways
            .toSorted((a) => (a.kind === better.kind ? -1 : 1))
            .map(({ kind, title, text }) => (
              <article class={kind === better.kind ? 'slot way using' : 'slot way'}>
                <div class="head">
                  <h2>{title}</h2>
                  {kind === better.kind && <Tag tone="ok">better here</Tag>}
                </div>
                <p class="soft">{text}</p>
                <div class="acts">
                  <a class={kind === better.kind ? 'btn primary' : 'btn'} href={`${address}/setup/${kind}`}>
                    {kind === 'oauth' ? 'By OAuth' : 'By a static token'}
                  </a>
                </div>
              </article>
            ))}
        </div>
        <div class="acts">
          <a class="btn quiet" href={`${address}/setup`}>
            Not {name}?
          </a>
        </div>
      </>,
    );
  }

  async function byBearer(visit: Visit) {
    const directory = await seen.directory(visit);
    const address = addressOf(visit, directory);
    const name = PROVIDER_NAMES[directory.provider];
    const holders = await credentials.holders(directory.id);
    const token = holders.find(({ kind }) => kind === 'bearer');
    return framed(
      visit,
      directory,
      2,
      <>
        {holders.length === 2 ? (
          <section class="note">
            <div>
              <strong>Both slots are held.</strong> Use one of them, or rotate: a new token then takes the place of an
              old one.
            </div>
            <div class="acts">
              <a class="btn" href={`${address}/rotate`}>
                Rotate
              </a>
            </div>
          </section>
        ) : (
          <Form visit={visit} action={`${address}/generate`} class="panel">
            <p>
              {token ? (
                <>
                  There is a token already; it ends in <span class="mono whole">…{token.hint}</span>. If it is lost,
                  generate another one: both work.
                </>
              ) : (
                `The token is made now and shown once. Have ${name} open beside this page.`
              )}
            </p>
            <input type="hidden" name="way" value="setup" />
            <div class="acts">
              <button type="submit" class="primary">
                Generate the token
              </button>
            </div>
          </Form>
        )}
        <InstructionList
          provider={name}
          instructions={SETUP[directory.provider].bearer}
          values={{ endpoint: endpointOf(directory, publicUrl) }}
        />
        <Onward address={address} />
      </>,
    );
  }

  async function byOauth(visit: Visit) {
    const directory = await seen.directory(visit);
    return oauthPage(visit, directory, await clientsOf(directory), undefined);
  }

  /** `secret`: of the client, in the one moment in which it is there. */
  function oauthPage(
    visit: Visit,
    directory: Directory,
    { own, shared }: { own: Client | undefined; shared: Client | undefined },
    secret: string | undefined,
  ) {
    const address = addressOf(visit, directory);
    const name = PROVIDER_NAMES[directory.provider];
    const { oauth, client: needs } = SETUP[directory.provider];
    const client = own ?? shared;
    if (!oauth || (!client && needs === undefined)) return `${address}/setup/bearer`;
    const goesBack = client?.grantTypes.includes('authorization_code') === true;
    return framed(
      visit,
      directory,
      2,
      <>
        {secret !== undefined && (
          <CopyOnce title="The client secret" label={`For ${name}`} value={secret}>
            We keep only a digest. If it gets lost, add another one on this page.
          </CopyOnce>
        )}
        {!client && <ClientForm visit={visit} directory={directory} needsAppName={needs === 'app-name'} />}
        <InstructionList
          provider={name}
          instructions={oauth}
          values={{
            endpoint: endpointOf(directory, publicUrl),
            'client-id': client?.id,
            'client-secret': secret,
            'token-url': `${publicUrl}/oauth/token`,
            // Who fetches tokens with its secret alone is sent nowhere.
            'authorization-url': client && !goesBack ? null : `${publicUrl}/oauth/authorize`,
          }}
        />
        {goesBack && <p class="soft">Press the last button in this browser: {name} leads back here, and you decide.</p>}
        {own && secret === undefined && <Secrets visit={visit} directory={directory} client={own} />}
        {!own && shared && <p class="soft">The client secret comes from your software vendor.</p>}
        <Onward address={address} isMain={client !== undefined} />
      </>,
    );
  }

  function ClientForm(props: { visit: Visit; directory: Directory; needsAppName: boolean }) {
    const { visit, directory, needsAppName } = props;
    const name = PROVIDER_NAMES[directory.provider];
    return (
      <Form visit={visit} action={`${addressOf(visit, directory)}/setup/client`} class="panel">
        <p>
          {name} needs a client id and a client secret. They are made now; the secret is shown once. They work for this
          directory alone.
        </p>
        {needsAppName && (
          <Field
            label="App name in Okta"
            name="appName"
            isRequired
            hint="Open the app in Okta's admin console: in the address it stands after /admin/app/, such as acme_scim_1."
          />
        )}
        <div class="acts">
          <button type="submit" class="primary">
            Create client
          </button>
        </div>
      </Form>
    );
  }

  function Secrets({ visit, directory, client }: { visit: Visit; directory: Directory; client: Client }) {
    const path = `${addressOf(visit, directory)}/setup/client/secrets`;
    if (client.secrets.length === 0) return null;
    return (
      <details class="panel">
        <summary>Lost the client secret, or rotating it?</summary>
        <p class="soft">
          Two secrets work at a time: add one, put it into {PROVIDER_NAMES[directory.provider]}, then take the old one
          away.
        </p>
        <ul class="rows">
          {client.secrets.map((secret) => (
            <li>
              <span class="what">
                <span class="mono">…{secret.hint}</span>
                <small>
                  added <Time at={secret.createdAt} now={visit.now} />
                </small>
              </span>
              {client.secrets.length === SECRETS && <Ask href={`${path}/${secret.id}/remove`} name="Take away" />}
            </li>
          ))}
        </ul>
        {client.secrets.length < SECRETS && <Act visit={visit} action={path} name="Add a secret" />}
      </details>
    );
  }

  async function check(visit: Visit) {
    const directory = await seen.directory(visit);
    const address = addressOf(visit, directory);
    const name = PROVIDER_NAMES[directory.provider];
    const view = await seen.viewOf(directory);
    const { items } = await audit.page({ where: { directoryId: directory.id }, limit: EVENTS });
    const fresh = view.holdings.toSorted(
      (a, b) => b.credential.createdAt.getTime() - a.credential.createdAt.getTime(),
    )[0];
    const isDone = fresh?.total?.lastUsedAt !== undefined && refusalOf({ fresh, events: items }) === undefined;
    const way = visit.query.get('way') === 'generate' ? ('generate' as const) : ('setup' as const);
    const title = isDone ? `${name} is connected` : `Waiting for ${name}`;
    const part = (
      <Steps names={WAYS[way]} current={WAYS[way].length - (isDone ? 0 : 1)}>
        <Check view={view} fresh={fresh} events={items} endpoint={endpointOf(directory, publicUrl)} />
        <div class="acts">
          <a class={isDone ? 'btn primary' : 'btn'} href={address}>
            To the directory
          </a>
          {!isDone && (
            <a class="btn quiet" href={`${address}/setup/access`}>
              Back to the steps
            </a>
          )}
        </div>
      </Steps>
    );
    return live(visit, {
      title,
      place: 'organizations',
      head: <Head trail={[[address, directory.name]]} title={`Connecting ${name}`} />,
      part,
    });
  }

  async function ownClientOf(directory: Directory): Promise<Client> {
    const { own } = await clientsOf(directory);
    if (own) return own;
    throw new AppError('not_found', { detail: 'This directory has no client of its own.' });
  }

  return [
    { method: 'get', path: '/directories/:id/setup', handle: provider },
    {
      method: 'post',
      path: '/directories/:id/setup',
      async handle(visit) {
        const directory = await seen.directory(visit);
        const given = required(visit.form, 'provider');
        const chosen = PROVIDERS.find((id) => id === given);
        if (!chosen) {
          const detail = `Identity provider: given ${given.slice(0, 40)}; wanted one of ${PROVIDERS.join(', ')}.`;
          throw new AppError('invalid_request', { detail });
        }
        if (chosen !== directory.provider) await directories.change(directory.id, { provider: chosen }, visit.cause);
        return `${addressOf(visit, directory)}/setup/access`;
      },
    },
    { method: 'get', path: '/directories/:id/setup/access', handle: access },
    { method: 'get', path: '/directories/:id/setup/bearer', handle: byBearer },
    { method: 'get', path: '/directories/:id/setup/oauth', handle: byOauth },
    {
      method: 'post',
      path: '/directories/:id/setup/client',
      async handle(visit) {
        const directory = await seen.directory(visit);
        const { provider: id } = directory;
        const { client: needs } = SETUP[id];
        const { own } = await clientsOf(directory);
        if (own || needs === undefined) return `${addressOf(visit, directory)}/setup/oauth`;
        const { client, clientSecret } = await clients.create(
          {
            name: PROVIDER_NAMES[id],
            provider: id,
            directoryId: directory.id,
            // Redirect URIs come from what is known of the provider, never from whoever holds a portal link.
            ...(needs === 'app-name'
              ? { appName: required(visit.form, 'appName') }
              : { grantTypes: ['client_credentials'], redirectUris: [] }),
          },
          visit.cause,
        );
        return oauthPage(visit, directory, { own: client, shared: undefined }, clientSecret);
      },
    },
    {
      method: 'post',
      path: '/directories/:id/setup/client/secrets',
      async handle(visit) {
        const directory = await seen.directory(visit);
        const { id } = await ownClientOf(directory);
        const { client, clientSecret } = await clients.addSecret(id, visit.cause);
        return oauthPage(visit, directory, { own: client, shared: undefined }, clientSecret);
      },
    },
    {
      method: 'get',
      path: '/directories/:id/setup/client/secrets/:secretId/remove',
      async handle(visit) {
        const directory = await seen.directory(visit);
        const address = `${addressOf(visit, directory)}/setup/oauth`;
        return {
          title: 'Take away a secret',
          place: 'organizations',
          children: (
            <SecretRemoval
              visit={visit}
              trail={[[addressOf(visit, directory), directory.name]]}
              client={await ownClientOf(directory)}
              secretId={visit.params['secretId'] ?? ''}
              back={address}
            />
          ),
        };
      },
    },
    {
      method: 'post',
      path: '/directories/:id/setup/client/secrets/:secretId/remove',
      async handle(visit) {
        const directory = await seen.directory(visit);
        const { id } = await ownClientOf(directory);
        await clients.removeSecret(id, visit.params['secretId'] ?? '', visit.cause);
        return `${addressOf(visit, directory)}/setup/oauth`;
      },
    },
    { method: 'get', path: '/directories/:id/check', handle: check },
  ];
}

function Onward({ address, isMain = false }: { address: string; isMain?: boolean }) {
  return (
    <div class="acts">
      <a class={isMain ? 'btn primary' : 'btn'} href={`${address}/check`}>
        See whether it works
      </a>
      <a class="btn quiet" href={`${address}/setup/access`}>
        Back
      </a>
    </div>
  );
}
