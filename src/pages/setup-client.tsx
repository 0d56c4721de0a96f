/** Setting up by OAuth: the client that the identity provider is given, made here where it has none yet. */

import type { Credentials } from '../credentials/index.ts';
import { PAGE_ACTS } from '../diagnosis/index.ts';
import type { Directory } from '../directories/index.ts';
import { AppError } from '../errors.ts';
import { IDENTITY_PROVIDERS } from '../identity-providers/index.ts';
import {
  appNameOf,
  type Client,
  type Clients,
  canConnect,
  clientIdOf,
  isLiveAt,
  mostLiveSecretsOf,
  type SecretUses,
} from '../oauth/index.ts';
import { AddSecret, SecretRows, secretEndSent, secretRemoval } from './client-secrets.tsx';
import { ConsoleInstructions } from './console-instructions.tsx';
import { Field, required } from './fields.tsx';
import { Lead, troubleOf } from './findings.tsx';
import { Fold, Form, Submit } from './forms.tsx';
import { CopyOnce } from './heads.tsx';
import { capital, Go, Note } from './parts.tsx';
import { createSeen, type SeenDependencies } from './seen.ts';
import { framed, Onward } from './setup-steps.tsx';
import { PasteWarning } from './shown-token.tsx';
import { Expiry } from './times.tsx';
import { addressOf, type Route, trailTo, useVisit, type Visit } from './visit.tsx';

const CLIENTS = 50;

interface FoundClients {
  own: Client | undefined;
  /** One whose connection has ended for good: it never gets a token again, and another one must take its place. */
  spent?: Client | undefined;
  /** One with which somebody can connect. */
  shared: Client | undefined;
  /** One that lacks what it needs for that, such as the app name in Okta. */
  unready?: Client | undefined;
}

