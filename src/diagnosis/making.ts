import { IDENTITY_PROVIDERS, type IdentityProviderId } from '../identity-providers/index.ts';
import { type ActingParty, type Code, entryOf } from './codes.ts';
import type { CredentialFacts, Facts, RefusalFacts } from './facts.ts';
import type { Finding, FindingFacts } from './finding.ts';

export function make(code: Code, since: Date, about: FindingFacts): Finding {
  const { severity } = entryOf(code);
  const actor = actorOf(code, about);
  return { code, severity, actor, since: since.toISOString(), facts: about, evidence: [], certainty: 'known' };
}

/** Who disables something enables it again, and an app name is corrected by those who made the client. */
function actorOf(code: Code, { byType, isAppNamed, isReplaced }: FindingFacts): ActingParty {
  if (code === 'client_deleted' && isReplaced) return 'it_contact';
  if (code === 'token_disabled' && byType === 'it_contact') return 'it_contact';
  if (code === 'redirect_uri_unknown' && isAppNamed) return 'it_contact';
  return entryOf(code).actor;
}

/** What a refusal tells, and of the credential it was about. */
export function refusedFacts(refusal: RefusalFacts, facts: Facts): FindingFacts {
  const { count, firstAt, lastAt, address, userAgent, detail, hint, clientId, isElsewhere, otherDirectory } = refusal;
  const credential = facts.credentials.find(({ id }) => id === refusal.credentialId);
  const client = facts.clients.find(({ id }) => id === clientId);
  const { status, kind, cause, text, given, wanted, seconds, firstSeconds, removedAt } = refusal.said ?? {};
  return {
    count,
    firstAt: firstAt.toISOString(),
    lastAt: lastAt.toISOString(),
    ...(facts.accepted && { acceptedAt: facts.accepted.at.toISOString() }),
    ...(address !== undefined && { address }),
    ...(userAgent !== undefined && { userAgent }),
    ...(detail !== undefined && { detail }),
    ...(credential && credentialFacts(credential)),
    ...(hint !== undefined && { hint }),
    ...(clientId !== undefined && { clientId }),
    ...(client && { clientName: client.name, isAppNamed: namesApp(facts.directory.provider) }),
    ...(refusal.code === 'client_secret_expired' && client && endOfSecrets(client, facts.at)),
    ...(isElsewhere && { isElsewhere }),
    ...(otherDirectory !== undefined && { otherDirectory }),
    ...(status !== undefined && { status }),
    ...(kind !== undefined && { request: kind }),
    ...(cause !== undefined && { cause }),
    ...(text !== undefined && { text }),
    ...(given !== undefined && { given }),
    ...(wanted !== undefined && { wanted }),
    ...(seconds !== undefined && { seconds }),
    ...(firstSeconds !== undefined && { firstSeconds }),
    ...(removedAt !== undefined && { at: removedAt }),
    ...(detail === 'client_removed' && facts.clients.length > 0 && { isReplaced: true }),
    ...usableBeside(refusal.credentialId, facts),
  };
}

export function credentialFacts(credential: CredentialFacts): FindingFacts {
  const { id, kind, hint, slot, label, endedAt, endedBy, endedByType, endedReason } = credential;
  return {
    credentialId: id,
    kind,
    ...(kind === 'bearer' && { hint }),
    slot,
    ...(label !== undefined && { label }),
    ...(endedAt && { at: endedAt.toISOString() }),
    ...(endedBy !== undefined && { by: endedBy }),
    ...(endedByType !== undefined && { byType: endedByType }),
    ...(endedReason !== undefined && { reason: endedReason }),
  };
}

/** Another credential that would be accepted, the newest. A pending connection takes its slot with its first use. */
export function usableBeside(credentialId: string | undefined, { credentials }: Facts): FindingFacts {
  const other = credentials.find(
    ({ id, state, isClientGone }) =>
      id !== credentialId && (state === 'active' || state === 'pending') && !isClientGone,
  );
  if (!other) return {};
  const { hint, kind, slot, scopes, lastUsedAt } = other;
  return {
    usable: {
      hint,
      kind,
      slot,
      ...(lastUsedAt && { usedAt: lastUsedAt.toISOString() }),
      ...(!scopes.includes('scim') && { isReadOnly: true }),
    },
  };
}

/** When the secret expired that lasted longest. */
function endOfSecrets({ secrets }: Facts['clients'][number], at: Date): FindingFacts {
  const ends = secrets.flatMap(({ expiresAt }) => (expiresAt && expiresAt <= at ? [expiresAt.getTime()] : []));
  return ends.length === 0 ? {} : { expiresAt: new Date(Math.max(...ends)).toISOString() };
}

/** Whether redirect URIs are made from the name of the app at the identity provider. */
function namesApp(provider: IdentityProviderId): boolean {
  return IDENTITY_PROVIDERS[provider].oauth?.redirectUris.some((uri) => uri.includes('{appName}')) ?? false;
}
