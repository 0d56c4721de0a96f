/** What a text that somebody holds in hand has to do with a client: its secret or its ID, without using either. */
import { secretsIn } from './client-authentication.ts';
import type { ClientIds } from './client-ids.ts';
import type { Clients } from './clients.ts';
import { type KnownSecret, type NamedClient, namedClient, type SecretOwners } from './secret-owners.ts';

export type IdentifiedClient =
  | ({ what: 'client_secret' } & KnownSecret)
  /** `removedAt`: of a client that was deleted. */
  | { what: 'client_id'; client: NamedClient; removedAt?: Date };

export type Identify = ReturnType<typeof createIdentify>;

export function createIdentify(deps: { clients: Clients; clientIds: ClientIds; secretOwners: SecretOwners }) {
  const { clients, clientIds, secretOwners } = deps;

  /**
   * `text`: the value alone, or in an `Authorization` header. `organizationId`: clients of others are unknown, and so are shared ones.
   * Rejects with storage_unavailable.
   */
  return async function identify(
    text: string,
    organizationId: string | undefined,
  ): Promise<IdentifiedClient | undefined> {
    const values = secretsIn(text);
    for (const value of values) {
      const secret = await secretOwners.find(value, organizationId, clients.find);
      if (secret) return { what: 'client_secret', ...secret };
    }
    for (const value of values) {
      const named = await byId(value);
      if (named && (organizationId === undefined || named.client.organizationId === organizationId)) return named;
    }
    return undefined;
  };

  async function byId(id: string): Promise<Extract<IdentifiedClient, { what: 'client_id' }> | undefined> {
    const client = await clients.find(id);
    if (client) return { what: 'client_id', client: namedClient(client) };
    const { removedAt, ...owner } = (await clientIds.removed(id)) ?? {};
    return (
      removedAt && { what: 'client_id', client: { id, clientId: id, name: '', ...owner, isDeleted: true }, removedAt }
    );
  }
}
