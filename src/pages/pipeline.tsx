/**
 * The one way of every request to a page, of operators and IT contacts alike: who is it, may they, does the form come from a page of ours and
 * for the first time, and what is shown. A face (dashboard, portal) says where its pages are, who its visitors are, and what frames them.
 */
import { Readable } from 'node:stream';
import Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import { rolesFor } from '../access.ts';
import type { Clock } from '../clock.ts';
import { AppError, asAppError } from '../errors.ts';
import { readBody } from '../http/body.ts';
import { headersOf } from '../http/error-responses.ts';
import { assertPlainText } from '../http/plain-text.ts';
import type { RequestContext } from '../http/request-context.ts';
import type { Idempotency } from '../idempotency/index.ts';
import { type Random, randomText } from '../identifiers.ts';
import type { Log } from '../log.ts';
import { holdsSecret } from '../secrets/redaction.ts';
import { cookiesOf } from './cookies.ts';
import { labelOf } from './fields.tsx';
import { answerOnce, hasFormToken, isFromOwnPage } from './forms.tsx';
import { pageHeaders, redirectHeaders } from './headers.ts';
import { Head } from './heads.tsx';
import { fieldProblemOf, messageOf, messagePage, type PageMessage } from './messages.tsx';
import { type PageFrame, renderPage, renderPart } from './page.tsx';
import { Note } from './parts.tsx';
import { type Placed, pathOf, placed } from './routes.ts';
import { type Guest, type OpenRoute, type Route, type Shown, type Visit, VisitContext } from './visit.tsx';

export interface Face<V extends Visit> {
  home: string;
  /** The paths that are this face's, each with all that is below it. */
  places: readonly string[];
  routes: readonly Route<V>[];
  /** Pages for everybody. */
  open: readonly OpenRoute[];
  /** The person who is signed in with this browser. */
  findVisit(guest: Guest, frame: Pick<Visit, 'home' | 'formKey'>): Promise<V | undefined>;
  /** What a browser gets with which nobody is signed in. `isForm`: it sent a form, which was not done. */
  turnAway(guest: Guest, isForm: boolean): Shown | string;
  frame(shown: Shown, visit: V | undefined): Pick<PageFrame, 'aside' | 'navigation' | 'brand'>;
  /** Whether identity providers open its pages in a window of theirs, which must find the way back. */
  isOpenedByOthers?: boolean;
  /** Whether it says nothing of what it can't find: what is another organization's reads like what does not exist. */
  hidesAbsent?: boolean;
}

export interface PipelineDependencies {
  context: RequestContext;
  clock: Clock;
  log: Log;
  random: Random;
  idempotency: Idempotency;
  publicUrl: string;
}

const METHODS = ['GET', 'HEAD', 'POST'];
const BODY_LIMIT_BYTES = 64 * 1024;
const FORM_KEY_LENGTH = 22;
const PAGE_LENGTH = 50;

