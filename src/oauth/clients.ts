/**
 * OAuth clients. A *shared* one has one id for all organizations, as an Okta OIN app has; an *owned* one belongs to one directory, as Entra and
 * custom apps have. Up to two secrets are live at a time, rotated like tokens: add one, put it into the IdP, take the old one away.
 */
import { type Attribution, type Audit, changesBetween } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import type { WeakValues } from '../credentials/index.ts';
import type { Directories } from '../directories/index.ts';
import { AppError } from '../errors.ts';
import { newId, type Random } from '../identifiers.ts';
import { type GrantType, type IdentityProviderId, oauthPresetOf, redirectUrisOf } from '../identity-providers/index.ts';
import { isDuplicate, type Migration, type Page, type ReadOptions, type Storage } from '../storage/index.ts';
import {
  checkAccessTokenSeconds,
  checkAppName,
  checkGrants,
  checkRedirects,
  isOwnClientId,
  plainSecretOf,
} from './client-checks.ts';
import { type ClientInput, draftClient } from './client-draft.ts';
import type { ClientIds } from './client-ids.ts';
import {
  type Client,
  type ClientRecord,
  clientOf,
  clientShape,
  hasSecrets,
  type WorkloadIdentity,
  workloadKeysOf,
} from './client-record.ts';
import {
  type ClientSecret,
  createSecretMaker,
  secretEndOf,
  withoutSecret,
  withoutSecrets,
  withRemoved,
  withSecret,
} from './client-secrets.ts';
import type { SecretOwners } from './secret-owners.ts';
import type { SecretUseRecord, SecretUses } from './secret-uses.ts';

export interface ClientChanges {
  name?: string | undefined;
  appName?: string | undefined;
  redirectUris?: string[] | undefined;
  grantTypes?: GrantType[] | undefined;
  accessTokenSeconds?: number | undefined;
}

export interface Clients {
  /**
   * Throws not_found (directory), invalid_request, weak_value, workload_taken, client_exists. `clientSecret` is shown once; absent where the client has a
   * key of its own, or brought its secret along. `isDry`: everything is checked and nothing is written.
   */
  create(
    input: ClientInput,
    attribution: Attribution,
    isDry?: boolean,
  ): Promise<{ client: Client; clientSecret: string | undefined }>;
  find(id: string, options?: ReadOptions): Promise<Client | undefined>;
  /** The client for which an assertion of this issuer, subject and audience stands. */
  findByWorkload(identity: Omit<WorkloadIdentity, 'jwksUri'>): Promise<Client | undefined>;
  /** The one client whose workload identity has this issuer; undefined where several have. */
  findByWorkloadIssuer(issuer: string): Promise<Client | undefined>;
  /** Whether a client has exactly the secret that an import would give it; also true where both have none. */
  hasImportedSecret(id: string, input: Pick<ClientInput, 'clientSecret' | 'clientSecretSha256'>): Promise<boolean>;
  get(id: string): Promise<Client>;
  page(query: {
    organizationId?: string | undefined;
    directoryId?: string | undefined;
    /** A part of the name. */
    name?: string | undefined;
    /** Shared clients for this provider alone. */
    sharedProvider?: IdentityProviderId | undefined;
    after?: string | undefined;
    limit: number;
  }): Promise<Page<Client>>;
  change(id: string, changes: ClientChanges, attribution: Attribution): Promise<Client>;
  remove(client: Client, attribution: Attribution): Promise<void>;
  /**
   * `expiresAt`: null for no end, absent for what its identity provider prescribes. Throws secrets_full when as many are live as may be; invalid_request
   * for a client with a key of its own or without any proof, and for an end that its identity provider does not allow.
   */
  addSecret(
    id: string,
    options: { expiresAt?: Date | null | undefined },
    attribution: Attribution,
  ): Promise<{ client: Client; secretId: string; clientSecret: string }>;
  /** When each of its secrets was last used, what this instance has not written yet included. */
  usesOfSecrets(client: Pick<Client, 'id' | 'secrets'>): Promise<SecretUses>;
  /** Throws not_found, last_secret. */
  removeSecret(id: string, secretId: string, attribution: Attribution): Promise<Client>;
  /** What `Storage.prepare` has to do once to the clients of earlier releases. */
  migrations: readonly Migration[];
}

