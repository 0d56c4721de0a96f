/** What a failure that has ended may have left behind: the changes that an identity provider tried to make meanwhile. */
import { type Audit, placeIn } from '../audit/index.ts';
import { type Clock, HOUR_MS } from '../clock.ts';
import { LASTING } from './causes.ts';
import { CODES } from './codes.ts';
import type { RecoveredFacts } from './facts.ts';
import type { Diagnosis, Finding } from './finding.ts';

const EVENTS_READ = 200;

/** As it is kept. */
export type KeptRecovery = Omit<RecoveredFacts, 'from' | 'until'> & { from: string; until: string };

/** What a failure that has just ended may have left behind; what an earlier one did stays. */
export async function recoveryAfter(
  { audit, clock }: { audit: Audit; clock: Clock },
  before: { id: string; findings: readonly Finding[]; recovered?: KeptRecovery },
  now: Diagnosis,
): Promise<KeptRecovery | undefined> {
  const failed = before.findings.find((finding) => mayLeave(finding) && !hasFaded(finding, clock.now()));
  const isWell = now.findings.every(({ severity }) => severity === 'fine' || severity === 'notice');
  if (!failed || !isWell || now.findings[0] === undefined) return before.recovered;
  const from = new Date(failed.facts.firstAt ?? failed.since);
  const { items } = await audit.page({
    where: { place: placeIn(before.id, 'trouble'), type: ['request.denied', 'upstream.failed'] },
    from: new Date(from.getTime() - HOUR_MS),
    limit: EVENTS_READ,
  });
  const counts = { reads: 0, creates: 0, updates: 0, deletions: 0 };
  const evidence: string[] = [];
  for (const { id, data, count = 1, lastAt, at } of items) {
    if ((lastAt ?? at) < from) continue;
    counts[MISSED[String(data['method'] ?? 'GET').toUpperCase()] ?? 'reads'] += count;
    evidence.push(id);
  }
  // While other requests go on being accepted, a refused read is no reason to look for what is missing.
  if (failed.severity !== 'failing' && counts.creates + counts.updates + counts.deletions === 0)
    return before.recovered;
  return {
    code: failed.code,
    from: from.toISOString(),
    until: clock.now().toISOString(),
    ...counts,
    evidence: evidence.slice(0, 6).reverse(),
  };
}

const MISSED: Record<string, 'reads' | 'creates' | 'updates' | 'deletions'> = {
  POST: 'creates',
  PUT: 'updates',
  PATCH: 'updates',
  DELETE: 'deletions',
};

/** Whether requests may have been lost while it lasted. Before anything was ever accepted, nothing could be missed. */
function mayLeave({ severity, code, facts }: Finding): boolean {
  if ((severity !== 'failing' && severity !== 'degraded') || !facts.count || !facts.acceptedAt) return false;
  const { group } = CODES[code];
  return group !== 'never_worked' && group !== 'coming' && group !== 'silence' && group !== 'watch';
}

/** Whether it ended only because its refusals stopped. Nothing shows that changes are accepted now. */
function hasFaded({ code, facts: { lastAt } }: Finding, now: Date): boolean {
  const lastingMs = LASTING[code];
  return lastingMs !== undefined && lastAt !== undefined && now.getTime() - new Date(lastAt).getTime() >= lastingMs;
}

export function revived({ from, until, ...rest }: KeptRecovery): RecoveredFacts {
  return { ...rest, from: new Date(from), until: new Date(until) };
}
