/** What a deleted organization leaves: the names and addresses of its contacts, and its webhooks. They go once everybody has heard that it was deleted. */
import { type Audit, SYSTEM } from '../audit/index.ts';
import { type Clock, DAY_MS } from '../clock.ts';
import type { Organizations } from '../directories/index.ts';
import type { Page } from '../storage/index.ts';
import { type Contacts, VENDOR_SCOPE } from './contacts.ts';
import type { Endpoints } from './endpoints.ts';

const PAGE = 200;

export function createLeftovers(deps: {
  audit: Pick<Audit, 'page'>;
  clock: Clock;
  organizations: Pick<Organizations, 'find'>;
  contacts: Contacts;
  endpoints: Endpoints;
  removeEndpoint: (id: string) => Promise<void>;
}): () => Promise<void> {
  const { audit, clock, organizations, contacts, endpoints, removeEndpoint } = deps;

  async function isLongGone(organizationId: string): Promise<boolean> {
    if (await organizations.find(organizationId)) return false;
    const where = { type: 'organization.deleted', organizationId };
    const [deleted] = (await audit.page({ where, limit: 1 })).items;
    return deleted === undefined || clock.now().getTime() - deleted.at.getTime() >= DAY_MS;
  }

  /** IDs of those whose organization is gone. */
  async function left<T extends { id: string }>(
    page: (query: { after?: string | undefined; limit: number }) => Promise<Page<T>>,
    organizationOf: (one: T) => string | undefined,
  ): Promise<string[]> {
    const known = new Map<string, boolean>();
    const found: string[] = [];
    let after: string | undefined;
    do {
      const { items, nextCursor } = await page({ after, limit: PAGE });
      for (const one of items) {
        const organizationId = organizationOf(one);
        if (organizationId === undefined) continue;
        const isGone = known.get(organizationId) ?? (await isLongGone(organizationId));
        known.set(organizationId, isGone);
        if (isGone) found.push(one.id);
      }
      after = nextCursor ?? undefined;
    } while (after !== undefined);
    return found;
  }

  return async () => {
    for (const id of await left(contacts.page, ({ scope }) => (scope === VENDOR_SCOPE ? undefined : scope)))
      await contacts.remove(id, SYSTEM);
    for (const id of await left(endpoints.page, ({ organizationId }) => organizationId)) await removeEndpoint(id);
  };
}
