/** What to do about a finding, who does it, and what can be done at once on these pages. */
import type { ComponentChildren } from 'preact';
import { actsIn, type Finding, type PageAct, type Words, wordsOf } from '../diagnosis/index.ts';
import { ActButtons, type ActPlace } from './acts.tsx';
import type { DirectoryView } from './directory-view.ts';
import { actorOf, isFor, Said, toneOf } from './findings.tsx';
import { List, Row } from './lists.tsx';
import { CopyField, Dot, Tag } from './parts.tsx';
import { addressOf, useVisit } from './visit.tsx';

function Steps({ words, place }: { words: Words; place: ActPlace }) {
  const { steps, notes = [], value } = words;
  return (
    <>
      {steps.length === 1 && (
        <p>
          <Said text={steps[0] ?? []} place={place} />
        </p>
      )}
      {steps.length > 1 && (
        <ol class="fillings">
          {steps.map((step) => (
            <li>
              <span>
                <Said text={step} place={place} />
              </span>
            </li>
          ))}
        </ol>
      )}
      {value && <CopyField label={value.label} value={value.value} />}
      {notes.map((note) => (
        <p class="soft">
          <Said text={note} place={place} />
        </p>
      ))}
      <ActButtons words={words} place={place} />
    </>
  );
}

/** What a remedy needs to know of its directory. */
type RemedyView = Pick<DirectoryView, 'spoken' | 'provider'> & { directory: ActPlace['directory'] };

/** Whether there is anything to do, or to take back. */
function hasRemedy({ steps, notes = [], value }: Words): boolean {
  return steps.length > 0 || value !== undefined || actsIn(notes).length > 0;
}

const TITLES: Partial<Record<Finding['code'], (provider: string) => string>> = {
  healed_but_missed: (provider) => `What ${provider} may have missed`,
  working: () => 'Notices of silence',
  working_quiet: () => 'Notices of silence',
};

/** What to do in the identity provider's own words; nothing where nothing has to be done. `whom`: who can be asked to do it. */
export function WhatToDo(props: { finding: Finding; view: RemedyView; whom?: ComponentChildren }) {
  const { finding, view, whom } = props;
  const visit = useVisit();
  const words = wordsOf(finding, view.spoken, visit.reader);
  if (!hasRemedy(words)) return null;
  const actor = actorOf(finding, visit, view.provider);
  // What the steps themselves send to the customer needs nobody to be asked first.
  const isSent = actsIn(words.steps).includes('send-portal-link');
  return (
    <section class="panel todo">
      <div class="head">
        <h2>{TITLES[finding.code]?.(view.provider) ?? 'What to do'}</h2>
        {actor && <Tag tone={actor.tone}>{actor.who}</Tag>}
      </div>
      {finding.actor === 'it_contact' && !isSent && whom}
      {finding.actor === 'it_contact' && !isSent && <ForThem words={words} view={view} />}
      <Steps words={words} place={{ visit, directory: view.directory, finding }} />
    </section>
  );
}

/** What a button makes that somebody else has to paste. */
const MADE: Partial<Record<PageAct, string>> = {
  'generate-token': 'generate a token here',
  'add-client-secret': 'add a client secret here',
  'create-client': 'create a client here',
};

/** Whose steps these are, for an operator; and which of them an operator can take for the customer. */
function ForThem({ words: { steps }, view }: { words: Words; view: RemedyView }) {
  const { provider, directory } = view;
  const visit = useVisit();
  if (visit.reader.audience !== 'operator' || steps.length === 0) return null;
  const [made] = actsIn(steps).flatMap((act) => MADE[act] ?? []);
  return (
    <p class="soft">
      Send these steps to the customer's IT contact: only their administrators can change {provider}.{' '}
      <a data-copies href={`${addressOf(visit, directory)}/ticket?customer`}>
        Copy them in words for the customer
      </a>
      .{made !== undefined && visit.may('credentials.change') && ` You can ${made}, and pass it on securely.`}
    </p>
  );
}

/** What was found besides; each opens to what to do about it. */
export function OtherFindings(props: { findings: readonly Finding[]; view: DirectoryView }) {
  const { view } = props;
  const visit = useVisit();
  const findings = props.findings.filter(({ code }) => isFor(code, visit.reader));
  if (findings.length === 0) return null;
  return (
    <List
      title="Also found"
      of={findings}
      row={(finding) => {
        const words = wordsOf(finding, view.spoken, visit.reader);
        const actor = actorOf(finding, visit, view.provider);
        return (
          <Row
            icon={<Dot tone={toneOf(finding)} />}
            name={<b>{words.lead}</b>}
            text={<Said text={words.rest} />}
            more={
              hasRemedy(words) && (
                <details>
                  <summary>What to do</summary>
                  <div class="detail">
                    <Steps words={words} place={{ visit, directory: view.directory, finding }} />
                  </div>
                </details>
              )
            }
          >
            {actor && <Tag>{actor.who}</Tag>}
          </Row>
        );
      }}
    />
  );
}
