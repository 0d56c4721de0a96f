import { z } from 'zod';
import type { Clock } from '../clock.ts';
import type { Organizations } from '../directories/index.ts';
import { ENDPOINT_KINDS, type Endpoint, isEventFilter, type Notifications } from '../notifications/index.ts';
import { deliveryView, viewDelivery, visibleEndpoint } from './deliveries.ts';
import { assertVisible, type Operation, operation } from './operation.ts';
import * as schemas from './schemas.ts';

const tag = 'Webhooks';
const LONGEST_OVERLAP_SECONDS = 30 * 86_400;
const DAY_SECONDS = 86_400;

const events = z
  .array(
    z
      .string()
      .max(100)
      .refine(isEventFilter, 'expected an event type from docs/webhooks.md, or a family such as dsync.*'),
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
    disabledAt: schemas.shownTime.nullable(),
    failingSince: schemas.shownTime.nullable().describe('Start of the current failure.'),
    secrets: z.array(
      z.object({
        id: z.string(),
        createdAt: schemas.shownTime,
        expiresAt: schemas.shownTime.nullable().describe('null: never'),
      }),
    ),
    createdAt: schemas.shownTime,
    createdBy: schemas.actorView,
    updatedAt: schemas.shownTime,
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

interface Dependencies {
  organizations: Organizations;
  notifications: Notifications;
  clock: Clock;
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
      summary: 'Add a webhook, or a Slack or Microsoft Teams channel',
      description: 'Messages are signed as in Standard Webhooks. docs/webhooks.md shows how to verify them.',
      action: 'webhooks.change',
      body: z.strictObject({
        url,
        kind: z.enum(ENDPOINT_KINDS).optional().describe('Default: `webhook`.'),
        description: schemas.name.optional(),
        events: events.optional(),
        organizationId: z.string().max(100).optional().describe('Only events for this organization.'),
      }),
      status: 201,
      answer: z.object({
        webhook: webhookView,
        secret: z
          .string()
          .nullable()
          .optional()
          .describe("`whsec_...`, shown only once. A chat channel doesn't have a secret."),
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
      handle: async ({ id, caller }) => ({ body: view(await visibleEndpoint(notifications, caller, id)) }),
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
        await visibleEndpoint(notifications, caller, id);
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
        await visibleEndpoint(notifications, caller, id);
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
            ? "The webhook doesn't get any more events. Pending deliveries fail."
            : 'You can resend failed deliveries. The event feed contains the events that the webhook missed.',
        action: 'webhooks.change',
        status: 200,
        answer: webhookView,
        errors: ['not_found'],
        async handle({ id, caller, attribution }) {
          await visibleEndpoint(notifications, caller, id);
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
      description:
        'Messages are signed with both secrets until the previous one stops working, so that the receiver can switch.',
      action: 'webhooks.change',
      body: z.strictObject({
        previousEndsInSeconds: z
          .number()
          .int()
          .min(0)
          .max(LONGEST_OVERLAP_SECONDS)
          .default(DAY_SECONDS)
          .describe('How long messages are also signed with the previous secret. Default: one day.'),
      }),
      status: 200,
      answer: z.object({ webhook: webhookView, secret: schemas.shownOnce }),
      errors: ['not_found'],
      async handle({ id, body, caller, attribution }) {
        await visibleEndpoint(notifications, caller, id);
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
        await visibleEndpoint(notifications, caller, id);
        return { body: viewDelivery(await notifications.test(id, attribution)) };
      },
    }),
    operation({
      method: 'post',
      path: '/webhooks/:id/resend-failed',
      tag,
      summary: 'Resend deliveries that failed since a given time',
      action: 'webhooks.change',
      body: z.strictObject({ since: schemas.time }),
      status: 200,
      answer: z.object({ count: z.int().describe('Deliveries that are due again.') }),
      errors: ['not_found'],
      async handle({ id, body, caller }) {
        await visibleEndpoint(notifications, caller, id);
        return { body: { count: await notifications.resendFailed(id, body.since) } };
      },
    }),
  ];
}
