/**
 * A directory as it was at a moment, from the audit trail and counted traffic, never from today's records: exact for tokens, connections and
 * the directory itself, by the hour for traffic. Earlier than what is kept nothing is said.
 */

import { type Audit, type AuditEvent, placeIn } from '../audit/index.ts';
import { HOUR_MS } from '../clock.ts';
import type { Usage } from '../credentials/index.ts';
import { type Directory, endpointUrlOf } from '../directories/index.ts';
import { IDENTITY_PROVIDER_IDS } from '../identity-providers/index.ts';
import type { CredentialFacts, CredentialState, Facts } from './facts.ts';
import { readLatestTroubles, withBeginning } from './read-facts.ts';
import { refusalsOf, timeOf } from './refusal-facts.ts';

export interface Past {
  facts: Facts;
  /** What is kept begins here, where that is later than the directory. */
  keptSince?: Date;
}

/** Events that say what became of a directory, its tokens and its connections. */
export const STATE_CHANGES = [
  'directory.created',
  'directory.updated',
  'directory.disabled',
  'directory.enabled',
  'credential.issued',
  'credential.imported',
  'credential.connected',
  'credential.updated',
  'credential.disabled',
  'credential.enabled',
  'credential.revoked',
  'credential.retired',
  'credential.expired',
] as const;
const CHANGE_PLACES = ['change', 'switch'] as const;
const PAGE = 200;
const MOST_CHANGES = 5000;
const HOURS_READ = 200;

export async function readPast(
  deps: { audit: Audit; usage: Usage; publicUrl: string },
  directory: Directory,
  at: Date,
): Promise<Past> {
  const { audit, usage, publicUrl } = deps;
  const after = new Date(at.getTime() + 1);
  const [changes, troubles] = await Promise.all([
    readChanges(audit, directory.id, after),
    readLatestTroubles(audit, directory.id, after),
  ]);
  const { credentials, state, attributes, isWhole } = fold(changes, at);
  const connected = await withClients(audit, credentials, after);
  const used = await Promise.all(connected.map((credential) => withUse(usage, credential, at)));
  const accepted = used
    .flatMap(({ id, lastUsedAt }) => (lastUsedAt ? [{ at: lastUsedAt, credentialId: id }] : []))
    .sort((a, b) => b.at.getTime() - a.at.getTime())[0];
  const known = { credentials: used, ...(accepted && { accepted }) };
  const { events, isCut } = await withBeginning(audit, directory.id, troubles, known);
  const [oldest] = changes;
  const { id, organizationId, createdAt } = directory;
  const text = (name: 'name' | 'endpointKey') => {
    const value = attributes.get(name);
    return typeof value === 'string' ? value : directory[name];
  };
  const provider = IDENTITY_PROVIDER_IDS.find((one) => one === attributes.get('provider')) ?? directory.provider;
  const upstreamUrl = attributes.get('upstreamUrl');
  return {
    facts: {
      at,
      directory: {
        id,
        organizationId,
        name: text('name'),
        provider,
        endpointUrl: endpointUrlOf(publicUrl, text('endpointKey')),
        ...(typeof upstreamUrl === 'string' && { upstreamUrl }),
        createdAt,
        ...state,
      },
      clients: [],
      refusals: refusalsOf(
        events.map((event) => until(event, at)),
        { ...known, outcomes: [], disabledAt: state.disabledAt },
      ),
      ...(isCut && { isCut }),
      outcomes: [],
      sees: 'nothing',
      sources: [],
      ...known,
    },
    ...(!isWhole && { keptSince: oldest ? oldest.at : at }),
  };
}

/** A connection whose client was deleted before gets no more tokens. A shared client's events belong to no directory. */
async function withClients(audit: Audit, credentials: CredentialFacts[], to: Date): Promise<CredentialFacts[]> {
  const connections = credentials.filter(({ clientId }) => clientId !== undefined);
  const [oldest] = connections.map(({ createdAt }) => createdAt).sort((a, b) => a.getTime() - b.getTime());
  if (!oldest) return credentials;
  const deleted = new Set<unknown>();
  let after: string | undefined;
  for (let page = 0; page < MOST_CHANGES / PAGE; page++) {
    const found = await audit.page({ where: { type: 'client.deleted' }, from: oldest, to, after, limit: PAGE });
    for (const { data } of found.items) deleted.add(data['clientId']);
    after = found.nextCursor ?? undefined;
    if (after === undefined) break;
  }
  return credentials.map((credential) =>
    credential.clientId !== undefined && deleted.has(credential.clientId)
      ? { ...credential, isClientGone: true }
      : credential,
  );
}

/** Oldest first. */
async function readChanges(audit: Audit, directoryId: string, to: Date): Promise<AuditEvent[]> {
  const found: AuditEvent[] = [];
  let after: string | undefined;
  do {
    const { items, nextCursor } = await audit.page({
      where: { place: CHANGE_PLACES.map((place) => placeIn(directoryId, place)), type: STATE_CHANGES },
      to,
      after,
      limit: PAGE,
    });
    found.push(...items);
    after = nextCursor ?? undefined;
  } while (after !== undefined && found.length < MOST_CHANGES);
  return found.reverse();
}

