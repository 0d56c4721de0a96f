/**
 * ISSUES. The OAuth 2.0 authorization server for identity providers: clients, connections, tokens. oidc-provider does the protocol and lives
 * in this folder alone; what it stores, who may consent, and what an IdP's client sends that the protocol does not foresee, is ours.
 */
export { GRANT_TYPES, type GrantType } from '../identity-providers/index.ts';
export type { NamedInRequest } from './authorization.ts';
export { createOauth, type Oauth } from './authorization-server.ts';
export { APP_NAME, appNameOf } from './client-checks.ts';
export type { ClientInput } from './client-draft.ts';
export {
  AUTH_METHODS,
  type AuthMethod,
  CLIENT_ISSUES,
  type Client,
  type ClientIssue,
  canConnect,
  clientIdOf,
  issuesOf,
} from './client-record.ts';
export { type ClientSecret, isLiveAt, mostLiveSecretsOf } from './client-secrets.ts';
export type { ClientChanges, Clients } from './clients.ts';
export type { ConnectionRequest, Consent, ConsentRefusal } from './connection-requests.ts';
export type { IdentifiedClient, Identify } from './identify.ts';
export { OAUTH_REASONS } from './reasons.ts';
export { OAUTH_REFUSALS, type OauthSubReason } from './refusals.ts';
export type { KnownSecret, NamedClient } from './secret-owners.ts';
export type { SecretUse, SecretUses } from './secret-uses.ts';
export { TOKEN_OUTCOMES, type TokenOutcome } from './token-endpoint.ts';
