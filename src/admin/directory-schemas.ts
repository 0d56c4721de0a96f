/** What the admin API reads and answers of directories. */
import { z } from 'zod';
import { type Directory, ENDPOINT_KEY, endpointUrlOf } from '../directories/index.ts';
import * as schemas from './schemas.ts';

export const endpointKey = z
  .string()
  .regex(ENDPOINT_KEY, 'expected 1 to 64 letters, digits and hyphens, no hyphen at either end');

export const upstreamUrl = z
  .string()
  .max(2000)
  .describe(
    'SCIM base URL of your application, for the gateway. It must be https with a public host, unless configured otherwise.',
  );

export const mapUris = z
  .boolean()
  .describe('Whether the gateway replaces upstream URIs in responses with endpoint URIs. Default: true.');

export const upstreamCredential = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('none') }),
    z.strictObject({ kind: z.literal('jwt') }),
    z.strictObject({ kind: z.literal('header'), name: z.string().max(100), value: z.string().max(4096) }),
  ])
  .describe(
    'How the gateway authenticates to the upstream: with a JWT that /oauth/jwks verifies, or with a header. The header value is stored encrypted and never shown.',
  );

export const requestLog = z
  .boolean()
  .describe('Whether the gateway logs each accepted request for 30 days: never bodies, filters or names.');
export const audience = z
  .string()
  .max(2000)
  .describe('The `aud` in introspection responses, an absolute URI. For a SCIM server with its own URL.');

export const directoryView = z
  .object({
    id: z.string(),
    organizationId: z.string(),
    name: z.string(),
    provider: schemas.provider,
    endpointKey: z.string(),
    endpointUrl: z.string().describe('The SCIM base URL to paste into the IdP.'),
    upstreamUrl: z.string().nullable().describe('Where the gateway sends requests.'),
    mapUris: z
      .boolean()
      .describe('Whether upstream URIs in responses become endpoint URIs. false: responses stay unchanged.'),
    upstreamCredential: z
      .object({ kind: z.enum(['none', 'jwt', 'header']), name: z.string().nullable() })
      .nullable()
      .describe('How the gateway authenticates to the upstream. null: the setting for all directories.'),
    requestLog: z.boolean().describe('Whether the gateway logs its requests.'),
    audience: z.string().nullable().describe('The `aud` of introspection, instead of `endpointUrl`.'),
    state: z.enum(['active', 'disabled']),
    disabledAt: schemas.shownTime.nullable(),
    createdAt: schemas.shownTime,
    updatedAt: schemas.shownTime,
  })
  .meta({ id: 'Directory' });

export function viewDirectory(directory: Directory, publicUrl: string) {
  const {
    id,
    organizationId,
    name: shownName,
    provider: idp,
    endpointKey: key,
    upstreamUrl,
    mapUris,
    upstreamCredential,
    audience,
    requestLog,
    state,
    disabledAt,
    createdAt,
    updatedAt,
  } = directory;
  return {
    id,
    organizationId,
    name: shownName,
    provider: idp,
    endpointKey: key,
    endpointUrl: endpointUrlOf(publicUrl, key),
    upstreamUrl: upstreamUrl ?? null,
    mapUris: mapUris ?? true,
    upstreamCredential: upstreamCredential
      ? { kind: upstreamCredential.kind, name: upstreamCredential.name ?? null }
      : null,
    audience: audience ?? null,
    requestLog: requestLog ?? false,
    state,
    disabledAt: disabledAt ?? null,
    createdAt,
    updatedAt,
  };
}
