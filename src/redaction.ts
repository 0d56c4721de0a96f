/** What begins like a secret of ours and is long enough to be one, whatever stands before it. */
const SECRET = /(scim|scimat|scimrt|scimcs|lkp|lks|lk)_[\w-]{20,}/g;

/** Callers put secrets where none belongs: in a path, a filter, their user agent. What repeats such a text shows the kind alone. */
export function withoutSecrets(text: string): string {
  return text.includes('_') ? text.replace(SECRET, '$1_[redacted]') : text;
}
