/**
 * A SCIM request to an address of ours that is no endpoint: `/Users`, `/scim/KEY/Users`, `//scim/v2/KEY/Users`. An IdP whose base URL is
 * wrong asks there, and sees "not found" where its administrator looks for a refused token. It is told at the directory of its token.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { sendScimError } from '../http/error-responses.ts';
import type { RequestContext } from '../http/request-context.ts';
import type { Log } from '../log.ts';
import type { Stray, Verification } from './decider.ts';
import { readAuthorization } from './presented.ts';
import { findTokenElsewhere, type TokenElsewhere } from './token-elsewhere.ts';

const SCIM_PATH =
  /(?:^|\/)(?:scim|users|groups|serviceproviderconfigs?|schemas|resourcetypes|bulk|me|\.search)(?:[/?]|$)/i;
const DOUBLED_SLASH = /^\/{2}|\/{2}(?:scim|v2)(?:\/|$)|^\/scim\/{2}/i;
/** Segments looked at for an endpoint key. */
const MOST_SEGMENTS = 4;
const NO_KEY = /^(?:scim|v\d|users|groups)$/i;

interface StrayDependencies {
  verification: Pick<Verification, 'noteStray'>;
  context: RequestContext;
  log: Log;
}

/** Tells of a stray request at the directory that it seems to be for; nobody waits for it. */
export function createStrays({ verification, context, log }: StrayDependencies) {
  return (
    request: IncomingMessage,
    requestId: string,
    place: Pick<Stray, 'references' | 'subReason' | 'path'>,
    elsewhere?: TokenElsewhere,
  ): void => {
    verification
      .noteStray({
        ...place,
        presented: elsewhere
          ? { kind: 'token', value: elsewhere.value, certain: false }
          : readAuthorization(request.rawHeaders),
        foundIn: elsewhere?.foundIn,
        method: request.method,
        address: context.addressOf(request),
        userAgent: request.headers['user-agent'],
        requestId,
      })
      .catch((error: unknown) =>
        log.warn({ err: error, requestId }, 'a stray request could not be assigned to a directory'),
      );
  };
}

export function createMisplaced(deps: StrayDependencies) {
  const { context } = deps;
  const noteStray = createStrays(deps);

  /**
   * Answers a SCIM request with a credential; false for any other, which is somebody else's to answer. `isOfPeople`: a place of pages, where
   * only a token of ours is no visitor.
   */
  return function misplaced(request: IncomingMessage, response: ServerResponse, isOfPeople: boolean): boolean {
    const presented = readAuthorization(request.rawHeaders);
    const [path = '', ...query] = (request.url ?? '').split('?');
    const isOurs = presented.kind === 'token' && /^scim(?:at)?_/.test(presented.value);
    const isScim = !isOfPeople && SCIM_PATH.test(path);
    if (!isOurs && !isScim) return false;
    const elsewhere = presented.kind === 'none' ? findTokenElsewhere(request.rawHeaders, query.join('?')) : undefined;
    if (presented.kind === 'none' && !elsewhere) return false;
    const requestId = context.requestIdOf(request);
    const segments = path.split('/').filter((segment) => segment !== '' && !NO_KEY.test(segment));
    const place = {
      references: segments.slice(0, MOST_SEGMENTS),
      subReason: DOUBLED_SLASH.test(path) ? ('doubled_slash' as const) : ('wrong_path' as const),
      path: placeAsked(path),
    };
    noteStray(request, requestId, place, elsewhere);
    const detail =
      'There is no SCIM endpoint at this path. Copy the base URL again from the page that showed the token.';
    sendScimError(response, 404, `${detail} Request ID: ${requestId}`, { 'x-request-id': requestId });
    return true;
  };
}

/** As far as the kind of resource: what follows may name a person. */
function placeAsked(path: string): string {
  const [, place = path] =
    /^(.*?\/(?:users|groups|serviceproviderconfigs?|schemas|resourcetypes|bulk|me)\b)/i.exec(path) ?? [];
  return place
    .split('/')
    .map((segment) => (/@|%40/i.test(segment) ? '[name]' : segment))
    .join('/');
}
