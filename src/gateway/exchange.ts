/**
 * One exchange with a SCIM server: the request goes out, and its answer comes back with the URIs mapped. Small answers are read as a whole,
 * so that what is wrong with them can still be said; large ones stream by.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import { type Dispatcher, errors } from 'undici';
import { type Clock, HOUR_MS } from '../clock.ts';
import { sendScimError } from '../http/error-responses.ts';
import type { Log } from '../log.ts';
import type { Grant } from '../verification/index.ts';
import { type AnswerInProgress, codeOf, decodedOf, dropNominalCoding, isCut, joined, transformOf } from './answer.ts';
import { acceptsIdentity, codingNameOf, codingOf, isPlainJson, readableCodings } from './content-codings.ts';
import type { Outcome } from './outcome.ts';
import {
  causeOf,
  detailOf,
  isFailure,
  isJsonType,
  kindOf,
  mediaTypeOf,
  type OutcomeClass,
  outcomeOf,
  pathCauseOf,
  redirectHostOf,
} from './outcome.ts';
import { requestHeaders } from './request-headers.ts';
import { responseHeaders } from './response-headers.ts';
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
  /** By the monotonic clock. */
  startedAt: number;
  /** Called when the IdP's side is closed, before or after the answer is out. */
  onClose: (() => void) | undefined;
}

export type Carry = (exchange: Exchange, route: Route, credential: Header | undefined) => void;

export interface CarryDependencies {
  transport: Transport;
  clock: Clock;
  log: Log;
  headersTimeoutMs: number;
  timeoutMs: number;
  onAnswer: (status: number) => void;
  onOutcome: (outcome: Outcome) => void;
}

/** A request's body up to this is read before it goes out, so that it can be sent again. */
const WHOLE_REQUEST_BYTES = 64 * 1024;
/** An answer up to this is read as a whole before any of it goes out; with a coding, up to the smaller one. */
const WHOLE_ANSWER_BYTES = 256 * 1024;
const WHOLE_CODED_BYTES = 32 * 1024;
/** Below this a coding saves nothing that its time is worth. */
const CODED_FROM_BYTES = 1024;
/** Types under which servers send JSON by mistake. */
const VAGUE_TYPE = /^(?:text\/plain|application\/(?:octet-stream|x-json|(?:x-)?javascript)|text\/(?:x-)?javascript)\b/i;
/** Directories of which the log remembers its last warning. */
const WARNINGS_KEPT = 1000;
const IDEMPOTENT = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS']);
const BODILESS = new Set([204, 205, 304]);

/** What an answer tells besides its outcome. */
type Told = Pick<Outcome, 'status' | 'cause' | 'detail' | 'contentType' | 'redirectsTo'>;

const CUT = 'The SCIM server behind this endpoint cut off its response.';
const LATE = 'The SCIM server behind this endpoint did not respond in time.';
const UNREACHABLE = "The SCIM server behind this endpoint can't be reached.";
const LOOPS =
  'The SCIM server behind this endpoint redirects the request to the same path, perhaps from http to https.';
const REFUSES_US =
  'The SCIM server refused the gateway, not the identity provider. The credential in this request is valid.';

