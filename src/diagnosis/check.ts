/**
 * Checks a found token without using it: nothing is counted, no rotation moves on, no revoke is blocked. Answers whose it is and its state;
 * of what is not ours, what it looks like. The value is never kept.
 */

import type { Clock } from '../clock.ts';
import { type Credential, type Credentials, stateAt, type Usage } from '../credentials/index.ts';
import type { Directories } from '../directories/index.ts';
import { parseAuthorization, type SubReason, unknownValue, type Verification } from '../verification/index.ts';

export type Checked =
  | {
      isKnown: true;
      credential: Credential;
      /** Of what was checked: an access token may have ended before its connection. */
      state: Credential['state'];
      what: 'token' | 'access_token';
      directoryName: string;
      isDirectoryDisabled: boolean;
      issuedAt: Date;
      expiresAt?: Date;
      lastUsedAt?: Date;
    }
  | { isKnown: false; looksLike: SubReason };

export function createCheck(deps: {
  verification: Pick<Verification, 'findKnown'>;
  credentials: Credentials;
  directories: Directories;
  usage: Usage;
  clock: Clock;
}) {
  const { verification, directories, usage, clock } = deps;

  /** `organizationId`: whoever asks sees that organization alone; of others a token is unknown. Rejects with storage_unavailable. */
  return async function check(value: string, organizationId: string | undefined): Promise<Checked> {
    const presented = parseAuthorization(value);
    if (presented.kind === 'none') return { isKnown: false, looksLike: 'token_unknown' };
    if (presented.kind === 'malformed') return { isKnown: false, looksLike: presented.subReason };
    const known = await verification.findKnown(presented.value);
    const isVisible = organizationId === undefined || known?.credential.organizationId === organizationId;
    if (!known || !isVisible) return { isKnown: false, looksLike: unknownValue(presented.value, true).subReason };
    const { credential, token } = known;
    const [directory, totals] = await Promise.all([
      directories.find(credential.directoryId),
      usage.totals([credential.id]),
    ]);
    const state = stateAt(credential, clock.now());
    const expiresAt = token?.expiresAt ?? credential.expiresAt;
    const hasTokenEnded = token !== undefined && token.expiresAt <= clock.now();
    const lastUsedAt = totals.get(credential.id)?.lastUsedAt;
    return {
      isKnown: true,
      credential,
      state: state === 'active' && hasTokenEnded ? 'expired' : state,
      what: token ? 'access_token' : 'token',
      directoryName: directory?.name ?? credential.directoryId,
      isDirectoryDisabled: directory?.state === 'disabled',
      issuedAt: token?.issuedAt ?? credential.createdAt,
      ...(expiresAt && { expiresAt }),
      ...(lastUsedAt && { lastUsedAt }),
    };
  };
}

export type Check = ReturnType<typeof createCheck>;
