import { z } from 'zod';
import { type Evidence, type EvidencePacket, evidenceAsCsv, SECTION_IDS } from '../reports/index.ts';
import { assertVisible, type Operation, operation } from './operation.ts';
import * as schemas from './schemas.ts';

const text = z.string().nullable();

const rowView = z
  .object({
    at: schemas.shownTime.nullable(),
    organizationId: text,
    organization: text,
    directoryId: text,
    directory: text,
    credentialId: text,
    subject: z.string(),
    what: z.string(),
    by: text,
    expiresAt: text,
    firstUsedAt: text.describe('For a rotation: the hour in which the new one was first accepted.'),
    minutes: z
      .number()
      .nullable()
      .describe('For an end: the maximum time from the request until every instance refused it.'),
    note: text,
    eventIds: z.array(z.string()).describe('The audit events that prove it.'),
  })
  .meta({ id: 'EvidenceRow' });

const perSection = <T extends z.ZodType>(value: T) =>
  z.object(Object.fromEntries(SECTION_IDS.map((id) => [id, value])) as Record<(typeof SECTION_IDS)[number], T>);

const packetView = z
  .object({
    version: z.literal(1),
    issuer: z.string(),
    from: schemas.shownTime,
    to: schemas.shownTime,
    generatedAt: schemas.shownTime,
    generatedBy: z.string(),
    organization: z.object({ id: z.string(), name: z.string() }).nullable().describe('null: all.'),
    remarks: z.array(z.string()),
    counts: perSection(z.int()),
    sections: perSection(z.array(rowView)),
  })
  .meta({ id: 'EvidencePacket' });

export function evidenceOperations({ evidence }: { evidence: Evidence }): Operation[] {
  return [
    operation({
      method: 'get',
      path: '/evidence',
      tag: 'Reports',
      summary: 'Create a signed evidence packet for a period',
      description:
        '`jws` holds the same packet (JWS, compact, ES256); `/oauth/jwks` has the key to verify it. A packet has at most 50,000 rows. `format=csv` returns the rows as a file, without a signature.',
      action: 'reports.read',
      query: z.strictObject({
        from: schemas.time.describe('Start of the period.'),
        to: schemas.time.describe('End of the period, in the past.'),
        organizationId: z.string().max(100).optional().describe('Default: all organizations.'),
        format: z.enum(['json', 'csv']).optional().describe('Default: json.'),
      }),
      status: 200,
      answer: z.object({ packet: packetView, jws: z.string() }),
      errors: ['not_found', 'invalid_request'],
      async handle({ query: { format, ...query }, caller }) {
        if (query.organizationId !== undefined)
          assertVisible(caller, query.organizationId, `organization ${query.organizationId}`);
        const packet: EvidencePacket = await evidence.gather({
          ...query,
          organizationId: query.organizationId ?? caller.organizationId,
          generatedBy: caller.apiKey.name,
          isLimited: caller.organizationId !== undefined,
        });
        if (format === 'csv')
          return { text: { type: 'text/csv; charset=utf-8', content: [...evidenceAsCsv(packet)].join('') } };
        return { body: { packet, jws: await evidence.sign(packet) } };
      },
    }),
  ];
}
