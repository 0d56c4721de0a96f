import { CODES, type Code, SEVERITIES } from './codes.ts';
import type { Facts } from './facts.ts';
import type { Diagnosis, Finding } from './finding.ts';
import { make } from './making.ts';
import { ofCredentials, ofEnds, ofWaiting } from './of-credentials.ts';
import { ofBackoff, ofDirectory, ofRefusals } from './of-refusals.ts';
import { ofHealth, ofRecovery, ofSilence, ofSources, ofWatch } from './of-traffic.ts';
import { ofUpstream } from './of-upstream.ts';
import { isCurrent, sortOut, strangerOf } from './refusals.ts';
import { placeOf } from './stations.ts';

export function diagnose(facts: Facts): Diagnosis {
  const { at, directory } = facts;
  const { theirs, strangers } = sortOut(facts);
  const current = theirs.filter((refusal) => isCurrent(refusal, facts));
  const problems = [
    ...ofDirectory(facts, current),
    ...ofRefusals(facts, current),
    ...ofUpstream(facts),
    ...ofCredentials(facts),
  ];
  const found = withoutSymptoms(withoutRepeats(problems));
  const isBroken = found.some(({ severity }) => severity === 'failing');
  const more = [
    ...(isBroken ? [] : ofWaiting(facts, found.length > 0)),
    ...ofBackoff(facts, current),
    ...ofEnds(facts),
    ...(isBroken ? [] : [...ofSilence(facts), ...ofRecovery(facts)]),
    ...ofSources(facts),
    ...ofWatch(facts, current, found),
  ];
  const all = withoutRepeats([...found, ...more]);
  const isUnwell = all.some(({ severity, code }) => severity !== 'notice' || CODES[code].group === 'never_worked');
  const isQuiet = all.some(({ code }) => CODES[code].group === 'silence');
  const findings = [...all, ...(isUnwell || isQuiet ? [] : ofHealth(facts))].sort(byRank);
  return {
    directoryId: directory.id,
    organizationId: directory.organizationId,
    at: at.toISOString(),
    findings: findings.length > 0 ? findings : [make('not_connected', directory.createdAt, {})],
    strangers: strangers.map(strangerOf),
  };
}

/**
 * A disabled directory before all else, since nothing is accepted until it is enabled. Then failing before degraded before notices; of the
 * same severity the one whose group comes first, then the older one.
 */
function byRank(a: Finding, b: Finding): number {
  const isDisabled = ({ code }: Finding) => Number(code === 'directory_disabled');
  return (
    isDisabled(b) - isDisabled(a) ||
    SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
    GROUP_ORDER.indexOf(CODES[a.code].group) - GROUP_ORDER.indexOf(CODES[b.code].group) ||
    a.since.localeCompare(b.since) ||
    a.code.localeCompare(b.code)
  );
}

/** What stops requests earliest leads; what only may matter comes last. */
const GROUP_ORDER = [
  'not_usable',
  'wrong_place',
  'presented',
  'token_endpoint',
  'upstream',
  'never_worked',
  'coming',
  'silence',
  'watch',
  'fine',
];

/** An access token that has expired is sent on where the token endpoint issues no other: the finding is what keeps it from that. */
function withoutSymptoms(findings: Finding[]): Finding[] {
  const symptom = findings.find(({ facts: { detail } }) => detail === 'access_token_expired');
  const isCause = (finding: Finding) => finding.severity !== 'notice' && placeOf(finding) === 'token_endpoint';
  if (!symptom || !findings.some(isCause)) return findings;
  const { severity } = symptom;
  return findings.filter((one) => one !== symptom).map((one) => (isCause(one) ? { ...one, severity } : one));
}

/** A state and the refusals that it led to are one finding. */
function withoutRepeats(findings: Finding[]): Finding[] {
  const known = new Map<Code, Finding>();
  for (const finding of findings.sort(byRank)) {
    const before = known.get(finding.code);
    known.set(finding.code, before === undefined ? finding : merged(before, finding));
  }
  return [...known.values()];
}

function merged(a: Finding, b: Finding): Finding {
  const [state, told] = a.evidence.length > 0 ? [b, a] : [a, b];
  return {
    ...state,
    ...told,
    since: a.since < b.since ? a.since : b.since,
    facts: { ...state.facts, ...told.facts },
    certainty: a.certainty === 'known' ? 'known' : b.certainty,
  };
}
