/** HTML for IT contacts: entering by a portal link, their directories, and the consent to a connection that their identity provider asked for. */
import { hash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Actor, Audit } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import type { Credentials, Usage } from '../credentials/index.ts';
import type { Directories, Organizations } from '../directories/index.ts';
import { AppError, asAppError } from '../errors.ts';
import type { RequestContext } from '../http/request-context.ts';
import type { Idempotency } from '../idempotency.ts';
import { type Random, randomText } from '../identifiers.ts';
import { IDENTITY_PROVIDERS } from '../identity-providers/index.ts';
import type { Log } from '../log.ts';
import type { Oauth } from '../oauth/index.ts';
import { type PortalLink, type PortalLinks, personOf } from '../one-time-links/index.ts';
import {
  answerOnce,
  type Brand,
  capital,
  formAgain,
  type GuidedRoute,
  hasFormToken,
  healthOf,
  isFromOwnPage,
  messageOf,
  pageHeaders,
  patternOf,
  readDirectoryView,
  renderPage,
  renderPart,
  type Shown,
  Time,
  URGENCY,
  type Visit,
  vendorOf,
} from '../pages/index.ts';
import { createConsent } from './consent.tsx';
import { directoryRoutes } from './directories.tsx';
import { EnterPage, HomePage, MessagePage } from './pages.tsx';
import { formOf, message, outOfDate, type Page, queryOf, type Request, readCookie, type Session } from './request.tsx';

export { renderAuthorizationError } from './authorization-error.tsx';

export interface PortalDependencies {
  links: PortalLinks;
  oauth: Oauth;
  organizations: Organizations;
  directories: Directories;
  credentials: Credentials;
  usage: Usage;
  audit: Audit;
  clock: Clock;
  log: Log;
  context: RequestContext;
  publicUrl: string;
  brand: Brand;
  random: Random;
  idempotency: Idempotency;
}

const HOME = '/portal';
const METHODS = ['GET', 'HEAD', 'POST'];
const FORM_KEY_LENGTH = 22;
/** A session lasts eight hours; its cookie stays, so that who comes later reads that they are over. */
const COOKIE_SECONDS = 30 * 86_400;
const PENDING_SECONDS = 3600;
const BROWSER_SECONDS = 600;
const BROWSER_LENGTH = 43;
const DIRECTORIES = 200;

