/**
 * The request log of directories that chose to have one: what was accepted at the gateway, and what became of it. Time, method, kind of
 * resource, status, duration, token or connection, request ID; never a body, a filter, a name or a path. Kept in memory for a moment, and
 * then for 30 days. Directories that did not choose it cost nothing.
 */

import type { Clock } from '../clock.ts';
import { DAY_MS } from '../clock.ts';
import type { Kind, Outcome, OutcomeClass } from '../gateway/index.ts';
import type { CsvColumns } from '../http/csv.ts';
import type { Log } from '../log.ts';
import { type Page, type Storage, type Stored, text } from '../storage/index.ts';

const shape = {
  directoryId: 'string',
  at: 'date',
  method: 'string',
  kind: text<Kind>(),
  outcome: text<OutcomeClass>(),
  /** Of the SCIM server; absent where it did not answer. */
  'status?': 'number',
  /** In milliseconds, until the whole answer was through. */
  durationMs: 'number',
  credentialId: 'string',
  requestId: 'string',
  expiresAt: 'date',
} as const;

export type LoggedRequest = Stored<typeof shape>;

export interface RequestLog {
  /** Called behind each answer; anything but a directory with a log is left alone. */
  note(outcome: Outcome): void;
  /** Latest first. Throws invalid_cursor. */
  page(
    directoryId: string,
    query: { from?: Date | undefined; to?: Date | undefined; after?: string | undefined; limit: number },
  ): Promise<Page<LoggedRequest>>;
  /** Writes what was noted; throws storage_unavailable and keeps it for the next time. */
  flush(): Promise<void>;
  forget(directoryId: string): Promise<void>;
}

export const REQUEST_LOG_DAYS = 30;
/** Beyond that the oldest are not logged: a store that is away must not fill the memory. */
const MOST_WAITING = 20_000;
const SLICE = 200;

export function createRequestLog({ storage, clock, log }: { storage: Storage; clock: Clock; log: Log }): RequestLog {
  const requests = storage.collection({
    name: 'request_log',
    shape,
    keys: { directoryId: 'index' },
    order: 'at',
    expires: 'expiresAt',
  });
  let waiting: LoggedRequest[] = [];
  let dropped = 0;
  let within = 0;

  return {
    note({ kind, outcome, method, status, elapsedMs, grant: { directory, credential }, requestId }) {
      if (directory.requestLog !== true) return;
      const at = clock.now();
      within = (within + 1) % 1_000_000;
      waiting.push({
        // A proxy may give an ID of its own, and the same one twice.
        id: `${requestId}:${at.getTime().toString(36)}${within.toString(36).padStart(4, '0')}`,
        directoryId: directory.id,
        at,
        method,
        kind,
        outcome,
        ...(status !== undefined && { status }),
        durationMs: Math.round(elapsedMs * 10) / 10,
        credentialId: credential.id,
        requestId,
        expiresAt: new Date(at.getTime() + REQUEST_LOG_DAYS * DAY_MS),
      });
      if (waiting.length <= MOST_WAITING) return;
      dropped += SLICE;
      waiting = waiting.slice(SLICE);
    },

    page: (directoryId, query) => requests.page({ where: { directoryId }, ...query, direction: 'descending' }),

    async flush() {
      if (dropped > 0) log.warn({ count: dropped }, 'too many requests for the request log');
      dropped = 0;
      while (waiting.length > 0) {
        const slice = waiting.slice(0, SLICE);
        // The same record again after a failure changes nothing.
        await requests.accumulate(slice.map((initial) => ({ initial })));
        waiting = waiting.slice(slice.length);
      }
    },

    forget: async (directoryId) => {
      await requests.removeBy('directoryId', directoryId);
    },
  };
}

const COLUMNS = ['at', 'method', 'kind', 'outcome', 'status', 'durationMs', 'credentialId', 'requestId'] as const;

/** The columns of a request log as a file. */
export const REQUEST_COLUMNS: CsvColumns<LoggedRequest> = COLUMNS.map((name) => [name, (request) => request[name]]);
