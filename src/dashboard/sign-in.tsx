/** The way in: a one-time link, or e-mail address and password. */
import Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import { AppError, asAppError } from '../errors.ts';
import { readBody } from '../http/body.ts';
import type { RequestContext } from '../http/request-context.ts';
import { type Random, randomText } from '../identifiers.ts';
import type { Operators, Origin } from '../operators/index.ts';
import { MessagePage } from '../pages/index.ts';
import { seal, unseal } from '../sealing.ts';
import type { OpenId, Pending } from './openid.ts';
import { HOME, type SignedIn, show } from './visit.tsx';

const BODY_LIMIT_BYTES = 16 * 1024;
const SESSION_SECONDS = 12 * 3600;
const PENDING_SECONDS = 600;
const LONGEST_NEXT = 500;
/** What a browser is known by from the page of a link to its use. */
const BROWSER_LENGTH = 43;
const BROWSER = '[0-9A-Za-z]{43}';
const BROWSER_SECONDS = 600;

export interface SignIn {
  routes: Middleware;
  findSignedIn(koa: Context): Promise<SignedIn | undefined>;
}

export function createSignIn(deps: {
  operators: Operators;
  context: RequestContext;
  publicUrl: string;
  isOurs: (koa: Context) => boolean;
  openId: OpenId | undefined;
  random: Random;
  /** What is kept in the browser meanwhile is sealed under it. */
  secret: string;
}): SignIn {
  const { operators, context, publicUrl, isOurs, openId, random, secret: sealingSecret } = deps;
  const isSecure = publicUrl.startsWith('https:');
  const name = isSecure ? '__Host-latchkey_operator' : 'latchkey_operator';

  const pendingName = isSecure ? '__Host-latchkey_openid' : 'latchkey_openid';
  const browserName = isSecure ? '__Host-latchkey_browser' : 'latchkey_browser';

  function keep(koa: Context, value: string, seconds: number, cookie = name): void {
    koa.append(
      'Set-Cookie',
      `${cookie}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${seconds}${isSecure ? '; Secure' : ''}`,
    );
  }

  function originOf(koa: Context): Origin {
    const userAgent = koa.get('user-agent') || undefined;
    return { address: context.addressOf(koa.req), userAgent, requestId: koa.state['requestId'] as string };
  }

  /** One browser has one session: what it had before ends. */
  async function goOn(koa: Context, session: string, next: string | null | undefined): Promise<void> {
    const before = await findSignedIn(koa);
    if (before && sessionIn(koa) !== session) {
      const { operator, sessionId } = before;
      const actor = { type: 'operator' as const, id: operator.id, name: operator.name };
      await operators.endSession(operator.id, sessionId, { actor, source: 'dashboard', ...originOf(koa) });
    }
    keep(koa, session, SESSION_SECONDS);
    koa.set('Cache-Control', 'no-store');
    koa.status = 303;
    koa.set('Location', ownPath(next));
    koa.body = '';
  }

  function form(koa: Context, given: { email?: string; next?: string; wrong?: string }, status = 200): void {
    const { email = '', next = '', wrong } = given;
    show(koa, {
      title: 'Sign in',
      status,
      isNarrow: true,
      children: (
        <>
          <h1>Sign in</h1>
          {wrong !== undefined && (
            <div class="note bad" role="alert">
              {wrong}
            </div>
          )}
          {openId && (
            <div class="acts">
              <a class="btn primary" href={`${HOME}/sign-in/openid?next=${encodeURIComponent(next)}`}>
                Sign in by your OpenID provider
              </a>
            </div>
          )}
          <form method="post" action={`${HOME}/sign-in`} class="panel">
            <input type="hidden" name="next" value={next} />
            <label class="line">
              <span>E-mail address</span>
              <input type="email" name="email" value={email} required autocomplete="username" maxlength={254} />
            </label>
            <label class="line">
              <span>Password</span>
              <input type="password" name="password" required autocomplete="current-password" maxlength={256} />
            </label>
            <label class="line">
              <span>Code of your second factor</span>
              <input type="text" name="code" inputmode="numeric" autocomplete="one-time-code" maxlength={10} />
              <small>Empty if you have none.</small>
            </label>
            <div class="acts">
              <button type="submit" class="primary">
                Sign in
              </button>
            </div>
          </form>
          <p class="soft">
            No password yet, or forgotten? Another owner makes you a link that signs you in once; so does{' '}
            <span class="mono">node dist/main.js sign-in-link</span> on the server.
          </p>
        </>
      ),
    });
  }

  async function sent(koa: Context): Promise<URLSearchParams> {
    const fields = new URLSearchParams(await readBody(koa.req, BODY_LIMIT_BYTES));
    if (!isOurs(koa))
      throw new AppError('forbidden', {
        detail: 'This form did not come from the page of this server. Open the page again.',
      });
    return fields;
  }

  const router = new Router({ prefix: HOME });
  router.get('/sign-in', async (koa) => {
    if (await findSignedIn(koa)) return koa.redirect(HOME);
    // What is left of a session that is over.
    if (cookieOf(koa, name, '[^;]*') !== undefined) keep(koa, '', 0);
    form(koa, { next: String(koa.query['next'] ?? '') });
  });
  router.post('/sign-in', async (koa) => {
    const fields = await sent(koa);
    const [email, next] = [fields.get('email') ?? '', fields.get('next') ?? ''];
    try {
      const given = { email, password: fields.get('password') ?? '', code: fields.get('code') ?? '' };
      const entered = await operators.signIn(given, originOf(koa));
      if (entered) return await goOn(koa, entered.session, next);
      form(
        koa,
        {
          email,
          next,
          wrong:
            'That is not right: address, password or code. Nothing more is told, so that nobody can find out which addresses are known.',
        },
        401,
      );
    } catch (thrown) {
      const error = asAppError(thrown);
      if (error.code === 'rate_limited') {
        const seconds = Number(error.facts['retryAfterSeconds'] ?? 60);
        koa.set('Retry-After', String(seconds));
        form(
          koa,
          {
            email,
            next,
            wrong: `Too many tries. Wait ${Math.ceil(seconds / 60)} minutes; a sign-in link works meanwhile.`,
          },
          429,
        );
      } else if (error.status === 400) form(koa, { email, next, wrong: error.message }, 400);
      else throw thrown;
    }
  });
  router.get('/sign-in/openid', async (koa) => {
    if (!openId) throw new AppError('not_found', { detail: 'No OpenID provider is set.' });
    const { url, pending } = await openId.begin(String(koa.query['next'] ?? '').slice(0, LONGEST_NEXT));
    keep(koa, seal(JSON.stringify(pending), sealingSecret, random), PENDING_SECONDS, pendingName);
    koa.set('Cache-Control', 'no-store');
    koa.redirect(url.href);
  });
  router.get('/sign-in/openid/callback', async (koa) => {
    const kept = cookieOf(koa, pendingName, '[\\w.-]{20,4000}');
    keep(koa, '', 0, pendingName);
    if (!openId || kept === undefined) {
      throw new AppError('invalid_request', {
        detail: 'This sign-in was not begun in this browser, or took too long. Begin again.',
      });
    }
    const pending = opened(kept);
    const { role, ...identity } = await openId.finish(new URL(koa.url, publicUrl), pending);
    const entered = await operators.signInByOpenId({ ...identity, role }, originOf(koa));
    if (entered) return await goOn(koa, entered.session, pending.next);
    const text =
      role === undefined
        ? 'Your OpenID provider knows you, and none of your groups has a role here. Whoever runs this server sets LATCHKEY_OPENID_ROLES.'
        : 'You are disabled here. An owner enables you again under Operators.';
    show(koa, {
      title: 'Not let in',
      status: 403,
      isNarrow: true,
      children: (
        <MessagePage home={HOME} title={`${identity.name} is not let in.`} text={text} back={`${HOME}/sign-in`} />
      ),
    });
  });

  function opened(kept: string): Pending {
    try {
      return JSON.parse(unseal(kept, sealingSecret)) as Pending;
    } catch (error) {
      throw new AppError(
        'invalid_request',
        { detail: 'This sign-in was not begun in this browser. Begin again.' },
        { cause: error },
      );
    }
  }

  router.get('/enter/:secret', async (koa) => {
    const state = await operators.look(koa.params['secret'] ?? '');
    // Who opens a used link again in the browser that used it wants to go on.
    if (state === 'used' && (await findSignedIn(koa))) return koa.redirect(HOME);
    if (state !== 'fit') return over(koa, state);
    if (cookieOf(koa, browserName, BROWSER) === undefined)
      keep(koa, randomText(BROWSER_LENGTH, random), BROWSER_SECONDS, browserName);
    show(koa, {
      title: 'Sign in',
      isNarrow: true,
      children: (
        <>
          <h1>Sign in to the dashboard</h1>
          <p class="soft">This link works once, and signs this browser in for twelve hours.</p>
          <form method="post" class="acts">
            <button type="submit" class="primary">
              Sign in
            </button>
          </form>
        </>
      ),
    });
  });
  router.post('/enter/:secret', async (koa) => {
    await sent(koa);
    const secret = koa.params['secret'] ?? '';
    const browser = cookieOf(koa, browserName, BROWSER) ?? randomText(BROWSER_LENGTH, random);
    const entered = await operators.enter(secret, browser, originOf(koa));
    if (!entered) return over(koa, await operators.look(secret));
    keep(koa, '', 0, browserName);
    const { passwordHash, subject } = entered.operator;
    const hasOtherWay = passwordHash !== undefined || subject !== undefined;
    await goOn(koa, entered.session, hasOtherWay ? undefined : `${HOME}/account`);
  });

  async function findSignedIn(koa: Context): Promise<SignedIn | undefined> {
    const value = sessionIn(koa);
    return value === undefined ? undefined : operators.findSession(value);
  }

  function sessionIn(koa: Context): string | undefined {
    return cookieOf(koa, name, '[0-9A-Za-z]{43,64}');
  }

  return { routes: router.routes() as unknown as Middleware, findSignedIn };
}

function cookieOf(koa: Context, name: string, pattern: string): string | undefined {
  return new RegExp(`(?:^|; *)${name}=(${pattern})(?:;|$)`).exec(koa.get('cookie'))?.[1];
}

const OVER = {
  fit: 'This link is not for you.',
  used: 'This link has been used.',
  expired: 'This link has expired.',
  revoked: 'This link was withdrawn, or a newer one was made.',
  unknown: 'This link is not known here.',
};

function over(koa: Context, state: keyof typeof OVER): void {
  const text =
    'Sign in by password, or have a new link made: node dist/main.js sign-in-link on the server, or another owner in the dashboard.';
  show(koa, {
    title: 'Link over',
    status: 410,
    isNarrow: true,
    children: <MessagePage home={HOME} title={OVER[state]} text={text} back={`${HOME}/sign-in`} />,
  });
}

/** Only addresses of the dashboard itself, so that no link leads elsewhere. */
function ownPath(next: string | null | undefined): string {
  return next && /^\/dashboard(?:\/[\w./-]*)?(?:\?[\w=&%.*+-]*)?$/.test(next) && !next.includes('..') ? next : HOME;
}
