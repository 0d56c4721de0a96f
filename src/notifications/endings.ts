/**
 * Everything that has an end, kept beside it: whatever is issued, changed or ended is read again when its event is told, so that a round finds
 * which stage is due without looking through all credentials.
 */
import type { AuditEvent } from '../audit/index.ts';
import { type Clock, DAY_MS } from '../clock.ts';
import { type ApiKeys, type Credential, type Credentials, stateAt } from '../credentials/index.ts';
import type { Clients } from '../oauth/index.ts';
import { linkStateAt, type PortalLinks } from '../one-time-links/index.ts';
import { isDuplicate, type Storage, type Stored, text } from '../storage/index.ts';
import { certificatesOf } from './certificates.ts';

const ENDING_KINDS = ['token', 'connection', 'client_secret', 'client_key', 'api_key', 'portal_link'] as const;
export type EndingKind = (typeof ENDING_KINDS)[number];

/** Days before an end at which people are told, unless an organization chose others. */
export const USUAL_DAYS: readonly number[] = [30, 14, 7, 1];

const shape = {
  kind: text<EndingKind>(),
  /** What the thing itself has as its ID: with a secret or key of a client, the client. */
  ownerId: 'string',
  endsAt: 'date',
  /** The next stage; absent after the last one. */
  'nextAt?': 'date',
  'organizationId?': 'string',
  'directoryId?': 'string',
  name: 'string',
  createdAt: 'date',
} as const;

/** Its ID is that of the thing that ends. */
export type Ending = Stored<typeof shape>;
/** What a thing is now: undefined where it has no end any more. */
type Current = Omit<Ending, 'createdAt' | 'nextAt'> & { isActedOn: boolean };

type Tell = (ending: Ending, daysLeft: number, stageDays: number) => Promise<void>;

export interface Endings {
  /** Notes what an event may have changed. */
  hear(event: AuditEvent): Promise<void>;
  /** The same for what is there without an event that told of it. */
  note(ref: Pick<Ending, 'kind' | 'ownerId'>, changedAt?: Date): Promise<void>;
  /** Stages that are due; each is told at least once, and the next one is set after `tell` has returned. */
  advance(tell: Tell): Promise<void>;
  /** What ends within so many days, soonest first. */
  soon(query: { organizationId?: string; directoryId?: string; days: number; limit: number }): Promise<Ending[]>;
}

export interface EndingSources {
  credentials: Pick<Credentials, 'find'>;
  clients: Pick<Clients, 'find'>;
  apiKeys: Pick<ApiKeys, 'get'>;
  portalLinks: Pick<PortalLinks, 'get'>;
  /** Days before an end at which an organization is told. */
  daysOf: (organizationId: string | undefined) => Promise<readonly number[]>;
}

const BATCH = 200;
/** Told at a time: enough that their writes fill transactions. */
const AT_ONCE = 128;

