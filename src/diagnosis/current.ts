/**
 * The current findings of every directory, kept: whatever makes one begin or end (an event, an outcome, the clock) marks the directory, and a
 * round computes it again. Lists, the home page and notifications read what is kept and never compute.
 */
import { type Audit, type AuditEvent, isOfPlace, outboxShape } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import type { Credentials } from '../credentials/index.ts';
import type { Directories, Directory } from '../directories/index.ts';
import type { IdentityProviderId } from '../identity-providers/index.ts';
import type { Log } from '../log.ts';
import { allPages, isDuplicate, json, type Page, type Storage, type Stored, text } from '../storage/index.ts';
import { type ActingParty, CODES, type Code, type Severity } from './codes.ts';
import { diagnose } from './diagnose.ts';
import type { Facts, RecoveredFacts } from './facts.ts';
import type { Diagnosis, Finding, Stranger } from './finding.ts';
import { eventsBetween, FINDING_EVENTS } from './finding-events.ts';
import { type CurrentFinding, createFindingRows, type FindingQuery } from './finding-rows.ts';
import { nextLook } from './next-look.ts';
import { type KeptRecovery, recoveryAfter, revived } from './recovery.ts';

const diagnosisShape = {
  'organizationId?': 'string',
  'provider?': text<IdentityProviderId>(),
  /** Of the finding that leads. */
  'code?': text<Code>(),
  'severity?': text<Severity>(),
  findings: json<Finding[]>(),
  strangers: json<Stranger[]>(),
  'computedAt?': 'date',
  'markedAt?': 'date',
  /** When to look again. */
  'dueAt?': 'date',
  'recovered?': json<KeptRecovery>(),
  createdAt: 'date',
  ...outboxShape,
} as const;

/** Its id is the directory's. */
type Kept = Stored<typeof diagnosisShape>;

/** How far directories of an earlier release have been looked through, so that no later start reads them all again. */
const sweepShape = { createdAt: 'date', 'sweptTo?': 'string', 'doneAt?': 'date' } as const;
const FIRST_SWEEP = 'first_findings';

/** What changed in a directory: a finding began or ended, or both where it became better or worse. */
export interface FindingChange {
  directoryId: string;
  organizationId: string;
  began: Finding[];
  ended: Finding[];
}

export interface CurrentFindings {
  /** As it was computed last; computed now where it never was. */
  of(directory: Directory): Promise<Diagnosis>;
  /** All that are not fine, most urgent and then longest first. Throws invalid_cursor. */
  page(query: FindingQuery): Promise<Page<CurrentFinding>>;
  /** How many there are of a severity that wait for somebody. */
  count(where: { severity: Severity; actor: ActingParty }): Promise<number>;
  mark(directoryIds: readonly string[]): Promise<void>;
  /** Somebody has dealt with what a failure left behind. */
  dismissRecovery(directoryId: string): Promise<void>;
  recoveryOf(directoryId: string): Promise<RecoveredFacts | undefined>;
  /** Computes what is due. */
  run(): Promise<void>;
  migrations: readonly { name: string; run(): Promise<void> }[];
  /** Gives directories of an earlier release their first diagnosis, some at a time. */
  sweep(): Promise<void>;
}

const BATCH = 100;
/** Computed at a time: the embedded store waits for the disk once for all of them. Few, since each blocks the process for a moment. */
const AT_ONCE = 5;
const SWEEP = 200;
const CONNECTIONS_READ = 200;
/** Writers of different instances meet here; the later one looks again. */
const ROUNDS_AT_ONCE = 20;

