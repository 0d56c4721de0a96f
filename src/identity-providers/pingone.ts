import type { ConsoleField, IdentityProvider } from './identity-provider.ts';
import { STANDARD_PRESET } from './oauth-preset.ts';

const PATH = ['Integrations', 'Provisioning', 'New connection', 'Identity Store', 'SCIM Outbound'];
// https://docs.pingidentity.com/pingone/integrations/p1_edit_provisioning_connection.html
const AGAIN = {
  path: ['Integrations', 'Provisioning', 'Connections', 'your connection', 'Configuration', 'the pencil'],
  buttons: ['Test Connection', 'Save'],
};
const COMMON: readonly ConsoleField[] = [
  { label: 'SCIM Base URL', filling: 'endpoint' },
  { label: 'Users Resource', filling: { type: '/Users' } },
  { label: 'SCIM Version', filling: { select: '2.0' } },
  { label: 'Groups Resource', filling: { type: '/Groups' } },
];
const CHECKED = {
  basis: 'documented',
  at: '2026-11-27',
  source: 'https://docs.pingidentity.com/pingone/pingone_tutorials/p1_tutorial_create_provisioning_connection.html',
} as const;

export const pingone: IdentityProvider = {
  name: 'PingOne',
  agents: [{ prefix: 'apache-httpclient', isDistinctive: false, basis: 'observed' }],
  oauth: {
    ...STANDARD_PRESET,
    client: { authMethod: 'client_secret_basic', grantTypes: ['client_credentials'] },
  },
  console: {
    bearer: {
      path: PATH,
      fields: [
        ...COMMON,
        { label: 'Authentication Method', filling: { select: 'OAuth 2 Bearer Token' } },
        { label: 'OAuth Access Token', filling: 'token' },
        { label: 'Auth Type Header', filling: { select: 'Bearer' } },
      ],
      buttons: ['Test Connection', 'Save'],
      again: AGAIN,
      checked: CHECKED,
    },
    oauth: {
      path: PATH,
      fields: [
        ...COMMON,
        { label: 'Authentication Method', filling: { select: 'OAuth 2 Client Credentials' } },
        { label: 'OAuth Token Request', filling: 'token-url' },
        { label: 'OAuth Client ID', filling: 'client-id' },
        { label: 'OAuth Client Secret', filling: 'client-secret' },
        // Editions of Ping's tutorial differ: Bearer, or OAuth Client Credentials. Bearer is what RFC 6750 wants.
        { label: 'Auth Type Header', filling: { select: 'Bearer' } },
      ],
      buttons: ['Test Connection', 'Save'],
      again: AGAIN,
      checked: CHECKED,
      ownClient: 'nothing',
      recommended: { way: 'oauth', why: 'PingOne gets short-lived tokens on its own.' },
    },
  },
  reactions: {
    unauthorized: { does: 'drops', says: 'PingOne counts the user or group as failed.', basis: 'documented' },
    rateLimited: {
      does: 'unknown',
      says: 'PingOne may try again later. This is not documented.',
      basis: 'unknown',
    },
    unavailable: { does: 'drops', says: 'PingOne counts the user or group as failed.', basis: 'inferred' },
  },
  recovery: {
    isAutomatic: 'no',
    says: 'PingOne sends a change once. A full resync sends everything again.',
    byHand: { path: ['Integrations', 'Provisioning', 'Rules', 'your rule', 'Sync Status'], buttons: ['Full Resync'] },
    basis: 'inferred',
  },
  rhythm: {
    kind: 'events',
    quietDays: 21,
    says: 'PingOne sends each change immediately, and nothing in between.',
    basis: 'documented',
  },
  running: {
    path: ['Integrations', 'Provisioning', 'Rules', 'your rule'],
    shows: 'The switches of the rule and of its connection are on when it runs, and its sync status shows errors.',
    buttons: ['Enable'],
    basis: 'inferred',
  },
  mistakes: [
    {
      code: 'scheme_basic',
      says: 'Auth Type Header is set to Basic.',
      fix: 'Set Auth Type Header to Bearer.',
      basis: 'documented',
    },
    {
      code: 'scheme_unknown',
      says: 'Auth Type Header is probably set to OAuth or Custom.',
      fix: 'Set Auth Type Header to Bearer.',
      basis: 'documented',
    },
    {
      code: 'doubled_slash',
      says: 'The base URL ends in a slash, and Users Resource begins with one.',
      fix: 'Remove the trailing slash from SCIM Base URL.',
      basis: 'inferred',
    },
  ],
  quirks: [
    {
      in: 'look-up',
      says: "Finds users with the connection's filter expression, userName eq by default.",
      basis: 'documented',
    },
    {
      in: 'test',
      says: 'The connection can be saved after a failed test, but cannot be used before one succeeds.',
      basis: 'documented',
    },
    { in: 'group', says: 'If one membership fails, the whole group counts as failed.', basis: 'documented' },
  ],
  links: [
    {
      title: 'Creating a SCIM connection',
      url: 'https://docs.pingidentity.com/r/en-us/pingone/p1_create_scim_connection',
    },
    {
      title: 'Viewing sync status',
      url: 'https://docs.pingidentity.com/pingone/integrations/p1_view_sync_status.html',
    },
    {
      title: 'Sync status and frequency',
      url: 'https://docs.pingidentity.com/pingone/integrations/p1_provisioning_sync_status.html',
    },
  ],
};
