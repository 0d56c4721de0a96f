/** A directory with a SCIM server that answers as the test says, and an IdP that asks through the gateway byte for byte. */
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net';
import type { Answer } from './api.ts';
import type { TestApp } from './app.ts';

export interface Raw {
  status: number;
  headers: IncomingMessage['headers'];
  rawHeaders: string[];
  body: Buffer;
}

export interface SendOptions {
  method?: string;
  headers?: Record<string, string | string[]>;
  body?: string | Buffer;
}

export interface Behind {
  /** Base URL of the SCIM server. */
  upstreamUrl: string;
  /** What the SCIM server was asked, and with which bodies, where it reads them by `listener`. */
  asked: IncomingMessage[];
  server: Server | TcpServer;
  directory: Answer;
  token: string;
  credential: Answer;
  /** Path of the endpoint. */
  base: string;
  /** Asks below the endpoint with the credential. */
  ask(rest: string, options?: SendOptions): Promise<Raw>;
}

/** Sends a path byte for byte, as fetch would not. */
export function send(url: string, path: string, options: SendOptions = {}): Promise<Raw> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      { hostname, port, path, method: options.method ?? 'GET', headers: options.headers ?? {}, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            rawHeaders: response.rawHeaders,
            body: Buffer.concat(chunks),
          }),
        );
        response.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end(options.body);
  });
}

/** Makes directories with SCIM servers behind them; `close` ends those. */
export function createBehind(app: () => TestApp) {
  const servers: (Server | TcpServer)[] = [];
  const sockets = new Set<Socket>();

  async function listen(server: Server | TcpServer): Promise<string> {
    servers.push(server);
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async function connect(server: Server | TcpServer, asked: IncomingMessage[], path: string, fields: object) {
    const upstreamUrl = (await listen(server)) + path;
    const directory = await app().api.makeDirectory({ upstreamUrl, ...fields });
    const { token, credential } = await app().api.issue(directory.id);
    const base = new URL(directory.endpointUrl).pathname;
    const ask = (rest: string, options: SendOptions = {}) =>
      send(app().url, base + rest, { ...options, headers: { authorization: `Bearer ${token}`, ...options.headers } });
    return { upstreamUrl, asked, server, directory, token, credential, base, ask };
  }

  return {
    http(answer: RequestListener, path = '/scim', fields: object = {}): Promise<Behind> {
      const asked: IncomingMessage[] = [];
      const server = createServer((request, response) => {
        asked.push(request);
        answer(request, response);
      });
      return connect(server, asked, path, fields);
    },
    /** A server that answers with bytes: `answer` gets each request as text once its head is in. */
    bytes(answer: (request: string, socket: Socket) => string | undefined): Promise<Behind> {
      const server = createTcpServer((socket) => {
        let held = '';
        socket.on('error', () => undefined);
        socket.on('data', (chunk) => {
          held += chunk.toString('latin1');
          for (let cut = held.indexOf('\r\n\r\n'); cut !== -1; cut = held.indexOf('\r\n\r\n')) {
            const length = Number(/content-length: *(\d+)/i.exec(held.slice(0, cut))?.[1] ?? 0);
            if (held.length < cut + 4 + length) return;
            const request = held.slice(0, cut + 4 + length);
            held = held.slice(cut + 4 + length);
            const bytes = answer(request, socket);
            if (bytes !== undefined) socket.write(bytes, 'latin1');
          }
        });
      });
      return connect(server, [], '/scim', {});
    },
    async close(): Promise<void> {
      for (const socket of sockets) socket.destroy();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}

/** An answer with a JSON body. */
export function json(value: unknown, status = 200): RequestListener {
  return (request, response) => {
    request.resume();
    response.writeHead(status, { 'Content-Type': 'application/scim+json' });
    response.end(JSON.stringify(value));
  };
}

export const SCIM_ERROR = 'urn:ietf:params:scim:api:messages:2.0:Error';
