/** API keys: how the vendor's own software reaches the admin API and introspection. Kept like credentials: a digest, shown once. */
import { type Attribution, type Audit, actorShape, outboxShape, SYSTEM } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import { AppError } from '../errors.ts';
import { newId, type Random } from '../identifiers.ts';
import { isDuplicate, type Page, type Storage, type Stored, text } from '../storage/index.ts';
import { digestOf, hintOf, mintToken } from './static-token.ts';

/** `owner`: everything. `admin`: everything but API keys. `viewer`: reads. `introspect`: introspection only. */
export const ROLES = ['owner', 'admin', 'viewer', 'introspect'] as const;
export type Role = (typeof ROLES)[number];

const shape = {
  name: 'string',
  role: text<Role>(),
  'organizationId?': 'string',
  digest: 'string',
  hint: 'string',
  createdAt: 'date',
  createdBy: actorShape,
  'expiresAt?': 'date',
  'revokedAt?': 'date',
  'revokedBy?': actorShape,
  /** Only the very first key has one; unique, so that instances which start together make one first key. */
  'initial?': 'string',
  ...outboxShape,
} as const;

export type ApiKey = Stored<typeof shape>;

export interface ApiKeyInput {
  name: string;
  role: Role;
  organizationId?: string | undefined;
  expiresAt?: Date | null | undefined;
}

export interface ApiKeys {
  create(input: ApiKeyInput, attribution: Attribution): Promise<{ apiKey: ApiKey; key: string }>;
  /** Throws not_found. */
  get(id: string): Promise<ApiKey>;
  page(query: {
    organizationId?: string | undefined;
    after?: string | undefined;
    limit: number;
  }): Promise<Page<ApiKey>>;
  /** Returns when no instance accepts it any more. Throws not_found, last_owner_key. */
  revoke(id: string, attribution: Attribution): Promise<ApiKey>;
  /** By the digest of what was presented; undefined also when it is revoked or past its end. */
  findByDigest(digest: string): Promise<ApiKey | undefined>;
  /**
   * Makes the first owner key unless a usable one exists: of `given`, or a new one, which is returned to be shown once.
   * Undefined when there was nothing to do.
   */
  ensureOwner(given: string | undefined): Promise<{ apiKey: ApiKey; key: string | undefined } | undefined>;
}

interface Dependencies {
  storage: Storage;
  audit: Audit;
  clock: Clock;
  random: Random;
  waitOutLease: () => Promise<void>;
}

export function createApiKeys({ storage, audit, clock, random, waitOutLease }: Dependencies): ApiKeys {
  const apiKeys = audit.track(
    'api_keys',
    storage.collection({
      name: 'api_keys',
      shape,
      keys: { digest: 'unique', role: 'index', organizationId: 'index', initial: 'unique', outboxAt: 'index' },
      order: 'createdAt',
    }),
  );

  async function insert(
    value: string,
    input: ApiKeyInput,
    attribution: Attribution,
    initial: boolean,
  ): Promise<ApiKey> {
    const { name, role, organizationId, expiresAt } = input;
    const apiKey: ApiKey = {
      id: newId('key', random),
      name,
      role,
      ...(organizationId !== undefined && { organizationId }),
      digest: digestOf(value),
      hint: hintOf(value),
      createdAt: clock.now(),
      createdBy: attribution.actor,
      ...(expiresAt && { expiresAt }),
      ...(initial && { initial: 'initial' }),
    };
    const facts = {
      apiKeyId: apiKey.id,
      name,
      role,
      hint: apiKey.hint,
      organizationId,
      expiresAt: expiresAt?.toISOString(),
    };
    await apiKeys.insert(apiKey, [audit.event('api_key.created', attribution, { organizationId }, facts)]);
    return apiKey;
  }

  const isUsable = ({ revokedAt, expiresAt }: ApiKey) =>
    revokedAt === undefined && (expiresAt === undefined || expiresAt > clock.now());

  async function usableOwners(): Promise<ApiKey[]> {
    const found: ApiKey[] = [];
    let after: string | undefined;
    do {
      const page = await apiKeys.page({ where: { role: 'owner' }, after, limit: 200 });
      found.push(...page.items.filter((key) => isUsable(key) && key.organizationId === undefined));
      after = page.nextCursor ?? undefined;
    } while (after);
    return found;
  }

  return {
    async create(input, attribution) {
      const { expiresAt } = input;
      if (expiresAt && expiresAt <= clock.now()) {
        const errors = [
          {
            path: 'expiresAt',
            given: expiresAt.toISOString(),
            wanted: 'a time in the future, or null if it should never expire',
          },
        ];
        throw new AppError('invalid_request', { detail: 'expiresAt is in the past.', errors });
      }
      const key = mintToken('lk_', random);
      return { apiKey: await insert(key, input, attribution, false), key };
    },

    async get(id) {
      const apiKey = await apiKeys.find(id);
      if (!apiKey) throw absent(id);
      return apiKey;
    },

    page: ({ organizationId, after, limit }) =>
      apiKeys.page({ where: { organizationId }, after, limit, direction: 'descending' }),

    async revoke(id, attribution) {
      const owners = await usableOwners();
      if (owners.length === 1 && owners[0]?.id === id) throw new AppError('last_owner_key', { apiKeyId: id });
      const result = await apiKeys.update(id, (record) => {
        if (record.revokedAt) return undefined;
        const { name, role, hint, organizationId, initial: _initial, ...rest } = record;
        const event = audit.event(
          'api_key.revoked',
          attribution,
          { organizationId },
          { apiKeyId: id, name, role, hint },
        );
        const next = { ...rest, name, role, hint, revokedAt: clock.now(), revokedBy: attribution.actor };
        return { record: { ...next, ...(organizationId !== undefined && { organizationId }) }, events: [event] };
      });
      if (!result) throw absent(id);
      await waitOutLease();
      return result.after;
    },

    async findByDigest(digest) {
      const apiKey = await apiKeys.findBy('digest', digest, { authoritative: true });
      return apiKey && isUsable(apiKey) ? apiKey : undefined;
    },

    async ensureOwner(given) {
      if ((await usableOwners()).length > 0) return undefined;
      const key = given ?? mintToken('lk_', random);
      const name = given ? 'initial key (LATCHKEY_INITIAL_API_KEY)' : 'initial key';
      try {
        return { apiKey: await insert(key, { name, role: 'owner' }, SYSTEM, true), key: given ? undefined : key };
      } catch (error) {
        // Another instance came first; or the value was this store's key once and has been revoked, which is final.
        if (isDuplicate(error, 'initial') || isDuplicate(error, 'digest')) return undefined;
        throw error;
      }
    },
  };
}

function absent(id: string): AppError {
  return new AppError('not_found', { detail: `There is no API key ${id}.` });
}
