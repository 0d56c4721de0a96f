/**
 * The composition root: makes every part, gives each exactly what it uses, and mounts them. The three surfaces that each SCIM request
 * crosses, and what machines poll, are plain node:http handlers; everything for people and their scripts is a Koa application.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import Koa from 'koa';
import { createAdmin } from './admin/index.ts';
import { createAudit } from './audit/index.ts';
import { type Clock, DAY_MS } from './clock.ts';
import type { Config, readSources } from './config.ts';
import { createApiKeys, createCredentials, createRemoval, createUsage, createWeakValues } from './credentials/index.ts';
import { createDashboard } from './dashboard/index.tsx';
import { createCheck, createDiagnoses, outcomeClassOf } from './diagnosis/index.ts';
import {
  createDirectories,
  createOrganizations,
  createUpstreamPolicy,
  ENDPOINT_KEY,
  PRIVATE_RANGES,
} from './directories/index.ts';
import { AppError, asAppError } from './errors.ts';
import {
  createScimGateway,
  createTransport,
  createUpstreamCredentials,
  fallbackCredentialOf,
  isFailure,
  KINDS,
  OUTCOMES,
} from './gateway/index.ts';
import { counted } from './http/counted.ts';
import { sendProblem } from './http/error-responses.ts';
import { createFailureLimits } from './http/failure-limits.ts';
import { createHosts } from './http/hosts.ts';
import { createRequestContext, createTrust, newRequestId } from './http/request-context.ts';
import { originForm, withoutSlashAtEnd } from './http/request-target.ts';
import { UNREADABLE, type UnreadableRequest } from './http/server.ts';
import { createIdempotency } from './idempotency/index.ts';
import type { Random } from './identifiers.ts';
import type { Log } from './log.ts';
import { createNotifications, TARGET_KINDS } from './notifications/index.ts';
import { createOauth, TOKEN_OUTCOMES } from './oauth/index.ts';
import { createPortalLinks } from './one-time-links/index.ts';
import {
  ANNOUNCE_EVERY_MS,
  createInstances,
  createMetrics,
  createOperations,
  createSiblings,
  type Siblings,
  workersOf,
} from './operations/index.ts';
import { createOperators } from './operators/index.ts';
import { ASSETS_PREFIX, createAssets, readBrand } from './pages/index.ts';
import { createPortal, renderAuthorizationError } from './portal/index.tsx';
import { createCampaigns, createCredentialReport, createEvidence } from './reports/index.ts';
import { withoutUnguessable } from './secrets/redaction.ts';
import { unseal } from './secrets/sealing.ts';
import { observed, type Storage } from './storage/index.ts';
import { ANSWER_MS } from './timing/deadline.ts';
import type { Round } from './timing/rounds.ts';
import {
  createForwardAuth,
  createIntrospection,
  createMisplaced,
  createResourceMetadata,
  createVerification,
  DENIAL_REASONS,
  RESOURCE_METADATA_PREFIX,
  SURFACES,
} from './verification/index.ts';

export interface AppDependencies {
  config: Config;
  /** Where each setting comes from. */
  sources: ReturnType<typeof readSources>;
  /** What the world sees; config's, or made of the address that is listened on. */
  publicUrl: string;
  /** The address that is listened on; missing for the command line. */
  listening?: { address: string; port: number };
  storage: Storage;
  clock: Clock;
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
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

export type App = Awaited<ReturnType<typeof createApp>>;

/** Clocks of two machines do not tick alike; a lease is waited out a little longer than it lasts. */
const LEASE_MARGIN_MS = 5;
/** What the writes of a change may take beside the lease that it waits out. */
const CHANGE_MS = 3500;
/** Load balancers ask for health by names of their own; forward-auth has the host of the API that the proxy protects. */
const ANY_HOST = /^\/(?:healthz$|readyz$|auth\/verify(?:\/|$))/;
/** A year, and not for hosts below ours: those are not ours to decide about. */
const HSTS = 'max-age=31536000';
const RECOVERY_AGE_MS = 10_000;
/** Exchanges of one directory at a time, so that none can keep the others from the server that they share. */
const EXCHANGES_PER_DIRECTORY = 100;
const READS = ['GET', 'HEAD', 'OPTIONS'];
const SECOND = 1000;

