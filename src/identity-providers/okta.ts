import type { ConsoleField, IdentityProvider } from './identity-provider.ts';
import { STANDARD_PRESET } from './oauth-preset.ts';

const CALLBACK = '/admin/app/cpc/{appName}/oauth/callback';
const PATH = ['Applications', 'your app', 'Provisioning', 'Integration', 'Edit'];
const COMMON: readonly ConsoleField[] = [
  { label: 'SCIM connector base URL', filling: 'endpoint' },
  { label: 'Unique identifier field for users', filling: { type: 'userName' } },
  {
    label: 'Supported provisioning actions',
    filling: { check: ['Push New Users', 'Push Profile Updates', 'Push Groups'] },
  },
];
const CHECKED = {
  basis: 'documented',
  at: '2026-11-27',
  source: 'https://help.okta.com/oie/en-us/Content/Topics/Apps/Apps_App_Integration_Wizard_SCIM.htm',
} as const;

export const okta: IdentityProvider = {
  name: 'Okta',
  agents: [{ prefix: 'okta scim client', isDistinctive: true, basis: 'documented' }],
  networks: {
    publishedAt: 'https://s3.amazonaws.com/okta-ip-ranges/ip_ranges.json',
    says: 'Okta publishes its address ranges by cell.',
  },
  oauth: {
    ...STANDARD_PRESET,
    redirectUris: [
      `https://system-admin.okta.com${CALLBACK}`,
      `https://system-admin.okta-emea.com${CALLBACK}`,
      `https://system-admin.oktapreview.com${CALLBACK}`,
      `https://system-admin.trexcloud.com${CALLBACK}`,
    ],
    // Okta's own test cell.
    insecureRedirectUris: [`http://system-admin.okta1.com:1802${CALLBACK}`],
    client: { authMethod: 'client_secret_basic', grantTypes: ['authorization_code', 'refresh_token'] },
  },
  console: {
    bearer: {
      path: PATH,
      fields: [
        ...COMMON,
        { label: 'Authentication Mode', filling: { select: 'HTTP Header' } },
        { label: 'Authorization', filling: 'token' },
      ],
      buttons: ['Test Connector Configuration', 'Save'],
      checked: CHECKED,
    },
    oauth: {
      path: PATH,
      fields: [
        ...COMMON,
        { label: 'Authentication Mode', filling: { select: 'OAuth 2' } },
        { label: 'Access token endpoint URI', filling: 'token-url' },
        { label: 'Authorization endpoint URI', filling: 'authorization-url' },
        { label: 'Client ID', filling: 'client-id' },
        { label: 'Client Secret', filling: 'client-secret' },
      ],
      buttons: ['Save', 'Authenticate with your app'],
      checked: CHECKED,
      ownClient: 'app-name',
      recommended: {
        way: 'oauth',
        why: 'Okta renews its access automatically, so you never have to paste a secret again.',
      },
    },
  },
  reactions: {
    unauthorized: {
      does: 'drops',
      says: 'Okta marks the task as failed and lists it under Dashboard, Tasks.',
      basis: 'documented',
    },
    rateLimited: {
      does: 'retries',
      says: 'Okta waits for the seconds in Retry-After and tries again, up to 10 times.',
      basis: 'documented',
    },
    unavailable: {
      does: 'drops',
      says: 'Okta marks the task as failed. It waits 60 seconds for a response.',
      basis: 'inferred',
    },
  },
  recovery: {
    isAutomatic: 'no',
    says: 'Okta does not send failed changes again. An administrator has to retry each failed task.',
    byHand: { path: ['Dashboard', 'Tasks'], buttons: ['Retry Selected'] },
    basis: 'documented',
  },
  rhythm: {
    kind: 'events',
    quietDays: 21,
    says: 'Okta sends requests only when a user or group changes. It renews its token only then, so months of silence can be normal.',
    basis: 'documented',
  },
  running: {
    path: ['Applications', 'your app', 'Provisioning', 'To App'],
    shows: 'Create Users, Update User Attributes and Deactivate Users each say whether they are enabled.',
    buttons: ['Edit', 'Enable', 'Save'],
    basis: 'documented',
  },
  mistakes: [
    {
      code: 'scheme_twice',
      says: 'The Authorization field adds Bearer, and the pasted value begins with Bearer too.',
      fix: 'Paste the token alone, without the word Bearer.',
      basis: 'observed',
    },
    {
      code: 'scheme_basic',
      says: 'Authentication Mode is set to Basic Auth.',
      fix: 'Set Authentication Mode to HTTP Header, and paste the token into Authorization.',
      basis: 'documented',
    },
    {
      code: 'redirect_uri_unknown',
      says: 'The app name in the redirect URI is not the one that was registered.',
      fix: "Copy the app name from the app's URL in the admin console. It is the part after /admin/app/.",
      basis: 'documented',
    },
    {
      code: 'wrong_path',
      says: "The base URL ends in /Users, or is only the server's address.",
      fix: 'Paste the SCIM connector base URL exactly as it is shown here.',
      basis: 'inferred',
    },
  ],
  quirks: [
    {
      in: 'test',
      says: 'Reads /Users and /Groups with startIndex and count when the configuration is saved.',
      basis: 'documented',
    },
    {
      in: 'look-up',
      says: 'Looks a user up by userName before it creates one, and expects 200 with an empty list.',
      basis: 'documented',
    },
    { in: 'discovery', says: 'Reads /Schemas and /ResourceTypes since May 2026.', basis: 'documented' },
    { in: 'delete', says: 'Never deletes a user: it sets active to false.', basis: 'documented' },
    { in: 'group', says: 'Waits 60 seconds for the response to a group PATCH.', basis: 'documented' },
  ],
  links: [
    {
      title: 'Add SCIM provisioning to app integrations',
      url: 'https://help.okta.com/oie/en-us/Content/Topics/Apps/Apps_App_Integration_Wizard_SCIM.htm',
    },
    {
      title: 'Troubleshoot provisioning',
      url: 'https://help.okta.com/oie/en-us/Content/Topics/provisioning/lcm/troubleshooting.htm',
    },
    { title: 'SCIM 2.0 protocol', url: 'https://developer.okta.com/docs/api/openapi/okta-scim/guides/scim-20/' },
  ],
};
