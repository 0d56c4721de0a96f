/** A directory as it is now: the sentence that leads, the endpoint, the two slots, what happened. */
import type { ComponentChildren } from 'preact';
import type { AuditEvent } from '../audit/index.ts';
import { actsIn, CODE_NAMES, CODES, PAGE_ACTS, wordsOf } from '../diagnosis/index.ts';
import type { Page } from '../storage/index.ts';
import { Ask, END_OLD } from './confirm.tsx';
import { type DirectoryView, type Held, type Holding, isHeldBack, isHeldByVendor, placeOf } from './directory-view.ts';
import { EventList, isToldTo, tellOf } from './events.tsx';
import { HowWeKnow, inOrder, senderOf } from './evidence.tsx';
import { Lead } from './findings.tsx';
import { Act } from './forms.tsx';
import { CopyField, capital, counted, Go } from './parts.tsx';
import { type EventRun, onAndOff, runsOf } from './runs.ts';
import { SlotCards } from './slots.tsx';
import { Stations, Strangers } from './stations.tsx';
import { age, Time } from './times.tsx';
import { addressOf, useVisit, type Visit } from './visit.tsx';
import { OtherFindings, WhatToDo } from './what-to-do.tsx';

const ROWS = 12;

/** What moves while one looks at it. */
export function DirectoryFace(props: {
  view: DirectoryView;
  events: Page<AuditEvent>;
  /** Of the finding that leads. */
  evidence: AuditEvent[];
  /** Who can be asked to do what is to be done. */
  whom?: ComponentChildren;
  /** What else may be put into an empty slot. */
  children?: ComponentChildren;
}) {
  const { view, events, evidence, whom, children } = props;
  const visit = useVisit();
  const { directory, diagnosis, holdings, acceptedAt } = view;
  const [lead, ...others] = diagnosis.findings;
  const address = addressOf(visit, directory);
  // Where somebody else has to be asked, it stands with what to do.
  const isTicketBelow = lead && actsIn(wordsOf(lead, view.spoken, visit.reader).steps).includes('copy-ticket');
  // Whom to ask, or that nobody is known, stands with what to do.
  const isAsked = whom !== undefined && lead?.actor === 'it_contact';
  const isKnown = holdings.length > 0 || acceptedAt !== undefined || (lead?.evidence.length ?? 0) > 0;
  return (
    <div class="detail blocks">
      {lead && (
        <>
          <Lead
            finding={lead}
            view={view}
            acts={isTicketBelow || <Go href={`${address}/ticket`} name={PAGE_ACTS['copy-ticket']} copies />}
          />
          {isKnown && <Stations view={view} />}
          <div class="two">
            <WhatToDo finding={lead} view={view} whom={whom} />
            <HowWeKnow finding={lead} evidence={evidence} view={view} />
          </div>
        </>
      )}
      <OtherFindings
        findings={others.filter(({ severity, code }) => severity !== 'fine' && !(isAsked && code === 'no_owner'))}
        view={view}
      />
      <Strangers strangers={diagnosis.strangers} view={view} />
      <CopyField label="SCIM endpoint" value={view.spoken.endpointUrl} />
      <Callout view={view} />
      <SlotCards
        view={view}
        acts={(holding) => <Acts holding={holding} view={view} />}
        free={() => (
          <FreeActs view={view} isPrimary={lead === undefined || lead.severity === 'fine'}>
            {children}
          </FreeActs>
        )}
      />
      <EventList
        title="What happened"
        aside={
          <a
            href={visit.auditPath === undefined ? `${address}/audit` : `${visit.auditPath}?directoryId=${directory.id}`}
          >
            <small>Full audit trail</small>
          </a>
        }
        of={rowsOf(events, evidence, visit)}
        nameOf={(event) => senderOf(event, view)}
        byLast
      />
    </div>
  );
}

function Acts({ holding, view }: { holding: Holding; view: DirectoryView }) {
  const visit = useVisit();
  if (!visit.may('credentials.change')) return <small>Your role is read-only.</small>;
  const { credential, state, progress } = holding;
  const { disabledBy } = credential;
  const isRotating = view.holdings.some((held) => held.progress);
  const isHeld = isHeldBack(view, visit);
  const address = `${visit.home}/credentials/${credential.id}`;
  return (
    <>
      {credential.kind === 'bearer' && state === 'active' && !isRotating && !isHeld && (
        <Go href={`${addressOf(visit, view.directory)}/rotate`} name="Rotate" />
      )}
      {progress?.successorAccepted && <Ask href={`${address}/retire`} name={END_OLD} isMild />}
      {isHeld && disabledBy && isHeldByVendor(holding) ? (
        <small>Disabled by {visit.nameOf(disabledBy)}. Only they can enable or revoke it.</small>
      ) : state === 'disabled' ? (
        <Act action={`${address}/enable`} name="Enable" tone="primary" />
      ) : (
        <Ask href={`${address}/disable`} name="Disable" isMild />
      )}
      {!isHeld && <Ask href={`${address}/revoke`} name="Revoke" />}
    </>
  );
}

