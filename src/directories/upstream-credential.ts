/** By what an upstream knows that it is us who asks: nothing, a header, or a short-lived JWT that `/oauth/jwks` verifies. */
import { AppError } from '../errors.ts';

/** As it is given. */
export type UpstreamCredentialInput =
  | { kind: 'none' }
  | { kind: 'jwt' }
  | { kind: 'header'; name: string; value: string };

/** As a directory keeps it: the value is encrypted under the secret of the server. */
export interface UpstreamCredential {
  kind: 'none' | 'jwt' | 'header';
  name?: string;
  sealed?: string;
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/;
const VALUE = /^[\x21-\x7e](?:[\x20-\x7e]{0,4000}[\x21-\x7e])?$/;
/** The frame of a request, and what the gateway vouches for. Servers behind CGI take any sign for a hyphen. */
const RESERVED =
  /^(?:connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect|host|cookie|forwarded|proxy(?:-.*)?|accept-encoding|content-.*|if-.*|x-request-id|x-(?:scim|forwarded).*|x-http-method.*|x-method-override)$/;

/** Why a header cannot be a credential, or undefined when it can. */
function headerProblem(name: string, value: string): string | undefined {
  if (!TOKEN.test(name)) return 'its name is not a valid header name';
  if (RESERVED.test(name.toLowerCase().replace(/[^a-z0-9-]/g, '-')))
    return `${name} is a header that the gateway sets itself`;
  if (!VALUE.test(value)) return 'its value must be 1 to 4,000 printable ASCII characters without spaces at either end';
  return undefined;
}

/** `jwt`, or a header line such as `Authorization: Bearer s3cret`; undefined when it is neither. */
export function parseUpstreamCredential(text: string): UpstreamCredentialInput | undefined {
  if (text === 'jwt') return { kind: 'jwt' };
  const [, name = '', value = ''] = /^([^:]+): *(.*)$/.exec(text) ?? [];
  return headerProblem(name, value) === undefined ? { kind: 'header', name, value } : undefined;
}

/** Throws invalid_request. */
export function keptCredential(given: UpstreamCredentialInput, seal: (text: string) => string): UpstreamCredential {
  if (given.kind !== 'header') return { kind: given.kind };
  const problem = headerProblem(given.name, given.value);
  if (problem !== undefined) {
    const errors = [{ path: 'upstreamCredential', wanted: 'the name and value of a header', problem }];
    throw new AppError('invalid_request', { detail: `upstreamCredential can't be used: ${problem}.`, errors });
  }
  return { kind: 'header', name: given.name, sealed: seal(given.value) };
}

/** Without its value. */
export function describeCredential(credential: UpstreamCredential | undefined): string | null {
  if (!credential) return null;
  return credential.name === undefined ? credential.kind : `${credential.kind} ${credential.name}`;
}
