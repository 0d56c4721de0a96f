import { z } from 'zod';
import { type Audit, type AuditEvent, EVENTS, type EventQuery, type EventType } from '../audit/index.ts';
import { AppError } from '../errors.ts';
import { assertVisible, type Caller, type Operation, operation } from './operation.ts';
import * as schemas from './schemas.ts';

const eventTypes = Object.keys(EVENTS) as [EventType, ...EventType[]];

export const eventView = z
  .object({
    id: z.string(),
    type: z.enum(eventTypes),
    at: schemas.shownTime,
    actor: schemas.actorView,
    source: z.enum(['api', 'dashboard', 'portal', 'system']),
    organizationId: z.string().nullable(),
    directoryId: z.string().nullable(),
    credentialId: z.string().nullable(),
    requestId: z.string().nullable(),
    address: z.string().nullable(),
    data: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'Event' });

export function viewEvent({ id, type, at, actor, source, data, count, firstAt, lastAt, ...event }: AuditEvent) {
  return {
    id,
    type,
    at,
    actor: schemas.viewActor(actor),
    source,
    organizationId: event.organizationId ?? null,
    directoryId: event.directoryId ?? null,
    credentialId: event.credentialId ?? null,
    requestId: event.requestId ?? null,
    address: event.address ?? null,
    data: count === undefined ? data : { ...data, count, firstAt, lastAt },
  };
}

/** `credential.revoked`, several with commas, or a family: `credential.*`. */
const eventTypeFilter = z
  .string()
  .max(1000)
  .transform((value, context): EventType[] => {
    const found = value
      .split(',')
      .flatMap((wanted) =>
        eventTypes.filter((type) => type === wanted || (wanted.endsWith('.*') && type.startsWith(wanted.slice(0, -1)))),
      );
    if (found.length === 0)
      context.addIssue({ code: 'custom', message: `expected event types such as ${eventTypes[0]} or credential.*` });
    return [...new Set(found)];
  });

interface EventList {
  path: string;
  tag: string;
  summary: string;
  /** What the list is limited to. */
  scope: (id: string, caller: Caller) => Promise<NonNullable<EventQuery['where']>>;
}

const filters = {
  type: eventTypeFilter
    .optional()
    .describe('An event type, several separated by commas, or a family such as credential.*'),
  from: schemas.time.optional().describe('Only events at or after this time.'),
  to: schemas.time.optional().describe('Only events before this time.'),
  order: z
    .enum(['asc', 'desc'])
    .default('desc')
    .describe('`desc`: latest first. `asc`: oldest first, with `resumeAfter` for the next poll.'),
};

const eventList = schemas.listOf(eventView).extend({
  resumeAfter: z
    .string()
    .optional()
    .describe('With `order=asc`: the `after` of your next poll. It can return events from the last minute again.'),
});

export function eventListOperation(audit: Audit, { path, tag, summary, scope }: EventList): Operation {
  return operation({
    method: 'get',
    path,
    tag,
    summary,
    action: 'events.read',
    query: z.strictObject({ ...schemas.paging, ...filters }),
    status: 200,
    answer: eventList,
    errors: ['not_found', 'invalid_cursor', 'invalid_request'],
    async handle({ id, query: { type, ...query }, caller }) {
      return list(audit, { ...query, where: { ...(await scope(id, caller)), type } });
    },
  });
}

export function eventOperations({ audit }: { audit: Audit }): Operation[] {
  const id = z.string().max(100).optional();
  return [
    operation({
      method: 'get',
      path: '/events',
      tag: 'Events',
      summary: 'List the audit trail, latest first by default',
      action: 'events.read',
      query: z.strictObject({
        ...schemas.paging,
        ...filters,
        organizationId: id,
        directoryId: id,
        credentialId: id,
        requestId: id,
        actorId: id,
      }),
      status: 200,
      answer: eventList,
      errors: ['invalid_cursor', 'invalid_request'],
      async handle({ query: { from, to, order, after, limit, ...where }, caller }) {
        if (where.organizationId !== undefined)
          assertVisible(caller, where.organizationId, `organization ${where.organizationId}`);
        return list(audit, {
          where: { ...where, organizationId: where.organizationId ?? caller.organizationId },
          from,
          to,
          order,
          after,
          limit,
        });
      },
    }),
  ];
}

async function list(audit: Audit, query: EventQuery) {
  const { from, to } = query;
  if (from && to && from > to) {
    const errors = [{ path: 'from', given: from.toISOString(), wanted: `a time before to (${to.toISOString()})` }];
    throw new AppError('invalid_request', { detail: 'The period ends before it begins.', errors });
  }
  const { items, ...rest } = await audit.page(query);
  return { body: { items: items.map(viewEvent), ...rest } };
}
