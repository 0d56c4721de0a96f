/** Receivers of webhooks over real HTTP, each with its own way of answering. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  path: string;
  headers: Record<string, string>;
  body: string;
}

export interface Receiver {
  url: string;
  received: Received[];
  /** How it answers from now on. */
  answers(how: (request: Received, response: ServerResponse) => void): void;
  close(): Promise<void>;
}

export const answer =
  (status: number, headers: Record<string, string> = {}, body = '') =>
  (_request: Received, response: ServerResponse) => {
    response.writeHead(status, headers);
    response.end(body);
  };

export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = [];
  let how: (request: Received, response: ServerResponse) => void = answer(204);
  const server = createServer((request, response) => {
    void readBody(request).then((body) => {
      const got = { path: request.url ?? '', headers: request.headers as Record<string, string>, body };
      received.push(got);
      how(got, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    answers(next) {
      how = next;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
