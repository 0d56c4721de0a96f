/** oidc-provider's storage, on our own: secrets become digests, a grant lives and dies with its credential, a code can be tried again. */
import { type Adapter, type AdapterPayload, errors } from 'oidc-provider';
import type { Cause } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import { isAppError } from '../errors.ts';
import type { Collection } from '../storage/index.ts';
import { type Artifact, artifactId } from './artifacts.ts';
import type { Client, Clients } from './clients.ts';
import type { Connections } from './connections.ts';

export interface AdapterDependencies {
  artifacts: Collection<Artifact>;
  clients: Pick<Clients, 'find'>;
  connections: Connections;
  clock: Clock;
  /** Why the request under way ends a connection, and whose it is. */
  ending: () => [reason: string, cause: Cause];
}

/** How long an access token or a code that is over is still known as one, so that its refusal is told at its connection. */
const KEPT_AFTER_END_MS = 7 * 86_400_000;
const ACCESS_TOKENS = new Set(['AccessToken', 'ClientCredentials']);
const KEPT_AFTER_END = new Set([...ACCESS_TOKENS, 'AuthorizationCode']);

export function createAdapterFactory({ artifacts, clients, connections, clock, ending }: AdapterDependencies) {
  return (model: string): Adapter => {
    if (model === 'Client') return clientAdapter(clients);

    function endOf(model: string, expiresIn: number | undefined): Pick<Artifact, 'expiresAt' | 'endsAt'> {
      if (!hasEnd(model) || !expiresIn) return {};
      const end = clock.now().getTime() + expiresIn * 1000;
      const kept = KEPT_AFTER_END.has(model) ? KEPT_AFTER_END_MS : 0;
      return { expiresAt: new Date(end + kept), ...(kept > 0 && { endsAt: new Date(end) }) };
    }

    function payloadOf(artifact: Artifact, id: string): AdapterPayload {
      const payload = JSON.parse(artifact.payload) as AdapterPayload;
      payload.jti = id;
      // A code counts as used only once its answer is kept: a crash on the way leaves it to be tried again.
      if ((model === 'AuthorizationCode' ? artifact.answeredAt : artifact.consumedAt) !== undefined)
        payload.consumed = true;
      return payload;
    }

    async function credentialOf({ grantId, clientId }: AdapterPayload): Promise<string | undefined> {
      try {
        return await connections.credentialOf(grantId, clientId);
      } catch (error) {
        if (isAppError(error, 'slots_full')) throw new errors.InvalidGrant('slots full');
        if (isAppError(error, 'not_found')) throw new errors.InvalidGrant('directory unknown');
        if (isAppError(error, 'credential_final'))
          throw new errors.InvalidGrant(`credential ${String(error.facts['state'])}`);
        throw error;
      }
    }

    return {
      async upsert(id, payload, expiresIn) {
        const { jti: _jti, ...rest } = payload;
        // An interaction names its browser session, which nothing needs again.
        if (model === 'Interaction' && rest.session) delete rest.session.cookie;
        const credentialId = ACCESS_TOKENS.has(model) ? await credentialOf(payload) : undefined;
        const key = artifactId(model, id);
        const record: Artifact = {
          id: key,
          model,
          payload: JSON.stringify(rest),
          ...(payload.grantId !== undefined && { grantId: payload.grantId }),
          ...(payload.clientId !== undefined && { clientId: payload.clientId }),
          ...(payload.uid !== undefined && { uid: payload.uid }),
          ...(credentialId !== undefined && { credentialId }),
          ...(payload.scope !== undefined && { scope: payload.scope }),
          createdAt: clock.now(),
          ...endOf(model, expiresIn),
        };
        // Tokens are new each time; sessions, interactions and grants are written again.
        if (ACCESS_TOKENS.has(model) || model === 'RefreshToken' || model === 'AuthorizationCode')
          await artifacts.insert(record);
        else if (!(await artifacts.update(key, ({ createdAt }) => ({ ...record, createdAt })))) {
          // A decision about a request that was answered meanwhile must not bring it back.
          if (model === 'Interaction' && rest['result'] !== undefined) throw over();
          await artifacts.insert(record);
        }
      },

      async find(id) {
        const artifact = await artifacts.find(artifactId(model, id));
        if (!artifact || (artifact.endsAt && artifact.endsAt <= clock.now())) return undefined;
        if (model === 'Grant' && !(await connections.isAlive(id))) return undefined;
        return payloadOf(artifact, id);
      },

      async findByUid(uid) {
        const artifact = await artifacts.findBy('uid', uid);
        return artifact && (JSON.parse(artifact.payload) as AdapterPayload);
      },

      async findByUserCode() {
        return undefined;
      },

      async consume(id) {
        await artifacts.update(artifactId(model, id), (artifact) =>
          artifact.consumedAt ? undefined : { ...artifact, consumedAt: clock.now() },
        );
      },

      async destroy(id) {
        const wasThere = await artifacts.remove(artifactId(model, id));
        // A request is answered once, however often its button was pressed.
        if (model === 'Interaction' && !wasThere) throw over();
        if (model === 'Grant') await connections.end(id, ...ending());
      },

      async revokeByGrantId() {
        // A grant ends as a whole, by its own destroy.
      },
    };
  };
}

function over(): Error {
  return new errors.SessionNotFound('interaction session not found');
}

/** What has no end of its own lives as long as its connection. */
function hasEnd(model: string): boolean {
  return model !== 'RefreshToken' && model !== 'Grant';
}

function clientAdapter(clients: Pick<Clients, 'find'>): Adapter {
  const unused = async () => undefined;
  return {
    upsert: unused,
    consume: unused,
    destroy: unused,
    revokeByGrantId: unused,
    findByUid: unused,
    findByUserCode: unused,
    async find(id) {
      const client = id.startsWith('client_') ? await clients.find(id) : undefined;
      return client && (metadataOf(client) as unknown as AdapterPayload);
    },
  };
}

/** Whoever reaches oidc-provider's token endpoint has been authenticated by us; all that it is shown is a pass (token-endpoint.ts). */
function metadataOf({ id, name, redirectUris, grantTypes, accessTokenSeconds, authMethod, directoryId }: Client) {
  const isPublic = authMethod === 'none';
  const hasCode = grantTypes.includes('authorization_code');
  return {
    client_id: id,
    client_name: name,
    redirect_uris: redirectUris,
    grant_types: grantTypes,
    response_types: hasCode && redirectUris.length > 0 ? ['code'] : [],
    token_endpoint_auth_method: isPublic ? 'none' : 'client_secret_post',
    ...(!isPublic && { client_secret: 'a pass' }),
    access_token_seconds: accessTokenSeconds,
    ...(directoryId !== undefined && { directory_id: directoryId }),
  };
}
