/**
 * What accepted requests tell of a directory: where they came from, what became of them at the SCIM server, and its signs of life. Counted in
 * memory on the path, written by a round, and merged, so that any number of instances and writers agree.
 */
import type { Audit } from '../audit/index.ts';
import { type Clock, DAY_MS, HOUR_MS, MINUTE_MS } from '../clock.ts';
import type { Kind, OutcomeClass } from '../gateway/index.ts';
import { IDENTITY_PROVIDERS, type IdentityProviderId } from '../identity-providers/index.ts';
import { json, type Storage, type Stored, text } from '../storage/index.ts';
import type { Code } from './codes.ts';
import type { OutcomeFacts, SilenceFacts, SourceFacts } from './facts.ts';
import { createFleet, type Fleet } from './fleet.ts';
import {
  asExpected,
  dayKey,
  fleetWeight,
  type Gap,
  isBeyondUsual,
  type Rhythm,
  silenceOf,
  type WeightOf,
  withSign,
} from './silence.ts';
import { familyOf, networkOf } from './source.ts';

/** Of accepted requests. `upstream_...` is a failure of the SCIM server, `wrong_path` one of the identity provider's base URL. */
export type UpstreamFinding = 'ok' | 'normal_refusal' | 'wrong_path' | Extract<Code, `upstream_${string}`>;

/** An outcome as the gateway calls it. */
export function outcomeClassOf(outcome: OutcomeClass, cause?: string): UpstreamFinding {
  if (cause === 'doubled_path') return 'wrong_path';
  return outcome === 'ok' || outcome === 'normal_refusal' ? outcome : `upstream_${outcome}`;
}

interface KeptSource {
  network: string;
  family: string;
  firstAt: string;
  lastAt: string;
  count: number;
}

interface KeptOutcome {
  outcome: UpstreamFinding;
  at: string;
  /** Of failures in a row. */
  since?: string;
  /** Of a failure: when the SCIM server last answered such a request properly. */
  answeredAt?: string;
}

const shape = {
  organizationId: 'string',
  provider: text<IdentityProviderId>(),
  createdAt: 'date',
  sources: json<KeptSource[]>(),
  outcomes: json<Partial<Record<Kind, KeptOutcome>>>(),
  'outcomesFrom?': text<'gateway' | 'reported'>(),
  'firstSignAt?': 'date',
  'lastSignAt?': 'date',
  gaps: json<Gap[]>(),
  gapCount: 'number',
  'expectedMs?': 'number',
  'mutedUntil?': 'date',
} as const;

/** Its id is the directory's. */
export type TrafficRecord = Stored<typeof shape>;

const hourShape = { directoryId: 'string', hour: 'date', kind: 'string', outcome: 'string', count: 'number' } as const;
export type OutcomeHour = Stored<typeof hourShape>;

const dayShape = { provider: 'string', day: 'date', active: 'number' } as const;

/** Where a directory belongs, as far as counting needs it. */
export interface Counted {
  /** The directory's. */
  id: string;
  organizationId: string;
  provider: IdentityProviderId;
}

export interface Traffic {
  /** A request was accepted, or a token granted: a sign of life, and where it came from. */
  accepted(where: Counted, address: string, userAgent: string | undefined): void;
  /** What became of an accepted request. `at`: now, unless the vendor reports it later. */
  outcome(where: Counted, kind: Kind, outcome: UpstreamFinding, from: 'gateway' | 'reported', at?: Date): void;
  read(directoryId: string): Promise<{
    outcomes: OutcomeFacts[];
    outcomesFrom?: 'gateway' | 'reported';
    sources: SourceFacts[];
    silence?: SilenceFacts;
  }>;
  /** Outcomes per hour, latest first. */
  hours(
    directoryId: string,
    query: { from?: Date | undefined; to?: Date | undefined; limit: number },
  ): Promise<OutcomeHour[]>;
  /** "This is expected": the running silence lengthens the record. */
  expect(directoryId: string): Promise<void>;
  mute(directoryId: string, until: Date): Promise<void>;
  /** Takes both back. */
  reportAgain(directoryId: string): Promise<void>;
  forget(directoryId: string): Promise<void>;
  /** Whether somebody waits for the next accepted request of a directory, so that it is written at once. */
  watch(directoryId: string, isAwaited: boolean): void;
  /** Writes what was counted. Throws storage_unavailable, and keeps it for the next time. `all`: also what can wait. */
  flush(all?: boolean): Promise<void>;
  prune(before: Date): Promise<number>;
  fleet: Fleet;
}

