/** How we know what a finding says: the events that say so, and what we cannot see. */
import type { Audit, AuditEvent } from '../audit/index.ts';
import { type Finding, TROUBLES, timeOf, wordsOf } from '../diagnosis/index.ts';
import type { DirectoryView } from './directory-view.ts';
import { EventDetails, tellOf } from './events.tsx';
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

/** Earliest first. */
export async function readEvidence(audit: Audit, finding: Finding | undefined): Promise<AuditEvent[]> {
  if (!finding) return [];
  const { credentialId } = finding.facts;
  const [refusals, changes] = await Promise.all([
    audit.find(finding.evidence),
    credentialId === undefined
      ? []
      : audit.page({ where: { credentialId, type: CHANGES }, limit: CHANGES_SHOWN }).then(({ items }) => items),
  ]);
  const all = new Map([...changes, ...refusals].map((event) => [event.id, event]));
  return [...all.values()].sort((a, b) => a.at.getTime() - b.at.getTime());
}

/** Changes, the first refusal and the latest, when a request was last accepted; in the order in which they happened. */
export function HowWeKnow(props: { finding: Finding; evidence: readonly AuditEvent[]; view: DirectoryView }) {
  const { finding, evidence, view } = props;
  const visit = useVisit();
  const { acceptedAt, network, count = 1 } = finding.facts;
  const { unseen } = wordsOf(finding, view.spoken, visit.reader);
  const troubles = evidence.filter(isTrouble);
  const [first, last] = [troubles[0], troubles.at(-1)];
  const rows = [
    ...evidence.filter((event) => !isTrouble(event)).map((event) => ({ at: event.at, event, more: '' })),
    ...(first ? [{ at: first.firstAt ?? first.at, event: first, more: '' }] : []),
    ...(last && count > 1
      ? [{ at: timeOf(last), event: last, more: `Most recent of ${count.toLocaleString('en')}. ` }]
      : []),
    ...(network === undefined
      ? []
      : [{ at: new Date(finding.since), event: undefined, more: `First request from ${network}` }]),
    ...(acceptedAt === undefined
      ? []
      : [{ at: new Date(acceptedAt), event: undefined, more: 'Last accepted request' }]),
  ].sort((a, b) => a.at.getTime() - b.at.getTime());
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
                <small>{visit.nameOf(event.actor, event.address)}</small>
                {isOperator && <EventDetails event={event} />}
              </span>
            ) : (
              <span>{more}</span>
            )}
          </li>
        ))}
      </ul>
      {unseen !== undefined && (
        <p>
          <small>What we cannot see: {unseen}</small>
        </p>
      )}
      {!isOperator && last?.requestId !== undefined && (
        <p>
          <small>
            Request ID for support: <span class="mono">{last.requestId}</span>
          </small>
        </p>
      )}
    </section>
  );
}

function isTrouble({ type }: AuditEvent): boolean {
  return TROUBLES.some((trouble) => trouble === type);
}
