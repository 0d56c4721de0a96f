/** For machines that watch over us: alive, ready, metrics. */

import { hash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isAppError, RETRY_AFTER_SECONDS } from '../errors.ts';
import type { Storage } from '../storage/index.ts';
import { within } from '../timing/deadline.ts';
import type { Metrics } from './metrics.ts';
import type { Siblings } from './siblings.ts';

const PING_MS = 2500;

export function createOperations({
  storage,
  metrics,
  siblings,
  metricsToken,
  isFromHere,
  clockSkewMs,
}: {
  storage: Storage;
  metrics: Metrics;
  siblings: Siblings;
  metricsToken: string | undefined;
  /** Whether a request was sent on this machine. */
  isFromHere: (request: IncomingMessage) => boolean;
  /** How far our clock is off, where that is too far to decide anything by time. */
  clockSkewMs: () => number | undefined;
}) {
  let isDraining = false;

  return {
    /** From now on `/readyz` says no, so that a load balancer sends no more. */
    drain() {
      isDraining = true;
    },

    health(_request: IncomingMessage, response: ServerResponse): void {
      send(response, 200, { status: 'ok' });
    },

    async ready(_request: IncomingMessage, response: ServerResponse): Promise<void> {
      if (isDraining) return send(response, 503, { status: 'draining' });
      const skewMs = clockSkewMs();
      if (skewMs !== undefined) return send(response, 503, { status: 'wrong_clock', clockSkewMs: skewMs });
      try {
        await within(PING_MS, storage.ping());
        send(response, 200, { status: 'ok', storage: storage.engine });
      } catch (error) {
        const isReadOnly = isAppError(error) && error.facts['readOnly'] === true;
        send(response, 503, { status: isReadOnly ? 'read_only' : 'unavailable', storage: storage.engine });
      }
    },

    async metrics(request: IncomingMessage, response: ServerResponse): Promise<void> {
      if (metricsToken !== undefined && !isSame(request.headers.authorization, `Bearer ${metricsToken}`)) {
        response.setHeader('WWW-Authenticate', 'Bearer realm="metrics"');
        return send(response, 401, { status: 'unauthorized' });
      }
      if (metricsToken === undefined && !isFromHere(request)) {
        const detail =
          'Set LATCHKEY_METRICS_TOKEN and send it as a Bearer token. Without it, only this machine can read the metrics.';
        return send(response, 403, { status: 'forbidden', detail });
      }
      const { text, contentType } = await metrics.render(await siblings.metrics());
      response.writeHead(200, {
        'Content-Type': contentType,
        'Content-Length': Buffer.byteLength(text),
        'Cache-Control': 'no-store',
      });
      response.end(text);
    },
  };
}

/** Answers while the application is being made: alive from the first moment, and not ready yet. */
export function answerWhileStarting(request: IncomingMessage, response: ServerResponse): void {
  const [path] = (request.url ?? '').split('?');
  if (path === '/healthz') send(response, 200, { status: 'ok' });
  else send(response, 503, { status: 'preparing' });
}

/** Compares digests, which have one length whatever was given. */
function isSame(given: string | undefined, wanted: string): boolean {
  return timingSafeEqual(hash('sha256', given ?? '', 'buffer'), hash('sha256', wanted, 'buffer'));
}

function send(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    ...(status === 503 && { 'Retry-After': String(RETRY_AFTER_SECONDS) }),
  });
  response.end(text);
}
