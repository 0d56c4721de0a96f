import { z } from 'zod';
import { isWithinReach } from '../access.ts';
import type { Clock } from '../clock.ts';
import type { Credentials } from '../credentials/index.ts';
import type { Directories } from '../directories/index.ts';
import { AppError } from '../errors.ts';
import {
  APP_NAME,
  AUTH_METHODS,
  CLIENT_ISSUES,
  type Client,
  type Clients,
  clientIdOf,
  GRANT_TYPES,
  isLiveAt,
  issuesOf,
  type Oauth,
} from '../oauth/index.ts';
import { assertVisible, type Caller, type Operation, operation } from './operation.ts';
import * as schemas from './schemas.ts';

const tag = 'Clients';
const redirectUris = z.array(z.string().max(2000)).max(20);
const accessTokenSeconds = z
  .number()
  .int()
  .min(900)
  .max(21_600)
  .describe(
    'How long an access token lives: 15 minutes to 6 hours; 1 hour by default. For Entra 1 to 6 hours; 2 hours by default.',
  );
/** At most one of the two. */
export const importedSecret = {
  clientSecret: z.string().max(1000).optional().describe('Its secret in clear text; only a digest is kept.'),
  clientSecretSha256: z.string().max(200).optional().describe('SHA-256 of its secret, hexadecimal.'),
};
const secretEnd = schemas.time.nullable().optional();
const jwks = z.strictObject({ keys: z.array(z.record(z.string(), z.unknown())).min(1).max(20) });
const workloadIdentity = z
  .strictObject({
    issuer: z.string().max(500),
    subject: z.string().max(500),
    audience: z.string().max(500),
    jwksUri: z.string().max(2000),
  })
  .describe("Entra's workload identity: whose assertions stand for this client.");
const shownTime = z.iso.datetime();

export const clientFields = {
  name: schemas.name,
  provider: schemas.provider.optional(),
  directoryId: z.string().max(100).optional(),
  appName: z.string().regex(APP_NAME, "expected Okta's name of the app, such as acme_scim_1").optional(),
  redirectUris: redirectUris.optional(),
  grantTypes: z.array(z.enum(GRANT_TYPES)).min(1).optional(),
  tokenEndpointAuthMethod: z.enum(AUTH_METHODS).optional(),
  jwks: jwks.optional().describe('Public keys of a private_key_jwt client.'),
  jwksUri: z.string().max(2000).optional().describe('Where those keys are fetched from, on an allowed host.'),
  workloadIdentity: workloadIdentity.optional(),
  accessTokenSeconds: accessTokenSeconds.optional(),
  secretExpiresAt: secretEnd.describe(
    'When its first secret ends. Absent: as its identity provider prescribes, two years for Entra; null: no end.',
  ),
  rotateRefreshTokens: z
    .boolean()
    .optional()
    .describe(
      'A new refresh token with each refresh. Off by default for clients with a secret, where it protects nothing and a lost answer costs.',
    ),
  maximumAgeDays: z
    .number()
    .int()
    .min(1)
    .max(36_500)
    .optional()
    .describe('Days after which its connections end. None by default.'),
  idleDays: z
    .number()
    .int()
    .min(1)
    .max(36_500)
    .optional()
    .describe('Days without a refresh after which its connections end. None by default.'),
};

const clientView = z
  .object({
    id: z.string(),
    clientId: z.string().describe('The OAuth client_id: the same as id, unless it was imported.'),
    name: z.string(),
    provider: schemas.provider,
    directoryId: z.string().nullable().describe('The directory that owns it; null for a shared client.'),
    appName: z.string().nullable(),
    redirectUris: z.array(z.string()),
    grantTypes: z.array(z.enum(GRANT_TYPES)),
    tokenEndpointAuthMethod: z.enum(AUTH_METHODS),
    accessTokenSeconds: z.number(),
    rotateRefreshTokens: z.boolean(),
    maximumAgeDays: z.number().nullable(),
    idleDays: z.number().nullable(),
    secrets: z.array(
      z.object({
        id: z.string(),
        hint: z.string(),
        createdAt: shownTime,
        expiresAt: shownTime.nullable().describe('null: no end'),
        state: z.enum(['live', 'expired']),
      }),
    ),
    issues: z
      .array(z.enum(CLIENT_ISSUES))
      .describe(
        'What its owner should change. `public_client_credentials`: the client was stored as public with client_credentials; it may not use that grant, and keeps the others. `client_secret_expired`, `client_secret_ends_soon`: no secret lives longer than now, or than 30 days. `redirect_uris_missing`: nobody can connect by authorization code, since no redirect URI is known; for Okta give the appName.',
      ),
    createdAt: shownTime,
    createdBy: schemas.actorView,
  })
  .meta({ id: 'Client' });

