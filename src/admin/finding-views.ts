/** Findings and diagnoses as the admin API shows them: each with its words, as an operator reads them. */
import { z } from 'zod';
import {
  ACTORS,
  CODE_NAMES,
  type Diagnosis,
  type Finding,
  type PastDiagnosis,
  plain,
  SEVERITIES,
  type Spoken,
  type Words,
  wordsOf,
} from '../diagnosis/index.ts';
import * as schemas from './schemas.ts';

const DOCUMENTATION = 'docs/findings.md';

const wordsView = z.object({
  lead: z.string(),
  rest: z.string(),
  detail: z.string().nullable(),
  steps: z.array(z.string()),
  notes: z.array(z.string()).describe('What to know while following the steps.'),
  value: z.object({ label: z.string(), value: z.string() }).nullable().describe('A value to copy.'),
  unseen: z.string().nullable().describe("What we can't see."),
});

export const findingView = z
  .object({
    code: z.enum(CODE_NAMES),
    severity: z.enum(SEVERITIES),
    actor: z.enum(ACTORS).describe('The party that can fix it.'),
    since: schemas.shownTime,
    until: schemas.shownTime.nullable(),
    certainty: z.enum(['known', 'likely']),
    facts: z.record(z.string(), z.unknown()),
    evidence: z.array(z.string()).describe('IDs of events.'),
    words: wordsView,
    documentation: z.string().describe('Documentation for this finding.'),
  })
  .meta({ id: 'Finding' });

export const diagnosisView = z
  .object({
    directoryId: z.string(),
    organizationId: z.string(),
    at: schemas.shownTime,
    findings: z.array(findingView).describe('The first one is the most important.'),
    strangers: z
      .array(
        z.object({
          code: z.enum(CODE_NAMES),
          count: z.int(),
          firstAt: schemas.shownTime,
          lastAt: schemas.shownTime,
          address: z.string().nullable(),
          userAgent: z.string().nullable(),
          evidence: z.array(z.string()),
        }),
      )
      .describe("Refused requests from elsewhere. They don't affect the health."),
    credentials: z
      .array(
        z.object({
          id: z.string(),
          kind: z.enum(['bearer', 'oauth']),
          slot: z.enum(['a', 'b']),
          state: z.enum(['pending', 'active', 'disabled', 'revoked', 'expired']),
          hint: z.string().nullable(),
          label: z.string().nullable(),
          createdAt: schemas.shownTime,
          expiresAt: schemas.shownTime.nullable(),
          endedAt: schemas.shownTime.nullable(),
          endedBy: z.string().nullable(),
          lastUsedAt: schemas.shownTime.nullable().describe('Start of the hour of the last use.'),
        }),
      )
      .optional()
      .describe('With `at`: the tokens and connections as they were then.'),
    keptSince: schemas.shownTime
      .nullable()
      .optional()
      .describe('With `at`: the start of our records; null if they are complete.'),
  })
  .meta({ id: 'Diagnosis' });

export function viewFinding(finding: Finding, directory: Spoken) {
  const words = wordsOf(finding, directory, { audience: 'operator', vendor: '', isAway: true });
  return {
    ...finding,
    until: finding.until ?? null,
    words: viewWords(words),
    documentation: `${DOCUMENTATION}#${finding.code}`,
  };
}

function viewWords({ lead, rest, detail, steps, notes = [], value, unseen }: Words) {
  return {
    lead,
    rest: plain(rest),
    detail: detail === undefined || detail.length === 0 ? null : plain(detail),
    steps: steps.map(plain),
    notes: notes.map(plain),
    value: value ?? null,
    unseen: unseen ?? null,
  };
}

export function viewDiagnosis({ findings, strangers, ...diagnosis }: Diagnosis, directory: Spoken) {
  return {
    ...diagnosis,
    findings: findings.map((finding) => viewFinding(finding, directory)),
    strangers: strangers.map(({ address, userAgent, ...stranger }) => ({
      ...stranger,
      address: address ?? null,
      userAgent: userAgent ?? null,
    })),
  };
}

function viewThen(credential: PastDiagnosis['credentials'][number]) {
  const { id, kind, slot, state, hint, label, createdAt, expiresAt, endedAt, endedBy, lastUsedAt } = credential;
  return {
    id,
    kind,
    slot,
    state,
    hint: kind === 'bearer' ? hint : null,
    label: label ?? null,
    createdAt,
    expiresAt: expiresAt ?? null,
    endedAt: endedAt ?? null,
    endedBy: endedBy ?? null,
    lastUsedAt: lastUsedAt ?? null,
  };
}

/** With the tokens and connections as they were then. */
export function viewPast({ credentials, keptSince, spoken, ...diagnosis }: PastDiagnosis) {
  return {
    ...viewDiagnosis(diagnosis, spoken),
    credentials: credentials.map(viewThen),
    keptSince: keptSince ?? null,
  };
}
