/** One request to a page for people: who, what was sent, and what they are shown; the same for operators and IT contacts. */
import type { Context } from 'koa';
import type { ComponentChildren, VNode } from 'preact';
import type { AccessRole, Action } from '../access.ts';
import type { Actor, Attribution } from '../audit/index.ts';
import type { Reader } from '../diagnosis/index.ts';
import type { ErrorCode } from '../errors.ts';
import type { PageCookies } from './cookies.ts';

/** A request of somebody who may not be signed in. */
export interface Guest {
  path: string;
  params: Readonly<Record<string, string>>;
  query: URLSearchParams;
  /** What a form sent; empty for a page that is only looked at. */
  form: URLSearchParams;
  /** Where it comes from. */
  origin: { address: string; userAgent: string | undefined; requestId: string };
  cookies: PageCookies;
  now: Date;
}

/** A request of somebody who is signed in. */
export interface Visit extends Guest {
  /** Where the pages of this face begin, such as `/dashboard`. */
  home: string;
  role: AccessRole;
  may: (action: Action) => boolean;
  /** Bound to the session; stands in every form. */
  formToken: string;
  /** New for each page: forms that bear the same one and say the same are one form. */
  formKey: string;
  attribution: Attribution;
  /** The form that was refused and is shown again, with what was typed. */
  refused?: { path: string; code: ErrorCode; form: URLSearchParams; field?: FieldProblem };
  /** Whom the words of findings are for. */
  reader: Reader;
  /** The one organization that this person sees; undefined for all. */
  organizationId?: string;
  /** Throws not_found for what belongs to an organization that this person does not see. */
  assertSees: (organizationId: string) => void;
  /** How an actor is called to this person, and from where it came as far as that is theirs to know. */
  nameOf: (actor: Actor, address?: string) => string;
  /** What stands before a directory in the trail of its pages. */
  trail?: readonly [path: string, name: string][];
  /** Where the whole audit can be read, and the clients, when they can. */
  auditPath?: string;
  clientsPath?: string;
}

/** What is wrong with one field of a form, said at the field. */
export interface FieldProblem {
  name: string;
  text: string;
}

/** Gives the page, or an address to go on to. */
export type Handler<V extends Guest = Visit> = (visit: V) => Promise<Shown | string>;

/** A page below the home of a face. A form is the `post` of the page that it stands on. */
export interface Route<V extends Visit = Visit> {
  path: string;
  action: Action;
  get?: Handler<V>;
  post?: Handler<V>;
  /** For a `post` of another address: the page that its form stands on, as that route's path and perhaps a query. */
  on?: string | ((visit: V) => string);
}

/** A page for everybody, at its whole path. */
export interface OpenRoute {
  path: string;
  get?: (guest: Guest, koa: Context) => Promise<Shown | string>;
  post?: (guest: Guest, koa: Context) => Promise<Shown | string>;
}

export interface Shown {
  title: string;
  /** The place in the navigation that it belongs to. */
  place?: string;
  /** Whose page it is, where no session says it. */
  aside?: string;
  status?: number;
  /** For few words or fields. */
  isNarrow?: boolean;
  children: ComponentChildren;
  /** Just this part, for the script to put into the page. */
  part?: VNode;
  /** A file in place of a page. */
  download?: { name: string; type: string; body: AsyncIterable<string> };
  /** Origins that its form may lead to by redirects. */
  formTargets?: readonly string[];
  /** Seconds after which it may be tried again. */
  retryAfterSeconds?: number;
}

/** A page with one part that refreshes while somebody looks: with `?part` it is that part alone. */
export function live(
  visit: Visit,
  page: Omit<Shown, 'children' | 'part'> & { head: VNode; part: VNode; rest?: VNode },
): Shown {
  const { head, part, rest, ...shown } = page;
  const query = new URLSearchParams(visit.query);
  query.set('part', 'live');
  return {
    ...shown,
    ...(visit.query.has('part') && { part }),
    children: (
      <>
        {head}
        <div data-live={`${visit.path}?${query}`} class="detail">
          {part}
        </div>
        {rest}
      </>
    ),
  };
}
