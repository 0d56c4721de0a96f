/** The admin API: the table of its operations becomes its routes, its description and the page that shows it. */
import type { Middleware } from 'koa';
import type { Audit } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import type { ApiKeys, Credentials, Removal, Usage } from '../credentials/index.ts';
import type { Check, Diagnoses } from '../diagnosis/index.ts';
import type { Directories, Organizations } from '../directories/index.ts';
import type { ScimGateway } from '../gateway/index.ts';
import type { RequestContext } from '../http/request-context.ts';
import type { Idempotency } from '../idempotency/index.ts';
import type { Log } from '../log.ts';
import type { Notifications } from '../notifications/index.ts';
import type { Clients, Oauth } from '../oauth/index.ts';
import type { PortalLinks } from '../one-time-links/index.ts';
import type { Operators } from '../operators/index.ts';
import { pageHeaders } from '../pages/index.ts';
import type { Campaigns, CredentialReport, Evidence } from '../reports/index.ts';
import type { Storage } from '../storage/index.ts';
import type { Verification } from '../verification/index.ts';
import { apiKeyOperations } from './api-keys.ts';
import { campaignOperations } from './campaigns.ts';
import { checkOperations } from './check.ts';
import { clientOperations } from './clients.ts';
import { contactOperations } from './contacts.ts';
import { credentialOperations } from './credentials.ts';
import { deliveryOperations } from './deliveries.ts';
import { diagnosisOperations } from './diagnosis.ts';
import { directoryOperations } from './directories.ts';
import { eventOperations } from './events.ts';
import { evidenceOperations } from './evidence.ts';
import { findingOperations } from './findings.ts';
import { importOperations } from './imports.ts';
import { createLeaks, type LeakDependencies } from './leaks.ts';
import { describeApi } from './openapi.ts';
import type { Operation } from './operation.ts';
import { operatorOperations } from './operators.ts';
import { organizationOperations } from './organizations.ts';
import { outcomeOperations } from './outcomes.ts';
import { portalLinkOperations } from './portal-links.ts';
import { renderReference } from './reference.tsx';
import { reportOperations } from './reports.ts';
import { requestLogOperations } from './request-log.ts';
import { createAdminRouter } from './router.ts';
import { webhookOperations } from './webhooks.ts';

interface AdminDependencies {
  idempotency: Idempotency;
  audit: Audit;
  clock: Clock;
  log: Log;
  organizations: Organizations;
  directories: Directories;
  testUpstream: ScimGateway['test'];
  diagnoses: Diagnoses;
  storage: Storage;
  leaks: LeakDependencies['leaks'];
  check: Check;
  credentials: Credentials;
  removal: Removal;
  apiKeys: ApiKeys;
  usage: Usage;
  clients: Clients;
  connectByHand: Oauth['connectByHand'];
  importConnection: Oauth['importConnection'];
  portalLinks: PortalLinks;
  operators: Operators;
  notifications: Notifications;
  credentialReport: CredentialReport;
  evidence: Evidence;
  campaigns: Campaigns;
  verification: Verification;
  context: RequestContext;
  publicUrl: string;
  /** What the store and a lease may cost one request in all. */
  answerMs: number;
  version: string;
}

export function createAdmin(deps: AdminDependencies): Middleware[] {
  const { idempotency, log, usage, verification, context, publicUrl, answerMs, version } = deps;
  const operations: Operation[] = [
    ...organizationOperations(deps),
    ...directoryOperations(deps),
    ...diagnosisOperations(deps),
    ...findingOperations(deps),
    ...requestLogOperations(deps),
    ...checkOperations(deps),
    ...outcomeOperations(deps),
    ...credentialOperations(deps),
    ...clientOperations(deps),
    ...importOperations(deps),
    ...portalLinkOperations(deps),
    ...reportOperations(deps),
    ...evidenceOperations(deps),
    ...campaignOperations(deps),
    ...eventOperations(deps),
    ...apiKeyOperations(deps),
    ...operatorOperations(deps),
    ...contactOperations(deps),
    ...webhookOperations(deps),
    ...deliveryOperations(deps),
  ];
  // Describing takes longer than the rest of a start, and most processes are never asked.
  let described: { json: string; page: ReturnType<typeof renderReference> } | undefined;
  const describe = () => {
    const description = describeApi(operations, publicUrl, version);
    return { json: JSON.stringify(description), page: renderReference(description) };
  };

  const documentation: Middleware = async (koa, next) => {
    if (koa.method !== 'GET' && koa.method !== 'HEAD') return next();
    if (koa.path !== '/api/openapi.json' && koa.path !== '/api/docs') return next();
    described ??= describe();
    const { json, page } = described;
    if (koa.path === '/api/openapi.json') {
      koa.type = 'application/json; charset=utf-8';
      koa.body = json;
    } else {
      koa.set(pageHeaders());
      koa.type = 'text/html; charset=utf-8';
      koa.body = page;
    }
  };

  return [
    documentation,
    createLeaks(deps),
    createAdminRouter({
      operations,
      idempotency,
      context,
      log,
      findCaller: verification.findCaller,
      limitCaller: verification.limitCaller,
      waitOfCaller: verification.waitOfCaller,
      spareCaller: verification.spareCaller,
      answerMs,
      usedKey: usage.accepted,
    }),
  ];
}
