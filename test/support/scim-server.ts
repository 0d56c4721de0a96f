/**
 * A SCIM server that we did not write: scimmy, which answers as RFC 7644 says, with users and groups in memory and a plain node:http server
 * around it. scimmy keeps its resource types in one place, so a process has one of these at a time.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import SCIMMY from 'scimmy';

export const USER = 'urn:ietf:params:scim:schemas:core:2.0:User';

/** A user as an identity provider creates it; nobody else has its name. */
export const newUser = () => ({ schemas: [USER], userName: `${randomUUID()}@northwind.test`, active: true });

export interface ScimServer {
  /** Where a gateway sends requests to: `http://127.0.0.1:PORT/scim`. */
  url: string;
  count(kind: 'Users' | 'Groups'): number;
  /** What arrived, latest last. */
  requests: SeenRequest[];
  close(): Promise<void>;
}

export interface SeenRequest {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  status: number;
}

interface Stored {
  id: string;
  meta: { created: Date; lastModified: Date };
  userName?: string;
  displayName?: string;
}

interface Asked {
  id?: string;
  filter?: { match(values: object[]): object[] };
}

interface Declared {
  basepath(path: string): unknown;
  ingress(handler: (asked: Asked, given: Partial<Stored>) => Stored): unknown;
  egress(handler: (asked: Asked) => Stored | object[]): unknown;
  degress(handler: (asked: Asked) => void): unknown;
}

const BASE = '/scim';

export async function startScimServer(): Promise<ScimServer> {
  const stores = { Users: new Map<string, Stored>(), Groups: new Map<string, Stored>() };
  const requests: SeenRequest[] = [];
  const resources = { Users: SCIMMY.Resources.User, Groups: SCIMMY.Resources.Group } as const;

  const server = createServer((request, response) => {
    answer(request)
      .catch(failure)
      .then(({ status, body }) => {
        requests.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, status });
        send(response, status, body);
      });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${BASE}`;

  // scimmy's own types tie each handler to one schema; what is kept here are the parts that all have in common.
  for (const kind of ['Users', 'Groups'] as const) {
    const store = stores[kind];
    const resource = resources[kind] as unknown as Declared;
    resource.basepath(url);
    resource.ingress(({ id: target }, given) => {
      const known = target === undefined ? undefined : existing(store, target);
      const isTaken = [...store.values()].some(
        ({ id, userName }) => given.userName !== undefined && userName === given.userName && id !== known?.id,
      );
      if (isTaken) throw new SCIMMY.Types.Error(409, 'uniqueness', `userName ${given.userName} is taken`);
      const now = new Date();
      const id = known?.id ?? randomUUID();
      const record = { ...given, id, meta: { created: known?.meta.created ?? now, lastModified: now } };
      store.set(id, record);
      return record;
    });
    resource.egress(({ id, filter }) => {
      if (id !== undefined) return existing(store, id);
      const all = [...store.values()];
      return filter ? filter.match(all) : all;
    });
    resource.degress(({ id = '' }) => {
      store.delete(existing(store, id).id);
    });
  }

  async function answer(request: IncomingMessage): Promise<Answer> {
    const { pathname, searchParams } = new URL(request.url ?? '/', url);
    const [, kind = '', id] = /^\/scim\/([A-Za-z]+)(?:\/([^/]+))?$/.exec(pathname) ?? [];
    if (kind === 'ServiceProviderConfig')
      return { status: 200, body: await new SCIMMY.Resources.ServiceProviderConfig().read() };
    if (kind !== 'Users' && kind !== 'Groups') throw new SCIMMY.Types.Error(404, '', `There is nothing at ${pathname}`);
    const Resource = resources[kind];
    const query = Object.fromEntries(searchParams);
    const { startIndex, count, ...rest } = query;
    const resource = new Resource(id, {
      ...rest,
      ...(startIndex !== undefined && { startIndex: Number(startIndex) }),
      ...(count !== undefined && { count: Number(count) }),
    });
    switch (request.method) {
      case 'GET':
        return { status: 200, body: await resource.read() };
      case 'POST':
        return { status: 201, body: await resource.write(await readJson(request)) };
      case 'PUT':
        return { status: 200, body: await resource.write(await readJson(request)) };
      case 'PATCH': {
        const body = await resource.patch(await readJson(request));
        return body ? { status: 200, body } : { status: 204 };
      }
      case 'DELETE':
        await resource.dispose();
        return { status: 204 };
      default:
        throw new SCIMMY.Types.Error(405, '', `${request.method} is not for ${pathname}`);
    }
  }

  return {
    url,
    requests,
    count: (kind) => stores[kind].size,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Answer {
  status: number;
  body?: unknown;
}

function existing(store: Map<string, Stored>, id: string): Stored {
  const found = store.get(id);
  if (!found) throw new SCIMMY.Types.Error(404, '', `Resource ${id} not found`);
  return found;
}

function failure(error: unknown): Answer {
  const { status = 500, scimType, message } = error as { status?: number; scimType?: string; message: string };
  const schemas = [SCIMMY.Messages.ErrorResponse.id];
  return { status, body: { schemas, status: String(status), ...(scimType && { scimType }), detail: message } };
}

async function readJson(request: IncomingMessage): Promise<never> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString()) as never;
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const location = (body as { meta?: { location?: string } } | undefined)?.meta?.location;
  response.writeHead(status, {
    ...(body !== undefined && { 'Content-Type': 'application/scim+json; charset=utf-8' }),
    ...(status === 201 && location !== undefined && { Location: location }),
  });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}
