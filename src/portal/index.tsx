/** HTML for IT contacts: entering by a portal link, and the consent to a connection that their identity provider asked for. */
import { hash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Actor, Audit, Cause } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import type { Credential, Credentials, Usage, UsageTotal } from '../credentials/index.ts';
import { type Directories, type Directory, type Organizations, PROVIDER_NAMES } from '../directories/index.ts';
import { AppError, asAppError } from '../errors.ts';
import {
  type Brand,
  healthOf,
  pageHeaders,
  readDirectoryView,
  renderPage,
  renderPart,
  vendorOf,
} from '../faces/index.ts';
import { answerOnce, type GuidedRoute, hasFormToken, isFromOwnPage, messageOf, type Shown } from '../guidance/index.ts';
import { readBody } from '../http/body.ts';
import type { RequestContext } from '../http/request-context.ts';
import type { Idempotency } from '../idempotency.ts';
import { type Random, randomText } from '../identifiers.ts';
import type { Log } from '../log.ts';
import type { Asked, ConnectionRequest, Oauth } from '../oauth/index.ts';
import { directoryRoutes } from './directories.tsx';
import { type PortalLink, type PortalLinks, personOf } from './links.ts';
import { ConsentPage, EnterPage, HomePage, LinkNeededPage, MessagePage } from './pages.tsx';

export { createPortalLinks, type PortalLink, type PortalLinks } from './links.ts';

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
const BODY_LIMIT_BYTES = 16 * 1024;
const FORM_KEY_LENGTH = 22;
const SESSION_SECONDS = 8 * 3600;
const PENDING_SECONDS = 3600;

interface Visit {
  request: IncomingMessage;
  response: ServerResponse;
  requestId: string;
  address: string;
}

