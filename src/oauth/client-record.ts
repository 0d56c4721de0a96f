/** An OAuth client as it is stored, and what follows from the record alone. */

import { actorShape, outboxShape } from '../audit/index.ts';
import { DAY_MS } from '../clock.ts';
import type { GrantType, IdentityProviderId } from '../identity-providers/index.ts';
import { json, type Stored, text } from '../storage/index.ts';

export const AUTH_METHODS = ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'] as const;
export type AuthMethod = (typeof AUTH_METHODS)[number];

export const clientShape = {
  /** The OAuth client_id that it brought from another system; without one, its `id` is that too. */
  'publicId?': 'string',
  name: 'string',
  provider: text<IdentityProviderId>(),
  /** Set for an owned client. */
  'directoryId?': 'string',
  'organizationId?': 'string',
  /** Of a shared client: its provider again, so that it is found among many owned ones. */
  'sharedProvider?': text<IdentityProviderId>(),
  'appName?': 'string',
  redirectUris: 'strings',
  /** Redirect URIs that were set by hand stay when the app name becomes known. */
  redirectUrisByHand: 'boolean',
  grantTypes: 'strings',
  authMethod: text<AuthMethod>(),
  secrets: [{ id: 'string', digest: 'string', hint: 'string', createdAt: 'date', 'expiresAt?': 'date' }],
  /** The latest that were removed, so that one that still comes is named. They prove nothing. */
  'removedSecrets?': [{ digest: 'string', hint: 'string', removedAt: 'date' }],
  'jwks?': json<{ keys: Record<string, unknown>[] }>(),
  'jwksUri?': 'string',
  accessTokenSeconds: 'number',
  /** Whether each refresh gives a new refresh token. Off for confidential clients: a lost answer can't cost them anything then. */
  rotateRefreshTokens: 'boolean',
  /** Days after which its connections end, however much they are used; and after which they end unused. Absent: never. */
  'maximumAgeDays?': 'number',
  'idleDays?': 'number',
  /** Entra's workload identity: whose assertions stand for this client. `workloadKey` finds the client by them. */
  'workloadIdentity?': { issuer: 'string', subject: 'string', audience: 'string', jwksUri: 'string' },
  'workloadKey?': 'string',
  /** The issuer again, so that an assertion that is nearly right is told at its client. */
  'workloadIssuer?': 'string',
  /** Of a client_credentials client: the credential that its first token makes. */
  'credentialId?': 'string',
  createdAt: 'date',
  createdBy: actorShape,
  ...outboxShape,
} as const;

export type ClientRecord = Stored<typeof clientShape>;

/** A client as everything but its own store sees it: `grantTypes` are those that it may use. */
export type Client = ClientRecord & {
  /** Grants that the record has and that the client may not use, because it proves nothing (RFC 6749 4.4). */
  readonly withheldGrants: readonly GrantType[];
};

/** RFC 7523 as Entra does it: its own issuer and subject, an audience that is agreed on, and no `jti`. */
export interface WorkloadIdentity {
  issuer: string;
  subject: string;
  audience: string;
  jwksUri: string;
}

/** What an owner should change about a client; closed, and told by the API. */
export const CLIENT_ISSUES = [
  'public_client_credentials',
  'client_secret_expired',
  'client_secret_ends_soon',
  'redirect_uris_missing',
] as const;
export type ClientIssue = (typeof CLIENT_ISSUES)[number];

/** Long enough for people to put another one into an identity provider. */
const SOON_MS = 30 * DAY_MS;

export function hasSecrets(authMethod: AuthMethod): boolean {
  return authMethod === 'client_secret_basic' || authMethod === 'client_secret_post';
}

/** RFC 6749 4.4: only a client that proves who it is may get a token for itself. */
export function mayUse(authMethod: AuthMethod, grantType: string): boolean {
  return !(authMethod === 'none' && grantType === 'client_credentials');
}

/** What the identity provider sends as `client_id`. */
export function clientIdOf({ id, publicId }: Pick<ClientRecord, 'id' | 'publicId'>): string {
  return publicId ?? id;
}

/** The only way from a stored record to a client, so that no reader sees a grant that the client may not use. */
export function clientOf(record: ClientRecord): Client {
  const withheldGrants = record.grantTypes.filter((grantType) => !mayUse(record.authMethod, grantType)) as GrantType[];
  if (withheldGrants.length === 0) return { ...record, withheldGrants };
  const { credentialId: _credentialId, ...rest } = record;
  const grantTypes = record.grantTypes.filter((grantType) => mayUse(record.authMethod, grantType));
  return { ...rest, grantTypes, withheldGrants };
}

export function issuesOf({ withheldGrants, grantTypes, redirectUris, secrets }: Client, now: Date): ClientIssue[] {
  const issues: ClientIssue[] = [];
  if (withheldGrants.includes('client_credentials')) issues.push('public_client_credentials');
  // Infinity: a secret without an end.
  const end = Math.max(...secrets.map(({ expiresAt }) => expiresAt?.getTime() ?? Number.POSITIVE_INFINITY));
  if (secrets.length > 0 && end <= now.getTime()) issues.push('client_secret_expired');
  else if (secrets.length > 0 && end <= now.getTime() + SOON_MS) issues.push('client_secret_ends_soon');
  if (grantTypes.includes('authorization_code') && redirectUris.length === 0) issues.push('redirect_uris_missing');
  return issues;
}

/** Whether somebody who follows its setup can get tokens: by a code only where there is an address to return to. */
export function canConnect({ grantTypes, redirectUris }: Client): boolean {
  return redirectUris.length > 0 || grantTypes.some((grantType) => grantType === 'client_credentials');
}

export function workloadKeyOf({ issuer, subject, audience }: Omit<WorkloadIdentity, 'jwksUri'>): string {
  return JSON.stringify([issuer, subject, audienceIdOf(audience)]);
}

/** The keys under which a client may have been stored: those of former releases name the audience as it was typed. */
export function workloadKeysOf({ issuer, subject, audience }: Omit<WorkloadIdentity, 'jwksUri'>): string[] {
  const id = audienceIdOf(audience);
  const spellings = new Set([id, audience, `api://${id}`, `api://${id}/.default`]);
  return Array.from(spellings, (spelling) => JSON.stringify([issuer, subject, spelling]));
}

/** Entra's administrator copies `api://{id}/.default`, and its tokens say `api://{id}` or `{id}`: all name one application. */
export function audienceIdOf(audience: string): string {
  const id = audience.replace(/^api:\/\//i, '').replace(/\/\.default$/, '');
  return /^[\da-f-]{36}$/i.test(id) ? id.toLowerCase() : id;
}
