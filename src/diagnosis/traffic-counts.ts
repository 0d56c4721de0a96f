/**
 * What accepted requests are counted as in memory, until a round writes it: per directory its signs of life, where they came from, and what
 * became of them at the SCIM server.
 */
import { type Clock, HOUR_MS, MINUTE_MS } from '../clock.ts';
import type { Kind, OutcomeClass } from '../gateway/index.ts';
import type { IdentityProviderId } from '../identity-providers/index.ts';
import type { Code } from './codes.ts';

/** Of accepted requests. `upstream_...` is a failure of the SCIM server, `wrong_path` one of the identity provider's base URL. */
export type UpstreamFinding = 'ok' | 'normal_refusal' | 'wrong_path' | Extract<Code, `upstream_${string}`>;

/** An outcome as the gateway calls it. */
export function outcomeClassOf(outcome: OutcomeClass, cause?: string): UpstreamFinding {
  if (cause === 'doubled_path') return 'wrong_path';
  return outcome === 'ok' || outcome === 'normal_refusal' ? outcome : `upstream_${outcome}`;
}

/** Where a directory belongs, as far as counting needs it. */
export interface Counted {
  /** The directory's. */
  id: string;
  organizationId: string;
  provider: IdentityProviderId;
}

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

/** The latest of one kind of request; times in milliseconds. */
export interface Latest {
  outcome: UpstreamFinding;
  at: number;
  /** Of failures in a row. */
  since: number | undefined;
  /** The latest proper answer before: what failed before it is another run. */
  answeredAt: number | undefined;
}

interface PendingOutcome extends Latest {
  from: 'gateway' | 'reported';
}

/** What was counted of one directory since the last write. */
export interface Pending extends Omit<Counted, 'id'> {
  directoryId: string;
  signs: { first: number; last: number } | undefined;
  sources: Map<string, PendingSource>;
  /** The one of them that was counted last: most often the next request comes from there as well. */
  latestSource: PendingSource | undefined;
  outcomes: Map<Kind, PendingOutcome>;
  hours: Map<string, PendingHour>;
  latestHour: PendingHour | undefined;
  /** What `latestOutcome` says of this directory since the last write. */
  latestOutcomes: Map<Kind, UpstreamFinding>;
  /** Something that others wait for: the first sign after a while, an outcome that changed. */
  isUrgent: boolean;
  since: number;
}

/** Pairs of address and agent told apart between two writes. */
const SOURCES_PENDING = 64;
/** How long a source's count and last time may stay in memory alone. */
const LAZY_MS = 10 * MINUTE_MS;
/** A sign after so long may end a silence. Directories that are always active must not all be urgent at one moment, such as the full hour. */
const SILENT_MS = HOUR_MS;
/** Directories whose state is remembered here; the rest are written a little more often. */
const KNOWN_AT_MOST = 100_000;

export interface Counts {
  /** A request was accepted, or a token granted. */
  accepted(where: Counted, address: string, userAgent: string | undefined): void;
  /** What became of an accepted request, at that time. */
  outcome(where: Counted, kind: Kind, outcome: UpstreamFinding, from: 'gateway' | 'reported', at?: Date): void;
  watch(directoryId: string, isAwaited: boolean): void;
  forget(directoryId: string): void;
  /** The directories whose counts are to be written now. `all`: also those whose can wait. */
  due(all: boolean): Pending[];
  /** Takes away what is about to be written. */
  take(some: readonly Pending[]): void;
  /** What could not be written is added to what came since. */
  putBack(one: Pending): void;
}

export function createCounts(clock: Clock): Counts {
  const pending = new Map<string, Pending>();
  /** The time of the latest sign that was taken to be written, by directory. */
  const signed = new Map<string, number>();
  const awaited = new Set<string>();
  const latestOutcome = new Map<string, UpstreamFinding>();

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

  return {
    accepted(where, address, userAgent) {
      const now = clock.now().getTime();
      const one = pendingOf(where, now);
      if (one.signs) one.signs.last = now;
      else {
        one.signs = { first: now, last: now };
        const last = signed.get(where.id);
        if (last === undefined || now - last >= SILENT_MS) one.isUrgent = true;
      }
      const source = sourceOf(one, address, userAgent, now);
      if (source) {
        source.last = now;
        source.count++;
      }
      if (awaited.has(where.id)) one.isUrgent = true;
    },

    outcome(where, kind, outcome, from, at = clock.now()) {
      const now = at.getTime();
      const one = pendingOf(where, now);
      const known = one.outcomes.get(kind);
      if (known?.outcome === outcome && known.from === from && known.at <= now) known.at = now;
      else if (!known || known.at <= now) {
        const since = isFailing(outcome) ? now : undefined;
        const next = { outcome, at: now, since, answeredAt: undefined, from };
        one.outcomes.set(kind, known ? followed(known, next) : next);
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

    watch(directoryId, isAwaited) {
      if (!isAwaited) awaited.delete(directoryId);
      else if (awaited.size < KNOWN_AT_MOST) awaited.add(directoryId);
    },

    forget(directoryId) {
      pending.delete(directoryId);
    },

    due(all) {
      const now = clock.now().getTime();
      return [...pending.values()].filter((one) => all || one.isUrgent || now - one.since >= LAZY_MS);
    },

    take(some) {
      for (const { directoryId, signs } of some) {
        pending.delete(directoryId);
        if (!signs) continue;
        if (signed.size > KNOWN_AT_MOST) signed.clear();
        signed.set(directoryId, signs.last);
      }
    },

    putBack(one) {
      const newer = pending.get(one.directoryId);
      pending.set(one.directoryId, newer ? added(one, newer) : one);
    },
  };
}

/** What is known of one kind of request once `newer` came after `older`: failures in a row are one run, until a proper answer ends it. */
export function followed<O extends Latest>(older: O, newer: O): O {
  if (isFailing(older.outcome) && !isFailing(newer.outcome) && !ends(older.outcome, newer.outcome)) return older;
  const since =
    newer.answeredAt === undefined && newer.since !== undefined ? (older.since ?? newer.since) : newer.since;
  const answeredAt = newer.answeredAt ?? (ends(newer.outcome, older.outcome) ? older.at : older.answeredAt);
  return { ...newer, since, answeredAt };
}

/** A server that is not there answers 404 for a single resource too, so that tells nothing of its base URL. */
function ends(failure: UpstreamFinding, by: UpstreamFinding): boolean {
  const isOfBase = failure === 'upstream_wrong_base' || failure === 'wrong_path';
  return by === 'ok' || (by === 'normal_refusal' && !isOfBase);
}

function isFailing(outcome: UpstreamFinding): boolean {
  return outcome !== 'ok' && outcome !== 'normal_refusal';
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
  const outcomes = new Map(older.outcomes);
  for (const [kind, outcome] of newer.outcomes) {
    const known = outcomes.get(kind);
    outcomes.set(kind, known ? followed(known, outcome) : outcome);
  }
  const signs = newer.signs && older.signs ? { first: older.signs.first, last: newer.signs.last } : undefined;
  return {
    ...newer,
    signs: signs ?? newer.signs ?? older.signs,
    sources,
    latestSource: undefined,
    outcomes,
    hours,
    latestHour: undefined,
    isUrgent: true,
    since: older.since,
  };
}
