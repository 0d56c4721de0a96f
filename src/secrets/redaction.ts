/**
 * Callers put secrets where none belongs: in a path, a filter, a user agent, the field next to the right one. Whatever repeats or keeps
 * such a text passes one of these first.
 */

/** What begins like a secret of ours and is long enough to be one, whatever stands before it; and a JWT of anybody. */
const SECRET =
  /(scim|scimat|scimrt|scimac|scimcs|lkp|lks|lkc|lk)(?:_|%5f)[\w-]{20,}|(whsec)(?:_|%5f)[\w+/=%-]{20,}|(ey)J[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?/gi;
const OWN_ID = /^(?:org|dir|cred|client|evt|key|op|link|session|notice|hook|contact|camp)_[0-9A-Za-z]{20,22}$/;
/** What a secret may be written in: it ends at blanks and at what separates parts of a sentence, a URL or a list. */
const RUN = /[^\s"'(),;:.<>[\]{}|\\?&=#@]{11,}/g;
const CHUNKS = /[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[^A-Za-z0-9]/g;
const LONGEST = 4096;
/** Beyond so many bits a text is taken for a secret, no matter who made it. */
const SECRET_BITS = 60;
const REDACTED = '[redacted]';
const SHOWN_FROM = 8;
/** What `traceOf` makes; it stays as it is when it passes again. */
const TRACE = /^(?:1 character|\d+ characters)(?:, ending [\x21-\x7e]{1,4})?$/;

/** Shows of a secret in our formats, and of a JWT, the kind alone. */
export function withoutSecrets(text: string): string {
  return text.includes('_') || text.includes('%5') || text.includes('eyJ')
    ? text.replace(SECRET, (_, ours?: string, base64?: string) => {
        const kind = ours ?? base64;
        return kind === undefined ? REDACTED : `${kind}_${REDACTED}`;
      })
    : text;
}

/** Shows nothing of what is as hard to guess as a secret, in whatever format; IDs of ours stay. */
export function withoutUnguessable(text: string): string {
  return withoutSecrets(text.slice(0, LONGEST)).replace(RUN, (run) =>
    isOwnId(run) || bitsOf(run) <= SECRET_BITS ? run : REDACTED,
  );
}

/** Whether a text holds a secret in our formats, or a JWT. */
export function holdsSecret(text: string): boolean {
  return withoutSecrets(text) !== text;
}

/** Where a browser goes on to after a sign-in: a query with a secret in it stays behind. */
export function withoutSecretQuery(url: string): string {
  const [path = ''] = url.split('?');
  return holdsSecret(url) ? withoutSecrets(path) : url;
}

/** What a caller sent where we expected a value of ours: its length and its end tell a mistyped value from a foreign one. */
export function traceOf(value: string): string {
  if (TRACE.test(value)) return value;
  if (value.length === 1) return '1 character';
  const end = value.slice(-4).replace(/[^\x21-\x7e]/g, '?');
  return value.length < SHOWN_FROM ? `${value.length} characters` : `${value.length} characters, ending ${end}`;
}

export function isOwnId(text: string): boolean {
  return OWN_ID.test(text);
}

/**
 * An upper estimate of how hard a text is to guess: letters that read like words count little, all else counts as if it were random. It
 * errs towards redacting, and costs one pass.
 */
function bitsOf(run: string): number {
  let bits = 0;
  let isAfterPart = false;
  for (const chunk of run.match(CHUNKS) ?? []) {
    const isPart = /^[A-Za-z0-9]/.test(chunk);
    if (/^[0-9]/.test(chunk)) bits += chunk.length * 3.4;
    else if (isPart) bits += chunk.length * (isWordLike(chunk) ? 1 : 4.8);
    else if (!/^[-_/+~%*]$/.test(chunk)) bits += 5;
    // Random text changes between cases and digits all the time; names and versions do so rarely.
    if (isPart && isAfterPart) bits += 2.5;
    isAfterPart = isPart;
  }
  return bits;
}

function isWordLike(letters: string): boolean {
  if (letters.length < 4) return false;
  const vowels = letters.match(/[aeiouy]/gi)?.length ?? 0;
  return vowels / letters.length >= 0.2 && letters.length <= 20 && !/[^aeiouy]{5}|[aeiou]{4}/i.test(letters);
}
