/** A finding, drawn: the sentence that leads, what to do and who does it, where it stops, what else was found. What it says is diagnosis/. */
import type { ComponentChildren } from 'preact';
import {
  CODES,
  type Diagnosis,
  type Finding,
  type Spoken,
  type Station,
  type Stranger,
  type Text,
  type Words,
  wordsOf,
} from '../diagnosis/index.ts';
import { IDENTITY_PROVIDERS } from '../identity-providers/index.ts';
import type { DirectoryView } from './directory-view.ts';
import { Act } from './forms.tsx';
import { CopyField, capital, counted, Go, Moment, Status, Tag, Time, type Tone } from './parts.tsx';
import type { Visit } from './visit.tsx';

/** Codes whose dot says that nobody is needed. */
const CALM: Partial<Record<Finding['code'], Tone>> = {
  healed_but_missed: 'ok',
  not_connected: 'off',
  ended_on_purpose: 'off',
};

export function toneOf({ code, severity }: Finding): Tone {
  if (severity === 'failing') return 'bad';
  return CALM[code] ?? (severity === 'fine' ? 'ok' : 'warn');
}

/** What is broken, if anything: the first finding that is failing or degraded. */
export function troubleOf({ findings }: Diagnosis): Finding | undefined {
  return findings.find(({ severity }) => severity === 'failing' || severity === 'degraded');
}

/** A sentence with its times, fields and values shown as what they are. */
export function Said({ text, now }: { text: Text; now: Date }) {
  return (
    <>
      {text.map((part) => {
        if (typeof part === 'string') return <Unbroken text={part} />;
        if ('time' in part) return <Moment at={new Date(part.time)} now={now} />;
        return 'ui' in part ? <b>{part.ui}</b> : <span class="mono">{part.value}</span>;
      })}
    </>
  );
}

/** The end of a token, such as …LDy1, is never broken between two lines. */
function Unbroken({ text }: { text: string }) {
  const parts = text.split(/(…\w+)/);
  return <>{parts.map((part, index) => (index % 2 === 1 ? <span class="whole">{part}</span> : part))}</>;
}

/** The sentence that leads, within a list. */
export function Sentence(props: { finding: Finding; spoken: Spoken; visit: Pick<Visit, 'reader' | 'now'> }) {
  const { lead, rest } = wordsOf(props.finding, props.spoken, props.visit.reader);
  return (
    <>
      {lead} <Said text={rest} now={props.visit.now} />
    </>
  );
}

/** The sentence that leads a page. */
export function Lead(props: { finding: Finding; view: DirectoryView; visit: Visit; acts?: ComponentChildren }) {
  const { finding, view, visit, acts } = props;
  const { lead, rest, detail } = wordsOf(finding, view.spoken, visit.reader);
  return (
    <Status
      tone={toneOf(finding)}
      sentence={
        <>
          <strong>{lead}</strong> <Said text={rest} now={view.now} />
        </>
      }
      {...(detail && detail.length > 0 && { detail: <Said text={detail} now={view.now} /> })}
      acts={acts}
    />
  );
}

const STATION_NAMES = { token_endpoint: 'Token endpoint', scim_endpoint: 'SCIM endpoint' } as const;

export function Stations({ view, visit }: { view: DirectoryView; visit: Visit }) {
  const { stations, provider, now } = view;
  const isStopped = stations.some(({ state }) => state === 'bad' || state === 'poor');
  const server =
    visit.reader.audience === 'operator' ? 'Your SCIM server' : `${capital(visit.reader.vendor)}'s SCIM server`;
  const nameOf = ({ place }: Station) =>
    place === 'idp' ? capital(provider) : place === 'scim_server' ? server : STATION_NAMES[place];
  return (
    <section class="panel path">
      <h2>{isStopped ? 'Where it stops' : 'Request path'}</h2>
      <ol class="stations">
        {stations.map((station) => (
          <li class={station.state}>
            <b>{nameOf(station)}</b>
            <span>{station.says}</span>
            {station.notes.map((note) => (
              <small>
                <Said text={note} now={now} />
              </small>
            ))}
          </li>
        ))}
      </ol>
    </section>
  );
}

