import { z } from 'zod';
import { isWithinReach } from '../access.ts';
import type { Clock } from '../clock.ts';
import type { Credentials } from '../credentials/index.ts';
import type { Directories } from '../directories/index.ts';
import { AppError } from '../errors.ts';
import { APP_NAME, type Client, type ClientInput, type Clients, GRANT_TYPES, type Oauth } from '../oauth/index.ts';
import {
  accessTokenSeconds,
  clientFields,
  clientView,
  importedSecret,
  redirectUris,
  secretEnd,
  viewClient,
} from './client-schemas.ts';
import {
  assertMayImport,
  assertVisible,
  type Call,
  type Caller,
  type Operation,
  operation,
  type Reply,
} from './operation.ts';
import * as schemas from './schemas.ts';

const tag = 'Clients';

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
        'directoryId is missing. This API key is limited to one organization, and a client without directoryId is shared by all.';
      throw new AppError('forbidden', { detail });
    }
  }

  /** A shared client is nobody's own: a key limited to one organization neither sees nor makes one. */
  async function get(id: string, caller: Caller): Promise<Client> {
    const client = await clients.get(id);
    assertVisible(caller, client.organizationId ?? '', `client ${id}`);
    return client;
  }

  const shown = async (client: Client) => viewClient(client, await clients.usesOfSecrets(client), clock.now());

  async function create({
    body,
    caller,
    attribution,
  }: Pick<Call<unknown, ClientInput>, 'body' | 'caller' | 'attribution'>): Promise<Reply> {
    await assertMayCreate(body.directoryId, caller);
    assertMayImport(caller, body);
    const { client, clientSecret } = await clients.create(body, attribution);
    return {
      body: { client: await shown(client) },
      ...(clientSecret !== undefined && { secret: { clientSecret } }),
    };
  }

  return [
    operation({
      method: 'post',
      path: '/clients',
      tag,
      summary: 'Create an OAuth client',
      description:
        "A client with a directoryId belongs to that directory. Without one, all organizations share it. Redirect URIs and grant types default to the provider's.",
      action: 'clients.change',
      body: z.strictObject(clientFields),
      status: 201,
      answer: z.object({ client: clientView, clientSecret: schemas.shownOnce }),
      errors: ['not_found', 'invalid_request'],
      handle: create,
    }),
    operation({
      method: 'post',
      path: '/clients/import',
      tag,
      summary: 'Import an OAuth client from another system',
      description:
        'Send the client_id, and the secret in clear text or as SHA-256. The identity provider keeps its values. Without a secret, a new one is created and shown once. To import many clients or do a dry run, use /imports.',
      action: 'clients.change',
      body: z.strictObject({
        clientId: z.string().max(100).describe("The client's client_id in the other system."),
        ...importedSecret,
        ...clientFields,
      }),
      status: 201,
      answer: z.object({ client: clientView, clientSecret: schemas.shownOnce }),
      errors: ['not_found', 'invalid_request', 'client_exists', 'weak_value'],
      handle: create,
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
        return { body: { items: await Promise.all(items.map(shown)), nextCursor } };
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
      handle: async ({ id, caller }) => ({ body: await shown(await get(id, caller)) }),
    }),
    operation({
      method: 'patch',
      path: '/clients/:id',
      tag,
      summary: 'Change an OAuth client',
      description: 'A new appName also updates the redirect URIs, unless you set them yourself.',
      action: 'clients.change',
      body: z.strictObject({
        name: schemas.name.optional(),
        appName: z.string().regex(APP_NAME, "expected the app's name in Okta, such as acme_scim_1").optional(),
        redirectUris: redirectUris.optional(),
        grantTypes: z.array(z.enum(GRANT_TYPES)).min(1).optional(),
        accessTokenSeconds: accessTokenSeconds.optional(),
      }),
      status: 200,
      answer: clientView,
      errors: ['not_found', 'invalid_request'],
      async handle({ id, body, caller, attribution }) {
        const client = await get(id, caller);
        return { body: await shown(await clients.change(client.id, body, attribution)) };
      },
    }),
    operation({
      method: 'delete',
      path: '/clients/:id',
      tag,
      summary: 'Delete an OAuth client',
      description:
        "The client can't get any more tokens. Its connections are credentials of their directories. To end them now, revoke them too.",
      action: 'clients.change',
      status: 204,
      errors: ['not_found'],
      async handle({ id, caller, attribution }) {
        await clients.remove(await get(id, caller), attribution);
        return {};
      },
    }),
    operation({
      method: 'post',
      path: '/directories/:id/connections',
      tag,
      summary: 'Connect a client manually',
      description:
        'For identity providers that need a pasted refresh token, such as SailPoint. There is no consent page. The token is shown once.',
      action: 'credentials.change',
      body: z.strictObject({
        clientId: z.string().max(100),
        replaces: z
          .string()
          .max(100)
          .optional()
          .describe(
            'The credential to replace when both slots are full. That credential works until the new connection is used.',
          ),
      }),
      status: 201,
      answer: z.object({ credentialId: z.string(), refreshToken: schemas.shownOnce }),
      errors: ['not_found', 'slots_full', 'invalid_request'],
      async handle({ id, body, caller, attribution }) {
        const directory = await directories.get(id);
        assertVisible(caller, directory.organizationId, `directory ${id}`);
        const client = await clients.get(body.clientId);
        if (client.directoryId !== undefined && client.directoryId !== id)
          throw new AppError('not_found', { detail: `There is no client ${body.clientId}.` });
        const holders = await credentials.holders(id);
        if (body.replaces !== undefined && !holders.some((holder) => holder.id === body.replaces)) {
          throw new AppError('not_found', { detail: `Credential ${body.replaces} holds no slot of this directory.` });
        }
        const { credentialId, refreshToken } = await connectByHand(client, directory, body.replaces, attribution);
        return { body: { credentialId }, secret: { refreshToken } };
      },
    }),
    operation({
      method: 'post',
      path: '/clients/:id/secrets',
      tag,
      summary: 'Add a secret',
      description:
        'All active secrets work until they expire or are removed. Paste the new one into the identity provider before you remove the old one. A client can have two active secrets, or three for Entra.',
      action: 'clients.change',
      body: z.strictObject({
        expiresAt: secretEnd.describe(
          'Default: what the identity provider requires, for example two years for Entra. null: never.',
        ),
      }),
      status: 201,
      answer: z.object({
        client: clientView,
        secretId: z.string(),
        clientSecret: schemas.shownOnce,
      }),
      errors: ['not_found', 'invalid_request', 'secrets_full'],
      async handle({ id, body, caller, attribution }) {
        const known = await get(id, caller);
        const { client, secretId, clientSecret } = await clients.addSecret(known.id, body, attribution);
        return { body: { client: await shown(client), secretId }, secret: { clientSecret } };
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
      async handle({ id, parameters, caller, attribution }) {
        const client = await get(id, caller);
        await clients.removeSecret(client.id, parameters['secretId'] ?? '', attribution);
        return {};
      },
    }),
  ];
}
