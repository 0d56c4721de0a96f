/** The credentials report: every credential of all directories with what an auditor asks of it, filtered and sorted over everything. */
import type { Clock } from '../clock.ts';
import { DAY_MS } from '../clock.ts';
import { type Credential, type Credentials, stateAt, type Usage, type UsageTotal } from '../credentials/index.ts';
import type { Directories, Directory, Organization, Organizations } from '../directories/index.ts';
import { AppError } from '../errors.ts';
import type { IdentityProviderId } from '../identity-providers/index.ts';
import { decodeCursor, encodeCursor, type Page } from '../storage/index.ts';

/** What may be worth a look. A filter names those that a credential must have. */
export const MARKS = ['no_end', 'never_used', 'used_after_replaced', 'weak', 'not_reviewed', 'to_be_ended'] as const;
export type Mark = (typeof MARKS)[number];

export const REPORT_SORTS = ['created', 'lastUsed', 'ends'] as const;
export type ReportSort = (typeof REPORT_SORTS)[number];

export const REPORT_STATES = ['live', 'ended', 'all'] as const;
export type ReportStates = (typeof REPORT_STATES)[number];

/** Kept with campaigns, so it holds plain values alone. Whatever is absent lets all through. */
export interface ReportFilter {
  organizationId?: string | undefined;
  directoryId?: string | undefined;
  /** `live` unless it is given. */
  states?: ReportStates | undefined;
  kind?: 'bearer' | 'oauth' | undefined;
  provider?: IdentityProviderId | undefined;
  marks?: readonly Mark[] | undefined;
  olderThanDays?: number | undefined;
  unusedForDays?: number | undefined;
  endsWithinDays?: number | undefined;
}

export interface CredentialRow {
  credential: Credential;
  state: Credential['state'];
  /** Undefined where it was deleted. */
  organization: Organization | undefined;
  directory: Directory | undefined;
  total: UsageTotal | undefined;
  ageDays: number;
  marks: Mark[];
  /** When it was replaced by another one; only while both are live. */
  replacedAt: Date | undefined;
}

export interface ReportQuery {
  filter: ReportFilter;
  sort?: ReportSort | undefined;
  order?: 'asc' | 'desc' | undefined;
  after?: string | undefined;
  limit: number;
}

export interface CredentialReport {
  /**
   * A page may have fewer rows than `limit`, even none, and still a `nextCursor`: what was looked through without a match is not looked
   * through again. Throws invalid_cursor; invalid_request where more are to be sorted than are read at once.
   */
  page(query: ReportQuery): Promise<Page<CredentialRow>>;
  /** All of them, as they are read. */
  all(query: Omit<ReportQuery, 'after' | 'limit'>): AsyncGenerator<CredentialRow[]>;
  rowOf(credential: Credential): Promise<CredentialRow>;
}

const LIVE = ['pending', 'active', 'disabled'] as const;
const ENDED = ['revoked', 'expired'] as const;
const BATCH = 200;
/** Read for one page before it ends without being full. */
const READ_AT_ONCE = 10_000;
/** Sorting by use or end needs all that match, since the store keeps them by age. */
const MOST_SORTED = 50_000;
/** A review counts for a year. */
const REVIEWED_MS = 365 * DAY_MS;
/** Sort keys of what was never used, and of what never ends. */
const NEVER_USED = '1970-01-01T00:00:00.000Z';
const NEVER_ENDS = '9999-12-31T23:59:59.999Z';

