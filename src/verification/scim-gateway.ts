/**
 * `/scim/v2/{endpointKey}/...`: decides, takes the credential away, and streams the request to the directory's upstream and its answer
 * back. What the upstream answers passes with its status; only our own refusals and failures are made here.
 */
import { lookup as resolve } from 'node:dns';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, type Dispatcher, errors } from 'undici';
import { isPublicAddress } from '../directories/index.ts';
import { sendScimError } from '../http/error-responses.ts';
import type { RequestContext } from '../http/request-context.ts';
import type { Log } from '../log.ts';
import { hasDotSegment, isRead, splitGatewayPath } from './access.ts';
import { sendDenial, sendScimFailure } from './challenge.ts';
import type { Verification } from './index.ts';
import {
  createLocationRewriter,
  createMapLocation,
  type LocationRewriter,
  type MapLocation,
  rewriteLocations,
} from './locations.ts';
import { readAuthorization } from './presented.ts';
import type { Decision, Grant } from './verify.ts';

export interface GatewayDependencies {
  verification: Verification;
  context: RequestContext;
  publicUrl: string;
  log: Log;
  allowPrivateUpstreams: boolean;
  /** Until the upstream's headers; and until the whole answer is through. */
  headersTimeoutMs: number;
  timeoutMs: number;
  /** Told of each answer's status. */
  onAnswer: (status: number) => void;
  /** A request that was accepted failed behind us: the IdP is told so, and somebody must learn why. */
  onFailure: (failure: UpstreamFailure) => void;
}

export interface ScimGateway {
  handle(request: IncomingMessage, response: ServerResponse): void;
  close(): Promise<void>;
}

/** RFC 9110 7.6.1, and what a caller must not be able to say in our name. */
const NOT_PASSED_ON = new Set([
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
  // What some servers take for another method, path or client than the request's own.
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'x-original-url',
  'x-original-uri',
  'x-original-method',
  'x-rewrite-url',
  'x-real-ip',
  'true-client-ip',
  'proxy',
]);
/** Servers behind CGI take `_`, and some whatever is no letter or digit, for `-`: all spellings are taken away. */
const ODD = /[^a-z0-9-]/g;
const OURS = /^x[^a-z0-9]+(?:scim|forwarded)(?:[^a-z0-9]|$)/i;
const NOT_PASSED_BACK = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'set-cookie',
]);
const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\b/i;
/** Bodies of a known length up to this are rewritten whole and keep a Content-Length; longer ones are streamed. */
/** What went wrong behind the gateway; `status` with `answered`. */
export interface UpstreamFailure {
  reason: 'not_configured' | 'unreachable' | 'timed_out' | 'answered';
  status?: number;
  method: string;
  grant: Grant;
  address: string;
  requestId: string;
}

const WHOLE_BODY_BYTES = 256 * 1024;
const IDLE_MS = 4000;
/** Exchanges of one directory at a time, so that none can keep the others from the server that they share. */
const EXCHANGES_PER_DIRECTORY = 100;
const COUNTS_KEPT = 10_000;

class PrivateAddressError extends Error {}

