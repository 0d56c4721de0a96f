/**
 * What a caller presented, read from its `Authorization` headers. IdPs and the people who configure them leave the scheme out, type it
 * twice, paste the header's name or quotes along, or choose user name and password. A value of our own shape is unambiguous whatever
 * surrounds it, so it is accepted (RFC 6750, and what Okta's "Header" mode sends). Anything else is named by its sub-reason.
 */
import { classifyToken, isAccessToken } from '../credentials/index.ts';
import { createRecall } from '../http/recall.ts';
import type { SubReasons } from './denials.ts';

export type Presented =
  /** `subReason` and `foundIn`: where a token was instead of the Authorization header, which is refused there. */
  | { kind: 'none'; subReason?: SubReasons['missing']; foundIn?: string }
  /** `length`: of a value that is too short or too long to be one of our tokens. */
  | { kind: 'malformed'; subReason: SubReasons['malformed']; length?: number }
  /** `certain`: it is written as RFC 6750 says, so an unknown value is unknown; else it may not be a credential at all. */
  | { kind: 'token'; value: string; certain: boolean };

/** Why a value that nothing is known of is refused. */
export type UnknownValue =
  | { reason: 'unknown'; subReason: SubReasons['unknown'] }
  | { reason: 'malformed'; subReason: SubReasons['malformed']; length?: number }
  | { reason: 'foreign_token'; subReason: SubReasons['foreign_token'] };

const NONE: Presented = { kind: 'none' };
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
    if (found !== undefined) return malformed('header_twice');
    found = rawHeaders[index + 1] as string;
  }
  return found === undefined ? NONE : recallHeader(found);
}

const recallHeader = createRecall(parseAuthorization);

export function parseAuthorization(header: string): Presented {
  const value = header.trim();
  if (value === '') return NONE;
  const rest = value.replace(SCHEME, '');
  if (rest !== value && VISIBLE.test(rest)) return presented(rest, true);
  if (/^bearer:?$/i.test(value)) return NONE;
  // No scheme: Okta's "Header" mode. Another scheme has a blank in it.
  if (rest === value && VISIBLE.test(value)) return presented(value, false);
  return unwrapped(value);
}

/** A value that was named as a token, as introspection names it. */
export const presentToken = createRecall((value): Presented => {
  const token = value.trim();
  // Some SCIM servers ask with the whole header that they got.
  if (VISIBLE.test(token)) return presented(token, true);
  const inner = unwrapped(token);
  return inner.kind === 'token' ? inner : malformed('token_with_blanks');
});

function presented(value: string, certain: boolean): Presented {
  if (value.length > LONGEST) return malformed('token_too_long');
  const kind = classifyToken(value);
  if (kind === 'ours' || !value.includes('scim')) return { kind: 'token', value, certain };
  if (isAccessToken(value)) return { kind: 'token', value, certain };
  // Perhaps ours in quotes or behind the header's name; perhaps a value of another system that only looks like it.
  const inner = unwrapped(value);
  const isPiece = inner.kind === 'malformed' && isDamage(inner.subReason);
  if (inner.kind === 'token' || kind === 'damaged' || isPiece) return inner;
  return { kind: 'token', value, certain };
}

