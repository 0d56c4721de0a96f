/** What is kept of the accepted requests of a directory, and how what was counted since is merged into it: any number of writers agree. */
import type { Kind } from '../gateway/index.ts';
import type { IdentityProviderId } from '../identity-providers/index.ts';
import { json, type Stored, text } from '../storage/index.ts';
import { dayKey, type Gap, type Rhythm, type WeightOf, withSign } from './silence.ts';
import { sourceOf } from './source.ts';
import { followed, type Latest, type Pending, type UpstreamFinding } from './traffic-counts.ts';

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

export const shape = {
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

const SOURCES_KEPT = 32;

export function rhythmOf({
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
export function merged(record: TrafficRecord, signs: Pending['signs'], weightOf: WeightOf) {
  const before = rhythmOf(record);
  if (!signs) return { rhythm: {}, isNewDay: false };
  const [first, last] = [new Date(signs.first), new Date(signs.last)];
  const rhythm = withSign(withSign(before, first, weightOf), last, weightOf);
  const isNewDay = before === undefined || dayKey(before.lastSignAt) < dayKey(last);
  return { rhythm: { ...rhythm, gaps: [...rhythm.gaps] }, isNewDay };
}

export function mergedOutcomes(
  kept: Partial<Record<Kind, KeptOutcome>>,
  one: Pending,
): Partial<Record<Kind, KeptOutcome>> {
  const result = { ...kept };
  for (const [kind, { from: _from, ...latest }] of one.outcomes) {
    const before = kept[kind] && latestOf(kept[kind]);
    if (before && before.at > latest.at) continue;
    result[kind] = keptOf(before ? followed(before, latest) : latest);
  }
  return result;
}

function latestOf({ outcome, at, since, answeredAt }: KeptOutcome): Latest {
  const time = (text: string | undefined) => (text === undefined ? undefined : Date.parse(text));
  return { outcome, at: Date.parse(at), since: time(since), answeredAt: time(answeredAt) };
}

function keptOf({ outcome, at, since, answeredAt }: Latest): KeptOutcome {
  const text = (time: number) => new Date(time).toISOString();
  return {
    outcome,
    at: text(at),
    ...(since !== undefined && { since: text(since) }),
    ...(answeredAt !== undefined && outcome !== 'ok' && { answeredAt: text(answeredAt) }),
  };
}

/** The most recent ones are kept, so current senders are known. */
export function mergedSources(kept: readonly KeptSource[], one: Pending): KeptSource[] {
  const all = new Map(kept.map((source) => [`${source.network}\n${source.family}`, source]));
  for (const { first, last, count, ...request } of one.sources.values()) {
    const { network, family } = sourceOf(request);
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
