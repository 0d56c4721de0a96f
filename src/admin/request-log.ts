/** The request log of one directory, as JSON or as a file. */
import { z } from 'zod';
import { type Diagnoses, type LoggedRequest, REQUEST_COLUMNS } from '../diagnosis/index.ts';
import type { Directories } from '../directories/index.ts';
import { KINDS, OUTCOMES } from '../gateway/index.ts';
import { csvHead, csvRows } from '../http/csv.ts';
import { assertVisible, type Operation, operation } from './operation.ts';
import * as schemas from './schemas.ts';

const tag = 'Diagnosis';

const loggedView = z
  .object({
    at: schemas.shownTime,
    method: z.string(),
    kind: z.enum(KINDS),
    outcome: z.enum(OUTCOMES),
    status: z.number().nullable().describe('Status from the SCIM server. null if it did not respond.'),
    durationMs: z.number(),
    credentialId: z.string(),
    requestId: z.string(),
  })
  .meta({ id: 'LoggedRequest' });

function viewLogged({ at, method, kind, outcome, status, durationMs, credentialId, requestId }: LoggedRequest) {
  const time = at.toISOString();
  return { at: time, method, kind, outcome, status: status ?? null, durationMs, credentialId, requestId };
}

export function requestLogOperations(deps: { directories: Directories; diagnoses: Diagnoses }): Operation[] {
  const { directories, diagnoses } = deps;
  return [
    operation({
      method: 'get',
      path: '/directories/:id/requests',
      tag,
      summary: "List a directory's request log, latest first",
      description:
        'Requests that the gateway accepted in the last 30 days, for directories with `requestLog`. `format=csv` returns the page as a file.',
      action: 'directories.read',
      query: z.strictObject({
        ...schemas.paging,
        from: schemas.time.optional(),
        to: schemas.time.optional(),
        format: z.enum(['json', 'csv']).optional().describe('Default: json.'),
      }),
      status: 200,
      answer: schemas.listOf(loggedView),
      errors: ['not_found', 'invalid_cursor'],
      async handle({ id, query: { format, ...query }, caller }) {
        const { organizationId } = await directories.get(id);
        assertVisible(caller, organizationId, `directory ${id}`);
        const { items, nextCursor } = await diagnoses.requestLog.page(id, query);
        const content = csvHead(REQUEST_COLUMNS) + csvRows(REQUEST_COLUMNS, items);
        if (format === 'csv') return { text: { type: 'text/csv; charset=utf-8', content } };
        return { body: { items: items.map(viewLogged), nextCursor } };
      },
    }),
  ];
}
