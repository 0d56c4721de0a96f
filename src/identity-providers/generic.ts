import type { IdentityProvider } from './identity-provider.ts';
import { type OauthPreset, STANDARD_PRESET } from './oauth-preset.ts';

const UNKNOWN = { basis: 'unknown', at: '2026-11-27' } as const;
const PATH = ['its SCIM or provisioning settings'];

/** Any identity provider that has no file of its own: only what RFC 7644 and RFC 6749 say is taken for granted. */
export const generic: IdentityProvider & { oauth: OauthPreset } = {
  name: 'the identity provider',
  choice: 'Other',
  agents: [],
  oauth: {
    ...STANDARD_PRESET,
    client: { authMethod: 'client_secret_basic', grantTypes: ['authorization_code', 'refresh_token'] },
  },
  console: {
    bearer: {
      path: PATH,
      fields: [
        { label: 'Base URL', filling: 'endpoint' },
        { label: 'Bearer token', filling: 'token' },
      ],
      buttons: ['Save', 'Test'],
      checked: UNKNOWN,
    },
    oauth: {
      path: PATH,
      fields: [
        { label: 'Base URL', filling: 'endpoint' },
        { label: 'Token URL', filling: 'token-url' },
        { label: 'Client ID', filling: 'client-id' },
        { label: 'Client secret', filling: 'client-secret' },
      ],
      buttons: ['Save', 'Connect'],
      checked: UNKNOWN,
      ownClient: 'nothing',
      recommended: {
        way: 'oauth',
        why: 'If it can get tokens with a client ID and secret, you never have to paste a token again.',
      },
    },
  },
  reactions: {
    unauthorized: { does: 'unknown', says: 'The identity provider may stop until someone acts.', basis: 'unknown' },
    rateLimited: { does: 'unknown', says: 'The identity provider may try again later.', basis: 'unknown' },
    unavailable: { does: 'unknown', says: 'The identity provider may try again later.', basis: 'unknown' },
  },
  recovery: {
    isAutomatic: 'unknown',
    says: 'An administrator has to look in its provisioning log for changes that failed, and send them again.',
    basis: 'unknown',
  },
  rhythm: {
    kind: 'events',
    quietDays: 21,
    says: 'Most identity providers send requests only when a user or group changes.',
    basis: 'inferred',
  },
  running: {
    path: PATH,
    shows: 'It should say whether provisioning is on, and how the last run ended.',
    buttons: ['Start'],
    basis: 'unknown',
  },
  mistakes: [],
  quirks: [],
  links: [{ title: 'RFC 7644, the SCIM protocol', url: 'https://www.rfc-editor.org/rfc/rfc7644' }],
};
