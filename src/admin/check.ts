/** "Check a token": whose it is and its state, without using it. */
import { z } from 'zod';
import type { Check, Checked } from '../diagnosis/index.ts';
import { type Operation, operation } from './operation.ts';
import * as schemas from './schemas.ts';

const tag = 'Diagnosis';

const checkedView = z
  .object({
    known: z.boolean().describe('Whether it is a token or access token that you can see.'),
    looksLike: z
      .string()
      .nullable()
      .describe('What an unknown value looks like, for example `token_truncated` or `client_secret_presented`.'),
    what: z.enum(['token', 'access_token']).nullable(),
    state: z.enum(['pending', 'active', 'disabled', 'revoked', 'expired']).nullable(),
    credentialId: z.string().nullable(),
    directoryId: z.string().nullable(),
    organizationId: z.string().nullable(),
    directoryName: z.string().nullable(),
    directoryDisabled: z.boolean().nullable(),
    slot: z.enum(['a', 'b']).nullable(),
    hint: z.string().nullable(),
    issuedAt: schemas.shownTime.nullable(),
    expiresAt: schemas.shownTime.nullable(),
    lastUsedAt: schemas.shownTime.nullable(),
  })
  .meta({ id: 'CheckedToken' });

function viewChecked(checked: Checked) {
  const nothing = { looksLike: null, what: null, state: null, credentialId: null, directoryId: null };
  const nowhere = { organizationId: null, directoryName: null, directoryDisabled: null, slot: null, hint: null };
  const never = { issuedAt: null, expiresAt: null, lastUsedAt: null };
  if (!checked.isKnown) return { known: false, ...nothing, ...nowhere, ...never, looksLike: checked.looksLike };
  const { credential, what, state, directoryName, isDirectoryDisabled, issuedAt, expiresAt, lastUsedAt } = checked;
  const { id, directoryId, organizationId, slot, hint } = credential;
  return {
    known: true,
    looksLike: null,
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

export function checkOperations({ check }: { check: Check }): Operation[] {
  return [
    operation({
      method: 'post',
      path: '/check',
      tag,
      summary: 'Check a token without using it',
      description:
        "Returns a token's owner and state, or what an unknown value looks like. The check doesn't count as a use, and the value is not stored.",
      action: 'tokens.check',
      body: z.strictObject({
        value: z.string().min(1).max(5000).describe('The token, or a full Authorization header.'),
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
