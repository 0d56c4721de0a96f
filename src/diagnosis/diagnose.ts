/** From facts to findings. Pure: the same facts give the same findings, in the same order; the first one leads wherever a directory is shown. */
import { DAY_MS, HOUR_MS } from '../clock.ts';
import { IDENTITY_PROVIDERS, type IdentityProviderId, isAgentOf } from '../identity-providers/index.ts';
import { isRefusal } from './causes.ts';
import { type ActingParty, CODES, type Code, entryOf, SEVERITIES, type Severity } from './codes.ts';
import type { CredentialFacts, Facts, OutcomeFacts, RefusalFacts, SourceFacts } from './facts.ts';
import type { Diagnosis, Finding, FindingFacts } from './finding.ts';
import { DOUBLED, EVIDENCE, evidenceOf, isBehind, isCurrent, isTheirs, sortOut, strangerOf } from './refusals.ts';
import { certaintyOf } from './sender.ts';

/** An end this close is told; one within a week is urgent. */
const SOON_MS = 30 * DAY_MS;
const URGENT_MS = 7 * DAY_MS;
/** A token that nobody has used for so long is more than fresh. */
const FRESH_MS = 7 * DAY_MS;
const QUIET_MS = 7 * DAY_MS;
const NEW_SOURCE_MS = 3 * DAY_MS;
/** Before this many days, every source is new. */
const SOURCE_HISTORY_MS = 14 * DAY_MS;
const MISSED_MS = 30 * DAY_MS;

export function diagnose(facts: Facts): Diagnosis {
  const { at, directory } = facts;
  const { theirs, strangers } = sortOut(facts);
  const current = theirs.filter((refusal) => isCurrent(refusal, facts));
  const problems = [
    ...ofDirectory(facts, current),
    ...ofRefusals(facts, current),
    ...ofUpstream(facts),
    ...ofCredentials(facts),
  ];
  const found = withoutRepeats(problems);
  const isBroken = found.some(({ severity }) => severity === 'failing');
  const more = [
    ...(isBroken ? [] : ofWaiting(facts, found.length > 0)),
    ...ofBackoff(facts, current),
    ...ofEnds(facts),
    ...(isBroken ? [] : [...ofSilence(facts), ...ofRecovery(facts)]),
    ...ofSources(facts),
    ...ofWatch(facts, current, found),
  ];
  const all = withoutRepeats([...found, ...more]);
  const isUnwell = all.some(({ severity, code }) => severity !== 'notice' || CODES[code].group === 'never_worked');
  const isQuiet = all.some(({ code }) => CODES[code].group === 'silence');
  const findings = [...all, ...(isUnwell || isQuiet ? [] : ofHealth(facts))].sort(byRank);
  return {
    directoryId: directory.id,
    organizationId: directory.organizationId,
    at: at.toISOString(),
    findings: findings.length > 0 ? findings : [make('not_connected', directory.createdAt, {})],
    strangers: strangers.map(strangerOf),
  };
}

/** Failing before degraded before notices; of the same severity the one whose group comes first, then the older one. */
function byRank(a: Finding, b: Finding): number {
  return (
    SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
    GROUP_ORDER.indexOf(CODES[a.code].group) - GROUP_ORDER.indexOf(CODES[b.code].group) ||
    a.since.localeCompare(b.since) ||
    a.code.localeCompare(b.code)
  );
}

/** What stops requests earliest leads; what only may matter comes last. */
const GROUP_ORDER = [
  'not_usable',
  'wrong_place',
  'presented',
  'token_endpoint',
  'upstream',
  'never_worked',
  'coming',
  'silence',
  'watch',
  'fine',
];

/** A state and the refusals that it led to are one finding. */
function withoutRepeats(findings: Finding[]): Finding[] {
  const known = new Map<Code, Finding>();
  for (const finding of findings.sort(byRank)) {
    const before = known.get(finding.code);
    known.set(finding.code, before === undefined ? finding : merged(before, finding));
  }
  return [...known.values()];
}

