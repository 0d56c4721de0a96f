import type { IdentityProvider } from './identity-provider.ts';
import { STANDARD_PRESET } from './oauth-preset.ts';

const PATH = ['Connections', 'Sources', 'your SCIM 2.0 source', 'Connection Settings'];

export const sailpoint: IdentityProvider = {
  name: 'SailPoint',
  agents: [{ prefix: 'apache-httpclient', isDistinctive: false, basis: 'inferred' }],
  oauth: {
    ...STANDARD_PRESET,
    client: { authMethod: 'client_secret_basic', grantTypes: ['refresh_token', 'client_credentials'] },
  },
  console: {
    bearer: {
      path: PATH,
      fields: [
        { label: 'Base URL', filling: 'endpoint' },
        { label: 'Authentication Type', filling: { select: 'API Token' } },
        { label: 'API Token', filling: 'token' },
      ],
      buttons: ['Save', 'Test Connection'],
      checked: {
        basis: 'documented',
        at: '2026-11-27',
        source:
          'https://documentation.sailpoint.com/connectors/saas/scim_2_0/help/saas_connectivity/scim_2_0_saas/api_token.html',
      },
    },
    oauth: {
      path: PATH,
      fields: [
        { label: 'Base URL', filling: 'endpoint' },
        { label: 'Authentication Type', filling: { select: 'OAuth 2.0' } },
        { label: 'Grant Type', filling: { select: 'Client Credentials' } },
        { label: 'OAuth 2.0 Token URL', filling: 'token-url' },
        { label: 'Client ID', filling: 'client-id' },
        { label: 'Client Secret', filling: 'client-secret' },
      ],
      buttons: ['Save', 'Test Connection'],
      checked: {
        basis: 'documented',
        at: '2026-11-27',
        source:
          'https://documentation.sailpoint.com/connectors/saas/scim_2_0/help/saas_connectivity/scim_2_0_saas/oauth_2_0.html',
      },
      ownClient: 'nothing',
      recommended: { way: 'oauth', why: 'SailPoint gets short-lived tokens on its own.' },
    },
  },
  reactions: {
    unauthorized: {
      does: 'drops',
      says: 'SailPoint marks the aggregation or the provisioning request as failed.',
      basis: 'inferred',
    },
    rateLimited: {
      does: 'retries',
      says: 'SailPoint waits if the response has rate limit headers.',
      basis: 'documented',
    },
    unavailable: {
      does: 'drops',
      says: 'SailPoint marks the aggregation or the provisioning request as failed.',
      basis: 'inferred',
    },
  },
  recovery: {
    isAutomatic: 'partly',
    says: "The next aggregation reads everything again. SailPoint's documentation does not say whether it retries failed provisioning requests.",
    byHand: {
      path: ['Connections', 'Sources', 'your SCIM 2.0 source', 'Account Aggregation'],
      buttons: ['Start Aggregation'],
    },
    basis: 'inferred',
  },
  rhythm: {
    kind: 'polls',
    everyMinutes: 1440,
    quietDays: 7,
    says: "SailPoint reads all accounts on its source's schedule, often once a day, and writes when access changes.",
    basis: 'inferred',
  },
  running: {
    path: ['Connections', 'Sources', 'your SCIM 2.0 source', 'Account Aggregation'],
    shows: 'It shows the schedule of the source, and how the last aggregation ended.',
    buttons: ['Start Aggregation'],
    basis: 'inferred',
  },
  mistakes: [
    {
      code: 'client_secret_wrong',
      says: 'The OAuth request parameters still contain an old client secret.',
      fix: 'Remove client_secret from OAuth Request Parameters.',
      basis: 'documented',
    },
    {
      code: 'scheme_unknown',
      says: 'The source has a token type other than Bearer.',
      fix: 'Remove tokenType from the source, so that it sends Bearer.',
      basis: 'documented',
    },
    {
      code: 'scope_unknown',
      says: 'The OAuth request parameters ask for a scope that does not exist here.',
      fix: 'Remove scope from OAuth Request Parameters.',
      basis: 'documented',
    },
  ],
  quirks: [
    {
      in: 'discovery',
      says: 'Needs /ServiceProviderConfig, /ResourceTypes and /Schemas, unless the source is set to a non-compliant server.',
      basis: 'documented',
    },
    { in: 'look-up', says: 'Reads all users and groups page by page.', basis: 'documented' },
    {
      in: 'test',
      says: 'Sends the client secret in a Basic header and in the body, unless one is excluded.',
      basis: 'documented',
    },
  ],
  links: [
    {
      title: 'SCIM 2.0 SaaS: OAuth 2.0',
      url: 'https://documentation.sailpoint.com/connectors/saas/scim_2_0/help/saas_connectivity/scim_2_0_saas/oauth_2_0.html',
    },
    {
      title: 'SCIM 2.0 SaaS: prerequisites',
      url: 'https://documentation.sailpoint.com/connectors/saas/scim_2_0/help/saas_connectivity/scim_2_0_saas/prerequisites.html',
    },
    {
      title: 'IdentityIQ: SCIM 2.0 configuration parameters',
      url: 'https://documentation.sailpoint.com/connectors/identityiq/scim_2_0/help/integrating_scim2/configuration_parameters.html',
    },
  ],
};
