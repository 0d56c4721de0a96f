import { z } from 'zod';
import {
  CAMPAIGN_STATES,
  type Campaign,
  type Campaigns,
  GOALS,
  MARKS,
  MEMBER_STATES,
  type Member,
} from '../reports/index.ts';
import { type Operation, operation } from './operation.ts';
import { filterFields, reportRowView, viewRow } from './reports.ts';
import * as schemas from './schemas.ts';

const tag = 'Reports';
const { states: _states, ...choice } = filterFields;
const days = z.number().int().min(0).max(36_500).optional();
const filter = z
  .strictObject({
    ...choice,
    olderThanDays: days,
    unusedForDays: days,
    endsWithinDays: days,
    marks: z.array(z.enum(MARKS)).max(MARKS.length).optional(),
  })
  .describe('The filters of the credentials report. Only active credentials are chosen.');
const goal = z
  .enum(GOALS)
  .describe('`end`: sets an end date. `oauth`: asks contacts to connect with OAuth, and chooses only tokens.');

const progressView = z.object(
  Object.fromEntries(MEMBER_STATES.map((state) => [state, z.int()])) as Record<
    (typeof MEMBER_STATES)[number],
    z.ZodInt
  >,
);
const campaignView = z
  .object({
    id: z.string(),
    name: z.string(),
    goal: z.enum(GOALS),
    filter: z.record(z.string(), z.unknown()),
    endsAt: schemas.shownTime.nullable(),
    message: z.string().nullable(),
    state: z.enum(CAMPAIGN_STATES),
    progress: progressView.describe('Number of credentials in each state. Updated twice a minute.'),
    asked: z.int().describe('How many times contacts were asked.'),
    createdAt: schemas.shownTime,
    startedBy: schemas.actorView,
    endedAt: schemas.shownTime.nullable(),
  })
  .meta({ id: 'Campaign' });
const memberView = z
  .object({
    credentialId: z.string(),
    organizationId: z.string(),
    directoryId: z.string(),
    state: z.enum(MEMBER_STATES),
    previousEnd: schemas.shownTime.nullable().describe("The credential's end date before the campaign."),
  })
  .meta({ id: 'CampaignCredential' });

function viewMember({ credentialId, organizationId, directoryId, state, previousEnd }: Member) {
  return { credentialId, organizationId, directoryId, state, previousEnd: previousEnd ?? null };
}

