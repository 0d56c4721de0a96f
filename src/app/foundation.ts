/** What every other part stands on: the store with its measures, the lease, the audit trail, who a request comes from, and where we may send. */
import { createAudit } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import type { Config, readSources } from '../config/index.ts';
import { createUpstreamPolicy, PRIVATE_RANGES } from '../directories/index.ts';
import { createNameLookups, KINDS, OUTCOMES } from '../gateway/index.ts';
import { createFailureLimits } from '../http/failure-limits.ts';
import { createRequestContext } from '../http/request-context.ts';
import { UNREADABLE } from '../http/server.ts';
import { createIdempotency } from '../idempotency/index.ts';
import type { Random } from '../identifiers.ts';
import type { Log } from '../log.ts';
import { TARGET_KINDS } from '../notifications/index.ts';
import { TOKEN_OUTCOMES } from '../oauth/index.ts';
import {
  createInstances,
  createMetrics,
  createOperations,
  createSiblings,
  type Siblings,
} from '../operations/index.ts';
import { readBrand } from '../pages/index.ts';
import { observed, type Storage } from '../storage/index.ts';
import { ANSWER_MS } from '../timing/deadline.ts';
import type { Gather } from '../timing/gathering.ts';
import { DENIAL_REASONS, SURFACES } from '../verification/index.ts';

export interface AppDependencies {
  config: Config;
  /** Where each setting comes from. */
  sources: ReturnType<typeof readSources>;
  /** What the world sees; config's, or made of the address that is listened on. */
  publicUrl: string;
  /** The address that is listened on; missing for the command line. */
  listening?: { address: string; port: number };
  storage: Storage;
  /** The machine's; what is done with the time goes by the foundation's. */
  machineClock: Clock;
  random: Random;
  log: Log;
  /** Fetches the keys of OAuth clients; the platform's own unless given. */
  fetch?: typeof fetch;
  /** What the keys of the authorization server are encrypted under. */
  secret: string;
  version: string;
  /** Whether it answers requests; the command line does not. */
  serves?: boolean;
  /** The other workers of this instance; none unless given. */
  siblings?: Siblings;
  /** What the store may cost one request, in milliseconds; `ANSWER_MS` unless given. */
  answerMs?: number;
  /** How writes that nobody waits for find together; over some milliseconds of real time unless given. */
  gather?: Gather;
}

export type Foundation = ReturnType<typeof createFoundation>;

/** Clocks of two machines do not tick alike; a lease is waited out a little longer than it lasts. */
export const LEASE_MARGIN_MS = 5;
/** The part of `answerMs` that the writes of a change may take, besides the lease that it waits out. */
const WRITES_SHARE = 7 / 8;

export function createFoundation(deps: AppDependencies) {
  const { config, publicUrl, machineClock, random, log, version, siblings = createSiblings() } = deps;
  const metrics = createMetrics(
    {
      surfaces: SURFACES,
      denials: Object.keys(DENIAL_REASONS),
      kinds: KINDS,
      upstreamOutcomes: OUTCOMES,
      unreadable: Object.keys(UNREADABLE),
      tokenOutcomes: TOKEN_OUTCOMES,
      targets: TARGET_KINDS,
    },
    version,
  );
  siblings.measure(metrics.read);
  const share = siblings.shared;
  const storage = observed(deps.storage, metrics.storage);
  const leaseMs = config.LATCHKEY_LEASE_MS;
  const instances = createInstances({ storage, clock: machineClock, random, log, leaseMs });
  const { clock } = instances;
  const waitOutLease = async () => {
    const longestMs = await instances.longestLeaseMs();
    if (longestMs > 0) await clock.wait(longestMs + LEASE_MARGIN_MS);
  };

  const { answerMs = ANSWER_MS } = deps;
  // A lease of many seconds is waited out all the same.
  const changeMs = Math.max(answerMs, leaseMs + WRITES_SHARE * answerMs);

  const audit = createAudit({ storage, clock, random, log, ...(deps.gather && { gather: deps.gather }) });
  const ourselves = { publicUrl, listening: deps.listening, databaseUrl: config.LATCHKEY_DATABASE_URL };
  const upstreamPolicy = createUpstreamPolicy({
    ...ourselves,
    allow: [...config.LATCHKEY_UPSTREAM_ALLOW, ...(config.LATCHKEY_UPSTREAM_ALLOW_PRIVATE ? PRIVATE_RANGES : [])],
  });
  const publicPolicy = createUpstreamPolicy({ ...ourselves, allow: [] });
  const context = createRequestContext(config.LATCHKEY_TRUSTED_PROXIES, clock);
  const { brand, assets } = readBrand({
    name: config.LATCHKEY_BRAND_NAME,
    color: config.LATCHKEY_BRAND_COLOR,
    logo: config.LATCHKEY_BRAND_LOGO,
    support: config.LATCHKEY_SUPPORT,
  });
  const failures = createFailureLimits({
    clock,
    perAddress: config.LATCHKEY_FAILURES_PER_ADDRESS,
    perClient: config.LATCHKEY_FAILURES_PER_DIRECTORY,
    share,
  });
  const idempotency = createIdempotency({ storage, clock });
  const operations = createOperations({
    storage,
    metrics,
    siblings,
    metricsToken: config.LATCHKEY_METRICS_TOKEN,
    isFromHere: context.isFromHere,
    clockSkewMs: () => (instances.hasRightClock() ? undefined : instances.skewMs()),
  });
  return {
    clock,
    metrics,
    share,
    storage,
    leaseMs,
    instances,
    waitOutLease,
    answerMs,
    changeMs,
    audit,
    upstreamPolicy,
    publicPolicy,
    lookUpName: createNameLookups({ clock }),
    context,
    brand,
    assets,
    failures,
    idempotency,
    operations,
  };
}