export function createPortal(deps: PortalDependencies) {
  const { links, organizations, directories, clock, log, context, publicUrl, brand, random, idempotency } = deps;
  const known = { ...deps, clients: deps.oauth.clients };
  const vendor = vendorOf(brand);
  const consent = createConsent({ ...deps, vendor });
  const routes = directoryRoutes(known).map((route) => ({ ...route, pattern: patternOf(HOME, route.path) }));
  const isSecure = publicUrl.startsWith('https:');
  const nameOf = (name: string) => (isSecure ? `__Host-latchkey_${name}` : `latchkey_${name}`);
  const cookies = { session: nameOf('portal'), pending: nameOf('pending'), browser: nameOf('portal_browser') };

  const cookie = (name: string, value: string, seconds: number) =>
    `${name}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${seconds}${isSecure ? '; Secure' : ''}`;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = { request, response, requestId: context.requestIdOf(request), address: context.addressOf(request) };
    try {
      const answer = await answerTo(asked);
      if (typeof answer === 'string') redirect(response, answer);
      else show(asked, answer);
    } catch (thrown) {
      const error = asAppError(thrown);
      if (error.status >= 500) {
        log.error({ err: thrown, requestId: asked.requestId }, 'a page failed');
        response.setHeader('Retry-After', '5');
      }
      const message = messageOf(error, asked.requestId);
      show(asked, { title: 'Try again', status: error.status, children: <MessagePage {...message} /> });
    }
  }

  async function answerTo(asked: Request): Promise<Page | Shown | string> {
    const { request, response } = asked;
    const [path = ''] = (request.url ?? '').split('?');
    if (!METHODS.includes(request.method ?? '')) {
      response.setHeader('Allow', METHODS.join(', '));
      return message('This is a page.', 'It is opened, or a form of it is sent.', 405);
    }
    if (request.method === 'POST' && !isFromOwnPage(request.headers, publicUrl)) {
      return message(
        'Where this form came from is not certain.',
        'It came from another site, or the browser did not say from where. Open the page again and send it from there. Nothing was changed.',
        403,
      );
    }
    const link = /^\/portal\/enter\/(lkp_[0-9A-Za-z]{43})$/.exec(path)?.[1];
    if (link !== undefined) return enter(asked, link);
    const session = await sessionOf(request);
    const connection = /^\/connect\/([\w-]+)$/.exec(path)?.[1];
    if (connection !== undefined) return consent(asked, connection, session);
    const isPost = request.method === 'POST';
    const found = routes.find(({ method, pattern }) => (method === 'post') === isPost && pattern.test(path));
    if (path !== HOME && path !== `${HOME}/leave` && !found)
      return message('There is nothing here.', 'Check the address, or open the link that you were sent.', 404);
    if (!session) {
      return readCookie(request, cookies.session) === undefined
        ? message('Open your link first.', `${capital(vendor)} sends you a link that lets you in here.`, 401)
        : message(
            'This browser is not let in any more.',
            `Its eight hours are over, or the link was withdrawn. Ask ${vendor} for a new one. Everything that was set up goes on.`,
            401,
          );
    }
    if (path === HOME) return home(asked, session);
    if (path === `${HOME}/leave`) return leave(asked, session);
    return found ? guided(asked, session, path, found) : HOME;
  }

  async function sessionOf(request: IncomingMessage): Promise<Session | undefined> {
    const value = readCookie(request, cookies.session);
    const link = value === undefined ? undefined : await links.findSession(value);
    // A session ends with its organization.
    const isOn = link !== undefined && (await organizations.find(link.organizationId)) !== undefined;
    return isOn && value !== undefined ? { link, token: hash('sha256', `form ${value}`, 'hex') } : undefined;
  }

  async function enter({ request, response, address, requestId }: Request, secret: string): Promise<Page | string> {
    const { state, link } = await links.look(secret);
    const known = readCookie(request, cookies.browser);
    if (request.method !== 'POST') {
      // Who opens a used link again in the browser that used it wants to go on.
      if (state === 'used' && (await sessionOf(request))) return HOME;
      if (state !== 'fit') return over(state, link);
      if (known === undefined)
        response.setHeader('Set-Cookie', cookie(cookies.browser, randomText(BROWSER_LENGTH, random), BROWSER_SECONDS));
      const organization = link && (await organizations.find(link.organizationId));
      return { title: 'Enter', children: <EnterPage organization={organization?.name} vendor={vendor} /> };
    }
    const browser = known ?? randomText(BROWSER_LENGTH, random);
    const entered = await links.enter(secret, browser, { address, requestId });
    if (!entered) return over(state === 'fit' ? 'used' : state, link);
    const pending = readCookie(request, cookies.pending);
    response.setHeader('Set-Cookie', [
      cookie(cookies.session, entered.session, COOKIE_SECONDS),
      cookie(cookies.pending, '', 0),
      cookie(cookies.browser, '', 0),
    ]);
    return pending !== undefined && /^[\w-]{10,100}$/.test(pending) ? `/connect/${pending}` : HOME;
  }

  function over(state: keyof typeof OVER | 'fit', link: PortalLink | undefined): Page {
    const title = OVER[state === 'fit' ? 'used' : state];
    const usedAt = state === 'used' ? link?.usedAt : undefined;
    return {
      title: 'Link over',
      status: 410,
      children: (
        <>
          <MessagePage title={title} text={`Ask ${vendor} for a new one. Nothing that was set up is lost.`} />
          {usedAt && (
            <p class="soft">
              It was used <Time at={usedAt} now={clock.now()} />. If that was neither you nor a colleague, tell {vendor}
              : they end what it let in.
            </p>
          )}
        </>
      ),
    };
  }

  async function home({ request }: Request, { link, token }: Session): Promise<Page> {
    const now = clock.now();
    const organization = await organizations.get(link.organizationId);
    const after = queryOf(request).get('after') ?? undefined;
    const { items, nextCursor } = await directories.page({
      organizationId: organization.id,
      after,
      limit: DIRECTORIES,
    });
    const rows = await Promise.all(
      items.map(async (directory) => {
        const provider = IDENTITY_PROVIDERS[directory.provider].name;
        const view = await readDirectoryView(known, { directory, provider, now, isBrief: true });
        return { directory, provider, health: healthOf(view), isEmpty: view.holdings.length === 0 };
      }),
    );
    rows.sort((a, b) => URGENCY[a.health.tone] - URGENCY[b.health.tone]);
    const session = { token, endsAt: link.sessionEndsAt ?? now, now };
    return {
      title: organization.name,
      aside: organization.name,
      children: <HomePage rows={rows} nextCursor={nextCursor} session={session} />,
    };
  }

  async function leave({ request, response, address, requestId }: Request, { token }: Session): Promise<Page | string> {
    if (request.method !== 'POST') return HOME;
    if (!hasFormToken(await formOf(request), token)) return outOfDate();
    await links.leave(readCookie(request, cookies.session) ?? '', { address, requestId });
    response.setHeader('Set-Cookie', cookie(cookies.session, '', 0));
    return message('You have left.', `To come back, ask ${vendor} for another link. Everything goes on as it was.`);
  }

  /** The pages of one directory, which the dashboard has too. */
  async function guided(
    { request, address, requestId }: Request,
    { link, token }: Session,
    path: string,
    { handle: work, pattern }: GuidedRoute & { pattern: RegExp },
  ): Promise<Shown | Page | string> {
    const { name } = await organizations.get(link.organizationId);
    const form = request.method === 'POST' ? await formOf(request) : new URLSearchParams();
    if (request.method === 'POST' && !hasFormToken(form, token)) return outOfDate();
    const visit: Visit = {
      path,
      params: pattern.exec(path)?.groups ?? {},
      query: queryOf(request),
      form,
      home: HOME,
      formToken: token,
      formKey: randomText(FORM_KEY_LENGTH, random),
      cause: { actor: personOf(link), source: 'portal', address, requestId },
      now: clock.now(),
      mayChange: true,
      trail: [[HOME, 'Your directories']],
      nameOf: (actor, from) => nameInPortal(actor, from, link, vendor),
      assertSees(organizationId) {
        if (organizationId !== link.organizationId) throw new AppError('not_found');
      },
    };
    const frame = { aside: name, isWide: true };
    try {
      const answer =
        request.method === 'POST' ? await answerOnce(idempotency, visit, () => work(visit)) : await work(visit);
      return typeof answer === 'string' ? answer : { ...answer, ...frame };
    } catch (thrown) {
      const error = asAppError(thrown);
      if (error.status >= 500) throw thrown;
      const again = form.size > 0 && (await formAgain(visit, error, fromOf(request), pageAt));
      return again ? { ...again, ...frame } : { ...refusal(error, fromOf(request)), ...frame };
    }
  }

  /** The page of this face at a path. */
  function pageAt(path: string) {
    const found = routes.find(({ method, pattern }) => method === 'get' && pattern.test(path));
    return found && { params: { ...found.pattern.exec(path)?.groups }, handle: found.handle };
  }

  /** The page of ours that a request was sent from. */
  function fromOf({ headers }: IncomingMessage): URL | undefined {
    const from = headers.referer?.startsWith(`${publicUrl}${HOME}/`) ? URL.parse(headers.referer) : null;
    return from ?? undefined;
  }

  /** A refused change is told in words. What is another organization's reads like what does not exist. */
  function refusal(error: AppError, from: URL | undefined): Page {
    const { title, text } =
      error.code === 'not_found'
        ? { title: 'There is nothing here.', text: 'Check the address, or go to the start.' }
        : messageOf(error, '');
    return {
      title: title.replace(/\.$/, ''),
      status: error.status,
      children: (
        <>
          <MessagePage title={title} text={text} />
          <div class="acts">
            {from && error.code !== 'not_found' && (
              <a class="btn" href={from.pathname + from.search}>
                Back
              </a>
            )}
            <a class={from ? 'btn quiet' : 'btn'} href={HOME}>
              To the start
            </a>
          </div>
        </>
      ),
    };
  }

  function show(asked: Request, page: Page & Pick<Shown, 'part'>): void {
    const { title, status = 200, children, aside, formTargets, pending, isWide = false, part } = page;
    const { response, requestId } = asked;
    if (pending !== undefined) response.setHeader('Set-Cookie', cookie(cookies.pending, pending, PENDING_SECONDS));
    const html = part ? renderPart(part) : renderPage({ title, aside, isWide, now: clock.now(), brand, children });
    response.writeHead(status, {
      ...pageHeaders(formTargets),
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Length': Buffer.byteLength(html),
      'X-Request-Id': requestId,
    });
    response.end(html);
  }

  return { handle };
}

/** Whoever acts for the vendor is named so, by name where it is a person's, and from where is not told. */
function nameInPortal(actor: Actor, address: string | undefined, link: PortalLink, vendor: string): string {
  if (actor.type === 'operator') return `${actor.name} (${vendor})`;
  if (actor.type === 'api_key' || actor.type === 'system') return vendor;
  if (actor.type === 'anonymous') return address === undefined ? 'somebody' : `somebody, ${address}`;
  const name = actor.type === 'it_contact' && actor.id === link.id ? `${actor.name} (you)` : actor.name;
  return address === undefined ? name : `${name}, ${address}`;
}

const OVER = {
  used: 'This link has been used.',
  expired: 'This link has expired.',
  revoked: 'This link was withdrawn.',
  unknown: 'This link is not known here.',
} as const;

function redirect(response: ServerResponse, to: string): void {
  response.writeHead(303, { Location: to, 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' }).end();
}
