import type { IdentityProvider } from './identity-provider.ts';
import { STANDARD_PRESET } from './oauth-preset.ts';

const HOUR = 3600;
const PATH = ['Enterprise applications', 'your app', 'Provisioning', 'Admin Credentials (newer portals: Connectivity)'];
const CHECKED = {
  basis: 'documented',
  at: '2026-11-27',
  source: 'https://learn.microsoft.com/en-us/entra/identity/app-provisioning/use-scim-to-provision-users-and-groups',
} as const;

export const entra: IdentityProvider = {
  name: 'Entra ID',
  agents: [{ prefix: 'microsoft azure ad scim provisioning', isDistinctive: true, basis: 'observed' }],
  networks: {
    publishedAt: 'https://www.microsoft.com/en-us/download/details.aspx?id=56519',
    says: 'The provisioning service sends from the addresses in the service tag AzureActiveDirectory.',
  },
  oauth: {
    ...STANDARD_PRESET,
    redirectUris: ['https://portal.azure.com/TokenAuthorize'],
    client: {
      authMethod: 'client_secret_basic',
      grantTypes: ['authorization_code', 'refresh_token', 'client_credentials'],
    },
    // The requirements for the gallery (26 August 2026): secrets end after one to three years, and several work at a time.
    secrets: { live: 3, lifetime: { isRequired: true, minimumDays: 365, maximumDays: 1095, defaultDays: 730 } },
    // From the same page: its validation fails for tokens of less than 60 minutes.
    accessTokenSeconds: { default: 2 * HOUR, minimum: HOUR, maximum: 6 * HOUR },
    // The administrator is told to copy `api://{applicationId}/.default`; the assertion says `api://{applicationId}`, or the bare id.
    assertions: { maximumSeconds: 24 * HOUR, audiences: ['api://{applicationId}', '{applicationId}'] },
  },
  console: {
    bearer: {
      path: PATH,
      fields: [
        { label: 'Tenant URL', filling: 'endpoint' },
        { label: 'Secret Token', filling: 'token' },
      ],
      buttons: ['Test Connection', 'Save'],
      checked: CHECKED,
    },
    oauth: {
      path: PATH,
      fields: [
        { label: 'Authentication Method', filling: { select: 'OAuth2 client credentials grant' } },
        { label: 'Tenant URL', filling: 'endpoint' },
        { label: 'Token Endpoint', filling: 'token-url' },
        { label: 'Client Identifier', filling: 'client-id' },
        { label: 'Client Secret', filling: 'client-secret' },
      ],
      buttons: ['Test Connection', 'Save'],
      // The labels of this form come from reports of the field.
      checked: { basis: 'observed', at: '2026-11-27' },
      ownClient: 'nothing',
      recommended: {
        way: 'oauth',
        why: 'Entra ID gets short-lived tokens on its own. If your form does not offer it, use a static token.',
      },
    },
  },
  reactions: {
    unauthorized: {
      does: 'pauses',
      says: 'Entra ID puts the provisioning job into quarantine after the first refused credential.',
      basis: 'documented',
    },
    rateLimited: {
      does: 'retries',
      says: 'Entra ID tries again later. If the limit persists, it can put the provisioning job into quarantine.',
      basis: 'observed',
    },
    unavailable: {
      does: 'retries',
      says: 'Entra ID tries again in a later cycle. If most requests fail, it puts the job into quarantine.',
      basis: 'documented',
    },
  },
  recovery: {
    isAutomatic: 'yes',
    retryHours: [6, 12, 24],
    givesUpAfterDays: 28,
    says: 'Entra ID sends failed changes again in its next cycle. In quarantine, it tries after 6, 12 and 24 hours, then daily, and stops after 28 days. Any success ends the quarantine.',
    byHand: { path: ['Enterprise applications', 'your app', 'Provisioning'], buttons: ['Restart provisioning'] },
    basis: 'documented',
  },
  rhythm: {
    kind: 'events',
    everyMinutes: 40,
    quietDays: 21,
    says: "Entra ID looks for changes about every 40 minutes, and doesn't send anything if nothing has changed.",
    basis: 'documented',
  },
  running: {
    path: ['Enterprise applications', 'your app', 'Provisioning'],
    shows: 'It says whether provisioning is running, stopped or in quarantine, and when the last cycle ended.',
    buttons: ['Start provisioning'],
    basis: 'documented',
  },
  mistakes: [
    {
      code: 'idp_own_token',
      says: 'Secret Token is empty, so Entra ID sends its own token.',
      fix: 'Paste the token into Secret Token.',
      basis: 'documented',
    },
    {
      code: 'wrong_path',
      says: 'Tenant URL ends in /Users, or in a query string.',
      fix: 'Paste the Tenant URL exactly as it is shown here.',
      basis: 'inferred',
    },
    {
      code: 'assertion_wrong',
      says: "The workload identity's audience is not the one that was registered.",
      fix: "Register the tenant's application ID. The audience is api:// followed by that ID.",
      basis: 'observed',
    },
  ],
  quirks: [
    {
      in: 'test',
      says: 'Test Connection reads /Users and /Groups with a filter for a random ID, and expects 200 with an empty list from both.',
      basis: 'documented',
    },
    {
      in: 'update',
      says: 'Sends booleans as text ("False") unless the tenant URL contains aadOptscim062020.',
      basis: 'documented',
    },
    { in: 'group', says: 'Reads groups with excludedAttributes=members.', basis: 'documented' },
    { in: 'discovery', says: 'Reads /Schemas; the gallery requires it.', basis: 'documented' },
    {
      in: 'create',
      says: 'Expects the server to handle at least 25 requests per second for each tenant.',
      basis: 'documented',
    },
  ],
  links: [
    {
      title: 'Application provisioning in quarantine status',
      url: 'https://learn.microsoft.com/en-us/entra/identity/app-provisioning/application-provisioning-quarantine-status',
    },
    {
      title: 'Develop and plan provisioning for a SCIM endpoint',
      url: 'https://learn.microsoft.com/en-us/entra/identity/app-provisioning/use-scim-to-provision-users-and-groups',
    },
    {
      title: 'Known issues with SCIM 2.0 compliance',
      url: 'https://learn.microsoft.com/en-us/entra/identity/app-provisioning/application-provisioning-config-problem-scim-compatibility',
    },
  ],
};