export function createCredentialReport(deps: {
  credentials: Pick<Credentials, 'page'>;
  directories: Pick<Directories, 'find'>;
  organizations: Pick<Organizations, 'find'>;
  usage: Pick<Usage, 'totals'>;
  clock: Clock;
}): CredentialReport {
  const { credentials, usage, clock } = deps;

  /** Reads names once for each list. */
  function createNames() {
    const once = <T>(find: (id: string) => Promise<T>) => {
      const known = new Map<string, Promise<T>>();
      return (id: string) => {
        const found = known.get(id) ?? find(id);
        known.set(id, found);
        return found;
      };
    };
    return {
      directory: once((id) => deps.directories.find(id)),
      organization: once((id) => deps.organizations.find(id)),
    };
  }
  type Names = ReturnType<typeof createNames>;

  async function rowsOf(found: readonly Credential[], names: Names): Promise<CredentialRow[]> {
    const now = clock.now();
    const totals = await usage.totals(found.map(({ id }) => id));
    return Promise.all(
      found.map(async (credential) => {
        const { id, organizationId, directoryId, createdAt, rotation } = credential;
        const total = totals.get(id);
        const replacedAt = rotation?.since;
        return {
          credential,
          state: stateAt(credential, now),
          organization: await names.organization(organizationId),
          directory: await names.directory(directoryId),
          total,
          ageDays: Math.max(0, Math.floor((now.getTime() - createdAt.getTime()) / DAY_MS)),
          marks: marksOf(credential, total, now),
          replacedAt,
        };
      }),
    );
  }

  /** What the record alone decides comes first: most of a store is never looked at more closely. */
  async function matching(found: readonly Credential[], filter: ReportFilter, names: Names): Promise<CredentialRow[]> {
    const now = clock.now();
    const close = found.filter((credential) => mayMatch(credential, filter, now));
    const rows = await rowsOf(close, names);
    return rows.filter((row) => isMatch(row, filter, now));
  }

  async function* batches(filter: ReportFilter, order: 'asc' | 'desc', after: string | undefined) {
    const { organizationId, directoryId, states = 'live', olderThanDays } = filter;
    const state = states === 'all' ? undefined : states === 'live' ? LIVE : [...ENDED, ...LIVE];
    const to = olderThanDays === undefined ? undefined : new Date(clock.now().getTime() - olderThanDays * DAY_MS);
    const direction = order === 'asc' ? 'ascending' : 'descending';
    const names = createNames();
    let next = after;
    do {
      const page = await credentials.page({
        organizationId,
        directoryId,
        state,
        direction,
        to,
        after: next,
        limit: BATCH,
      });
      next = page.nextCursor ?? undefined;
      yield { rows: await matching(page.items, filter, names), read: page.items.length, next };
    } while (next !== undefined);
  }

  async function byAge({ filter, order = 'desc', after, limit }: ReportQuery): Promise<Page<CredentialRow>> {
    const items: CredentialRow[] = [];
    let read = 0;
    for await (const batch of batches(filter, order, after)) {
      items.push(...batch.rows);
      read += batch.read;
      if (items.length > limit) return { items: items.slice(0, limit), nextCursor: cursorOf(items[limit - 1]) };
      if (read >= READ_AT_ONCE && batch.next !== undefined) return { items, nextCursor: batch.next };
    }
    return { items, nextCursor: null };

    function cursorOf(row: CredentialRow | undefined): string | null {
      return row ? encodeCursor({ at: row.credential.createdAt.toISOString(), id: row.credential.id }) : null;
    }
  }

  async function sorted(query: ReportQuery & { sort: ReportSort }): Promise<Page<CredentialRow>> {
    const { filter, sort, order = 'desc', after, limit } = query;
    const sense = order === 'asc' ? 1 : -1;
    const position = after === undefined ? undefined : decodeCursor(after);
    type Keyed = { at: string; id: string; row: CredentialRow };
    const compare = (a: { at: string; id: string }, b: { at: string; id: string }) =>
      sense * (a.at === b.at ? (a.id < b.id ? -1 : a.id > b.id ? 1 : 0) : a.at < b.at ? -1 : 1);
    let best: Keyed[] = [];
    let read = 0;
    for await (const batch of batches(filter, 'desc', undefined)) {
      read += batch.read;
      if (read > MOST_SORTED) throw tooMany();
      for (const row of batch.rows) {
        const keyed = { at: sortKeyOf(row, sort), id: row.credential.id, row };
        if (position === undefined || compare(keyed, position) > 0) best.push(keyed);
      }
      // Only the first ones are wanted: memory does not grow with the store.
      if (best.length > 10 * (limit + BATCH)) best = best.sort(compare).slice(0, limit + 1);
    }
    best = best.sort(compare).slice(0, limit + 1);
    const last = best.length > limit ? best[limit - 1] : undefined;
    return {
      items: best.slice(0, limit).map(({ row }) => row),
      nextCursor: last ? encodeCursor({ at: last.at, id: last.id }) : null,
    };
  }

  function page(query: ReportQuery): Promise<Page<CredentialRow>> {
    const { sort = 'created' } = query;
    return sort === 'created' ? byAge(query) : sorted({ ...query, sort });
  }

  return {
    page,
    async *all(query) {
      let after: string | undefined;
      do {
        const { items, nextCursor } = await page({ ...query, after, limit: query.sort === 'created' ? BATCH : 5000 });
        yield items;
        after = nextCursor ?? undefined;
      } while (after !== undefined);
    },
    async rowOf(credential) {
      const [row] = await rowsOf([credential], createNames());
      if (!row) throw new TypeError('one credential makes one row');
      return row;
    },
  };
}

