import type { Audit } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import { type Credential, type Credentials, SCOPES, type Scope, type Usage } from '../credentials/index.ts';
import { type Directories, type Directory, PROVIDER_NAMES } from '../directories/index.ts';
import { AppError } from '../errors.ts';
import { type DirectoryView, readDirectoryView, Steps, spokenOf, Time } from '../faces/index.ts';
import { Check, WAYS } from './check.tsx';
import { Confirm } from './confirm.tsx';
import { InstructionList, SETUP } from './consoles.tsx';
import { endpointOf } from './directory.tsx';
import { Act, Choice, Field, Form, required, sent } from './forms.tsx';
import { CopyOnce, type GuidedRoute, type Handler, Head, MessagePage, type Visit } from './visit.tsx';

const EVENTS = 30;

export function credentialRoutes(deps: {
  directories: Directories;
  credentials: Credentials;
  usage: Usage;
  audit: Audit;
  clock: Clock;
  publicUrl: string;
}): GuidedRoute[] {
  const { directories, credentials, audit, clock, publicUrl } = deps;

  async function directoryOf(visit: Visit, id = visit.params['id'] ?? ''): Promise<Directory> {
    const directory = await directories.get(id);
    visit.assertSees(directory.organizationId);
    return directory;
  }

  async function credentialOf(visit: Visit): Promise<Credential> {
    const credential = await credentials.get(visit.params['id'] ?? '');
    visit.assertSees(credential.organizationId);
    return credential;
  }

  async function viewOf(visit: Visit, id?: string): Promise<DirectoryView> {
    const directory = await directoryOf(visit, id);
    return readDirectoryView(deps, { directory, provider: PROVIDER_NAMES[directory.provider], now: clock.now() });
  }

  async function shownToken(visit: Visit, directoryId: string, token: string, way: keyof typeof WAYS) {
    const isRotation = way === 'rotate';
    const view = await viewOf(visit, directoryId);
    const { provider, directory } = view;
    const address = `${visit.home}/directories/${directoryId}`;
    const title = isRotation ? 'Rotate the static token' : 'Your new token';
    return {
      title,
      place: 'organizations',
      children: (
        <>
          <Head trail={[[address, directory.name]]} title={title} />
          <Steps names={WAYS[way]} current={way === 'setup' ? 2 : 1}>
            <CopyOnce title="The token" label={`For ${provider}`} value={token}>
              We keep only a digest. If it gets lost, generate another
              {isRotation ? `; the token that ${provider} uses now keeps working` : ''}.
            </CopyOnce>
            <InstructionList
              provider={provider}
              instructions={SETUP[directory.provider].bearer}
              values={{ token, endpoint: endpointOf(directory, publicUrl) }}
            />
            <div class="acts">
              <a class="btn primary" href={isRotation ? `${address}/rotate` : `${address}/check?way=${way}`}>
                I have stored it
              </a>
              <a class="btn quiet" href={address}>
                Finish later
              </a>
            </div>
          </Steps>
        </>
      ),
    };
  }

  /** A rotation that is under way: whether the new one is seen, and what becomes of the old one. */
  async function waiting(visit: Visit) {
    const view = await viewOf(visit);
    const { directory, holdings, provider } = view;
    const address = `${visit.home}/directories/${directory.id}`;
    const old = holdings.find(({ progress }) => progress);
    const fresh = holdings.find(({ credential }) => credential.id === old?.progress?.successorId);
    if (!old || !fresh) return undefined;
    const { items } = await audit.page({ where: { directoryId: directory.id }, limit: EVENTS });
    const title = 'Rotate the static token';
    const part = (
      <Steps names={WAYS.rotate} current={fresh.total?.lastUsedAt ? 3 : 2}>
        <Check view={view} fresh={fresh} events={items} endpoint={endpointOf(directory, publicUrl)} />
        <section class="detail">
          <h2>Retire the old one</h2>
          <p class="soft">
            {old.progress?.retire === 'when-replaced'
              ? `It retires by itself once ${provider} uses the new one and nothing comes with the old one any more.`
              : 'It goes on until you retire it.'}
          </p>
          {old.progress?.successorAccepted && (
            <div class="acts">
              <Act
                visit={visit}
                action={`${visit.home}/credentials/${old.credential.id}/retire`}
                name={`Retire ${old.credential.slot.toUpperCase()} now`}
                tone="primary"
              />
            </div>
          )}
        </section>
        <div class="acts">
          <a class="btn" href={address}>
            To the directory
          </a>
        </div>
      </Steps>
    );
    return {
      title,
      place: 'organizations',
      ...(visit.query.has('part') && { part }),
      children: (
        <>
          <Head trail={[[address, directory.name]]} title={title} />
          <div data-live={`${visit.path}?part=live`}>{part}</div>
        </>
      ),
    };
  }

  async function rotation(visit: Visit) {
    const under = await waiting(visit);
    if (under) return under;
    const view = await viewOf(visit);
    const { directory, provider, holdings } = view;
    const address = `${visit.home}/directories/${directory.id}`;
    const old = holdings.find(({ credential }) => credential.kind === 'bearer');
    if (!old) return `${address}/generate`;
    const isFull = holdings.length === 2;
    return {
      title: 'Rotate the static token',
      place: 'organizations',
      children: (
        <>
          <Head trail={[[address, directory.name]]} title="Rotate the static token" />
          <Steps names={WAYS.rotate} current={0}>
            <Form visit={visit} class="panel">
              <p>
                {isFull ? (
                  <>
                    <b>Both slots are held, so {provider} is refused from the moment of the new token</b> until you have
                    put that in. To go over without a gap, first revoke the credential that is not used.
                  </>
                ) : (
                  <>
                    A new token is put beside {spokenOf(old.credential)}. <b>Both work</b> until {provider} uses the new
                    one.
                  </>
                )}
              </p>
              <Field label="Label" name="label" value={old.credential.label} />
              {isFull ? (
                <input type="hidden" name="mode" value="immediate" />
              ) : (
                <fieldset>
                  <legend>And the old one</legend>
                  <label class="choice">
                    <input type="radio" name="retire" value="when-replaced" checked />
                    <span>
                      <b>Retires by itself.</b> <small>Once the new one is used and the old one is quiet.</small>
                    </span>
                  </label>
                  <label class="choice">
                    <input type="radio" name="retire" value="manual" />
                    <span>
                      <b>Stays until I retire it.</b>
                    </span>
                  </label>
                </fieldset>
              )}
              <div class="acts">
                <button type="submit" class={isFull ? 'danger primary' : 'primary'}>
                  {isFull ? 'Replace at once' : 'Generate'}
                </button>
                <a class="btn quiet" href={address}>
                  Not now
                </a>
              </div>
            </Form>
          </Steps>
        </>
      ),
    };
  }

  function CredentialFields() {
    return (
      <>
        <Field label="Label" name="label" hint="So that you know it again, such as Okta production." />
        <Choice
          label="May"
          name="scope"
          options={[
            ['scim', 'read and write'],
            ['scim.read', 'read only'],
          ]}
        />
        <Field
          label="Ends on"
          name="expiresOn"
          type="date"
          hint="Empty: no end. A token that ends breaks provisioning on that day."
        />
      </>
    );
  }

  async function generation(visit: Visit) {
    const directory = await directoryOf(visit);
    await credentials.assertFreeSlot(directory.id);
    const provider = PROVIDER_NAMES[directory.provider];
    return {
      title: 'Generate a token',
      place: 'organizations',
      children: (
        <>
          <Head trail={[[`${visit.home}/directories/${directory.id}`, directory.name]]} title="Generate a token" />
          <Steps names={WAYS.generate} current={0}>
            <Form visit={visit} class="panel">
              <p class="soft">A static bearer token for {provider}. It is shown once; we keep a digest.</p>
              <CredentialFields />
              <div class="acts">
                <button type="submit" class="primary">
                  Generate
                </button>
                <a class="btn quiet" href={`${visit.home}/directories/${directory.id}`}>
                  Not now
                </a>
              </div>
            </Form>
          </Steps>
        </>
      ),
    };
  }

  async function importing(visit: Visit) {
    const directory = await directoryOf(visit);
    await credentials.assertFreeSlot(directory.id);
    return {
      title: 'Import a token',
      place: 'organizations',
      children: (
        <>
          <Head trail={[[`${visit.home}/directories/${directory.id}`, directory.name]]} title="Import a token" />
          <Form visit={visit} class="panel">
            <p class="soft">
              The token that {PROVIDER_NAMES[directory.provider]} sends today goes on working, and nobody there has to
              change anything. Its digest is kept, the value is not.
            </p>
            <Field
              label="The token"
              name="value"
              isRequired
              maximum={4096}
              hint="As it stands in the identity provider, without the word Bearer."
            />
            <CredentialFields />
            <div class="acts">
              <button type="submit" class="primary">
                Import
              </button>
              <a class="btn quiet" href={`${visit.home}/directories/${directory.id}`}>
                Not now
              </a>
            </div>
          </Form>
        </>
      ),
    };
  }

  function ending(verb: 'Disable' | 'Revoke'): Handler {
    return async (visit) => {
      const credential = await credentialOf(visit);
      const view = await viewOf(visit, credential.directoryId);
      const holding = view.holdings.find((held) => held.credential.id === credential.id);
      const { directory, provider, now, using } = view;
      const address = `${visit.home}/directories/${directory.id}`;
      const title = `${verb} ${spokenOf(credential)}`;
      if (!holding) {
        return {
          title,
          place: 'organizations',
          status: 409,
          children: (
            <MessagePage
              home={visit.home}
              title="It is over already."
              text="It is revoked or expired, and that is final."
              back={address}
            />
          ),
        };
      }
      const { lastUsedAt, lastUsedFrom } = holding.total ?? {};
      return {
        title,
        place: 'organizations',
        children: (
          <Confirm visit={visit} trail={[[address, directory.name]]} title={title} name={verb} back={address}>
            <p>
              {using === holding ? (
                <b>{provider} will be refused from this moment.</b>
              ) : (
                <b>Whoever sends it will be refused from this moment.</b>
              )}{' '}
              {lastUsedAt ? (
                <>
                  Last used <Time at={lastUsedAt} now={now} /> from {provider} ({lastUsedFrom?.address}
                  {lastUsedFrom?.userAgent !== undefined && `, ${lastUsedFrom.userAgent}`}).
                </>
              ) : (
                'It was never used.'
              )}
            </p>
            <p class="soft">
              {verb === 'Disable'
                ? 'Enable it again, and the same value works at once.'
                : 'That is final: the value never works again, and its slot is free.'}
            </p>
            {verb === 'Revoke' && (
              <Field label="Reason, for the audit" name="reason" hint="Such as: found in a ticket." maximum={500} />
            )}
          </Confirm>
        ),
      };
    };
  }

  return [
    { method: 'get', path: '/directories/:id/generate', handle: generation },
    {
      method: 'post',
      path: '/directories/:id/generate',
      async handle(visit) {
        const { id } = await directoryOf(visit);
        const { credential, token } = await credentials.issue(id, inputOf(visit.form), visit.cause);
        return shownToken(
          visit,
          credential.directoryId,
          token,
          visit.form.get('way') === 'setup' ? 'setup' : 'generate',
        );
      },
    },
    { method: 'get', path: '/directories/:id/import', handle: importing },
    {
      method: 'post',
      path: '/directories/:id/import',
      async handle(visit) {
        const { id } = await directoryOf(visit);
        const value = required(visit.form, 'value', 4096);
        await credentials.import(id, { ...inputOf(visit.form), token: value }, visit.cause);
        return `${visit.home}/directories/${id}`;
      },
    },
    { method: 'get', path: '/directories/:id/rotate', handle: rotation },
    {
      method: 'post',
      path: '/directories/:id/rotate',
      async handle(visit) {
        const { form, cause } = visit;
        const { id } = await directoryOf(visit);
        const isImmediate = form.get('mode') === 'immediate';
        const retire = form.get('retire') === 'manual' ? ('manual' as const) : ('when-replaced' as const);
        const label = sent(form, 'label');
        const { credential, token } = await credentials.rotate(
          id,
          { label, ...(isImmediate ? { mode: 'immediate' as const } : { mode: 'overlap' as const, retire }) },
          cause,
        );
        return shownToken(visit, credential.directoryId, token, isImmediate ? 'generate' : 'rotate');
      },
    },
    { method: 'get', path: '/credentials/:id/disable', handle: ending('Disable') },
    { method: 'get', path: '/credentials/:id/revoke', handle: ending('Revoke') },
    change('disable', (id, { cause }) => credentials.disable(id, cause)),
    change('enable', (id, { cause }) => credentials.enable(id, cause)),
    // The page before said when it was last used, so it is forced.
    change('revoke', (id, { form, cause }) =>
      credentials.revoke(id, { reason: sent(form, 'reason', 500), force: true }, cause),
    ),
    change('retire', (id, { cause }) => credentials.retire(id, cause)),
  ];

  function change(verb: string, work: (id: string, visit: Visit) => Promise<{ directoryId: string }>): GuidedRoute {
    return {
      method: 'post',
      path: `/credentials/:id/${verb}`,
      async handle(visit) {
        const { id } = await credentialOf(visit);
        const { directoryId } = await work(id, visit);
        return `${visit.home}/directories/${directoryId}`;
      },
    };
  }
}

/** Throws invalid_request. */
function inputOf(form: URLSearchParams): { label: string | undefined; scopes: Scope[]; expiresAt: Date | undefined } {
  const day = sent(form, 'expiresOn');
  const expiresAt = day === undefined ? undefined : new Date(`${day}T23:59:59Z`);
  if (expiresAt && Number.isNaN(expiresAt.getTime())) {
    throw new AppError('invalid_request', {
      detail: `Ends on: given ${day?.slice(0, 30)}; wanted a day such as 2027-01-31.`,
    });
  }
  return {
    label: sent(form, 'label'),
    scopes: [SCOPES.find((scope) => scope === form.get('scope')) ?? 'scim'],
    expiresAt,
  };
}
