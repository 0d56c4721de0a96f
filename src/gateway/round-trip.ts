/**
 * One request to a SCIM server and its answer, with the URIs mapped. Small answers are read as a whole, so that what is wrong with them can
 * still be said; large ones stream by. A class instead of closures: V8 began to create those in the old generation, where each kept its
 * request alive until a full collection, and collecting garbage took a fifth of the time.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { PassThrough, pipeline } from 'node:stream';
import { type Dispatcher, errors } from 'undici';
import type { Clock } from '../clock.ts';
import { sendScimError } from '../http/error-responses.ts';
import { UNREADABLE } from '../http/server.ts';
import type { Log } from '../log.ts';
import type { Grant } from '../verification/index.ts';
import {
  AnswerInProgress,
  codeOf,
  decodedOf,
  dropNominalCoding,
  isCut,
  isTooShort,
  joined,
  transformOf,
} from './answer.ts';
import { acceptsIdentity, codingNameOf } from './content-codings.ts';
import { ExchangeTime } from './exchange-time.ts';
import type { Outcome } from './outcome.ts';
import {
  causeOf,
  detailOf,
  isFailure,
  kindOf,
  mediaTypeOf,
  type OutcomeClass,
  outcomeOf,
  pathCauseOf,
  redirectHostOf,
  SLOW_MS,
} from './outcome.ts';
import { holdReading, type ReadOn } from './reading.ts';
import { requestHeaders } from './request-headers.ts';
import { type AnswerHeaders, responseHeaders } from './response-headers.ts';
import type { Route } from './route.ts';
import type { Transport } from './transport.ts';
import type { Header } from './upstream-credential.ts';
import { createUriScanner, mapBody } from './uri-scanner.ts';

export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  method: string;
  /** Behind the endpoint. */
  path: string;
  query: string;
  address: string;
  requestId: string;
  grant: Grant;
  /** What the IdP presented. */
  token: string;
  /** Under way to the SCIM server. */
  roundTrip: RoundTrip | undefined;
}

export interface Sending {
  exchange: Exchange;
  route: Route;
  /** What authenticates us. */
  credential: Header | undefined;
  body: IncomingMessage | Buffer | null;
  /** Whether it may go out once more where nothing of an answer came. */
  mayRetry: boolean;
}

export interface RoundTripDependencies {
  transport: Transport;
  clock: Clock;
  log: Log;
  headersTimeoutMs: number;
  timeoutMs: number;
  onAnswer: (status: number) => void;
  onOutcome: (outcome: Outcome) => void;
  /** Told of an answer whose content coding cannot be read. */
  onUnreadable: (directoryId: string, coding: string | undefined, requestId: string) => void;
}

/** An answer up to this is read as a whole before any of it goes out; with a coding, up to the smaller one. */
const WHOLE_ANSWER_BYTES = 256 * 1024;
const WHOLE_CODED_BYTES = 32 * 1024;
/** Below this a coding saves nothing that its time is worth. */
const CODED_FROM_BYTES = 1024;
const IDEMPOTENT = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS']);

/** What an answer tells besides its outcome. */
type Told = Pick<Outcome, 'status' | 'cause' | 'detail' | 'contentType' | 'redirectsTo'>;

const CUT = 'The SCIM server behind this endpoint cut off its response.';
const DAMAGED = "The SCIM server behind this endpoint sent a damaged response that can't be decompressed.";
const LATE = 'The SCIM server behind this endpoint did not respond in time.';
const UNREACHABLE = "The SCIM server behind this endpoint can't be reached.";
const NOT_HTTP = 'The SCIM server behind this endpoint answered, but not with HTTP.';
const LOOPS =
  'The SCIM server behind this endpoint redirects the request to the same path, perhaps from http to https.';
const REFUSES_US =
  'The SCIM server refused the gateway, not the identity provider. The credential in this request is valid.';

