/**
 * What became of an accepted request at the SCIM server: one of a closed set per kind of request. Diagnosis reads these; nothing of a body is
 * in them but the first `detail` with which a write was rejected.
 */

import { withoutSecrets } from '../secrets/redaction.ts';
import type { Grant } from '../verification/index.ts';

export const KINDS = ['look_up', 'create', 'update', 'delete', 'group', 'discovery'] as const;
export type Kind = (typeof KINDS)[number];

/** All but the first two are failures; diagnosis puts `upstream_` before their names. */
export const OUTCOMES = [
  'ok',
  /** Such as 404 or 409 about a single resource. */
  'normal_refusal',
  'not_set',
  'unreachable',
  /** 401, or a 403 that is no SCIM error. */
  'refuses_us',
  /** 404, 405 or a redirect where a collection must be. */
  'wrong_base',
  /** HTML, or another thing that is no JSON. */
  'not_scim',
  /** A body in a content coding that was not asked for and can't be read here. */
  'unreadable',
  'rejects_content',
  'failing',
  /** The answer ended half way, or is not of the content coding that it names. */
  'cut',
  'slow',
  /** 429. */
  'limits',
] as const;
export type OutcomeClass = (typeof OUTCOMES)[number];

/** Why a SCIM server could not be reached. */
export const UNREACHABLE = [
  'dns',
  'tls',
  'tls_expired',
  'tls_not_yet_valid',
  'tls_name',
  'tls_untrusted',
  'tls_chain',
  /** No fault of the certificate: what one side offers or wants is not what the other has. */
  'tls_handshake',
  'refused',
  'timeout',
  'no_route',
  'not_allowed',
  /** Such as TLS on a port that is asked in plain text, or the reverse. */
  'wrong_protocol',
  'closed',
] as const;
export type UnreachableCause = (typeof UNREACHABLE)[number];

export function isFailure(outcome: OutcomeClass): boolean {
  return outcome !== 'ok' && outcome !== 'normal_refusal';
}

const DISCOVERY = /^\/(?:ServiceProviderConfigs?|ResourceTypes|Schemas)(?:\/|$)/i;
const GROUPS = /^\/Groups(?:\/|$)/i;
/** A list, or the place where resources are made: it exists wherever the base URL is right. */
const COLLECTION = /^\/(?:Users|Groups|\.search|(?:Users|Groups)\/\.search)\/?$/i;

/** What follows where the base URL at the identity provider ends in /Users or /Groups, or in a base path that it adds once more. */
const DOUBLED =
  /^\/(?:(?:Users|Groups)|(?:scim\/)?v[12](?:\/[\w-]+)?|scim(?:\/[\w-]+)?)\/(?:Users|Groups|ServiceProviderConfigs?|ResourceTypes|Schemas)(?:\/|$)/i;

/** `path`: behind the endpoint, without the query. */
export function kindOf(method: string, path: string): Kind {
  if (DISCOVERY.test(path)) return 'discovery';
  if (GROUPS.test(path)) return 'group';
  if (method === 'POST') return path.endsWith('/.search') ? 'look_up' : 'create';
  if (method === 'PUT' || method === 'PATCH') return 'update';
  return method === 'DELETE' ? 'delete' : 'look_up';
}

/** Longer than this, and IdPs that wait 30 s have gone away. */
export const SLOW_MS = 30_000;
const JSON_TYPE = /^(?:application|text)\/(?:[\w.+-]+\+)?json\b/i;
const HTML_TYPE = /^(?:text\/html|application\/xhtml\+xml)\b/i;

export function isJsonType(contentType: string): boolean {
  return JSON_TYPE.test(contentType);
}

