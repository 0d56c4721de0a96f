/**
 * The one reader of parameters, for the authorization, token and revocation endpoints (RFC 6749 3.1, 3.2): an empty parameter is absent, an
 * unknown one is ignored, one that comes twice must say the same, and blanks around a value of our own shape are taken off.
 */
import { SCOPES } from '../credentials/index.ts';
import type { OauthSubReason } from './refusals.ts';

export type Parameters = ReadonlyMap<string, string>;

export interface ReadParameters {
  parameters: Parameters;
  /** What is wrong with the form of the request. The parameters then tell who asks, and nothing else may be taken from them. */
  mistake?: OauthSubReason;
  /** The parameters that came twice with different values. */
  twice?: readonly string[];
  /** The parameters under names that are nearly right (`clientId`), or between wrong separators: whom the sender means, and no more. */
  misnamed?: Parameters;
}

/** Everything else is ignored: `resource`, `audience`, `nonce`, `max_age`, `prompt`, whatever an IdP adds. */
const KNOWN = new Set([
  'client_id',
  'client_secret',
  'client_assertion',
  'client_assertion_type',
  // Of a grant that there is not; it tells who asks for it.
  'assertion',
  'response_type',
  'response_mode',
  'redirect_uri',
  'scope',
  'state',
  'code_challenge',
  'code_challenge_method',
  // Refused rather than ignored, since they would change what everything else means.
  'request',
  'request_uri',
  'grant_type',
  'code',
  'code_verifier',
  'refresh_token',
  'token',
  'token_type_hint',
]);

/** What people paste: IDs, secrets and tokens that we made, and codes. */
const PASTED = new Set(['client_id', 'client_secret', 'code', 'refresh_token', 'token']);
const OUR_SHAPE = /^(?:client|scimcs|scimrt|scimac|scimat|scim|lk|lks)_[\w-]+$/;
const OUR_CODE = /^[\w-]{43}$/;

