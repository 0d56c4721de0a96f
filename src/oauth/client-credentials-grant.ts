/** Client credentials (RFC 6749 4.4): the client belongs to one directory, and its first token makes the credential chosen with it. */
import type { Connections } from './connections.ts';
import { connected, type Grant } from './grants.ts';
import { readScope } from './parameters.ts';
import type { TokenMaker } from './tokens.ts';

export function createClientCredentialsGrant(deps: { connections: Connections; tokens: TokenMaker }): Grant {
  const { connections, tokens } = deps;

  return async function toClient(client, parameters) {
    const { credentialId, organizationId, directoryId } = client;
    const about = { credentialId, organizationId, directoryId };
    const read = readScope(parameters.get('scope'));
    if ('refused' in read) return { ...read, about };
    const { scope } = read;
    const connection = await connected(connections.connectClient(client));
    if ('refused' in connection) {
      // There is no refresh token here that could be at fault.
      const [, state] = /^connection_(revoked|expired)$/.exec(connection.refused) ?? [];
      return { ...connection, about, ...(state !== undefined && { reason: state }) };
    }
    return {
      about,
      tokens: {
        access_token: await tokens.access(connection.credentialId, { client, scope }),
        expires_in: client.accessTokenSeconds,
        scope,
        token_type: 'Bearer',
      },
    };
  };
}
