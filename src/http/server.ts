/**
 * The HTTP server and its patience: what has not become a request yet can be held against no credential, so it is bounded by address and
 * time. What node cannot read it answers with a body, as everything else here does.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { headerOf } from './raw-headers.ts';
import { networkOf } from './request-context.ts';

export interface ServerLimits {
  /** Until the head of a request is in. */
  headMs: number;
  /** Between two pieces of a body that we are ready to read. */
  stallMs: number;
  /** Connections of one network that have not sent the head of their first request. */
  connectionsWithoutHead: number;
  sweepMs: number;
}

export const LIMITS: ServerLimits = { headMs: 10_000, stallMs: 20_000, connectionsWithoutHead: 100, sweepMs: 1000 };

export const UNREADABLE = {
  not_encoded: {
    status: 400,
    detail:
      'The request target has a space or a non-ASCII character. Percent-encode it: a space is %20, and ü is %C3%BC.',
  },
  not_http: { status: 400, detail: 'The request is not valid HTTP.' },
  head_too_large: { status: 431, detail: 'The request headers are too large. The maximum is 16 KiB.' },
  timed_out: { status: 408, detail: 'The request took too long to arrive.' },
} as const;
export type Unreadable = keyof typeof UNREADABLE;

export interface UnreadableRequest {
  reason: Unreadable;
  /** The path and query, as far as they can be told. */
  target: string | undefined;
  method: string | undefined;
  /** The peer's. */
  address: string;
}

export interface ServerOptions {
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** Told of what was no request; gives the ID under which it is found again. */
  onUnreadable(unreadable: UnreadableRequest): string;
  /** Proxies, whose connections are those of many. */
  isTrusted(address: string): boolean;
  limits?: ServerLimits;
}

export interface HttpServer {
  server: Server;
  /** From now on every answer is the last one of its connection. */
  stopKeepingAlive(): void;
}

/** The request of a connection that is handled. How far it moves is looked at by the sweep, so that a request costs no look at the clock. */
interface Line {
  request: IncomingMessage;
  response: ServerResponse;
  /** To the last request that came: another one than that in hand where the client did not wait for its answer. */
  last: ServerResponse;
  /** How many came behind it. */
  waiting: number;
  /** What came behind is no HTTP: nothing that waits is begun any more. */
  isBroken: boolean;
  /** At the last sweep, or UNKNOWN. */
  bytesRead: number;
  movedAt: number;
}

const UNKNOWN = -1;
/** A bound on memory. Hardly any client sends a request before it has the answer to the one in front of it. */
const MOST_WAITING = 100;

const REQUEST_LINE = /^([A-Z]{3,16}) +(\/[^\r\n]*?)(?: +HTTP\/1\.[01])?\r?\n/;

