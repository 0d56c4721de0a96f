/** One request of an operator to the dashboard, and how it is answered. */
import { Readable } from 'node:stream';
import type { Context } from 'koa';
import type { Role } from '../credentials/index.ts';
import {
  type Visit as AnyVisit,
  type Handler as HandlerOf,
  pageHeaders,
  renderPage,
  renderPart,
  type Shown,
} from '../pages/index.ts';

/** Who is signed in. `formToken` is bound to the session and stands in every form. */
export interface SignedIn {
  operator: { id: string; name: string; role: Role };
  formToken: string;
  sessionId: string;
}

export interface Visit extends AnyVisit {
  operator: SignedIn['operator'];
  sessionId: string;
}

export type Handler = HandlerOf<Visit>;

export interface Route {
  method: 'get' | 'post';
  /** Below /dashboard, with `:id`. */
  path: string;
  roles: readonly Role[];
  handle: Handler;
}

export const HOME = '/dashboard';
export const READERS: readonly Role[] = ['owner', 'admin', 'viewer'];
export const WRITERS: readonly Role[] = ['owner', 'admin'];
export const OWNERS: readonly Role[] = ['owner'];

const PLACES: readonly [path: string, name: string][] = [
  [`${HOME}/organizations`, 'Organizations'],
  [`${HOME}/clients`, 'Clients'],
  [`${HOME}/audit`, 'Audit'],
  [`${HOME}/settings`, 'Settings'],
];

/** `signedIn`: whose page it is, when somebody is. */
export function show(koa: Context, shown: Shown, signedIn?: SignedIn): void {
  const { title, place = '', status = 200, isNarrow = false, children, part, download } = shown;
  koa.status = status;
  koa.set(pageHeaders());
  if (download) {
    koa.set('Content-Disposition', `attachment; filename="${download.name}"`);
    koa.type = `${download.type}; charset=utf-8`;
    koa.body = Readable.from(download.body);
    return;
  }
  koa.type = 'text/html; charset=utf-8';
  if (part) {
    koa.body = renderPart(part);
    return;
  }
  koa.body = renderPage({
    title,
    isWide: !isNarrow,
    now: koa.state['now'] as Date,
    children,
    ...(signedIn && {
      aside: (
        <a href={`${HOME}/account`} title="Your account">
          {signedIn.operator.name}
        </a>
      ),
      navigation: {
        items: PLACES,
        current: `${HOME}/${place}`,
        search: `${HOME}/search`,
        formToken: signedIn.formToken,
      },
    }),
  });
}
