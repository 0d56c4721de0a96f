/**
 * What oidc-provider keeps: tokens, codes, grants, decided interactions. Ids are the secrets themselves there, so here they are digests, and the
 * payload is stored without its `jti`. Payloads have keys with dots, so they are kept as a JSON string on both engines.
 */
import { hash } from 'node:crypto';
import { digestOf, type WeakValues } from '../credentials/index.ts';
import type { Collection, ReadOptions, Storage, Stored } from '../storage/index.ts';

const shape = {
  model: 'string',
  payload: 'string',
  'grantId?': 'string',
  'clientId?': 'string',
  'uid?': 'string',
  /** Of access tokens: what verification needs, without opening the payload. */
  'credentialId?': 'string',
  'scope?': 'string',
  /** Of access tokens and codes: their end. They are kept a while longer, so that a late one is told from an unknown one. */
  'endsAt?': 'date',
  'consumedAt?': 'date',
  /** Of authorization codes: until when one request alone may exchange it. */
  'lockedUntil?': 'date',
  /** Of authorization codes: the answer that was given, readable only with the code, and to whom it may be repeated. */
  'answer?': 'string',
  'answeredAt?': 'date',
  'fingerprint?': 'string',
  createdAt: 'date',
  'expiresAt?': 'date',
} as const;

export type Artifact = Stored<typeof shape>;

export function createArtifacts(storage: Storage): Collection<Artifact> {
  return storage.collection({
    name: 'oauth_artifacts',
    shape,
    // Each key is one more page to write for each token; tokens themselves are found by their id alone.
    keys: { uid: 'index' },
    order: 'createdAt',
    expires: 'expiresAt',
  });
}

/** Both kinds of access token share one place, so that a presented one is found by one read. */
export function artifactId(model: string, value: string): string {
  const place = model === 'AccessToken' || model === 'ClientCredentials' ? 'access' : model;
  return `${place}:${hash('sha256', value, 'hex')}`;
}

export type FindRefreshToken = (value: string, options?: ReadOptions) => Promise<Artifact | undefined>;

/** Finds a refresh token by its value: of ours, or imported, perhaps as a weak one. */
export function createFindRefreshToken(artifacts: Collection<Artifact>, { keyed }: WeakValues): FindRefreshToken {
  return async (value, options) =>
    (await artifacts.find(artifactId('RefreshToken', value), options)) ??
    artifacts.find(importedRefreshTokenId(keyed(digestOf(value))), options);
}

/** Under which ID an imported refresh token is kept: by the hexadecimal digits of its digest, keyed where it is weak. */
export function importedRefreshTokenId(digest: string): string {
  return `RefreshToken:${digest.replace(/^sha256:/, '')}`;
}
