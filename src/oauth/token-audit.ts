/** What is told of token requests: each that was answered, and each refusal with its true reason, at the connection it is about. */
import type { Audit } from '../audit/index.ts';
import type { Collection } from '../storage/index.ts';
import { type Artifact, artifactId } from './artifacts.ts';
import type { AssertionFault } from './client-assertions.ts';
import type { Parameters } from './client-authentication.ts';
import type { Client } from './clients.ts';
import type { Connections } from './connections.ts';

/** A request as far as it tells who asks for what. */
export interface Asked {
  parameters: Parameters;
  client?: Client | undefined;
  /** As it was named, where there is no such client. */
  clientId?: string | undefined;
  address: string;
  userAgent: string | undefined;
  requestId: string;
}

export interface About {
  credentialId?: string | undefined;
  organizationId?: string | undefined;
  directoryId?: string | undefined;
}

export function createTokenAudit(deps: { artifacts: Collection<Artifact>; connections: Connections; audit: Audit }) {
  const { artifacts, connections, audit } = deps;

  async function grantOf(parameters: Parameters): Promise<string | undefined> {
    const refreshToken = parameters.get('refresh_token');
    const code = parameters.get('code');
    if (refreshToken !== undefined) return (await artifacts.find(artifactId('RefreshToken', refreshToken)))?.grantId;
    return code === undefined ? undefined : (await artifacts.find(artifactId('AuthorizationCode', code)))?.grantId;
  }

  function note(about: About, asked: Asked, reason: string | undefined, fault?: AssertionFault): void {
    const { client, clientId, parameters, address, userAgent, requestId } = asked;
    const data = {
      clientId: client?.id ?? clientId?.slice(0, 60) ?? '',
      grantType: parameters.get('grant_type')?.slice(0, 50) ?? '',
      userAgent,
    };
    const actor = {
      type: 'identity_provider' as const,
      name: client?.name ?? 'unknown client',
      ...(client && { id: client.id }),
    };
    const facts = { ...about, address, requestId, actor };
    if (reason === undefined) audit.tallies.note({}, { type: 'token.issued', ...facts, data });
    else audit.tallies.note({}, { type: 'token.refused', ...facts, data: { ...data, reason, ...fault } });
  }

  return {
    /** Which connection a request is about, also when it is refused. `grantId`: where it is known already. */
    async aboutOf({ parameters, client }: Asked, grantId?: string): Promise<About> {
      if (!client) return {};
      const { organizationId, directoryId } = client;
      if (parameters.get('grant_type') === 'client_credentials') {
        return { credentialId: client.credentialId, organizationId, directoryId };
      }
      const id = grantId ?? (await grantOf(parameters));
      const authorization = id === undefined ? undefined : await connections.find(id);
      // Another client's token says nothing of this one.
      return authorization?.clientId === client.id ? subjectOf(authorization) : { organizationId, directoryId };
    },

    issued: (about: About, asked: Asked) => note(about, asked, undefined),
    refused: note,
  };
}

function subjectOf({ credentialId, organizationId, directoryId }: Required<About>): About {
  return { credentialId, organizationId, directoryId };
}

/** Why a code was refused, in our words; `detail` is what oidc-provider keeps to itself. */
export function reasonOf(
  { detail = '', parameters }: { detail?: string; parameters: Parameters },
  error: string,
): string {
  if (parameters.get('grant_type') !== 'authorization_code') return error;
  if (detail.includes('slots full')) return 'slots_full';
  if (detail.includes('directory unknown')) return 'directory_unknown';
  if (/consumed|grant not found/.test(detail)) return 'code_replayed';
  if (/redirect_uri mismatch/.test(detail)) return 'redirect_uri_unknown';
  // A code of another client is none of this one's.
  return /not found|expired|client mismatch/.test(detail) ? 'code_expired' : error;
}
