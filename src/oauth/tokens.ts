/** Makes access and refresh tokens, as oidc-provider's models of them: the one place where the token endpoint meets the library. */
import type { Provider as OidcProvider } from 'oidc-provider';
import type { Client } from './client-record.ts';
import type { Authorization } from './connections.ts';

export interface MadeFor {
  client: Client;
  scope: string;
  /** What a person agreed to; absent with client credentials. */
  authorization?: Authorization;
}

export type TokenMaker = ReturnType<typeof createTokenMaker>;

const GRANT_TYPES = 'authorization_code refresh_token';

export function createTokenMaker(oidcProvider: () => OidcProvider) {
  const subjectOf = ({ client, scope, authorization }: MadeFor) => ({
    clientId: client.id,
    scope,
    ...(authorization && { accountId: authorization.directoryId, grantId: authorization.id, gty: GRANT_TYPES }),
  });

  return {
    /** An access token of this credential, valid for the client's `accessTokenSeconds`. Rejects with storage_unavailable. */
    async access(credentialId: string, about: MadeFor): Promise<string> {
      const models = oidcProvider();
      const Model = about.authorization ? models.AccessToken : models.ClientCredentials;
      const expiresIn = about.client.accessTokenSeconds;
      return new Model({ ...subjectOf(about), expiresIn, extra: { credentialId } } as never).save();
    },

    /** A refresh token; it ends with its connection alone. Rejects with storage_unavailable. */
    async refresh(about: MadeFor): Promise<string> {
      return new (oidcProvider().RefreshToken)(subjectOf(about) as never).save();
    },
  };
}
