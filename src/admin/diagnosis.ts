import { z } from 'zod';
import {
  ACTORS,
  CODE_NAMES,
  type Diagnoses,
  type Diagnosis,
  type Finding,
  plain,
  SEVERITIES,
  type Spoken,
  type Words,
  wordsOf,
} from '../diagnosis/index.ts';
import type { Directories, Directory } from '../directories/index.ts';
import { assertVisible, type Caller, type Operation, operation } from './operation.ts';

const tag = 'Diagnosis';
const shownTime = z.iso.datetime();

const wordsView = z.object({
  lead: z.string(),
  rest: z.string(),
  detail: z.string().nullable(),
  steps: z.array(z.string()),
  value: z.object({ label: z.string(), value: z.string() }).nullable().describe('What to copy for it.'),
  unseen: z.string().nullable().describe('What we cannot see.'),
});

export const findingView = z
  .object({
    code: z.enum(CODE_NAMES),
    severity: z.enum(SEVERITIES),
    actor: z.enum(ACTORS).describe('Who can act.'),
    since: shownTime,
    until: shownTime.nullable(),
    certainty: z.enum(['known', 'likely']),
    facts: z.record(z.string(), z.unknown()),
    evidence: z.array(z.string()).describe('IDs of events.'),
    words: wordsView,
    documentation: z.string().describe('The page of this finding.'),
  })
  .meta({ id: 'Finding' });

export const diagnosisView = z
  .object({
    directoryId: z.string(),
    organizationId: z.string(),
    at: shownTime,
    findings: z.array(findingView).describe('The first one leads.'),
    strangers: z
      .array(
        z.object({
          code: z.enum(CODE_NAMES),
          count: z.number(),
          firstAt: shownTime,
          lastAt: shownTime,
          address: z.string().nullable(),
          userAgent: z.string().nullable(),
          evidence: z.array(z.string()),
        }),
      )
      .describe('Refused requests of somebody else. They say nothing of the health.'),
  })
  .meta({ id: 'Diagnosis' });

const DOCUMENTATION = 'docs/findings.md';

export function viewFinding(finding: Finding, directory: Spoken) {
  const words = wordsOf(finding, directory, { audience: 'operator', vendor: '' });
  return {
    ...finding,
    until: finding.until ?? null,
    words: viewWords(words),
    documentation: `${DOCUMENTATION}#${finding.code}`,
  };
}

function viewWords({ lead, rest, detail, steps, value, unseen }: Words) {
  return {
    lead,
    rest: plain(rest),
    detail: detail === undefined || detail.length === 0 ? null : plain(detail),
    steps: steps.map(plain),
    value: value ?? null,
    unseen: unseen ?? null,
  };
}

function viewDiagnosis({ findings, strangers, ...diagnosis }: Diagnosis, directory: Spoken) {
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

export function diagnosisOperations(deps: { directories: Directories; diagnoses: Diagnoses }): Operation[] {
  const { directories, diagnoses } = deps;

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
      summary: 'Explain a directory: what is wrong, since when, how we know, who fixes it',
      action: 'directories.read',
      status: 200,
      answer: diagnosisView,
      errors: ['not_found'],
      async handle({ id, caller }) {
        const directory = await get(id, caller);
        return { body: viewDiagnosis(await diagnoses.now(directory), diagnoses.spoken(directory)) };
      },
    }),
  ];
}
