/**
 * `/auth/verify`: a reverse proxy asks before it passes a request on (nginx auth_request, Caddy forward_auth, Traefik, Envoy ext_authz).
 *
 * The proxy says which request it holds: `X-Original-URI` and `X-Original-Method`, `X-Forwarded-Uri` and `X-Forwarded-Method`, the path behind
 * `/auth/verify` (Envoy), or `?directory=`. A client can send such headers too, through a proxy that sets only the others: where two
 * disagree the answer is 400, so that they can never be played off against each other.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ANSWER_MS, within } from '../deadline.ts';
import type { Directories } from '../directories/index.ts';
import { AppError } from '../errors.ts';
import { sendScimError } from '../http/error-responses.ts';
import type { RequestContext } from '../http/request-context.ts';
import { hasDotSegment, isRead, splitGatewayPath } from './access.ts';
import { sendDenial, sendScimFailure } from './challenge.ts';
import type { Verification } from './index.ts';
import { readAuthorization } from './presented.ts';
import type { Decision } from './verify.ts';

const PATH = '/auth/verify';

interface Question {
  /** Ids or endpointKeys, each once. */
  references: string[];
  method: string | undefined;
  write: boolean;
}

export interface ForwardAuthDependencies {
  verification: Verification;
  directories: Directories;
  context: RequestContext;
  publicUrl: string;
}

export function createForwardAuth({ verification, directories, context, publicUrl }: ForwardAuthDependencies) {
  return function forwardAuth(request: IncomingMessage, response: ServerResponse): void {
    const requestId = context.requestIdOf(request);
    let question: Question;
    try {
      question = readQuestion(request);
    } catch (error) {
      sendScimFailure(response, error, requestId);
      return;
    }
    if (question.references.length > 1) {
      within(ANSWER_MS, agree(question.references))
        .then((reference) => ask({ ...question, references: [reference] }))
        .catch((error: unknown) => sendScimFailure(response, error, requestId));
    } else ask(question);

    function ask({ references, method, write }: Question): void {
      const [directory] = references;
      if (directory === undefined) {
        const detail =
          'The proxy must name the directory: ?directory=, X-Original-URI or X-Forwarded-Uri with /scim/v2/{endpointKey}.';
        sendScimError(response, 400, detail, { 'x-request-id': requestId });
        return;
      }
      const decision = verification.check({
        presented: readAuthorization(request.rawHeaders),
        directory,
        write,
        surface: 'forward_auth',
        method,
        address: context.addressOf(request),
        userAgent: request.headers['user-agent'],
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

  /** Two references are fine when they are the id and the endpointKey of one directory. */
  async function agree(references: string[]): Promise<string> {
    const found = await Promise.all(references.map((reference) => directories.findByReference(reference)));
    const [first] = found;
    if (first && found.every((directory) => directory?.id === first.id)) return first.endpointKey;
    throw new AppError('invalid_request', { detail: 'The proxy names two different directories.' });
  }
}

/** The challenge points to an endpoint, not to a directory's id. */
function asked(reference: string): string | undefined {
  return reference.startsWith('dir_') ? undefined : reference;
}

function readQuestion(request: IncomingMessage): Question {
  const url = request.url ?? '';
  const mark = url.indexOf('?');
  const suffix = (mark === -1 ? url : url.slice(0, mark)).slice(PATH.length);
  const named = mark === -1 ? [] : new URLSearchParams(url.slice(mark)).getAll('directory');
  const { headers } = request;
  const paths = [suffix, headers['x-original-uri'], headers['x-forwarded-uri']]
    .map((value) => pathOf(one(value)))
    .filter((path) => path !== undefined && path !== '');
  const references = new Set(named);
  let pathToRead = '';
  for (const path of paths as string[]) {
    if (hasDotSegment(path)) throw new AppError('invalid_request', { detail: 'The path has dot segments.' });
    const parts = splitGatewayPath(path);
    if (parts) references.add(parts.endpointKey);
    pathToRead = path;
  }
  const methods = new Set(
    [one(headers['x-original-method']), one(headers['x-forwarded-method'])].filter((method) => method !== undefined),
  );
  // Envoy asks with the method of the request itself, and tells its path behind ours. A lone slash is no path: a proxy that asks there
  // asks by GET whatever it holds.
  if (suffix.length > 1 && request.method) methods.add(request.method);
  if (methods.size > 1) throw new AppError('invalid_request', { detail: 'The proxy names two different methods.' });
  if (new Set(paths).size > 1)
    throw new AppError('invalid_request', { detail: 'The proxy names two different paths.' });
  const [method] = methods;
  return {
    references: [...references],
    method,
    write: method === undefined || !isRead(method.toUpperCase(), pathToRead),
  };
}

/** A header that came twice has been joined with a comma, or is a list: neither is one answer. */
function one(value: string | string[] | undefined): string | undefined {
  if (Array.isArray(value) || (value !== undefined && /[\s,]\s|^\s|\s$/.test(value))) {
    throw new AppError('invalid_request', { detail: 'The proxy names the request twice.' });
  }
  return value;
}

/** The path of a URI without its query, but with what stands behind a `#`; proxies hand on whatever form the client sent. */
function pathOf(uri: string | undefined): string | undefined {
  if (uri === undefined) return undefined;
  const path = uri.replace(/^https?:\/\/[^/?#]*/i, '');
  const end = path.indexOf('?');
  return end === -1 ? path : path.slice(0, end);
}
