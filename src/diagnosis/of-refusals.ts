/** What refused requests say, and that an identity provider pauses after them. */
import { DAY_MS, HOUR_MS } from '../clock.ts';
import { IDENTITY_PROVIDERS } from '../identity-providers/index.ts';
import { ENDS_ACCESS, isRefusal } from './causes.ts';
import { CODES, type Code, entryOf } from './codes.ts';
import type { Facts, RefusalFacts } from './facts.ts';
import type { Finding } from './finding.ts';
import { hasNewToken, make, refusedFacts } from './making.ts';
import { pauseOf } from './pauses.ts';
import { evidenceOf, isBehind, isTheirs } from './refusals.ts';
import { certaintyOf, isVisit } from './sender.ts';

export function ofDirectory(facts: Facts, current: RefusalFacts[]): Finding[] {
  const { directory } = facts;
  if (!directory.isDisabled) return [];
  const refusal = current.find(({ code }) => code === 'directory_disabled');
  const { disabledAt = directory.createdAt, disabledBy, disabledByType, disabledReason } = directory;
  const about = {
    ...(refusal && refusedFacts(refusal, facts)),
    at: disabledAt.toISOString(),
    ...(disabledBy !== undefined && { by: disabledBy }),
    ...(disabledByType !== undefined && { byType: disabledByType }),
    ...(disabledReason !== undefined && { reason: disabledReason }),
  };
  const evidence = refusal ? evidenceOf([refusal]) : [];
  return [{ ...make('directory_disabled', disabledAt, about), evidence }];
}

export function ofRefusals(facts: Facts, current: RefusalFacts[]): Finding[] {
  const grouped = new Map<Code, RefusalFacts[]>();
  for (const refusal of current) {
    if (!isRefusal(refusal.code) || isBehind(refusal) || refusal.code === 'directory_disabled') continue;
    grouped.set(refusal.code, [...(grouped.get(refusal.code) ?? []), refusal]);
  }
  return [...grouped].map(([code, refusals]) => {
    const own = refusals.filter((refusal) => !isToldThere(refusal));
    return ofRefusal(code, own.length > 0 ? own : refusals, facts);
  });
}

/** The directory to whose URL the token was sent tells the story of both; the token's own only refers to it. */
function isToldThere({ isElsewhere, other }: RefusalFacts): boolean {
  return isElsewhere === true && other !== undefined;
}

export function ofRefusal(code: Code, refusals: RefusalFacts[], facts: Facts): Finding {
  const { accepted } = facts;
  const latest = refusals.reduce((a, b) => (a.lastAt >= b.lastAt ? a : b));
  const firstAt = new Date(Math.min(...refusals.map((refusal) => refusal.firstAt.getTime())));
  const isPartial =
    !facts.directory.isDisabled &&
    (hasNewToken(latest, facts) ||
      (accepted !== undefined &&
        facts.at.getTime() - accepted.at.getTime() < HOUR_MS &&
        ((CODES[code].group === 'token_endpoint' && !ENDS_ACCESS.has(code)) || accepted.at > firstAt)) ||
      // The one with the newest refresh token keeps working, even if its requests are rare.
      (code === 'refresh_token_superseded' && facts.grantedAt !== undefined && facts.grantedAt > firstAt));
  const { severity } = entryOf(code);
  const isSure = refusals.some((refusal) => certaintyOf(refusal, facts) === 'known');
  const isNoted = isToldThere(latest) || refusals.every((refusal) => isVisit(refusal, facts));
  return {
    ...make(code, firstAt, {
      ...refusedFacts(latest, facts),
      count: refusals.reduce((sum, { count }) => sum + count, 0),
      ...(facts.isCut && { isCut: true }),
      firstAt: firstAt.toISOString(),
    }),
    severity: isNoted ? 'notice' : isPartial && severity === 'failing' ? 'degraded' : severity,
    evidence: evidenceOf(refusals),
    certainty: isSure ? 'known' : 'likely',
  };
}

/** Entra and its like pause after refusals; they come back by themselves, later than people expect. */
export function ofBackoff(facts: Facts, current: RefusalFacts[]): Finding[] {
  const { directory, at, accepted } = facts;
  const { recovery, rhythm } = IDENTITY_PROVIDERS[directory.provider];
  const { retryHours, givesUpAfterDays } = recovery;
  if (!retryHours || rhythm.kind === 'polls') return [];
  const theirs = facts.refusals.filter((refusal) => isTheirs(refusal, facts) && !isBehind(refusal));
  const last = theirs.reduce<RefusalFacts | undefined>((a, b) => (a && a.lastAt >= b.lastAt ? a : b), undefined);
  if (!last || (accepted && accepted.at > last.lastAt)) return [];
  const tries = theirs
    .flatMap(({ evidence }) => evidence.flatMap(({ firstAt, lastAt }) => [firstAt, lastAt]))
    .filter((moment) => accepted === undefined || moment > accepted.at)
    .sort((a, b) => a.getTime() - b.getTime());
  const mostMs = (HOUR_MS * (retryHours[0] ?? 0)) / 2;
  const pause = pauseOf(tries, { acceptedAt: accepted?.at, mostMs, at });
  if (!pause) return [];
  const quietMs = at.getTime() - last.lastAt.getTime();
  // Each pause is longer than the one before; the last one repeats.
  const ahead = retryHours.slice(Math.min(pause.times, retryHours.length) - 1);
  const triesAfter = ahead.find((hours) => hours * HOUR_MS > quietMs);
  const next = triesAfter === undefined ? undefined : new Date(last.lastAt.getTime() + triesAfter * HOUR_MS);
  const began = tries[0] ?? last.firstAt;
  const gone = givesUpAfterDays === undefined ? undefined : began.getTime() + givesUpAfterDays * DAY_MS;
  // Where the cause is gone on our side, waiting or a restart is all that is left to do.
  const isFixed = current.length === 0;
  return [
    {
      ...make('idp_backoff', pause.since, {
        lastAt: last.lastAt.toISOString(),
        ...(pause.times > 1 && { times: pause.times }),
        ...(next && { at: next.toISOString() }),
        ...(gone !== undefined && { expiresAt: new Date(gone).toISOString() }),
      }),
      severity: isFixed ? 'degraded' : 'notice',
      certainty: 'likely',
      evidence: evidenceOf([last]),
    },
  ];
}
