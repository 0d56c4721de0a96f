/**
 * `/auth/verify`: a reverse proxy asks before it passes a request on (nginx auth_request, Caddy forward_auth, Traefik, Envoy ext_authz).
 *
 * The proxy says which request it holds (forwarded-request.ts) and may name the directory in `?directory=`. A client can send such
 * headers too, through a proxy that sets only the others: where two disagree the answer is 400, so that they can never be played off
 * against each other.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Directories } from '../directories/index.ts';
import { AppError } from '../errors.ts';
import { sendScimError } from '../http/error-responses.ts';
import { headerOf } from '../http/raw-headers.ts';
import type { RequestContext } from '../http/request-context.ts';
import { within } from '../timing/deadline.ts';
import { sendDenial, sendScimFailure } from './challenge.ts';
import type { Verification } from './decider.ts';
import { ANY_DIRECTORY, type ForwardedRequest, readForwardedRequest } from './forwarded-request.ts';
import { readPresented } from './token-elsewhere.ts';
import { type Decision, findDirectory } from './verify.ts';

export interface ForwardAuthDependencies {
  verification: Verification;
  directories: Directories;
  context: RequestContext;
  /** What the store may cost one request. */
  answerMs: number;
  publicUrl: string;
}

export function createForwardAuth(deps: ForwardAuthDependencies) {
  const { verification, directories, context, answerMs, publicUrl } = deps;

  return function forwardAuth(request: IncomingMessage, response: ServerResponse): void {
    const requestId = context.requestIdOf(request);
    let held: ForwardedRequest;
    try {
      held = readForwardedRequest(request);
    } catch (error) {
      sendScimFailure(response, error, requestId);
      return;
    }
    const wanted = placeOf(held);
    if (!(wanted instanceof Promise)) ask(wanted, held);
    else
      within(answerMs, wanted)
        .then((directory) => ask(directory, held))
        .catch((error: unknown) => sendScimFailure(response, error, requestId));

    function ask(directory: string | undefined, { method, write, query }: ForwardedRequest): void {
      if (directory === undefined) {
        const detail =
          'The proxy must name the directory: ?directory=, or a path /scim/v2/{endpointKey} in X-Original-URI or X-Forwarded-Uri.';
        sendScimError(response, 400, detail, { 'x-request-id': requestId });
        return;
      }
      const decision = verification.check({
        presented: readPresented(request.rawHeaders, query),
        directory: directory === ANY_DIRECTORY ? undefined : directory,
        write,
        surface: 'forward_auth',
        method,
        address: context.addressOf(request),
        userAgent: headerOf(request, 'user-agent'),
        requestId,
      });
      if (!(decision instanceof Promise)) answer(decision, directory);
      else
        decision
          .then((made) => answer(made, directory))
          .catch((error: unknown) => sendScimFailure(response, error, requestId));
    }

    function answer(decision: Decision, endpointKey: string): void {
      if (!decision.allowed) {
        sendDenial(response, { denial: decision.denial, endpointKey: asked(endpointKey), requestId, publicUrl });
        return;
      }
      const { credential, directory, scope } = decision.grant;
      response.writeHead(200, {
        'X-Scim-Directory': directory.id,
        'X-Scim-Organization': directory.organizationId,
        'X-Scim-Credential': credential.id,
        'X-Scim-Scope': scope,
        'X-Request-Id': requestId,
        'Cache-Control': 'no-store',
        'Content-Length': 0,
      });
      response.end();
    }
  };

  /** The one directory that is meant: a reference, `any`, or undefined. A read of the store only where two names must agree. */
  function placeOf({ named, inPath, ownPath }: ForwardedRequest): string | undefined | Promise<string | undefined> {
    if (inPath === undefined || named === undefined || named === inPath) return inPath ?? named;
    if (named === ANY_DIRECTORY && ownPath === 'no') return inPath;
    return agree(named, inPath, ownPath === 'perhaps');
  }

  /** `named` and the path are fine together when they are the id and the endpointKey of one directory. */
  async function agree(named: string, inPath: string, mayBeOwn: boolean): Promise<string> {
    const [found, atPath] = await Promise.all([
      named === ANY_DIRECTORY ? undefined : findDirectory(directories, named),
      findDirectory(directories, inPath),
    ]);
    if (mayBeOwn && !atPath && !(await findDirectory(directories, inPath.toLowerCase()))) return named;
    if (named === ANY_DIRECTORY) return inPath;
    if (found && atPath?.id === found.id) return found.endpointKey;
    throw new AppError('invalid_request', {
      detail: 'The path does not lead to the directory that ?directory= names.',
    });
  }
}

/** The challenge points to an endpoint, not to a directory's id. */
function asked(reference: string): string | undefined {
  return reference === ANY_DIRECTORY || reference.startsWith('dir_') ? undefined : reference;
}
