/**
 * Whose a client secret is, by its digest: the digests of a client stand in lists, and no key reaches into a list. A note only points to
 * the client, whose record decides what the secret is; once it is removed, the note keeps what there was to tell. It lets nobody in.
 */
import { type Clock, DAY_MS } from '../clock.ts';
import { digestOf, isKeyed, UNKNOWN_HINT, type WeakValues } from '../credentials/index.ts';
import { AppError } from '../errors.ts';
import {
  allPages,
  isDuplicate,
  type Migration,
  type Page,
  type PageQuery,
  type Storage,
  type Stored,
} from '../storage/index.ts';
import { type Client, type ClientRecord, clientIdOf } from './client-record.ts';
import { type ClientSecret, presentedSecretOf } from './client-secrets.ts';
import type { SecretUse, SecretUseRecord } from './secret-uses.ts';

/** A client as far as it is told to somebody who holds its ID or its secret. */
export interface NamedClient {
  /** Of its record. */
  id: string;
  /** The OAuth client_id. */
  clientId: string;
  name: string;
  organizationId?: string | undefined;
  directoryId?: string | undefined;
  isDeleted: boolean;
}

export interface KnownSecret {
  client: NamedClient;
  state: 'live' | 'expired' | 'removed';
  /** It can be guessed. */
  isWeak: boolean;
  /** Absent where the value is weak, or came as a digest. */
  hint?: string;
  /** Absent for a secret that was removed in an earlier release, as its use is. */
  createdAt?: Date;
  expiresAt?: Date | undefined;
  removedAt?: Date;
  use?: SecretUse | undefined;
}

export type SecretOwners = ReturnType<typeof createSecretOwners>;

const shape = {
  digest: 'string',
  clientId: 'string',
  'organizationId?': 'string',
  'directoryId?': 'string',
  notedAt: 'date',
  'removed?': {
    publicId: 'string',
    clientName: 'string',
    hint: 'string',
    'secretId?': 'string',
    'createdAt?': 'date',
    'expiresAt?': 'date',
    at: 'date',
  },
  'expiresAt?': 'date',
} as const;

type Note = Stored<typeof shape>;
type Removed = NonNullable<Note['removed']>;

/** As long as events are kept by default. */
const KEPT_MS = 400 * DAY_MS;
/** Clients that may have one secret in common, as some systems gave it to all of theirs. */
const MOST_OWNERS = 20;
const AT_ONCE = 200;
const STATES = ['live', 'expired', 'removed'] as const;

