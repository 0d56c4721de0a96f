/** The admin API as a test calls it. */
import { setTimeout as pause } from 'node:timers/promises';

// biome-ignore lint/suspicious/noExplicitAny: answers come in many shapes; what is asserted of them is their check
export type Answer = any;

export interface Api {
  get(path: string, headers?: Record<string, string>): Promise<Reply>;
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>;
  patch(path: string, body: unknown): Promise<Reply>;
  delete(path: string): Promise<Reply>;
  as(key: string): Api;
  /** An organization and a directory in it. */
  makeDirectory(fields?: Record<string, unknown>): Promise<Answer>;
  /** A static token: its credential and value. */
  issue(directoryId: string, fields?: Record<string, unknown>): Promise<{ credential: Answer; token: string }>;
}

export interface Reply {
  status: number;
  headers: Headers;
  body: Answer;
}

/** For a minute in all. */
const ATTEMPTS = 65;
const LONGEST_PAUSE_MS = 1000;

/**
 * The answer of a store that is not too busy: one that does not answer in time says so with 503. The call must be one that can be repeated, as
 * an IdP repeats it that reads Retry-After.
 */
export async function patiently<R extends { status: number }>(call: () => Promise<R>): Promise<R> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const answer = await call();
    if (answer.status !== 503) return answer;
    await pause(Math.min(100 * attempt, LONGEST_PAUSE_MS));
  }
  throw new Error('the store was busy for too long');
}

export function createApi(url: string, key: string): Api {
  async function call(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Reply> {
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? null : JSON.parse(text) };
  }
  async function made(path: string, body: unknown): Promise<Answer> {
    // What a test stands on is made also where a busy machine says 503 at first.
    const { status, body: answer } = await patiently(() => call('POST', path, body));
    if (status !== 201) throw new Error(`POST ${path}: ${status} ${JSON.stringify(answer)}`);
    return answer;
  }
  return {
    get: (path, headers) => call('GET', path, undefined, headers),
    post: (path, body, headers) => call('POST', path, body, headers),
    patch: (path, body) => call('PATCH', path, body),
    delete: (path) => call('DELETE', path),
    as: (other) => createApi(url, other),
    async makeDirectory(fields = {}) {
      const organizationId =
        fields['organizationId'] ?? (await made('/organizations', { name: 'Northwind Traders' })).id;
      return made('/directories', { organizationId, name: 'Okta production', provider: 'okta', ...fields });
    },
    issue: (directoryId, fields = {}) => made(`/directories/${directoryId}/credentials`, fields),
  };
}
