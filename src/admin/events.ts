import { z } from 'zod';
import type { Audit, EventQuery } from '../audit/index.ts';
import { AppError } from '../errors.ts';
import { assertVisible, type Caller, type Operation, operation, READERS } from './operation.ts';
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
  from: schemas.time.optional().describe('Not before.'),
  to: schemas.time.optional().describe('Before.'),
};

export function eventListOperation(audit: Audit, { path, tag, summary, scope }: EventList): Operation {
  return operation({
    method: 'get',
    path,
    tag,
    summary,
    roles: READERS,
    query: z.strictObject({ ...schemas.paging, ...filters }),
    status: 200,
    answer: schemas.listOf(schemas.eventView),
    errors: ['not_found', 'invalid_cursor', 'invalid_request'],
    async handle({ id, query: { type, from, to, after, limit }, caller }) {
      return list(audit, { where: { ...(await scope(id, caller)), type }, from, to, after, limit });
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
      summary: 'The audit trail, latest first',
      roles: READERS,
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
      answer: schemas.listOf(schemas.eventView),
      errors: ['invalid_cursor', 'invalid_request'],
      async handle({ query: { from, to, after, limit, ...where }, caller }) {
        if (where.organizationId !== undefined)
          assertVisible(caller, where.organizationId, `organization ${where.organizationId}`);
        return list(audit, {
          where: { ...where, organizationId: where.organizationId ?? caller.organizationId },
          from,
          to,
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
  // What this instance refused a moment ago is read too; an outage shows in the read itself.
  await audit.tallies.flush().catch(() => undefined);
  const { items, nextCursor } = await audit.page(query);
  return { body: { items: items.map(schemas.viewEvent), nextCursor } };
}