export class RoundTrip implements Dispatcher.DispatchHandler {
  readonly #sending: Sending;
  readonly #deps: RoundTripDependencies;
  #controller: Dispatcher.DispatchController | undefined = undefined;
  #answer: AnswerInProgress | undefined = undefined;
  readonly #time: ExchangeTime;
  #onDrain: (() => void) | undefined = undefined;
  /** While the IdP has not taken what came. */
  #readOn: ReadOn | undefined = undefined;
  #isLate = false;
  #isOver = false;
  #isRecoding = false;
  /** What came is not of the coding that it says. */
  #isBroken = false;
  #drainedBytes = 0;

  constructor(sending: Sending, deps: RoundTripDependencies) {
    this.#sending = sending;
    this.#deps = deps;
    this.#time = new ExchangeTime(this, deps.clock, deps.timeoutMs);
  }

  start(): void {
    const { exchange, route, credential, body } = this.#sending;
    const { transport, headersTimeoutMs } = this.#deps;
    // Most answers are through long before either time is up: one timer is enough for both.
    this.#time.wait(headersTimeoutMs);
    exchange.roundTrip = this;
    const path = route.path + exchange.path + exchange.query;
    transport.dispatch(
      {
        origin: route.origin,
        path: path.startsWith('/') ? path : `/${path}`,
        method: exchange.method as Dispatcher.HttpMethod,
        headers: requestHeaders(exchange, route, credential),
        body: body === exchange.request ? this.#upload(body) : body,
      },
      this,
    );
  }

  /** A stream of its own: undici destroys one that it no longer needs, and what is left of the request must still be read off the connection. */
  #upload(request: IncomingMessage): PassThrough {
    request.once('end', () => {
      this.#time.asked();
      if (!this.#isOver && !this.#answer) this.#time.wait(this.#deps.headersTimeoutMs);
    });
    const body = request.pipe(new PassThrough());
    body.once('close', () => request.unpipe(body).resume());
    return body;
  }