/** The words and marks that people paste along with a token, outermost first. */
const WRAPPERS: [subReason: SubReasons['malformed'], pattern: RegExp][] = [
  [
    'header_name_in_value',
    /^(?:authorization|(?:(?:x-)?(?:api|auth|access|secret|bearer|scim)[-_ ]?)?(?:token|key))[ \t]*[:=][ \t]*/i,
  ],
  // Also typographic ones, as the bytes of their UTF-8 arrive, and what JSON and HTML write for them.
  [
    'value_quoted',
    /^(?:\\?["'`]|[\xab<([{]|\xe2\x80[\x98-\x9f]|&(?:quot|#3[49]|lt);)|(?:\\?["'`]|[\xbb>)\]},;.]|\xe2\x80[\x98-\x9f]|&(?:quot|#3[49]|gt);)$/,
  ],
  // A blank or line break that is written out.
  ['token_with_blanks', /^(?:\\[rnt]|%0[9ad]|%20)|(?:\\[rnt]|%0[9ad]|%20)$/i],
  ['scheme_twice', /^bearer(?:[ \t:=+_-]|%20)*/i],
];
/** Each kind once, and the scheme once more. */
const MOST_WRAPPERS = 8;

/** The token of our shape inside, or what surrounds it by name. */
function unwrapped(value: string): Presented {
  let inner = value;
  let worst: SubReasons['malformed'] | undefined;
  let schemes = 0;
  for (let turn = 0; turn < MOST_WRAPPERS; turn++) {
    const [, user] = /^basic[ \t]+(.*)$/i.exec(inner) ?? [];
    if (user !== undefined) return ofBasic(user);
    const wrapper = WRAPPERS.find(([, pattern]) => pattern.test(inner));
    if (!wrapper) break;
    const [subReason, pattern] = wrapper;
    inner = inner.replace(pattern, '').trim();
    if (subReason === 'scheme_twice') schemes += 1;
    if (subReason !== 'scheme_twice' || schemes > 1) worst ??= subReason;
  }
  if (isOurs(inner) && schemes <= 2) return { kind: 'token', value: inner, certain: true };
  const look = lookOf(inner);
  if (isDamage(look)) return { ...malformed(look), ...lengthOf(look, inner) };
  const hasScheme = schemes > 0 || inner.startsWith('scim') || value.startsWith('scim');
  if (!hasScheme && /^[A-Za-z][\w-]{0,30}[ \t]+[^\s:=]/.test(value)) return malformed('scheme_unknown');
  if (worst !== undefined) return malformed(worst);
  return malformed(VISIBLE.test(inner) ? look : 'token_with_blanks');
}

/** User name and password: one of the two may be the token. */
function ofBasic(given: string): Presented {
  const text = Buffer.from(given, 'base64').toString('latin1');
  const colon = text.indexOf(':');
  const halves = (colon === -1 ? [text] : [text.slice(0, colon), text.slice(colon + 1)]).map(bare);
  const tokens = new Set(halves.filter(isOurs));
  const [value] = tokens;
  if (value !== undefined && tokens.size === 1) return { kind: 'token', value, certain: true };
  return malformed(halves.some((half) => half.startsWith('scimcs_')) ? 'client_secret_presented' : 'scheme_basic');
}

/** A value without its wrappers and encodings. */
function bare(value: string): string {
  let inner = value.trim();
  for (let turn = 0; turn < MOST_WRAPPERS; turn++)
    for (const [, pattern] of WRAPPERS) inner = inner.replace(pattern, '').trim();
  return inner.replace(/%5f/gi, '_');
}

/** How an API key begins, and what the first one that was chosen by hand may hold. */
const API_KEY = /^lk_[\x21-\x7e]{16,512}$/;

/** An API key in a header, as RFC 6750 has it or with what people put around it; `id` where Basic names one. */
export function readApiKey(header = ''): { value: string; id?: string } | undefined {
  const value = header.trim();
  const [, bearer] = /^bearer[ \t]+(\S+)$/i.exec(value) ?? [];
  if (bearer !== undefined && API_KEY.test(bearer)) return { value: bearer };
  const [, encoded] = /^basic[ \t]+(\S+)$/i.exec(value) ?? [];
  if (encoded !== undefined) {
    const [, user = '', password = ''] = /^([^:]*):?(.*)$/s.exec(Buffer.from(encoded, 'base64').toString()) ?? [];
    if (API_KEY.test(password)) return { value: password, ...(user !== '' && { id: user }) };
    return API_KEY.test(user) && password === '' ? { value: user } : undefined;
  }
  const inner = bare(value);
  return API_KEY.test(inner) ? { value: inner } : undefined;
}

/** Whether a value has the shape of a static or an access token of ours. */
export function isOurs(value: string): boolean {
  return classifyToken(value) === 'ours' || isAccessToken(value);
}

/** Access tokens, and our other secrets and IDs, by how they begin. */
const OTHERS: [subReason: SubReasons['unknown'], pattern: RegExp][] = [
  ['client_secret_presented', /^scimcs_/],
  ['refresh_token_presented', /^scimrt_/],
  ['code_presented', /^scimac_/],
  // Deleted some time after it expired, or of another server.
  ['access_token_unknown', /^scimat_/],
  ['portal_link_presented', /^(?:lkp_|lks_|lkc_)|^https?:\/\/.*\/(?:portal|dashboard)\//],
  ['api_key_presented', /^lk_/],
  ['client_id_presented', /^client_[0-9A-Za-z]+$/],
  ['endpoint_url_presented', /^https?:\/\//],
];

const TOKEN_LENGTH = 43;

/** What a console or a page shows in place of a secret; the bytes of an ellipsis and of a bullet among them. */
const MASKED = /^(?:scim(?:at)?_)?[0-9A-Za-z]{0,8}(?:\.{3}|\*{3}|\xe2\x80\xa6|(?:\xe2\x80\xa2){2})/i;
const NO_PREFIX = /^[0-9A-Za-z]{38}$/;

/** What a value that can't be a credential of ours looks like. */
function lookOf(value: string): SubReasons['unknown'] | Damage {
  const starts = value.match(/scim(?:at)?_/g)?.length ?? 0;
  if (starts > 1) return 'token_doubled';
  // Whole, and of another server or a directory that was deleted.
  if (classifyToken(value) === 'ours') return 'token_unknown';
  if (/^scim_[0-9a-z]*$/i.test(value)) return value.length === TOKEN_LENGTH ? 'token_mistyped' : 'token_truncated';
  if (MASKED.test(value) || (NO_PREFIX.test(value) && classifyToken(`scim_${value}`) === 'ours'))
    return 'token_truncated';
  return OTHERS.find(([, pattern]) => pattern.test(value))?.[0] ?? 'token_unknown';
}

type Damage = 'token_truncated' | 'token_mistyped' | 'token_doubled';

/** Whether it was a token of ours before somebody copied it. */
function isDamage(look: string): look is Damage {
  return look === 'token_truncated' || look === 'token_mistyped' || look === 'token_doubled';
}

/** Of a token that was cut off or has something at its end; of one in a display form a length says nothing. */
function lengthOf(look: Damage, value: string): { length?: number } {
  return look === 'token_truncated' && /^scim_[0-9A-Za-z]+$/.test(value) ? { length: value.length } : {};
}

/** Names a value that nothing is known of. `certain`: it stood behind the scheme, as RFC 6750 wants it. */
export function unknownValue(value: string, certain: boolean): UnknownValue {
  if (isJwt(value)) return { reason: 'foreign_token', subReason: isOfIdp(value) ? 'idp_own_token' : 'foreign_token' };
  const look = lookOf(value);
  if (isDamage(look)) return { reason: 'malformed', subReason: look, ...lengthOf(look, value) };
  return certain ? { reason: 'unknown', subReason: look } : { reason: 'malformed', subReason: look };
}

/** Whether a value is a JWT: three parts, the first of which is a JSON object with `alg`. */
export function isJwt(value: string): boolean {
  const [header, ...rest] = value.split('.');
  return header !== undefined && header !== '' && rest.length === 2 && 'alg' in jsonOf(header);
}

/** Issuers of the tokens that identity providers make for themselves, as Entra does while its Secret Token field is empty. */
const IDP_ISSUERS =
  /^https:\/\/(?:sts\.(?:windows\.net|chinacloudapi\.cn)|login(?:-us|\.partner)?\.(?:microsoftonline\.(?:com|us|cn)|chinacloudapi\.cn)|[\w.-]+\.(?:(?:okta|oktapreview|okta-emea|okta-gov|trexcloud|onelogin|pingone|jumpcloud)\.com|okta\.mil)|auth\.pingone\.(?:com|eu|ca|asia|com\.au|sg)|accounts\.google\.com)(?:\/|$)/;

function isOfIdp(jwt: string): boolean {
  const { iss } = jsonOf(jwt.split('.')[1] ?? '') as { iss?: unknown };
  return typeof iss === 'string' && IDP_ISSUERS.test(iss);
}

function jsonOf(part: string): object {
  try {
    const parsed = JSON.parse(Buffer.from(part, 'base64url').toString()) as unknown;
    return typeof parsed === 'object' && parsed !== null ? parsed : {};
  } catch {
    return {};
  }
}

function malformed(subReason: SubReasons['malformed']): Presented {
  return { kind: 'malformed', subReason };
}