export function clientSetupRoutes(deps: SeenDependencies): Route[] {
  const { clients } = deps;
  const seen = createSeen(deps);

  async function byOauth(visit: Visit) {
    const directory = await seen.directory(visit);
    const found = await clientsOf(deps, directory);
    if (found.spent && !found.own && !found.shared) return `${addressOf(visit, directory)}/setup/client`;
    return oauthPage(visit, directory, found, undefined);
  }

  /** Another client in place of one that can't be used any more, or the first one. */
  async function creation(visit: Visit) {
    const directory = await seen.directory(visit);
    const address = addressOf(visit, directory);
    const { own, spent } = await clientsOf(deps, directory);
    const needs = IDENTITY_PROVIDERS[directory.provider].console.oauth?.ownClient;
    if (own || needs === undefined) return `${address}/setup/oauth`;
    const title = PAGE_ACTS['create-client'];
    return {
      title,
      trail: trailTo(visit, directory),
      children: (
        <>
          {spent && (
            <p>
              <b>The client that this directory had can't connect again.</b> Its connection has ended permanently
              (client ID <span class="mono">{clientIdOf(spent)}</span>).
            </p>
          )}
          <ClientForm directory={directory} needsAppName={needs === 'app-name'} name={title} back={address} />
        </>
      ),
    };
  }

  /** Where another secret is made, with what becomes of those that there are. */
  async function secretAddition(visit: Visit) {
    const directory = await seen.directory(visit);
    const address = addressOf(visit, directory);
    const { own, spent } = await clientsOf(deps, directory);
    if (!own) return `${address}/setup/${spent ? 'client' : 'oauth'}`;
    const title = PAGE_ACTS['add-client-secret'];
    return {
      title,
      trail: trailTo(visit, directory),
      children: (
        <>
          <Secrets directory={directory} client={own} uses={await clients.usesOfSecrets(own)} />
          <div class="acts">
            <Go href={address} name="Not now" tone="quiet" />
          </div>
        </>
      ),
    };
  }

  /** `secret`: of the client, in the one moment in which it is there. */
  async function oauthPage(visit: Visit, directory: Directory, found: FoundClients, secret: string | undefined) {
    const { own, shared, unready } = found;
    const view = await seen.viewOf(directory);
    const trouble = troubleOf(view.diagnosis);
    const address = addressOf(visit, directory);
    const { name, console: forms } = IDENTITY_PROVIDERS[directory.provider];
    const { oauth } = forms;
    const needs = oauth?.ownClient;
    const client = own ?? shared;
    if (!oauth || (!client && needs === undefined)) return `${address}/setup/bearer`;
    const goesBack = client?.grantTypes.includes('authorization_code') === true;
    const needsSecret =
      own !== undefined && secret === undefined && !own.secrets.some((one) => isLiveAt(one, visit.now));
    const uses = own && secret === undefined ? await clients.usesOfSecrets(own) : undefined;
    const lacksAppName = own !== undefined && !canConnect(own) && needs === 'app-name';
    return framed(
      visit,
      directory,
      2,
      <>
        {secret !== undefined && (
          <CopyOnce title="The client secret" label={`For ${name}`} value={secret}>
            Copy it now; it won't be shown again. If you lose it, add another one on this page.{' '}
            {own && <Expiry at={newestOf(own).expiresAt} />}
            <PasteWarning diagnosis={view.diagnosis} />
          </CopyOnce>
        )}
        {trouble && secret === undefined && <Lead finding={trouble} view={view} />}
        {unready && <Unready client={unready} />}
        {lacksAppName && <MissingAppName directory={directory} />}
        {!client && <ClientForm directory={directory} needsAppName={needs === 'app-name'} />}
        {needsSecret && uses && <Secrets directory={directory} client={own} uses={uses} />}
        <ConsoleInstructions
          view={view}
          form={oauth}
          secretIs={!own && shared ? sharedSecretFor(visit) : undefined}
          given={{
            'client-id': client && clientIdOf(client),
            'client-secret': secret,
            // Who fetches tokens with its secret alone is sent nowhere.
            ...(client && !goesBack && { 'authorization-url': null }),
          }}
        />
        {goesBack && !lacksAppName && (
          <p class="soft">
            Use this browser when you select the last button. {capital(name)} then brings you back here to allow the
            connection.
          </p>
        )}
        {own && goesBack && <RedirectUris provider={name} uris={own.redirectUris} />}
        {own?.appName !== undefined && <AppName directory={directory} appName={own.appName} />}
        {own && uses && !needsSecret && <Secrets directory={directory} client={own} uses={uses} />}
        {!own && shared && needs !== undefined && (
          <Fold summary="Use your own client instead" class="panel" action={`${address}/setup/client`}>
            <ClientForm directory={directory} needsAppName={needs === 'app-name'} />
          </Fold>
        )}
        <Onward address={address} isMain={client !== undefined} />
      </>,
    );
  }

  function ClientForm(props: { directory: Directory; needsAppName: boolean; name?: string; back?: string }) {
    const { directory, needsAppName, name = 'Create client', back } = props;
    return (
      <Form action={`${addressOf(useVisit(), directory)}/setup/client`} class="panel">
        <p>
          {capital(IDENTITY_PROVIDERS[directory.provider].name)} needs a client ID and a client secret to get tokens.
          Both work only for this directory. The secret is shown only once.
        </p>
        {needsAppName && <AppNameField />}
        <Submit name={name} {...(back !== undefined && { back })} />
      </Form>
    );
  }

  /** An IT contact can change nothing that other customers share, and needs no word about it. */
  function Unready({ client }: { client: Client }) {
    const visit = useVisit();
    if (visit.attribution.actor.type === 'it_contact') return null;
    return (
      <Note acts={<Go href={`${visit.home}/clients/${client.id}`} name="Add the app name" />}>
        <strong>{client.name} is shared, but can't be used to connect yet.</strong> It has no redirect URI. Add its app
        name in Okta on the client’s page. Until then, customers create their own client here.
      </Note>
    );
  }

  function MissingAppName({ directory }: { directory: Directory }) {
    return (
      <Form action={`${addressOf(useVisit(), directory)}/setup/client/app-name`} class="panel">
        <p>
          <b>One value is missing: the name that Okta gave your app.</b> Okta returns to a URL with that name, so it
          can’t connect without it.
        </p>
        <AppNameField />
        <Submit name="Save" />
      </Form>
    );
  }

  /** Okta leads back to an address that names the app: a wrong name is told as an unknown redirect URI. */
  function AppName({ directory, appName }: { directory: Directory; appName: string }) {
    const visit = useVisit();
    const path = `${addressOf(visit, directory)}/setup/client/app-name`;
    return (
      <Fold
        summary={
          <>
            App name in Okta: <span class="mono">{appName}</span>. Change it
          </>
        }
        class="panel"
        id="app-name"
        isOpen={visit.query.has('app-name')}
        action={path}
      >
        <Form action={path} class="detail">
          <AppNameField value={appName} />
          <Submit name="Save" isMild />
        </Form>
      </Fold>
    );
  }

  function Secrets({ directory, client, uses }: { directory: Directory; client: Client; uses: SecretUses }) {
    const visit = useVisit();
    const path = `${addressOf(visit, directory)}/setup/client/secrets`;
    if (client.secrets.length === 0) return null;
    const name = IDENTITY_PROVIDERS[directory.provider].name;
    const live = client.secrets.filter((secret) => isLiveAt(secret, visit.now));
    const most = mostLiveSecretsOf(client.provider);
    const { vendor, audience } = visit.reader;
    return (
      <section class="panel" id="client-secret">
        <h2>The client secret</h2>
        <p>
          It is made here{audience === 'it_contact' && `, at ${vendor}`}, not in {name}. Paste it into {name} after
          that. {fateOf(live.length, client.secrets.length - live.length)}
        </p>
        <SecretRows client={client} uses={uses} path={path} />
        {live.length >= most ? (
          <p class="soft">
            At most {most} secrets can work at the same time, and {live.length} do now. Remove a secret before you add
            another one.
          </p>
        ) : (
          <>
            <p class="soft">
              At most {most} secrets work at a time, and {live.length} {live.length === 1 ? 'does' : 'do'} now.
            </p>
            <AddSecret client={client} path={path} />
          </>
        )}
      </section>
    );
  }

  async function ownClientOf(directory: Directory): Promise<Client> {
    const { own } = await clientsOf(deps, directory);
    if (own) return own;
    throw new AppError('not_found', { detail: 'This directory has no client of its own.' });
  }

  return [
    { path: '/directories/:id/setup/oauth', action: 'directories.set-up', get: byOauth },
    {
      path: '/directories/:id/setup/client',
      action: 'directories.set-up',
      get: creation,
      async post(visit) {
        const directory = await seen.directory(visit);
        const { provider: id } = directory;
        const needs = IDENTITY_PROVIDERS[id].console.oauth?.ownClient;
        const { own } = await clientsOf(deps, directory);
        if (own || needs === undefined) return `${addressOf(visit, directory)}/setup/oauth`;
        const { client, clientSecret } = await clients.create(
          {
            name: IDENTITY_PROVIDERS[id].name,
            provider: id,
            directoryId: directory.id,
            // Redirect URIs come from what is known of the provider, never from the holder of a portal link.
            ...(needs === 'app-name'
              ? { appName: appNameSent(visit.form) }
              : { grantTypes: ['client_credentials'], redirectUris: [] }),
          },
          visit.attribution,
        );
        return oauthPage(visit, directory, { own: client, shared: undefined }, clientSecret);
      },
    },
    {
      path: '/directories/:id/setup/client/app-name',
      action: 'directories.set-up',
      on: '/directories/:id/setup/oauth',
      async does(visit) {
        const { id } = await ownClientOf(await seen.directory(visit));
        await clients.change(id, { appName: appNameSent(visit.form) }, visit.attribution);
      },
    },
    {
      path: '/directories/:id/setup/client/secrets',
      action: 'directories.set-up',
      get: secretAddition,
      async post(visit) {
        const directory = await seen.directory(visit);
        const { id } = await ownClientOf(directory);
        const { client, clientSecret } = await clients.addSecret(id, secretEndSent(visit.form), visit.attribution);
        return oauthPage(visit, directory, { own: client, shared: undefined }, clientSecret);
      },
    },
    {
      path: '/directories/:id/setup/client/secrets/:secretId/remove',
      action: 'directories.set-up',
      on: '/directories/:id/setup/oauth',
      async ask(visit) {
        const directory = await seen.directory(visit);
        const own = await ownClientOf(directory);
        const removal = secretRemoval(visit, own, await clients.usesOfSecrets(own));
        return { ...removal, trail: trailTo(visit, directory) };
      },
      async does(visit) {
        const { id } = await ownClientOf(await seen.directory(visit));
        await clients.removeSecret(id, visit.params['secretId'] ?? '', visit.attribution);
      },
    },
  ];
}

