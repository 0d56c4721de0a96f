/** What happened, a line each. */
import type { ComponentChildren } from 'preact';
import { type AttributeChange, type AuditEvent, headlineOf } from '../audit/index.ts';
import { HOUR_MS } from '../clock.ts';
import { CODES, causeOfEvent, codeOf, timeOf } from '../diagnosis/index.ts';
import type { Page } from '../storage/index.ts';
import { isFor } from './findings.tsx';
import { Details, List, Row } from './lists.tsx';
import { counted, Tag, type Tone } from './parts.tsx';
import type { EventRun } from './runs.ts';
import { Last, Moment } from './times.tsx';
import { useVisit, type Visit } from './visit.tsx';

export function EventList(props: {
  title?: string;
  aside?: ComponentChildren;
  /** What is said while there are none. */
  none?: string;
  of: readonly EventRun[] | Page<AuditEvent>;
  /** What an event is about, where the page does not say it. */
  placeOf?: (event: AuditEvent) => ComponentChildren;
  /** Listed by when it happened last, not by when it began. */
  byLast?: boolean;
  /** The name of the one who caused an event, where more is known than the event says. */
  nameOf: (event: AuditEvent) => string | undefined;
  /** Whether all that is kept of each can be opened. */
  isOpenable?: boolean;
}) {
  const { placeOf, nameOf, byLast = false, isOpenable = false, ...list } = props;
  const visit = useVisit();
  const { auditPath } = visit;
  return (
    <List<EventRun>
      none="Nothing has happened yet."
      {...list}
      row={(event) => {
        const { tone, text } = tellOf(event, visit);
        const { count = 1, times, source, requestId } = event;
        return (
          <Row
            name={text}
            marks={
              <>
                {times !== undefined && (
                  <Tag tone={tone}>
                    on and off, {counted(times, 'time')} since <Moment at={event.firstAt ?? event.at} form="since" />
                  </Tag>
                )}
                {count > 1 && (
                  <Tag tone={tone}>
                    {event.isCut && 'more than '}
                    {/* After a cause, "2 times" would tell how often the cause came. */}
                    {counted(count, codeOf(event) === undefined ? 'time' : 'request')}
                    {byLast ? <Since run={event} /> : <Last at={timeOf(event)} before=", last" />}
                  </Tag>
                )}
              </>
            }
            text={
              <>
                {placeOf?.(event)}
                {nameOf(event) ?? visit.nameOf(event.actor, event.address)}
                {(source === 'dashboard' || source === 'portal') && `, ${source}`}
                {requestId !== undefined && auditPath !== undefined && (
                  <>
                    , request{' '}
                    <a class="mono" href={`${auditPath}?requestId=${requestId}`}>
                      {requestId}
                    </a>
                  </>
                )}
              </>
            }
            more={isOpenable && <EventDetails event={event} />}
            at={byLast || event.type === 'credential.expired' ? timeOf(event) : event.at}
          />
        );
      }}
    />
  );
}

/** When a run began, where that is not when it was last. */
function Since({ run }: { run: EventRun }) {
  const { at, firstAt = at, isCut } = run;
  if (isCut || timeOf(run).getTime() - firstAt.getTime() < HOUR_MS) return null;
  return (
    <>
      {' '}
      since <Moment at={firstAt} form="since" />
    </>
  );
}

/** What was refused at a directory, by the gateway, the token endpoint or the consent. */
export const REFUSALS = ['request.denied', 'token.refused', 'connection.refused'];

/** Whether an event is for the reader at all. */
export function isToldTo({ type, data }: AuditEvent, reader: Visit['reader']): boolean {
  return !type.startsWith('finding.') || isFor(data['code'], reader);
}

/** All that is kept of an event, as it is kept. */
export function EventDetails({ event }: { event: AuditEvent }) {
  const { type, id, organizationId, directoryId, credentialId, firstAt, lastAt, data } = event;
  const known = { type, id, organizationId, directoryId, credentialId, firstAt, lastAt, ...data };
  return (
    <details>
      <summary>Details</summary>
      <Details
        of={Object.entries(known).map(
          ([name, value]) => value !== undefined && ([name, textOf(value), 'mono'] as const),
        )}
      />
    </details>
  );
}

