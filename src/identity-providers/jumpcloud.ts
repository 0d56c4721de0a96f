import type { IdentityProvider } from './identity-provider.ts';

export const jumpcloud: IdentityProvider = {
  name: 'JumpCloud',
  // None is published, and none was found in recorded traffic.
  agents: [],
  console: {
    bearer: {
      path: ['SSO Applications', 'your app', 'Identity Management'],
      fields: [
        { label: 'SCIM Version', filling: { select: 'SCIM 2.0' } },
        { label: 'Base URL', filling: 'endpoint' },
        { label: 'Token Key', filling: 'token' },
        { label: 'Test User Email', filling: { own: 'the email address of one of your users' } },
      ],
      buttons: ['Test Connection', 'Activate', 'Save'],
      // The labels are those of several guides that vendors publish, which agree.
      checked: {
        basis: 'observed',
        at: '2026-11-27',
        source: 'https://boxyhq.com/docs/directory-sync/providers/jumpcloud',
      },
    },
  },
  reactions: {
    unauthorized: { does: 'drops', says: 'JumpCloud logs a failed event in Directory Insights.', basis: 'documented' },
    rateLimited: {
      does: 'unknown',
      says: 'JumpCloud may try again later. This is not documented.',
      basis: 'unknown',
    },
    unavailable: { does: 'drops', says: 'JumpCloud logs a failed event in Directory Insights.', basis: 'inferred' },
  },
  recovery: {
    isAutomatic: 'unknown',
    says: 'JumpCloud sends a user again when that user changes. Its documentation does not say whether it retries failed changes.',
    byHand: { path: ['SSO Applications', 'your app', 'Identity Management'], buttons: ['Deactivate', 'Activate'] },
    basis: 'inferred',
  },
  rhythm: {
    kind: 'events',
    quietDays: 21,
    says: "JumpCloud sends requests only when one of the app's users or groups changes.",
    basis: 'inferred',
  },
  running: {
    path: ['SSO Applications', 'your app', 'Identity Management'],
    shows: 'It says whether the integration is active, and shows its latest error.',
    buttons: ['Activate', 'Save'],
    basis: 'inferred',
  },
  mistakes: [
    {
      code: 'token_unknown',
      says: 'Token Key may contain a JumpCloud key instead of the token.',
      fix: 'Paste the token into Token Key.',
      basis: 'inferred',
    },
    {
      code: 'wrong_path',
      says: 'The base URL ends in a slash or in /Users.',
      fix: 'Paste the Base URL exactly as it is shown here.',
      basis: 'inferred',
    },
  ],
  quirks: [
    {
      in: 'test',
      says: "Test Connection creates a user and a group, and then deletes them. If users can't be deleted, the test user is deactivated instead, and remains.",
      basis: 'documented',
    },
    {
      in: 'update',
      says: 'Any change to an active configuration asks for a test email address again.',
      basis: 'documented',
    },
  ],
  links: [
    {
      title: 'Identity management with a custom SCIM integration',
      url: 'https://jumpcloud.com/support/provision-and-manage-users-and-groups-in-apps-using-custom-scim-identity-management-integration',
    },
  ],
};
