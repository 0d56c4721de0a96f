/** What machines talk to: credentials and who issues them, the decision about each request, the gateway, and what is wrong with a directory. */
import {
  createApiKeys,
  createCredentials,
  createRemoval,
  createUsage,
  createWeakValues,
} from '../credentials/index.ts';
import { createCheck, createDiagnoses, type FindingChange, outcomeClassOf } from '../diagnosis/index.ts';
import { createDirectories, createOrganizations } from '../directories/index.ts';
import { createScimGateway, createUpstreamCredentials, fallbackCredentialOf, isFailure } from '../gateway/index.ts';
import { createOauth } from '../oauth/index.ts';
import { workersOf } from '../operations/index.ts';
import { renderAuthorizationError } from '../portal/index.tsx';
import { unseal } from '../secrets/sealing.ts';
import { createVerification } from '../verification/index.ts';
import type { AppDependencies, Foundation } from './foundation.ts';

export type Machines = ReturnType<typeof createMachines>;

/** Exchanges of one directory at a time, so that none can keep the others from the server that they share. */
const EXCHANGES_PER_DIRECTORY = 100;
const SECOND = 1000;

/** `onFindings` hears of each change of a directory's findings. */
export function createMachines(
  deps: AppDependencies,
  foundation: Foundation,
  onFindings: (change: FindingChange) => Promise<void>,
) {
  const { config, publicUrl, random, log } = deps;
  const {
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
    context,
    brand,
    failures,
    upstreamPolicy,
    lookUpName,
  } = foundation;
  const organizations = createOrganizations({ storage, audit, clock, random });
  const directories = createDirectories({
    storage,
    audit,
    clock,
    random,
    organizations,
    upstreamPolicy,
    secret: deps.secret,
    waitOutLease,
  });
  const usage = createUsage({ storage, clock });
  const weakValues = createWeakValues({ storage, clock, secret: deps.secret, leaseMs, waitOutLease });
  const credentials = createCredentials({
    storage,
    audit,
    clock,
    random,
    directories,
    usage,
    weakValues,
    waitOutLease,
    retireQuietMs: config.LATCHKEY_RETIRE_QUIET_SECONDS * SECOND,
    retireOverdueMs: config.LATCHKEY_RETIRE_OVERDUE_SECONDS * SECOND,
  });
  const removal = createRemoval({ organizations, directories, credentials, waitOutLease });
  const apiKeys = createApiKeys({ storage, audit, clock, random, waitOutLease });
  const oauth = createOauth({
    storage,
    audit,
    clock,
    random,
    log,
    context,
    directories,
    credentials,
    usage,
    weakValues,
    issuer: publicUrl,
    secret: deps.secret,
    rotateKeysAfterDays: config.LATCHKEY_OAUTH_KEY_DAYS,
    allowHttpRedirects: config.LATCHKEY_OAUTH_ALLOW_HTTP_REDIRECTS,
    jwksHosts: config.LATCHKEY_OAUTH_JWKS_HOSTS,
    fetch: deps.fetch ?? fetch,
    answerMs: changeMs,
    failures,
    waitOutLease,
    onTokenAnswer: metrics.token,
    renderError: (error, description, asked) => renderAuthorizationError(error, description, asked, brand),
  });
  const diagnoses = createDiagnoses({
    storage,
    audit,
    credentials,
    directories,
    usage,
    clients: oauth.clients,
    publicUrl,
    hasSharedServerCredential: config.LATCHKEY_UPSTREAM_CREDENTIAL !== undefined,
    secret: deps.secret,
    clock,
    log,
    share,
    onChange: onFindings,
  });
  const verification = createVerification({
    credentials,
    directories,
    findAccessToken: oauth.findAccessToken,
    apiKeys,
    usage,
    audit,
    clock,
    metrics,
    log,
    answerMs,
    leaseMs,
    cacheEntries: config.LATCHKEY_CACHE_ENTRIES,
    failuresPerAddress: config.LATCHKEY_FAILURES_PER_ADDRESS,
    failuresPerDirectory: config.LATCHKEY_FAILURES_PER_DIRECTORY,
    share,
    logShare: config.LATCHKEY_LOG_VERIFICATIONS,
    hasRightClock: instances.hasRightClock,
    onAccepted: diagnoses.traffic.accepted,
    whyCodeFor: diagnoses.whyCodeFor,
  });
  metrics.countCredentials(credentials.countByState);
  metrics.measureClock(instances.skewMs);

  const gateway = createScimGateway({
    verification,
    context,
    clock,
    publicUrl,
    log,
    upstreamPolicy,
    lookUpName,
    random,
    credentials: createUpstreamCredentials({
      fallback: fallbackCredentialOf(config),
      unseal: (sealed) => unseal(sealed, deps.secret, 'upstream credentials'),
      sign: oauth.signForUpstream,
      clock,
    }),
    connectTimeoutMs: config.LATCHKEY_UPSTREAM_CONNECT_TIMEOUT_MS,
    exchangesPerDirectory: Math.ceil(EXCHANGES_PER_DIRECTORY / workersOf(config.LATCHKEY_WORKERS)),
    headersTimeoutMs: config.LATCHKEY_UPSTREAM_HEADERS_TIMEOUT_MS,
    timeoutMs: config.LATCHKEY_UPSTREAM_TIMEOUT_MS,
    onAnswer: metrics.gateway,
    onOutcome(done) {
      const { kind, outcome, cause, status, detail, contentType, redirectsTo } = done;
      const { method, grant, address, requestId } = done;
      const { credential, directory } = grant;
      diagnoses.requestLog.note(done);
      metrics.upstream(kind, outcome);
      diagnoses.traffic.outcome(directory, kind, outcomeClassOf(outcome, cause), 'gateway');
      if (!isFailure(outcome)) return;
      audit.tallies.note(
        { organizationId: directory.organizationId, directoryId: directory.id },
        {
          type: 'upstream.failed',
          credentialId: credential.id,
          actor: { type: 'system', name: 'gateway' },
          address,
          requestId,
          data: { reason: `upstream_${outcome}`, kind, method, cause, status, detail, contentType, redirectsTo },
        },
      );
    },
  });
  const check = createCheck({
    verification,
    identify: oauth.identify,
    credentials,
    directories,
    usage,
    audit,
    clock,
  });
  return {
    organizations,
    directories,
    usage,
    credentials,
    removal,
    apiKeys,
    oauth,
    diagnoses,
    verification,
    gateway,
    check,
  };
}
