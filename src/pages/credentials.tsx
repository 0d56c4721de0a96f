/** Generating a static token, and what ends, pauses or resumes a credential. */
import { isInUse } from '../credentials/index.ts';
import { IDENTITY_PROVIDERS } from '../identity-providers/index.ts';
import { WAYS } from './check.tsx';
import { Confirm, END_OLD } from './confirm.tsx';
import { CredentialFields, credentialInputOf } from './credential-fields.tsx';
import { spokenOf } from './directory-view.ts';
import { Field, sent } from './fields.tsx';
import { Form, Submit } from './forms.tsx';
import { Head } from './heads.tsx';
import { MessageParts } from './messages.tsx';
import { capital, Steps, Time } from './parts.tsx';
import { rotationRoutes } from './rotation.tsx';
import { createSeen, type SeenDependencies } from './seen.ts';
import { shownToken } from './shown-token.tsx';
import type { Handler, Route, Visit } from './visit.tsx';

export function credentialRoutes(deps: SeenDependencies & { publicUrl: string }): Route[] {
  const { credentials, publicUrl } = deps;
  const seen = createSeen(deps);

  async function generation(visit: Visit) {
    const directory = await seen.directory(visit);
    await credentials.assertFreeSlot(directory.id);
    const provider = IDENTITY_PROVIDERS[directory.provider].name;
    return {
      title: 'Generate a token',
      place: 'organizations',
      children: (
        <>
          <Head
            trail={[...(visit.trail ?? []), [`${visit.home}/directories/${directory.id}`, directory.name]]}
            title="Generate a token"
          />
          <Steps names={WAYS.generate} current={0}>
            <Form visit={visit} class="panel">
              <p class="soft">A bearer token for {provider}. It is shown only once.</p>
              <CredentialFields />
              <Submit name="Generate" back={`${visit.home}/directories/${directory.id}`} />
            </Form>
          </Steps>
        </>
      ),
    };
  }

  function ending(verb: 'Disable' | 'Revoke' | 'End'): Handler {
    return async (visit) => {
      const credential = await seen.credential(visit);
      const view = await seen.view(visit, credential.directoryId);
      const holding = view.holdings.find((held) => held.credential.id === credential.id);
      const { directory, provider, now, using } = view;
      const address = `${visit.home}/directories/${directory.id}`;
      const which = credential.kind === 'bearer' ? ` (…${credential.hint})` : '';
      const title = `${verb} ${spokenOf(credential)}${which}`;
      if (!holding) {
        return {
          title,
          place: 'organizations',
          status: 409,
          children: (
            <MessageParts
              home={visit.home}
              title="It can no longer be used."
              text="It was revoked or has expired. That can't be undone."
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
          <Confirm
            visit={visit}
            trail={[...(visit.trail ?? []), [address, directory.name]]}
            title={title}
            name={verb === 'End' ? END_OLD : verb}
            back={address}
          >
            <p>
              {using === holding ? (
                <b>{capital(provider)} will be refused immediately.</b>
              ) : (
                <b>Requests that use it will be refused immediately.</b>
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
                ? 'You can enable it again at any time.'
                : "This can't be undone. It will never work again."}
            </p>
            {verb === 'Revoke' && isInUse(lastUsedAt, now) && <input type="hidden" name="inUse" value="confirmed" />}
            {verb === 'Revoke' && (
              <Field
                name="reason"
                hint={`For example: found in a ticket. ${visit.attribution.actor.type === 'it_contact' ? 'Your software vendor' : 'The customer'} can read it too.`}
                maximum={500}
              />
            )}
          </Confirm>
        ),
      };
    };
  }

  return [
    {
      path: '/directories/:id/generate',
      action: 'credentials.change',
      on: ({ form }) => (form.get('way') === 'setup' ? '/directories/:id/setup/bearer' : '/directories/:id/generate'),
      get: generation,
      async post(visit) {
        const { id } = await seen.directory(visit);
        const { token } = await credentials.issue(id, credentialInputOf(visit.form), visit.attribution);
        const way = visit.form.get('way') === 'setup' ? 'setup' : 'generate';
        return shownToken(visit, await seen.view(visit), token, way, publicUrl);
      },
    },
    ...rotationRoutes(deps),
    { path: '/credentials/:id/disable', action: 'credentials.change', get: ending('Disable') },
    { path: '/credentials/:id/revoke', action: 'credentials.change', get: ending('Revoke') },
    { path: '/credentials/:id/retire', action: 'credentials.change', get: ending('End') },
    change('disable', (id, { attribution }) => credentials.disable(id, attribution)),
    change('enable', (id, { attribution }) => credentials.enable(id, attribution)),
    // Forced only where the page before said that it is in use; what was used first since then is asked about again.
    change('revoke', (id, { form, attribution }) =>
      credentials.revoke(
        id,
        { reason: sent(form, 'reason', 500), force: form.get('inUse') === 'confirmed' },
        attribution,
      ),
    ),
    change('retire', (id, { attribution }) => credentials.retire(id, attribution)),
  ];

  function change(verb: string, work: (id: string, visit: Visit) => Promise<{ directoryId: string }>): Route {
    return {
      path: `/credentials/:id/${verb}`,
      action: 'credentials.change',
      async post(visit) {
        const { id } = await seen.credential(visit);
        const { directoryId } = await work(id, visit);
        return `${visit.home}/directories/${directoryId}`;
      },
    };
  }
}