function FreeActs(props: {
  view: DirectoryView;
  /** Where something has to be done, its own button stands out. */
  isPrimary: boolean;
  children: ComponentChildren;
}) {
  const { view, isPrimary, children } = props;
  const { directory } = view;
  const visit = useVisit();
  if (isHeldBack(view, visit))
    return <small>Nothing can be added while a credential is disabled by {visit.reader.vendor}.</small>;
  if (!visit.may('credentials.change')) return <small>Your role is read-only.</small>;
  return (
    <>
      <Go href={`${addressOf(visit, directory)}/generate`} name="Generate" tone={isPrimary ? 'primary' : undefined} />
      {children}
    </>
  );
}

/** While both slots are filled: which one is used, and what becomes of the other. */
function Callout({ view }: { view: DirectoryView }) {
  const { holdings, using, provider, now } = view;
  const visit = useVisit();
  if (holdings.length < 2) return null;
  const replaced = holdings.find(({ progress }) => progress);
  const other = holdings.find((holding) => holding !== using);
  const { progress } = replaced ?? {};
  return (
    <section class="note" aria-label="Two credentials">
      <div>
        <strong>This directory has two credentials.</strong>{' '}
        {using
          ? `${capital(provider)} last used the ${placeOf(using.credential.slot)} one.`
          : `${capital(provider)} has not used either of them yet.`}{' '}
        {replaced && progress ? (
          <>
            The {placeOf(replaced.credential.slot)} one was replaced
            {progress.status === 'waiting_for_successor'
              ? `. It keeps working until ${provider} uses the new one.`
              : ' '}
            {progress.status === 'waiting_for_quiet' && progress.retiresAt && (
              <>
                and is revoked automatically <Time at={progress.retiresAt} /> if only the new one is used.
              </>
            )}
            {progress.status === 'waiting_for_quiet' &&
              !progress.retiresAt &&
              `and keeps working until ${provider} uses the new one again.`}
            {progress.status === 'still_in_use' &&
              'but is still in use. Check when it was last used before you revoke it.'}
            {progress.status === 'manual' && 'and keeps working until you revoke it.'}
            {progress.status === 'scheduled' && progress.retiresAt && (
              <>
                and will be revoked <Time at={progress.retiresAt} />.
              </>
            )}
          </>
        ) : (
          other?.total?.lastUsedAt &&
          `The ${placeOf(other.credential.slot)} one has not been used for ${age(Math.floor((now.getTime() - other.total.lastUsedAt.getTime()) / 1000))}.`
        )}
      </div>
      {visit.may('credentials.change') && replaced && (
        <div class="acts">
          <Go href={`${addressOf(visit, view.directory)}/rotate`} name="View rotation" />
          {progress?.successorAccepted && (
            <Ask href={`${visit.home}/credentials/${replaced.credential.id}/retire`} name={END_OLD} isMild />
          )}
        </div>
      )}
    </section>
  );
}

/** That nothing was connected or used yet follows from the events around it, and only hides them. */
function isNews({ type, data: { code } }: AuditEvent): boolean {
  const isOfFinding = type === 'finding.began' || type === 'finding.healed';
  const found = CODE_NAMES.find((name) => name === code);
  return !isOfFinding || found === undefined || CODES[found].group !== 'never_worked';
}

/** What goes on repeating is listed where it began; here it stands once for all of its run, where it happened last. */
function rowsOf({ items, nextCursor }: Page<AuditEvent>, evidence: AuditEvent[], visit: Visit): EventRun[] {
  const news = items.filter((event) => isNews(event) && isToldTo(event, visit.reader));
  const all = new Map([...news, ...evidence].map((event) => [event.id, event]));
  const latestFirst = [...all.values()].sort((a, b) => inOrder(b, a));
  const sameness = (event: AuditEvent) => {
    return JSON.stringify([event.type, tellOf(event, visit).text, visit.nameOf(event.actor, event.address)]);
  };
  return onAndOff(runsOf(latestFirst, sameness, nextCursor !== null)).slice(0, ROWS);
}

export function LastUse({ view }: { view: Held }) {
  const { using, acceptedAt, provider } = view;
  if (!acceptedAt) return <>No request has been accepted yet.</>;
  const at = using?.total?.lastUsedAt;
  const accepted = view.holdings.reduce(
    (sum, { days }) => sum + days.reduce((inner, day) => inner + day.accepted, 0),
    0,
  );
  return (
    <>
      Last used <Time at={acceptedAt} />{' '}
      {at && at >= acceptedAt
        ? `from ${provider} (${using.total?.lastUsedFrom?.address})`
        : 'with a credential that no longer works'}
      {accepted > 0 && `; ${counted(accepted, 'request')} in the last 14 days`}.
    </>
  );
}
