/** What shows on the account's forms that its owner sends them. */
import type { Proof } from '../operators/index.ts';
import { HOME, type Visit } from './visit.ts';

export const TRAIL: [string, string][] = [[`${HOME}/settings`, 'Settings']];

export function proofOf({ sessionId, form, attribution }: Visit): Proof {
  return { sessionId, password: form.get('current') ?? '', address: attribution.address };
}

export function CurrentPassword({ hint, isRequired = false }: { hint?: string; isRequired?: boolean }) {
  return (
    <label class="line">
      <span>Current password</span>
      <input type="password" name="current" required={isRequired} maxlength={256} autocomplete="current-password" />
      {hint !== undefined && <small>{hint}</small>}
    </label>
  );
}
