/** What is told when the findings of a directory change. */
import { type Audit, type AuditEvent, SYSTEM } from '../audit/index.ts';
import type { Directory } from '../directories/index.ts';
import type { Code } from './codes.ts';
import type { Finding } from './finding.ts';

/** Events of our own making: they mark nothing. */
export const FINDING_EVENTS = { 'finding.began': true, 'finding.changed': true, 'finding.healed': true } as const;
type FindingEvent = keyof typeof FINDING_EVENTS;

/** What is fine is no change to tell: it is told by what ended. */
export function eventsBetween(
  audit: Audit,
  { id: directoryId, organizationId }: Directory,
  before: readonly Finding[],
  after: readonly Finding[],
): AuditEvent[] {
  // Of many that are quiet at once one event tells.
  const isTold = ({ code, severity }: Finding) => severity !== 'fine' && code !== 'fleet_quiet';
  const [had, has] = [byCode(before.filter(isTold)), byCode(after.filter(isTold))];
  const event = (type: FindingEvent, finding: Finding, more: object = {}) => {
    const { code, severity, actor, certainty, since, until } = finding;
    const data = { code, severity, actor, certainty, since, until, ...more };
    return audit.event(type, SYSTEM, { organizationId, directoryId }, data as never);
  };
  const healed = [...had.values()].filter(({ code }) => !has.has(code));
  return [
    ...healed.map((finding) => event('finding.healed', finding)),
    ...[...has.values()].flatMap((finding) => {
      const earlier = had.get(finding.code);
      if (!earlier) return [event('finding.began', finding)];
      if (earlier.severity === finding.severity) return [];
      return [event('finding.changed', finding, { before: earlier.severity })];
    }),
  ];
}

function byCode(findings: readonly Finding[]): Map<Code, Finding> {
  return new Map(findings.map((finding) => [finding.code, finding]));
}
