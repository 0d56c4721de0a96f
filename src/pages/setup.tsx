/** Setting a directory up, from the choice of the identity provider to its first accepted request; a page for each step. */

import { PAGE_ACTS } from '../diagnosis/index.ts';
import { choiceNameOf, IDENTITY_PROVIDER_IDS, IDENTITY_PROVIDERS } from '../identity-providers/index.ts';
import { awaitedIn, Check, isPasteRefused, troubleSince, WAYS } from './check.tsx';
import { ConsoleInstructions } from './console-instructions.tsx';
import { chosen, Pick } from './fields.tsx';
import { Form, Submit } from './forms.tsx';
import { capital, Go, Note, Steps, Tag } from './parts.tsx';
import { createSeen, type SeenDependencies } from './seen.ts';
import { clientSetupRoutes, clientsOf } from './setup-client.tsx';
import { framed, Onward } from './setup-steps.tsx';
import { addressOf, live, type Route, trailTo, type Visit } from './visit.tsx';

const LATEST_EVENTS = 30;

export function setupRoutes(deps: SeenDependencies): Route[] {
  const { directories, credentials, audit } = deps;
  const seen = createSeen(deps);

  async function choice(visit: Visit) {
    const directory = await seen.directory(visit);
    // Before anybody goes through steps at whose end it is refused.
    await credentials.assertNotHeldBack(directory.id, visit.attribution);
    return framed(
      visit,
      directory,
      0,
      <Form class="panel">
        <fieldset class="tiles">
          <legend>Which identity provider manages your users?</legend>
          {IDENTITY_PROVIDER_IDS.map((id) => (
            <Pick
              name="provider"
              value={id}
              isOn={id === directory.provider && id !== 'generic'}
              isRequired
              label={choiceNameOf(id)}
            />
          ))}
        </fieldset>
        <Submit name="Continue" back={addressOf(visit, directory)} />
      </Form>,
    );
  }

  async function access(visit: Visit) {
    const directory = await seen.directory(visit);
    await credentials.assertNotHeldBack(directory.id, visit.attribution);
    const address = addressOf(visit, directory);
    const { name, console: forms } = IDENTITY_PROVIDERS[directory.provider];
    const { oauth } = forms;
    const { own, spent, shared } = await clientsOf(deps, directory);
    if (!oauth || (!own && !spent && !shared && oauth.ownClient === undefined)) return `${address}/setup/bearer`;
    const { way: better, why } = oauth.recommended;
    const ways = [
      {
        kind: 'oauth',
        title: 'OAuth',
        text: `${capital(name)} gets a client ID and a secret once, and then renews its access automatically.`,
      },
      { kind: 'bearer', title: 'Token', text: `You paste one value into ${name}, and replace it by hand.` },
    ] as const;
    return framed(
      visit,
      directory,
      1,
      <>
        <p>
          {capital(name)} can connect with OAuth or with a token.{' '}
          <b>We recommend {better === 'oauth' ? 'OAuth' : 'a token'}.</b> {why}
        </p>
        <div class="slots">
          {ways
            .toSorted((a) => (a.kind === better ? -1 : 1))
            .map(({ kind, title, text }) => (
              <article class={kind === better ? 'slot way using' : 'slot way'}>
                <div class="head">
                  <h2>{title}</h2>
                  {kind === better && <Tag tone="ok">recommended</Tag>}
                </div>
                <p class="soft">{text}</p>
                <div class="acts">
                  <Go
                    href={`${address}/setup/${kind}`}
                    name={kind === 'oauth' ? 'Use OAuth' : 'Use a token'}
                    tone={kind === better ? 'primary' : undefined}
                  />
                </div>
              </article>
            ))}
        </div>
        <div class="acts">
          <Go href={`${address}/setup`} name="Choose another identity provider" tone="quiet" />
        </div>
      </>,
    );
  }

  async function byBearer(visit: Visit) {
    const view = await seen.view(visit);
    const { directory, provider } = view;
    const address = addressOf(visit, directory);
    const holders = view.holdings.map(({ credential }) => credential);
    const token = holders.find(({ kind }) => kind === 'bearer');
    return framed(
      visit,
      directory,
      2,
      <>
        {holders.length === 2 ? (
          <Note acts={<Go href={`${address}/generate`} name={PAGE_ACTS['generate-token']} />}>
            <strong>This directory already has two tokens or connections.</strong> Use one of them, or revoke the one
            you don't need.
          </Note>
        ) : (
          <Form action={`${address}/generate`} class="panel">
            <p>
              {token ? (
                <>
                  This directory already has a token that ends in <span class="mono whole">…{token.hint}</span>. If you
                  lost it, generate another one. Both work.
                </>
              ) : (
                `The token is shown only once. Open ${provider} next to this page before you generate it.`
              )}
            </p>
            <input type="hidden" name="way" value="setup" />
            <Submit name="Generate token" />
          </Form>
        )}
        <ConsoleInstructions view={view} form={IDENTITY_PROVIDERS[directory.provider].console.bearer} />
        <Onward address={address} />
      </>,
    );
  }

  async function check(visit: Visit) {
    const view = await seen.view(visit);
    const { directory, provider } = view;
    const address = addressOf(visit, directory);
    const { items } = await audit.page({ where: { directoryId: directory.id }, limit: LATEST_EVENTS });
    const fresh = awaitedIn(view, visit.query.has('way'));
    const isUsed = fresh?.total?.lastUsedAt !== undefined;
    const isDone = isUsed && troubleSince(view, fresh) === undefined;
    const way = visit.query.get('way') === 'generate' ? ('generate' as const) : ('setup' as const);
    const title = isDone ? `${provider} is connected` : `Waiting for ${provider}`;
    const part = (
      <Steps names={WAYS[way]} current={WAYS[way].length - (isDone ? 0 : isPasteRefused(view, fresh) ? 2 : 1)}>
        <Check view={view} fresh={fresh} events={items} />
        <div class="acts">
          <Go href={address} name="Go to the directory" tone={isDone ? 'primary' : undefined} />
          {!isDone && <Go href={`${address}/setup/access`} name="Back to the steps" tone="quiet" />}
        </div>
      </Steps>
    );
    return live(visit, { title, heading: `Connecting ${provider}`, trail: trailTo(visit, directory), part });
  }

  return [
    {
      path: '/directories/:id/setup',
      action: 'directories.set-up',
      get: choice,
      async post(visit) {
        const directory = await seen.directory(visit);
        const provider = chosen(visit.form, 'provider', IDENTITY_PROVIDER_IDS);
        if (provider !== directory.provider) await directories.change(directory.id, { provider }, visit.attribution);
        return `${addressOf(visit, directory)}/setup/access`;
      },
    },
    { path: '/directories/:id/setup/access', action: 'directories.set-up', get: access },
    { path: '/directories/:id/setup/bearer', action: 'directories.set-up', get: byBearer },
    ...clientSetupRoutes(deps),
    { path: '/directories/:id/check', action: 'directories.set-up', get: check },
  ];
}
