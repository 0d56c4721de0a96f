/** What to do about a finding, who does it, and what can be done at once on these pages. */
import type { VNode } from 'preact';
import { CODES, type Finding, type Words, wordsOf } from '../diagnosis/index.ts';
import type { DirectoryView } from './directory-view.ts';
import { actorOf, Dot, Said, toneOf } from './findings.tsx';
import { Act } from './forms.tsx';
import { Listed } from './lists.tsx';
import { CopyField, Go, Tag } from './parts.tsx';
import { addressOf, useVisit, type Visit } from './visit.tsx';

function Steps({ words: { steps, value } }: { words: Words }) {
  return (
    <>
      {steps.length === 1 ? (
        <p>
          <Said text={steps[0] ?? []} />
        </p>
      ) : (
        <ol class="fillings">
          {steps.map((step) => (
            <li>
              <span>
                <Said text={step} />
              </span>
            </li>
          ))}
        </ol>
      )}
      {value && <CopyField label={value.label} value={value.value} />}
    </>
  );
}

/** What to do in the identity provider's own words; nothing where nothing has to be done. */
export function WhatToDo({ finding, view }: { finding: Finding; view: DirectoryView }) {
  const visit = useVisit();
  const words = wordsOf(finding, view.spoken, visit.reader);
  if (words.steps.length === 0 && !words.value) return null;
  const actor = actorOf(finding, visit, view.provider);
  return (
    <section class="panel todo">
      <div class="head">
        <h2>{finding.code === 'healed_but_missed' ? `What ${view.provider} may have missed` : 'What to do'}</h2>
        {actor && <Tag tone={actor.tone}>{actor.who}</Tag>}
      </div>
      <Steps words={words} />
      <Acts finding={finding} view={view} />
    </section>
  );
}

/** Codes whose group mostly wants another token, and who don't. */
const NO_TOKEN: ReadonlySet<Finding['code']> = new Set([
  'directory_disabled',
  'token_disabled',
  'client_secret_ends_soon',
  'refresh_policy_ends_soon',
]);
const WANT_SETUP: ReadonlySet<Finding['code']> = new Set([
  'setup_unfinished',
  'redirect_uri_unknown',
  'client_secret_ends_soon',
  'refresh_policy_ends_soon',
]);

function Acts({ finding, view }: { finding: Finding; view: DirectoryView }) {
  const acts = actsOf(finding, view, useVisit());
  return acts && <div class="acts">{acts}</div>;
}

/** What can be done about it on these pages, by those who may. */
function actsOf({ code }: Finding, { directory, holdings }: DirectoryView, visit: Visit): VNode | undefined {
  const address = addressOf(visit, directory);
  const { group } = CODES[code];
  if (code === 'healed_but_missed' && visit.may('findings.settle'))
    return (
      <>
        <Act action={`${address}/recovered`} name="I've retried them" tone="primary" />
        <Act action={`${address}/recovered?nothing`} name="Nothing to retry" tone="quiet" />
      </>
    );
  if (code === 'quiet_for_longer_than_ever' && visit.may('findings.settle'))
    return (
      <>
        <Act action={`${address}/quiet`} name="This is expected" tone="primary" />
        <Act action={`${address}/quiet?mute`} name="Mute for 30 days" tone="quiet" />
      </>
    );
  if (code === 'not_connected' && visit.may('directories.set-up'))
    return <Go href={`${address}/setup`} name="Set it up" tone="primary" />;
  if (group === 'upstream' && visit.reader.audience === 'operator' && visit.may('directories.change'))
    return (
      <>
        {code !== 'upstream_not_set' && <Act action={`${address}/test`} name="Test the SCIM server" />}
        <Go href="?change#change" name={code === 'upstream_not_set' ? 'Set the URL' : 'Change the URL'} />
      </>
    );
  const wantsToken = group === 'presented' || group === 'not_usable' || group === 'coming';
  const isForToken = (wantsToken && !NO_TOKEN.has(code)) || code === 'new_source' || code === 'two_sources_one_token';
  if (code === 'weak_or_imported' && visit.may('credentials.change'))
    return <Go href={`${address}/rotate`} name="Rotate" />;
  if (isForToken && visit.may('credentials.change'))
    return holdings.length < 2 ? (
      <Go href={`${address}/generate`} name="Generate a token" />
    ) : (
      <Go href={`${address}/rotate`} name="Replace a token" />
    );
  const wantsSetup = group === 'token_endpoint' || WANT_SETUP.has(code);
  if (wantsSetup && visit.may('directories.set-up'))
    return <Go href={`${address}/setup/oauth`} name="Open the setup" />;
  return undefined;
}

/** What was found besides; each opens to what to do about it. */
export function OtherFindings({ findings, view }: { findings: readonly Finding[]; view: DirectoryView }) {
  const visit = useVisit();
  if (findings.length === 0) return null;
  return (
    <Listed title="Also found">
      <ul class="rows">
        {findings.map((finding) => {
          const words = wordsOf(finding, view.spoken, visit.reader);
          const actor = actorOf(finding, visit, view.provider);
          return (
            <li>
              <Dot tone={toneOf(finding)} />
              <div class="what">
                <b>{words.lead}</b>
                <small>
                  <Said text={words.rest} />
                </small>
                {(words.steps.length > 0 || words.value) && (
                  <details>
                    <summary>What to do</summary>
                    <div class="detail">
                      <Steps words={words} />
                      <Acts finding={finding} view={view} />
                    </div>
                  </details>
                )}
              </div>
              {actor && <Tag>{actor.who}</Tag>}
            </li>
          );
        })}
      </ul>
    </Listed>
  );
}
