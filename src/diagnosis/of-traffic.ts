/** What accepted requests say, and that there are none: silence, what was missed, new senders, health. */
import { DAY_MS, HOUR_MS } from '../clock.ts';
import { IDENTITY_PROVIDERS, isAgentOf } from '../identity-providers/index.ts';
import type { Facts, RefusalFacts, SourceFacts } from './facts.ts';
import type { Finding } from './finding.ts';
import { credentialFacts, make, refusedFacts } from './making.ts';
import { EVIDENCE, evidenceOf } from './refusals.ts';

const QUIET_MS = 7 * DAY_MS;
const NEW_SOURCE_MS = 3 * DAY_MS;
/** Before this many days, every source is new. */
const SOURCE_HISTORY_MS = 14 * DAY_MS;
const MISSED_MS = 30 * DAY_MS;

export function ofSilence(facts: Facts): Finding[] {
  const { silence, accepted } = facts;
  if (!silence?.isAlarm) return [];
  const { since, firstAt, longestMs, limitMs, basis, isFleet } = silence;
  const acceptedAt = accepted && { acceptedAt: accepted.at.toISOString() };
  const known = { longestMs, knownSince: firstAt.toISOString() };
  const about = { lastAt: since.toISOString(), ...known, limitMs, detail: basis, ...acceptedAt };
  const code = isFleet ? 'fleet_quiet' : 'quiet_for_longer_than_ever';
  return [{ ...make(code, since, about), certainty: 'likely' }];
}

export function ofRecovery(facts: Facts): Finding[] {
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

export function ofSources(facts: Facts): Finding[] {
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
  const used = credentials.find(({ id }) => id === accepted.credentialId);
  const client = facts.clients.find(({ id }) => id === used?.clientId);
  const about = {
    network: fresh.network,
    userAgent: fresh.family,
    count: fresh.count,
    ...(used && { kind: used.kind }),
    ...(client?.isMachine && { isMachine: true }),
  };
  return [{ ...make(code, fresh.firstAt, about), certainty: 'likely' }];
}

/** An import is told again and again until it is rotated, but not at once. */
const IMPORTED_MS = 30 * DAY_MS;

export function ofWatch(facts: Facts, current: RefusalFacts[], problems: Finding[]): Finding[] {
  const { at, accepted, credentials, hasContact, directory } = facts;
  const found: Finding[] = [];
  const limited = current.filter(({ isLimited }) => isLimited);
  const [latest] = limited;
  if (latest)
    found.push({ ...make('rate_limited', latest.firstAt, refusedFacts(latest, facts)), evidence: evidenceOf(limited) });
  const used = credentials.find(({ id }) => id === accepted?.credentialId);
  const since = used?.kind === 'bearer' ? used.importedAt : undefined;
  if (used?.state === 'active' && since && at.getTime() - since.getTime() > IMPORTED_MS)
    found.push(make('weak_or_imported', since, credentialFacts(used)));
  found.push(...ofExposed(facts, current, problems));
  const isTheirs = problems.some(({ severity, actor }) => severity === 'failing' && actor === 'it_contact');
  if (isTheirs && hasContact === false) found.push(make('no_owner', directory.createdAt, {}));
  return found;
}

const EXPOSED: ReadonlySet<string | undefined> = new Set(['api_key_presented', 'portal_link_presented']);

/** A key or link that lies in somebody's console is no secret any more. The vendor revokes it, while the customer pastes a token. */
function ofExposed(facts: Facts, current: RefusalFacts[], problems: Finding[]): Finding[] {
  const problem = problems.find(({ code }) => code === 'other_secret_presented');
  const exposing = current.filter(({ code, detail }) => code === problem?.code && EXPOSED.has(detail));
  const [latest] = exposing;
  if (!problem || !latest) return [];
  const { severity, certainty } = problem;
  const since = new Date(Math.min(...exposing.map(({ firstAt }) => firstAt.getTime())));
  return [
    {
      ...make('secret_exposed', since, refusedFacts(latest, facts)),
      severity,
      certainty,
      evidence: evidenceOf(exposing),
    },
  ];
}

export function ofHealth(facts: Facts): Finding[] {
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
      ...(silence?.mutedUntil && { mutedUntil: silence.mutedUntil.toISOString() }),
      ...(silence?.expectedMs !== undefined && { expectedMs: silence.expectedMs }),
    }),
  ];
}