export function createCarry(deps: CarryDependencies): Carry {
  const { transport, clock, log, headersTimeoutMs, timeoutMs, onAnswer, onOutcome } = deps;
  /** When the log last said so of a directory, by the monotonic clock. */
  const warnedAt = new Map<string, number>();

  /** Once an hour for each directory: a server that does it does it with every answer. */
  function warnUnreadable(directoryId: string, coding: string | undefined, requestId: string): void {
    const now = clock.monotonicMs();
    if (now - (warnedAt.get(directoryId) ?? Number.NEGATIVE_INFINITY) < HOUR_MS) return;
    if (warnedAt.size >= WARNINGS_KEPT) warnedAt.clear();
    warnedAt.set(directoryId, now);
    log.warn(
      { directoryId, requestId, coding },
      'the response from an upstream has a content coding that cannot be read',
    );
  }

  return function carry(exchange, route, credential) {
    const { request, response } = exchange;
    const length = Number(request.headers['content-length'] ?? 0);
    const isStream = request.headers['transfer-encoding'] !== undefined;
    if (!isStream && length === 0) dispatch({ exchange, route, credential, body: null, mayRetry: true });
    else if (isStream || !(length <= WHOLE_REQUEST_BYTES))
      dispatch({ exchange, route, credential, body: request, mayRetry: false });
    else {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        if (!response.destroyed) dispatch({ exchange, route, credential, body: Buffer.concat(chunks), mayRetry: true });
      });
      // The IdP went away: nothing is left to be done for it.
      request.on('error', () => undefined);
    }
  };

  function dispatch(attempt: Attempt): void {
    const { exchange, route, credential, body, mayRetry } = attempt;
    const { request, response, method, path, requestId, grant } = exchange;
    let controller: Dispatcher.DispatchController | undefined;
    let answer: AnswerInProgress | undefined;
    let isLate = false;
    let isOver = false;
    let isRecoding = false;
    /** What came is not of the coding that it says. */
    let isBroken = false;
    /** By the monotonic clock. */
    let endedAt: number | undefined;
    let drainedBytes = 0;

    const expire = () => {
      isLate = true;
      controller?.abort(new Error('the exchange took too long'));
    };
    // Most answers are through long before either time is up: one timer is enough for both.
    let timer = setTimeout(
      () => {
        const leftMs = timeoutMs - headersTimeoutMs;
        if (answer && leftMs > 0) timer = setTimeout(expire, leftMs);
        else expire();
      },
      Math.min(headersTimeoutMs, timeoutMs),
    );
    exchange.onClose = () => {
      if (!response.writableFinished) controller?.abort(new Error('the client went away'));
    };
    const onDrain = () => controller?.resume();
    const done = () => {
      isOver = true;
      clearTimeout(timer);
      exchange.onClose = undefined;
      if (answer?.isStreaming) response.off('drain', onDrain);
    };

    /** Until the answer was in: how fast the IdP reads it says nothing of the SCIM server. */
    const elapsed = () => (endedAt ?? clock.monotonicMs()) - exchange.startedAt;

    function tell(outcome: OutcomeClass, more: Told = {}): void {
      const elapsedMs = elapsed();
      const { address } = exchange;
      const kind = kindOf(method, path);
      onOutcome({ kind, outcome, method, elapsedMs, grant, address, requestId, ...more });
    }

    /** Our own answer in place of the SCIM server's. */
    function fail(status: number, detail: string): void {
      onAnswer(status);
      sendScimError(response, status, `${detail} Request ID: ${requestId}`, { 'x-request-id': requestId });
    }

    /** The answer is known as far as it matters; what follows of it is not read. */
    function judge(current: AnswerInProgress, text: string | undefined): OutcomeClass {
      const { status, contentType, hasBody, headers } = current;
      const seen = outcomeOf({ method, path, status, contentType, elapsedMs: elapsed(), text, hasBody });
      const outcome = seen === 'ok' && isUnreadable(current) ? 'unreadable' : seen;
      const coding = outcome === 'unreadable' ? codingNameOf(headers['content-encoding']) : undefined;
      if (outcome === 'unreadable') warnUnreadable(grant.directory.id, coding, requestId);
      const detail = outcome === 'rejects_content' && method !== 'GET' ? detailOf(text) : coding;
      const isRedirect = status >= 300 && status < 400;
      const failed = isFailure(outcome) && {
        contentType: hasBody ? mediaTypeOf(contentType) : undefined,
        redirectsTo: isRedirect ? redirectHostOf(headers['location'], route.origin) : undefined,
      };
      tell(outcome, { status, detail, cause: pathCauseOf(outcome, path), ...failed });
      return outcome;
    }

    /** Only what can be read was asked for, so what came in another coding is as unreadable to the IdP. */
    function isUnreadable({ coding, isJson, hasBody }: AnswerInProgress): boolean {
      return coding === 'unknown' && isJson && hasBody && route.map !== undefined;
    }

    function finish(current: AnswerInProgress): void {
      const bytes = joined(current.chunks);
      dropNominalCoding(current, bytes);
      const { coding, isRecoded } = current;
      const decoded = coding ? decodedOf(coding, bytes) : bytes;
      if (decoded === 'too large') {
        stream(current);
        endStream(current);
        return;
      }
      if (decoded === 'cut' || isCut(current, decoded)) {
        tell('cut', { status: current.status });
        fail(502, CUT);
        return;
      }
      const text = decoded?.toString('latin1');
      // Only what is read of an error needs its characters; of everything else the bytes do.
      const judged = judge(current, current.status < 400 ? text : decoded?.toString());
      if (judged === 'refuses_us') {
        fail(502, REFUSES_US);
        return;
      }
      onAnswer(current.status);
      const mapped = current.isJson && route.map && text !== undefined ? mapBody(text, route.map) : text;
      if (mapped === undefined || mapped === text) {
        send(current, bytes, isRecoded);
        return;
      }
      const isPlain =
        !coding ||
        coding === 'unknown' ||
        (mapped.length < CODED_FROM_BYTES && acceptsIdentity(acceptEncodingOf(request)));
      // As a string it leaves in one piece with the headers.
      send(
        current,
        isPlain ? mapped : coding.encode(Buffer.from(mapped, 'latin1')),
        isRecoded || (coding !== undefined && isPlain),
      );
    }

    function send(current: AnswerInProgress, content: string | Buffer, isRecoded: boolean): void {
      const headers = responseHeaders({ ...current, requestId, map: route.map, isBodyChanged: true, isRecoded });
      headers.push('Content-Length', String(content.length));
      response.writeHead(current.status, headers);
      response.end(content, 'latin1');
    }

    /** From now on the answer goes out as it comes in. */
    function stream(current: AnswerInProgress): void {
      const { chunks, status } = current;
      // The first piece can be a single byte, which tells nothing of the coding.
      const first = joined(chunks);
      dropNominalCoding(current, first);
      const { coding } = current;
      current.chunks = [];
      current.isStreaming = true;
      onAnswer(status);
      const scanner = route.map && current.isJson && coding !== 'unknown' ? createUriScanner(route.map) : undefined;
      const isBodyChanged = scanner !== undefined;
      response.on('drain', onDrain);
      response.writeHead(status, responseHeaders({ ...current, requestId, map: route.map, isBodyChanged }));
      if (!scanner) current.sink = response;
      else if (coding === undefined || coding === 'unknown') {
        current.sink = {
          write: (chunk) => response.write(scanner.write(chunk)),
          end: () => response.end(scanner.end()),
        };
      } else {
        const decoders = coding.createDecoders(first);
        const [decoder] = decoders;
        decoder.on('drain', onDrain);
        pipeline([...decoders, transformOf(scanner), ...coding.createEncoders(), response], (error) => {
          if (!error) {
            judge(current, undefined);
            return;
          }
          isBroken = !response.destroyed || codeOf(error) !== 'ERR_STREAM_PREMATURE_CLOSE';
          if (!isOver) controller?.abort(error);
          else if (isBroken) tellCut(error, current);
        });
        current.sink = decoder;
        isRecoding = true;
      }
      if (first.length > 0) current.sink.write(first);
    }

    /** All of it is in. Whether it is whole shows at the end of its coding. */
    function endStream(current: AnswerInProgress): void {
      endedAt = clock.monotonicMs();
      if (!isRecoding) judge(current, undefined);
      current.sink?.end();
    }

    function tellCut(error: Error, { status }: AnswerInProgress): void {
      tell(isLate ? 'slow' : 'cut', { status });
      log.warn({ err: error, requestId, directoryId: grant.directory.id }, 'the response from an upstream was cut off');
    }

    /** A redirect that is mapped back to where it came from: the IdP would follow it in circles. */
    function isToItself(location: string | string[] | undefined): boolean {
      if (typeof location !== 'string' || !route.map) return false;
      return route.map(location, 'any') === route.endpointUrl + path + exchange.query;
    }

    const options: Dispatcher.DispatchOptions = {
      origin: route.origin,
      path: (route.path + path + exchange.query).replace(/^(?!\/)/, '/'),
      method: method as Dispatcher.HttpMethod,
      headers: requestHeaders(exchange, {
        forwarded: route.forwarded,
        forwardedTail: route.forwardedTail,
        acceptEncoding: route.map && readableCodings,
        credential,
      }),
      body,
    };
    transport.dispatch(options, {
      onRequestStart(started) {
        controller = started;
        if (response.destroyed) started.abort(new Error('the client went away'));
      },
      onResponseStart(_controller, status, headers) {
        if (status < 200) return;
        const contentType = String(headers['content-type'] ?? '');
        const hasBody = method !== 'HEAD' && !BODILESS.has(status);
        answer = {
          status,
          headers,
          contentType,
          coding: codingOf(headers['content-encoding']),
          isRecoded: false,
          // Without a type, or with one that says nothing, it is read as a SCIM client reads it.
          isJson: contentType === '' || isJsonType(contentType) || VAGUE_TYPE.test(contentType),
          isVague: VAGUE_TYPE.test(contentType),
          hasBody,
          chunks: [],
          size: 0,
          isStreaming: false,
          sink: undefined,
        };
        if (status === 401 || status === 407) {
          judge(answer, undefined);
          done();
          fail(502, REFUSES_US);
        } else if (status >= 301 && status <= 308 && isToItself(headers['location'])) {
          judge(answer, undefined);
          done();
          fail(502, LOOPS);
        } else if (!hasBody) {
          // Some servers announce a body with these; nothing of it is waited for (RFC 9112 6.3).
          const isRefused = judge(answer, undefined) === 'refuses_us';
          done();
          if (isRefused) fail(502, REFUSES_US);
          else {
            const isBodyChanged = method !== 'HEAD' || answer.isJson;
            onAnswer(status);
            response.writeHead(status, responseHeaders({ ...answer, requestId, map: route.map, isBodyChanged }));
            response.end();
          }
        } else if (status !== 403 && !answer.isJson) stream(answer);
      },
      onResponseData(current, chunk) {
        if (isOver || !answer) {
          drainedBytes += chunk.length;
          if (drainedBytes > WHOLE_ANSWER_BYTES) current.abort(new Error('the answer is no longer needed'));
          return;
        }
        if (answer.sink) {
          if (!answer.sink.write(chunk)) current.pause();
          return;
        }
        if (answer.isVague && answer.size === 0 && answer.coding === undefined) answer.isJson = isPlainJson(chunk);
        answer.chunks.push(chunk);
        answer.size += chunk.length;
        if (!answer.isJson && answer.status !== 403) stream(answer);
        else if (answer.size > (answer.coding ? WHOLE_CODED_BYTES : WHOLE_ANSWER_BYTES)) stream(answer);
      },
      onResponseEnd() {
        if (isOver || !answer) return;
        done();
        if (answer.sink) endStream(answer);
        else finish(answer);
      },
      onResponseError(_controller, error) {
        if (isOver) return;
        done();
        if (response.destroyed && !isBroken) return;
        if (answer) {
          tellCut(error, answer);
          if (!answer.isStreaming) fail(isLate ? 504 : 502, isLate ? LATE : CUT);
          // Half an answer is out: cutting the connection is the only way left to say that it is not whole.
          else response.destroy();
          return;
        }
        const isClosed = error instanceof errors.SocketError || /^(?:ECONNRESET|EPIPE)$/.test(codeOf(error));
        if (mayRetry && isClosed && IDEMPOTENT.has(method) && !isLate) {
          // The SCIM server closed an idle connection just as we used it.
          dispatch({ ...attempt, mayRetry: false });
          return;
        }
        log.warn({ err: error, requestId, directoryId: grant.directory.id }, 'the upstream did not respond');
        const cause = causeOf(error);
        const isSlow =
          isLate || error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError;
        if (isSlow) tell('slow');
        else tell('unreachable', { cause });
        if (isSlow || cause === 'timeout') fail(504, LATE);
        else fail(502, UNREACHABLE);
      },
    });
  }
}

interface Attempt {
  exchange: Exchange;
  route: Route;
  /** What authenticates us. */
  credential: Header | undefined;
  body: IncomingMessage | Buffer | null;
  mayRetry: boolean;
}

function acceptEncodingOf(request: IncomingMessage): string {
  return String(request.headers['accept-encoding'] ?? '');
}
