/**
 * Counted traffic: accepted and refused per hour, last used when, from where and by which agent. Counting costs a request no write;
 * `flush` merges what has gathered, and merging never moves "last used" back however many instances take part.
 */
import type { Clock } from '../clock.ts';
import { withoutUnguessable } from '../secrets/redaction.ts';
import type { Accumulation, Page, Storage, Stored } from '../storage/index.ts';
import { within } from '../timing/deadline.ts';

const originShape = { address: 'string', 'userAgent?': 'string' } as const;

const totalShape = {
  createdAt: 'date',
  acceptedCount: 'number',
  refusedCount: 'number',
  'lastUsedAt?': 'date',
  'lastUsedFrom?': originShape,
  /** Of an OAuth connection: when it last got a token, and until when that is good. */
  'lastRefreshedAt?': 'date',
  'accessTokenExpiresAt?': 'date',
} as const;

const hourShape = { subjectId: 'string', hour: 'date', accepted: 'number', refused: 'number' } as const;

/** The sum of one credential or API key; its id is theirs. */
export type UsageTotal = Stored<typeof totalShape>;
export type UsageHour = Stored<typeof hourShape>;

export interface Usage {
  /** `subjectId`: a credential's or an API key's id. */
  accepted(subjectId: string, address: string, userAgent: string | undefined): void;
  refused(subjectId: string): void;
  /** An access token was issued to a connection. */
  refreshed(subjectId: string, accessTokenExpiresAt: Date): void;
  /** Totals by id, what this instance has not written yet included; absent where never used. */
  totals(ids: readonly string[]): Promise<Map<string, UsageTotal>>;
  hours(
    subjectId: string,
    query: { from?: Date | undefined; to?: Date | undefined; after?: string | undefined; limit: number },
  ): Promise<Page<UsageHour>>;
  /** Throws storage_unavailable and keeps what was counted for the next time. */
  flush(): Promise<void>;
  prune(before: Date): Promise<number>;
}

const HOUR_MS = 3_600_000;
const USER_AGENT_LENGTH = 200;
/** Merges in one transaction. */
const SLICE = 100;
/** How long a reader waits for what was counted to be written. */
const FLUSH_PATIENCE_MS = 500;

interface Counted {
  subjectId: string;
  hour: number;
  accepted: number;
  refused: number;
  /** Milliseconds; 0 when nothing was accepted. */
  lastUsedAt: number;
  address: string;
  userAgent: string | undefined;
  refreshedAt?: Date;
  accessTokenExpiresAt?: Date;
}

export function createUsage({ storage, clock }: { storage: Storage; clock: Clock }): Usage {
  const totals = storage.collection({ name: 'usage_totals', shape: totalShape, keys: {}, order: 'createdAt' });
  const hours = storage.collection({
    name: 'usage_hours',
    shape: hourShape,
    keys: { subjectId: 'index' },
    order: 'hour',
  });
  /** The running hour of each subject, and hours that have ended since the last flush. */
  let running = new Map<string, Counted>();
  let over: Counted[] = [];
  const unwrittenHours: Counted[] = [];
  const unwrittenTotals: Counted[] = [];
  let flushing: Promise<void> = Promise.resolve();

  function counterOf(subjectId: string, now: number): Counted {
    const hour = now - (now % HOUR_MS);
    const found = running.get(subjectId);
    if (found?.hour === hour) return found;
    if (found) over.push(found);
    const counter: Counted = {
      subjectId,
      hour,
      accepted: 0,
      refused: 0,
      lastUsedAt: 0,
      address: '',
      userAgent: undefined,
    };
    running.set(subjectId, counter);
    return counter;
  }

  /** Hours and totals are written apart; each keeps what it could not write, so that neither is counted twice. */
  async function write(): Promise<void> {
    const batch = [...over, ...running.values()];
    over = [];
    running = new Map();
    unwrittenHours.push(...batch);
    unwrittenTotals.push(...batch);
    await inSlices(unwrittenHours, (slice) => hours.accumulate(slice.map(hourOf)));
    await inSlices(unwrittenTotals, (slice) =>
      totals.accumulate(
        slice.flatMap((counted) => [totalOf(counted, clock.now()), ...refreshOf(counted, clock.now())]),
      ),
    );
  }

  async function flush(): Promise<void> {
    // One after the other: a caller that asks for a flush wants what it counted before to be there.
    const turn = flushing.then(write);
    flushing = turn.catch(() => undefined);
    await turn;
  }

  return {
    accepted(subjectId, address, userAgent) {
      const now = clock.now().getTime();
      const counter = counterOf(subjectId, now);
      counter.accepted++;
      counter.lastUsedAt = now;
      counter.address = address;
      counter.userAgent = userAgent;
    },
    refused(subjectId) {
      counterOf(subjectId, clock.now().getTime()).refused++;
    },
    refreshed(subjectId, accessTokenExpiresAt) {
      const now = clock.now();
      Object.assign(counterOf(subjectId, now.getTime()), { refreshedAt: now, accessTokenExpiresAt });
    },
    async totals(ids) {
      // Written first where that is quick. While the store takes no writes, what waits is added to what can still be read.
      const isWaiting = ids.some((id) => running.has(id)) || over.length > 0 || unwrittenTotals.length > 0;
      const isWritten =
        !isWaiting ||
        (await within(FLUSH_PATIENCE_MS, flush()).then(
          () => true,
          () => false,
        ));
      const found = await Promise.all(ids.map((id) => totals.find(id)));
      const known = new Map(found.filter((total) => total !== undefined).map((total) => [total.id, total]));
      if (isWritten) return known;
      for (const counted of [...unwrittenTotals, ...over, ...running.values()])
        if (ids.includes(counted.subjectId)) known.set(counted.subjectId, sumOf(known.get(counted.subjectId), counted));
      return known;
    },
    hours: (subjectId, query) => hours.page({ ...query, where: { subjectId }, direction: 'descending' }),
    flush,
    prune: (before) => hours.prune(before),
  };
}

