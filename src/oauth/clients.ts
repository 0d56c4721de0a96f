/**
 * OAuth clients. A *shared* one has one id for all organizations, as an Okta OIN app has; an *owned* one belongs to one directory, as Entra and
 * custom apps have. Up to two secrets are live at a time, rotated like tokens: add one, put it into the IdP, take the old one away.
 */
import { timingSafeEqual } from 'node:crypto';
import { type Audit, actorShape, type Cause, outboxShape } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import { digestOf, hintOf } from '../credentials/index.ts';
import type { Directories, Provider } from '../directories/index.ts';
import { AppError } from '../errors.ts';
import { newId, type Random, randomText } from '../identifiers.ts';
import { isDuplicate, json, type Page, type Storage, type Stored, text } from '../storage/index.ts';
import { type GrantType, type Preset, redirectUrisOf } from './presets.ts';

export const AUTH_METHODS = ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'] as const;
export type AuthMethod = (typeof AUTH_METHODS)[number];

const shape = {
  name: 'string',
  provider: text<Provider>(),
  /** Set for an owned client. */
  'directoryId?': 'string',
  'organizationId?': 'string',
  /** Of a shared client: its provider again, so that it is found among many owned ones. */
  'sharedProvider?': text<Provider>(),
  'appName?': 'string',
  redirectUris: 'strings',
  /** Redirect URIs that were set by hand stay when the app name becomes known. */
  redirectUrisByHand: 'boolean',
  grantTypes: 'strings',
  authMethod: text<AuthMethod>(),
  secrets: [{ id: 'string', digest: 'string', hint: 'string', createdAt: 'date' }],
  'jwks?': json<{ keys: Record<string, unknown>[] }>(),
  'jwksUri?': 'string',
  accessTokenSeconds: 'number',
  /** Whether each refresh gives a new refresh token. Off for confidential clients: a lost answer can't cost them anything then. */
  rotateRefreshTokens: 'boolean',
  /** Days after which its connections end, however much they are used; and after which they end unused. Absent: never. */
  'maximumAgeDays?': 'number',
  'idleDays?': 'number',
  /** Entra's workload identity: whose assertions stand for this client. `workloadKey` finds the client by them. */
  'workloadIdentity?': { issuer: 'string', subject: 'string', audience: 'string', jwksUri: 'string' },
  'workloadKey?': 'string',
  /** Of a client_credentials client: the credential that its first token makes. */
  'credentialId?': 'string',
  createdAt: 'date',
  createdBy: actorShape,
  ...outboxShape,
} as const;

export type Client = Stored<typeof shape>;

export interface ClientInput {
  name: string;
  provider?: Provider | undefined;
  directoryId?: string | undefined;
  appName?: string | undefined;
  redirectUris?: string[] | undefined;
  grantTypes?: GrantType[] | undefined;
  tokenEndpointAuthMethod?: AuthMethod | undefined;
  jwks?: { keys: Record<string, unknown>[] } | undefined;
  jwksUri?: string | undefined;
  accessTokenSeconds?: number | undefined;
  rotateRefreshTokens?: boolean | undefined;
  maximumAgeDays?: number | undefined;
  idleDays?: number | undefined;
  workloadIdentity?: WorkloadIdentity | undefined;
}

/** RFC 7523 as Entra does it: its own issuer and subject, an audience that is agreed on, and no `jti`. */
export interface WorkloadIdentity {
  issuer: string;
  subject: string;
  audience: string;
  jwksUri: string;
}

export function workloadKeyOf({ issuer, subject, audience }: Omit<WorkloadIdentity, 'jwksUri'>): string {
  return JSON.stringify([issuer, subject, audience]);
}

export interface ClientChanges {
  name?: string | undefined;
  appName?: string | undefined;
  redirectUris?: string[] | undefined;
  accessTokenSeconds?: number | undefined;
}

