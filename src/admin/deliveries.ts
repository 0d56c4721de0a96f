/** Deliveries of webhooks: the list, one with its attempts, and sending it again. */
import { z } from 'zod';
import type { Delivery, Endpoint, Endpoints, Message, Notifications } from '../notifications/index.ts';
import { MOST_ATTEMPTS } from '../notifications/index.ts';
import { assertVisible, type Caller, type Operation, operation } from './operation.ts';
import * as schemas from './schemas.ts';

const tag = 'Webhooks';

export const deliveryView = z
  .object({
    id: z.string().describe('ID of the delivery, also sent as `webhook-id`.'),
    webhookId: z.string(),
    eventId: z.string(),
    type: z.string(),
    organizationId: z.string().nullable(),
    directoryId: z.string().nullable(),
    state: z.enum(['pending', 'delivered', 'failed']),
    attempt: z.int().describe(`Attempts so far, ${MOST_ATTEMPTS} at most.`),
    nextAttemptAt: schemas.shownTime.nullable(),
    lastAttempt: z
      .object({
        at: schemas.shownTime,
        ms: z.number(),
        status: z.int().nullable(),
        reason: z.string().nullable().describe('Why the attempt failed.'),
      })
      .nullable(),
    createdAt: schemas.shownTime,
  })
  .meta({ id: 'Delivery' });

const wholeDelivery = deliveryView
  .extend({
    message: z.unknown().describe('The message.'),
    attempts: z.array(
      z.object({
        at: schemas.shownTime,
        ms: z.number(),
        status: z.int().nullable(),
        reason: z.string().nullable(),
        contentType: z.string().nullable(),
        body: z.string().nullable().describe('First kilobyte of the response.'),
      }),
    ),
  })
  .meta({ id: 'DeliveryWithAttempts' });

export function viewDelivery(delivery: Delivery) {
  const { id, targetId, eventId, type, organizationId, directoryId, state, attempt, attempts, createdAt } = delivery;
  const last = attempts.at(-1);
  return {
    id,
    webhookId: targetId,
    eventId,
    type,
    organizationId: organizationId ?? null,
    directoryId: directoryId ?? null,
    state,
    attempt,
    nextAttemptAt: delivery.claimedUntil === undefined ? (delivery.dueAt ?? null) : null,
    lastAttempt: last ? { at: last.at, ms: last.ms, status: last.status ?? null, reason: last.reason ?? null } : null,
    createdAt,
  };
}

function viewWholeDelivery(delivery: Delivery) {
  return {
    ...viewDelivery(delivery),
    message: JSON.parse(delivery.message) as Message,
    attempts: delivery.attempts.map(({ at, ms, status, reason, contentType, body }) => ({
      at,
      ms,
      status: status ?? null,
      reason: reason ?? null,
      contentType: contentType ?? null,
      body: body ?? null,
    })),
  };
}

/** A key that is limited to one organization sees the webhooks that are, and those of everybody are as if they were not there. */
export async function visibleEndpoint(notifications: Notifications, caller: Caller, id: string): Promise<Endpoint> {
  const endpoint = await notifications.endpoints.get(id);
  assertVisible(caller, endpoint.organizationId ?? '', `webhook ${id}`);
  return endpoint;
}

/** A key that is limited to one organization sees what goes to the webhooks of that organization. */
async function idsOf(endpoints: Endpoints, organizationId: string): Promise<string[]> {
  const ids: string[] = [];
  let after: string | undefined;
  do {
    const page = await endpoints.page({ organizationId, after, limit: 200 });
    ids.push(...page.items.map(({ id }) => id));
    after = page.nextCursor ?? undefined;
  } while (after !== undefined);
  return ids;
}

export function deliveryOperations(deps: { notifications: Notifications }): Operation[] {
  const { notifications } = deps;
  const { deliveries } = notifications;
  const filter = z.string().max(100).optional();
  async function visibleDelivery(caller: Caller, id: string): Promise<Delivery> {
    const delivery = await deliveries.get(id);
    // What goes to people is listed for keys that are not limited to one organization.
    if (delivery.targetKind === 'mail') assertVisible(caller, '', `delivery ${id}`);
    else await visibleEndpoint(notifications, caller, delivery.targetId);
    return delivery;
  }
  return [
    operation({
      method: 'get',
      path: '/deliveries',
      tag,
      summary: 'List deliveries, latest first; kept for 30 days',
      action: 'webhooks.read',
      query: z.strictObject({
        ...schemas.paging,
        webhookId: filter,
        organizationId: filter,
        directoryId: filter,
        eventId: filter,
        state: z.enum(['pending', 'delivered', 'failed']).optional(),
        from: schemas.time.optional().describe('Only deliveries created at or after this time.'),
      }),
      status: 200,
      answer: schemas.listOf(deliveryView),
      errors: ['not_found', 'invalid_cursor'],
      async handle({ query: { webhookId, organizationId, ...query }, caller }) {
        if (organizationId !== undefined) assertVisible(caller, organizationId, `organization ${organizationId}`);
        if (webhookId !== undefined) await visibleEndpoint(notifications, caller, webhookId);
        const own = caller.organizationId;
        const targetId = webhookId ?? (own === undefined ? undefined : await idsOf(notifications.endpoints, own));
        const { items, nextCursor } = await deliveries.page({ ...query, targetId, organizationId });
        return { body: { items: items.map(viewDelivery), nextCursor } };
      },
    }),
    operation({
      method: 'get',
      path: '/deliveries/:id',
      tag,
      summary: 'Read a delivery with its attempts',
      action: 'webhooks.read',
      status: 200,
      answer: wholeDelivery,
      errors: ['not_found'],
      handle: async ({ id, caller }) => ({ body: viewWholeDelivery(await visibleDelivery(caller, id)) }),
    }),
    operation({
      method: 'post',
      path: '/deliveries/:id/resend',
      tag,
      summary: 'Resend a delivery with the same ID',
      action: 'webhooks.change',
      status: 200,
      answer: deliveryView,
      errors: ['not_found'],
      async handle({ id, caller }) {
        await visibleDelivery(caller, id);
        return { body: viewDelivery(await notifications.resend(id)) };
      },
    }),
  ];
}
