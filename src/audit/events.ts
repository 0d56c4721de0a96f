/**
 * The closed list of audit events: what each means (`npm run docs:tables` writes docs/events.md from it) and what its `data` may hold. No payload has a
 * place for a secret: a credential is named by its ID and its hint, the last four characters, and each member is kept as its kind
 * (payload.ts) allows.
 */

import { json, type RecordOf, type Stored, text } from '../storage/index.ts';
import {
  audience,
  changes,
  digestStart,
  flag,
  type Given,
  hint,
  keyId,
  listOf,
  number,
  oneOf,
  ownId,
  type Payload,
  pathAsked,
  readable,
  time,
  typed,
  word,
} from './payload.ts';

/** The first sentence says what happened; pages show it alone. */
export const EVENTS = {
  'organization.created': 'An organization was created.',
  'organization.updated':
    'An organization was changed. `changed` names the attributes, and `changes` lists their old and new values.',
  'organization.deleted':
    'An organization was deleted, along with its directories. `directories` says how many there were.',
  'directory.created': 'A directory was created. Its endpoint now exists.',
  'directory.updated':
    'A directory was changed. `changed` names the attributes, and `changes` lists their old and new values.',
  'directory.disabled': 'A directory was disabled. Latchkey refuses every request to it until someone enables it.',
  'directory.enabled': 'A directory was enabled again. Its credentials work again.',
  'directory.deleted': 'A directory was deleted.',
  'credential.issued': 'A token was created. It was shown once. `replaces` is the credential that it replaces.',
  'credential.imported':
    'A token or connection from another system was imported. `form` says what was given: `token`, `sha256`, `ssoreadyToken` or `ssoreadySha256`; of a connection, `refreshToken` or `refreshTokenSha256`. `weak` means that the value could be guessed, but an owner imported it anyway.',
  'credential.updated': "A credential's label, scopes or expiration was changed. `changed` says which.",
  'credential.disabled': 'A credential was disabled. It is refused until someone enables it, and keeps its slot.',
  'credential.enabled': 'A credential was enabled again.',
  'credential.revoked':
    'A credential was permanently revoked. Its slot is free. `forced` is true if the caller set `force`.',
  'credential.retired':
    'A replaced credential was revoked at the end of its rotation. `successorId` is the one that replaced it.',
  'credential.expired': 'A credential expired. Its slot is free.',
  'credential.reviewed': 'Someone reviewed a credential. `decision` is `keep`, or `end` if it should be revoked.',
  'credential.leaked':
    'The value of a credential was found in a public place. `action` is `flagged`, `revoked`, or `none` if the credential had already been revoked or had expired. `url` says where (without the query string).',
  'request.denied':
    'Requests were refused. `reason` says why, and `count` says how many there were between `firstAt` and `lastAt`. See [Refusals](#refusals).',
  'request.unreadable':
    'Requests to a directory could not be read, so Latchkey never saw a credential. `reason` is `not_encoded` (a space or a non-ASCII character in the URL), `not_http`, `head_too_large` or `timed_out`.',
  'upstream.failed':
    'Requests were accepted, and then failed at the SCIM server behind the gateway. See [Failures behind the gateway](#failures-behind-the-gateway).',
  'finding.began': 'A finding was opened for a directory. `code` says which of the [findings](findings.md) it is.',
  'finding.changed': "A directory's finding became more or less severe. `before` is the earlier severity.",
  'finding.healed': "A directory's finding was resolved.",
  'finding.settled':
    'Someone settled a finding. `how` is `recovered` (the missed changes are fixed), `expected` (the silence is normal), `muted` (no silence alerts before `until`) or `reported_again` (`expected` or `muted` was undone).',
  'fleet.quieted':
    "Many directories of one identity provider went quiet at once. `directories` says how many, out of `active`. Latchkey doesn't send a separate alert for each of them.",
  'fleet.resumed': 'Directories of that identity provider are sending requests again.',
  'token.checked':
    'Someone checked a token, client secret or client ID without using it. `digest` is the first 4 bytes of its SHA-256 in hex, absent if the value can be guessed. `outcome` is the state of the token or secret, or what the value looks like.',
  'client.created': 'An OAuth client was created. Its secret was shown once.',
  'client.imported': 'An OAuth client from another system was imported. It keeps its ID, and its secret if it has one.',
  'client.updated':
    'An OAuth client was changed. `changed` names the attributes, and `changes` lists their old and new values.',
  'client.deleted': "An OAuth client was deleted. It can't get any more tokens.",
  'client.secret_added': 'Another client secret was created. It was shown once.',
  'client.secret_removed': 'A client secret was removed. It is now refused.',
  'portal_link.created': 'A portal link was created for an IT contact. It was shown once.',
  'portal_link.used': 'A portal link was opened, which started its session.',
  'portal_link.left': 'An IT contact ended their portal session.',
  'portal_link.revoked': 'A portal link was revoked, and its session ended.',
  'connection.requested':
    'An identity provider asked for a connection at the authorization endpoint. A person was asked to allow it.',
  'connection.consented':
    'A person allowed a connection. The identity provider received a code. `replaces` is the credential that the person chose to replace.',
  'connection.refused':
    'A person or the authorization endpoint refused a connection. `reason` says why. See [Refusals](#refusals).',
  'credential.connected':
    'An OAuth connection was created. Its first token was issued. `replaces` is the credential that it replaces.',
  'token.issued':
    'Tokens were issued to a client. `count` says how many times this happened between `firstAt` and `lastAt`.',
  'token.refused':
    'The token endpoint refused a client. `reason` says why, and `count` how many times. See [Refusals](#refusals).',
  'signing_key.rotated': "The authorization server's signing and cookie keys were rotated.",
  'operator.created': 'A member was added. Members can sign in to the dashboard.',
  'operator.updated':
    'A member was updated. `changed` says what: `name`, `email`, `role`, `password`, `disabled`, `enabled` or a second factor.',
  'operator.removed': 'A member was removed.',
  'operator.link_created': 'A sign-in link was created for a member. It was shown once.',
  'operator.link_withdrawn': "A member's unused sign-in link was withdrawn.",
  'operator.signed_in': 'A member signed in to the dashboard. `by` says how. `factor` is the second factor.',
  'operator.signed_out': "A member's session was ended.",
  'operator.sign_in_refused': 'Sign-ins to the dashboard were refused. `count` says how many.',
  'api_key.created': 'An API key was created. It was shown once.',
  'api_key.revoked': 'An API key was revoked.',
  'contact.created': 'A contact was added. Latchkey asked them by email to confirm.',
  'contact.updated': 'A contact was updated.',
  'contact.confirmed': 'A contact confirmed their email address.',
  'contact.bounced':
    "The mail server permanently rejected a contact's address. Latchkey no longer sends anything to that address.",
  'contact.deleted': 'A contact was removed.',
  'campaign.started': 'A campaign was started. It changes many credentials at once.',
  'campaign.reminded': "A campaign's contacts were reminded.",
  'campaign.stopped': 'A campaign was stopped. Latchkey removes the end dates that the campaign had set.',
  'campaign.finished': 'Every credential in a campaign has been revoked or has expired.',
  'webhook.created': 'A webhook was added. Its secret was shown once.',
  'webhook.updated': 'A webhook was changed. `changed` names the attributes.',
  'webhook.secret_rotated':
    'A new secret was created for a webhook, and shown once. The previous secret stops working at `previousEndsAt`.',
  'webhook.disabled':
    'A webhook was turned off. `reason` is `by_hand`, `gone` (its endpoint responded with 410) or `failing` (for five days).',
  'webhook.enabled': 'A webhook was turned on again.',
  'webhook.deleted': 'A webhook was deleted, along with its deliveries.',
} as const;

