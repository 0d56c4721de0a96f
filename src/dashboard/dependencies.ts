import type { Audit } from '../audit/index.ts';
import type { Config, SettingKey, SettingSource } from '../config/index.ts';
import type { ApiKeys, Credentials, Removal, Usage } from '../credentials/index.ts';
import type { Check, Diagnoses } from '../diagnosis/index.ts';
import type { Directories, Organizations } from '../directories/index.ts';
import type { ScimGateway } from '../gateway/index.ts';
import type { Notifications } from '../notifications/index.ts';
import type { Clients, Oauth } from '../oauth/index.ts';
import type { PortalLinks } from '../one-time-links/index.ts';
import type { Operators } from '../operators/index.ts';
import type { PipelineDependencies } from '../pages/index.ts';
import type { Campaigns, CredentialReport, Evidence } from '../reports/index.ts';

/** What the pages of the dashboard are made with. */
export interface DashboardDependencies extends PipelineDependencies {
  config: Config;
  sources: Readonly<Record<SettingKey, SettingSource>>;
  organizations: Organizations;
  directories: Directories;
  testUpstream: ScimGateway['test'];
  credentials: Credentials;
  removal: Removal;
  apiKeys: ApiKeys;
  usage: Usage;
  audit: Audit;
  diagnoses: Diagnoses;
  check: Check;
  clients: Clients;
  connectByHand: Oauth['connectByHand'];
  keys: Oauth['keys'];
  portalLinks: PortalLinks;
  operators: Operators;
  notifications: Notifications;
  credentialReport: CredentialReport;
  evidence: Evidence;
  campaigns: Campaigns;
  /** Seals what a browser keeps for a moment. */
  secret: string;
}
