/** Where requests of a directory stop, on their way from the identity provider to the SCIM server: four stations, in order. Pure. */
import { ENDS_ACCESS } from './causes.ts';
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
  const last = latestRequest(facts, findings);
  // What was refused is no sign of life, and no silence either.
  const isSilent = facts.silence?.isAlarm === true && (last === undefined || last.at <= facts.silence.since);
  const first = idpOf(last, isSilent, findings[0]?.code === 'working_quiet');
  const hasCome = first.state === 'ok';
  const [endpoint, server] = [scimEndpointOf(facts, lead, isSilent), scimServerOf(facts, lead, isSilent)];
  return [first, tokenEndpointOf(facts, findings, isSilent), endpoint, server].map((station, index) => {
    // Nothing has come through the token endpoint that is not involved, as long as nothing comes at all.
    if (station.says === UNINVOLVED && (stop === 0 || !hasCome)) return { ...station, state: 'unreached' };
    if (!lead || stop === -1 || index < stop) return station;
    const isStopped = lead.severity === 'failing';
    if (index === stop && isStopped) return { ...station, state: 'bad', says: shortOf(lead) };
    if (index === stop) {
      const isPause = lead.code === 'idp_backoff';
      return { ...station, state: 'poor', says: `${shortOf(lead)}${isPause ? '' : ' (some requests)'}` };
    }
    if (!isStopped || station.says === UNINVOLVED) return station;
    // Its access tokens have ended with it, so what still arrives is refused.
    if (station.place === 'scim_endpoint' && ENDS_ACCESS.has(lead.code))
      return { ...station, state: 'bad', says: 'Refusing requests' };
    return { ...station, state: 'unreached', says: 'Not reached' };
  });
}

const UNINVOLVED = 'Not involved';

/** Where it stops; undefined for what stops nothing. */
export function placeOf({ code }: Finding): Station['place'] | undefined {
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
  token_missing: 'Refusing: no token',
  token_in_query: 'Refusing: token in the URL',
  token_in_other_place: 'Refusing: token in the wrong place',
  token_truncated: 'Refusing: incomplete token',
  token_doubled: 'Refusing: two tokens in one',
  token_with_blanks: 'Refusing: spaces in the token',
  token_unknown: 'Refusing: unknown token',
  token_revoked: 'Refusing: token revoked',
  token_replaced: 'Refusing: token replaced',
  token_expired: 'Refusing: token expired',
  token_disabled: 'Refusing: token disabled',
  token_elsewhere: "Refusing: another directory's token",
  scheme_basic: 'Refusing: user name and password',
  scheme_twice: 'Refusing: the word Bearer twice',
  scheme_unknown: 'Refusing: not Bearer before the token',
  header_name_in_value: 'Refusing: header name in the token',
  header_twice: 'Refusing: two Authorization headers',
  value_quoted: 'Refusing: token in quotation marks',
  other_secret_presented: 'Refusing: another value as the token',
  idp_own_token: 'Refusing: not our token',
  foreign_token: "Refusing: another server's token",
  insufficient_scope: 'Refusing changes: read-only token',
  directory_disabled: 'Refusing: directory disabled',
  wrong_path: 'Sending to the wrong URL',
  wrong_endpoint_key: 'Sending to the wrong URL',
  doubled_slash: 'Sending to the wrong URL',
  idp_backoff: 'Paused',
  access_token_last: 'No longer issuing tokens',
  client_deleted: 'Refusing: client deleted',
  client_unknown: 'Refusing: unknown client',
  client_secret_wrong: 'Refusing: wrong client secret',
  client_secret_expired: 'Refusing: client secret expired',
  client_secret_has_blanks: 'Refusing: spaces in the client secret',
  client_id_and_secret_swapped: 'Refusing: client ID and secret swapped',
  assertion_wrong: 'Refusing: wrong assertion',
  grant_not_allowed: 'Refusing: grant not allowed',
  scope_unknown: 'Refusing: unknown scope',
  scope_separator: 'Refusing: commas between scopes',
  code_expired: 'Refusing: code expired',
  pkce_wrong: 'Refusing: wrong code verifier',
  refresh_token_unknown: 'Refusing: unknown refresh token',
  refresh_token_superseded: 'Refusing: replaced refresh token',
  connection_ended: 'Refusing: connection ended',
  upstream_not_set: 'No URL is set',
  upstream_unreachable: "Can't be reached",
  upstream_refuses_us: 'Rejecting our requests',
  upstream_wrong_base: 'Wrong base URL',
  upstream_not_scim: "Sending responses that aren't SCIM",
  upstream_unreadable: 'Sending unreadable responses',
  upstream_rejects_content: 'Rejecting changes',
  upstream_failing: 'Responding with errors',
  upstream_cut: 'Sending broken responses',
  upstream_slow: 'Too slow',
  upstream_limits: 'Limiting the request rate',
};

function shortOf({ code, facts: { cause } }: Finding): string {
  if (code === 'upstream_unreachable' && cause === 'wrong_protocol') return 'Not responding with HTTP';
  return SHORT[code] ?? (CODES[code].group === 'token_endpoint' ? 'Refusing requests' : 'Refusing the token');
}

interface Request {
  at: Date;
  address?: string | undefined;
  userAgent?: string | undefined;
}

