import { type Attribution, type Audit, changesBetween, outboxShape } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import { AppError } from '../errors.ts';
import { newId, type Random, randomText } from '../identifiers.ts';
import type { IdentityProviderId } from '../identity-providers/index.ts';
import { seal } from '../secrets/sealing.ts';
import { isDuplicate, json, type Page, type ReadOptions, type Storage, type Stored, text } from '../storage/index.ts';
import type { Organizations } from './organizations.ts';
import type { UpstreamPolicy } from './upstream.ts';
import {
  describeCredential,
  keptCredential,
  type UpstreamCredential,
  type UpstreamCredentialInput,
} from './upstream-credential.ts';

/** Letters, digits and hyphens: Okta refuses a base URL with an underscore. */
export const ENDPOINT_KEY = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?$/;
/** In a URL these mean something else: endpoints of SCIM (RFC 7644 3.2), and `any` directory to forward-auth. */
const RESERVED_KEYS = new Set(
  'any Users Groups Me Bulk Schemas ResourceTypes ServiceProviderConfig ServiceProviderConfigs'.split(' '),
);
const ENDPOINT_KEY_ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyz';
const ENDPOINT_KEY_LENGTH = 24;

const shape = {
  organizationId: 'string',
  name: 'string',
  provider: text<IdentityProviderId>(),
  endpointKey: 'string',
  'upstreamUrl?': 'string',
  /** false: URIs in the upstream's answers stay as they are. */
  'mapUris?': 'boolean',
  /** Instead of the one for all directories. */
  'upstreamCredential?': json<UpstreamCredential>(),
  /** What introspection tells as `aud` instead of the endpoint's URL: the SCIM server has an address of its own. */
  'audience?': 'string',
  /** true: the gateway logs its requests, for 30 days. */
  'requestLog?': 'boolean',
  state: text<'active' | 'disabled'>(),
  'disabledAt?': 'date',
  /** Counts immediate rotations, so that those which race agree on the last one. */
  'generation?': 'number',
  createdAt: 'date',
  updatedAt: 'date',
  ...outboxShape,
} as const;

export type Directory = Stored<typeof shape>;

export interface DirectoryInput {
  organizationId: string;
  name: string;
  provider?: IdentityProviderId | undefined;
  upstreamUrl?: string | undefined;
  /** true unless it is said. */
  mapUris?: boolean | undefined;
  upstreamCredential?: UpstreamCredentialInput | undefined;
  audience?: string | undefined;
  /** false unless it is said. */
  requestLog?: boolean | undefined;
  endpointKey?: string | undefined;
}

export interface DirectoryChanges {
  name?: string | undefined;
  provider?: IdentityProviderId | undefined;
  /** null takes it away. */
  /** Another origin ends the directory's upstream credential, which was made for the old one. */
  upstreamUrl?: string | null | undefined;
  mapUris?: boolean | undefined;
  /** null: the one for all directories. */
  upstreamCredential?: UpstreamCredentialInput | null | undefined;
  /** null takes it away. */
  audience?: string | null | undefined;
  requestLog?: boolean | undefined;
  endpointKey?: string | undefined;
}

export interface Directories {
  /** Throws not_found (organization), endpoint_key_taken, invalid_request (upstream). */
  create(input: DirectoryInput, attribution: Attribution): Promise<Directory>;
  find(id: string, options?: ReadOptions): Promise<Directory | undefined>;
  /** By id or by endpointKey: whatever a URL or a proxy names it by. */
  findByReference(reference: string): Promise<Directory | undefined>;
  /** Throws not_found. */
  get(id: string): Promise<Directory>;
  count(organizationId: string): Promise<number>;
  page(query: {
    organizationId?: string | undefined;
    /** A part of the name. */
    name?: string | undefined;
    after?: string | undefined;
    limit: number;
  }): Promise<Page<Directory>>;
  /** Returns when no instance decides by the old values any more. Throws not_found, endpoint_key_taken, invalid_request. */
  change(id: string, changes: DirectoryChanges, attribution: Attribution): Promise<Directory>;
  /** Every request is refused once this returns. Disabling a disabled one changes nothing. */
  disable(id: string, attribution: Attribution, reason?: string): Promise<Directory>;
  enable(id: string, attribution: Attribution): Promise<Directory>;
  /** A number higher than any given out before for this directory. Throws not_found. */
  nextGeneration(id: string): Promise<number>;
  /** Removes the record alone; its credentials, and waiting out the lease, are the caller's. */
  remove(directory: Directory, attribution: Attribution): Promise<void>;
}

