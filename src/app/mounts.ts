/**
 * Where each address leads. The three surfaces that SCIM requests cross, and what machines poll, are plain node:http handlers; everything for
 * people and their scripts is a Koa application.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { AppError } from '../errors.ts';
import { whenAnswered } from '../http/when-answered.ts';
import { ASSETS_PREFIX, createAssets } from '../pages/index.ts';
import {
  createForwardAuth,
  createIntrospection,
  createMisplaced,
  createResourceMetadata,
  RESOURCE_METADATA_PREFIX,
} from '../verification/index.ts';
import type { AppDependencies, Foundation } from './foundation.ts';
import type { Machines } from './machines.ts';
import type { People } from './people.ts';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** A year, and not for hosts below ours: those are not ours to decide about. */
const HSTS = 'max-age=31536000';
const READS = ['GET', 'HEAD', 'OPTIONS'];
/** What the Koa application answers for certain; any other address may be SCIM without its endpoint. */
const OURS = /^\/(?:$|api\/(?:v1(?:[/?]|$)|openapi\.json|$))/;
const PAGES = /^\/(?:api|dashboard)(?:[/?]|$)/;
/** Where a client looks for the endpoints of the authorization server when its address is not quite right. */
const OAUTH_PATH = /^[^?]*\/(?:oauth2?|connect\/token|token|authorize)(?:[/?%]|$)/i;
const OF_PEOPLE = /^\/(?:(?:portal|why)(?:\/|$)|connect\/(?!token))/;
const MEASURED = /^\/(api\/v1|dashboard|portal|connect)(?=[/?]|$)/;

/** Gives the handler of a path; the first mount that fits answers. */
export function createMounts(
  { publicUrl, log }: AppDependencies,
  { clock, metrics, instances, context, assets, failures, operations, answerMs }: Foundation,
  { verification, directories, usage, oauth, gateway }: Machines,
  people: People,
): (path: string) => Handler {
  const forwardAuth = createForwardAuth({ verification, directories, context, answerMs, publicUrl });
  const misplaced = createMisplaced({ verification, context, log });
  const pages = forBrowsers(people.answer);
  const authorize = forBrowsers((request, response) => {
    whenAnswered(response, (status) => metrics.page('authorization', status));
    return oauth.authorize(request, response);
  });

  /** A slash at the end stands for everything below. */
  const mounts: [path: string, handler: Handler][] = [
    ['/scim/v2/', gateway.handle],
    ['/auth/verify', forwardAuth],
    ['/auth/verify/', forwardAuth],
    [
      '/oauth/introspect',
      createIntrospection({ verification, failures, usedKey: usage.accepted, context, clock, answerMs, publicUrl }),
    ],
    ['/oauth/token', withRightClock(oauth.token)],
    ['/oauth/revoke', oauth.token],
    ['/oauth/authorize', authorize],
    ['/oauth/authorize/', authorize],
    ['/oauth/jwks', readOnly(oauth.publish)],
    ['/.well-known/oauth-authorization-server', readOnly(oauth.publish)],
    [ASSETS_PREFIX, forBrowsers(createAssets(assets))],
    [RESOURCE_METADATA_PREFIX, createResourceMetadata({ publicUrl, context })],
    ['/healthz', operations.health],
    ['/readyz', operations.ready],
    ['/metrics', operations.metrics],
    ['/', withRightClock(rest)],
  ];

  function rest(request: IncomingMessage, response: ServerResponse): void | Promise<void> {
    const url = request.url ?? '';
    if (!OURS.test(url)) {
      if (misplaced(request, response, PAGES.test(url))) return;
      if (!PAGES.test(url) && isStrayOauth(request, url)) return oauth.token(request, response);
    }
    const [, place] = MEASURED.exec(url) ?? [];
    if (place === 'api/v1') whenAnswered(response, metrics.adminApi);
    else if (place === 'connect') whenAnswered(response, (status) => metrics.page('authorization', status));
    else if (place === 'dashboard' || place === 'portal')
      whenAnswered(response, (status) => metrics.page(place, status));
    return pages(request, response);
  }

  function isStrayOauth({ method }: IncomingMessage, url: string): boolean {
    if (!OAUTH_PATH.test(url) || OF_PEOPLE.test(url)) return false;
    return method === 'POST' || /[?&]client_id=/.test(url);
  }

  /** Machines never begin with http, so they need not be told to go on with https. */
  function forBrowsers(handler: Handler): Handler {
    if (!publicUrl.startsWith('https:')) return handler;
    return (request, response) => {
      response.setHeader('Strict-Transport-Security', HSTS);
      return handler(request, response);
    };
  }

  /** Throws method_not_allowed. */
  function readOnly(handler: Handler): Handler {
    return (request, response) => {
      if (READS.includes(request.method ?? '')) return handler(request, response);
      throw new AppError('method_not_allowed', { allowed: ['GET'] });
    };
  }

  /** What has an end can't be refused by a clock that is wrong: an identity provider would give up. */
  function withRightClock(handler: Handler): Handler {
    return (request, response) => {
      // Looking is harmless; a change can end what seems to be past its end, as an issue does that needs a slot.
      if (instances.hasRightClock() || READS.includes(request.method ?? '')) return handler(request, response);
      throw new AppError('storage_unavailable', {}, { cause: new Error('the clock is wrong') });
    };
  }

  return (path) => {
    const found = mounts.find(([mount]) => (mount.endsWith('/') ? path.startsWith(mount) : path === mount));
    return found ? found[1] : rest;
  };
}
