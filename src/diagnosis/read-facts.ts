/** Gathers what is known of a directory now: its records, its traffic, and what was refused or failed since a request was last accepted. */

import { type Audit, type AuditEvent, placeIn } from '../audit/index.ts';
import { HOUR_MS } from '../clock.ts';
import { type Credential, type Credentials, stateAt, type Usage, type UsageTotal } from '../credentials/index.ts';
import { type Directories, type Directory, endpointUrlOf } from '../directories/index.ts';
import type { Clients } from '../oauth/index.ts';
import type { Page } from '../storage/index.ts';
import { TROUBLES } from './causes.ts';
import type {
  ClientFacts,
  CredentialFacts,
  DirectoryFacts,
  Facts,
  OutcomeFacts,
  RecoveredFacts,
  RefusalFacts,
  SilenceFacts,
  SourceFacts,
} from './facts.ts';
import { latest, refusalsOf, timeOf, usesTokens } from './refusal-facts.ts';
import { sourceOf } from './source.ts';

export interface FactsDependencies {
  audit: Audit;
  credentials: Credentials;
  directories: Directories;
  usage: Usage;
  clients: Pick<Clients, 'find' | 'page'>;
  publicUrl: string;
  /** Whether LATCHKEY_UPSTREAM_CREDENTIAL is set, for directories without a credential of their own. */
  hasSharedServerCredential: boolean;
  /** What is counted of accepted requests: where they came from, and what became of them. */
  readTraffic: (directory: Directory) => Promise<Traffic>;
}

export interface Traffic {
  outcomes: OutcomeFacts[];
  /** Whether the outcomes are the gateway's or the vendor's report. */
  outcomesFrom?: 'gateway' | 'reported';
  sources: SourceFacts[];
  silence?: SilenceFacts;
  recovered?: RecoveredFacts;
}

/** Refusals looked at, from the end of their row and from its beginning; they are counted by the hour. */
const TROUBLES_READ = 200;
/** Credentials of before, whose last use is looked at. */
const ENDED_READ = 8;
const CLIENTS_READ = 5;

export async function readFacts(deps: FactsDependencies, directory: Directory, now: Date): Promise<Facts> {
  const { audit, credentials, usage, clients, publicUrl } = deps;
  const { id: directoryId } = directory;
  const [holders, newest, troubles, owned, switched, began, granted, entered, traffic] = await Promise.all([
    credentials.holders(directoryId),
    credentials.page({ directoryId, limit: ENDED_READ }),
    readLatestTroubles(audit, directoryId),
    clients.page({ directoryId, limit: CLIENTS_READ }),
    audit.page({ where: { place: placeIn(directoryId, 'switch') }, limit: SWITCHES_READ }),
    audit.page({ where: { place: placeIn(directoryId, 'connecting') }, limit: 1 }),
    audit.page({ where: { place: placeIn(directoryId, 'token') }, limit: GRANTS_READ }),
    audit.page({ where: { place: placeIn(directory.organizationId, 'entered') }, limit: 1 }),
    deps.readTraffic(directory),
  ]);
  const records = [...new Map([...holders, ...newest.items].map((record) => [record.id, record])).values()].sort(
    (a, b) => b.createdAt.getTime() - a.createdAt.getTime(),
  );
  const totals = await usage.totals(records.map(({ id }) => id));
  const facts = await Promise.all(
    records.map((record) => credentialFacts(deps, record, totals.get(record.id), switched.items, now)),
  );
  const accepted = latestUse(records, totals);
  const grant = granted.items.reduce<AuditEvent | undefined>(
    (a, b) => (a && timeOf(a) >= timeOf(b) ? a : b),
    undefined,
  );
  const grantedAt = latest([
    grant && timeOf(grant),
    ...[...totals.values()].map(({ lastRefreshedAt }) => lastRefreshedAt),
  ]);
  const before = {
    ...(accepted && { accepted }),
    ...(grantedAt && { grantedAt }),
    credentials: facts,
  };
  const { events, isCut } = await withBeginning(audit, directoryId, troubles, before);
  const known = {
    ...before,
    credentials: [...facts, ...(await refusedLongAgo(deps, directoryId, events, facts, now))],
  };
  const disabled = switched.items.find(({ type }) => type === 'directory.disabled');
  const { outcomes, outcomesFrom, sources, silence, recovered } = traffic;
  const isFailing = outcomes.some(({ outcome }) => outcome !== 'ok' && outcome !== 'normal_refusal');
  const upstreamChange = isFailing ? await upstreamChangeOf(audit, directoryId) : undefined;
  const connecting = connectingOf(owned.items, began.items[0]);
  return {
    at: now,
    directory: {
      ...directoryFacts(directory, publicUrl, disabled),
      ...(upstreamChange && { upstreamChange }),
      sendsCredential: sendsCredential(directory, deps.hasSharedServerCredential),
    },
    clients: await withMakers(audit, directoryId, owned.items.map(clientFacts)),
    refusals: await withOthers(
      deps,
      directory,
      refusalsOf(events, { ...known, outcomes, disabledAt: directory.disabledAt }),
    ),
    ...(isCut && { isCut }),
    outcomes,
    sees: outcomesFrom ?? (directory.upstreamUrl === undefined ? 'nothing' : 'gateway'),
    sources,
    tokenSources: granted.items.map(({ address, data: { userAgent } }) =>
      sourceOf({ address, userAgent: typeof userAgent === 'string' ? userAgent : undefined }),
    ),
    ...(grant?.address !== undefined && { granted: grantedTo(grant, grant.address) }),
    ...known,
    hasContact: entered.items.length > 0,
    ...(connecting && { connecting }),
    ...(silence && { silence }),
    ...(recovered && { recovered }),
  };
}

