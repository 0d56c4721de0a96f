import { z } from 'zod';
import type { Clock } from '../clock.ts';
import {
  ACTORS,
  type Check,
  type Checked,
  CODE_NAMES,
  type CurrentFinding,
  type Diagnoses,
  type Diagnosis,
  type Finding,
  type LoggedRequest,
  type OutcomeClass,
  type PastDiagnosis,
  plain,
  SEVERITIES,
  type Spoken,
  type UnplacedRefusal,
  type Words,
  wordsOf,
} from '../diagnosis/index.ts';
import type { Directories, Directory } from '../directories/index.ts';
import { AppError } from '../errors.ts';
import { KINDS, OUTCOMES } from '../gateway/index.ts';
import { assertVisible, type Caller, isVisible, type Operation, operation } from './operation.ts';
import * as schemas from './schemas.ts';

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
          count: z.int(),
          firstAt: shownTime,
          lastAt: shownTime,
          address: z.string().nullable(),
          userAgent: z.string().nullable(),
          evidence: z.array(z.string()),
        }),
      )
      .describe('Refused requests of somebody else. They say nothing of the health.'),
    credentials: z
      .array(
        z.object({
          id: z.string(),
          kind: z.enum(['bearer', 'oauth']),
          slot: z.enum(['a', 'b']),
          state: z.enum(['pending', 'active', 'disabled', 'revoked', 'expired']),
          hint: z.string().nullable(),
          label: z.string().nullable(),
          createdAt: shownTime,
          expiresAt: shownTime.nullable(),
          endedAt: shownTime.nullable(),
          endedBy: z.string().nullable(),
          lastUsedAt: shownTime.nullable().describe('Within this hour.'),
        }),
      )
      .optional()
      .describe('With `at`: the tokens and connections as they were then.'),
    keptSince: shownTime.nullable().optional().describe('With `at`: what is kept begins here; null when it is whole.'),
  })
  .meta({ id: 'Diagnosis' });

const runView = z.object({ from: shownTime, to: shownTime, accepted: z.int(), refused: z.int() });

const timelineView = z
  .object({
    from: shownTime,
    to: shownTime,
    changes: z.array(schemas.eventView),
    credentials: z.array(
      z.object({
        id: z.string(),
        slot: z.enum(['a', 'b']),
        kind: z.enum(['bearer', 'oauth']),
        hint: z.string(),
        createdAt: shownTime,
        endedAt: shownTime.optional().describe('Absent while it lasts.'),
        runs: z.array(runView),
      }),
    ),
    tokenEndpoint: z.array(runView),
    scimServer: z.array(runView),
    troubles: z.array(
      z.object({
        code: z.enum(CODE_NAMES),
        firstAt: shownTime,
        lastAt: shownTime,
        count: z.int(),
        eventId: z.string(),
      }),
    ),
    isCut: z.boolean().describe('There is more than is shown: ask for a shorter period.'),
  })
  .meta({ id: 'Timeline' });

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

const WEEK_MS = 7 * 86_400_000;
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

const currentView = z
  .object({ directoryId: z.string(), organizationId: z.string(), provider: schemas.provider, finding: findingView })
  .meta({ id: 'CurrentFinding' });

