/** Diagnoses of directories as the other folders read them: now, at a moment, over a period, and as they are kept. */
import type { Attribution, AuditEvent } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import { type Directory, endpointUrlOf } from '../directories/index.ts';
import type { Share } from '../http/limiter.ts';
import type { Log } from '../log.ts';
import type { Storage } from '../storage/index.ts';
import { type CurrentFindings, createCurrentFindings, type FindingChange } from './current.ts';
import { diagnose } from './diagnose.ts';
import type { Facts } from './facts.ts';
import type { Diagnosis } from './finding.ts';
import { type FactsDependencies, readFacts } from './read-facts.ts';
import { refusalsOf } from './refusal-facts.ts';
import { createRequestLog, type RequestLog } from './request-log.ts';
import { certaintyOf } from './sender.ts';
import type { Spoken } from './speech.ts';
import { readPast } from './state-at.ts';
import { type Station, stationsOf } from './stations.ts';
import { readTimeline, type Timeline } from './timeline.ts';
import { createTraffic, type Traffic } from './traffic.ts';
import { createUnplaced, type Unplaced } from './unplaced.ts';
import { createWhys } from './why.ts';

export interface Diagnoses {
  /** Computed from everything as it is at this moment. Rejects with storage_unavailable. */
  now(directory: Directory): Promise<Diagnosis>;
  /** The same, with where requests stop on their way. Rejects with storage_unavailable. */
  look(directory: Directory): Promise<{ diagnosis: Diagnosis; stations: Station[] }>;
  /** As it was at a moment: from the audit trail and counted traffic, never from today's records. */
  at(directory: Directory, at: Date): Promise<PastDiagnosis>;
  timeline(directory: Directory, period: { from: Date; to: Date }): Promise<Timeline>;
  current: CurrentFindings;
  requestLog: RequestLog;
  /** "Refused, of nobody". */
  unplaced: Unplaced;
  traffic: Traffic;
  /** The code that a refusal at a directory carries, by its ID or endpoint key as the request named it. It costs no read. */
  whyCodeFor(reference: string): string;
  /** Where a code leads: the directory, and the moment of the latest refusal that carried it. */
  why(code: string): Promise<{ directoryId: string; organizationId: string; at: Date } | undefined>;
  /** A directory as words name it. */
  spoken(directory: Directory): Spoken;
  /** "I have retried them", "This is expected", mute until a time. */
  dismissRecovery(directory: Directory, attribution: Attribution): Promise<void>;
  expectSilence(directory: Directory, attribution: Attribution): Promise<void>;
  muteSilence(directory: Directory, until: Date, attribution: Attribution): Promise<void>;
  /** Takes back what was said of silence. */
  reportSilence(directory: Directory, attribution: Attribution): Promise<void>;
}

export interface PastDiagnosis extends Diagnosis {
  credentials: Facts['credentials'];
  /** The directory as words named it then. */
  spoken: Spoken;
  /** What is kept begins here, where that is later than the directory itself. */
  keptSince?: Date;
}

