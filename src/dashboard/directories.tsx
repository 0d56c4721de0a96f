import type { AuditEvent } from '../audit/index.ts';
import { type Directory, PROVIDER_NAMES, PROVIDERS } from '../directories/index.ts';
import {
  CopyField,
  counted,
  type DirectoryView,
  type Holding,
  healthOf,
  readDirectoryView,
  SlotCards,
  Status,
  span,
  spokenOf,
  Time,
} from '../faces/index.ts';
import { EventRows } from './audit.tsx';
import type { DashboardDependencies } from './index.tsx';
import {
  Act,
  Choice,
  endpointKeyOf,
  Field,
  Form,
  Head,
  HOME,
  mayWrite,
  READERS,
  type Route,
  required,
  sent,
  type Visit,
  WRITERS,
} from './visit.tsx';

const EVENTS = 12;

export function directoryRoutes(deps: DashboardDependencies): Route[] {
  const { organizations, directories, credentials, audit, clock, publicUrl } = deps;

  async function viewOf(id: string): Promise<DirectoryView> {
    const directory = await directories.get(id);
    return readDirectoryView(deps, { directory, provider: PROVIDER_NAMES[directory.provider], now: clock.now() });
  }

  async function one(visit: Visit) {
    const view = await viewOf(visit.params['id'] ?? '');
    const { directory } = view;
    const { items } = await audit.page({ where: { directoryId: directory.id }, limit: EVENTS });
    const live = <Live view={view} visit={visit} events={items} publicUrl={publicUrl} />;
    if (visit.query.has('part')) return { title: directory.name, children: live, part: live };
    const organization = await organizations.get(directory.organizationId);
    const address = `${HOME}/directories/${directory.id}`;
    return {
      title: directory.name,
      place: 'organizations',
      children: (
        <>
          <Head
            trail={[
              [`${HOME}/organizations`, 'Organizations'],
              [`${HOME}/organizations/${organization.id}`, organization.name],
            ]}
            title={directory.name}
          >
            <a class="btn" href={`${HOME}/audit?directoryId=${directory.id}`}>
              Audit
            </a>
            {mayWrite(visit) && (
              <Act visit={visit} action={`${HOME}/organizations/${organization.id}/portal-links`} name="Portal link" />
            )}
          </Head>
          <div data-live={`${address}?part=live`} class="detail">
            {live}
          </div>
          {mayWrite(visit) && (
            <details class="panel">
              <summary>Change, disable or delete</summary>
              <Form visit={visit} action={address} class="fields">
                <Field label="Name" name="name" value={directory.name} isRequired />
                <Choice
                  label="Identity provider"
                  name="provider"
                  value={directory.provider}
                  options={PROVIDERS.map((id) => [id, id === 'generic' ? 'Another one' : PROVIDER_NAMES[id]])}
                />
                <Field
                  label="SCIM server behind the gateway"
                  name="upstreamUrl"
                  value={directory.upstreamUrl}
                  hint="Empty without the gateway."
                  maximum={2000}
                />
                <Field
                  label="Endpoint key"
                  name="endpointKey"
                  value={directory.endpointKey}
                  hint="With another key the address changes: it must be changed in the identity provider too."
                />
                <div class="acts">
                  <button type="submit">Save</button>
                  <a class="btn danger" href={`${address}/${directory.state === 'active' ? 'disable' : 'delete'}`}>
                    {directory.state === 'active' ? 'Disable' : 'Delete'}
                  </a>
                  {directory.state === 'active' && (
                    <a class="btn danger" href={`${address}/delete`}>
                      Delete
                    </a>
                  )}
                </div>
              </Form>
            </details>
          )}
        </>
      ),
    };
  }

  function ending(verb: 'Disable' | 'Delete'): Route['handle'] {
    return async ({ ...visit }) => {
      const view = await viewOf(visit.params['id'] ?? '');
      const { directory, provider } = view;
      return {
        title: `${verb} ${directory.name}`,
        place: 'organizations',
        children: (
          <>
            <Head
              trail={[[`${HOME}/directories/${directory.id}`, directory.name]]}
              title={`${verb} ${directory.name}`}
            />
            <section class="panel refusal">
              <p>
                <b>{provider} will be refused from this moment.</b> <LastUse view={view} />
              </p>
              <p class="soft">
                {verb === 'Disable'
                  ? 'Enable it again at any time, and the same credentials work.'
                  : `Its credentials are revoked, and its endpoint is gone. The audit trail stays.`}
              </p>
              <Form visit={visit} class="acts">
                <button type="submit" class="danger primary">
                  {verb} {directory.name}
                </button>
                <a class="btn quiet" href={`${HOME}/directories/${directory.id}`}>
                  Keep it as it is
                </a>
              </Form>
            </section>
          </>
        ),
      };
    };
  }

  return [
    { method: 'get', path: '/directories/:id', roles: READERS, handle: one },
    {
      method: 'post',
      path: '/directories/:id',
      roles: WRITERS,
      async handle({ params, form, cause }) {
        const directory = await directories.get(params['id'] ?? '');
        const endpointKey = endpointKeyOf(form);
        if (endpointKey !== undefined && endpointKey !== directory.endpointKey)
          await credentials.assertNoneActive(directory);
        await directories.change(
          directory.id,
          {
            name: required(form, 'name'),
            provider: PROVIDERS.find((provider) => provider === form.get('provider')),
            upstreamUrl: sent(form, 'upstreamUrl', 2000) ?? null,
            endpointKey,
          },
          cause,
        );
        return `${HOME}/directories/${directory.id}`;
      },
    },
    { method: 'get', path: '/directories/:id/disable', roles: WRITERS, handle: ending('Disable') },
    { method: 'get', path: '/directories/:id/delete', roles: WRITERS, handle: ending('Delete') },
    {
      method: 'post',
      path: '/directories/:id/disable',
      roles: WRITERS,
      async handle({ params, cause }) {
        const { id } = await directories.disable(params['id'] ?? '', cause);
        return `${HOME}/directories/${id}`;
      },
    },
    {
      method: 'post',
      path: '/directories/:id/enable',
      roles: WRITERS,
      async handle({ params, cause }) {
        const { id } = await directories.enable(params['id'] ?? '', cause);
        return `${HOME}/directories/${id}`;
      },
    },
    {
      method: 'post',
      path: '/directories/:id/delete',
      roles: WRITERS,
      async handle({ params, cause }) {
        const directory = await directories.get(params['id'] ?? '');
        await credentials.clear(directory, true, cause);
        await directories.remove(directory, cause);
        return `${HOME}/organizations/${directory.organizationId}`;
      },
    },
  ];
}

