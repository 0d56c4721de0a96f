/** "Check a token", a client secret or a client ID: whose it is and its state, without using it. */
import { z } from 'zod';
import type { Check, Checked, CheckedClientId, CheckedSecret } from '../diagnosis/index.ts';
import { type Operation, operation } from './operation.ts';
import * as schemas from './schemas.ts';

const tag = 'Diagnosis';

const checkedView = z
  .object({
    known: z.boolean().describe('Whether it is a token, client secret or client ID that you can see.'),
    looksLike: z
      .string()
      .nullable()
      .describe('What an unknown value looks like, for example `token_truncated` or `refresh_token_presented`.'),
    what: z.enum(['token', 'access_token', 'client_secret', 'client_id']).nullable(),
    state: z
      .enum(['pending', 'active', 'disabled', 'revoked', 'expired', 'live', 'removed'])
      .nullable()
      .describe(
        'For a client secret: `live`, `expired` or `removed`. For a client ID: `removed` if the client was deleted, otherwise null.',
      ),
    credentialId: z.string().nullable(),
    clientId: z.string().nullable().describe("The client's `id`, for a client secret or client ID."),
    clientName: z.string().nullable(),
    directoryId: z.string().nullable().describe('null for a shared client.'),
    organizationId: z.string().nullable(),
    directoryName: z.string().nullable(),
    directoryDisabled: z.boolean().nullable(),
    slot: z.enum(['a', 'b']).nullable(),
    hint: z.string().nullable(),
    issuedAt: schemas.shownTime.nullable().describe('When it was issued. For a client secret: when it was created.'),
    expiresAt: schemas.shownTime.nullable(),
    removedAt: schemas.shownTime.nullable().describe('When the client secret was removed, or the client was deleted.'),
    lastUsedAt: schemas.shownTime.nullable(),
    unusedSince: schemas.shownTime
      .nullable()
      .describe('For a client secret without lastUsedAt: no use was recorded since then.'),
  })
  .meta({ id: 'CheckedToken' });

type CheckedView = z.input<typeof checkedView>;

const NOTHING: CheckedView = {
  known: false,
  looksLike: null,
  what: null,
  state: null,
  credentialId: null,
  clientId: null,
  clientName: null,
  directoryId: null,
  organizationId: null,
  directoryName: null,
  directoryDisabled: null,
  slot: null,
  hint: null,
  issuedAt: null,
  expiresAt: null,
  removedAt: null,
  lastUsedAt: null,
  unusedSince: null,
};

function viewChecked(checked: Checked) {
  if (!checked.isKnown) return { ...NOTHING, looksLike: checked.looksLike };
  if (checked.what === 'client_secret' || checked.what === 'client_id') return viewOfClient(checked);
  const { credential, what, state, directoryName, isDirectoryDisabled, issuedAt, expiresAt, lastUsedAt } = checked;
  const { id, directoryId, organizationId, slot, hint } = credential;
  return {
    ...NOTHING,
    known: true,
    what,
    state,
    credentialId: id,
    directoryId,
    organizationId,
    directoryName,
    directoryDisabled: isDirectoryDisabled,
    slot,
    hint: credential.kind === 'bearer' ? hint : null,
    issuedAt,
    expiresAt: expiresAt ?? null,
    lastUsedAt: lastUsedAt ?? null,
  };
}

function viewOfClient(checked: CheckedSecret | CheckedClientId) {
  const { client, directory, removedAt } = checked;
  const whose = {
    ...NOTHING,
    known: true,
    what: checked.what,
    clientId: client.id,
    clientName: client.name || null,
    directoryId: client.directoryId ?? null,
    organizationId: client.organizationId ?? null,
    directoryName: directory?.name ?? null,
    directoryDisabled: directory?.isDisabled ?? null,
    removedAt: removedAt ?? null,
  };
  if (checked.what === 'client_id') return { ...whose, state: client.isDeleted ? 'removed' : null };
  const { state, hint, createdAt, expiresAt, use } = checked;
  return {
    ...whose,
    state,
    hint: hint ?? null,
    issuedAt: createdAt ?? null,
    expiresAt: expiresAt ?? null,
    lastUsedAt: use?.lastUsedAt ?? null,
    unusedSince: use?.unusedSince ?? null,
  };
}

export function checkOperations({ check }: { check: Check }): Operation[] {
  return [
    operation({
      method: 'post',
      path: '/check',
      tag,
      summary: 'Check a token without using it',
      description:
        "Returns the owner and state of a token, client secret or client ID, or what an unknown value looks like. The check doesn't count as a use, and the value is not stored.",
      action: 'tokens.check',
      body: z.strictObject({
        value: z.string().min(1).max(5000).describe('The token or client secret, or a full Authorization header.'),
      }),
      status: 200,
      answer: checkedView,
      errors: ['invalid_request'],
      async handle({ body: { value }, caller, attribution }) {
        return { body: viewChecked(await check(value, caller.organizationId, attribution)) };
      },
    }),
  ];
}