function merged(a: Finding, b: Finding): Finding {
  const [state, told] = a.evidence.length > 0 ? [b, a] : [a, b];
  return {
    ...state,
    ...told,
    since: a.since < b.since ? a.since : b.since,
    facts: { ...state.facts, ...told.facts },
    certainty: a.certainty === 'known' ? 'known' : b.certainty,
  };
}

function ofDirectory(facts: Facts, current: RefusalFacts[]): Finding[] {
  const { directory } = facts;
  if (!directory.isDisabled) return [];
  const refusal = current.find(({ code }) => code === 'directory_disabled');
  const { disabledAt = directory.createdAt, disabledBy } = directory;
  const about = {
    ...(refusal && refusedFacts(refusal, facts)),
    at: disabledAt.toISOString(),
    ...(disabledBy !== undefined && { by: disabledBy }),
  };
  const evidence = refusal ? evidenceOf([refusal]) : [];
  return [{ ...make('directory_disabled', disabledAt, about), evidence }];
}

function ofRefusals(facts: Facts, current: RefusalFacts[]): Finding[] {
  const grouped = new Map<Code, RefusalFacts[]>();
  for (const refusal of current) {
    if (!isRefusal(refusal.code) || isBehind(refusal) || refusal.code === 'directory_disabled') continue;
    grouped.set(refusal.code, [...(grouped.get(refusal.code) ?? []), refusal]);
  }
  return [...grouped].map(([code, refusals]) => ofRefusal(code, refusals, facts));
}

function ofRefusal(code: Code, refusals: RefusalFacts[], facts: Facts): Finding {
  const { accepted } = facts;
  const latest = refusals.reduce((a, b) => (a.lastAt >= b.lastAt ? a : b));
  const firstAt = new Date(Math.min(...refusals.map((refusal) => refusal.firstAt.getTime())));
  const isPartial =
    (accepted !== undefined &&
      facts.at.getTime() - accepted.at.getTime() < HOUR_MS &&
      (CODES[code].group === 'token_endpoint' || accepted.at > firstAt)) ||
    // Whoever has the newest refresh token goes on, however seldom it comes.
    (code === 'refresh_token_superseded' && facts.grantedAt !== undefined && facts.grantedAt > firstAt);
  const { severity } = entryOf(code);
  const isSure = refusals.some((refusal) => certaintyOf(refusal, facts) === 'known');
  return {
    ...make(code, firstAt, {
      ...refusedFacts(latest, facts),
      count: refusals.reduce((sum, { count }) => sum + count, 0),
      ...(facts.isCut && { isCut: true }),
      firstAt: firstAt.toISOString(),
    }),
    severity: isPartial && severity === 'failing' ? 'degraded' : severity,
    evidence: evidenceOf(refusals),
    certainty: isSure ? 'known' : 'likely',
  };
}

/** What a refusal tells, and of the credential it was about. */
function refusedFacts(refusal: RefusalFacts, facts: Facts): FindingFacts {
  const { count, firstAt, lastAt, address, userAgent, detail, hint, clientId, isElsewhere, otherDirectory } = refusal;
  const credential = facts.credentials.find(({ id }) => id === refusal.credentialId);
  const client = facts.clients.find(({ id }) => id === clientId);
  const { status, kind, cause, text, given, wanted, seconds, firstSeconds, removedAt } = refusal.said ?? {};
  return {
    count,
    firstAt: firstAt.toISOString(),
    lastAt: lastAt.toISOString(),
    ...(facts.accepted && { acceptedAt: facts.accepted.at.toISOString() }),
    ...(address !== undefined && { address }),
    ...(userAgent !== undefined && { userAgent }),
    ...(detail !== undefined && { detail }),
    ...(credential && credentialFacts(credential)),
    ...(hint !== undefined && { hint }),
    ...(clientId !== undefined && { clientId }),
    ...(client && { clientName: client.name, isAppNamed: namesApp(facts.directory.provider) }),
    ...(refusal.code === 'client_secret_expired' && client && endOfSecrets(client, facts.at)),
    ...(isElsewhere && { isElsewhere }),
    ...(otherDirectory !== undefined && { otherDirectory }),
    ...(status !== undefined && { status }),
    ...(kind !== undefined && { request: kind }),
    ...(cause !== undefined && { cause }),
    ...(text !== undefined && { text }),
    ...(given !== undefined && { given }),
    ...(wanted !== undefined && { wanted }),
    ...(seconds !== undefined && { seconds }),
    ...(firstSeconds !== undefined && { firstSeconds }),
    ...(removedAt !== undefined && { at: removedAt }),
    ...usableBeside(refusal.credentialId, facts),
  };
}