export interface Clients {
  /** Throws not_found (directory), invalid_request. `clientSecret` is shown once; absent where the client has a key of its own. */
  create(input: ClientInput, cause: Cause): Promise<{ client: Client; clientSecret: string | undefined }>;
  find(id: string): Promise<Client | undefined>;
  /** The client for which an assertion of this issuer, subject and audience stands. */
  findByWorkload(identity: Omit<WorkloadIdentity, 'jwksUri'>): Promise<Client | undefined>;
  get(id: string): Promise<Client>;
  page(query: {
    organizationId?: string | undefined;
    directoryId?: string | undefined;
    /** A part of the name. */
    name?: string | undefined;
    /** Shared clients for this provider alone. */
    sharedProvider?: Provider | undefined;
    after?: string | undefined;
    limit: number;
  }): Promise<Page<Client>>;
  change(id: string, changes: ClientChanges, cause: Cause): Promise<Client>;
  remove(client: Client, cause: Cause): Promise<void>;
  /** Throws secrets_full when two are live; invalid_request for a client with a key of its own, or without any proof. */
  addSecret(id: string, cause: Cause): Promise<{ client: Client; secretId: string; clientSecret: string }>;
  /** Throws not_found, last_secret. */
  removeSecret(id: string, secretId: string, cause: Cause): Promise<Client>;
}

/** How Okta calls an app in its addresses. */
export const APP_NAME = /^[\w.-]{1,100}$/;

const SECRET_LENGTH = 43;
const LIVE_SECRETS = 2;
const ACCESS_TOKEN_SECONDS = 3600;