export function createScimGateway(deps: GatewayDependencies): ScimGateway {
  const {
    verification,
    context,
    publicUrl,
    log,
    allowPrivateUpstreams,
    headersTimeoutMs,
    timeoutMs,
    onAnswer,
    onFailure,
  } = deps;
  const agent = new Agent({
    // One and the same, so that its timer goes on from request to request; the two limits are ours to keep.
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    keepAliveTimeout: IDLE_MS,
    connect: { timeout: headersTimeoutMs, ...(!allowPrivateUpstreams && { lookup: publicLookup }) },
  });
  const routes = new WeakMap<Grant, Route>();
  const underWay = new Map<string, number>();

  function handle(request: IncomingMessage, response: ServerResponse): void {
    const requestId = context.requestIdOf(request);
    const parts = splitGatewayPath(request.url ?? '');
    const method = request.method ?? 'GET';
    if (!parts || hasDotSegment(parts.rest)) {
      sendScimError(response, 400, `The path has dot segments. Request id: ${requestId}`, {
        'x-request-id': requestId,
      });
      return;
    }
    const { endpointKey, rest, query } = parts;
    const address = context.addressOf(request);
    const decision = verification.check({
      presented: readAuthorization(request.rawHeaders),
      directory: endpointKey,
      write: !isRead(method, rest),
      surface: 'gateway',
      method,
      address,
      userAgent: request.headers['user-agent'],
      requestId,
    });
    if (!(decision instanceof Promise)) proceed(decision);
    else decision.then(proceed).catch((error: unknown) => sendScimFailure(response, error, requestId));

    function proceed(made: Decision): void {
      if (made.allowed)
        forward({ request, response, method, path: rest + query, address, requestId, grant: made.grant });
      else sendDenial(response, { denial: made.denial, endpointKey, requestId, publicUrl });
    }
  }

  function routeOf(grant: Grant): Route | undefined {
    const { upstreamUrl, endpointKey } = grant.directory;
    if (upstreamUrl === undefined) return undefined;
    let route = routes.get(grant);
    if (!route) {
      const { origin, pathname, hostname } = new URL(upstreamUrl);
      const path = pathname.replace(/\/+$/, '');
      const map = createMapLocation(origin + path, `${publicUrl}/scim/v2/${endpointKey}`);
      route = { origin, path, map, isPrivateLiteral: isPrivateLiteral(hostname) };
      routes.set(grant, route);
    }
    return route;
  }

  function isPrivateLiteral(hostname: string): boolean {
    const host = hostname.replace(/^\[|\]$/g, '');
    return !allowPrivateUpstreams && isIP(host) !== 0 && !isPublicAddress(host);
  }

  function forward(exchange: Exchange): void {
    const { response, requestId, grant } = exchange;
    const route = routeOf(grant);
    const fail = (status: number, detail: string, reason?: UpstreamFailure['reason']) => {
      onAnswer(status);
      if (reason) onFailure({ ...exchange, reason });
      sendScimError(response, status, `${detail} Request id: ${requestId}`, {
        'x-request-id': requestId,
        ...(status === 503 && { 'retry-after': '5' }),
      });
    };
    if (!route) fail(502, 'This directory has no upstream: its SCIM server is not configured yet.', 'not_configured');
    else if (route.isPrivateLiteral)
      fail(502, 'The SCIM server behind this endpoint cannot be reached.', 'unreachable');
    else {
      const { id } = grant.directory;
      const count = underWay.get(id) ?? 0;
      if (count >= EXCHANGES_PER_DIRECTORY) {
        fail(503, `${EXCHANGES_PER_DIRECTORY} requests of this directory are under way already.`);
        return;
      }
      underWay.set(id, count + 1);
      response.once('close', () => {
        const left = (underWay.get(id) ?? 1) - 1;
        // A map that entries enter and leave with each request is built anew all the time.
        if (left > 0 || underWay.size <= COUNTS_KEPT) underWay.set(id, left);
        else underWay.delete(id);
      });
      dispatch(exchange, route, true, fail);
    }
  }

  function dispatch(
    exchange: Exchange,
    route: Route,
    mayRetry: boolean,
    fail: (status: number, detail: string, reason?: UpstreamFailure['reason']) => void,
  ): void {
    const { request, response, method, path, requestId } = exchange;
    const hasBody =
      request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
    let controller: Dispatcher.DispatchController | undefined;
    let rewriter: LocationRewriter | undefined;
    let whole: { status: number; headers: string[]; chunks: Buffer[] } | undefined;
    let isTimedOut = false;
    let isStarted = false;

    const expire = () => {
      isTimedOut = true;
      controller?.abort(new Error('the exchange took too long'));
    };
    const untilHeaders = setTimeout(expire, headersTimeoutMs);
    const untilEnd = setTimeout(expire, timeoutMs);
    const onClose = () => {
      if (!response.writableFinished) controller?.abort(new Error('the client went away'));
    };
    const onDrain = () => controller?.resume();
    response.once('close', onClose);
    const done = () => {
      clearTimeout(untilHeaders);
      clearTimeout(untilEnd);
      response.off('close', onClose);
      response.off('drain', onDrain);
    };

    agent.dispatch(
      {
        origin: route.origin,
        path: (route.path + path).replace(/^(?!\/)/, '/'),
        method: method as Dispatcher.HttpMethod,
        headers: requestHeaders(exchange),
        body: hasBody ? request : null,
      },
      {
        onRequestStart(started) {
          controller = started;
          if (response.destroyed) started.abort(new Error('the client went away'));
        },
        onResponseStart(current, status, headers) {
          if (status < 200) return;
          isStarted = true;
          clearTimeout(untilHeaders);
          onAnswer(status);
          // The IdP sees a refusal that is not ours; whoever asks why must find it here.
          if (status === 401 || status === 403 || status >= 500) {
            onFailure({ ...exchange, reason: 'answered', status });
            log.info(
              { status, method, requestId, directoryId: exchange.grant.directory.id },
              'the upstream refused a request',
            );
          }
          const isRewritable =
            method !== 'HEAD' &&
            status !== 204 &&
            status !== 304 &&
            JSON_TYPE.test(String(headers['content-type'] ?? '')) &&
            /^(?:identity)?$/i.test(String(headers['content-encoding'] ?? ''));
          const raw = current.rawHeaders as Buffer[];
          const back = responseHeaders(raw, headers['connection'], route.map, isRewritable, requestId);
          if (isRewritable) {
            const length = Number(headers['content-length'] ?? Number.NaN);
            if (length <= WHOLE_BODY_BYTES) whole = { status, headers: back, chunks: [] };
            else rewriter = createLocationRewriter(route.map);
          }
          if (!whole) {
            response.on('drain', onDrain);
            response.writeHead(status, back);
          }
        },
        onResponseData(current, chunk) {
          if (whole) whole.chunks.push(chunk);
          else if (!response.write(rewriter ? rewriter.write(chunk) : chunk)) current.pause();
        },
        onResponseEnd() {
          done();
          if (whole) {
            const [first] = whole.chunks;
            const bytes = first && whole.chunks.length === 1 ? first : Buffer.concat(whole.chunks);
            // As a string it leaves in one piece with the headers.
            const body = rewriteLocations(bytes.toString('latin1'), route.map);
            whole.headers.push('Content-Length', String(body.length));
            response.writeHead(whole.status, whole.headers);
            response.end(body, 'latin1');
          } else response.end(rewriter?.end());
        },
        onResponseError(_controller, error) {
          done();
          if (response.destroyed) return;
          if (isStarted && !whole) {
            // Half an answer is out: cutting the connection is the only way left to say that it is not whole.
            response.destroy();
            return;
          }
          const isIdle = error instanceof errors.SocketError && !hasBody && method !== 'POST' && method !== 'PATCH';
          if (mayRetry && isIdle && !isStarted && !isTimedOut) {
            // The upstream closed an idle connection just as we used it.
            dispatch(exchange, route, false, fail);
            return;
          }
          log.warn({ err: error, requestId, directoryId: exchange.grant.directory.id }, 'the upstream did not answer');
          if (
            isTimedOut ||
            error instanceof errors.HeadersTimeoutError ||
            error instanceof errors.BodyTimeoutError ||
            error instanceof errors.ConnectTimeoutError
          ) {
            fail(504, 'The SCIM server behind this endpoint did not answer in time.', 'timed_out');
          } else fail(502, 'The SCIM server behind this endpoint cannot be reached.', 'unreachable');
        },
      },
    );
  }

  return { handle, close: () => agent.destroy() };
}

