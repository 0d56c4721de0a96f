/** The one decision in the system: whether a presented credential may do what a request wants. A denial is a value. */

import type { Clock } from '../clock.ts';
import { type Credential, type Credentials, type Digest, digestsOf, stateAt } from '../credentials/index.ts';
import type { Directories, Directory } from '../directories/index.ts';
import { ENDPOINT_KEY } from '../directories/index.ts';
import { createRecall } from '../http/recall.ts';
import type { Denial, DenialReason, SubReason } from './denials.ts';
import { createLeaseCache, type LeaseCache } from './lease-cache.ts';
import { type Presented, unknownValue } from './presented.ts';

/** A credential and its directory as one authoritative read saw them, both fit for use then. */
export interface Grant {
  credential: Credential;
  directory: Directory;
  /** `scim scim.read`, as headers and introspection show it. */
  scope: string;
  /** Whether it may write. */
  write: boolean;
  /** The end of what was presented: of the credential, or of an access token of it. */
  expiresAt?: Date;
  /** Of an access token: when it was issued. */
  issuedAt: Date;
  /** Monotonic milliseconds until which memory may answer by it. */
  leaseUntil: number;
}

export interface Wanted {
  presented: Presented;
  /** Id or endpointKey of the directory that is asked for; undefined when any will do (introspection). */
  directory: string | undefined;
  /** Whether it would write. */
  write: boolean;
  /** Asked on behalf of this organization: of another's credential it is no use. */
  organizationId?: string | undefined;
}

export type Decision = { allowed: true; grant: Grant } | { allowed: false; denial: Denial };

/** What an access token says; the credential behind it decides. */
export interface AccessToken {
  credentialId: string;
  scope: string;
  issuedAt: Date;
  expiresAt: Date;
}

/** By the digest of what was presented; an authoritative read. */
export type FindAccessToken = (digest: Digest) => Promise<AccessToken | undefined>;

export interface VerifyOptions {
  credentials: Credentials;
  findAccessToken: FindAccessToken;
  directories: Directories;
  clock: Clock;
  leaseMs: number;
  maxEntries: number;
  onHit?: () => void;
  onMiss?: () => void;
}

export type Verify = (wanted: Wanted) => Decision | Promise<Decision>;

/** The credential behind a value, and the access token when it is one's. */
export interface Known {
  credential: Credential;
  token?: AccessToken;
}

export interface Verifier {
  verify: Verify;
  /** By the value alone, read anew; nothing is decided or counted. Rejects with storage_unavailable. */
  findKnown(value: string): Promise<Known | undefined>;
  cache: LeaseCache<Grant>;
}