export type EventType = keyof typeof EVENTS;

/** The first sentence of what an event means. */
export function headlineOf(type: EventType): string {
  return EVENTS[type].replace(/(?<=\.) .*$/, '');
}

const credential = {
  kind: oneOf('bearer', 'oauth'),
  slot: oneOf('a', 'b'),
  hint,
  'label?': typed,
} as const;
const portalLink = { portalLinkId: ownId } as const;
const operator = { operatorId: ownId, name: typed } as const;
const clientSecret = { clientId: typed, secretId: typed, hint } as const;
const contact = { contactId: ownId, name: typed, email: typed } as const;
const campaign = { campaignId: ownId, name: typed } as const;
const webhook = { webhookId: ownId, url: typed } as const;
const client = { clientId: typed, name: typed, provider: word } as const;
const finding = {
  code: word,
  severity: oneOf('failing', 'degraded', 'notice'),
  actor: oneOf('it_contact', 'vendor', 'idp', 'nobody'),
  certainty: oneOf('known', 'likely'),
  since: time,
  /** When a state ends automatically, such as a token that expires soon. */
  'until?': time,
} as const;
const fleet = { provider: word, directories: number, active: number } as const;
/** `changed` names the attributes; `changes` says from what to what. */
const changed = { changed: listOf(word), 'changes?': changes } as const;

