/** Portal links: a one-time address that lets an IT contact manage one organization's directories, and the session that it begins. */
import { type Audit, actorShape, type Cause, outboxShape } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import { digestOf } from '../credentials/index.ts';
import type { Organizations } from '../directories/index.ts';
import { AppError } from '../errors.ts';
import { newId, type Random, randomText, sessionBy } from '../identifiers.ts';
import type { Page, Storage, Stored } from '../storage/index.ts';

const shape = {
  organizationId: 'string',
  /** Who it is for, where the vendor said so; what they do is told by this name. */
  'contact?': 'string',
  /** Of the secret in the address; kept after its use, so that a used link is told from an unknown one. */
  digest: 'string',
  createdAt: 'date',
  createdBy: actorShape,
  expiresAt: 'date',
  'usedAt?': 'date',
  'revokedAt?': 'date',
  'sessionDigest?': 'string',
  'sessionEndsAt?': 'date',
  ...outboxShape,
} as const;

export type PortalLink = Stored<typeof shape>;

export interface PortalLinks {
  create(
    input: { organizationId: string; contact?: string | undefined; expiresInSeconds?: number | undefined },
    cause: Cause,
  ): Promise<{ portalLink: PortalLink; secret: string }>;
  get(id: string): Promise<PortalLink>;
  page(query: {
    organizationId?: string | undefined;
    after?: string | undefined;
    limit: number;
  }): Promise<Page<PortalLink>>;
  /** Ends the link and the session that it began. */
  revoke(id: string, cause: Cause): Promise<PortalLink>;
  /** What a link is good for now, without using it. */
  look(secret: string): Promise<{ state: 'fit' | 'used' | 'expired' | 'revoked' | 'unknown'; link?: PortalLink }>;
  /**
   * Uses a link: one of several browsers wins, and may send it again while its session is on, as a double click does. `browser`: an
   * unpredictable value that only it has. Undefined when the link is no longer fit.
   */
  enter(
    secret: string,
    browser: string,
    origin: { address: string; requestId: string },
  ): Promise<{ session: string; portalLink: PortalLink } | undefined>;
  /** The link behind a session that is still on. */
  findSession(session: string): Promise<PortalLink | undefined>;
  /** Ends a session at its own wish. */
  leave(session: string, origin: { address: string; requestId: string }): Promise<void>;
}

const DAY_SECONDS = 86_400;
const SESSION_MS = 8 * 3_600_000;
const SECRET_LENGTH = 43;

export function createPortalLinks(deps: {
  storage: Storage;
  audit: Audit;
  clock: Clock;
  random: Random;
  organizations: Organizations;
}): PortalLinks {
  const { storage, audit, clock, random, organizations } = deps;
  const links = audit.track(
    'portal_links',
    storage.collection({
      name: 'portal_links',
      shape,
      keys: { organizationId: 'index', digest: 'unique', sessionDigest: 'unique', outboxAt: 'index' },
      order: 'createdAt',
    }),
  );

  function state({ usedAt, revokedAt, expiresAt }: PortalLink): 'fit' | 'used' | 'expired' | 'revoked' {
    if (revokedAt) return 'revoked';
    if (usedAt) return 'used';
    return expiresAt <= clock.now() ? 'expired' : 'fit';
  }

  async function findSession(session: string): Promise<PortalLink | undefined> {
    const found = await links.findBy('sessionDigest', digestOf(session));
    const isOn = found && !found.revokedAt && found.sessionEndsAt !== undefined && found.sessionEndsAt > clock.now();
    return isOn ? found : undefined;
  }

  function absent(id: string): AppError {
    return new AppError('not_found', { detail: `There is no portal link ${id}.` });
  }

  return {
    async create({ organizationId, contact, expiresInSeconds = 7 * DAY_SECONDS }, cause) {
      await organizations.get(organizationId);
      const secret = `lkp_${randomText(SECRET_LENGTH, random)}`;
      const now = clock.now();
      const expiresAt = new Date(now.getTime() + expiresInSeconds * 1000);
      const portalLink: PortalLink = {
        id: newId('link', random),
        organizationId,
        ...(contact !== undefined && { contact }),
        digest: digestOf(secret),
        createdAt: now,
        createdBy: cause.actor,
        expiresAt,
      };
      const facts = { portalLinkId: portalLink.id, contact, expiresAt: expiresAt.toISOString() };
      await links.insert(portalLink, [audit.event('portal_link.created', cause, { organizationId }, facts)]);
      return { portalLink, secret };
    },

    async get(id) {
      const portalLink = await links.find(id);
      if (!portalLink) throw absent(id);
      return portalLink;
    },

    page: ({ organizationId, after, limit }) =>
      links.page({ where: { organizationId }, after, limit, direction: 'descending' }),

    async revoke(id, cause) {
      const result = await links.update(id, (record) => {
        if (record.revokedAt) return undefined;
        const event = audit.event(
          'portal_link.revoked',
          cause,
          { organizationId: record.organizationId },
          { portalLinkId: id },
        );
        return { record: { ...record, revokedAt: clock.now() }, events: [event] };
      });
      if (!result) throw absent(id);
      return result.after;
    },

    async look(secret) {
      const found = await links.findBy('digest', digestOf(secret));
      return found ? { state: state(found), link: found } : { state: 'unknown' };
    },

    async enter(secret, browser, { address, requestId }) {
      const found = await links.findBy('digest', digestOf(secret));
      if (!found) return undefined;
      const session = sessionBy(secret, browser);
      const result = await links.update(found.id, (record) => {
        if (state(record) !== 'fit') return undefined;
        const cause: Cause = { actor: personOf(record), source: 'portal', address, requestId };
        const now = clock.now();
        return {
          record: {
            ...record,
            usedAt: now,
            sessionDigest: digestOf(session),
            sessionEndsAt: new Date(now.getTime() + SESSION_MS),
          },
          events: [
            audit.event(
              'portal_link.used',
              cause,
              { organizationId: record.organizationId },
              { portalLinkId: record.id },
            ),
          ],
        };
      });
      if (!result) return undefined;
      const isMine = result.after !== result.before || (await findSession(session))?.id === found.id;
      return isMine ? { session, portalLink: result.after } : undefined;
    },

    findSession,

    async leave(session, origin) {
      const found = await findSession(session);
      if (!found) return;
      await links.update(found.id, (record) => ({
        record: { ...record, sessionEndsAt: clock.now() },
        events: [
          audit.event(
            'portal_link.left',
            { actor: personOf(record), source: 'portal', ...origin },
            { organizationId: record.organizationId },
            { portalLinkId: record.id },
          ),
        ],
      }));
    },
  };
}

/** Who acts through a portal link, as far as is known. */
export function personOf({ id, contact = 'IT contact' }: PortalLink) {
  return { type: 'it_contact' as const, id, name: contact };
}
