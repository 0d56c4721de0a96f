/**
 * EXPLAINS. What is wrong with a directory, since when, how we know, and who fixes it. `diagnose` is pure and goes by facts; each refusal of
 * every surface leads to exactly one finding of a closed table; words are functions of a finding, for whoever reads.
 */
import type { Clock } from '../clock.ts';
import type { Directory } from '../directories/index.ts';
import { diagnose } from './diagnose.ts';
import type { Diagnosis } from './finding.ts';
import { type FactsDependencies, readFacts } from './read-facts.ts';
import type { Spoken } from './speech.ts';

export { codeOf } from './causes.ts';
export { ACTORS, type ActingParty, CODE_NAMES, CODES, type Code, GROUPS, SEVERITIES, type Severity } from './codes.ts';
export { diagnose } from './diagnose.ts';
export type { Facts } from './facts.ts';
export type { Diagnosis, Finding, FindingFacts, Stranger } from './finding.ts';
export { type Part, plain, type Text } from './say.ts';
export type { Reader, Spoken, Words } from './speech.ts';
export { ticketOf, wordsOf } from './words.ts';

export interface Diagnoses {
  /** As everything is now. Rejects with storage_unavailable. */
  now(directory: Directory): Promise<Diagnosis>;
  /** A directory as words name it. */
  spoken(directory: Directory): Spoken;
}

export function createDiagnoses(deps: Omit<FactsDependencies, 'readTraffic'> & { clock: Clock }): Diagnoses {
  const { clock, publicUrl } = deps;
  const facts = { ...deps, readTraffic: async () => ({ outcomes: [], sources: [] }) };
  return {
    now: async (directory) => diagnose(await readFacts(facts, directory, clock.now())),
    spoken: ({ name, provider, endpointKey, upstreamUrl }) => ({
      name,
      provider,
      endpointUrl: `${publicUrl}/scim/v2/${endpointKey}`,
      tokenUrl: `${publicUrl}/oauth/token`,
      authorizationUrl: `${publicUrl}/oauth/authorize`,
      ...(upstreamUrl !== undefined && { upstreamUrl }),
    }),
  };
}