function credentialFacts(credential: CredentialFacts): FindingFacts {
  const { id, kind, hint, slot, label, endedAt, endedBy, endedByType, endedReason } = credential;
  return {
    credentialId: id,
    kind,
    ...(kind === 'bearer' && { hint }),
    slot,
    ...(label !== undefined && { label }),
    ...(endedAt && { at: endedAt.toISOString() }),
    ...(endedBy !== undefined && { by: endedBy }),
    ...(endedByType !== undefined && { byType: endedByType }),
    ...(endedReason !== undefined && { reason: endedReason }),
  };
}

/** Another credential that would be accepted, the newest. A pending connection takes its slot with its first use. */
function usableBeside(credentialId: string | undefined, { credentials }: Facts): FindingFacts {
  const other = credentials.find(
    ({ id, state, isClientGone }) =>
      id !== credentialId && (state === 'active' || state === 'pending') && !isClientGone,
  );
  if (!other) return {};
  const { hint, kind, slot, scopes, lastUsedAt } = other;
  return {
    usable: {
      hint,
      kind,
      slot,
      ...(lastUsedAt && { usedAt: lastUsedAt.toISOString() }),
      ...(!scopes.includes('scim') && { isReadOnly: true }),
    },
  };
}

/** Behind us: the latest outcome of each kind of request. Where we keep none yet, the latest event. */
function ofUpstream(facts: Facts): Finding[] {
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
    const { severity } = entryOf(code);
    const isMinor =
      facts.outcomes.some((outcome) => worksBeside(outcome, code, outcomes)) ||
      kinds.every((kind) => kind === 'discovery');
    return {
      ...make(code, since, {
        ...(latest && refusedFacts(latest, facts)),
        count: refusals.reduce((sum, { count }) => sum + count, 0) || outcomes.length,
        firstAt: since.toISOString(),
        lastAt: new Date(Math.max(...outcomes.map(({ at }) => at.getTime()))).toISOString(),
        request: kinds.join(' '),
        ...(answeredAt && { answeredAt: answeredAt.toISOString() }),
        ...(code === 'wrong_path' && { cause: DOUBLED }),
      }),
      severity: isMinor && severity === 'failing' ? 'degraded' : severity,
      evidence: evidenceOf(refusals),
    };
  });
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

/** What is wrong with the credentials themselves, whether or not anything was refused for it yet. */
function ofCredentials(facts: Facts): Finding[] {
  const { credentials, accepted, at } = facts;
  const live = credentials.filter(({ state }) => state === 'active' || state === 'pending');
  const used = credentials.find(({ id }) => id === accepted?.credentialId);
  const orphan = live.find(({ isClientGone }) => isClientGone);
  const found: Finding[] = [];
  if (orphan && (used === undefined || used.id === orphan.id || live.length === 1)) {
    const ends = orphan.accessTokenExpiresAt;
    const lasts = ends !== undefined && ends > at;
    found.push(
      make(lasts ? 'access_token_last' : 'client_deleted', orphan.lastUsedAt ?? orphan.createdAt, {
        ...credentialFacts(orphan),
        ...usableBeside(orphan.id, facts),
        ...(ends && { expiresAt: ends.toISOString() }),
      }),
    );
  }
  const lost = used ?? credentials[0];
  const isLost = live.length === 0 || (used !== undefined && used.state === 'disabled');
  if (!lost || !isLost) return found;
  const code = LOST[lost.state];
  if (code === undefined) return found;
  const since = lost.endedAt ?? lost.expiresAt ?? lost.createdAt;
  const usable = usableBeside(lost.id, facts);
  // A replacement that waits for its first use is told as such.
  if (live.length > 0 && lost.state !== 'disabled') return found;
  const expiresAt = lost.expiresAt?.toISOString();
  const about = { ...credentialFacts(lost), ...usable, ...(expiresAt !== undefined && { expiresAt }) };
  found.push(make(lost.kind === 'oauth' && code === 'token_expired' ? 'connection_ended' : code, since, about));
  return found;
}

