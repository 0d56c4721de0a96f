/** Signing in by the vendor's OpenID provider: there, and back. */
import { AppError } from '../errors.ts';
import type { Random } from '../identifiers.ts';
import type { Entered, Operators } from '../operators/index.ts';
import { type Guest, messagePage, type OpenRoute } from '../pages/index.ts';
import { seal, unseal } from '../secrets/sealing.ts';
import type { OpenId, Pending } from './openid.ts';
import { HOME } from './visit.ts';

const PENDING_COOKIE = 'openid';
const PENDING_SECONDS = 600;
const LONGEST_NEXT = 500;

export interface OpenIdDependencies {
  operators: Operators;
  publicUrl: string;
  openId: OpenId | undefined;
  random: Random;
  /** What is kept in the browser meanwhile is sealed under it. */
  secret: string;
}

export function openIdPages(
  { operators, openId, publicUrl, random, secret }: OpenIdDependencies,
  goOn: (guest: Guest, entered: Entered, next: string | undefined) => Promise<string>,
): OpenRoute[] {
  function opened(kept: string): Pending {
    try {
      return JSON.parse(unseal(kept, secret, 'sign-ins by OpenID')) as Pending;
    } catch (error) {
      const detail = 'This sign-in was started in another browser. Start again.';
      throw new AppError('invalid_request', { detail }, { cause: error });
    }
  }

  return [
    {
      path: `${HOME}/sign-in/openid`,
      async get({ query, cookies }) {
        if (!openId) throw new AppError('not_found', { detail: 'No OpenID provider is set up.' });
        const { url, pending } = await openId.begin((query.get('next') ?? '').slice(0, LONGEST_NEXT));
        cookies.set(
          PENDING_COOKIE,
          seal(JSON.stringify(pending), secret, 'sign-ins by OpenID', random),
          PENDING_SECONDS,
        );
        return url.href;
      },
    },
    {
      path: `${HOME}/sign-in/openid/callback`,
      async get(guest, koa) {
        const kept = guest.cookies.get(PENDING_COOKIE);
        guest.cookies.clear(PENDING_COOKIE);
        if (!openId || kept === undefined) {
          throw new AppError('invalid_request', {
            detail: 'This sign-in took too long, or was started in another browser. Start again.',
          });
        }
        const pending = opened(kept);
        const { role, ...identity } = await openId.finish(new URL(koa.url, publicUrl), pending);
        const entered = await operators.signInByOpenId({ ...identity, role }, guest.origin);
        if (entered) return goOn(guest, entered, pending.next);
        const text =
          role === undefined
            ? 'None of your groups has a role here. Ask the people who run this server to add one to LATCHKEY_OPENID_ROLES.'
            : 'Your account is disabled. An owner can enable it under Members.';
        const title = `${identity.name} can't sign in.`;
        return messagePage({ title, text }, { status: 403, isNarrow: true, back: `${HOME}/sign-in` });
      },
    },
  ];
}