export function createClients(deps: {
  storage: Storage;
  audit: Audit;
  clock: Clock;
  random: Random;
  directories: Directories;
  presets: ReadonlyMap<string, Preset>;
  allowHttpRedirects: boolean;
  /** Hosts that keys may be fetched from. */
  jwksHosts: readonly string[];
}): Clients {
  const { storage, audit, clock, random, directories, presets, allowHttpRedirects, jwksHosts } = deps;
  const clients = audit.track(
    'clients',
    storage.collection({
      name: 'clients',
      shape,
      keys: {
        name: 'index',
        directoryId: 'index',
        organizationId: 'index',
        sharedProvider: 'index',
        workloadKey: 'unique',
        outboxAt: 'index',
      },
      order: 'createdAt',
    }),
  );

  const mintSecret = () => `scimcs_${randomText(SECRET_LENGTH, random)}`;
  const secretOf = (value: string) => ({
    id: randomText(8, random),
    digest: digestOf(value),
    hint: hintOf(value),
    createdAt: clock.now(),
  });
  const presetOf = (provider: string) => presets.get(provider) ?? (presets.get('generic') as Preset);
  const subjectOf = ({ organizationId, directoryId }: Pick<Client, 'organizationId' | 'directoryId'>) => ({
    organizationId,
    directoryId,
  });

  function checkRedirects(uris: readonly string[]): void {
    const errors = uris.flatMap((uri, index) => {
      const url = URL.parse(uri);
      const isLoopback = url !== null && /^(?:127\.0\.0\.1|localhost|\[::1\])$/.test(url.hostname);
      const isUsable =
        url && (url.protocol === 'https:' || (url.protocol === 'http:' && (isLoopback || allowHttpRedirects)));
      return isUsable && url.hash === '' && !url.username
        ? []
        : [
            {
              path: `redirectUris.${index}`,
              given: uri.slice(0, 200),
              wanted: 'an absolute https URL without fragment',
            },
          ];
    });
    if (errors.length > 0) throw new AppError('invalid_request', { detail: 'A redirect URI cannot be used.', errors });
  }

  function checkAppName(appName: string | undefined): void {
    if (appName === undefined || (APP_NAME.test(appName) && !/^\.+$/.test(appName))) return;
    const wanted = "Okta's name of the app, such as acme_scim_1: letters, digits, dot, hyphen, underscore";
    const detail = `App name: given ${appName.slice(0, 100)}; wanted ${wanted}.`;
    throw new AppError('invalid_request', {
      detail,
      errors: [{ path: 'appName', given: appName.slice(0, 100), wanted }],
    });
  }

  function checkJwksUri(uri: string | undefined): void {
    if (uri === undefined) return;
    const url = URL.parse(uri);
    if (url?.protocol === 'https:' && jwksHosts.includes(url.hostname)) return;
    const errors = [
      {
        path: 'jwksUri',
        given: uri.slice(0, 200),
        wanted: `an https URL on one of ${jwksHosts.join(', ') || 'no host'} (LATCHKEY_OAUTH_JWKS_HOSTS)`,
      },
    ];
    throw new AppError('invalid_request', { detail: 'Keys cannot be fetched from there.', errors });
  }

  function absent(id: string): AppError {
    return new AppError('not_found', { detail: `There is no client ${id}.` });
  }

  async function get(id: string): Promise<Client> {
    const client = await clients.find(id);
    if (!client) throw absent(id);
    return client;
  }

  return {
    async create(input, cause) {
      const { name, directoryId, appName, jwks, jwksUri, accessTokenSeconds = ACCESS_TOKEN_SECONDS } = input;
      checkAppName(appName);
      const provider = input.provider ?? 'generic';
      const preset = presetOf(provider);
      const directory = directoryId === undefined ? undefined : await directories.get(directoryId);
      const grantTypes =
        input.grantTypes ?? preset.grantTypes.filter((type) => directory || type !== 'client_credentials');
      if (!directory && grantTypes.includes('client_credentials')) {
        const errors = [
          {
            path: 'grantTypes',
            given: 'client_credentials',
            wanted:
              'a directoryId with it: without a person who consents, the client itself must belong to one directory',
          },
        ];
        throw new AppError('invalid_request', { detail: 'A shared client cannot use client_credentials.', errors });
      }
      const redirectUris = input.redirectUris ?? redirectUrisOf(preset, appName, allowHttpRedirects);
      checkRedirects(redirectUris);
      const { workloadIdentity, maximumAgeDays, idleDays } = input;
      checkJwksUri(jwksUri);
      checkJwksUri(workloadIdentity?.jwksUri);
      const hasKeys = jwks !== undefined || jwksUri !== undefined || workloadIdentity !== undefined;
      const authMethod = input.tokenEndpointAuthMethod ?? (hasKeys ? 'private_key_jwt' : 'client_secret_basic');
      const clientSecret = hasSecrets(authMethod) ? mintSecret() : undefined;
      const client: Client = {
        id: newId('client', random),
        name,
        provider,
        ...(directory
          ? { directoryId: directory.id, organizationId: directory.organizationId }
          : { sharedProvider: provider }),
        ...(appName !== undefined && { appName }),
        redirectUris,
        redirectUrisByHand: input.redirectUris !== undefined,
        grantTypes: [...grantTypes],
        authMethod,
        secrets: clientSecret === undefined ? [] : [secretOf(clientSecret)],
        ...(jwks && { jwks }),
        ...(jwksUri !== undefined && { jwksUri }),
        accessTokenSeconds,
        rotateRefreshTokens: input.rotateRefreshTokens ?? authMethod === 'none',
        ...(maximumAgeDays !== undefined && { maximumAgeDays }),
        ...(idleDays !== undefined && { idleDays }),
        ...(workloadIdentity && { workloadIdentity, workloadKey: workloadKeyOf(workloadIdentity) }),
        ...(grantTypes.includes('client_credentials') && { credentialId: newId('cred', random) }),
        createdAt: clock.now(),
        createdBy: cause.actor,
      };
      const event = audit.event('client.created', cause, subjectOf(client), { clientId: client.id, name, provider });
      await clients.insert(client, [event]).catch((error: unknown) => {
        throw isDuplicate(error, 'workloadKey') ? new AppError('workload_taken', {}, { cause: error }) : error;
      });
      return { client, clientSecret };
    },

    find: (id) => clients.find(id),
    findByWorkload: (identity) => clients.findBy('workloadKey', workloadKeyOf(identity)),
    get,
    page: ({ organizationId, directoryId, name, sharedProvider, after, limit }) =>
      clients.page({
        where: { organizationId, directoryId, sharedProvider },
        contains: name === undefined ? undefined : { key: 'name', text: name },
        after,
        limit,
        direction: 'descending',
      }),

    async change(id, { name, appName, redirectUris, accessTokenSeconds }, cause) {
      if (redirectUris) checkRedirects(redirectUris);
      checkAppName(appName);
      const result = await clients.update(id, (record) => {
        const isMade = redirectUris === undefined && appName !== undefined && !record.redirectUrisByHand;
        const made = isMade
          ? redirectUrisOf(presetOf(record.provider), appName, allowHttpRedirects)
          : record.redirectUris;
        const next: Client = {
          ...record,
          name: name ?? record.name,
          ...(appName !== undefined && { appName }),
          redirectUris: redirectUris ?? made,
          redirectUrisByHand: record.redirectUrisByHand || redirectUris !== undefined,
          accessTokenSeconds: accessTokenSeconds ?? record.accessTokenSeconds,
        };
        const changed = (['name', 'appName', 'redirectUris', 'accessTokenSeconds'] as const).filter(
          (key) => JSON.stringify(next[key]) !== JSON.stringify(record[key]),
        );
        if (changed.length === 0) return undefined;
        return {
          record: next,
          events: [audit.event('client.updated', cause, subjectOf(record), { clientId: id, changed })],
        };
      });
      if (!result) throw absent(id);
      return result.after;
    },

    async remove(client, cause) {
      const { id, name, provider } = client;
      await clients.remove(
        id,
        audit.event('client.deleted', cause, subjectOf(client), { clientId: id, name, provider }),
      );
    },

    async addSecret(id, cause) {
      const clientSecret = mintSecret();
      const secret = secretOf(clientSecret);
      const result = await clients.update(id, (record) => {
        if (!hasSecrets(record.authMethod)) {
          const detail = `Client ${id} authenticates by ${record.authMethod}; it has no secret, and none can be added.`;
          throw new AppError('invalid_request', { detail });
        }
        if (record.secrets.length >= LIVE_SECRETS) {
          throw new AppError('secrets_full', {
            secrets: record.secrets.map(({ id: secretId, hint, createdAt }) => ({ id: secretId, hint, createdAt })),
          });
        }
        const event = audit.event('client.secret_added', cause, subjectOf(record), {
          clientId: id,
          secretId: secret.id,
          hint: secret.hint,
        });
        return { record: { ...record, secrets: [...record.secrets, secret] }, events: [event] };
      });
      if (!result) throw absent(id);
      return { client: result.after, secretId: secret.id, clientSecret };
    },

    async removeSecret(id, secretId, cause) {
      const result = await clients.update(id, (record) => {
        const gone = record.secrets.find((secret) => secret.id === secretId);
        if (!gone) throw new AppError('not_found', { detail: `There is no secret ${secretId} of client ${id}.` });
        const secrets = record.secrets.filter((secret) => secret !== gone);
        if (secrets.length === 0) throw new AppError('last_secret', { clientId: id });
        const event = audit.event('client.secret_removed', cause, subjectOf(record), {
          clientId: id,
          secretId,
          hint: gone.hint,
        });
        return { record: { ...record, secrets }, events: [event] };
      });
      if (!result) throw absent(id);
      return result.after;
    },
  };
}

function hasSecrets(authMethod: AuthMethod): boolean {
  return authMethod === 'client_secret_basic' || authMethod === 'client_secret_post';
}

/** Whether a value is one of the client's live secrets; takes the same time whichever it is. */
export function isSecretOf(client: Client, value: string): boolean {
  const given = Buffer.from(digestOf(value));
  let isOne = false;
  for (const { digest } of client.secrets) {
    const kept = Buffer.from(digest);
    if (kept.length === given.length && timingSafeEqual(kept, given)) isOne = true;
  }
  return isOne;
}
