/**
 * Looks for the token of a request whose Authorization header is missing or empty. It is refused wherever else it is, since URLs, forms and
 * headers of other names end up in logs (RFC 6750 2.3, 5.3), but the refusal says where it was. Only refused requests come here, and the
 * limit of a request's head bounds the work. A value never leaves this file, except for the lookup of its directory.
 */
import type { IncomingMessage } from 'node:http';
import { readBody } from '../http/body.ts';
import { within } from '../timing/deadline.ts';
import type { SubReasons } from './denials.ts';
import { isOurs, type Presented, readAuthorization } from './presented.ts';

export interface TokenElsewhere {
  subReason: SubReasons['missing'];
  /** The place and its name: `header X-Api-Key`, `query access_token`. Without the name where it reads like anything but one. */
  foundIn: string;
  value: string;
}

type Place = 'query' | 'header' | 'cookie' | 'body';

const SUB_REASON_OF: Record<Place, SubReasons['missing']> = {
  query: 'token_in_query',
  header: 'token_in_other_header',
  cookie: 'token_in_cookie',
  body: 'token_in_body',
};

/** Names under which clients, gateways and proxies carry a token: `access_token`, `X-Api-Key`, `X-Amzn-Remapped-Authorization`. */
const CREDENTIAL_NAME =
  /^(?:x[-_])?(?:(?:(?:api|auth|access|bearer|oauth|provisioning|scim|secret)[-_]?)?(?:token|key)|(?:(?:forwarded|original|scim|amzn-remapped)[-_])?authorization)$/i;
/** Shorter values than any token are names, numbers and flags. */
const SHORTEST = 16;
/** Headers that are looked at as something else, or that only repeat a URL. */
const NO_PLACE =
  /^(?:authorization|cookie|host|referer|origin|x-original-ur[il]|x-forwarded-uri|x-auth-request-redirect)$/i;
/** Anybody can send a name that reads like a sentence, and it would be shown on pages. */
const NAME = /^[\w.:$[\]-]{1,60}$/;

const FORM = /^application\/x-www-form-urlencoded\b/i;
const LONGEST_FORM_BYTES = 16 * 1024;
/** A client that announces a form and does not send it gets its refusal without a look at it. */
const FORM_MS = 2000;

/** The Authorization header or, where it has nothing, where else a token is. `query`: of the request as its client sent it. */
export function readPresented(rawHeaders: readonly string[], query: string): Presented {
  const presented = readAuthorization(rawHeaders);
  return presented.kind === 'none' ? withoutToken(findTokenElsewhere(rawHeaders, query)) : presented;
}

export function findTokenElsewhere(rawHeaders: readonly string[], query: string): TokenElsewhere | undefined {
  return inForm(query.replace(/^\?/, ''), 'query') ?? inHeaders(rawHeaders) ?? inCookies(rawHeaders);
}

/** Whether a look at the body could tell where the token is: a small form, whose length is known. */
export function hasSmallForm({ headers }: IncomingMessage): boolean {
  const length = Number(headers['content-length'] ?? 0);
  return FORM.test(headers['content-type'] ?? '') && length > 0 && length <= LONGEST_FORM_BYTES;
}

/** Never rejects. */
export async function readPresentedForm(request: IncomingMessage): Promise<Presented> {
  try {
    return withoutToken(inForm(await within(FORM_MS, readBody(request, LONGEST_FORM_BYTES)), 'body'));
  } catch {
    return withoutToken(undefined);
  }
}

function withoutToken(found: TokenElsewhere | undefined): Presented {
  return found ? { kind: 'none', subReason: found.subReason, foundIn: found.foundIn } : { kind: 'none' };
}

function inForm(text: string, place: 'query' | 'body'): TokenElsewhere | undefined {
  if (text === '') return undefined;
  for (const [name, value] of new URLSearchParams(text)) {
    const found = foundAt(place, name, value);
    if (found) return found;
  }
  return undefined;
}

function inHeaders(rawHeaders: readonly string[]): TokenElsewhere | undefined {
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    const found = NO_PLACE.test(name) ? undefined : foundAt('header', name, rawHeaders[at + 1] as string);
    if (found) return found;
  }
  return undefined;
}

function inCookies(rawHeaders: readonly string[]): TokenElsewhere | undefined {
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if ((rawHeaders[at] as string).toLowerCase() !== 'cookie') continue;
    for (const pair of (rawHeaders[at + 1] as string).split(';')) {
      const [name = '', ...value] = pair.trim().split('=');
      const found = foundAt('cookie', name, value.join('='));
      if (found) return found;
    }
  }
  return undefined;
}

/** A value of our own shape is a token under any name; another one, as an imported token, only under a name that says so. */
function foundAt(place: Place, name: string, given: string): TokenElsewhere | undefined {
  const own = given.match(/scim(?:at)?_[0-9A-Za-z]+/g)?.find(isOurs);
  if (own === undefined && !(CREDENTIAL_NAME.test(name) && given.trim().length >= SHORTEST)) return undefined;
  return {
    subReason: SUB_REASON_OF[place],
    foundIn: NAME.test(name) ? `${place} ${name}` : place,
    value: own ?? given.trim().replace(/^bearer[ \t]+/i, ''),
  };
}
