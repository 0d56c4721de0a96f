/**
 * HTML for operators, under /dashboard: organizations, directories with their two slots, clients, audit, settings. One table of routes; each
 * asks for a session and a role, and each change for a form of our own page.
 */
import Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import type { Audit } from '../audit/index.ts';
import type { Clock } from '../clock.ts';
import type { Config, SettingKey, Source } from '../config.ts';
import type { ApiKeys, Credentials, Role, Usage } from '../credentials/index.ts';
import type { Directories, Organizations } from '../directories/index.ts';
import { asAppError } from '../errors.ts';
import { readBody } from '../http/body.ts';
import type { RequestContext } from '../http/request-context.ts';
import type { Idempotency } from '../idempotency.ts';
import { type Random, randomText } from '../identifiers.ts';
import type { Log } from '../log.ts';
import type { Clients, Oauth } from '../oauth/index.ts';
import type { PortalLinks } from '../one-time-links/index.ts';
import type { Operators } from '../operators/index.ts';
import {
  type Visit as AnyVisit,
  answerOnce,
  credentialRoutes,
  formAgain,
  hasFormToken,
  importRoutes,
  isFromOwnPage,
  MessagePage,
  messageOf,
  patternOf,
  type Shown,
  setupRoutes,
} from '../pages/index.ts';
import { accountRoutes } from './account.tsx';
import { auditRoutes } from './audit.tsx';
import { clientRoutes } from './clients.tsx';
import { directoryRoutes } from './directories.tsx';
import { createOpenId } from './openid.ts';
import { operatorRoutes } from './operators.tsx';
import { organizationRoutes } from './organization.tsx';
import { organizationListRoutes } from './organizations.tsx';
import { searchRoutes } from './search.tsx';
import { settingsRoutes } from './settings.tsx';
import { createSignIn } from './sign-in.tsx';
import { HOME, type Route, show, type Visit, WRITERS } from './visit.tsx';

export interface DashboardDependencies {
  config: Config;
  sources: Readonly<Record<SettingKey, Source>>;
  organizations: Organizations;
  directories: Directories;
  credentials: Credentials;
  apiKeys: ApiKeys;
  usage: Usage;
  audit: Audit;
  clients: Clients;
  connectByHand: Oauth['connectByHand'];
  keys: Oauth['keys'];
  portalLinks: PortalLinks;
  clock: Clock;
  log: Log;
  context: RequestContext;
  publicUrl: string;
  random: Random;
  /** Seals what a browser keeps for a moment. */
  secret: string;
  operators: Operators;
  idempotency: Idempotency;
}

const BODY_LIMIT_BYTES = 64 * 1024;
const FORM_KEY_LENGTH = 22;