/** `text/html` of `text/html; charset=utf-8`; undefined for what is no media type (RFC 9110 8.3.1). */
export function mediaTypeOf(contentType: string): string | undefined {
  return /^[\w!#$&^.+-]{1,60}\/[\w!#$&^.+-]{1,60}(?=\s*(?:;|$))/.exec(contentType.trim())?.[0].toLowerCase();
}

/** The host that a `Location` leads to; undefined where it is no web address. */
export function redirectHostOf(location: unknown, base: string): string | undefined {
  if (typeof location !== 'string' || !URL.canParse(location, base)) return undefined;
  const { host } = new URL(location, base);
  return host === '' || host.length > 200 ? undefined : host;
}

export interface Answer {
  method: string;
  /** Behind the endpoint, without the query. */
  path: string;
  status: number;
  contentType: string;
  elapsedMs: number;
  /** The decoded body, where it was read as a whole. */
  text: string | undefined;
  /** Whether there is a body to speak of: not for HEAD, 204 and 304. */
  hasBody: boolean;
}

/** The outcome of an answer that came whole. */
export function outcomeOf(answer: Answer): OutcomeClass {
  const { method, path, status, text } = answer;
  if (status === 401 || status === 407 || (status === 403 && !isScimError(text))) return 'refuses_us';
  if (status === 429) return 'limits';
  if (status >= 500) return status === 501 && COLLECTION.test(path) ? 'wrong_base' : 'failing';
  if (status >= 300 && status < 400 && status !== 304) return 'wrong_base';
  if ((status === 404 || status === 405) && (COLLECTION.test(path) || DOUBLED.test(path))) return 'wrong_base';
  if (answer.hasBody && HTML_TYPE.test(answer.contentType)) return 'not_scim';
  const isRead = answer.hasBody && (method === 'GET' || path.endsWith('/.search'));
  const isJson = text === undefined || /^(?:\ufeff|\xef\xbb\xbf)?\s*[[{]/.test(text);
  if (status === 400 || status === 415 || status === 422) {
    // Servers of Go say so that their port wants TLS: a sentence, which comes from no SCIM server.
    const isSentence = answer.contentType === '' && text !== '' && !isJson;
    return isRead && isSentence ? 'not_scim' : 'rejects_content';
  }
  if (status >= 400) return 'normal_refusal';
  // Without a type the body tells (RFC 9110 8.3); where it was not read, nothing does.
  if (isRead && answer.contentType !== '' && !isJsonType(answer.contentType)) return 'not_scim';
  if (isRead && !isJson) return 'not_scim';
  return answer.elapsedMs > SLOW_MS ? 'slow' : 'ok';
}

const ERROR_SCHEMA = /^urn:(?:ietf:params:scim:api:messages:2\.0:Error|scim:schemas:core:1\.0)/i;

/** RFC 7644 3.12, in the spellings that servers have; servers of SCIM 1.1 have `Errors`. */
function isScimError(text: string | undefined): boolean {
  const body = text === undefined ? undefined : objectOf(text);
  if (!body) return false;
  const of = (name: string) => Object.entries(body).find(([key]) => key.toLowerCase() === name)?.[1];
  const schemas = [of('schemas')].flat();
  return (
    schemas.some((schema) => typeof schema === 'string' && ERROR_SCHEMA.test(schema)) || Array.isArray(of('errors'))
  );
}

const LONGEST_DETAIL = 200;
/** What a detail may quote: names of SCIM's attributes and schemas. Anything else in quotes may be somebody's data. */
const ATTRIBUTE =
  /^(?:urn:[\w:.-]+|schemas|id|externalId|userName|name(?:\.\w+)?|(?:given|family|middle|display|nick)Name|formatted|profileUrl|title|userType|preferredLanguage|locale|timezone|active|password|(?:emails|phoneNumbers|ims|photos|addresses|groups|entitlements|roles|x509Certificates|members)(?:\.\w+)?|employeeNumber|costCenter|organization|division|department|manager|Operations|op|path|value|add|remove|replace)$/i;

/** Why a write was rejected, as the SCIM server says it, without the values that it repeats. */
export function detailOf(text: string | undefined): string | undefined {
  const body = text === undefined ? undefined : objectOf(text);
  const first = Array.isArray(body?.['Errors']) ? (body['Errors'][0] as Record<string, unknown> | undefined) : body;
  const detail = first?.['detail'] ?? first?.['description'];
  if (typeof detail !== 'string') return undefined;
  return withoutSecrets(detail)
    .replace(/(["'`])(.*?)\1/g, (quoted, _mark, inner: string) => (ATTRIBUTE.test(inner) ? quoted : '"[value]"'))
    .replace(/[^\s"'<>()]+@[^\s"'<>()]+/g, '[email]')
    .replace(/\d{5,}/g, '[number]')
    .replace(/[\p{Cc}\p{Cf}]+/gu, ' ')
    .slice(0, LONGEST_DETAIL);
}

function objectOf(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text.replace(/^\ufeff/, ''));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Why nothing is there, where the path tells: then it is not the SCIM server's base that is wrong. */
export function pathCauseOf(outcome: OutcomeClass, path: string): 'doubled_path' | undefined {
  return outcome === 'wrong_base' && DOUBLED.test(path) ? 'doubled_path' : undefined;
}

const DNS = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_NODATA', 'EAI_NONAME']);
const NO_ROUTE = new Set(['EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL', 'EHOSTDOWN', 'ENETDOWN', 'EACCES', 'EPERM']);
const TIMEOUT = new Set(['UND_ERR_CONNECT_TIMEOUT', 'ETIMEDOUT']);
/** The first is what undici says of a `101` that was not asked for. */
const WRONG_PROTOCOL =
  /^(?:ERR_ASSERTION$|UND_ERR_(?:HEADERS_OVERFLOW|RES_CONTENT_LENGTH_MISMATCH)$|ERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST)$)/;
const HANDSHAKE = /^(?:ERR_SSL_|EPROTO$)/;
const TLS =
  /^(?:ERR_TLS_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH|ERR_OSSL|(?:EE|CA)_(?:KEY_TOO_SMALL|MD_TOO_WEAK)$)/;

/** What exactly is wrong with a certificate, by the codes of OpenSSL and Node. */
const CERTIFICATES: Record<string, UnreachableCause> = {
  CERT_HAS_EXPIRED: 'tls_expired',
  CERT_NOT_YET_VALID: 'tls_not_yet_valid',
  ERR_TLS_CERT_ALTNAME_INVALID: 'tls_name',
  HOSTNAME_MISMATCH: 'tls_name',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'tls_untrusted',
  SELF_SIGNED_CERT_IN_CHAIN: 'tls_untrusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'tls_untrusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'tls_chain',
  UNABLE_TO_GET_ISSUER_CERT: 'tls_chain',
};

export function causeOf(error: Error): UnreachableCause {
  // Several addresses were tried: the first one tells.
  const first = error instanceof AggregateError ? (error.errors[0] as Error) : error;
  const code = String((first as NodeJS.ErrnoException).code ?? '');
  if (error.name === 'AddressRefusedError') return 'not_allowed';
  if (DNS.has(code)) return 'dns';
  if (first.name === 'HTTPParserError' || WRONG_PROTOCOL.test(code)) return 'wrong_protocol';
  if (HANDSHAKE.test(code)) return 'tls_handshake';
  if (TLS.test(code)) return CERTIFICATES[code] ?? 'tls';
  if (code === 'ECONNREFUSED') return 'refused';
  if (TIMEOUT.has(code)) return 'timeout';
  return NO_ROUTE.has(code) ? 'no_route' : 'closed';
}

/** What became of one accepted request. */
export interface Outcome {
  kind: Kind;
  outcome: OutcomeClass;
  method: string;
  /** With `unreachable`, and with `wrong_base` where the path tells. */
  cause?: UnreachableCause | 'doubled_path' | undefined;
  /** What the SCIM server answered, where it did. */
  status?: number | undefined;
  /** With `rejects_content` of a write: the SCIM server's reason, without values. With `unreadable`, and `cut` where it is damaged: the coding. */
  detail?: string | undefined;
  /** Of a failure: the media type of the answer, and the host that a redirect leads to. */
  contentType?: string | undefined;
  redirectsTo?: string | undefined;
  elapsedMs: number;
  grant: Grant;
  address: string;
  requestId: string;
}
