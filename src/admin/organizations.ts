import { z } from 'zod';
import type { Credentials } from '../credentials/index.ts';
import type { Directories, Directory, Organizations } from '../directories/index.ts';
import { AppError } from '../errors.ts';
import { assertVisible, type Caller, type Operation, OWNERS, operation, READERS, WRITERS } from './operation.ts';
import * as schemas from './schemas.ts';

const tag = 'Organizations';
const externalId = z
  .string()
  .trim()
  .min(1)
  .max(200)
  .describe("The organization's id in the vendor's own system; unique.");

export const force = z.enum(['true', 'false']).default('false').describe('true: revoke what is still active.');

export function organizationOperations(deps: {
  organizations: Organizations;
  directories: Directories;
  credentials: Credentials;
}): Operation[] {
  const { organizations, directories, credentials } = deps;

  async function get(id: string, caller: Caller) {
    assertVisible(caller, id, `organization ${id}`);
    return organizations.get(id);
  }

  async function directoriesOf(organizationId: string): Promise<Directory[]> {
    const found: Directory[] = [];
    let after: string | undefined;
    do {
      const page = await directories.page({ organizationId, after, limit: 200 });
      found.push(...page.items);
      after = page.nextCursor ?? undefined;
    } while (after);
    return found;
  }

  return [
    operation({
      method: 'post',
      path: '/organizations',
      tag,
      summary: 'Create an organization',
      roles: WRITERS,
      body: z.strictObject({ name: schemas.name, externalId: externalId.optional() }),
      status: 201,
      answer: schemas.organizationView,
      errors: ['external_id_taken'],
      async handle({ body, caller, cause }) {
        if (caller.organizationId !== undefined)
          throw new AppError('forbidden', { detail: 'This API key is limited to one organization.' });
        return { body: schemas.viewOrganization(await organizations.create(body, cause)) };
      },
    }),
    operation({
      method: 'get',
      path: '/organizations',
      tag,
      summary: 'List organizations, newest first',
      roles: READERS,
      query: z.strictObject({ ...schemas.paging, externalId: externalId.optional() }),
      status: 200,
      answer: schemas.listOf(schemas.organizationView),
      errors: ['invalid_cursor'],
      async handle({ query, caller }) {
        if (caller.organizationId !== undefined) {
          const own = await organizations.find(caller.organizationId);
          const isAsked = own && (query.externalId === undefined || query.externalId === own.externalId);
          return { body: { items: isAsked ? [schemas.viewOrganization(own)] : [], nextCursor: null } };
        }
        const { items, nextCursor } = await organizations.page(query);
        return { body: { items: items.map(schemas.viewOrganization), nextCursor } };
      },
    }),
    operation({
      method: 'get',
      path: '/organizations/:id',
      tag,
      summary: 'Read an organization',
      roles: READERS,
      status: 200,
      answer: schemas.organizationView,
      errors: ['not_found'],
      handle: async ({ id, caller }) => ({ body: schemas.viewOrganization(await get(id, caller)) }),
    }),
    operation({
      method: 'patch',
      path: '/organizations/:id',
      tag,
      summary: 'Change an organization',
      roles: WRITERS,
      body: z.strictObject({ name: schemas.name.optional(), externalId: externalId.nullable().optional() }),
      status: 200,
      answer: schemas.organizationView,
      errors: ['not_found', 'forbidden', 'external_id_taken'],
      async handle({ id, body, caller, cause }) {
        assertVisible(caller, id, `organization ${id}`);
        // It is unique among all: whether another one is taken would tell who the other customers are.
        if (caller.organizationId !== undefined && body.externalId !== undefined)
          throw new AppError('forbidden', {
            detail: 'An API key that is limited to one organization cannot set externalId.',
          });
        return { body: schemas.viewOrganization(await organizations.change(id, body, cause)) };
      },
    }),
    operation({
      method: 'delete',
      path: '/organizations/:id',
      tag,
      summary: 'Delete an organization with its directories',
      description:
        'Refused while a credential of one of its directories holds a slot, unless forced; then those are revoked.',
      roles: OWNERS,
      query: z.strictObject({ force }),
      status: 204,
      errors: ['not_found', 'credentials_active'],
      async handle({ id, query, caller, cause }) {
        assertVisible(caller, id, `organization ${id}`);
        if (caller.organizationId !== undefined)
          throw new AppError('forbidden', { detail: 'This API key is limited to one organization.' });
        const organization = await organizations.get(id);
        const owned = await directoriesOf(id);
        // All are asked before any is touched, so that a refusal leaves everything as it was.
        if (query.force !== 'true')
          await Promise.all(owned.map((directory) => credentials.assertNoneActive(directory)));
        await Promise.all(owned.map((directory) => removeDirectory(directory)));
        await organizations.remove(organization, owned.length, cause);
        // Whatever was made in the meantime goes too.
        await Promise.all((await directoriesOf(id)).map((directory) => removeDirectory(directory)));
        return {};

        async function removeDirectory(directory: Directory): Promise<void> {
          await credentials.clear(directory, query.force === 'true', cause);
          await directories.remove(directory, cause);
        }
      },
    }),
  ];
}
