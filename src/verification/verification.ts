/** Verification as the surfaces use it: a decision, with what is noted of it for usage, limits, metrics and the audit trail. */
import type { Audit, Subject } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import { type ApiKey, type ApiKeys, type Credentials, digestOf, type Usage } from '../credentials/index.ts';
import type { Directories, Directory } from '../directories/index.ts';
import { AppError } from '../errors.ts';
import { COUNTING, createLimiter, type Share } from '../http/limiter.ts';
import { createRecall } from '../http/recall.ts';
import { networkOf } from '../http/request-context.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../operations/index.ts';
import { withoutSecrets } from '../secrets/redaction.ts';
import { within } from '../timing/deadline.ts';
import type { Attempt, Verification } from './decider.ts';
import type { Denial } from './denials.ts';
import { createFloods } from './floods.ts';
import { createLeaseCache } from './lease-cache.ts';
import { createVerify, type Decision, type FindAccessToken, findDirectory, type Grant } from './verify.ts';

interface VerificationDependencies {
  credentials: Credentials;
  directories: Directories;
  findAccessToken: FindAccessToken;
  apiKeys: ApiKeys;
  usage: Usage;
  audit: Audit;
  clock: Clock;
  metrics: Metrics;
  log: Log;
  /** What the store may cost one request. */
  answerMs: number;
  leaseMs: number;
  cacheEntries: number;
  /** Refused requests a minute before an address, or a directory, is answered with 429. */
  failuresPerAddress: number;
  failuresPerDirectory: number;
  share: Share;
  /** Share of decisions that are logged, 0 to 1. */
  logShare: number;
  /** Told of each accepted request, on its path: it may count, and no more. */
  onAccepted?: (directory: Directory, address: string, userAgent: string | undefined) => void;
  /** The code of a refusal at a directory, as the request named it. */
  whyCodeFor?: (reference: string) => string;
  /** Whether what has an end can be judged. */
  hasRightClock: () => boolean;
}

/** Reasons that a valid credential meets: they never count as failures. */
const NOT_A_FAILURE = new Set(['insufficient_scope', 'directory_disabled']);
const WINDOW_MS = 60_000;
/** Addresses and directories whose refusals are counted at a time, each some 150 bytes. */
const MOST_ADDRESSES = 50_000;
/** Names that callers gave, made up or not; the oldest goes first. */
const MOST_DIRECTORIES = 10_000;
const LONGEST_NAME = 64;
/** Refusals whose directory is looked up at a time; further ones are told without it. */
const MOST_LOOKUPS = 200;
const digestOfCaller = createRecall(digestOf, 1000);
const API_KEY = /^lk_[\x21-\x7e]{16,512}$/;

/**
 * A browser asks by OPTIONS, without a credential, whether a page may ask at all (CORS preflight of the Fetch standard). No identity
 * provider does, so it says nothing of one: it is answered like any request without a credential, and told and counted against nobody.
 */
function isPreflight({ reason, subReason }: Denial, { method }: Attempt): boolean {
  return reason === 'missing' && subReason === undefined && method?.toUpperCase() === 'OPTIONS';
}