const SOURCES_KEPT = 32;
/** Pairs of address and agent told apart between two writes. */
const SOURCES_PENDING = 64;
/** Directories that have been counted and not written; beyond that the oldest are written at once. */
const WRITES_AT_ONCE = 50;
/** How long a source's count and last time may stay in memory alone. */
const LAZY_MS = 10 * MINUTE_MS;
/** Directories whose state is remembered here; the rest are written a little more often. */
const KNOWN_AT_MOST = 100_000;
const PEERS_READ = 200;
const WEIGHTS_AGE_MS = HOUR_MS;

interface PendingSource {
  address: string;
  userAgent: string | undefined;
  first: number;
  last: number;
  count: number;
}

interface PendingHour {
  hour: number;
  kind: Kind;
  outcome: UpstreamFinding;
  count: number;
}

interface PendingOutcome {
  outcome: UpstreamFinding;
  at: number;
  since: number | undefined;
  /** The latest proper answer since the last write: what failed before it is another run. */
  answeredAt: number | undefined;
  from: 'gateway' | 'reported';
}

interface Pending extends Omit<Counted, 'id'> {
  directoryId: string;
  signs: { first: number; last: number } | undefined;
  sources: Map<string, PendingSource>;
  /** The one of them that was counted last: most often the next request comes from there as well. */
  latestSource: PendingSource | undefined;
  outcomes: Map<Kind, PendingOutcome>;
  hours: Map<string, PendingHour>;
  latestHour: PendingHour | undefined;
  /** What `latestOutcome` and `signed` say of this directory since the last write. */
  latestOutcomes: Map<Kind, UpstreamFinding>;
  signedHour: number;
  /** Something that others wait for: the first sign of an hour, an outcome that changed. */
  isUrgent: boolean;
  since: number;
}

