/**
 * Checks a found token without using it: nothing is counted, no rotation moves on, no revoke is blocked. Answers whose it is and its state;
 * of what is not ours, what it looks like. The audit trail keeps who checked and the beginning of the digest, unless the value could be
 * guessed; the value is kept nowhere.
 */
import { createHash } from 'node:crypto';
import type { Attribution, Audit } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import { type Credential, type Credentials, stateAt, type Usage } from '../credentials/index.ts';
import type { Directories } from '../directories/index.ts';
import { estimateStrength, STRONG_BITS } from '../secrets/strength.ts';
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
  audit: Audit;
  clock: Clock;
}) {
  const { verification, directories, usage, audit, clock } = deps;

  async function look(value: string, organizationId: string | undefined): Promise<Checked> {
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
  }

  /** `organizationId`: the caller sees that organization only. Tokens of others are unknown. Rejects with storage_unavailable. */
  return async function check(
    value: string,
    organizationId: string | undefined,
    attribution: Attribution,
  ): Promise<Checked> {
    const checked = await look(value, organizationId);
    const credential = checked.isKnown ? checked.credential : undefined;
    const subject = credential
      ? { organizationId: credential.organizationId, directoryId: credential.directoryId, credentialId: credential.id }
      : { organizationId };
    // Against the beginning of its digest a weak value could be tried.
    const digest =
      credential?.weak || (await estimateStrength(value)).bits < STRONG_BITS ? undefined : digestStartOf(value);
    const data = { digest, outcome: checked.isKnown ? checked.state : checked.looksLike };
    await audit.append(audit.event('token.checked', attribution, subject, data));
    return checked;
  };
}

/** The same whether a token was checked alone or in its header, so that two checks can be told to be of one value. */
function digestStartOf(value: string): string {
  const presented = parseAuthorization(value);
  const token = presented.kind === 'token' ? presented.value : value;
  return createHash('sha256').update(token).digest('hex').slice(0, 8);
}

export type Check = ReturnType<typeof createCheck>;