/** A revoke is somebody's purpose until a request says otherwise. */
const LOST: Partial<Record<CredentialFacts['state'], Code>> = {
  disabled: 'token_disabled',
  expired: 'token_expired',
};

function ofWaiting(facts: Facts, hasProblems: boolean): Finding[] {
  const { credentials, accepted, connecting, directory, at } = facts;
  const live = credentials.filter(({ state }) => state === 'active' || state === 'pending');
  if (live.length === 0) {
    if (hasProblems) return [];
    if (connecting && connecting.at > (accepted?.at ?? new Date(0)))
      return [make('setup_unfinished', connecting.at, { step: connecting.step })];
    if (credentials.length === 0) return [make('not_connected', directory.createdAt, {})];
    return [];
  }
  const fresh = live.filter(({ lastUsedAt }) => lastUsedAt === undefined);
  if (fresh.length < live.length) return [];
  const [newest] = fresh;
  if (!newest) return [];
  const isOld = at.getTime() - newest.createdAt.getTime() > FRESH_MS;
  const code = accepted === undefined && isOld ? 'never_used' : 'waiting_for_first_request';
  const about = { ...credentialFacts(newest), ...(accepted && { acceptedAt: accepted.at.toISOString() }) };
  return [make(code, newest.createdAt, about)];
}

/** Entra and its like pause after refusals; they come back by themselves, later than people expect. */
function ofBackoff(facts: Facts, current: RefusalFacts[]): Finding[] {
  const { directory, at, accepted } = facts;
  const { recovery, rhythm } = IDENTITY_PROVIDERS[directory.provider];
  const { retryHours, givesUpAfterDays } = recovery;
  if (!retryHours || rhythm.kind === 'polls') return [];
  const last = facts.refusals
    .filter((refusal) => isTheirs(refusal, facts) && !isBehind(refusal))
    .reduce<RefusalFacts | undefined>((a, b) => (a && a.lastAt >= b.lastAt ? a : b), undefined);
  if (!last || (accepted && accepted.at > last.lastAt)) return [];
  const quietMs = at.getTime() - last.lastAt.getTime();
  if (quietMs < HOUR_MS) return [];
  const triesAfter = retryHours.find((hours) => hours * HOUR_MS > quietMs);
  const next = triesAfter === undefined ? undefined : new Date(last.lastAt.getTime() + triesAfter * HOUR_MS);
  const gone = givesUpAfterDays === undefined ? undefined : last.firstAt.getTime() + givesUpAfterDays * DAY_MS;
  // Where the cause is gone on our side, waiting or a restart is all that is left to do.
  const isFixed = current.length === 0;
  return [
    {
      ...make('idp_backoff', last.lastAt, {
        lastAt: last.lastAt.toISOString(),
        ...(next && { at: next.toISOString() }),
        ...(gone !== undefined && { expiresAt: new Date(gone).toISOString() }),
      }),
      severity: isFixed ? 'degraded' : 'notice',
      certainty: 'likely',
      evidence: evidenceOf([last]),
    },
  ];
}

