/** What the admin API reads and answers. One schema serves validation, the OpenAPI document and its readable page. */
import { z } from 'zod';
import { type AuditEvent, EVENTS, type EventType } from '../audit/index.ts';
import {
  type ApiKey,
  type Credential,
  ROLES,
  type RotationProgress,
  SCOPES,
  stateAt,
  type UsageHour,
  type UsageTotal,
} from '../credentials/index.ts';
import { type Directory, ENDPOINT_KEY, endpointUrlOf, type Organization } from '../directories/index.ts';
import { IDENTITY_PROVIDER_IDS } from '../identity-providers/index.ts';
import { holdsSecret } from '../secrets/redaction.ts';

const LONGEST_NAME = 200;

/** Written so that the engines of other languages read it: some know neither the class Cc nor escapes of Unicode. */
const CONTROLS = String.raw`\x00-\x1f\x7f-\x9f`;
const NO_CONTROL_CHARACTERS = new RegExp(`^[^${CONTROLS}]*$`);

export const name = z
  .string()
  .trim()
  .min(1, 'expected at least one character')
  .max(LONGEST_NAME, `expected at most ${LONGEST_NAME} characters`)
  .regex(NO_CONTROL_CHARACTERS, 'expected no control characters')
  .refine((text) => !holdsSecret(text), 'expected a name without a token, key or secret in it');

/** Times are kept as text of four-digit years; beyond those they would sort wrongly. */
const FIRST_TIME = new Date('1970-01-01T00:00:00.000Z');
const LAST_TIME = new Date('9998-12-31T23:59:59.999Z');

export const time = z.iso
  .datetime({ offset: true, message: 'expected a time such as 2027-01-31T12:00:00Z' })
  .transform((value) => new Date(value))
  .refine((value) => value >= FIRST_TIME && value <= LAST_TIME, 'expected a time between the years 1970 and 9998');
const shownTime = z.iso.datetime();
const shownTimeOrNull = shownTime.nullable();

export const paging = {
  limit: z.coerce.number().int().min(1).max(200).default(50).describe('Maximum number of items, 1 to 200.'),
  after: z.string().max(1000).optional().describe('`nextCursor` of the previous page.'),
};

/** A secret in an answer. The store keeps a digest, so a repeat of the request can't show it again. */
export const shownOnce = z
  .string()
  .optional()
  .describe("Shown only once. A repeat with the same Idempotency-Key doesn't have it.");

export const provider = z.enum(IDENTITY_PROVIDER_IDS);
export const role = z.enum(ROLES);
export const scopes = z
  .array(z.enum(SCOPES))
  .min(1)
  .max(SCOPES.length)
  .describe('`scim`: read and write. `scim.read`: read only.');
export const endpointKey = z
  .string()
  .regex(ENDPOINT_KEY, 'expected 1 to 64 letters, digits and hyphens, no hyphen at either end');
export const expiresAt = time.nullable().optional().describe('null or absent: never.');

export function listOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable().describe('null on the last page') });
}

export const actorView = z.object({ type: z.string(), id: z.string().nullable(), name: z.string() });

function viewActor({ type, id, name: shownName }: { type: string; id?: string; name: string }) {
  return { type, id: id ?? null, name: shownName };
}

export const organizationView = z
  .object({
    id: z.string(),
    name: z.string(),
    externalId: z.string().nullable(),
    upstreamOrigins: z.array(z.string()).describe('Origins that API keys of this organization can use for upstreams.'),
    createdAt: shownTime,
    updatedAt: shownTime,
  })
  .meta({ id: 'Organization' });

export function viewOrganization(organization: Organization) {
  const { id, name: shownName, externalId, upstreamOrigins = [], createdAt, updatedAt } = organization;
  return { id, name: shownName, externalId: externalId ?? null, upstreamOrigins, createdAt, updatedAt };
}