/** Refused and failed requests, the latest first. */
export function readLatestTroubles(audit: Audit, directoryId: string, to?: Date): Promise<Page<AuditEvent>> {
  return audit.page({ where: troublesAt(directoryId), to, limit: TROUBLES_READ });
}

function troublesAt(directoryId: string) {
  return { place: placeIn(directoryId, 'trouble'), type: TROUBLES };
}

/** Adds those with which the row began that has not ended since, where it is longer than what was read from its end. */
export async function withBeginning(
  audit: Audit,
  directoryId: string,
  { items, nextCursor }: Page<AuditEvent>,
  known: Pick<Facts, 'accepted' | 'grantedAt' | 'credentials'>,
): Promise<{ events: AuditEvent[]; isCut: boolean }> {
  const oldest = items.at(-1);
  if (nextCursor === null || !oldest) return { events: items, isCut: false };
  const ended = usesTokens(known) ? known.grantedAt : known.accepted?.at;
  // An event stands where its hour began.
  const from = ended && new Date(ended.getTime() - HOUR_MS);
  if (from && oldest.at < from) return { events: items, isCut: false };
  const first = await audit.page({
    where: troublesAt(directoryId),
    from,
    to: oldest.at,
    order: 'asc',
    limit: TROUBLES_READ,
  });
  const read = new Set(items.map(({ id }) => id));
  const events = [...items, ...first.items.filter(({ id }) => !read.has(id)).reverse()];
  return { events, isCut: first.nextCursor !== null };
}

/** Who disabled what, and what was imported. */
const SWITCHES_READ = 20;
/** Tokens issued, counted by the hour and sender: enough to know where the token endpoint is used from. */
const GRANTS_READ = 20;

/** Changes of a directory that are looked through for one of its SCIM server URL. */
const CHANGES_READ = 20;

async function upstreamChangeOf(audit: Audit, directoryId: string): Promise<DirectoryFacts['upstreamChange']> {
  const { items } = await audit.page({
    where: { place: placeIn(directoryId, 'change'), type: 'directory.updated' },
    limit: CHANGES_READ,
  });
  for (const { at, actor, data } of items) {
    const changes = Array.isArray(data['changes']) ? (data['changes'] as Record<string, unknown>[]) : [];
    const change = changes.find(({ attribute }) => attribute === 'upstreamUrl');
    if (!change) continue;
    const { from } = change;
    return { at, by: actor.name, ...(typeof from === 'string' && { before: from }) };
  }
  return undefined;
}

function sendsCredential({ upstreamCredential }: Directory, isShared: boolean): boolean {
  return upstreamCredential ? upstreamCredential.kind !== 'none' : isShared;
}

function grantedTo(event: AuditEvent, address: string): NonNullable<Facts['granted']> {
  const { userAgent } = event.data;
  return { at: timeOf(event), address, ...(typeof userAgent === 'string' && { userAgent }) };
}