function ofEnds(facts: Facts): Finding[] {
  const { credentials, clients, at, accepted } = facts;
  const found: Finding[] = [];
  const isSoon = (end: Date | undefined): end is Date =>
    end !== undefined && end > at && end.getTime() - at.getTime() <= SOON_MS;
  const urgency = (end: Date): Severity => (end.getTime() - at.getTime() <= URGENT_MS ? 'degraded' : 'notice');
  const live = credentials.filter(({ state }) => state === 'active');
  for (const credential of live) {
    const { expiresAt, rotation, endsByPolicy } = credential;
    const isNeeded = credential.id === accepted?.credentialId || live.length === 1;
    // A replaced token ends on purpose.
    if (isSoon(expiresAt) && isNeeded && !rotation) {
      const about = { ...credentialFacts(credential), expiresAt: expiresAt.toISOString() };
      const code = endsByPolicy ? 'refresh_policy_ends_soon' : 'credential_ends_soon';
      const since = new Date(expiresAt.getTime() - SOON_MS);
      found.push({
        ...make(code, since, { ...about, ...usableBeside(credential.id, facts) }),
        severity: urgency(expiresAt),
        until: expiresAt.toISOString(),
      });
    }
    if (!rotation || at.getTime() - rotation.since.getTime() < FRESH_MS) continue;
    const code = rotation.successorUsed ? 'old_one_still_used' : 'rotation_overdue';
    const isUsed = credential.lastUsedAt !== undefined && credential.lastUsedAt > rotation.since;
    if (!isUsed || (rotation.successorUsed && !rotation.isOverdue)) continue;
    const usedAt = credential.lastUsedAt?.toISOString();
    const about = { ...credentialFacts(credential), ...(usedAt !== undefined && { lastAt: usedAt }) };
    found.push(make(code, rotation.since, { ...about, ...usableBeside(credential.id, facts) }));
  }
  for (const { id, name, secrets } of clients) {
    const lasting = secrets.some(({ expiresAt }) => expiresAt === undefined || !isSoon(expiresAt));
    const ends = secrets.map(({ expiresAt }) => expiresAt).filter(isSoon);
    const last = ends.sort((a, b) => b.getTime() - a.getTime())[0];
    if (lasting || !last) continue;
    const hint = secrets.find(({ expiresAt }) => expiresAt === last)?.hint;
    found.push({
      ...make('client_secret_ends_soon', new Date(last.getTime() - SOON_MS), {
        clientId: id,
        clientName: name,
        ...(hint !== undefined && { hint }),
        expiresAt: last.toISOString(),
      }),
      severity: urgency(last),
      until: last.toISOString(),
    });
  }
  return found;
}

function ofSilence(facts: Facts): Finding[] {
  const { silence, accepted } = facts;
  if (!silence?.isAlarm) return [];
  const { since, firstAt, longestMs, limitMs, basis, isFleet } = silence;
  const acceptedAt = accepted && { acceptedAt: accepted.at.toISOString() };
  const known = { longestMs, knownSince: firstAt.toISOString() };
  const about = { lastAt: since.toISOString(), ...known, limitMs, detail: basis, ...acceptedAt };
  const code = isFleet ? 'fleet_quiet' : 'quiet_for_longer_than_ever';
  return [{ ...make(code, since, about), certainty: 'likely' }];
}

function ofRecovery(facts: Facts): Finding[] {
  const { recovered, at, directory } = facts;
  if (!recovered || at.getTime() - recovered.until.getTime() > MISSED_MS) return [];
  const { isAutomatic, retryHours = [] } = IDENTITY_PROVIDERS[directory.provider].recovery;
  const { code, from, until, reads, creates, updates, deletions, evidence } = recovered;
  if (reads + creates + updates + deletions === 0) return [];
  // A client that retries has done so after its longest pause.
  const longestMs = Math.max(1, ...retryHours) * HOUR_MS;
  if (isAutomatic === 'yes' && at.getTime() - until.getTime() > longestMs) return [];
  const about = {
    firstAt: from.toISOString(),
    lastAt: until.toISOString(),
    detail: code,
    reads,
    creates,
    updates,
    deletions,
  };
  return [{ ...make('healed_but_missed', until, about), evidence: evidence.slice(0, EVIDENCE) }];
}

function ofSources(facts: Facts): Finding[] {
  const { sources, at, accepted, credentials } = facts;
  const [first] = [...sources].sort((a, b) => a.firstAt.getTime() - b.firstAt.getTime());
  if (!first || !accepted || at.getTime() - first.firstAt.getTime() < SOURCE_HISTORY_MS) return [];
  const created = Math.max(...credentials.map(({ createdAt }) => createdAt.getTime()));
  const isKnown = (source: SourceFacts) => isAgentOf(facts.directory.provider, source.family);
  const fresh = sources.find(
    (source) =>
      !isKnown(source) &&
      at.getTime() - source.firstAt.getTime() < NEW_SOURCE_MS &&
      // A new credential comes with new software.
      source.firstAt.getTime() > created + DAY_MS &&
      !sources.some((other) => other !== source && other.family === source.family),
  );
  if (!fresh) return [];
  const others = sources.filter(
    (source) => source.family !== fresh.family && at.getTime() - source.lastAt.getTime() < NEW_SOURCE_MS,
  );
  const code = others.length > 0 ? 'two_sources_one_token' : 'new_source';
  const about = { network: fresh.network, userAgent: fresh.family, count: fresh.count };
  return [{ ...make(code, fresh.firstAt, about), certainty: 'likely' }];
}

