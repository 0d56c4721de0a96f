/** Where messages go over HTTP: webhooks of the vendor's own software, and channels of Slack and Microsoft Teams. */
import { type Attribution, type Audit, actorShape, outboxShape, SYSTEM } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import { isOriginAllowed, type Organizations, type UpstreamPolicy } from '../directories/index.ts';
import { AppError } from '../errors.ts';
import { newId, type Random, randomText } from '../identifiers.ts';
import { seal, unseal } from '../secrets/sealing.ts';
import { type Page, type Storage, type Stored, text } from '../storage/index.ts';
import { isSubscribed, type WebhookEventType } from './event-types.ts';
import { newSigningSecret } from './signing.ts';

export const ENDPOINT_KINDS = ['webhook', 'slack', 'teams'] as const;
export type EndpointKind = (typeof ENDPOINT_KINDS)[number];
/** Everything that a delivery can go to. */
export const TARGET_KINDS = [...ENDPOINT_KINDS, 'mail'] as const;
export type TargetKind = (typeof TARGET_KINDS)[number];

export type DisabledReason = 'by_hand' | 'gone' | 'failing';

const shape = {
  kind: text<EndpointKind>(),
  /** Sealed: anyone with the address of a chat channel can write to it. */
  sealedUrl: 'string',
  /** As it is shown: without a query, and of a chat channel the host alone. */
  shownUrl: 'string',
  'description?': 'string',
  /** Event types, or families such as `dsync.*`. Empty: all. */
  events: 'strings',
  /** Absent: of all organizations. */
  'organizationId?': 'string',
  state: text<'active' | 'disabled'>(),
  'disabledReason?': text<DisabledReason>(),
  'disabledAt?': 'date',
  /** The newest first; the one before it has an end. */
  secrets: [{ id: 'string', sealed: 'string', createdAt: 'date', 'expiresAt?': 'date' }],
  /** Since when nothing was delivered, while attempts failed. */
  'failingSince?': 'date',
  createdAt: 'date',
  createdBy: actorShape,
  updatedAt: 'date',
  ...outboxShape,
} as const;

export type Endpoint = Stored<typeof shape>;

export interface EndpointInput {
  url: string;
  kind?: EndpointKind | undefined;
  description?: string | undefined;
  events?: readonly string[] | undefined;
  organizationId?: string | undefined;
}

export interface EndpointChanges {
  url?: string | undefined;
  /** null removes it. */
  description?: string | null | undefined;
  events?: readonly string[] | undefined;
}

export interface Endpoints {
  /** Returns when every instance sends to it. `secret`: of a webhook, shown once. Throws invalid_request, webhooks_full. */
  create(input: EndpointInput, attribution: Attribution): Promise<{ endpoint: Endpoint; secret: string | undefined }>;
  find(id: string): Promise<Endpoint | undefined>;
  /** Throws not_found. */
  get(id: string): Promise<Endpoint>;
  page(query: {
    organizationId?: string | undefined;
    after?: string | undefined;
    limit: number;
  }): Promise<Page<Endpoint>>;
  /** Throws not_found, invalid_request. */
  change(id: string, changes: EndpointChanges, attribution: Attribution): Promise<Endpoint>;
  disable(id: string, reason: DisabledReason, attribution?: Attribution): Promise<Endpoint>;
  enable(id: string, attribution: Attribution): Promise<Endpoint>;
  /** The secret before it keeps signing until `previousEndsAt`; an older one ends now. Throws not_found, invalid_request. */
  rotateSecret(
    id: string,
    previousEndsAt: Date,
    attribution: Attribution,
  ): Promise<{ endpoint: Endpoint; secret: string }>;
  remove(id: string, attribution: Attribution): Promise<void>;
  /** The active ones that want to hear of it. */
  wanting(message: { type: WebhookEventType; organizationId?: string | undefined }): Promise<Endpoint[]>;
  /** IDs of those that are active. */
  activeIds(): Promise<string[]>;
  urlOf(endpoint: Endpoint): string;
  /** Whether it may be reached only where everybody can: it is of one organization, for which no owner allowed the origin. */
  isPublicOnly(endpoint: Endpoint): Promise<boolean>;
  /** Secrets that sign now, the newest first. */
  secretsOf(endpoint: Endpoint): string[];
  /** Notes an outcome; since when it has been failing, if it is. */
  noteOutcome(endpoint: Endpoint, delivered: boolean): Promise<Date | undefined>;
}