/** Prepares the store and returns what answers requests. Throws storage_unavailable. */
export async function createApp(deps: AppDependencies) {
  const { config, publicUrl, clock, random, log, version, serves = true, siblings = createSiblings() } = deps;
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
  const instances = createInstances({ storage, clock, random, log, leaseMs });
  const waitOutLease = async () => {
    const longestMs = await instances.longestLeaseMs();
    if (longestMs > 0) await clock.wait(longestMs + LEASE_MARGIN_MS);
  };

  // A lease of many seconds is waited out all the same.
  const answerMs = Math.max(ANSWER_MS, leaseMs + CHANGE_MS);

  const audit = createAudit({ storage, clock, random, log });
  const organizations = createOrganizations({ storage, audit, clock, random });
  const ourselves = { publicUrl, listening: deps.listening, databaseUrl: config.LATCHKEY_DATABASE_URL };
  const upstreamPolicy = createUpstreamPolicy({
    ...ourselves,
    allow: [...config.LATCHKEY_UPSTREAM_ALLOW, ...(config.LATCHKEY_UPSTREAM_ALLOW_PRIVATE ? PRIVATE_RANGES : [])],
  });
  const publicPolicy = createUpstreamPolicy({ ...ourselves, allow: [] });
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
    answerMs,
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
    secret: deps.secret,
    clock,
    log,
    share,
    onChange: (change) => notifications.findingsChanged(change),
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
      const { kind, outcome, cause, status, detail, method, grant, address, requestId } = done;
      const { credential, directory } = grant;
      diagnoses.requestLog.note(done);
      metrics.upstream(kind, outcome);
      diagnoses.traffic.outcome(directory, kind, outcomeClassOf(outcome), 'gateway');
      if (!isFailure(outcome)) return;
      audit.tallies.note(
        { organizationId: directory.organizationId, directoryId: directory.id },
        {
          type: 'upstream.failed',
          credentialId: credential.id,
          actor: { type: 'system', name: 'gateway' },
          address,
          requestId,
          data: { reason: `upstream_${outcome}`, kind, method, cause, status, detail },
        },
      );
    },
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
  const idleMs = config.LATCHKEY_SESSION_IDLE_MINUTES * 60 * SECOND;
  const portalLinks = createPortalLinks({ storage, audit, clock, random, organizations, idleMs });
  const operators = createOperators({
    storage,
    audit,
    clock,
    random,
    secret: deps.secret,
    publicUrl,
    idleMs,
    onSignIn: metrics.signIn,
    share,
  });
  const webhookMs = config.LATCHKEY_WEBHOOK_TIMEOUT_MS;
  const notifications = createNotifications({
    storage,
    audit,
    clock,
    random,
    log,
    organizations,
    directories,
    credentials,
    clients: oauth.clients,
    apiKeys,
    portalLinks,
    operators,
    spoken: diagnoses.spoken,
    async isWorking(directory) {
      const { findings } = await diagnoses.current.of(directory);
      const isWell = findings.every(
        ({ severity, code }) => severity === 'fine' || severity === 'notice' || code === 'healed_but_missed',
      );
      return isWell && findings.some(({ code }) => code.startsWith('working') || code === 'healed_but_missed');
    },
    brand: { name: brand.name, support: brand.support },
    smtp: smtpOf(config),
    mailsPerMinute: config.LATCHKEY_MAIL_PER_MINUTE,
    transport: createTransport({ policy: upstreamPolicy, connectTimeoutMs: webhookMs, timeoutMs: webhookMs }),
    policy: upstreamPolicy,
    publicTransport: createTransport({ policy: publicPolicy, connectTimeoutMs: webhookMs, timeoutMs: webhookMs }),
    publicPolicy,
    secret: deps.secret,
    publicUrl,
    version,
    timeoutMs: webhookMs,
    leaseMs,
    waitOutLease,
    onDelivered: metrics.delivery,
  });
  metrics.measureQueue(notifications.measure);
  const credentialReport = createCredentialReport({ credentials, directories, organizations, usage, clock });
  const campaigns = createCampaigns({
    storage,
    audit,
    clock,
    random,
    log,
    credentials,
    directories,
    organizations,
    portalLinks,
    notifications,
    report: credentialReport,
    publicUrl,
  });
  const evidence = createEvidence({
    audit,
    usage,
    organizations,
    directories,
    credentials,
    apiKeys,
    operators,
    clock,
    issuer: publicUrl,
    leaseMs: leaseMs + LEASE_MARGIN_MS,
    signDocument: oauth.signDocument,
  });
  const check = createCheck({ verification, credentials, directories, usage, audit, clock });
  const portal = createPortal({
    links: portalLinks,
    notifications,
    oauth,
    clients: oauth.clients,
    organizations,
    directories,
    credentials,
    usage,
    audit,
    diagnoses,
    check,
    clock,
    log,
    context,
    publicUrl,
    brand,
    random,
    idempotency,
  });
  const admin = createAdmin({
    idempotency,
    audit,
    clock,
    log,
    organizations,
    directories,
    testUpstream: gateway.test,
    storage,
    leaks: {
      action: config.LATCHKEY_LEAK_ACTION,
      keysUrl: config.LATCHKEY_LEAK_KEYS_URL,
      keys: config.LATCHKEY_LEAK_KEYS,
      fetch: deps.fetch ?? fetch,
    },
    diagnoses,
    check,
    credentials,
    removal,
    apiKeys,
    usage,
    clients: oauth.clients,
    connectByHand: oauth.connectByHand,
    importConnection: oauth.importConnection,
    portalLinks,
    operators,
    notifications,
    credentialReport,
    evidence,
    campaigns,
    verification,
    context,
    publicUrl,
    answerMs,
    version,
  });
  const dashboard = createDashboard({
    config,
    sources: deps.sources,
    organizations,
    directories,
    testUpstream: gateway.test,
    credentials,
    removal,
    apiKeys,
    usage,
    audit,
    diagnoses,
    check,
    clients: oauth.clients,
    connectByHand: oauth.connectByHand,
    keys: oauth.keys,
    portalLinks,
    clock,
    log,
    context,
    publicUrl,
    notifications,
    credentialReport,
    evidence,
    campaigns,
    operators,
    idempotency,
    random,
    secret: deps.secret,
  });

  await storage.prepare([...audit.migrations, ...diagnoses.current.migrations]);
  if (serves) await instances.announce();
  await oauth.reload();

  const koa = new Koa();
  koa.silent = true;
  for (const middleware of admin) koa.use(middleware);
  koa.use(dashboard);
  koa.use(portal);
  koa.use((ctx) => {
    if (ctx.path === '/') return ctx.redirect('/dashboard');
    ctx.respond = false;
    sendProblem(
      ctx.res,
      new AppError('not_found', { detail: `There is nothing at ${ctx.path.slice(0, 200)}.` }),
      context.requestIdOf(ctx.req),
    );
  });

  const misplaced = createMisplaced({ verification, context, log });
  const people = koa.callback();
  const browsed = forBrowsers(people);
  const OURS = /^\/(?:$|api\/|dashboard(?:\/|$))/;
  const rest: Handler = (request, response) => {
    if (!OURS.test(request.url ?? '') && misplaced(request, response)) return;
    const [, place] = /^\/(api\/v1|dashboard|portal|connect)(?=[/?]|$)/.exec(request.url ?? '') ?? [];
    if (place === 'api/v1') counted(response, metrics.adminApi);
    else if (place === 'connect') counted(response, (status) => metrics.page('authorization', status));
    else if (place === 'dashboard' || place === 'portal') counted(response, (status) => metrics.page(place, status));
    return browsed(request, response);
  };
  const authorize = forBrowsers((request, response) => {
    counted(response, (status) => metrics.page('authorization', status));
    return oauth.authorize(request, response);
  });
  const forwardAuth = createForwardAuth({ verification, directories, context, publicUrl });
  /** Where each address leads; the first that fits answers. A slash at the end stands for everything below. */
  const mounts: [path: string, handler: Handler][] = [
    ['/scim/v2/', gateway.handle],
    ['/auth/verify', forwardAuth],
    ['/auth/verify/', forwardAuth],
    [
      '/oauth/introspect',
      createIntrospection({ verification, failures, usedKey: usage.accepted, context, clock, publicUrl }),
    ],
    ['/oauth/token', withRightClock(oauth.token)],
    ['/oauth/revoke', oauth.token],
    ['/oauth/authorize', authorize],
    ['/oauth/authorize/', authorize],
    ['/oauth/jwks', oauth.publish],
    ['/.well-known/oauth-authorization-server', oauth.publish],
    [ASSETS_PREFIX, forBrowsers(createAssets(assets))],
    [RESOURCE_METADATA_PREFIX, createResourceMetadata({ publicUrl, context })],
    ['/healthz', operations.health],
    ['/readyz', operations.ready],
    ['/metrics', operations.metrics],
    ['/', withRightClock(rest)],
  ];

  /** Machines never begin with http, so they need not be told to go on with https. */
  function forBrowsers(handler: Handler): Handler {
    if (!publicUrl.startsWith('https:')) return handler;
    return (request, response) => {
      response.setHeader('Strict-Transport-Security', HSTS);
      return handler(request, response);
    };
  }

  /** What has an end can't be refused by a clock that is wrong: an identity provider would give up. */
  function withRightClock(handler: Handler): Handler {
    return (request, response) => {
      // Looking is harmless; a change can end what seems to be past its end, as an issue does that needs a slot.
      if (instances.hasRightClock() || READS.includes(request.method ?? '')) return handler(request, response);
      throw new AppError('storage_unavailable', {}, { cause: new Error('the clock is wrong') });
    };
  }

  const hosts = createHosts({
    publicUrl,
    names: config.LATCHKEY_HOSTS,
    isTrusted: createTrust(config.LATCHKEY_TRUSTED_PROXIES),
  });

  const rounds: Round[] = [
    { name: 'usage', everyMs: 5 * SECOND, run: usage.flush, trustsNoClock: true, ofEachWorker: true },
    { name: 'denials', everyMs: 3 * SECOND, run: writeRefusals, trustsNoClock: true, ofEachWorker: true },
    {
      name: 'traffic',
      everyMs: 5 * SECOND,
      run: () => diagnoses.traffic.flush(),
      trustsNoClock: true,
      ofEachWorker: true,
    },
    {
      name: 'request log',
      everyMs: 2 * SECOND,
      run: diagnoses.requestLog.flush,
      trustsNoClock: true,
      ofEachWorker: true,
    },
    { name: 'findings', everyMs: 2 * SECOND, run: diagnoses.current.run },
    { name: 'fleets', everyMs: 60 * SECOND, run: diagnoses.traffic.fleet.run },
    { name: 'first findings', everyMs: 10 * SECOND, run: diagnoses.current.sweep },
    { name: 'due credentials', everyMs: 5 * SECOND, run: credentials.advance },
    { name: 'instances', everyMs: ANNOUNCE_EVERY_MS, run: instances.announce, trustsNoClock: true, ofEachWorker: true },
    { name: 'signing keys', everyMs: 30 * SECOND, run: oauth.reload, ofEachWorker: true },
    { name: 'notices', everyMs: 20 * SECOND, run: notifications.advance },
    { name: 'campaigns', everyMs: 5 * SECOND, run: campaigns.advance },
    { name: 'deliveries', everyMs: SECOND, run: notifications.run },
    { name: 'recovery', everyMs: 15 * SECOND, run: () => audit.recover(RECOVERY_AGE_MS) },
    { name: 'expired records', everyMs: 600 * SECOND, run: () => storage.reclaim() },
    { name: 'retention', everyMs: 3600 * SECOND, run: forgetOld },
  ];

  async function writeRefusals(): Promise<void> {
    verification.settle();
    await audit.tallies.flush();
  }

  async function forgetOld(): Promise<void> {
    const before = (days: number) => new Date(clock.now().getTime() - days * DAY_MS);
    const { LATCHKEY_EVENTS_RETENTION_DAYS: eventDays, LATCHKEY_USAGE_RETENTION_DAYS: usageDays } = config;
    if (eventDays > 0) await audit.prune(before(eventDays));
    if (usageDays > 0) await usage.prune(before(usageDays));
    await notifications.prune();
    if (usageDays > 0) await diagnoses.traffic.prune(before(usageDays));
  }

  // Nobody's answer waits for it, and a start need not either.
  const recovered = audit.recover(0).catch((error: unknown) => {
    log.warn({ err: error, round: 'recovery' }, 'a background round failed; it is tried again');
  });

  return {
    apiKeys,
    credentials,
    operators,
    keys: oauth.keys,
    rounds,
    notifications,
    hasRightClock: instances.hasRightClock,
    /** The request listener of the whole product. */
    handle(request: IncomingMessage, response: ServerResponse): void {
      try {
        request.url = withoutSlashAtEnd(originForm(request.url ?? '/'));
        const answering = handlerOf(request, request.url)(request, response);
        if (answering) answering.catch(fail);
      } catch (error) {
        fail(error);
      }
      function fail(error: unknown): void {
        const requestId = context.requestIdOf(request);
        const told = asAppError(error);
        if (told.status >= 500) log.error({ err: error, requestId }, 'a request failed');
        sendProblem(response, told, requestId);
      }
    },
    /** What reached the server and was no request; gives the ID under which it is told. */
    noteUnreadable({ reason, target, method, address }: UnreadableRequest): string {
      const requestId = newRequestId(clock.now());
      metrics.unreadable(reason);
      const endpointKey = /^\/scim\/v2\/([^/?]+)/.exec(target ?? '')?.[1];
      if (endpointKey === undefined || !ENDPOINT_KEY.test(endpointKey)) return requestId;
      directories.findByReference(endpointKey).then(
        (found) => {
          if (!found) return;
          const where = { organizationId: found.organizationId, directoryId: found.id };
          audit.tallies.note(where, { type: 'request.unreadable', address, requestId, data: { reason, method } });
        },
        (error: unknown) => log.warn({ err: error, requestId }, 'an unreadable request could not be placed'),
      );
      return requestId;
    },
    drain: operations.drain,
    /** Waits until what was acknowledged has been told, as far as that can be now. */
    async settled(): Promise<void> {
      await recovered;
      await audit.settled();
      await notifications.settled();
    },
    /** Writes what has been counted, and waits for what is under way. */
    async close(): Promise<void> {
      await Promise.all([recovered, gateway.close(), notifications.close()]);
      await Promise.allSettled([
        usage.flush(),
        writeRefusals(),
        diagnoses.traffic.flush(true),
        diagnoses.requestLog.flush(),
        instances.leave(),
      ]);
      await audit.settled();
    },
  };

  /** Throws misdirected. */
  function handlerOf(request: IncomingMessage, url: string): Handler {
    const mark = url.indexOf('?');
    const path = mark === -1 ? url : url.slice(0, mark);
    const stranger = ANY_HOST.test(path) ? undefined : hosts.strangerIn(request);
    if (stranger !== undefined) {
      const host = withoutUnguessable(stranger);
      const detail = `Host must be ${new URL(publicUrl).host}, or a name in LATCHKEY_HOSTS. The request has ${host}.`;
      throw new AppError('misdirected', { detail });
    }
    const found = mounts.find(([mount]) => (mount.endsWith('/') ? path.startsWith(mount) : path === mount));
    return found ? found[1] : rest;
  }
}

/** Where email goes out, and as whom; undefined while it is off. */
export function smtpOf(config: Config) {
  const { LATCHKEY_SMTP_URL: url, LATCHKEY_MAIL_FROM: from, LATCHKEY_MAIL_REPLY_TO: replyTo } = config;
  return url === undefined || from === undefined ? undefined : { url, from, replyTo };
}
