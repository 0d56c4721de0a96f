/**
 * EXPLAINS. What is wrong with a directory, since when, how we know, and who fixes it. `diagnose` is pure and goes by facts; each refusal of
 * every surface leads to exactly one finding of a closed table; words are functions of a finding, for whoever reads. Current findings are
 * kept, so that lists and notifications read and never compute.
 */
export { PAGE_ACTS, type PageAct } from './acts.ts';
export { codeOf, isRefusal, TROUBLES } from './causes.ts';
export {
  type Check,
  type Checked,
  type CheckedClientId,
  type CheckedSecret,
  type CheckedToken,
  createCheck,
} from './check.ts';
export { ACTORS, type ActingParty, CODE_NAMES, CODES, type Code, GROUPS, SEVERITIES, type Severity } from './codes.ts';
export type { CurrentFindings, FindingChange } from './current.ts';
export { diagnose } from './diagnose.ts';
export { createDiagnoses, type Diagnoses, type PastDiagnosis } from './diagnoses.ts';
export type { Facts } from './facts.ts';
export { type Diagnosis, type Finding, type FindingFacts, isWorking, type Stranger } from './finding.ts';
export type { CurrentFinding, FindingQuery } from './finding-rows.ts';
export { timeOf } from './refusal-facts.ts';
export { type LoggedRequest, REQUEST_COLUMNS, REQUEST_LOG_DAYS, type RequestLog } from './request-log.ts';
export { actsIn, type Part, plain, type Text } from './say.ts';
export { hasOwnUnused, type Reader, type Spoken, type Words } from './speech.ts';
export { fold as foldChanges, STATE_CHANGES } from './state-at.ts';
export type { Station } from './stations.ts';
export type { Run, Timeline } from './timeline.ts';
export type { Traffic } from './traffic.ts';
export { type Counted, outcomeClassOf, type UpstreamFinding } from './traffic-counts.ts';
export type { Unplaced, UnplacedRefusal } from './unplaced.ts';
export { ticketOf, wordsOf } from './words.ts';
export { causeOfEvent } from './words-of-events.ts';
