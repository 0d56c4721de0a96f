/** What is told of token requests: each that was answered, and each refusal with its true reason, at the connection it is about. */
import type { Audit } from '../audit/index.ts';
import { GRANT_TYPES } from '../identity-providers/index.ts';
import type { Collection } from '../storage/index.ts';
import { type Artifact, artifactId, type FindRefreshToken } from './artifacts.ts';
import type { ProofFault } from './client-authentication.ts';
import type { ClientIds } from './client-ids.ts';
import type { Client } from './client-record.ts';
import { aboutOf, type Connections } from './connections.ts';
import type { About, Refused } from './grants.ts';
import type { Parameters } from './parameters.ts';
import { OAUTH_REFUSALS } from './refusals.ts';

/** A request as far as it tells who asks for what. */
export interface TokenRequest {
  parameters: Parameters;
  client?: Client | undefined;
  /** As it was named, where there is no such client. */
  clientId?: string | undefined;
  address: string;
  userAgent: string | undefined;
  requestId: string;
}

export function createTokenAudit(deps: {
  artifacts: Collection<Artifact>;
  findRefreshToken: FindRefreshToken;
  connections: Connections;
  clientIds: ClientIds;
  audit: Audit;
}) {
  const { artifacts, findRefreshToken, connections, clientIds, audit } = deps;

  /** Also where the client could not prove who it is: a refusal is told at the connection whose token came with it. */
  async function subjectOf({ parameters, client }: TokenRequest): Promise<About> {
    if (!client) return {};
    const { organizationId, directoryId } = client;
    if (parameters.get('grant_type') === 'client_credentials') {
      return { credentialId: client.credentialId, organizationId, directoryId };
    }
    const grantId = await grantOf(parameters);
    const authorization = grantId === undefined ? undefined : await connections.find(grantId);
    // Another client's token says nothing of this one.
    return authorization?.clientId === client.id ? aboutOf(authorization) : { organizationId, directoryId };
  }

  async function grantOf(parameters: Parameters): Promise<string | undefined> {
    const refreshToken = parameters.get('refresh_token');
    const code = parameters.get('code');
    if (refreshToken !== undefined) return (await findRefreshToken(refreshToken))?.grantId;
    return code === undefined ? undefined : (await artifacts.find(artifactId('AuthorizationCode', code)))?.grantId;
  }

  function factsOf(about: About, { client, clientId, parameters, address, userAgent, requestId }: TokenRequest) {
    const grantType = parameters.get('grant_type') ?? '';
    const isKnown = grantType === '' || (GRANT_TYPES as readonly string[]).includes(grantType);
    const actor = {
      type: 'identity_provider' as const,
      name: client?.name ?? 'unknown client',
      ...(client && { id: client.id }),
    };
    const data = {
      clientId: client?.id ?? clientId ?? '',
      grantType: isKnown ? grantType : 'unknown',
      userAgent,
    };
    return { ...about, address, requestId, actor, data };
  }

  return {
    issued(about: About, asked: TokenRequest): void {
      audit.tallies.note({}, { type: 'token.issued', ...factsOf(about, asked) });
    },

    /** `fault`: what is wrong with an assertion, or which secret was removed. */
    async refused(
      asked: TokenRequest,
      { refused, about, reason = OAUTH_REFUSALS[refused].reason }: Refused,
      fault?: ProofFault,
    ): Promise<void> {
      const like = refused === 'client_unknown' ? await clientIds.like(asked.clientId) : undefined;
      const { data, ...facts } = factsOf(about ?? like?.subject ?? (await subjectOf(asked)), asked);
      audit.tallies.note(
        {},
        {
          type: 'token.refused',
          ...facts,
          data: { ...data, reason, subReason: like?.refused ?? refused, ...like?.data, ...fault },
        },
      );
    },
  };
}