function view(client: Client, now: Date) {
  const {
    id,
    name,
    provider,
    directoryId,
    appName,
    redirectUris: uris,
    grantTypes,
    authMethod,
    accessTokenSeconds: seconds,
    rotateRefreshTokens,
    maximumAgeDays,
    idleDays,
    secrets,
    createdAt,
    createdBy,
  } = client;
  return {
    id,
    clientId: clientIdOf(client),
    name,
    provider,
    directoryId: directoryId ?? null,
    appName: appName ?? null,
    redirectUris: uris,
    grantTypes,
    tokenEndpointAuthMethod: authMethod,
    accessTokenSeconds: seconds,
    rotateRefreshTokens,
    maximumAgeDays: maximumAgeDays ?? null,
    idleDays: idleDays ?? null,
    secrets: secrets.map((secret) => ({
      id: secret.id,
      hint: secret.hint,
      createdAt: secret.createdAt,
      expiresAt: secret.expiresAt ?? null,
      state: isLiveAt(secret, now) ? 'live' : 'expired',
    })),
    issues: issuesOf(client, now),
    createdAt,
    createdBy: { type: createdBy.type, id: createdBy.id ?? null, name: createdBy.name },
  };
}

export interface ClientOperationsDependencies {
  clients: Clients;
  directories: Directories;
  credentials: Credentials;
  connectByHand: Oauth['connectByHand'];
  clock: Clock;
}