export function createTraffic(deps: {
  storage: Storage;
  audit: Audit;
  clock: Clock;
  /** Told of directories whose facts have changed. */
  onChange: (directoryIds: readonly string[]) => Promise<void>;
}): Traffic {
  const { storage, clock, onChange } = deps;
  const traffic = storage.collection({
    name: 'directory_traffic',
    shape,
    keys: { provider: 'index', organizationId: 'index' },
    order: 'createdAt',
    isCount: true,
  });
  const hours = storage.collection({
    name: 'outcome_hours',
    shape: hourShape,
    keys: { directoryId: 'index' },
    order: 'hour',
  });
  const days = storage.collection({
    name: 'provider_days',
    shape: dayShape,
    keys: { provider: 'index' },
    order: 'day',
  });
  const pending = new Map<string, Pending>();
  /** The hour of the latest sign that was written, by directory, so that only the first of an hour is urgent. */
  const signed = new Map<string, number>();
  const awaited = new Set<string>();
  const latestOutcome = new Map<string, UpstreamFinding>();
  const weights = new Map<IdentityProviderId, { at: number; weightOf: WeightOf }>();
  let flushing: Promise<void> = Promise.resolve();

  function pendingOf(where: Counted, now: number): Pending {
    const found = pending.get(where.id);
    if (found) return found;
    const { id: directoryId, organizationId, provider } = where;
    const made: Pending = {
      directoryId,
      organizationId,
      provider,
      signs: undefined,
      sources: new Map(),
      latestSource: undefined,
      outcomes: new Map(),
      hours: new Map(),
      latestHour: undefined,
      latestOutcomes: new Map(),
      signedHour: Number.NaN,
      isUrgent: false,
      since: now,
    };
    pending.set(directoryId, made);
    return made;
  }

  /** undefined when too many are told apart already. */
  function sourceOf(one: Pending, address: string, userAgent: string | undefined, now: number) {
    const latest = one.latestSource;
    if (latest?.address === address && latest.userAgent === userAgent) return latest;
    const key = `${address}\n${userAgent ?? ''}`;
    let source = one.sources.get(key);
    if (!source && one.sources.size < SOURCES_PENDING) {
      source = { address, userAgent, first: now, last: now, count: 0 };
      one.sources.set(key, source);
    }
    if (source) one.latestSource = source;
    return source;
  }

  function hourOf(one: Pending, hour: number, kind: Kind, outcome: UpstreamFinding): PendingHour {
    const latest = one.latestHour;
    if (latest?.hour === hour && latest.kind === kind && latest.outcome === outcome) return latest;
    const key = `${hour} ${kind} ${outcome}`;
    const found = one.hours.get(key) ?? { hour, kind, outcome, count: 0 };
    one.hours.set(key, found);
    one.latestHour = found;
    return found;
  }

  async function weightOf(provider: IdentityProviderId): Promise<WeightOf> {
    const now = clock.now().getTime();
    const known = weights.get(provider);
    if (known && Math.abs(now - known.at) < WEIGHTS_AGE_MS) return known.weightOf;
    const from = new Date(now - 2 * 56 * DAY_MS);
    const [{ items }, peers] = await Promise.all([
      days.page({ where: { provider }, from, limit: PEERS_READ, direction: 'descending' }),
      traffic.count({ provider }),
    ]);
    const activeOn = new Map(items.map(({ day, active }) => [dayKey(day), active]));
    const made = fleetWeight(activeOn, peers);
    weights.set(provider, { at: now, weightOf: made });
    return made;
  }

  const fleet = createFleet({
    storage,
    audit: deps.audit,
    clock,
    weightOf,
    async rhythms(provider, query) {
      const { items, nextCursor } = await traffic.page({ where: { provider }, ...query });
      const known = items.flatMap((record) => {
        const rhythm = rhythmOf(record);
        return rhythm ? [{ directoryId: record.id, rhythm }] : [];
      });
      return { items: known, nextCursor };
    },
    onChange,
  });

  /** A single alarm is held back while the whole fleet is quiet, and what is quiet with it is told as that. */
  async function silenceFacts(rhythm: Rhythm, provider: IdentityProviderId): Promise<SilenceFacts> {
    const [now, weight] = [clock.now(), await weightOf(provider)];
    const { quietDays } = IDENTITY_PROVIDERS[provider].rhythm;
    const { longestMs, limitMs, basis, isAlarm } = silenceOf(rhythm, now, weight, quietDays);
    const { firstSignAt, lastSignAt, expectedMs, mutedUntil } = rhythm;
    const isMuted = mutedUntil !== undefined && mutedUntil > now;
    const said = { ...(expectedMs !== undefined && { expectedMs }), ...(isMuted && { mutedUntil }) };
    const facts = { since: lastSignAt, firstAt: firstSignAt, longestMs, limitMs, basis, ...said };
    if (isMuted || !(isAlarm || isBeyondUsual(rhythm, now, weight))) return { ...facts, isAlarm };
    return (await fleet.isQuiet(provider)) ? { ...facts, isAlarm: true, isFleet: true } : { ...facts, isAlarm };
  }

  async function write(one: Pending): Promise<void> {
    const { directoryId, organizationId, provider, signs } = one;
    const weight = await weightOf(provider);
    const initial: TrafficRecord = {
      id: directoryId,
      organizationId,
      provider,
      createdAt: clock.now(),
      sources: [],
      outcomes: {},
      gaps: [],
      gapCount: 0,
    };
    let isNewDay = false;
    const change = (record: TrafficRecord): TrafficRecord => {
      const outcomes = mergedOutcomes(record.outcomes, one);
      const { rhythm, isNewDay: isFirstToday } = merged(record, signs, weight);
      const sources = mergedSources(record.sources, one);
      isNewDay = isFirstToday;
      const from = [...one.outcomes.values()].at(-1)?.from;
      return { ...record, provider, ...rhythm, sources, outcomes, ...(from && { outcomesFrom: from }) };
    };
    const known = await traffic.update(directoryId, change);
    if (!known) await traffic.insert(change(initial));
    if (isNewDay && signs) {
      const day = new Date(Math.floor(signs.last / DAY_MS) * DAY_MS);
      const id = `${provider}:${dayKey(day)}`;
      await days.accumulate([{ initial: { id, provider, day, active: 0 }, add: { active: 1 } }]);
    }
    if (one.hours.size > 0)
      await hours.accumulate(
        [...one.hours.values()].map(({ hour, kind, outcome, count }) => ({
          initial: {
            id: `${directoryId}:${new Date(hour).toISOString().slice(0, 13)}:${kind}:${outcome}`,
            directoryId,
            hour: new Date(hour),
            kind,
            outcome,
            count: 0,
          },
          add: { count },
        })),
      );
  }

  async function flushAll(all: boolean): Promise<void> {
    const now = clock.now().getTime();
    const due = [...pending.values()].filter((one) => all || one.isUrgent || now - one.since >= LAZY_MS);
    for (let at = 0; at < due.length; at += WRITES_AT_ONCE) {
      const slice = due.slice(at, at + WRITES_AT_ONCE);
      for (const { directoryId } of slice) pending.delete(directoryId);
      const results = await Promise.allSettled(slice.map(write));
      const changed = slice.filter((_, index) => results[index]?.status === 'fulfilled').map((one) => one.directoryId);
      const failed = slice.filter((_, index) => results[index]?.status === 'rejected');
      for (const one of failed) putBack(one);
      if (changed.length > 0) await onChange(changed);
      const [reason] = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
      if (reason !== undefined) throw reason;
    }
  }

  /** What could not be written is added to what came since. */
  function putBack(one: Pending): void {
    const newer = pending.get(one.directoryId);
    pending.set(one.directoryId, newer ? added(one, newer) : one);
  }

  return {
    accepted(where, address, userAgent) {
      const now = clock.now().getTime();
      const one = pendingOf(where, now);
      if (one.signs) one.signs.last = now;
      else one.signs = { first: now, last: now };
      const source = sourceOf(one, address, userAgent, now);
      if (source) {
        source.last = now;
        source.count++;
      }
      if (awaited.has(where.id)) one.isUrgent = true;
      const hour = Math.floor(now / HOUR_MS);
      if (one.signedHour === hour) return;
      one.signedHour = hour;
      if (signed.get(where.id) === hour) return;
      if (signed.size > KNOWN_AT_MOST) signed.clear();
      signed.set(where.id, hour);
      one.isUrgent = true;
    },

    outcome(where, kind, outcome, from, at = clock.now()) {
      const now = at.getTime();
      const one = pendingOf(where, now);
      const known = one.outcomes.get(kind);
      if (known?.outcome === outcome && known.from === from && known.at <= now) known.at = now;
      else if (!known || (known.at <= now && !goesOn(known.outcome, outcome))) {
        const since = isFailing(outcome) ? (known?.since ?? now) : undefined;
        const answeredAt = known && ends(outcome, known.outcome) ? known.at : known?.answeredAt;
        one.outcomes.set(kind, { outcome, at: now, since, answeredAt, from });
      }
      hourOf(one, now - (now % HOUR_MS), kind, outcome).count++;
      if (one.latestOutcomes.get(kind) === outcome) return;
      one.latestOutcomes.set(kind, outcome);
      const key = `${where.id} ${kind}`;
      if (latestOutcome.get(key) === outcome) return;
      if (latestOutcome.size > KNOWN_AT_MOST) latestOutcome.clear();
      latestOutcome.set(key, outcome);
      one.isUrgent = true;
    },

    async read(directoryId) {
      const record = await traffic.find(directoryId);
      if (!record) return { outcomes: [], sources: [] };
      const { outcomes, outcomesFrom, sources, provider } = record;
      const rhythm = rhythmOf(record);
      const silence = rhythm && (await silenceFacts(rhythm, provider));
      return {
        outcomes: Object.entries(outcomes).map(([kind, { outcome, at, since, answeredAt }]) => ({
          kind: kind as Kind,
          outcome,
          at: new Date(at),
          ...(since !== undefined && { since: new Date(since) }),
          ...(answeredAt !== undefined && { answeredAt: new Date(answeredAt) }),
        })),
        ...(outcomesFrom && { outcomesFrom }),
        sources: sources.map(({ network, family, firstAt, lastAt, count }) => ({
          network,
          family,
          firstAt: new Date(firstAt),
          lastAt: new Date(lastAt),
          count,
        })),
        ...(silence && { silence }),
      };
    },

    async hours(directoryId, { from, to, limit }) {
      return (await hours.page({ where: { directoryId }, from, to, limit, direction: 'descending' })).items;
    },

    async expect(directoryId) {
      const known = await traffic.find(directoryId);
      if (!known) return;
      const weight = await weightOf(known.provider);
      await traffic.update(directoryId, (record) => {
        const rhythm = rhythmOf(record);
        return rhythm && { ...record, ...asExpected(rhythm, clock.now(), weight), gaps: record.gaps };
      });
      await onChange([directoryId]);
    },

    async mute(directoryId, until) {
      await traffic.update(directoryId, (record) => ({ ...record, mutedUntil: until }));
      await onChange([directoryId]);
    },

    async reportAgain(directoryId) {
      await traffic.update(directoryId, ({ mutedUntil: _muted, expectedMs: _expected, ...record }) => record);
      await onChange([directoryId]);
    },

    async forget(directoryId) {
      pending.delete(directoryId);
      await traffic.remove(directoryId);
      await hours.removeBy('directoryId', directoryId);
    },

    watch(directoryId, isAwaited) {
      if (!isAwaited) awaited.delete(directoryId);
      else if (awaited.size < KNOWN_AT_MOST) awaited.add(directoryId);
    },

    async flush(all = false) {
      const turn = flushing.then(() => flushAll(all));
      flushing = turn.catch(() => undefined);
      await turn;
    },

    prune: (before) => hours.prune(before),
    fleet,
  };
}

