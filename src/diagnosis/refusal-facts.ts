/** What was refused of a directory: one entry for each cause, credential and sender, read from its events. */
import type { AuditEvent } from '../audit/index.ts';
import type { OauthSubReason } from '../oauth/index.ts';
import { codeOf, LASTING } from './causes.ts';
import { CODES, type Code } from './codes.ts';
import type { Facts, OutcomeFacts, RefusalFacts, Said } from './facts.ts';
import { sourceOf } from './source.ts';

/** One entry for each cause, credential and sender, unless something has shown since that it has ended. */
export function refusalsOf(
  events: readonly AuditEvent[],
  known: Pick<Facts, 'accepted' | 'grantedAt' | 'credentials' | 'outcomes'> & { disabledAt?: Date | undefined },
): RefusalFacts[] {
  const groups = new Map<string, RefusalFacts>();
  const { accepted, grantedAt, disabledAt } = known;
  const isWithTokens = usesTokens(known);
  for (const event of events) {
    const code = codeOf(event);
    if (code === undefined) continue;
    const over =
      failingSince(code, known.outcomes) ??
      overAt(code, { accepted: isWithTokens ? undefined : accepted?.at, grantedAt, disabledAt, anyAt: accepted?.at });
    if (over !== undefined && timeOf(event) < over) continue;
    const refusal = refusalOf(code, event);
    const { credentialId, hint, clientId } = refusal;
    const key = JSON.stringify([code, refusal.detail, credentialId, hint, clientId, sourceOf(refusal)]);
    const before = groups.get(key);
    const pause = LASTING[code];
    if (before && pause && before.firstAt.getTime() - refusal.lastAt.getTime() > pause) continue;
    groups.set(key, before ? joined(before, refusal) : refusal);
  }
  return [...groups.values()].sort((a, b) => b.lastAt.getTime() - a.lastAt.getTime());
}

/** Each request that fails behind us was accepted before, so acceptance says nothing about it: the outcomes do. */
function failingSince(code: Code, outcomes: readonly OutcomeFacts[]): Date | undefined {
  const began = outcomes.flatMap(({ outcome, since }) => (outcome === code && since ? [since.getTime()] : []));
  return began.length === 0 ? undefined : new Date(Math.min(...began));
}

/** Refusals before this have ended. */
function overAt(
  code: Code,
  {
    accepted,
    grantedAt,
    disabledAt,
    anyAt,
  }: Record<'accepted' | 'grantedAt' | 'disabledAt' | 'anyAt', Date | undefined>,
): Date | undefined {
  if (code in LASTING) return undefined;
  // What was refused while it was disabled an earlier time has ended.
  if (code === 'directory_disabled') return disabledAt;
  return CODES[code].group === 'token_endpoint' ? latest([accepted, grantedAt]) : anyAt;
}

function refusalOf(code: Code, event: AuditEvent): RefusalFacts {
  const { id, at, firstAt = at, lastAt = at, count = 1, credentialId, address, requestId, data } = event;
  const word = (name: string) => (typeof data[name] === 'string' && data[name] !== '' ? data[name] : undefined);
  const [hint, clientId, userAgent, fault] = [word('hint'), word('clientId'), word('userAgent'), word('fault')];
  const detail = fault === undefined ? word('subReason') : `assertion_${fault}`;
  const said = saidBy(data, word);
  return {
    code,
    ...(detail !== undefined && { detail }),
    firstAt,
    lastAt,
    count,
    evidence: [{ id, firstAt, lastAt }],
    ...(credentialId !== undefined && { credentialId }),
    ...(requestId !== undefined && { requestId }),
    ...(hint !== undefined && { hint }),
    // Anybody can name a client; it is known where its directory is.
    ...(clientId !== undefined && event.actor.id !== undefined && { clientId }),
    ...(address !== undefined && { address }),
    ...(userAgent !== undefined && { userAgent }),
    ...(data['elsewhere'] === true && { isElsewhere: true }),
    ...(data['grantType'] === 'client_credentials' && { isMachine: true }),
    ...(isUnproven(event) && { isUnproven: true }),
    ...(event.type === 'connection.refused' && { isFromBrowser: true }),
    ...(data['reason'] === 'rate_limited' && { isLimited: true }),
    ...(Object.keys(said).length > 0 && { said }),
  };
}