export function createDiagnoses(
  deps: Omit<FactsDependencies, 'readTraffic'> & {
    storage: Storage;
    clock: Clock;
    log: Log;
    /** What codes of refusals are made under. */
    secret: string;
    share: Share;
    onChange?: (change: FindingChange) => Promise<void>;
  },
): Diagnoses {
  const { storage, clock, log, audit, credentials, directories, publicUrl, onChange } = deps;
  const counted = createTraffic({ storage, audit, clock, onChange: (ids) => current.mark(ids) });
  // One worker computes findings, and the next accepted request may reach any of them.
  const traffic = deps.share('traffic', counted, ['watch']);
  const facts: FactsDependencies = {
    ...deps,
    async readTraffic({ id }) {
      const [read, recovered] = await Promise.all([traffic.read(id), current.recoveryOf(id)]);
      return { ...read, ...(recovered && { recovered }) };
    },
  };
  const unplaced = createUnplaced({ storage, clock });
  const requestLog = createRequestLog({ storage, clock, log });
  const whys = createWhys({ storage, clock, secret: deps.secret });

  /** What a stranger was refused has no explanation to lead to. */
  async function noteRefusal(event: AuditEvent): Promise<void> {
    const directory = event.directoryId === undefined ? undefined : await directories.find(event.directoryId);
    const [refusal] = refusalsOf([event], { credentials: [], outcomes: [] });
    if (!directory || !refusal) return;
    const { sources } = await traffic.read(directory.id);
    // When it was is of no matter here.
    const accepted = sources.length > 0 ? { at: event.at } : undefined;
    if (certaintyOf(refusal, { directory, sources, accepted }) !== 'stranger') await whys.note(event, directory);
  }

  const factsNow = (directory: Directory) => readFacts(facts, directory, clock.now());
  const current: CurrentFindings = createCurrentFindings({
    storage,
    audit,
    clock,
    log,
    directories,
    credentials,
    readFacts: factsNow,
    noteRefusal,
    noteUnplaced: unplaced.note,
    watch: traffic.watch,
    async forget(directoryId) {
      await Promise.all([traffic.forget(directoryId), whys.forget(directoryId), requestLog.forget(directoryId)]);
    },
    ...(onChange && { onChange }),
  });

  /** Comes before what it tells of: an alarm is never silenced without a trace. */
  async function tellSettled(
    { id: directoryId, organizationId }: Directory,
    attribution: Attribution,
    data: { how: 'recovered' | 'expected' | 'muted' | 'reported_again'; until?: string },
  ): Promise<void> {
    await audit.append(audit.event('finding.settled', attribution, { organizationId, directoryId }, data));
  }

  const spokenOf = ({ name, provider, endpointKey, upstreamUrl }: Directory): Spoken => ({
    name,
    provider,
    endpointUrl: endpointUrlOf(publicUrl, endpointKey),
    tokenUrl: `${publicUrl}/oauth/token`,
    authorizationUrl: `${publicUrl}/oauth/authorize`,
    ...(upstreamUrl !== undefined && { upstreamUrl }),
  });

  return {
    now: async (directory) => diagnose(await factsNow(directory)),
    async look(directory) {
      const found = await factsNow(directory);
      const diagnosis = diagnose(found);
      return { diagnosis, stations: stationsOf(found, diagnosis) };
    },
    async at(directory, at) {
      const { facts: past, keptSince } = await readPast(deps, directory, at);
      const { name, provider, endpointUrl, upstreamUrl } = past.directory;
      const { tokenUrl, authorizationUrl } = spokenOf(directory);
      const named = { name, provider, endpointUrl, tokenUrl, authorizationUrl };
      const spoken = { ...named, ...(upstreamUrl !== undefined && { upstreamUrl }) };
      return { ...diagnose(past), credentials: past.credentials, spoken, ...(keptSince && { keptSince }) };
    },
    timeline: (directory, period) => readTimeline({ ...deps, traffic }, directory, period),
    current,
    requestLog,
    unplaced,
    traffic,
    whyCodeFor: whys.codeFor,
    async why(code) {
      const found = await whys.find(code);
      return found && { directoryId: found.directoryId, organizationId: found.organizationId, at: found.lastAt };
    },
    spoken: spokenOf,
    async dismissRecovery(directory, attribution) {
      if ((await current.recoveryOf(directory.id)) === undefined) return;
      await tellSettled(directory, attribution, { how: 'recovered' });
      await current.dismissRecovery(directory.id);
    },
    async expectSilence(directory, attribution) {
      await tellSettled(directory, attribution, { how: 'expected' });
      await traffic.expect(directory.id);
    },
    async muteSilence(directory, until, attribution) {
      await tellSettled(directory, attribution, { how: 'muted', until: until.toISOString() });
      await traffic.mute(directory.id, until);
    },
    async reportSilence(directory, attribution) {
      await tellSettled(directory, attribution, { how: 'reported_again' });
      await traffic.reportAgain(directory.id);
    },
  };
}
