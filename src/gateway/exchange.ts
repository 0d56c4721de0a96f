/** What the gateway does for one accepted request: its body goes to the SCIM server, and what comes back goes to the IdP. */
import type { IncomingMessage } from 'node:http';
import { HOUR_MS } from '../clock.ts';
import { type Exchange, RoundTrip, type RoundTripDependencies } from './round-trip.ts';
import type { Route } from './route.ts';
import type { Header } from './upstream-credential.ts';

export type Carry = (exchange: Exchange, route: Route, credential: Header | undefined) => void;

/** A request's body up to this is read before it goes out, so that it can be sent again. */
const WHOLE_REQUEST_BYTES = 64 * 1024;
/** Directories of which the log remembers its last warning. */
const WARNINGS_KEPT = 1000;

export function createCarry(surroundings: Omit<RoundTripDependencies, 'onUnreadable'>): Carry {
  const { clock, log } = surroundings;
  const deps: RoundTripDependencies = { ...surroundings, onUnreadable };
  /** When the log last said so of a directory, by the monotonic clock. */
  const warnedAt = new Map<string, number>();

  /** Once an hour for each directory: a server that does it does it with every answer. */
  function onUnreadable(directoryId: string, coding: string | undefined, requestId: string): void {
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
    const send = (body: IncomingMessage | Buffer | null, mayRetry: boolean) =>
      new RoundTrip({ exchange, route, credential, body, mayRetry }, deps).start();
    if (!isStream && length === 0) send(null, true);
    else if (isStream || !(length <= WHOLE_REQUEST_BYTES)) send(request, false);
    else {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        if (!response.destroyed) send(Buffer.concat(chunks), true);
      });
      // The IdP went away: nothing is left to be done for it.
      request.on('error', () => undefined);
    }
  };
}
