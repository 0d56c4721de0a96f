import { z } from 'zod';
import type { Clock } from '../clock.ts';
import type { ApiKey, ApiKeys, Usage, UsageTotal } from '../credentials/index.ts';
import type { Organizations } from '../directories/index.ts';
import { AppError } from '../errors.ts';
import { assertVisible, type Caller, type Operation, operation } from './operation.ts';
import * as schemas from './schemas.ts';

const tag = 'API keys';

const apiKeyView = z
  .object({
    id: z.string(),
    name: z.string(),
    role: schemas.role,
    organizationId: z
      .string()
      .nullable()
      .describe('The only organization that the key can see. null: all organizations.'),
    state: z.enum(['active', 'revoked', 'expired']),
    hint: z.string(),
    createdAt: schemas.shownTime,
    createdBy: schemas.actorView,
    expiresAt: schemas.shownTime.nullable(),
    lastUsedAt: schemas.shownTime.nullable(),
    lastUsedFrom: schemas.originView,
    revokedAt: schemas.shownTime.nullable(),
    revokedBy: schemas.actorView.nullable(),
  })
  .meta({ id: 'ApiKey' });

function viewApiKey(apiKey: ApiKey, total: UsageTotal | undefined, now: Date) {
  const {
    id,
    name: shownName,
    role: shownRole,
    organizationId,
    hint,
    createdAt,
    createdBy,
    expiresAt: end,
    revokedAt,
    revokedBy,
  } = apiKey;
  return {
    id,
    name: shownName,
    role: shownRole,
    organizationId: organizationId ?? null,
    state: revokedAt ? 'revoked' : end && end <= now ? 'expired' : 'active',
    hint,
    createdAt,
    createdBy: schemas.viewActor(createdBy),
    expiresAt: end ?? null,
    lastUsedAt: total?.lastUsedAt ?? null,
    lastUsedFrom: schemas.viewOrigin(total),
    revokedAt: revokedAt ?? null,
    revokedBy: revokedBy ? schemas.viewActor(revokedBy) : null,
  };
}

export function apiKeyOperations(deps: {
  apiKeys: ApiKeys;
  organizations: Organizations;
  usage: Usage;
  clock: Clock;
}): Operation[] {
  const { apiKeys, organizations, usage, clock } = deps;

  async function views(found: ApiKey[]) {
    const totals = await usage.totals(found.map(({ id }) => id));
    return found.map((apiKey) => viewApiKey(apiKey, totals.get(apiKey.id), clock.now()));
  }

  async function get(id: string, caller: Caller): Promise<ApiKey> {
    const apiKey = await apiKeys.get(id);
    assertVisible(caller, apiKey.organizationId ?? '', `API key ${id}`);
    return apiKey;
  }

  return [
    operation({
      method: 'post',
      path: '/api-keys',
      tag,
      summary: 'Create an API key',
      description:
        'owner: everything. admin: everything except API keys, members and deleting organizations. viewer: read-only. introspect: only introspection.',
      action: 'api-keys.change',
      body: z.strictObject({
        name: schemas.name,
        role: schemas.role,
        organizationId: z.string().max(100).optional().describe('Limits the key to one organization.'),
        expiresAt: schemas.expiresAt,
      }),
      status: 201,
      answer: z.object({ apiKey: apiKeyView, key: schemas.shownOnce }),
      errors: ['not_found', 'forbidden', 'invalid_request'],
      async handle({ body, caller, attribution }) {
        if (caller.organizationId !== undefined && body.organizationId === undefined) {
          throw new AppError('forbidden', {
            detail: `This API key is limited to ${caller.organizationId} and can create only keys with the same limit.`,
          });
        }
        if (body.organizationId !== undefined) {
          assertVisible(caller, body.organizationId, `organization ${body.organizationId}`);
          await organizations.get(body.organizationId);
        }
        const { apiKey, key } = await apiKeys.create(body, attribution);
        return { body: { apiKey: (await views([apiKey]))[0] }, secret: { key } };
      },
    }),
    operation({
      method: 'get',
      path: '/api-keys',
      tag,
      summary: 'List API keys, newest first',
      action: 'api-keys.read',
      query: z.strictObject({ ...schemas.paging }),
      status: 200,
      answer: schemas.listOf(apiKeyView),
      errors: ['invalid_cursor'],
      async handle({ query, caller }) {
        const { items, nextCursor } = await apiKeys.page({ ...query, organizationId: caller.organizationId });
        return { body: { items: await views(items), nextCursor } };
      },
    }),
    operation({
      method: 'get',
      path: '/api-keys/:id',
      tag,
      summary: 'Read an API key',
      action: 'api-keys.read',
      status: 200,
      answer: apiKeyView,
      errors: ['not_found'],
      handle: async ({ id, caller }) => ({ body: (await views([await get(id, caller)]))[0] }),
    }),
    operation({
      method: 'post',
      path: '/api-keys/:id/revoke',
      tag,
      summary: 'Revoke an API key',
      action: 'api-keys.change',
      status: 200,
      answer: apiKeyView,
      errors: ['not_found', 'last_owner_key'],
      async handle({ id, caller, attribution }) {
        await get(id, caller);
        return { body: (await views([await apiKeys.revoke(id, attribution)]))[0] };
      },
    }),
  ];
}
