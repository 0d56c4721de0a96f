/**
 * Checks a found token, client secret or client ID without using it: nothing is counted, no rotation moves on, no revoke is blocked. Answers
 * whose it is and its state; of what is not ours, what it looks like. The audit trail keeps who checked and the beginning of the digest,
 * unless the value could be guessed; the value is kept nowhere.
 */
import { createHash } from 'node:crypto';
import type { Attribution, Audit, Subject } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import { type Credential, type Credentials, stateAt, type Usage } from '../credentials/index.ts';
import type { Directories } from '../directories/index.ts';
import type { IdentifiedClient, Identify } from '../oauth/index.ts';
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
  /** `directory`: absent for a shared client, and where it was deleted. */
  | ({ isKnown: true; directory?: { id: string; name: string; isDisabled: boolean } } & IdentifiedClient)
  | { isKnown: false; looksLike: SubReason };

export type CheckedToken = Extract<Checked, { what: 'token' | 'access_token' }>;
export type CheckedSecret = Extract<Checked, { what: 'client_secret' }>;
export type CheckedClientId = Extract<Checked, { what: 'client_id' }>;

export function createCheck(deps: {
  verification: Pick<Verification, 'findKnown'>;
  identify: Identify;
  credentials: Credentials;
  directories: Directories;
  usage: Usage;
  audit: Audit;
  clock: Clock;
}) {
  const { verification, identify, directories, usage, audit, clock } = deps;

  async function look(value: string, organizationId: string | undefined): Promise<Checked> {
    const presented = parseAuthorization(value);
    if (presented.kind === 'none') return { isKnown: false, looksLike: 'token_unknown' };
    const known = presented.kind === 'token' ? await verification.findKnown(presented.value) : undefined;
    const isVisible = organizationId === undefined || known?.credential.organizationId === organizationId;
    if (known && isVisible) return ofToken(known);
    const identified = await identify(value, organizationId);
    if (identified) return ofClient(identified);
    const looksLike =
      presented.kind === 'malformed' ? presented.subReason : unknownValue(presented.value, true).subReason;
    return { isKnown: false, looksLike };
  }

  async function ofClient(identified: IdentifiedClient): Promise<Checked> {
    const { directoryId } = identified.client;
    const found = directoryId === undefined ? undefined : await directories.find(directoryId);
    const directory = found && { id: found.id, name: found.name, isDisabled: found.state === 'disabled' };
    return { isKnown: true, ...identified, ...(directory && { directory }) };
  }

  async function ofToken({ credential, token }: KnownToken): Promise<CheckedToken> {
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
    const { subject, isWeak = false, outcome, clientId } = tracesOf(checked, organizationId);
    // Against the beginning of its digest a weak value could be tried.
    const digest = isWeak || (await estimateStrength(value)).bits < STRONG_BITS ? undefined : digestStartOf(value);
    await audit.append(audit.event('token.checked', attribution, subject, { digest, outcome, clientId }));
    return checked;
  };
}

type KnownToken = NonNullable<Awaited<ReturnType<Verification['findKnown']>>>;

/** What the trail keeps of a check, apart from the value. `organizationId`: of the person who checked. */
function tracesOf(
  checked: Checked,
  organizationId: string | undefined,
): { subject: Subject; isWeak?: boolean | undefined; outcome: string; clientId?: string } {
  if (!checked.isKnown) return { subject: { organizationId }, outcome: checked.looksLike };
  if (checked.what === 'client_secret' || checked.what === 'client_id') {
    const { client } = checked;
    const subject = { organizationId: client.organizationId, directoryId: client.directoryId };
    const isSecret = checked.what === 'client_secret';
    const outcome = isSecret ? checked.state : 'client_id_presented';
    return { subject, isWeak: isSecret && checked.isWeak, outcome, clientId: client.id };
  }
  const { credential, state } = checked;
  const { organizationId: of, directoryId, id: credentialId } = credential;
  return { subject: { organizationId: of, directoryId, credentialId }, isWeak: credential.weak, outcome: state };
}

/** The same whether a token was checked alone or in its header, so that two checks can be told to be of one value. */
function digestStartOf(value: string): string {
  const presented = parseAuthorization(value);
  const token = presented.kind === 'token' ? presented.value : value;
  return createHash('sha256').update(token).digest('hex').slice(0, 8);
}

export type Check = ReturnType<typeof createCheck>;
