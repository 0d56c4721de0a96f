import { UNKNOWN_HINT } from '../credentials/index.ts';
import { IDENTITY_PROVIDERS, type IdentityProviderId, oauthPresetOf } from '../identity-providers/index.ts';
import { clientIdOf } from '../oauth/index.ts';
import { type ActingParty, type Code, entryOf } from './codes.ts';
import type { ClientFacts, CredentialFacts, Facts, OtherDirectory, RefusalFacts } from './facts.ts';
import type { Finding, FindingFacts } from './finding.ts';
import { sourceOf } from './source.ts';

export function make(code: Code, since: Date, about: FindingFacts): Finding {
  const { severity } = entryOf(code);
  const actor = actorOf(code, about);
  return { code, severity, actor, since: since.toISOString(), facts: about, evidence: [], certainty: 'known' };
}

/** Who disables something enables it again, and an app name is corrected by those who made the client. What was imported is sent anyway. */
function actorOf(code: Code, { byType, isAppNamed, isReplaced, isImported, acceptedAt }: FindingFacts): ActingParty {
  if (code === 'waiting_for_first_request' && isImported && acceptedAt === undefined) return 'idp';
  if (code === 'client_deleted' && isReplaced) return 'it_contact';
  if (code === 'token_disabled' && byType === 'it_contact') return 'it_contact';
  if (code === 'redirect_uri_unknown' && isAppNamed) return 'it_contact';
  return entryOf(code).actor;
}

/** What a refusal tells, and of the credential it was about. */
export function refusedFacts(refusal: RefusalFacts, facts: Facts): FindingFacts {
  const { count, firstAt, lastAt, address, userAgent, detail, hint, clientId, isElsewhere, other } = refusal;
  const credential = facts.credentials.find(({ id }) => id === refusal.credentialId);
  const client = facts.clients.find(({ id }) => id === (clientId ?? credential?.clientId));
  const {
    status,
    contentType,
    redirectsTo,
    kind,
    cause,
    text,
    given,
    wanted,
    seconds,
    firstSeconds,
    removedAt,
    length,
    foundIn,
  } = refusal.said ?? {};
  return {
    count,
    firstAt: firstAt.toISOString(),
    lastAt: lastAt.toISOString(),
    ...(facts.accepted && { acceptedAt: facts.accepted.at.toISOString() }),
    ...(facts.directory.isDisabled && { isDirectoryDisabled: true }),
    ...(address !== undefined && { address }),
    ...(userAgent !== undefined && { userAgent }),
    ...(detail !== undefined && { detail }),
    ...(credential && credentialFacts(credential)),
    ...(hint !== undefined && { hint }),
    ...(clientId !== undefined && { clientId }),
    ...(client && clientFacts(client, facts)),
    ...(isByOauth(facts) && { isOauth: true, ...isMachine(facts), ...(needsClient(facts) && { needsClient: true }) }),
    ...(CLIENT_VALUES.has(detail) && usableClient(facts)),
    ...(refusal.isMachine && { isMachine: true }),
    ...(refusal.code === 'refresh_token_superseded' && { ...workingBeside(refusal, facts), ...fullSlots(facts) }),
    ...(refusal.code === 'client_secret_expired' && client && endOfSecrets(client, facts.at)),
    ...(hasNewToken(refusal, facts) && facts.grantedAt && { grantedAt: facts.grantedAt.toISOString() }),
    ...(isElsewhere && { isElsewhere }),
    ...(other && otherFacts(other, facts)),
    ...(status !== undefined && { status }),
    ...(contentType !== undefined && { contentType }),
    ...(redirectsTo !== undefined && { redirectsTo }),
    ...(kind !== undefined && { request: kind }),
    ...(cause !== undefined && { cause }),
    ...(text !== undefined && { text }),
    ...(given !== undefined && { given }),
    ...(wanted !== undefined && { wanted }),
    ...(seconds !== undefined && { seconds }),
    ...(firstSeconds !== undefined && { firstSeconds }),
    ...(length !== undefined && { sentLength: length }),
    ...(foundIn !== undefined && { foundIn }),
    ...(removedAt !== undefined && { at: removedAt }),
    ...(detail === 'client_removed' && facts.clients.length > 0 && { isReplaced: true }),
    ...usableBeside(refusal.credentialId, facts),
  };
}

/** Whether the connection whose expired access token was refused has got another one since: its next request will tell. */
export function hasNewToken(
  { detail, credentialId, lastAt }: RefusalFacts,
  { credentials, grantedAt, at }: Facts,
): boolean {
  if (detail !== 'access_token_expired' || grantedAt === undefined || grantedAt <= lastAt) return false;
  const expiresAt = credentials.find(({ id }) => id === credentialId)?.accessTokenExpiresAt;
  return expiresAt !== undefined && expiresAt > at;
}

function otherFacts({ id, name, endpointUrl, hasAccepted }: OtherDirectory, { accepted }: Facts): FindingFacts {
  return {
    otherDirectory: name,
    otherId: id,
    otherUrl: endpointUrl,
    ...(accepted && !hasAccepted && { isLikelyMeant: true }),
  };
}

/** The latest token or connection tells how it connects; before there is one, what was made to set it up. */
function isByOauth({ credentials: [newest], clients }: Facts): boolean {
  return newest ? newest.kind === 'oauth' : clients.length > 0;
}

