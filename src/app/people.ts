/** What people and their scripts talk to: sign-in, notifications, reports, and the API, the dashboard and the portal in one Koa application. */
import Koa from 'koa';
import { createAdmin } from '../admin/index.ts';
import type { Config } from '../config/index.ts';
import { createDashboard } from '../dashboard/index.tsx';
import { isWorking } from '../diagnosis/index.ts';
import { AppError } from '../errors.ts';
import { createTransport } from '../gateway/index.ts';
import { sendProblem } from '../http/error-responses.ts';
import { createNotifications } from '../notifications/index.ts';
import { createPortalLinks } from '../one-time-links/index.ts';
import { createOperators } from '../operators/index.ts';
import { createPortal } from '../portal/index.tsx';
import { createCampaigns, createCredentialReport, createEvidence } from '../reports/index.ts';
import { type AppDependencies, type Foundation, LEASE_MARGIN_MS } from './foundation.ts';
import type { Machines } from './machines.ts';

export type People = ReturnType<typeof createPeople>;

const MINUTE = 60_000;

export function createPeople(deps: AppDependencies, foundation: Foundation, machines: Machines) {
  const { config, publicUrl, random, log, version } = deps;
  const { clock, metrics, share, storage, leaseMs, waitOutLease, changeMs, audit, context, brand, idempotency } =
    foundation;
  const { upstreamPolicy, publicPolicy, lookUpName } = foundation;
  const { organizations, directories, credentials, removal, apiKeys, usage, oauth, diagnoses, verification } = machines;
  const { gateway, check } = machines;
  const idleMs = config.LATCHKEY_SESSION_IDLE_MINUTES * MINUTE;
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
  const connecting = { lookUpName, connectTimeoutMs: webhookMs, timeoutMs: webhookMs };
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
    isWorking: async (directory) => isWorking((await diagnoses.current.of(directory)).findings),
    brand: { name: brand.name, support: brand.support },
    smtp: smtpOf(config),
    mailsPerMinute: config.LATCHKEY_MAIL_PER_MINUTE,
    transport: createTransport({ policy: upstreamPolicy, ...connecting }),
    policy: upstreamPolicy,
    publicTransport: createTransport({ policy: publicPolicy, ...connecting }),
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
    answerMs: changeMs,
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

  return { operators, portalLinks, notifications, campaigns, answer: koa.callback() };
}

/** Where email goes out, and as whom; undefined while it is off. */
export function smtpOf(config: Config) {
  const { LATCHKEY_SMTP_URL: url, LATCHKEY_MAIL_FROM: from, LATCHKEY_MAIL_REPLY_TO: replyTo } = config;
  return url === undefined || from === undefined ? undefined : { url, from, replyTo };
}
