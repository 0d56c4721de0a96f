/** The way in: a one-time link, or e-mail address and password. */
import type { Config } from '../config/index.ts';
import type { LinkState } from '../one-time-links/index.ts';
import type { Entered } from '../operators/index.ts';
import { entryRoute, type Guest, messagePage, type OpenRoute, type Shown } from '../pages/index.ts';
import { withoutSecretQuery } from '../secrets/redaction.ts';
import { passkeyIn } from './passkey-form.tsx';
import { Enter, SignIn } from './sign-in-form.tsx';
import { type OpenIdDependencies, openIdPages } from './sign-in-openid.ts';
import { type Problem, problemOf, secondStepPage, secondStepRoutes } from './sign-in-second-step.tsx';
import { HOME } from './visit.ts';

export const SESSION_COOKIE = 'operator';
const SESSION_SECONDS = 12 * 3600;

export interface SignInDependencies extends OpenIdDependencies {
  config: Pick<Config, 'LATCHKEY_SESSION_IDLE_MINUTES'>;
}

export function signInPages(deps: SignInDependencies): OpenRoute[] {
  const { operators, openId, random, config } = deps;

  async function isSignedIn({ cookies }: Guest): Promise<boolean> {
    const session = cookies.get(SESSION_COOKIE);
    return session !== undefined && (await operators.findSession(session)) !== undefined;
  }

  /** One browser has one session: what it had before ends. */
  async function goOn(
    { cookies, origin }: Guest,
    { session }: Entered,
    next: string | null | undefined,
  ): Promise<string> {
    const before = cookies.get(SESSION_COOKIE);
    const found = before === undefined || before === session ? undefined : await operators.findSession(before);
    if (found) {
      const { operator, sessionId } = found;
      const actor = { type: 'operator' as const, id: operator.id, name: operator.name };
      const { address, requestId } = origin;
      await operators.endSession(operator.id, sessionId, { actor, source: 'dashboard', address, requestId });
    }
    cookies.set(SESSION_COOKIE, session, SESSION_SECONDS);
    return ownPath(next);
  }

  async function form(given: { email?: string; next?: string; problem?: Problem }): Promise<Shown> {
    const { problem, ...shown } = given;
    const passkey = await operators.askPasskey();
    return {
      title: 'Sign in',
      status: problem?.status ?? 200,
      ...(problem?.retryAfterSeconds !== undefined && { retryAfterSeconds: problem.retryAfterSeconds }),
      isNarrow: true,
      children: <SignIn hasOpenId={openId !== undefined} passkey={passkey} wrong={problem?.text} {...shown} />,
    };
  }

  async function byPassword(guest: Guest): Promise<Shown | string> {
    const fields = guest.form;
    const [email, next] = [fields.get('email') ?? '', fields.get('next') ?? ''];
    const given = { email, password: fields.get('password') ?? '' };
    const entered = await operators.signIn(given, guest.origin).then((found) => found ?? WRONG_PASSWORD, problemOf);
    if ('session' in entered) return goOn(guest, entered, next);
    return 'ticket' in entered ? secondStepPage(entered, next) : form({ email, next, problem: entered });
  }

  async function byPasskey(guest: Guest): Promise<Shown | string> {
    const next = guest.form.get('next') ?? '';
    const given = passkeyIn(guest.form) ?? { answer: '', sealed: '' };
    const entered = await operators
      .signInByPasskey(given, guest.origin)
      .then((found) => found ?? WRONG_PASSKEY, problemOf);
    return 'session' in entered ? goOn(guest, entered, next) : form({ next, problem: entered });
  }

  return [
    {
      path: `${HOME}/sign-in`,
      async get(guest) {
        if (await isSignedIn(guest)) return HOME;
        // The remains of a session that has ended.
        if (guest.cookies.get(SESSION_COOKIE) !== undefined) guest.cookies.clear(SESSION_COOKIE);
        return form({ next: guest.query.get('next') ?? '' });
      },
      post: byPassword,
    },
    { path: `${HOME}/sign-in/passkey`, get: async () => `${HOME}/sign-in`, post: byPasskey },
    ...secondStepRoutes({ operators, goOn, beginAgain: (problem) => form({ problem }) }),
    ...openIdPages(deps, goOn),
    entryRoute({
      path: `${HOME}/enter/:secret`,
      home: HOME,
      cookie: 'browser',
      random,
      look: async (secret) => ({ state: await operators.look(secret) }),
      isInside: isSignedIn,
      page: async () => ({
        title: 'Sign in',
        isNarrow: true,
        children: <Enter idleMinutes={config.LATCHKEY_SESSION_IDLE_MINUTES} />,
      }),
      over: linkOver,
      enter: operators.enter,
      goOn: async (guest, entered) =>
        'ticket' in entered ? secondStepPage(entered, '') : goOn(guest, entered, undefined),
    }),
  ];
}

const WRONG_PASSWORD: Problem = {
  text: 'Wrong email or password.',
  status: 401,
};
const WRONG_PASSKEY: Problem = {
  text: "That passkey doesn't belong to an account here, or the page was open for too long. Try again.",
  status: 401,
};

/** A page that needs somebody who is signed in leads to the sign-in, and from there back. */
export function turnAway({ path, query }: Guest, isForm: boolean): Shown | string {
  if (isForm || query.has('part')) {
    return messagePage(
      { title: 'Sign in first.', text: 'Your session has ended. Nothing was changed.' },
      { title: 'Sign in', status: 401, home: HOME },
    );
  }
  const next = query.size === 0 ? path : `${path}?${query}`;
  return `${HOME}/sign-in?next=${encodeURIComponent(withoutSecretQuery(next))}`;
}

const OVER: Record<LinkState | 'unknown', string> = {
  fit: "You can't use this link.",
  used: 'This link has been used.',
  expired: 'This link has expired.',
  revoked: 'This link was withdrawn, or replaced by a newer one.',
  unknown: "We don't recognize this link.",
};

function linkOver({ state }: { state: keyof typeof OVER }): Shown {
  const text =
    'Sign in with your password, or get a new link: ask another owner, or run node dist/main.js sign-in-link on the server.';
  return messagePage(
    { title: OVER[state], text },
    { title: 'Link ended', status: 410, isNarrow: true, back: `${HOME}/sign-in` },
  );
}

/** Only addresses of the dashboard itself, so that no link leads elsewhere. */
function ownPath(next: string | null | undefined): string {
  return next && /^\/dashboard(?:\/[\w./-]*)?(?:\?[\w=&%.*+-]*)?$/.test(next) && !next.includes('..') ? next : HOME;
}
