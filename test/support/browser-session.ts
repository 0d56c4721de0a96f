/** A browser as far as HTTP goes: cookies, redirects one by one, and forms. */

export interface Page {
  status: number;
  url: string;
  html: string;
  headers: Headers;
}

export interface BrowserSession {
  /** Follows redirects within the origin; stops before one that leads elsewhere, with its address in `url`. */
  open(url: string): Promise<Page>;
  /** Sends the form of a page with these fields, as a click on its button would; other headers make it a forgery. */
  submit(page: Page, fields: Record<string, string>, headers?: Record<string, string | undefined>): Promise<Page>;
  /** The Cookie header for an address. */
  cookieFor(url: string): string;
}

interface Cookie {
  name: string;
  value: string;
  path: string;
}

const REDIRECTS = 10;

export function createBrowserSession(origin: string): BrowserSession {
  /** By name and path: two requests that wait in two tabs have a cookie each. */
  const cookies = new Map<string, Cookie>();

  function cookieFor(url: string): string {
    const { pathname } = new URL(url);
    const isFor = (path: string) => path === '/' || pathname === path || pathname.startsWith(`${path}/`);
    return [...cookies.values()]
      .filter(({ path }) => isFor(path))
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
  }

  function keep(line: string): void {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    const path = /; *path=([^;]*)/i.exec(line)?.[1] ?? '/';
    if (value === '' || /max-age=0|expires=thu, 01 jan 1970/i.test(line)) cookies.delete(`${name} ${path}`);
    else cookies.set(`${name} ${path}`, { name, value, path });
  }

  async function go(url: string, init: RequestInit = {}): Promise<Page> {
    let [current, options] = [url, init];
    for (let hop = 0; hop < REDIRECTS; hop++) {
      const cookie = cookieFor(current);
      const response = await fetch(current, {
        ...options,
        redirect: 'manual',
        headers: {
          accept: 'text/html',
          ...(cookie && { cookie }),
          ...(options.headers as Record<string, string> | undefined),
        },
      });
      for (const line of response.headers.getSetCookie()) keep(line);
      const html = await response.text();
      const location = response.headers.get('location');
      if (response.status < 300 || response.status >= 400 || location === null) {
        return { status: response.status, url: current, html, headers: response.headers };
      }
      current = new URL(location, current).href;
      if (!current.startsWith(`${origin}/`))
        return { status: response.status, url: current, html, headers: response.headers };
      options = {};
    }
    throw new Error(`more than ${REDIRECTS} redirects from ${url}`);
  }

  return {
    cookieFor,
    open: (url) => go(url),
    submit: (page, fields, headers = {}) => {
      const hidden = Object.fromEntries(
        [...page.html.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)"/g)].map(([, name, value]) => [
          name,
          value,
        ]),
      );
      return go(page.url, {
        method: 'POST',
        headers: Object.fromEntries(
          Object.entries({ origin, 'sec-fetch-site': 'same-origin', ...headers }).filter(
            (pair): pair is [string, string] => pair[1] !== undefined,
          ),
        ),
        body: new URLSearchParams({ ...hidden, ...fields }),
      });
    },
  };
}