export function createCurrentFindings(deps: {
  storage: Storage;
  audit: Audit;
  clock: Clock;
  log: Log;
  directories: Directories;
  credentials: Credentials;
  readFacts: (directory: Directory) => Promise<Facts>;
  watch: (directoryId: string, isAwaited: boolean) => void;
  forget: (directoryId: string) => Promise<void>;
  /** Takes refusals at a directory. */
  noteRefusal: (event: AuditEvent) => Promise<void>;
  /** Takes refusals that belong to no directory. */
  noteUnplaced: (event: AuditEvent) => Promise<void>;
  /** Hears of each change at least once, whatever the number of instances and whatever is killed. */
  onChange?: (change: FindingChange) => Promise<void>;
}): CurrentFindings {
  const { storage, audit, clock, log, directories, credentials, readFacts } = deps;
  const diagnoses = storage.collection({
    name: 'diagnoses',
    shape: diagnosisShape,
    keys: { dueAt: 'index', severity: 'index', organizationId: 'index', outboxAt: 'index' },
    order: 'createdAt',
  });
  /** The same records: what is written with events. */
  const told = audit.track('diagnoses', diagnoses);
  const rows = createFindingRows(storage);
  const sweeps = storage.collection({ name: 'sweeps', shape: sweepShape, keys: {}, order: 'createdAt' });
  let isSwept = false;

  async function mark(directoryIds: readonly string[]): Promise<void> {
    const now = clock.now();
    await diagnoses.accumulate(
      [...new Set(directoryIds)].map((id) => ({
        initial: { id, findings: [], strangers: [], createdAt: now },
        latest: { by: 'markedAt', values: { markedAt: now, dueAt: now } },
      })),
    );
  }

  async function onEvent(event: AuditEvent): Promise<void> {
    const { type, directoryId, organizationId, data } = event;
    if (type in FINDING_EVENTS) return passOn(event);
    if (type === 'token.checked') return;
    if (type === 'request.denied' && directoryId !== undefined) await deps.noteRefusal(event);
    if (directoryId !== undefined) await mark([directoryId]);
    else await deps.noteUnplaced(event);
    // Somebody is known now, to all directories of the organization.
    if (organizationId !== undefined && isOfPlace(event, 'entered'))
      for await (const known of allPages((after) => directories.page({ organizationId, after, limit: SWEEP })))
        await mark(known.map(({ id }) => id));
    // A shared client has connections in many directories.
    if (!type.startsWith('client.') || typeof data['clientId'] !== 'string') return;
    const { items } = await credentials.ofClient(data['clientId'], { limit: CONNECTIONS_READ });
    if (items.length > 0) await mark(items.map((credential) => credential.directoryId));
  }
  audit.subscribe('findings', onEvent);

  async function compute(directory: Directory, before: Kept | undefined): Promise<Diagnosis> {
    const markedAt = before?.markedAt?.getTime();
    const facts = await readFacts(directory);
    const first = diagnose(facts);
    const recovered = before && (await recoveryAfter(deps, before, first));
    const diagnosis = recovered === undefined ? first : diagnose({ ...facts, recovered: revived(recovered) });
    const [lead] = diagnosis.findings;
    const known = before?.findings ?? [];
    const isChanged = before?.computedAt === undefined || signature(known) !== signature(diagnosis.findings);
    const dueAt = nextLook(facts, diagnosis);
    const kept = (record: Kept): Kept => {
      const { recovered: earlier, ...rest } = record;
      const left = recovered ?? earlier;
      // Marked since, or in the same millisecond as the facts were read.
      const isMarkedAgain =
        record.markedAt !== undefined && (record.markedAt.getTime() !== markedAt || record.markedAt >= facts.at);
      return {
        ...rest,
        organizationId: directory.organizationId,
        provider: directory.provider,
        ...(lead && { code: lead.code, severity: lead.severity }),
        findings: diagnosis.findings,
        strangers: diagnosis.strangers,
        computedAt: facts.at,
        dueAt: isMarkedAgain ? clock.now() : dueAt,
        ...(left && { recovered: left }),
      };
    };
    const initial: Kept = { id: directory.id, findings: [], strangers: [], createdAt: clock.now() };
    if (isChanged) await rows.list(directory, diagnosis.findings);
    // By what is stored at that moment, so that of several instances one tells.
    const change = (record: Kept) => ({
      record: kept(record),
      events: eventsBetween(audit, directory, record.findings, diagnosis.findings),
    });
    const result = await told.update(directory.id, change);
    if (!result) {
      const { record, events } = change(initial);
      await told.insert(record, events).catch((error: unknown) => {
        // Another instance was first, and knows the same.
        if (!isDuplicate(error, 'id')) throw error;
      });
    }
    deps.watch(directory.id, lead !== undefined && lead.severity !== 'fine');
    return diagnosis;
  }

  /** A finding that began is told as it stands now; one that has ended since is told by the next event. */
  async function passOn({ type, directoryId, organizationId, data }: AuditEvent): Promise<void> {
    if (!deps.onChange || directoryId === undefined || organizationId === undefined) return;
    const { before: earlier, ...told } = data;
    const known = { ...(told as unknown as Finding), facts: {}, evidence: [] };
    const current = (await diagnoses.find(directoryId))?.findings.find(({ code }) => code === known.code);
    const began = type === 'finding.healed' || !current ? [] : [{ ...current, since: known.since }];
    const ended =
      type === 'finding.healed'
        ? [known]
        : type === 'finding.changed'
          ? [{ ...known, severity: earlier as Severity }]
          : [];
    if (began.length + ended.length > 0) await deps.onChange({ directoryId, organizationId, began, ended });
  }

  async function refresh(kept: Kept): Promise<void> {
    const directory = await directories.find(kept.id);
    if (directory) {
      await compute(directory, kept);
      return;
    }
    await rows.forget(kept.id);
    await deps.forget(kept.id);
    deps.watch(kept.id, false);
    await diagnoses.remove(kept.id);
  }

  return {
    mark,
    migrations: [{ name: 'key_findings', run: rows.keyFindings }],
    page: rows.page,

    async of(directory) {
      const kept = await diagnoses.find(directory.id);
      if (kept?.computedAt === undefined) return compute(directory, kept);
      const { id: directoryId, organizationId } = directory;
      const { findings: current, strangers, computedAt } = kept;
      return { directoryId, organizationId, at: computedAt.toISOString(), findings: current, strangers };
    },

    count: rows.count,

    async dismissRecovery(directoryId) {
      await diagnoses.update(directoryId, ({ recovered: _recovered, ...record }) => record);
      await mark([directoryId]);
    },

    async recoveryOf(directoryId) {
      const { recovered } = (await diagnoses.find(directoryId)) ?? {};
      return recovered && revived(recovered);
    },

    async run() {
      for (let round = 0; round < ROUNDS_AT_ONCE; round++) {
        const due = await diagnoses.due('dueAt', new Date(clock.now().getTime() + 1), BATCH);
        for (let at = 0; at < due.length; at += AT_ONCE) {
          const startedAt = clock.monotonicMs();
          await Promise.all(
            due.slice(at, at + AT_ONCE).map((kept) =>
              refresh(kept).catch((error: unknown) => {
                log.warn({ err: error, directoryId: kept.id }, 'findings could not be computed yet');
              }),
            ),
          );
          // Where many wait, as after a restart, requests get at least half of the time.
          if (due.length > AT_ONCE) await clock.wait(clock.monotonicMs() - startedAt);
        }
        if (due.length < BATCH) return;
      }
    },

    async sweep() {
      if (isSwept) return;
      const kept = await sweeps.find(FIRST_SWEEP);
      isSwept = kept?.doneAt !== undefined;
      if (isSwept) return;
      const { items, nextCursor } = await directories.page({ after: kept?.sweptTo, limit: SWEEP });
      const known = await Promise.all(items.map(({ id }) => diagnoses.find(id)));
      const missing = items.filter((_, index) => known[index] === undefined).map(({ id }) => id);
      if (missing.length > 0) await mark(missing);
      const now = clock.now();
      const reached = nextCursor === null ? { doneAt: now } : { sweptTo: nextCursor };
      const first = { id: FIRST_SWEEP, createdAt: now, ...reached };
      // Another instance that sweeps at the same time has seen the same directories.
      if (kept) await sweeps.update(FIRST_SWEEP, (record) => (record.doneAt ? undefined : { ...record, ...reached }));
      else
        await sweeps.insert(first).catch((error: unknown) => {
          if (!isDuplicate(error, 'id')) throw error;
        });
    },
  };
}

/** What makes two lists of findings the same: counts and times of requests that go on do not. */
function signature(findings: readonly Finding[]): string {
  return JSON.stringify(
    findings.map(
      ({
        code,
        severity,
        since,
        actor,
        certainty,
        facts: { count, lastAt, requestId, acceptedAt, seconds, working, earlier, ...facts },
      }) => [
        code,
        severity,
        CODES[code].group === 'fine' ? '' : since,
        actor,
        certainty,
        CODES[code].group === 'fine' ? '' : facts,
      ],
    ),
  );
}