export function createPipeline<V extends Visit>(face: Face<V>, deps: PipelineDependencies): Middleware {
  const { context, clock, log, random, idempotency, publicUrl } = deps;
  const { home, places } = face;
  const routes = placed(home, face.routes);
  const router = new Router({ strict: true });
  for (const { path, get, post } of face.open) {
    if (get) router.get(path, async (koa) => send(koa, await get(guestOf(koa), koa)));
    if (post) router.post(path, async (koa) => send(koa, await post(await withForm(koa, guestOf(koa)), koa)));
  }
  for (const route of routes) {
    if (route.page) router.get(home + route.path, (koa) => receive(koa, route));
    if (route.post || route.does) router.post(home + route.path, (koa) => receive(koa, route));
  }
  const follow = router.routes() as unknown as Middleware;

  return async function pages(koa, next) {
    if (!places.some((place) => koa.path === place || koa.path.startsWith(`${place}/`))) return next();
    const requestId = context.requestIdOf(koa.req);
    koa.state['requestId'] = requestId;
    koa.set('X-Request-Id', requestId);
    try {
      if (!METHODS.includes(koa.method)) {
        koa.set('Allow', METHODS.join(', '));
        return send(koa, messagePage(NO_SUCH_METHOD, { status: 405, home, isNarrow: true }));
      }
      if (koa.method === 'POST' && !isFromOwnPage(koa.headers, publicUrl))
        return send(koa, messagePage(NOT_FROM_HERE, { status: 403, isNarrow: true }));
      await follow(koa, async () => send(koa, messagePage(NOWHERE, { status: 404, home, isNarrow: true })));
    } catch (thrown) {
      const error = asAppError(thrown);
      if (error.status >= 500) log.error({ err: thrown, requestId }, 'a page failed');
      koa.set(headersOf(error));
      send(koa, refusalPage(koa, error), koa.state['visit'] as V | undefined);
    }
  };

  /** A request for a page of those who are signed in. */
  async function receive(koa: Context, route: Placed<V>): Promise<void> {
    const guest = guestOf(koa);
    const isForm = koa.method === 'POST';
    const visit = await face.findVisit(guest, { home, formKey: randomText(FORM_KEY_LENGTH, random) });
    if (!visit) return send(koa, face.turnAway(guest, isForm));
    koa.state['visit'] = visit;
    if (!visit.may(route.action)) {
      const text = `You are signed in as ${visit.role}. Required role: ${rolesFor(route.action).join(' or ')}. Nothing was changed.`;
      return send(koa, messagePage({ title: 'Your role does not allow this.', text }, { status: 403, home }), visit);
    }
    if (!isForm) return send(koa, (await route.page?.(visit)) ?? home, visit);
    const asked = await withForm(koa, visit);
    if (!hasFormToken(asked.form, visit.formToken))
      return send(koa, messagePage(OUT_OF_DATE, { status: 403, home }), visit);
    return answerForm(koa, route, asked);
  }

  async function answerForm(koa: Context, route: Placed<V>, visit: V): Promise<void> {
    const work = async () => {
      if (route.post) return route.post(visit);
      await route.does?.(visit);
      return home + pathOf(route.leadsTo, visit);
    };
    try {
      return send(koa, await answerOnce(idempotency, visit, work), visit);
    } catch (thrown) {
      const error = asAppError(thrown);
      if (error.status >= 500 || !(await formAgain(koa, route, visit, error))) throw thrown;
    }
  }

  /** Shows the page that a refused form stands on, with what was typed and why it was refused; false where there is none. */
  async function formAgain(koa: Context, route: Placed<V>, visit: V, error: AppError): Promise<boolean> {
    const on = typeof route.on === 'function' ? route.on(visit) : route.standsOn;
    const [path = '', query = ''] = on.split('?');
    const page = routes.find((one) => one.path === path && one.page !== undefined);
    if (!page?.page || !visit.may(page.action)) return false;
    const field = fieldProblemOf(error);
    const again = {
      ...visit,
      path: home + pathOf(path, visit),
      ...askedIn(query),
      form: new URLSearchParams(),
      refused: { path: visit.path, code: error.code, form: visit.form, ...(field && { field }) },
    };
    const shown = await page.page(again).catch(() => undefined);
    if (shown === undefined || typeof shown === 'string') return false;
    const { title, text } = messageOf(error, visit.origin.requestId);
    send(koa, { ...shown, status: error.status }, again, { title, text: field?.text ?? text });
    return true;
  }

  function refusalPage(koa: Context, error: AppError): Shown {
    if (error.code === 'not_found' && face.hidesAbsent) return messagePage(NOWHERE, { status: 404, home });
    const from = koa.get('referer');
    const url = from.startsWith(`${publicUrl}${home}/`) ? URL.parse(from) : null;
    const back = url === null || error.code === 'not_found' ? undefined : url.pathname + url.search;
    return messagePage(messageOf(error, String(koa.state['requestId'])), { status: error.status, home, back });
  }

  function guestOf(koa: Context): Guest {
    const params = koa['params'] as Record<string, string>;
    return {
      path: koa.path,
      params,
      id: params['id'] ?? '',
      ...askedIn(koa.querystring),
      form: new URLSearchParams(),
      origin: {
        address: context.addressOf(koa.req),
        userAgent: koa.get('user-agent') || undefined,
        requestId: String(koa.state['requestId']),
      },
      cookies: cookiesOf(koa, publicUrl),
      now: clock.now(),
    };
  }

  /** `refusal`: why the form was refused that the page shows again. */
  function send(koa: Context, shown: Shown | string, visit?: V, refusal?: PageMessage): void {
    if (typeof shown === 'string') {
      koa.status = 303;
      koa.set(redirectHeaders(shown));
      koa.body = '';
      return;
    }
    const { title, status = 200, isNarrow = false, part, download, formTargets, retryAfterSeconds } = shown;
    koa.status = status;
    koa.set(pageHeaders(formTargets, face));
    if (retryAfterSeconds !== undefined) koa.set('Retry-After', String(retryAfterSeconds));
    if (download) {
      koa.set('Content-Disposition', `attachment; filename="${download.name}"`);
      koa.type = `${download.type}; charset=utf-8`;
      koa.body = Readable.from(download.body);
      return;
    }
    koa.type = 'text/html; charset=utf-8';
    const now = clock.now();
    const children = (
      <VisitContext.Provider value={visit}>{part ?? <Content shown={shown} refusal={refusal} />}</VisitContext.Provider>
    );
    koa.body = part
      ? renderPart(children, now)
      : renderPage({ title, isWide: !isNarrow, now, children, ...face.frame(shown, visit) });
  }
}