function directoryFacts(directory: Directory, publicUrl: string, disabled: AuditEvent | undefined): DirectoryFacts {
  const { id, organizationId, name, provider, endpointKey, upstreamUrl, state, disabledAt, createdAt } = directory;
  const isDisabled = state === 'disabled';
  return {
    id,
    organizationId,
    name,
    provider,
    endpointUrl: endpointUrlOf(publicUrl, endpointKey),
    ...(upstreamUrl !== undefined && { upstreamUrl }),
    isDisabled,
    ...(isDisabled && disabledAt && { disabledAt }),
    ...(isDisabled && disabled && { disabledBy: disabled.actor.name, disabledByType: disabled.actor.type }),
    ...(isDisabled && typeof disabled?.data['reason'] === 'string' && { disabledReason: disabled.data['reason'] }),
    createdAt,
  };
}

/** Credentials that refusals name, and that so many came after that they are not among the newest. */
async function refusedLongAgo(
  deps: FactsDependencies,
  directoryId: string,
  events: readonly AuditEvent[],
  known: readonly CredentialFacts[],
  now: Date,
): Promise<CredentialFacts[]> {
  const named = new Set(events.flatMap(({ credentialId }) => (credentialId === undefined ? [] : [credentialId])));
  for (const { id } of known) named.delete(id);
  const found = await Promise.all([...named].slice(0, ENDED_READ).map((id) => deps.credentials.find(id)));
  const records = found.flatMap((record) => (record?.directoryId === directoryId ? [record] : []));
  const totals = await deps.usage.totals(records.map(({ id }) => id));
  return Promise.all(records.map((record) => credentialFacts(deps, record, totals.get(record.id), [], now)));
}

/** Who disabled it, and why. The switches of its directory that were read may all be later. */
async function disablingOf(
  audit: Audit,
  switches: readonly AuditEvent[],
  credentialId: string,
): Promise<AuditEvent | undefined> {
  const type = 'credential.disabled';
  const read = switches.find((event) => event.type === type && event.credentialId === credentialId);
  return read ?? (await audit.page({ where: { credentialId, type }, limit: 1 })).items[0];
}

async function credentialFacts(
  deps: Pick<FactsDependencies, 'audit' | 'credentials' | 'clients'>,
  record: Credential,
  total: UsageTotal | undefined,
  switches: readonly AuditEvent[],
  now: Date,
): Promise<CredentialFacts> {
  const { id, kind, slot, hint, label, scopes, createdAt, createdBy, expiresAt, clientId } = record;
  const state = stateAt(record, now);
  const client = clientId === undefined ? undefined : await deps.clients.find(clientId);
  const progress = state === 'active' ? await deps.credentials.progress(record) : undefined;
  const disabled = state === 'disabled' ? await disablingOf(deps.audit, switches, id) : undefined;
  const imported = switches.find((event) => event.type === 'credential.imported' && event.credentialId === id);
  const ended =
    state === 'revoked'
      ? { at: record.revokedAt, by: record.revokedBy, reason: record.revokedReason }
      : state === 'disabled'
        ? { at: disabled && timeOf(disabled), by: record.disabledBy, reason: disabled?.data['reason'] }
        : state === 'expired'
          ? { at: expiresAt }
          : undefined;
  return {
    id,
    kind,
    slot,
    state,
    hint,
    ...(label !== undefined && { label }),
    scopes,
    createdAt,
    createdBy: createdBy.name,
    createdByType: createdBy.type,
    ...(expiresAt && { expiresAt }),
    ...(ended?.at && { endedAt: ended.at }),
    ...(ended?.by && { endedBy: ended.by.name, endedByType: ended.by.type }),
    ...(typeof ended?.reason === 'string' && { endedReason: ended.reason }),
    ...(total?.lastUsedAt && { lastUsedAt: total.lastUsedAt }),
    ...(clientId !== undefined && { clientId }),
    ...(imported && { importedAt: imported.at }),
    isClientGone: clientId !== undefined && client === undefined,
    ...(total?.accessTokenExpiresAt && { accessTokenExpiresAt: total.accessTokenExpiresAt }),
    endsByPolicy: kind === 'oauth' && !record.endSetAt && client !== undefined,
    ...(progress && {
      rotation: {
        since: progress.since,
        isOverdue: progress.status === 'still_in_use',
        successorUsed: progress.successorAccepted,
      },
    }),
  };
}

