/** What shows on the account's forms that its owner sends them. */
import type { Proof } from '../operators/index.ts';
import { Field, type Trail } from '../pages/index.ts';
import { PLACES, type Visit } from './visit.ts';

export const TRAIL: Trail = [PLACES.settings];

export function proofOf({ sessionId, form, attribution }: Visit): Proof {
  return { sessionId, password: form.get('current') ?? '', address: attribution.address };
}

export function CurrentPassword({ hint, isRequired = false }: { hint?: string; isRequired?: boolean }) {
  return (
    <Field
      label="Current password"
      name="current"
      type="password"
      isRequired={isRequired}
      isSecret
      maximum={256}
      autocomplete="current-password"
      hint={hint}
    />
  );
}