function latestRequest({ accepted, refusals }: Facts, findings: readonly Finding[]): Request | undefined {
  return latestOf<Request>([
    accepted && { at: accepted.at, address: accepted.address, userAgent: accepted.userAgent },
    // A stranger's request leads no finding.
    ...refusals
      .filter(({ code }) => findings.some((finding) => finding.code === code))
      .map(({ lastAt, address, userAgent }) => ({ at: lastAt, address, userAgent })),
  ]);
}

function idpOf(last: Request | undefined, isSilent: boolean, isQuiet: boolean): Station {
  if (!last) return { place: 'idp', state: 'unknown', says: 'No requests yet', notes: [] };
  const from = [last.address, last.userAgent].filter((part) => part !== undefined && part !== '').join(', ');
  return {
    place: 'idp',
    state: isSilent ? 'unknown' : 'ok',
    says: isSilent || isQuiet ? 'Quiet' : 'Sending',
    notes: [say`Last request ${last.at}`, ...(from === '' ? [] : [say`${from}`])],
  };
}

function tokenEndpointOf(facts: Facts, findings: readonly Finding[], isSilent: boolean): Station {
  const { credentials, clients, grantedAt } = facts;
  const place = 'token_endpoint';
  if (credentials.length === 0 && clients.length === 0)
    return { place, state: 'unknown', says: 'No connection yet', notes: [] };
  const usesTokens = clients.length > 0 || credentials.some(({ kind }) => kind === 'oauth');
  if (!usesTokens)
    return { place, state: 'ok', says: UNINVOLVED, notes: [say`This directory uses a token instead of OAuth`] };
  const notes = grantedAt ? [say`Last token ${grantedAt}`] : [];
  // Something else may lead, such as a token that is refused behind it.
  const refusal = findings.find((finding) => placeOf(finding) === place && isSince(finding, grantedAt));
  if (refusal?.severity === 'failing') return { place, state: 'bad', says: shortOf(refusal), notes };
  if (!grantedAt) return { place, state: 'unknown', says: 'No token issued yet', notes };
  const isConnected = credentials.some(
    ({ kind, state }) => kind === 'oauth' && state !== 'revoked' && state !== 'expired',
  );
  if (!isConnected) return { place, state: 'unknown', says: 'No connection', notes };
  return isSilent ? untested(place, notes) : { place, state: 'ok', says: 'Issuing tokens', notes };
}

/** Whether its latest refused request came after a token was last issued. */
function isSince({ facts: { lastAt } }: Finding, grantedAt: Date | undefined): boolean {
  return lastAt !== undefined && (grantedAt === undefined || new Date(lastAt) > grantedAt);
}

/** What stands behind a silence may be as it was, or not. */
function untested(place: Station['place'], notes: Text[]): Station {
  return { place, state: 'unknown', says: 'No requests', notes };
}

function scimEndpointOf({ accepted }: Facts, lead: Finding | undefined, isSilent: boolean): Station {
  const place = 'scim_endpoint';
  const refusedAt = lead && placeOf(lead) === place ? lead.facts.lastAt : undefined;
  // Of a request that then failed, accepted would be said in vain; and passed on, where nothing could take it.
  const isPassed = lead !== undefined && CODES[lead.code].group === 'upstream' && !hasNoServer(lead);
  const notes = accepted ? [isPassed ? say`Last passed on ${accepted.at}` : say`Last accepted ${accepted.at}`] : [];
  if (accepted && isSilent) return untested(place, notes);
  return {
    place,
    state: accepted ? 'ok' : 'unknown',
    says: !accepted ? 'Nothing accepted yet' : isPassed ? 'Passing requests on' : 'Accepting requests',
    notes: [...notes, ...(refusedAt === undefined ? [] : [say`Last refused ${new Date(refusedAt)}`])],
  };
}

function scimServerOf({ outcomes, sees, accepted }: Facts, lead: Finding | undefined, isSilent: boolean): Station {
  const place = 'scim_server';
  if (sees === 'nothing') return { place, state: 'unknown', says: 'Not visible to us', notes: [] };
  const { answeredAt, lastAt } = lead && isBehindUs(lead) ? lead.facts : {};
  const isFailing = lastAt !== undefined;
  const answered = outcomes.filter(({ outcome }) => outcome === 'ok' || outcome === 'normal_refusal');
  const last = isFailing ? (answeredAt === undefined ? undefined : new Date(answeredAt)) : latestOf(answered)?.at;
  if (!last && !isFailing)
    return { place, state: 'unknown', says: accepted ? 'No response yet' : 'No requests yet', notes: [] };
  const notes = [
    ...(last ? [isFailing ? say`Last working response ${last}` : say`Last response ${last}`] : []),
    ...(isFailing && lead?.code !== 'wrong_path' ? [say`Last failure ${new Date(lastAt)}`] : []),
  ];
  return isSilent ? untested(place, notes) : { place, state: 'ok', says: 'Responding', notes };
}

/** Nothing was ever there that a request could be passed on to. */
function hasNoServer({ code, facts: { answeredAt } }: Finding): boolean {
  return code === 'upstream_not_set' || (code === 'upstream_unreachable' && answeredAt === undefined);
}

function isBehindUs({ code, facts: { cause } }: Finding): boolean {
  return CODES[code].group === 'upstream' || cause === 'doubled_path';
}

function latestOf<T extends { at: Date }>(moments: readonly (T | undefined)[]): T | undefined {
  return moments.reduce<T | undefined>(
    (a, b) => (a === undefined || (b !== undefined && b.at > a.at) ? b : a),
    undefined,
  );
}
