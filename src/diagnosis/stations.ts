/** Where requests of a directory stop, on their way from the identity provider to the SCIM server: four stations, in order. Pure. */
import { CODES, type Code } from './codes.ts';
import type { Facts } from './facts.ts';
import type { Diagnosis, Finding } from './finding.ts';
import { say, type Text } from './say.ts';

export const PLACES = ['idp', 'token_endpoint', 'scim_endpoint', 'scim_server'] as const;

export interface Station {
  place: (typeof PLACES)[number];
  /** `bad`: it stops here. `poor`: some of it does. `unreached`: nothing comes as far. `unknown`: we cannot see it, or not yet. */
  state: 'ok' | 'bad' | 'poor' | 'unreached' | 'unknown';
  says: string;
  notes: Text[];
}

export function stationsOf(facts: Facts, { findings }: Diagnosis): Station[] {
  const lead = findings.find(({ severity }) => severity === 'failing' || severity === 'degraded');
  const place = lead && placeOf(lead);
  const stop = place === undefined ? -1 : PLACES.indexOf(place);
  const first = idpOf(facts, findings);
  const hasCome = first.state === 'ok';
  return [first, tokenEndpointOf(facts), scimEndpointOf(facts, lead), scimServerOf(facts)].map((station, index) => {
    // Nothing has come through the token endpoint that is not involved, as long as nothing comes at all.
    if (station.says === UNINVOLVED && (stop === 0 || !hasCome)) return { ...station, state: 'unreached' };
    if (!lead || stop === -1 || index < stop) return station;
    const isStopped = lead.severity === 'failing';
    if (index === stop) return { ...station, state: isStopped ? 'bad' : 'poor', says: shortOf(lead.code) };
    if (!isStopped || station.says === UNINVOLVED) return station;
    return { ...station, state: 'unreached', says: 'Not reached' };
  });
}

const UNINVOLVED = 'Not involved';

/** Where it stops; undefined for what stops nothing. */
function placeOf({ code }: Finding): Station['place'] | undefined {
  const { group } = CODES[code];
  if (group === 'presented' || group === 'not_usable') return 'scim_endpoint';
  if (group === 'token_endpoint') return 'token_endpoint';
  if (group === 'upstream') return 'scim_server';
  if (code === 'access_token_last') return 'token_endpoint';
  if (code === 'idp_backoff') return 'idp';
  if (group !== 'wrong_place') return undefined;
  return code === 'wrong_path' || code === 'wrong_endpoint_key' || code === 'doubled_slash' ? 'idp' : 'token_endpoint';
}

const SHORT: Partial<Record<Code, string>> = {
  token_missing: 'Refuses: no token',
  token_truncated: 'Refuses: incomplete token',
  token_doubled: 'Refuses: two tokens in one',
  token_with_blanks: 'Refuses: spaces in the token',
  token_unknown: 'Refuses: unknown token',
  token_revoked: 'Refuses: token revoked',
  token_replaced: 'Refuses: token replaced',
  token_expired: 'Refuses: token expired',
  token_disabled: 'Refuses: token disabled',
  token_elsewhere: "Refuses: another directory's token",
  scheme_basic: 'Refuses: user name and password',
  insufficient_scope: 'Refuses changes: read-only token',
  directory_disabled: 'Refuses: directory disabled',
  wrong_path: 'Sends to a wrong URL',
  wrong_endpoint_key: 'Sends to a wrong URL',
  doubled_slash: 'Sends to a wrong URL',
  idp_backoff: 'Paused',
  access_token_last: 'Issues no more tokens',
  client_deleted: 'Refuses: client deleted',
  client_unknown: 'Refuses: unknown client',
  client_secret_wrong: 'Refuses: wrong client secret',
  client_secret_expired: 'Refuses: client secret expired',
  connection_ended: 'Refuses: connection ended',
  upstream_not_set: 'No URL is set',
  upstream_unreachable: "Can't be reached",
  upstream_refuses_us: 'Refuses us',
  upstream_wrong_base: 'Wrong base URL',
  upstream_not_scim: "Answers with something that isn't SCIM",
  upstream_rejects_content: 'Rejects changes',
  upstream_failing: 'Answers with errors',
  upstream_cut: 'Cuts off its answers',
  upstream_slow: 'Too slow',
  upstream_limits: 'Limits the request rate',
};

function shortOf(code: Code): string {
  return SHORT[code] ?? (CODES[code].group === 'token_endpoint' ? 'Refuses the request' : 'Refuses the token');
}

function idpOf({ accepted, refusals, silence }: Facts, findings: readonly Finding[]): Station {
  const [lead] = findings;
  const last = latestOf([
    accepted && { at: accepted.at, address: accepted.address, userAgent: accepted.userAgent },
    // A stranger's request leads no finding.
    ...refusals
      .filter(({ code }) => findings.some((finding) => finding.code === code))
      .map(({ lastAt, address, userAgent }) => ({ at: lastAt, address, userAgent })),
  ]);
  if (!last) return { place: 'idp', state: 'unknown', says: 'No request yet', notes: [] };
  const from = [last.address, last.userAgent].filter((part) => part !== undefined && part !== '').join(', ');
  const isSilent = silence?.isAlarm === true || lead?.code === 'working_quiet';
  return {
    place: 'idp',
    state: silence?.isAlarm ? 'unknown' : 'ok',
    says: isSilent ? 'Quiet' : 'Sending',
    notes: [say`Last request ${last.at}`, ...(from === '' ? [] : [say`${from}`])],
  };
}

function tokenEndpointOf({ credentials, clients, grantedAt }: Facts): Station {
  const place = 'token_endpoint';
  const usesTokens = clients.length > 0 || credentials.some(({ kind }) => kind === 'oauth');
  if (!usesTokens) return { place, state: 'ok', says: UNINVOLVED, notes: [say`This directory uses static tokens`] };
  if (!grantedAt) return { place, state: 'unknown', says: 'No token issued yet', notes: [] };
  return { place, state: 'ok', says: 'Issues tokens', notes: [say`Last token ${grantedAt}`] };
}

function scimEndpointOf({ accepted }: Facts, lead: Finding | undefined): Station {
  const refusedAt = lead && placeOf(lead) === 'scim_endpoint' ? lead.facts.lastAt : undefined;
  return {
    place: 'scim_endpoint',
    state: accepted ? 'ok' : 'unknown',
    says: accepted ? 'Accepts' : 'Nothing accepted yet',
    notes: [
      ...(accepted ? [say`Last accepted ${accepted.at}`] : []),
      ...(refusedAt === undefined ? [] : [say`Last refused ${new Date(refusedAt)}`]),
    ],
  };
}

function scimServerOf({ outcomes, sees, accepted }: Facts): Station {
  const place = 'scim_server';
  if (sees === 'nothing')
    return { place, state: 'unknown', says: 'Not visible to us', notes: [say`We don't see its answers`] };
  const answered = outcomes.filter(({ outcome }) => outcome === 'ok' || outcome === 'normal_refusal');
  const last = latestOf(answered);
  if (!last)
    return { place, state: 'unknown', says: accepted ? 'No answer seen yet' : 'Nothing to answer yet', notes: [] };
  return { place, state: 'ok', says: 'Answers', notes: [say`Last answer ${last.at}`] };
}

function latestOf<T extends { at: Date }>(moments: readonly (T | undefined)[]): T | undefined {
  return moments.reduce<T | undefined>(
    (a, b) => (a === undefined || (b !== undefined && b.at > a.at) ? b : a),
    undefined,
  );
}