function sharedSecretFor({ reader: { audience, vendor } }: Visit): string {
  return audience === 'it_contact'
    ? `The client secret from ${vendor}`
    : "The shared client's secret, shown once when it was added. Lost it? Add another one on the client's page.";
}

/** The clients of this directory alone, the newest first, and those that the vendor shares with all. */
export async function clientsOf(
  { clients, credentials }: { clients: Clients; credentials: Credentials },
  { id, provider }: Directory,
): Promise<FoundClients> {
  const [mine, shared] = await Promise.all([
    clients.page({ directoryId: id, limit: CLIENTS }),
    clients.page({ sharedProvider: provider, limit: CLIENTS }),
  ]);
  const owned = mine.items
    .filter((client) => client.provider === provider)
    .toSorted((a, b) => b.createdAt.getTime() - a.createdAt.getTime());
  const ends = await Promise.all(owned.map((client) => isSpent(client, credentials)));
  const own = owned.find((_, index) => !ends[index]);
  const ready = shared.items.find(canConnect);
  return { own, spent: owned[0], shared: ready, unready: own || ready ? undefined : shared.items[0] };
}

/** The secret that was added last: the one that belongs into the console. */
function newestOf({ secrets }: Client) {
  return secrets.reduce((a, b) => (b.createdAt > a.createdAt ? b : a));
}

