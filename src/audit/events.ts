/**
 * The closed list of audit events: what each means (docs/events.md is held to it) and what its `data` may hold. No payload has a
 * place for a secret: a credential is named by its id and its hint, the last four characters.
 */
import { json, type RecordOf, type Stored, text } from '../storage/index.ts';

export const EVENTS = {
  'organization.created': 'An organization was made.',
  'organization.updated': 'An organization was changed; `changed` names the attributes.',
  'organization.deleted': 'An organization was deleted with its directories.',
  'directory.created': 'A directory was made; its endpoint exists from now on.',
  'directory.updated': 'A directory was changed; `changed` names the attributes.',
  'directory.disabled': 'A directory was disabled: every request to it is refused until it is enabled.',
  'directory.enabled': 'A directory was enabled again; the same credentials work.',
  'directory.deleted': 'A directory was deleted.',
  'credential.issued': 'A static token was made and shown once.',
  'credential.imported': 'A value of another system became a credential.',
  'credential.updated': 'The label or the scopes of a credential were changed.',
  'credential.disabled': 'A credential was disabled: refused until enabled, and it keeps its slot.',
  'credential.enabled': 'A credential was enabled again.',
  'credential.revoked': 'A credential was revoked for good; its slot is free.',
  'credential.retired': 'A rotation was over: the replaced credential was revoked.',
  'credential.expired': 'A credential reached its end; its slot is free.',
  'request.denied':
    'Requests with the same outcome were refused; `reason` says why, `count` how many from `firstAt` to `lastAt`.',
  'request.unreadable': 'Requests to a directory could not be read, so that no credential was seen; `reason` says why.',
  'upstream.failed': 'Requests were accepted, and then failed at the SCIM server behind the gateway.',
  'client.created': 'An OAuth client was made; its secret was shown once.',
  'client.imported': 'An OAuth client of another system was taken over with its ID, and its secret where it has one.',
  'client.updated': 'An OAuth client was changed; `changed` names the attributes.',
  'client.deleted': 'An OAuth client was deleted: it gets no more tokens.',
  'client.secret_added': 'Another secret of a client was made and shown once.',
  'client.secret_removed': 'A secret of a client was taken away.',
  'portal_link.created': 'A portal link was made for an IT contact and shown once.',
  'portal_link.used': 'A portal link was opened: its session began.',
  'portal_link.left': 'The session that a portal link began was ended by whoever had it.',
  'portal_link.revoked': 'A portal link and the session that it began were ended.',
  'connection.requested': 'An identity provider asked for a connection at the authorization endpoint.',
  'connection.consented': 'A person allowed a connection; the identity provider got a code.',
  'connection.refused': 'A person, or the authorization endpoint, refused a connection; `reason` says why.',
  'credential.connected': 'An OAuth connection was made: its first token was issued.',
  'token.issued': 'Tokens were issued to a client; `count` says how often from `firstAt` to `lastAt`.',
  'token.refused': 'The token endpoint refused a client; `reason` says why, `count` how often.',
  'signing_key.rotated': 'The signing and cookie keys of the authorization server were rotated.',
  'operator.created': 'An operator was made: someone who may sign in to the dashboard.',
  'operator.updated': 'An operator was changed; `changed` says what.',
  'operator.removed': 'An operator was removed.',
  'operator.link_created': 'A link that signs an operator in was made and shown once.',
  'operator.link_withdrawn': 'A link that signs an operator in was withdrawn before its use.',
  'operator.signed_in': 'An operator signed in to the dashboard.',
  'operator.signed_out': 'A session of an operator was ended.',
  'operator.sign_in_refused': 'Sign-ins to the dashboard were refused; `count` says how often.',
  'api_key.created': 'An API key was made and shown once.',
  'api_key.revoked': 'An API key was revoked.',
} as const;

export type EventType = keyof typeof EVENTS;

interface CredentialFacts {
  kind: 'bearer' | 'oauth';
  slot: 'a' | 'b';
  hint: string;
  label?: string | undefined;
}

