import { z } from 'zod';
import type { Audit, EventQuery } from '../audit/index.ts';
import { AppError } from '../errors.ts';
import { assertVisible, type Caller, type Operation, operation } from './operation.ts';
import * as schemas from './schemas.ts';

interface EventList {
  path: string;
  tag: string;
  summary: string;
  /** What the list is limited to. */
  scope: (id: string, caller: Caller) => Promise<NonNullable<EventQuery['where']>>;
}

const filters = {
  type: schemas.eventTypeFilter
    .optional()
    .describe('An event type, several with commas, or a family such as credential.*'),
  from: schemas.time.optional().describe('Only events at or after this time.'),
  to: schemas.time.optional().describe('Only events before this time.'),
  order: z
    .enum(['asc', 'desc'])
    .default('desc')
    .describe('`desc`: latest first. `asc`: oldest first, with `resumeAfter` for the next poll.'),
};

const eventList = schemas.listOf(schemas.eventView).extend({
  resumeAfter: z
    .string()
    .optional()
    .describe('With `order=asc`: the `after` of your next poll. It can return events of the last minute again.'),
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
  return { body: { items: items.map(schemas.viewEvent), ...rest } };
}
