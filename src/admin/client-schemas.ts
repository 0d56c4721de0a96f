/** What the admin API reads and answers of OAuth clients. */
import { z } from 'zod';
import { isKeyed } from '../credentials/index.ts';
import {
  APP_NAME,
  AUTH_METHODS,
  CLIENT_ISSUES,
  type Client,
  clientIdOf,
  GRANT_TYPES,
  isLiveAt,
  issuesOf,
  type SecretUses,
} from '../oauth/index.ts';
import { allowWeak } from './credential-schemas.ts';
import * as schemas from './schemas.ts';

export const redirectUris = z.array(z.string().max(2000)).max(20);
export const accessTokenSeconds = z
  .number()
  .int()
  .min(900)
  .max(21_600)
  .describe(
    'Access token lifetime: 15 minutes to 6 hours, 1 hour by default. For Entra, 1 to 6 hours, 2 hours by default.',
  );
/** At most one of the two. */
export const importedSecret = {
  clientSecret: z.string().max(1000).optional().describe('The secret in clear text. Only a digest is stored.'),
  clientSecretSha256: z.string().max(200).optional().describe('SHA-256 of the secret, in hexadecimal.'),
  allowWeak: allowWeak,
};
export const secretEnd = schemas.time.nullable().optional();
const jwks = z.strictObject({ keys: z.array(z.record(z.string(), z.unknown())).min(1).max(20) });
const workloadIdentity = z
  .strictObject({
    issuer: z.string().max(500),
    subject: z.string().max(500),
    audience: z.string().max(500),
    jwksUri: z.string().max(2000),
  })
  .describe('An Entra workload identity. Its assertions authenticate this client.');

export const clientFields = {
  name: schemas.name,
  provider: schemas.provider.optional(),
  directoryId: z.string().max(100).optional(),
  appName: z.string().regex(APP_NAME, "expected the app's name in Okta, such as acme_scim_1").optional(),
  redirectUris: redirectUris.optional(),
  grantTypes: z.array(z.enum(GRANT_TYPES)).min(1).optional(),
  tokenEndpointAuthMethod: z.enum(AUTH_METHODS).optional(),
  jwks: jwks.optional().describe('Public keys of a private_key_jwt client.'),
  jwksUri: z.string().max(2000).optional().describe('URL of those keys, on an allowed host.'),
  workloadIdentity: workloadIdentity.optional(),
  accessTokenSeconds: accessTokenSeconds.optional(),
  secretExpiresAt: secretEnd.describe(
    'Expiry of the first secret. Default: what the identity provider requires, for example two years for Entra. null: never.',
  ),
  rotateRefreshTokens: z
    .boolean()
    .optional()
    .describe(
      'Issues a new refresh token with each refresh. Off by default for clients with a secret: there it adds no protection, and a lost response breaks the connection.',
    ),
  maximumAgeDays: z
    .number()
    .int()
    .min(1)
    .max(36_500)
    .optional()
    .describe('Days after which connections expire. Never by default.'),
  idleDays: z
    .number()
    .int()
    .min(1)
    .max(36_500)
    .optional()
    .describe('Days without a refresh after which connections expire. Never by default.'),
};

export const clientView = z
  .object({
    id: z.string(),
    clientId: z.string().describe('The OAuth client_id. The same as `id`, unless the client was imported.'),
    name: z.string(),
    provider: schemas.provider,
    directoryId: z.string().nullable().describe('The directory that owns the client. null: a shared client.'),
    appName: z.string().nullable(),
    redirectUris: z.array(z.string()),
    grantTypes: z.array(z.enum(GRANT_TYPES)),
    tokenEndpointAuthMethod: z.enum(AUTH_METHODS),
    accessTokenSeconds: z.int(),
    rotateRefreshTokens: z.boolean(),
    maximumAgeDays: z.int().nullable(),
    idleDays: z.int().nullable(),
    secrets: z.array(
      z.object({
        id: z.string(),
        hint: z.string(),
        weak: z.boolean().describe('An owner imported the secret although it can be guessed.'),
        createdAt: schemas.shownTime,
        expiresAt: schemas.shownTime.nullable().describe('null: never'),
        state: z.enum(['live', 'expired']),
        lastUsedAt: schemas.shownTime
          .nullable()
          .describe('When it last authenticated the client, at the token or the revocation endpoint.'),
        lastUsedFrom: schemas.originView,
        unusedSince: schemas.shownTime
          .nullable()
          .describe(
            'Where lastUsedAt is null: no use was recorded since then. The same as `createdAt` for a secret that was never used.',
          ),
      }),
    ),
    issues: z
      .array(z.enum(CLIENT_ISSUES))
      .describe(
        "Problems that the client's owner should fix. `public_client_credentials`: a public client can't use client_credentials, only its other grants. `client_secret_expired`: all secrets have expired. `client_secret_ends_soon`: all secrets expire within 30 days. `redirect_uris_missing`: the authorization code grant needs a redirect URI. For Okta, set appName.",
      ),
    createdAt: schemas.shownTime,
    createdBy: schemas.actorView,
  })
  .meta({ id: 'OAuthClient' });

export function viewClient(client: Client, uses: SecretUses, now: Date) {
  const {
    id,
    name,
    provider,
    directoryId,
    appName,
    redirectUris: uris,
    grantTypes,
    authMethod,
    accessTokenSeconds: seconds,
    rotateRefreshTokens,
    maximumAgeDays,
    idleDays,
    secrets,
    createdAt,
    createdBy,
  } = client;
  return {
    id,
    clientId: clientIdOf(client),
    name,
    provider,
    directoryId: directoryId ?? null,
    appName: appName ?? null,
    redirectUris: uris,
    grantTypes,
    tokenEndpointAuthMethod: authMethod,
    accessTokenSeconds: seconds,
    rotateRefreshTokens,
    maximumAgeDays: maximumAgeDays ?? null,
    idleDays: idleDays ?? null,
    secrets: secrets.map((secret) => {
      const use = uses.get(secret.id) ?? { unusedSince: secret.createdAt };
      return {
        id: secret.id,
        hint: secret.hint,
        weak: isKeyed(secret.digest),
        createdAt: secret.createdAt,
        expiresAt: secret.expiresAt ?? null,
        state: isLiveAt(secret, now) ? 'live' : 'expired',
        lastUsedAt: use.lastUsedAt ?? null,
        lastUsedFrom: schemas.viewOrigin(use.lastUsedAt ? use : undefined),
        unusedSince: use.unusedSince ?? null,
      };
    }),
    issues: issuesOf(client, now),
    createdAt,
    createdBy: schemas.viewActor(createdBy),
  };
}
