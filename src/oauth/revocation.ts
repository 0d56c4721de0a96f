/** Revocation (RFC 7009): an access token means that one alone; a refresh token stands for its connection, which ends. */
import type { Attribution } from '../audit/index.ts';
import type { Collection } from '../storage/index.ts';
import { type Artifact, artifactId, type FindRefreshToken } from './artifacts.ts';
import type { Client } from './client-record.ts';
import type { Connections } from './connections.ts';

export function createRevocation(deps: {
  artifacts: Collection<Artifact>;
  findRefreshToken: FindRefreshToken;
  connections: Connections;
  waitOutLease: () => Promise<void>;
}) {
  const { artifacts, findRefreshToken, connections, waitOutLease } = deps;

  /** When it is done, no instance accepts the token any more. What is unknown, or another client's, is left alone (2.2). */
  return async function revoke(client: Client, token: string, attribution: Attribution): Promise<void> {
    const refresh = await findRefreshToken(token);
    if (refresh && refresh.clientId === client.id && refresh.grantId !== undefined) {
      const authorization = await connections.find(refresh.grantId);
      if (authorization) await connections.end(authorization, 'revoked by its client', attribution);
    }
    const access = await artifacts.find(artifactId('AccessToken', token));
    if (!access || access.clientId !== client.id) return;
    await artifacts.remove(access.id);
    // Instances may hold it in memory until their lease has ended.
    await waitOutLease();
  };
}