/** An import is told again and again until it is rotated, but not at once. */
const IMPORTED_MS = 30 * DAY_MS;

function ofWatch(facts: Facts, current: RefusalFacts[], problems: Finding[]): Finding[] {
  const { at, accepted, credentials, hasContact, directory } = facts;
  const found: Finding[] = [];
  const limited = current.filter(({ isLimited }) => isLimited);
  const [latest] = limited;
  if (latest)
    found.push({ ...make('rate_limited', latest.firstAt, refusedFacts(latest, facts)), evidence: evidenceOf(limited) });
  const used = credentials.find(({ id }) => id === accepted?.credentialId);
  const since = used?.importedAt;
  if (used?.state === 'active' && since && at.getTime() - since.getTime() > IMPORTED_MS)
    found.push(make('weak_or_imported', since, credentialFacts(used)));
  const isTheirs = problems.some(({ severity, actor }) => severity === 'failing' && actor === 'it_contact');
  if (isTheirs && hasContact === false) found.push(make('no_owner', directory.createdAt, {}));
  return found;
}

function ofHealth(facts: Facts): Finding[] {
  const { accepted, credentials, at } = facts;
  const live = credentials.filter(({ state }) => state === 'active' || state === 'pending');
  if (live.length === 0 || !accepted) {
    if (credentials.length === 0) return [];
    const [last] = credentials;
    const ended = last?.endedAt ?? last?.createdAt ?? at;
    return [
      make('ended_on_purpose', ended, {
        ...(last && credentialFacts(last)),
        ...(accepted && { acceptedAt: accepted.at.toISOString() }),
      }),
    ];
  }
  const used = credentials.find(({ id }) => id === accepted.credentialId);
  const isQuiet = at.getTime() - accepted.at.getTime() > QUIET_MS;
  const { silence } = facts;
  return [
    make(isQuiet ? 'working_quiet' : 'working', accepted.at, {
      acceptedAt: accepted.at.toISOString(),
      ...(used && credentialFacts(used)),
      ...(accepted.address !== undefined && { address: accepted.address }),
      ...(accepted.userAgent !== undefined && { userAgent: accepted.userAgent }),
      sees: facts.sees,
      ...(silence?.basis === 'own' && { longestMs: silence.longestMs, limitMs: silence.limitMs }),
    }),
  ];
}

function make(code: Code, since: Date, about: FindingFacts): Finding {
  const { severity } = entryOf(code);
  const actor = actorOf(code, about);
  return { code, severity, actor, since: since.toISOString(), facts: about, evidence: [], certainty: 'known' };
}

/** When the secret expired that lasted longest. */
function endOfSecrets({ secrets }: Facts['clients'][number], at: Date): FindingFacts {
  const ends = secrets.flatMap(({ expiresAt }) => (expiresAt && expiresAt <= at ? [expiresAt.getTime()] : []));
  return ends.length === 0 ? {} : { expiresAt: new Date(Math.max(...ends)).toISOString() };
}

/** Whether redirect URIs are made from the name of the app at the identity provider. */
function namesApp(provider: IdentityProviderId): boolean {
  return IDENTITY_PROVIDERS[provider].oauth?.redirectUris.some((uri) => uri.includes('{appName}')) ?? false;
}

/** Who disables something enables it again, and an app name is corrected by those who made the client. */
function actorOf(code: Code, { byType, isAppNamed }: FindingFacts): ActingParty {
  if (code === 'token_disabled' && byType === 'it_contact') return 'it_contact';
  if (code === 'redirect_uri_unknown' && isAppNamed) return 'it_contact';
  return entryOf(code).actor;
}