/** What moves while one looks at it. */
function Live({
  view,
  visit,
  events,
  publicUrl,
}: {
  view: DirectoryView;
  visit: Visit;
  events: AuditEvent[];
  publicUrl: string;
}) {
  const { directory } = view;
  const { tone, lead, rest, todo } = healthOf(view);
  const address = `${HOME}/directories/${directory.id}`;
  return (
    <div class="detail blocks">
      <Status
        tone={tone}
        sentence={
          <>
            <strong>{lead}</strong> {rest}
          </>
        }
        detail={todo}
        {...(directory.state === 'disabled' &&
          mayWrite(visit) && { acts: <Act visit={visit} action={`${address}/enable`} name="Enable" tone="primary" /> })}
      />
      <CopyField label="SCIM endpoint" value={endpointOf(directory, publicUrl)} />
      <Callout view={view} visit={visit} />
      <SlotCards
        view={view}
        acts={(holding) => <Acts holding={holding} visit={visit} />}
        free={() => <FreeActs directory={directory} visit={visit} />}
      />
      <section class="panel list">
        <div class="bar">
          <h2>What happened</h2>
          <a href={`${HOME}/audit?directoryId=${directory.id}`}>
            <small>Whole audit</small>
          </a>
        </div>
        <EventRows events={events} now={view.now} />
      </section>
    </div>
  );
}

export function endpointOf({ endpointKey }: Directory, publicUrl: string): string {
  return `${publicUrl}/scim/v2/${endpointKey}`;
}

