/** What is wrong everywhere: current findings over all directories, and what was refused of nobody. */
import { z } from 'zod';
import {
  ACTORS,
  CODE_NAMES,
  type CurrentFinding,
  type Diagnoses,
  SEVERITIES,
  type UnplacedRefusal,
} from '../diagnosis/index.ts';
import type { Directories } from '../directories/index.ts';
import { findingView, viewFinding } from './finding-views.ts';
import { assertVisible, type Operation, operation } from './operation.ts';
import * as schemas from './schemas.ts';

const tag = 'Diagnosis';

const currentView = z
  .object({ directoryId: z.string(), organizationId: z.string(), provider: schemas.provider, finding: findingView })
  .meta({ id: 'CurrentFinding' });

const unplacedView = z
  .object({
    code: z.enum(CODE_NAMES),
    provider: schemas.provider.nullable().describe('The identity provider in its User-Agent, which is not verified.'),
    firstAt: schemas.shownTime,
    lastAt: schemas.shownTime,
    address: z.string().nullable(),
    userAgent: z.string().nullable(),
    requestId: z.string().nullable(),
    eventId: z.string().describe('The latest event.'),
  })
  .meta({ id: 'UnplacedRefusal' });

function viewUnplaced({ code, provider, firstAt, lastAt, address, userAgent, requestId, eventId }: UnplacedRefusal) {
  return {
    code,
    provider: provider ?? null,
    firstAt,
    lastAt,
    address: address ?? null,
    userAgent: userAgent ?? null,
    requestId: requestId ?? null,
    eventId,
  };
}

export function findingOperations(deps: { directories: Directories; diagnoses: Diagnoses }): Operation[] {
  const { directories, diagnoses } = deps;
  const { current } = diagnoses;

  async function viewCurrent({ directoryId, organizationId, provider, finding }: CurrentFinding) {
    const directory = await directories.find(directoryId);
    if (!directory) return [];
    return [{ directoryId, organizationId, provider, finding: viewFinding(finding, diagnoses.spoken(directory)) }];
  }

  return [
    operation({
      method: 'get',
      path: '/findings',
      tag,
      summary: 'List current findings that need attention, most urgent first, then longest',
      action: 'directories.read',
      query: z.strictObject({
        ...schemas.paging,
        severity: z.enum(SEVERITIES).optional(),
        code: z.enum(CODE_NAMES).optional(),
        provider: schemas.provider.optional(),
        actor: z.enum(ACTORS).optional().describe('The party that can fix it.'),
        organizationId: z.string().max(100).optional(),
      }),
      status: 200,
      answer: schemas.listOf(currentView),
      errors: ['invalid_cursor', 'not_found'],
      async handle({ query: { organizationId, ...query }, caller }) {
        if (organizationId !== undefined) assertVisible(caller, organizationId, `organization ${organizationId}`);
        const { items, nextCursor } = await current.page({
          ...query,
          organizationId: organizationId ?? caller.organizationId,
        });
        return { body: { items: (await Promise.all(items.map(viewCurrent))).flat(), nextCursor } };
      },
    }),
    operation({
      method: 'get',
      path: '/unplaced-refusals',
      tag,
      summary: 'List refused requests without a recognizable directory',
      description: 'One for each cause and identity provider, for seven days. The events list every request.',
      action: 'unplaced.read',
      query: z.strictObject(schemas.paging),
      status: 200,
      answer: schemas.listOf(unplacedView),
      errors: ['invalid_cursor'],
      async handle({ query }) {
        const { items, nextCursor } = await diagnoses.unplaced.page(query);
        return { body: { items: items.map(viewUnplaced), nextCursor } };
      },
    }),
  ];
}
