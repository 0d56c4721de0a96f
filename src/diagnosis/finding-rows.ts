/** The findings that are not fine as rows of their own, so that lists over everything need no look at directories. */
import type { Directory } from '../directories/index.ts';
import type { IdentityProviderId } from '../identity-providers/index.ts';
import { allPages, isDuplicate, json, type Page, type Storage, type Stored, text } from '../storage/index.ts';
import { CODES, type Code, type Severity } from './codes.ts';
import type { Finding } from './finding.ts';

const findingShape = {
  directoryId: 'string',
  organizationId: 'string',
  provider: text<IdentityProviderId>(),
  code: text<Code>(),
  severity: text<Severity>(),
  /** Organization and severity: an organization has a handful of the thousands that are as bad. */
  'scope?': 'string',
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
  forget(directoryId: string): Promise<void>;
  /** Rows of earlier releases were written without the key by which an organization's are found. */
  scopeFindings(): Promise<void>;
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
        if (isSame) wanted.delete(row.id);
        else await findings.remove(row.id);
        if (isSame) await findings.update(row.id, (record) => ({ ...record, provider, finding }));
      }
      for (const [id, finding] of wanted) {
        const { code, severity, since } = finding;
        const place = { directoryId, organizationId, provider, scope: scopeOf(organizationId, severity) };
        const row = { id, ...place, code, severity, since: new Date(since), finding };
        await findings.insert(row).catch((error: unknown) => {
          if (!isDuplicate(error, 'id')) throw error;
        });
      }
    },

    async page({ severity, code, provider, organizationId, after, limit }) {
      const stages = STAGES.filter((stage) => severity === undefined || stage === severity);
      const [, begun = '', cursor = ''] = /^(\w+)~(.*)$/.exec(after ?? '') ?? [];
      let index = after === undefined ? 0 : Math.max(0, stages.indexOf(begun as (typeof STAGES)[number]));
      let position: string | undefined =
        cursor === '' ? (after !== undefined && begun === '' ? after : undefined) : cursor;
      const items: CurrentFinding[] = [];
      for (; index < stages.length; index++) {
        const stage = stages[index] as Severity;
        const within = organizationId === undefined ? { severity: stage } : { scope: scopeOf(organizationId, stage) };
        const where = { ...within, code, provider };
        const left = limit - items.length;
        if (left === 0) return { items, nextCursor: `${stages[index]}~` };
        const found = await findings.page({ where, after: position, limit: left, direction: 'ascending' });
        items.push(...found.items);
        if (found.nextCursor !== null) return { items, nextCursor: `${stages[index]}~${found.nextCursor}` };
        position = undefined;
      }
      return { items, nextCursor: null };
    },

    async forget(directoryId) {
      await findings.removeBy('directoryId', directoryId);
    },

    async scopeFindings() {
      for await (const rows of allPages((after) => findings.page({ after, limit: SWEEP })))
        for (const { id, organizationId, severity, scope } of rows)
          if (scope === undefined)
            await findings.update(id, (row) => ({ ...row, scope: scopeOf(organizationId, severity) }));
    },
  };
}

function scopeOf(organizationId: string, severity: Severity): string {
  return `${organizationId}:${severity}`;
}