/** Blanks, seen or not, quotes and the marks between two values. */
const AROUND = /^[\s\u200b-\u200d\u2060"'`\u2018-\u201e,;]+|[\s\u200b-\u200d\u2060"'`\u2018-\u201e,;]+$/g;

/** The value without what people paste around it, where what is left has the shape of something that we made; else as it came. */
export function withoutBlanks(value: string): string {
  const trimmed = onceDecoded(value.replace(AROUND, ''));
  return OUR_SHAPE.test(trimmed) || OUR_CODE.test(trimmed) ? trimmed : value;
}

/** Some clients encode what a library encodes once more. */
function onceDecoded(value: string): string {
  if (!value.includes('%')) return value;
  try {
    return decodeURIComponent(value).replace(AROUND, '');
  } catch {
    return value;
  }
}

/** What is unambiguous in a value: blanks mean nothing in these, and a JWT or a challenge has none at all. */
const TIDIED: Readonly<Record<string, (value: string) => string>> = {
  ...Object.fromEntries([...PASTED].map((name) => [name, withoutBlanks])),
  grant_type: (value) => value.trim(),
  response_type: (value) => value.trim(),
  client_assertion_type: (value) => value.trim(),
  client_assertion: (value) => value.replace(/^\s*["']?(?:bearer\s)?|\s|["']\s*$/gi, ''),
  // Base64 with padding, or in its other alphabet, whose plus a form takes for a blank.
  code_challenge: (value) => value.replace(/[+ ]/g, '-').replaceAll('/', '_').replace(/=+$/, ''),
};

/** Parameters out of pairs, from a query or a body. */
export function readPairs(pairs: Iterable<readonly [string, string]>): ReadParameters {
  const found = new Map<string, string>();
  const twice: string[] = [];
  for (const [written, given] of pairs) {
    // An address that went through HTML.
    const name = written.startsWith('amp;') ? written.slice(4) : written;
    const value = Object.hasOwn(TIDIED, name) ? (TIDIED[name]?.(given) ?? given) : given;
    if (value === '' || !KNOWN.has(name)) continue;
    const earlier = found.get(name);
    // People add scopes to an address that has some.
    if (name === 'scope' && earlier !== undefined) found.set(name, `${earlier} ${value}`);
    else if (earlier !== undefined && earlier !== value) twice.push(name);
    else found.set(name, value);
  }
  // An empty challenge is none, and then there is no method either.
  if (!found.has('code_challenge')) found.delete('code_challenge_method');
  return { parameters: found, ...(twice.length > 0 && { mistake: 'form_parameter_twice', twice }) };
}

/** The parameters of a query. A client that puts its own behind an address that has some may begin them with another question mark. */
export function readQuery(query: string): ReadParameters {
  const read = readPairs(new URLSearchParams(query));
  if (read.parameters.has('response_type') || !query.includes('?')) return read;
  return readPairs(
    new URLSearchParams(query.replace(/\?(?=(?:response_type|client_id|redirect_uri|state|scope)=)/g, '&')),
  );
}

const JSON_TYPE = /^(?:application|text)\/(?:[\w.+-]+\+)?json\b/i;
const MULTIPART_BODY = /^--[^\r\n]{1,100}\r?\ncontent-disposition:/i;

/** The parameters of a POST: a form, or JSON. `query`: what stands behind the address, of which only the sender is taken. */
export function readBodyParameters(text: string, contentType = '', query = ''): ReadParameters {
  const body = text.trim();
  const json = body.startsWith('{') ? pairsOfJson(body) : undefined;
  if (/^multipart\//i.test(contentType) || MULTIPART_BODY.test(body))
    return mistaken('form_multipart', pairsOfMultipart(text));
  if (JSON_TYPE.test(contentType)) {
    if (json) return withMisnamed(readPairs(json), json);
    return mistaken(/^\w+=/.test(body) ? 'form_as_json' : 'form_json_broken', new URLSearchParams(body));
  }
  if (json) return mistaken('form_json_as_form', json);
  const read = readPairs(new URLSearchParams(body));
  const separated = body.includes('&') ? body : body.replaceAll(';', '&');
  if (read.parameters.has('grant_type') || read.parameters.has('token'))
    return withMisnamed(read, new URLSearchParams(separated));
  const behind = readPairs(new URLSearchParams(query));
  if (behind.parameters.has('grant_type') || behind.parameters.has('token'))
    return mistaken('form_parameters_in_url', [...new URLSearchParams(query), ...new URLSearchParams(body)]);
  return withMisnamed(read, new URLSearchParams(separated));
}

const NEEDED = ['grant_type', 'client_id'];

function withMisnamed(read: ReadParameters, pairs: Iterable<readonly [string, string]>): ReadParameters {
  if (NEEDED.every((name) => read.parameters.has(name))) return read;
  const renamed = [...pairs].map(([name, value]) => [BY_LETTERS.get(lettersOf(name)) ?? name, value] as const);
  return { ...read, misnamed: readPairs(renamed).parameters };
}

const lettersOf = (name: string) => name.replace(/[^a-z]/gi, '').toLowerCase();
const BY_LETTERS = new Map([...KNOWN].map((name) => [lettersOf(name), name]));

function mistaken(mistake: OauthSubReason, pairs: Iterable<readonly [string, string]>): ReadParameters {
  return { parameters: readPairs(pairs).parameters, mistake };
}

function pairsOfJson(text: string): [string, string][] | undefined {
  try {
    const parsed = JSON.parse(text) as unknown;
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined;
    return Object.entries(parsed as Record<string, unknown>).flatMap(([name, value]) =>
      value === null ? [] : [[name, textOf(value)] as [string, string]],
    );
  } catch {
    return undefined;
  }
}

/** A list of scopes reads as one text does: what is asked for is never passed over. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return Array.isArray(value) ? value.join(' ') : JSON.stringify(value);
}

function* pairsOfMultipart(text: string): Iterable<[string, string]> {
  for (const part of text.split(/\r?\n--/)) {
    const [, name, value] = /\bname="(\w{1,40})"[^\r\n]*\r?\n(?:[^\r\n]+\r?\n)*\r?\n([^\r\n]*)/.exec(part) ?? [];
    if (name !== undefined && value !== undefined) yield [name, value];
  }
}

/** What an OpenID client asks for beside what we have, and what asks for a refresh token, which every client gets. */
const OPENID_SCOPES = new Set(['openid', 'profile', 'email', 'address', 'phone', 'offline_access', 'offline']);

/** The scopes of ours among those that are asked for; without any asked for, the whole; a sub-reason where none of them is ours. */
export function readScope(asked = ''): { scope: string } | { refused: 'scope_separator' | 'scope_unknown' } {
  if (/[,;|]/.test(asked)) return { refused: 'scope_separator' };
  const wanted = wordsOf(asked).filter((word) => !OPENID_SCOPES.has(word));
  if (wanted.length === 0) return { scope: SCOPES[0] };
  const known = wanted.filter((word) => (SCOPES as readonly string[]).includes(word));
  return known.length === 0 ? { refused: 'scope_unknown' } : { scope: known.join(' ') };
}

/** Whether scopes of ours are asked for by name, known or not. */
export function namesScopes(asked = ''): boolean {
  return wordsOf(asked).some((word) => !OPENID_SCOPES.has(word));
}

/** The word by which a refresh token was asked for: a strict client (requests-oauthlib) wants to read it again in the answer. */
export function offlineScopeOf(asked = ''): string | undefined {
  return wordsOf(asked).find((word) => word === 'offline_access' || word === 'offline');
}

function wordsOf(scope: string): string[] {
  return [...new Set(scope.replace(/["']/g, '').split(/(?:[\s+]|%20)+/i))].filter((word) => word !== '');
}
