/** The gateway as a request handler: one decision, one route, one exchange. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../clock.ts';
import type { Directory, UpstreamPolicy } from '../directories/index.ts';
import { sendScimError } from '../http/error-responses.ts';
import type { RequestContext } from '../http/request-context.ts';
import type { Random } from '../identifiers.ts';
import type { Log } from '../log.ts';
import {
  createStrays,
  type Decision,
  type Grant,
  hasSmallForm,
  isRead,
  type Presented,
  readPresented,
  readPresentedForm,
  sendDenial,
  sendScimFailure,
  type Verification,
} from '../verification/index.ts';
import { type Carry, createCarry } from './exchange.ts';
import type { LookUpName } from './name-lookups.ts';
import { kindOf, type Outcome } from './outcome.ts';
import { withoutToken } from './request-headers.ts';
import { readTarget, type Target } from './request-target.ts';
import type { Exchange } from './round-trip.ts';
import { createRoutes } from './route.ts';
import { createTransport } from './transport.ts';
import type { UpstreamCredentials } from './upstream-credential.ts';
import { createUpstreamTest, type UpstreamTestReport } from './upstream-test.ts';

interface GatewayDependencies {
  verification: Verification;
  context: RequestContext;
  clock: Clock;
  random: Random;
  publicUrl: string;
  log: Log;
  upstreamPolicy: UpstreamPolicy;
  lookUpName: LookUpName;
  /** What authenticates us at upstreams. */
  credentials: UpstreamCredentials;
  /** At a time, so that no directory can keep the others from the server that they share. */
  exchangesPerDirectory: number;
  /** Until a connection stands; until the upstream's headers; and until the whole answer is through. */
  connectTimeoutMs: number;
  headersTimeoutMs: number;
  timeoutMs: number;
  /** Told of each answer's status, as the IdP gets it. */
  onAnswer: (status: number) => void;
  /** Told of each accepted request once it has ended, unless the IdP went away before and was not kept waiting. */
  onOutcome: (outcome: Outcome) => void;
}

export interface ScimGateway {
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** Says what an IdP would stumble over at the upstream of a directory. Throws invalid_request when it has none. */
  test(directory: Directory): Promise<UpstreamTestReport>;
  close(): Promise<void>;
}

/** A request that came in and is to be decided. */
interface Arrival {
  request: IncomingMessage;
  response: ServerResponse;
  method: string;
  target: Target;
  address: string;
  requestId: string;
  /** What the IdP presented; empty for nothing. */
  token: string;
}

const COUNTS_KEPT = 10_000;

export function createScimGateway(deps: GatewayDependencies): ScimGateway {
  const { verification, context, publicUrl, credentials, exchangesPerDirectory, onAnswer, onOutcome } = deps;
  const transport = createTransport({
    policy: deps.upstreamPolicy,
    lookUpName: deps.lookUpName,
    connectTimeoutMs: deps.connectTimeoutMs,
    timeoutMs: deps.timeoutMs,
  });
  const carry: Carry = createCarry({ ...deps, transport });
  const routes = createRoutes(publicUrl);
  const noteStray = createStrays(deps);
  const underWay = new Map<string, number>();

  function handle(request: IncomingMessage, response: ServerResponse): void {
    const requestId = context.requestIdOf(request);
    const target = readTarget(request.url ?? '');
    if (!target) {
      noteDots(request, requestId);
      sendScimError(response, 400, `The path has dot segments. Request ID: ${requestId}`, {
        'x-request-id': requestId,
      });
      return;
    }
    const method = request.method ?? 'GET';
    const presented = readPresented(request.rawHeaders, target.query);
    const token = presented.kind === 'token' ? presented.value : '';
    const arrival: Arrival = {
      request,
      response,
      method,
      target,
      address: context.addressOf(request),
      requestId,
      token,
    };
    if (presented.kind !== 'none' || presented.subReason !== undefined || !hasSmallForm(request))
      decide(arrival, presented);
    else settle(arrival, readPresentedForm(request), decide);
  }

  /** What has to be waited for goes on when it is there, and its failure is our own. */
  function settle<T>(arrival: Arrival, waiting: Promise<T>, go: (arrival: Arrival, value: T) => void): void {
    waiting
      .then((value) => go(arrival, value))
      .catch((error: unknown) => sendScimFailure(arrival.response, error, arrival.requestId));
  }

  function decide(arrival: Arrival, presented: Presented): void {
    const { request, method, target, address, requestId } = arrival;
    const decision = verification.check({
      presented,
      directory: target.endpointKey,
      write: !isRead(method, target.rest),
      surface: 'gateway',
      method,
      address,
      userAgent: request.headers['user-agent'],
      requestId,
    });
    if (decision instanceof Promise) settle(arrival, decision, proceed);
    else proceed(arrival, decision);
  }

  function proceed(arrival: Arrival, made: Decision): void {
    const { response, requestId, target } = arrival;
    if (made.allowed) forward(arrival, made.grant);
    else sendDenial(response, { denial: made.denial, endpointKey: target.endpointKey, requestId, publicUrl });
  }

  function forward(arrival: Arrival, grant: Grant): void {
    const { request, response, method, target, address, requestId, token } = arrival;
    const path = withoutToken(target.rest, token);
    const query = withoutToken(target.query, token);
    // A server that repeats the request would repeat what authenticates us to it (RFC 9110 9.3.8).
    if (method === 'TRACE') {
      refuse(arrival, 501, 'TRACE is not supported.');
      return;
    }
    const route = routes.find(grant);
    if (!route) {
      const kind = kindOf(method, path);
      onOutcome({ kind, outcome: 'not_set', method, elapsedMs: 0, grant, address, requestId });
      refuse(arrival, 502, "This directory's SCIM server is not configured yet.");
      return;
    }
    const exchange: Exchange = {
      ...{ request, response, method, path, query, address, requestId, grant, token },
      roundTrip: undefined,
    };
    if (!enter(exchange)) {
      refuse(arrival, 503, `${exchangesPerDirectory} requests for this directory are already running.`);
      return;
    }
    const header = credentials.headerOf(grant.directory, grant.scope, route.origin);
    if (header instanceof Promise) settle(arrival, header, (_arrival, made) => carry(exchange, route, made));
    else carry(exchange, route, header);
  }

  function refuse({ response, requestId }: Arrival, status: number, detail: string): void {
    onAnswer(status);
    sendScimError(response, status, `${detail} Request ID: ${requestId}`, {
      'x-request-id': requestId,
      ...(status === 503 && { 'retry-after': '5' }),
    });
  }

  function enter(exchange: Exchange): boolean {
    const { id } = exchange.grant.directory;
    const count = underWay.get(id) ?? 0;
    if (count >= exchangesPerDirectory) return false;
    underWay.set(id, count + 1);
    exchange.response.once('close', () => {
      const left = (underWay.get(id) ?? 1) - 1;
      // A map that entries enter and leave with each request is built anew all the time.
      if (left > 0 || underWay.size <= COUNTS_KEPT) underWay.set(id, left);
      else underWay.delete(id);
      exchange.roundTrip?.clientClosed();
    });
    return true;
  }

  /** Who asks so has a wrong base URL, and it is told at the directory that the path names or whose token came. */
  function noteDots(request: IncomingMessage, requestId: string): void {
    const [, endpointKey = ''] = /^\/scim\/v2\/([^/?]*)/.exec(request.url ?? '') ?? [];
    noteStray(request, requestId, { references: [endpointKey], subReason: 'wrong_path', path: '/scim/v2/../' });
  }

  return { handle, test: createUpstreamTest({ ...deps, transport }), close: () => transport.close() };
}