const MOST_ENDPOINTS = 500;
/** So that no organization takes the place of the others. */
const MOST_OF_ORGANIZATION = 20;
/** Each adds a signature to every message. */
const MOST_SECRETS = 5;
/** An address and two secrets of each. */
const MOST_OPENED = 3 * MOST_ENDPOINTS;
const SECRET_ID_LENGTH = 12;

export function createEndpoints(deps: {
  storage: Storage;
  audit: Audit;
  clock: Clock;
  random: Random;
  /** What secrets and addresses are encrypted under. */
  secret: string;
  organizations: Pick<Organizations, 'find'>;
  policy: UpstreamPolicy;
  /** Without what `LATCHKEY_UPSTREAM_ALLOW` lists. */
  publicPolicy: UpstreamPolicy;
  /** For how long the list of active endpoints may be remembered, and what waits that long. */
  leaseMs: number;
  waitOutLease: () => Promise<void>;
}): Endpoints {
  const { storage, audit, clock, random, secret: sealingSecret, organizations, leaseMs, waitOutLease } = deps;
  const endpoints = audit.track(
    'webhooks',
    storage.collection({
      name: 'webhooks',
      shape,
      keys: { organizationId: 'index', state: 'index', outboxAt: 'index' },
      order: 'createdAt',
    }),
  );
  /** What was sealed, opened: each delivery needs it, and to derive the key takes longer than to sign. */
  const opened = new Map<string, string>();
  function open(sealed: string, purpose: 'addresses of webhooks' | 'secrets of webhooks'): string {
    const known = opened.get(sealed);
    if (known !== undefined) return known;
    const text = unseal(sealed, sealingSecret, purpose);
    if (opened.size >= MOST_OPENED) opened.clear();
    opened.set(sealed, text);
    return text;
  }

  let remembered: { at: number; active: Promise<Endpoint[]> } | undefined;

  /** All of them: as many may be added at the same moment as the limit has room for. */
  async function allActive(): Promise<Endpoint[]> {
    const found: Endpoint[] = [];
    let after: string | undefined;
    do {
      const page = await endpoints.page({ where: { state: 'active' }, after, limit: MOST_ENDPOINTS });
      found.push(...page.items);
      after = page.nextCursor ?? undefined;
    } while (after !== undefined);
    return found;
  }

  /** Remembered under the lease that each change waits out, so that no acknowledged endpoint misses an event. */
  function active(): Promise<Endpoint[]> {
    const now = clock.monotonicMs();
    if (!remembered || now - remembered.at >= leaseMs) {
      const read = allActive();
      remembered = { at: now, active: read };
      read.catch(() => {
        remembered = undefined;
      });
    }
    return remembered.active;
  }

  async function changed(): Promise<void> {
    remembered = undefined;
    await waitOutLease();
    remembered = undefined;
  }

  async function get(id: string): Promise<Endpoint> {
    const endpoint = await endpoints.find(id);
    if (!endpoint) throw absent(id);
    return endpoint;
  }

  /** A key limited to one organization may not make this server ask inside the vendor's network, no matter who made the endpoint. */
  async function isPublicOnly(organizationId: string | undefined, url: string): Promise<boolean> {
    if (organizationId === undefined) return false;
    const organization = await organizations.find(organizationId);
    return organization === undefined || !isOriginAllowed(organization, url);
  }

  async function checkUrl(url: string, organizationId: string | undefined): Promise<void> {
    // A query is part of the address of many chat channels; where it leads is what the rules are about.
    const plain = url.replace(/[?#].*$/s, '');
    const general = deps.policy.problemOf(plain);
    const isNarrow = general === undefined && (await isPublicOnly(organizationId, plain));
    const problem =
      isNarrow && deps.publicPolicy.problemOf(plain) !== undefined
        ? 'webhooks of one organization need a public https address, or one that an owner listed in its upstreamOrigins'
        : general;
    const isTooLong = url.length > 2000;
    if (problem === undefined && !isTooLong && !url.includes('#')) return;
    const wanted = isTooLong
      ? 'at most 2000 characters'
      : 'an https URL that this server may reach, without a fragment';
    throw new AppError('invalid_request', {
      detail: `The URL can't be used: ${problem ?? (isTooLong ? 'it is too long' : 'it has a fragment')}.`,
      errors: [{ path: 'url', given: url.replace(/[?#].*$/s, '').slice(0, 200), wanted }],
    });
  }

  function newSecret() {
    const value = newSigningSecret(random);
    const kept = {
      id: `whs_${randomText(SECRET_ID_LENGTH, random)}`,
      sealed: seal(value, sealingSecret, 'secrets of webhooks', random),
      createdAt: clock.now(),
    };
    return { value, kept };
  }

  const subjectOf = ({ organizationId }: Endpoint) => ({ organizationId });
  const facts = ({ id, shownUrl }: Endpoint) => ({ webhookId: id, url: shownUrl });

  return {
    async create({ url, kind = 'webhook', description, events = [], organizationId }, attribution) {
      await checkUrl(url, organizationId);
      if (organizationId !== undefined && (await endpoints.count({ organizationId })) >= MOST_OF_ORGANIZATION)
        throw new AppError('webhooks_full', { most: MOST_OF_ORGANIZATION });
      if ((await endpoints.count()) >= MOST_ENDPOINTS) throw new AppError('webhooks_full', { most: MOST_ENDPOINTS });
      const now = clock.now();
      const made = kind === 'webhook' ? newSecret() : undefined;
      const endpoint: Endpoint = {
        id: newId('hook', random),
        kind,
        sealedUrl: seal(url, sealingSecret, 'addresses of webhooks', random),
        shownUrl: shownUrl(url, kind),
        ...(description !== undefined && { description }),
        events: [...events],
        ...(organizationId !== undefined && { organizationId }),
        state: 'active',
        secrets: made ? [made.kept] : [],
        createdAt: now,
        createdBy: attribution.actor,
        updatedAt: now,
      };
      const event = audit.event('webhook.created', attribution, subjectOf(endpoint), { ...facts(endpoint), kind });
      await endpoints.insert(endpoint, [event]);
      await changed();
      return { endpoint, secret: made?.value };
    },

    find: (id) => endpoints.find(id),
    get,
    page: ({ organizationId, after, limit }) =>
      endpoints.page({ where: { organizationId }, after, limit, direction: 'descending' }),

    async change(id, { url, description, events }, attribution) {
      if (url !== undefined) await checkUrl(url, (await get(id)).organizationId);
      const result = await endpoints.update(id, (record) => {
        const { description: before, ...rest } = record;
        const next = description === null ? undefined : (description ?? before);
        const changes = [
          ...(url !== undefined && url !== open(record.sealedUrl, 'addresses of webhooks') ? ['url'] : []),
          ...(next !== before ? ['description'] : []),
          ...(events !== undefined && events.join() !== record.events.join() ? ['events'] : []),
        ];
        if (changes.length === 0) return undefined;
        return {
          record: {
            ...rest,
            ...(changes.includes('url') &&
              url !== undefined && {
                sealedUrl: seal(url, sealingSecret, 'addresses of webhooks', random),
                shownUrl: shownUrl(url, rest.kind),
              }),
            ...(next !== undefined && { description: next }),
            ...(events !== undefined && { events: [...events] }),
            updatedAt: clock.now(),
          },
          events: [audit.event('webhook.updated', attribution, subjectOf(record), { webhookId: id, changed: changes })],
        };
      });
      if (!result) throw absent(id);
      if (result.after !== result.before) await changed();
      return result.after;
    },

    async disable(id, reason, attribution = SYSTEM) {
      const result = await endpoints.update(id, (record) => {
        if (record.state === 'disabled') return undefined;
        return {
          record: { ...record, state: 'disabled', disabledReason: reason, disabledAt: clock.now() },
          events: [audit.event('webhook.disabled', attribution, subjectOf(record), { ...facts(record), reason })],
        };
      });
      if (!result) throw absent(id);
      remembered = undefined;
      return result.after;
    },

    async enable(id, attribution) {
      const result = await endpoints.update(id, (record) => {
        if (record.state === 'active') return undefined;
        const { disabledReason: _reason, disabledAt: _at, failingSince: _since, ...rest } = record;
        return {
          record: { ...rest, state: 'active' },
          events: [audit.event('webhook.enabled', attribution, subjectOf(record), facts(record))],
        };
      });
      if (!result) throw absent(id);
      await changed();
      return result.after;
    },

    async rotateSecret(id, previousEndsAt, attribution) {
      const { kind } = await get(id);
      if (kind !== 'webhook')
        throw new AppError('invalid_request', { detail: 'A chat channel has no secret: its URL is the secret.' });
      const { value, kept } = newSecret();
      const result = await endpoints.update(id, (record) => {
        // A receiver may still have the one before the last: who rotates twice in a day must not cut it off.
        const previous = record.secrets
          .map((one) => ({ ...one, expiresAt: earlier(one.expiresAt, previousEndsAt) }))
          .filter(({ expiresAt }) => expiresAt > clock.now());
        return {
          record: { ...record, secrets: [kept, ...previous].slice(0, MOST_SECRETS) },
          events: [
            audit.event('webhook.secret_rotated', attribution, subjectOf(record), {
              webhookId: id,
              previousEndsAt: previousEndsAt.toISOString(),
            }),
          ],
        };
      });
      if (!result) throw absent(id);
      await changed();
      return { endpoint: result.after, secret: value };
    },

    async remove(id, attribution) {
      const endpoint = await get(id);
      await endpoints.remove(id, audit.event('webhook.deleted', attribution, subjectOf(endpoint), facts(endpoint)));
      remembered = undefined;
    },

    async wanting({ type, organizationId }) {
      return (await active()).filter(
        (endpoint) =>
          isSubscribed(endpoint.events, type) &&
          (endpoint.organizationId === undefined || endpoint.organizationId === organizationId),
      );
    },

    activeIds: async () => (await active()).map(({ id }) => id),
    urlOf: ({ sealedUrl }) => open(sealedUrl, 'addresses of webhooks'),
    isPublicOnly: ({ organizationId, sealedUrl }) =>
      isPublicOnly(organizationId, open(sealedUrl, 'addresses of webhooks')),
    secretsOf: ({ secrets }) =>
      secrets
        .filter(({ expiresAt }) => expiresAt === undefined || expiresAt > clock.now())
        .map(({ sealed }) => open(sealed, 'secrets of webhooks')),

    async noteOutcome({ id, failingSince }, delivered) {
      // Most outcomes change nothing, and cost no write.
      if (delivered === (failingSince === undefined)) return failingSince;
      const result = await endpoints.update(id, (record) => {
        const { failingSince: since, ...rest } = record;
        if (delivered) return since === undefined ? undefined : { record: rest, events: [] };
        return since === undefined ? { record: { ...rest, failingSince: clock.now() }, events: [] } : undefined;
      });
      return result?.after.failingSince;
    },
  };
}

function shownUrl(url: string, kind: EndpointKind): string {
  const { origin, pathname } = new URL(url);
  return kind === 'webhook' ? origin + pathname : `${origin}/…`;
}

function earlier(one: Date | undefined, other: Date): Date {
  return one !== undefined && one < other ? one : other;
}

function absent(id: string): AppError {
  return new AppError('not_found', { detail: `There is no webhook ${id}.` });
}
