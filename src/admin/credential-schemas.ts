/** What the admin API reads and answers of credentials. */
import { z } from 'zod';
import {
  type Credential,
  type RotationProgress,
  SCOPES,
  stateAt,
  type UsageHour,
  type UsageTotal,
} from '../credentials/index.ts';
import * as schemas from './schemas.ts';

export const scopes = z
  .array(z.enum(SCOPES))
  .min(1)
  .max(SCOPES.length)
  .describe('`scim`: read and write. `scim.read`: read only.');

/** Of what is imported. */
export const allowWeak = z
  .boolean()
  .optional()
  .describe(
    'Accepts a value that we estimate at less than 64 bits. Only owner keys can set it. Its digest is keyed with LATCHKEY_SECRET. With a digest: treat the value as weak.',
  );

const rotationView = z.object({
  successorId: z.string(),
  since: schemas.shownTime,
  retire: z.enum(['manual', 'when-replaced', 'at']),
  successorAccepted: z.boolean(),
  status: z.enum(['manual', 'scheduled', 'waiting_for_successor', 'waiting_for_quiet', 'still_in_use']),
  retiresAt: schemas.shownTime
    .nullable()
    .describe('When the credential is retired if only the new one is used. null: unknown.'),
});

export const credentialView = z
  .object({
    id: z.string(),
    directoryId: z.string(),
    organizationId: z.string(),
    kind: z.enum(['bearer', 'oauth']),
    slot: z.enum(['a', 'b']),
    state: z.enum(['pending', 'active', 'disabled', 'revoked', 'expired']),
    label: z.string().nullable(),
    hint: z.string().describe('The last four characters of the value; `????` if they are unknown or not shown.'),
    weak: z
      .boolean()
      .describe(
        'An owner imported the value although it can be guessed. Its digest is keyed with LATCHKEY_SECRET. Replace this credential.',
      ),
    scopes: z.array(z.string()),
    createdAt: schemas.shownTime,
    createdBy: schemas.actorView,
    expiresAt: schemas.shownTime.nullable().describe('null: never'),
    lastUsedAt: schemas.shownTime.nullable(),
    lastUsedFrom: schemas.originView,
    acceptedCount: z.int(),
    refusedCount: z.int(),
    revokedAt: schemas.shownTime.nullable(),
    revokedBy: schemas.actorView.nullable(),
    revokedReason: z.string().nullable(),
    clientId: z.string().nullable().describe("For kind oauth: the connection's client."),
    authorizedBy: schemas.actorView.nullable().describe('For kind oauth: who allowed it.'),
    lastRefreshedAt: schemas.shownTime.nullable(),
    accessTokenExpiresAt: schemas.shownTime.nullable(),
    rotation: rotationView.nullable().describe('Set on a credential that was replaced and has not been retired yet.'),
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
    createdBy: schemas.viewActor(createdBy),
    expiresAt: end ?? null,
    lastUsedAt: total?.lastUsedAt ?? null,
    lastUsedFrom: schemas.viewOrigin(total),
    acceptedCount: total?.acceptedCount ?? 0,
    refusedCount: total?.refusedCount ?? 0,
    revokedAt: revokedAt ?? null,
    revokedBy: revokedBy ? schemas.viewActor(revokedBy) : null,
    revokedReason: revokedReason ?? null,
    clientId: credential.clientId ?? null,
    authorizedBy: credential.authorizedBy ? schemas.viewActor(credential.authorizedBy) : null,
    lastRefreshedAt: total?.lastRefreshedAt ?? null,
    accessTokenExpiresAt: total?.accessTokenExpiresAt ?? null,
    rotation: progress ?? null,
  };
}

export const usageView = z
  .object({ hour: schemas.shownTime, accepted: z.int(), refused: z.int() })
  .meta({ id: 'UsageHour' });

export function viewUsage({ hour, accepted, refused }: UsageHour) {
  return { hour, accepted, refused };
}
