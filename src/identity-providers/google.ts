import type { IdentityProvider } from './identity-provider.ts';

export const google: IdentityProvider = {
  name: 'Google Workspace',
  agents: [{ prefix: 'google-auto-provisioning', isDistinctive: true, basis: 'observed' }],
  networks: {
    publishedAt: 'https://www.gstatic.com/ipranges/goog.json',
    says: 'Google publishes address ranges for all of its services, but none for provisioning alone.',
  },
  console: {
    bearer: {
      path: ['Apps', 'Web and mobile apps', 'your app', 'Autoprovisioning', 'Configure autoprovisioning'],
      fields: [
        { label: 'Access token', filling: 'token' },
        { label: 'Endpoint URL', filling: 'endpoint' },
      ],
      buttons: ['Continue', 'Finish', 'Autoprovisioning: Active'],
      checked: {
        basis: 'documented',
        at: '2026-11-27',
        source: 'https://knowledge.workspace.google.com/admin/users/advanced/configure-screensteps-user-provisioning',
      },
    },
  },
  reactions: {
    unauthorized: {
      does: 'stops',
      says: 'Google Workspace may stop autoprovisioning until an administrator authorizes it again.',
      basis: 'documented',
    },
    rateLimited: {
      does: 'unknown',
      says: 'Google Workspace may try again later. This is not documented.',
      basis: 'unknown',
    },
    unavailable: {
      does: 'unknown',
      says: 'Google Workspace may try again later. This is not documented.',
      basis: 'unknown',
    },
  },
  recovery: {
    isAutomatic: 'unknown',
    says: "Google Workspace lists the users that failed in the last 30 days. Google's documentation does not say whether it sends them again.",
    byHand: { path: ['Apps', 'Web and mobile apps', 'your app', 'Autoprovisioning'], buttons: ['Download list'] },
    basis: 'documented',
  },
  rhythm: {
    kind: 'events',
    everyMinutes: 360,
    quietDays: 21,
    says: 'Google Workspace syncs users every few hours. Whether it sends anything when nothing has changed is not documented.',
    basis: 'inferred',
  },
  running: {
    path: ['Apps', 'Web and mobile apps', 'your app', 'Autoprovisioning'],
    shows: 'It says whether autoprovisioning is active, and why it stopped.',
    buttons: ['Autoprovisioning: Active'],
    basis: 'documented',
  },
  mistakes: [
    {
      code: 'token_missing',
      says: 'Autoprovisioning was set up without an access token, or must be authorized again.',
      fix: 'Open Autoprovisioning, choose Reauthorize, and paste the token into Access token.',
      basis: 'inferred',
    },
    {
      code: 'wrong_path',
      says: 'Endpoint URL still has its placeholder.',
      fix: 'Replace the whole Endpoint URL with the one shown here.',
      basis: 'documented',
    },
  ],
  quirks: [
    {
      in: 'create',
      says: "Autoprovisioning exists for apps in Google's catalog. A custom SAML app might not offer it.",
      basis: 'documented',
    },
    { in: 'update', says: 'Archived users are left out.', basis: 'documented' },
    {
      in: 'delete',
      says: 'Waits before it removes a user: within 24 hours, or after 1, 7 or 21 days.',
      basis: 'documented',
    },
  ],
  links: [
    { title: 'About automated user provisioning', url: 'https://support.google.com/a/answer/7681608' },
    { title: 'Monitor automated user provisioning', url: 'https://support.google.com/a/answer/6294828' },
  ],
};
