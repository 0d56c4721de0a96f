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
}

/** Everything else is ignored: `resource`, `audience`, `nonce`, `max_age`, `prompt`, whatever an IdP adds. */
const KNOWN = new Set([
  'client_id',
  'client_secret',
  'client_assertion',
  'client_assertion_type',
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

/** The value without blanks and quotes around it, where what is left has the shape of something that we made; else as it came. */
export function withoutBlanks(value: string): string {
  const trimmed = value
    .trim()
    .replace(/^(["'])(.*)\1$/, '$2')
    .trim();
  return OUR_SHAPE.test(trimmed) || OUR_CODE.test(trimmed) ? trimmed : value;
}

/** Parameters out of pairs, from a query or a body. */
export function readPairs(pairs: Iterable<readonly [string, string]>): ReadParameters {
  const found = new Map<string, string>();
  const twice: string[] = [];
  for (const [name, given] of pairs) {
    const value = PASTED.has(name) ? withoutBlanks(given) : name === 'grant_type' ? given.trim() : given;
    if (value === '' || !KNOWN.has(name)) continue;
    const earlier = found.get(name);
    // People add scopes to an address that has some.
    if (name === 'scope' && earlier !== undefined) found.set(name, `${earlier} ${value}`);
    else if (earlier !== undefined && earlier !== value) twice.push(name);
    else found.set(name, value);
  }
  return { parameters: found, ...(twice.length > 0 && { mistake: 'form_parameter_twice', twice }) };
}

/** The parameters of a POST: a form, or JSON. `query`: what stands behind the address, of which only the sender is taken. */
export function readBodyParameters(text: string, contentType = '', query = ''): ReadParameters {
  const body = text.trim();
  const json = body.startsWith('{') ? pairsOfJson(body) : undefined;
  if (/^multipart\//i.test(contentType)) return mistaken('form_multipart', pairsOfMultipart(text));
  if (/^application\/json\b/i.test(contentType)) {
    if (json) return readPairs(json);
    return mistaken(/^\w+=/.test(body) ? 'form_as_json' : 'form_json_broken', new URLSearchParams(body));
  }
  if (json) return mistaken('form_json_as_form', json);
  const read = readPairs(new URLSearchParams(body));
  if (read.parameters.has('grant_type') || read.parameters.has('token')) return read;
  const behind = readPairs(new URLSearchParams(query));
  if (behind.parameters.has('grant_type') || behind.parameters.has('token'))
    return mistaken('form_parameters_in_url', [...new URLSearchParams(query), ...new URLSearchParams(body)]);
  return read;
}

function mistaken(mistake: OauthSubReason, pairs: Iterable<readonly [string, string]>): ReadParameters {
  return { parameters: readPairs(pairs).parameters, mistake };
}

function pairsOfJson(text: string): [string, string][] | undefined {
  try {
    const parsed = JSON.parse(text) as unknown;
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined;
    return Object.entries(parsed).filter((pair): pair is [string, string] => typeof pair[1] === 'string');
  } catch {
    return undefined;
  }
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
  if (asked.includes(',')) return { refused: 'scope_separator' };
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
  return [...new Set(scope.split(/[\s+]+/))].filter((word) => word !== '');
}
