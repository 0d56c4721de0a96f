/**
 * The client IDs that belong to a directory, kept for longer than the clients: a refusal of an unknown client is told at the directory
 * whose removed client it names, or whose client ID it nearly names. Nothing here lets anyone in.
 */
import { type Clock, DAY_MS } from '../clock.ts';
import type { Directories } from '../directories/index.ts';
import { isDuplicate, type Migration, type Page, type PageQuery, type Storage } from '../storage/index.ts';
import { type ClientRecord, clientIdOf } from './client-record.ts';

/** What can be told of a client that is not there. */
export interface Likeness {
  refused: 'client_removed' | 'client_unknown';
  subject: { organizationId: string; directoryId: string };
  /** When it was removed, ISO; or the client ID that was probably meant. */
  data: { removedAt: string } | { expected: string };
}

export type ClientIds = ReturnType<typeof createClientIds>;

/** Of a damaged ID, one end is whole: more characters than two IDs of ours ever share there. */
const END_LENGTH = 12;
const LONGEST = 200;
/** Characters that may differ in one place. */
const TYPO = 2;
const CANDIDATES = 20;
/** As long as events are kept by default. */
const KEPT_MS = 400 * DAY_MS;
const AT_ONCE = 200;

export function createClientIds(deps: { storage: Storage; clock: Clock; directories: Directories }) {
  const { clock, directories } = deps;
  const known = deps.storage.collection({
    name: 'client_ids',
    shape: {
      directoryId: 'string',
      organizationId: 'string',
      head: 'string',
      tail: 'string',
      notedAt: 'date',
      'removedAt?': 'date',
      'expiresAt?': 'date',
    },
    keys: { head: 'index', tail: 'index' },
    order: 'notedAt',
    expires: 'expiresAt',
  });

  /** Harmless where it is noted already, and for a shared client, which belongs to no directory. */
  async function note(client: ClientRecord): Promise<void> {
    const { organizationId, directoryId } = client;
    if (organizationId === undefined || directoryId === undefined) return;
    const id = clientIdOf(client);
    const record = { id, organizationId, directoryId, ...endsOf(id), notedAt: clock.now() };
    await known.insert(record).catch((error: unknown) => {
      if (!isDuplicate(error, 'id')) throw error;
    });
  }

  async function find(given: string): Promise<Likeness | undefined> {
    const { head, tail } = endsOf(given);
    const [same, ...pages] = await Promise.all([
      known.find(given),
      known.page({ where: { head }, limit: CANDIDATES }),
      known.page({ where: { tail }, limit: CANDIDATES }),
    ]);
    if (same?.removedAt) {
      const { organizationId, directoryId, removedAt } = same;
      const data = { removedAt: removedAt.toISOString() };
      return { refused: 'client_removed', subject: { organizationId, directoryId }, data };
    }
    const alike = new Map(
      pages
        .flatMap(({ items }) => items)
        .filter(({ id, removedAt }) => removedAt === undefined && isAlike(id, given))
        .map((record) => [record.id, record]),
    );
    const [nearest] = alike.values();
    // Of two that are as near, either may be meant.
    if (!nearest || alike.size > 1) return undefined;
    const { organizationId, directoryId, id } = nearest;
    return { refused: 'client_unknown', subject: { organizationId, directoryId }, data: { expected: id } };
  }

  return {
    note,

    async noteRemoval(client: ClientRecord): Promise<void> {
      await note(client);
      const removedAt = clock.now();
      const expiresAt = new Date(removedAt.getTime() + KEPT_MS);
      await known.update(clientIdOf(client), (record) => ({ ...record, removedAt, expiresAt }));
    },

    /** Whose client had this ID until it was removed. Rejects with storage_unavailable. */
    async removed(id: string): Promise<{ organizationId: string; directoryId: string; removedAt: Date } | undefined> {
      const { organizationId, directoryId, removedAt } = (await known.find(id)) ?? {};
      return organizationId !== undefined && directoryId !== undefined && removedAt
        ? { organizationId, directoryId, removedAt }
        : undefined;
    },

    /** `given`: as the request named it. Undefined where nothing can be told, also while the store does not answer. */
    async like(given: string | undefined): Promise<Likeness | undefined> {
      const id = (given ?? '').trim().replace(/^["']|["']$/g, '');
      if (id.length < END_LENGTH || id.length > LONGEST) return undefined;
      try {
        const found = await find(id);
        return found && (await directories.find(found.subject.directoryId)) ? found : undefined;
      } catch {
        return undefined;
      }
    },

    /** Notes the clients of earlier releases. */
    migration: (pageOf: (query: PageQuery) => Promise<Page<ClientRecord>>): Migration => ({
      name: 'note_client_ids',
      async run() {
        let after: string | undefined;
        do {
          const { items, nextCursor } = await pageOf({ after, limit: AT_ONCE });
          for (const client of items) await note(client);
          after = nextCursor ?? undefined;
        } while (after !== undefined);
      },
    }),
  };
}

function endsOf(id: string): { head: string; tail: string } {
  const text = id.toLowerCase();
  return { head: text.slice(0, END_LENGTH), tail: text.slice(-END_LENGTH) };
}

/** Cut off or continued at one end, or different in one place. */
function isAlike(one: string, other: string): boolean {
  const [a, b] = [one.toLowerCase(), other.toLowerCase()];
  const shorter = Math.min(a.length, b.length);
  let first = 0;
  while (first < shorter && a[first] === b[first]) first++;
  let last = 0;
  while (last < shorter - first && a.at(-1 - last) === b.at(-1 - last)) last++;
  return first + last >= shorter - TYPO;
}
