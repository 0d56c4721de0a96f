/** The frame of every HTML page: head, header, styles, and the headers that keep a page from being framed, sniffed or scripted. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ComponentChildren } from 'preact';
import { renderToString } from 'preact-render-to-string';

export interface PageFrame {
  title: string;
  /** Beside the name in the header: whose page it is. */
  aside?: string | undefined;
  children: ComponentChildren;
}

export const STYLESHEET_PATH = '/assets/face.css';

export const STYLESHEET = `:root{color-scheme:light dark;
--paper:light-dark(#f7f7f5,#121416);--card:light-dark(#fff,#1a1d20);--well:light-dark(#f1f1ee,#15181a);
--ink:light-dark(#1b1f23,#e9eaec);--soft:light-dark(#5d656e,#9aa3ad);--line:light-dark(#e2e2dd,#2b3035);
--accent:light-dark(#0f6b5c,#4fd1b5);--accent-ink:light-dark(#fff,#08211c);--accent-wash:light-dark(#e4f2ee,#14302a);
--warn:light-dark(#8a5a00,#f0b849);--warn-wash:light-dark(#fdf3dc,#33290f);--bad:light-dark(#b3261e,#ff8a80);
--s1:4px;--s2:8px;--s3:12px;--s4:16px;--s5:24px;--s6:40px;--r:10px}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.55 Inter,system-ui,sans-serif}
h1{font-size:26px;line-height:1.2;font-weight:650;letter-spacing:-.02em;margin:0}
h2{font-size:16px;font-weight:620;margin:0}
p{margin:0}small,.soft{color:var(--soft)}small{font-size:13px}
.mono{font-family:"JetBrains Mono",ui-monospace,monospace;font-size:.88em;overflow-wrap:anywhere}
header.top{display:flex;align-items:center;justify-content:space-between;gap:var(--s4);padding:0 var(--s5);min-height:56px;border-bottom:1px solid var(--line);background:var(--card)}
.brand{display:flex;gap:var(--s2);align-items:center;font-weight:680;letter-spacing:-.02em}
main{max-width:680px;margin:0 auto;padding:var(--s6) var(--s5);display:grid;gap:var(--s5)}
.panel{background:var(--card);border:1px solid var(--line);border-radius:var(--r);padding:var(--s5);display:grid;gap:var(--s4)}
.field{background:var(--well);border:1px solid var(--line);border-radius:8px;padding:var(--s2) var(--s3)}
.note{background:var(--warn-wash);border-radius:var(--r);padding:var(--s4) var(--s5)}
dl{display:grid;grid-template-columns:132px minmax(0,1fr);gap:var(--s2) var(--s3);margin:0}dt{color:var(--soft)}dd{margin:0}
fieldset{border:0;border-top:1px solid var(--line);margin:0;padding:var(--s4) 0 0;min-width:0;display:grid;gap:var(--s3)}legend{float:left;padding:0;font-weight:620}
fieldset>*{min-width:0}h2+fieldset{border:0;padding:0}fieldset+fieldset{border:0;padding:0}
.choice{display:grid;grid-template-columns:auto minmax(0,1fr);gap:var(--s3);align-items:start;border:1px solid var(--line);border-radius:8px;padding:var(--s3) var(--s4);cursor:pointer}
.choice:has(:checked),.choosable:has(:checked){border-color:var(--accent);box-shadow:0 0 0 1px var(--accent)}
.detail{display:grid;gap:var(--s3)}.directory:has(>.choice>input:not(:checked))>.detail{display:none}.choice+.detail{padding-left:var(--s5)}
.slots{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:var(--s3)}
.slot{border:1px solid var(--line);border-radius:8px;padding:var(--s3) var(--s4);display:grid;gap:var(--s1);align-content:start;min-width:0;overflow-wrap:anywhere}
.slot.next{border-style:dashed;border-color:var(--accent)}.choosable{cursor:pointer}.pick{display:flex;gap:var(--s2);align-items:center;padding-top:var(--s1)}
.head{display:flex;justify-content:space-between;align-items:baseline;gap:var(--s3)}.key{font-family:"JetBrains Mono",ui-monospace,monospace;font-size:12px;color:var(--soft);border:1px solid var(--line);border-radius:6px;padding:0 6px;white-space:nowrap}
input[type=radio]{accent-color:var(--accent);margin:4px 0 0}.pick input{margin:0}
.acts{display:flex;gap:var(--s3);flex-wrap:wrap}
button{font:inherit;font-weight:560;border:1px solid var(--line);background:var(--card);color:var(--ink);border-radius:8px;padding:8px 16px;cursor:pointer}
button.primary{background:var(--accent);color:var(--accent-ink);border-color:transparent}
.tag{font-size:12.5px;font-weight:560;border-radius:99px;padding:2px 10px;background:var(--well);color:var(--soft);white-space:nowrap;justify-self:start}
.tag.ok{background:var(--accent-wash);color:var(--accent)}
ul{margin:0;padding-left:20px}a{color:inherit}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
@media(max-width:560px){main{padding:var(--s5) var(--s4)}header.top{padding:0 var(--s4)}dl,.slots{grid-template-columns:minmax(0,1fr)}dl{gap:0}dd{margin-bottom:var(--s2)}.choice+.detail{padding-left:0}.panel,.note{padding:var(--s4)}h1{font-size:22px}}
`;

/** The mark, as the browser shows it beside the title. */
const ICON = `data:image/svg+xml,${encodeURIComponent('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 22 22"><rect x="1" y="1" width="20" height="20" rx="6" fill="#0f6b5c"/><rect x="5" y="6" width="12" height="3.6" rx="1.8" fill="#fff"/><rect x="5" y="12.4" width="7" height="3.6" rx="1.8" fill="#fff" opacity=".65"/></svg>')}`;

export function renderPage({ title, aside, children }: PageFrame): string {
  const page = renderToString(
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>{`${title} · Latchkey`}</title>
        <link rel="icon" href={ICON} />
        <link rel="stylesheet" href={STYLESHEET_PATH} />
      </head>
      <body>
        <header class="top">
          <span class="brand">
            <svg width="22" height="22" viewBox="0 0 22 22" aria-hidden="true">
              <rect x="1" y="1" width="20" height="20" rx="6" fill="var(--accent)" />
              <rect x="5" y="6" width="12" height="3.6" rx="1.8" fill="var(--accent-ink)" />
              <rect x="5" y="12.4" width="7" height="3.6" rx="1.8" fill="var(--accent-ink)" opacity=".65" />
            </svg>
            Latchkey
          </span>
          {aside !== undefined && <small>{aside}</small>}
        </header>
        <main>{children}</main>
      </body>
    </html>,
  );
  return `<!doctype html>${page}`;
}

export function serveStylesheet(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, {
    'Content-Type': 'text/css; charset=utf-8',
    'Content-Length': Buffer.byteLength(STYLESHEET),
    'Cache-Control': 'max-age=300',
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(STYLESHEET);
}

/** `formTargets`: origins that a form on the page may lead to by redirects, besides our own. */
export function pageHeaders(formTargets: readonly string[] = []): Record<string, string> {
  return {
    'Content-Security-Policy': `default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action ${["'self'", ...formTargets].join(' ')}; frame-ancestors 'none'`,
    'X-Frame-Options': 'DENY',
    'X-Content-Type-Options': 'nosniff',
    // Not `no-referrer`: browsers would send `Origin: null` with our own forms, and no Sec-Fetch-Site over plain http.
    'Referrer-Policy': 'same-origin',
    'Cache-Control': 'no-store',
  };
}