/** Writes a list piece by piece and takes away what is written, so that no single transaction holds requests up. */
async function inSlices<T>(list: T[], write: (slice: T[]) => Promise<void>): Promise<void> {
  while (list.length > 0) {
    const slice = list.slice(0, SLICE);
    await write(slice);
    list.splice(0, slice.length);
  }
}

function hourOf({ subjectId, hour, accepted, refused }: Counted): Accumulation<UsageHour> {
  const at = new Date(hour);
  return {
    initial: { id: `${subjectId}:${at.toISOString().slice(0, 13)}`, subjectId, hour: at, accepted: 0, refused: 0 },
    add: { accepted, refused },
  };
}

/** A stored total and what was counted since. */
function sumOf(total: UsageTotal | undefined, counted: Counted): UsageTotal {
  const { initial, add = {}, latest } = totalOf(counted, new Date(counted.hour));
  const base = total ?? initial;
  const sum = {
    ...base,
    acceptedCount: base.acceptedCount + (add['acceptedCount'] ?? 0),
    refusedCount: base.refusedCount + (add['refusedCount'] ?? 0),
  };
  const isLater = latest !== undefined && (base.lastUsedAt?.getTime() ?? 0) < counted.lastUsedAt;
  return isLater ? { ...sum, ...latest.values } : sum;
}

function totalOf(
  { subjectId, accepted, refused, lastUsedAt, address, userAgent }: Counted,
  now: Date,
): Accumulation<UsageTotal> {
  const agent = userAgent && withoutUnguessable(userAgent.replace(/[^\x20-\x7e]/g, '?')).slice(0, USER_AGENT_LENGTH);
  const lastUsedFrom = { address, ...(agent !== undefined && { userAgent: agent }) };
  return {
    initial: { id: subjectId, createdAt: now, acceptedCount: 0, refusedCount: 0 },
    add: { acceptedCount: accepted, refusedCount: refused },
    ...(lastUsedAt > 0 && { latest: { by: 'lastUsedAt', values: { lastUsedAt: new Date(lastUsedAt), lastUsedFrom } } }),
  };
}

/** What a connection's last token adds to its total. */
function refreshOf({ subjectId, refreshedAt, accessTokenExpiresAt }: Counted, now: Date): Accumulation<UsageTotal>[] {
  if (!refreshedAt || !accessTokenExpiresAt) return [];
  const initial = { id: subjectId, createdAt: now, acceptedCount: 0, refusedCount: 0 };
  return [
    { initial, latest: { by: 'lastRefreshedAt', values: { lastRefreshedAt: refreshedAt, accessTokenExpiresAt } } },
  ];
}
