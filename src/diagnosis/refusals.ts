/** Refusals among the facts: whose they are, which still stand, and what shows them. Pure. */
import { HOUR_MS } from '../clock.ts';
import { LASTING } from './causes.ts';
import { CODES } from './codes.ts';
import type { CredentialFacts, Facts, OutcomeFacts, RefusalFacts } from './facts.ts';
import type { Stranger } from './finding.ts';
import { certaintyOf } from './sender.ts';

/** Events that a finding names at most. */
export const EVIDENCE = 6;

/** Which refusals are the identity provider's, and which somebody else's. */
export function sortOut(facts: Facts): { theirs: RefusalFacts[]; strangers: RefusalFacts[] } {
  const theirs: RefusalFacts[] = [];
  const strangers: RefusalFacts[] = [];
  for (const refusal of facts.refusals) (isTheirs(refusal, facts) ? theirs : strangers).push(refusal);
  return { theirs, strangers };
}

export function isTheirs(refusal: RefusalFacts, facts: Facts): boolean {
  return certaintyOf(refusal, facts) !== 'stranger';
}

/** Whether nothing has shown since that the cause is gone. */
export function isCurrent(refusal: RefusalFacts, facts: Facts): boolean {
  const { accepted, grantedAt, connecting, credentials, at } = facts;
  const { code, lastAt, credentialId, firstAt } = refusal;
  const credential = credentials.find(({ id }) => id === credentialId);
  if (isBehind(refusal)) return facts.outcomes.length === 0 && (accepted === undefined || lastAt >= accepted.at);
  const pauseMs = at.getTime() - lastAt.getTime();
  if (code === 'insufficient_scope')
    return pauseMs < (LASTING[code] ?? 0) && !isPastReadOnly(credential, lastAt, facts);
  if (code === 'refresh_token_superseded' && isAgain(refusal)) {
    // Who connects anew has a connection of its own.
    const isReconnected = credentials.some(
      ({ kind, state, createdAt }) => kind === 'oauth' && state === 'active' && createdAt > lastAt,
    );
    return pauseMs < (LASTING[code] ?? 0) && !isReconnected;
  }
  // One that was revoked since, or has expired, can't be enabled: its next request tells so.
  if (code === 'token_disabled' && credential !== undefined && credential.state !== 'disabled') return false;
  if (code === 'directory_disabled') return facts.directory.isDisabled;
  if (code === 'consent_refused' && accepted !== undefined && accepted.at > firstAt) return false;
  // A later request of a client came to the consent page, so its redirect URI is registered by now.
  if (code === 'redirect_uri_unknown' && connecting && connecting.step !== 'client_made' && connecting.at > lastAt)
    return false;
  if (code !== 'client_deleted' && isOfGoneClient(refusal, facts)) return false;
  if (CODES[code].group === 'token_endpoint' && code !== 'consent_refused') {
    if (grantedAt !== undefined && grantedAt > lastAt) return false;
    const used = credentials.find(({ id }) => id === accepted?.credentialId);
    const usesTokens = used?.kind === 'oauth' && used.state === 'active';
    // An access token from before goes on being accepted until it ends.
    return accepted === undefined || accepted.at < lastAt || usesTokens;
  }
  return accepted === undefined || accepted.at < lastAt;
}

/** Nothing that was wrong with a client can be fixed once it was deleted, which is a finding of its own. */
function isOfGoneClient({ clientId }: RefusalFacts, { credentials }: Facts): boolean {
  const own = credentials.filter((credential) => clientId !== undefined && credential.clientId === clientId);
  return own.some(({ isClientGone }) => isClientGone);
}

/** Whether what was read-only is so no longer, or has ended, or something else that can write was used since. */
function isPastReadOnly(refused: CredentialFacts | undefined, since: Date, facts: Facts): boolean {
  if (refused?.state === 'revoked' || refused?.state === 'expired') return true;
  // A connection that may write gets tokens that may only read, where it asks for those.
  if (refused?.scopes.includes('scim')) return refused.kind === 'bearer' || mayWriteSince(since, facts);
  const { accepted, credentials } = facts;
  const used = credentials.find(({ id }) => id === accepted?.credentialId);
  return (
    accepted !== undefined &&
    accepted.at > since &&
    used !== undefined &&
    used.id !== refused?.id &&
    used.scopes.includes('scim')
  );
}

/** Where we see no requests behind us, a token that was issued since may be another one. */
function mayWriteSince(since: Date, { sees, outcomes, grantedAt }: Facts): boolean {
  if (sees === 'nothing') return grantedAt !== undefined && grantedAt > since;
  return outcomes.some(({ kind, at }) => WRITES.has(kind) && at > since);
}

const WRITES: ReadonlySet<OutcomeFacts['kind']> = new Set(['create', 'update', 'delete']);

/** The identity provider asks for /Users/Users: it is its own base URL that is wrong. */
export const DOUBLED = 'doubled_path';

/** Whether the request was accepted, and failed after that. */
export function isBehind({ code, said }: RefusalFacts): boolean {
  return CODES[code].group === 'upstream' || said?.cause === DOUBLED;
}

/** Comes again and again, as from something that keeps an old refresh token; two requests at once are no more than that. */
function isAgain({ count, firstAt, lastAt }: RefusalFacts): boolean {
  return count >= 2 && lastAt.getTime() - firstAt.getTime() >= HOUR_MS;
}

/** The first that says so, and the latest; earliest first. */
export function evidenceOf(refusals: readonly RefusalFacts[]): string[] {
  const all = refusals.flatMap(({ evidence }) => evidence).sort((a, b) => b.lastAt.getTime() - a.lastAt.getTime());
  const first = all.reduce((a, b) => (b.firstAt < a.firstAt ? b : a), all[0] as RefusalFacts['evidence'][number]);
  const latest = all.filter((one) => one !== first).slice(0, EVIDENCE - 1);
  return all.length === 0 ? [] : [first, ...latest.reverse()].map(({ id }) => id);
}

export function strangerOf({ code, count, firstAt, lastAt, address, userAgent, evidence }: RefusalFacts): Stranger {
  return {
    code,
    count,
    firstAt: firstAt.toISOString(),
    lastAt: lastAt.toISOString(),
    ...(address !== undefined && { address }),
    ...(userAgent !== undefined && { userAgent }),
    evidence: evidence.slice(0, EVIDENCE).map(({ id }) => id),
  };
}
