/**
 * What a caller presented, read from its `Authorization` headers. IdPs and the people who configure them leave the scheme out, type it
 * twice, or bring blanks along; what remains unambiguous is accepted (RFC 6750, and what Okta's "Header" mode sends).
 */
import { classifyToken, isAccessToken } from '../credentials/index.ts';

export type Presented =
  | { kind: 'none' }
  | { kind: 'malformed' }
  /** `certain`: it is written as RFC 6750 says, so an unknown value is unknown; else it may not be a credential at all. */
  | { kind: 'token'; value: string; certain: boolean };

const NONE: Presented = { kind: 'none' };
const MALFORMED: Presented = { kind: 'malformed' };
const SCHEME = /^bearer[ \t]+/i;
const VISIBLE = /^[\x21-\x7e]+$/;
/** Longer values are never looked at. */
const LONGEST = 4096;

/** `rawHeaders` as Node gives them: name, value, name, value... since Node drops a second Authorization silently. */
export function readAuthorization(rawHeaders: readonly string[]): Presented {
  let found: string | undefined;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    if (name.length !== 13 || name.toLowerCase() !== 'authorization') continue;
    if (found !== undefined) return MALFORMED;
    found = rawHeaders[index + 1] as string;
  }
  return found === undefined ? NONE : parseAuthorization(found);
}

export function parseAuthorization(header: string): Presented {
  const value = header.trim();
  if (value === '') return NONE;
  const rest = value.replace(SCHEME, '');
  if (rest !== value) return parseBearer(rest);
  if (/^bearer$/i.test(value)) return NONE;
  // No scheme: Okta's "Header" mode. Another scheme has a blank in it.
  return VISIBLE.test(value) ? presented(value, false) : MALFORMED;
}

function parseBearer(rest: string): Presented {
  const inner = rest.replace(SCHEME, '');
  const isOurs = () => classifyToken(inner) === 'ours' || isAccessToken(inner);
  if (inner !== rest) return isOurs() ? presented(inner, true) : MALFORMED;
  return VISIBLE.test(rest) ? presented(rest, true) : MALFORMED;
}

/** A value that was named as a token, as introspection names it. */
export function presentToken(value: string): Presented {
  return VISIBLE.test(value) ? presented(value, true) : MALFORMED;
}

function presented(value: string, certain: boolean): Presented {
  return value.length > LONGEST || classifyToken(value) === 'damaged' ? MALFORMED : { kind: 'token', value, certain };
}

/** Whether a value is a JWT: three parts, the first of which is a JSON object with `alg`. */
export function isJwt(value: string): boolean {
  const [header, ...rest] = value.split('.');
  if (!header || rest.length !== 2) return false;
  try {
    const parsed = JSON.parse(Buffer.from(header, 'base64url').toString()) as unknown;
    return typeof parsed === 'object' && parsed !== null && 'alg' in parsed;
  } catch {
    return false;
  }
}
