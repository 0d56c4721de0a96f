/** A request exactly as it is written: fetch would tidy up its path and its headers. */
import { request } from 'node:http';
import type { Answer } from './api.ts';

export interface RawReply {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  /** The text as JSON; undefined when it is none. */
  body: Answer;
}

export interface RawRequest {
  method?: string;
  path: string;
  /** An array of pairs may name a header twice. */
  headers?: Record<string, string> | [name: string, value: string][];
  body?: string;
}

export function sendRaw(origin: string, { method = 'GET', path, headers = {}, body }: RawRequest): Promise<RawReply> {
  const { hostname, port, host } = new URL(origin);
  const pairs = Array.isArray(headers) ? headers : Object.entries(headers);
  const length = body === undefined ? [] : ['Content-Length', String(Buffer.byteLength(body))];
  return new Promise((resolve, reject) => {
    const sent = request({
      hostname,
      port,
      method,
      path,
      agent: false,
      headers: ['Host', host, ...length, ...pairs.flat()],
    });
    sent.on('error', reject);
    sent.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('error', reject);
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, body: parsed(text) }),
      );
    });
    sent.end(body);
  });
}

function parsed(text: string): Answer {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
