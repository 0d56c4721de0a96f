/**
 * Sees every request of a storm and its answer, whoever sends it, and writes the history that the checker reads. It stands in for `fetch`, so
 * that the simulated identity providers need not know of it. A connection goes by the ID of its client, which makes one connection here:
 * the ID of its credential is only known later.
 */
import type { Act, History } from '../replica-set/history.ts';

const PATIENCE_MS = 60_000;

export interface Observer {
  /** The name of a credential in the history. */
  nameOf(credentialId: string): string;
  /** Everything of one directory so far: what it can present. */
  presentable(directoryId: string): { credentialId: string; token: string }[];
  requests(): number;
  /** Gives `fetch` back. */
  stop(): void;
}

interface Asked {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: Headers;
  body: string;
}

export function startObserver(history: History, instances: ReadonlyMap<string, string>): Observer {
  const realFetch = globalThis.fetch;
  const directoryOf = new Map<string, string>();
  const endpoints = new Map<string, string>();
  const names = new Map<string, string>();
  const owners = new Map<string, string>();
  let requests = 0;
  const nameOf = (credentialId: string) => names.get(credentialId) ?? credentialId;

  function actOf({ method, path, query, headers, body }: Asked, by: string): Act | undefined {
    const [, kind = '', id = '', action = ''] = /^\/api\/v1\/(\w+)\/([^/]+)\/(\w+)$/.exec(path) ?? [];
    if (method === 'POST' && kind === 'credentials' && isChange(action)) {
      return { kind: action, directoryId: directoryOf.get(id) ?? '', credentialId: nameOf(id), by };
    }
    if (kind === 'directories' && action === 'rotate') {
      return { kind: 'rotate', directoryId: id, mode: JSON.parse(body).mode, by };
    }
    if (kind === 'directories' && action === 'credentials') {
      if (method === 'GET') return query.get('state') === 'active' ? { kind: 'list', directoryId: id, by } : undefined;
      const key = headers.get('idempotency-key');
      return { kind: 'issue', directoryId: id, by, ...(key !== null && { key }) };
    }
    if (path === '/oauth/token') return tokenActOf(body, headers, by);
    const endpoint = /^\/scim\/v2\/([^/]+)/.exec(path)?.[1];
    const directoryId = path === '/auth/verify' ? query.get('directory') : endpoints.get(endpoint ?? '');
    const presented = headers.get('authorization')?.replace(/^Bearer /, '');
    const credentialId = owners.get(presented ?? '');
    if (!directoryId || presented === undefined || credentialId === undefined) return undefined;
    return { kind: 'verify', directoryId, credentialId, presented, by };
  }

  function tokenActOf(body: string, headers: Headers, by: string): Act | undefined {
    const fields = new URLSearchParams(body);
    const credentialId = clientOf(fields, headers);
    const directoryId = directoryOf.get(credentialId);
    if (directoryId === undefined) return undefined;
    const grant = fields.get('grant_type');
    const presented = fields.get('refresh_token');
    if (grant === 'refresh_token' && presented !== null)
      return { kind: 'refresh', directoryId, credentialId, presented, by };
    return grant === 'client_credentials' ? { kind: 'token', directoryId, credentialId, by } : undefined;
  }

  // biome-ignore lint/suspicious/noExplicitAny: answers come in many shapes; what is read of them is looked for
  function learn({ method, path, body, headers }: Asked, status: number, answer: any, receivedAt: number): void {
    if (status >= 300 || answer === null) return;
    if (method === 'POST' && path === '/api/v1/directories') endpoints.set(answer.endpointKey, answer.id);
    const directoryId = /^\/api\/v1\/directories\/([^/]+)\/(?:credentials|rotate)$/.exec(path)?.[1];
    if (directoryId !== undefined) {
      for (const credential of answer.items ?? [answer.credential]) {
        directoryOf.set(credential.id, directoryId);
        if (credential.kind === 'oauth') names.set(credential.id, credential.clientId);
      }
      if (answer.token !== undefined) own(directoryId, answer.credential.id, answer.token, answer.credential.expiresAt);
    }
    if (path === '/oauth/token') {
      const clientId = clientOf(new URLSearchParams(body), headers);
      const home = directoryOf.get(clientId);
      if (home === undefined || answer.access_token === undefined) return;
      own(home, clientId, answer.access_token, new Date(receivedAt + answer.expires_in * 1000).toISOString());
    }
    const named = /^\/api\/v1\/clients$/.test(path) ? JSON.parse(body).directoryId : undefined;
    if (named === undefined) return;
    directoryOf.set(answer.client.id, named);
    history.connects({ directoryId: named, credentialId: answer.client.id });
  }

  function own(directoryId: string, credentialId: string, token: string, expiresAt: string | null): void {
    owners.set(token, credentialId);
    const expiresAtMs = expiresAt === null ? undefined : Date.parse(expiresAt) - performance.timeOrigin;
    history.knows({ directoryId, credentialId, token, ...(expiresAtMs !== undefined && { expiresAtMs }) });
  }

  globalThis.fetch = async (input, init = {}) => {
    const url = new URL(String(input));
    const by = instances.get(url.origin);
    if (by === undefined) return realFetch(input, init);
    requests += 1;
    const asked: Asked = {
      method: init.method ?? 'GET',
      path: url.pathname,
      query: url.searchParams,
      headers: new Headers(init.headers),
      body: init.body === undefined || init.body === null ? '' : String(init.body),
    };
    const work = async () => {
      const response = await realFetch(input, { ...init, signal: AbortSignal.timeout(PATIENCE_MS) });
      const text = await response.text();
      const isJson = /json/.test(response.headers.get('content-type') ?? '');
      const body = isJson && text !== '' ? JSON.parse(text) : null;
      learn(asked, response.status, body, Date.now());
      const again = new Response([204, 205, 304].includes(response.status) ? null : text, response);
      Object.defineProperty(again, 'url', { value: response.url });
      return { status: response.status, body: body ?? {}, again };
    };
    const act = actOf(asked, by);
    if (act === undefined) return (await work()).again;
    let failure: unknown;
    const answer = await history.act(act, () =>
      work().catch((error: unknown) => {
        failure = error;
        return { status: 0, body: {}, again: undefined };
      }),
    );
    if (answer.again === undefined) throw failure;
    return answer.again;
  };

  return {
    nameOf,
    presentable: (directoryId) => history.tokens.filter((token) => token.directoryId === directoryId),
    requests: () => requests,
    stop() {
      globalThis.fetch = realFetch;
    },
  };
}

function isChange(action: string): action is 'revoke' | 'disable' | 'enable' {
  return action === 'revoke' || action === 'disable' || action === 'enable';
}

function clientOf(fields: URLSearchParams, headers: Headers): string {
  const basic = /^Basic (.+)$/.exec(headers.get('authorization') ?? '')?.[1];
  const inHeader = basic === undefined ? undefined : Buffer.from(basic, 'base64').toString().split(':')[0];
  return decodeURIComponent(inHeader ?? fields.get('client_id') ?? '');
}
