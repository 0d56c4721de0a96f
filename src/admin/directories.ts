import { z } from 'zod';
import { isWithinReach } from '../access.ts';
import type { Credentials, Removal } from '../credentials/index.ts';
import {
  type Directories,
  type Directory,
  ENDPOINT_KEY,
  isOriginAllowed,
  type Organizations,
} from '../directories/index.ts';
import { AppError } from '../errors.ts';
import { TEST_PROBLEMS, UNREACHABLE, UPSTREAM_TEST_MS, type UpstreamTestReport } from '../gateway/index.ts';
import * as fields from './directory-schemas.ts';
import { assertVisible, type Caller, type Operation, operation } from './operation.ts';
import { force } from './organizations.ts';
import * as schemas from './schemas.ts';

const tag = 'Directories';
const upstreamTestView = z
  .object({
    isFine: z.boolean(),
    checks: z.array(
      z.object({
        path: z.string().describe('The requested path, below upstreamUrl.'),
        status: z.int().nullable(),
        problem: z.enum(TEST_PROBLEMS).nullable(),
        cause: z.enum(UNREACHABLE).nullable().describe('With unreachable: the reason.'),
        detail: z.string().nullable().describe('How an identity provider would react.'),
        elapsedMs: z.number(),
      }),
    ),
  })
  .meta({ id: 'UpstreamTest' });

