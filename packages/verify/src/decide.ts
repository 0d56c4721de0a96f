/** Decides about one request: which directory it is for, whose token it has, and whether that token may do what it wants. */
import type { IncomingMessage } from 'node:http';
import { createIntrospect, type Introspection, UnavailableError } from './introspect.ts';

/** Whose request it is. IDs are Latchkey's. */
export interface Identity {
  directoryId: string;
  organizationId: string;
  credentialId: string;
  credentialKind: string;
  /** Of an OAuth connection. */
  clientId?: string;
  scopes: readonly string[];
}

export interface VerifierOptions {
  /** The origin of Latchkey, such as https://scim.example.com. */
  url: string;
  /** An API key with the role `introspect`. */
  apiKey: string;
  /**
   * The directory that a request is for: its ID, its endpointKey, or its audience. undefined: the request is for none, and is answered
   * with 404. `'any'` lets the token alone name it. Without this option the path does: /scim/v2/{endpointKey}.
   */
  directory?: 'any' | ((request: IncomingMessage) => string | undefined);
  /** Milliseconds to wait for Latchkey; 6000 without. Latchkey answers within 5 seconds even when its store is down. */
  timeoutMs?: number;
  /** false asks Latchkey about every request. Otherwise an answer is kept for as long as Latchkey says: what is left of its lease. */
  cache?: boolean;
  /** Milliseconds over which answers are gathered before they are reported; 5000 without. false reports nothing. */
  reportAfterMs?: number | false;
  /** Told why Latchkey could not be asked, each time. */
  onUnavailable?: (error: Error) => void;
}

export type Decision =
  | { allowed: true; identity: Identity }
  | { allowed: false; status: 401 | 403 | 404 | 503; detail: string; challenge?: string; retryAfterSeconds?: number };

export function createDecide(options: VerifierOptions): (request: IncomingMessage) => Promise<Decision> {
  const { directory = directoryOfPath, onUnavailable } = options;
  const url = originOf(options.url);
  const introspect = createIntrospect({ ...options, url });

  return async function decide(request) {
    const wanted = directory === 'any' ? undefined : directory(request);
    if (wanted === undefined && directory !== 'any') {
      return { allowed: false, status: 404, detail: 'There is no SCIM endpoint at this path.' };
    }
    const metadata =
      wanted !== undefined && ENDPOINT_KEY.test(wanted)
        ? `, resource_metadata="${url}/.well-known/oauth-protected-resource/scim/v2/${wanted}"`
        : '';
    const refuse = (status: 401 | 403, detail: string, error = ''): Decision => ({
      allowed: false,
      status,
      detail,
      challenge: `Bearer realm="scim"${metadata}${error}`,
    });
    const token = tokenOf(request.rawHeaders);
    if (token === undefined) return refuse(401, 'A credential is needed.');
    let found: Introspection | undefined;
    try {
      found = token === TWO_TOKENS ? undefined : await introspect(token);
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      onUnavailable?.(error);
      const { retryAfterSeconds } = error;
      const detail = 'The credential cannot be checked at the moment. Try again.';
      return { allowed: false, status: 503, detail, retryAfterSeconds };
    }
    if (!found || (wanted !== undefined && !isOf(found, wanted)))
      return refuse(401, 'The credential was not accepted.', ', error="invalid_token"');
    const { identity } = found;
    if (!identity.scopes.includes('scim') && !(identity.scopes.includes('scim.read') && isRead(request)))
      return refuse(403, 'The credential does not allow this.', ', error="insufficient_scope", scope="scim"');
    return { allowed: true, identity };
  };

  /** By the ID, by the audience, or by the endpointKey, which the audience of a directory ends in unless it was set. */
  function isOf({ identity, audience }: Introspection, wanted: string): boolean {
    return wanted === identity.directoryId || wanted === audience || `${url}/scim/v2/${wanted}` === audience;
  }
}

const ENDPOINT_KEY = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?$/;

export function originOf(value: string): string {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search !== '' || url.hash !== '')
    throw new TypeError(`url: given ${value}; wanted an origin such as https://scim.example.com`);
  return url.origin;
}

/** Express keeps the whole path in `originalUrl` where a router is mounted. */
export function targetOf(request: IncomingMessage): string {
  const { originalUrl } = request as { originalUrl?: unknown };
  return typeof originalUrl === 'string' ? originalUrl : (request.url ?? '');
}

function directoryOfPath(request: IncomingMessage): string | undefined {
  return /^\/scim\/v2\/([A-Za-z0-9-]{1,64})(?:[/?]|$)/.exec(targetOf(request))?.[1];
}

const TWO_TOKENS = Symbol('two tokens');

/** The value behind the scheme, or the whole header where there is no scheme (Okta's "Header" mode). Node keeps the first of two silently. */
function tokenOf(rawHeaders: readonly string[]): string | typeof TWO_TOKENS | undefined {
  const values = rawHeaders.filter(
    (_, index) => index % 2 === 1 && /^authorization$/i.test(rawHeaders[index - 1] ?? ''),
  );
  if (values.length > 1) return TWO_TOKENS;
  const token = (values[0] ?? '').trim().replace(/^bearer(?:[ \t]+|$)/i, '');
  return token === '' ? undefined : token;
}

/** RFC 7644 3.4.3, spelled plainly. */
const SEARCH = /^(?:\/[\w.~-]+)*\/\.search$/;
/** What some servers take for another method than the request's own. */
const METHOD_OVERRIDE =
  /^(?:_|\$http|(?:x[^a-z0-9])?(?:http[^a-z0-9]|tunnel(?:ed|led)?[^a-z0-9])?)method(?:[^a-z0-9]?(?:override|tunnel))?$/i;

/** `scim.read` allows GET, HEAD, and a search by POST. */
function isRead(request: IncomingMessage): boolean {
  const { method, headers } = request;
  const [path = '', query = ''] = targetOf(request).split('?', 2);
  const names = [...Object.keys(headers), ...new URLSearchParams(query).keys()];
  if (names.some((name) => METHOD_OVERRIDE.test(name))) return false;
  return method === 'GET' || method === 'HEAD' || (method === 'POST' && SEARCH.test(path));
}
