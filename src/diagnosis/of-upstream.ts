/** What the outcomes behind us say of the SCIM server. */
import { HOUR_MS } from '../clock.ts';
import { type Code, entryOf } from './codes.ts';
import type { Facts, OutcomeFacts } from './facts.ts';
import type { Finding } from './finding.ts';
import { make, refusedFacts } from './making.ts';
import { ofRefusal } from './of-refusals.ts';
import { DOUBLED, evidenceOf, isBehind, isCurrent } from './refusals.ts';

/** Behind us: the latest outcome of each kind of request. Where we keep none yet, the latest event. */
export function ofUpstream(facts: Facts): Finding[] {
  const failed = facts.outcomes.filter((outcome) => isFailure(outcome));
  if (facts.outcomes.length === 0) {
    const events = facts.refusals.filter((refusal) => isBehind(refusal) && isCurrent(refusal, facts));
    return events.map((refusal) => ofRefusal(refusal.code, [refusal], facts));
  }
  const byCode = new Map<Code, OutcomeFacts[]>();
  for (const outcome of failed) {
    const code = outcome.outcome as Code;
    byCode.set(code, [...(byCode.get(code) ?? []), outcome]);
  }
  return [...byCode].map(([code, outcomes]) => {
    const since = new Date(Math.min(...outcomes.map(({ since: began, at }) => (began ?? at).getTime())));
    const refusals = facts.refusals.filter(
      (refusal) => refusal.code === code && isBehind(refusal) && refusal.lastAt >= since,
    );
    const [latest] = refusals;
    const answeredAt = latestOf(
      facts.outcomes.map((one) => (isFailure(one) ? one.answeredAt : isProper(one, code) ? one.at : undefined)),
    );
    const kinds = outcomes.map(({ kind }) => kind);
    const isAlone = facts.outcomes.every((one) => outcomes.includes(one) || one.at < since);
    const { severity } = entryOf(code);
    const isMinor =
      facts.outcomes.some((outcome) => worksBeside(outcome, code, outcomes)) ||
      kinds.every((kind) => kind === 'discovery');
    return {
      ...make(code, since, {
        ...(latest && refusedFacts(latest, facts)),
        ...(latest?.requestId !== undefined && { requestId: latest.requestId }),
        count: refusals.reduce((sum, { count }) => sum + count, 0) || outcomes.length,
        firstAt: since.toISOString(),
        lastAt: new Date(Math.max(...outcomes.map(({ at }) => at.getTime()))).toISOString(),
        request: kinds.join(' '),
        ...(isAlone && { isAlone }),
        server: serverFacts(answeredAt, facts),
        ...(answeredAt && { answeredAt: answeredAt.toISOString() }),
        ...(code === 'wrong_path' && { cause: DOUBLED }),
      }),
      severity: isMinor && severity === 'failing' ? 'degraded' : severity,
      evidence: evidenceOf(refusals),
    };
  });
}

/** When the URL of the SCIM server was last changed here, and whether the server answered properly with the same URL. */
function serverFacts(answeredAt: Date | undefined, { directory: { upstreamChange, sendsCredential } }: Facts) {
  return {
    ...(sendsCredential !== undefined && { sendsCredential }),
    hasWorked: answeredAt !== undefined && (upstreamChange === undefined || upstreamChange.at < answeredAt),
    ...(upstreamChange && {
      changedAt: upstreamChange.at.toISOString(),
      changedBy: upstreamChange.by,
      ...(upstreamChange.before !== undefined && { before: upstreamChange.before }),
    }),
  };
}

/**
 * Whether an outcome shows that the server does its work while others fail: it is as recent as they are. Reads that work say that the
 * server is there; a rejected write is then about that write.
 */
function worksBeside(outcome: OutcomeFacts, code: Code, failed: readonly OutcomeFacts[]): boolean {
  if (isFailure(outcome) || outcome.kind === 'discovery') return false;
  if (!isProper(outcome, code)) return false;
  const began = Math.min(...failed.map(({ since, at }) => (since ?? at).getTime()));
  const latest = Math.max(...failed.map(({ at }) => at.getTime()));
  const at = outcome.at.getTime();
  return at >= began || (outcome.kind === 'look_up' && at >= latest - HOUR_MS);
}

/** A server that is not there answers 404 for a single resource too. */
function isProper({ outcome }: OutcomeFacts, failure: Code): boolean {
  return outcome === 'ok' || (failure !== 'upstream_wrong_base' && failure !== 'wrong_path');
}

function latestOf(moments: readonly (Date | undefined)[]): Date | undefined {
  return moments.reduce((a, b) => (a === undefined || (b !== undefined && b > a) ? b : a), undefined);
}

function isFailure({ outcome }: OutcomeFacts): boolean {
  return outcome !== 'ok' && outcome !== 'normal_refusal';
}
