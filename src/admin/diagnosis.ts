/** What is wrong with one directory: now, at a moment, over a period, at a refusal; and what people say of it. */
import { z } from 'zod';
import { type Clock, DAY_MS } from '../clock.ts';
import { CODE_NAMES, type Diagnoses } from '../diagnosis/index.ts';
import type { Directories, Directory } from '../directories/index.ts';
import { AppError } from '../errors.ts';
import { eventView, viewEvent } from './events.ts';
import { diagnosisView, viewDiagnosis, viewPast } from './finding-views.ts';
import { assertVisible, type Caller, type Operation, operation } from './operation.ts';
import * as schemas from './schemas.ts';

const tag = 'Diagnosis';
const WEEK_MS = 7 * DAY_MS;

const runView = z.object({ from: schemas.shownTime, to: schemas.shownTime, accepted: z.int(), refused: z.int() });

const timelineView = z
  .object({
    from: schemas.shownTime,
    to: schemas.shownTime,
    changes: z.array(eventView),
    credentials: z.array(
      z.object({
        id: z.string(),
        slot: z.enum(['a', 'b']),
        kind: z.enum(['bearer', 'oauth']),
        hint: z.string(),
        createdAt: schemas.shownTime,
        endedAt: schemas.shownTime.optional().describe('Absent until the credential ends.'),
        runs: z.array(runView),
      }),
    ),
    tokenEndpoint: z.array(runView),
    scimServer: z.array(runView),
    troubles: z.array(
      z.object({
        code: z.enum(CODE_NAMES),
        says: z.string().describe('The cause, as far as it is known from the event.'),
        firstAt: schemas.shownTime,
        lastAt: schemas.shownTime,
        count: z.int(),
        eventId: z.string(),
      }),
    ),
    isCut: z.boolean().describe('Some entries are left out. Request a shorter period.'),
  })
  .meta({ id: 'Timeline' });

export function diagnosisOperations(deps: {
  directories: Directories;
  diagnoses: Diagnoses;
  clock: Clock;
}): Operation[] {
  const { directories, diagnoses, clock } = deps;

  async function get(id: string, caller: Caller): Promise<Directory> {
    const directory = await directories.get(id);
    assertVisible(caller, directory.organizationId, `directory ${id}`);
    return directory;
  }

  return [
    operation({
      method: 'get',
      path: '/directories/:id/diagnosis',
      tag,
      summary: 'Explain a directory: what is wrong, since when, how we know, and who can fix it',
      description:
        'With `at`, as it was at that time: exact for tokens, connections and the directory, by the hour for traffic. The response then includes `credentials`.',
      action: 'directories.read',
      query: z.strictObject({ at: schemas.time.optional().describe('A moment in the past.') }),
      status: 200,
      answer: diagnosisView,
      errors: ['not_found', 'invalid_request'],
      async handle({ id, query: { at }, caller }) {
        const directory = await get(id, caller);
        const spoken = diagnoses.spoken(directory);
        if (at === undefined || at >= clock.now())
          return { body: viewDiagnosis(await diagnoses.now(directory), spoken) };
        return { body: viewPast(await diagnoses.at(directory, at)) };
      },
    }),
    operation({
      method: 'get',
      path: '/why/:id',
      tag,
      summary: 'Explain a refusal by the code in its response',
      description: "The directory's diagnosis at the time of the latest refusal with this code. Available for 30 days.",
      action: 'directories.read',
      status: 200,
      answer: diagnosisView,
      errors: ['not_found'],
      async handle({ id: code, caller }) {
        const why = await diagnoses.why(code);
        if (!why)
          throw new AppError('not_found', {
            detail: "We don't recognize this code. It is mistyped, or more than 30 days old.",
          });
        assertVisible(caller, why.organizationId, 'this code');
        const directory = await get(why.directoryId, caller);
        return { body: viewPast(await diagnoses.at(directory, why.at)) };
      },
    }),
    operation({
      method: 'get',
      path: '/directories/:id/timeline',
      tag,
      summary: "Read a directory's timeline: changes, and traffic by the hour",
      action: 'directories.read',
      query: z.strictObject({
        from: schemas.time.optional().describe('Default: seven days before `to`.'),
        to: schemas.time.optional().describe('Default: now.'),
      }),
      status: 200,
      answer: timelineView,
      errors: ['not_found', 'invalid_request'],
      async handle({ id, query, caller }) {
        const directory = await get(id, caller);
        const to = query.to ?? clock.now();
        const from = query.from ?? new Date(to.getTime() - WEEK_MS);
        if (from >= to) {
          const errors = [
            { path: 'from', given: from.toISOString(), wanted: `a time before to (${to.toISOString()})` },
          ];
          throw new AppError('invalid_request', { detail: 'The period ends before it begins.', errors });
        }
        const { changes, ...timeline } = await diagnoses.timeline(directory, { from, to });
        return { body: { ...timeline, changes: changes.map(viewEvent) } };
      },
    }),
    operation({
      method: 'post',
      path: '/directories/:id/recovered',
      tag,
      summary: 'Confirm that the changes missed during a failure are fixed',
      action: 'findings.settle',
      status: 200,
      answer: diagnosisView,
      errors: ['not_found'],
      async handle({ id, caller, attribution }) {
        const directory = await get(id, caller);
        await diagnoses.dismissRecovery(directory, attribution);
        return { body: viewDiagnosis(await diagnoses.now(directory), diagnoses.spoken(directory)) };
      },
    }),
    operation({
      method: 'post',
      path: '/directories/:id/quiet',
      tag,
      summary: 'Mark the current silence as expected, or mute silence alerts',
      description: 'Without `muteDays`, the silence so far counts as normal, so the next alert comes later.',
      action: 'findings.settle',
      body: z.strictObject({ muteDays: z.number().int().min(1).max(365).optional() }),
      status: 200,
      answer: diagnosisView,
      errors: ['not_found', 'invalid_request'],
      async handle({ id, body: { muteDays }, caller, attribution }) {
        const directory = await get(id, caller);
        const until = muteDays && new Date(clock.now().getTime() + muteDays * DAY_MS);
        if (until) await diagnoses.muteSilence(directory, until, attribution);
        else await diagnoses.expectSilence(directory, attribution);
        return { body: viewDiagnosis(await diagnoses.now(directory), diagnoses.spoken(directory)) };
      },
    }),
  ];
}