function mayMatch(credential: Credential, filter: ReportFilter, now: Date): boolean {
  const { kind, states = 'live', endsWithinDays, marks = [] } = filter;
  const isLive = (LIVE as readonly string[]).includes(stateAt(credential, now));
  if (states !== 'all' && isLive !== (states === 'live')) return false;
  if (kind !== undefined && credential.kind !== kind) return false;
  if (marks.includes('no_end') && credential.expiresAt !== undefined) return false;
  if (endsWithinDays === undefined) return true;
  const leftMs = (credential.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY) - now.getTime();
  return leftMs > 0 && leftMs <= endsWithinDays * DAY_MS;
}

function isMatch({ directory, total, marks, credential }: CredentialRow, filter: ReportFilter, now: Date): boolean {
  const { provider, unusedForDays } = filter;
  if (provider !== undefined && directory?.provider !== provider) return false;
  // What was never used has been unused since it was made.
  const usedAt = total?.lastUsedAt ?? credential.createdAt;
  if (unusedForDays !== undefined && now.getTime() - usedAt.getTime() < unusedForDays * DAY_MS) return false;
  return (filter.marks ?? []).every((mark) => marks.includes(mark));
}

function marksOf(credential: Credential, total: UsageTotal | undefined, now: Date): Mark[] {
  const { expiresAt, rotation, review } = credential;
  const isReviewed = review !== undefined && now.getTime() - review.at.getTime() < REVIEWED_MS;
  const has: Record<Mark, boolean> = {
    no_end: expiresAt === undefined,
    never_used: total?.lastUsedAt === undefined,
    used_after_replaced: rotation !== undefined && total?.lastUsedAt !== undefined && total.lastUsedAt > rotation.since,
    weak: credential.weak === true,
    not_reviewed: !isReviewed,
    to_be_ended: review?.decision === 'end',
  };
  return MARKS.filter((mark) => has[mark]);
}

function sortKeyOf({ credential, total }: CredentialRow, sort: ReportSort): string {
  if (sort === 'lastUsed') return total?.lastUsedAt?.toISOString() ?? NEVER_USED;
  return sort === 'ends' ? (credential.expiresAt?.toISOString() ?? NEVER_ENDS) : credential.createdAt.toISOString();
}

function tooMany(): AppError {
  return new AppError('invalid_request', {
    detail: `More than ${MOST_SORTED.toLocaleString('en')} credentials would have to be sorted. Filter by organization or age, or sort by age.`,
    errors: [{ path: 'sort', wanted: 'created, or a filter that matches fewer' }],
  });
}