export function createVerification(deps: VerificationDependencies): Verification {
  const { credentials, directories, apiKeys, usage, audit, clock, metrics, log, leaseMs, cacheEntries, logShare } =
    deps;
  const { verify, findKnown } = createVerify({
    credentials,
    directories,
    findAccessToken: deps.findAccessToken,
    clock,
    leaseMs,
    maxEntries: cacheEntries,
    onHit: metrics.leaseHit,
    onMiss: metrics.leaseMiss,
  });
  const callers = createLeaseCache<ApiKey>({
    read: (digest) => apiKeys.findByDigest(digest),
    clock,
    leaseMs,
    maxEntries: 1000,
  });
  const window = { windowMs: WINDOW_MS, clock };
  const byAddress = deps.share(
    'refusals by address',
    createLimiter({ ...window, points: deps.failuresPerAddress, maxKeys: MOST_ADDRESSES }),
    COUNTING,
  );
  const byDirectory = deps.share(
    'refusals by directory',
    createLimiter({ ...window, points: deps.failuresPerDirectory, maxKeys: MOST_DIRECTORIES }),
    COUNTING,
  );
  const floods = createFloods<Attempt>({ byAddress, clock });
  let lookups = 0;

  function accept(grant: Grant, attempt: Attempt, startedAt: number): void {
    usage.accepted(grant.credential.id, attempt.address, attempt.userAgent);
    floods.spare(networkOf(attempt.address));
    deps.onAccepted?.(grant.directory, attempt.address, attempt.userAgent);
    account(attempt, 'allowed', startedAt, grant.credential.id, grant.directory.id);
  }

  function refuse(denial: Denial, attempt: Attempt, startedAt: number): Denial {
    if (isPreflight(denial, attempt)) {
      account(attempt, denial.reason, startedAt);
      return denial;
    }
    const wait = NOT_A_FAILURE.has(denial.reason) ? undefined : limit(attempt.address, attempt.directory);
    const told: Denial =
      wait === undefined
        ? withWhy(denial, attempt)
        : { ...denial, reason: 'rate_limited', cause: denial.reason, retryAfterSeconds: wait };
    if (denial.credentialId) usage.refused(denial.credentialId);
    const { address, requestId, surface, method, userAgent } = attempt;
    const { subReason, length, foundIn } = denial;
    const path =
      surface === 'gateway' && subReason === 'wrong_endpoint_key' ? `/scim/v2/${attempt.directory}` : undefined;
    const data = {
      reason: told.reason,
      subReason,
      cause: told.cause,
      surface,
      path,
      method,
      hint: denial.hint,
      length,
      foundIn,
      userAgent,
    };
    const note = { type: 'request.denied', address, requestId } as const;
    const { reference, organizationId, directoryId } = denial;
    const where = reference === undefined ? { organizationId, directoryId } : whereOf({ references: [reference] });
    audit.tallies.note(where, { ...note, credentialId: denial.credentialId, data });
    if (denial.own) audit.tallies.note(denial.own, { ...note, data: { ...data, elsewhere: true } });
    account(attempt, told.reason, startedAt, denial.credentialId, denial.directoryId);
    return told;
  }

  /** By what the request named alone, so that it tells nothing of what was found. */
  function withWhy(denial: Denial, { directory, presented }: Attempt): Denial {
    const isBare = presented.kind === 'none' && presented.subReason === undefined;
    const why = directory === undefined || isBare ? undefined : deps.whyCodeFor?.(directory);
    return why === undefined ? denial : { ...denial, why };
  }

  /** Where a refusal is told. What was decided without a read is looked up behind the answer. */
  async function whereOf({ references }: { references: readonly string[] }): Promise<Subject> {
    if (lookups >= MOST_LOOKUPS) return {};
    lookups++;
    try {
      for (const reference of references) {
        const found = await findDirectory(directories, reference);
        if (found) return { organizationId: found.organizationId, directoryId: found.id };
      }
      return {};
    } finally {
      lookups--;
    }
  }

  /** A name is counted whether there is such a directory or not, so that the limit tells nobody which ones exist. */
  function limit(address: string, directory: string | undefined): number | undefined {
    const ofAddress = byAddress.take(networkOf(address)) ?? 0;
    const ofDirectory = directory === undefined ? 0 : (byDirectory.take(directory.slice(0, LONGEST_NAME)) ?? 0);
    return Math.max(ofAddress, ofDirectory) || undefined;
  }

  function account(
    attempt: Attempt,
    outcome: string,
    startedAt: number,
    credentialId?: string,
    directoryId?: string,
  ): void {
    const elapsed = clock.monotonicMs() - startedAt;
    metrics.verification(attempt.surface, outcome, elapsed / 1000);
    if (logShare > 0 && Math.random() < logShare) {
      const { surface, method, address, requestId } = attempt;
      log.info(
        {
          surface,
          method: method && withoutSecrets(method),
          outcome,
          address,
          requestId,
          credentialId,
          directoryId,
          ms: Math.round(elapsed * 1000) / 1000,
        },
        'verified',
      );
    }
  }

  async function checkLater(deciding: Promise<Decision>, attempt: Attempt, startedAt: number): Promise<Decision> {
    let decision: Decision;
    try {
      decision = await within(deps.answerMs, deciding);
      // What seems to have ended may still be good: a wrong clock is our fault, and never the identity provider's.
      if (!decision.allowed && !deps.hasRightClock()) throw wrongClock();
    } catch (error) {
      account(attempt, 'unavailable', startedAt);
      throw error;
    }
    if (decision.allowed) {
      accept(decision.grant, attempt, startedAt);
      return decision;
    }
    return { allowed: false, denial: refuse(decision.denial, attempt, startedAt) };
  }

  return {
    findKnown,

    async noteStray(stray) {
      const { presented, foundIn, references, subReason, path, address, requestId, method, userAgent } = stray;
      // A caller who tries many addresses costs the store nothing.
      if (byAddress.take(networkOf(address)) !== undefined) return;
      const known = presented.kind === 'token' ? await findKnown(presented.value) : undefined;
      const found = known?.credential;
      const { organizationId, directoryId } = found ?? (await whereOf({ references }));
      if (directoryId === undefined) return;
      const hint = found?.kind === 'bearer' ? found.hint : undefined;
      const place = { surface: 'elsewhere', path, foundIn };
      const data = { reason: 'directory_unknown', subReason, ...place, method, hint, userAgent };
      const note = { type: 'request.denied', address, requestId } as const;
      audit.tallies.note({ organizationId, directoryId }, { ...note, credentialId: found?.id, data });
    },

    check(attempt) {
      const startedAt = clock.monotonicMs();
      const network = networkOf(attempt.address);
      const wait = floods.waitOf(network);
      if (wait !== undefined) {
        floods.hold(network, attempt.directory, attempt);
        account(attempt, 'rate_limited', startedAt);
        return { allowed: false, denial: { reason: 'rate_limited', retryAfterSeconds: wait } };
      }
      const decision = verify(attempt);
      if (decision instanceof Promise || !decision.allowed)
        return checkLater(Promise.resolve(decision), attempt, startedAt);
      accept(decision.grant, attempt, startedAt);
      return decision;
    },
    findCaller(value) {
      if (!API_KEY.test(value)) return undefined;
      const found = callers.get(digestOfCaller(value));
      return found instanceof Promise ? found.then(withinEnd) : withinEnd(found);
    },
    limitCaller: (address) => byAddress.take(networkOf(address)),
    waitOfCaller: (address) => floods.waitOf(networkOf(address)),
    spareCaller: (address) => floods.spare(networkOf(address)),

    settle() {
      for (const { attempt, times, isMixed } of floods.release()) {
        const { directory: reference, address, requestId, surface, method, userAgent } = attempt;
        const data = { reason: 'rate_limited', surface, ...(!isMixed && { method, userAgent }) };
        const where = reference === undefined || isMixed ? {} : whereOf({ references: [reference] });
        const note = { type: 'request.denied', address: isMixed ? undefined : address, requestId } as const;
        audit.tallies.note(where, { ...note, data }, times);
      }
    },
  };

  /** Throws storage_unavailable where the clock is wrong: then an end that seems to have passed may be still to come. */
  function withinEnd(found: ApiKey | undefined): ApiKey | undefined {
    const isOver = found === undefined || (found.expiresAt !== undefined && found.expiresAt <= clock.now());
    if (!isOver) return found;
    if (!deps.hasRightClock()) throw wrongClock();
    return undefined;
  }
}

function wrongClock(): AppError {
  return new AppError('storage_unavailable', {}, { cause: new Error('the clock is wrong') });
}
