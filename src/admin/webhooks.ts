import { z } from 'zod';
import type { Clock } from '../clock.ts';
import type { Organizations } from '../directories/index.ts';
import {
  type Delivery,
  ENDPOINT_KINDS,
  type Endpoint,
  type Endpoints,
  isEventFilter,
  type Message,
  MOST_ATTEMPTS,
  type Notifications,
} from '../notifications/index.ts';
import { assertVisible, type Caller, type Operation, operation } from './operation.ts';
import * as schemas from './schemas.ts';

const tag = 'Webhooks';
const LONGEST_OVERLAP_SECONDS = 30 * 86_400;
const DAY_SECONDS = 86_400;
const shownTime = z.iso.datetime();

const events = z
  .array(
    z
      .string()
      .max(100)
      .refine(isEventFilter, 'expected an event type of docs/webhooks.md, or a family such as dsync.*'),
  )
  .max(50)
  .describe('Event types, or families such as `dsync.*`. Empty: all.');

const url = z
  .string()
  .max(2000)
  .describe(
    'Where to send messages. https, unless LATCHKEY_UPSTREAM_ALLOW allows http. For one organization, a public address or one of its upstreamOrigins.',
  );

const webhookView = z
  .object({
    id: z.string(),
    kind: z.enum(ENDPOINT_KINDS),
    url: z.string().describe('Without the query. For a chat channel, only the host.'),
    description: z.string().nullable(),
    events: z.array(z.string()),
    organizationId: z.string().nullable().describe('null: all organizations.'),
    state: z.enum(['active', 'disabled']),
    disabledReason: z.enum(['by_hand', 'gone', 'failing']).nullable(),
    disabledAt: shownTime.nullable(),
    failingSince: shownTime.nullable().describe('Start of the current failure.'),
    secrets: z.array(
      z.object({ id: z.string(), createdAt: shownTime, expiresAt: shownTime.nullable().describe('null: never') }),
    ),
    createdAt: shownTime,
    createdBy: schemas.actorView,
    updatedAt: shownTime,
  })
  .meta({ id: 'Webhook' });

function viewWebhook(endpoint: Endpoint, now: Date) {
  const { id, kind, shownUrl, description, organizationId, state, createdAt, createdBy, updatedAt } = endpoint;
  const { disabledReason, disabledAt, failingSince, secrets } = endpoint;
  return {
    id,
    kind,
    url: shownUrl,
    description: description ?? null,
    events: endpoint.events,
    organizationId: organizationId ?? null,
    state,
    disabledReason: disabledReason ?? null,
    disabledAt: disabledAt ?? null,
    failingSince: failingSince ?? null,
    secrets: secrets
      .filter(({ expiresAt }) => expiresAt === undefined || expiresAt > now)
      .map((secret) => ({ id: secret.id, createdAt: secret.createdAt, expiresAt: secret.expiresAt ?? null })),
    createdAt,
    createdBy: schemas.viewActor(createdBy),
    updatedAt,
  };
}

const deliveryView = z
  .object({
    id: z.string().describe('Also its `webhook-id`.'),
    webhookId: z.string(),
    eventId: z.string(),
    type: z.string(),
    organizationId: z.string().nullable(),
    directoryId: z.string().nullable(),
    state: z.enum(['pending', 'delivered', 'failed']),
    attempt: z.int().describe(`Attempts so far, ${MOST_ATTEMPTS} at most.`),
    nextAttemptAt: shownTime.nullable(),
    lastAttempt: z
      .object({
        at: shownTime,
        ms: z.number(),
        status: z.int().nullable(),
        reason: z.string().nullable().describe('Why it failed.'),
      })
      .nullable(),
    createdAt: shownTime,
  })
  .meta({ id: 'Delivery' });

const wholeDelivery = deliveryView
  .extend({
    message: z.unknown().describe('The message.'),
    attempts: z.array(
      z.object({
        at: shownTime,
        ms: z.number(),
        status: z.int().nullable(),
        reason: z.string().nullable(),
        contentType: z.string().nullable(),
        body: z.string().nullable().describe('First kilobyte of the response.'),
      }),
    ),
  })
  .meta({ id: 'DeliveryWithAttempts' });