  /** Whether the rest of the request is still to come, and it is not the SCIM server that keeps us from reading it. */
  #isUploading(): boolean {
    const { request } = this.#sending.exchange;
    return !request.complete && request.readableLength < request.readableHighWaterMark;
  }

  /** The headers are late, or all of it is. */
  timeUp(): void {
    const isLeft = this.#time.isLeft();
    if (isLeft && this.#answer) this.#time.wait();
    else if (isLeft && this.#isUploading()) this.#time.wait(this.#deps.headersTimeoutMs);
    else this.#expire();
  }

  #expire(): void {
    this.#isLate = true;
    this.#controller?.abort(new Error('the exchange took too long'));
  }

  /** The IdP's side is closed, before or after the answer is out. */
  clientClosed(): void {
    if (!this.#sending.exchange.response.writableFinished) this.#controller?.abort(new Error('the client went away'));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#sending.exchange.response.destroyed) controller.abort(new Error('the client went away'));
    else if (this.#isLate) this.#expire();
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: AnswerHeaders): void {
    if (status < 200) return;
    const { response, method, requestId } = this.#sending.exchange;
    const { map } = this.#sending.route;
    const answer = new AnswerInProgress(method, status, headers);
    this.#answer = answer;
    if (status === 401 || status === 407) this.#refuse(answer, REFUSES_US);
    else if (status >= 301 && status <= 308 && this.#isToItself(headers['location'])) this.#refuse(answer, LOOPS);
    else if (!answer.hasBody) {
      // Some servers announce a body with these; nothing of it is waited for (RFC 9112 6.3).
      const isRefused = this.#judge(answer, undefined) === 'refuses_us';
      this.#end();
      if (isRefused) this.#fail(502, REFUSES_US);
      else {
        const isBodyChanged = method !== 'HEAD' || answer.isJson;
        this.#deps.onAnswer(status);
        response.writeHead(status, responseHeaders(headers, { requestId, map, isBodyChanged, isRecoded: false }));
        response.end();
      }
    } else if (status !== 403 && !answer.isJson) this.#stream(answer);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const answer = this.#answer;
    if (this.#isOver || !answer) {
      this.#drainedBytes += chunk.length;
      if (this.#drainedBytes > WHOLE_ANSWER_BYTES) controller.abort(new Error('the answer is no longer needed'));
      return;
    }
    if (answer.sink) {
      if (!answer.pass(chunk)) {
        this.#readOn ??= holdReading();
        this.#time.hold();
      }
      return;
    }
    answer.add(chunk);
    if (!answer.isJson && answer.status !== 403) this.#stream(answer);
    else if (answer.size > (answer.coding ? WHOLE_CODED_BYTES : WHOLE_ANSWER_BYTES)) this.#streamLong(answer);
  }

  onResponseEnd(): void {
    const answer = this.#answer;
    if (this.#isOver || !answer) return;
    this.#end();
    if (answer.sink) this.#endStream(answer);
    else this.#finish(answer);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#isOver) return;
    this.#end();
    const { exchange, mayRetry } = this.#sending;
    const { response, method, grant, requestId } = exchange;
    const answer = this.#answer;
    // The transport has timers of its own, and one of them may be first.
    this.#isLate ||= error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError;
    const isLate = this.#isLate;
    if (response.destroyed && !this.#isBroken) {
      // An IdP that has waited so long went away because of that.
      if (this.#elapsedMs() > SLOW_MS) this.#tell('slow', { status: answer?.status });
      return;
    }
    if (isLate && this.#isLateByIdp()) {
      if (answer) response.destroy();
      else this.#fail(UNREADABLE.timed_out.status, UNREADABLE.timed_out.detail);
      return;
    }
    if (answer) {
      this.#tellCut(error, answer);
      if (!answer.isStreaming) this.#fail(isLate ? 504 : 502, isLate ? LATE : CUT);
      // Half an answer is out: cutting the connection is the only way left to say that it is not whole.
      else response.destroy();
      return;
    }
    const isClosed = error instanceof errors.SocketError || /^(?:ECONNRESET|EPIPE)$/.test(codeOf(error));
    if (mayRetry && isClosed && IDEMPOTENT.has(method) && !isLate) {
      // The SCIM server closed an idle connection just as we used it.
      new RoundTrip({ ...this.#sending, mayRetry: false }, this.#deps).start();
      return;
    }
    this.#deps.log.warn({ err: error, requestId, directoryId: grant.directory.id }, 'the upstream did not respond');
    const cause = causeOf(error);
    if (isLate) this.#tell('slow');
    else this.#tell('unreachable', { cause });
    if (isLate || cause === 'timeout') this.#fail(504, LATE);
    else this.#fail(502, cause === 'wrong_protocol' ? NOT_HTTP : UNREACHABLE);
  }

  #end(): void {
    this.#isOver = true;
    this.#time.end();
    this.#resume();
    const { exchange } = this.#sending;
    exchange.roundTrip = undefined;
    if (this.#onDrain) exchange.response.off('drain', this.#onDrain);
  }

  /** What the SCIM server took; 0 while the IdP still sends. */
  #elapsedMs(): number {
    return this.#sending.exchange.request.complete ? this.#time.elapsedMs() : 0;
  }

  /** Whether it was the IdP that took most of the time. */
  #isLateByIdp(): boolean {
    return this.#answer ? this.#time.heldMs() > this.#elapsedMs() : this.#isUploading();
  }

  #resume(): void {
    this.#time.release();
    this.#readOn?.();
    this.#readOn = undefined;
  }

  #tell(outcome: OutcomeClass, more?: Told): void {
    const { method, path, address, requestId, grant } = this.#sending.exchange;
    const elapsedMs = this.#elapsedMs();
    this.#deps.onOutcome({
      kind: kindOf(method, path),
      outcome,
      method,
      elapsedMs,
      grant,
      address,
      requestId,
      ...more,
    });
  }

  /** Our own answer in place of the SCIM server's. */
  #fail(status: number, detail: string): void {
    const { response, requestId } = this.#sending.exchange;
    this.#deps.onAnswer(status);
    sendScimError(response, status, `${detail} Request ID: ${requestId}`, { 'x-request-id': requestId });
  }

  #refuse(answer: AnswerInProgress, detail: string): void {
    this.#judge(answer, undefined);
    this.#end();
    this.#fail(502, detail);
  }

  /** The answer is known as far as it matters; what follows of it is not read. */
  #judge(answer: AnswerInProgress, text: string | undefined): OutcomeClass {
    const { exchange, route } = this.#sending;
    const { method, path, requestId, grant } = exchange;
    const { status, contentType, hasBody, headers } = answer;
    const elapsedMs = this.#elapsedMs();
    const seen = outcomeOf({ method, path, status, contentType, elapsedMs, text, hasBody });
    // Only what can be read was asked for, so what came in another coding is as unreadable to the IdP.
    const isUnreadable = answer.coding === 'unknown' && answer.isJson && hasBody && route.map !== undefined;
    const outcome = seen === 'ok' && isUnreadable ? 'unreadable' : seen;
    if (!isFailure(outcome)) {
      this.#tell(outcome, { status });
      return outcome;
    }
    const coding = outcome === 'unreadable' ? codingNameOf(headers['content-encoding']) : undefined;
    if (outcome === 'unreadable') this.#deps.onUnreadable(grant.directory.id, coding, requestId);
    const isRedirect = status >= 300 && status < 400;
    this.#tell(outcome, {
      status,
      detail: outcome === 'rejects_content' && method !== 'GET' ? detailOf(text) : coding,
      cause: pathCauseOf(outcome, path),
      contentType: hasBody ? mediaTypeOf(contentType) : undefined,
      redirectsTo: isRedirect ? redirectHostOf(headers['location'], route.origin) : undefined,
    });
    return outcome;
  }

  #finish(answer: AnswerInProgress): void {
    const { request } = this.#sending.exchange;
    const { map } = this.#sending.route;
    const bytes = joined(answer.chunks);
    dropNominalCoding(answer, bytes);
    const { coding, isRecoded } = answer;
    const decoded = coding ? decodedOf(coding, bytes) : bytes;
    if (decoded === 'too large') {
      this.#streamLong(answer);
      if (answer.sink) this.#endStream(answer);
      return;
    }
    if (decoded === 'damaged') {
      this.#tell('cut', { status: answer.status, detail: codingNameOf(answer.headers['content-encoding']) });
      this.#fail(502, DAMAGED);
      return;
    }
    if (decoded === 'cut' || isCut(answer, decoded)) {
      this.#tell('cut', { status: answer.status });
      this.#fail(502, CUT);
      return;
    }
    const text = decoded?.toString('latin1');
    // Only what is read of an error needs its characters; of everything else the bytes do.
    const judged = this.#judge(answer, answer.status < 400 ? text : decoded?.toString());
    if (judged === 'refuses_us') {
      this.#fail(502, REFUSES_US);
      return;
    }
    this.#deps.onAnswer(answer.status);
    const mapped = answer.isJson && map && text !== undefined ? mapBody(text, map) : text;
    if (mapped === undefined || mapped === text) {
      this.#send(answer, bytes, isRecoded);
      return;
    }
    const isPlain =
      !coding ||
      coding === 'unknown' ||
      (mapped.length < CODED_FROM_BYTES && acceptsIdentity(String(request.headers['accept-encoding'] ?? '')));
    // As a string it leaves in one piece with the headers.
    if (isPlain) this.#send(answer, mapped, isRecoded || coding !== undefined);
    else this.#send(answer, coding.encode(Buffer.from(mapped, 'latin1')), isRecoded);
  }

  #send({ status, headers }: AnswerInProgress, content: string | Buffer, isRecoded: boolean): void {
    const { response, requestId } = this.#sending.exchange;
    const { map } = this.#sending.route;
    const passed = responseHeaders(headers, { requestId, map, isBodyChanged: true, isRecoded });
    passed.push('Content-Length', String(content.length));
    response.writeHead(status, passed);
    response.end(content, 'latin1');
  }

  /** No SCIM error is as long as that, and only those pass with 403. */
  #streamLong(answer: AnswerInProgress): void {
    if (answer.status === 403) this.#refuse(answer, REFUSES_US);
    else this.#stream(answer);
  }

  /** From now on the answer goes out as it comes in. */
  #stream(answer: AnswerInProgress): void {
    const { response, requestId } = this.#sending.exchange;
    const { map } = this.#sending.route;
    const { chunks, status } = answer;
    // The first piece can be a single byte, which tells nothing of the coding.
    const first = joined(chunks);
    dropNominalCoding(answer, first);
    const { coding, headers, isRecoded } = answer;
    answer.chunks = [];
    answer.isStreaming = true;
    this.#deps.onAnswer(status);
    const scanner = map && answer.isJson && coding !== 'unknown' ? createUriScanner(map) : undefined;
    const isBodyChanged = scanner !== undefined;
    const onDrain = () => this.#resume();
    response.writeHead(status, responseHeaders(headers, { requestId, map, isBodyChanged, isRecoded }));
    if (!scanner) answer.sink = response;
    else if (coding === undefined || coding === 'unknown') {
      answer.sink = {
        write: (chunk) => response.write(scanner.write(chunk)),
        end: () => response.end(scanner.end()),
      };
    } else {
      const decoders = coding.createDecoders(first);
      const [decoder] = decoders;
      // Not as soon as the response can take more: what is behind the decoder could be waiting for it still.
      decoder.on('drain', onDrain);
      pipeline([...decoders, transformOf(scanner), ...coding.createEncoders(), response], (error) => {
        if (!error) {
          this.#judge(answer, undefined);
          return;
        }
        this.#isBroken = !response.destroyed || codeOf(error) !== 'ERR_STREAM_PREMATURE_CLOSE';
        if (!this.#isOver) this.#controller?.abort(error);
        else if (this.#isBroken) this.#tellCut(error, answer);
      });
      answer.sink = decoder;
      this.#isRecoding = true;
    }
    if (!this.#isRecoding) {
      this.#onDrain = onDrain;
      response.on('drain', onDrain);
    }
    if (first.length > 0) answer.pass(first);
  }

  /** All of it is in. Whether it is whole shows at the end of its coding. */
  #endStream(answer: AnswerInProgress): void {
    this.#time.answered();
    if (answer.isHalf) {
      this.#tellCut(new Error('the connection ended before the JSON did'), answer);
      this.#sending.exchange.response.destroy();
      return;
    }
    if (!this.#isRecoding) this.#judge(answer, undefined);
    answer.sink?.end();
  }

  #tellCut(error: Error, { status, headers }: AnswerInProgress): void {
    const { requestId, grant } = this.#sending.exchange;
    const isDamaged = this.#isBroken && !isTooShort(error);
    const detail = isDamaged ? codingNameOf(headers['content-encoding']) : undefined;
    this.#tell(this.#isLate ? 'slow' : 'cut', { status, detail });
    this.#deps.log.warn(
      { err: error, requestId, directoryId: grant.directory.id },
      'the response from an upstream was cut off',
    );
  }

  /** A redirect that is mapped back to where it came from: the IdP would follow it in circles. */
  #isToItself(location: string | string[] | undefined): boolean {
    const { exchange, route } = this.#sending;
    if (typeof location !== 'string' || !route.map) return false;
    return route.map(location, 'any') === route.endpointUrl + exchange.path + exchange.query;
  }
}
