import { IDENTITY_PROVIDER_IDS, IDENTITY_PROVIDERS } from '../identity-providers/index.ts';
import {
  Act,
  Ask,
  Confirm,
  CopyField,
  capital,
  createSeen,
  DirectoryFace,
  endpointKeyOf,
  Field,
  Form,
  Go,
  Head,
  isRefusedAt,
  LastUse,
  live,
  PastPanel,
  ProviderChoice,
  required,
  sent,
  touched,
} from '../pages/index.ts';
import type { DashboardDependencies } from './dependencies.ts';
import { isOtherWay, shownUpstream, testPage, UpstreamFields, upstreamChangesIn, upstreamRoutes } from './upstream.tsx';
import { HOME, type Route, type Visit } from './visit.ts';

export function directoryRoutes(deps: DashboardDependencies): Route[] {
  const { organizations, directories, testUpstream, credentials, removal, publicUrl } = deps;

  const seen = createSeen(deps);

  async function one(visit: Visit) {
    const { face, past } = await seen.face(visit);
    const { directory } = face.view;
    const part = (
      <DirectoryFace
        {...face}
        publicUrl={publicUrl}
        {...(directory.state === 'disabled' &&
          visit.may('directories.change') && {
            acts: (
              <Act visit={visit} action={`${HOME}/directories/${directory.id}/enable`} name="Enable" tone="primary" />
            ),
          })}
      >
        <Go href={`${HOME}/directories/${directory.id}/import`} name="Import" />
        <Go href={`${HOME}/directories/${directory.id}/setup`} name="Set up" />
      </DirectoryFace>
    );
    const organization = await organizations.get(directory.organizationId);
    const address = `${HOME}/directories/${directory.id}`;
    return live(visit, {
      title: directory.name,
      place: 'organizations',
      part,
      head: (
        <Head
          trail={[
            [`${HOME}/organizations`, 'Organizations'],
            [`${HOME}/organizations/${organization.id}`, organization.name],
          ]}
          title={directory.name}
        >
          <Go href={`${HOME}/audit?directoryId=${directory.id}`} name="Audit" />
          <Go href={`${address}/requests`} name="Request log" />
          <Go href={`${HOME}/check-token`} name="Check a token" />
          {visit.may('directories.change') && (
            <>
              {directory.upstreamUrl !== undefined && (
                <Act visit={visit} action={`${address}/test`} name="Test the SCIM server" />
              )}
              <Go href={`${address}/setup`} name="Set up" />
              <Go href={`${HOME}/organizations/${organization.id}#portal-links`} name="Portal link" />
            </>
          )}
        </Head>
      ),
      rest: (
        <>
          {past && <PastPanel past={past} directory={directory} visit={visit} />}
          {visit.may('directories.change') && (
            <details class="panel" id="change" open={visit.query.has('change') || isRefusedAt(visit, address)}>
              <summary>Change, disable or delete</summary>
              <Form
                visit={visit}
                action={address}
                class="fields"
                shown={{
                  name: directory.name,
                  provider: directory.provider,
                  ...shownUpstream(directory),
                  audience: directory.audience,
                  endpointKey: directory.endpointKey,
                }}
              >
                <Field name="name" value={directory.name} isRequired />
                <ProviderChoice value={directory.provider} />
                <Field
                  name="audience"
                  value={directory.audience}
                  hint="Only for a SCIM server that uses introspection under its own URL. Leave it empty to use the endpoint URL."
                  maximum={2000}
                />
                <Field
                  name="endpointKey"
                  value={directory.endpointKey}
                  hint="The key is part of the URL. If you change it, update the URL in the identity provider too."
                />
                <label class="choice">
                  <input type="checkbox" name="move" value="yes" />
                  <span>
                    <b>Change the endpoint key even if credentials are in use.</b>{' '}
                    <small>
                      {capital(IDENTITY_PROVIDERS[directory.provider].name)} is refused until you paste the new URL
                      there.
                    </small>
                  </span>
                </label>
                <UpstreamFields directory={directory} />
                <CopyField label="Directory ID" value={directory.id} />
                <div class="acts">
                  <button type="submit">Save</button>

                  {directory.state === 'active' && <Ask href={`${address}/disable`} name="Disable" />}
                  <Ask href={`${address}/delete`} name="Delete" />
                </div>
              </Form>
            </details>
          )}
        </>
      ),
    });
  }

  function ending(verb: 'Disable' | 'Delete'): NonNullable<Route['get']> {
    return async (visit) => {
      const view = await seen.view(visit);
      const { directory, provider } = view;
      return {
        title: `${verb} ${directory.name}`,
        place: 'organizations',
        children: (
          <Confirm
            visit={visit}
            trail={[
              [`${HOME}/organizations`, 'Organizations'],
              [`${HOME}/directories/${directory.id}`, directory.name],
            ]}
            title={`${verb} ${directory.name}`}
            name={`${verb} ${directory.name}`}
            back={`${HOME}/directories/${directory.id}`}
          >
            <p>
              <b>{capital(provider)} will be refused immediately.</b> <LastUse view={view} />
            </p>
            <p class="soft">
              {verb === 'Disable'
                ? 'You can enable it again at any time. The same credentials will work.'
                : 'Its credentials are revoked, and its endpoint stops working. The audit trail stays.'}
            </p>
          </Confirm>
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
        const { params, form, attribution } = visit;
        const directory = await directories.get(params['id'] ?? '');
        const endpointKey = touched(form, 'endpointKey') ? endpointKeyOf(form) : undefined;
        const isMoved = endpointKey !== undefined && endpointKey !== directory.endpointKey;
        if (isMoved && form.get('move') !== 'yes') await credentials.assertNoneActive(directory);
        const provider = IDENTITY_PROVIDER_IDS.find((known) => known === form.get('provider'));
        const changed = await directories.change(
          directory.id,
          {
            ...(touched(form, 'name') && { name: required(form, 'name') }),
            ...(touched(form, 'provider') && { provider }),
            ...upstreamChangesIn(form, directory),
            ...(touched(form, 'audience') && { audience: sent(form, 'audience', 2000) ?? null }),
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
      get: ending('Disable'),
      async post({ params, attribution }) {
        const { id } = await directories.disable(params['id'] ?? '', attribution);
        return `${HOME}/directories/${id}`;
      },
    },
    {
      path: '/directories/:id/enable',
      action: 'directories.change',
      on: '/directories/:id',
      async post({ params, attribution }) {
        const { id } = await directories.enable(params['id'] ?? '', attribution);
        return `${HOME}/directories/${id}`;
      },
    },
    {
      path: '/directories/:id/delete',
      action: 'directories.change',
      get: ending('Delete'),
      async post({ params, attribution }) {
        const directory = await directories.get(params['id'] ?? '');
        await removal.removeDirectory(directory, true, attribution);
        return `${HOME}/organizations/${directory.organizationId}`;
      },
    },
  ];
}
