import type { IdentityProvider } from './identity-provider.ts';
import { STANDARD_PRESET } from './oauth-preset.ts';

export const authentik: IdentityProvider = {
  name: 'authentik',
  agents: [{ prefix: 'authentik@', isDistinctive: true, basis: 'source' }],
  oauth: {
    ...STANDARD_PRESET,
    // The callback contains the slug of the source or provider, so each installation has its own.
    client: {
      authMethod: 'client_secret_basic',
      grantTypes: ['authorization_code', 'refresh_token', 'client_credentials'],
    },
  },
  console: {
    bearer: {
      path: ['Applications', 'Providers', 'your SCIM provider'],
      fields: [
        { label: 'URL', filling: 'endpoint' },
        { label: 'Authentication Mode', filling: { select: 'Static token' } },
        { label: 'Token', filling: 'token' },
      ],
      buttons: ['Finish'],
      again: { path: ['Applications', 'Providers', 'your SCIM provider', 'Edit'], buttons: ['Update'] },
      checked: {
        basis: 'documented',
        at: '2026-11-27',
        source: 'https://docs.goauthentik.io/add-secure-apps/providers/scim/',
      },
    },
    oauth: {
      path: ['Directory', 'Federation and Social login', 'your OAuth source; then the SCIM provider that uses it'],
      fields: [
        { label: 'URL', filling: 'endpoint' },
        { label: 'Consumer key', filling: 'client-id' },
        { label: 'Consumer secret', filling: 'client-secret' },
        { label: 'Authorization URL', filling: 'authorization-url' },
        { label: 'Access token URL', filling: 'token-url' },
      ],
      buttons: ['Finish'],
      again: { path: ['Directory', 'Federation and Social login', 'your OAuth source', 'Edit'], buttons: ['Update'] },
      checked: {
        basis: 'source',
        at: '2026-11-27',
        source: 'https://docs.goauthentik.io/add-secure-apps/providers/scim/',
      },
      recommended: {
        way: 'bearer',
        why: 'A static token needs one object in authentik instead of two, and no enterprise license.',
      },
    },
  },
  reactions: {
    // In its client every refusal but 404 and 409 is transient; the task is run again, whatever the reason.
    unauthorized: {
      does: 'retries',
      says: 'authentik tries the task again later, with the same token.',
      basis: 'source',
    },
    rateLimited: { does: 'retries', says: 'authentik tries the task again later.', basis: 'source' },
    unavailable: { does: 'retries', says: 'authentik tries the task again later.', basis: 'source' },
  },
  recovery: {
    isAutomatic: 'yes',
    retryHours: [4],
    says: 'authentik sends everything again in its next full sync, every 4 hours (every hour in older versions).',
    byHand: { path: ['Applications', 'Providers', 'your SCIM provider'], buttons: ['Run sync again'] },
    basis: 'source',
  },
  rhythm: {
    kind: 'polls',
    everyMinutes: 240,
    quietDays: 2,
    says: 'authentik sends changes immediately, and syncs everything every 4 hours (every hour in older versions).',
    basis: 'source',
  },
  running: {
    path: ['Applications', 'Providers', 'your SCIM provider'],
    shows: 'It shows the status of the last sync.',
    buttons: ['Run sync again'],
    basis: 'source',
  },
  mistakes: [
    {
      code: 'scope_unknown',
      says: 'The OpenID source asks for openid, email and profile.',
      fix: "Add scim to the source's scopes. The other scopes are ignored as long as scim is there.",
      basis: 'source',
    },
    {
      code: 'redirect_uri_unknown',
      says: "The OAuth source's callback URL is not registered with the client.",
      fix: 'Copy the callback URL from the source in authentik, and register it with the client.',
      basis: 'source',
    },
  ],
  quirks: [
    {
      in: 'discovery',
      says: 'Reads /ServiceProviderConfig first, to decide whether it can use PATCH and filters.',
      basis: 'source',
    },
    { in: 'test', says: 'Treats a token without expires_in as already expired.', basis: 'source' },
  ],
  links: [{ title: 'SCIM provider', url: 'https://docs.goauthentik.io/add-secure-apps/providers/scim/' }],
};