/** Whether what connects gets tokens with its secret alone, so that nobody has to allow it. */
export function isMachine({ credentials: [newest], clients }: Facts): { isMachine?: true } {
  const isOwn = clients.some(({ credentialId }) => credentialId !== undefined && credentialId === newest?.id);
  return isOwn || (clients.length > 0 && clients.every((client) => client.isMachine)) ? { isMachine: true } : {};
}

/** A client that nobody has to allow stands for one connection. Once that has ended, it gets no more tokens. */
function connectable({ credentials, clients }: Facts): ClientFacts[] {
  const ended = credentials.filter(({ state }) => state === 'revoked' || state === 'expired').map(({ id }) => id);
  return clients.filter(({ credentialId }) => credentialId === undefined || !ended.includes(credentialId));
}

function needsClient(facts: Facts): boolean {
  const { credentials, clients } = facts;
  if (clients.length === 0) return credentials[0]?.isClientGone === true;
  return connectable(facts).length === 0;
}

/** A client's values in the token field: the person who pasted them wants to connect with OAuth. */
const CLIENT_VALUES: ReadonlySet<string | undefined> = new Set(['client_secret_presented', 'client_id_presented']);

function usableClient(facts: Facts): FindingFacts {
  const [newest] = connectable(facts).toSorted((a, b) => b.createdAt.getTime() - a.createdAt.getTime());
  return newest ? { usableClientId: clientIdOf(newest), ...isMachine(facts) } : {};
}

/** What the set-up can do with a client of the directory. */
export function clientFacts({ name, isMachine, secrets }: ClientFacts, { at, directory }: Facts): FindingFacts {
  const live = secrets.filter(({ expiresAt }) => expiresAt === undefined || expiresAt > at);
  const [newest] = live.toSorted((a, b) => (b.createdAt?.getTime() ?? 0) - (a.createdAt?.getTime() ?? 0));
  return {
    clientName: name,
    isAppNamed: namesApp(directory.provider),
    ...(live.length >= oauthPresetOf(directory.provider).secrets.live && { areSecretsFull: true }),
    ...(isMachine && { isMachine }),
    ...(newest && {
      liveSecret: {
        hint: newest.hint,
        ...(newest.createdAt && { createdAt: newest.createdAt.toISOString() }),
        ...(newest.createdBy !== undefined && { by: newest.createdBy }),
        ...(newest.createdByType !== undefined && { byType: newest.createdByType }),
        ...(newest.expiresAt && { expiresAt: newest.expiresAt.toISOString() }),
      },
    }),
  };
}

/**
 * Who got a token while another one was refused: two installations with one connection are told apart by it. Where all comes from one sender
 * and nothing got a token since, there is no second one: it went back to an older refresh token.
 */
function workingBeside(refusal: RefusalFacts, facts: Facts): FindingFacts {
  const { granted } = facts;
  const { firstAt, address, userAgent } = refusal;
  if (!granted) return {};
  if (hasGoneBack(refusal, granted, facts)) return { hasGoneBack: true, grantedAt: granted.at.toISOString() };
  if (granted.at < firstAt) return {};
  if (granted.address === address && granted.userAgent === userAgent) return {};
  return { working: { ...granted, at: granted.at.toISOString() } };
}

function hasGoneBack(
  latest: RefusalFacts,
  granted: NonNullable<Facts['granted']>,
  { grantedAt, accepted, refusals }: Facts,
): boolean {
  const mine = sourceOf(latest);
  const isMine = (one: Parameters<typeof sourceOf>[0]) => {
    const { network, family } = sourceOf(one);
    return network === mine.network && family === mine.family;
  };
  const same = refusals.filter((one) => one.code === latest.code);
  const firstAt = new Date(Math.min(latest.firstAt.getTime(), ...same.map((one) => one.firstAt.getTime())));
  const isFromElsewhere =
    accepted !== undefined && accepted.at > firstAt && sourceOf(accepted).network !== mine.network;
  return (
    isMine(granted) &&
    same.every(isMine) &&
    granted.at < firstAt &&
    (grantedAt === undefined || grantedAt < firstAt) &&
    !isFromElsewhere
  );
}

function fullSlots({ credentials }: Facts): FindingFacts {
  const held = credentials.filter(({ state }) => state === 'active' || state === 'disabled');
  return held.length > 1 ? { areSlotsFull: true } : {};
}

export function credentialFacts(credential: CredentialFacts): FindingFacts {
  const { id, kind, hint, slot, label, endedAt, endedBy, endedByType, endedReason } = credential;
  return {
    credentialId: id,
    kind,
    ...(kind === 'bearer' && hint !== UNKNOWN_HINT && { hint }),
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
  const [other, ...others] = credentials.filter(
    ({ id, state, isClientGone }) =>
      id !== credentialId && (state === 'active' || state === 'pending') && !isClientGone,
  );
  if (!other) return {};
  const earlier = others.find((one) => one.kind === 'bearer' && one.lastUsedAt !== undefined);
  const { hint, kind, slot, createdAt, createdBy, createdByType, lastUsedAt, importedAt } = other;
  return {
    usable: {
      hint,
      kind,
      slot,
      createdAt: createdAt.toISOString(),
      ...(createdBy !== undefined && { by: createdBy }),
      ...(createdByType !== undefined && { byType: createdByType }),
      ...(lastUsedAt && { usedAt: lastUsedAt.toISOString() }),
      ...(importedAt && { isImported: true }),
    },
    ...(earlier?.lastUsedAt && {
      earlier: { hint: earlier.hint, usedAt: earlier.lastUsedAt.toISOString() },
    }),
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