export function createEndings(deps: EndingSources & { storage: Storage; clock: Clock }): Endings {
  const { storage, clock, credentials, clients, apiKeys, portalLinks, daysOf } = deps;
  const endings = storage.collection({
    name: 'endings',
    shape,
    keys: { ownerId: 'index', nextAt: 'index', endsAt: 'index', organizationId: 'index', directoryId: 'index' },
    order: 'createdAt',
  });

  function ofCredential(record: Credential): Current[] {
    const { id, organizationId, directoryId, kind, label, hint, expiresAt, rotation } = record;
    const state = stateAt(record, clock.now());
    if (expiresAt === undefined || state === 'revoked' || state === 'expired') return [];
    return [
      {
        id,
        kind: kind === 'oauth' ? 'connection' : 'token',
        ownerId: id,
        endsAt: expiresAt,
        organizationId,
        directoryId,
        name: label ?? `…${hint}`,
        isActedOn: rotation !== undefined,
      },
    ];
  }

  async function ofClient(clientId: string): Promise<Current[]> {
    const client = await clients.find(clientId);
    if (!client) return [];
    const { secrets, organizationId, directoryId, name, jwks } = client;
    const of = {
      ...(organizationId !== undefined && { organizationId }),
      ...(directoryId !== undefined && { directoryId }),
    };
    const lastEnd = Math.max(...secrets.map(({ expiresAt }) => expiresAt?.getTime() ?? Number.POSITIVE_INFINITY));
    const ofSecrets = secrets.flatMap(({ id, hint, expiresAt }): Current[] =>
      expiresAt === undefined
        ? []
        : [
            {
              id,
              kind: 'client_secret',
              ownerId: clientId,
              endsAt: expiresAt,
              ...of,
              name: `${name}, …${hint}`,
              // A secret that lasts longer was added.
              isActedOn: expiresAt.getTime() < lastEnd,
            },
          ],
    );
    const ofKeys = certificatesOf(jwks?.keys ?? []).map(
      ({ id, endsAt, isLast }): Current => ({
        id: `${clientId}:${id}`,
        kind: 'client_key',
        ownerId: clientId,
        endsAt,
        ...of,
        name,
        isActedOn: !isLast,
      }),
    );
    return [...ofSecrets, ...ofKeys].filter(({ kind, endsAt }) => kind !== 'client_key' || endsAt > clock.now());
  }

  async function ofApiKey(id: string): Promise<Current[]> {
    const { name, organizationId, expiresAt, revokedAt } = await apiKeys.get(id);
    if (expiresAt === undefined || revokedAt !== undefined) return [];
    const of = organizationId === undefined ? {} : { organizationId };
    return [{ id, kind: 'api_key', ownerId: id, endsAt: expiresAt, ...of, name, isActedOn: false }];
  }

  async function ofPortalLink(id: string): Promise<Current[]> {
    const link = await portalLinks.get(id);
    if (linkStateAt(link, clock.now()) !== 'fit') return [];
    const { organizationId, expiresAt, contact = 'an IT contact' } = link;
    return [
      { id, kind: 'portal_link', ownerId: id, endsAt: expiresAt, organizationId, name: contact, isActedOn: false },
    ];
  }

  async function current({ kind, ownerId }: Pick<Ending, 'kind' | 'ownerId'>): Promise<Current[]> {
    if (kind === 'client_secret' || kind === 'client_key') return ofClient(ownerId);
    if (kind === 'api_key') return ofApiKey(ownerId);
    if (kind === 'portal_link') return ofPortalLink(ownerId);
    const credential = await credentials.find(ownerId);
    return credential ? ofCredential(credential) : [];
  }

  async function stagesOf({ kind, endsAt, organizationId }: Current): Promise<{ days: number; at: number }[]> {
    // A portal link lives for days: only its last one is worth a word.
    const days = kind === 'portal_link' ? [1] : await daysOf(organizationId);
    return days.toSorted((a, b) => b - a).map((left) => ({ days: left, at: endsAt.getTime() - left * DAY_MS }));
  }

  /**
   * Brings what is kept of an owner in line with what it is. Stages that had passed when it was changed are not told; those that passed since
   * are, however late its event is heard.
   */
  async function note(ref: Pick<Ending, 'kind' | 'ownerId'>, changedAt = clock.now()): Promise<void> {
    const now = clock.now();
    const found = await current(ref);
    const { items: known } = await endings.page({ where: { ownerId: ref.ownerId }, limit: BATCH });
    for (const { id } of known) if (!found.some((one) => one.id === id)) await endings.remove(id);
    for (const one of found) {
      const { isActedOn: _acted, ...facts } = one;
      const next = (await stagesOf(one)).find(({ at }) => at > changedAt.getTime());
      const record = { ...facts, ...(next && { nextAt: new Date(next.at) }) };
      const kept = await endings.update(one.id, (before) =>
        before.endsAt.getTime() === one.endsAt.getTime()
          ? // Who read it first may not have known since when it is so. A stage that was told already makes no second notice.
            { ...before, name: one.name, ...(next && before.nextAt && { nextAt: earliest(before.nextAt, next.at) }) }
          : { ...record, createdAt: before.createdAt },
      );
      if (kept) continue;
      await endings.insert({ ...record, createdAt: now }).catch((error: unknown) => {
        if (!isDuplicate(error, 'id')) throw error;
      });
    }
  }

  async function advanceOne(ending: Ending, tell: Tell): Promise<void> {
    const now = clock.now().getTime();
    const one = (await current(ending)).find(({ id }) => id === ending.id);
    if (!one || one.endsAt.getTime() <= now) {
      await endings.remove(ending.id);
      return;
    }
    const { isActedOn, ...facts } = one;
    const stages = await stagesOf(one);
    // Of several that passed while nobody looked, the latest is told.
    const stage = stages.findLast(({ at }) => at <= now);
    if (stage && !isActedOn)
      await tell({ ...ending, ...facts }, Math.ceil((one.endsAt.getTime() - now) / DAY_MS), stage.days);
    const next = stages.find(({ at }) => at > now);
    await endings.update(ending.id, ({ nextAt, ...before }) =>
      nextAt?.getTime() === ending.nextAt?.getTime()
        ? { ...before, ...facts, ...(next && { nextAt: new Date(next.at) }) }
        : undefined,
    );
  }

  return {
    note,

    async hear({ type, credentialId, data, at }) {
      const text = (member: string) => (typeof data[member] === 'string' ? data[member] : undefined);
      const [clientId, apiKeyId, linkId] = [text('clientId'), text('apiKeyId'), text('portalLinkId')];
      if (type.startsWith('credential.') && credentialId !== undefined)
        await note({ kind: 'token', ownerId: credentialId }, at);
      else if (type.startsWith('client.') && clientId !== undefined)
        await note({ kind: 'client_secret', ownerId: clientId }, at);
      else if (type.startsWith('api_key.') && apiKeyId !== undefined)
        await note({ kind: 'api_key', ownerId: apiKeyId }, at);
      else if (type.startsWith('portal_link.') && linkId !== undefined)
        await note({ kind: 'portal_link', ownerId: linkId }, at);
    },

    async advance(tell) {
      for (;;) {
        const due = await endings.due('nextAt', new Date(clock.now().getTime() + 1), BATCH);
        const left = [...due];
        // Several at a time: their writes share transactions.
        const lane = async () => {
          for (let next = left.shift(); next; next = left.shift()) await advanceOne(next, tell);
        };
        await Promise.all(Array.from({ length: AT_ONCE }, lane));
        if (due.length < BATCH) return;
      }
    },

    async soon({ organizationId, directoryId, days, limit }) {
      const now = clock.now().getTime();
      const found = await endings.due('endsAt', new Date(now + days * DAY_MS), limit, { organizationId, directoryId });
      return found.filter(({ endsAt }) => endsAt.getTime() > now);
    },
  };
}

function earliest(one: Date, other: number): Date {
  return one.getTime() <= other ? one : new Date(other);
}
