/** Values of another system become credentials as they were: the IdP keeps presenting what it has. */
import { AppError } from '../errors.ts';
import { classifyToken, type Digest, digestOf, digestOfSsoready, hintOf } from './static-token.ts';
import { UNKNOWN_HINT } from './weak-values.ts';

export const IMPORT_FORMS = ['token', 'sha256', 'ssoreadyToken', 'ssoreadySha256'] as const;
type ImportForm = (typeof IMPORT_FORMS)[number];

/** Exactly one of the four forms; `hint` only beside a digest, whose last four characters nobody can tell. */
export type ImportInput = { [form in ImportForm]?: string | undefined } & {
  hint?: string | undefined;
  /** An owner takes a value that could be guessed, or a digest of one. */
  allowWeak?: boolean | undefined;
};

const SHORTEST = 8;
const LONGEST = 4096;

/** `value`: where it came in clear text. Throws invalid_request, invalid_token_format; never repeats the value that was given. */
export function readImport(input: ImportInput): { digest: Digest; hint: string; form: ImportForm; value?: string } {
  const given = IMPORT_FORMS.filter((form) => input[form] !== undefined);
  const [form] = given;
  if (form === undefined || given.length !== 1) {
    const detail = `Give exactly one of ${IMPORT_FORMS.join(', ')}; ${given.length === 0 ? 'you gave none' : `you gave ${given.join(' and ')}`}.`;
    throw new AppError('invalid_request', { detail });
  }
  if (input.hint !== undefined && (form === 'token' || form === 'ssoreadyToken')) {
    const errors = [
      { path: 'hint', given: 'a hint', wanted: `no hint with ${form}, which already has the last characters` },
    ];
    throw new AppError('invalid_request', { detail: 'A hint is allowed only with a digest.', errors });
  }
  const value = input[form] ?? '';
  switch (form) {
    case 'token': {
      if (value.length < SHORTEST || value.length > LONGEST) {
        throw unfit(form, `It has ${value.length} characters. It must have ${SHORTEST} to ${LONGEST}.`);
      }
      if (/^(?:lk|lkp|lks|lkc|scimat|scimrt|scimac|scimcs)_/.test(value))
        throw unfit(
          form,
          'It is another kind of Latchkey value: an API key, an OAuth token or a link, not a static token.',
        );
      if (!/^[\x21-\x7e]+$/.test(value))
        throw unfit(form, "It has spaces, or characters that can't be in an Authorization header.");
      if (classifyToken(value) === 'damaged') {
        throw unfit(
          form,
          'It begins like a Latchkey token, but its length or checksum is wrong. It is incomplete or mistyped.',
        );
      }
      return { digest: digestOfSsoready(value) ?? digestOf(value), hint: hintOf(value), form, value };
    }
    case 'ssoreadyToken': {
      const digest = digestOfSsoready(value);
      if (!digest)
        throw unfit(form, 'It must be ssoready_scim_bearer_token_ and 25 characters of 0-9a-z, with at most 128 bits.');
      return { digest, hint: hintOf(value), form, value };
    }
    case 'sha256':
    case 'ssoreadySha256': {
      const hex = value.toLowerCase();
      if (!/^[0-9a-f]{64}$/.test(hex)) throw unfit(form, 'It must be the 64 hexadecimal digits of a SHA-256.');
      return {
        digest: form === 'sha256' ? `sha256:${hex}` : `ssoready:${hex}`,
        hint: input.hint ?? UNKNOWN_HINT,
        form,
      };
    }
  }
}

function unfit(form: ImportForm, problem: string): AppError {
  return new AppError('invalid_token_format', {
    detail: `${form} can't be imported. ${problem}`,
    errors: [{ path: form, problem }],
  });
}