function textOf(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** What was said to expire soon has expired, so nothing was resolved. */
const EXPIRED: Record<string, string> = {
  credential_ends_soon: 'The token or connection in use expired',
  client_secret_ends_soon: 'The client secret expired',
  refresh_policy_ends_soon: 'The connection expired under the policy of its client',
};

/** One line of what happened, as far as it is the reader's to know. */
export function tellOf(event: AuditEvent, { reader }: Pick<Visit, 'reader'>): { tone: Tone; text: string } {
  const { type, data, actor } = event;
  const told = (name: string) => (typeof data[name] === 'string' ? data[name] : '');
  const which = told('label') === '' ? `…${told('hint')}` : `“${told('label')}” (…${told('hint')})`;

  const what =
    told('kind') === 'oauth' ? `The connection${told('label') === '' ? '' : ` “${told('label')}”`}` : `Token ${which}`;
  const reason = told('reason').replaceAll('_', ' ');
  const code = codeOf(event);
  const why = code === undefined ? reason : uncapital((causeOfEvent(event) ?? '').replace(/\.$/, ''));
  switch (type) {
    case 'request.denied':
      return { tone: 'bad', text: `Refused: ${why}${told('hint') === '' ? '' : ` (…${told('hint')})`}` };
    case 'token.refused':
      return { tone: 'bad', text: `Token request from ${actor.name} refused: ${why}` };
    case 'upstream.failed': {
      const { status } = data;
      const isSaid = typeof status !== 'number' || why.includes(String(status));
      const more = [isSaid ? '' : `status ${status}`, told('detail')];
      const answer = more.filter((part) => part !== '').join(', ');
      return { tone: 'bad', text: `Failed: ${why}${answer === '' ? '' : ` (${answer})`}` };
    }
    case 'operator.sign_in_refused':
      return { tone: 'bad', text: `Sign-ins${actor.type === 'operator' ? ` as ${actor.name}` : ''} were refused` };
    case 'organization.updated':
    case 'directory.updated':
    case 'credential.updated':
    case 'client.updated': {
      const subject = type.slice(0, type.indexOf('.'));
      return { tone: 'off', text: `${SUBJECTS[subject]} changed: ${changesOf(data, reader.audience === 'operator')}` };
    }
    case 'operator.updated':
      return {
        tone: 'off',
        text: `Member changed (${told('name')}): ${(data['changed'] as string[]).join(', ')}`,
      };
    case 'token.issued':
      return { tone: 'ok', text: `${actor.name} got a token (${told('grantType').replaceAll('_', ' ')})` };
    case 'credential.issued':
      return { tone: 'ok', text: `Token ${which} was generated` };
    case 'credential.imported':
      return { tone: 'ok', text: `${what} was imported` };
    case 'credential.connected':
      return { tone: 'ok', text: 'A connection was created' };
    case 'credential.revoked':
      return { tone: 'bad', text: `${what} was revoked${reason === '' ? '' : `: ${told('reason')}`}` };
    case 'credential.retired':
      return { tone: 'off', text: `${what} was replaced by the new one and has stopped working` };
    case 'connection.refused':
      return { tone: 'bad', text: `Connection refused: ${why}` };
    case 'finding.began':
      return { tone: 'off', text: `Detected: ${meaningOf(told('code'))}` };
    case 'finding.changed':
      return { tone: 'off', text: `${WORSE_OR_BETTER[told('severity')] ?? 'Changed'}: ${meaningOf(told('code'))}` };
    case 'finding.healed':
      // Somebody is known now; what was broken may be so still.
      if (told('code') === 'no_owner') return { tone: 'off', text: 'The organization has a contact now' };
      if (told('until') !== '' && event.at >= new Date(told('until')))
        return { tone: 'off', text: EXPIRED[told('code')] ?? `Expired: ${meaningOf(told('code'))}` };
      return { tone: 'ok', text: `Resolved: ${meaningOf(told('code'))}` };
    case 'finding.settled':
      return { tone: 'off', text: SETTLED[told('how')] ?? 'A problem was marked as resolved' };
    default: {
      const name = told('name') || (told('hint') === '' ? '' : which);
      const meaning = headlineOf(type).replace(/\.$/, '');
      return { tone: 'off', text: name === '' ? meaning : `${meaning} (${name})` };
    }
  }
}

/** What a finding says, within a sentence; of another release, its code. */
function meaningOf(code: string): string {
  const entry = Object.entries(CODES).find(([known]) => known === code)?.[1];
  return entry ? uncapital(entry.meaning.replace(/\.$/, '')) : code.replaceAll('_', ' ');
}

const SETTLED: Record<string, string> = {
  recovered: 'The missed changes were marked as fixed',
  expected: 'The silence was marked as expected',
  muted: 'Silence alerts were muted',
};

const WORSE_OR_BETTER: Record<string, string> = {
  failing: 'Now failing',
  degraded: 'Now failing in part',
  notice: 'Now less urgent',
};

function uncapital(text: string): string {
  return /^OAuth\b/.test(text) ? text : text.charAt(0).toLowerCase() + text.slice(1);
}

const SUBJECTS: Record<string, string> = {
  organization: 'Organization',
  directory: 'Directory',
  credential: 'Credential',
  client: 'Client',
};

const ATTRIBUTES: Record<string, string> = {
  name: 'name',
  externalId: 'external ID',
  provider: 'identity provider',
  endpointKey: 'endpoint key',
  upstreamUrl: 'SCIM server URL',
  audience: 'audience',
  label: 'label',
  expiresAt: 'expiration',
  scopes: 'scopes',
  appName: 'app name',
  redirectUris: 'redirect URIs',
  grantTypes: 'grant types',
  accessTokenSeconds: 'access token lifetime in seconds',
};

/** Where the vendor's servers are is no customer's to know. */
const VENDORS_OWN = ['upstreamUrl', 'upstreamOrigins', 'upstreamCredential', 'audience', 'externalId'];

/** `upstream URL: https://a.example -> https://b.example`; events of earlier releases name the attributes alone. */
function changesOf({ changes, changed }: AuditEvent['data'], isVendor: boolean): string {
  const nameOf = (attribute: string) => ATTRIBUTES[attribute] ?? attribute;
  if (!Array.isArray(changes)) return ((changed ?? []) as string[]).map(nameOf).join(', ');
  const told = (value: unknown) =>
    value === null ? 'none' : Array.isArray(value) ? value.join(' ') || 'none' : String(value);
  return (changes as AttributeChange[])
    .map(({ attribute, from, to }) =>
      isVendor || !VENDORS_OWN.includes(attribute)
        ? `${nameOf(attribute)}: ${told(from)} → ${told(to)}`
        : nameOf(attribute),
    )
    .join('; ');
}
