/** The first line of a request, as far as it says where to. */
import { AppError } from '../errors.ts';

/** A request target may be a whole URL (RFC 9112 3.2.2); what counts is its path, byte for byte. Throws invalid_request. */
export function originForm(target: string): string {
  if (target.startsWith('/')) return target;
  const path = target.replace(/^https?:\/\/[^/?#]+/i, '');
  if (path.startsWith('/')) return path;
  if (path === '' || path.startsWith('?')) return `/${path}`;
  throw new AppError('invalid_request', { detail: 'The request target is neither a path nor an http URL.' });
}

/** People put a slash behind the addresses of the authorization server; it means nothing there. */
export function withoutSlashAtEnd(url: string): string {
  if (!url.startsWith('/oauth/') && !url.startsWith('/.well-known/')) return url;
  const mark = url.indexOf('?');
  let end = mark === -1 ? url.length : mark;
  const query = url.slice(end);
  while (url[end - 1] === '/') end -= 1;
  return url.slice(0, end) + query;
}
