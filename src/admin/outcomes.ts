/** Outcomes that the vendor reports, where we see none: with forward-auth and introspection. */
import { z } from 'zod';
import { type Clock, DAY_MS } from '../clock.ts';
import type { Diagnoses, UpstreamFinding } from '../diagnosis/index.ts';
import type { Directories } from '../directories/index.ts';
import { KINDS } from '../gateway/index.ts';
import { isVisible, type Operation, operation } from './operation.ts';
import * as schemas from './schemas.ts';

const tag = 'Diagnosis';

/** What a status of the vendor's SCIM server means, where only the vendor sees it. */
function classOf(status: number, isCollection: boolean): UpstreamFinding {
  if (status === 401 || status === 407) return 'upstream_refuses_us';
  if (status === 429) return 'upstream_limits';
  if (status >= 500) return 'upstream_failing';
  if ((status === 404 || status === 405) && isCollection) return 'upstream_wrong_base';
  if (status === 400 || status === 415 || status === 422) return 'upstream_rejects_content';
  return status >= 400 ? 'normal_refusal' : 'ok';
}

const MOST_OUTCOMES = 1000;
/** Reports come in batches, and not from yesterday. */
const OLDEST_OUTCOME_MS = DAY_MS;

export function outcomeOperations(deps: { directories: Directories; diagnoses: Diagnoses; clock: Clock }): Operation[] {
  const { directories, diagnoses, clock } = deps;
  return [
    operation({
      method: 'post',
      path: '/outcomes',
      tag,
      summary: "Report your SCIM server's responses, for forward-auth and introspection",
      description:
        "Not needed with the gateway, which sees the responses. Report in batches, as the middleware does. Don't send bodies, filters or names.",
      action: 'outcomes.report',
      body: z.strictObject({
        outcomes: z
          .array(
            z.strictObject({
              directoryId: z.string().max(100),
              kind: z.enum(KINDS),
              status: z.number().int().min(100).max(599),
              collection: z
                .boolean()
                .optional()
                .describe('Whether the request was for a collection, not for one resource.'),
              at: schemas.time.optional().describe('Within the last day. Default: now.'),
            }),
          )
          .min(1)
          .max(MOST_OUTCOMES),
      }),
      status: 200,
      answer: z.object({
        accepted: z.int(),
        unknown: z.int().describe("Outcomes for directories that you can't see."),
      }),
      errors: ['invalid_request'],
      async handle({ body: { outcomes }, caller }) {
        const ids = [...new Set(outcomes.map(({ directoryId }) => directoryId))];
        const found = new Map((await Promise.all(ids.map((id) => directories.find(id)))).map((one) => [one?.id, one]));
        let accepted = 0;
        for (const { directoryId, kind, status, collection = false, at } of outcomes) {
          const directory = found.get(directoryId);
          if (!directory || !isVisible(caller, directory.organizationId)) continue;
          const now = clock.now();
          const isUsable = at === undefined || (at <= now && now.getTime() - at.getTime() < OLDEST_OUTCOME_MS);
          diagnoses.traffic.outcome(directory, kind, classOf(status, collection), 'reported', isUsable ? at : now);
          accepted += 1;
        }
        return { body: { accepted, unknown: outcomes.length - accepted } };
      },
    }),
  ];
}
