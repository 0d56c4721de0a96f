/**
 * Connections: what an authorization, or a client of one directory, becomes. A grant of oidc-provider stands for one credential of kind `oauth`,
 * bound to the directory and to no person; it is alive exactly as long as that credential is.
 */
import { actorShape, type Cause } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import { type Credential, type Credentials, type Scope, stateAt } from '../credentials/index.ts';
import { AppError } from '../errors.ts';
import { newId, type Random } from '../identifiers.ts';
import type { Collection, Storage, Stored } from '../storage/index.ts';
import type { Artifact } from './artifacts.ts';
import type { Client, Clients } from './clients.ts';

const shape = {
  clientId: 'string',
  organizationId: 'string',
  directoryId: 'string',
  /** Chosen beforehand, so that an exchange that is tried again makes no second credential. */
  credentialId: 'string',
  scope: 'string',
  authorizedBy: actorShape,
  'address?': 'string',
  /** The credential whose place it takes when both slots are full. */
  'replaces?': 'string',
  createdAt: 'date',
} as const;

/** What a person agreed to. Its id is the grant's. */
export type Authorization = Stored<typeof shape>;

export interface Connections {
  authorize(input: Omit<Authorization, 'id' | 'credentialId' | 'createdAt'>, grantId: string): Promise<Authorization>;
  /** What a grant stands for. */
  find(grantId: string): Promise<Authorization | undefined>;
  /** Moves the end of a connection that only silence ends. */
  extend(credentialId: string, client: Client): Promise<void>;
  /** Whether the grant's credential may still be used or refreshed. A disabled one may: it must be there when it is enabled. */
  isAlive(grantId: string): Promise<boolean>;
  /** The credential behind a new access token; made now if this is the first. Throws slots_full, credential_final. */
  credentialOf(grantId: string | undefined, clientId: string | undefined): Promise<string | undefined>;
  /** Revokes the connection of a grant: its tokens are refused from now on. */
  end(grantId: string, reason: string, cause: Cause): Promise<void>;
}

const DAY_MS = 86_400_000;
const AGREED_KEPT = 10_000;

/** When a connection ends by its client's policy: at its maximum age, or sooner for lack of use. */
function endOf({ maximumAgeDays, idleDays }: Client, madeAt: Date, usedAt: Date): Date | undefined {
  const ends = [
    ...(maximumAgeDays === undefined ? [] : [madeAt.getTime() + maximumAgeDays * DAY_MS]),
    ...(idleDays === undefined ? [] : [usedAt.getTime() + idleDays * DAY_MS]),
  ];
  return ends.length === 0 ? undefined : new Date(Math.min(...ends));
}

export function createConnections(deps: {
  storage: Storage;
  artifacts: Collection<Artifact>;
  clients: Pick<Clients, 'find'>;
  credentials: Credentials;
  clock: Clock;
  random: Random;
}): Connections {
  const { storage, clients, credentials, clock, random } = deps;
  const authorizations = storage.collection({
    name: 'oauth_authorizations',
    shape,
    keys: { directoryId: 'index', clientId: 'index' },
    order: 'createdAt',
  });
  const agreed = new Map<string, Authorization>();

  /** What was agreed to never changes, so it need not be read again. */
  async function find(grantId: string): Promise<Authorization | undefined> {
    const known = agreed.get(grantId);
    if (known) return known;
    const found = await authorizations.find(grantId);
    if (found) {
      if (agreed.size >= AGREED_KEPT) agreed.clear();
      agreed.set(grantId, found);
    }
    return found;
  }

  async function connect(authorization: Authorization): Promise<string> {
    const { credentialId, clientId, directoryId, scope, authorizedBy, address, replaces } = authorization;
    const known = await credentials.find(credentialId);
    if (known) {
      assertLive(known);
      return credentialId;
    }
    const client = await clients.find(clientId);
    if (!client) throw new AppError('not_found', { detail: `There is no client ${clientId}.` });
    const cause: Cause = { actor: authorizedBy, source: 'portal', ...(address !== undefined && { address }) };
    const scopes = scope.split(' ') as Scope[];
    const expiresAt = endOf(client, clock.now(), clock.now());
    await credentials.connect(
      directoryId,
      { id: credentialId, clientId, label: client.name, scopes, authorizedBy, replaces, expiresAt },
      cause,
    );
    return credentialId;
  }

  /** A token of what is over would be refused wherever it is presented; the client is to learn it here. */
  function assertLive(credential: Credential): void {
    const state = stateAt(credential, clock.now());
    if (state === 'revoked' || state === 'expired') {
      throw new AppError('credential_final', { credentialId: credential.id, state });
    }
  }

  return {
    async authorize(input, grantId) {
      const authorization: Authorization = {
        ...input,
        id: grantId,
        credentialId: newId('cred', random),
        createdAt: clock.now(),
      };
      await authorizations.insert(authorization);
      return authorization;
    },

    find,

    async extend(credentialId, client) {
      if (client.idleDays === undefined) return;
      const credential = await credentials.find(credentialId);
      const end = credential && endOf(client, credential.createdAt, clock.now());
      // Once a hundredth of the time has passed is often enough.
      const isWorthIt =
        end && end.getTime() - (credential.expiresAt?.getTime() ?? 0) > client.idleDays * (DAY_MS / 100);
      if (isWorthIt) await credentials.extend(credentialId, end);
    },

    async isAlive(grantId) {
      const authorization = await find(grantId);
      if (!authorization) return false;
      const credential = await credentials.find(authorization.credentialId);
      // Not made yet: the code has not been exchanged.
      if (!credential) return true;
      const state = stateAt(credential, clock.now());
      return state !== 'revoked' && state !== 'expired';
    },

    async credentialOf(grantId, clientId) {
      if (grantId !== undefined) {
        const authorization = await find(grantId);
        return authorization && connect(authorization);
      }
      const client = clientId === undefined ? undefined : await clients.find(clientId);
      if (!client?.directoryId || !client.credentialId) return undefined;
      const known = await credentials.find(client.credentialId);
      if (known) assertLive(known);
      else {
        const { createdBy } = client;
        const cause: Cause = { actor: createdBy, source: 'api' };
        const expiresAt = endOf(client, clock.now(), clock.now());
        const made = { id: client.credentialId, clientId: client.id, label: client.name, authorizedBy: createdBy };
        await credentials.connect(client.directoryId, { ...made, expiresAt }, cause);
      }
      return client.credentialId;
    },

    async end(grantId, reason, cause) {
      const authorization = await find(grantId);
      const credential = authorization && (await credentials.find(authorization.credentialId));
      if (credential) await credentials.revoke(credential.id, { force: true, reason }, cause);
    },
  };
}
