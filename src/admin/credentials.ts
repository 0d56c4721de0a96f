import { z } from 'zod';
import type { Audit } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import type { Credential, Credentials, Usage } from '../credentials/index.ts';
import type { Directories, Directory } from '../directories/index.ts';
import { AppError, isAppError } from '../errors.ts';
import { allowWeak, credentialView, scopes, usageView, viewCredential, viewUsage } from './credential-schemas.ts';
import { eventListOperation } from './events.ts';
import { assertMayImport, assertVisible, type Caller, isVisible, type Operation, operation } from './operation.ts';
import * as schemas from './schemas.ts';

const tag = 'Credentials';
const LONGEST_RETIRE_SECONDS = 90 * 86_400;

const issueFields = {
  label: schemas.name.optional(),
  scopes: scopes.optional(),
  expiresAt: schemas.expiresAt,
};
export const credentialImportFields = {
  token: z.string().max(10_000).optional().describe('The value in clear text.'),
  sha256: z.string().max(200).optional().describe('SHA-256 of the value, in hexadecimal.'),
  ssoreadyToken: z.string().max(200).optional().describe('ssoready_scim_bearer_token_...'),
  ssoreadySha256: z
    .string()
    .max(200)
    .optional()
    .describe("SSOReady's digest: SHA-256 of the token's 16 bytes, in hexadecimal."),
  hint: z
    .string()
    .regex(/^[\x21-\x7e]{1,4}$/, 'expected the last one to four characters of the value')
    .optional()
    .describe('Last characters of the value, to show with a digest.'),
  allowWeak: allowWeak,
  ...issueFields,
};
const shownOnce = z.object({ credential: credentialView, token: schemas.shownOnce });

/** Whether a value is kept at a place that the caller may not see. */
export function isKeptElsewhere(error: unknown, caller: Caller): boolean {
  return isAppError(error, 'credential_exists') && !isVisible(caller, String(error.facts['organizationId']));
}

/**
 * Imports into a directory. Where a value is kept is told to those alone who may see that place. A limited key with full slots does not
 * even learn that it is kept: it gets slots_full, as for any other value.
 */
export async function hidingElsewhere<T>(
  { assertFreeSlot }: Pick<Credentials, 'assertFreeSlot'>,
  directoryId: string,
  caller: Caller,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isKeptElsewhere(error, caller)) throw error;
    await assertFreeSlot(directoryId);
    throw new AppError('credential_exists', {}, { cause: error });
  }
}

