/**
 * Counted traffic: accepted and refused per hour, last used when, from where and by which agent. Counting costs a request no write;
 * `flush` merges what has gathered, and merging never moves "last used" back however many instances take part.
 */
import { type Clock, HOUR_MS } from '../clock.ts';
import { withoutUnguessable } from '../secrets/redaction.ts';
import { type Accumulation, type Page, type Storage, type Stored, withWaiting } from '../storage/index.ts';

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

/** The sum of one credential, API key or client secret; its id is theirs. */
export type UsageTotal = Stored<typeof totalShape>;
export type UsageHour = Stored<typeof hourShape>;

export interface Usage {
  /** `subjectId`: a credential's or an API key's id. */
  accepted(subjectId: string, address: string, userAgent: string | undefined): void;
  refused(subjectId: string): void;
  /** Keeps only when and from where it was last used: of a client secret, whose requests are counted at its connection. */
  used(subjectId: string, address: string, userAgent: string | undefined): void;
  /** Begins totals for subjects that are older than the counting of their uses. Changes none that there are. */
  begin(subjectIds: readonly string[]): Promise<void>;
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

const USER_AGENT_LENGTH = 200;
/** Merges in one transaction. */
const SLICE = 100;

interface Counted {
  subjectId: string;
  hour: number;
  accepted: number;
  refused: number;
  /** Milliseconds; 0 when it was not used. */
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
  let writing: Promise<void> | undefined;
  let written = 0;
  const additionsOf = (counted: Counted) => {
    const now = clock.now();
    // It was counted before the clock was set back by some seconds. A last use in the future would keep a replaced token active.
    const lastUsedAt = Math.min(counted.lastUsedAt, now.getTime());
    const right = counted.lastUsedAt === 0 ? counted : { ...counted, lastUsedAt };
    return [totalOf(right, now), ...refreshOf(counted, now)];
  };
  const state = { written: () => written, writing: () => writing };
  const hourReader = withWaiting(hours, 'hour', {
    list: () => [...unwrittenHours, ...[...over, ...running.values()].filter(hasRequests)].map(hourOf),
    ...state,
  });
  const totalReader = withWaiting(totals, 'createdAt', {
    list: () => [...unwrittenTotals, ...over, ...running.values()].flatMap(additionsOf),
    listOf(id) {
      const ended = [...unwrittenTotals, ...over].filter(({ subjectId }) => subjectId === id);
      const now = running.get(id);
      return [...ended, ...(now ? [now] : [])].flatMap(additionsOf);
    },
    ...state,
  });

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
    unwrittenHours.push(...batch.filter(hasRequests));
    unwrittenTotals.push(...batch);
    await inSlices(
      unwrittenHours,
      (slice) => hours.accumulate(slice.map(hourOf)),
      () => written++,
    );
    await inSlices(
      unwrittenTotals,
      (slice) => totals.accumulate(slice.flatMap(additionsOf)),
      () => written++,
    );
  }

  async function flush(): Promise<void> {
    // One after the other: a caller that asks for a flush wants what it counted before to be there.
    const turn = flushing.then(() => {
      writing = write().finally(() => {
        writing = undefined;
      });
      return writing;
    });
    flushing = turn.catch(() => undefined);
    await turn;
  }

  function use(subjectId: string, address: string, userAgent: string | undefined): Counted {
    const now = clock.now().getTime();
    const counter = counterOf(subjectId, now);
    counter.lastUsedAt = now;
    counter.address = address;
    counter.userAgent = userAgent;
    return counter;
  }

  return {
    accepted(subjectId, address, userAgent) {
      use(subjectId, address, userAgent).accepted++;
    },
    used(subjectId, address, userAgent) {
      use(subjectId, address, userAgent);
    },
    async begin(subjectIds) {
      const createdAt = clock.now();
      const begun = subjectIds.map((id) => ({ initial: { id, createdAt, acceptedCount: 0, refusedCount: 0 } }));
      await inSlices(
        begun,
        (slice) => totals.accumulate(slice),
        () => written++,
      );
    },
    refused(subjectId) {
      counterOf(subjectId, clock.now().getTime()).refused++;
    },
    refreshed(subjectId, accessTokenExpiresAt) {
      const now = clock.now();
      Object.assign(counterOf(subjectId, now.getTime()), { refreshedAt: now, accessTokenExpiresAt });
    },
    async totals(ids) {
      const found = await Promise.all(ids.map((id) => totalReader.find(id)));
      return new Map(found.filter((total) => total !== undefined).map((total) => [total.id, total]));
    },
    hours: (subjectId, query) => hourReader.page({ ...query, where: { subjectId }, direction: 'descending' }),
    flush,
    prune: (before) => hours.prune(before),
  };
}

/** Writes a list piece by piece and takes away what is written, so that no single transaction holds requests up. */
async function inSlices<T>(list: T[], write: (slice: T[]) => Promise<void>, onWritten: () => void): Promise<void> {
  while (list.length > 0) {
    const slice = list.slice(0, SLICE);
    await write(slice);
    list.splice(0, slice.length);
    onWritten();
  }
}

function hasRequests({ accepted, refused }: Counted): boolean {
  return accepted + refused > 0;
}

function hourOf({ subjectId, hour, accepted, refused }: Counted): Accumulation<UsageHour> {
  const at = new Date(hour);
  return {
    initial: { id: `${subjectId}:${at.toISOString().slice(0, 13)}`, subjectId, hour: at, accepted: 0, refused: 0 },
    add: { accepted, refused },
  };
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