export function createPortal(deps: PortalDependencies) {
  const { links, oauth, organizations, directories, credentials, usage, clock, log, context, publicUrl, brand } = deps;
  const { random, idempotency } = deps;
  const routes = directoryRoutes(deps).map((route) => ({ ...route, pattern: patternOf(route.path) }));
  const isSecure = publicUrl.startsWith('https:');
  const sessionCookie = isSecure ? '__Host-latchkey_portal' : 'latchkey_portal';
  const pendingCookie = isSecure ? '__Host-latchkey_pending' : 'latchkey_pending';

  const cookie = (name: string, value: string, seconds: number) =>
    `${name}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${seconds}${isSecure ? '; Secure' : ''}`;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const visit = { request, response, requestId: context.requestIdOf(request), address: context.addressOf(request) };
    try {
      const [path = ''] = (request.url ?? '').split('?');
      const entering = /^\/portal\/enter\/(lkp_[0-9A-Za-z]{43})$/.exec(path)?.[1];
      if (!METHODS.includes(request.method ?? '')) {
        response.setHeader('Allow', METHODS.join(', '));
        show(
          visit,
          405,
          'Not so',
          <MessagePage title="This is a page." text="It is opened, or a form of it is sent." />,
        );
      } else if (request.method === 'POST' && !isFromOwnPage(request.headers, publicUrl)) {
        show(
          visit,
          403,
          'Not from here',
          <MessagePage
            title="Where this form came from is not certain."
            text="It came from another site, or the browser did not say from where. Open the page again and send it from there. Nothing was changed."
          />,
        );
      } else if (entering !== undefined) await enter(visit, entering);
      else if (/^\/connect\/[\w-]+$/.test(path)) await connect(visit, path.slice('/connect/'.length));
      else if (path === HOME) await home(visit);
      else if (!(await guided(visit, path)))
        show(
          visit,
          404,
          'Not found',
          <MessagePage title="There is nothing here." text="Check the address, or open the link that you were sent." />,
        );
    } catch (thrown) {
      const error = asAppError(thrown);
      log.error({ err: thrown, requestId: visit.requestId }, 'a page failed');
      response.setHeader('Retry-After', '5');
      show(
        visit,
        error.status,
        'Try again',
        <MessagePage
          title="That did not work, and it is our fault."
          text={`Nothing was changed or lost. Try again in a moment. Request id: ${visit.requestId}`}
        />,
      );
    }
  }

  async function sessionOf({ request }: Visit): Promise<{ link: PortalLink; token: string } | undefined> {
    const value = readCookie(request, sessionCookie);
    const link = value === undefined ? undefined : await links.findSession(value);
    // A session ends with its organization.
    const isOn = link !== undefined && (await organizations.find(link.organizationId)) !== undefined;
    return isOn && value !== undefined ? { link, token: hash('sha256', `form ${value}`, 'hex') } : undefined;
  }

  async function enter(visit: Visit, secret: string): Promise<void> {
    const { request, response, address, requestId } = visit;
    const state = await links.look(secret);
    // Who opens a used link again in the browser that used it wants to go on.
    if (state === 'used' && (await sessionOf(visit))) return redirect(response, '/portal');
    if (state !== 'fit')
      return show(
        visit,
        410,
        'Link over',
        <MessagePage title={OVER[state]} text="Ask whoever sent it for a new one. Nothing that was set up is lost." />,
      );
    if (request.method !== 'POST') return show(visit, 200, 'Enter', <EnterPage />);
    const entered = await links.enter(secret, { address, requestId });
    if (!entered)
      return show(
        visit,
        410,
        'Link over',
        <MessagePage title={OVER.used} text="Ask whoever sent it for a new one. Nothing that was set up is lost." />,
      );
    const pending = readCookie(request, pendingCookie);
    const goOn = pending !== undefined && /^[\w-]{10,100}$/.test(pending) ? `/connect/${pending}` : '/portal';
    response.setHeader('Set-Cookie', [
      cookie(sessionCookie, entered.session, SESSION_SECONDS),
      cookie(pendingCookie, '', 0),
    ]);
    redirect(response, goOn);
  }

  async function home(visit: Visit): Promise<void> {
    const session = await sessionOf(visit);
    if (!session)
      return show(
        visit,
        401,
        'Link needed',
        <MessagePage
          title="Open your link first."
          text="Your software vendor sends you a link that lets you in here."
        />,
      );
    const now = clock.now();
    const organization = await organizations.get(session.link.organizationId);
    const { items } = await directories.page({ organizationId: organization.id, limit: 200 });
    show(
      visit,
      200,
      organization.name,
      <HomePage
        rows={
          await Promise.all(
            items.map(async (directory) => {
              const provider = PROVIDER_NAMES[directory.provider];
              const view = await readDirectoryView(deps, { directory, provider, now });
              return { directory, provider, health: healthOf(view) };
            }),
          )
        }
      />,
      organization.name,
    );
  }

  /** The pages of one directory, which the dashboard has too. False when none is at this path. */
  async function guided(visit: Visit, path: string): Promise<boolean> {
    const { request, response, address, requestId } = visit;
    const method = request.method === 'POST' ? 'post' : 'get';
    const found = routes.find((route) => route.method === method && route.pattern.test(path));
    if (!found) return false;
    const session = await sessionOf(visit);
    if (!session) {
      await home(visit);
      return true;
    }
    const { link, token } = session;
    const form = new URLSearchParams(method === 'post' ? await readBody(request, BODY_LIMIT_BYTES) : '');
    if (method === 'post' && !hasFormToken(form, token)) {
      showOutOfDate(visit);
      return true;
    }
    const { name } = await organizations.get(link.organizationId);
    const shown = await answerOf(found, {
      path,
      params: found.pattern.exec(path)?.groups ?? {},
      query: new URLSearchParams((request.url ?? '').split('?')[1] ?? ''),
      form,
      home: HOME,
      formToken: token,
      formKey: randomText(FORM_KEY_LENGTH, random),
      cause: { actor: personOf(link), source: 'portal', address, requestId },
      now: clock.now(),
      mayChange: true,
      nameOf: (actor, from) => nameInPortal(actor, from, vendorOf(brand)),
      assertSees(organizationId) {
        if (organizationId !== link.organizationId) throw new AppError('not_found');
      },
    });
    if (typeof shown === 'string') redirect(response, shown);
    else if (shown.part) send(visit, 200, renderPart(shown.part));
    else show(visit, shown.status ?? 200, shown.title, shown.children, name, [], true);
    return true;
  }

  /** A refused change is told in words. What is another organization's reads like what does not exist. */
  async function answerOf(
    { handle: work }: GuidedRoute,
    guest: Parameters<GuidedRoute['handle']>[0],
  ): Promise<Shown | string> {
    try {
      return guest.form.size > 0 ? await answerOnce(idempotency, guest, () => work(guest)) : await work(guest);
    } catch (thrown) {
      const error = asAppError(thrown);
      if (error.status >= 500) throw thrown;
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
              <a class="btn" href={HOME}>
                To the start
              </a>
            </div>
          </>
        ),
      };
    }
  }

  function showOutOfDate(visit: Visit): void {
    show(
      visit,
      403,
      'Try again',
      <MessagePage
        title="This page was out of date."
        text="Go back, reload it and decide again. Nothing was changed."
      />,
    );
  }

  async function connect(visit: Visit, uid: string): Promise<void> {
    const { request, response } = visit;
    const wanted = await oauth.pending(request, response);
    if (!wanted || wanted.uid !== uid) {
      return showOver(visit);
    }
    const session = await sessionOf(visit);
    if (!session) {
      response.setHeader('Set-Cookie', cookie(pendingCookie, uid, PENDING_SECONDS));
      return show(visit, 200, 'Link needed', <LinkNeededPage client={wanted.client.name} />);
    }
    const organization = await organizations.get(session.link.organizationId);
    const choices = await choicesOf(wanted, session.link);
    if (choices.length === 0) {
      // The right link may follow in this browser; the request then goes on.
      response.setHeader('Set-Cookie', cookie(pendingCookie, uid, PENDING_SECONDS));
      return show(
        visit,
        403,
        'Not yours',
        <MessagePage
          title={`${wanted.client.name} belongs to no directory of ${organization.name}.`}
          text="Ask whoever sent you the link to check which directory it was made for. Nothing was changed."
        />,
      );
    }
    if (request.method === 'POST') return decide(visit, session, choices);
    const held = await Promise.all(
      choices.map(async (directory) => ({ directory, holders: await describe(directory) })),
    );
    show(
      visit,
      200,
      `Connect ${wanted.client.name}`,
      <ConsentPage
        request={wanted}
        organization={organization.name}
        choices={held}
        token={session.token}
        now={clock.now()}
      />,
      organization.name,
      [wanted.redirectOrigin],
    );
  }

  async function choicesOf({ client }: ConnectionRequest, link: PortalLink): Promise<Directory[]> {
    const { items } = await directories.page({ organizationId: link.organizationId, limit: 200 });
    return items.filter((directory) => client.directoryId === undefined || client.directoryId === directory.id);
  }

  async function describe(directory: Directory): Promise<{ credential: Credential; total: UsageTotal | undefined }[]> {
    const holders = await credentials.holders(directory.id);
    const totals = await usage.totals(holders.map(({ id }) => id));
    return holders.map((credential) => ({ credential, total: totals.get(credential.id) }));
  }

  async function decide(
    visit: Visit,
    { link, token }: { link: PortalLink; token: string },
    choices: Directory[],
  ): Promise<void> {
    const { request, response, address, requestId } = visit;
    const form = new URLSearchParams(await readBody(request, BODY_LIMIT_BYTES));
    if (!hasFormToken(form, token)) return showOutOfDate(visit);
    const person = personOf(link);
    const cause: Cause = { actor: person, source: 'portal', address, requestId };
    if (form.get('decision') !== 'allow') {
      const { organizationId } = link;
      return goOn(visit, await oauth.refuse(request, response, { organizationId, cause }));
    }
    const directory = choices.length === 1 ? choices[0] : choices.find(({ id }) => id === form.get('directory'));
    if (!directory)
      return show(
        visit,
        400,
        'Choose',
        <MessagePage title="Choose a directory." text="Go back and choose which directory this connection is for." />,
      );
    const holders = await credentials.holders(directory.id);
    const replaces = holders.find(({ id }) => id === form.get(`replaces-${directory.id}`))?.id;
    if (holders.length === 2 && replaces === undefined) {
      return show(
        visit,
        400,
        'Choose',
        <MessagePage
          title="Choose what the new connection replaces."
          text="Both slots of this directory are taken. Go back and choose one; it keeps working until the new connection has been used."
        />,
      );
    }
    goOn(visit, await oauth.approve(request, response, { directory, replaces, person, cause }));
  }

  function goOn(visit: Visit, target: string | undefined): void {
    if (target === undefined) showOver(visit);
    else redirect(visit.response, target);
  }

  function showOver(visit: Visit): void {
    show(
      visit,
      410,
      'Request over',
      <MessagePage
        title="This request is over."
        text="Start the connection again in your identity provider. Nothing that works now was changed."
      />,
    );
  }

  function show(
    visit: Visit,
    status: number,
    title: string,
    children: preact.ComponentChildren,
    aside?: string,
    formTargets: string[] = [],
    isWide = false,
  ): void {
    send(visit, status, renderPage({ title, aside, isWide, brand, children }), formTargets);
  }

  function send({ response, requestId }: Visit, status: number, html: string, formTargets: string[] = []): void {
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

/** For what can't be sent back to the client, since who it is, or where it is, is not known. */
export function renderAuthorizationError(error: string, description: string, asked: Asked, brand: Brand) {
  const { clientId, redirectUri } = asked;
  const sent: [string, string][] = [
    ...(clientId === undefined ? [] : [['Client id', clientId] as [string, string]]),
    ...(redirectUri === undefined ? [] : [['Redirect URI', redirectUri] as [string, string]]),
  ];
  const isOurs = error === 'server_error' || error === 'temporarily_unavailable';
  const message =
    error === 'invalid_client'
      ? {
          title: 'This client is not known here.',
          text: 'The client id that your identity provider sent is not one of ours.',
          todo: 'Compare the client id in your identity provider with the one that your software vendor gave you. It sent this one:',
          values: sent.slice(0, 1),
        }
      : error === 'invalid_redirect_uri'
        ? {
            title: 'The answer would go to an unknown place.',
            text: 'The redirect URI that your identity provider sent is not registered for this client.',
            todo: 'If you came here from your identity provider, send these to your software vendor. They check that the address is its own and register it; then you start the connection again.',
            values: sent,
          }
        : isOurs
          ? {
              title: 'That did not work, and it is our fault.',
              text: 'Nothing was changed or lost. Start the connection again in a moment.',
            }
          : {
              title: 'This request cannot be answered.',
              text: `Your identity provider sent something that is not complete or not allowed: ${description === '' ? error : description}.`,
              todo: 'Compare what is set in your identity provider with what your software vendor gave you, and start the connection again. Nothing that works now was changed.',
            };
  return {
    html: renderPage({ title: message.title.replace(/\.$/, ''), brand, children: <MessagePage {...message} /> }),
    headers: pageHeaders(),
  };
}

/** Whoever acts for the vendor is named so, by name where it is a person's, and from where is not told. */
function nameInPortal({ type, name }: Actor, address: string | undefined, vendor: string): string {
  if (type === 'operator') return `${name} (${vendor})`;
  if (type === 'api_key' || type === 'system') return vendor;
  return address === undefined ? name : `${name}, ${address}`;
}

/** `/directories/:id` below the portal, as an expression with a group for each name. */
function patternOf(path: string): RegExp {
  return new RegExp(`^${HOME}${path.replace(/:(\w+)/g, '(?<$1>[\\w-]{1,100})')}$`);
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

function readCookie({ headers }: IncomingMessage, name: string): string | undefined {
  for (const pair of (headers.cookie ?? '').split(/; */)) {
    if (pair.startsWith(`${name}=`)) return pair.slice(name.length + 1) || undefined;
  }
  return undefined;
}
