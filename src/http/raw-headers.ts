import type { IncomingMessage } from 'node:http';

/**
 * A header as it came; several of one name are joined (RFC 9110 5.3). `name`: in lower case. Unlike `request.headers`, it doesn't have node
 * make an object of all headers first, which no request for a decision needs otherwise.
 */
export function headerOf({ rawHeaders }: IncomingMessage, name: string): string | undefined {
  let found: string | undefined;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (!isNamed(rawHeaders[at], name)) continue;
    const value = rawHeaders[at + 1] as string;
    found = found === undefined ? value : `${found}, ${value}`;
  }
  return found;
}

/** `name`: in lower case. */
export function isNamed(header: string | undefined, name: string): boolean {
  return header?.length === name.length && header.toLowerCase() === name;
}