export function directoryOperations(deps: {
  directories: Directories;
  credentials: Credentials;
  removal: Removal;
  organizations: Organizations;
  testUpstream: (directory: Directory) => Promise<UpstreamTestReport>;
  publicUrl: string;
}): Operation[] {
  const { directories, credentials, removal, publicUrl, organizations, testUpstream } = deps;
  const view = (directory: Directory) => fields.viewDirectory(directory, publicUrl);

  async function get(id: string, caller: Caller): Promise<Directory> {
    const directory = await directories.get(id);
    assertVisible(caller, directory.organizationId, `directory ${id}`);
    return directory;
  }

  function assertUnlimited(caller: Caller): void {
    if (isWithinReach(caller.organizationId, 'directories.choose-endpoint-key')) return;
    throw new AppError('forbidden', {
      detail: 'Only keys for all organizations can choose an endpointKey.',
    });
  }

  /** A key limited to one organization may not make the gateway ask just any server. */
  async function assertUpstream(caller: Caller, organizationId: string, url: string | null | undefined): Promise<void> {
    if (url === undefined || url === null) return;
    if (isWithinReach(caller.organizationId, 'directories.choose-upstream')) return;
    const organization = await organizations.get(organizationId);
    if (isOriginAllowed(organization, url)) return;
    const { upstreamOrigins = [] } = organization;
    const allowed =
      upstreamOrigins.length === 0 ? 'No origin is allowed yet' : `Allowed origins: ${upstreamOrigins.join(', ')}`;
    throw new AppError('forbidden', {
      detail: `An API key that is limited to one organization can only use upstreams at origins that an owner allowed. ${allowed}.`,
    });
  }

  return [
    operation({
      method: 'post',
      path: '/directories',
      tag,
      summary: 'Create a directory',
      description: 'Also creates its endpoint. The directory has no credential until you issue one.',
      action: 'directories.change',
      body: z.strictObject({
        organizationId: z.string().max(100),
        name: schemas.name,
        provider: schemas.provider.optional(),
        upstreamUrl: fields.upstreamUrl.optional(),
        mapUris: fields.mapUris.optional(),
        upstreamCredential: fields.upstreamCredential.optional(),
        audience: fields.audience.optional(),
        requestLog: fields.requestLog.optional(),
        endpointKey: fields.endpointKey
          .optional()
          .describe('Readable last part of the endpoint URL. It must be unique. Default: random.'),
      }),
      status: 201,
      answer: fields.directoryView,
      errors: ['not_found', 'endpoint_key_taken', 'invalid_request'],
      async handle({ body, caller, attribution }) {
        assertVisible(caller, body.organizationId, `organization ${body.organizationId}`);
        if (body.endpointKey !== undefined) assertUnlimited(caller);
        await assertUpstream(caller, body.organizationId, body.upstreamUrl);
        return { body: view(await directories.create(body, attribution)) };
      },
    }),
    operation({
      method: 'get',
      path: '/directories',
      tag,
      summary: 'List directories, newest first',
      action: 'directories.read',
      query: z.strictObject({
        ...schemas.paging,
        organizationId: z.string().max(100).optional(),
        endpointKey: z.string().max(100).optional().describe('Only the directory with this endpointKey.'),
      }),
      status: 200,
      answer: schemas.listOf(fields.directoryView),
      errors: ['invalid_cursor'],
      async handle({ query: { endpointKey, ...query }, caller }) {
        if (query.organizationId !== undefined)
          assertVisible(caller, query.organizationId, `organization ${query.organizationId}`);
        if (endpointKey !== undefined) {
          const found = ENDPOINT_KEY.test(endpointKey) ? await directories.findByReference(endpointKey) : undefined;
          const wanted = query.organizationId ?? caller.organizationId;
          const isMeant =
            found?.endpointKey === endpointKey && (wanted ?? found.organizationId) === found.organizationId;
          return { body: { items: isMeant ? [view(found)] : [], nextCursor: null } };
        }
        const { items, nextCursor } = await directories.page({
          ...query,
          organizationId: query.organizationId ?? caller.organizationId,
        });
        return { body: { items: items.map(view), nextCursor } };
      },
    }),
    operation({
      method: 'get',
      path: '/directories/:id',
      tag,
      summary: 'Read a directory',
      action: 'directories.read',
      status: 200,
      answer: fields.directoryView,
      errors: ['not_found'],
      handle: async ({ id, caller }) => ({ body: view(await get(id, caller)) }),
    }),
    operation({
      method: 'patch',
      path: '/directories/:id',
      tag,
      summary: 'Change a directory',
      description:
        'A new endpointKey changes the endpoint URL and breaks an IdP that uses the old one. Refused while a credential holds a slot, unless you set `force`.',
      action: 'directories.change',
      body: z.strictObject({
        name: schemas.name.optional(),
        provider: schemas.provider.optional(),
        upstreamUrl: fields.upstreamUrl.nullable().optional(),
        mapUris: fields.mapUris.optional(),
        upstreamCredential: fields.upstreamCredential.nullable().optional(),
        audience: fields.audience.nullable().optional(),
        requestLog: fields.requestLog.optional(),
        endpointKey: fields.endpointKey.optional(),
        force: z.boolean().optional(),
      }),
      status: 200,
      answer: fields.directoryView,
      errors: ['not_found', 'endpoint_key_taken', 'invalid_request', 'credentials_active'],
      async handle({ id, body: { force: isForced = false, ...changes }, caller, attribution }) {
        const directory = await get(id, caller);
        if (changes.endpointKey !== undefined) assertUnlimited(caller);
        await assertUpstream(caller, directory.organizationId, changes.upstreamUrl);
        const moves = changes.endpointKey !== undefined && changes.endpointKey !== directory.endpointKey;
        if (moves && !isForced) await credentials.assertNoneActive(directory);
        return { body: view(await directories.change(id, changes, attribution)) };
      },
    }),
    operation({
      method: 'delete',
      path: '/directories/:id',
      tag,
      summary: 'Delete a directory',
      description:
        'Refused while a credential holds a slot, unless you set `force`. With `force`, those credentials are revoked.',
      action: 'directories.change',
      query: z.strictObject({ force }),
      status: 204,
      errors: ['not_found', 'credentials_active'],
      async handle({ id, query, caller, attribution }) {
        const directory = await get(id, caller);
        await removal.removeDirectory(directory, query.force === 'true', attribution);
        return {};
      },
    }),
    operation({
      method: 'post',
      path: '/directories/:id/test',
      tag,
      summary: "Test a directory's SCIM server",
      description:
        "Sends the same requests as the connection tests in Entra ID and Okta, and reports responses that they can't handle. The test doesn't change anything on that server, and doesn't count as a use of a credential. Latchkey waits for a slow server as long as the gateway does (60 seconds unless set otherwise), and the whole test takes 2 minutes at most.",
      action: 'directories.change',
      status: 200,
      answer: upstreamTestView,
      errors: ['not_found', 'invalid_request'],
      othersMs: UPSTREAM_TEST_MS,
      handle: async ({ id, caller }) => ({ body: await testUpstream(await get(id, caller)) }),
    }),
    operation({
      method: 'post',
      path: '/directories/:id/disable',
      tag,
      summary: 'Disable a directory and refuse every request to it',
      action: 'directories.change',
      body: z.strictObject({ reason: schemas.name.optional().describe('For your colleagues.') }),
      example: { reason: 'Moving to another region' },
      status: 200,
      answer: fields.directoryView,
      errors: ['not_found'],
      async handle({ id, body, caller, attribution }) {
        await get(id, caller);
        return { body: view(await directories.disable(id, attribution, body.reason)) };
      },
    }),
    operation({
      method: 'post',
      path: '/directories/:id/enable',
      tag,
      summary: 'Enable a directory with the same credentials',
      action: 'directories.change',
      status: 200,
      answer: fields.directoryView,
      errors: ['not_found'],
      async handle({ id, caller, attribution }) {
        await get(id, caller);
        return { body: view(await directories.enable(id, attribution)) };
      },
    }),
  ];
}
