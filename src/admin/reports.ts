import { z } from 'zod';
import { type Credential, type Credentials, REVIEW_DECISIONS } from '../credentials/index.ts';
import { type CredentialReport, type CredentialRow, MARKS, REPORT_SORTS, REPORT_STATES } from '../reports/index.ts';
import { assertVisible, type Caller, type Operation, operation } from './operation.ts';
import * as schemas from './schemas.ts';

const tag = 'Reports';
/** Empty, as a form sends it: no filter, and not no days. */
const days = z
  .union([z.literal(''), z.coerce.number().int().min(0).max(36_500)])
  .transform((given) => (given === '' ? undefined : given))
  .optional();

const reviewView = z.object({
  at: schemas.shownTime,
  by: schemas.actorView,
  decision: z.enum(REVIEW_DECISIONS),
  note: z.string().nullable(),
});

export const reportRowView = z
  .object({
    credentialId: z.string(),
    organizationId: z.string(),
    organizationName: z.string().nullable(),
    directoryId: z.string(),
    directoryName: z.string().nullable(),
    provider: z.string().nullable(),
    kind: z.enum(['bearer', 'oauth']),
    slot: z.enum(['a', 'b']),
    state: z.enum(['pending', 'active', 'disabled', 'revoked', 'expired']),
    label: z.string().nullable(),
    hint: z.string(),
    createdAt: schemas.shownTime,
    createdBy: schemas.actorView,
    ageDays: z.int(),
    expiresAt: schemas.shownTime.nullable().describe('null: never'),
    lastUsedAt: schemas.shownTime.nullable().describe('null: never used'),
    acceptedCount: z.int(),
    replacedAt: schemas.shownTime
      .nullable()
      .describe('When another credential replaced it. null once it was revoked or has expired.'),
    marks: z.array(z.enum(MARKS)),
    review: reviewView.nullable().describe('The latest one.'),
  })
  .meta({ id: 'CredentialReportRow' });

function viewReview({ review }: Credential) {
  if (!review) return null;
  const { at, by, decision, note } = review;
  return { at, by: { type: by.type, id: by.id ?? null, name: by.name }, decision, note: note ?? null };
}

export function viewRow({
  credential,
  state,
  organization,
  directory,
  total,
  ageDays,
  marks,
  replacedAt,
}: CredentialRow) {
  const { id, organizationId, directoryId, kind, slot, label, hint, createdAt, createdBy, expiresAt } = credential;
  return {
    credentialId: id,
    organizationId,
    organizationName: organization?.name ?? null,
    directoryId,
    directoryName: directory?.name ?? null,
    provider: directory?.provider ?? null,
    kind,
    slot,
    state,
    label: label ?? null,
    hint,
    createdAt,
    createdBy: schemas.viewActor(createdBy),
    ageDays,
    expiresAt: expiresAt ?? null,
    lastUsedAt: total?.lastUsedAt ?? null,
    acceptedCount: total?.acceptedCount ?? 0,
    replacedAt: replacedAt ?? null,
    marks,
    review: viewReview(credential),
  };
}

/** What a list of the report, and a campaign, may be limited by. */
export const filterFields = {
  organizationId: z.string().max(100).optional(),
  directoryId: z.string().max(100).optional(),
  states: z.enum(REPORT_STATES).optional().describe('Default: `live`.'),
  kind: z.enum(['bearer', 'oauth']).optional(),
  provider: schemas.provider.optional(),
  olderThanDays: days.describe('Minimum age in days.'),
  unusedForDays: days.describe('Minimum days since the last use. Includes credentials that were never used.'),
  endsWithinDays: days.describe('Maximum days until it expires.'),
};
const marks = z
  .string()
  .max(200)
  .transform((value, context) => {
    const given = value.split(',').filter((mark) => mark !== '');
    const found = MARKS.filter((mark) => given.includes(mark));
    if (found.length < new Set(given).size)
      context.addIssue({ code: 'custom', message: `expected one or more of ${MARKS.join(', ')}, separated by commas` });
    return found;
  });

export function reportOperations(deps: { credentialReport: CredentialReport; credentials: Credentials }): Operation[] {
  const { credentialReport, credentials } = deps;

  /** A limited key sees its own organization, whatever it asks for. */
  function within(caller: Caller, organizationId: string | undefined): string | undefined {
    if (organizationId !== undefined) assertVisible(caller, organizationId, `organization ${organizationId}`);
    return organizationId ?? caller.organizationId;
  }

  return [
    operation({
      method: 'get',
      path: '/reports/credentials',
      tag,
      summary: 'List all credentials with age, use and expiration',
      description:
        'Filters and sorting cover all credentials. A page can have fewer items than `limit`, or none, and still have a `nextCursor`.',
      action: 'reports.read',
      query: z.strictObject({
        ...schemas.paging,
        ...filterFields,
        marks: marks
          .optional()
          .describe(`Only credentials with all of these marks, separated by commas: ${MARKS.join(', ')}.`),
        sort: z
          .enum(REPORT_SORTS)
          .default('created')
          .describe('`lastUsed` and `ends` sort at most 50,000 credentials.'),
        order: z.enum(['asc', 'desc']).default('desc'),
      }),
      status: 200,
      answer: schemas.listOf(reportRowView),
      errors: ['not_found', 'invalid_cursor', 'invalid_request'],
      async handle({ query: { limit, after, sort, order, ...given }, caller }) {
        const filter = { ...given, organizationId: within(caller, given.organizationId) };
        const { items, nextCursor } = await credentialReport.page({ filter, sort, order, after, limit });
        return { body: { items: items.map(viewRow), nextCursor } };
      },
    }),
    operation({
      method: 'post',
      path: '/credentials/:id/review',
      tag,
      summary: 'Record a review of a credential',
      description:
        '`end` means that the credential should be revoked. It keeps working until someone does that. A later review replaces this one; the events contain both.',
      action: 'credentials.review',
      body: z.strictObject({
        decision: z.enum(REVIEW_DECISIONS),
        note: schemas.name.optional().describe('The reason, for the auditor.'),
      }),
      example: { decision: 'keep', note: 'Asked the customer: still in use' },
      status: 200,
      answer: reportRowView,
      errors: ['not_found', 'credential_final'],
      async handle({ id, body, caller, attribution }) {
        assertVisible(caller, (await credentials.get(id)).organizationId, `credential ${id}`);
        return { body: viewRow(await credentialReport.rowOf(await credentials.review(id, body, attribution))) };
      },
    }),
  ];
}
