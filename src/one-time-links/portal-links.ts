/** Links that let an IT contact manage one organization's directories, and the session that each begins. */
import { type Attribution, type Audit, actorShape, outboxShape } from '../audit/index.ts';
import { type Clock, HOUR_MS } from '../clock.ts';
import { digestOf } from '../credentials/index.ts';
import type { Organizations } from '../directories/index.ts';
import { AppError } from '../errors.ts';
import type { Random } from '../identifiers.ts';
import type { Page, Storage, Stored } from '../storage/index.ts';
import { createDoor, type Door, linkShape, newLink } from './links.ts';

const shape = {
  organizationId: 'string',
  /** Who it is for, where the vendor said so; what they do is told by this name. */
  'contact?': 'string',
  createdBy: actorShape,
  'sessionEndsAt?': 'date',
  /** The latest request of its session, to a minute; missing during the first minute. */
  'seenAt?': 'date',
  ...linkShape,
  ...outboxShape,
} as const;

export type PortalLink = Stored<typeof shape>;

export interface PortalLinks {
  /** Throws not_found (organization). `secret`: shown once. */
  create(
    input: { organizationId: string; contact?: string | undefined; expiresInSeconds?: number | undefined },
    attribution: Attribution,
  ): Promise<{ portalLink: PortalLink; secret: string }>;
  /** Throws not_found. */
  get(id: string): Promise<PortalLink>;
  page(query: {
    organizationId?: string | undefined;
    after?: string | undefined;
    limit: number;
  }): Promise<Page<PortalLink>>;
  /** Ends the link and the session that it began. Throws not_found. */
  revoke(id: string, attribution: Attribution): Promise<PortalLink>;
  look: Door<PortalLink>['look'];
  /** The winning browser may send it again as long as its session lasts. */
  enter(
    secret: string,
    browser: string,
    origin: { address: string; requestId: string },
  ): Promise<{ session: string; portalLink: PortalLink } | undefined>;
  /** The link behind a session that has not ended. `isUse`: whether somebody did something, and not a page that keeps itself up to date. */
  findSession(session: string, isUse?: boolean): Promise<PortalLink | undefined>;
  /** Ends a session at its own wish. */
  leave(session: string, origin: { address: string; requestId: string }): Promise<void>;
}

const WEEK_SECONDS = 7 * 86_400;
/** How long a session lasts at most. */
export const PORTAL_SESSION_MS = 8 * HOUR_MS;
const SEEN_EVERY_MS = 60_000;

export function createPortalLinks(deps: {
  storage: Storage;
  audit: Audit;
  clock: Clock;
  random: Random;
  organizations: Organizations;
  /** How long a session lasts without a request. */
  idleMs: number;
}): PortalLinks {
  const { storage, audit, clock, organizations, idleMs } = deps;
  const links = audit.track(
    'portal_links',
    storage.collection({
      name: 'portal_links',
      shape,
      keys: { organizationId: 'index', digest: 'unique', sessionDigest: 'unique', outboxAt: 'index' },
      order: 'createdAt',
    }),
  );

  function unseenMs({ sessionEndsAt, seenAt }: PortalLink, now: Date): number {
    const begunAt = (sessionEndsAt?.getTime() ?? 0) - PORTAL_SESSION_MS;
    return now.getTime() - (seenAt?.getTime() ?? begunAt);
  }

  function hasSession(link: PortalLink, now: Date): boolean {
    const { revokedAt, sessionEndsAt } = link;
    return !revokedAt && sessionEndsAt !== undefined && sessionEndsAt > now && unseenMs(link, now) < idleMs;
  }

  async function findSession(session: string, isUse = true): Promise<PortalLink | undefined> {
    const now = clock.now();
    const found = await links.findBy('sessionDigest', digestOf(session));
    if (!found || !hasSession(found, now)) return undefined;
    if (isUse && unseenMs(found, now) >= SEEN_EVERY_MS)
      await links.update(found.id, (record) =>
        hasSession(record, now) ? { record: { ...record, seenAt: now }, events: [] } : undefined,
      );
    return found;
  }

  function told(
    type: 'portal_link.revoked' | 'portal_link.used' | 'portal_link.left',
    link: PortalLink,
    attribution: Attribution,
  ) {
    return audit.event(type, attribution, { organizationId: link.organizationId }, { portalLinkId: link.id });
  }

  function absent(id: string): AppError {
    return new AppError('not_found', { detail: `There is no portal link ${id}.` });
  }

  return {
    async create({ organizationId, contact, expiresInSeconds = WEEK_SECONDS }, attribution) {
      await organizations.get(organizationId);
      const { secret, link } = newLink('lkp', expiresInSeconds, deps);
      const portalLink: PortalLink = {
        ...link,
        organizationId,
        ...(contact !== undefined && { contact }),
        createdBy: attribution.actor,
      };
      const facts = { portalLinkId: link.id, contact, expiresAt: link.expiresAt.toISOString() };
      await links.insert(portalLink, [audit.event('portal_link.created', attribution, { organizationId }, facts)]);
      return { portalLink, secret };
    },

    async get(id) {
      const portalLink = await links.find(id);
      if (!portalLink) throw absent(id);
      return portalLink;
    },

    page: ({ organizationId, after, limit }) =>
      links.page({ where: { organizationId }, after, limit, direction: 'descending' }),

    async revoke(id, attribution) {
      const result = await links.update(id, (record) => {
        if (record.revokedAt) return undefined;
        return {
          record: { ...record, revokedAt: clock.now() },
          events: [told('portal_link.revoked', record, attribution)],
        };
      });
      if (!result) throw absent(id);
      return result.after;
    },

    look: (secret) => doorFor().look(secret),
    async enter(secret, browser, origin) {
      const entered = await doorFor(origin).enter(secret, browser, (link, now) => ({
        ...link,
        sessionEndsAt: new Date(now.getTime() + PORTAL_SESSION_MS),
      }));
      return entered && { session: entered.session, portalLink: entered.link };
    },

    findSession,

    async leave(session, origin) {
      const found = await findSession(session);
      if (!found) return;
      await links.update(found.id, (record) => ({
        record: { ...record, sessionEndsAt: clock.now() },
        events: [told('portal_link.left', record, { actor: personOf(record), source: 'portal', ...origin })],
      }));
    },
  };

  /** `origin`: of who uses it. */
  function doorFor(origin?: { address: string; requestId: string }): Door<PortalLink> {
    return createDoor<PortalLink>({
      clock,
      find: (digest) => links.findBy('digest', digest),
      update: (id, use) =>
        links.update(id, (link) => {
          const record = use(link);
          const attribution: Attribution = { actor: personOf(link), source: 'portal', ...origin };
          return record && { record, events: [told('portal_link.used', record, attribution)] };
        }),
      mayRepeat: hasSession,
    });
  }
}

/** How somebody is called whose link names nobody. */
export const UNNAMED_CONTACT = 'IT contact';

/** Who acts through a portal link, as far as is known. */
export function personOf({ id, contact = UNNAMED_CONTACT }: PortalLink) {
  return { type: 'it_contact' as const, id, name: contact };
}
