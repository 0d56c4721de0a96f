/** oidc-provider's storage, on our own: secrets become digests, what waits for a person is kept elsewhere. */
import './runtime-notice.ts';

import { type Adapter, type AdapterPayload, errors } from 'oidc-provider';
import { type Clock, DAY_MS } from '../clock.ts';
import type { Collection } from '../storage/index.ts';
import { type Artifact, artifactId } from './artifacts.ts';
import type { Client } from './client-record.ts';
import type { Clients } from './clients.ts';

export interface AdapterDependencies {
  artifacts: Collection<Artifact>;
  clients: Pick<Clients, 'find'>;
  clock: Clock;
}

/** How long an access token or a code that is over is still known as one, so that its refusal is told at its connection. */
const KEPT_AFTER_END_MS = 7 * DAY_MS;
const ACCESS_TOKENS = new Set(['AccessToken', 'ClientCredentials']);
const KEPT_AFTER_END = new Set([...ACCESS_TOKENS, 'AuthorizationCode']);
/** Made once, and never written again: a second one of the same ID is an error. */
const WRITTEN_ONCE = new Set([...KEPT_AFTER_END, 'RefreshToken', 'Interaction']);

export function createAdapterFactory({ artifacts, clients, clock }: AdapterDependencies) {
  return (model: string): Adapter => {
    if (model === 'Client') return clientAdapter(clients);

    function endOf(model: string, expiresIn: number | undefined): Pick<Artifact, 'expiresAt' | 'endsAt'> {
      if (!hasEnd(model) || !expiresIn) return {};
      const end = clock.now().getTime() + expiresIn * 1000;
      const kept = KEPT_AFTER_END.has(model) ? KEPT_AFTER_END_MS : 0;
      return { expiresAt: new Date(end + kept), ...(kept > 0 && { endsAt: new Date(end) }) };
    }

    return {
      async upsert(id, payload, expiresIn) {
        const { jti: _jti, extra, ...rest } = payload;
        // A request that nobody has decided yet waits in its browser (pending-requests.ts); an anonymous caller writes nothing.
        if (model === 'Interaction' && rest['result'] === undefined) return;
        const credentialId = extra?.['credentialId'] as string | undefined;
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
        if (WRITTEN_ONCE.has(model)) await artifacts.insert(record);
        // Sessions and grants are written again.
        else if (!(await artifacts.update(key, ({ createdAt }) => ({ ...record, createdAt }))))
          await artifacts.insert(record);
      },

      async find(id) {
        const artifact = await artifacts.find(artifactId(model, id));
        if (!artifact || artifact.consumedAt || (artifact.endsAt && artifact.endsAt <= clock.now())) return undefined;
        return { ...(JSON.parse(artifact.payload) as AdapterPayload), jti: id };
      },

      async findByUid(uid) {
        const artifact = await artifacts.findBy('uid', uid);
        return artifact && (JSON.parse(artifact.payload) as AdapterPayload);
      },

      async destroy(id) {
        const key = artifactId(model, id);
        if (model !== 'Interaction') {
          await artifacts.remove(key);
          return;
        }
        // An answered request stays known as one: it is answered once, however often its address is opened.
        const result = await artifacts.update(key, (artifact) =>
          artifact.consumedAt ? undefined : { ...artifact, consumedAt: clock.now() },
        );
        if (!result || result.before === result.after)
          throw new errors.SessionNotFound('interaction session not found');
      },

      findByUserCode: unused,
      // Codes are spent by code-grant.ts, and a connection is ended by connections.ts.
      consume: unused,
      revokeByGrantId: unused,
    };
  };
}

const unused = async () => undefined;

/** What has no end of its own lives as long as its connection. */
function hasEnd(model: string): boolean {
  return model !== 'RefreshToken' && model !== 'Grant';
}

/** The one door by which the library sees our clients. */
function clientAdapter(clients: Pick<Clients, 'find'>): Adapter {
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

/** The library authenticates no client (oidc-provider.ts), so that a confidential one needs no more than a word for its secret. */
function metadataOf({ id, name, redirectUris, grantTypes, authMethod }: Client) {
  const isPublic = authMethod === 'none';
  const hasCode = grantTypes.includes('authorization_code');
  return {
    client_id: id,
    client_name: name,
    redirect_uris: redirectUris,
    // Of the grants it sees the one that begins at the authorization endpoint.
    grant_types: hasCode ? ['authorization_code'] : [],
    response_types: hasCode && redirectUris.length > 0 ? ['code'] : [],
    token_endpoint_auth_method: isPublic ? 'none' : 'client_secret_post',
    ...(!isPublic && { client_secret: 'not used' }),
  };
}
