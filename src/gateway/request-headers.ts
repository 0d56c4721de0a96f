/** The headers of a request as the SCIM server gets them: the IdP's, without what a caller must not say in our name, and ours. */
import type { IncomingMessage } from 'node:http';
import type { Grant } from '../verification/index.ts';
import { readableCodings } from './content-codings.ts';
import type { Route } from './route.ts';
import type { Header } from './upstream-credential.ts';

/** Hop by hop (RFC 9110 7.6.1), the caller's own credential, and what we say ourselves. */
const OURS = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
  'host',
  'authorization',
  'cookie',
  'forwarded',
  'x-request-id',
];

/** What some server, framework or proxy takes for the method, path, host or person of a request, instead of what the request says. */
const IMPERSONATING = [
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'x-original-url',
  'x-original-uri',
  'x-original-method',
  'x-original-host',
  'x-original-forwarded-for',
  'x-rewrite-url',
  'x-host',
  'x-http-host-override',
  'x-http-destinationurl',
  'x-client-ip',
  'x-client-cert',
  'x-client-dn',
  'x-client-verify',
  'x-real-ip',
  'x-cluster-client-ip',
  'x-appengine-user-ip',
  'true-client-ip',
  'fastly-client-ip',
  'client-ip',
  'proxy',
  'remote-user',
  'remote-groups',
  'remote-name',
  'remote-email',
  'x-user',
  'x-user-id',
  'x-user-email',
  'x-user-name',
  'x-username',
  'x-userinfo',
  'x-email',
  'x-groups',
  'x-roles',
  'x-access-token',
  'x-id-token',
  'x-serverless-authorization',
];

/** The same for whole families: each stands for every header that begins so. */
const FAMILIES = [
  'x-scim',
  'x-forwarded',
  'x-remote-',
  'x-auth-',
  'x-authenticated-',
  'x-authentik-',
  'x-authelia-',
  'x-webauth-',
  'x-pomerium-',
  'x-vouch-',
  'x-oauth-',
  'x-oidc-',
  'x-saml-',
  'x-jwt-',
  'x-ms-client-principal',
  'x-ms-token-',
  'x-ms-original-url',
  'x-azure-',
  'x-arr-',
  'x-appengine-',
  'x-goog-iap-',
  'x-goog-authenticated-user-',
  'x-apigateway-',
  'x-amzn-oidc-',
  'x-amzn-mtls-',
  'x-amzn-tls-',
  'x-consumer-',
  'x-credential-',
  'x-anonymous-consumer',
  'x-authorization-',
  'x-envoy-',
  'x-ssl-',
  'x-tls-client-',
  'x-middleware-',
  'x-proxy-',
  'ssl-client-',
  'cf-connecting-',
  'cf-access-',
  'oidc-claim-',
  'oidc-access-token',
  'tailscale-user-',
  'mellon-',
];

const DROPPED = new Set([...OURS, ...IMPERSONATING]);
const FAMILY = new RegExp(`^(?:${FAMILIES.join('|')})`);
/** Servers behind CGI take `_`, and some whatever is no letter or digit, for `-`: all spellings count as the one with hyphens. */
const ODD = /[^a-z0-9-]/g;

const plainName = (name: string) => name.toLowerCase().replace(ODD, '-');

function isDropped(name: string): boolean {
  const plain = plainName(name);
  return DROPPED.has(plain) || FAMILY.test(plain);
}

/** Verdicts about names, as callers write them: an IdP sends the same few with each request. */
const verdicts = new Map<string, string | undefined>();
const VERDICTS_KEPT = 500;
const LONGEST_KEPT = 40;

/** The name in lower case; undefined for a header that is dropped. */
function passedName(name: string): string | undefined {
  const known = verdicts.get(name);
  if (known !== undefined || verdicts.has(name)) return known;
  const verdict = isDropped(name) ? undefined : name.toLowerCase();
  if (verdicts.size >= VERDICTS_KEPT) verdicts.clear();
  if (name.length <= LONGEST_KEPT) verdicts.set(name, verdict);
  return verdict;
}

/** What the headers tell of an exchange. */
interface Forwarding {
  request: IncomingMessage;
  address: string;
  requestId: string;
  grant: Grant;
  token: string;
}

/** A shorter one, as can be imported, may be a word of anything else. */
const SHORTEST_TOKEN = 16;

/** Some IdPs send their token twice, in the Authorization header and where an administrator put it as well. */
export function withoutToken(text: string, token: string): string {
  return token.length >= SHORTEST_TOKEN && text.includes(token) ? text.replaceAll(token, 'redacted') : text;
}

/** Names and values in turns, as the IdP wrote them. */
export function requestHeaders(
  { request, address, requestId, grant, token }: Forwarding,
  { map, forwarded, forwardedTail }: Route,
  credential: Header | undefined,
): string[] {
  const { rawHeaders } = request;
  const named = connectionOptions(request.headers.connection);
  const replaced = credential && plainName(credential.name);
  const headers: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    const lower = passedName(name);
    if (lower === undefined || named?.has(lower) || (replaced && plainName(lower) === replaced)) continue;
    const value = withoutToken(rawHeaders[index + 1] as string, token);
    // What is mapped has to be read.
    headers.push(name, map && lower === 'accept-encoding' ? readableCodings(value) : value);
  }
  const { directory, scope } = grant;
  headers.push('X-Request-Id', requestId, 'X-Forwarded-For', address, ...forwarded);
  headers.push('Forwarded', `for=${address.includes(':') ? `"[${address}]"` : address}${forwardedTail}`);
  headers.push('X-Scim-Directory', directory.id, 'X-Scim-Organization', directory.organizationId);
  headers.push('X-Scim-Credential', grant.credential.id, 'X-Scim-Scope', scope);
  if (credential) headers.push(credential.name, credential.value);
  return headers;
}

/** What `Connection` names beside the two plain words; undefined for nothing. */
export function connectionOptions(header: string | undefined): Set<string> | undefined {
  if (header === undefined || /^(?:keep-alive|close)$/i.test(header)) return undefined;
  return new Set(header.split(',').map((option) => option.trim().toLowerCase()));
}
