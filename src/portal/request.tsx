/** One request to the portal, and what it is answered with. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { readBody } from '../http/body.ts';
import type { PortalLink } from '../one-time-links/index.ts';
import type { Shown } from '../pages/index.ts';
import { MessagePage } from './pages.tsx';

/** One request to the portal. */
export interface Request {
  request: IncomingMessage;
  response: ServerResponse;
  requestId: string;
  address: string;
}

/** The browser that a link let in. `token`: what its forms bear. */
export interface Session {
  link: PortalLink;
  token: string;
}

/** A page of its own, or an address to go on to. */
export interface Page extends Pick<Shown, 'title' | 'status' | 'children'> {
  /** Whose page it is. */
  aside?: string;
  /** Origins that its form may lead to. */
  formTargets?: string[];
  /** The request to connect that goes on once a link was opened in this browser. */
  pending?: string;
  isWide?: boolean;
}

const BODY_LIMIT_BYTES = 16 * 1024;

/** The form of a request to the portal. Throws payload_too_large. */
export async function formOf(request: IncomingMessage): Promise<URLSearchParams> {
  return new URLSearchParams(await readBody(request, BODY_LIMIT_BYTES));
}

export function message(title: string, text: string, status = 200): Page {
  return { title: title.replace(/\.$/, ''), status, children: <MessagePage title={title} text={text} /> };
}

export function outOfDate(): Page {
  return message('This page was out of date.', 'Go back, reload it and decide again. Nothing was changed.', 403);
}

/** The query of a request. */
export function queryOf({ url = '' }: IncomingMessage): URLSearchParams {
  return new URLSearchParams(url.split('?')[1] ?? '');
}

export function readCookie({ headers }: IncomingMessage, name: string): string | undefined {
  for (const pair of (headers.cookie ?? '').split(/; */)) {
    if (pair.startsWith(`${name}=`)) return pair.slice(name.length + 1) || undefined;
  }
  return undefined;
}
