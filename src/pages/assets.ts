/** The files that pages load, read once: styles, the script, fonts. */
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { Asset } from './brand.ts';

export const ASSETS_PREFIX = '/assets/';

const ours = (name: string) => readFileSync(new URL(`./assets/${name}`, import.meta.url));
const installed = (path: string) => readFileSync(createRequire(import.meta.url).resolve(path));

const FONT = { type: 'font/woff2', maxAge: 31_536_000 };

const ASSETS: Record<string, Asset> = {
  'face.css': { body: ours('face.css'), type: 'text/css; charset=utf-8', maxAge: 300 },
  'face.js': { body: ours('face.js'), type: 'text/javascript; charset=utf-8', maxAge: 300 },
  'passkeys.js': { body: ours('passkeys.js'), type: 'text/javascript; charset=utf-8', maxAge: 300 },
  'inter.woff2': { body: installed('@fontsource-variable/inter/files/inter-latin-wght-normal.woff2'), ...FONT },
  'jetbrains-mono.woff2': {
    body: installed('@fontsource-variable/jetbrains-mono/files/jetbrains-mono-latin-wght-normal.woff2'),
    ...FONT,
  },
};

/** Serves these and what the brand adds. */
export function createAssets(added: Record<string, Asset>) {
  const assets = { ...ASSETS, ...added };
  return function serveAsset(request: IncomingMessage, response: ServerResponse): void {
    const [path = ''] = (request.url ?? '').split('?');
    const name = path.slice(ASSETS_PREFIX.length);
    const asset = Object.hasOwn(assets, name) ? assets[name] : undefined;
    if (!asset) {
      response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' }).end('There is no such file.\n');
      return;
    }
    response.writeHead(200, {
      'Content-Type': asset.type,
      'Content-Length': asset.body.length,
      'Cache-Control': `max-age=${asset.maxAge}`,
      'X-Content-Type-Options': 'nosniff',
      'Cross-Origin-Resource-Policy': 'same-origin',
      // A logo may be an SVG, which is a document when it is opened alone.
      'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    });
    response.end(request.method === 'HEAD' ? undefined : asset.body);
  };
}