function rhythmOf({
  firstSignAt,
  lastSignAt,
  gaps,
  gapCount,
  expectedMs,
  mutedUntil,
}: TrafficRecord): Rhythm | undefined {
  if (!firstSignAt || !lastSignAt) return undefined;
  return {
    firstSignAt,
    lastSignAt,
    gaps,
    gapCount,
    ...(expectedMs !== undefined && { expectedMs }),
    ...(mutedUntil && { mutedUntil }),
  };
}

/** The rhythm with the signs that were counted, and whether they are the first of their day. */
function merged(record: TrafficRecord, signs: Pending['signs'], weightOf: WeightOf) {
  const before = rhythmOf(record);
  if (!signs) return { rhythm: {}, isNewDay: false };
  const [first, last] = [new Date(signs.first), new Date(signs.last)];
  const rhythm = withSign(withSign(before, first, weightOf), last, weightOf);
  const isNewDay = before === undefined || dayKey(before.lastSignAt) < dayKey(last);
  return { rhythm: { ...rhythm, gaps: [...rhythm.gaps] }, isNewDay };
}

function mergedOutcomes(kept: Partial<Record<Kind, KeptOutcome>>, one: Pending): Partial<Record<Kind, KeptOutcome>> {
  const result = { ...kept };
  for (const [kind, { outcome, at, since, answeredAt }] of one.outcomes) {
    const before = kept[kind];
    const time = new Date(at).toISOString();
    if (before && before.at > time) continue;
    if (since === undefined) {
      if (before && goesOn(before.outcome, outcome)) continue;
      result[kind] = { outcome, at: time };
      continue;
    }
    const answered =
      answeredAt === undefined
        ? before && ends(outcome, before.outcome)
          ? before.at
          : before?.answeredAt
        : new Date(answeredAt).toISOString();
    const earlier = answeredAt === undefined ? before?.since : undefined;
    const began = earlier ?? new Date(since).toISOString();
    result[kind] = { outcome, at: time, since: began, ...(answered !== undefined && { answeredAt: answered }) };
  }
  return result;
}