/** What forwarding needs of a directory, worked out once per grant. */
interface Route {
  origin: string;
  path: string;
  map: MapLocation;
  isPrivateLiteral: boolean;
}

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  method: string;
  /** Behind the endpoint, byte for byte, with its query. */
  path: string;
  address: string;
  requestId: string;
  grant: Grant;
}

function requestHeaders({ request, address, requestId, grant }: Exchange): string[] {
  const { rawHeaders } = request;
  const named = connectionOptions(request.headers.connection);
  const headers: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    const lower = name.toLowerCase();
    // A name that only looks another way is dropped like the one that a server behind may take it for.
    if (NOT_PASSED_ON.has(lower.replaceAll(ODD, '-')) || named?.has(lower) || OURS.test(name)) continue;
    headers.push(name, rawHeaders[index + 1] as string);
  }
  const { credential, directory, scope } = grant;
  headers.push('X-Request-Id', requestId, 'X-Forwarded-For', address);
  headers.push('X-Scim-Directory', directory.id, 'X-Scim-Organization', directory.organizationId);
  headers.push('X-Scim-Credential', credential.id, 'X-Scim-Scope', scope);
  return headers;
}

function responseHeaders(
  raw: Buffer[],
  connection: string | string[] | undefined,
  map: MapLocation,
  isRewritable: boolean,
  requestId: string,
): string[] {
  const headers: string[] = [];
  const named = connectionOptions(Array.isArray(connection) ? connection.join(',') : connection);
  for (let index = 0; index < raw.length; index += 2) {
    const name = (raw[index] as Buffer).toString('latin1');
    const lower = name.toLowerCase();
    if (NOT_PASSED_BACK.has(lower) || named?.has(lower) || lower === 'x-request-id') continue;
    if (isRewritable && lower === 'content-length') continue;
    const value = (raw[index + 1] as Buffer).toString('latin1');
    headers.push(name, lower === 'location' || lower === 'content-location' ? (map(value) ?? value) : value);
  }
  headers.push('X-Request-Id', requestId);
  return headers;
}

function connectionOptions(header: string | undefined): Set<string> | undefined {
  if (header === undefined || /^(?:keep-alive|close)$/i.test(header)) return undefined;
  return new Set(header.split(',').map((option) => option.trim().toLowerCase()));
}

/** Resolves a name to public addresses only: what a name means is decided when we connect, not when it was configured. */
const publicLookup: LookupFunction = (hostname, options, callback) => {
  resolve(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, '');
    const open = addresses.filter(({ address }) => isPublicAddress(address));
    const [first] = open;
    if (!first) return callback(new PrivateAddressError(`${hostname} resolves to no public address`), '');
    return options.all ? callback(null, open) : callback(null, first.address, first.family);
  });
};