function Content({ shown, refusal }: { shown: Shown; refusal: PageMessage | undefined }) {
  const { title, trail, heading = title, acts, children } = shown;
  return (
    <>
      {refusal && (
        <Note tone="bad">
          <strong>{refusal.title}</strong> {refusal.text}
        </Note>
      )}
      {trail && (
        <Head trail={trail} title={heading}>
          {acts}
        </Head>
      )}
      {children}
    </>
  );
}

function askedIn(text: string): Pick<Guest, 'query' | 'limits' | 'paging'> {
  const query = new URLSearchParams(text);
  const limits = new URLSearchParams([...query].filter(([name, value]) => value !== '' && name !== 'after'));
  return { query, limits, paging: { after: query.get('after') ?? undefined, limit: PAGE_LENGTH } };
}

/** Throws payload_too_large, invalid_request. */
async function withForm<G extends Guest>(koa: Context, guest: G): Promise<G> {
  const form = new URLSearchParams(await readBody(koa.req, BODY_LIMIT_BYTES));
  assertPlainFields(form);
  assertNoSecret(form);
  return { ...guest, form };
}

/** Fields of several lines, and where to go after signing in, which is checked as an address. */
const HAS_LINES = /^(?:redirectUris|upstreamOrigins|next)$/;

/** Every value counts, also where a name comes twice. Throws invalid_request. */
function assertPlainFields(form: URLSearchParams): void {
  for (const [name, value] of form) {
    assertPlainText({ [name]: value });
    if (HAS_LINES.test(name) || !/\p{Cc}/u.test(value)) continue;
    throw new AppError('invalid_request', {
      detail: `${labelOf(name)} contains a line break or another control character. Type it again.`,
    });
  }
}

/** Fields that ask for a secret, what a page sealed, and what it repeats of what is stored. */
const MAY_HOLD_SECRET =
  /^(?:q|value|upstreamHeaderValue|secret|password|current|code|recoveryCode|answer|sealed|ticket|token|formKey|shown_\w+)$/;

/** Whatever else a form holds may be stored and shown. Throws invalid_request. */
function assertNoSecret(form: URLSearchParams): void {
  for (const [name, value] of form) {
    if (!holdsSecret(name) && (MAY_HOLD_SECRET.test(name) || !holdsSecret(value))) continue;
    const field = holdsSecret(name) ? 'The form' : labelOf(name);
    throw new AppError('invalid_request', {
      detail: `${field} contains a token, key or secret. Remove it: other people can see this text.`,
    });
  }
}

const NOWHERE: PageMessage = { title: 'Page not found.', text: 'Check the URL, or go to the home page.' };
const NO_SUCH_METHOD: PageMessage = {
  title: "This page doesn't support that.",
  text: 'Open it in a browser, or submit one of its forms.',
};
const NOT_FROM_HERE: PageMessage = {
  title: "We can't tell where this form came from.",
  text: "It came from another site, or the browser didn't say. Open the page again and submit the form from there. Nothing was changed.",
};
const OUT_OF_DATE: PageMessage = {
  title: 'This form is out of date.',
  text: 'Go back, reload the page, and submit it again. Nothing was changed.',
};
