/** The frame of every HTML page: head and header. */
import type { ComponentChildren } from 'preact';
import { renderToString } from 'preact-render-to-string';
import { ASSETS_PREFIX } from './assets.ts';
import type { Brand } from './brand.ts';
import { Now } from './times.tsx';

export interface PageFrame {
  title: string;
  /** Beside the name in the header: whose page it is. */
  aside?: ComponentChildren | undefined;
  /** Places to go to, for those who are signed in. `current`: the page, or the first place above it. */
  navigation?:
    | {
        items: readonly (readonly [path: string, name: string])[];
        current: string | undefined;
        search: string;
        formToken: string;
      }
    | undefined;
  isWide?: boolean | undefined;
  /** The server's time, so that times are right where the reader's clock is not. */
  now?: Date | undefined;
  /** The vendor's, where it is not ours. */
  brand?: Brand | undefined;
  children: ComponentChildren;
}

/** The mark, as the browser shows it beside the title. */
const ICON = `data:image/svg+xml,${encodeURIComponent('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 22 22"><rect x="1" y="1" width="20" height="20" rx="6" fill="#0f6b5c"/><rect x="5" y="6" width="12" height="3.6" rx="1.8" fill="#fff"/><rect x="5" y="12.4" width="7" height="3.6" rx="1.8" fill="#fff" opacity=".65"/></svg>')}`;

export function renderPage(frame: PageFrame): string {
  const { title, aside, navigation, isWide = false, now, brand, children } = frame;
  const page = renderToString(
    <html lang="en" data-now={now?.toISOString()}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>{`${title} · ${brand?.name ?? 'Latchkey'}`}</title>
        <link rel="icon" href={ICON} />
        <link rel="stylesheet" href={`${ASSETS_PREFIX}face.css`} />
        {brand && <link rel="stylesheet" href={`${ASSETS_PREFIX}brand.css`} />}
        <script type="module" src={`${ASSETS_PREFIX}face.js`} />
      </head>
      <body>
        {navigation && (
          <a class="skip" href="#content">
            Skip to content
          </a>
        )}
        <header class="top">
          {navigation ? (
            <a class="brand" href={navigation.items[0]?.[0] ?? '/'}>
              <Mark />
              Latchkey
            </a>
          ) : (
            <span class="brand">
              {brand?.logo === undefined ? <Mark /> : <img src={`${ASSETS_PREFIX}${brand.logo}`} alt="" height={22} />}
              {brand?.name ?? 'Latchkey'}
            </span>
          )}
          {navigation && (
            <>
              <nav aria-label="Main">
                {navigation.items.map(([path, name]) => (
                  <a href={path} aria-current={navigation.current?.startsWith(path) ? 'page' : undefined}>
                    {name}
                  </a>
                ))}
              </nav>
              <search>
                <form method="post" action={navigation.search}>
                  <input type="hidden" name="token" value={navigation.formToken} />
                  <input
                    type="search"
                    name="q"
                    maxlength={4096}
                    aria-label="Search by name, token, its last 4 characters, IP address, or request ID"
                    placeholder="Name, last 4 of a token, IP  /"
                  />
                </form>
              </search>
            </>
          )}
          {aside !== undefined && <small>{aside}</small>}
        </header>
        <main id="content" class={isWide ? 'wide' : undefined}>
          <Now.Provider value={now}>{children}</Now.Provider>
          {brand?.support !== undefined && <Support name={brand.name} address={brand.support} />}
        </main>
      </body>
    </html>,
  );
  return `<!doctype html>${page}`;
}

function Support({ name, address }: { name: string; address: string }) {
  return (
    <p>
      <small>
        Stuck? <a href={address.startsWith('https://') ? address : `mailto:${address}`}>Ask {name} for help</a>
      </small>
    </p>
  );
}

/** A part of a page, as the script fetches it to keep it up to date. */
export function renderPart(children: ComponentChildren, now: Date): string {
  return renderToString(<Now.Provider value={now}>{children}</Now.Provider>);
}

function Mark() {
  return (
    <svg width="22" height="22" viewBox="0 0 22 22" aria-hidden="true">
      <rect x="1" y="1" width="20" height="20" rx="6" fill="var(--accent)" />
      <rect x="5" y="6" width="12" height="3.6" rx="1.8" fill="var(--accent-ink)" />
      <rect x="5" y="12.4" width="7" height="3.6" rx="1.8" fill="var(--accent-ink)" opacity=".65" />
    </svg>
  );
}