export function createHttpServer(options: ServerOptions): HttpServer {
  const { handle, onUnreadable, isTrusted, limits = LIMITS } = options;
  // By connection, which lives long: a set that each request enters and leaves keeps their garbage alive until a full collection.
  const lines = new Map<Socket, Line>();
  const headless = new Map<string, number>();
  const waiting = new WeakMap<Socket, string>();
  let isStopping = false;

  // Node would refuse these without a body, so they are refused here.
  const server = createServer({ connectionsCheckingInterval: limits.sweepMs, requireHostHeader: false }, receive);

  /**
   * One after the other, in the order in which they came (RFC 9112 9.3.2). Node would hand over all at once, and never close the response to
   * one that waits when its connection ends: whatever it holds until then it would hold for ever.
   */
  function receive(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const line = lines.get(socket);
    const before = line?.last;
    if (line) line.last = response;
    if (!line || !before || before.closed) {
      begin(request, response);
      return;
    }
    line.waiting += 1;
    if (line.waiting > MOST_WAITING) socket.destroy();
    before.once('close', () => {
      line.waiting -= 1;
      if (!socket.destroyed && !line.isBroken) begin(request, response);
    });
  }

  function begin(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const line = lines.get(socket);
    if (line) {
      line.request = request;
      line.response = response;
      line.bytesRead = UNKNOWN;
    } else {
      socket.once('close', () => lines.delete(socket));
      const rest = { last: response, waiting: 0, isBroken: false, bytesRead: UNKNOWN, movedAt: 0 };
      lines.set(socket, { request, response, ...rest });
      leave(socket);
    }
    if (isStopping) response.shouldKeepAlive = false;
    // RFC 9112 3.2.
    if (request.httpVersion === '1.1' && headerOf(request, 'host') === undefined) refuseAs(socket, response, request);
    else handle(request, response);
  }

  function refuseAs(
    socket: Socket,
    response: ServerResponse | undefined,
    { url: target, method }: IncomingMessage,
  ): void {
    answer(socket, response, { reason: 'not_http', target, method, address: addressOf(socket) });
  }

  /** Whatever came last on a connection can't be read: what came before it is answered first. */
  function refuseBehind(socket: Socket, unreadable: Omit<UnreadableRequest, 'address'>): void {
    const line = lines.get(socket);
    const whole = { ...unreadable, address: addressOf(socket) };
    if (!line?.request.complete || line.response.closed) answer(socket, line?.response, whole);
    else if (!line.isBroken) {
      line.isBroken = true;
      line.response.once('close', () => !socket.destroyed && answer(socket, undefined, whole));
    }
  }

  // Longer than any proxy keeps an idle connection, so that it is never we who close one just as it is used.
  server.keepAliveTimeout = 75_000;
  server.headersTimeout = limits.headMs;
  server.on('connection', enter);
  server.on('clientError', refuse);
  // An expectation that is not known may be passed over (RFC 9110 10.1.1).
  server.on('checkExpectation', receive);
  server.on('connect', ({ url: target, method }, stream) =>
    refuseBehind(stream as Socket, { reason: 'not_http', target, method }),
  );
  const sweep = setInterval(endStalled, limits.sweepMs);
  sweep.unref();
  server.once('close', () => clearInterval(sweep));

  function enter(socket: Socket): void {
    const address = addressOf(socket);
    if (isTrusted(address)) return;
    const network = networkOf(address);
    const count = headless.get(network) ?? 0;
    headless.set(network, count + 1);
    waiting.set(socket, network);
    socket.once('close', () => leave(socket));
    if (count < limits.connectionsWithoutHead) return;
    // Many that come at once have sent their heads, which we have not read yet: only those that stay silent are too many.
    const tooLate = setTimeout(() => waiting.has(socket) && socket.destroy(), limits.sweepMs);
    socket.once('close', () => clearTimeout(tooLate));
  }

  function leave(socket: Socket): void {
    const network = waiting.get(socket);
    if (network === undefined) return;
    waiting.delete(socket);
    const left = (headless.get(network) ?? 1) - 1;
    if (left > 0) headless.set(network, left);
    else headless.delete(network);
  }

  /** A body that stands still while we are ready for more of it. One that we leave unread stands still by our own doing. */
  function endStalled(): void {
    const now = performance.now();
    for (const [socket, line] of lines) {
      const { request, response } = line;
      const isMoving = socket.bytesRead !== line.bytesRead;
      const isOurs = request.complete || request.readableLength >= request.readableHighWaterMark;
      if (isMoving || isOurs) Object.assign(line, { bytesRead: socket.bytesRead, movedAt: now });
      else if (now - line.movedAt > limits.stallMs) {
        lines.delete(socket);
        const { url: target, method } = request;
        answer(socket, response, { reason: 'timed_out', target, method, address: addressOf(socket) });
      }
    }
  }

  function refuse(error: NodeJS.ErrnoException & { rawPacket?: Buffer }, stream: unknown): void {
    const socket = stream as Socket;
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const [, method, target] = REQUEST_LINE.exec(error.rawPacket?.toString('latin1') ?? '') ?? [];
    refuseBehind(socket, { reason: reasonOf(error.code, target), target, method });
  }

  function answer(socket: Socket, response: ServerResponse | undefined, unreadable: UnreadableRequest): void {
    const requestId = onUnreadable(unreadable);
    // Nothing may come between the pieces of an answer that is under way.
    if (response?.headersSent && !response.writableFinished) {
      socket.destroy();
      return;
    }
    socket.end(wireOf(unreadable, requestId), () => socket.destroy());
  }

  return {
    server,
    stopKeepingAlive() {
      isStopping = true;
      for (const { response } of lines.values()) response.shouldKeepAlive = false;
    },
  };
}

function reasonOf(code: string | undefined, target: string | undefined): Unreadable {
  if (code === 'HPE_HEADER_OVERFLOW') return 'head_too_large';
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'timed_out';
  return target !== undefined && /[^\x21-\x7e]/.test(target) ? 'not_encoded' : 'not_http';
}

function addressOf({ remoteAddress = 'unknown' }: Socket): string {
  return remoteAddress.replace(/^::ffff:/, '');
}

/** In the dialect of who asked, as far as the target tells. */
function wireOf({ reason, target = '' }: UnreadableRequest, requestId: string): string {
  const { status, detail } = UNREADABLE[reason];
  const isScim = target.startsWith('/scim/');
  const body = isScim
    ? {
        schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
        status: String(status),
        detail: `${detail} Request ID: ${requestId}`,
      }
    : { type: 'about:blank', title: STATUS_CODES[status], status, code: reason, detail, requestId };
  const text = JSON.stringify(body);
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `Content-Type: application/${isScim ? 'scim+json' : 'problem+json'}; charset=utf-8`,
    `Content-Length: ${Buffer.byteLength(text)}`,
    'Cache-Control: no-store',
    'X-Content-Type-Options: nosniff',
    `X-Request-Id: ${requestId}`,
    'Connection: close',
    '',
    text,
  ].join('\r\n');
}