interface EventPayloads {
  'organization.created': { name: string };
  'organization.updated': { changed: string[] };
  'organization.deleted': { name: string; directories: number };
  'directory.created': { name: string; provider: string; endpointKey: string };
  'directory.updated': { changed: string[] };
  'directory.disabled': { name: string };
  'directory.enabled': { name: string };
  'directory.deleted': { name: string; endpointKey: string };
  'credential.issued': CredentialFacts & { scopes: string[]; expiresAt: string | null; replaces?: string | undefined };
  'credential.imported': CredentialFacts & { scopes: string[]; expiresAt: string | null; form: string };
  'credential.updated': CredentialFacts & { changed: string[] };
  'credential.disabled': CredentialFacts;
  'credential.enabled': CredentialFacts;
  'credential.revoked': CredentialFacts & { reason?: string | undefined; forced?: boolean | undefined };
  'credential.retired': CredentialFacts & { successorId: string };
  'credential.expired': CredentialFacts;
  'request.denied': {
    reason: string;
    /** What exactly was wrong with the presented value. */
    subReason?: string | undefined;
    surface: string;
    method?: string | undefined;
    hint?: string | undefined;
    userAgent?: string | undefined;
    /** With `rate_limited`: why the requests would have been refused anyway. */
    cause?: string | undefined;
    /** With `wrong_directory`: told at the directory of the token, which was sent to the address of another one. */
    elsewhere?: boolean | undefined;
  };
  'request.unreadable': { reason: string; method?: string | undefined };
  'upstream.failed': {
    /** `upstream_` and the outcome. */
    reason: string;
    /** Of the request: look_up, create, update, delete, group, discovery. */
    kind: string;
    method?: string | undefined;
    /** With `upstream_unreachable`: why. */
    cause?: string | undefined;
    /** What the SCIM server answered. */
    status?: number | undefined;
    /** With `upstream_rejects_content`: the SCIM server's reason, without values. */
    detail?: string | undefined;
  };
  'client.created': { clientId: string; name: string; provider: string };
  'client.imported': { clientId: string; name: string; provider: string };
  'client.updated': { clientId: string; changed: string[] };
  'client.deleted': { clientId: string; name: string; provider: string };
  'client.secret_added': { clientId: string; secretId: string; hint: string; expiresAt: string | null };
  'client.secret_removed': { clientId: string; secretId: string; hint: string };
  'portal_link.created': { portalLinkId: string; contact?: string | undefined; expiresAt: string };
  'portal_link.used': { portalLinkId: string };
  'portal_link.left': { portalLinkId: string };
  'portal_link.revoked': { portalLinkId: string };
  'connection.requested': { clientId: string };
  'connection.consented': { clientId: string; name: string; replaces?: string | undefined };
  'connection.refused': {
    clientId?: string | undefined;
    reason: string;
    /** Of the closed table OAUTH_REFUSALS in src/oauth/refusals.ts. */
    subReason?: string | undefined;
    /** With `redirect_uri_unknown`: origin and path of what was sent, where it is an address, and what is registered. */
    redirectUri?: string | undefined;
    registered?: string[] | undefined;
  };
  'credential.connected': CredentialFacts & { clientId: string; replaces?: string | undefined };
  'token.issued': { clientId: string; grantType: string; userAgent?: string | undefined };
  'token.refused': {
    clientId?: string | undefined;
    grantType?: string | undefined;
    reason: string;
    /** Of the closed table OAUTH_REFUSALS in src/oauth/refusals.ts. */
    subReason?: string | undefined;
    userAgent?: string | undefined;
    /** With `assertion_wrong`: what is wrong with it, of a closed list, and by how much a time is off. */
    fault?: string | undefined;
    seconds?: number | undefined;
    /** With the fault `audience`: what came, where it looks like ours, and what is wanted. */
    audience?: string | undefined;
    expected?: string | undefined;
  };
  'signing_key.rotated': { kid: string; serial: string };
  'operator.created': { operatorId: string; name: string; role: string };
  'operator.updated': { operatorId: string; name: string; changed: string[] };
  'operator.removed': { operatorId: string; name: string; role: string };
  'operator.link_created': { operatorId: string; name: string; expiresAt: string };
  'operator.link_withdrawn': { operatorId: string; name: string };
  'operator.signed_in': { operatorId: string; name: string; by: 'link' | 'password' | 'openid' };
  'operator.signed_out': { operatorId: string; name: string };
  'operator.sign_in_refused': { operatorId?: string | undefined };
  'api_key.created': {
    apiKeyId: string;
    name: string;
    role: string;
    hint: string;
    organizationId?: string | undefined;
  };
  'api_key.revoked': { apiKeyId: string; name: string; role: string; hint: string };
}

export type EventPayload<T extends EventType> = EventPayloads[T];

/** Who did it. `system` is Latchkey itself: expiry, retirement, first start. `anonymous` presented something that was refused. */
export const actorShape = {
  type: text<'api_key' | 'operator' | 'it_contact' | 'identity_provider' | 'system' | 'anonymous'>(),
  'id?': 'string',
  name: 'string',
} as const;
export type Actor = RecordOf<typeof actorShape>;

export type Source = 'api' | 'dashboard' | 'portal' | 'system';

/** Why a change happens: who asked, through which face, from where, in which request. */
export interface Cause {
  actor: Actor;
  source: Source;
  address?: string | undefined;
  requestId?: string | undefined;
  /** Whether the answer has been given up, so that a secret made now would reach no one. */
  isGivenUp?: () => boolean;
}

export const SYSTEM: Cause = { actor: { type: 'system', name: 'Latchkey' }, source: 'system' };

export const eventShape = {
  type: text<EventType>(),
  at: 'date',
  actor: actorShape,
  'actorId?': 'string',
  source: text<Source>(),
  'organizationId?': 'string',
  'directoryId?': 'string',
  'credentialId?': 'string',
  'requestId?': 'string',
  'address?': 'string',
  data: json<Record<string, unknown>>(),
  'count?': 'number',
  'firstAt?': 'date',
  'lastAt?': 'date',
} as const;

export type AuditEvent = Stored<typeof eventShape>;

export interface Subject {
  organizationId?: string | undefined;
  directoryId?: string | undefined;
  credentialId?: string | undefined;
}