export const directoryView = z
  .object({
    id: z.string(),
    organizationId: z.string(),
    name: z.string(),
    provider,
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
    disabledAt: shownTimeOrNull,
    createdAt: shownTime,
    updatedAt: shownTime,
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

const originView = z.object({ address: z.string(), userAgent: z.string().nullable() }).nullable();

const rotationView = z.object({
  successorId: z.string(),
  since: shownTime,
  retire: z.enum(['manual', 'when-replaced', 'at']),
  successorAccepted: z.boolean(),
  status: z.enum(['manual', 'scheduled', 'waiting_for_successor', 'waiting_for_quiet', 'still_in_use']),
  retiresAt: shownTimeOrNull.describe('When it retires if nothing changes. null: not known.'),
});

/** Of what is imported. */
export const allowWeak = z
  .boolean()
  .optional()
  .describe(
    'Accepts a value that we estimate at less than 64 bits. Only owner keys can set it. Its digest is keyed with LATCHKEY_SECRET. With a digest: treat the value as weak.',
  );

export const credentialView = z
  .object({
    id: z.string(),
    directoryId: z.string(),
    organizationId: z.string(),
    kind: z.enum(['bearer', 'oauth']),
    slot: z.enum(['a', 'b']),
    state: z.enum(['pending', 'active', 'disabled', 'revoked', 'expired']),
    label: z.string().nullable(),
    hint: z.string().describe('The last four characters of the value; `????` where they are not known, or not shown.'),
    weak: z
      .boolean()
      .describe(
        'An owner imported it although it could be guessed. Its digest is keyed with LATCHKEY_SECRET: replace it.',
      ),
    scopes: z.array(z.string()),
    createdAt: shownTime,
    createdBy: actorView,
    expiresAt: shownTimeOrNull.describe('null: never'),
    lastUsedAt: shownTimeOrNull,
    lastUsedFrom: originView,
    acceptedCount: z.int(),
    refusedCount: z.int(),
    revokedAt: shownTimeOrNull,
    revokedBy: actorView.nullable(),
    revokedReason: z.string().nullable(),
    clientId: z.string().nullable().describe('For kind oauth: the client of the connection.'),
    authorizedBy: actorView.nullable().describe('For kind oauth: who allowed it.'),
    lastRefreshedAt: shownTimeOrNull,
    accessTokenExpiresAt: shownTimeOrNull,
    rotation: rotationView.nullable().describe('Set on a credential that was replaced and has not retired yet.'),
  })
  .meta({ id: 'Credential' });

export function viewCredential(
  credential: Credential,
  total: UsageTotal | undefined,
  progress: RotationProgress | undefined,
  now: Date,
) {
  const {
    id,
    directoryId,
    organizationId,
    kind,
    slot,
    label,
    hint,
    createdAt,
    createdBy,
    expiresAt: end,
    revokedAt,
    revokedBy,
    revokedReason,
  } = credential;
  return {
    id,
    directoryId,
    organizationId,
    kind,
    slot,
    state: stateAt(credential, now),
    label: label ?? null,
    hint,
    weak: credential.weak ?? false,
    scopes: credential.scopes,
    createdAt,
    createdBy: viewActor(createdBy),
    expiresAt: end ?? null,
    lastUsedAt: total?.lastUsedAt ?? null,
    lastUsedFrom: viewOrigin(total),
    acceptedCount: total?.acceptedCount ?? 0,
    refusedCount: total?.refusedCount ?? 0,
    revokedAt: revokedAt ?? null,
    revokedBy: revokedBy ? viewActor(revokedBy) : null,
    revokedReason: revokedReason ?? null,
    clientId: credential.clientId ?? null,
    authorizedBy: credential.authorizedBy ? viewActor(credential.authorizedBy) : null,
    lastRefreshedAt: total?.lastRefreshedAt ?? null,
    accessTokenExpiresAt: total?.accessTokenExpiresAt ?? null,
    rotation: progress ?? null,
  };
}

function viewOrigin(total: UsageTotal | undefined) {
  return total?.lastUsedFrom
    ? { address: total.lastUsedFrom.address, userAgent: total.lastUsedFrom.userAgent ?? null }
    : null;
}

export const usageView = z.object({ hour: shownTime, accepted: z.int(), refused: z.int() }).meta({ id: 'UsageHour' });

export function viewUsage({ hour, accepted, refused }: UsageHour) {
  return { hour, accepted, refused };
}

const eventTypes = Object.keys(EVENTS) as [EventType, ...EventType[]];

export const eventView = z
  .object({
    id: z.string(),
    type: z.enum(eventTypes),
    at: shownTime,
    actor: actorView,
    source: z.enum(['api', 'dashboard', 'portal', 'system']),
    organizationId: z.string().nullable(),
    directoryId: z.string().nullable(),
    credentialId: z.string().nullable(),
    requestId: z.string().nullable(),
    address: z.string().nullable(),
    data: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'Event' });

export function viewEvent({ id, type, at, actor, source, data, count, firstAt, lastAt, ...event }: AuditEvent) {
  return {
    id,
    type,
    at,
    actor: viewActor(actor),
    source,
    organizationId: event.organizationId ?? null,
    directoryId: event.directoryId ?? null,
    credentialId: event.credentialId ?? null,
    requestId: event.requestId ?? null,
    address: event.address ?? null,
    data: count === undefined ? data : { ...data, count, firstAt, lastAt },
  };
}

/** `credential.revoked`, several with commas, or a family: `credential.*`. */
export const eventTypeFilter = z
  .string()
  .max(1000)
  .transform((value, context): EventType[] => {
    const found = value
      .split(',')
      .flatMap((wanted) =>
        eventTypes.filter((type) => type === wanted || (wanted.endsWith('.*') && type.startsWith(wanted.slice(0, -1)))),
      );
    if (found.length === 0)
      context.addIssue({ code: 'custom', message: `expected event types such as ${eventTypes[0]} or credential.*` });
    return [...new Set(found)];
  });

export const apiKeyView = z
  .object({
    id: z.string(),
    name: z.string(),
    role,
    organizationId: z.string().nullable().describe('The only organization that it can see. null: all.'),
    state: z.enum(['active', 'revoked', 'expired']),
    hint: z.string(),
    createdAt: shownTime,
    createdBy: actorView,
    expiresAt: shownTimeOrNull,
    lastUsedAt: shownTimeOrNull,
    lastUsedFrom: originView,
    revokedAt: shownTimeOrNull,
    revokedBy: actorView.nullable(),
  })
  .meta({ id: 'ApiKey' });

export function viewApiKey(apiKey: ApiKey, total: UsageTotal | undefined, now: Date) {
  const {
    id,
    name: shownName,
    role: shownRole,
    organizationId,
    hint,
    createdAt,
    createdBy,
    expiresAt: end,
    revokedAt,
    revokedBy,
  } = apiKey;
  return {
    id,
    name: shownName,
    role: shownRole,
    organizationId: organizationId ?? null,
    state: revokedAt ? 'revoked' : end && end <= now ? 'expired' : 'active',
    hint,
    createdAt,
    createdBy: viewActor(createdBy),
    expiresAt: end ?? null,
    lastUsedAt: total?.lastUsedAt ?? null,
    lastUsedFrom: viewOrigin(total),
    revokedAt: revokedAt ?? null,
    revokedBy: revokedBy ? viewActor(revokedBy) : null,
  };
}