function latestUse(records: readonly Credential[], totals: ReadonlyMap<string, UsageTotal>): Facts['accepted'] {
  const uses = records.flatMap(({ id }) => {
    const { lastUsedAt, lastUsedFrom } = totals.get(id) ?? {};
    return lastUsedAt ? [{ at: lastUsedAt, credentialId: id, ...lastUsedFrom }] : [];
  });
  return uses.sort((a, b) => b.at.getTime() - a.at.getTime())[0];
}

function clientFacts({
  id,
  name,
  createdAt,
  createdBy,
  secrets,
  grantTypes,
  publicId,
  credentialId,
}: Awaited<ReturnType<Clients['page']>>['items'][number]): ClientFacts {
  return {
    id,
    name,
    createdAt,
    isMachine: !grantTypes.includes('authorization_code'),
    ...(publicId !== undefined && { publicId }),
    ...(credentialId !== undefined && { credentialId }),
    secrets: secrets.map((secret) => ({
      hint: secret.hint,
      createdAt: secret.createdAt,
      // The first one comes with its client, and has no event of its own.
      ...(secret.createdAt <= createdAt && { createdBy: createdBy.name, createdByType: createdBy.type }),
      ...(secret.expiresAt && { expiresAt: secret.expiresAt }),
    })),
  };
}

const SECRETS_READ = 20;

/** Says who created the secrets, where there are several: the person who created the newest may have saved it. */
async function withMakers(audit: Audit, directoryId: string, clients: ClientFacts[]): Promise<ClientFacts[]> {
  if (clients.every(({ secrets }) => secrets.length < 2)) return clients;
  const { items } = await audit.page({
    where: { place: placeIn(directoryId, 'change'), type: 'client.secret_added' },
    limit: SECRETS_READ,
  });
  const makerOf = (clientId: string, hint: string) =>
    items.find(({ data }) => data['clientId'] === clientId && data['hint'] === hint)?.actor;
  return clients.map((client) => ({
    ...client,
    secrets: client.secrets.map((secret) => {
      const maker = makerOf(client.id, secret.hint);
      return maker ? { ...secret, createdBy: maker.name, createdByType: maker.type } : secret;
    }),
  }));
}

function connectingOf(
  clients: readonly { createdAt: Date }[],
  event: AuditEvent | undefined,
): Facts['connecting'] | undefined {
  if (event) return { step: event.type === 'connection.consented' ? 'consented' : 'requested', at: timeOf(event) };
  const [client] = clients;
  return client && { step: 'client_made', at: client.createdAt };
}

/** Names the other directory of a token that went to the URL of one and belongs to the other, where both are one organization's. */
async function withOthers(
  deps: FactsDependencies,
  directory: Directory,
  refusals: RefusalFacts[],
): Promise<RefusalFacts[]> {
  return Promise.all(
    refusals.map(async (refusal) => {
      if (refusal.code !== 'token_elsewhere' || refusal.credentialId === undefined) return refusal;
      const otherId = await otherOf(deps, directory, refusal.credentialId, refusal.isElsewhere === true);
      const other = otherId === undefined ? undefined : await deps.directories.find(otherId);
      if (!other || other.organizationId !== directory.organizationId) return refusal;
      const { items } = await deps.credentials.page({ directoryId: other.id, limit: ENDED_READ });
      const totals = await deps.usage.totals(items.map(({ id }) => id));
      const hasAccepted = [...totals.values()].some(({ lastUsedAt }) => lastUsedAt !== undefined);
      const { id, name, endpointKey } = other;
      return { ...refusal, other: { id, name, endpointUrl: endpointUrlOf(deps.publicUrl, endpointKey), hasAccepted } };
    }),
  );
}

/** Refusals of one token that are looked through for the directory to whose URL it was sent. */
const SENT_READ = 10;

async function otherOf(
  { audit, credentials }: Pick<FactsDependencies, 'audit' | 'credentials'>,
  { id, organizationId }: Directory,
  credentialId: string,
  isElsewhere: boolean,
): Promise<string | undefined> {
  if (!isElsewhere) {
    const owner = (await credentials.find(credentialId))?.directoryId;
    return owner === id ? undefined : owner;
  }
  const { items } = await audit.page({ where: { credentialId, type: 'request.denied' }, limit: SENT_READ });
  return items.find((event) => event.directoryId !== id && event.organizationId === organizationId)?.directoryId;
}