interface Dependencies {
  storage: Storage;
  audit: Audit;
  clock: Clock;
  random: Random;
  organizations: Organizations;
  upstreamPolicy: UpstreamPolicy;
  /** What upstream credentials are encrypted under. */
  secret: string;
  /** Waits until no instance answers from memory with what was true before. */
  waitOutLease: () => Promise<void>;
}

export function createDirectories(deps: Dependencies): Directories {
  const { storage, audit, clock, random, organizations, upstreamPolicy, waitOutLease } = deps;
  const directories = audit.track(
    'directories',
    storage.collection({
      name: 'directories',
      shape,
      keys: { name: 'index', organizationId: 'index', endpointKey: 'unique', outboxAt: 'index' },
      order: 'createdAt',
    }),
  );

  async function get(id: string): Promise<Directory> {
    const directory = await directories.find(id);
    if (!directory) throw absent(id);
    return directory;
  }

  const kept = (given: UpstreamCredentialInput) =>
    keptCredential(given, (value) => seal(value, deps.secret, 'upstream credentials', random));

  function checkUpstream(upstreamUrl: string | null | undefined): void {
    if (upstreamUrl === undefined || upstreamUrl === null) return;
    const problem = upstreamPolicy.problemOf(upstreamUrl);
    if (problem === undefined) return;
    const errors = [
      { path: 'upstreamUrl', given: upstreamUrl.slice(0, 200), wanted: 'an https URL with a public host', problem },
    ];
    throw new AppError('invalid_request', { detail: `upstreamUrl can't be used: ${problem}.`, errors });
  }

  function checkEndpointKey(endpointKey: string | undefined): void {
    if (endpointKey === undefined || !RESERVED_KEYS.has(endpointKey)) return;
    const errors = [{ path: 'endpointKey', given: endpointKey, wanted: `none of ${[...RESERVED_KEYS].join(', ')}` }];
    throw new AppError('invalid_request', { detail: `The endpoint key ${endpointKey} is reserved.`, errors });
  }

  function checkAudience(audience: string | null | undefined): void {
    if (audience === undefined || audience === null) return;
    const url = /^[\x21-\x7e]{1,2000}$/.test(audience) ? URL.parse(audience) : null;
    if (url && url.hash === '' && url.username === '' && url.password === '') return;
    const errors = [
      {
        path: 'audience',
        given: audience.slice(0, 200),
        wanted: 'an absolute URI without fragment, of at most 2000 characters',
      },
    ];
    throw new AppError('invalid_request', { detail: 'The audience is not an absolute URI without fragment.', errors });
  }

  function taken(error: unknown, endpointKey: string | undefined): never {
    if (!isDuplicate(error, 'endpointKey')) throw error;
    throw new AppError('endpoint_key_taken', { endpointKey }, { cause: error });
  }

  async function switchTo(
    state: Directory['state'],
    id: string,
    attribution: Attribution,
    reason?: string,
  ): Promise<Directory> {
    const type = state === 'disabled' ? 'directory.disabled' : 'directory.enabled';
    const result = await directories.update(id, (record) => {
      if (record.state === state) return undefined;
      const { disabledAt: _disabledAt, ...rest } = record;
      const now = clock.now();
      const subject = { organizationId: record.organizationId, directoryId: id };
      return {
        record: { ...rest, state, ...(state === 'disabled' && { disabledAt: now }), updatedAt: now },
        events: [
          audit.event(type, attribution, subject, { name: record.name, ...(reason !== undefined && { reason }) }),
        ],
      };
    });
    if (!result) throw absent(id);
    // Also when nothing changed: an earlier call may have been cut off before it could wait.
    if (state === 'disabled') await waitOutLease();
    return result.after;
  }

  return {
    async create(input, attribution) {
      const { organizationId, name, provider = 'generic', upstreamUrl, mapUris, audience, endpointKey } = input;
      checkUpstream(upstreamUrl);
      checkEndpointKey(endpointKey);
      checkAudience(audience);
      await organizations.get(organizationId);
      const now = clock.now();
      const directory: Directory = {
        id: newId('dir', random),
        organizationId,
        name,
        provider,
        endpointKey: endpointKey ?? randomText(ENDPOINT_KEY_LENGTH, random, ENDPOINT_KEY_ALPHABET),
        ...(upstreamUrl !== undefined && { upstreamUrl }),
        ...(mapUris === false && { mapUris }),
        ...(input.upstreamCredential && { upstreamCredential: kept(input.upstreamCredential) }),
        ...(audience !== undefined && { audience }),
        ...(input.requestLog === true && { requestLog: true }),
        state: 'active',
        createdAt: now,
        updatedAt: now,
      };
      const subject = { organizationId, directoryId: directory.id };
      const event = audit.event('directory.created', attribution, subject, {
        name,
        provider,
        endpointKey: directory.endpointKey,
      });
      await directories.insert(directory, [event]).catch((error: unknown) => taken(error, endpointKey));
      // The organization may have been deleted meanwhile; then nobody would find this directory to delete it.
      if (!(await organizations.find(organizationId))) {
        await directories.remove(
          directory.id,
          audit.event('directory.deleted', attribution, subject, { name, endpointKey: directory.endpointKey }),
        );
        await organizations.get(organizationId);
      }
      return directory;
    },

    find: (id, options) => directories.find(id, options),
    findByReference: async (reference) =>
      reference.startsWith('dir_') ? directories.find(reference) : directories.findBy('endpointKey', reference),
    get,
    count: (organizationId) => directories.count({ organizationId }),
    page: ({ organizationId, name, after, limit }) =>
      directories.page({
        where: { organizationId },
        contains: name === undefined ? undefined : { key: 'name', text: name },
        after,
        limit,
        direction: 'descending',
      }),

    async change(id, changes, attribution) {
      checkUpstream(changes.upstreamUrl);
      checkEndpointKey(changes.endpointKey);
      checkAudience(changes.audience);
      const given = changes.upstreamCredential && kept(changes.upstreamCredential);
      const result = await directories
        .update(id, (record) => {
          const {
            upstreamUrl: previous,
            mapUris: mapped,
            upstreamCredential: held,
            audience: earlier,
            requestLog: logged = false,
            ...rest
          } = record;
          const mapUris = changes.mapUris ?? mapped ?? true;
          const requestLog = changes.requestLog ?? logged;
          const audience = changes.audience === null ? undefined : (changes.audience ?? earlier);
          const upstreamUrl = changes.upstreamUrl === null ? undefined : (changes.upstreamUrl ?? previous);
          const isMoved = originOf(upstreamUrl) !== originOf(previous);
          const stays = changes.upstreamCredential === undefined && !(isMoved && held?.kind === 'header');
          const upstreamCredential = stays ? held : (given ?? undefined);
          const next: Directory = {
            ...rest,
            name: changes.name ?? record.name,
            provider: changes.provider ?? record.provider,
            endpointKey: changes.endpointKey ?? record.endpointKey,
            ...(upstreamUrl !== undefined && { upstreamUrl }),
            ...(!mapUris && { mapUris }),
            ...(upstreamCredential && { upstreamCredential }),
            ...(audience !== undefined && { audience }),
            ...(requestLog && { requestLog }),
            updatedAt: clock.now(),
          };
          const told = changesBetween(record, next, [
            'name',
            'provider',
            'endpointKey',
            'upstreamUrl',
            'mapUris',
            'audience',
            'requestLog',
          ]);
          if (upstreamCredential !== held) {
            told.changed.push('upstreamCredential');
            told.changes.push({
              attribute: 'upstreamCredential',
              from: describeCredential(held),
              to: describeCredential(upstreamCredential),
            });
          }
          if (told.changed.length === 0) return undefined;
          const subject = { organizationId: record.organizationId, directoryId: id };
          return { record: next, events: [audit.event('directory.updated', attribution, subject, told)] };
        })
        .catch((error: unknown) => taken(error, changes.endpointKey));
      if (!result) throw absent(id);
      const { before, after } = result;
      const carried = ['endpointKey', 'upstreamUrl', 'mapUris', 'upstreamCredential', 'audience'] as const;
      if (carried.some((key) => before[key] !== after[key])) await waitOutLease();
      return after;
    },

    disable: (id, attribution, reason) => switchTo('disabled', id, attribution, reason),
    enable: (id, attribution) => switchTo('active', id, attribution),

    async nextGeneration(id) {
      const result = await directories.update(id, (record) => ({
        record: { ...record, generation: (record.generation ?? 0) + 1 },
        events: [],
      }));
      if (result?.after.generation === undefined) throw absent(id);
      return result.after.generation;
    },

    async remove({ id, organizationId, name, endpointKey }, attribution) {
      await directories.remove(
        id,
        audit.event('directory.deleted', attribution, { organizationId, directoryId: id }, { name, endpointKey }),
      );
    },
  };
}

function originOf(url: string | undefined): string | undefined {
  return url === undefined ? undefined : URL.parse(url)?.origin;
}

function absent(id: string): AppError {
  return new AppError('not_found', { detail: `There is no directory ${id}.` });
}

/** What is put into the IdP as its SCIM base URL. */
export function endpointUrlOf(publicUrl: string, endpointKey: string): string {
  return `${publicUrl}/scim/v2/${endpointKey}`;
}
