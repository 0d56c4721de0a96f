/**
 * The closed list of what webhooks hear of, and how an audit event becomes one of them. Names and members follow WorkOS where it has them, so
 * that software which handles its events handles ours.
 */
import type { AuditEvent, EventType } from '../audit/index.ts';
import type { Credential } from '../credentials/index.ts';

/** The first sentence says what happened; messages to channels show it alone. */
export const WEBHOOK_EVENTS = {
  'organization.created': 'An organization was created.',
  'organization.updated': 'An organization was changed. `changed` names the attributes.',
  'organization.deleted': 'An organization was deleted, along with its directories.',
  'dsync.activated': 'A directory was created, or enabled again.',
  'dsync.updated': 'A directory was changed. `changed` names the attributes.',
  'dsync.deactivated': 'A directory was disabled. Every request to it is refused until someone enables it.',
  'dsync.deleted': 'A directory was deleted.',
  'dsync.token.created': 'A token was created or imported. `replaces` is the token that it replaces.',
  'dsync.token.updated': "A token's label, scopes or expiration was changed.",
  'dsync.token.disabled': 'A token was disabled. It is refused until someone enables it.',
  'dsync.token.enabled': 'A token was enabled again.',
  'dsync.token.revoked': 'A token was revoked, by a person or at the end of a rotation. `reason` says why.',
  'dsync.token.expired': 'A token expired.',
  'dsync.token.leaked': 'The value of a token was found in a public place. `action` says whether it was revoked.',
  'dsync.connection.created':
    'An OAuth connection was created or imported. `replaces` is the credential that it replaces.',
  'dsync.connection.updated': "A connection's label, scopes or expiration was changed.",
  'dsync.connection.disabled': 'A connection was disabled. It is refused until someone enables it.',
  'dsync.connection.enabled': 'A connection was enabled again.',
  'dsync.connection.revoked': 'A connection was revoked.',
  'dsync.connection.expired': 'A connection expired.',
  'dsync.connection.leaked': "A connection's access token was found in a public place. `action` says what was done.",
  'dsync.client.created': 'An OAuth client was created.',
  'dsync.client.updated': 'An OAuth client was changed. `changed` names the attributes.',
  'dsync.client.deleted': "An OAuth client was deleted. It can't get any more tokens.",
  'dsync.client.secret_created': 'A new secret was added to a client.',
  'dsync.client.secret_deleted': 'A client secret was removed.',
  'dsync.finding.opened': 'Something is wrong with a directory. `code` says what, and `severity` how bad it is.',
  'dsync.finding.closed': 'A problem with a directory was resolved.',
  'credential.expiring': 'Something expires in `days_left` days. `ends` says what.',
  'campaign.asked': "A campaign asked an organization's contacts to replace credentials, or to move to OAuth.",
  'portal_link.created': 'A portal link was created for an IT contact.',
  'portal_link.used': 'A portal link was opened.',
  'portal_link.revoked': 'A portal link was revoked, and its session ended.',
  'operator.created': 'A member was added to the dashboard.',
  'operator.updated': 'A member was updated. `changed` says what.',
  'operator.deleted': 'A member was removed from the dashboard.',
  'api_key.created': 'An API key was created.',
  'api_key.revoked': 'An API key was revoked.',
  'webhook.disabled': 'A webhook was turned off. `reason` says why.',
  'webhook.test': 'Someone requested a test message.',
} as const;

export type WebhookEventType = keyof typeof WEBHOOK_EVENTS;

export const WEBHOOK_EVENT_TYPES = Object.keys(WEBHOOK_EVENTS) as [WebhookEventType, ...WebhookEventType[]];

/** The first sentence of what a message means. */
export function headlineOf(type: WebhookEventType): string {
  return WEBHOOK_EVENTS[type].replace(/(?<=\.) .*$/, '');
}

type Data = Record<string, unknown>;
type Told = { type: WebhookEventType; data: Data };
/** `credential`: the record of the credential that the event is about, where it is about one. */
type Tell = (event: AuditEvent, credential: Credential | undefined) => Told;

const about =
  (type: WebhookEventType, object: string, idMember: string, ...members: string[]): Tell =>
  (event) => ({
    type,
    data: { object, id: event.data[idMember] ?? null, ...picked(event.data, members) },
  });

const ofOrganization =
  (type: WebhookEventType, ...members: string[]): Tell =>
  (event) => ({ type, data: { object: 'organization', id: event.organizationId, ...picked(event.data, members) } });

const ofDirectory =
  (type: WebhookEventType, ...members: string[]): Tell =>
  (event) => ({ type, data: { object: 'directory', id: event.directoryId, ...picked(event.data, members) } });

type Verb = 'created' | 'updated' | 'disabled' | 'enabled' | 'revoked' | 'expired' | 'leaked';