function viewDelivery(delivery: Delivery) {
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

interface Dependencies {
  organizations: Organizations;
  notifications: Notifications;
  clock: Clock;
}

/** A key that is limited to one organization sees the webhooks that are, and those of everybody are as if they were not there. */
async function visible({ notifications }: Dependencies, caller: Caller, id: string): Promise<Endpoint> {
  const endpoint = await notifications.endpoints.get(id);
  assertVisible(caller, endpoint.organizationId ?? '', `webhook ${id}`);
  return endpoint;
}

export function webhookOperations(deps: Dependencies): Operation[] {
  const { organizations, notifications, clock } = deps;
  const { endpoints } = notifications;
  const view = (endpoint: Endpoint) => viewWebhook(endpoint, clock.now());
  return [
    operation({
      method: 'post',
      path: '/webhooks',
      tag,
      summary: 'Add a webhook, or a channel of Slack or Microsoft Teams',
      description: 'Messages are signed as in Standard Webhooks. docs/webhooks.md shows how to verify them.',
      action: 'webhooks.change',
      body: z.strictObject({
        url,
        kind: z.enum(ENDPOINT_KINDS).optional().describe('Default: `webhook`.'),
        description: schemas.name.optional(),
        events: events.optional(),
        organizationId: z.string().max(100).optional().describe('Only events of this organization.'),
      }),
      status: 201,
      answer: z.object({
        webhook: webhookView,
        secret: z.string().nullable().optional().describe('`whsec_...`, shown only once. A chat channel has none.'),
      }),
      errors: ['webhooks_full', 'not_found'],
      async handle({ body, caller, attribution }) {
        const organizationId = body.organizationId ?? caller.organizationId;
        if (organizationId !== undefined) {
          assertVisible(caller, organizationId, `organization ${organizationId}`);
          await organizations.get(organizationId);
        }
        const { endpoint, secret } = await endpoints.create({ ...body, organizationId }, attribution);
        return { body: { webhook: view(endpoint) }, ...(secret !== undefined && { secret: { secret } }) };
      },
    }),
    operation({
      method: 'get',
      path: '/webhooks',
      tag,
      summary: 'List webhooks, newest first',
      action: 'webhooks.read',
      query: z.strictObject({ ...schemas.paging, organizationId: z.string().max(100).optional() }),
      status: 200,
      answer: schemas.listOf(webhookView),
      errors: ['invalid_cursor'],
      async handle({ query, caller }) {
        if (query.organizationId !== undefined)
          assertVisible(caller, query.organizationId, `organization ${query.organizationId}`);
        const organizationId = query.organizationId ?? caller.organizationId;
        const { items, nextCursor } = await endpoints.page({ ...query, organizationId });
        return { body: { items: items.map(view), nextCursor } };
      },
    }),
    operation({
      method: 'get',
      path: '/webhooks/:id',
      tag,
      summary: 'Read a webhook',
      action: 'webhooks.read',
      status: 200,
      answer: webhookView,
      errors: ['not_found'],
      handle: async ({ id, caller }) => ({ body: view(await visible(deps, caller, id)) }),
    }),
    operation({
      method: 'patch',
      path: '/webhooks/:id',
      tag,
      summary: 'Change a webhook',
      action: 'webhooks.change',
      body: z.strictObject({
        url: url.optional(),
        description: schemas.name.nullable().optional().describe('null removes it.'),
        events: events.optional(),
      }),
      status: 200,
      answer: webhookView,
      errors: ['not_found'],
      async handle({ id, body, caller, attribution }) {
        await visible(deps, caller, id);
        return { body: view(await endpoints.change(id, body, attribution)) };
      },
    }),
    operation({
      method: 'delete',
      path: '/webhooks/:id',
      tag,
      summary: 'Delete a webhook with its deliveries',
      action: 'webhooks.change',
      status: 204,
      errors: ['not_found'],
      async handle({ id, caller, attribution }) {
        await visible(deps, caller, id);
        await notifications.removeEndpoint(id, attribution);
        return {};
      },
    }),
    ...(['disable', 'enable'] as const).map((verb) =>
      operation({
        method: 'post',
        path: `/webhooks/:id/${verb}`,
        tag,
        summary: verb === 'disable' ? 'Turn off a webhook' : 'Turn on a webhook',
        description:
          verb === 'disable'
            ? 'It gets no more events. Pending deliveries fail.'
            : 'You can resend failed deliveries. The event feed has the events that it missed.',
        action: 'webhooks.change',
        status: 200,
        answer: webhookView,
        errors: ['not_found'],
        async handle({ id, caller, attribution }) {
          await visible(deps, caller, id);
          return {
            body: view(
              await (verb === 'disable'
                ? endpoints.disable(id, 'by_hand', attribution)
                : endpoints.enable(id, attribution)),
            ),
          };
        },
      }),
    ),
    operation({
      method: 'post',
      path: '/webhooks/:id/rotate-secret',
      tag,
      summary: 'Create a new secret',
      description: 'Both secrets sign until the previous one ends, so that the receiver can switch.',
      action: 'webhooks.change',
      body: z.strictObject({
        previousEndsInSeconds: z
          .number()
          .int()
          .min(0)
          .max(LONGEST_OVERLAP_SECONDS)
          .default(DAY_SECONDS)
          .describe('How long the previous secret still signs. Default: one day.'),
      }),
      status: 200,
      answer: z.object({ webhook: webhookView, secret: schemas.shownOnce }),
      errors: ['not_found'],
      async handle({ id, body, caller, attribution }) {
        await visible(deps, caller, id);
        const previousEndsAt = new Date(clock.now().getTime() + body.previousEndsInSeconds * 1000);
        const { endpoint, secret } = await endpoints.rotateSecret(id, previousEndsAt, attribution);
        return { body: { webhook: view(endpoint) }, secret: { secret } };
      },
    }),
    operation({
      method: 'post',
      path: '/webhooks/:id/test',
      tag,
      summary: 'Send a test event',
      action: 'webhooks.change',
      status: 201,
      answer: deliveryView,
      errors: ['not_found'],
      async handle({ id, caller, attribution }) {
        await visible(deps, caller, id);
        return { body: viewDelivery(await notifications.test(id, attribution)) };
      },
    }),
    operation({
      method: 'post',
      path: '/webhooks/:id/resend-failed',
      tag,
      summary: 'Resend failed deliveries since a time',
      action: 'webhooks.change',
      body: z.strictObject({ since: schemas.time }),
      status: 200,
      answer: z.object({ count: z.int().describe('Deliveries that are due again.') }),
      errors: ['not_found'],
      async handle({ id, body, caller }) {
        await visible(deps, caller, id);
        return { body: { count: await notifications.resendFailed(id, body.since) } };
      },
    }),
  ];
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

export function deliveryOperations(deps: Dependencies): Operation[] {
  const { notifications } = deps;
  const { deliveries } = notifications;
  const filter = z.string().max(100).optional();
  async function visibleDelivery(caller: Caller, id: string): Promise<Delivery> {
    const delivery = await deliveries.get(id);
    await visible(deps, caller, delivery.targetId);
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
        if (webhookId !== undefined) await visible(deps, caller, webhookId);
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
