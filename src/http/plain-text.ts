/**
 * Which text may be kept and shown. Characters that turn the reading direction, hide in tags, end a string for other programs, or are half a
 * character make one name look like another, so they are refused wherever text comes in.
 */
import { AppError } from '../errors.ts';

const UNFIT = /[\0\p{Bidi_Control}\p{Surrogate}\u{E0000}-\u{E007F}]/u;

/** Shows a sign in the place of each such character, where a text came in by a way that refuses nothing. */
export function withoutUnfit(text: string): string {
  return text.replace(new RegExp(UNFIT, 'gu'), '\uFFFD');
}

/** The beginning of a text as a part of an address: half a character, which a cut may leave, is none there. */
export function inAddress(text: string, most: number): string {
  return encodeURIComponent(withoutUnfit(text.slice(0, most)));
}

/** What comes in may be nested so deep; whatever walks it afterwards may recurse. */
export const DEEPEST = 32;

/** Checks every key and value of what a request brought. Throws invalid_request, naming the field. */
export function assertPlainText(value: unknown): void {
  let level: [path: string, value: unknown][] = [['', value]];
  for (let depth = 0; level.length > 0; depth++) {
    const next: [path: string, value: unknown][] = [];
    for (const [path, item] of level) {
      if (typeof item === 'string') assertPlain(path, item);
      if (typeof item !== 'object' || item === null) continue;
      if (depth >= DEEPEST)
        throw new AppError('invalid_request', { detail: `The body is nested deeper than ${DEEPEST} levels.` });
      for (const [key, inner] of Object.entries(item)) {
        assertPlain(path, key);
        next.push([path === '' ? key : `${path}.${key}`, inner]);
      }
    }
    level = next;
  }
}

function assertPlain(path: string, text: string): void {
  const [found] = UNFIT.exec(text) ?? [];
  if (found === undefined) return;
  const code = `U+${(found.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
  const errors = [
    { path, given: code, wanted: 'text without bidirectional control characters, tag characters or NUL' },
  ];
  throw new AppError('invalid_request', {
    detail: `A text contains the invisible character ${code}. Type it again.`,
    errors,
  });
}
