import { z } from 'zod';
import { isWithinReach, mayRole } from '../access.ts';
import type { Removal } from '../credentials/index.ts';
import { isOrigin, MOST_ORIGINS, type Organization, type Organizations } from '../directories/index.ts';
import { AppError } from '../errors.ts';
import { assertVisible, type Caller, type Operation, operation } from './operation.ts';
import * as schemas from './schemas.ts';

const tag = 'Organizations';
const externalId = schemas.line
  .min(1)
  .max(200)
  .describe('ID of the organization in your own system. It must be unique.');

export const force = z.enum(['true', 'false']).default('false').describe('true: also revoke active credentials.');

const upstreamOrigin = z.string().max(300).refine(isOrigin, 'an origin such as https://app.example.com');

const organizationView = z
  .object({
    id: z.string(),
    name: z.string(),
    externalId: z.string().nullable(),
    upstreamOrigins: z.array(z.string()).describe("Origins that this organization's API keys can use for upstreams."),
    createdAt: schemas.shownTime,
    updatedAt: schemas.shownTime,
  })
  .meta({ id: 'Organization' });

function viewOrganization(organization: Organization) {
  const { id, name: shownName, externalId, upstreamOrigins = [], createdAt, updatedAt } = organization;
  return { id, name: shownName, externalId: externalId ?? null, upstreamOrigins, createdAt, updatedAt };
}

export function organizationOperations(deps: { organizations: Organizations; removal: Removal }): Operation[] {
  const { organizations, removal } = deps;

  async function get(id: string, caller: Caller) {
    assertVisible(caller, id, `organization ${id}`);
    return organizations.get(id);
  }

  return [
    operation({
      method: 'post',
      path: '/organizations',
      tag,
      summary: 'Create an organization',
      action: 'organizations.create',
      body: z.strictObject({ name: schemas.name, externalId: externalId.optional() }),
      status: 201,
      answer: organizationView,
      errors: ['external_id_taken'],
      async handle({ body, attribution }) {
        return { body: viewOrganization(await organizations.create(body, attribution)) };
      },
    }),
    operation({
      method: 'get',
      path: '/organizations',
      tag,
      summary: 'List organizations, newest first',
      action: 'organizations.read',
      query: z.strictObject({ ...schemas.paging, externalId: externalId.optional() }),
      status: 200,
      answer: schemas.listOf(organizationView),
      errors: ['invalid_cursor'],
      async handle({ query, caller }) {
        if (caller.organizationId !== undefined) {
          const own = await organizations.find(caller.organizationId);
          const isAsked = own && (query.externalId === undefined || query.externalId === own.externalId);
          return { body: { items: isAsked ? [viewOrganization(own)] : [], nextCursor: null } };
        }
        const { items, nextCursor } = await organizations.page(query);
        return { body: { items: items.map(viewOrganization), nextCursor } };
      },
    }),
    operation({
      method: 'get',
      path: '/organizations/:id',
      tag,
      summary: 'Read an organization',
      action: 'organizations.read',
      status: 200,
      answer: organizationView,
      errors: ['not_found'],
      handle: async ({ id, caller }) => ({ body: viewOrganization(await get(id, caller)) }),
    }),
    operation({
      method: 'patch',
      path: '/organizations/:id',
      tag,
      summary: 'Change an organization',
      action: 'organizations.change',
      body: z.strictObject({
        name: schemas.name.optional(),
        externalId: externalId.nullable().optional(),
        upstreamOrigins: z.array(upstreamOrigin).max(MOST_ORIGINS).optional(),
      }),
      status: 200,
      answer: organizationView,
      errors: ['not_found', 'forbidden', 'external_id_taken'],
      async handle({ id, body, caller, attribution }) {
        assertVisible(caller, id, `organization ${id}`);
        if (body.externalId !== undefined && !isWithinReach(caller.organizationId, 'organizations.set-external-id'))
          throw new AppError('forbidden', {
            detail: "An API key that is limited to one organization can't set externalId.",
          });
        const { organizationId, apiKey } = caller;
        const mayAllow =
          mayRole(apiKey.role, 'organizations.allow-upstreams') &&
          isWithinReach(organizationId, 'organizations.allow-upstreams');
        if (body.upstreamOrigins !== undefined && !mayAllow)
          throw new AppError('forbidden', {
            detail: 'Only an owner key for all organizations can set upstreamOrigins.',
          });
        return { body: viewOrganization(await organizations.change(id, body, attribution)) };
      },
    }),
    operation({
      method: 'delete',
      path: '/organizations/:id',
      tag,
      summary: 'Delete an organization with its directories',
      description:
        'Refused while a credential in its directories holds a slot, unless you set `force`. With `force`, those credentials are revoked.',
      action: 'organizations.delete',
      query: z.strictObject({ force }),
      status: 204,
      errors: ['not_found', 'credentials_active'],
      async handle({ id, query, attribution }) {
        await removal.removeOrganization(id, query.force === 'true', attribution);
        return {};
      },
    }),
  ];
}
