/** The findings that are not fine as rows of their own, so that lists over everything need no look at directories. */
import type { Directory } from '../directories/index.ts';
import type { IdentityProviderId } from '../identity-providers/index.ts';
import { allPages, isDuplicate, json, type Page, type Storage, type Stored, text } from '../storage/index.ts';
import { type ActingParty, CODES, type Code, type Severity } from './codes.ts';
import type { Finding } from './finding.ts';

const findingShape = {
  directoryId: 'string',
  organizationId: 'string',
  provider: text<IdentityProviderId>(),
  code: text<Code>(),
  severity: text<Severity>(),
  /** Organization and severity: an organization has a handful of the thousands that are as bad. */
  'scope?': 'string',
  /** Who can act and the severity: what waits for the few stands beside thousands that wait for the many. */
  'turn?': 'string',
  since: 'date',
  finding: json<Finding>(),
} as const;

/** A finding that is not fine, in a place of its own, so that lists over everything need no look at directories. */
export type CurrentFinding = Stored<typeof findingShape>;

export interface FindingQuery {
  severity?: Severity | undefined;
  code?: Code | undefined;
  provider?: IdentityProviderId | undefined;
  organizationId?: string | undefined;
  /** Who can act. */
  actor?: ActingParty | undefined;
  after?: string | undefined;
  limit: number;
}

const STAGES = ['failing', 'degraded', 'notice'] as const;
const SWEEP = 200;
const CODES_AT_MOST = Object.keys(CODES).length;

export interface FindingRows {
  /** Brings the rows of a directory in line with its findings. */
  list(directory: Directory, current: readonly Finding[]): Promise<void>;
  /** All of them, most urgent and then longest first. Throws invalid_cursor. */
  page(query: FindingQuery): Promise<Page<CurrentFinding>>;
  count(where: { severity: Severity; actor: ActingParty }): Promise<number>;
  forget(directoryId: string): Promise<void>;
  /** Rows of earlier releases were written without the keys by which an organization's and an actor's are found. */
  keyFindings(): Promise<void>;
}

export function createFindingRows(storage: Storage): FindingRows {
  const findings = storage.collection({
    name: 'findings',
    shape: findingShape,
    keys: {
      directoryId: 'index',
      organizationId: 'index',
      provider: 'index',
      code: 'index',
      severity: 'index',
      scope: 'index',
      turn: 'index',
    },
    order: 'since',
  });

  return {
    async list(directory: Directory, current: readonly Finding[]): Promise<void> {
      const { id: directoryId, organizationId, provider } = directory;
      const { items } = await findings.page({ where: { directoryId }, limit: CODES_AT_MOST });
      const wanted = new Map(
        current
          .filter(({ severity }) => severity !== 'fine')
          .map((finding) => [`${directoryId}:${finding.code}`, finding]),
      );
      for (const row of items) {
        const finding = wanted.get(row.id);
        // The attribute that orders them never changes, so a new beginning is a new row.
        const isSame =
          finding && row.since.getTime() === Date.parse(finding.since) && row.severity === finding.severity;
        if (!isSame) await findings.remove(row.id);
        else {
          wanted.delete(row.id);
          const turn = turnOf(finding.actor, finding.severity);
          await findings.update(row.id, (record) => ({ ...record, provider, turn, finding }));
        }
      }
      for (const [id, finding] of wanted) {
        const { code, severity, since, actor } = finding;
        const place = { directoryId, organizationId, provider };
        const keys = { scope: scopeOf(organizationId, severity), turn: turnOf(actor, severity) };
        const row = { id, ...place, ...keys, code, severity, since: new Date(since), finding };
        await findings.insert(row).catch((error: unknown) => {
          if (!isDuplicate(error, 'id')) throw error;
        });
      }
    },

    async page({ severity, code, provider, organizationId, actor, after, limit }) {
      const stages = STAGES.filter((stage) => severity === undefined || stage === severity);
      const [, begun = '', cursor = ''] = /^(\w+)~(.*)$/.exec(after ?? '') ?? [];
      let index = after === undefined ? 0 : Math.max(0, stages.indexOf(begun as (typeof STAGES)[number]));
      let position: string | undefined =
        cursor === '' ? (after !== undefined && begun === '' ? after : undefined) : cursor;
      const items: CurrentFinding[] = [];
      for (; index < stages.length; index++) {
        const stage = stages[index] as Severity;
        const scope = organizationId === undefined ? undefined : scopeOf(organizationId, stage);
        const turn = actor === undefined ? undefined : turnOf(actor, stage);
        // Both name the severity as well.
        const isKeyed = scope !== undefined || turn !== undefined;
        const where = { scope, turn, severity: isKeyed ? undefined : stage, code, provider };
        const left = limit - items.length;
        if (left === 0) return { items, nextCursor: `${stages[index]}~` };
        const found = await findings.page({ where, after: position, limit: left, direction: 'ascending' });
        items.push(...found.items);
        if (found.nextCursor !== null) return { items, nextCursor: `${stages[index]}~${found.nextCursor}` };
        position = undefined;
      }
      return { items, nextCursor: null };
    },

    count: ({ severity, actor }) => findings.count({ turn: turnOf(actor, severity) }),

    async forget(directoryId) {
      await findings.removeBy('directoryId', directoryId);
    },

    async keyFindings() {
      for await (const rows of allPages((after) => findings.page({ after, limit: SWEEP })))
        for (const { id, organizationId, severity, finding, scope, turn } of rows) {
          const keys = { scope: scopeOf(organizationId, severity), turn: turnOf(finding.actor, severity) };
          if (scope === undefined || turn === undefined) await findings.update(id, (row) => ({ ...row, ...keys }));
        }
    },
  };
}

function turnOf(actor: ActingParty, severity: Severity): string {
  return `${actor}:${severity}`;
}

function scopeOf(organizationId: string, severity: Severity): string {
  return `${organizationId}:${severity}`;
}