function Acts({ holding, visit }: { holding: Holding; visit: Visit }) {
  if (!mayWrite(visit)) return <small>Your role may look, and change nothing.</small>;
  const { credential, state, progress } = holding;
  const address = `${HOME}/credentials/${credential.id}`;
  return (
    <>
      {credential.kind === 'bearer' && state === 'active' && !progress && (
        <a class="btn" href={`${HOME}/directories/${credential.directoryId}/rotate`}>
          Rotate
        </a>
      )}
      {progress?.successorAccepted && <Act visit={visit} action={`${address}/retire`} name="Retire" />}
      {state === 'disabled' ? (
        <Act visit={visit} action={`${address}/enable`} name="Enable" tone="primary" />
      ) : (
        <a class="btn" href={`${address}/disable`}>
          Disable
        </a>
      )}
      <a class="btn danger" href={`${address}/revoke`}>
        Revoke
      </a>
    </>
  );
}

function FreeActs({ directory, visit }: { directory: Directory; visit: Visit }) {
  if (!mayWrite(visit)) return <small>Your role may look, and change nothing.</small>;
  const address = `${HOME}/directories/${directory.id}`;
  return (
    <>
      <a class="btn primary" href={`${address}/generate`}>
        Generate
      </a>
      <a class="btn" href={`${address}/import`}>
        Import
      </a>
      <a class="btn" href={`${HOME}/clients/new?directoryId=${directory.id}`}>
        OAuth client
      </a>
    </>
  );
}

/** While both slots are filled: which one is used, and what becomes of the other. */
function Callout({ view, visit }: { view: DirectoryView; visit: Visit }) {
  const { holdings, using, provider, now } = view;
  if (holdings.length < 2) return null;
  const replaced = holdings.find(({ progress }) => progress);
  const other = holdings.find((holding) => holding !== using);
  const { progress } = replaced ?? {};
  return (
    <section class="note" aria-label="Two credentials">
      <div>
        <strong>Two credentials hold the slots.</strong>{' '}
        {using
          ? `${provider} used ${spokenOf(using.credential)} in slot ${using.credential.slot.toUpperCase()} last.`
          : `${provider} has used neither of them yet.`}{' '}
        {replaced && progress ? (
          <>
            Slot {replaced.credential.slot.toUpperCase()} was replaced
            {progress.status === 'waiting_for_successor' ? `; it goes on until ${provider} uses the new one.` : ' '}
            {progress.status === 'waiting_for_quiet' && progress.retiresAt && (
              <>
                and retires by itself <Time at={progress.retiresAt} now={now} /> if it stays quiet.
              </>
            )}
            {progress.status === 'still_in_use' &&
              'and is still in use. Someone sends it: look at its last use before you revoke it.'}
            {progress.status === 'manual' && 'and stays until you retire it.'}
            {progress.status === 'scheduled' && progress.retiresAt && (
              <>
                and retires <Time at={progress.retiresAt} now={now} />.
              </>
            )}
          </>
        ) : (
          other?.total?.lastUsedAt &&
          `Slot ${other.credential.slot.toUpperCase()} has been quiet for ${span(Math.floor((now.getTime() - other.total.lastUsedAt.getTime()) / 1000))}.`
        )}
      </div>
      {mayWrite(visit) && replaced && progress?.successorAccepted && (
        <div class="acts">
          <Act
            visit={visit}
            action={`${HOME}/credentials/${replaced.credential.id}/retire`}
            name={`Retire ${replaced.credential.slot.toUpperCase()} now`}
          />
        </div>
      )}
    </section>
  );
}

export function LastUse({ view }: { view: DirectoryView }) {
  const { using, now, provider } = view;
  const at = using?.total?.lastUsedAt;
  if (!using || !at) return <>Nothing was accepted here yet.</>;
  const accepted = using.days.reduce((sum, day) => sum + day.accepted, 0);
  return (
    <>
      Last used <Time at={at} now={now} /> from {provider} ({using.total?.lastUsedFrom?.address});{' '}
      {counted(accepted, 'request')} in 14 days.
    </>
  );
}