/** What becomes of the secrets that there are when another one is added. */
function fateOf(live: number, expired: number): string {
  if (live === 0)
    return expired === 1
      ? 'The one below has expired, and stays refused.'
      : 'Those below have expired, and stay refused.';
  const kept = `Adding one doesn’t affect the ${live === 1 ? 'one that works: it keeps' : 'others that work: they keep'} working.`;
  if (expired === 0) return kept;
  return `${kept} ${expired === 1 ? 'The one that has expired stays' : 'Those that have expired stay'} refused.`;
}

/** A client with which nobody has to agree stands for one credential. Once that is revoked or has expired, it gets no more tokens. */
async function isSpent({ credentialId }: Client, credentials: Credentials): Promise<boolean> {
  if (credentialId === undefined) return false;
  const state = (await credentials.find(credentialId))?.state;
  return state === 'revoked' || state === 'expired';
}

/** Where the provider may return to: a request with another one is refused. */
function RedirectUris({ provider, uris }: { provider: string; uris: readonly string[] }) {
  if (uris.length === 0) return null;
  return (
    <p class="soft">
      {capital(provider)} can return only to {uris.length === 1 ? 'this redirect URI' : 'these redirect URIs'}:
      {uris.map((uri) => (
        <>
          <br />
          <span class="mono">{uri}</span>
        </>
      ))}
    </p>
  );
}

function AppNameField({ value }: { value?: string }) {
  return (
    <Field
      name="appName"
      value={value}
      isRequired
      hint="Open the app in Okta's admin console and paste its URL here, or only the part after /admin/app/, such as acme_scim_1."
    />
  );
}

/** Throws invalid_request. */
function appNameSent(form: URLSearchParams): string {
  return appNameOf(required(form, 'appName', 1000));
}
