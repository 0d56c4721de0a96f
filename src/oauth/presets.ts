/** What is known of each identity provider's OAuth client, kept as data in config/identity-providers/. */
import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';

export const GRANT_TYPES = ['authorization_code', 'refresh_token', 'client_credentials'] as const;
export type GrantType = (typeof GRANT_TYPES)[number];

const presetSchema = z.strictObject({
  name: z.string(),
  redirectUris: z.array(z.string()),
  insecureRedirectUris: z.array(z.string()).default([]),
  grantTypes: z.array(z.enum(GRANT_TYPES)),
});

export type Preset = z.infer<typeof presetSchema>;

const FOLDER = new URL('../../config/identity-providers/', import.meta.url);

/** By provider; a provider without a file is `generic`. */
export function readPresets(): ReadonlyMap<string, Preset> {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.yaml'));
  return new Map(
    files.map((file) => [
      file.slice(0, -'.yaml'.length),
      presetSchema.parse(parse(readFileSync(new URL(file, FOLDER), 'utf8'))),
    ]),
  );
}

/** The redirect URIs of a preset; those that need an app name are left out until it is known. */
export function redirectUrisOf(preset: Preset, appName: string | undefined, allowHttp: boolean): string[] {
  const templates = [...preset.redirectUris, ...(allowHttp ? preset.insecureRedirectUris : [])];
  return templates
    .filter((template) => appName !== undefined || !template.includes('{appName}'))
    .map((template) => template.replace('{appName}', encodeURIComponent(appName ?? '')));
}
