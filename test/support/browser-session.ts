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
  /** Sends the form of a page with these fields, as a click on its button would. */
  submit(page: Page, fields: Record<string, string>): Promise<Page>;
  cookies: Map<string, string>;
}

const REDIRECTS = 10;

export function createBrowserSession(origin: string): BrowserSession {
  const cookies = new Map<string, string>();

  async function go(url: string, init: RequestInit = {}): Promise<Page> {
    let [current, options] = [url, init];
    for (let hop = 0; hop < REDIRECTS; hop++) {
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const response = await fetch(current, {
        ...options,
        redirect: 'manual',
        headers: {
          accept: 'text/html',
          ...(cookie && { cookie }),
          ...(options.headers as Record<string, string> | undefined),
        },
      });
      for (const line of response.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
        if (value === '' || /max-age=0|expires=thu, 01 jan 1970/i.test(line)) cookies.delete(name);
        else cookies.set(name, value);
      }
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
    cookies,
    open: (url) => go(url),
    submit: (page, fields) => {
      const hidden = Object.fromEntries(
        [...page.html.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)"/g)].map(([, name, value]) => [
          name,
          value,
        ]),
      );
      return go(page.url, {
        method: 'POST',
        headers: { origin, 'sec-fetch-site': 'same-origin' },
        body: new URLSearchParams({ ...hidden, ...fields }),
      });
    },
  };
}