/** What the events say of the directory and its credentials at a moment. */
export function fold(changes: readonly AuditEvent[], at: Date) {
  const credentials = new Map<string, CredentialFacts>();
  let state: { isDisabled: boolean; disabledAt?: Date; disabledBy?: string; disabledByType?: string } = {
    isDisabled: false,
  };
  /** Name, provider, endpoint key and upstream, as far as events say. */
  const attributes = new Map<string, unknown>();
  let isWhole = false;
  for (const event of changes) {
    const { type, actor } = event;
    if (type === 'directory.created') {
      isWhole = true;
      for (const [name, value] of Object.entries(event.data)) attributes.set(name, value);
    } else if (type === 'directory.updated') {
      for (const [name, value] of changesIn(event.data)) attributes.set(name, value);
    } else if (type === 'directory.disabled')
      state = { isDisabled: true, disabledAt: event.at, disabledBy: actor.name, disabledByType: actor.type };
    else if (type === 'directory.enabled') state = { isDisabled: false };
    else if (event.credentialId !== undefined) {
      const next = changed(credentials.get(event.credentialId), event);
      if (next) credentials.set(event.credentialId, next);
    }
  }
  const current = [...credentials.values()].map((credential) => ended(credential, at));
  return {
    credentials: current.sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime()),
    state,
    attributes,
    isWhole,
  };
}

/** An end that has passed counts before the round that records it. */
function ended(credential: CredentialFacts, at: Date): CredentialFacts {
  const { state, expiresAt } = credential;
  const isLive = state === 'active' || state === 'disabled' || state === 'pending';
  return isLive && expiresAt && expiresAt <= at ? { ...credential, state: 'expired', endedAt: expiresAt } : credential;
}

const BEGINNINGS: readonly string[] = ['credential.issued', 'credential.imported', 'credential.connected'];
const STATES: Record<string, CredentialState> = {
  'credential.disabled': 'disabled',
  'credential.enabled': 'active',
  'credential.revoked': 'revoked',
  'credential.retired': 'revoked',
  'credential.expired': 'expired',
};

function changed(known: CredentialFacts | undefined, event: AuditEvent): CredentialFacts | undefined {
  const { type, data, actor, at, credentialId = '' } = event;
  if (BEGINNINGS.includes(type)) return begun(event, credentialId);
  // Its beginning is older than what is kept; what the event says of it is enough.
  const base = known ?? begun(event, credentialId);
  const state = STATES[type];
  if (state === undefined) return updated(base, data);
  const { endedAt: _at, endedBy: _by, endedByType: _type, endedReason: _reason, ...rest } = base;
  if (state === 'active') return { ...rest, state };
  const reason = type === 'credential.retired' ? `replaced by ${String(data['successorId'])}` : data['reason'];
  return {
    ...rest,
    state,
    endedAt: at,
    endedBy: actor.name,
    endedByType: actor.type,
    ...(typeof reason === 'string' && { endedReason: reason }),
  };
}

function begun({ type, at, actor, data }: AuditEvent, id: string): CredentialFacts {
  const { kind, slot, hint, label, scopes, expiresAt, clientId } = data;
  return {
    id,
    kind: kind === 'oauth' ? 'oauth' : 'bearer',
    slot: slot === 'b' ? 'b' : 'a',
    state: 'active',
    hint: String(hint ?? ''),
    ...(typeof label === 'string' && { label }),
    scopes: Array.isArray(scopes) ? scopes.map(String) : ['scim'],
    createdAt: at,
    createdBy: actor.name,
    ...(typeof expiresAt === 'string' && { expiresAt: new Date(expiresAt) }),
    ...(typeof clientId === 'string' && { clientId }),
    ...(type === 'credential.imported' && { importedAt: at }),
    isClientGone: false,
    endsByPolicy: false,
  };
}

/** Attributes with their new values, where the event has them. */
function updated(base: CredentialFacts, data: Record<string, unknown>): CredentialFacts {
  const { expiresAt: oldEnd, ...rest } = base;
  const to = changesIn(data);
  const end = to.has('expiresAt') ? to.get('expiresAt') : oldEnd?.toISOString();
  const scopes = to.get('scopes');
  const label = to.has('label') ? to.get('label') : rest.label;
  const { label: _label, ...unlabelled } = rest;
  return {
    ...unlabelled,
    ...(typeof end === 'string' && { expiresAt: new Date(end) }),
    ...(Array.isArray(scopes) && { scopes: scopes.map(String) }),
    ...(typeof label === 'string' && { label }),
  };
}

/** The new value of each attribute that an event names; null: it was taken away. */
function changesIn(data: Record<string, unknown>): Map<string, unknown> {
  const changes = Array.isArray(data['changes']) ? (data['changes'] as Record<string, unknown>[]) : [];
  return new Map(changes.map((change) => [String(change['attribute']), change['to']]));
}

async function withUse(usage: Usage, credential: CredentialFacts, at: Date): Promise<CredentialFacts> {
  const { items } = await usage.hours(credential.id, { to: new Date(at.getTime() + 1), limit: HOURS_READ });
  const used = items.find(({ accepted }) => accepted > 0);
  // Somewhere within the hour.
  return used
    ? { ...credential, lastUsedAt: new Date(Math.min(at.getTime(), used.hour.getTime() + HOUR_MS - 1)) }
    : credential;
}

/** An event that goes on counting, as far as the moment. */
function until(event: AuditEvent, at: Date): AuditEvent {
  return timeOf(event) > at ? { ...event, lastAt: at } : event;
}