const unplacedView = z
  .object({
    code: z.enum(CODE_NAMES),
    provider: schemas.provider.nullable().describe('Whose software it named itself. Anybody can.'),
    firstAt: shownTime,
    lastAt: shownTime,
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

const loggedView = z
  .object({
    at: shownTime,
    method: z.string(),
    kind: z.enum(KINDS),
    outcome: z.enum(OUTCOMES),
    status: z.number().nullable().describe('Of the SCIM server; null where it did not answer.'),
    durationMs: z.number(),
    credentialId: z.string(),
    requestId: z.string(),
  })
  .meta({ id: 'LoggedRequest' });

function viewLogged({ at, method, kind, outcome, status, durationMs, credentialId, requestId }: LoggedRequest) {
  const time = at.toISOString();
  return { at: time, method, kind, outcome, status: status ?? null, durationMs, credentialId, requestId };
}

const COLUMNS = ['at', 'method', 'kind', 'outcome', 'status', 'durationMs', 'credentialId', 'requestId'] as const;

/** RFC 4180. What a spreadsheet would take for a formula is marked as text. */
function csvOf(rows: ReturnType<typeof viewLogged>[]): string {
  const cell = (value: string | number | null) => {
    const plain = String(value ?? '').replace(/^[=+@-]/, "'$&");
    return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
  };
  return [COLUMNS.join(','), ...rows.map((row) => COLUMNS.map((name) => cell(row[name])).join(','))]
    .map((line) => `${line}\r\n`)
    .join('');
}

const checkedView = z
  .object({
    known: z.boolean().describe('Whether it is a token or access token of ours that you may see.'),
    looksLike: z
      .string()
      .nullable()
      .describe('Of what is not known: `token_truncated`, `client_secret_presented`, ...'),
    what: z.enum(['token', 'access_token']).nullable(),
    state: z.enum(['pending', 'active', 'disabled', 'revoked', 'expired']).nullable(),
    credentialId: z.string().nullable(),
    directoryId: z.string().nullable(),
    organizationId: z.string().nullable(),
    directoryName: z.string().nullable(),
    directoryDisabled: z.boolean().nullable(),
    slot: z.enum(['a', 'b']).nullable(),
    hint: z.string().nullable(),
    issuedAt: shownTime.nullable(),
    expiresAt: shownTime.nullable(),
    lastUsedAt: shownTime.nullable(),
  })
  .meta({ id: 'CheckedToken' });

function viewChecked(checked: Checked) {
  const nothing = { looksLike: null, what: null, state: null, credentialId: null, directoryId: null };
  const nowhere = { organizationId: null, directoryName: null, directoryDisabled: null, slot: null, hint: null };
  const never = { issuedAt: null, expiresAt: null, lastUsedAt: null };
  if (!checked.isKnown) return { known: false, ...nothing, ...nowhere, ...never, looksLike: checked.looksLike };
  const { credential, what, state, directoryName, isDirectoryDisabled, issuedAt, expiresAt, lastUsedAt } = checked;
  const { id, directoryId, organizationId, slot, hint } = credential;
  return {
    known: true,
    looksLike: null,
    what,
    state,
    credentialId: id,
    directoryId,
    organizationId,
    directoryName,
    directoryDisabled: isDirectoryDisabled,
    slot,
    hint: credential.kind === 'bearer' ? hint : null,
    issuedAt,
    expiresAt: expiresAt ?? null,
    lastUsedAt: lastUsedAt ?? null,
  };
}

/** What a status of the vendor's SCIM server means, where only the vendor sees it. */
function classOf(status: number, isCollection: boolean): OutcomeClass {
  if (status === 401 || status === 407) return 'upstream_refuses_us';
  if (status === 429) return 'upstream_limits';
  if (status >= 500) return 'upstream_failing';
  if ((status === 404 || status === 405) && isCollection) return 'upstream_wrong_base';
  if (status === 400 || status === 415 || status === 422) return 'upstream_rejects_content';
  return status >= 400 ? 'normal_refusal' : 'ok';
}

const MOST_OUTCOMES = 1000;
/** Reports come in batches, and not from yesterday. */
const OLDEST_OUTCOME_MS = 86_400_000;

export function diagnosisOperations(deps: {
  directories: Directories;
  diagnoses: Diagnoses;
  check: Check;
  clock: Clock;
}): Operation[] {
  const { directories, diagnoses, check, clock } = deps;
  const { current } = diagnoses;

  async function get(id: string, caller: Caller): Promise<Directory> {
    const directory = await directories.get(id);
    assertVisible(caller, directory.organizationId, `directory ${id}`);
    return directory;
  }

  async function viewCurrent({ directoryId, organizationId, provider, finding }: CurrentFinding) {
    const directory = await directories.find(directoryId);
    if (!directory) return [];
    return [{ directoryId, organizationId, provider, finding: viewFinding(finding, diagnoses.spoken(directory)) }];
  }

  return [
    operation({
      method: 'get',
      path: '/directories/:id/diagnosis',
      tag,
      summary: 'Explain a directory: what is wrong, since when, how we know, who fixes it',
      description:
        'With `at` as it was then: exact for tokens, connections and the directory, by the hour for traffic. `credentials` are told then too.',
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
        const { credentials, keptSince, spoken: then, ...diagnosis } = await diagnoses.at(directory, at);
        return {
          body: {
            ...viewDiagnosis(diagnosis, then),
            credentials: credentials.map(viewThen),
            keptSince: keptSince ?? null,
          },
        };
      },
    }),
    operation({
      method: 'get',
      path: '/directories/:id/requests',
      tag,
      summary: 'The request log of a directory, latest first',
      description:
        'Of directories whose `requestLog` is true: what the gateway accepted, for 30 days. `format=csv` gives the same page as a file; `after` goes on.',
      action: 'directories.read',
      query: z.strictObject({
        ...schemas.paging,
        from: schemas.time.optional(),
        to: schemas.time.optional(),
        format: z.enum(['json', 'csv']).optional().describe('json without it.'),
      }),
      status: 200,
      answer: schemas.listOf(loggedView),
      errors: ['not_found', 'invalid_cursor'],
      async handle({ id, query: { format, ...query }, caller }) {
        await get(id, caller);
        const { items, nextCursor } = await diagnoses.requestLog.page(id, query);
        const rows = items.map(viewLogged);
        if (format === 'csv') return { text: { type: 'text/csv; charset=utf-8', content: csvOf(rows) } };
        return { body: { items: rows, nextCursor } };
      },
    }),
    operation({
      method: 'get',
      path: '/why/:id',
      tag,
      summary: 'Explain a refusal by the code in its answer',
      description: 'The diagnosis of the directory at the latest refusal that carried the code; for 30 days.',
      action: 'directories.read',
      status: 200,
      answer: diagnosisView,
      errors: ['not_found'],
      async handle({ id: code, caller }) {
        const why = await diagnoses.why(code);
        if (!why) throw new AppError('not_found', { detail: 'This code leads nowhere: it is mistyped, or too old.' });
        assertVisible(caller, why.organizationId, 'this code');
        const directory = await get(why.directoryId, caller);
        const { credentials, keptSince, spoken, ...diagnosis } = await diagnoses.at(directory, why.at);
        return {
          body: {
            ...viewDiagnosis(diagnosis, spoken),
            credentials: credentials.map(viewThen),
            keptSince: keptSince ?? null,
          },
        };
      },
    }),
    operation({
      method: 'get',
      path: '/directories/:id/timeline',
      tag,
      summary: 'What happened to a directory: changes, and runs of traffic by the hour',
      action: 'directories.read',
      query: z.strictObject({
        from: schemas.time.optional().describe('Seven days before `to` without it.'),
        to: schemas.time.optional().describe('Now without it.'),
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
        return { body: { ...timeline, changes: changes.map(schemas.viewEvent) } };
      },
    }),
    operation({
      method: 'get',
      path: '/findings',
      tag,
      summary: 'All current findings that are not fine, the most urgent first, then the latest',
      action: 'directories.read',
      query: z.strictObject({
        ...schemas.paging,
        severity: z.enum(SEVERITIES).optional(),
        code: z.enum(CODE_NAMES).optional(),
        provider: schemas.provider.optional(),
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
      summary: 'Refused, of nobody: what carried nothing by which a directory could be told',
      description: 'One for each cause and identity provider, for seven days. The events have the rest.',
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
    operation({
      method: 'post',
      path: '/check',
      tag,
      summary: 'Check a token without using it',
      description:
        'Says whose it is and its state; of what is not ours, what it looks like. Nothing is counted as use, and the value is not kept.',
      action: 'tokens.check',
      body: z.strictObject({
        value: z.string().min(1).max(5000).describe('The token, or a whole Authorization header.'),
      }),
      status: 200,
      answer: checkedView,
      errors: ['invalid_request'],
      async handle({ body: { value }, caller, cause }) {
        return { body: viewChecked(await check(value, caller.organizationId, cause)) };
      },
    }),
    operation({
      method: 'post',
      path: '/outcomes',
      tag,
      summary: 'Report what your SCIM server answered, for forward-auth and introspection',
      description:
        'With the gateway we see it ourselves. Report in batches; the middleware does it. No bodies, filters or names are wanted.',
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
                .describe('A list or a place where resources are made, not one of them.'),
              at: schemas.time.optional().describe('Within the last day; now without it.'),
            }),
          )
          .min(1)
          .max(MOST_OUTCOMES),
      }),
      status: 200,
      answer: z.object({ accepted: z.int(), unknown: z.int().describe('Of directories that you may not see.') }),
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
    operation({
      method: 'post',
      path: '/directories/:id/recovered',
      tag,
      summary: 'Say that what was missed during a failure has been dealt with',
      action: 'findings.settle',
      status: 200,
      answer: diagnosisView,
      errors: ['not_found'],
      async handle({ id, caller }) {
        const directory = await get(id, caller);
        await diagnoses.dismissRecovery(directory);
        return { body: viewDiagnosis(await diagnoses.now(directory), diagnoses.spoken(directory)) };
      },
    }),
    operation({
      method: 'post',
      path: '/directories/:id/quiet',
      tag,
      summary: 'Say that the present silence is expected, or mute alarms about silence',
      description:
        'Without `muteDays` the silence so far becomes part of the record, so that the next alarm comes later.',
      action: 'findings.settle',
      body: z.strictObject({ muteDays: z.number().int().min(1).max(365).optional() }),
      status: 200,
      answer: diagnosisView,
      errors: ['not_found', 'invalid_request'],
      async handle({ id, body: { muteDays }, caller }) {
        const directory = await get(id, caller);
        if (muteDays === undefined) await diagnoses.expectSilence(directory);
        else await diagnoses.muteSilence(directory, new Date(clock.now().getTime() + muteDays * 86_400_000));
        return { body: viewDiagnosis(await diagnoses.now(directory), diagnoses.spoken(directory)) };
      },
    }),
  ];
}