/** Who has to do it, as the reader knows them. */
function actorOf({ actor }: Finding, { reader }: Visit, provider: string): { who: string; tone: Tone } | undefined {
  const isTheirs = reader.audience === 'it_contact';
  if (actor === 'nobody') return undefined;
  if (actor === 'idp') return { who: `${capital(provider)}, automatically`, tone: 'off' };
  if (actor === 'vendor') return isTheirs ? { who: capital(reader.vendor), tone: 'off' } : { who: 'You', tone: 'warn' };
  return isTheirs ? { who: 'You', tone: 'warn' } : { who: "The customer's IT contact", tone: 'warn' };
}

export function Steps({ words: { steps, value }, now }: { words: Words; now: Date }) {
  return (
    <>
      {steps.length === 1 ? (
        <p>
          <Said text={steps[0] ?? []} now={now} />
        </p>
      ) : (
        <ol class="fillings">
          {steps.map((step) => (
            <li>
              <span>
                <Said text={step} now={now} />
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
export function WhatToDo({ finding, view, visit }: { finding: Finding; view: DirectoryView; visit: Visit }) {
  const words = wordsOf(finding, view.spoken, visit.reader);
  if (words.steps.length === 0 && !words.value) return null;
  const actor = actorOf(finding, visit, view.provider);
  return (
    <section class="panel todo">
      <div class="head">
        <h2>{finding.code === 'healed_but_missed' ? `What ${view.provider} may have missed` : 'What to do'}</h2>
        {actor && <Tag tone={actor.tone}>{actor.who}</Tag>}
      </div>
      <Steps words={words} now={view.now} />
      <Acts finding={finding} view={view} visit={visit} />
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

/** What can be done about it on these pages. */
function Acts({ finding: { code }, view, visit }: { finding: Finding; view: DirectoryView; visit: Visit }) {
  const address = `${visit.home}/directories/${view.directory.id}`;
  const { group } = CODES[code];
  if (code === 'healed_but_missed' && visit.may('findings.settle'))
    return (
      <div class="acts">
        <Act visit={visit} action={`${address}/recovered`} name="I've retried them" tone="primary" />
        <Act visit={visit} action={`${address}/recovered?nothing`} name="Nothing to retry" tone="quiet" />
      </div>
    );
  if (code === 'quiet_for_longer_than_ever' && visit.may('findings.settle'))
    return (
      <div class="acts">
        <Act visit={visit} action={`${address}/quiet`} name="This is expected" tone="primary" />
        <Act visit={visit} action={`${address}/quiet?mute`} name="Mute for 30 days" tone="quiet" />
      </div>
    );
  if (code === 'not_connected' && visit.may('directories.set-up'))
    return (
      <div class="acts">
        <Go href={`${address}/setup`} name="Set it up" tone="primary" />
      </div>
    );
  if (group === 'upstream' && visit.reader.audience === 'operator' && visit.may('directories.change'))
    return (
      <div class="acts">
        {code !== 'upstream_not_set' && <Act visit={visit} action={`${address}/test`} name="Test the SCIM server" />}
        <Go href="?change#change" name={code === 'upstream_not_set' ? 'Set the URL' : 'Change the URL'} />
      </div>
    );
  const wantsToken = group === 'presented' || group === 'not_usable' || group === 'coming';
  const isForToken = (wantsToken && !NO_TOKEN.has(code)) || code === 'new_source' || code === 'two_sources_one_token';
  if (code === 'weak_or_imported' && visit.may('credentials.change'))
    return (
      <div class="acts">
        <Go href={`${address}/rotate`} name="Rotate" />
      </div>
    );
  if (isForToken && visit.may('credentials.change'))
    return (
      <div class="acts">
        {view.holdings.length < 2 && <Go href={`${address}/generate`} name="Generate a token" />}
        {view.holdings.length === 2 && <Go href={`${address}/rotate`} name="Replace a token" />}
      </div>
    );
  const wantsSetup = group === 'token_endpoint' || WANT_SETUP.has(code);
  if (wantsSetup && visit.may('directories.set-up'))
    return (
      <div class="acts">
        <Go href={`${address}/setup/oauth`} name="Open the setup" />
      </div>
    );
  return null;
}

/** What was found besides; each opens to what to do about it. */
export function OtherFindings(props: { findings: readonly Finding[]; view: DirectoryView; visit: Visit }) {
  const { findings, view, visit } = props;
  if (findings.length === 0) return null;
  return (
    <section class="panel list">
      <div class="bar">
        <h2>Also found</h2>
      </div>
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
                  <Said text={words.rest} now={view.now} />
                </small>
                {(words.steps.length > 0 || words.value) && (
                  <details>
                    <summary>What to do</summary>
                    <div class="detail">
                      <Steps words={words} now={view.now} />
                      <Acts finding={finding} view={view} visit={visit} />
                    </div>
                  </details>
                )}
              </div>
              {actor && <Tag>{actor.who}</Tag>}
            </li>
          );
        })}
      </ul>
    </section>
  );
}

/** Refused requests that were not the identity provider's. They say nothing of the health. */
export function Strangers({ strangers, view }: { strangers: readonly Stranger[]; view: DirectoryView }) {
  if (strangers.length === 0) return null;
  return (
    <section class="panel list">
      <div class="bar">
        <h2>Refused requests from elsewhere</h2>
        <small>Nothing to do. These requests come from addresses that {view.provider} has never used here.</small>
      </div>
      <ul class="rows">
        {strangers.map(({ code, count, lastAt, address, userAgent }) => (
          <li>
            <span class="what">
              <span>
                {CODES[code].meaning} <Tag>{counted(count, 'time')}</Tag>
              </span>
              <small>
                {address ?? 'An unknown address'}
                {userAgent !== undefined && `, ${userAgent}`}
              </small>
            </span>
            <small>
              <Time at={new Date(lastAt)} now={view.now} />
            </small>
          </li>
        ))}
      </ul>
    </section>
  );
}

export function Dot({ tone }: { tone: Tone }) {
  return <span class={tone === 'ok' ? 'dot' : `dot ${tone}`} />;
}

/** Since when something is broken, and who can fix it. */
function Since({ finding, spoken, visit }: { finding: Finding; spoken: Spoken; visit: Visit }) {
  if (finding.severity !== 'failing' && finding.severity !== 'degraded') return null;
  const actor = actorOf(finding, visit, IDENTITY_PROVIDERS[spoken.provider].name);
  return (
    <small>
      Since <Moment at={new Date(finding.since)} now={visit.now} />
      {finding.actor === 'idp' || !actor ? '.' : `. ${actor.who} can fix it.`}
    </small>
  );
}

/** A directory in a list, with the sentence of its finding. `of`: what else it is told by. `end`: in place of its provider. */
export function FindingRow(props: {
  directory: { id: string; name: string };
  finding: Finding;
  spoken: Spoken;
  visit: Visit;
  of?: ComponentChildren;
  end?: ComponentChildren;
}) {
  const { directory, finding, spoken, visit, of, end } = props;
  return (
    <li>
      <Dot tone={toneOf(finding)} />
      <span class="what">
        <span>
          <a href={`${visit.home}/directories/${directory.id}`}>
            <b>{directory.name}</b>
          </a>
          {of}
        </span>
        <small>
          <Sentence finding={finding} spoken={spoken} visit={visit} />
        </small>
        <Since finding={finding} spoken={spoken} visit={visit} />
      </span>
      {end ?? <Tag>{capital(IDENTITY_PROVIDERS[spoken.provider].name)}</Tag>}
    </li>
  );
}
