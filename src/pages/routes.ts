/** Where the routes of a face stand: which page a form is on, and where it leads. */
import { questionPage } from './confirm.tsx';
import type { Guest, Handler, Route, Visit } from './visit.tsx';

export interface Placed<V extends Visit> extends Route<V> {
  /** Its own page; a question is one too. */
  page: Handler<V> | undefined;
  /** The route of the page that its form stands on, and of the page that it leads to. */
  standsOn: string;
  leadsTo: string;
}

export function placed<V extends Visit>(home: string, routes: readonly Route<V>[]): Placed<V>[] {
  const pages = new Set(routes.filter(({ get, ask }) => get ?? ask).map(({ path }) => path));
  return routes.map((route) => {
    const { path, get, ask, on } = route;
    const above = typeof on === 'string' ? on : nearestAbove(path, pages);
    const own = pages.has(path) && (ask || on === undefined) ? path : above;
    const asking: Handler<V> | undefined =
      ask && (async (visit) => questionPage(await ask(visit), home + pathOf(above, visit)));
    return { ...route, page: get ?? asking, standsOn: own, leadsTo: ask || on !== undefined ? above : own };
  });
}

/** The longest path of a page that a path is below; the face's home where there is none. */
function nearestAbove(path: string, pages: ReadonlySet<string>): string {
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
    const above = path.slice(0, end);
    if (pages.has(above)) return above;
  }
  return '';
}

/** The path of a route, for what a visit names. */
export function pathOf(path: string, { params }: Pick<Guest, 'params'>): string {
  return path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
}
