/** An IdP as Latchkey sees it: plain SCIM requests with one token, which can be exchanged while they go on; and traffic from several workers. */
import type { Answer } from '../support/api.ts';

/** Requests at a time. */
export const WORKERS = 4;
/** How long traffic is watched at a time. */
const FLOW_MS = 700;
const USER_AGENT = 'Demo SCIM client 1.0';
const USER = 'urn:ietf:params:scim:schemas:core:2.0:User';
const GROUP = 'urn:ietf:params:scim:schemas:core:2.0:Group';
const PATCH = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';

export interface ScimClient {
  request(method: string, path: string, body?: unknown): Promise<{ status: number; headers: Headers; body: Answer }>;
  use(token: string): void;
}

export function createScimClient(endpointUrl: string, firstToken: string): ScimClient {
  let token = firstToken;
  return {
    async request(method, path, body) {
      const response = await fetch(endpointUrl + path, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          'user-agent': USER_AGENT,
          ...(body !== undefined && { 'content-type': 'application/scim+json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, body: text === '' ? null : JSON.parse(text) };
    },
    use(next) {
      token = next;
    },
  };
}

/** Pushes so many users and one group of them all; gives the users' ids. */
export async function pushUsers(client: ScimClient, count: number, pushed: (done: number) => void): Promise<string[]> {
  const ids: string[] = [];
  for (let number = 1; number <= count; number++) {
    const name = `user${String(number).padStart(2, '0')}`;
    const user = { schemas: [USER], userName: `${name}@northwind.example`, displayName: name, active: true };
    ids.push(await created(client, '/Users', user));
    pushed(number);
  }
  await created(client, '/Groups', {
    schemas: [GROUP],
    displayName: 'Everyone',
    members: ids.map((value) => ({ value })),
  });
  return ids;
}

async function created(client: ScimClient, path: string, body: unknown): Promise<string> {
  const answer = await client.request('POST', path, body);
  if (answer.status !== 201) throw new Error(`POST ${path} was answered with ${answer.status}`);
  return answer.body.id;
}

export interface Traffic {
  requests: number;
  failed: number;
  /** Resolves when every worker has begun and ended one more request. */
  turn(): Promise<void>;
  /** Lets it go on for a while and shows how it goes. */
  flow(show: (progress: string) => void): Promise<void>;
  stop(): Promise<void>;
}

/** One request, by whatever credential; one that throws has failed. */
export type Send = (method: string, path: string, body?: unknown) => Promise<{ status: number }>;

/** Reads and changes users without a pause, from several workers at once. */
export function startTraffic(send: Send, ids: readonly string[], workers: number): Traffic {
  let isRunning = true;
  const waiting = Array.from({ length: workers }, () => new Set<() => void>());
  const traffic: Traffic = {
    requests: 0,
    failed: 0,
    async turn() {
      // The request under way may have begun before; the one behind it has not.
      for (let round = 0; round < 2; round++)
        await Promise.all(waiting.map((told) => new Promise<void>((resolve) => told.add(resolve))));
    },
    async flow(show) {
      const until = performance.now() + FLOW_MS;
      while (performance.now() < until) {
        show(`${traffic.requests} requests, ${traffic.failed} failed`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
    async stop() {
      isRunning = false;
      await running;
    },
  };
  async function work(told: Set<() => void>, worker: number): Promise<void> {
    for (let number = worker; isRunning; number += workers) {
      const path = `/Users/${ids[number % ids.length]}`;
      const change = { schemas: [PATCH], Operations: [{ op: 'replace', path: 'title', value: `Title ${number}` }] };
      const ok = await (number % 3 === 0 ? send('PATCH', path, change) : send('GET', path))
        .then(({ status }) => status < 300)
        .catch(() => false);
      traffic.requests++;
      if (!ok) traffic.failed++;
      for (const tell of told) tell();
      told.clear();
    }
  }
  const running = Promise.all(waiting.map(work));
  return traffic;
}