export function createClients(deps: {
  storage: Storage;
  audit: Audit;
  clock: Clock;
  random: Random;
  directories: Directories;
  clientIds: ClientIds;
  secretUses: SecretUseRecord;
  secretOwners: SecretOwners;
  weakValues: WeakValues;
  allowHttpRedirects: boolean;
  /** Hosts that keys may be fetched from. */
  jwksHosts: readonly string[];
}): Clients {
  const { storage, audit, clock, random, clientIds, secretUses, secretOwners, weakValues } = deps;
  const { allowHttpRedirects } = deps;
  const secretMaker = createSecretMaker({ clock, random });
  const clients = audit.track(
    'clients',
    storage.collection({
      name: 'clients',
      shape: clientShape,
      keys: {
        name: 'index',
        directoryId: 'index',
        organizationId: 'index',
        sharedProvider: 'index',
        publicId: 'unique',
        workloadKey: 'unique',
        workloadIssuer: 'index',
        outboxAt: 'index',
      },
      order: 'createdAt',
    }),
  );

  const subjectOf = ({ organizationId, directoryId }: Pick<Client, 'organizationId' | 'directoryId'>) => ({
    organizationId,
    directoryId,
  });

  function absent(id: string): AppError {
    return new AppError('not_found', { detail: `There is no client ${id}.` });
  }

  async function find(id: string, options: ReadOptions = {}): Promise<Client | undefined> {
    const record = await (isOwnClientId(id) ? clients.find(id, options) : clients.findBy('publicId', id, options));
    return record && clientOf(record);
  }

  async function findByWorkload(identity: Omit<WorkloadIdentity, 'jwksUri'>): Promise<Client | undefined> {
    for (const key of workloadKeysOf(identity)) {
      const record = await clients.findBy('workloadKey', key);
      if (record) return clientOf(record);
    }
    return undefined;
  }

  async function get(id: string): Promise<Client> {
    const client = await find(id);
    if (!client) throw absent(id);
    return client;
  }

  /** It is removed: that it could not be noted only makes it harder to find later. */
  async function noteRemoved(client: ClientRecord, secrets: readonly ClientSecret[]): Promise<void> {
    await secretOwners.noteRemoval(client, secrets).catch(() => undefined);
  }

  return {
    async create(input, attribution, isDry = false) {
      const { record, clientSecret } = await draftClient(input, attribution, { ...deps, secretMaker });
      const { id, name, provider, publicId: clientId, workloadIdentity } = record;
      if (workloadIdentity && (await findByWorkload(workloadIdentity))) throw new AppError('workload_taken');
      if (clientId !== undefined && (await find(clientId))) throw new AppError('client_exists', { clientId });
      if (isDry) return { client: clientOf(record), clientSecret: undefined };
      const type = clientId === undefined ? 'client.created' : 'client.imported';
      const event = audit.event(type, attribution, subjectOf(record), { clientId: id, name, provider });
      await secretOwners.storing(record, record.secrets, () =>
        clients.insert(record, [event]).catch((error: unknown) => {
          if (isDuplicate(error, 'workloadKey')) throw new AppError('workload_taken', {}, { cause: error });
          throw isDuplicate(error, 'publicId') ? new AppError('client_exists', { clientId }, { cause: error }) : error;
        }),
      );
      // The client is there: that its ID could not be noted only makes a later refusal harder to explain.
      await clientIds.note(record).catch(() => undefined);
      return { client: clientOf(record), clientSecret };
    },

    find,
    findByWorkload,
    async findByWorkloadIssuer(issuer) {
      const { items } = await clients.page({ where: { workloadIssuer: issuer }, limit: 2 });
      const [record] = items;
      return record && items.length === 1 ? clientOf(record) : undefined;
    },
    async hasImportedSecret(id, input) {
      const client = await get(id);
      const plain = plainSecretOf(input)?.digest;
      if (plain === undefined) return client.secrets.length === 0;
      const digests: string[] = [plain, weakValues.keyed(plain)];
      return client.secrets.some(({ digest }) => digests.includes(digest));
    },
    get,
    async page({ organizationId, directoryId, name, sharedProvider, after, limit }) {
      const { items, nextCursor } = await clients.page({
        where: { organizationId, directoryId, sharedProvider },
        contains: name === undefined ? undefined : { key: 'name', text: name },
        after,
        limit,
        direction: 'descending',
      });
      return { items: items.map(clientOf), nextCursor };
    },

    async change(id, { name, appName, redirectUris, grantTypes, accessTokenSeconds }, attribution) {
      if (redirectUris) checkRedirects(redirectUris, allowHttpRedirects);
      checkAppName(appName);
      const result = await clients.update(id, (record) => {
        const isMade = redirectUris === undefined && appName !== undefined && !record.redirectUrisByHand;
        const made = isMade
          ? redirectUrisOf(oauthPresetOf(record.provider), appName, allowHttpRedirects)
          : record.redirectUris;
        if (accessTokenSeconds !== undefined) checkAccessTokenSeconds(accessTokenSeconds, record.provider);
        if (grantTypes) checkGrants(grantTypes, record.authMethod, record.directoryId === undefined);
        const needsCredential = record.credentialId === undefined && grantTypes?.includes('client_credentials');
        const next: ClientRecord = {
          ...record,
          name: name ?? record.name,
          ...(appName !== undefined && { appName }),
          redirectUris: redirectUris ?? made,
          redirectUrisByHand: record.redirectUrisByHand || redirectUris !== undefined,
          grantTypes: grantTypes ? [...grantTypes] : record.grantTypes,
          ...(needsCredential && { credentialId: newId('cred', random) }),
          accessTokenSeconds: accessTokenSeconds ?? record.accessTokenSeconds,
        };
        const attributes = ['name', 'appName', 'redirectUris', 'grantTypes', 'accessTokenSeconds'] as const;
        const told = changesBetween(record, next, attributes);
        if (told.changed.length === 0) return undefined;
        const event = audit.event('client.updated', attribution, subjectOf(record), { clientId: id, ...told });
        return { record: next, events: [event] };
      });
      if (!result) throw absent(id);
      return clientOf(result.after);
    },

    async remove(client, attribution) {
      const { id, name, provider } = client;
      await clientIds.noteRemoval(client);
      await secretOwners.noteRemoval(client, client.secrets);
      await clients.remove(
        id,
        audit.event('client.deleted', attribution, subjectOf(client), { clientId: id, name, provider }),
      );
    },

    async addSecret(id, { expiresAt }, attribution) {
      const clientSecret = secretMaker.mint();
      const known = await get(id);
      const uses = await secretUses.of(known);
      const made = secretMaker.secretOf(clientSecret, undefined);
      const { id: secretId } = made;
      const result = await secretOwners.storing(known, [made], async () => {
        const changed = await clients.update(id, (record) => {
          if (!hasSecrets(record.authMethod)) throw withoutSecrets(record.authMethod);
          const end = secretEndOf(record.provider, expiresAt, clock.now());
          const secret = { ...made, ...(end && { expiresAt: end }) };
          const secrets = withSecret(record, secret, uses, clock.now());
          const event = audit.event('client.secret_added', attribution, subjectOf(record), {
            clientId: id,
            secretId,
            hint: secret.hint,
            expiresAt: end?.toISOString() ?? null,
          });
          return { record: { ...record, secrets }, events: [event] };
        });
        if (!changed) throw absent(id);
        return changed;
      });
      const left = new Set(result.after.secrets.map((secret) => secret.id));
      await noteRemoved(
        result.before,
        result.before.secrets.filter((secret) => !left.has(secret.id)),
      );
      return { client: clientOf(result.after), secretId, clientSecret };
    },

    usesOfSecrets: secretUses.of,

    async removeSecret(id, secretId, attribution) {
      const result = await clients.update(id, (record) => {
        const secrets = withoutSecret(record, secretId, clock.now());
        const gone = record.secrets.find((secret) => secret.id === secretId);
        const event = audit.event('client.secret_removed', attribution, subjectOf(record), {
          clientId: id,
          secretId,
          hint: gone?.hint ?? '',
        });
        const removedSecrets = gone ? withRemoved(record, gone, clock.now()) : record.removedSecrets;
        return { record: { ...record, secrets, ...(removedSecrets && { removedSecrets }) }, events: [event] };
      });
      if (!result) throw absent(id);
      await noteRemoved(
        result.before,
        result.before.secrets.filter((secret) => secret.id === secretId),
      );
      return clientOf(result.after);
    },

    migrations: [
      clientIds.migration((query) => clients.page(query)),
      secretUses.migration((query) => clients.page(query)),
      secretOwners.migration((query) => clients.page(query)),
    ],
  };
}
