/** How we know what a finding says: the events that say so, and what we cannot see. */
import { type Audit, type AuditEvent, placeIn } from '../audit/index.ts';
import { DAY_MS } from '../clock.ts';
import { CODES, codeOf, type Finding, TROUBLES, timeOf, wordsOf } from '../diagnosis/index.ts';
import type { DirectoryView } from './directory-view.ts';
import { EventDetails, tellOf } from './events.tsx';
import { beganOf } from './findings.tsx';
import { holderOf } from './holders.ts';
import { capital } from './parts.tsx';
import { Moment } from './times.tsx';
import { useVisit } from './visit.tsx';

/** What changed the credential that a finding is about. */
const CHANGES = [
  'credential.issued',
  'credential.imported',
  'credential.connected',
  'credential.disabled',
  'credential.revoked',
  'credential.retired',
  'credential.expired',
];
const CHANGES_SHOWN = 4;

/** What changed at the directory, and may have made requests fail from then on. */
const CAUSES = [
  'directory.updated',
  'directory.disabled',
  'client.updated',
  'client.deleted',
  'client.secret_added',
  'client.secret_removed',
  ...CHANGES,
];

/** A change this long before the first failure can be its cause; the failure waits for the next request. */
const BEFORE_MS = DAY_MS;

/** Earliest first: what was changed before the first failure, and since, such as a new secret that is not in use yet. */
export async function readEvidence(
  audit: Audit,
  directoryId: string,
  finding: Finding | undefined,
): Promise<AuditEvent[]> {
  if (!finding) return [];
  const { credentialId } = finding.facts;
  const began = beganOf(finding)?.getTime();
  const places = [placeIn(directoryId, 'change'), placeIn(directoryId, 'switch')];
  const changed = async (period: { from: Date; to?: Date }) =>
    (await audit.page({ where: { place: places, type: CAUSES }, ...period, limit: CHANGES_SHOWN })).items;
  const [refusals, changes, causes, since] = await Promise.all([
    audit.find(finding.evidence),
    credentialId === undefined
      ? []
      : audit.page({ where: { credentialId, type: CHANGES }, limit: CHANGES_SHOWN }).then(({ items }) => items),
    began === undefined ? [] : changed({ from: new Date(began - BEFORE_MS), to: new Date(began + 1) }),
    began === undefined ? [] : changed({ from: new Date(began) }),
  ]);
  const all = new Map([...changes, ...causes, ...since, ...refusals].map((event) => [event.id, event]));
  return [...all.values()].sort((a, b) => a.at.getTime() - b.at.getTime());
}

/** Oldest first. Of events of the same moment the one with the smaller ID comes first, in every list. */
export function inOrder(a: AuditEvent, b: AuditEvent): number {
  return timeOf(a).getTime() - timeOf(b).getTime() || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}

/** A refused request of no name is the identity provider's, unless it is told as a stranger's. A credential names its holder later too. */
export function senderOf(event: AuditEvent, { diagnosis, provider }: DirectoryView): string | undefined {
  const { actor, address, type } = event;
  const isUnnamed = actor.type === 'anonymous' || type === 'upstream.failed';
  if (!isTrouble(event) || !isUnnamed || address === undefined) return undefined;
  const code = codeOf(event);
  const finding = diagnosis.findings.find((one) => one.code === code);
  const isStrange = diagnosis.strangers.some((one) => one.address === address && one.code === code);
  if (!finding || isStrange) return holderOf(event, provider);
  return `${finding.certainty === 'likely' ? `Probably ${provider}` : capital(provider)}, ${address}`;
}

