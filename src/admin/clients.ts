import { z } from 'zod';
import { AUTH_METHODS, type Client, type Clients, GRANT_TYPES } from '../oauth/index.ts';
import { assertVisible, type Caller, type Operation, operation, READERS, WRITERS } from './operation.ts';
import * as schemas from './schemas.ts';

const tag = 'Clients';
const redirectUris = z.array(z.string().max(2000)).max(20);
const accessTokenSeconds = z.number().int().min(900).max(21_600).describe('How long an access token lives: 15 minutes to 6 hours; 1 hour by default.');
const jwks = z.strictObject({ keys: z.array(z.record(z.string(), z.unknown())).min(1).max(20) });
const shownTime = z.iso.datetime();

const clientView = z
  .object({
    id: z.string().describe('The OAuth client_id.'),
    name: z.string(),
    provider: schemas.provider,
    directoryId: z.string().nullable().describe('The directory that owns it; null for a shared client.'),
    appName: z.string().nullable(),
    redirectUris: z.array(z.string()),
    grantTypes: z.array(z.enum(GRANT_TYPES)),
    tokenEndpointAuthMethod: z.enum(AUTH_METHODS),
    accessTokenSeconds: z.number(),
    secrets: z.array(z.object({ id: z.string(), hint: z.string(), createdAt: shownTime })),
    createdAt: shownTime,
    createdBy: schemas.actorView,
  })
  .meta({ id: 'Client' });

function view({ id, name, provider, directoryId, appName, redirectUris: uris, grantTypes, authMethod, accessTokenSeconds: seconds, secrets, createdAt, createdBy }: Client) {
  return {
    id,
    name,
    provider,
    directoryId: directoryId ?? null,
    appName: appName ?? null,
    redirectUris: uris,
    grantTypes,
    tokenEndpointAuthMethod: authMethod,
    accessTokenSeconds: seconds,
    secrets: secrets.map(({ id: secretId, hint, createdAt: madeAt }) => ({ id: secretId, hint, createdAt: madeAt })),
    createdAt,
    createdBy: { type: createdBy.type, id: createdBy.id ?? null, name: createdBy.name },
  };
}

export function clientOperations({ clients, organizationOf }: { clients: Clients; organizationOf: (directoryId: string) => Promise<string> }): Operation[] {
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
      description: 'With a directoryId it is owned by that directory, without one it is shared by all organizations. Redirect URIs and grant types come from the provider unless given.',
      roles: WRITERS,
      body: z.strictObject({
        name: schemas.name,
        provider: schemas.provider.optional(),
        directoryId: z.string().max(100).optional(),
        appName: z.string().regex(/^[\w.-]{1,100}$/, "expected Okta's name of the app, such as acme_scim_1").optional(),
        redirectUris: redirectUris.optional(),
        grantTypes: z.array(z.enum(GRANT_TYPES)).min(1).optional(),
        tokenEndpointAuthMethod: z.enum(AUTH_METHODS).optional(),
        jwks: jwks.optional().describe('Public keys of a private_key_jwt client.'),
        accessTokenSeconds: accessTokenSeconds.optional(),
      }),
      status: 201,
      answer: z.object({ client: clientView, clientSecret: z.string().optional().describe('Shown this once.') }),
      errors: ['not_found', 'invalid_request'],
      async handle({ body, caller, cause }) {
        assertVisible(caller, body.directoryId === undefined ? '' : await organizationOf(body.directoryId), `directory ${body.directoryId ?? ''}`);
        const { client, clientSecret } = await clients.create(body, cause);
        return { body: { client: view(client) }, ...(clientSecret !== undefined && { secret: { clientSecret } }) };
      },
    }),
    operation({
      method: 'get',
      path: '/clients',
      tag,
      summary: 'List OAuth clients, newest first',
      roles: READERS,
      query: z.strictObject({ ...schemas.paging, directoryId: z.string().max(100).optional() }),
      status: 200,
      answer: schemas.listOf(clientView),
      errors: ['invalid_cursor'],
      async handle({ query, caller }) {
        const { items, nextCursor } = await clients.page({ ...query, organizationId: caller.organizationId });
        return { body: { items: items.map(view), nextCursor } };
      },
    }),
    operation({
      method: 'get',
      path: '/clients/:id',
      tag,
      summary: 'Read an OAuth client',
      roles: READERS,
      status: 200,
      answer: clientView,
      errors: ['not_found'],
      handle: async ({ id, caller }) => ({ body: view(await get(id, caller)) }),
    }),
    operation({
      method: 'patch',
      path: '/clients/:id',
      tag,
      summary: 'Change an OAuth client',
      description: 'With an appName the redirect URIs of its provider are made anew, unless they were set by hand.',
      roles: WRITERS,
      body: z.strictObject({
        name: schemas.name.optional(),
        appName: z.string().regex(/^[\w.-]{1,100}$/, "expected Okta's name of the app, such as acme_scim_1").optional(),
        redirectUris: redirectUris.optional(),
        accessTokenSeconds: accessTokenSeconds.optional(),
      }),
      status: 200,
      answer: clientView,
      errors: ['not_found', 'invalid_request'],
      async handle({ id, body, caller, cause }) {
        await get(id, caller);
        return { body: view(await clients.change(id, body, cause)) };
      },
    }),
    operation({
      method: 'delete',
      path: '/clients/:id',
      tag,
      summary: 'Delete an OAuth client',
      description: 'It can get no more tokens. What it has connected is listed as credentials of the directories; revoke those too to end it at once.',
      roles: WRITERS,
      status: 204,
      errors: ['not_found'],
      async handle({ id, caller, cause }) {
        await clients.remove(await get(id, caller), cause);
        return {};
      },
    }),
    operation({
      method: 'post',
      path: '/clients/:id/secrets',
      tag,
      summary: 'Add a second secret',
      description: 'Both work until one is taken away: put the new one into the identity provider first.',
      roles: WRITERS,
      status: 201,
      answer: z.object({ client: clientView, secretId: z.string(), clientSecret: z.string().describe('Shown this once.') }),
      errors: ['not_found', 'secrets_full'],
      async handle({ id, caller, cause }) {
        await get(id, caller);
        const { client, secretId, clientSecret } = await clients.addSecret(id, cause);
        return { body: { client: view(client), secretId }, secret: { clientSecret } };
      },
    }),
    operation({
      method: 'delete',
      path: '/clients/:id/secrets/:secretId',
      tag,
      summary: 'Take a secret away',
      roles: WRITERS,
      status: 204,
      errors: ['not_found', 'last_secret'],
      async handle({ id, parameters, caller, cause }) {
        await get(id, caller);
        await clients.removeSecret(id, parameters['secretId'] ?? '', cause);
        return {};
      },
    }),
  ];
}
