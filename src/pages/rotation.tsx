/** A rotation, guided: generate the new token, put it in, see it used, end the old one. */

import { Check, isPasteRefused, WAYS } from './check.tsx';
import { Ask, END_OLD } from './confirm.tsx';
import { endpointOf } from './directory.tsx';
import { type DirectoryView, type Holding, spokenOf } from './directory-view.ts';
import { Field, Pick, sent } from './fields.tsx';
import { Form, Submit } from './forms.tsx';
import { Go, Steps } from './parts.tsx';
import { createSeen, type SeenDependencies } from './seen.ts';
import { shownToken } from './shown-token.tsx';
import { Last, span } from './times.tsx';
import { addressOf, live, type Route, trailTo, type Visit } from './visit.tsx';

const LATEST_EVENTS = 30;

export function rotationRoutes(deps: SeenDependencies & { publicUrl: string }): Route[] {
  const { credentials, audit, publicUrl } = deps;
  const seen = createSeen(deps);
  const quietSeconds = Math.round(credentials.retireQuietMs / 1000);

  /** A rotation that is under way: whether the new one is seen, and what becomes of the old one. */
  async function waiting(visit: Visit) {
    const view = await seen.view(visit);
    const { directory, provider } = view;
    const address = addressOf(visit, directory);
    const { old, fresh } = pairIn(view);
    if (!old || !fresh) return undefined;
    const { items } = await audit.page({ where: { directoryId: directory.id }, limit: LATEST_EVENTS });
    const part = (
      <Steps names={WAYS.rotate} current={fresh.total?.lastUsedAt ? 3 : isPasteRefused(view, fresh) ? 1 : 2}>
        <Check view={view} fresh={fresh} events={items} endpoint={endpointOf(directory, publicUrl)} />
        <section class="detail">
          <h2>Revoke the old one</h2>
          <p class="soft">
            {old.progress?.retire === 'when-replaced'
              ? `It is revoked automatically once ${provider} is using the new one and the old one has gone unused for ${span(quietSeconds)}.`
              : 'It keeps working until you revoke it.'}
          </p>
          {old.progress?.successorAccepted && (
            <div class="acts">
              <Ask href={`${visit.home}/credentials/${old.credential.id}/retire`} name={END_OLD} isMild />
            </div>
          )}
        </section>
        <div class="acts">
          <Go href={address} name="Go to the directory" />
        </div>
        {!fresh.total?.lastUsedAt && (
          <Form action={`${address}/rotate/anew`} class="head">
            <small>
              Didn't save the new token? Nothing has used it yet, so you can generate another one in its place.
            </small>
            <button type="submit">Generate another</button>
          </Form>
        )}
      </Steps>
    );
    return live(visit, { title: 'Rotate the token', trail: trailTo(visit, directory), part });
  }

  async function rotation(visit: Visit) {
    const under = await waiting(visit);
    if (under) return under;
    const view = await seen.view(visit);
    const { directory, provider, holdings } = view;
    const address = addressOf(visit, directory);
    const old = holdings.find(({ credential }) => credential.kind === 'bearer');
    if (!old) return `${address}/generate`;
    const isFull = holdings.length === 2;
    return {
      title: 'Rotate the token',
      trail: trailTo(visit, directory),
      children: (
        <Steps names={WAYS.rotate} current={0}>
          <Form class="panel">
            <p>
              {isFull ? (
                <Replaced view={view} />
              ) : (
                <>
                  This creates a second token. <b>Both work</b> until {provider} uses the new one.
                </>
              )}
            </p>
            <Field name="label" value={old.credential.label} />
            {isFull ? (
              <input type="hidden" name="mode" value="immediate" />
            ) : (
              <fieldset>
                <legend>Old token</legend>
                <Pick
                  name="retire"
                  value="when-replaced"
                  isOn
                  label="Revoke the old one once the new one works."
                  hint={`It must also be unused for ${span(quietSeconds)}.`}
                />
                <Pick name="retire" value="manual" label="Keep it until I revoke it." />
              </fieldset>
            )}
            <Submit
              name={isFull ? 'Replace now' : 'Generate'}
              back={address}
              tone={isFull ? 'danger primary' : 'primary'}
            />
          </Form>
        </Steps>
      ),
    };
  }

  return [
    {
      path: '/directories/:id/rotate',
      action: 'credentials.change',
      get: rotation,
      async post(visit) {
        const { form, attribution } = visit;
        const { id } = await seen.directory(visit);
        const isImmediate = form.get('mode') === 'immediate';
        const retire = form.get('retire') === 'manual' ? 'manual' : 'when-replaced';
        const label = sent(form, 'label');
        const { token } = await credentials.rotate(
          id,
          { label, ...(isImmediate ? { mode: 'immediate' } : { mode: 'overlap', retire }) },
          attribution,
        );
        return shownToken(visit, await seen.view(visit), token, isImmediate ? 'generate' : 'rotate', publicUrl);
      },
    },
    {
      path: '/directories/:id/rotate/anew',
      action: 'credentials.change',
      async post(visit) {
        const view = await seen.view(visit);
        const { old, fresh } = pairIn(view);
        if (!old || !fresh) return `${addressOf(visit, view.directory)}/rotate`;
        const { id, label } = fresh.credential;
        // Not forced: one that was used meanwhile stays.
        await credentials.revoke(id, { reason: 'another one was generated before its first use' }, visit.attribution);
        const retire = old.progress?.retire === 'when-replaced' ? 'when-replaced' : 'manual';
        const { token } = await credentials.rotate(
          view.directory.id,
          { label, mode: 'overlap', retire },
          visit.attribution,
        );
        return shownToken(visit, await seen.view(visit), token, 'rotate', publicUrl);
      },
    },
  ];
}

/** What a new token takes the place of at once, where both slots are filled. */
export function Replaced({ view: { holdings } }: { view: DirectoryView }) {
  const ending = holdings.filter(({ credential }) => credential.kind === 'bearer');
  return (
    <>
      <b>This directory already has two credentials.</b> The new token replaces{' '}
      {ending.map(({ credential, total }, index) => (
        <>
          {index > 0 && ' and '}
          <b>
            {spokenOf(credential)} (…{credential.hint})
          </b>{' '}
          (<Last at={total?.lastUsedAt} before="last used" never="never used" />)
        </>
      ))}
      . Requests that use {ending.length > 1 ? 'one of them' : 'it'} are refused until you paste the new one. To avoid a
      gap, revoke the unused one first.
    </>
  );
}

/** The credential that is replaced, and the one that takes its place. */
export function pairIn({ holdings }: DirectoryView): { old: Holding | undefined; fresh: Holding | undefined } {
  const old = holdings.find(({ progress }) => progress);
  const fresh = holdings.find(({ credential }) => credential.id === old?.progress?.successorId);
  return { old, fresh };
}
