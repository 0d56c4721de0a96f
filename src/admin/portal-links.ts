import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { linkStateAt, type PortalLink, type PortalLinks } from '../one-time-links/index.ts';
import { assertVisible, type Operation, operation } from './operation.ts';
import * as schemas from './schemas.ts';

const tag = 'Portal links';
const LONGEST_SECONDS = 30 * 86_400;

const linkView = z
  .object({
    id: z.string(),
    organizationId: z.string(),
    state: z.enum(['fit', 'used', 'expired', 'revoked']),
    contact: z.string().nullable(),
    createdAt: schemas.shownTime,
    createdBy: schemas.actorView,
    expiresAt: schemas.shownTime,
    usedAt: schemas.shownTime.nullable(),
    revokedAt: schemas.shownTime.nullable(),
  })
  .meta({ id: 'PortalLink' });

export function portalLinkOperations({
  portalLinks,
  clock,
  publicUrl,
}: {
  portalLinks: PortalLinks;
  clock: Clock;
  publicUrl: string;
}): Operation[] {
  function view(link: PortalLink) {
    const { id, organizationId, contact, createdAt, createdBy, expiresAt, usedAt, revokedAt } = link;
    return {
      id,
      organizationId,
      contact: contact ?? null,
      state: linkStateAt(link, clock.now()),
      createdAt,
      createdBy: schemas.viewActor(createdBy),
      expiresAt,
      usedAt: usedAt ?? null,
      revokedAt: revokedAt ?? null,
    };
  }

  return [
    operation({
      method: 'post',
      path: '/portal-links',
      tag,
      summary: 'Create a portal link for an IT contact',
      description: "The link gives one browser access to that organization's directories, once, for up to eight hours.",
      action: 'portal-links.change',
      body: z.strictObject({
        organizationId: z.string().max(100),
        contact: schemas.name.optional().describe('Name of the IT contact. The audit trail shows it.'),
        expiresInSeconds: z
          .number()
          .int()
          .min(60)
          .max(LONGEST_SECONDS)
          .optional()
          .describe('How long the link can be opened. Default: seven days.'),
      }),
      status: 201,
      answer: z.object({ portalLink: linkView, url: schemas.shownOnce }),
      errors: ['not_found'],
      async handle({ body, caller, attribution }) {
        assertVisible(caller, body.organizationId, `organization ${body.organizationId}`);
        const { portalLink, secret } = await portalLinks.create(body, attribution);
        return { body: { portalLink: view(portalLink) }, secret: { url: `${publicUrl}/portal/enter/${secret}` } };
      },
    }),
    operation({
      method: 'get',
      path: '/portal-links',
      tag,
      summary: 'List portal links, newest first',
      action: 'portal-links.read',
      query: z.strictObject({ ...schemas.paging, organizationId: z.string().max(100).optional() }),
      status: 200,
      answer: schemas.listOf(linkView),
      errors: ['invalid_cursor'],
      async handle({ query, caller }) {
        if (query.organizationId !== undefined)
          assertVisible(caller, query.organizationId, `organization ${query.organizationId}`);
        const { items, nextCursor } = await portalLinks.page({
          ...query,
          organizationId: query.organizationId ?? caller.organizationId,
        });
        return { body: { items: items.map(view), nextCursor } };
      },
    }),
    operation({
      method: 'post',
      path: '/portal-links/:id/revoke',
      tag,
      summary: 'Revoke a portal link and its session',
      action: 'portal-links.change',
      status: 200,
      answer: linkView,
      errors: ['not_found'],
      async handle({ id, caller, attribution }) {
        assertVisible(caller, (await portalLinks.get(id)).organizationId, `portal link ${id}`);
        return { body: view(await portalLinks.revoke(id, attribution)) };
      },
    }),
  ];
}