/** Throws (or rejects with) storage_unavailable when it can't be decided; that is no denial. */
export function createVerify(options: VerifyOptions): Verifier {
  const { credentials, directories, findAccessToken, clock, leaseMs } = options;
  const cache = createLeaseCache<Grant>({ ...options, read: readGrant });

  async function lookUp(digest: Digest): Promise<Known | undefined> {
    if (!digest.startsWith('access:')) {
      const found = await credentials.findByDigest(digest);
      return found && { credential: found };
    }
    const token = await findAccessToken(digest);
    const credential = token && (await credentials.findNow(token.credentialId));
    return credential && { credential, token };
  }

  /** Only what may be used is remembered: a refusal is read anew each time, so that enabling works at once. */
  async function readGrant(digest: string): Promise<Grant | undefined> {
    // A revoke that is acknowledged later waits out the lease of a read that began before it.
    const leaseUntil = clock.monotonicMs() + leaseMs;
    const found = await lookUp(digest as Digest);
    if (!found) return undefined;
    const { credential } = found;
    if (!isFit(credential)) return undefined;
    const directory = await directories.find(credential.directoryId, { authoritative: true });
    if (directory?.state !== 'active') return undefined;
    const { token } = found;
    const scopes = token
      ? token.scope
          .split(' ')
          .filter((scope) => credential.scopes.includes(scope) || credential.scopes.includes('scim'))
      : credential.scopes;
    const expiresAt = [credential.expiresAt, token?.expiresAt]
      .filter((end) => end !== undefined)
      .sort((x, y) => x.getTime() - y.getTime())[0];
    return {
      credential,
      directory,
      scope: scopes.join(' '),
      write: scopes.includes('scim'),
      ...(expiresAt && { expiresAt }),
      issuedAt: token?.issuedAt ?? credential.createdAt,
      leaseUntil,
    };
  }

  /** One that is pending may be used: with that it becomes active. */
  function isFit(credential: Credential): boolean {
    const state = stateAt(credential, clock.now());
    return state === 'active' || state === 'pending';
  }

  /** The decision about a grant; undefined when it needs to be explained. */
  function settle(grant: Grant, wanted: Wanted): Decision | undefined | Promise<Decision | undefined> {
    const decision = decide(grant, wanted);
    const { organizationId = grant.directory.organizationId } = wanted;
    const isFirstUse = grant.credential.state === 'pending' && organizationId === grant.directory.organizationId;
    return decision?.allowed && isFirstUse ? takeOver(grant) : decision;
  }

  /** The first use, where it is allowed, gives a connection that replaces another credential that one's slot. */
  async function takeOver(grant: Grant): Promise<Decision | undefined> {
    const credential = await credentials.takeOver(grant.credential);
    const isActive = credential !== undefined && stateAt(credential, clock.now()) === 'active';
    return isActive ? { allowed: true, grant: { ...grant, credential } } : undefined;
  }

  function decide(grant: Grant, { directory, write }: Wanted): Decision | undefined {
    const { credential, directory: own, expiresAt } = grant;
    if (expiresAt !== undefined && expiresAt <= clock.now()) return undefined;
    if (directory !== undefined && directory !== own.endpointKey && directory !== own.id) return undefined;
    if (write && !grant.write) return deny('insufficient_scope', credential);
    return { allowed: true, grant };
  }

  /** The way of every refusal, and of the rare credential with two digests. */
  async function explain(wanted: Wanted): Promise<Decision> {
    const { presented, directory: reference } = wanted;
    // No credential that could be looked up: decided without a read.
    const asked = reference === undefined ? {} : { reference };
    if (presented.kind !== 'token') {
      const { kind, ...found } = presented;
      return { allowed: false, denial: { reason: kind === 'none' ? 'missing' : kind, ...found, ...asked } };
    }
    const directory = reference === undefined ? undefined : await findDirectory(directories, reference);
    const at = directory && { directoryId: directory.id, organizationId: directory.organizationId };
    const known = await findKnown(presented.value);
    const found = known?.credential;
    if (!found) {
      const looksLike = unknownValue(presented.value, presented.certain);
      const isNowhere = looksLike.reason === 'unknown' && reference !== undefined && !directory;
      const refusal = isNowhere ? { reason: 'directory_unknown' as const, subReason: WRONG_KEY } : looksLike;
      return { allowed: false, denial: { ...refusal, ...at } };
    }
    // Told to the directory that was asked, where there is one: its people look for the reason there. Of a credential of another
    // organization they learn no more than the last four characters, which their own IdP presented.
    const told = (reason: DenialReason, subReason?: SubReason): Decision => {
      const { denial: plain } = deny(reason, found);
      const denial = { ...plain, ...(subReason !== undefined && { subReason }) };
      if (!at) return { allowed: false, denial };
      const isTheirs = at.organizationId === found.organizationId;
      const { id: credentialId, organizationId, directoryId } = found;
      const own = reason === 'wrong_directory' && { own: { organizationId, directoryId, credentialId } };
      return {
        allowed: false,
        denial: {
          ...hintOf(found),
          reason,
          ...(subReason !== undefined && { subReason }),
          ...(isTheirs && { credentialId: found.id }),
          ...at,
          ...own,
        },
      };
    };
    if (reference !== undefined && !directory) return told('directory_unknown', WRONG_KEY);
    if (directory && directory.id !== found.directoryId) return told('wrong_directory');
    const state = stateAt(found, clock.now());
    if (state === 'revoked') return told(state, endOf(found));
    if (state === 'expired') return told(state, found.kind === 'oauth' ? 'connection_expired' : 'token_expired');
    if (state !== 'active' && state !== 'pending') return told(state);
    const own = directory ?? (await directories.find(found.directoryId));
    if (!own) return told('directory_unknown');
    if (own.state === 'disabled') return told('directory_disabled');
    if (known?.token && known.token.expiresAt <= clock.now()) return told('expired', 'access_token_expired');
    // Fit after all: it was enabled between two reads, or is stored under its second digest.
    const grant = await readAny(presented.value);
    return (grant && (await settle(grant, wanted))) ?? told('unknown');
  }

  async function readAny(value: string): Promise<Grant | undefined> {
    for (const digest of digestsOf(value)) {
      const grant = await readGrant(digest);
      if (grant) return grant;
    }
    return undefined;
  }

  async function findKnown(value: string): Promise<Known | undefined> {
    for (const digest of digestsOf(value)) {
      const found = await lookUp(digest);
      if (found) return found;
    }
    return undefined;
  }

  return {
    cache,
    findKnown,
    verify(wanted) {
      const { presented } = wanted;
      if (presented.kind !== 'token') return explain(wanted);
      const grant = cache.get(likeliestDigest(presented.value));
      const settled =
        grant instanceof Promise ? grant.then((read) => read && settle(read, wanted)) : settle(grant, wanted);
      return settled instanceof Promise
        ? settled.then((decision) => decision ?? explain(wanted))
        : (settled ?? explain(wanted));
    },
  };
}

const likeliestDigest = createRecall((value) => digestsOf(value)[0]);

const WRONG_KEY: SubReason = 'wrong_endpoint_key';

/** How a revoked credential ended: a rotation replaced it, its connection was ended, or somebody revoked the token. */
function endOf({ kind, revokedReason = '' }: Credential): SubReason {
  if (kind === 'oauth') return 'connection_ended';
  return revokedReason.startsWith('replaced by cred_') ? 'token_replaced' : 'token_revoked';
}

/** By id or endpointKey; what can be neither is not looked up. */
export async function findDirectory(directories: Directories, reference: string): Promise<Directory | undefined> {
  const isReference = ENDPOINT_KEY.test(reference) || /^dir_[0-9A-Za-z]+$/.test(reference);
  return isReference ? directories.findByReference(reference) : undefined;
}

function deny(reason: DenialReason, credential: Credential) {
  const { id, directoryId, organizationId } = credential;
  return {
    allowed: false as const,
    denial: { ...hintOf(credential), reason, credentialId: id, directoryId, organizationId },
  };
}

/** The hint of a connection is the end of its client's id, and says nothing of the access token that was sent. */
function hintOf({ kind, hint }: Credential): { hint?: string } {
  return kind === 'bearer' ? { hint } : {};
}
