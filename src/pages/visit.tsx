/** One request to a page for people: who, what was sent, and what they are shown; the same for operators and IT contacts. */
import type { Context } from 'koa';
import { type ComponentChildren, createContext, type VNode } from 'preact';
import { useContext } from 'preact/hooks';
import type { AccessRole, Action } from '../access.ts';
import type { Actor, Attribution } from '../audit/index.ts';
import type { Reader } from '../diagnosis/index.ts';
import type { ErrorCode } from '../errors.ts';
import type { PageCookies } from './cookies.ts';

/** A request of somebody who may not be signed in. */
export interface Guest {
  path: string;
  params: Readonly<Record<string, string>>;
  /** What the path has for `:id`; empty where it has none. */
  id: string;
  query: URLSearchParams;
  /** What the query limits a list by: all that it says but where the list goes on. */
  limits: URLSearchParams;
  /** The page of a list that is asked for: where it begins, and how long pages are unless they say otherwise. */
  paging: { after: string | undefined; limit: number };
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
  trail: Trail;
  /** Where the whole audit can be read, and the clients, when they can. */
  auditPath?: string;
  clientsPath?: string;
}

/** The pages above a page, from the first place down. */
export type Trail = readonly (readonly [path: string, name: string])[];

/** What is wrong with one field of a form, said at the field. */
export interface FieldProblem {
  name: string;
  text: string;
}

/** Gives the page, or an address to go on to. */
export type Handler<V extends Guest = Visit> = (visit: V) => Promise<Shown | string>;

/**
 * A page below the home of a face, or the form of one. What goes without a page of its own stands on the nearest page above it: there it is
 * shown again when it is refused, and there it leads.
 */
export interface Route<V extends Visit = Visit> {
  path: string;
  action: Action;
  get?: Handler<V>;
  /** In place of `get`: what is asked before something is ended. */
  ask?: (visit: V) => Promise<Question | Shown>;
  /** What a form does, which shows a page of its own or leads elsewhere. */
  post?: Handler<V>;
  /** In place of `post`: what a form does before it leads back to its page; from a question, to the page above. */
  does?: (visit: V) => Promise<unknown>;
  /**
   * The page that the form belongs to, where it is not the nearest one above: that route's path, and perhaps a query. A question stays on its
   * own page until it is answered.
   */
  on?: string | ((visit: V) => string);
}

/** Before something is ended: what breaks by it, and the button that does it. */
export interface Question {
  title: string;
  trail: Trail;
  /** The verb of the button, where it is not the title. */
  name?: string;
  /** The way back, where it is not the page above. */
  back?: string;
  /** What the way back is called. */
  keep?: string;
  /** What happens at once, in bold; and what else is to be known of it. */
  effect?: string;
  more?: ComponentChildren;
  /** What becomes of it later, such as whether it can be undone. */
  later?: ComponentChildren;
  /** Anything else, and fields. */
  text?: ComponentChildren;
}

/** A page for everybody, at its whole path. */
export interface OpenRoute {
  path: string;
  get?: (guest: Guest, koa: Context) => Promise<Shown | string>;
  post?: (guest: Guest, koa: Context) => Promise<Shown | string>;
}

export interface Shown {
  title: string;
  /** The pages above it. Without, it draws its own heading. */
  trail?: Trail;
  /** Its heading, where that is not the title. */
  heading?: string;
  /** What stands beside its heading: ways to other pages, and what can be done at once. */
  acts?: ComponentChildren;
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

/** Where a directory's page is. */
export function addressOf({ home }: Pick<Visit, 'home'>, { id }: { id: string }): string {
  return `${home}/directories/${id}`;
}

/** The pages above one that is about a directory. */
export function trailTo(visit: Visit, directory: { id: string; name: string }): Trail {
  return [...visit.trail, [addressOf(visit, directory), directory.name]];
}

/** A file in place of a page. */
export function fileOf(name: string, type: string, body: AsyncIterable<string>): Shown {
  return { title: name, children: null, download: { name, type, body } };
}

/** A page with one part that refreshes while somebody looks: with `?part` it is that part alone. */
export function live(
  visit: Visit,
  page: Omit<Shown, 'children' | 'part'> & { part: VNode; rest?: ComponentChildren },
): Shown {
  const { part, rest, ...shown } = page;
  const query = new URLSearchParams(visit.query);
  query.set('part', 'live');
  return {
    ...shown,
    ...(visit.query.has('part') && { part }),
    children: (
      <>
        <div data-live={`${visit.path}?${query}`} class="detail">
          {part}
        </div>
        {rest}
      </>
    ),
  };
}

/** Whom a page is drawn for; what is drawn for everybody has none. */
export const VisitContext = createContext<Visit | undefined>(undefined);

export function useVisit(): Visit {
  const visit = useContext(VisitContext);
  if (!visit) throw new Error('drawn outside of a visit');
  return visit;
}
