/** Generating a static token, and what ends, pauses or resumes a credential. */
import { isInUse } from '../credentials/index.ts';
import { PAGE_ACTS } from '../diagnosis/index.ts';
import { WAYS } from './check.tsx';
import { END_OLD } from './confirm.tsx';
import { CredentialFields, credentialInputOf } from './credential-fields.tsx';
import { sourceOf, spokenOf } from './directory-view.ts';
import { Field, sent } from './fields.tsx';
import { troubleOf } from './findings.tsx';
import { Form, Submit } from './forms.tsx';
import { messagePage } from './messages.tsx';
import { Steps } from './parts.tsx';
import { pairIn, ReplaceForm } from './replacing.tsx';
import { rotationRoutes } from './rotation.tsx';
import { createSeen, type SeenDependencies } from './seen.ts';
import { shownToken } from './shown-token.tsx';
import { Last } from './times.tsx';
import { addressOf, type Route, trailTo, type Visit } from './visit.tsx';

export function credentialRoutes(deps: SeenDependencies): Route[] {
  const { credentials } = deps;
  const seen = createSeen(deps);

  async function generation(visit: Visit) {
    const view = await seen.view(visit);
    const { directory, holdings, provider } = view;
    const address = addressOf(visit, directory);
    await credentials.assertNotHeldBack(directory.id, visit.attribution);
    const tokens = holdings.filter(({ credential }) => credential.kind === 'bearer');
    const hasToken = tokens.some(({ state }) => state === 'active');
    const isFull = holdings.length === 2;
    if (isFull && tokens.length === 0) await credentials.assertFreeSlot(directory.id);
    const { old, fresh } = pairIn(view);
    const isRotating = old !== undefined && fresh?.total?.lastUsedAt === undefined;
    const title = PAGE_ACTS['generate-token'];
    return {
      title,
      trail: trailTo(visit, directory),
      children: (
        <Steps names={isFull && isRotating ? WAYS.rotate : WAYS.generate} current={0}>
          {isFull ? (
            <ReplaceForm view={view} action={`${address}/rotate/anew`} back={address} />
          ) : (
            <Form class="panel">
              <p class="soft">
                A bearer token for {provider}. It is shown only once.{hasToken && ' The other token keeps working.'}
              </p>
              <CredentialFields />
              <Submit name={title} back={address} />
            </Form>
          )}
        </Steps>
      ),
    };
  }

  function ending(verb: 'Disable' | 'Revoke' | 'End'): NonNullable<Route['ask']> {
    return async (visit) => {
      const credential = await seen.credential(visit);
      const view = await seen.view(visit, credential.directoryId);
      const holding = view.holdings.find((held) => held.credential.id === credential.id);
      const { directory, provider, now, using } = view;
      const back = addressOf(visit, directory);
      const which = credential.kind === 'bearer' ? ` (…${credential.hint})` : '';
      const title = `${verb} ${spokenOf(credential)}${which}`;
      if (!holding) {
        const text = "It was revoked or has expired. That can't be undone.";
        return messagePage({ title: 'It can no longer be used.', text }, { title, status: 409, back });
      }
      if (verb === 'Revoke') await credentials.assertNotHeldBack(directory.id, visit.attribution);
      const { lastUsedAt, lastUsedFrom } = holding.total ?? {};
      const isDisabled = holding.state === 'disabled';
      const isCarrying = using === holding && troubleOf(view.diagnosis)?.severity !== 'failing';
      return {
        title,
        trail: trailTo(visit, directory),
        ...(verb === 'Disable' && { keep: 'Keep it enabled' }),
        name: verb === 'End' ? END_OLD : verb,
        back,
        effect: isDisabled
          ? 'Requests that use it are refused already.'
          : `${isCarrying ? `Requests from ${provider}` : 'Requests that use it'} will be refused immediately.`,
        more: (
          <Last
            at={lastUsedAt}
            before="Last used"
            from={`${provider} (${lastUsedFrom && sourceOf(lastUsedFrom)})`}
            after="."
            never="It has never been used."
          />
        ),
        later:
          verb === 'Disable'
            ? 'You can enable it again at any time.'
            : `This can't be undone. It will never work again${isDisabled ? ', and it can no longer be enabled' : ''}.`,
        text: (
          <>
            {verb === 'Revoke' && isInUse(lastUsedAt, now) && <input type="hidden" name="inUse" value="confirmed" />}
            {verb !== 'End' && (
              <Field
                name="reason"
                hint={`For example: found in a ticket. ${visit.attribution.actor.type === 'it_contact' ? 'Your software vendor' : 'The customer'} can read it too.`}
                maximum={500}
              />
            )}
          </>
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
        return shownToken(visit, await seen.view(visit), token, way);
      },
    },
    ...rotationRoutes(deps),
    change('allow-changes', (id, { attribution }) => credentials.change(id, { scopes: ['scim'] }, attribution)),
    change('enable', (id, { attribution }) => credentials.enable(id, attribution)),
    {
      ...change('disable', (id, { form, attribution }) =>
        credentials.disable(id, attribution, sent(form, 'reason', 500)),
      ),
      ask: ending('Disable'),
    },
    { ...change('retire', (id, { attribution }) => credentials.retire(id, attribution)), ask: ending('End') },
    {
      // Forced only where the question said that it is in use; what was used first since then is asked about again.
      ...change('revoke', (id, { form, attribution }) =>
        credentials.revoke(
          id,
          { reason: sent(form, 'reason', 500), force: form.get('inUse') === 'confirmed' },
          attribution,
        ),
      ),
      ask: ending('Revoke'),
    },
  ];

  function change(verb: string, work: (id: string, visit: Visit) => Promise<{ directoryId: string }>): Route {
    return {
      path: `/credentials/:id/${verb}`,
      action: 'credentials.change',
      async post(visit) {
        const { id } = await seen.credential(visit);
        const { directoryId } = await work(id, visit);
        return addressOf(visit, { id: directoryId });
      },
    };
  }
}