/** The causes with which a caller has shown neither the secret of the client that it named nor a token. */
const PROVES_NOTHING: ReadonlySet<unknown> = new Set<OauthSubReason>([
  'client_unknown',
  'client_removed',
  'client_secret_missing',
  'client_secret_wrong',
  'client_secret_has_blanks',
  'client_id_as_secret',
  'token_as_client_secret',
  'client_proofs_disagree',
  'client_method_wrong',
  'assertion_wrong',
  'jwks_unreachable',
]);

/** A person's own refusal, and a request with a refresh token or code of the connection, are proof. */
function isUnproven({ type, credentialId, actor, data }: AuditEvent): boolean {
  if (type === 'connection.refused') return actor.type !== 'it_contact' && actor.type !== 'operator';
  if (type !== 'token.refused' || !PROVES_NOTHING.has(data['subReason'])) return false;
  return credentialId === undefined || data['grantType'] === 'client_credentials';
}

function saidBy(data: Record<string, unknown>, word: (name: string) => string | undefined): Said {
  const [kind, cause, text] = [word('kind'), word('cause'), word('detail')];
  const registered = Array.isArray(data['registered']) ? (data['registered'] as unknown[]) : [];
  const [given, wanted] = [
    word('audience') ?? word('redirectUri') ?? word('path'),
    word('expected') ?? nearest(word('redirectUri'), registered),
  ];
  const { seconds, length } = data;
  const [removedAt, foundIn] = [word('removedAt'), word('foundIn')];
  const [contentType, redirectsTo] = [word('contentType'), word('redirectsTo')];
  return {
    ...(typeof data['status'] === 'number' && { status: data['status'] }),
    ...(contentType !== undefined && { contentType }),
    ...(redirectsTo !== undefined && { redirectsTo }),
    ...(kind !== undefined && { kind }),
    ...(cause !== undefined && { cause }),
    ...(text !== undefined && { text }),
    ...(given !== undefined && { given }),
    ...(wanted !== undefined && { wanted }),
    ...(typeof seconds === 'number' && { seconds }),
    ...(typeof length === 'number' && { length }),
    ...(removedAt !== undefined && { removedAt }),
    ...(foundIn !== undefined && { foundIn }),
  };
}

/** Of the registered URIs the one that begins like the one that was sent, for the longest. */
function nearest(sent: string | undefined, registered: readonly unknown[]): string | undefined {
  const uris = registered.filter((uri) => typeof uri === 'string');
  const alike = (uri: string) => {
    let length = 0;
    while (length < uri.length && uri[length] === sent?.[length]) length++;
    return length;
  };
  return sent === undefined ? undefined : uris.sort((a, b) => alike(b) - alike(a))[0];
}

function joined(a: RefusalFacts, b: RefusalFacts): RefusalFacts {
  const [newer, older] = a.lastAt >= b.lastAt ? [a, b] : [b, a];
  const firstSeconds = older.said?.firstSeconds ?? older.said?.seconds;
  return {
    ...newer,
    ...(newer.said && firstSeconds !== undefined && { said: { ...newer.said, firstSeconds } }),
    ...((a.isLimited || b.isLimited) && { isLimited: true }),
    firstAt: a.firstAt < b.firstAt ? a.firstAt : b.firstAt,
    count: a.count + b.count,
    evidence: [...a.evidence, ...b.evidence],
  };
}

/** Whether the identity provider comes with access tokens, which go on being accepted while the token endpoint refuses. */
export function usesTokens({ accepted, credentials }: Pick<Facts, 'accepted' | 'credentials'>): boolean {
  return credentials.some(({ id, kind }) => id === accepted?.credentialId && kind === 'oauth');
}

/** Of what is counted together: the last time. A credential ends at its expiry, and the round that notes it comes later. */
export function timeOf({ type, data, lastAt, at }: AuditEvent): Date {
  if (type === 'credential.expired' && typeof data['expiresAt'] === 'string') return new Date(data['expiresAt']);
  return lastAt ?? at;
}

export function latest(moments: (Date | undefined)[]): Date | undefined {
  return moments
    .filter((moment) => moment !== undefined)
    .reduce<Date | undefined>((a, b) => (a === undefined || b > a ? b : a), undefined);
}
