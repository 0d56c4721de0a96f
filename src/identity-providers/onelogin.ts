import type { IdentityProvider } from './identity-provider.ts';

export const onelogin: IdentityProvider = {
  name: 'OneLogin',
  // None is published, and none was found in recorded traffic.
  agents: [],
  console: {
    bearer: {
      path: ['Applications', 'your SCIM app', 'Configuration', 'API Connection'],
      fields: [
        { label: 'SCIM Base URL', filling: 'endpoint' },
        { label: 'SCIM Bearer Token', filling: 'token' },
      ],
      buttons: ['Enable', 'Save'],
      // The labels are those of guides that vendors publish; OneLogin's own page begins after this form.
      checked: { basis: 'observed', at: '2026-11-27', source: 'https://scim.dev/guide/applications/onelogin' },
    },
  },
  reactions: {
    unauthorized: {
      does: 'drops',
      says: 'OneLogin marks the user as failed in its list of provisioning tasks.',
      basis: 'inferred',
    },
    rateLimited: {
      does: 'unknown',
      says: 'OneLogin may try again later. This is not documented.',
      basis: 'unknown',
    },
    unavailable: {
      does: 'drops',
      says: 'OneLogin marks the user as failed in its list of provisioning tasks.',
      basis: 'inferred',
    },
  },
  recovery: {
    isAutomatic: 'no',
    says: 'OneLogin keeps failed tasks in its list until an administrator retries them.',
    byHand: { path: ['Users', 'Provisioning'], buttons: ['Retry'] },
    basis: 'inferred',
  },
  rhythm: {
    kind: 'events',
    quietDays: 21,
    says: 'OneLogin sends requests only when a user, role or rule changes.',
    basis: 'documented',
  },
  running: {
    path: ['Applications', 'your SCIM app', 'Provisioning'],
    shows: 'Enable provisioning is checked when it runs. API Status in Configuration must say Enabled too.',
    buttons: ['Enable provisioning', 'Save'],
    basis: 'inferred',
  },
  mistakes: [
    {
      code: 'token_missing',
      says: 'SCIM Bearer Token is empty, or was not saved before selecting Enable.',
      fix: 'Paste the token into SCIM Bearer Token.',
      basis: 'inferred',
    },
    {
      code: 'token_in_other_place',
      says: 'Custom Headers probably contain it under a name of their own.',
      fix: 'Paste the token into SCIM Bearer Token, and remove its line from Custom Headers.',
      basis: 'inferred',
    },
    {
      code: 'scheme_twice',
      says: 'Custom Headers contain their own Authorization line.',
      fix: 'Remove the Authorization line from Custom Headers, and paste the token without the word Bearer.',
      basis: 'inferred',
    },
  ],
  quirks: [
    {
      in: 'create',
      says: 'The SCIM JSON Template decides what is sent; templates of older connectors use the SCIM 1.1 schemas.',
      basis: 'documented',
    },
    { in: 'test', says: 'Enable reads /Users once to see whether the connection works.', basis: 'documented' },
    {
      in: 'update',
      says: 'Waits for an administrator to approve each task, unless approval is off.',
      basis: 'documented',
    },
  ],
  links: [
    { title: 'Test your SCIM implementation', url: 'https://developers.onelogin.com/scim/test-your-scim' },
    { title: 'Build your SCIM integration', url: 'https://developers.onelogin.com/scim' },
  ],
};
