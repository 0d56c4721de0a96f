/**
 * Things that had an end before endings were kept: each is looked at once, page by page over as many rounds as it takes. A page that is looked
 * at twice, after a crash or by two instances, changes nothing.
 */
import type { Clock } from '../clock.ts';
import type { ApiKeys, Credentials } from '../credentials/index.ts';
import type { Clients } from '../oauth/index.ts';
import type { PortalLinks } from '../one-time-links/index.ts';
import { isDuplicate, type Page, type Storage } from '../storage/index.ts';
import type { EndingKind, Endings } from './endings.ts';

const PAGE = 200;
const PAGES_AT_ONCE = 5;

export function createEndingSeeds(deps: {
  storage: Storage;
  clock: Clock;
  credentials: Pick<Credentials, 'page'>;
  clients: Pick<Clients, 'page'>;
  apiKeys: Pick<ApiKeys, 'page'>;
  portalLinks: Pick<PortalLinks, 'page'>;
  note: Endings['note'];
}): () => Promise<void> {
  const { storage, clock, credentials, clients, apiKeys, portalLinks, note } = deps;
  const seeds = storage.collection({
    name: 'ending_seeds',
    shape: { 'after?': 'string', 'doneAt?': 'date', createdAt: 'date' },
    keys: {},
    order: 'createdAt',
  });
  type Read = (after: string | undefined) => Promise<Page<{ id: string }>>;
  const sources: readonly { kind: EndingKind; read: Read }[] = [
    {
      kind: 'token',
      read: (after) => credentials.page({ state: ['pending', 'active', 'disabled'], after, limit: PAGE }),
    },
    { kind: 'client_secret', read: (after) => clients.page({ after, limit: PAGE }) },
    { kind: 'api_key', read: (after) => apiKeys.page({ after, limit: PAGE }) },
    { kind: 'portal_link', read: (after) => portalLinks.page({ after, limit: PAGE }) },
  ];
  let isDone = false;

  /** Where a source goes on; undefined where it is done. */
  async function positionOf(kind: EndingKind): Promise<{ after?: string } | undefined> {
    const known = await seeds.find(kind);
    if (known) return known.doneAt ? undefined : known;
    await seeds.insert({ id: kind, createdAt: clock.now() }).catch((error: unknown) => {
      if (!isDuplicate(error, 'id')) throw error;
    });
    return {};
  }

  return async function seed() {
    if (isDone) return;
    for (const { kind, read } of sources) {
      for (let pages = 0; pages < PAGES_AT_ONCE; pages++) {
        const position = await positionOf(kind);
        if (!position) break;
        const { items, nextCursor } = await read(position.after);
        for (const { id } of items) await note({ kind, ownerId: id });
        await seeds.update(kind, ({ after: _after, ...record }) =>
          nextCursor === null ? { ...record, doneAt: clock.now() } : { ...record, after: nextCursor },
        );
        if (nextCursor !== null && pages === PAGES_AT_ONCE - 1) return;
      }
    }
    isDone = true;
  };
}
