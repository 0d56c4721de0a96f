/** The page of one directory for operators: how it is, what it was like, and its own values. */
import type { Directory } from '../directories/index.ts';
import { fallbackCredentialOf } from '../gateway/index.ts';
import { IDENTITY_PROVIDERS } from '../identity-providers/index.ts';
import {
  Act,
  Ask,
  CopyField,
  changesIn,
  createSeen,
  DirectoryFace,
  endpointKeyOf,
  Field,
  Fold,
  Form,
  Go,
  LastUse,
  live,
  PastPanel,
  ProviderChoice,
  providerIn,
  required,
  Submit,
  sent,
  sentOrNone,
  Tick,
  Time,
  touched,
  trailTo,
} from '../pages/index.ts';
import type { DashboardDependencies } from './dependencies.ts';
import {
  isOtherWay,
  ServerPanel,
  type SharedCredential,
  shownUpstream,
  testPage,
  UpstreamFields,
  upstreamChangesIn,
  upstreamRoutes,
} from './upstream.tsx';
import { HOME, PLACES, type Route, type Visit } from './visit.ts';

const CONTACTS_SHOWN = 3;
const LINKS_LOOKED_AT = 10;

export function directoryRoutes(deps: DashboardDependencies): Route[] {
  const { organizations, directories, testUpstream, credentials, removal, notifications, portalLinks } = deps;
  const seen = createSeen(deps);
  const shared = fallbackCredentialOf(deps.config);

  async function one(visit: Visit) {
    const { face, past } = await seen.face(visit);
    const { directory } = face.view;
    const { id, name, upstreamUrl } = directory;
    const isTheirs = face.view.diagnosis.findings.some(({ actor }) => actor === 'it_contact');
    const whom = isTheirs && (await whomToCall(directory, visit));
    const organization = await organizations.get(directory.organizationId);
    const address = `${HOME}/directories/${id}`;
    const mayChange = visit.may('directories.change');
    return live(visit, {
      title: name,
      trail: [PLACES.organizations, [`${HOME}/organizations/${organization.id}`, organization.name]],
      acts: (
        <>
          <Go href={`${HOME}/audit?directoryId=${id}`} name="Audit" />
          <Go href={`${address}/requests`} name="Request log" />
          <Go href={`${HOME}/check-token`} name="Check a token" />
          {mayChange && (
            <>
              {upstreamUrl !== undefined && <Act action={`${address}/test`} name="Test the SCIM server" />}
              <Go href={`${address}/setup`} name="Set up" />
              <Go href={`${HOME}/organizations/${organization.id}#portal-links`} name="Portal link" />
            </>
          )}
        </>
      ),
      part: (
        <DirectoryFace {...face} {...(whom && { whom })}>
          <Go href={`${address}/import`} name="Import" />
          <Go href={`${address}/setup`} name="Set up" />
        </DirectoryFace>
      ),
      rest: (
        <>
          {past && <PastPanel past={past} lead={face.view.diagnosis.findings[0]} directory={directory} />}
          <ServerPanel directory={directory} shared={shared} mayChange={mayChange} />
          {mayChange && (
            <Fold
              summary="Change, disable or delete"
              class="panel"
              id="change"
              action={address}
              isOpen={visit.query.has('change')}
            >
              <ChangeForm directory={directory} address={address} shared={shared} />
            </Fold>
          )}
        </>
      ),
    });
  }

  /** Who at the customer can be asked, with the way to them. */
  async function whomToCall({ organizationId }: Directory, visit: Visit) {
    const { items } = await notifications.contacts.page({ scope: organizationId, limit: CONTACTS_SHOWN });
    const links = items.length > 0 ? [] : (await portalLinks.page({ organizationId, limit: LINKS_LOOKED_AT })).items;
    const named = links.find(({ contact }) => contact !== undefined)?.contact;
    const address = `${HOME}/organizations/${organizationId}`;
    return (
      <p>
        {items.length > 0 ? (
          <>
            Contact{' '}
            {items.map(({ name, email }, index) => (
              <>
                {index > 0 && ' or '}
                <b>{name}</b> (<a href={`mailto:${email}`}>{email}</a>)
              </>
            ))}
            .
          </>
        ) : named === undefined ? (
          <>
            {links.some(({ usedAt }) => usedAt)
              ? "Someone at the customer has opened a portal link, but we don't know who, so we have no contact there."
              : 'No one at the customer has opened a portal link, so we have no contact there.'}{' '}
            {visit.may('portal-links.change') && (
              <>
                <a href={`${address}#portal-links`}>Create a portal link</a> and send it to their administrator.
              </>
            )}
          </>
        ) : (
          <>
            <b>{named}</b> got the latest portal link. We don't know their email address.{' '}
            <a href={`${address}/contacts`}>Add a contact</a>
          </>
        )}
      </p>
    );
  }

  /** What was disabled on purpose is not enabled by a slip: it says who did it, and what follows. */
  async function enabling(visit: Visit) {
    const view = await seen.view(visit);
    const { directory, provider } = view;
    const { by, at, reason } = view.diagnosis.findings.find(({ code }) => code === 'directory_disabled')?.facts ?? {};
    const title = `Enable ${directory.name}`;
    return {
      title,
      trail: trailTo(visit, directory),
      children: (
        <Form class="panel">
          {at !== undefined && (
            <p>
              {by ?? 'Someone'} disabled it <Time at={new Date(at)} />.{' '}
              {reason === undefined ? 'They gave no reason, so ask them first.' : `They gave this reason: “${reason}”.`}
            </p>
          )}
          <p>
            <b>Requests from {provider} are accepted again immediately,</b> with the same credentials.{' '}
            {IDENTITY_PROVIDERS[directory.provider].recovery.says}
          </p>
          <Submit name={title} back={`${HOME}/directories/${directory.id}`} />
        </Form>
      ),
    };
  }

  function ending(verb: 'Disable' | 'Delete'): NonNullable<Route['ask']> {
    return async (visit) => {
      const view = await seen.view(visit);
      const { directory, provider } = view;
      return {
        title: `${verb} ${directory.name}`,
        trail: trailTo(visit, directory),
        ...(verb === 'Disable' && { keep: 'Keep it enabled' }),
        effect: `Requests from ${provider} will be refused immediately.`,
        more: <LastUse view={view} />,
        later:
          verb === 'Disable'
            ? 'You can enable it again at any time. The same credentials will work.'
            : 'Its credentials will be revoked, and its endpoint will stop working. The audit trail is kept.',
        text: verb === 'Disable' && (
          <Field
            name="reason"
            maximum={500}
            hint="For your colleagues, who will see it where the directory is shown as disabled."
          />
        ),
      };
    };
  }

  return [
    { path: '/directories/:id', action: 'directories.read', get: one },
    {
      path: '/directories/:id',
      action: 'directories.change',
      async post(visit) {
        const { form, attribution } = visit;
        const directory = await directories.get(visit.id);
        const endpointKey = touched(form, 'endpointKey') ? endpointKeyOf(form) : undefined;
        const isMoved = endpointKey !== undefined && endpointKey !== directory.endpointKey;
        if (isMoved && form.get('move') !== 'yes') await credentials.assertNoneActive(directory);
        const changed = await directories.change(
          directory.id,
          {
            ...changesIn(form, { name: required, provider: providerIn, audience: sentOrNone }),
            ...upstreamChangesIn(form, directory),
            endpointKey,
          },
          attribution,
        );
        const isTried = changed.upstreamUrl !== undefined && isOtherWay(directory, changed);
        if (isTried) return testPage(visit, changed, await testUpstream(changed), true);
        return `${HOME}/directories/${directory.id}`;
      },
    },
    ...upstreamRoutes(deps, seen),
    {
      path: '/directories/:id/disable',
      action: 'directories.change',
      ask: ending('Disable'),
      does: ({ id, form, attribution }) => directories.disable(id, attribution, sent(form, 'reason', 500)),
    },
    {
      path: '/directories/:id/enable',
      action: 'directories.change',
      get: enabling,
      async post({ id, attribution }) {
        await directories.enable(id, attribution);
        return `${HOME}/directories/${id}`;
      },
    },
    {
      path: '/directories/:id/delete',
      action: 'directories.change',
      ask: ending('Delete'),
      async post({ id, attribution }) {
        const directory = await directories.get(id);
        await removal.removeDirectory(directory, true, attribution);
        return `${HOME}/organizations/${directory.organizationId}`;
      },
    },
  ];
}

function ChangeForm(props: { directory: Directory; address: string; shared: SharedCredential }) {
  const { directory, address, shared } = props;
  const { id, name, provider, audience, endpointKey, state } = directory;
  return (
    <Form
      action={address}
      class="fields"
      values={{ name, provider, ...shownUpstream(directory), audience, endpointKey }}
    >
      <Field name="name" isRequired />
      <ProviderChoice />
      <Field
        name="audience"
        hint="Only for a SCIM server that uses introspection under its own URL. Leave it empty to use the endpoint URL."
        maximum={2000}
      />
      <Field
        name="endpointKey"
        hint="The key is part of the URL. If you change it, update the URL in the identity provider too."
      />
      <Tick
        name="move"
        label="Change the endpoint key even if credentials are in use."
        hint={`Requests from ${IDENTITY_PROVIDERS[provider].name} will be refused until you paste the new URL there.`}
      />
      <UpstreamFields directory={directory} shared={shared} />
      <CopyField label="Directory ID" value={id} />
      <div class="acts">
        <button type="submit">Save</button>
        {state === 'active' && <Ask href={`${address}/disable`} name="Disable" />}
        <Ask href={`${address}/delete`} name="Delete" />
      </div>
    </Form>
  );
}
