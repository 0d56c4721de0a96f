/**
 * Connections: what an authorization, or a client of one directory, becomes. A grant of oidc-provider stands for one credential of kind `oauth`,
 * bound to the directory and to no person; it is alive exactly as long as that credential is.
 */

import { type Attribution, actorShape } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import { DAY_MS } from '../clock.ts';
import { type Credential, type Credentials, type Scope, stateAt } from '../credentials/index.ts';
import { AppError } from '../errors.ts';
import { newId, type Random, randomText } from '../identifiers.ts';
import { isDuplicate, readSurely, type Storage, type Stored } from '../storage/index.ts';
import type { Client } from './client-record.ts';
import type { About } from './grants.ts';

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
  /** The authorization request had no redirect URI: the client's only one stood for it, and the token request may leave it out too. */
  'redirectUriOmitted?': 'boolean',
  /** Its refresh token was imported and could be guessed. */
  'weak?': 'boolean',
  /** The word by which a refresh token was asked for; answers repeat it. */
  'offlineScope?': 'string',
  createdAt: 'date',
} as const;

/** What a person agreed to. Its id is the grant's. */
export type Authorization = Stored<typeof shape>;

export interface Connections {
  /** With `ids` a repeat gives what the first call made. */
  authorize(
    input: Omit<Authorization, 'id' | 'credentialId' | 'createdAt'>,
    ids?: Pick<Authorization, 'id' | 'credentialId'>,
  ): Promise<Authorization>;
  /** What a grant stands for. */
  find(grantId: string): Promise<Authorization | undefined>;
  /** Moves the end of a connection that only silence ends. */
  extend(credentialId: string, client: Client): Promise<void>;
  /**
   * The ID of the credential that the tokens of an authorization stand for; the first token makes it. A disabled one gives tokens too: they
   * must be there when it is enabled. Throws slots_full, not_found (the directory), credential_final (revoked or expired).
   */
  connect(authorization: Authorization, client: Client): Promise<string>;
  /** The same for one of another system, of which there is a refresh token already; `form`: what was given of that. */
  import(authorization: Authorization, client: Client, form: string, attribution: Attribution): Promise<void>;
  /** The same for a client of one directory, for which nobody needs to agree. */
  connectClient(client: Client): Promise<string>;
  /** Revokes the credential of an authorization: its tokens are refused from now on. */
  end(authorization: Authorization, reason: string, attribution: Attribution): Promise<void>;
}

const AGREED_KEPT = 10_000;
const GRANT_ID_LENGTH = 22;

/** When a connection ends by its client's policy: at its maximum age, or sooner for lack of use. */
function endOf({ maximumAgeDays, idleDays }: Client, madeAt: Date, usedAt: Date): Date | undefined {
  const ends = [
    ...(maximumAgeDays === undefined ? [] : [madeAt.getTime() + maximumAgeDays * DAY_MS]),
    ...(idleDays === undefined ? [] : [usedAt.getTime() + idleDays * DAY_MS]),
  ];
  return ends.length === 0 ? undefined : new Date(Math.min(...ends));
}

/** Which connection an authorization is about. */
export function aboutOf({ credentialId, organizationId, directoryId }: Authorization): About {
  return { credentialId, organizationId, directoryId };
}

export function createConnections(deps: {
  storage: Storage;
  credentials: Credentials;
  clock: Clock;
  random: Random;
}): Connections {
  const { storage, credentials, clock, random } = deps;
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
    const found = await readSurely((options) => authorizations.find(grantId, options));
    if (found) {
      if (agreed.size >= AGREED_KEPT) agreed.clear();
      agreed.set(grantId, found);
    }
    return found;
  }

  const madeOf = ({ credentialId, clientId, scope, authorizedBy, replaces, weak }: Authorization) => ({
    id: credentialId,
    clientId,
    scopes: scope.split(' ') as Scope[],
    authorizedBy,
    replaces,
    ...(weak && { weak }),
  });

  const isFinal = (credential: Credential) => ['revoked', 'expired'].includes(stateAt(credential, clock.now()));

  async function connectOnce(
    directoryId: string,
    made: Omit<Parameters<Credentials['connect']>[1], 'label' | 'expiresAt'>,
    client: Client,
    attribution: Attribution,
  ): Promise<string> {
    const known = await readSurely(
      ({ authoritative }) => (authoritative ? credentials.findNow(made.id) : credentials.find(made.id)),
      (credential) => credential !== undefined && !isFinal(credential),
    );
    // The tokens of an ended credential would be refused wherever they are presented; the client is to learn it here.
    if (known && isFinal(known)) {
      throw new AppError('credential_final', { credentialId: made.id, state: stateAt(known, clock.now()) });
    }
    const expiresAt = endOf(client, clock.now(), clock.now());
    if (!known) await credentials.connect(directoryId, { ...made, label: client.name, expiresAt }, attribution);
    return made.id;
  }

  return {
    async authorize(input, ids) {
      const { id, credentialId } = ids ?? {
        id: randomText(GRANT_ID_LENGTH, random),
        credentialId: newId('cred', random),
      };
      const authorization: Authorization = { ...input, id, credentialId, createdAt: clock.now() };
      try {
        await authorizations.insert(authorization);
      } catch (error) {
        const known = ids && isDuplicate(error, 'id') ? await find(id) : undefined;
        if (!known) throw error;
        return known;
      }
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

    async connect(authorization, client) {
      const { directoryId, authorizedBy, address } = authorization;
      const attribution: Attribution = {
        actor: authorizedBy,
        source: 'portal',
        ...(address !== undefined && { address }),
      };
      return connectOnce(directoryId, madeOf(authorization), client, attribution);
    },

    async import(authorization, client, importedAs, attribution) {
      await connectOnce(authorization.directoryId, { ...madeOf(authorization), importedAs }, client, attribution);
    },

    async connectClient(client) {
      const { id: clientId, credentialId, directoryId, createdBy } = client;
      if (directoryId === undefined || credentialId === undefined) {
        throw new AppError('not_found', { detail: `Client ${clientId} doesn't belong to a directory.` });
      }
      const made = { id: credentialId, clientId, authorizedBy: createdBy };
      return connectOnce(directoryId, made, client, { actor: createdBy, source: 'api' });
    },

    async end({ credentialId }, reason, attribution) {
      const credential = await credentials.find(credentialId);
      if (credential && !isFinal(credential))
        await credentials.revoke(credentialId, { force: true, reason }, attribution);
    },
  };
}
