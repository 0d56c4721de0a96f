/**
 * What accepted requests tell of a directory: where they came from, what became of them at the SCIM server, and its signs of life. Counted in
 * memory on the path, written by a round, and merged, so that any number of instances and writers agree.
 */
import type { Audit } from '../audit/index.ts';
import { type Clock, DAY_MS, HOUR_MS } from '../clock.ts';
import type { Kind } from '../gateway/index.ts';
import { IDENTITY_PROVIDERS, type IdentityProviderId } from '../identity-providers/index.ts';
import type { Storage, Stored } from '../storage/index.ts';
import type { OutcomeFacts, SilenceFacts, SourceFacts } from './facts.ts';
import { createFleet, type Fleet } from './fleet.ts';
import {
  asExpected,
  dayKey,
  fleetWeight,
  isBeyondUsual,
  longestGapMs,
  type Rhythm,
  silenceOf,
  type WeightOf,
} from './silence.ts';
import { type Counts, createCounts, type Pending } from './traffic-counts.ts';
import { merged, mergedOutcomes, mergedSources, rhythmOf, shape, type TrafficRecord } from './traffic-record.ts';

const hourShape = { directoryId: 'string', hour: 'date', kind: 'string', outcome: 'string', count: 'number' } as const;
export type OutcomeHour = Stored<typeof hourShape>;

const dayShape = { provider: 'string', day: 'date', active: 'number' } as const;

export interface Traffic extends Pick<Counts, 'accepted' | 'outcome' | 'watch'> {
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
  /** Writes what was counted. Throws storage_unavailable, and keeps it for the next time. `all`: also what can wait. */
  flush(all?: boolean): Promise<void>;
  prune(before: Date): Promise<number>;
  fleet: Fleet;
}

/** Directories that are written at a time. */
const WRITES_AT_ONCE = 50;
const PEERS_READ = 200;
const WEIGHTS_AGE_MS = HOUR_MS;

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
  const counts = createCounts(clock);
  const weights = new Map<IdentityProviderId, { at: number; weightOf: WeightOf }>();
  let flushing: Promise<void> = Promise.resolve();

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
    const { limitMs, basis, isAlarm } = silenceOf(rhythm, now, weight, quietDays);
    const { firstSignAt, lastSignAt, expectedMs, mutedUntil } = rhythm;
    const longestMs = basis === 'own' ? longestGapMs(rhythm) : 0;
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
    const due = counts.due(all);
    for (let at = 0; at < due.length; at += WRITES_AT_ONCE) {
      const slice = due.slice(at, at + WRITES_AT_ONCE);
      counts.take(slice);
      const results = await Promise.allSettled(slice.map(write));
      const changed = slice.filter((_, index) => results[index]?.status === 'fulfilled').map((one) => one.directoryId);
      const failed = slice.filter((_, index) => results[index]?.status === 'rejected');
      for (const one of failed) counts.putBack(one);
      if (changed.length > 0) await onChange(changed);
      const [reason] = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
      if (reason !== undefined) throw reason;
    }
  }

  return {
    accepted: counts.accepted,
    outcome: counts.outcome,
    watch: counts.watch,

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
      counts.forget(directoryId);
      await traffic.remove(directoryId);
      await hours.removeBy('directoryId', directoryId);
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
