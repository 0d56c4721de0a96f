/**
 * IDPS. The identity providers, one file each: how they name themselves, use OAuth, are set up, react to refusals and recover, and what their
 * silence means. Facts and words alone: no storage, no HTML. Another one is a file here and a line in table.ts; its key is the `provider`
 * of directories and clients.
 */
export type {
  Agent,
  Basis,
  Console,
  ConsoleField,
  ConsoleForm,
  Filling,
  IdentityProvider,
  Mistake,
  MistakeCode,
  OauthConsole,
  Quirk,
  Reaction,
  Recovery,
  Refusal,
  Rhythm,
} from './identity-provider.ts';
export {
  GRANT_TYPES,
  type GrantType,
  type OauthPreset,
  type PresetClient,
  redirectUrisOf,
  type SecretLifetime,
} from './oauth-preset.ts';
export {
  choiceNameOf,
  endpointLabelOf,
  IDENTITY_PROVIDER_IDS,
  IDENTITY_PROVIDERS,
  type IdentityProviderId,
  identityProviderOfAgent,
  isAgentOf,
  oauthPresetOf,
} from './table.ts';
