/** A rotation, guided: generate the new token, put it in, see it used, end the old one. */

import type { Scope } from '../credentials/index.ts';
import { PAGE_ACTS } from '../diagnosis/index.ts';
import { Check, isPasteRefused, WAYS } from './check.tsx';
import { Ask, END_OLD } from './confirm.tsx';
import { Field, Pick, sent } from './fields.tsx';
import { Form, Submit } from './forms.tsx';
import { Go, Steps } from './parts.tsx';
import { pairIn, replaceableIn } from './replacing.tsx';
import { createSeen, type SeenDependencies } from './seen.ts';
import { shownToken } from './shown-token.tsx';
import { span } from './times.tsx';
import { addressOf, live, type Route, trailTo, type Visit } from './visit.tsx';

const LATEST_EVENTS = 30;
const TITLE = PAGE_ACTS['rotate-token'];

export function rotationRoutes(deps: SeenDependencies): Route[] {
  const { credentials, audit } = deps;
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
        <Check view={view} fresh={fresh} events={items} />
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
    return live(visit, { title: TITLE, trail: trailTo(visit, directory), part });
  }

  async function rotation(visit: Visit) {
    const under = await waiting(visit);
    if (under) return under;
    const view = await seen.view(visit);
    const { directory, provider, holdings } = view;
    const address = addressOf(visit, directory);
    const old = holdings.find(({ credential }) => credential.kind === 'bearer');
    if (!old) return `${address}/generate`;
    // With both slots filled there is nothing to choose but what is replaced.
    if (holdings.length === 2) return `${address}/generate`;
    await credentials.assertNotHeldBack(directory.id, visit.attribution);
    return {
      title: TITLE,
      trail: trailTo(visit, directory),
      children: (
        <Steps names={WAYS.rotate} current={0}>
          <Form class="panel">
            <p>
              This creates a second token. <b>Both work</b> until {provider} uses the new one.
            </p>
            <Field name="label" value={old.credential.label} />
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
            <Submit name="Generate" back={address} />
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
        const retire = form.get('retire') === 'manual' ? 'manual' : 'when-replaced';
        const label = sent(form, 'label');
        const { token } = await credentials.rotate(id, { label, mode: 'overlap', retire }, attribution);
        return shownToken(visit, await seen.view(visit), token, 'rotate');
      },
    },
    {
      path: '/directories/:id/rotate/anew',
      action: 'credentials.change',
      async post(visit) {
        const view = await seen.view(visit);
        const { form, attribution } = visit;
        const { old, fresh } = pairIn(view);
        const chosen = form.get('replaces');
        const replaced =
          chosen === null ? fresh : replaceableIn(view).find(({ credential }) => credential.id === chosen);
        const { id: directoryId } = view.directory;
        if (!replaced) return `${addressOf(visit, view.directory)}/generate`;
        const { id, label, scopes } = replaced.credential;
        const isUsed = replaced.total?.lastUsedAt !== undefined;
        const reason = isUsed
          ? 'another one was generated in its place'
          : 'another one was generated before its first use';
        // Forced only where the question said that it is in use: one that was used meanwhile stays.
        const force = isUsed && form.get('inUse') === 'confirmed';
        await credentials.revoke(id, { reason, force }, attribution);
        const retire = old?.progress?.retire === 'when-replaced' ? 'when-replaced' : 'manual';
        const isRotating = old !== undefined && replaced === fresh;
        const { token } = isRotating
          ? await credentials.rotate(directoryId, { label, mode: 'overlap', retire }, attribution)
          : await credentials.issue(directoryId, { label, scopes: scopes as Scope[] }, attribution);
        return shownToken(visit, await seen.view(visit), token, isRotating ? 'rotate' : 'generate');
      },
    },
  ];
}