/** What `data` of each type holds, and with that how it is kept. A member whose name ends in `?` may be absent. */
export const PAYLOADS = {
  'organization.created': { name: typed },
  'organization.updated': changed,
  'organization.deleted': { name: typed, directories: number },
  'directory.created': { name: typed, provider: word, endpointKey: typed },
  'directory.updated': changed,
  'directory.disabled': { name: typed, 'reason?': typed },
  'directory.enabled': { name: typed },
  'directory.deleted': { name: typed, endpointKey: typed },
  'credential.issued': { ...credential, scopes: listOf(word), expiresAt: time, 'replaces?': ownId },
  'credential.imported': {
    ...credential,
    scopes: listOf(word),
    expiresAt: time,
    form: word,
    'weak?': flag,
    /** Of a connection. */
    'clientId?': typed,
  },
  'credential.updated': { ...credential, ...changed },
  'credential.disabled': { ...credential, 'reason?': typed },
  'credential.enabled': credential,
  'credential.revoked': { ...credential, 'reason?': typed, 'forced?': flag },
  'credential.retired': { ...credential, successorId: typed },
  'credential.expired': { ...credential, 'expiresAt?': time },
  'credential.reviewed': { ...credential, decision: oneOf('keep', 'end'), 'note?': typed },
  'credential.leaked': {
    ...credential,
    state: word,
    action: oneOf('none', 'flagged', 'revoked'),
    'source?': readable,
    'url?': readable,
  },
  'request.denied': {
    reason: word,
    /** What exactly was wrong with the presented value. */
    'subReason?': word,
    surface: word,
    /** With `directory_unknown`: what was asked, as far as the kind of resource. */
    'path?': pathAsked,
    'method?': readable,
    'hint?': hint,
    /** With `token_truncated`: how many characters came. */
    'length?': number,
    /** With `missing` or a wrong URL: where a token was instead of the Authorization header, by place and name. */
    'foundIn?': readable,
    'userAgent?': readable,
    /** With `rate_limited`: why the requests would have been refused anyway. */
    'cause?': word,
    /** With `wrong_directory`: told at the directory of the token, which was sent to the address of another one. */
    'elsewhere?': flag,
  },
  'request.unreadable': { reason: word, 'method?': readable },
  'upstream.failed': {
    /** `upstream_` and the outcome. */
    reason: word,
    /** Of the request: look_up, create, update, delete, group, discovery. */
    kind: word,
    'method?': readable,
    /** With `upstream_unreachable`: why. */
    'cause?': word,
    /** What the SCIM server answered. */
    'status?': number,
    /** With `upstream_rejects_content`: the SCIM server's reason, without values. With `upstream_unreadable` and `upstream_cut`: the content coding that can't be read. */
    'detail?': readable,
    /** The media type of its answer, and the host that a redirect leads to. */
    'contentType?': readable,
    'redirectsTo?': readable,
  },
  'finding.began': finding,
  'finding.changed': { ...finding, before: oneOf('failing', 'degraded', 'notice') },
  'finding.healed': finding,
  'finding.settled': { how: oneOf('recovered', 'expected', 'muted', 'reported_again'), 'until?': time },
  'fleet.quieted': fleet,
  'fleet.resumed': fleet,
  'token.checked': { 'digest?': digestStart, outcome: word, 'clientId?': typed },
  'client.created': client,
  'client.imported': client,
  'client.updated': { clientId: typed, ...changed },
  'client.deleted': client,
  'client.secret_added': { ...clientSecret, expiresAt: time },
  'client.secret_removed': clientSecret,
  'portal_link.created': { ...portalLink, 'contact?': typed, expiresAt: time },
  'portal_link.used': portalLink,
  'portal_link.left': portalLink,
  'portal_link.revoked': portalLink,
  'connection.requested': { clientId: typed },
  'connection.consented': { clientId: typed, name: typed, 'replaces?': ownId },
  'connection.refused': {
    'clientId?': ownId,
    reason: word,
    /** Of the closed table OAUTH_REFUSALS in src/oauth/refusals.ts. */
    'subReason?': word,
    /** With `redirect_uri_unknown`: origin and path of what was sent, where it is an address, and what is registered. */
    'redirectUri?': pathAsked,
    'registered?': listOf(typed),
    /** With `client_unknown`: the client ID that was probably meant. With `client_removed`: since when. */
    'expected?': typed,
    'removedAt?': time,
  },
  'credential.connected': { ...credential, clientId: typed, 'replaces?': ownId },
  'token.issued': { clientId: typed, grantType: word, 'userAgent?': readable },
  'token.refused': {
    'clientId?': ownId,
    'grantType?': word,
    reason: word,
    /** Of the closed table OAUTH_REFUSALS in src/oauth/refusals.ts. */
    'subReason?': word,
    'userAgent?': readable,
    /** With `assertion_wrong`: what is wrong with it, of a closed list, and by how much a time is off. */
    'fault?': word,
    'seconds?': number,
    /** With the fault `audience`: what came, where it looks like ours, and what is wanted. With `client_unknown`: the ID that was probably meant. */
    'audience?': audience,
    'expected?': typed,
    /** With `client_secret_removed`: which secret, and since when. With `client_removed`: since when. */
    'hint?': hint,
    'removedAt?': time,
  },
  'signing_key.rotated': { kid: keyId, serial: typed },
  'operator.created': { ...operator, role: word },
  'operator.updated': { ...operator, changed: listOf(typed), 'changes?': changes },
  'operator.removed': { ...operator, role: word },
  'operator.link_created': { ...operator, expiresAt: time },
  'operator.link_withdrawn': operator,
  'operator.signed_in': {
    ...operator,
    by: oneOf('link', 'password', 'passkey', 'openid'),
    'factor?': oneOf('totp', 'passkey', 'recovery_code'),
  },
  'operator.signed_out': operator,
  'operator.sign_in_refused': { 'operatorId?': ownId },
  'api_key.created': { apiKeyId: ownId, name: typed, role: word, hint, 'organizationId?': ownId, 'expiresAt?': time },
  'api_key.revoked': { apiKeyId: ownId, name: typed, role: word, hint },
  'contact.created': contact,
  'contact.updated': contact,
  'contact.confirmed': contact,
  'contact.bounced': contact,
  'contact.deleted': contact,
  'campaign.started': { ...campaign, goal: oneOf('end', 'oauth'), 'endsAt?': time },
  'campaign.reminded': campaign,
  'campaign.stopped': campaign,
  'campaign.finished': campaign,
  'webhook.created': { ...webhook, kind: word },
  'webhook.updated': { webhookId: ownId, changed: listOf(word) },
  'webhook.secret_rotated': { webhookId: ownId, previousEndsAt: time },
  'webhook.disabled': { ...webhook, reason: word },
  'webhook.enabled': webhook,
  'webhook.deleted': webhook,
} as const satisfies Record<EventType, Payload>;

export type EventPayload<T extends EventType> = Given<(typeof PAYLOADS)[T]>;

/** Who did it. `system` is Latchkey itself: expiry, retirement, first start. `anonymous` presented something that was refused. */
export const actorShape = {
  type: text<'api_key' | 'operator' | 'it_contact' | 'identity_provider' | 'system' | 'anonymous'>(),
  'id?': 'string',
  name: 'string',
} as const;
export type Actor = RecordOf<typeof actorShape>;

export type Source = 'api' | 'dashboard' | 'portal' | 'system';

/** Why a change happens: who asked, through which face, from where, in which request. */
export interface Attribution {
  actor: Actor;
  source: Source;
  address?: string | undefined;
  requestId?: string | undefined;
  /**
   * Asked before what can't be undone. False when the answer has been given up, so that a new secret would reach no one; otherwise the answer is
   * waited for from here on.
   */
  commit?: () => boolean;
}

export const SYSTEM: Attribution = { actor: { type: 'system', name: 'Latchkey' }, source: 'system' };

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