export function campaignOperations({ campaigns }: { campaigns: Campaigns }): Operation[] {
  async function view(campaign: Campaign) {
    const {
      id,
      name,
      goal: wanted,
      filter: chosen,
      endsAt,
      message,
      state,
      askedRounds,
      createdAt,
      startedBy,
    } = campaign;
    return {
      id,
      name,
      goal: wanted,
      filter: chosen,
      endsAt: endsAt ?? null,
      message: message ?? null,
      state,
      progress: await campaigns.progress(id),
      asked: askedRounds,
      createdAt,
      startedBy: schemas.viewActor(startedBy),
      endedAt: campaign.endedAt ?? null,
    };
  }

  return [
    operation({
      method: 'post',
      path: '/campaigns/preview',
      tag,
      summary: 'Preview which credentials a campaign would choose',
      action: 'campaigns.read',
      body: z.strictObject({ goal, filter }),
      example: { goal: 'end', filter: { provider: 'entra', kind: 'bearer', olderThanDays: 365, marks: ['no_end'] } },
      status: 200,
      answer: z.object({
        count: z.int(),
        organizations: z.int(),
        unreachable: z.int().describe('Organizations without a confirmed contact. Owners get the email instead.'),
        first: z.array(reportRowView).describe('The first 50.'),
      }),
      errors: ['invalid_request'],
      async handle({ body }) {
        const { rows, ...counts } = await campaigns.preview(body.filter, body.goal);
        return { body: { ...counts, first: rows.map(viewRow) } };
      },
    }),
    operation({
      method: 'post',
      path: '/campaigns',
      tag,
      summary: 'Start a campaign',
      description:
        'Chooses the credentials that match now. With `end`, a later or missing end date becomes `endsAt`. Confirmed contacts get an email with a portal link. If email is off or there is no confirmed contact, create links with `POST /campaigns/{id}/links`.',
      action: 'campaigns.run',
      body: z.strictObject({
        name: schemas.name,
        goal,
        filter,
        endsAt: schemas.time.optional().describe('With `end`: at least a day from now.'),
        message: schemas.name.optional().describe('Replaces our sentence in the email.'),
      }),
      example: {
        name: 'Static tokens of Entra',
        goal: 'end',
        filter: { provider: 'entra', kind: 'bearer', olderThanDays: 365, marks: ['no_end'] },
        endsAt: '2027-06-30T00:00:00Z',
      },
      status: 201,
      answer: campaignView,
      errors: ['invalid_request'],
      handle: async ({ body, attribution }) => ({ body: await view(await campaigns.start(body, attribution)) }),
    }),
    operation({
      method: 'get',
      path: '/campaigns',
      tag,
      summary: 'List campaigns, newest first',
      action: 'campaigns.read',
      query: z.strictObject(schemas.paging),
      status: 200,
      answer: schemas.listOf(campaignView),
      errors: ['invalid_cursor'],
      async handle({ query }) {
        const { items, nextCursor } = await campaigns.page(query);
        return { body: { items: await Promise.all(items.map(view)), nextCursor } };
      },
    }),
    operation({
      method: 'get',
      path: '/campaigns/:id',
      tag,
      summary: 'Read a campaign and its progress',
      action: 'campaigns.read',
      status: 200,
      answer: campaignView,
      errors: ['not_found'],
      handle: async ({ id }) => ({ body: await view(await campaigns.get(id)) }),
    }),
    operation({
      method: 'get',
      path: '/campaigns/:id/credentials',
      tag,
      summary: 'List the credentials in a campaign and their states',
      action: 'campaigns.read',
      query: z.strictObject(schemas.paging),
      status: 200,
      answer: schemas.listOf(memberView),
      errors: ['not_found', 'invalid_cursor'],
      async handle({ id, query }) {
        await campaigns.get(id);
        const { items, nextCursor } = await campaigns.members(id, query);
        return { body: { items: items.map(viewMember), nextCursor } };
      },
    }),
    operation({
      method: 'post',
      path: '/campaigns/:id/links',
      tag,
      summary: 'Create a portal link for each organization that has not replaced its credentials yet',
      description:
        "For contacts who can't be reached by email. Each link opens the portal of that organization once, within seven days. At most 500.",
      action: 'campaigns.run',
      status: 201,
      answer: z.object({
        links: z
          .array(z.object({ organizationId: z.string(), organizationName: z.string(), url: z.string() }))
          .optional()
          .describe("Shown only once. A retry with the same Idempotency-Key doesn't return them."),
      }),
      errors: ['not_found', 'invalid_request'],
      async handle({ id, attribution }) {
        const found = await campaigns.links(id, attribution);
        const links = found.map(({ organizationId, organization, url }) => ({
          organizationId,
          organizationName: organization,
          url,
        }));
        return { body: {}, secret: { links } };
      },
    }),
    operation({
      method: 'post',
      path: '/campaigns/:id/remind',
      tag,
      summary: 'Remind the contacts whose credentials have not been replaced',
      description: 'At most once an hour.',
      action: 'campaigns.run',
      status: 200,
      answer: campaignView,
      errors: ['not_found', 'invalid_request'],
      handle: async ({ id, attribution }) => ({ body: await view(await campaigns.remind(id, attribution)) }),
    }),
    operation({
      method: 'post',
      path: '/campaigns/:id/stop',
      tag,
      summary: 'Stop a campaign and remove the end dates that it set',
      description:
        'Credentials that were revoked or have expired stay that way. End dates that someone has changed since then are kept.',
      action: 'campaigns.run',
      status: 200,
      answer: campaignView,
      errors: ['not_found', 'invalid_request'],
      handle: async ({ id, attribution }) => ({ body: await view(await campaigns.stop(id, attribution)) }),
    }),
  ];
}