export function credentialOperations(deps: {
  credentials: Credentials;
  directories: Directories;
  usage: Usage;
  audit: Audit;
  clock: Clock;
}): Operation[] {
  const { credentials, directories, usage, audit, clock } = deps;

  async function getDirectory(id: string, caller: Caller): Promise<Directory> {
    const directory = await directories.get(id);
    assertVisible(caller, directory.organizationId, `directory ${id}`);
    return directory;
  }

  async function get(id: string, caller: Caller): Promise<Credential> {
    const credential = await credentials.get(id);
    assertVisible(caller, credential.organizationId, `credential ${id}`);
    return credential;
  }

  async function views(found: Credential[]) {
    const totals = await usage.totals(found.map(({ id }) => id));
    return Promise.all(
      found.map(async (credential) =>
        viewCredential(credential, totals.get(credential.id), await credentials.progress(credential), clock.now()),
      ),
    );
  }
  const view = async (credential: Credential) => (await views([credential]))[0];
  /** What this request made was not used yet; there is nothing to read that could hold the answer with its value up. */
  const viewMade = (credential: Credential) => viewCredential(credential, undefined, undefined, clock.now());

  return [
    operation({
      method: 'post',
      path: '/directories/:id/credentials',
      tag,
      summary: 'Issue a static token',
      action: 'credentials.change',
      body: z.strictObject(issueFields),
      status: 201,
      answer: shownOnce,
      errors: ['not_found', 'slots_full', 'invalid_request'],
      async handle({ id, body, caller, attribution }) {
        await getDirectory(id, caller);
        const { credential, token } = await credentials.issue(id, body, attribution);
        return { body: { credential: viewMade(credential) }, secret: { token } };
      },
    }),
    operation({
      method: 'get',
      path: '/directories/:id/credentials',
      tag,
      summary: 'List the credentials in a directory, newest first',
      action: 'credentials.read',
      query: z.strictObject({
        ...schemas.paging,
        state: z.enum(['pending', 'active', 'disabled', 'revoked', 'expired']).optional(),
      }),
      status: 200,
      answer: schemas.listOf(credentialView),
      errors: ['not_found', 'invalid_cursor'],
      async handle({ id, query, caller }) {
        await getDirectory(id, caller);
        const { items, nextCursor } = await credentials.page({ directoryId: id, ...query });
        return { body: { items: await views(items), nextCursor } };
      },
    }),
    operation({
      method: 'post',
      path: '/directories/:id/credentials/import',
      tag,
      summary: 'Import a credential from another system',
      description:
        'Send exactly one of token, sha256, ssoreadyToken and ssoreadySha256. The IdP keeps its token. A value that could be guessed is refused (`weak_value`) unless an owner imports it with allowWeak.',
      action: 'credentials.import',
      body: z.strictObject(credentialImportFields),
      status: 201,
      answer: z.object({ credential: credentialView }),
      errors: ['not_found', 'slots_full', 'credential_exists', 'invalid_token_format', 'weak_value', 'invalid_request'],
      async handle({ id, body, caller, attribution }) {
        await getDirectory(id, caller);
        assertMayImport(caller, body);
        const credential = await hidingElsewhere(credentials, id, caller, () =>
          credentials.import(id, body, attribution),
        );
        return { body: { credential: viewMade(credential) } };
      },
    }),
    operation({
      method: 'post',
      path: '/directories/:id/rotate',
      tag,
      summary: 'Rotate the static token',
      description:
        'overlap: both tokens work until the old one is retired. `retire` says when: manually (manual), once the new one has been accepted and the old one has gone unused (when-replaced), or after a number of seconds. immediate: the old token is revoked now. OAuth connections are not affected.',
      action: 'credentials.change',
      body: z
        .strictObject({
          mode: z.enum(['overlap', 'immediate']),
          retire: z
            .union(
              [z.enum(['manual', 'when-replaced']), z.number().int().min(1).max(LONGEST_RETIRE_SECONDS)],
              `expected "manual", "when-replaced" or seconds from 1 to ${LONGEST_RETIRE_SECONDS}`,
            )
            .optional(),
          ...issueFields,
        })
        .refine(({ mode, retire }) => mode === 'overlap' || retire === undefined, {
          path: ['retire'],
          message: 'expected only with mode overlap: an immediate rotation leaves nothing to retire',
        }),
      status: 201,
      answer: shownOnce,
      errors: ['not_found', 'slots_full', 'invalid_request'],
      async handle({ id, body, caller, attribution }) {
        await getDirectory(id, caller);
        const { credential, token } = await credentials.rotate(id, body, attribution);
        return { body: { credential: viewMade(credential) }, secret: { token } };
      },
    }),
    operation({
      method: 'get',
      path: '/credentials/:id',
      tag,
      summary: 'Read a credential',
      action: 'credentials.read',
      status: 200,
      answer: credentialView,
      errors: ['not_found'],
      handle: async ({ id, caller }) => ({ body: await view(await get(id, caller)) }),
    }),
    operation({
      method: 'patch',
      path: '/credentials/:id',
      tag,
      summary: "Change a credential's label, scopes or expiration",
      action: 'credentials.change',
      body: z.strictObject({
        label: schemas.name.nullable().optional(),
        scopes: scopes.optional(),
        expiresAt: schemas.expiresAt,
      }),
      status: 200,
      answer: credentialView,
      errors: ['not_found', 'credential_final', 'invalid_request'],
      async handle({ id, body, caller, attribution }) {
        await get(id, caller);
        return { body: await view(await credentials.change(id, body, attribution)) };
      },
    }),
    operation({
      method: 'post',
      path: '/credentials/:id/disable',
      tag,
      summary: 'Disable a credential; it keeps its slot',
      action: 'credentials.change',
      body: z.strictObject({ reason: schemas.name.optional().describe('The IT contact can read it too.') }),
      example: { reason: 'Until the customer has confirmed the request' },
      status: 200,
      answer: credentialView,
      errors: ['not_found', 'credential_final'],
      async handle({ id, body, caller, attribution }) {
        await get(id, caller);
        return { body: await view(await credentials.disable(id, attribution, body.reason)) };
      },
    }),
    operation({
      method: 'post',
      path: '/credentials/:id/enable',
      tag,
      summary: 'Enable a disabled credential',
      action: 'credentials.change',
      status: 200,
      answer: credentialView,
      errors: ['not_found', 'credential_final'],
      async handle({ id, caller, attribution }) {
        await get(id, caller);
        return { body: await view(await credentials.enable(id, attribution)) };
      },
    }),
    operation({
      method: 'post',
      path: '/credentials/:id/revoke',
      tag,
      summary: 'Revoke a credential permanently',
      description:
        'After the response, no instance accepts the credential anymore. Refused if it was used in the last hour, unless you set `force`.',
      action: 'credentials.change',
      body: z.strictObject({ reason: schemas.name.optional(), force: z.boolean().optional() }),
      status: 200,
      answer: credentialView,
      errors: ['not_found', 'still_in_use'],
      async handle({ id, body, caller, attribution }) {
        await get(id, caller);
        return { body: await view(await credentials.revoke(id, body, attribution)) };
      },
    }),
    operation({
      method: 'post',
      path: '/credentials/:id/retire',
      tag,
      summary: 'Retire a replaced credential now',
      description: 'For the old token in a rotation, once the new one has been accepted.',
      action: 'credentials.change',
      status: 200,
      answer: credentialView,
      errors: ['not_found', 'credential_final', 'not_replaced'],
      async handle({ id, caller, attribution }) {
        await get(id, caller);
        return { body: await view(await credentials.retire(id, attribution)) };
      },
    }),
    operation({
      method: 'get',
      path: '/credentials/:id/usage',
      tag,
      summary: 'List accepted and refused requests per hour, latest first',
      action: 'credentials.read',
      query: z.strictObject({ ...schemas.paging, from: schemas.time.optional(), to: schemas.time.optional() }),
      status: 200,
      answer: schemas.listOf(usageView),
      errors: ['not_found', 'invalid_cursor'],
      async handle({ id, query, caller }) {
        await get(id, caller);
        const { items, nextCursor } = await usage.hours(id, query);
        return { body: { items: items.map(viewUsage), nextCursor } };
      },
    }),
    eventListOperation(audit, {
      path: '/credentials/:id/events',
      tag,
      summary: 'List the events for a credential, latest first',
      scope: async (id, caller) => ({ credentialId: (await get(id, caller)).id }),
    }),
  ];
}
