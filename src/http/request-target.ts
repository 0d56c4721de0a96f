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

const OF_OAUTH = /^\/+(?:oauth|\.well-known)\//;

/** People put slashes before, into and behind the addresses of the authorization server; they mean nothing there. */
export function withoutStraySlashes(url: string): string {
  if (!OF_OAUTH.test(url)) return url;
  const mark = url.indexOf('?');
  const end = mark === -1 ? url.length : mark;
  const path = url.slice(0, end);
  return path.replace(/\/{2,}/g, '/').replace(/\/$/, '') + url.slice(end);
}