export function createDashboard(deps: DashboardDependencies): Middleware {
  const { config, clock, log, context, publicUrl, random, idempotency } = deps;
  const signIn = createSignIn({
    ...deps,
    isOurs,
    openId: createOpenId(config, `${publicUrl}${HOME}/sign-in/openid/callback`),
  });
  const router = new Router({ prefix: HOME });
  const routes: Route[] = [
    { method: 'get', path: '/', roles: ['owner', 'admin', 'viewer'], handle: async () => `${HOME}/organizations` },
    ...organizationListRoutes(deps),
    ...organizationRoutes(deps),
    ...directoryRoutes(deps),
    ...[...credentialRoutes(deps), ...importRoutes(deps), ...setupRoutes(deps)].map(
      (route): Route => ({ ...route, roles: WRITERS }),
    ),
    ...clientRoutes(deps),
    ...auditRoutes(deps),
    ...settingsRoutes(deps),
    ...operatorRoutes(deps),
    ...accountRoutes(deps),
    ...searchRoutes(deps),
  ];
  for (const route of routes) {
    router[route.method](route.path, (koa) => run(route, koa, koa.params as Record<string, string>));
  }
  const pages = routes
    .filter(({ method }) => method === 'get')
    .map((route) => ({ route, pattern: patternOf(HOME, route.path) }));
  const answer = router.routes() as unknown as Middleware;

  return async function dashboard(koa, next) {
    if (koa.path !== HOME && !koa.path.startsWith(`${HOME}/`)) return next();
    const requestId = context.requestIdOf(koa.req);
    koa.state['requestId'] = requestId;
    koa.state['now'] = clock.now();
    koa.set('X-Request-Id', requestId);
    try {
      await signIn.routes(koa, () =>
        answer(koa, async () => {
          const title = 'There is nothing here.';
          show(koa, {
            title,
            status: 404,
            children: (
              <MessagePage home={HOME} title={title} text="Check the address, or begin at the organizations." />
            ),
          });
        }),
      );
    } catch (thrown) {
      const error = asAppError(thrown);
      if (error.status >= 500) {
        log.error({ err: thrown, requestId }, 'a page failed');
        koa.set('Retry-After', '5');
      }
      const message = messageOf(error, requestId);
      const from = fromOf(koa);
      const back = from && from.pathname + from.search;
      show(koa, {
        title: message.title.replace(/\.$/, ''),
        status: error.status,
        children: <MessagePage home={HOME} {...message} back={back} />,
      });
    }
  };

  async function run({ roles, handle }: Route, koa: Context, params: Record<string, string>): Promise<void> {
    const signedIn = await signIn.findSignedIn(koa);
    if (!signedIn) {
      if (koa.method !== 'GET' || koa.query['part'] !== undefined) {
        return show(koa, {
          title: 'Sign in',
          status: 401,
          children: (
            <MessagePage home={HOME} title="Sign in first." text="Your session is over. Nothing was changed." />
          ),
        });
      }
      return koa.redirect(`${HOME}/sign-in?next=${encodeURIComponent(koa.url)}`);
    }
    const { operator, formToken, sessionId } = signedIn;
    if (!roles.includes(operator.role)) {
      const title = 'Your role does not allow this.';
      const text = `You are signed in as ${operator.role}; it takes ${roles.join(' or ')}. Nothing was changed.`;
      return show(
        koa,
        { title, status: 403, children: <MessagePage home={HOME} title={title} text={text} /> },
        signedIn,
      );
    }
    const form = new URLSearchParams(koa.method === 'POST' ? await readBody(koa.req, BODY_LIMIT_BYTES) : '');
    if (koa.method === 'POST' && !(isOurs(koa) && hasFormToken(form, formToken))) {
      const title = 'This form is out of date, or not from here.';
      const text = 'Go back, reload the page and send it again. Nothing was changed.';
      return show(
        koa,
        { title, status: 403, children: <MessagePage home={HOME} title={title} text={text} /> },
        signedIn,
      );
    }
    const visit: Visit = {
      path: koa.path,
      params,
      query: new URLSearchParams(koa.querystring),
      form,
      operator,
      home: HOME,
      trail: [[`${HOME}/organizations`, 'Organizations']],
      mayChange: WRITERS.includes(operator.role),
      // Operators see all organizations.
      assertSees: () => undefined,
      auditPath: `${HOME}/audit`,
      clientsPath: `${HOME}/clients`,
      nameOf: ({ name }, address) => (address === undefined ? name : `${name}, ${address}`),
      formToken,
      formKey: randomText(FORM_KEY_LENGTH, random),
      sessionId,
      cause: {
        actor: { type: 'operator', id: operator.id, name: operator.name },
        source: 'dashboard',
        address: context.addressOf(koa.req),
        requestId: koa.state['requestId'] as string,
      },
      now: clock.now(),
    };
    const shown = await handled(handle, visit, koa);
    if (typeof shown !== 'string') return show(koa, shown, signedIn);
    koa.status = 303;
    koa.set({ Location: shown, 'Cache-Control': 'no-store' });
    koa.body = '';
  }

  /** A refused change is told where the operator is signed in. */
  async function handled(handle: Route['handle'], visit: Visit, koa: Context): Promise<Shown | string> {
    try {
      return koa.method === 'POST' ? await answerOnce(idempotency, visit, () => handle(visit)) : await handle(visit);
    } catch (thrown) {
      const error = asAppError(thrown);
      if (error.status >= 500) throw thrown;
      const from = fromOf(koa);
      const again =
        koa.method === 'POST' && (await formAgain(visit, error, from, (path) => pageAt(path, visit.operator.role)));
      if (again) return again;
      const message = messageOf(error, visit.cause.requestId ?? '');
      const back = from && from.pathname + from.search;
      return {
        title: message.title.replace(/\.$/, ''),
        status: error.status,
        children: <MessagePage home={HOME} {...message} back={back} />,
      };
    }
  }

  function isOurs(koa: Context): boolean {
    return isFromOwnPage(koa.headers, publicUrl);
  }

  /** The page of ours that a request was sent from. */
  function fromOf(koa: Context): URL | undefined {
    const from = koa.get('referer');
    return (from.startsWith(`${publicUrl}${HOME}/`) ? URL.parse(from) : null) ?? undefined;
  }

  /** The page of the dashboard at a path, where that role may see it. */
  function pageAt(path: string, role: Role) {
    const found = pages.find(({ pattern, route }) => pattern.test(path) && route.roles.includes(role));
    return (
      found && {
        params: { ...found.pattern.exec(path)?.groups },
        // It is the same visit, with another address.
        handle: (visit: AnyVisit) => found.route.handle(visit as Visit),
      }
    );
  }
}