/** Changes, the first refusal and the latest, when a request was last accepted; in the order in which they happened. */
export function HowWeKnow(props: { finding: Finding; evidence: readonly AuditEvent[]; view: DirectoryView }) {
  const { finding, evidence, view } = props;
  const visit = useVisit();
  const { count = 1 } = finding.facts;
  const { unseen } = wordsOf(finding, view.spoken, visit.reader);
  const troubles = evidence.filter(isTrouble);
  const changes = evidence.filter((event) => !isTrouble(event));
  const [first] = [...troubles].sort((a, b) => beginningOf(a).getTime() - beginningOf(b).getTime());
  const [last] = [...troubles].sort((a, b) => timeOf(b).getTime() - timeOf(a).getTime());
  // What is counted by the hour may have begun before the run of failures did.
  const began = new Date(finding.since);
  const firstAt = first && (beginningOf(first) < began ? began : beginningOf(first));
  const rows = [
    ...changes.map((event) => ({ at: timeOf(event), event, more: '' })),
    ...(first && firstAt
      ? [{ at: firstAt, event: first, more: count > 1 ? `First of ${count.toLocaleString('en')}. ` : '' }]
      : []),
    ...(last && count > 1
      ? [{ at: timeOf(last), event: last, more: `Most recent of ${count.toLocaleString('en')}. ` }]
      : []),
    ...knownBesides(finding),
  ].sort((a, b) => a.at.getTime() - b.at.getTime() || (a.event && b.event ? inOrder(a.event, b.event) : 0));
  const isUnchanged =
    CODES[finding.code].group === 'upstream' &&
    !changes.some(({ at }) => at <= began && began.getTime() - at.getTime() < BEFORE_MS);
  const isOperator = visit.reader.audience === 'operator';
  if (rows.length === 0 && unseen === undefined) return null;
  return (
    <section class="panel">
      <h2>How we know</h2>
      <ul class="facts">
        {rows.map(({ at, event, more }) => (
          <li>
            <Moment at={at} />
            {event ? (
              <span>
                {more}
                {tellOf(event, visit).text}
                <br />
                <small>{senderOf(event, view) ?? visit.nameOf(event.actor, event.address)}</small>
                {isOperator && <EventDetails event={event} />}
              </span>
            ) : (
              <span>{more}</span>
            )}
          </li>
        ))}
      </ul>
      {isUnchanged && isOperator && (
        <p>
          <small>Nothing was changed in this directory in the 24 hours before the first failure.</small>
        </p>
      )}
      {unseen !== undefined && (
        <p>
          <small>What we can't see: {unseen}</small>
        </p>
      )}
      {(!isOperator || CODES[finding.code].group === 'upstream') && last?.requestId !== undefined && (
        <p>
          <small>
            {isOperator ? 'Request ID of the latest failed request' : 'Request ID for support'}:{' '}
            <span class="mono">{last.requestId}</span>
          </small>
        </p>
      )}
    </section>
  );
}

function isTrouble({ type }: AuditEvent): boolean {
  return TROUBLES.some((trouble) => trouble === type);
}

/** Moments that no event tells of. */
function knownBesides({ code, since, facts }: Finding): { at: Date; event: undefined; more: string }[] {
  const { acceptedAt, answeredAt, expiresAt, network, cause } = facts;
  const { group } = CODES[code];
  const isBehind = group === 'upstream' || cause === 'doubled_path';
  const accepted = isBehind
    ? 'The latest request whose token was accepted'
    : group === 'token_endpoint' && code !== 'refresh_token_superseded' && (acceptedAt ?? '') > (expiresAt ?? '')
      ? 'Last accepted request, with an access token issued earlier'
      : 'Last accepted request';
  const row = (at: string | undefined, more: string) =>
    at === undefined ? [] : [{ at: new Date(at), event: undefined, more }];
  return [
    ...(network === undefined ? [] : row(since, `First request from ${network}`)),
    ...(code === 'client_secret_expired' ? row(expiresAt, 'The client secret expired') : []),
    ...row(answeredAt, 'Last working response of the SCIM server'),
    ...row(acceptedAt, accepted),
  ];
}

function beginningOf({ firstAt, at }: AuditEvent): Date {
  return firstAt ?? at;
}
