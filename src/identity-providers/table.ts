/** The table of identity providers, and what is read from it. */
import { authentik } from './authentik.ts';
import { entra } from './entra.ts';
import { generic } from './generic.ts';
import { google } from './google.ts';
import type { IdentityProvider } from './identity-provider.ts';
import { jumpcloud } from './jumpcloud.ts';
import type { OauthPreset } from './oauth-preset.ts';
import { okta } from './okta.ts';
import { onelogin } from './onelogin.ts';
import { pingone } from './pingone.ts';
import { sailpoint } from './sailpoint.ts';

/** In the order in which they are offered. */
const table = {
  okta,
  entra,
  google,
  pingone,
  sailpoint,
  onelogin,
  jumpcloud,
  authentik,
  generic,
} as const satisfies Record<string, IdentityProvider>;

export type IdentityProviderId = keyof typeof table;

export const IDENTITY_PROVIDERS: Readonly<Record<IdentityProviderId, IdentityProvider>> = table;

export const IDENTITY_PROVIDER_IDS = Object.keys(table) as [IdentityProviderId, ...IdentityProviderId[]];

/** How clients of an identity provider use OAuth. One that is known to present static tokens only gets what any other one would. */
export function oauthPresetOf(id: IdentityProviderId): OauthPreset {
  return IDENTITY_PROVIDERS[id].oauth ?? generic.oauth;
}

/** Its name in a list to choose from. */
export function choiceNameOf(id: IdentityProviderId): string {
  const { choice, name } = IDENTITY_PROVIDERS[id];
  return choice ?? name;
}

/** How its console calls the field for the address of a directory. */
export function endpointLabelOf(id: IdentityProviderId): string {
  const { fields } = IDENTITY_PROVIDERS[id].console.bearer;
  return fields.find(({ filling }) => filling === 'endpoint')?.label ?? 'SCIM endpoint';
}

/** Whether a `User-Agent` fits the identity provider. It proves nothing: anybody can send it. */
export function isAgentOf(id: IdentityProviderId, userAgent: string): boolean {
  const given = userAgent.toLowerCase();
  return IDENTITY_PROVIDERS[id].agents.some(({ prefix }) => given.startsWith(prefix));
}

/** The identity provider whose name a `User-Agent` bears; undefined for one that tells nothing. */
export function identityProviderOfAgent(userAgent: string): IdentityProviderId | undefined {
  const given = userAgent.toLowerCase();
  return IDENTITY_PROVIDER_IDS.find((id) =>
    IDENTITY_PROVIDERS[id].agents.some(({ prefix, isDistinctive }) => isDistinctive && given.startsWith(prefix)),
  );
}
