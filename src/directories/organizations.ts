import { type Attribution, type Audit, changesBetween, outboxShape } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import { AppError } from '../errors.ts';
import { newId, type Random } from '../identifiers.ts';
import { isDuplicate, type Page, type Storage, type Stored } from '../storage/index.ts';

/** Of `upstreamOrigins`. */
export const MOST_ORIGINS = 20;

const shape = {
  name: 'string',
  'externalId?': 'string',
  /** Origins at which keys limited to this organization may have upstreams, and its webhooks may go where others may not. */
  'upstreamOrigins?': 'strings',
  createdAt: 'date',
  updatedAt: 'date',
  ...outboxShape,
} as const;

export type Organization = Stored<typeof shape>;

export interface OrganizationChanges {
  name?: string | undefined;
  /** null takes it away. */
  externalId?: string | null | undefined;
  upstreamOrigins?: readonly string[] | undefined;
}

export interface Organizations {
  /** Throws external_id_taken. */
  create(input: { name: string; externalId?: string | undefined }, attribution: Attribution): Promise<Organization>;
  find(id: string): Promise<Organization | undefined>;
  /** Throws not_found. */
  get(id: string): Promise<Organization>;
  page(query: {
    externalId?: string | undefined;
    /** A part of the name. */
    name?: string | undefined;
    after?: string | undefined;
    limit: number;
  }): Promise<Page<Organization>>;
  count(): Promise<number>;
  /** Throws not_found, external_id_taken. */
  change(id: string, changes: OrganizationChanges, attribution: Attribution): Promise<Organization>;
  /** Removes the record alone; its directories are the caller's. */
  remove(organization: Organization, directories: number, attribution: Attribution): Promise<void>;
}

/** Scheme, host and port alone, as a URL writes them. */
export function isOrigin(text: string): boolean {
  return /^https?:\/\//.test(text) && URL.parse(text)?.origin === text;
}

/** Whether an owner allowed the organization the origin of a URL. */
export function isOriginAllowed({ upstreamOrigins = [] }: Organization, url: string): boolean {
  const origin = URL.parse(url)?.origin;
  return origin !== undefined && upstreamOrigins.includes(origin);
}

export function createOrganizations(deps: {
  storage: Storage;
  audit: Audit;
  clock: Clock;
  random: Random;
}): Organizations {
  const { storage, audit, clock, random } = deps;
  const organizations = audit.track(
    'organizations',
    storage.collection({
      name: 'organizations',
      shape,
      keys: { name: 'index', externalId: 'unique', outboxAt: 'index' },
      order: 'createdAt',
    }),
  );

  async function get(id: string): Promise<Organization> {
    const organization = await organizations.find(id);
    if (!organization) throw new AppError('not_found', { detail: `There is no organization ${id}.` });
    return organization;
  }

  function taken(error: unknown, externalId: string | null | undefined): never {
    if (!isDuplicate(error, 'externalId')) throw error;
    throw new AppError('external_id_taken', { externalId }, { cause: error });
  }

  return {
    async create({ name, externalId }, attribution) {
      const now = clock.now();
      const organization: Organization = {
        id: newId('org', random),
        name,
        ...(externalId !== undefined && { externalId }),
        createdAt: now,
        updatedAt: now,
      };
      const event = audit.event('organization.created', attribution, { organizationId: organization.id }, { name });
      await organizations.insert(organization, [event]).catch((error: unknown) => taken(error, externalId));
      return organization;
    },

    find: (id) => organizations.find(id),
    get,

    count: () => organizations.count(),
    page: ({ externalId, name, after, limit }) =>
      organizations.page({
        where: { externalId },
        contains: name === undefined ? undefined : { key: 'name', text: name },
        after,
        limit,
        direction: 'descending',
      }),

    async change(id, { name, externalId, upstreamOrigins }, attribution) {
      const result = await organizations
        .update(id, (record) => {
          const { externalId: previous, ...rest } = record;
          const kept = externalId === null ? undefined : (externalId ?? previous);
          const next: Organization = {
            ...rest,
            name: name ?? record.name,
            ...(kept !== undefined && { externalId: kept }),
            ...(upstreamOrigins && { upstreamOrigins: [...upstreamOrigins] }),
            updatedAt: clock.now(),
          };
          const told = changesBetween(record, next, ['name', 'externalId', 'upstreamOrigins']);
          if (told.changed.length === 0) return undefined;
          return {
            record: next,
            events: [audit.event('organization.updated', attribution, { organizationId: id }, told)],
          };
        })
        .catch((error: unknown) => taken(error, externalId));
      return result ? result.after : get(id);
    },

    async remove({ id, name }, directories, attribution) {
      await organizations.remove(
        id,
        audit.event('organization.deleted', attribution, { organizationId: id }, { name, directories }),
      );
    },
  };
}
