/** A new client as a record: checked, and with what its identity provider prescribes where nothing else is said. */
import type { Attribution } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import type { WeakValues } from '../credentials/index.ts';
import type { Directories } from '../directories/index.ts';
import { newId, type Random } from '../identifiers.ts';
import { type GrantType, type IdentityProviderId, oauthPresetOf, redirectUrisOf } from '../identity-providers/index.ts';
import {
  checkAccessTokenSeconds,
  checkAppName,
  checkGrants,
  checkImportedId,
  checkJwks,
  checkJwksUri,
  checkRedirects,
  checkRotation,
  importedSecretOf,
} from './client-checks.ts';
import {
  type AuthMethod,
  type ClientRecord,
  hasSecrets,
  mayUse,
  type WorkloadIdentity,
  workloadKeyOf,
} from './client-record.ts';
import { type SecretMaker, secretEndOf, withoutSecrets } from './client-secrets.ts';

export interface ClientInput {
  name: string;
  provider?: IdentityProviderId | undefined;
  directoryId?: string | undefined;
  appName?: string | undefined;
  redirectUris?: string[] | undefined;
  grantTypes?: GrantType[] | undefined;
  tokenEndpointAuthMethod?: AuthMethod | undefined;
  jwks?: { keys: Record<string, unknown>[] } | undefined;
  jwksUri?: string | undefined;
  accessTokenSeconds?: number | undefined;
  rotateRefreshTokens?: boolean | undefined;
  maximumAgeDays?: number | undefined;
  idleDays?: number | undefined;
  workloadIdentity?: WorkloadIdentity | undefined;
  /** With which it comes from another system: the `client_id` there, and its secret or the SHA-256 of it (64 hexadecimal digits). */
  clientId?: string | undefined;
  clientSecret?: string | undefined;
  clientSecretSha256?: string | undefined;
  /** An owner takes a secret that could be guessed, or a digest of one. */
  allowWeak?: boolean | undefined;
  /** Of its first secret: null for no end, absent for what its identity provider prescribes. */
  secretExpiresAt?: Date | null | undefined;
}

interface Dependencies {
  clock: Clock;
  random: Random;
  directories: Directories;
  weakValues: WeakValues;
  secretMaker: SecretMaker;
  allowHttpRedirects: boolean;
  jwksHosts: readonly string[];
}

/**
 * Writes nothing. `clientSecret` is undefined where the client has none, or brought it along. Throws not_found, invalid_request,
 * weak_value.
 */
export async function draftClient(
  input: ClientInput,
  attribution: Attribution,
  deps: Dependencies,
): Promise<{ record: ClientRecord; clientSecret: string | undefined }> {
  const { clock, random, directories, weakValues, secretMaker, allowHttpRedirects, jwksHosts } = deps;
  const { name, directoryId, appName, jwks, jwksUri } = input;
  checkAppName(appName);
  const provider = input.provider ?? 'generic';
  const preset = oauthPresetOf(provider);
  const directory = directoryId === undefined ? undefined : await directories.get(directoryId);
  const hasKeys = jwks !== undefined || jwksUri !== undefined || input.workloadIdentity !== undefined;
  const authMethod = input.tokenEndpointAuthMethod ?? (hasKeys ? 'private_key_jwt' : 'client_secret_basic');
  const grantTypes =
    input.grantTypes ??
    preset.client.grantTypes.filter(
      (type) => mayUse(authMethod, type) && (directory !== undefined || type !== 'client_credentials'),
    );
  checkGrants(grantTypes, authMethod, directory === undefined);
  checkRotation(input.rotateRefreshTokens, authMethod);
  const redirectUris = input.redirectUris ?? redirectUrisOf(preset, appName, allowHttpRedirects);
  checkRedirects(redirectUris, allowHttpRedirects);
  const { accessTokenSeconds = preset.accessTokenSeconds.default } = input;
  checkAccessTokenSeconds(accessTokenSeconds, provider);
  const { workloadIdentity, maximumAgeDays, idleDays } = input;
  checkJwksUri(jwksUri, jwksHosts);
  checkJwksUri(workloadIdentity?.jwksUri, jwksHosts);
  if (jwks) checkJwks(jwks.keys);
  const { clientId } = input;
  if (clientId !== undefined) checkImportedId(clientId);
  const brought = await importedSecretOf(input, weakValues);
  const clientSecret = hasSecrets(authMethod) && !brought ? secretMaker.mint() : undefined;
  if (!hasSecrets(authMethod) && (brought || input.secretExpiresAt)) throw withoutSecrets(authMethod);
  const secretEnd = secretEndOf(provider, input.secretExpiresAt, clock.now());
  const record: ClientRecord = {
    id: newId('client', random),
    ...(clientId !== undefined && { publicId: clientId }),
    name,
    provider,
    ...(directory
      ? { directoryId: directory.id, organizationId: directory.organizationId }
      : { sharedProvider: provider }),
    ...(appName !== undefined && { appName }),
    redirectUris,
    redirectUrisByHand: input.redirectUris !== undefined,
    grantTypes: [...grantTypes],
    authMethod,
    secrets: [
      ...(clientSecret === undefined ? [] : [secretMaker.secretOf(clientSecret, secretEnd)]),
      ...(brought ? [{ ...secretMaker.secretOf('', secretEnd), ...brought }] : []),
    ],
    ...(jwks && { jwks }),
    ...(jwksUri !== undefined && { jwksUri }),
    accessTokenSeconds,
    rotateRefreshTokens: input.rotateRefreshTokens ?? authMethod === 'none',
    ...(maximumAgeDays !== undefined && { maximumAgeDays }),
    ...(idleDays !== undefined && { idleDays }),
    ...(workloadIdentity && {
      workloadIdentity,
      workloadKey: workloadKeyOf(workloadIdentity),
      workloadIssuer: workloadIdentity.issuer,
    }),
    ...(grantTypes.includes('client_credentials') && { credentialId: newId('cred', random) }),
    createdAt: clock.now(),
    createdBy: attribution.actor,
  };
  return { record, clientSecret };
}