/** A token or a connection, by its kind. The value is never part of it, its last four characters are. */
const ofCredential =
  (verb: Verb, facts: Data = {}, ...members: string[]): Tell =>
  ({ data, credentialId, at }, credential) => {
    const isToken = data['kind'] !== 'oauth';
    return {
      type: `dsync.${isToken ? 'token' : 'connection'}.${verb}`,
      data: {
        object: isToken ? 'directory_token' : 'directory_connection',
        id: credentialId,
        token_suffix: data['hint'],
        created_at: (credential?.createdAt ?? at).toISOString(),
        label: data['label'] ?? null,
        ...facts,
        ...picked(data, members),
      },
    };
  };

/** Audit events that are no change worth telling are absent: traffic is told by findings. */
const TOLD: { readonly [T in EventType]?: Tell } = {
  'organization.created': ofOrganization('organization.created', 'name'),
  'organization.updated': ofOrganization('organization.updated', 'changed'),
  'organization.deleted': ofOrganization('organization.deleted', 'name'),
  'directory.created': ofDirectory('dsync.activated', 'name', 'provider'),
  'directory.updated': ofDirectory('dsync.updated', 'changed'),
  'directory.disabled': ofDirectory('dsync.deactivated', 'name'),
  'directory.enabled': ofDirectory('dsync.activated', 'name'),
  'directory.deleted': ofDirectory('dsync.deleted', 'name'),
  'credential.issued': ofCredential('created', {}, 'expiresAt', 'replaces'),
  'credential.imported': (event, credential) => {
    const members = event.data['kind'] === 'oauth' ? ['expiresAt', 'clientId'] : ['expiresAt'];
    return ofCredential('created', { imported: true }, ...members)(event, credential);
  },
  'credential.connected': ofCredential('created', {}, 'clientId', 'replaces'),
  'credential.updated': ofCredential('updated', {}, 'changed'),
  'credential.disabled': ofCredential('disabled'),
  'credential.enabled': ofCredential('enabled'),
  'credential.revoked': ofCredential('revoked', {}, 'reason'),
  'credential.retired': ofCredential('revoked', { reason: 'replaced' }, 'successorId'),
  'credential.expired': ofCredential('expired'),
  'credential.leaked': ofCredential('leaked', {}, 'action', 'url'),
  'client.created': about('dsync.client.created', 'client', 'clientId', 'name', 'provider'),
  'client.updated': about('dsync.client.updated', 'client', 'clientId', 'changed'),
  'client.deleted': about('dsync.client.deleted', 'client', 'clientId', 'name', 'provider'),
  'client.secret_added': about('dsync.client.secret_created', 'client_secret', 'secretId', 'clientId', 'expiresAt'),
  'client.secret_removed': about('dsync.client.secret_deleted', 'client_secret', 'secretId', 'clientId'),
  'portal_link.created': about('portal_link.created', 'portal_link', 'portalLinkId', 'contact', 'expiresAt'),
  'portal_link.used': about('portal_link.used', 'portal_link', 'portalLinkId'),
  'portal_link.revoked': about('portal_link.revoked', 'portal_link', 'portalLinkId'),
  'operator.created': about('operator.created', 'operator', 'operatorId', 'name', 'role'),
  'operator.updated': about('operator.updated', 'operator', 'operatorId', 'name', 'changed'),
  'operator.removed': about('operator.deleted', 'operator', 'operatorId', 'name', 'role'),
  'api_key.created': about('api_key.created', 'api_key', 'apiKeyId', 'name', 'role'),
  'api_key.revoked': about('api_key.revoked', 'api_key', 'apiKeyId', 'name', 'role'),
  'webhook.disabled': about('webhook.disabled', 'webhook', 'webhookId', 'url', 'reason'),
};

/** What webhooks are told of an audit event; undefined where they are told nothing. */
export function toldOf(event: AuditEvent, credential?: Credential): Told | undefined {
  return TOLD[event.type]?.(event, credential);
}

export function isTold(type: EventType): boolean {
  return Object.hasOwn(TOLD, type);
}

/** Whether a list of types and families takes this one. An empty list takes all. */
export function isSubscribed(events: readonly string[], type: WebhookEventType): boolean {
  return (
    events.length === 0 ||
    events.some((wanted) => wanted === type || (wanted.endsWith('.*') && type.startsWith(wanted.slice(0, -1))))
  );
}

/** Whether it names a type, or a family that has one. */
export function isEventFilter(wanted: string): boolean {
  return WEBHOOK_EVENT_TYPES.some((type) => isSubscribed([wanted], type));
}

function picked(data: Data, members: readonly string[]): Data {
  return Object.fromEntries(members.map((member) => [snake(member), data[member] ?? null]));
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
