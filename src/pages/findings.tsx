/** A finding, drawn: the sentence that leads, in a list or over a page, and the sign before it. What it says is diagnosis/. */
import type { ComponentChildren } from 'preact';
import { CODES, type Diagnosis, type Finding, PAGE_ACTS, type Spoken, type Text, wordsOf } from '../diagnosis/index.ts';
import { IDENTITY_PROVIDERS } from '../identity-providers/index.ts';
import { type ActPlace, linkOf } from './acts.tsx';
import type { DirectoryView } from './directory-view.ts';
import { Row } from './lists.tsx';
import { capital, counted, Dot, Status, Tag, type Tone } from './parts.tsx';
import { Moment } from './times.tsx';
import { addressOf, useVisit, type Visit } from './visit.tsx';

/** Codes whose dot says that nobody is needed. */
const CALM: Partial<Record<Finding['code'], Tone>> = {
  healed_but_missed: 'ok',
  not_connected: 'off',
  ended_on_purpose: 'off',
};

export function toneOf({ code, severity, facts }: Finding): Tone {
  if (severity === 'failing') return 'bad';
  // Nothing is wrong with one that is new.
  if (code === 'waiting_for_first_request' && facts.acceptedAt === undefined) return 'off';
  return CALM[code] ?? (severity === 'fine' ? 'ok' : 'warn');
}

/** What is broken, if anything: the first finding that is failing or degraded. */
export function troubleOf({ findings }: Diagnosis): Finding | undefined {
  return findings.find(({ severity }) => severity === 'failing' || severity === 'degraded');
}

/** A sentence with its times, fields and values shown as what they are. */
export function Said({ text, place }: { text: Text; place?: ActPlace | undefined }) {
  return (
    <>
      {text.map((part) => {
        if (typeof part === 'string') return <Unbroken text={part} />;
        if ('time' in part) return <Moment at={new Date(part.time)} form={part.form} />;
        if ('ui' in part) return <b>{part.ui}</b>;
        if ('value' in part) return <span class="mono">{part.value}</span>;
        if ('directory' in part) return <DirectoryLink id={part.directory} name={part.name} />;
        const link = place && linkOf(part.act, place);
        if (link === undefined) return <b>{PAGE_ACTS[part.act]}</b>;
        return (
          <a data-copies={part.act === 'copy-ticket' || undefined} href={link}>
            {PAGE_ACTS[part.act]}
          </a>
        );
      })}
    </>
  );
}

function DirectoryLink({ id, name }: { id: string; name: string }) {
  return <a href={addressOf(useVisit(), { id })}>“{name}”</a>;
}

/** The end of a token, such as …LDy1, is never broken between two lines. */
function Unbroken({ text }: { text: string }) {
  const parts = text.split(/(…\w+)/);
  return <>{parts.map((part, index) => (index % 2 === 1 ? <span class="whole">{part}</span> : part))}</>;
}

/** The sentence that leads, within a list. */
export function Sentence(props: { finding: Finding; spoken: Spoken; isLeadAbove?: boolean }) {
  const { finding, spoken, isLeadAbove = false } = props;
  const { lead, rest } = wordsOf(finding, spoken, useVisit().reader);
  return (
    <>
      {!isLeadAbove && lead} <Said text={rest} />
    </>
  );
}

/** The sentence that leads a page. */
export function Lead(props: { finding: Finding; view: DirectoryView; acts?: ComponentChildren }) {
  const { finding, view, acts } = props;
  const { lead, rest, detail } = wordsOf(finding, view.spoken, useVisit().reader);
  return (
    <Status
      tone={toneOf(finding)}
      lead={lead}
      rest={<Said text={rest} />}
      {...(detail && detail.length > 0 && { detail: <Said text={detail} /> })}
      acts={acts}
    />
  );
}

/** Who has to do it, as the reader knows them. */
export function actorOf(
  { actor }: Finding,
  { reader }: Visit,
  provider: string,
): { who: string; tone: Tone } | undefined {
  const isTheirs = reader.audience === 'it_contact';
  if (actor === 'nobody') return undefined;
  if (actor === 'idp') return { who: `${capital(provider)}, automatically`, tone: 'off' };
  if (actor === 'vendor') return isTheirs ? { who: capital(reader.vendor), tone: 'off' } : { who: 'You', tone: 'warn' };
  return isTheirs ? { who: 'You', tone: 'warn' } : { who: "The customer's IT contact", tone: 'warn' };
}

/** When what a finding says began; undefined where it is still to come, or nothing of note. */
export function beganOf({ code, severity, since }: Finding): Date | undefined {
  const { group } = CODES[code];
  const isState = group === 'silence' || group === 'watch';
  const isTrouble = severity === 'failing' || severity === 'degraded';
  return group !== 'coming' && (isTrouble || (severity === 'notice' && isState)) ? new Date(since) : undefined;
}

/** The vendor's own matters: that nobody at the organization is known, and that a secret has to be revoked. */
const OF_VENDOR: ReadonlySet<unknown> = new Set(['no_owner', 'secret_exposed']);

export function isFor(code: unknown, { audience }: Visit['reader']): boolean {
  return audience === 'operator' || !OF_VENDOR.has(code);
}

/** Since when something is wrong, how often it failed, and who can fix it. */
function Since({ finding, spoken, isActorAbove }: { finding: Finding; spoken: Spoken; isActorAbove: boolean }) {
  const visit = useVisit();
  const began = beganOf(finding);
  if (!began) return null;
  const { count = 0, isCut } = finding.facts;
  const actor = actorOf(finding, visit, IDENTITY_PROVIDERS[spoken.provider].name);
  return (
    <small>
      {count > 0 ? `${isCut ? 'More than ' : ''}${counted(count, 'request')} since ` : 'Since '}
      <Moment at={began} form="since" />
      {finding.actor === 'idp' || !actor || isActorAbove ? '.' : `. ${actor.who} can fix it.`}
    </small>
  );
}

/** A directory in a list, with the sentence of its finding. `of`: what else it is told by. `end`: in place of its provider. */
export function FindingRow(props: {
  directory: { id: string; name: string };
  finding: Finding;
  spoken: Spoken;
  of?: ComponentChildren;
  end?: ComponentChildren;
  /** The page's title says the sentence that leads. */
  isLeadAbove?: boolean;
  /** The list says who can fix what is in it. */
  isActorAbove?: boolean;
}) {
  const { directory, finding, spoken, of, end, isLeadAbove = false, isActorAbove = false } = props;
  const provider = capital(IDENTITY_PROVIDERS[spoken.provider].name);
  return (
    <Row
      icon={<Dot tone={toneOf(finding)} />}
      name={
        <span>
          <a href={addressOf(useVisit(), directory)}>
            <b>{directory.name}</b>
          </a>
          {of}
        </span>
      }
      text={<Sentence finding={finding} spoken={spoken} isLeadAbove={isLeadAbove} />}
      more={<Since finding={finding} spoken={spoken} isActorAbove={isActorAbove} />}
    >
      {end ?? (!directory.name.includes(provider) && <Tag>{provider}</Tag>)}
    </Row>
  );
}