/** A server that is not there answers 404 for a single resource too, so that tells nothing of its base URL. */
function ends(failure: UpstreamFinding, by: UpstreamFinding): boolean {
  const isOfBase = failure === 'upstream_wrong_base' || failure === 'wrong_path';
  return by === 'ok' || (by === 'normal_refusal' && !isOfBase);
}

function goesOn(failure: UpstreamFinding, outcome: UpstreamFinding): boolean {
  return isFailing(failure) && !isFailing(outcome) && !ends(failure, outcome);
}

function isFailing(outcome: UpstreamFinding): boolean {
  return outcome !== 'ok' && outcome !== 'normal_refusal';
}

/** The most recent ones are kept, so current senders are known. */
function mergedSources(kept: readonly KeptSource[], one: Pending): KeptSource[] {
  const all = new Map(kept.map((source) => [`${source.network}\n${source.family}`, source]));
  for (const { address, userAgent, first, last, count } of one.sources.values()) {
    const [network, family] = [networkOf(address), familyOf(userAgent)];
    const key = `${network}\n${family}`;
    const known = all.get(key);
    const [firstAt, lastAt] = [new Date(first).toISOString(), new Date(last).toISOString()];
    all.set(
      key,
      known
        ? { ...known, lastAt: known.lastAt > lastAt ? known.lastAt : lastAt, count: known.count + count }
        : { network, family, firstAt, lastAt, count },
    );
  }
  return [...all.values()].sort((a, b) => b.lastAt.localeCompare(a.lastAt)).slice(0, SOURCES_KEPT);
}

function added(older: Pending, newer: Pending): Pending {
  const sources = new Map(older.sources);
  for (const [key, source] of newer.sources) {
    const known = sources.get(key);
    sources.set(key, known ? { ...source, first: known.first, count: known.count + source.count } : source);
  }
  const hours = new Map(older.hours);
  for (const [key, hour] of newer.hours) {
    const known = hours.get(key);
    hours.set(key, known ? { ...hour, count: known.count + hour.count } : hour);
  }
  const signs = newer.signs && older.signs ? { first: older.signs.first, last: newer.signs.last } : undefined;
  return {
    ...newer,
    signs: signs ?? newer.signs ?? older.signs,
    sources,
    latestSource: undefined,
    outcomes: new Map([...older.outcomes, ...newer.outcomes]),
    hours,
    latestHour: undefined,
    isUrgent: true,
    since: older.since,
  };
}