export function clientOperations({
  clients,
  directories,
  credentials,
  connectByHand,
  clock,
}: ClientOperationsDependencies): Operation[] {
  const organizationOf = async (directoryId: string) => (await directories.get(directoryId)).organizationId;

  async function assertMayCreate(directoryId: string | undefined, caller: Caller): Promise<void> {
    if (directoryId !== undefined) {
      assertVisible(caller, await organizationOf(directoryId), `directory ${directoryId}`);
    } else if (!isWithinReach(caller.organizationId, 'clients.share')) {
      const detail =
        'directoryId is missing: this API key is limited to one organization, and a client without it is shared by all.';
      throw new AppError('forbidden', { detail });
    }
  }

  /** A shared client is nobody's own: a key limited to one organization neither sees nor makes one. */
  async function get(id: string, caller: Caller): Promise<Client> {
    const client = await clients.get(id);
    assertVisible(caller, client.organizationId ?? '', `client ${id}`);
    return client;
  }

  return [
    operation({
      method: 'post',
      path: '/clients',
      tag,
      summary: 'Create an OAuth client',
      description:
        'With a directoryId it is owned by that directory, without one it is shared by all organizations. Redirect URIs and grant types come from the provider unless given.',
      action: 'clients.change',
      body: z.strictObject(clientFields),
      status: 201,
      answer: z.object({ client: clientView, clientSecret: z.string().optional().describe('Shown this once.') }),
      errors: ['not_found', 'invalid_request'],
      async handle({ body, caller, cause }) {
        await assertMayCreate(body.directoryId, caller);
        const { client, clientSecret } = await clients.create(body, cause);
        return {
          body: { client: view(client, clock.now()) },
          ...(clientSecret !== undefined && { secret: { clientSecret } }),
        };
      },
    }),
    operation({
      method: 'post',
      path: '/clients/import',
      tag,
      summary: 'Import an OAuth client of another system',
      description:
        'With its client_id, and its secret in clear text or as SHA-256: the identity provider keeps what it has. Without a secret one is made and shown once. To import many, and to try it first, use /imports.',
      action: 'clients.change',
      body: z.strictObject({
        clientId: z.string().max(100).describe('Its client_id in the other system.'),
        ...importedSecret,
        ...clientFields,
      }),
      status: 201,
      answer: z.object({ client: clientView, clientSecret: z.string().optional().describe('Shown this once.') }),
      errors: ['not_found', 'invalid_request', 'client_exists'],
      async handle({ body, caller, cause }) {
        await assertMayCreate(body.directoryId, caller);
        const { client, clientSecret } = await clients.create(body, cause);
        return {
          body: { client: view(client, clock.now()) },
          ...(clientSecret !== undefined && { secret: { clientSecret } }),
        };
      },
    }),
    operation({
      method: 'get',
      path: '/clients',
      tag,
      summary: 'List OAuth clients, newest first',
      action: 'clients.read',
      query: z.strictObject({ ...schemas.paging, directoryId: z.string().max(100).optional() }),
      status: 200,
      answer: schemas.listOf(clientView),
      errors: ['invalid_cursor'],
      async handle({ query, caller }) {
        const { items, nextCursor } = await clients.page({ ...query, organizationId: caller.organizationId });
        return { body: { items: items.map((client) => view(client, clock.now())), nextCursor } };
      },
    }),
    operation({
      method: 'get',
      path: '/clients/:id',
      tag,
      summary: 'Read an OAuth client',
      action: 'clients.read',
      status: 200,
      answer: clientView,
      errors: ['not_found'],
      handle: async ({ id, caller }) => ({ body: view(await get(id, caller), clock.now()) }),
    }),
    operation({
      method: 'patch',
      path: '/clients/:id',
      tag,
      summary: 'Change an OAuth client',
      description: 'With an appName the redirect URIs of its provider are made anew, unless they were set by hand.',
      action: 'clients.change',
      body: z.strictObject({
        name: schemas.name.optional(),
        appName: z.string().regex(APP_NAME, "expected Okta's name of the app, such as acme_scim_1").optional(),
        redirectUris: redirectUris.optional(),
        grantTypes: z.array(z.enum(GRANT_TYPES)).min(1).optional(),
        accessTokenSeconds: accessTokenSeconds.optional(),
      }),
      status: 200,
      answer: clientView,
      errors: ['not_found', 'invalid_request'],
      async handle({ id, body, caller, cause }) {
        const client = await get(id, caller);
        return { body: view(await clients.change(client.id, body, cause), clock.now()) };
      },
    }),
    operation({
      method: 'delete',
      path: '/clients/:id',
      tag,
      summary: 'Delete an OAuth client',
      description:
        'It can get no more tokens. What it has connected is listed as credentials of the directories; revoke those too to end it at once.',
      action: 'clients.change',
      status: 204,
      errors: ['not_found'],
      async handle({ id, caller, cause }) {
        await clients.remove(await get(id, caller), cause);
        return {};
      },
    }),
    operation({
      method: 'post',
      path: '/directories/:id/connections',
      tag,
      summary: 'Connect a client by hand',
      description:
        'For identity providers into which a refresh token is pasted, such as SailPoint: no consent page, the token is shown once.',
      action: 'credentials.change',
      body: z.strictObject({
        clientId: z.string().max(100),
        replaces: z
          .string()
          .max(100)
          .optional()
          .describe(
            'The credential whose place it takes when both slots are full; that works until the new connection has been used.',
          ),
      }),
      status: 201,
      answer: z.object({ credentialId: z.string(), refreshToken: z.string().describe('Shown this once.') }),
      errors: ['not_found', 'slots_full', 'invalid_request'],
      async handle({ id, body, caller, cause }) {
        const directory = await directories.get(id);
        assertVisible(caller, directory.organizationId, `directory ${id}`);
        const client = await clients.get(body.clientId);
        if (client.directoryId !== undefined && client.directoryId !== id)
          throw new AppError('not_found', { detail: `There is no client ${body.clientId}.` });
        const holders = await credentials.holders(id);
        if (body.replaces !== undefined && !holders.some((holder) => holder.id === body.replaces)) {
          throw new AppError('not_found', { detail: `Credential ${body.replaces} holds no slot of this directory.` });
        }
        const { credentialId, refreshToken } = await connectByHand(client, directory, body.replaces, cause);
        return { body: { credentialId }, secret: { refreshToken } };
      },
    }),
    operation({
      method: 'post',
      path: '/clients/:id/secrets',
      tag,
      summary: 'Add a secret',
      description:
        'All live secrets work until they end or are removed: put the new one into the identity provider first. Two may be live at a time, three for Entra.',
      action: 'clients.change',
      body: z.strictObject({
        expiresAt: secretEnd.describe(
          'Absent: as its identity provider prescribes, two years for Entra; null: no end.',
        ),
      }),
      status: 201,
      answer: z.object({
        client: clientView,
        secretId: z.string(),
        clientSecret: z.string().describe('Shown this once.'),
      }),
      errors: ['not_found', 'invalid_request', 'secrets_full'],
      async handle({ id, body, caller, cause }) {
        const known = await get(id, caller);
        const { client, secretId, clientSecret } = await clients.addSecret(known.id, body, cause);
        return { body: { client: view(client, clock.now()), secretId }, secret: { clientSecret } };
      },
    }),
    operation({
      method: 'delete',
      path: '/clients/:id/secrets/:secretId',
      tag,
      summary: 'Remove a secret',
      action: 'clients.change',
      status: 204,
      errors: ['not_found', 'last_secret'],
      async handle({ id, parameters, caller, cause }) {
        const client = await get(id, caller);
        await clients.removeSecret(client.id, parameters['secretId'] ?? '', cause);
        return {};
      },
    }),
  ];
}
