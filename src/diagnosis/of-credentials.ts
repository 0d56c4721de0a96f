/** What credentials and clients say themselves: lost, waiting for a first use, about to end. */
import { DAY_MS } from '../clock.ts';
import type { Code, Severity } from './codes.ts';
import type { CredentialFacts, Facts } from './facts.ts';
import type { Finding } from './finding.ts';
import { clientFacts, credentialFacts, isMachine, make, usableBeside } from './making.ts';

/** An end this close is told; one within a week is urgent. */
const SOON_MS = 30 * DAY_MS;
const URGENT_MS = 7 * DAY_MS;
/** A token that nobody has used for so long is more than fresh. */
const FRESH_MS = 7 * DAY_MS;

/** What is wrong with the credentials themselves, whether or not anything was refused for it yet. */
export function ofCredentials(facts: Facts): Finding[] {
  const { credentials, accepted, at } = facts;
  const live = credentials.filter(({ state }) => state === 'active' || state === 'pending');
  const used = credentials.find(({ id }) => id === accepted?.credentialId);
  const orphan = live.find(({ isClientGone }) => isClientGone);
  const found: Finding[] = [];
  if (orphan && (used === undefined || used.id === orphan.id || live.length === 1)) {
    const ends = orphan.accessTokenExpiresAt;
    const lasts = ends !== undefined && ends > at;
    found.push(
      make(lasts ? 'access_token_last' : 'client_deleted', orphan.lastUsedAt ?? orphan.createdAt, {
        ...credentialFacts(orphan),
        ...usableBeside(orphan.id, facts),
        ...(ends && { expiresAt: ends.toISOString() }),
      }),
    );
  }
  const lost = used ?? credentials[0];
  const isLost = live.length === 0 || (used !== undefined && used.state === 'disabled');
  if (!lost || !isLost) return found;
  const code = LOST[lost.state];
  if (code === undefined) return found;
  const since = lost.endedAt ?? lost.expiresAt ?? lost.createdAt;
  const usable = usableBeside(lost.id, facts);
  // A replacement that waits for its first use is told as such.
  if (live.length > 0 && lost.state !== 'disabled') return found;
  const expiresAt = lost.expiresAt?.toISOString();
  const client = facts.clients.find(({ id }) => id === lost.clientId);
  const about = {
    ...credentialFacts(lost),
    ...(client && { clientId: client.id, ...clientFacts(client, facts) }),
    ...usable,
    ...(expiresAt !== undefined && { expiresAt }),
  };
  found.push(make(lost.kind === 'oauth' && code === 'token_expired' ? 'connection_ended' : code, since, about));
  return found;
}

/** A revoke is somebody's purpose until a request says otherwise. */
const LOST: Partial<Record<CredentialFacts['state'], Code>> = {
  disabled: 'token_disabled',
  expired: 'token_expired',
};

export function ofWaiting(facts: Facts, hasProblems: boolean): Finding[] {
  const { credentials, accepted, connecting, directory, at } = facts;
  const live = credentials.filter(({ state }) => state === 'active' || state === 'pending');
  if (live.length === 0) {
    if (hasProblems) return [];
    if (connecting && connecting.at > (accepted?.at ?? new Date(0)))
      return [make('setup_unfinished', connecting.at, { step: connecting.step, ...isMachine(facts) })];
    if (credentials.length === 0) return [make('not_connected', directory.createdAt, {})];
    return [];
  }
  const fresh = live.filter(({ lastUsedAt }) => lastUsedAt === undefined);
  if (fresh.length < live.length) return [];
  const [newest] = fresh;
  if (!newest) return [];
  const isOld = at.getTime() - newest.createdAt.getTime() > FRESH_MS;
  const code = accepted === undefined && isOld ? 'never_used' : 'waiting_for_first_request';
  const about = {
    ...credentialFacts(newest),
    ...(newest.importedAt && { isImported: true }),
    ...(accepted && { acceptedAt: accepted.at.toISOString() }),
  };
  return [make(code, newest.createdAt, about)];
}

export function ofEnds(facts: Facts): Finding[] {
  const { credentials, clients, at, accepted } = facts;
  const found: Finding[] = [];
  const isSoon = (end: Date | undefined): end is Date =>
    end !== undefined && end > at && end.getTime() - at.getTime() <= SOON_MS;
  const urgency = (end: Date): Severity => (end.getTime() - at.getTime() <= URGENT_MS ? 'degraded' : 'notice');
  const live = credentials.filter(({ state }) => state === 'active');
  for (const credential of live) {
    const { expiresAt, rotation, endsByPolicy } = credential;
    const isNeeded = credential.id === accepted?.credentialId || live.length === 1;
    // A replaced token ends on purpose.
    if (isSoon(expiresAt) && isNeeded && !rotation) {
      const client = clients.find(({ id }) => id === credential.clientId);
      const about = {
        ...credentialFacts(credential),
        ...(client?.isMachine && { isMachine: true }),
        expiresAt: expiresAt.toISOString(),
      };
      const code = endsByPolicy ? 'refresh_policy_ends_soon' : 'credential_ends_soon';
      const since = new Date(expiresAt.getTime() - SOON_MS);
      found.push({
        ...make(code, since, { ...about, ...usableBeside(credential.id, facts) }),
        severity: urgency(expiresAt),
        until: expiresAt.toISOString(),
      });
    }
    if (!rotation || at.getTime() - rotation.since.getTime() < FRESH_MS) continue;
    const code = rotation.successorUsed ? 'old_one_still_used' : 'rotation_overdue';
    const isUsed = credential.lastUsedAt !== undefined && credential.lastUsedAt > rotation.since;
    if (!isUsed || (rotation.successorUsed && !rotation.isOverdue)) continue;
    const usedAt = credential.lastUsedAt?.toISOString();
    const about = { ...credentialFacts(credential), ...(usedAt !== undefined && { lastAt: usedAt }) };
    found.push(make(code, rotation.since, { ...about, ...usableBeside(credential.id, facts) }));
  }
  for (const { id, name, secrets } of clients) {
    const lasting = secrets.some(({ expiresAt }) => expiresAt === undefined || !isSoon(expiresAt));
    const ends = secrets.map(({ expiresAt }) => expiresAt).filter(isSoon);
    const last = ends.sort((a, b) => b.getTime() - a.getTime())[0];
    if (lasting || !last) continue;
    const hint = secrets.find(({ expiresAt }) => expiresAt === last)?.hint;
    found.push({
      ...make('client_secret_ends_soon', new Date(last.getTime() - SOON_MS), {
        clientId: id,
        clientName: name,
        ...(hint !== undefined && { hint }),
        expiresAt: last.toISOString(),
      }),
      severity: urgency(last),
      until: last.toISOString(),
    });
  }
  return found;
}