export function createSecretOwners(deps: {
  storage: Storage;
  clock: Clock;
  weakValues: WeakValues;
  secretUses: SecretUseRecord;
}) {
  const { clock, weakValues, secretUses } = deps;
  const notes = deps.storage.collection({
    name: 'client_secret_owners',
    shape,
    keys: { digest: 'index', organizationId: 'index' },
    order: 'notedAt',
    expires: 'expiresAt',
  });

  /** Harmless where it is noted already. */
  async function note(client: ClientRecord, digest: string, removed?: Removed): Promise<void> {
    const { id: clientId, organizationId, directoryId } = client;
    const record: Note = {
      id: idOf(clientId, digest),
      digest,
      clientId,
      ...(organizationId !== undefined && { organizationId }),
      ...(directoryId !== undefined && { directoryId }),
      notedAt: clock.now(),
      ...(removed && { removed, expiresAt: endOf(removed) }),
    };
    await notes.insert(record).catch((error: unknown) => {
      if (!isDuplicate(error, 'id')) throw error;
    });
  }

  async function noteRemoval(client: ClientRecord, secrets: readonly ClientSecret[]): Promise<void> {
    const at = clock.now();
    for (const { id: secretId, digest, hint, createdAt, expiresAt } of secrets) {
      const told = { secretId, createdAt, ...(expiresAt && { expiresAt }) };
      const removed = { publicId: clientIdOf(client), clientName: client.name, hint, ...told, at };
      await note(client, digest, removed);
      await notes.update(idOf(client.id, digest), (record) => ({ ...record, removed, expiresAt: endOf(removed) }));
    }
  }

  async function knownOf(owner: Note, client: Client | undefined, value: string): Promise<KnownSecret | undefined> {
    const presented = client ? presentedSecretOf(client, value, clock.now(), weakValues) : undefined;
    if (client && (presented?.state === 'live' || presented?.state === 'expired')) {
      const { id, digest, hint, createdAt, expiresAt } = presented.secret;
      const uses = await secretUses.of({ id: client.id, secrets: [presented.secret] });
      const { state } = presented;
      return { client: namedClient(client), state, ...looksOf(digest, hint), createdAt, expiresAt, use: uses.get(id) };
    }
    const { removed } = owner;
    const last = presented?.state === 'removed' ? presented.removed : undefined;
    const removedAt = last?.removedAt ?? removed?.at;
    // The note was made for a secret that was never stored.
    if (!removedAt) return undefined;
    const { clientId: id, organizationId, directoryId } = owner;
    const { publicId = id, clientName: name = '', secretId, createdAt } = removed ?? {};
    const gone = { id, clientId: publicId, name, organizationId, directoryId, isDeleted: true };
    const uses =
      secretId !== undefined && createdAt
        ? await secretUses.of({ id, secrets: [{ id: secretId, createdAt }] })
        : undefined;
    return {
      client: client ? namedClient(client) : gone,
      state: 'removed',
      ...looksOf(owner.digest, removed?.hint ?? last?.hint ?? ''),
      ...(createdAt && { createdAt }),
      ...(removed?.expiresAt && { expiresAt: removed.expiresAt }),
      removedAt,
      use: uses?.get(secretId ?? ''),
    };
  }

  return {
    /** Stores secrets of a client; they are noted before, so that none is without its note. Rejects as `store` does. */
    async storing<T>(
      client: ClientRecord,
      secrets: readonly Pick<ClientSecret, 'digest'>[],
      store: () => Promise<T>,
    ): Promise<T> {
      for (const { digest } of secrets) await note(client, digest);
      try {
        return await store();
      } catch (error) {
        const isRefused = error instanceof AppError && error.status < 500;
        // Where the store gave no answer, they may be there.
        if (isRefused)
          for (const { digest } of secrets) await notes.remove(idOf(client.id, digest)).catch(() => undefined);
        throw error;
      }
    },

    noteRemoval,

    /**
     * What a value is to the clients of an organization, or of all; a secret that works comes before one that does not. `findClient`: by
     * the ID of its record. Rejects with storage_unavailable.
     */
    async find(
      value: string,
      organizationId: string | undefined,
      findClient: (id: string) => Promise<Client | undefined>,
    ): Promise<KnownSecret | undefined> {
      const plain = digestOf(value);
      const digest = [plain, weakValues.keyed(plain)];
      const { items } = await notes.page({ where: { digest, organizationId }, limit: MOST_OWNERS });
      const known = await Promise.all(
        items.map(async (owner) => knownOf(owner, await findClient(owner.clientId), value)),
      );
      return STATES.map((state) => known.find((one) => one?.state === state)).find((one) => one !== undefined);
    },

    /** Notes the secrets of earlier releases. */
    migration: (pageOf: (query: PageQuery) => Promise<Page<ClientRecord>>): Migration => ({
      name: 'note_client_secret_owners',
      async run() {
        for await (const clients of allPages((after) => pageOf({ after, limit: AT_ONCE })))
          for (const client of clients) {
            const told = { publicId: clientIdOf(client), clientName: client.name };
            for (const { digest } of client.secrets) await note(client, digest);
            for (const { digest, hint, removedAt } of client.removedSecrets ?? [])
              await note(client, digest, { ...told, hint, at: removedAt });
          }
      },
    }),
  };
}

export function namedClient(client: Client): NamedClient {
  const { id, name, organizationId, directoryId } = client;
  return { id, clientId: clientIdOf(client), name, organizationId, directoryId, isDeleted: false };
}

function idOf(clientId: string, digest: string): string {
  return `${clientId}:${digest}`;
}

function endOf({ at }: Removed): Date {
  return new Date(at.getTime() + KEPT_MS);
}

/** The end of a weak value would tell too much of it, and that of a digest is unknown. */
function looksOf(digest: string, hint: string): Pick<KnownSecret, 'isWeak' | 'hint'> {
  const isWeak = isKeyed(digest);
  return isWeak || hint === '' || hint === UNKNOWN_HINT ? { isWeak } : { isWeak, hint };
}
