/** How an identity provider uses OAuth: what a new client of it gets, and the limits that it sets. */

/** What the token endpoint grants. */
export const GRANT_TYPES = ['authorization_code', 'refresh_token', 'client_credentials'] as const;
export type GrantType = (typeof GRANT_TYPES)[number];

export interface OauthPreset {
  /** Templates; `{appName}` stands for the name that Okta gives an app, which is known once the app exists. */
  redirectUris: readonly string[];
  /** Those without TLS, for `LATCHKEY_OAUTH_ALLOW_HTTP_REDIRECTS`. */
  insecureRedirectUris: readonly string[];
  client: PresetClient;
  secrets: {
    /** How many secrets of one client may be live at a time. */
    live: number;
    /** Absent: a secret has no end unless someone sets one. */
    lifetime?: SecretLifetime;
  };
  /** Of access tokens: what a new client gets, and the bounds that the identity provider accepts. */
  accessTokenSeconds: { default: number; minimum: number; maximum: number };
  assertions: {
    /** How far apart `exp` may be from now: the longest assertion that this identity provider signs. */
    maximumSeconds: number;
    /** Of workload identity: templates of what may stand in `aud`; `{applicationId}` is the application's id there. One of them is enough. */
    audiences: readonly string[];
  };
}

/** A public client proves nothing about itself, so it can never have `client_credentials`. */
export type PresetClient =
  | { authMethod: 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt'; grantTypes: readonly GrantType[] }
  | { authMethod: 'none'; grantTypes: readonly Exclude<GrantType, 'client_credentials'>[] };

export interface SecretLifetime {
  /** Whether each secret must have an end. */
  isRequired: boolean;
  minimumDays: number;
  maximumDays: number;
  defaultDays: number;
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;

/** What holds where an identity provider sets no limits of its own. */
export const STANDARD_PRESET: Omit<OauthPreset, 'client'> = {
  redirectUris: [],
  insecureRedirectUris: [],
  secrets: { live: 2 },
  accessTokenSeconds: { default: HOUR, minimum: 15 * MINUTE, maximum: 6 * HOUR },
  assertions: { maximumSeconds: 10 * MINUTE, audiences: [] },
};

/** The redirect URIs of a preset; those that need the name of the app are left out until it is known. */
export function redirectUrisOf(preset: OauthPreset, appName: string | undefined, allowHttp: boolean): string[] {
  const templates = [...preset.redirectUris, ...(allowHttp ? preset.insecureRedirectUris : [])];
  return templates
    .filter((template) => appName !== undefined || !template.includes('{appName}'))
    .map((template) => template.replace('{appName}', encodeURIComponent(appName ?? '')));
}
